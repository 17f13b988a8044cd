//! A checked policy: the content of a file in which every key and value is valid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;

use super::metric::{LimitKey, Metric};
use super::source::{SourceTemplate, Template};
use crate::input::Value;
use crate::selector::Identity;

/// A checked policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The path of the file, as it was given.
    pub path: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// The text of the file.
    pub text: Arc<str>,
    /// `entity/project`; `None` if the policy does not name it.
    pub project: Option<Template>,
    /// The attributes that hold the commit and the branch of runs.
    pub identity: Identity,
    /// The rule for which run is judged.
    pub candidate: CandidateRule,
    /// The rule for which run to compare with.
    pub baseline: BaselineRule,
    /// Further runs to compare with, by name.
    pub baselines: BTreeMap<String, FurtherBaseline>,
    /// How an incomplete run is treated.
    pub completeness: Completeness,
    /// What it means that the runs were not measured in the same way.
    pub comparability: Comparability,
    /// Whether runs with the status `failed` are judged too.
    pub accept_failed: bool,
    /// Whether `significant` limits on changes are corrected for each other.
    pub correction: Correction,
    /// How much the runs of an unchanged model differ; `None` if that is not known.
    pub noise: Option<Noise>,
    /// The inputs that stand for a row in reports, in this order; empty for the input that says most.
    pub show: Vec<String>,
    /// The gates; never empty.
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

    /// Whether any gate always needs rows.
    #[must_use]
    pub fn needs_rows(&self) -> bool {
        self.gates.iter().any(Gate::needs_rows)
    }

    /// Whether any gate measures cost.
    #[must_use]
    pub fn needs_costs(&self) -> bool {
        self.gates.iter().any(|gate| gate.metric.is_cost())
    }

    /// Whether any gate measures tokens or cost. The server needs extra time to add these up.
    #[must_use]
    pub fn needs_usage(&self) -> bool {
        self.gates.iter().any(|gate| gate.metric.is_usage())
    }
}

/// How much the runs of an unchanged model differ, as `calibrate` measured it.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// The day on which it was measured.
    pub measured: Date,
    /// The last day on which it is used without a warning.
    pub expires: Date,
    /// The number of runs that were measured.
    pub runs: u64,
    /// The degrees of freedom: the runs less one, summed over the groups of runs.
    pub df: u64,
    /// By dimension: the standard deviation between the means of runs that their rows do not explain, in the unit of the
    /// scorer.
    pub run_sd: BTreeMap<String, f64>,
}

/// The rule for which run is judged.
#[derive(Clone, Debug, Default)]
pub struct CandidateRule {
    /// The run; `None` if the policy does not name it.
    pub source: Option<SourceTemplate>,
    /// How several runs of one commit are treated.
    pub reruns: Reruns,
    /// The maximum time since it finished.
    pub max_age: Option<SignedDuration>,
}

/// How several candidate runs of one commit, evaluation and model are treated.
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
    /// Every word, in the order of the documentation.
    pub const ALL: [(&'static str, Self); 3] = [
        ("pool", Self::Pool),
        ("newest", Self::Newest),
        ("refuse", Self::Refuse),
    ];
}

/// How a run is treated if Weave does not have all of its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completeness {
    /// The run's checks are undecided.
    #[default]
    Undecided,
    /// A warning is reported. This is for teams that delete calls of a run on purpose.
    Warn,
}

/// What differences between how two runs were measured mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparability {
    /// A scorer was changed, added or removed.
    pub scorer: Consequence,
    /// The dataset has other rows.
    pub dataset: Consequence,
    /// Other models were served.
    pub served_model: Consequence,
}

impl Default for Comparability {
    fn default() -> Self {
        Self {
            scorer: Consequence::Undecided,
            dataset: Consequence::Note,
            served_model: Consequence::Warn,
        }
    }
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The checks that it affects are undecided.
    Undecided,
    /// It is a warning.
    Warn,
    /// It is a note.
    Note,
    /// It is not reported.
    Ignore,
}

