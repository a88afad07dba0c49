//! Policies from files: the same YAML or JSON as the custom resources, one or many documents a file, read as kubectl
//! reads them.
//!
//! A file is held to the schema of the API server and to the compiler, and every problem of every file is
//! reported at once, with file, line, field path and what is allowed. Objects of other kinds are passed over by name.

mod compiled;
mod document;
mod scalar;
mod schema;
mod tree;

use core::fmt;
use std::path::{Path, PathBuf};

use beaconwatch_engine::assess::policy::{Policy, PolicySet};

use crate::API_VERSION;
use crate::compile::FieldError;
use compiled::Compiled;
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
        let file = self.file.display();
        let problem = &self.problem;
        write_sanitized(
            f,
            &self
                .line
                .map_or_else(|| format!("{file}: {problem}"), |line| format!("{file}:{line}: {problem}")),
        )
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
        let Self { file, line, remark } = self;
        let said = match remark {
            PolicyFileRemark::OtherKind(what) => format!("skipped {what}: not a policy"),
            PolicyFileRemark::OldOctal { written, read } => {
                format!("warning: {written} is octal and read as {read}, as kubectl reads it")
            }
        };
        write_sanitized(f, &format!("{}:{line}: {said}", file.display()))
    }
}

/// Writes text without what controls a terminal: files come from anybody, and are quoted.
fn write_sanitized(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|one| {
        if one.is_control() { write!(f, "{}", one.escape_unicode()) } else { write!(f, "{one}") }
    })
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

/// What keeps files from being applied, and what there is besides.
#[derive(Debug, Default)]
pub struct Refused {
    /// Every problem of every file, in the order of the files and lines.
    pub problems: Vec<PolicyFileError>,
    /// The policies, those with problems as far as they can be read: without the exceptions of which what they match
    /// is not known. For what people should know besides the problems; not to be run.
    pub rest: Loaded,
}

/// Reads and compiles policy files. A directory stands for the files in it that end in `.yaml`, `.yml` or `.json`.
///
/// # Errors
/// Every problem of every file.
pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Loaded, Refused> {
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
/// Every problem.
pub fn parse(file: &Path, text: &str) -> Result<Loaded, Refused> {
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
        let Compiled { policy, mut problems } = Compiled::of(kind, object);
        problems.sort_by_key(|problem| object.line_of(&problem.path));
        problems.into_iter().for_each(|problem| self.refuse(file, object, problem));
        if let Some(policy) = policy {
            self.loaded.policies.push(PlacedPolicy { policy, file: file.to_owned(), line: object.line });
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

    fn finish(mut self) -> Result<Loaded, Refused> {
        duplicates(&self.loaded.policies, &mut self.problems);
        let Self { loaded, problems } = self;
        if problems.is_empty() { Ok(loaded) } else { Err(Refused { problems, rest: loaded }) }
    }
}

fn duplicates(placed: &[PlacedPolicy], problems: &mut Vec<PolicyFileError>) {
    for (index, later) in placed.iter().enumerate() {
        let earlier = placed.iter().take(index).find(|earlier| earlier.policy.id == later.policy.id);
        // That it has none was said.
        let earlier = earlier.filter(|_| !later.policy.id.name.is_empty());
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
