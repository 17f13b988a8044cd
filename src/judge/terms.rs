//! What a policy says about the runs themselves.

use jiff::SignedDuration;

use crate::policy::{Completeness, Policy, RemovedRows, Required, Reruns};

/// What of a policy bears on whether runs can be compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Whether anything is compared.
    pub(super) compares: bool,
    /// Whether a failed run is judged.
    pub(super) accept_failed: bool,
    /// Whether a missing baseline leaves changes undecided, or skips them.
    pub(super) required: Required,
    /// What a run means of which calls are missing.
    pub(super) completeness: Completeness,
    /// What several runs of the candidate's commit mean.
    pub(super) reruns: Reruns,
    /// How long ago the candidate may have finished.
    pub(super) candidate_max_age: Option<SignedDuration>,
    /// What a row means that the candidate lacks.
    pub(super) removed_rows: RemovedRows,
    /// How long ago a baseline may have finished.
    pub(super) max_age: Option<SignedDuration>,
}

impl Terms {
    /// Those of the comparison with `baseline`, or with the further baseline of this name.
    pub(super) fn of(policy: &Policy, against: Option<&str>) -> Self {
        let further = against.and_then(|name| policy.baselines.get(name));
        Self {
            compares: policy.compares(against),
            accept_failed: policy.accept_failed,
            required: match against {
                None => policy.baseline.required,
                Some(_) => Required::Always,
            },
            completeness: policy.completeness,
            reruns: policy.candidate.reruns,
            candidate_max_age: policy.candidate.max_age,
            removed_rows: policy.baseline.removed_rows,
            max_age: match against {
                None => policy.baseline.max_age,
                Some(_) => further.and_then(|further| further.max_age),
            },
        }
    }
}