impl Consequence {
    /// Every word, in the order of the documentation.
    pub const ALL: [(&'static str, Self); 4] = [
        ("undecided", Self::Undecided),
        ("warn", Self::Warn),
        ("note", Self::Note),
        ("ignore", Self::Ignore),
    ];
}

/// How change limits are treated if there is no baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Required {
    /// They are undecided.
    #[default]
    Always,
    /// They are skipped while no run of the evaluation matches the baseline's keys, for at most 14 days after the
    /// evaluation's first run. After that they are undecided.
    AfterFirst,
    /// They are skipped.
    Never,
}

/// The rule for the comparison with the baseline.
#[derive(Clone, Debug)]
pub struct BaselineRule {
    /// The run to compare with; `None` if the policy does not name it.
    pub source: Option<SourceTemplate>,
    /// How change limits are treated if there is no baseline.
    pub required: Required,
    /// The maximum time since it finished.
    pub max_age: Option<SignedDuration>,
    /// How a row of the baseline is treated that the candidate lacks.
    pub removed_rows: RemovedRows,
    /// The number of newest commits whose runs are pooled; at least 1.
    pub last: u64,
}

/// A further run to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherBaseline {
    /// The run.
    pub source: SourceTemplate,
    /// The maximum time since it finished.
    pub max_age: Option<SignedDuration>,
}

/// How a change treats a row of the baseline that the candidate lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovedRows {
    /// The candidate's trials of the row are missing scores.
    Missing,
    /// Only the common rows are compared.
    Ignore,
}

/// One entry of the policy: a subject, a metric, limits.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The gate's identity in every report; unique in its policy.
    pub name: String,
    /// The metric.
    pub metric: Metric,
    /// The dimensions or patterns of dimensions, each of which must match a dimension of the run. Empty if the metric is
    /// measured on the run itself.
    pub scorers: Vec<String>,
    /// The conditions that a row must meet, all of them; empty for all rows.
    pub conditions: Vec<Condition>,
    /// The input for whose values the gate makes separate checks.
    pub by: Option<String>,
    /// The input whose value the rows of one cluster share; `None` without clusters, or if no limit of the
    /// gate has an interval.
    pub cluster_by: Option<String>,
    /// The number of attempts that the metric is about; 1 if it is not about attempts.
    pub attempts: u64,
    /// The name of the further baseline that changes are measured from; `None` for `baseline`.
    pub against: Option<String>,
    /// The limits; never empty, in the order of [`LimitKey::ALL`].
    pub limits: Vec<Limit>,
    /// How missing scores are treated.
    pub missing: Missing,
    /// The evidence rule of its checks. [`Gate::evidence_of`] gives the rule of a single limit.
    pub evidence: Evidence,
    /// Whether `evidence` comes from the policy's `defaults` instead of the gate.
    pub inherits_evidence: bool,
    /// The one-sided confidence of `significant` and `proven`: above 0.5 and below 1.
    pub confidence: f64,
    /// The lowest and highest possible score, in the scorer's unit.
    pub range: Option<(f64, f64)>,
    /// Whether the gate can block.
    pub severity: Severity,
    /// The waiver; `None` if the gate is not waived.
    pub waive: Option<Waiver>,
}

impl Gate {
    /// Whether any of its limits always needs rows.
    #[must_use]
    pub fn needs_rows(&self) -> bool {
        self.limits.iter().any(|limit| self.needs_rows_for(*limit))
    }

    /// Whether this limit always needs rows.
    #[must_use]
    pub fn needs_rows_for(&self, limit: Limit) -> bool {
        self.evidence_of(limit) != Evidence::Observed
            || self.metric.compares()
            || self.metric.is_latency()
            || self.metric.takes_attempts()
            || self.is_sliced()
    }

    /// The evidence rule of a limit.
    #[must_use]
    pub fn evidence_of(&self, limit: Limit) -> Evidence {
        self.evidence.of_limit(limit, self.inherits_evidence)
    }

    /// Whether the gate selects a subset of the rows.
    #[must_use]
    pub fn is_sliced(&self) -> bool {
        !self.conditions.is_empty() || self.by.is_some()
    }

    /// Whether this limit needs a baseline.
    #[must_use]
    pub fn compares(&self, limit: Limit) -> bool {
        limit.key.is_change() || self.metric.compares()
    }

