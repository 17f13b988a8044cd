//! A finding in words.

use crate::prose::Prose;

/// The maximum number of names that are listed if a name is unknown.
pub(super) const MOST_NAMES: usize = 12;
/// The maximum number of commits, versions or runs that are listed.
pub(super) const MOST_RUNS: usize = 6;

/// What was found, and the next action.
pub(super) struct Told {
    pub(super) fact: Prose,
    /// `None` if nothing is to be done.
    pub(super) help: Option<Prose>,
}

impl<P: Into<Prose>> From<P> for Told {
    fn from(fact: P) -> Self {
        Self {
            fact: fact.into(),
            help: None,
        }
    }
}

impl Told {
    /// Returns the same with the next action.
    pub(super) fn help(self, help: impl Into<Prose>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}
