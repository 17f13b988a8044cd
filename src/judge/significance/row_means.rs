//! The means of rows that a check is tested on, with each missing score at one end of its range.

use std::cell::Cell;

use crate::evidence::{Role, Rows};
use crate::judge::cause::Cause;
use crate::judge::limit::Pairing;
use crate::judge::measure::attempts::Attempted;
use crate::judge::measure::columns::{column, fixed_value};
use crate::judge::measure::rows::ends;
use crate::judge::measure::value::Measure;
use crate::judge::significance::scenario::{IntervalMethod, ROUNDING, Scenario, is_flat};
use crate::judge::slice::Selection;
use crate::number::{count, sum};
use crate::policy::{self, Aggregate, Change, Gate, Limit, RemovedRows};
use crate::stats::{Imputations, Pairs, Rates, RunComponent, Sample, mean};

/// The maximum number of changes between two corners that are tried one by one.
const MOST_BETWEEN: u64 = 2_500;

/// The input of a test: a gate's column, and the treatment of missing scores and rows.
pub(in crate::judge) struct RowTest<'a> {
    pub(in crate::judge) gate: &'a Gate,
    pub(in crate::judge) limit: Limit,
    pub(in crate::judge) subject: Option<&'a str>,
    pub(in crate::judge) selection: &'a Selection,
    pub(in crate::judge) removed_rows: RemovedRows,
    /// The measured values, which say whether missing scores are left out.
    pub(in crate::judge) pairing: &'a Pairing,
    /// What moves all rows of a run at once; `None` if it is not known or 0.
    pub(in crate::judge) component: Option<RunComponent>,
    /// The index of the input whose value the rows of a cluster share; `None` without clusters.
    pub(in crate::judge) clusters: Option<usize>,
}

