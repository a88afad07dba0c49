//! Provenance and kind of the executable.

use super::term_level::{Group, Row, TermLevel};
use crate::actor::{ExecutableOrigin, Process};
use crate::assess::circumstances::Circumstances;
use crate::assess::participant::is_job;

/// What runs, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Executable {
    /// Runs from memory, or was deleted from a writable directory.
    MemoryOrUnlinked,
    /// Not part of the image, in a writable directory.
    NotInImageWritable,
    /// Not part of the image.
    NotInImage,
    /// Deleted while it runs.
    Unlinked,
    /// A command-line network tool of the image, in a service.
    NetworkTool,
    /// ... in a job.
    NetworkToolInJob,
    /// A shell of the image.
    Shell,
    /// An interpreter of the image.
    Interpreter,
    /// Any other program of the image.
    Image,
}

impl TermLevel for Executable {
    const ALL: &'static [Self] = &[
        Self::MemoryOrUnlinked,
        Self::NotInImageWritable,
        Self::NotInImage,
        Self::Unlinked,
        Self::NetworkTool,
        Self::NetworkToolInJob,
        Self::Shell,
        Self::Interpreter,
        Self::Image,
    ];
    const GROUP: Option<Group> = Some(Group::Program);

    fn decide(about: &Circumstances<'_>) -> Option<Self> {
        let process = about.conversation.actor.process.as_ref()?;
        let job = about.participant.pod.as_ref().is_some_and(|pod| is_job(&pod.owner));
        match (process.origin, Program::of(process)) {
            (ExecutableOrigin::Memfd, _) => Some(Self::MemoryOrUnlinked),
            (ExecutableOrigin::Deleted, _) if is_in_writable_directory(&process.executable) => {
                Some(Self::MemoryOrUnlinked)
            }
            (ExecutableOrigin::Writable, _) => Some(Self::NotInImageWritable),
            (ExecutableOrigin::Drift, _) => Some(Self::NotInImage),
            (ExecutableOrigin::Deleted, _) => Some(Self::Unlinked),
            (_, Program::NetworkTool) if job => Some(Self::NetworkToolInJob),
            (_, Program::NetworkTool) => Some(Self::NetworkTool),
            (_, Program::Shell) => Some(Self::Shell),
            (_, Program::Interpreter) => Some(Self::Interpreter),
            (ExecutableOrigin::Image, Program::Other) => Some(Self::Image),
            (ExecutableOrigin::Unknown, Program::Other) => None,
        }
    }

    fn row(self) -> Row {
        match self {
            Self::MemoryOrUnlinked => Row::new("memory-or-unlinked", 0.10, 0.002),
            Self::NotInImageWritable => Row::new("not-in-image-writable", 0.22, 0.006),
            Self::NotInImage => Row::new("not-in-image", 0.20, 0.01),
            Self::Unlinked => Row::new("unlinked", 0.05, 0.005),
            Self::NetworkTool => Row::new("network-tool", 0.15, 0.02),
            Self::NetworkToolInJob => Row::new("network-tool-in-job", 0.02, 0.03),
            Self::Shell => Row::new("shell", 0.04, 0.01),
            Self::Interpreter => Row::new("interpreter", 0.15, 0.30),
            Self::Image => Row::new("image", 0.07, 0.617),
        }
    }

    fn sentence(self, about: &Circumstances<'_>) -> String {
        let name = about.conversation.actor.process.as_ref().map_or("", |process| process.program());
        match self {
            Self::MemoryOrUnlinked => {
                "the executable runs from memory, or was deleted from a writable directory".to_owned()
            }
            Self::NotInImageWritable => {
                "the executable is not part of the image and lies in a writable directory".to_owned()
            }
            Self::NotInImage => "the executable is not part of the image".to_owned(),
            Self::Unlinked => "the executable was deleted while it was running".to_owned(),
            Self::NetworkTool => {
                format!("{name} is a command-line network tool, unusual in a long-running service")
            }
            Self::NetworkToolInJob => format!("{name} is a command-line network tool, run by a job"),
            Self::Shell => format!("a shell ({name}) opens the connection itself"),
            Self::Interpreter => format!("{name} is an interpreter of the image"),
            Self::Image => "the executable is part of the image".to_owned(),
        }
    }
}

enum Program {
    NetworkTool,
    Shell,
    Interpreter,
    Other,
}

impl Program {
    fn of(process: &Process) -> Self {
        let stem = process.program().trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
        match stem {
            "curl" | "wget" | "nc" | "ncat" | "netcat" | "socat" | "openssl" | "telnet" => Self::NetworkTool,
            "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "busybox" | "fish" => Self::Shell,
            "python" | "node" | "nodejs" | "ruby" | "perl" | "java" | "php" | "php-fpm" | "lua" | "deno"
            | "bun" => Self::Interpreter,
            _ => Self::Other,
        }
    }
}

fn is_in_writable_directory(path: &str) -> bool {
    ["/tmp/", "/var/tmp/", "/dev/shm/", "/run/", "/var/run/"]
        .iter()
        .any(|directory| path.starts_with(directory))
}
