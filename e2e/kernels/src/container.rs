//! Containers, as a kubelet and a runtime make them: cgroups by their names, and a process that joins, gives up
//! rights, and becomes the program.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::{Outcome, machine};

/// Those that a runtime gives by default.
const DEFAULT_RIGHTS: &str = "CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,SETGID,SETUID,SETPCAP,NET_BIND_SERVICE,\
                              NET_RAW,SYS_CHROOT,MKNOD,AUDIT_WRITE";

/// The program that this process is.
pub(crate) const PROGRAM: &str = "/init";

/// A container of a pod of its own.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) pod: String,
    pod_directory: PathBuf,
    directory: PathBuf,
}

impl Container {
    /// Makes the cgroups.
    pub(crate) fn create(number: u64) -> Outcome<Self> {
        let id = format!(
            "{:064x}",
            u128::from(number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
        );
        let pod = format!("{number:08x}-0000-4000-8000-{:012x}", number * 7);
        let slice = format!("kubepods-besteffort-pod{}.slice", pod.replace('-', "_"));
        let pod_directory =
            PathBuf::from("/sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice").join(slice);
        let directory = pod_directory.join(format!("cri-containerd-{id}.scope"));
        std::fs::create_dir_all(&directory)?;
        Ok(Self { id, pod, pod_directory, directory })
    }

    /// Starts a program in it, as user 0 with a container's rights, or as another user.
    pub(crate) fn start(&self, user: u32, arguments: &[&str]) -> Outcome<Child> {
        let place = self.directory.join("cgroup.procs");
        let place = place.to_str().ok_or("a path that is no text")?;
        let mut command = entering(place, DEFAULT_RIGHTS, &[PROGRAM]);
        command.args(arguments).stdin(Stdio::null());
        if user != 0 {
            command.env("SCENE_USER", user.to_string());
        }
        Ok(command.spawn()?)
    }

    /// As a runtime does when the last process is gone.
    pub(crate) fn remove(&self) {
        for directory in [&self.directory, &self.pod_directory] {
            // The last process leaves its cgroup a moment after it was waited for.
            while std::fs::remove_dir(directory).is_err() && directory.exists() {
                std::thread::yield_now();
            }
        }
    }
}

/// A command that first joins a cgroup (none if empty) and keeps only the rights named.
pub(crate) fn entering(place: &str, rights: &str, program: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["enter", place, rights]).args(program);
    command
}

/// `enter PLACE RIGHTS PROGRAM...`: what [`entering`] starts.
pub(crate) fn become_the_program(arguments: &[String]) -> Outcome<()> {
    let [_, _, place, rights, program, rest @ ..] = arguments else {
        return Err("enter PLACE RIGHTS PROGRAM...".into());
    };
    if !place.is_empty() {
        std::fs::write(place, "0")?;
    }
    if let Ok(bytes) = std::env::var("SCENE_LOCKED_MEMORY") {
        machine::limit_locked_memory(bytes.parse()?)?;
    }
    machine::keep_only(rights)?;
    if std::env::var_os("SCENE_SECCOMP").is_some() {
        machine::refuse_bpf()?;
    }
    if let Ok(profile) = std::env::var("SCENE_APPARMOR") {
        std::fs::write("/proc/self/attr/exec", format!("exec {profile}"))?;
    }
    let mut command = Command::new(program);
    command
        .args(rest)
        .env_remove("SCENE_SECCOMP")
        .env_remove("SCENE_LOCKED_MEMORY")
        .env_remove("SCENE_APPARMOR");
    if let Ok(user) = std::env::var("SCENE_USER") {
        command.uid(user.parse()?).env_remove("SCENE_USER");
    }
    Err(command.exec().into())
}
