//! Which runs a search may find.

use crate::evidence::{BaselineRules, RunInfo};

/// Which runs of a project are requested.
#[derive(Clone, Copy, Debug)]
pub enum Eligible<'a> {
    /// All runs that match.
    Any,
    /// Runs that have completed.
    Completed,
    /// Runs that can be the baseline of a candidate.
    Baselines(&'a BaselineRules),
}

impl Eligible<'_> {
    pub(super) fn allows(self, info: &RunInfo) -> bool {
        match self {
            Self::Any => true,
            Self::Completed => info.has_finished(false),
            Self::Baselines(rules) => rules.allows(info),
        }
    }
}
