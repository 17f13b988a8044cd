//! From counts and sums to a measured value, with the ends that missing scores leave open.

use crate::evidence::{Dimension, Flaw, Run, Totals};
use crate::number::{TOLERANCE, count, nearest_count};
use crate::policy::{Gate, Metric, MissingRule, Unit};

/// What a metric is on some trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// The value on the scores there are; `None` where these do not tell one value.
    pub observed: Option<f64>,
    /// The value with every missing score at its lowest.
    pub low: f64,
    /// The value with every missing score at its highest.
    pub high: f64,
    /// Trials that have the score.
    pub scored: u64,
    /// All trials, those of removed rows included.
    pub trials: u64,
    /// Whether scores are missing that were left out.
    pub ignores: bool,
    /// Whether the value is a count, or a ratio of two: exact in floating point.
    pub exact: bool,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lack {
    /// No trial has a score in the dimension.
    NoScores,
    /// It has scores, and not of the kind that the metric needs; these metrics can be had.
    NotAvailable(Vec<&'static str>),
    /// The scores' mean lies outside the gate's range.
    OutOfRange(f64),
    /// The counts cannot be used.
    Flawed(Flaw),
    /// No trial reports tokens, or none is priced.
    NoUsage,
}

/// What is measured: some trials of a run.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) run: &'a Run,
    pub(super) totals: &'a Totals,
    /// The rows of these trials.
    pub(super) rows: u64,
    /// Trials that are not there at all: those of removed rows.
    pub(super) absent: f64,
}

