//! A problem in a file that a user wrote: where it is, what is wrong, and the next edit.

use std::fmt;

/// A problem in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The path of the file, as it was given; empty if the problem is not in a file.
    pub path: String,
    /// The position; `None` for the whole file.
    pub at: Option<At>,
    /// The place in words, such as `gates[2] "tone": min`; empty for the whole file.
    pub place: String,
    /// What is wrong, and what was expected; lower case, no full stop.
    pub message: String,
    /// The next edit or command.
    pub help: Option<String>,
    /// The number of further problems that this one represents, because they are not reported one by one.
    pub more: usize,
    /// An earlier position that belongs to the problem, such as the first of two equal keys.
    pub first: Option<At>,
}

/// A position in a file, with its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself, without its line break.
    pub text: String,
    /// How many characters of the line the problem is about; at least 1, and 0 if the line is not to be shown.
    pub width: usize,
}

impl Problem {
    /// A problem that is not in a file.
    #[must_use]
    pub fn of_message(message: &str, help: Option<&str>) -> Self {
        Self {
            message: message.to_owned(),
            help: help.map(str::to_owned),
            ..Self::default()
        }
    }

    /// A problem of a whole file.
    #[must_use]
    pub fn of_file(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            message: message.into(),
            ..Self::default()
        }
    }

    /// The same problem with the next edit or command.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// The file with the position, `gates.yaml:12:10`; empty if the problem is not in a file.
    #[must_use]
    pub fn position(&self) -> String {
        match &self.at {
            Some(at) => format!("{}:{}:{}", self.path, at.line, at.column),
            None => self.path.clone(),
        }
    }
}

/// The problem on one line, without its help: `gates.yaml:12:10: gates[2] "tone": min: …`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.position(), &self.place, &self.message];
        let parts: Vec<&str> = parts
            .into_iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        // The file's own text may have line breaks.
        f.write_str(&parts.join(": ").replace(['\n', '\r'], " "))
    }
}
