//! From rows to worlds: what a check is measured on, with missing scores filled in every way that matters.

use super::chance::Trial;
use super::columns::column;
use super::comparability::Obstacle;
use super::limit::Pairing;
use super::measure::Measure;
use super::slice::Selection;
use super::world::{Basis, World};
use crate::evidence::{Role, Rows};
use crate::number::count;
use crate::policy::{self, Gate, Limit, Metric, RemovedRows};
use crate::stats::{Pairs, Sample, deviations};

/// What is looked at: a gate's column, and how missing scores and rows are taken.
pub(super) struct Question<'a> {
    pub(super) gate: &'a Gate,
    pub(super) limit: Limit,
    pub(super) subject: Option<&'a str>,
    pub(super) selection: &'a Selection,
    pub(super) removed_rows: RemovedRows,
    /// The measured values, which say whether missing scores are left out.
    pub(super) pairing: &'a Pairing,
}

impl Question<'_> {
    /// Looks at the rows in every world that matters.
    ///
    /// Where each row has one trial, these are the fillings at which all missing scores are at an end. A t
    /// interval depends on how far rows lie apart, too, and that is least or greatest somewhere in between: so
    /// it is judged with the worst mean and the best, each with the deviation at which it would fail, or hold,
    /// most easily. No filling lies outside of these.
    pub(super) fn ask(&self, rows: &Rows) -> Result<Trial, Obstacle> {
        let column = column(rows, self.gate.metric, self.subject)?;
        let high_is_good = self.limit.key.wants_high();
        let worst = self.means(rows, column, [!high_is_good, high_is_good]);
        let best = self.means(rows, column, [high_is_good, !high_is_good]);
        // A relative change depends on how large the baseline is, not on the change alone.
        let mut corners = vec![worst, best];
        if self.limit.key.is_relative() {
            corners.push(self.means(rows, column, [true, true]));
            corners.push(self.means(rows, column, [false, false]));
        }
        let one_trial = corners.iter().all(|means| means.one_trial);
        let mut worlds = corners.iter().map(|means| self.world(means, one_trial));
        let [Some(worst), Some(best)] = [worlds.next(), worlds.next()] else {
            return Err(super::columns::unknown_rows());
        };
        let others: Vec<World> = worlds.collect();
        let straddles = self.limit.key.is_relative() && {
            let all = [&worst, &best].into_iter().chain(&others);
            let (mut below, mut above) = (false, false);
            for world in all {
                below |= world.baseline < 0.0;
                above |= world.baseline > 0.0;
            }
            below && above
        };
        let is_open = corners
            .first()
            .zip(corners.get(1))
            .is_some_and(|(worst, best)| worst != best);
        if one_trial || !is_open {
            let mut prone = vec![worst.clone()];
            prone.extend(others.iter().cloned());
            prone.push(best);
            let mut immune = prone.clone();
            immune.reverse();
            return Ok(Trial::new(worst, prone, immune, is_open, straddles));
        }
        let Some((low, high)) = corners.first().zip(corners.get(1)) else {
            return Err(super::columns::unknown_rows());
        };
        let (prone, immune) = self.envelope(low, high, &worst, &best);
        Ok(Trial::new(worst, prone, immune, is_open, straddles))
    }

    /// The worlds between which every filling of missing scores lies, for means of rows.
    fn envelope(
        &self,
        worst_means: &Means,
        best_means: &Means,
        worst: &World,
        best: &World,
    ) -> (Vec<World>, Vec<World>) {
        let is_change = self.limit.key.is_change();
        let values = |means: &Means| means.values(is_change);
        let (one, other) = (values(worst_means), values(best_means));
        let (least, most) = deviations(&one, &other);
        let scale = worst_means.scale().max(best_means.scale());
        let rows = one.len() as u64;
        let is_proven = self.gate.evidence == policy::Evidence::Proven;
        // `proven` is told least easily where rows lie apart, `significant` where they are alike.
        let with = |world: &World, deviation: f64, baseline: f64, is_flat: bool| {
            let change = world.candidate - world.baseline;
            World {
                rows,
                candidate: baseline + change,
                baseline,
                basis: Basis::Means {
                    sample: Sample {
                        rows,
                        mean: if is_change { change } else { world.candidate },
                        deviation,
                    },
                    is_flat,
                    beside: Vec::new(),
                },
            }
        };
        // The change says it all, unless it is held against the baseline.
        let mut baselines = vec![worst.baseline];
        if self.limit.key.is_relative() {
            baselines.push(best.baseline);
        }
        let all = |world: &World, deviation, is_flat| -> Vec<World> {
            baselines
                .iter()
                .map(|baseline| with(world, deviation, *baseline, is_flat))
                .collect()
        };
        // Few rows that may be all alike prove nothing, and do not fail; that they fail all the same where
        // they are not quite alike may be, too.
        let is_flat = super::world::is_flat(least, scale);
        let mut prone = all(
            worst,
            if is_proven { most } else { least },
            is_proven && is_flat,
        );
        let mut immune = all(best, most, is_flat);
        if let Some(alike) = self.alike(&one, &other, scale) {
            let with_each = baselines.iter().map(|baseline| World {
                candidate: baseline + alike.candidate,
                baseline: *baseline,
                ..alike.clone()
            });
            prone.extend(with_each.clone());
            immune.extend(with_each);
        }
        (prone, immune)
    }

    /// A filling by which the rows of a rate are all alike, if there is one: they tell no more than as many rows of one
    /// trial would, and its interval is no narrower than that of any such filling.
    fn alike(&self, one: &[f64], other: &[f64], scale: f64) -> Option<World> {
        let ends = || one.iter().zip(other);
        let low = ends().fold(f64::NEG_INFINITY, |low, (a, b)| low.max(a.min(*b)));
        let high = ends().fold(f64::INFINITY, |high, (a, b)| high.min(a.max(*b)));
        if !self.is_rate() || !super::world::is_flat(low - high, scale) {
            return None;
        }
        let rows = one.len() as u64;
        let none = Pairs::default();
        let beside: Vec<Basis> = if self.limit.key.is_change() {
            let all = [
                (
                    low < 0.0,
                    Pairs {
                        regressed: rows,
                        ..none
                    },
                ),
                (true, Pairs { both: rows, ..none }),
                (
                    high > 0.0,
                    Pairs {
                        fixed: rows,
                        ..none
                    },
                ),
            ];
            let can_be = all.into_iter().filter(|(can_be, _)| *can_be);
            can_be.map(|(_, pairs)| Basis::Pairs(pairs)).collect()
        } else {
            let passed = [(low < 1.0, 0), (high > 0.0, rows)];
            let can_be = passed.into_iter().filter(|(can_be, _)| *can_be);
            can_be
                .map(|(_, passed)| Basis::Rate { passed, rows })
                .collect()
        };
        let mean = f64::midpoint(low, high);
        Some(World {
            rows,
            candidate: mean,
            baseline: 0.0,
            basis: Basis::Means {
                sample: Sample {
                    rows,
                    mean,
                    deviation: 0.0,
                },
                is_flat: true,
                beside,
            },
        })
    }

    /// Whether it is a fraction of trials, each of which counts or does not.
    fn is_rate(&self) -> bool {
        matches!(
            self.gate.metric,
            Metric::PassRate | Metric::Coverage | Metric::ErrorRate
        )
    }

    /// Counts rows that turned: that passed in one run and do not in the other. A row passes where all its
    /// trials do. In between lie the rows of which missing scores decide.
    pub(super) fn count(&self, rows: &Rows) -> Result<Measure, Obstacle> {
        let column = column(rows, self.gate.metric, self.subject)?;
        let regressed = self.gate.metric == Metric::RegressedRows;
        let turned = |high: bool| {
            let pairs = self.means(rows, column, [high, !high]).pairs();
            count(if regressed {
                pairs.regressed
            } else {
                pairs.fixed
            })
        };
        // Fewest regress where the candidate's missing scores are true, and the baseline's are not.
        let (low, high) = (turned(regressed), turned(!regressed));
        let candidate = &self.pairing.candidate;
        Ok(Measure {
            observed: (low == high).then_some(low),
            low,
            high,
            scored: candidate.scored,
            trials: candidate.trials,
            ignores: candidate.ignores,
            exact: true,
        })
    }

    /// The means of rows where the missing scores of the candidate and of the baseline are high, or low.
    fn means(&self, rows: &Rows, column: usize, high: [bool; 2]) -> Means {
        let (low_fill, high_fill) = self.ends();
        let fill = |high| if high { high_fill } else { low_fill };
        let ignores = |measure: Option<&Measure>| measure.is_some_and(|known| known.ignores);
        // Having any score at all is no error.
        let known = (self.gate.metric == Metric::ErrorRate).then_some(0.0);
        let [ours_high, theirs_high] = high;
        let ours = Side {
            known,
            role: Role::Candidate,
            fill: fill(ours_high),
            ignores: ignores(Some(&self.pairing.candidate)),
        };
        let theirs = Side {
            known,
            role: Role::Baseline,
            fill: fill(theirs_high),
            ignores: ignores(self.pairing.baseline.as_ref()),
        };
        let single = |side: &Side, row| rows.trials(side.role, row) <= 1;
        let mut means = Means {
            candidate: Vec::new(),
            baseline: Vec::new(),
            one_trial: !matches!(self.gate.metric, Metric::NumericMean | Metric::LatencyMean),
        };
        for row in (0..rows.len()).filter(|row| self.selection.has(rows, *row)) {
            if !self.gate.compares(self.limit) {
                if rows.trials(ours.role, row) > 0 {
                    means.one_trial &= single(&ours, row);
                    means.candidate.extend(ours.mean(rows, column, row));
                }
                continue;
            }
            if rows.trials(theirs.role, row) == 0 {
                continue;
            }
            let is_removed = rows.trials(ours.role, row) == 0;
            let leaves_out = self.removed_rows == RemovedRows::Ignore || ours.ignores;
            let mean = if is_removed && !leaves_out {
                Some(ours.fill)
            } else {
                ours.mean(rows, column, row)
            };
            if let (Some(ours_mean), Some(theirs_mean)) = (mean, theirs.mean(rows, column, row)) {
                means.one_trial &= single(&ours, row) && single(&theirs, row);
                means.candidate.push(ours_mean);
                means.baseline.push(theirs_mean);
            }
        }
        means
    }

    /// What a missing score is at its lowest and highest.
    fn ends(&self) -> (f64, f64) {
        match self.gate.metric {
            // A trial without a score is not covered, and an error, in every world.
            Metric::Coverage => (0.0, 0.0),
            Metric::NumericMean => self
                .gate
                .range
                .unwrap_or((f64::NEG_INFINITY, f64::INFINITY)),
            Metric::PassRate | Metric::RegressedRows | Metric::FixedRows => (0.0, 1.0),
            Metric::LatencyMean => (0.0, f64::INFINITY),
            _ => (1.0, 1.0),
        }
    }

    fn world(&self, means: &Means, one_trial: bool) -> World {
        let is_change = self.limit.key.is_change();
        let rows = means.candidate.len() as u64;
        let pairs = means.pairs();
        if one_trial {
            let rate = |passed: u64| count(passed) / count(rows);
            return World {
                rows,
                candidate: rate(trues(&means.candidate)),
                baseline: rate(trues(&means.baseline)),
                basis: if is_change {
                    Basis::Pairs(pairs)
                } else {
                    Basis::Rate {
                        passed: trues(&means.candidate),
                        rows,
                    }
                },
            };
        }
        let mean = |means| Sample::of(means).map_or(f64::NAN, |sample: Sample| sample.mean);
        let sample = Sample::of(&means.values(is_change));
        let is_flat =
            sample.is_some_and(|sample| super::world::is_flat(sample.deviation, means.scale()));
        // Rates of rows that are all alike tell no more than as many rows of one trial would.
        let beside = match (self.is_rate() && is_flat, is_change) {
            (false, _) => Vec::new(),
            (true, true) => vec![Basis::Pairs(pairs)],
            (true, false) => {
                let full = trues(&means.candidate);
                let some = means.candidate.iter().filter(|mean| **mean > 0.0).count() as u64;
                vec![
                    Basis::Rate { passed: full, rows },
                    Basis::Rate { passed: some, rows },
                ]
            }
        };
        World {
            rows,
            candidate: mean(&means.candidate),
            baseline: if is_change {
                mean(&means.baseline)
            } else {
                0.0
            },
            basis: Basis::Means {
                sample: sample.unwrap_or(Sample {
                    rows: 0,
                    mean: f64::NAN,
                    deviation: f64::NAN,
                }),
                is_flat,
                beside,
            },
        }
    }
}

