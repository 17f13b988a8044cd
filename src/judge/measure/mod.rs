//! Measures a check: on the right run and rows, from the summary or from the rows.

pub(in crate::judge) mod attempts;
pub(in crate::judge) mod columns;
pub(in crate::judge) mod latency;
pub(in crate::judge) mod rows;
pub(in crate::judge) mod summary;
pub(in crate::judge) mod value;

use crate::evidence::{Baseline, Completeness, Evidence, Flaw, Role, Rows, Run, Totals};
use crate::judge::cause::{Cause, ScoreCause, SliceCause};
use crate::judge::limit::Pairing;
use crate::judge::measure::columns::{column, is_told, text_counts};
use crate::judge::measure::rows::ByRow;
use crate::judge::measure::summary::{Sample, Unmeasurable, is_outside};
use crate::judge::measure::value::Measure;
use crate::judge::plan::CheckSpec;
use crate::judge::preconditions;
use crate::judge::slice::{Selection, Slice};
use crate::judge::slices;
use crate::policy::{Aggregate, Counted, Gate, Kind, Limit, RemovedRows};

/// The measured values of a check.
pub(in crate::judge) struct Measured {
    pub(in crate::judge) pairing: Pairing,
    /// How removed rows were treated.
    pub(in crate::judge) removed_rows: RemovedRows,
}

/// Measures checks on the evidence.
#[derive(Clone, Copy)]
pub(in crate::judge) struct Measurer<'a> {
    pub(in crate::judge) evidence: &'a Evidence,
    /// How rows are treated that are missing in the candidate.
    pub(in crate::judge) removed_rows: RemovedRows,
}

