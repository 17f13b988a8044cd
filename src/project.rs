//! A Weave project, and how a name is encoded in a URL.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are encoded in a segment of a path: all except letters, digits, `-`, `_`, `.` and `~`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Encodes one segment of a path, or one value of a query.
#[must_use]
pub(crate) fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// A project, `entity/project`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    entity: String,
    name: String,
}

impl Project {
    /// Parses `entity/project`; `None` if the text has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = |part: &str| {
            !part.trim().is_empty()
                && part.trim() == part
                && !matches!(part, "." | "..")
                && !part.contains(['/', '\\', '?', '#', '%', ':'])
                && !part.chars().any(char::is_control)
        };
        let (entity, name) = text.split_once('/')?;
        (is_valid(entity) && is_valid(name)).then(|| Self {
            entity: entity.to_owned(),
            name: name.to_owned(),
        })
    }

    /// `entity/project`, encoded as a part of a URL.
    #[must_use]
    pub(crate) fn encoded(&self) -> String {
        format!("{}/{}", encode(&self.entity), encode(&self.name))
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.entity, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_checked() {
        assert_eq!(Project::parse("a b/c").unwrap().encoded(), "a%20b/c");
        for text in [
            "", "a", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a/b?c", "a/ b", "a/\n",
        ] {
            assert!(Project::parse(text).is_none(), "{text:?}");
        }
    }
}
