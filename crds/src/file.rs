//! Policies from files: the same YAML or JSON as the custom resources, one or many documents a file, read as kubectl
//! reads them.
//!
//! A file is held to the schema of the API server and to the compiler, and every problem of every file is
//! reported at once, with file, line, field path and what is allowed. Objects of other kinds are passed over by name.

mod document;
mod scalar;
mod schema;
mod tree;

use core::fmt;
use std::path::{Path, PathBuf};

use beaconwatch_engine::policy::{Policy, PolicySet, PolicySource};
use serde::de::DeserializeOwned;

use crate::compile::{self, CompileError, FieldError};
use crate::{API_VERSION, BeaconPolicy, ClusterBeaconPolicy, manifest};
use document::Object;
use tree::{Node, Tree};

/// Bytes of a policy file that are read at most.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// One problem of a policy file.
#[derive(Debug, thiserror::Error)]
pub struct PolicyFileError {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; `None` when the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong.
    #[source]
    pub problem: PolicyFileProblem,
}

impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What is wrong with a policy file.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// It is too large to be a policy.
    #[error("has more than {FILE_BYTES_MAX} bytes, which is no policy")]
    TooLarge,
    /// It is not YAML.
    #[error("is not YAML: {0}")]
    Yaml(String),
    /// There is no policy in it.
    #[error(
        "has no policy in it: a document with apiVersion {API_VERSION} and kind BeaconPolicy or ClusterBeaconPolicy is expected"
    )]
    Empty,
    /// There is no policy in it, but other objects.
    #[error(
        "has no policy in it, only {0}: an object with apiVersion {API_VERSION} and kind BeaconPolicy or ClusterBeaconPolicy is expected"
    )]
    OnlyOthers(String),
    /// A field is wrong.
    #[error("{0}")]
    Field(#[source] FieldError),
    /// A policy of the same kind and name was read before.
    #[error("metadata.name is used twice: {name} is also in {other}")]
    Duplicate {
        /// Kind and name.
        name: String,
        /// Where it was seen first.
        other: String,
    },
}

/// A policy with the place where it stands.
#[derive(Clone, Debug)]
pub struct PlacedPolicy {
    /// The policy.
    pub policy: Policy,
    /// File that has it.
    pub file: PathBuf,
    /// Line on which its document begins.
    pub line: usize,
}

/// Something that people should know about a policy file that is valid.
#[derive(Clone, Debug)]
pub struct PolicyFileNote {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// What.
    pub remark: PolicyFileRemark,
}

/// What people should know.
#[derive(Clone, Debug)]
pub enum PolicyFileRemark {
    /// An object of another kind was passed over: its kind and name.
    OtherKind(String),
    /// A number with a leading zero was read as octal.
    OldOctal {
        /// As it stands in the file.
        written: String,
        /// As it was read.
        read: String,
    },
}

impl fmt::Display for PolicyFileNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.display(), self.line)?;
        match &self.remark {
            PolicyFileRemark::OtherKind(what) => write!(f, "skipped {what}: not a policy"),
            PolicyFileRemark::OldOctal { written, read } => {
                write!(f, "warning: {written} is octal and read as {read}, as kubectl reads it")
            }
        }
    }
}

/// What was read from files.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The policies.
    pub policies: Vec<PlacedPolicy>,
    /// What people should know besides, in the order of the files and lines.
    pub notes: Vec<PolicyFileNote>,
}

impl Loaded {
    /// The policies without their places.
    #[must_use]
    pub fn into_policy_set(self) -> PolicySet {
        PolicySet { policies: self.policies.into_iter().map(|placed| placed.policy).collect() }
    }
}

/// Reads and compiles policy files. A directory stands for the files in it that end in `.yaml`, `.yml` or `.json`.
///
/// # Errors
/// Every problem of every file, in the order of the files and lines.
pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Loaded, Vec<PolicyFileError>> {
    let mut reading = Reading::default();
    for path in paths {
        let path = path.as_ref();
        match files_of(path) {
            Ok(files) => reading.read_all(path, &files),
            Err(error) => reading.problems.push(whole(path, PolicyFileProblem::Read(error))),
        }
    }
    reading.finish()
}