impl RowTest<'_> {
    /// The scenarios between these corners, for a relative limit on a rate. In a corner all missing scores of a run
    /// are at one end. The width of the interval and the limit itself depend on which baseline rows pass, so the worst
    /// scenario may lie between the corners. If there are too many, returns bounds that are at least as bad.
    pub(in crate::judge) fn between(&self, corners: &[Scenario]) -> Vec<Scenario> {
        let of = |scenario: &Scenario| match scenario.method {
            IntervalMethod::Pairs(pairs) => Some(pairs),
            _ => None,
        };
        let mut pairs: Vec<Pairs> = Vec::new();
        for found in corners.iter().filter_map(of) {
            if !pairs.contains(&found) {
                pairs.push(found);
            }
        }
        let mut made = Vec::new();
        for (low, high) in pairs
            .iter()
            .flat_map(|low| pairs.iter().map(move |high| (low, high)))
            .filter(|(low, high)| low.is_below(high))
        {
            let (right, wrong) = (high.both - low.both, high.regressed - low.regressed);
            if (right + 1).saturating_mul(wrong + 1) > MOST_BETWEEN {
                let by_change = |one: &&Scenario, other: &&Scenario| {
                    let change = |scenario: &Scenario| scenario.candidate - scenario.baseline;
                    change(one).total_cmp(&change(other))
                };
                let by_baseline =
                    |one: &&Scenario, other: &&Scenario| one.baseline.total_cmp(&other.baseline);
                let all = || corners.iter();
                for of in [all().min_by(by_change), all().max_by(by_change)] {
                    for size in [all().min_by(by_baseline), all().max_by(by_baseline)] {
                        made.extend(of.zip(size).map(|(of, size)| Scenario {
                            baseline: size.baseline,
                            ..of.clone()
                        }));
                    }
                }
                continue;
            }
            let all = (0..=right).flat_map(|i| (0..=wrong).map(move |j| (i, j)));
            made.extend(all.map(|(right, wrong)| {
                self.of_pairs(Pairs {
                    both: low.both + right,
                    fixed: low.fixed - right,
                    regressed: low.regressed + wrong,
                    neither: low.neither - wrong,
                })
            }));
        }
        made
    }

    /// The scenario of a change of a rate with one trial per row.
    fn of_pairs(&self, pairs: Pairs) -> Scenario {
        let rows = pairs.rows();
        let rate = |passed: u64| count(passed) / count(rows);
        Scenario {
            rows,
            size: self.pairing.precision().size,
            candidate: rate(pairs.both + pairs.fixed),
            baseline: rate(pairs.both + pairs.regressed),
            method: IntervalMethod::Pairs(pairs),
            component: self.component,
        }
    }

    /// How much evidence the check needs.
    pub(in crate::judge) fn evidence(&self) -> policy::Evidence {
        self.gate.evidence_of(self.limit)
    }

    /// Whether the metric is a fraction of trials.
    pub(in crate::judge) fn is_rate(&self) -> bool {
        self.gate.metric.is_rate()
    }

    /// Counts the rows that changed: they pass in one run and not in the other. A row passes if all its trials pass.
    /// The result has a low and a high end if missing scores decide whether rows changed.
    pub(in crate::judge) fn count(&self, rows: &Rows) -> Result<Measure, Cause> {
        let column = column(rows, self.gate.metric, self.subject)?;
        let regressed = self.gate.metric.aggregate() == Aggregate::ChangedRows(Change::Regressed);
        let turned = |high: bool| {
            let pairs = self.means(rows, column, [high, !high]).pairs();
            count(if regressed {
                pairs.regressed
            } else {
                pairs.fixed
            })
        };
        // The fewest rows regress if the candidate's missing scores are true and the baseline's are false.
        let (low, high) = (turned(regressed), turned(!regressed));
        let candidate = &self.pairing.candidate;
        Ok(Measure {
            observed: (low == high).then_some(low),
            low,
            high,
            scored: candidate.scored,
            trials: candidate.trials,
            ignores: candidate.ignores,
            rows: candidate.rows,
            exact: true,
            size: 0.0,
            steps: None,
        })
    }

    /// The means of rows with the missing scores of the candidate and of the baseline at their high or low end.
    pub(in crate::judge) fn means(&self, rows: &Rows, column: usize, high: [bool; 2]) -> RowMeans {
        let (low_fill, high_fill) = ends(self.gate);
        let fill = |high| if high { high_fill } else { low_fill };
        let ignores = |measure: Option<&Measure>| measure.is_some_and(|known| known.ignores);
        let known = fixed_value(self.gate.metric, self.pairing.text_counts);
        let [ours_high, theirs_high] = high;
        let ours = Side {
            known,
            role: Role::Candidate,
            attempts: Attempted::of(self.gate),
            has_missing: Cell::new(false),
            fill: fill(ours_high),
            ignores: ignores(Some(&self.pairing.candidate)),
        };
        let theirs = Side {
            known,
            role: Role::Baseline,
            attempts: Attempted::of(self.gate),
            has_missing: Cell::new(false),
            fill: fill(theirs_high),
            ignores: ignores(self.pairing.baseline.as_ref()),
        };
        let single = |side: &Side, row| {
            rows.trials(side.role, row) <= 1
                && (self.gate.attempts <= 1 || self.gate.metric.compares())
        };
        let mut means = RowMeans {
            candidate: Vec::new(),
            baseline: Vec::new(),
            one_trial: (self.is_rate() && self.clusters.is_none()) || self.gate.metric.compares(),
            clusters: None,
            has_missing: false,
        };
        let mut clusters = Clusters::default();
        // A check with a row that has no code is undecided before it comes here.
        let code = |row: usize| rows.value_code(self.clusters?, row);
        for row in (0..rows.len()).filter(|row| self.selection.has(rows, *row)) {
            if !self.gate.compares(self.limit) {
                if rows.trials(ours.role, row) > 0
                    && let Some(mean) = ours.mean(rows, column, row)
                {
                    means.one_trial &= single(&ours, row);
                    means.candidate.push(mean);
                    if let Some(code) = code(row) {
                        clusters.add(code);
                    }
                }
                continue;
            }
            if rows.trials(theirs.role, row) == 0 {
                continue;
            }
            let is_removed = rows.trials(ours.role, row) == 0;
            let leaves_out = self.removed_rows == RemovedRows::Ignore || ours.ignores;
            let mean = if is_removed && !leaves_out {
                Some(ours.filled())
            } else {
                ours.mean(rows, column, row)
            };
            if let (Some(ours_mean), Some(theirs_mean)) = (mean, theirs.mean(rows, column, row)) {
                means.one_trial &= single(&ours, row) && single(&theirs, row);
                means.candidate.push(ours_mean);
                means.baseline.push(theirs_mean);
                if let Some(code) = code(row) {
                    clusters.add(code);
                }
            }
        }
        means.clusters = self.clusters.map(|_| clusters);
        means.has_missing = ours.has_missing.get() || theirs.has_missing.get();
        means
    }

    pub(in crate::judge) fn scenario(&self, means: &RowMeans, one_trial: bool) -> Scenario {
        let is_change = self.limit.key.is_change();
        let rows = means.units();
        if one_trial && is_change {
            return self.of_pairs(means.pairs());
        }
        if one_trial {
            let passed = trues(&means.candidate);
            return Scenario {
                rows,
                size: self.pairing.precision().size,
                candidate: count(passed) / count(rows),
                baseline: 0.0,
                method: IntervalMethod::Rate { passed, rows },
                component: self.component,
            };
        }
        let sample = means.sample(is_change);
        let is_flat = sample.is_some_and(|sample| is_flat(sample.deviation, means.scale()));
        // What is left of equal rows by rounding is neither a change nor a deviation, and must not make a test of them.
        let sample = sample.map(|sample| Sample {
            mean: if is_flat && sample.mean.abs() <= ROUNDING * means.scale() {
                0.0
            } else {
                sample.mean
            },
            deviation: if is_flat { 0.0 } else { sample.deviation },
            ..sample
        });
        let (ours, theirs) = (mean(&means.candidate), mean(&means.baseline));
        let is_same = self.is_rate() && is_flat && means.is_same_everywhere(is_change);
        Scenario {
            rows,
            size: self.pairing.precision().size,
            candidate: ours,
            baseline: if is_change { theirs } else { 0.0 },
            // A rate that is the same in every row gives no more evidence than the same number of rows with one trial
            // each.
            method: match (is_same, is_change) {
                (true, true) => IntervalMethod::SameRates(Rates { ours, theirs, rows }),
                (true, false) => IntervalMethod::SameRate { rate: ours, rows },
                (false, _) => IntervalMethod::Means {
                    sample: sample.unwrap_or(Sample {
                        rows: 0,
                        mean: f64::NAN,
                        deviation: f64::NAN,
                    }),
                    is_flat,
                },
            },
            component: self.component,
        }
    }
}