/// The means of rows in one world: of a change those of both runs, row by row.
#[derive(PartialEq)]
struct Means {
    candidate: Vec<f64>,
    baseline: Vec<f64>,
    /// Whether each row has one trial, so that a truth value stays one.
    one_trial: bool,
}

impl Means {
    /// What is averaged: the differences of a change, or the values themselves.
    fn values(&self, is_change: bool) -> Vec<f64> {
        if !is_change {
            return self.candidate.clone();
        }
        let both = self.candidate.iter().zip(&self.baseline);
        both.map(|(ours, theirs)| ours - theirs).collect()
    }

    /// The size of the numbers, below which a difference is nothing but rounding.
    fn scale(&self) -> f64 {
        let all = self.candidate.iter().chain(&self.baseline);
        all.fold(0.0, |scale, value| scale.max(value.abs()))
    }

    fn pairs(&self) -> Pairs {
        let mut pairs = Pairs::default();
        for (ours, theirs) in self.candidate.iter().zip(&self.baseline) {
            *match (*ours == 1.0, *theirs == 1.0) {
                (true, true) => &mut pairs.both,
                (false, true) => &mut pairs.regressed,
                (true, false) => &mut pairs.fixed,
                (false, false) => &mut pairs.neither,
            } += 1;
        }
        pairs
    }
}

/// One run's part in a world.
struct Side {
    role: Role,
    /// What a score counts, whatever it is; `None` where it counts as it is.
    known: Option<f64>,
    /// What a missing score is.
    fill: f64,
    /// Whether missing scores are left out.
    ignores: bool,
}

impl Side {
    /// The mean of a row's trials; `None` where none is left.
    fn mean(&self, rows: &Rows, column: usize, row: usize) -> Option<f64> {
        let values = rows.values(self.role, column, row);
        let (mut sum, mut trials) = (0.0, 0_u64);
        for value in values {
            if !value.is_nan() {
                sum += self.known.unwrap_or(*value);
                trials += 1;
            } else if !self.ignores {
                sum += self.fill;
                trials += 1;
            }
        }
        (trials > 0).then(|| sum / count(trials))
    }
}

fn trues(means: &[f64]) -> u64 {
    means.iter().filter(|mean| **mean == 1.0).count() as u64
}