impl Measurer<'_> {
    /// Whether a limit of a gate is judged on rows instead of the summary.
    pub(in crate::judge) fn uses_rows(&self, gate: &Gate, limit: Limit) -> bool {
        let baseline = match &self.evidence.baseline {
            Baseline::Found(run, _) if gate.compares(limit) => Some(&run.totals),
            _ => None,
        };
        let candidate = std::iter::once(&self.evidence.candidate.totals);
        let runs: Vec<&Totals> = candidate.chain(baseline).collect();
        gate.needs_rows_for(limit) || gate.range.is_some() || !self.tells(gate, &runs)
    }

    /// Measures the values that a limit is compared with.
    pub(in crate::judge) fn measure(&self, spec: CheckSpec<'_>) -> Result<Measured, Cause> {
        let CheckSpec { gate, limit, .. } = spec;
        self.usable(spec)?;
        self.in_range(spec)?;
        let (pairing, removed_rows) = match self.on_summary(spec)? {
            Some((pairing, removed_rows)) => (self.sized(spec, pairing), removed_rows),
            None => (self.on_rows(spec)?, self.removed_rows),
        };
        if !gate.metric.compares() {
            return Ok(Measured {
                pairing,
                removed_rows,
            });
        }
        // For changed rows, the pass rates of both runs only show how missing scores are treated. The value is the
        // count of rows.
        let rows = self.rows(gate)?;
        let selection = Selection::of(spec.slice, rows);
        let row_test = spec.row_test(&selection, removed_rows, &pairing, None, None);
        let pairing = Pairing {
            candidate: row_test.count(rows)?,
            baseline: None,
            text_counts: false,
        };
        debug_assert!(gate.compares(limit));
        Ok(Measured {
            pairing,
            removed_rows,
        })
    }

    /// Checks that the counts of the dimension can be used in every run that the check uses.
    fn usable(&self, spec: CheckSpec<'_>) -> Result<(), Cause> {
        for role in roles(spec) {
            let totals = &self.run(role).totals;
            let known = spec.subject.and_then(|name| totals.dimensions.get(name));
            if let Some(flaw) = known.and_then(|known| known.flaw) {
                return Err(self.blocker(spec, &Unmeasurable::Flawed(flaw), role));
            }
        }
        Ok(())
    }

    fn rows(&self, gate: &Gate) -> Result<&Rows, Cause> {
        let rows = self.evidence.rows.as_ref();
        rows.ok_or_else(|| Cause::rows_unknown(self.evidence, gate.is_sliced()))
    }

    /// The values from the summary, and how removed rows were treated; `None` if the rows must be read.
    ///
    /// Some problems of a summary are also in its rows: no scores, scores of another kind, or two dimensions with the
    /// same name. These are returned as errors. A latency or a usage that the summary lacks may be in the rows.
    fn on_summary(&self, spec: CheckSpec<'_>) -> Result<Option<(Pairing, RemovedRows)>, Cause> {
        let CheckSpec { gate, limit, .. } = spec;
        if gate.metric.is_latency() {
            return Ok(None);
        }
        if gate.metric.aggregate() == Aggregate::Count(Counted::Trials) {
            let each = self.evidence.each.iter().map(|each| &each.candidate);
            let mut runs = each.chain([&self.evidence.candidate]);
            if runs.any(|run| run.completeness == Completeness::Repeated) {
                return Err(Cause::RepeatedCalls);
            }
        }
        let text_counts = text_counts(self.evidence, spec.subject);
        if !gate.compares(limit) {
            let candidate = &self.evidence.candidate;
            let ours = Sample {
                run: candidate,
                totals: &candidate.totals,
                removed: 0,
                text_counts,
            };
            let ours = measured(spec, &ours, Role::Candidate);
            let is_told = spec.slice.is_none() && self.tells(gate, &[&candidate.totals]);
            return match ours {
                Err(blocker) if is_told || spec.subject.is_some() => Err(blocker),
                Ok(candidate) if is_told => {
                    let pairing = Pairing {
                        candidate,
                        baseline: None,
                        text_counts,
                    };
                    Ok(Some((pairing, self.removed_rows)))
                }
                _ => Ok(None),
            };
        }
        let is_told = spec.slice.is_none() && self.tells(gate, &self.totals(self.removed_rows)?);
        let pairing = match self.change(spec, self.removed_rows, text_counts) {
            Err(blocker) if is_told || spec.subject.is_some() => return Err(blocker),
            Ok(pairing) if is_told => pairing,
            _ => return Ok(None),
        };
        let leaves_out = |pairing: &Pairing| {
            let mut both = std::iter::once(&pairing.candidate).chain(&pairing.baseline);
            both.any(|measure| measure.ignores)
        };
        if !leaves_out(&pairing) {
            return Ok(Some((pairing, self.removed_rows)));
        }
        // If missing scores are ignored, a change is measured on the rows that have a score in both runs. Only the
        // rows show which ones these are, unless only removed rows lack scores.
        let is_whole = pairing
            .baseline
            .is_some_and(|measure| measure.scored == measure.trials);
        if !is_whole || self.removed() == 0 {
            return Ok(None);
        }
        let mut common = self.change(spec, RemovedRows::Ignore, text_counts)?;
        if leaves_out(&common) {
            return Ok(None);
        }
        common.candidate = Measure {
            trials: common.candidate.trials + self.removed(),
            rows: common.candidate.rows + self.removed(),
            ignores: true,
            ..common.candidate
        };
        Ok(Some((common, RemovedRows::Ignore)))
    }

    /// The values of both runs on the compared rows.
    fn change(
        &self,
        spec: CheckSpec<'_>,
        removed_rows: RemovedRows,
        text_counts: bool,
    ) -> Result<Pairing, Cause> {
        let (ours, theirs) = self.samples(removed_rows, text_counts)?;
        Ok(Pairing {
            candidate: measured(spec, &ours, Role::Candidate)?,
            baseline: Some(measured(spec, &theirs, Role::Baseline)?),
            text_counts,
        })
    }

    /// Whether summaries are sufficient for a gate's metric on all rows.
    fn tells(&self, gate: &Gate, runs: &[&Totals]) -> bool {
        let rows = self.evidence.rows.as_ref();
        let has = |kind| rows.is_some_and(|rows| rows.column(None, kind).is_some());
        match gate.metric.column() {
            Some(kind @ (Kind::Tokens | Kind::Cost | Kind::Anything)) if has(kind) => false,
            _ => is_told(gate.metric, runs),
        }
    }

    /// Measures the values from the rows.
    fn on_rows(&self, spec: CheckSpec<'_>) -> Result<Pairing, Cause> {
        let CheckSpec { gate, limit, .. } = spec;
        let rows = self.rows(gate)?;
        let selection = Selection::of(spec.slice, rows);
        look_into(spec, rows, &selection)?;
        let text_counts = text_counts(self.evidence, spec.subject);
        if let Aggregate::Count(what) = gate.metric.aggregate() {
            return Ok(Pairing {
                candidate: self.counted(what, rows, &selection),
                baseline: None,
                text_counts,
            });
        }
        let by_row = ByRow {
            gate,
            rows,
            column: column(rows, gate.metric, spec.subject)?,
            selection: &selection,
            text_counts,
        };
        let blocked = |(role, cause): (Role, Unmeasurable)| {
            let has_no_call = rows.without_call(role).trials >= self.run(role).totals.trials;
            let cause = match gate.metric.column() {
                Some(Kind::Latency | Kind::Tokens | Kind::Cost) if has_no_call => {
                    Unmeasurable::NoPredictCall
                }
                Some(Kind::Latency | Kind::Tokens | Kind::Cost) => Unmeasurable::NoUsage,
                _ => cause,
            };
            self.blocker(spec, &cause, role)
        };
        let is_found = matches!(self.evidence.baseline, Baseline::Found(..));
        if !gate.compares(limit) || !is_found {
            return Ok(Pairing {
                candidate: by_row
                    .value(Role::Candidate)
                    .map_err(|found| blocked((Role::Candidate, found)))?,
                baseline: None,
                text_counts,
            });
        }
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        let is_common = |row: usize| has(Role::Candidate, row) && has(Role::Baseline, row);
        if !(0..rows.len()).any(is_common) {
            return Err(preconditions::no_common_rows(self.evidence));
        }
        let [candidate, baseline] = by_row.change(self.removed_rows).map_err(blocked)?;
        Ok(Pairing {
            candidate,
            baseline: Some(baseline),
            text_counts,
        })
    }

    /// The number of rows or trials in a slice.
    fn counted(&self, what: Counted, rows: &Rows, selection: &Selection) -> Measure {
        let has = |row: usize| selection.has(rows, row);
        let (totals, _) = rows.totals_of(Role::Candidate, has);
        let sample = Sample {
            run: &self.evidence.candidate,
            totals: &totals,
            removed: 0,
            text_counts: false,
        };
        sample.count(what)
    }

    /// Sets the size of the scores of means from summaries, as far as it is known.
    fn sized(&self, spec: CheckSpec<'_>, mut pairing: Pairing) -> Pairing {
        let CheckSpec { gate, subject, .. } = spec;
        if gate.metric.column() != Some(Kind::Number) {
            return pairing;
        }
        let known = self.evidence.rows.as_ref().and_then(|rows| {
            let column = column(rows, gate.metric, subject).ok()?;
            let ends = roles(spec).filter_map(|role| rows.extremes(role, column, |_| true));
            ends.map(|(low, high)| low.abs().max(high.abs()))
                .reduce(f64::max)
        });
        let range = gate.range.map(|(low, high)| low.abs().max(high.abs()));
        // If nothing is known, the size of the limit is used. A limit of 0 has no size, so the scores are assumed to
        // be of size 1.
        let unknown = if spec.limit.value == 0.0 { 1.0 } else { 0.0 };
        let size = known.or(range).unwrap_or(unknown);
        let mut all = std::iter::once(&mut pairing.candidate).chain(&mut pairing.baseline);
        all.by_ref()
            .for_each(|measure| measure.size = measure.size.max(size));
        pairing
    }

    /// Checks that no score and no mean of a run lies outside the gate's range.
    ///
    /// All rows of the runs are checked, even if fewer rows are compared or in the slice. A score outside the range
    /// shows that the declared range is wrong.
    fn in_range(&self, spec: CheckSpec<'_>) -> Result<(), Cause> {
        let CheckSpec { gate, subject, .. } = spec;
        let (Some(range), Some(name)) = (gate.range, subject) else {
            return Ok(());
        };
        let rows = self.evidence.rows.as_ref();
        let known = rows.and_then(|rows| Some((rows, rows.column(Some(name), Kind::Number)?)));
        let mut means = Vec::new();
        for role in roles(spec) {
            let ends = known.and_then(|(rows, column)| rows.extremes(role, column, |_| true));
            let scores = ends.into_iter().flat_map(|(least, most)| [least, most]);
            if let Some(score) = scores.into_iter().find(|score| is_outside(*score, range)) {
                return Err(Cause::Scores {
                    role,
                    dimension: name.to_owned(),
                    what: ScoreCause::OutOfRange {
                        value: score,
                        range,
                        is_mean: false,
                    },
                });
            }
            let dimension = self.run(role).totals.dimensions.get(name);
            let mean = dimension.and_then(|known| known.mean);
            means.extend(mean.map(|mean| (role, mean)));
        }
        if let Some((role, mean)) = means.iter().find(|(_, mean)| is_outside(*mean, range)) {
            return Err(self.blocker(spec, &Unmeasurable::OutOfRange(*mean), *role));
        }
        // Only rows show whether a score lies outside the range.
        if known.is_none() && !means.is_empty() {
            return Err(Cause::rows_unknown(self.evidence, gate.is_sliced()));
        }
        Ok(())
    }

    /// The run with this role; the candidate if there is no baseline.
    fn run(&self, role: Role) -> &Run {
        match (&self.evidence.baseline, role) {
            (Baseline::Found(run, _), Role::Baseline) => run,
            _ => &self.evidence.candidate,
        }
    }

    fn removed(&self) -> u64 {
        match &self.evidence.baseline {
            Baseline::Found(_, pair) => pair.removed,
            Baseline::Unnamed | Baseline::NotFound(_) => 0,
        }
    }

    /// The totals of the compared runs on the compared rows.
    fn totals(&self, removed_rows: RemovedRows) -> Result<[&Totals; 2], Cause> {
        let (ours, theirs) = self.samples(removed_rows, false)?;
        Ok([ours.totals, theirs.totals])
    }

    /// The trials that a change is measured on: those of the baseline's rows, or of the common rows.
    fn samples(
        &self,
        removed_rows: RemovedRows,
        text_counts: bool,
    ) -> Result<(Sample<'_>, Sample<'_>), Cause> {
        let unknown = || preconditions::common_rows_unknown(self.evidence);
        let Baseline::Found(baseline, pair) = &self.evidence.baseline else {
            return Err(unknown());
        };
        if pair.common == 0 {
            return Err(unknown());
        }
        let ours = pair.candidate.as_ref().ok_or_else(unknown)?;
        let (theirs, removed) = match removed_rows {
            RemovedRows::Missing => (&baseline.totals, pair.removed),
            RemovedRows::Ignore => (pair.baseline.as_ref().ok_or_else(unknown)?, 0),
        };
        let ours = Sample {
            run: &self.evidence.candidate,
            totals: ours,
            removed,
            text_counts,
        };
        let theirs = Sample {
            run: baseline,
            totals: theirs,
            removed: 0,
            text_counts,
        };
        Ok((ours, theirs))
    }

    fn blocker(&self, spec: CheckSpec<'_>, cause: &Unmeasurable, role: Role) -> Cause {
        blocker(spec, cause, role, self.run(role))
    }
}