/// The clusters of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::judge) struct Clusters {
    /// For each row, the index of its cluster.
    of_row: Vec<u32>,
    /// For each cluster, the number of its rows.
    sizes: Vec<f64>,
    /// The index of the cluster of each code of the input's value.
    by_code: Vec<Option<u32>>,
}

impl Clusters {
    /// Adds a row that has this code of the input's value. There are fewer codes than `u32` has values.
    fn add(&mut self, code: u32) {
        let code = code as usize;
        if code >= self.by_code.len() {
            self.by_code.resize(code + 1, None);
        }
        let next = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        let Some(known) = self.by_code.get_mut(code) else {
            return;
        };
        let cluster = *known.get_or_insert(next);
        if cluster == next {
            self.sizes.push(0.0);
        }
        if let Some(size) = self.sizes.get_mut(cluster as usize) {
            *size += 1.0;
        }
        self.of_row.push(cluster);
    }
}

/// The means of rows in one scenario. For a change: the means of both runs, in pairs.
#[derive(Clone, PartialEq)]
pub(in crate::judge) struct RowMeans {
    pub(in crate::judge) candidate: Vec<f64>,
    pub(in crate::judge) baseline: Vec<f64>,
    /// Whether each row has one trial and there are no clusters, so that the mean of a boolean score is 0 or 1.
    pub(in crate::judge) one_trial: bool,
    /// The clusters of the rows; `None` without clusters.
    pub(in crate::judge) clusters: Option<Clusters>,
    /// Whether the value of a missing score was used. If not, the means are the same in every scenario.
    pub(in crate::judge) has_missing: bool,
}

impl RowMeans {
    /// The values that are averaged: the differences for a change, otherwise the candidate's values.
    pub(in crate::judge) fn values(&self, is_change: bool) -> Vec<f64> {
        if !is_change {
            return self.candidate.clone();
        }
        let both = self.candidate.iter().zip(&self.baseline);
        both.map(|(ours, theirs)| ours - theirs).collect()
    }

    /// The number of clusters, or of rows without clusters.
    pub(in crate::judge) fn units(&self) -> u64 {
        let rows = self.candidate.len();
        self.clusters
            .as_ref()
            .map_or(rows, |known| known.sizes.len()) as u64
    }

    /// The sums of the values of each cluster; the values themselves without clusters.
    pub(in crate::judge) fn sums(&self, is_change: bool) -> Vec<f64> {
        let Some(clusters) = &self.clusters else {
            return self.values(is_change);
        };
        let mut sums = vec![0.0; clusters.sizes.len()];
        let mut add = |cluster: u32, value: f64| {
            if let Some(sum) = sums.get_mut(cluster as usize) {
                *sum += value;
            }
        };
        let ours = self.candidate.iter().zip(&clusters.of_row);
        if is_change {
            let both = ours.zip(&self.baseline);
            both.for_each(|((ours, cluster), theirs)| add(*cluster, ours - theirs));
        } else {
            ours.for_each(|(value, cluster)| add(*cluster, *value));
        }
        sums
    }

