//! The policy's rules for the runs themselves.

use jiff::SignedDuration;

use crate::policy::{Comparability, Completeness, Policy, RemovedRows, Required, Reruns};

/// The rules of a policy that decide whether runs can be judged and compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Whether the policy compares with this baseline.
    pub(super) compares: bool,
    /// Whether a failed run is judged.
    pub(super) accept_failed: bool,
    /// Whether a missing baseline leaves change limits undecided or skips them.
    pub(super) required: Required,
    /// Whether the baseline is a further one, which is always required.
    pub(super) is_further: bool,
    /// What differences between how the runs were measured mean.
    pub(super) comparability: Comparability,
    /// How an incomplete run is treated.
    pub(super) completeness: Completeness,
    /// How several runs of the candidate's commit are treated.
    pub(super) reruns: Reruns,
    /// The maximum time since the candidate finished.
    pub(super) candidate_max_age: Option<SignedDuration>,
    /// How rows are treated that are missing in the candidate.
    pub(super) removed_rows: RemovedRows,
    /// The maximum time since a baseline finished.
    pub(super) max_age: Option<SignedDuration>,
}

impl Terms {
    /// The rules for the comparison with `baseline`, or with the further baseline of this name.
    pub(super) fn of(policy: &Policy, against: Option<&str>) -> Self {
        let further = against.and_then(|name| policy.baselines.get(name));
        Self {
            compares: policy.compares(against),
            accept_failed: policy.accept_failed,
            required: match against {
                None => policy.baseline.required,
                Some(_) => Required::Always,
            },
            is_further: against.is_some(),
            comparability: policy.comparability,
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
