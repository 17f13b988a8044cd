//! Parses text into a tree. Repeated keys are kept, so that they can be reported with their positions.
//!
//! The parser gives positions only in its errors. So the position of a node is found by parsing the text again, and
//! failing on purpose at that node: [`locate`]. Nothing can disagree about where a node is, because there is one
//! parser. It is only done if there is something to report.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Mapping, Number, Value};

use super::issue::{Issue, Spot};
use super::suggest::named;

/// The maximum size of a policy file, in bytes: the time of YAML parsers is quadratic in depth.
pub const MAX_BYTES: u64 = 64 * 1024;

/// A part of a YAML document in which a key may be repeated.
#[derive(Debug)]
pub(super) struct Node {
    /// Its number, in the order in which nodes are parsed. Keys are nodes, and an alias repeats the nodes of its anchor.
    pub(super) id: usize,
    pub(super) shape: Shape,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Shape {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text, if the node is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Scalar(Value::String(text)) => Some(text),
            Shape::Scalar(_) | Shape::List(_) | Shape::Map(_) => None,
        }
    }

    /// The entry of a key in a map: the last one, which is the one that is read.
    pub(super) fn entry(&self, key: &str) -> Option<&(Self, Self)> {
        let mut found = self.entries().iter().rev();
        found.find(|(found, _)| found.text() == Some(key))
    }

    /// The entries of a map; empty if the node is not a map.
    pub(super) fn entries(&self) -> &[(Self, Self)] {
        match &self.shape {
            Shape::Map(entries) => entries,
            Shape::Scalar(_) | Shape::List(_) => &[],
        }
    }

    /// The items of a list; empty if the node is not a list.
    pub(super) fn items(&self) -> &[Self] {
        match &self.shape {
            Shape::List(items) => items,
            Shape::Scalar(_) | Shape::Map(_) => &[],
        }
    }

    /// An item of a list.
    pub(super) fn item(&self, index: usize) -> Option<&Self> {
        self.items().get(index)
    }
}

/// The key with which YAML 1.1 merges another map.
pub(super) const MERGE: &str = "<<";
/// The maximum size of a document, in bytes of text plus [`NODE`] for each node. Only aliases that multiply exceed it.
const MOST_SIZE: usize = 1024 * 1024;
/// The size of a node in addition to its text.
const NODE: usize = 16;
/// The maximum depth of brackets. A policy needs fewer, and the parser's time is quadratic in the depth.
const MOST_DEPTH: usize = 100;

/// Why a text cannot be parsed.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is YAML that a policy cannot be: the place in bytes, why, and the next edit.
    Refused(Option<usize>, &'static str, &'static str),
    /// The parser's error.
    Parser(serde_yaml::Error),
}

/// Parses the text of a policy, which has no byte order mark.
pub(super) fn parse(text: &str) -> Result<Node, Unread> {
    if let Some(index) = too_deep(text) {
        let message = "the brackets are nested too deep";
        return Err(Unread::Refused(
            Some(index),
            message,
            "write lists and maps without brackets",
        ));
    }
    let reading = Reading::default();
    let read = NodeSeed(&reading).deserialize(serde_yaml::Deserializer::from_str(text));
    read.map_err(|error| match reading.refused.get() {
        Some((why, help)) => {
            Unread::Refused(error.location().map(|found| found.index()), why, help)
        }
        None => Unread::Parser(error),
    })
}

/// The place where brackets are nested deeper than allowed, in bytes. Brackets in quoted texts count; those in
/// comments do not.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_comment = line.trim_start().starts_with('#');
        let code = line.split(" #").next().filter(|_| !is_comment);
        for (index, c) in code.unwrap_or_default().char_indices() {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MOST_DEPTH {
                return Some(start + index);
            }
        }
        start += line.len();
    }
    None
}

/// The place of a node in the text from which it was parsed, in bytes. A node that an alias repeats is at its anchor.
pub(super) fn locate(text: &str, id: usize) -> Option<usize> {
    let reading = Reading {
        stop: Some(id),
        ..Reading::default()
    };
    let read = NodeSeed(&reading).deserialize(serde_yaml::Deserializer::from_str(text));
    Some(read.err()?.location()?.index())
}

/// The tree as the parser's own type, and a problem for each repeated key and each key that is not text.
pub(super) fn to_value(tree: &Node) -> (Value, Vec<Issue>) {
    let mut issues = Vec::new();
    let value = convert(tree, &mut issues);
    (value, issues)
}

