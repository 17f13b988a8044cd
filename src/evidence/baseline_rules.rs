//! Rules for which runs can be the baseline of a candidate.

use jiff::Timestamp;

use super::run_info::{EvaluationKey, RunInfo};
use crate::selector::{Identity, is_same_commit};

/// The properties of a candidate that decide which other runs can be its baseline.
#[derive(Clone, Debug)]
pub struct BaselineRules {
    /// The ids of the candidate's runs.
    pub ids: Vec<String>,
    /// The ids of the runs whose outputs the candidate's runs rescore, of the runs that those rescore, and so on.
    pub rescored_from: Vec<String>,
    /// When the candidate's first run began.
    pub started_at: Option<Timestamp>,
    /// The key of the candidate's evaluation, which the baseline must share; `None` if the baseline is selected by
    /// another name.
    pub evaluation: Option<EvaluationKey>,
    /// The name of the candidate's model.
    pub model: Option<String>,
    /// The candidate's commit, which the baseline must not have; `None` if the candidate has no commit, or if the
    /// policy names another model for the baseline.
    pub commit: Option<String>,
    /// The attributes that hold the commit and the branch.
    pub identity: Identity,
    /// The ids of runs that cannot be the baseline.
    pub skipped: Vec<String>,
    /// Whether a failed run can be the baseline.
    pub accept_failed: bool,
    /// Whether the candidate is stored in Weave, so that a list of the project's runs contains it.
    pub is_live: bool,
}

impl BaselineRules {
    /// Whether a run has the same outputs as the candidate: it is the candidate itself, one of the two rescores the
    /// other, or both rescore a third run.
    #[must_use]
    pub fn shares_outputs(&self, info: &RunInfo) -> bool {
        let is_ours = |id: &String| self.ids.contains(id) || self.rescored_from.contains(id);
        is_ours(&info.id) || info.rescored_from.as_ref().is_some_and(is_ours)
    }

    /// Whether a run has the candidate's commit.
    #[must_use]
    pub fn is_own_commit(&self, info: &RunInfo) -> bool {
        let commit = info.commit(&self.identity);
        let both = commit.as_ref().zip(self.commit.as_ref());
        both.is_some_and(|(commit, ours)| is_same_commit(commit, ours))
    }

    /// Whether a run is neither a run of the candidate nor of its commit.
    #[must_use]
    pub fn is_other(&self, info: &RunInfo) -> bool {
        !self.ids.contains(&info.id) && !self.is_own_commit(info)
    }

    /// Whether a run began no later than the candidate's first run.
    #[must_use]
    pub fn is_older(&self, info: &RunInfo) -> bool {
        info.started_at <= self.started_at
    }

    /// Whether a run can be the candidate's baseline: it has finished, is not newer, has another commit, and has other
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
