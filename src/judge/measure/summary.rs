//! Measures a metric from the counts and sums of a summary, with bounds for missing scores.

use crate::evidence::{Dimension, Flaw, Run, Totals};
use crate::judge::limit::Precision;
use crate::judge::measure::value::Measure;
use crate::number::{TOLERANCE, count};
use crate::policy::{Aggregate, Counted, Gate, Kind, MissingRule};

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::judge) enum Unmeasurable {
    /// No trial has a score in the dimension.
    NoScores,
    /// The dimension has scores, but not of the kind that the metric needs. These metrics are available.
    NotAvailable {
        /// The metrics that the dimension has.
        available: Vec<&'static str>,
        /// Whether all of its scores are text.
        is_text: bool,
    },
    /// No row has as many trials with a score as the metric has attempts.
    TooFewTrials,
    /// The scores' mean lies outside the gate's range.
    OutOfRange(f64),
    /// The counts of the dimension cannot be used.
    Flawed(Flaw),
    /// No trial reports tokens, or no trial has a price.
    NoUsage,
    /// No trial has a call of the model itself.
    NoPredictCall,
}

/// The rows of a run to measure. For every metric except sums, each row has one trial.
#[derive(Clone, Copy)]
pub(in crate::judge) struct Sample<'a> {
    pub(in crate::judge) run: &'a Run,
    pub(in crate::judge) totals: &'a Totals,
    /// The number of removed rows, each of which counts as one trial.
    pub(in crate::judge) removed: u64,
    /// Whether text is a score of the dimension.
    pub(in crate::judge) text_counts: bool,
}

