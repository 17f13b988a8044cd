//! Parses text into a tree. Repeated keys are kept, so that they can be reported with their paths.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_yaml::{Mapping, Number, Value};

use super::model::Problem;

/// The maximum size of a policy file, in bytes: the time of YAML parsers is quadratic in depth.
pub const MAX_BYTES: u64 = 64 * 1024;

/// A YAML document in which a key may be repeated.
#[derive(Debug)]
pub(super) enum Node {
    Scalar(Value),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

/// The maximum size of a document, in bytes of text plus [`NODE`] for each node. Only aliases that multiply exceed it.
const MOST_SIZE: usize = 1024 * 1024;
/// The size of a node in addition to its text.
const NODE: usize = 16;
/// The maximum depth of brackets. A policy needs fewer, and the parser's time is quadratic in the depth.
const MOST_DEPTH: usize = 100;

/// Parses the text of a policy.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    let problem = |message: String| Problem {
        place: String::new(),
        message,
    };
    // Some editors write a byte order mark at the start, which is not part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if depth(text) > MOST_DEPTH {
        return Err(problem(
            "not a policy: its brackets are too deep".to_owned(),
        ));
    }
    let count = Cell::new(0);
    NodeSeed(&count)
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| problem(format!("not readable as YAML: {error}")))
}

/// The maximum depth of brackets. Brackets in quoted texts count; those in comments do not.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let code = |line| -> &str { str::split(line, " #").next().unwrap_or_default() };
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    for byte in lines.flat_map(|line| code(line).bytes()) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The tree as the parser's own type, and a problem for each repeated key and each key that is not text.
pub(super) fn into_value(tree: Node) -> (Value, Vec<Problem>) {
    let mut problems = Vec::new();
    let value = convert(tree, "", &mut problems);
    (value, problems)
}

fn convert(node: Node, place: &str, problems: &mut Vec<Problem>) -> Value {
    match node {
        Node::Scalar(value) => value,
        Node::List(items) => Value::Sequence(
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| convert(item, &format!("{place}[{index}]"), problems))
                .collect(),
        ),
        Node::Map(entries) => {
            let mut mapping = Mapping::new();
            for (key, value) in entries {
                let Node::Scalar(Value::String(key)) = key else {
                    problems.push(Problem {
                        place: place.to_owned(),
                        message: "a key is not text".to_owned(),
                    });
                    continue;
                };
                let inner = if place.is_empty() {
                    key.clone()
                } else {
                    format!("{place}.{key}")
                };
                let value = convert(value, &inner, problems);
                if mapping.insert(Value::String(key), value).is_some() {
                    problems.push(Problem {
                        place: inner,
                        message: "duplicate key".to_owned(),
                    });
                }
            }
            Value::Mapping(mapping)
        }
    }
}

/// Deserializes a node and counts all nodes.
#[derive(Clone, Copy)]
struct NodeSeed<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.spend(NODE)?;
        deserializer.deserialize_any(self)
    }
}

impl NodeSeed<'_> {
    fn spend<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        self.0.set(self.0.get().saturating_add(bytes));
        if self.0.get() > MOST_SIZE {
            return Err(E::custom("its aliases multiply to too much"));
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Bool(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Number(Number::from(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Number(Number::from(value))))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Number(Number::from(value))))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        self.spend(value.len())?;
        Ok(Node::Scalar(Value::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key_seed(self)? {
            entries.push((key, access.next_value_seed(self)?));
        }
        Ok(Node::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _access: A) -> Result<Node, A::Error> {
        Err(A::Error::custom("a policy has no tags (`!name`)"))
    }
}
