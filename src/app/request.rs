//! The runs that a policy requests, as far as they are known before any request to Weave.

use std::collections::BTreeMap;

use crate::policy::{Completeness, Required, Reruns, Source, Unresolved};
use crate::project::Project;
use crate::selector::{Identity, Selector};

/// The evidence that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) project: Option<Project>,
    /// The attributes that hold the commit and the branch.
    pub(super) identity: Identity,
    pub(super) candidate: CandidateRequest,
    /// `None` if the candidate is not compared.
    pub(super) baseline: Option<BaselineRequest>,
    /// Further baselines, by name.
    pub(super) named: BTreeMap<String, BaselineRequest>,
    /// Whether failed runs are judged.
    pub(super) accept_failed: bool,
    /// Whether the baseline may be of another project than the candidate, as in a comparison without a policy.
    pub(super) spans_projects: bool,
}

impl Request {
    /// Whether a run must be read from Weave.
    pub(super) fn is_live(&self) -> bool {
        let is_live = |source: &Source| !matches!(source, Source::File(_));
        let mut baselines = self.baseline.iter().chain(self.named.values());
        is_live(&self.candidate.source) || baselines.any(|baseline| is_live(&baseline.source))
    }

    /// Returns the request for the same candidate and the baseline with this name; without a name, for `baseline`.
    pub(super) fn with_baseline(&self, name: Option<&str>) -> Self {
        let baseline = match name {
            None => self.baseline.as_ref(),
            Some(name) => self.named.get(name),
        };
        Self {
            baseline: baseline.cloned(),
            named: BTreeMap::new(),
            ..self.clone()
        }
    }
}

/// The run that is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CandidateRequest {
    pub(super) source: Source,
    /// Whether the command line names the run, so that it must be compared with the policy.
    pub(super) is_named: bool,
    /// What the policy's `candidate:` requires of the run.
    pub(super) expected: Selector,
    /// The other keys of `candidate:`, which cannot be compared.
    pub(super) unknown: Vec<Unresolved>,
    /// How its re-runs are treated; `None` if the run is used alone.
    pub(super) reruns: Option<Reruns>,
    /// Runs that the command line excludes, each with the reason.
    pub(super) excluded: Vec<(String, String)>,
    /// Whether a failed run is judged.
    pub(super) accept_failed: bool,
    /// Whether a run with missing calls is judged.
    pub(super) completeness: Completeness,
    /// Whether a CI system runs the check.
    pub(super) in_ci: bool,
}

impl CandidateRequest {
    /// Creates a request for one run, without its re-runs.
    pub(super) fn only(source: Source) -> Self {
        Self {
            source,
            is_named: false,
            expected: Selector::default(),
            unknown: Vec::new(),
            reruns: None,
            excluded: Vec::new(),
            accept_failed: true,
            completeness: Completeness::Undecided,
            in_ci: false,
        }
    }

    /// Whether a run with missing calls is judged.
    pub(super) fn accepts_incomplete(&self) -> bool {
        self.completeness == Completeness::Warn
    }

    /// Whether only the newest of several runs is judged.
    pub(super) fn is_newest_only(&self) -> bool {
        self.reruns == Some(Reruns::Newest)
    }
}

/// The run that the candidate is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaselineRequest {
    pub(super) source: Source,
    /// Its project, if it is not that of the request.
    pub(super) project: Option<Project>,
    /// Whether change limits are skipped if the evaluation is so new that it has no baseline.
    pub(super) is_after_first: bool,
    /// The number of newest commits whose runs are pooled; at least 1.
    pub(super) last: u64,
}

impl BaselineRequest {
    /// Creates a request for a baseline.
    pub(super) fn new(source: Source, required: Required) -> Self {
        Self {
            source,
            project: None,
            is_after_first: required == Required::AfterFirst,
            last: 1,
        }
    }

    /// Whether the baseline is requested by a model that is not the candidate's. Two models on one commit are a fair
    /// comparison.
    pub(super) fn names_other_model(&self, candidate: Option<&str>) -> bool {
        match &self.source {
            Source::Find(selector) => {
                let model = selector.model.as_deref();
                model.is_some() && model != candidate
            }
            Source::Run(_) | Source::File(_) => false,
        }
    }
}