/// Compiles the policies in `text`; `file` is only named in problems.
///
/// # Errors
/// Every problem, in the order of the lines.
pub fn parse(file: &Path, text: &str) -> Result<Loaded, Vec<PolicyFileError>> {
    let mut reading = Reading::default();
    let contents = reading.parse(file, text);
    reading.expect_policy(file, contents);
    reading.finish()
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json")
            && file.is_file()
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn whole(file: &Path, problem: PolicyFileProblem) -> PolicyFileError {
    PolicyFileError { file: file.to_owned(), line: None, problem }
}

/// Files on the way to policies.
#[derive(Default)]
struct Reading {
    loaded: Loaded,
    problems: Vec<PolicyFileError>,
}

/// What a file turned out to hold.
#[derive(Default)]
struct Contents {
    /// A policy, valid or not, or something that might have been one.
    policy: bool,
    /// Kinds and names of other objects.
    others: Vec<String>,
}

impl Reading {
    /// Reads the files of one path. In a directory, files of other objects are no mistake.
    fn read_all(&mut self, path: &Path, files: &[PathBuf]) {
        let mut all = Contents::default();
        for file in files {
            let Contents { policy, others } = self.read(file);
            all.policy |= policy;
            all.others.extend(others);
        }
        self.expect_policy(path, all);
    }

    fn read(&mut self, file: &Path) -> Contents {
        use std::io::Read;

        let mut text = String::new();
        let outcome = std::fs::File::open(file)
            .and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        let problem = match outcome {
            Err(error) => PolicyFileProblem::Read(error),
            Ok(_) if text.len() as u64 > FILE_BYTES_MAX => PolicyFileProblem::TooLarge,
            Ok(_) => return self.parse(file, &text),
        };
        self.problems.push(whole(file, problem));
        Contents { policy: true, others: Vec::new() }
    }

    fn parse(&mut self, file: &Path, text: &str) -> Contents {
        let Tree { documents, old_octals, broken } = Tree::of(text);
        let mut contents = Contents { policy: broken.is_some(), others: Vec::new() };
        let mut noted: Vec<(usize, PolicyFileRemark)> = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            let end = documents.get(index + 1).map_or(usize::MAX, |next| next.line);
            let mut has_policy = false;
            for object in document::objects(document) {
                match object {
                    Object::Other { what, line } => {
                        contents.others.push(what.clone());
                        noted.push((line, PolicyFileRemark::OtherKind(what)));
                    }
                    Object::Wrong { node, problem } => {
                        contents.policy = true;
                        self.refuse(file, node, problem);
                    }
                    Object::Policy { kind, node } => {
                        has_policy = true;
                        self.compile(file, kind, node);
                    }
                }
            }
            contents.policy |= has_policy;
            let surprising =
                old_octals.iter().filter(|octal| has_policy && (document.line..end).contains(&octal.line));
            noted.extend(surprising.map(|octal| {
                let (written, read) = (octal.written.clone(), octal.read.to_string());
                (octal.line, PolicyFileRemark::OldOctal { written, read })
            }));
        }
        if let Some(broken) = broken {
            let line = Some(broken.line);
            let problem = PolicyFileProblem::Yaml(broken.message);
            self.problems.push(PolicyFileError { file: file.to_owned(), line, problem });
        }
        noted.sort_by_key(|(line, _)| *line);
        let placed = |(line, remark)| PolicyFileNote { file: file.to_owned(), line, remark };
        self.loaded.notes.extend(noted.into_iter().map(placed));
        contents
    }

    fn compile(&mut self, file: &Path, kind: &str, object: &Node) {
        match compile_object(kind, object) {
            Ok(policy) => {
                self.loaded.policies.push(PlacedPolicy { policy, file: file.to_owned(), line: object.line })
            }
            Err(CompileError { problems }) => {
                problems.into_iter().for_each(|problem| self.refuse(file, object, problem));
            }
        }
    }

    fn refuse(&mut self, file: &Path, object: &Node, field: FieldError) {
        let line = Some(object.line_of(&field.path));
        let problem = PolicyFileProblem::Field(field);
        self.problems.push(PolicyFileError { file: file.to_owned(), line, problem });
    }

    /// Somebody named this path for its policies.
    fn expect_policy(&mut self, path: &Path, Contents { policy, others }: Contents) {
        if policy {
            return;
        }
        let problem = if others.is_empty() {
            PolicyFileProblem::Empty
        } else {
            PolicyFileProblem::OnlyOthers(others.join(", "))
        };
        self.problems.push(whole(path, problem));
    }

    fn finish(mut self) -> Result<Loaded, Vec<PolicyFileError>> {
        duplicates(&self.loaded.policies, &mut self.problems);
        if self.problems.is_empty() { Ok(self.loaded) } else { Err(self.problems) }
    }
}

fn compile_object(kind: &str, object: &Node) -> Result<Policy, CompileError> {
    let schema = manifest::schema(kind).unwrap_or_default();
    let problems = schema::check(object, &schema);
    if !problems.is_empty() {
        return Err(CompileError { problems });
    }
    let policy = if kind == "BeaconPolicy" {
        compile::beacon_policy(&typed::<BeaconPolicy>(object)?)?
    } else {
        compile::cluster_beacon_policy(&typed::<ClusterBeaconPolicy>(object)?)?
    };
    // One that was read back from a cluster has a generation, but here it is a file's.
    Ok(Policy { source: PolicySource::File, ..policy })
}

fn typed<T: DeserializeOwned>(document: &Node) -> Result<T, CompileError> {
    let mut object = document.to_json();
    if let Some(fields) = object.as_object_mut() {
        // A policy that was read back from a cluster has one; it says nothing about what is wanted.
        fields.remove("status");
    }
    serde_json::from_value(object).map_err(|error| CompileError {
        problems: vec![FieldError { path: "spec".into(), problem: error.to_string() }],
    })
}

fn duplicates(placed: &[PlacedPolicy], problems: &mut Vec<PolicyFileError>) {
    for (index, later) in placed.iter().enumerate() {
        let earlier = placed.iter().take(index).find(|earlier| earlier.policy.id == later.policy.id);
        if let Some(earlier) = earlier {
            let id = &later.policy.id;
            problems.push(PolicyFileError {
                file: later.file.clone(),
                line: Some(later.line),
                problem: PolicyFileProblem::Duplicate {
                    name: match &id.namespace {
                        Some(namespace) => format!("BeaconPolicy {namespace}/{}", id.name),
                        None => format!("ClusterBeaconPolicy {}", id.name),
                    },
                    other: format!("{}:{}", earlier.file.display(), earlier.line),
                },
            });
        }
    }
}
