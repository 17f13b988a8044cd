//! From text to a tree, keeping repeated keys so that they can be reported, each with its path.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Mapping, Number, Value};

use super::Problem;

/// A YAML document in which a key may stand several times.
#[derive(Debug)]
pub(super) enum Node {
    Scalar(Value),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

/// Reads the text.
pub(super) fn parse(text: &str) -> Result<Node, Problem> {
    serde_yaml::from_str(text).map_err(|error| Problem {
        place: String::new(),
        message: format!("not readable as YAML: {error}"),
    })
}

/// The tree as the parser's own type, and one problem for each repeated or non-text key.
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
                        message: "stands more than once; which of them counts?".to_owned(),
                    });
                }
            }
            Value::Mapping(mapping)
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML without tags")
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

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}
