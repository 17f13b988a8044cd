//! One scenario: the measured rows with a value for every missing score, and the decision of the evidence rule.

use crate::judge::limit::{Precision, holds};
use crate::number::{TOLERANCE, count, nearest_count};
use crate::policy::{self, Gate, Limit};
use crate::stats::{
    Interval, Pairs, Rates, RunComponent, Sample, normal_quantile, wilson, wilson_of_rate,
};

/// On fewer rows than this, a t interval of zero width shows nothing.
pub(in crate::judge) const FEWEST_FLAT: u64 = 10;
/// Deviations below this fraction of the numbers themselves are rounding errors.
pub(in crate::judge) const ROUNDING: f64 = 1e-9;
/// The probability with which a change is found.
const POWER: f64 = 0.8;
/// A larger number of rows is not suggested to the user.
const MOST_ROWS: u64 = 10_000_000;

/// The decision of an evidence rule in one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleOutcome {
    /// The limit holds. Under `significant`: the observed value meets the limit.
    Holds,
    /// The limit does not hold, but chance may explain it. `significant` then passes.
    Noise,
    /// The limit does not hold.
    Broken,
    /// There are too few rows, or the rows are too similar, to decide.
    TooFew,
    /// The confidence interval includes values on both sides of the limit.
    Open,
}

/// A check's rows in one scenario.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Scenario {
    /// The number of rows, or of clusters of rows.
    pub(in crate::judge) rows: u64,
    /// The size of the largest score.
    pub(in crate::judge) size: f64,
    /// The mean over rows. For a change: the means of both runs.
    pub(in crate::judge) candidate: f64,
    pub(in crate::judge) baseline: f64,
    pub(in crate::judge) method: IntervalMethod,
    /// What moves all rows of a run at once; `None` if it is not known or 0.
    pub(in crate::judge) component: Option<RunComponent>,
}

/// The method that an interval is computed with, and its input.
#[derive(Clone, Debug)]
pub(in crate::judge) enum IntervalMethod {
    /// A rate with one trial per row: Wilson's interval.
    Rate { passed: u64, rows: u64 },
    /// A change of a rate with one trial per row: Newcombe's interval.
    Pairs(Pairs),
    /// A rate that is the same in every row, with several trials per row: Wilson's interval of the same number of rows
    /// with one trial each.
    SameRate { rate: f64, rows: u64 },
    /// A change between two such rates: Newcombe's interval of the same number of rows with one trial each.
    SameRates(Rates),
    /// Means of rows, or their differences: Student's t interval.
    Means {
        sample: Sample,
        /// Whether all rows are equal, so that the interval has zero width.
        is_flat: bool,
    },
}

/// Whether rows are equal except for rounding errors.
pub(in crate::judge) fn is_flat(deviation: f64, scale: f64) -> bool {
    deviation <= ROUNDING * scale
}

impl IntervalMethod {
    /// The confidence interval; `None` if there are fewer than two rows or the numbers are too large to compute it.
    fn interval(&self, confidence: f64) -> Option<Interval> {
        match self {
            Self::Rate { passed, rows } => (*rows >= 2).then(|| wilson(*passed, *rows, confidence)),
            Self::Pairs(pairs) => (pairs.rows() >= 2).then(|| pairs.interval(confidence)),
            Self::SameRate { rate, rows } => {
                (*rows >= 2).then(|| wilson_of_rate(*rate, *rows, confidence))
            }
            Self::SameRates(rates) => (rates.rows >= 2).then(|| rates.interval(confidence)),
            Self::Means { sample, .. } => sample.interval(confidence),
        }
    }

    /// The value or the change that the interval is of.
    fn point(&self) -> f64 {
        match self {
            Self::Rate { passed, rows } => count(*passed) / count(*rows),
            Self::Pairs(pairs) => pairs.change(),
            Self::SameRate { rate, .. } => *rate,
            Self::SameRates(rates) => rates.ours - rates.theirs,
            Self::Means { sample, .. } => sample.mean,
        }
    }

    /// The same interval with the run component. An interval that never leaves the possible values does not leave them
    /// with it either.
    fn widened(&self, component: RunComponent, confidence: f64) -> Option<Interval> {
        let interval = component.widened(self.interval(confidence)?, self.point(), confidence);
        let (low, high) = match self {
            Self::Rate { .. } | Self::SameRate { .. } => (0.0, 1.0),
            Self::Pairs(_) | Self::SameRates(_) => (-1.0, 1.0),
            Self::Means { .. } => return Some(interval),
        };
        Some(Interval {
            low: interval.low.max(low),
            high: interval.high.min(high),
        })
    }

