//! What a document of a file is: a policy, a list of documents, or an object of another kind, which kubectl would
//! apply and which is nothing to us.

use super::tree::{Content, Node};
use crate::API_VERSION;
use crate::compile::FieldError;

/// Kinds of ours that are no policies.
const OTHER_KINDS: [&str; 2] = ["BeaconFinding", "BeaconNode"];
const POLICY_KINDS: [&str; 2] = ["BeaconPolicy", "ClusterBeaconPolicy"];
/// Lists inside lists.
const LISTS_MAX: u32 = 8;

/// One object of a file.
#[derive(Debug)]
pub(super) enum Object<'a> {
    /// A policy.
    Policy {
        /// Kind.
        kind: &'static str,
        /// The object.
        node: &'a Node,
    },
    /// An object of another kind.
    Other {
        /// Kind and name.
        what: String,
        /// Line on which it begins.
        line: usize,
    },
    /// It looks like a policy and is none, or is no object at all.
    Wrong {
        /// The object.
        node: &'a Node,
        /// What is wrong.
        problem: FieldError,
    },
}

/// The objects of a document, those of lists one by one.
pub(super) fn objects(document: &Node) -> Vec<Object<'_>> {
    let mut found = Vec::new();
    collect(document, LISTS_MAX, &mut found);
    found
}

fn collect<'a>(node: &'a Node, lists_left: u32, found: &mut Vec<Object<'a>>) {
    match identify(node) {
        Ok(Identity::List(items)) if lists_left > 0 => {
            let items = items.iter().filter(|item| !matches!(item.content, Content::Null));
            items.for_each(|item| collect(item, lists_left - 1, found));
        }
        Ok(Identity::Policy(kind)) => found.push(Object::Policy { kind, node }),
        Ok(Identity::List(_) | Identity::Other) => {
            let text = |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
            let name = text(node.get("metadata").and_then(|metadata| metadata.get("name")));
            let what = format!("{} {name}", text(node.get("kind")));
            found.push(Object::Other { what: what.trim_end().to_owned(), line: node.line });
        }
        Err((field, problem)) => {
            found.push(Object::Wrong { node, problem: FieldError { path: field.into(), problem } });
        }
    }
}

enum Identity<'a> {
    Policy(&'static str),
    List(&'a [Node]),
    Other,
}

fn identify(node: &Node) -> Result<Identity<'_>, (&'static str, String)> {
    let kinds = POLICY_KINDS.join(" or ");
    let Some(version) = node.get("apiVersion").and_then(Node::text) else {
        return Err(("apiVersion", format!("must be {API_VERSION}")));
    };
    let Some(kind) = node.get("kind").and_then(Node::text) else {
        return Err(("kind", format!("must be {kinds}")));
    };
    let policy = POLICY_KINDS.into_iter().find(|known| *known == kind);
    let ours = version.split('/').next() == API_VERSION.split('/').next();
    if version != API_VERSION && (ours || policy.is_some()) {
        return Err(("apiVersion", format!("must be {API_VERSION}, but is {version}")));
    }
    if let Some(policy) = policy {
        return Ok(Identity::Policy(policy));
    }
    if (ours || version == "v1")
        && kind.ends_with("List")
        && let Some(Content::List(items)) = node.get("items").map(|items| &items.content)
    {
        return Ok(Identity::List(items));
    }
    if ours && !OTHER_KINDS.contains(&kind) {
        return Err(("kind", format!("must be {kinds}, but is {kind}")));
    }
    Ok(Identity::Other)
}
