//! YAML as a tree that knows its lines.
//!
//! Plain values are read by YAML's core schema. Aliases are resolved, and the tree is bounded, so that a small
//! file cannot become a large tree.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

/// Nodes of a file, aliases resolved.
const NODES_MAX: usize = 100_000;
/// Depth of nesting.
const DEPTH_MAX: usize = 64;

/// A node and the line on which it begins.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Line, from 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Null, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Fields in the order written, each with the line of its key.
    Map(Vec<(String, usize, Node)>),
}

/// Where a file stops being YAML.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) message: String,
}

/// The documents of a text up to where it breaks; empty documents are left out.
pub(super) fn documents(text: &str) -> (Vec<Node>, Option<Broken>) {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span.start.line()),
            Err(error) => Err(Broken { line: error.marker().line(), message: error.info() }),
        };
        if let Err(broken) = outcome {
            return (builder.documents, Some(broken));
        }
    }
    (builder.documents, None)
}

impl Node {
    /// The field of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Content::Map(fields) = &self.content else { return None };
        fields.iter().find(|(key, ..)| key == name).map(|(.., node)| node)
    }

    /// The text of a text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::List(_) | Content::Map(_) => {
                None
            }
        }
    }

    /// The line of a field path such as `spec.exceptions[0].match`, or of the part of it that exists.
    pub(super) fn line_of(&self, path: &str) -> usize {
        let (mut node, mut line) = (self, self.line);
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match (&node.content, step.strip_suffix(']')) {
                (Content::List(entries), Some(index)) => index
                    .parse()
                    .ok()
                    .and_then(|index: usize| entries.get(index))
                    .map(|entry| (entry.line, entry)),
                (Content::Map(fields), None) => {
                    fields.iter().find(|(key, ..)| key == step).map(|(_, line, node)| (*line, node))
                }
                _ => None,
            };
            let Some((found, inner)) = next else { break };
            (line, node) = (found, inner);
        }
        line
    }

    /// The same without lines.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => Value::Number(value.clone()),
            Content::Text(value) => Value::String(value.clone()),
            Content::List(entries) => entries.iter().map(Self::to_json).collect(),
            Content::Map(fields) => Value::Object(
                fields.iter().map(|(key, _, node)| (key.clone(), node.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    fn count(&self) -> usize {
        1 + match &self.content {
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => 0,
            Content::List(entries) => entries.iter().map(Self::count).sum(),
            Content::Map(fields) => fields.iter().map(|(.., node)| node.count()).sum(),
        }
    }
}

/// A collection that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// Key that waits for its value, with its line.
    key: Option<(String, usize)>,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Broken> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let content = if plain { plain_content(&text) } else { Content::Text(text.into_owned()) };
                self.place(Node { line, content }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(Content::List(Vec::new()), line, anchor),
            Event::MappingStart(_, anchor, _) => self.open(Content::Map(Vec::new()), line, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { node, anchor, key: _ }) => self.place(node, anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.iter().rev().find(|(known, _)| *known == anchor) {
                Some((_, node)) => {
                    let node = Node { line, content: node.content.clone() };
                    self.nodes += node.count();
                    self.place(node, 0)
                }
                None => Err(Broken { line, message: "an alias names no anchor".into() }),
            },
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            // Not asked for, or of a later version of the parser.
            Event::Anchor(..) | Event::UnresolvedAlias(_) | _ => Ok(()),
        }
    }

    fn open(&mut self, content: Content, line: usize, anchor: usize) -> Result<(), Broken> {
        if self.open.len() == DEPTH_MAX {
            return Err(Broken { line, message: format!("nested deeper than {DEPTH_MAX}") });
        }
        self.open.push(Open { node: Node { line, content }, anchor, key: None });
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Broken> {
        let line = node.line;
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Broken { line, message: format!("more than {NODES_MAX} values") });
        }
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        let Some(parent) = self.open.last_mut() else {
            if !matches!(node.content, Content::Null) {
                self.documents.push(node);
            }
            return Ok(());
        };
        match &mut parent.node.content {
            Content::List(entries) => entries.push(node),
            Content::Map(fields) => match parent.key.take() {
                Some((key, key_line)) => fields.push((key, key_line, node)),
                None => {
                    let Some(key) = key_text(&node) else {
                        return Err(Broken { line, message: "a field name must be text".into() });
                    };
                    if fields.iter().any(|(known, ..)| *known == key) {
                        return Err(Broken { line, message: format!("the field {key:?} is given twice") });
                    }
                    parent.key = Some((key, line));
                }
            },
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {}
        }
        Ok(())
    }
}

fn key_text(node: &Node) -> Option<String> {
    match &node.content {
        Content::Text(text) => Some(text.clone()),
        Content::Bool(value) => Some(value.to_string()),
        Content::Number(value) => Some(value.to_string()),
        Content::Null | Content::List(_) | Content::Map(_) => None,
    }
}

fn plain_content(text: &str) -> Content {
    let number_like = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        _ if !number_like => Content::Text(text.into()),
        _ => text
            .parse::<i64>()
            .map(Number::from)
            .ok()
            .or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
            .map_or_else(|| Content::Text(text.into()), Content::Number),
    }
}
