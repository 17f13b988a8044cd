//! What chance did: intervals and tests on rows, in the two worlds that missing scores leave open.
//!
//! The unit is the row: trials of a row are averaged first, and a change is measured on rows that both runs
//! have, each against itself. Where scores are missing a limit is judged in the world in which all of them are
//! at their worst for it, and in the one in which all are at their best.

use std::collections::BTreeSet;

use super::Measure;
use super::comparability::{Name, Obstacle};
use super::limit::{Pairing, holds};
use super::slice::Selection;
use crate::evidence::{Baseline, Column, Columns, Evidence, Input, Kind, Role, Rows, Totals};
use crate::number::{count, nearest_count};
use crate::policy::{self, Correction, Gate, Limit, Metric, MissingRule, Policy, RemovedRows};
use crate::prose::Prose;
use crate::stats::{Interval, Pairs, Sample, holm, wilson};

/// On fewer rows a t interval of no width shows nothing.
const FEWEST_FLAT: u64 = 10;

/// What a policy's gates have to see of the rows of these runs.
#[must_use]
pub fn columns(policy: &Policy, runs: &[&Totals]) -> Columns {
    let known: BTreeSet<&str> = runs
        .iter()
        .flat_map(|totals| totals.dimensions.keys().map(String::as_str))
        .collect();
    // Where the summaries tell how many trials have no score, rows need not.
    let is_open = |totals: &&Totals| {
        let (least, most) = totals.unscored();
        least != most
    };
    let errors_are_open = runs.iter().any(is_open);
    let mut columns = Columns::default();
    for gate in &policy.gates {
        let is_wanted = gate.needs_rows()
            || gate.metric.is_usage()
            || (gate.metric == Metric::ErrorRate && errors_are_open);
        if is_wanted {
            columns.add(of_gate(gate, &known));
        }
    }
    columns
}

/// What one gate has to see.
fn of_gate(gate: &Gate, known: &BTreeSet<&str>) -> Columns {
    let column = |name: &str, kind| Column {
        dimension: name.to_owned(),
        kind,
    };
    let scores = match kind(gate.metric) {
        None => Vec::new(),
        Some(kind @ (Kind::Anything | Kind::Latency | Kind::Tokens | Kind::Cost)) => {
            vec![column("", kind)]
        }
        Some(kind) => {
            let names = gate.subjects(known).into_iter();
            names.map(|name| column(name, kind)).collect()
        }
    };
    let named = gate.conditions.iter().map(|condition| Input {
        path: condition.input.clone(),
        named: condition.any_of.clone(),
    });
    let by = gate.by.iter().map(|path| Input {
        path: path.clone(),
        named: Vec::new(),
    });
    Columns {
        scores,
        inputs: named.chain(by).collect(),
    }
}

/// What a metric is made of; `None` where rows and trials are counted.
pub(super) fn kind(metric: Metric) -> Option<Kind> {
    Some(match metric {
        Metric::PassRate | Metric::RegressedRows | Metric::FixedRows => Kind::Truth,
        Metric::NumericMean => Kind::Number,
        Metric::Coverage => Kind::Scored,
        Metric::ErrorRate => Kind::Anything,
        Metric::LatencyMean | Metric::LatencyP50 | Metric::LatencyP95 | Metric::LatencyP99 => {
            Kind::Latency
        }
        Metric::TokensMean | Metric::TokensTotal => Kind::Tokens,
        Metric::CostMean | Metric::CostTotal => Kind::Cost,
        Metric::Trials | Metric::Rows => return None,
    })
}

/// The column that a metric of a subject is measured on.
fn column(rows: &Rows, metric: Metric, subject: Option<&str>) -> Result<usize, Obstacle> {
    kind(metric)
        .and_then(|kind| rows.column(subject.unwrap_or_default(), kind))
        .ok_or_else(unknown_rows)
}

/// What chance has to say of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Chance {
    /// The gate's rule.
    pub rule: policy::Evidence,
    /// The gate's confidence, one-sided.
    pub confidence: f64,
    /// Rows that it is measured on.
    pub rows: u64,
    /// Rows that were true in the baseline and are not in the candidate, and the other way round, where each has
    /// one trial.
    pub discordant: Option<(u64, u64)>,
    /// The value or the change, averaged over rows; with missing scores at their worst.
    pub point: f64,
    /// The plausible values of it, or of the change.
    pub interval: Interval,
    /// How likely such a change is where nothing changed, one-sided; of changes only.
    pub p: Option<f64>,
    /// The same, corrected for the other tests of the policy.
    pub adjusted_p: Option<f64>,
    /// The smallest change that so many rows could have shown.
    pub resolution: Option<f64>,
    /// How many rows it would take to decide, if they were like these.
    pub rows_needed: Option<u64>,
}