/// The runs that a check uses.
fn roles(spec: CheckSpec<'_>) -> impl Iterator<Item = Role> + Clone {
    let roles = [Role::Candidate, Role::Baseline].into_iter();
    roles.take(1 + usize::from(spec.gate.compares(spec.limit)))
}

/// Checks that a slice has rows in every run that the check uses.
fn look_into(spec: CheckSpec<'_>, rows: &Rows, selection: &Selection) -> Result<(), Cause> {
    let mut roles = roles(spec);
    if let Some(slice) = spec.slice {
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        let any = |role| (0..rows.len()).any(|row| has(role, row));
        if !any(Role::Candidate) && !any(Role::Baseline) {
            return Err(slices::empty(slice, None, rows));
        }
        if let Some(role) = roles.find(|role| !any(*role)) {
            return Err(Cause::Slice(SliceCause::NoRowInSlice {
                role,
                slice: slice.clone(),
            }));
        }
    }
    Ok(())
}

/// Measures a sample, or returns why it cannot be measured.
fn measured(spec: CheckSpec<'_>, sample: &Sample<'_>, role: Role) -> Result<Measure, Cause> {
    let measured = sample.measure(spec.gate, spec.subject);
    measured.map_err(|cause| blocker(spec, &cause, role, sample.run))
}

