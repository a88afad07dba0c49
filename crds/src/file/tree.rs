//! YAML, or JSON, as a tree that knows its lines.
//!
//! Values are read as kubectl reads them ([`super::scalar`]). Aliases and merge keys are resolved, and the tree is
//! bounded, so that a small file cannot become a large tree.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

use super::scalar;

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

/// A number that was written as `0443`, and what it is read as.
#[derive(Clone, Debug)]
pub(super) struct OldOctal {
    pub(super) line: usize,
    pub(super) written: String,
    pub(super) read: Number,
}

/// What a text holds.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The documents up to where it breaks; empty documents are left out.
    pub(super) documents: Vec<Node>,
    pub(super) old_octals: Vec<OldOctal>,
    pub(super) broken: Option<Broken>,
}

impl Tree {
    /// Reads a text.
    pub(super) fn of(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut builder = Builder::default();
        let mut broken = None;
        for event in Parser::new_from_str(text) {
            let outcome = match event {
                Ok((event, span)) => builder.take(event, span.start.line()),
                Err(error) => Err(Broken { line: error.marker().line(), message: error.info() }),
            };
            if let Err(found) = outcome {
                broken = Some(found);
                break;
            }
        }
        if broken.is_some() && text.trim_start().starts_with('{') {
            return Self::of_json(text);
        }
        Self { documents: builder.documents, old_octals: builder.old_octals, broken }
    }

    /// Reads JSON that is no YAML: several objects in a row, or escapes that only JSON has.
    fn of_json(text: &str) -> Self {
        let mut tree = Self::default();
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        loop {
            let at = text.get(values.byte_offset()..).unwrap_or_default();
            let start = text.len() - at.trim_start().len();
            let line = 1 + text.bytes().take(start).filter(|b| *b == b'\n').count();
            match values.next() {
                None => return tree,
                Some(Ok(value)) => tree.documents.push(Node::of_json(line, value)),
                Some(Err(error)) => {
                    tree.broken = Some(Broken { line: error.line(), message: format!("nor JSON: {error}") });
                    return tree;
                }
            }
        }
    }
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

    /// JSON without its places: every value stands on the line of the whole.
    fn of_json(line: usize, value: Value) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Bool(value),
            Value::Number(value) => Content::Number(value),
            Value::String(value) => Content::Text(value),
            Value::Array(entries) => {
                Content::List(entries.into_iter().map(|entry| Self::of_json(line, entry)).collect())
            }
            Value::Object(fields) => Content::Map(
                fields.into_iter().map(|(key, value)| (key, line, Self::of_json(line, value))).collect(),
            ),
        };
        Self { line, content }
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
    /// Key that waits for its value.
    key: Option<Key>,
    /// Names of fields that a merge key brought: they may be given again.
    merged: Vec<String>,
}

/// A key of a map.
enum Key {
    /// A field, with its line.
    Field(String, usize),
    /// `<<`: the fields of another map.
    Merge,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
    old_octals: Vec<OldOctal>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Broken> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if text == "<<" && style == ScalarStyle::Plain && self.takes_key() {
                    self.expect_merge();
                    return Ok(());
                }
                let content = self.scalar(&text, style, tag.as_deref(), line)?;
                self.place(Node { line, content }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(Content::List(Vec::new()), line, anchor),
            Event::MappingStart(_, anchor, _) => self.open(Content::Map(Vec::new()), line, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { node, anchor, key: _, merged: _ }) => self.place(node, anchor),
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

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        line: usize,
    ) -> Result<Content, Broken> {
        let tag = tag.map(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:").unwrap_or(Cow::Borrowed("")));
        let resolved = match tag.as_deref() {
            None => style == ScalarStyle::Plain,
            Some("int" | "float" | "bool" | "null") => true,
            Some(_) => false,
        };
        if !resolved {
            return Ok(Content::Text(text.to_owned()));
        }
        let Some(content) = scalar::plain(text) else {
            return Err(Broken { line, message: format!("{text} is not a number that JSON has") });
        };
        if let Content::Number(read) = &content
            && scalar::is_old_octal(text)
        {
            self.old_octals.push(OldOctal { line, written: text.to_owned(), read: read.clone() });
        }
        Ok(content)
    }

    /// The next value is the key of a map.
    fn takes_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| matches!(open.node.content, Content::Map(_)) && open.key.is_none())
    }

    fn expect_merge(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.key = Some(Key::Merge);
        }
    }

    fn open(&mut self, content: Content, line: usize, anchor: usize) -> Result<(), Broken> {
        if self.open.len() == DEPTH_MAX {
            return Err(Broken { line, message: format!("nested deeper than {DEPTH_MAX}") });
        }
        self.open.push(Open { node: Node { line, content }, anchor, key: None, merged: Vec::new() });
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
                Some(Key::Field(key, key_line)) => set(fields, key, key_line, node),
                Some(Key::Merge) => return merge(fields, &mut parent.merged, node),
                None => {
                    let Some(key) = key_text(&node) else {
                        return Err(Broken { line, message: "a field name must be text".into() });
                    };
                    if fields.iter().any(|(known, ..)| *known == key) && !parent.merged.contains(&key) {
                        return Err(Broken { line, message: format!("the field {key:?} is given twice") });
                    }
                    parent.merged.retain(|merged| *merged != key);
                    parent.key = Some(Key::Field(key, line));
                }
            },
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {}
        }
        Ok(())
    }
}

type Fields = Vec<(String, usize, Node)>;

fn set(fields: &mut Fields, key: String, line: usize, node: Node) {
    match fields.iter_mut().find(|(known, ..)| *known == key) {
        Some(field) => *field = (key, line, node),
        None => fields.push((key, line, node)),
    }
}

/// Brings the fields of the value of a merge key. As kubectl has it, they win over what stands before the key, and
/// give way to what follows; of several maps the first wins.
fn merge(fields: &mut Fields, merged: &mut Vec<String>, node: Node) -> Result<(), Broken> {
    let line = node.line;
    let maps = match node.content {
        Content::List(entries) => entries.into_iter().rev().map(|entry| entry.content).collect(),
        one
        @ (Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) | Content::Map(_)) => {
            vec![one]
        }
    };
    for map in maps {
        let Content::Map(brought) = map else {
            return Err(Broken { line, message: "a merge key (<<) takes a map, or a list of maps".into() });
        };
        for (key, key_line, value) in brought {
            merged.push(key.clone());
            set(fields, key, key_line, value);
        }
    }
    Ok(())
}

fn key_text(node: &Node) -> Option<String> {
    match &node.content {
        Content::Text(text) => Some(text.clone()),
        Content::Bool(value) => Some(value.to_string()),
        Content::Number(value) => Some(value.to_string()),
        Content::Null | Content::List(_) | Content::Map(_) => None,
    }
}
