//! A file that is replaced whole: after a loss of power the one before or the new one is there, never half of one.
//!
//! The name beside it is always the same, so that what a killed process left is overwritten and does not pile up.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a file beside `path`, brings it to the disk and renames it over `path`. Readable by its owner only: what the
/// agent keeps holds arguments of processes.
///
/// # Errors
///
/// When it cannot be written; the file before stays in its place.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path);
    let written = write_beside(&beside, write).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // What is half written takes room that the disk may lack.
        let _ = std::fs::remove_file(&beside);
        return written;
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_beside(beside: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside)?;
    write(&mut file)?;
    file.sync_all()
}

/// The name under which it is written first.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".new");
    path.with_file_name(name)
}