impl Sample<'_> {
    /// Measures a gate's metric; `dimension` is the name of its subject, if it has one.
    pub(super) fn measure(&self, gate: &Gate, dimension: Option<&str>) -> Result<Measure, Lack> {
        match gate.metric {
            Metric::PassRate
            | Metric::RegressedRows
            | Metric::FixedRows
            | Metric::NumericMean
            | Metric::Coverage => {
                let known = dimension.and_then(|name| self.totals.dimensions.get(name));
                let known = known.ok_or(Lack::NoScores)?;
                if let Some(flaw) = known.flaw {
                    return Err(Lack::Flawed(flaw));
                }
                match gate.metric {
                    // Of rows that turned this is what they turned from and to.
                    Metric::PassRate | Metric::RegressedRows | Metric::FixedRows => {
                        self.pass_rate(gate, known)
                    }
                    Metric::NumericMean => self.numeric_mean(gate, known),
                    _ => Ok(self.fraction(known.scored, count(known.scored), count(known.scored))),
                }
            }
            // Counts and sums tell nothing of it; see `latency`.
            Metric::LatencyMean | Metric::LatencyP50 | Metric::LatencyP95 | Metric::LatencyP99 => {
                Err(Lack::NoUsage)
            }
            Metric::Trials => Ok(self.whole(self.totals.trials)),
            Metric::Rows => Ok(self.whole(self.rows)),
            Metric::ErrorRate => Ok(self.error_rate()),
            Metric::TokensTotal | Metric::TokensMean | Metric::CostTotal | Metric::CostMean => {
                self.usage(gate)
            }
        }
    }

    /// All trials, those of removed rows included.
    fn trials(&self) -> f64 {
        count(self.totals.trials) + self.absent
    }

    fn whole(&self, things: u64) -> Measure {
        let value = count(things);
        Measure {
            observed: Some(value),
            low: value,
            high: value,
            scored: self.totals.trials,
            trials: self.totals.trials,
            ignores: false,
            exact: true,
        }
    }

    /// Between two counts over all trials.
    fn fraction(&self, scored: u64, low: f64, high: f64) -> Measure {
        let trials = self.trials();
        let (low, high) = (low / trials, high / trials);
        Measure {
            observed: (low == high).then_some(low),
            low,
            high,
            scored,
            trials: nearest_count(trials),
            ignores: false,
            // A part of a trial is an estimate: of how many trials removed rows would have had.
            exact: trials.fract() == 0.0,
        }
    }

    fn pass_rate(&self, gate: &Gate, known: &Dimension) -> Result<Measure, Lack> {
        if known.judged == 0 {
            return Err(unavailable(known));
        }
        let (passed, judged, trials) = (count(known.passed), count(known.judged), self.trials());
        let observed = passed / judged;
        let missing = trials - judged;
        let ignores = leaves_out(gate, missing, trials);
        let (low, high) = if ignores || missing == 0.0 {
            (observed, observed)
        } else {
            (passed / trials, (passed + missing) / trials)
        };
        Ok(Measure {
            observed: Some(observed),
            low,
            high,
            scored: known.judged,
            trials: nearest_count(trials),
            ignores,
            exact: trials.fract() == 0.0,
        })
    }

    fn numeric_mean(&self, gate: &Gate, known: &Dimension) -> Result<Measure, Lack> {
        let mean = known
            .mean
            .filter(|_| known.measured > 0)
            .ok_or_else(|| unavailable(known))?;
        let (worst, best) = gate.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        if mean < worst - TOLERANCE || mean > best + TOLERANCE {
            return Err(Lack::OutOfRange(mean));
        }
        let (measured, trials) = (count(known.measured), self.trials());
        let missing = trials - measured;
        let with = |each: f64| (mean * measured + missing * each) / trials;
        let ignores = leaves_out(gate, missing, trials);
        let (low, high) = if ignores || missing == 0.0 {
            (mean, mean)
        } else {
            (with(worst), with(best))
        };
        Ok(Measure {
            observed: Some(mean),
            low,
            high,
            scored: known.measured,
            trials: nearest_count(trials),
            ignores,
            exact: false,
        })
    }

    /// A summary says how many trials each dimension scored, not which: so between two counts. Rows tell.
    fn error_rate(&self) -> Measure {
        let (least, most) = self.totals.unscored();
        let scored = self.totals.trials - most;
        self.fraction(
            scored,
            count(least) + self.absent,
            count(most) + self.absent,
        )
    }

    /// Tokens or cost. A trial that reports none, or has no price, may have used something that nobody knows
    /// of, from nothing upwards. A summary does not tell these trials; then it is those without any score.
    fn usage(&self, gate: &Gate) -> Result<Measure, Lack> {
        let usage = self.totals.usage.ok_or(Lack::NoUsage)?;
        let is_tokens = gate.metric.unit() == Unit::Tokens;
        let (total, reporting) = if is_tokens {
            (usage.tokens.map(count), usage.reported)
        } else {
            (usage.cost, usage.priced)
        };
        let total = total.ok_or(Lack::NoUsage)?;
        let scored = reporting.unwrap_or_else(|| self.totals.trials - self.totals.unscored().1);
        let (trials, known) = (self.trials(), count(scored));
        let missing = trials - known;
        let is_mean = matches!(gate.metric, Metric::TokensMean | Metric::CostMean);
        if is_mean && known == 0.0 {
            return Err(Lack::NoUsage);
        }
        let over = |trials: f64| if is_mean { total / trials } else { total };
        let observed = over(known);
        let ignores = leaves_out(gate, missing, trials);
        let (low, high) = if ignores || missing == 0.0 {
            (observed, observed)
        } else {
            (over(trials), f64::INFINITY)
        };
        Ok(Measure {
            observed: Some(observed),
            low,
            high,
            scored,
            trials: nearest_count(trials),
            ignores,
            exact: is_tokens,
        })
    }
}

impl Measure {
    /// What a rate was divided by: all trials, or those with a score where the others were left out.
    pub(super) fn denominator(&self) -> u64 {
        if self.ignores {
            self.scored
        } else {
            self.trials
        }
    }

    /// Whether missing scores leave the value open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.low != self.high
    }

    /// Whether missing scores leave it without any end.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        self.low.is_infinite() || self.high.is_infinite()
    }
}

/// Whether there are missing scores that are left out: the gate says so, or they are few enough.
fn leaves_out(gate: &Gate, missing: f64, trials: f64) -> bool {
    let ignores = gate.missing.rule == MissingRule::Ignore;
    missing > 0.0 && (ignores || missing / trials <= gate.missing.tolerated)
}

fn unavailable(known: &Dimension) -> Lack {
    if known.scored == 0 {
        Lack::NoScores
    } else {
        Lack::NotAvailable(known.metrics())
    }
}