    /// The probability of such a change if nothing changed, by inverting that interval.
    fn p(&self, drop: bool, component: Option<RunComponent>) -> Option<f64> {
        match self {
            Self::Rate { .. } | Self::SameRate { .. } => None,
            Self::Pairs(pairs) => (pairs.rows() >= 2).then(|| pairs.p_with(drop, component)),
            Self::SameRates(rates) => (rates.rows >= 2).then(|| rates.p_with(drop, component)),
            Self::Means { sample, .. } => sample.p_with(drop, component),
        }
    }

    /// The same method with another number of similar rows.
    fn scaled(&self, to: u64) -> Self {
        match self {
            Self::Rate { passed, rows } => Self::Rate {
                passed: scaled(*passed, *rows, to),
                rows: to,
            },
            Self::Pairs(pairs) => {
                let part = |count| scaled(count, pairs.rows(), to);
                let (both, regressed, fixed) =
                    (part(pairs.both), part(pairs.regressed), part(pairs.fixed));
                Self::Pairs(Pairs {
                    both,
                    regressed,
                    fixed,
                    neither: to.saturating_sub(both + regressed + fixed),
                })
            }
            Self::SameRate { rate, .. } => Self::SameRate {
                rate: *rate,
                rows: to,
            },
            Self::SameRates(rates) => Self::SameRates(Rates { rows: to, ..*rates }),
            Self::Means { sample, is_flat } => Self::Means {
                sample: Sample {
                    rows: to,
                    ..*sample
                },
                is_flat: *is_flat,
            },
        }
    }
}

/// The count that the same fraction gives for another number of rows.
fn scaled(part: u64, of: u64, to: u64) -> u64 {
    nearest_count(count(part) / count(of) * count(to))
}

impl Scenario {
    /// Whether the t interval has zero width.
    fn is_flat(&self) -> bool {
        matches!(self.method, IntervalMethod::Means { is_flat: true, .. })
    }

    /// Whether the rows are too few and too similar to show anything.
    pub(in crate::judge) fn shows_nothing(&self) -> bool {
        self.is_flat() && self.rows < FEWEST_FLAT
    }

    pub(in crate::judge) fn interval(&self, confidence: f64) -> Option<Interval> {
        of_method(&self.method, self.component, confidence)
    }

    /// The one-sided p-value; `None` for a limit that is not on a change, and for a change that cannot be tested.
    pub(in crate::judge) fn p(&self, limit: Limit) -> Option<f64> {
        let tests = limit.key.is_change() && !self.shows_nothing();
        tests
            .then(|| self.method.p(limit.key.wants_high(), self.component))
            .flatten()
    }

    /// The value or the change.
    pub(in crate::judge) fn point(&self, limit: Limit) -> f64 {
        if limit.key.is_change() {
            self.candidate - self.baseline
        } else {
            self.candidate
        }
    }

    /// The numbers of regressed and of fixed rows; `None` unless each row has one trial.
    pub(in crate::judge) fn discordant(&self) -> Option<(u64, u64)> {
        match &self.method {
            IntervalMethod::Pairs(pairs) => Some((pairs.regressed, pairs.fixed)),
            IntervalMethod::Rate { .. }
            | IntervalMethod::SameRate { .. }
            | IntervalMethod::SameRates(_)
            | IntervalMethod::Means { .. } => None,
        }
    }

    /// The decision of the gate's evidence rule.
    pub(in crate::judge) fn judge(
        &self,
        gate: &Gate,
        limit: Limit,
        adjusted_p: Option<f64>,
    ) -> RuleOutcome {
        let Some(interval) = self.interval(gate.confidence) else {
            return RuleOutcome::TooFew;
        };
        let is_change = limit.key.is_change();
        let point = holds(limit, self.candidate, self.baseline, self.precision());
        let (Some(low), Some(high), Some(point)) = (
            self.at(limit, interval.low),
            self.at(limit, interval.high),
            point,
        ) else {
            return RuleOutcome::Open;
        };
        match gate.evidence_of(limit) {
            policy::Evidence::Significant => {
                let is_sure = if is_change {
                    adjusted_p.is_some_and(|p| p <= 1.0 - gate.confidence)
                } else {
                    !low && !high
                };
                match point {
                    true => RuleOutcome::Holds,
                    false if is_sure && !self.shows_nothing() => RuleOutcome::Broken,
                    false => RuleOutcome::Noise,
                }
            }
            policy::Evidence::Proven if self.is_flat() => RuleOutcome::TooFew,
            policy::Evidence::Proven | policy::Evidence::Observed => match (low, high) {
                (true, true) => RuleOutcome::Holds,
                (false, false) => RuleOutcome::Broken,
                _ => RuleOutcome::Open,
            },
        }
    }

    /// Whether the limit holds at an end of the interval. For a change, the end is added to the baseline.
    fn at(&self, limit: Limit, end: f64) -> Option<bool> {
        let candidate = if limit.key.is_change() {
            self.baseline + end
        } else {
            end
        };
        holds(limit, candidate, self.baseline, self.precision())
    }

    fn precision(&self) -> Precision {
        Precision::computed(self.size)
    }

