//! A checked policy: what is left of a file once every key and value is known to be valid.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::Date;

use super::metric::{LimitKey, Metric};
use super::source::{SourceTemplate, Template};
use crate::input::Value;
use crate::selector::Identity;

/// A checked policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The file, as it was named.
    pub path: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// `entity/project`, where the policy names it.
    pub project: Option<Template>,
    /// The attributes that hold the commit and the branch of runs.
    pub identity: Identity,
    /// Which run is judged.
    pub candidate: CandidateRule,
    /// The run to compare with.
    pub baseline: BaselineRule,
    /// Further runs to compare with, by name.
    pub baselines: BTreeMap<String, FurtherBaseline>,
    /// What a run means of which calls are missing.
    pub completeness: Completeness,
    /// Whether a run whose status is `failed` is judged, too.
    pub accept_failed: bool,
    /// Whether `significant` limits on changes are corrected for each other.
    pub correction: Correction,
    /// What must hold; never empty.
    pub gates: Vec<Gate>,
}

impl Policy {
    /// Whether any limit compares with `baseline`, or with the further baseline of this name.
    #[must_use]
    pub fn compares(&self, against: Option<&str>) -> bool {
        let mut gates = self.gates.iter();
        gates.any(|gate| {
            gate.against.as_deref() == against
                && gate.limits.iter().any(|limit| gate.compares(*limit))
        })
    }

    /// The further baselines that a gate compares with.
    pub fn used_baselines(&self) -> impl Iterator<Item = (&str, &FurtherBaseline)> {
        let named = self.baselines.iter();
        named
            .map(|(name, baseline)| (name.as_str(), baseline))
            .filter(|(name, _)| self.compares(Some(name)))
    }

    /// Whether any gate has to see rows.
    #[must_use]
    pub fn needs_rows(&self) -> bool {
        self.gates.iter().any(Gate::needs_rows)
    }

    /// Whether any gate judges cost.
    #[must_use]
    pub fn needs_costs(&self) -> bool {
        self.gates.iter().any(|gate| gate.metric.is_cost())
    }

    /// Whether any gate judges tokens or cost, which cost the server extra work to sum up.
    #[must_use]
    pub fn needs_usage(&self) -> bool {
        self.gates.iter().any(|gate| gate.metric.is_usage())
    }
}

/// Which run a policy judges.
#[derive(Clone, Debug, Default)]
pub struct CandidateRule {
    /// The run, where the policy names it.
    pub source: Option<SourceTemplate>,
    /// What several runs of one commit mean.
    pub reruns: Reruns,
    /// How long ago it may have finished, at most.
    pub max_age: Option<SignedDuration>,
}

/// What several candidate runs of one commit, evaluation and model mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reruns {
    /// The trials of all of them count.
    #[default]
    Pool,
    /// Only the newest counts.
    Newest,
    /// Every check is undecided.
    Refuse,
}

impl Reruns {
    /// Every word, in the order of the documents.
    pub const ALL: [(&'static str, Self); 3] = [
        ("pool", Self::Pool),
        ("newest", Self::Newest),
        ("refuse", Self::Refuse),
    ];
}

/// What a run means of which calls are missing in Weave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completeness {
    /// Its checks are undecided.
    #[default]
    Undecided,
    /// A warning: calls of a run are deleted on purpose.
    Warn,
}

/// What a missing baseline means for the change limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Required {
    /// They are undecided.
    #[default]
    Always,
    /// They are skipped while no run of the evaluation matches the baseline's keys, and for at most 14 days after the
    /// evaluation's first run; then they are undecided.
    AfterFirst,
    /// They are skipped.
    Never,
}

/// How a policy compares.
#[derive(Clone, Debug)]
pub struct BaselineRule {
    /// The run to compare with, where the policy names it.
    pub source: Option<SourceTemplate>,
    /// What a missing baseline means.
    pub required: Required,
    /// How long ago it may have finished, at most.
    pub max_age: Option<SignedDuration>,
    /// What a row of the baseline that the candidate lacks means.
    pub removed_rows: RemovedRows,
}

/// A further run to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherBaseline {
    /// Which run it is.
    pub source: SourceTemplate,
    /// How long ago it may have finished, at most.
    pub max_age: Option<SignedDuration>,
}

/// What a row of the baseline that the candidate lacks means for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovedRows {
    /// Its candidate trials are missing scores.
    Missing,
    /// Only the common rows are compared.
    Ignore,
}