    /// The known dimensions that the gate is measured on.
    #[must_use]
    pub fn subjects<'a>(&self, known: &BTreeSet<&'a str>) -> Vec<&'a str> {
        let mut subjects = Vec::new();
        for scorer in &self.scorers {
            for subject in matching(scorer, known) {
                if !subjects.contains(&subject) {
                    subjects.push(subject);
                }
            }
        }
        subjects
    }

    /// Whether a name or pattern of the gate covers dimensions of this scorer, whether or not the scorer has any.
    #[must_use]
    pub fn covers(&self, scorer: &str) -> bool {
        let covers =
            |named: &String| covers(named, scorer) || covers(&sanitized(named), &sanitized(scorer));
        self.scorers.iter().any(covers)
    }
}

/// The known dimensions of a name or pattern: the one with that name, otherwise those that match the pattern.
#[must_use]
pub fn matching<'a>(scorer: &str, known: &BTreeSet<&'a str>) -> Vec<&'a str> {
    if let Some(name) = known.get(scorer) {
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

/// Whether a name or pattern covers dimensions of this scorer.
fn covers(named: &str, scorer: &str) -> bool {
    let matches = |pattern: &str, text: &str| {
        glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(text))
    };
    // A pattern covers `scorer.path` for some path if a start of it matches `scorer.`.
    let inside = format!("{scorer}.");
    let starts = named.char_indices().map(|(start, _)| start);
    let mut starts = starts.chain([named.len()]);
    is_of_scorer(named, scorer)
        || matches(named, scorer)
        || starts.any(|end| {
            named
                .get(..end)
                .is_some_and(|start| matches(start, &inside))
        })
}

/// Whether this is a dimension of the scorer: `scorer` itself or `scorer.path`. The SDK replaces signs and spaces in names
/// by `-`, in some versions only in one of the two, so these count as equal.
#[must_use]
pub fn is_of_scorer(dimension: &str, scorer: &str) -> bool {
    let rest = |dimension: &str, scorer: &str| {
        let rest = dimension.strip_prefix(scorer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    rest(dimension, scorer) || rest(&sanitized(dimension), &sanitized(scorer))
}

/// A name as the SDK writes it, with the signs of patterns.
fn sanitized(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() || "_.*?[]!".contains(c) {
            shown.push(c);
        } else if !shown.ends_with('-') {
            shown.push('-');
        }
    }
    shown.trim_matches('-').to_owned()
}

/// An input, and the values that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The input's name, or a dotted path to a nested input.
    pub input: String,
    /// The accepted values, of which a row must have one; never empty.
    pub any_of: Vec<Value>,
}

/// One limit of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// The kind of limit.
    pub key: LimitKey,
    /// The value of the limit: in the metric's unit, or a fraction if [`LimitKey::is_relative`].
    pub value: f64,
}

/// How a gate treats missing scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Missing {
    /// The rule.
    pub rule: MissingRule,
    /// The fraction of missing scores, 0 to 1, up to which they are ignored.
    pub tolerated: f64,
}

/// The words of `missing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingRule {
    /// The gate is judged with all missing scores at their worst, and with all at their best.
    Bound,
    /// Each missing score counts as the worst score.
    Fail,
    /// The gate is judged on the existing scores.
    Ignore,
}

/// How much evidence a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The measured value decides.
    Observed,
    /// A check fails only if the result is beyond what chance explains.
    Significant,
    /// A check is decided only if the whole confidence interval is on one side of the limit.
    Proven,
}

impl Evidence {
    /// Every rule, in the order of the documentation.
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

    /// The rule for one limit of a gate that has this rule. If `significant` is set in `defaults`, it applies to
    /// change limits only. If it is set in the gate, it applies to `min` and `max` as well.
    pub(super) fn of_limit(self, limit: Limit, is_inherited: bool) -> Self {
        if self == Self::Significant && is_inherited && !limit.key.is_change() {
            return Self::Observed;
        }
        self
    }
}

/// Whether the tests of one policy are corrected for each other.
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
    /// A failed or undecided check blocks.
    Block,
    /// A failed or undecided check is reported and does not block.
    Warn,
}

/// A waiver for a failed or undecided gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The last day of the waiver, in UTC.
    pub until: Date,
    /// The reason.
    pub reason: String,
}
