//! Policies from files: the same YAML as the custom resources, one or many documents a file.
//!
//! A file is held to the schema of the API server and to the compiler, and every problem of every file is
//! reported at once, with file, line, field path and what is allowed.

mod schema;
mod tree;

use core::fmt;
use std::path::{Path, PathBuf};

use beaconwatch_engine::policy::{Policy, PolicySet, PolicySource};
use serde::de::DeserializeOwned;

use crate::compile::{self, CompileError, FieldError};
use crate::{API_VERSION, BeaconPolicy, ClusterBeaconPolicy, manifest};
use tree::Node;

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

/// Reads and compiles policy files. A directory stands for the files in it that end in `.yaml` or `.yml`.
///
/// # Errors
/// Every problem of every file, in the order of the files and lines.
pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<PolicySet, Vec<PolicyFileError>> {
    let placed = load_placed(paths)?;
    Ok(PolicySet { policies: placed.into_iter().map(|placed| placed.policy).collect() })
}

/// Like [`load`], and says where each policy stands.
///
/// # Errors
/// Every problem of every file, in the order of the files and lines.
pub fn load_placed<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PlacedPolicy>, Vec<PolicyFileError>> {
    let (mut placed, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match files_of(path.as_ref()) {
            Ok(files) => files.iter().for_each(|file| read(file, &mut placed, &mut problems)),
            Err(error) => problems.push(whole(path.as_ref(), PolicyFileProblem::Read(error))),
        }
    }
    duplicates(&placed, &mut problems);
    if problems.is_empty() { Ok(placed) } else { Err(problems) }
}

/// Compiles the policies in `text`; `file` is only named in problems.
///
/// # Errors
/// Every problem, in the order of the lines.
pub fn parse(file: &Path, text: &str) -> Result<Vec<PlacedPolicy>, Vec<PolicyFileError>> {
    let (mut placed, mut problems) = (Vec::new(), Vec::new());
    parse_into(file, text, &mut placed, &mut problems);
    duplicates(&placed, &mut problems);
    if problems.is_empty() { Ok(placed) } else { Err(problems) }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|ext| ext == "yaml" || ext == "yml") && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path, placed: &mut Vec<PlacedPolicy>, problems: &mut Vec<PolicyFileError>) {
    use std::io::Read;

    let mut text = String::new();
    let outcome =
        std::fs::File::open(file).and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match outcome {
        Err(error) => problems.push(whole(file, PolicyFileProblem::Read(error))),
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
            problems.push(whole(file, PolicyFileProblem::TooLarge))
        }
        Ok(_) => parse_into(file, &text, placed, problems),
    }
}

fn whole(file: &Path, problem: PolicyFileProblem) -> PolicyFileError {
    PolicyFileError { file: file.to_owned(), line: None, problem }
}

fn parse_into(file: &Path, text: &str, placed: &mut Vec<PlacedPolicy>, problems: &mut Vec<PolicyFileError>) {
    let (documents, broken) = tree::documents(text);
    let empty = documents.is_empty() && broken.is_none();
    for document in documents {
        match compile_document(&document) {
            Ok(policy) => placed.push(PlacedPolicy { policy, file: file.to_owned(), line: document.line }),
            Err(CompileError { problems: wrong }) => problems.extend(wrong.into_iter().map(|field| {
                let line = Some(document.line_of(&field.path));
                PolicyFileError { file: file.to_owned(), line, problem: PolicyFileProblem::Field(field) }
            })),
        }
    }
    if let Some(broken) = broken {
        let line = Some(broken.line);
        let problem = PolicyFileProblem::Yaml(broken.message);
        problems.push(PolicyFileError { file: file.to_owned(), line, problem });
    }
    if empty {
        problems.push(whole(file, PolicyFileProblem::Empty));
    }
}

fn compile_document(document: &Node) -> Result<Policy, CompileError> {
    let one = |path: &str, problem: String| {
        let problems = vec![FieldError { path: path.into(), problem }];
        CompileError { problems }
    };
    let expect = |field: &str, allowed: &[&str]| match document.get(field).and_then(Node::text) {
        Some(found) if allowed.contains(&found) => Ok(found.to_owned()),
        Some(found) => Err(one(field, format!("must be {}, but is {found}", allowed.join(" or ")))),
        None => Err(one(field, format!("must be {}", allowed.join(" or ")))),
    };
    expect("apiVersion", &[API_VERSION])?;
    let kind = expect("kind", &["BeaconPolicy", "ClusterBeaconPolicy"])?;
    let schema = manifest::schema(&kind).unwrap_or_default();
    let problems = schema::check(document, &schema);
    if !problems.is_empty() {
        return Err(CompileError { problems });
    }
    let policy = if kind == "BeaconPolicy" {
        compile::beacon_policy(&typed::<BeaconPolicy>(document)?)?
    } else {
        compile::cluster_beacon_policy(&typed::<ClusterBeaconPolicy>(document)?)?
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
