//! Loads the kernel object and attaches each program by itself: what cannot run is reported, the rest runs.
//!
//! Nothing here waits for anything. The rings are read by [`crate::source::ringbuf`].

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use aya::EbpfLoader;
use aya::maps::{MapData, PerCpuArray};
use aya::programs::{CgroupAttachMode, CgroupSkbAttachType, Iter, Program};

mod attach;
mod btf;
pub(crate) mod cause;
mod cgroup_root;
pub(crate) mod counters;
mod first;
mod hooks;
mod object;
mod offsets;

pub use cause::Cause;
pub use cgroup_root::{CgroupLayout, CgroupRoot};
pub use counters::{EbpfCounters, ProgramTime};
pub use hooks::{HOOKS, Hook, HookKind, HookReport, HookState};

use btf::Btf;
use offsets::{ABSENT, Group, OFFSETS};

/// Where the kernel describes its types.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// What is asked of the kernel.
#[derive(Clone, Debug)]
pub struct EbpfOptions {
    /// Root of the cgroup2 hierarchy; found among the mounts if `None`.
    pub cgroup_root: Option<PathBuf>,
    /// Report only what lives in or below this cgroup (path below the root).
    pub scope: Option<String>,
    /// Attach programs to packets.
    pub payload: bool,
    /// Let the kernel measure the run time of programs (costs about 55 ns per run).
    pub run_time: bool,
}

impl Default for EbpfOptions {
    fn default() -> Self {
        Self { cgroup_root: None, scope: None, payload: true, run_time: false }
    }
}

