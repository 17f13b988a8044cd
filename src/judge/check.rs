//! A judged check: one limit of one gate on one subject.

use crate::judge::limit::Pairing;
use crate::judge::measure::value::Measure;
use crate::judge::name::Name;
use crate::judge::reason::Reason;
use crate::judge::significance::test::TestResult;
use crate::judge::slice::Slice;
use crate::policy::{self, Limit, Metric, Severity};

/// One limit of one gate on one subject, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The gate's name.
    pub gate: String,
    /// The dimension; `None` where the metric is of the run itself.
    pub subject: Option<String>,
    /// The rows that it is about; `None` for all.
    pub slice: Option<Slice>,
    /// What was measured.
    pub metric: Metric,
    /// The further baseline that its gate compares with; `None` for `baseline`.
    pub against: Option<String>,
    /// What had to hold.
    pub limit: Limit,
    /// How much evidence it needs.
    pub evidence: policy::Evidence,
    /// Whether its gate can block.
    pub severity: Severity,
    /// Whether its gate is excused today, whatever came of it.
    pub excused: bool,
    /// What came of it.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// How far it is from the limit, where rows can tell.
    pub margin: Option<Margin>,
    /// The confidence interval and the test, where its evidence rule needs them.
    pub chance: Option<TestResult>,
    /// The baseline's value, where the limit is on the change.
    pub baseline: Option<Measure>,
    /// The candidate's value: over all its rows, or for a change over those of the comparison.
    pub candidate: Option<Measure>,
    /// What each run of the candidate's commit measures alone, the newest first; empty where it is a single one.
    pub runs: Vec<RunValue>,
}

/// What one run measures.
#[derive(Clone, Debug, PartialEq)]
pub struct RunValue {
    /// The run's id.
    pub id: String,
    /// The value on the scores there are; `None` where it cannot be measured.
    pub value: Option<f64>,
}

/// How far a rate is from its limit, in whole things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// How many could turn against the candidate before the limit is broken; or, where it is broken, how
    /// many would have to turn in its favour.
    pub count: u64,
    /// `row` where each row has one trial, else `trial`.
    pub thing: &'static str,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The limit holds.
    Pass,
    /// It does not.
    Fail,
    /// The evidence does not decide.
    Undecided,
    /// It fails or is undecided, and the policy excuses it until a date.
    Waived,
    /// It compares, there is no baseline, and the policy does not require one.
    Skipped,
}

impl Check {
    /// What tells it from every other check of its policy, and is the same in every report.
    #[must_use]
    pub fn id(&self) -> String {
        let slice = self.slice.as_ref().map(ToString::to_string);
        let parts = [Some(self.gate.clone()), self.subject.clone(), slice];
        // What parts them cannot stand in them.
        let parts = parts
            .into_iter()
            .flatten()
            .map(|part| part.replace(" //", " ///").replace(" / ", " // "));
        let limit = self.limit.key.word().to_owned();
        parts.chain([limit]).collect::<Vec<_>>().join(" / ")
    }

    /// The finding that left it undecided or skipped, if one did.
    #[must_use]
    pub const fn finding(&self) -> Option<Name> {
        self.reason.finding()
    }

    /// Whether it keeps the verdict from being passed.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Block && matches!(self.status, Status::Fail | Status::Undecided)
    }

    /// By how much a computed value may be beyond the limit and still meet it, in the metric's unit.
    #[must_use]
    pub fn rounding(&self) -> f64 {
        self.candidate.map_or(0.0, |candidate| {
            let pairing = Pairing {
                candidate,
                baseline: self.baseline,
                text_counts: false,
            };
            pairing.precision().slack(self.limit.value)
        })
    }

    /// Candidate − baseline, on the scores there are, in the metric's unit.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        Some(self.candidate?.observed? - self.baseline?.observed?)
    }
}
