//! A problem of a policy before its position is known.

use serde_yaml::Value;

/// A problem that is found in the tree.
#[derive(Debug)]
pub(super) struct Issue {
    pub(super) spot: Spot,
    /// What is wrong, and what was expected.
    pub(super) message: String,
    /// The value that was found; the message continues with it, as it is written in the file.
    pub(super) found: Option<Found>,
    pub(super) help: Help,
    /// There is no problem if the value is written like this.
    pub(super) unless: Option<String>,
    /// An earlier place that belongs to the problem.
    pub(super) first: Option<Spot>,
}

/// The next edit.
#[derive(Debug)]
pub(super) enum Help {
    /// In words; empty if there is no help.
    Text(String),
    /// The value is to be written as text, in quotes.
    Quote,
}

/// Where a problem is.
#[derive(Clone, Debug)]
pub(super) enum Spot {
    /// In the whole file.
    File,
    /// At this byte of the text.
    Index(usize),
    /// At the node of this number.
    Node(usize),
    /// At this path.
    Path(Vec<Part>, Target),
}

/// A step from a node to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The value of a key.
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
}

/// What a problem at a path is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The value at the path.
    Value,
    /// The last key of the path.
    Key,
    /// The first key of the map at the path, because the map lacks something.
    First,
}

/// A value of the wrong type.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    Bool(bool),
    Number(String),
    Text(String),
    List,
    Map,
}

impl Found {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => Self::Number(value.to_string()),
            Value::String(value) => Self::Text(value.clone()),
            Value::Sequence(_) => Self::List,
            // Tags are refused before.
            Value::Mapping(_) | Value::Tagged(_) => Self::Map,
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Issue {
    /// A problem with its help, which may be empty.
    pub(super) fn new(spot: Spot, message: &str, help: &str) -> Self {
        Self {
            spot,
            message: message.to_owned(),
            found: None,
            help: Help::Text(help.to_owned()),
            unless: None,
            first: None,
        }
    }

    /// The path of the map that lacks something, if that is the problem.
    pub(super) fn lacking(&self) -> Option<&[Part]> {
        match &self.spot {
            Spot::Path(path, Target::First) => Some(path),
            _ => None,
        }
    }
}
