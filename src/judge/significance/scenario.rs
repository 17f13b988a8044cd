//! One scenario: the measured rows once every missing score has a value, and what the evidence rule decides.

use crate::judge::limit::{Precision, holds};
use crate::number::{TOLERANCE, count, nearest_count};
use crate::policy::{self, Gate, Limit};
use crate::stats::{Interval, Pairs, Rates, Sample, wilson, wilson_of_rate};

/// On fewer rows a t interval of no width shows nothing.
pub(in crate::judge) const FEWEST_FLAT: u64 = 10;
/// Deviations below this part of the numbers themselves are rounding.
const ROUNDING: f64 = 1e-9;
/// More rows than this are no advice.
const MOST_ROWS: u64 = 10_000_000;

/// What an evidence rule decides in one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleOutcome {
    /// The limit holds; under `significant`, the observed value is within it.
    Holds,
    /// It does not hold, and chance may have done it: `significant` passes.
    Noise,
    /// It does not hold.
    Broken,
    /// So few rows, or so alike, decide nothing.
    TooFew,
    /// The plausible values lie on both sides.
    Open,
}

/// A check's rows in one scenario.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Scenario {
    pub(in crate::judge) rows: u64,
    /// The size of the largest score.
    pub(in crate::judge) size: f64,
    /// The mean over rows; for a change of both runs.
    pub(in crate::judge) candidate: f64,
    pub(in crate::judge) baseline: f64,
    pub(in crate::judge) method: IntervalMethod,
}

/// What an interval is computed of.
#[derive(Clone, Debug)]
pub(in crate::judge) enum IntervalMethod {
    /// A rate, one trial a row: Wilson.
    Rate { passed: u64, rows: u64 },
    /// A change of a rate, one trial a row: Newcombe.
    Pairs(Pairs),
    /// A rate that is the same in every row, of several trials each: Wilson, as of as many rows with one trial.
    SameRate { rate: f64, rows: u64 },
    /// A change of such rates: Newcombe, as of as many rows with one trial.
    SameRates(Rates),
    /// Means of rows, or their differences: Student.
    Means {
        sample: Sample,
        /// Whether all rows are alike, so that the interval has no width.
        is_flat: bool,
    },
}

/// Whether rows are alike, but for rounding.
pub(in crate::judge) fn is_flat(deviation: f64, scale: f64) -> bool {
    deviation <= ROUNDING * scale
}

impl IntervalMethod {
    /// The interval of plausible values; `None` of fewer than two rows, or where numbers are too large to tell.
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

    /// How likely such a change is where nothing changed, by inverting that interval.
    fn p(&self, drop: bool) -> Option<f64> {
        match self {
            Self::Rate { .. } | Self::SameRate { .. } => None,
            Self::Pairs(pairs) => (pairs.rows() >= 2).then(|| pairs.p(drop)),
            Self::SameRates(rates) => (rates.rows >= 2).then(|| rates.p(drop)),
            Self::Means { sample, .. } => sample.p(drop),
        }
    }

    /// The same with another number of rows of the same kind.
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

/// A count's part of so many rows.
fn scaled(part: u64, of: u64, to: u64) -> u64 {
    nearest_count(count(part) / count(of) * count(to))
}

impl Scenario {
    /// Whether its t interval has no width.
    fn is_flat(&self) -> bool {
        matches!(self.method, IntervalMethod::Means { is_flat: true, .. })
    }

    /// Whether its rows are few, and so alike that they show nothing.
    pub(in crate::judge) fn shows_nothing(&self) -> bool {
        self.is_flat() && self.rows < FEWEST_FLAT
    }

    pub(in crate::judge) fn interval(&self, confidence: f64) -> Option<Interval> {
        self.method.interval(confidence)
    }

    /// Of changes only, and of those that can be tested.
    pub(in crate::judge) fn p(&self, limit: Limit) -> Option<f64> {
        let tests = limit.key.is_change() && !self.shows_nothing();
        tests
            .then(|| self.method.p(limit.key.wants_high()))
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

    /// Rows that regressed and rows that were fixed, where each has one trial.
    pub(in crate::judge) fn discordant(&self) -> Option<(u64, u64)> {
        match &self.method {
            IntervalMethod::Pairs(pairs) => Some((pairs.regressed, pairs.fixed)),
            IntervalMethod::Rate { .. }
            | IntervalMethod::SameRate { .. }
            | IntervalMethod::SameRates(_)
            | IntervalMethod::Means { .. } => None,
        }
    }

    /// What a gate's rule says.
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

    /// Whether the limit holds at an end of the interval. A change is looked at from the baseline, a value from
    /// nowhere.
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

    /// The smallest change that so many rows could have shown.
    pub(in crate::judge) fn resolution(&self, limit: Limit, confidence: f64) -> Option<f64> {
        match &self.method {
            IntervalMethod::Rate { .. } | IntervalMethod::SameRate { .. } => None,
            _ if !limit.key.is_change() => None,
            IntervalMethod::Pairs(pairs) => resolution(pairs, confidence, limit.key.wants_high()),
            IntervalMethod::SameRates(_) | IntervalMethod::Means { .. } => {
                let interval = self.interval(confidence)?;
                Some((interval.high - interval.low) / 2.0)
            }
        }
    }

    /// About how many rows of this kind would put the whole interval on one side of the limit; `None` where no
    /// number would that anybody can have.
    pub(in crate::judge) fn rows_needed(&self, limit: Limit, confidence: f64) -> Option<u64> {
        let decides = |rows: u64| {
            let interval = self.method.scaled(rows).interval(confidence);
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

/// The smallest net number of rows, as a rate, that would have been significant if they had turned one way, besides the
/// rows that turned both ways here; `None` where not even all of them would.
pub(in crate::judge) fn resolution(found: &Pairs, confidence: f64, drop: bool) -> Option<f64> {
    let rows = found.rows();
    // As many rows turned each way as the smaller of both numbers says, and more in one direction.
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
        let interval = table(net).interval(confidence);
        if drop {
            interval.high < 0.0
        } else {
            interval.low > 0.0
        }
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