/// Why there are no kernel events at all.
#[derive(Debug, thiserror::Error)]
pub enum EbpfError {
    /// The agent was compiled without the object.
    #[error(
        "this agent was built without eBPF (`cargo xtask build-ebpf` before `cargo build` puts it in; it says \
         what it needs)"
    )]
    BuiltWithout,
    /// The object is not an object file.
    #[error("cannot read the embedded kernel object: {0}")]
    Object(String),
    /// The object was built from other sources than the agent.
    #[error(
        "the kernel object speaks version {} of the interface, this agent version {wanted}",
        found.map_or("?".to_owned(), |found| found.to_string())
    )]
    AbiVersion {
        /// Of the object.
        found: Option<u32>,
        /// Of the agent.
        wanted: u32,
    },
    /// No type description.
    #[error("this kernel does not describe its types ({KERNEL_BTF}; CONFIG_DEBUG_INFO_BTF)")]
    NoBtf(#[source] std::io::Error),
    /// It cannot be read.
    #[error("cannot read the kernel's types")]
    Btf(#[from] btf::BtfError),
    /// There is no cgroup2 hierarchy.
    #[error("no cgroup2 hierarchy is mounted (cgroup v1 only): flows cannot be attributed to containers")]
    NoCgroup2,
    /// The given root is not one.
    #[error("{} is not in a cgroup2 file system", path.display())]
    NotCgroup2 {
        /// Which directory.
        path: PathBuf,
    },
    /// The scope does not exist.
    #[error("cgroup {} does not exist", path.display())]
    NoScope {
        /// Its directory.
        path: PathBuf,
    },
    /// Maps could not be made.
    #[error("cannot load the kernel object ({}; to change: {})", cause.name(), cause.remedy())]
    Load {
        /// Why.
        cause: Cause,
        /// What the loader says.
        #[source]
        error: Box<aya::EbpfError>,
    },
    /// A map of the object is missing or of another type.
    #[error("the kernel object has no map {0}")]
    Map(&'static str),
    /// The thread that reads the rings could not be started.
    #[error("cannot start the thread that reads the kernel's rings")]
    Thread(#[source] std::io::Error),
    /// Not a single program could be attached.
    #[error("no program could be attached ({}; to change: {}): {reason}", cause.name(), cause.remedy())]
    NothingAttached {
        /// Why the first could not.
        cause: Cause,
        /// What the kernel said to it.
        reason: String,
    },
}

impl EbpfError {
    /// Why the kernel refused, if it did.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Load { cause, .. } | Self::NothingAttached { cause, .. } => Some(*cause),
            Self::NoBtf(_) | Self::Btf(_) | Self::NoCgroup2 => Some(Cause::Kernel),
            Self::BuiltWithout
            | Self::Object(_)
            | Self::AbiVersion { .. }
            | Self::NotCgroup2 { .. }
            | Self::NoScope { .. }
            | Self::Map(_)
            | Self::Thread(_) => None,
        }
    }

    fn load(error: aya::EbpfError) -> Self {
        let cause = Cause::of_map(&cause::Refusal::of(&error), &cause::Facts::read());
        Self::Load { cause, error: Box::new(error) }
    }
}

/// Iterators over what is older than the agent, each to be read once; `None` if it could not be loaded, or was taken.
#[derive(Debug, Default)]
pub(crate) struct Older {
    pub(crate) processes: Option<File>,
    pub(crate) sockets: Option<File>,
}

/// The loaded object. Dropping it detaches everything.
pub struct Ebpf {
    object: aya::Ebpf,
    older: Older,
    root: CgroupRoot,
    scope: Option<String>,
    /// Links of programs that run before those of others.
    _first: Vec<std::os::fd::OwnedFd>,
    /// Addresses may be those that somebody else made of them.
    rewritten: bool,
    /// Keeps the kernel's run time measurement on.
    _run_time: Option<std::os::fd::OwnedFd>,
}

impl std::fmt::Debug for Ebpf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ebpf").field("root", &self.root).field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Ebpf {
    /// Loads and attaches what this kernel and these rights allow.
    ///
    /// # Errors
    ///
    /// Nothing at all can be loaded; the message says why.
    pub fn load(options: &EbpfOptions) -> Result<(Self, Vec<HookReport>), EbpfError> {
        let bytes = object::embedded().ok_or(EbpfError::BuiltWithout)?;
        object::check_version(bytes)?;
        let root = CgroupRoot::find(options.cgroup_root.as_deref())?;
        let scope = options.scope.as_deref().map(|path| Scope::find(&root, path)).transpose()?;
        let kernel_types = std::fs::read(KERNEL_BTF).map_err(EbpfError::NoBtf)?;
        let offsets = find_offsets(&kernel_types)?;
        drop(kernel_types);
        attach::raise_memlock_limit();

        let types = aya::Btf::from_sys_fs().map_err(|error| EbpfError::load(error.into()))?;
        let payload_on = u32::from(options.payload);
        // Seen from inside a cgroup namespace (a node that shares its kernel) the root itself is the scope.
        let namespace = if root.whole { 0 } else { root.id };
        let scope_cgroup = scope.as_ref().map_or(namespace, |scope| scope.cgroup);
        let mut loader = EbpfLoader::new();
        loader.btf(Some(&types));
        for (name, offset) in &offsets {
            loader.override_global(name, offset, true);
        }
        loader.override_global("PAYLOAD_ON", &payload_on, true);
        loader.override_global("SCOPE_CGROUP", &scope_cgroup, true);
        loader.override_global("ROOT_CGROUP", &namespace, true);
        let mut object = loader.load(bytes).map_err(EbpfError::load)?;

        let directory = scope.as_ref().map_or(&root.path, |scope| &scope.directory);
        let cgroup = File::open(directory).map_err(|_| EbpfError::NoScope { path: directory.clone() })?;
        let mut first = Vec::new();
        let reports = attach::all(&mut object, &types, (&cgroup, &mut first), options, &missing(&offsets));
        let rewritten = first.is_empty() && attach::others_look_first(&cgroup, &reports);
        drop(types);
        attach::give_memory_back();
        if !reports.iter().any(|report| report.state == HookState::Attached) {
            let (reason, cause) = attach::first_reason(&reports);
            return Err(EbpfError::NothingAttached { cause, reason });
        }
        let older = Older {
            processes: attach::open_iterator(&mut object, hooks::PROCESSES),
            sockets: attach::open_iterator(&mut object, hooks::SOCKETS),
        };
        let run_time =
            if options.run_time { aya::sys::enable_stats(aya::sys::Stats::RunTime).ok() } else { None };
        let scope = scope.map(|scope| scope.path);
        Ok((Self { object, older, root, scope, _first: first, rewritten, _run_time: run_time }, reports))
    }

    /// The cgroup2 hierarchy that the programs are attached to.
    #[must_use]
    pub fn cgroup_root(&self) -> &CgroupRoot {
        &self.root
    }

    /// What stays invisible although every hook works, each in a few words.
    pub fn limits(&self) -> impl Iterator<Item = &'static str> {
        let rewritten = self.rewritten.then_some(
            "another program sees addresses before the agent and may rewrite them (a socket load balancer): a \
             finding may name the backend of a service instead of the service (Linux 6.17 lets the agent look first)",
        );
        self.root.limits().into_iter().chain(rewritten)
    }

    /// Whether another program sees addresses before the agent and may rewrite them.
    #[must_use]
    pub const fn may_see_backends(&self) -> bool {
        self.rewritten
    }

    /// Path of the cgroup that is reported, if not all of them.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Losses per kind of record and run time per program.
    #[must_use]
    pub fn counters(&self) -> EbpfCounters {
        counters::read(&self.object)
    }

    /// The iterators over what is older than the agent.
    pub(crate) fn take_older(&mut self) -> Older {
        std::mem::take(&mut self.older)
    }

    /// A map, to be read by somebody else; `None` if it was taken.
    pub(crate) fn take_map(&mut self, name: &str) -> Option<aya::maps::Map> {
        self.object.take_map(name)
    }

    /// Another handle of the loss counters.
    pub(crate) fn lost_map(&self) -> Option<PerCpuArray<MapData, u64>> {
        counters::another_handle(&self.object)
    }
}

/// A cgroup to which everything is limited.
struct Scope {
    path: String,
    directory: PathBuf,
    cgroup: u64,
}

impl Scope {
    fn find(root: &CgroupRoot, path: &str) -> Result<Self, EbpfError> {
        use std::os::unix::fs::MetadataExt;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let directory = root.path.join(parts.join("/"));
        let metadata =
            std::fs::metadata(&directory).map_err(|_| EbpfError::NoScope { path: directory.clone() })?;
        Ok(Self { path: format!("/{}", parts.join("/")), directory, cgroup: metadata.ino() })
    }
}

/// Value of each offset global.
fn find_offsets(kernel_types: &[u8]) -> Result<Vec<(&'static str, u32)>, EbpfError> {
    let btf = Btf::parse(kernel_types)?;
    Ok(OFFSETS.iter().map(|spec| (spec.global, spec.find(&btf))).collect())
}

/// What this kernel lacks, by what it would be needed for.
fn missing(offsets: &[(&'static str, u32)]) -> Vec<(Group, String)> {
    let specs = OFFSETS.iter().zip(offsets);
    let absent = specs.filter(|(spec, (_, offset))| *offset == ABSENT && spec.group != Group::Optional);
    absent.map(|(spec, _)| (spec.group, format!("{}.{}", spec.structure, spec.paths.join("|")))).collect()
}