    /// The number of rows of each sum.
    pub(in crate::judge) fn sizes(&self) -> Vec<f64> {
        let clusters = self.clusters.as_ref();
        clusters.map_or_else(
            || vec![1.0; self.candidate.len()],
            |known| known.sizes.clone(),
        )
    }

    /// The mean and the deviation of these sums.
    pub(in crate::judge) fn sample_of(&self, sums: &[f64]) -> Option<Sample> {
        match &self.clusters {
            Some(clusters) => Sample::of_clusters(sums, &clusters.sizes),
            None => Sample::of(sums),
        }
    }

    /// The mean and the deviation of the values.
    pub(in crate::judge) fn sample(&self, is_change: bool) -> Option<Sample> {
        self.sample_of(&self.sums(is_change))
    }

    /// Sums that each lie between the values at the same index of two lists.
    pub(in crate::judge) fn imputations(&self, one: &[f64], other: &[f64]) -> Imputations {
        match &self.clusters {
            Some(clusters) => Imputations::of_clusters(one, other, &clusters.sizes),
            None => Imputations::new(one, other),
        }
    }

    /// Swaps the two runs in all rows of the clusters, or in the rows, that are chosen by their index.
    pub(in crate::judge) fn swap(&mut self, is_chosen: impl Fn(usize) -> bool) {
        let both = self.candidate.iter_mut().zip(&mut self.baseline);
        for (row, (ours, theirs)) in both.enumerate() {
            let clusters = self.clusters.as_ref();
            let unit = clusters.map_or(Some(row), |known| {
                known.of_row.get(row).map(|cluster| *cluster as usize)
            });
            if unit.is_some_and(&is_chosen) {
                std::mem::swap(ours, theirs);
            }
        }
    }

    /// The size of the largest number. Differences that are much smaller than it are rounding errors.
    pub(in crate::judge) fn scale(&self) -> f64 {
        let all = self.candidate.iter().chain(&self.baseline);
        all.fold(0.0, |scale, value| scale.max(value.abs()))
    }

    /// Whether the rows of each run are equal, not only their differences.
    pub(in crate::judge) fn is_same_everywhere(&self, is_change: bool) -> bool {
        let is_same = |values: &[f64]| {
            let sample = Sample::of(values);
            sample.is_some_and(|sample| is_flat(sample.deviation, self.scale()))
        };
        is_same(&self.candidate) && (!is_change || is_same(&self.baseline))
    }

    pub(in crate::judge) fn pairs(&self) -> Pairs {
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

/// How one run's scores are treated in a scenario.
struct Side {
    role: Role,
    /// The value that every existing score counts as; `None` if a score counts as itself.
    known: Option<f64>,
    /// The value that a missing score counts as.
    fill: f64,
    /// Whether missing scores are left out.
    ignores: bool,
    /// The attempts that the metric is about; `None` if it is the mean of the trials.
    attempts: Option<Attempted>,
    /// Whether the value of a missing score was used.
    has_missing: Cell<bool>,
}

impl Side {
    /// The value of a missing score.
    fn filled(&self) -> f64 {
        self.has_missing.set(true);
        self.fill
    }

    /// The mean of a row's trials; `None` if no trial counts.
    fn mean(&self, rows: &Rows, column: usize, row: usize) -> Option<f64> {
        let scores = rows.scores(self.role, column, row);
        // Most rows have one trial, which needs no list.
        if let ([score], None) = (scores, self.attempts) {
            return match score.value() {
                Some(value) => Some(self.known.unwrap_or(value)),
                None => (!self.ignores).then(|| self.filled()),
            };
        }
        let mut counted = Vec::with_capacity(scores.len());
        for score in scores {
            if let Some(value) = score.value() {
                counted.push(self.known.unwrap_or(value));
            } else if !self.ignores {
                counted.push(self.filled());
            }
        }
        if let Some(attempts) = self.attempts {
            // Trials that lack for the attempts are missing.
            while !counted.is_empty() && !self.ignores && (counted.len() as u64) < attempts.k {
                counted.push(self.filled());
            }
            return attempts.chance(trues(&counted), counted.len() as u64);
        }
        let trials = counted.len() as u64;
        (trials > 0).then(|| sum(counted) / count(trials))
    }
}

fn trues(means: &[f64]) -> u64 {
    means.iter().filter(|mean| **mean == 1.0).count() as u64
}