    /// The smallest change that this number of rows could have detected.
    pub(in crate::judge) fn resolution(&self, limit: Limit, confidence: f64) -> Option<f64> {
        match &self.method {
            IntervalMethod::Rate { .. } | IntervalMethod::SameRate { .. } => None,
            _ if !limit.key.is_change() => None,
            IntervalMethod::Pairs(pairs) => {
                let drop = limit.key.wants_high();
                resolution(pairs, self.component, confidence, drop)
            }
            IntervalMethod::SameRates(_) | IntervalMethod::Means { .. } => {
                let interval = self.interval(confidence)?;
                Some((interval.high - interval.low) / 2.0)
            }
        }
    }

    /// The change that the evidence rule finds with a probability of 80 %, in the metric's unit, if these rows vary as
    /// they do here; `None` if the limit is not on a change, or if the rows show nothing.
    pub(in crate::judge) fn found(
        &self,
        limit: Limit,
        confidence: f64,
        rule: policy::Evidence,
    ) -> Option<f64> {
        if !limit.key.is_change() || self.is_flat() {
            return None;
        }
        let width = |interval: Interval| {
            if limit.key.wants_high() {
                interval.high - self.method.point()
            } else {
                self.method.point() - interval.low
            }
        };
        let of_rows = width(self.method.interval(confidence)?);
        let needed = width(self.interval(confidence)?);
        let allowed = if limit.key.is_relative() {
            limit.value * self.baseline.abs()
        } else {
            limit.value
        };
        let margin = match rule {
            policy::Evidence::Significant => allowed.max(needed),
            policy::Evidence::Proven | policy::Evidence::Observed => allowed + needed,
        };
        // The standard deviation of a measured change.
        let deviation = of_rows / normal_quantile(confidence);
        let runs = self.component.map_or(0.0, RunComponent::deviation);
        Some(margin + normal_quantile(POWER) * deviation.hypot(runs))
    }

    /// About how many rows of this kind would put the whole interval on one side of the limit; `None` if no realistic
    /// number would.
    pub(in crate::judge) fn rows_needed(&self, limit: Limit, confidence: f64) -> Option<u64> {
        let decides = |rows: u64| {
            let interval = of_method(&self.method.scaled(rows), self.component, confidence);
            let ends = interval.and_then(|interval| {
                self.at(limit, interval.low)
                    .zip(self.at(limit, interval.high))
            });
            ends.is_some_and(|(low, high)| low == high)
        };
        let is_on_limit = {
            let interval = Interval {
                low: self.point(limit) - TOLERANCE,
                high: self.point(limit) + TOLERANCE,
            };
            self.at(limit, interval.low) != self.at(limit, interval.high)
        };
        if is_on_limit || self.rows == 0 || !decides(MOST_ROWS) {
            return None;
        }
        let (mut too_few, mut enough) = (self.rows, MOST_ROWS);
        while enough > too_few + 1 {
            let middle = u64::midpoint(too_few, enough);
            if decides(middle) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        Some(enough)
    }
}

/// The interval of a method, with the run component if there is one.
fn of_method(
    method: &IntervalMethod,
    component: Option<RunComponent>,
    confidence: f64,
) -> Option<Interval> {
    match component {
        Some(component) => method.widened(component, confidence),
        None => method.interval(confidence),
    }
}

/// The smallest net number of changed rows, as a rate, that would have been significant, in addition to the rows that
/// changed in both directions here. `None` if even all rows would not be enough.
pub(in crate::judge) fn resolution(
    found: &Pairs,
    component: Option<RunComponent>,
    confidence: f64,
    drop: bool,
) -> Option<f64> {
    let rows = found.rows();
    // The smaller of both counts is taken as the number of rows that turn each way by chance. The change is added to
    // it.
    let noise = found.regressed.min(found.fixed);
    let rate_true = found.both + found.regressed;
    let table = |net: u64| {
        let (with, against) = (noise + net, noise);
        let (regressed, fixed) = if drop {
            (with, against)
        } else {
            (against, with)
        };
        let trues = rate_true.max(regressed).min(rows - fixed);
        Pairs {
            both: trues - regressed,
            regressed,
            fixed,
            neither: rows - trues - fixed,
        }
    };
    let shows = |net: u64| {
        let interval = of_method(&IntervalMethod::Pairs(table(net)), component, confidence);
        interval.is_some_and(|interval| {
            if drop {
                interval.high < 0.0
            } else {
                interval.low > 0.0
            }
        })
    };
    let most = rows.saturating_sub(2 * noise);
    if most == 0 || !shows(most) {
        return None;
    }
    let (mut below, mut enough) = (0, most);
    while enough - below > 1 {
        let middle = u64::midpoint(below, enough);
        if shows(middle) {
            enough = middle;
        } else {
            below = middle;
        }
    }
    Some(count(enough) / count(rows))
}
