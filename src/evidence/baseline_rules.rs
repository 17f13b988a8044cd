//! Which runs can be the baseline of a candidate.

use jiff::Timestamp;

use super::run_info::{EvaluationKey, RunInfo};
use crate::selector::{Identity, is_same_commit};

/// What of a candidate decides which other runs can be its baseline.
#[derive(Clone, Debug)]
pub struct BaselineRules {
    /// The ids of the candidate's runs.
    pub ids: Vec<String>,
    /// The runs whose outputs they score once more, the runs whose those scored, and so on.
    pub rescored_from: Vec<String>,
    /// When the first of them began.
    pub started_at: Option<Timestamp>,
    /// By what a baseline is of their evaluation; `None` where it is looked for by a name.
    pub evaluation: Option<EvaluationKey>,
    /// The name of their model.
    pub model: Option<String>,
    /// Their commit, of which no run is a baseline; `None` where they have none, or where the policy names another
    /// model for the baseline.
    pub commit: Option<String>,
    /// The attributes that hold the commit and the branch.
    pub identity: Identity,
    /// Runs that were passed over.
    pub skipped: Vec<String>,
    /// Whether a failed run can be the baseline.
    pub accept_failed: bool,
    /// Whether the candidate is in Weave, so that a list of the runs of the project has it.
    pub is_live: bool,
}

impl BaselineRules {
    /// Whether a run has the candidate's own outputs: it is the candidate, or one is a scoring of the other,
    /// or both are of a third.
    #[must_use]
    pub fn shares_outputs(&self, info: &RunInfo) -> bool {
        let is_ours = |id: &String| self.ids.contains(id) || self.rescored_from.contains(id);
        is_ours(&info.id) || info.rescored_from.as_ref().is_some_and(is_ours)
    }

    /// Whether a run is of the candidate's commit.
    #[must_use]
    pub fn is_own_commit(&self, info: &RunInfo) -> bool {
        let commit = info.commit(&self.identity);
        let both = commit.as_ref().zip(self.commit.as_ref());
        both.is_some_and(|(commit, ours)| is_same_commit(commit, ours))
    }

    /// Whether a run began no later than the candidate's first.
    #[must_use]
    pub fn is_older(&self, info: &RunInfo) -> bool {
        info.started_at <= self.started_at
    }

    /// Whether a run can be the candidate's baseline: finished, no newer, of another commit, and not of the same
    /// outputs.
    #[must_use]
    pub fn allows(&self, info: &RunInfo) -> bool {
        let is_unnamed = self.evaluation == Some(EvaluationKey::Unnamed);
        info.has_finished(self.accept_failed)
            && (!is_unnamed || info.evaluation_key() == self.evaluation)
            && self.is_older(info)
            && !self.shares_outputs(info)
            && !self.is_own_commit(info)
            && !self.skipped.contains(&info.id)
    }
}