/// One entry of the policy: a subject, a metric, limits.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The gate's identity in every report; unique in its policy.
    pub name: String,
    /// What is measured.
    pub metric: Metric,
    /// The dimension, or a pattern of dimensions; `None` where the metric is of the run itself.
    pub scorer: Option<String>,
    /// Which rows it is about: those of which all of these are true, or all rows.
    pub conditions: Vec<Condition>,
    /// The input that makes a check of each of its values.
    pub by: Option<String>,
    /// The further baseline that changes are measured from; `None` for `baseline`.
    pub against: Option<String>,
    /// What must hold; never empty, in the order of [`LimitKey::ALL`].
    pub limits: Vec<Limit>,
    /// What missing scores mean.
    pub missing: Missing,
    /// How much evidence its checks need; of a single limit [`Gate::evidence_of`] tells it.
    pub evidence: Evidence,
    /// Whether `evidence` is taken from the policy's `defaults`, rather than written in the gate.
    pub inherits_evidence: bool,
    /// The confidence of `significant` and `proven`, one-sided: above 0.5 and below 1.
    pub confidence: f64,
    /// The lowest and highest possible score, in the scorer's unit.
    pub range: Option<(f64, f64)>,
    /// Whether the gate can block.
    pub severity: Severity,
    /// An excuse, until a date.
    pub waive: Option<Waiver>,
}

impl Gate {
    /// Whether any limit of it has to see rows.
    #[must_use]
    pub fn needs_rows(&self) -> bool {
        self.limits.iter().any(|limit| self.needs_rows_for(*limit))
    }

    /// Whether a limit of it has to see rows.
    #[must_use]
    pub fn needs_rows_for(&self, limit: Limit) -> bool {
        self.evidence_of(limit) != Evidence::Observed
            || self.metric.compares()
            || self.metric.is_latency()
            || self.is_sliced()
    }

    /// How much evidence a limit of it needs.
    #[must_use]
    pub fn evidence_of(&self, limit: Limit) -> Evidence {
        self.evidence.of_limit(limit, self.inherits_evidence)
    }

    /// Whether it is about some of the rows.
    #[must_use]
    pub fn is_sliced(&self) -> bool {
        !self.conditions.is_empty() || self.by.is_some()
    }

    /// Whether a limit of it needs a baseline.
    #[must_use]
    pub fn compares(&self, limit: Limit) -> bool {
        limit.key.is_change() || self.metric.compares()
    }

    /// The dimensions that it is measured on, of those that are known: the one of that name, else those
    /// that match the pattern.
    #[must_use]
    pub fn subjects<'a>(&self, known: &BTreeSet<&'a str>) -> Vec<&'a str> {
        let Some(scorer) = &self.scorer else {
            return Vec::new();
        };
        if let Some(name) = known.get(scorer.as_str()) {
            return vec![name];
        }
        let pattern = glob::Pattern::new(scorer).ok();
        let matches = |name: &&&str| {
            pattern
                .as_ref()
                .is_some_and(|pattern| pattern.matches(name))
        };
        known.iter().filter(matches).copied().collect()
    }
}

/// An input, and the values of it that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its name, or a dotted path to one within another.
    pub input: String,
    /// A row has one of these; never empty.
    pub any_of: Vec<Value>,
}

/// One limit of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Which limit.
    pub key: LimitKey,
    /// Its value: in the metric's unit, or a fraction where [`LimitKey::is_relative`].
    pub value: f64,
}

/// What missing scores mean to a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Missing {
    /// The rule.
    pub rule: MissingRule,
    /// The fraction of missing scores, 0 to 1, up to which they are ignored.
    pub tolerated: f64,
}

/// The three words of `missing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRule {
    /// Judged with all of them at their worst and all at their best.
    Bound,
    /// Each counts as the worst score.
    Fail,
    /// Judged on the scores there are.
    Ignore,
}

/// How much evidence a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The measured value decides.
    Observed,
    /// It fails only by more than chance explains.
    Significant,
    /// It is decided only where the whole interval of plausible values is on one side.
    Proven,
}

impl Evidence {
    /// Every rule, in the order of the documents.
    pub const ALL: [Self; 3] = [Self::Observed, Self::Significant, Self::Proven];

    /// The word in a policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Significant => "significant",
            Self::Proven => "proven",
        }
    }

    /// The rule of one limit of a gate that has this rule. `significant` in `defaults` governs change limits only;
    /// written in the gate it governs `min` and `max`, too.
    pub(super) fn of_limit(self, limit: Limit, is_inherited: bool) -> Self {
        if self == Self::Significant && is_inherited && !limit.key.is_change() {
            return Self::Observed;
        }
        self
    }
}

/// Whether tests of one policy are corrected for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// By Holm's method.
    Holm,
    /// Not at all.
    None,
}

/// Whether a gate can block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A fail or undecided check blocks.
    Block,
    /// It is reported, and does not block.
    Warn,
}

/// An excuse for a failing or undecided gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The last day, in UTC, on which it counts.
    pub until: Date,
    /// Why.
    pub reason: String,
}

/// Something wrong in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `gates[2] "tone": min`; empty for the whole file.
    pub place: String,
    /// What is wrong, and what was expected.
    pub message: String,
}
