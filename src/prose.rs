//! Sentences that keep foreign names apart from our own words.
//!
//! Names of scorers, models, gates and runs come from the person who logged the run or wrote the policy. A sentence
//! keeps them apart from its own words, so that every output can escape them in its format.

use std::fmt::{self, Write as _};

/// One piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Our own words.
    Text(String),
    /// A name from outside: each output escapes it.
    Name(String),
}

/// A sentence, or a part of one; lower case, no full stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prose(Vec<Span>);

impl Prose {
    /// An empty sentence.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds our own words.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Text(text.into()));
        self
    }

    /// Adds a foreign name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.push(Span::Name(name.into()));
        self
    }

    /// Adds a list of foreign names, at most `most` of them, and says how many more there are.
    #[must_use]
    pub fn names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
        most: usize,
    ) -> Self {
        let mut names = names.into_iter();
        for (shown, name) in names.by_ref().take(most).enumerate() {
            if shown > 0 {
                self = self.text(", ");
            }
            self = self.name(name);
        }
        match names.count() {
            0 => self,
            more => self.text(format!(" and {more} more")),
        }
    }

    /// Adds another sentence's pieces.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Replaces foreign names; our own words stay.
    pub fn replace_names(&mut self, replace: impl Fn(&mut String)) {
        for span in &mut self.0 {
            if let Span::Name(name) = span {
                replace(name);
            }
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|span| match span {
            Span::Text(text) | Span::Name(text) => text.is_empty(),
        })
    }

    /// The pieces, in order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.0
    }
}

impl From<&str> for Prose {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Prose {
    fn from(text: String) -> Self {
        Self::new().text(text)
    }
}

/// The plain form, with names in backticks, as in JSON.
impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for span in &self.0 {
            match span {
                Span::Text(text) => f.write_str(text)?,
                // A line break in a name would start a new line.
                Span::Name(name) => {
                    f.write_char('`')?;
                    for c in name.chars() {
                        if c.is_control() {
                            write!(f, "{}", c.escape_default())?;
                        } else {
                            f.write_char(c)?;
                        }
                    }
                    f.write_char('`')?;
                }
            }
        }
        Ok(())
    }
}