fn blocker(spec: CheckSpec<'_>, cause: &Unmeasurable, role: Role, run: &Run) -> Cause {
    unmeasurable(cause, spec.gate, spec.subject, spec.slice, role, run)
}

/// Why a run has no value on these rows.
pub(in crate::judge) fn unmeasurable(
    cause: &Unmeasurable,
    gate: &Gate,
    subject: Option<&str>,
    slice: Option<&Slice>,
    role: Role,
    run: &Run,
) -> Cause {
    let metric = gate.metric;
    let what = match cause {
        Unmeasurable::NoScores => ScoreCause::NoScores {
            slice: slice.cloned(),
            known: run.totals.dimensions.keys().cloned().collect(),
        },
        Unmeasurable::NotAvailable { available, is_text } => ScoreCause::MetricNotAvailable {
            metric,
            available: available.clone(),
            is_text: *is_text,
        },
        Unmeasurable::TooFewTrials => ScoreCause::TooFewTrials { k: gate.attempts },
        Unmeasurable::OutOfRange(mean) => ScoreCause::OutOfRange {
            value: *mean,
            range: gate.range.unwrap_or_default(),
            is_mean: true,
        },
        Unmeasurable::Flawed(Flaw::Ambiguous) => ScoreCause::AmbiguousDimension,
        Unmeasurable::Flawed(Flaw::Inconsistent) => ScoreCause::InconsistentCounts,
        Unmeasurable::NoPredictCall => return Cause::NoPredictCall { metric, role },
        Unmeasurable::NoUsage => return Cause::NoUsage { metric, role },
    };
    let dimension = subject.unwrap_or_default().to_owned();
    Cause::Scores {
        role,
        dimension,
        what,
    }
}