fn convert(node: &Node, issues: &mut Vec<Issue>) -> Value {
    match &node.shape {
        Shape::Scalar(value) => match value {
            Value::String(text) => Value::String(text.clone()),
            Value::Number(number) => Value::Number(number.clone()),
            Value::Bool(value) => Value::Bool(*value),
            _ => Value::Null,
        },
        Shape::List(items) => {
            Value::Sequence(items.iter().map(|item| convert(item, issues)).collect())
        }
        Shape::Map(entries) => {
            let mut mapping = Mapping::new();
            for (index, (key, value)) in entries.iter().enumerate() {
                let Some(name) = key.text() else {
                    let help = "write the key in quotes";
                    issues.push(Issue::new(Spot::Node(key.id), "a key is not text", help));
                    continue;
                };
                if name == MERGE {
                    let message = "merge keys (`<<`) are not read";
                    let help = "write the merged keys out";
                    issues.push(Issue::new(Spot::Node(key.id), message, help));
                    continue;
                }
                let value = convert(value, issues);
                if mapping.insert(Value::from(name), value).is_some() {
                    let mut earlier = entries.iter().take(index).map(|(key, _)| key);
                    let first = earlier.rfind(|key| key.text() == Some(name));
                    let message = format!("duplicate key {}", named(name));
                    let help = "remove one of the two";
                    issues.push(Issue {
                        first: first.map(|key| Spot::Node(key.id)),
                        ..Issue::new(Spot::Node(key.id), &message, help)
                    });
                }
            }
            Value::Mapping(mapping)
        }
    }
}

/// The state of parsing.
#[derive(Default)]
struct Reading {
    /// The size so far, as in [`MOST_SIZE`].
    size: Cell<usize>,
    /// The number of nodes so far.
    nodes: Cell<usize>,
    /// The node at which parsing fails on purpose.
    stop: Option<usize>,
    /// Why the document is refused, if not by the parser, and the next edit.
    refused: Cell<Option<(&'static str, &'static str)>>,
}

/// Deserializes a node.
#[derive(Clone, Copy)]
struct NodeSeed<'a>(&'a Reading);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let id = self.0.nodes.get();
        self.0.nodes.set(id + 1);
        self.spend(NODE)?;
        let shape = deserializer.deserialize_any(self)?;
        Ok(Node { id, shape })
    }
}

impl NodeSeed<'_> {
    fn spend<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        let size = self.0.size.get().saturating_add(bytes);
        self.0.size.set(size);
        if size > MOST_SIZE {
            let message = "the aliases multiply to too much";
            return Err(self.refuse(message, "write the repeated values out"));
        }
        Ok(())
    }

    /// Fails if parsing is to stop at the node that was begun last, so that the parser says where.
    fn go_on<E: serde::de::Error>(self) -> Result<(), E> {
        match self.0.stop {
            Some(stop) if self.0.nodes.get() > stop => Err(E::custom("stopped")),
            _ => Ok(()),
        }
    }

    fn scalar<E: serde::de::Error>(self, value: Value) -> Result<Shape, E> {
        self.go_on()?;
        Ok(Shape::Scalar(value))
    }

    fn refuse<E: serde::de::Error>(self, message: &'static str, help: &'static str) -> E {
        self.0.refused.set(Some((message, help)));
        E::custom(message)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false, a list or a map")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Shape, E> {
        self.scalar(Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Shape, E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Shape, E> {
        self.scalar(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Shape, E> {
        self.scalar(Value::Number(Number::from(value)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Shape, E> {
        self.scalar(Value::Number(Number::from(value)))
    }

    #[expect(clippy::cast_precision_loss, reason = "no key takes so large a number")]
    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Shape, E> {
        self.visit_f64(value as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "no key takes so large a number")]
    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Shape, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Shape, E> {
        self.scalar(Value::Number(Number::from(value)))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Shape, E> {
        self.spend(value.len())?;
        self.scalar(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
        self.go_on()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
        self.go_on()?;
        let mut entries = Vec::new();
        while let Some(key) = access.next_key_seed(self)? {
            entries.push((key, access.next_value_seed(self)?));
        }
        Ok(Shape::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _access: A) -> Result<Shape, A::Error> {
        Err(self.refuse("a policy has no tags (`!name`)", "remove the tag"))
    }
}