/// What a rule says of one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// The limit holds; or `significant` cannot say that it does not.
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

/// A check's rows in one world.
#[derive(Clone, Debug)]
struct World {
    rows: u64,
    /// Means over rows; for a change of both runs.
    candidate: f64,
    baseline: f64,
    discordant: Option<(u64, u64)>,
    interval: Option<Interval>,
    p: Option<f64>,
    resolution: Option<f64>,
    /// A t interval of no width.
    is_flat: bool,
}

/// A check in both worlds, and its p-values once they are corrected.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    worst: World,
    best: World,
    adjusted: Option<(f64, f64)>,
}

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
    /// Looks at the rows in both worlds.
    pub(super) fn ask(&self, rows: &Rows) -> Result<Trial, Obstacle> {
        let column = column(rows, self.gate.metric, self.subject)?;
        let high_is_good = self.limit.key.wants_high();
        Ok(Trial {
            worst: self.world(rows, column, !high_is_good),
            best: self.world(rows, column, high_is_good),
            adjusted: None,
        })
    }

    /// Counts rows that turned: that passed in one run and do not in the other. A row passes where all its
    /// trials do. In between lie the rows of which missing scores decide.
    pub(super) fn count(&self, rows: &Rows) -> Result<Measure, Obstacle> {
        let column = column(rows, self.gate.metric, self.subject)?;
        let regressed = self.gate.metric == Metric::RegressedRows;
        let turned = |high| {
            let means = self.means(rows, column, high);
            let pairs = pairs(&means.candidate, &means.baseline);
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

    /// The world in which the candidate's missing scores are high, or low; the baseline's are the other way.
    fn world(&self, rows: &Rows, column: usize, high: bool) -> World {
        let means = self.means(rows, column, high);
        if self.limit.key.is_change() {
            self.change(&means.candidate, &means.baseline, means.one_trial)
        } else {
            self.value(&means.candidate, means.one_trial)
        }
    }

    /// The means of rows in one world.
    fn means(&self, rows: &Rows, column: usize, high: bool) -> Means {
        let (low_fill, high_fill) = self.ends();
        let fill = |high| if high { high_fill } else { low_fill };
        let ignores = |measure: Option<&Measure>| measure.is_some_and(|known| known.ignores);
        // Having any score at all is no error.
        let known = (self.gate.metric == Metric::ErrorRate).then_some(0.0);
        let ours = Side {
            known,
            role: Role::Candidate,
            fill: fill(high),
            ignores: ignores(Some(&self.pairing.candidate)),
        };
        let theirs = Side {
            known,
            role: Role::Baseline,
            fill: fill(!high),
            ignores: ignores(self.pairing.baseline.as_ref()),
        };
        let single = |side: &Side, row| rows.trials(side.role, row) <= 1;
        let mut candidate = Vec::new();
        let mut baseline = Vec::new();
        let mut one_trial = !matches!(self.gate.metric, Metric::NumericMean | Metric::LatencyMean);
        for row in (0..rows.len()).filter(|row| self.selection.has(rows, *row)) {
            if !self.gate.compares(self.limit) {
                if rows.trials(ours.role, row) > 0 {
                    one_trial &= single(&ours, row);
                    candidate.extend(ours.mean(rows, column, row));
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
                one_trial &= single(&ours, row) && single(&theirs, row);
                candidate.push(ours_mean);
                baseline.push(theirs_mean);
            }
        }
        Means {
            candidate,
            baseline,
            one_trial,
        }
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

    fn value(&self, means: &[f64], one_trial: bool) -> World {
        let sample = Sample::of(means);
        let confidence = self.gate.confidence;
        let rows = means.len() as u64;
        let (interval, is_flat) = if one_trial {
            let interval = (rows >= 2).then(|| wilson(trues(means), rows, confidence));
            (interval, false)
        } else {
            let interval = sample.and_then(|sample| sample.interval(confidence));
            (interval, interval.is_some_and(Interval::is_point))
        };
        World {
            rows,
            candidate: if one_trial && rows > 0 {
                count(trues(means)) / count(rows)
            } else {
                sample.map_or(f64::NAN, |sample| sample.mean)
            },
            baseline: 0.0,
            discordant: None,
            interval,
            p: None,
            resolution: None,
            is_flat,
        }
    }

    fn change(&self, candidate: &[f64], baseline: &[f64], one_trial: bool) -> World {
        let confidence = self.gate.confidence;
        let drop = self.limit.key.wants_high();
        let rows = candidate.len() as u64;
        let mean = |means| Sample::of(means).map_or(f64::NAN, |sample: Sample| sample.mean);
        if one_trial {
            let pairs = pairs(candidate, baseline);
            let enough = rows >= 2;
            return World {
                rows,
                candidate: count(pairs.both + pairs.fixed) / count(rows),
                baseline: count(pairs.both + pairs.regressed) / count(rows),
                discordant: Some((pairs.regressed, pairs.fixed)),
                interval: enough.then(|| pairs.interval(confidence)),
                p: enough.then(|| pairs.p(drop)),
                resolution: enough
                    .then(|| resolution(&pairs, confidence, drop))
                    .flatten(),
                is_flat: false,
            };
        }
        let differences: Vec<f64> = candidate
            .iter()
            .zip(baseline)
            .map(|(ours, theirs)| ours - theirs)
            .collect();
        let sample = Sample::of(&differences);
        let interval = sample.and_then(|sample| sample.interval(confidence));
        World {
            rows,
            candidate: mean(candidate),
            baseline: mean(baseline),
            discordant: None,
            interval,
            p: sample.and_then(|sample| sample.p(drop)),
            resolution: interval.map(|interval| (interval.high - interval.low) / 2.0),
            is_flat: interval.is_some_and(Interval::is_point),
        }
    }
}

/// The means of rows in one world: of a change those of both runs, row by row.
struct Means {
    candidate: Vec<f64>,
    baseline: Vec<f64>,
    /// Whether each row has one trial, so that a truth value stays one.
    one_trial: bool,
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

fn pairs(candidate: &[f64], baseline: &[f64]) -> Pairs {
    let mut pairs = Pairs::default();
    for (ours, theirs) in candidate.iter().zip(baseline) {
        *match (*ours == 1.0, *theirs == 1.0) {
            (true, true) => &mut pairs.both,
            (false, true) => &mut pairs.regressed,
            (true, false) => &mut pairs.fixed,
            (false, false) => &mut pairs.neither,
        } += 1;
    }
    pairs
}

/// The smallest net number of rows, as a rate, that turned one way would have been significant, beside the
/// rows that turned both ways here; `None` where not even all of them would.
fn resolution(found: &Pairs, confidence: f64, drop: bool) -> Option<f64> {
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
        let middle = below + (enough - below) / 2;
        if shows(middle) {
            enough = middle;
        } else {
            below = middle;
        }
    }
    Some(count(enough) / count(rows))
}

/// Why rows cannot be looked at, where they cannot.
pub(super) fn obstacle(policy: &Policy, evidence: &Evidence) -> Option<Obstacle> {
    let Some(rows) = &evidence.rows else {
        return policy.needs_rows().then(unknown_rows);
    };
    let baseline = match &evidence.baseline {
        Baseline::Found(baseline, _) => Some((Role::Baseline, &baseline.totals, "baseline")),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let candidate = (Role::Candidate, &evidence.candidate.totals, "candidate");
    std::iter::once(candidate)
        .chain(baseline)
        .find_map(|(role, totals, word)| {
            let what = rows.disagree(role, totals)?;
            Some(Obstacle {
                name: Name::RowsDisagree,
                message: Prose::from(format!(
                    "the rows of the {word} are not what its summary says of "
                ))
                .name(what),
            })
        })
}

pub(super) fn unknown_rows() -> Obstacle {
    Obstacle {
        name: Name::RowsUnknown,
        message: Prose::from(
            "its evidence needs single rows, and a snapshot has none; take it with --rows, or compare the runs in Weave \
             itself",
        ),
    }
}

/// Corrects the p-values of all tests of a policy for each other: in the worst world of all of them, and in the
/// best.
pub(super) fn correct(trials: &mut [&mut Trial], correction: Correction) {
    let adjusted = |of: fn(&Trial) -> Option<f64>, trials: &[&mut Trial]| -> Vec<f64> {
        let p: Vec<f64> = trials
            .iter()
            .map(|trial| of(trial).unwrap_or(1.0))
            .collect();
        match correction {
            Correction::Holm => holm(&p),
            Correction::None => p,
        }
    };
    let worst = adjusted(|trial| trial.worst.p, trials);
    let best = adjusted(|trial| trial.best.p, trials);
    for (trial, pair) in trials.iter_mut().zip(worst.into_iter().zip(best)) {
        trial.adjusted = Some(pair);
    }
}

impl Trial {
    /// What the gate's rule says, and what is to be shown of it. Where the worlds differ, `None`.
    pub(super) fn judge(&self, gate: &Gate, limit: Limit) -> (Option<Ruling>, Chance) {
        let adjusted = self.adjusted.unzip();
        let worst = self.worst.judge(gate, limit, adjusted.0);
        let best = self.best.judge(gate, limit, adjusted.1);
        let ruling = match (worst, best) {
            _ if gate.missing.rule == MissingRule::Fail => Some(worst),
            (Ruling::Holds | Ruling::Noise, Ruling::Holds | Ruling::Noise) => {
                Some(if worst == best { worst } else { Ruling::Noise })
            }
            (worst, best) if worst == best => Some(worst),
            _ => None,
        };
        (ruling, self.worst.chance(gate, limit, adjusted.0))
    }
}

impl World {
    fn judge(&self, gate: &Gate, limit: Limit, adjusted_p: Option<f64>) -> Ruling {
        let Some(interval) = self.interval else {
            return Ruling::TooFew;
        };
        let is_change = limit.key.is_change();
        // A change is looked at from the baseline, a value from nowhere.
        let at = |end: f64| {
            let candidate = if is_change { self.baseline + end } else { end };
            holds(limit, candidate, self.baseline, false)
        };
        let point = holds(limit, self.candidate, self.baseline, false);
        let shows_nothing = self.is_flat && self.rows < FEWEST_FLAT;
        let (Some(low), Some(high), Some(point)) = (at(interval.low), at(interval.high), point)
        else {
            return Ruling::Open;
        };
        match gate.evidence {
            policy::Evidence::Significant => {
                let is_sure = if is_change {
                    adjusted_p.is_some_and(|p| p <= 1.0 - gate.confidence)
                } else {
                    !low && !high
                };
                match point {
                    true => Ruling::Holds,
                    false if is_sure && !shows_nothing => Ruling::Broken,
                    false => Ruling::Noise,
                }
            }
            policy::Evidence::Proven if shows_nothing => Ruling::TooFew,
            policy::Evidence::Proven | policy::Evidence::Observed => match (low, high) {
                (true, true) => Ruling::Holds,
                (false, false) => Ruling::Broken,
                _ => Ruling::Open,
            },
        }
    }

    fn chance(&self, gate: &Gate, limit: Limit, adjusted_p: Option<f64>) -> Chance {
        let is_change = limit.key.is_change();
        let point = if is_change {
            self.candidate - self.baseline
        } else {
            self.candidate
        };
        let interval = self.interval.unwrap_or(Interval {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        });
        Chance {
            rule: gate.evidence,
            confidence: gate.confidence,
            rows: self.rows,
            discordant: self.discordant,
            point,
            interval,
            p: self.p,
            adjusted_p: adjusted_p.filter(|_| self.p.is_some()),
            resolution: self.resolution,
            rows_needed: self.rows_needed(limit, point, interval),
        }
    }

    /// Intervals shrink with the square root of the rows.
    fn rows_needed(&self, limit: Limit, point: f64, interval: Interval) -> Option<u64> {
        let bound = self.bound(limit);
        let reach = if point < bound {
            interval.high - point
        } else {
            point - interval.low
        };
        let gap = (point - bound).abs();
        let needed = (count(self.rows) * (reach / gap).powi(2)).ceil();
        (needed.is_finite() && gap > 0.0 && needed > count(self.rows))
            .then(|| nearest_count(needed))
    }

    /// The limit as a value, or as a change in the metric's unit.
    fn bound(&self, limit: Limit) -> f64 {
        let size = if limit.key.is_relative() {
            limit.value * self.baseline.abs()
        } else {
            limit.value
        };
        if limit.key.is_change() && limit.key.wants_high() {
            -size
        } else {
            size
        }
    }
}
