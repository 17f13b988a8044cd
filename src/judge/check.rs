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
    /// Whether it is a check of the base of the policy, and not of the policy itself.
    pub is_of_base: bool,
    /// The dimension; `None` if the metric is measured on the run itself.
    pub subject: Option<String>,
    /// The slice of rows that is checked; `None` for all rows.
    pub slice: Option<Slice>,
    /// The metric.
    pub metric: Metric,
    /// The number of attempts that the metric is about; 1 if it is not about attempts.
    pub attempts: u64,
    /// The name of the further baseline that its gate compares with; `None` for `baseline`.
    pub against: Option<String>,
    /// The limit.
    pub limit: Limit,
    /// The evidence rule.
    pub evidence: policy::Evidence,
    /// Whether its gate can block.
    pub severity: Severity,
    /// Whether its gate is waived today, whatever the result is.
    pub excused: bool,
    /// The result.
    pub status: Status,
    /// Why it has this status.
    pub reason: Reason,
    /// The distance from the limit; `None` if it cannot be counted in rows or trials.
    pub margin: Option<Margin>,
    /// The confidence interval and the test; `None` if its evidence rule needs none.
    pub chance: Option<TestResult>,
    /// The baseline's value; `None` unless the limit is on the change.
    pub baseline: Option<Measure>,
    /// The candidate's value: over all its rows, or over the compared rows if the limit is on the change.
    pub candidate: Option<Measure>,
    /// The value of each run of the candidate's commit alone, the newest first; empty if there is only one run.
    pub runs: Vec<RunValue>,
}

/// The value of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunValue {
    /// The run's id.
    pub id: String,
    /// The value on the existing scores; `None` if it cannot be measured.
    pub value: Option<f64>,
}

/// The distance of a rate from its limit, in rows or trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// If the limit holds: how many could turn against the candidate before it is broken. If the limit is broken: how
    /// many would have to turn in the candidate's favour for it to hold.
    pub count: u64,
    /// `row` if each row has one trial, otherwise `trial`.
    pub thing: &'static str,
}

/// The status of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The limit holds.
    Pass,
    /// The limit does not hold.
    Fail,
    /// The evidence does not decide whether the limit holds.
    Undecided,
    /// The check fails or is undecided, and its gate is waived until a date.
    Waived,
    /// The check needs a baseline, no baseline exists, and the policy does not require one.
    Skipped,
}

impl Check {
    /// The id of the check. It is unique in the policy and the same in every report.
    #[must_use]
    pub fn id(&self) -> String {
        let slice = self.slice.as_ref().map(ToString::to_string);
        let parts = [Some(self.gate.clone()), self.subject.clone(), slice];
        // The separators are escaped inside the parts.
        let parts = parts
            .into_iter()
            .flatten()
            .map(|part| part.replace(" //", " ///").replace(" / ", " // "));
        let limit = self.limit.key.word().to_owned();
        parts.chain([limit]).collect::<Vec<_>>().join(" / ")
    }

    /// The finding that left the check undecided or skipped; `None` if no finding did.
    #[must_use]
    pub const fn finding(&self) -> Option<Name> {
        self.reason.finding()
    }

    /// Whether the check prevents the verdict `passed`.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Block && matches!(self.status, Status::Fail | Status::Undecided)
    }

    /// The rounding tolerance of the limit, in the metric's unit: a computed value may be beyond the limit by this
    /// much and still meet it.
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

    /// The change, candidate − baseline, on the existing scores and in the metric's unit.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        Some(self.candidate?.observed? - self.baseline?.observed?)
    }
}
