//! What can build the kernel object: a nightly with `rust-src`, else the distribution's compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// A compiler that can build `core` for the BPF target, and the linker for it.
pub(super) struct Toolchain {
    /// For people.
    pub(super) name: String,
    /// Versions of compiler and linker.
    pub(super) description: String,
    kind: Kind,
    linker_dir: PathBuf,
}

enum Kind {
    /// Through rustup.
    Nightly,
    /// `/usr/bin/cargo`, with its unstable options opened for the child process only.
    Distribution,
}

/// Debian's compiler and the sources that belong to it.
const DISTRIBUTION: [&str; 3] =
    ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/lib/rustlib/src/rust/library/core"];

impl Toolchain {
    /// Looks for one.
    pub(super) fn find(cache: &Path) -> anyhow::Result<Self> {
        let linker_dir = linker(cache)?;
        let linker = output(Command::new(linker_dir.join("bpf-linker")).arg("--version"))
            .context("run bpf-linker --version")?;
        if nightly_has_sources() {
            let compiler = output(Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]))?;
            return Ok(Self {
                name: "rustup's nightly".to_owned(),
                description: compiler + &linker,
                kind: Kind::Nightly,
                linker_dir,
            });
        }
        if DISTRIBUTION.iter().all(|path| Path::new(path).exists()) {
            let compiler = output(Command::new("/usr/bin/rustc").arg("-vV"))?;
            return Ok(Self {
                name: "the distribution's rustc".to_owned(),
                description: compiler + &linker,
                kind: Kind::Distribution,
                linker_dir,
            });
        }
        bail!(
            "no compiler for the kernel object: `rustup toolchain install nightly --component rust-src`, or on \
             Debian 12 `apt-get install rustc-web cargo-web rust-web-src` (`make build` does it), or set \
             BEACONWATCH_EBPF_OBJECT to a prebuilt object"
        )
    }

    /// A cargo of this toolchain, in a clean environment.
    pub(super) fn cargo(&self) -> Command {
        let mut command = match self.kind {
            Kind::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo"]);
                command
            }
            Kind::Distribution => Command::new("/usr/bin/cargo"),
        };
        for variable in [
            "CARGO",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTDOC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ] {
            command.env_remove(variable);
        }
        if matches!(self.kind, Kind::Distribution) {
            command.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = vec![self.linker_dir.clone()];
        places.extend(std::env::split_paths(&path));
        if let Ok(joined) = std::env::join_paths(places) {
            command.env("PATH", joined);
        }
        command
    }
}

fn nightly_has_sources() -> bool {
    output(Command::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]))
        .is_ok_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core").is_dir())
}

/// Directory of bpf-linker: in the cache, where set-up builds it, else in `PATH`.
fn linker(cache: &Path) -> anyhow::Result<PathBuf> {
    let mut places = Vec::new();
    for directory in [cache.join("tools"), cache.to_path_buf()] {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("bpf-linker-") {
                places.push(entry.path().join("bin"));
            }
        }
    }
    places.sort();
    places.reverse();
    places.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    places.into_iter().find(|place| place.join("bpf-linker").is_file()).context(
        "no bpf-linker: `make build` builds it into the cache (1-2 minutes), or \
         `cargo install bpf-linker --version 0.13.0`",
    )
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