impl Sample<'_> {
    /// Measures a gate's metric. `dimension` is the name of its subject, if it has one.
    pub(in crate::judge) fn measure(
        &self,
        gate: &Gate,
        dimension: Option<&str>,
    ) -> Result<Measure, Unmeasurable> {
        if let Aggregate::Count(what) = gate.metric.aggregate() {
            return Ok(self.count(what));
        }
        let known = |kind| self.known(kind, dimension);
        match gate.metric.column() {
            // For changed rows this is the pass rate of the run.
            Some(kind @ Kind::Truth) => Ok(self.pass_rate(gate, known(kind)?)),
            Some(kind @ Kind::Number) => self.numeric_mean(gate, known(kind)?),
            Some(kind @ Kind::Scored) => {
                let covered = known(kind)?.covered(self.text_counts);
                Ok(self.fraction(covered, covered, covered))
            }
            Some(Kind::Anything) => Ok(self.error_rate()),
            Some(Kind::Tokens | Kind::Cost) => self.usage(gate),
            // A summary has no latencies; `by_row` measures them.
            Some(Kind::Latency | Kind::Elapsed) | None => Err(Unmeasurable::NoUsage),
        }
    }

    /// The dimension, if it has scores of this kind.
    fn known(&self, kind: Kind, dimension: Option<&str>) -> Result<&Dimension, Unmeasurable> {
        let known = dimension.and_then(|name| self.totals.dimensions.get(name));
        let known = known.ok_or(Unmeasurable::NoScores)?;
        if let Some(flaw) = known.flaw {
            return Err(Unmeasurable::Flawed(flaw));
        }
        let has_it = match kind {
            Kind::Number => known.mean.is_some() && known.measured > 0,
            Kind::Scored => known.covered(self.text_counts) > 0,
            Kind::Truth => known.judged > 0,
            Kind::Anything | Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost => false,
        };
        match (has_it, kind, known.scored) {
            (true, ..) => Ok(known),
            (false, Kind::Scored, _) | (false, _, 0) => Err(Unmeasurable::NoScores),
            _ => Err(Unmeasurable::NotAvailable {
                available: known.metrics(),
                is_text: known.judged == 0 && known.measured == 0,
            }),
        }
    }

    /// The number of trials, with one for each removed row.
    fn trials(&self) -> u64 {
        self.totals.trials + self.removed
    }

    fn rows(&self) -> u64 {
        self.totals.rows + self.removed
    }

    /// The number of rows or trials.
    pub(in crate::judge) fn count(&self, what: Counted) -> Measure {
        let value = count(match what {
            Counted::Rows => self.totals.rows,
            Counted::Trials => self.totals.trials,
        });
        Measure {
            observed: Some(value),
            low: value,
            high: value,
            scored: self.totals.trials,
            trials: self.totals.trials,
            rows: self.totals.rows,
            ignores: false,
            exact: true,
            size: 0.0,
            steps: None,
        }
    }

    /// A fraction of all trials whose numerator lies between two counts.
    fn fraction(&self, scored: u64, low: u64, high: u64) -> Measure {
        let trials = self.trials();
        let (low, high) = (count(low) / count(trials), count(high) / count(trials));
        Measure {
            observed: (low == high).then_some(low),
            low,
            high,
            scored,
            trials,
            rows: self.rows(),
            ignores: false,
            exact: true,
            size: 1.0,
            steps: Some(trials),
        }
    }

    fn pass_rate(&self, gate: &Gate, known: &Dimension) -> Measure {
        let (passed, judged, trials) = (known.passed, known.judged, self.trials());
        let observed = count(passed) / count(judged);
        let missing = trials - judged;
        let ignores = self.leaves_out(gate, missing);
        let mut measure = self.fraction(judged, passed, passed + missing);
        if ignores || missing == 0 {
            (measure.low, measure.high) = (observed, observed);
            measure.steps = Some(judged);
        }
        Measure {
            observed: Some(observed),
            ignores,
            ..measure
        }
    }

    fn numeric_mean(&self, gate: &Gate, known: &Dimension) -> Result<Measure, Unmeasurable> {
        let mean = known.mean.unwrap_or(f64::NAN);
        if gate.range.is_some_and(|range| is_outside(mean, range)) {
            return Err(Unmeasurable::OutOfRange(mean));
        }
        let (worst, best) = gate.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let trials = self.trials();
        let missing = trials - known.measured;
        let with =
            |each: f64| (mean * count(known.measured) + count(missing) * each) / count(trials);
        let ignores = self.leaves_out(gate, missing);
        let (low, high) = if ignores || missing == 0 {
            (mean, mean)
        } else {
            (with(worst), with(best))
        };
        Ok(Measure {
            observed: Some(mean),
            low,
            high,
            scored: known.measured,
            trials,
            rows: self.rows(),
            ignores,
            exact: false,
            // The mean is a lower bound of the size of the largest score.
            size: mean.abs(),
            steps: None,
        })
    }

    /// The error rate, which lies between two counts: a summary says how many trials each dimension scored, but not
    /// which ones. Only rows give the exact rate.
    fn error_rate(&self) -> Measure {
        let (least, most) = self.totals.unscored();
        let scored = self.totals.trials - most;
        self.fraction(scored, least + self.removed, most + self.removed)
    }

    /// Tokens or cost. A trial that reports no tokens or has no price may have used any amount from zero upwards. If
    /// the number of these trials is unknown, every trial may be one of them. Then the tokens may also include those
    /// of scorers, because Weave may not have found the predict call.
    fn usage(&self, gate: &Gate) -> Result<Measure, Unmeasurable> {
        let usage = self.totals.usage.ok_or(Unmeasurable::NoUsage)?;
        let is_tokens = !gate.metric.is_cost();
        let (total, reporting) = if is_tokens {
            (usage.tokens.map(count), usage.reported)
        } else {
            (usage.cost, usage.priced)
        };
        let total = total.ok_or(Unmeasurable::NoUsage)?;
        let trials = self.trials();
        let is_mean = gate.metric.aggregate() == Aggregate::RowMean;
        let over = |trials: u64| {
            if is_mean {
                total / count(trials)
            } else {
                total
            }
        };
        let missing = reporting.map(|known| trials.saturating_sub(known));
        if is_mean && reporting == Some(0) {
            return Err(Unmeasurable::NoUsage);
        }
        let ignores = missing.is_some_and(|missing| self.leaves_out(gate, missing));
        let observed = reporting.map(over);
        let (low, high) = match observed {
            Some(observed) if ignores || missing == Some(0) => (observed, observed),
            _ if is_tokens && reporting.is_none() => (0.0, f64::INFINITY),
            _ => (over(trials), f64::INFINITY),
        };
        Ok(Measure {
            observed,
            low,
            high,
            scored: reporting.unwrap_or(0),
            trials,
            rows: self.rows(),
            ignores,
            exact: is_tokens && !is_mean,
            size: 0.0,
            steps: None,
        })
    }

    fn leaves_out(&self, gate: &Gate, missing: u64) -> bool {
        let fraction = count(missing) / count(self.trials());
        missing > 0 && leaves_out(gate, fraction, true)
    }
}

/// Whether this fraction of missing scores is ignored: the gate ignores all, or they are few enough.
pub(in crate::judge) fn leaves_out(gate: &Gate, fraction: f64, exact: bool) -> bool {
    let slack = if exact {
        0.0
    } else {
        Precision::computed(1.0).slack(gate.missing.tolerated)
    };
    gate.missing.rule == MissingRule::Ignore || fraction <= gate.missing.tolerated + slack
}

/// Whether a number lies outside a range by more than a rounding error.
pub(in crate::judge) fn is_outside(value: f64, (low, high): (f64, f64)) -> bool {
    let slack = TOLERANCE * low.abs().max(high.abs());
    value < low - slack || value > high + slack
}
