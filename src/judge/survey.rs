//! What a check is measured on: which run, which rows of it, and whether the summary or the rows are counted.

use super::columns::{kind as kind_of, unknown_rows};
use super::comparability::{self, Obstacle};
use super::latency;
use super::limit::Pairing;
use super::measure::{Lack, Measure, Sample};
use super::question::Question;
use super::slice::{self, Selection, Slice};
use super::words;
use crate::evidence::{Baseline, Evidence, Kind, Role, Rows, Run, Totals};
use crate::number::{TOLERANCE, count};
use crate::policy::{Gate, Limit, RemovedRows};

/// What one check is about.
#[derive(Clone, Copy)]
pub(super) struct Matter<'a> {
    pub(super) gate: &'a Gate,
    pub(super) limit: Limit,
    /// The dimension, where the metric has one.
    pub(super) subject: Option<&'a str>,
    /// Some of the rows, or all.
    pub(super) slice: Option<&'a Slice>,
}

impl<'a> Matter<'a> {
    /// What is asked of the rows, once it is measured.
    pub(super) fn question(
        self,
        selection: &'a Selection,
        removed_rows: RemovedRows,
        pairing: &'a Pairing,
    ) -> Question<'a> {
        Question {
            gate: self.gate,
            limit: self.limit,
            subject: self.subject,
            selection,
            removed_rows,
            pairing,
        }
    }
}

/// The values that a limit is about.
pub(super) struct Measured {
    pub(super) pairing: Pairing,
    /// The rows that they are measured on; `None` of seconds, which have no margin to be counted in rows.
    pub(super) rows: Option<u64>,
    /// How removed rows were taken.
    pub(super) removed_rows: RemovedRows,
}

/// Measures checks on the evidence.
#[derive(Clone, Copy)]
pub(super) struct Surveyor<'a> {
    pub(super) evidence: &'a Evidence,
    /// What a row means that the candidate lacks.
    pub(super) removed_rows: RemovedRows,
}

impl Surveyor<'_> {
    /// Whether a limit of a gate is judged on what rows say, rather than on what the summary says.
    pub(super) fn uses_rows(&self, gate: &Gate, limit: Limit) -> bool {
        let has = |kind| {
            let rows = self.evidence.rows.as_ref();
            rows.is_some_and(|rows| rows.column("", kind).is_some())
        };
        gate.needs_rows_for(limit)
            || match kind_of(gate.metric) {
                Some(kind @ (Kind::Tokens | Kind::Cost | Kind::Anything)) => has(kind),
                _ => false,
            }
    }

    /// The values that a limit is about, and what they are measured on.
    pub(super) fn measure(&self, matter: Matter<'_>) -> Result<Measured, Obstacle> {
        let Matter { gate, limit, .. } = matter;
        if gate.metric.is_latency() {
            return self.latency(matter);
        }
        let on = |removed_rows| self.on(matter, removed_rows);
        let mut removed_rows = self.removed_rows;
        let mut found = on(removed_rows)?;
        // Where missing scores are left out, removed rows are, on both sides: a change is measured on
        // the same rows or not at all.
        if gate.compares(limit) && found.0.candidate.ignores && self.removed() > 0 {
            removed_rows = RemovedRows::Ignore;
            found = on(removed_rows)?;
        }
        let (pairing, measured_on) = found;
        if !gate.metric.compares() {
            return Ok(Measured {
                pairing,
                rows: Some(measured_on),
                removed_rows,
            });
        }
        // The two pass rates say how missing scores are taken; the rows are counted.
        let rows = self.rows()?;
        let selection = Selection::of(matter.slice, rows);
        let question = matter.question(&selection, removed_rows, &pairing);
        let pairing = Pairing {
            candidate: question.count(rows)?,
            baseline: None,
        };
        Ok(Measured {
            pairing,
            rows: Some(measured_on),
            removed_rows,
        })
    }

    fn rows(&self) -> Result<&Rows, Obstacle> {
        self.evidence.rows.as_ref().ok_or_else(unknown_rows)
    }

    /// The values with removed rows taken in one way: from the rows, or from the summary where that tells.
    fn on(
        &self,
        matter: Matter<'_>,
        removed_rows: RemovedRows,
    ) -> Result<(Pairing, u64), Obstacle> {
        self.in_range(matter)?;
        let kind = kind_of(matter.gate.metric);
        let is_counted = matches!(kind, Some(Kind::Tokens | Kind::Cost | Kind::Anything));
        let whole =
            matter.slice.is_none() && !(is_counted && self.uses_rows(matter.gate, matter.limit));
        let summary = self.on_summary(matter, removed_rows);
        // What a summary cannot give is not in its rows either: no scores, of another kind, in disorder. But a
        // usage that it lacks is no reason.
        match summary {
            Ok(found) if whole => Ok(found),
            Err(obstacle) if whole || matter.subject.is_some() => Err(obstacle),
            _ => self.on_rows(matter, removed_rows),
        }
    }

    fn on_summary(
        &self,
        matter: Matter<'_>,
        removed_rows: RemovedRows,
    ) -> Result<(Pairing, u64), Obstacle> {
        if !matter.gate.compares(matter.limit) {
            let run = &self.evidence.candidate;
            let sample = Sample {
                run,
                totals: &run.totals,
                rows: run.rows,
                absent: 0.0,
            };
            let pairing = Pairing {
                candidate: measured(matter, &sample, Role::Candidate)?,
                baseline: None,
            };
            return Ok((pairing, run.rows));
        }
        let samples = self.samples(removed_rows);
        let (ours, theirs) =
            samples.ok_or_else(|| comparability::common_rows_unknown(&self.evidence.baseline))?;
        let pairing = Pairing {
            candidate: measured(matter, &ours, Role::Candidate)?,
            baseline: Some(measured(matter, &theirs, Role::Baseline)?),
        };
        Ok((pairing, theirs.rows))
    }

    /// Counts the rows themselves.
    fn on_rows(
        &self,
        matter: Matter<'_>,
        removed_rows: RemovedRows,
    ) -> Result<(Pairing, u64), Obstacle> {
        let Matter { gate, limit, .. } = matter;
        let rows = self.rows()?;
        let selection = Selection::of(matter.slice, rows);
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        look_into(matter, rows, &selection)?;
        let of = |role, totals: &Totals, rows, absent| {
            let sample = Sample {
                run: self.run(role),
                totals,
                rows,
                absent,
            };
            measured(matter, &sample, role)
        };
        if !gate.compares(limit) {
            let ours = |row| has(Role::Candidate, row);
            let (totals, rows) = rows.totals_of(Role::Candidate, ours);
            let pairing = Pairing {
                candidate: of(Role::Candidate, &totals, rows, 0.0)?,
                baseline: None,
            };
            return Ok((pairing, rows));
        }
        let common = |row| has(Role::Candidate, row) && has(Role::Baseline, row);
        let compared = |row| match removed_rows {
            RemovedRows::Missing => has(Role::Baseline, row),
            RemovedRows::Ignore => common(row),
        };
        let (ours, both) = rows.totals_of(Role::Candidate, common);
        let (theirs, all) = rows.totals_of(Role::Baseline, compared);
        if both == 0 {
            return Err(comparability::no_common_rows());
        }
        // A removed row would have had as many trials as a common one has.
        let absent = count(ours.trials) * count(all - both) / count(both);
        let pairing = Pairing {
            candidate: of(Role::Candidate, &ours, both, absent)?,
            baseline: Some(of(Role::Baseline, &theirs, all, 0.0)?),
        };
        Ok((pairing, all))
    }

    /// Makes sure that no score lies outside the gate's range, where rows tell, and no mean of a run.
    fn in_range(&self, matter: Matter<'_>) -> Result<(), Obstacle> {
        let Matter { gate, subject, .. } = matter;
        let (Some((low, high)), Some(name)) = (gate.range, subject) else {
            return Ok(());
        };
        let roles = [Role::Candidate, Role::Baseline].into_iter();
        let roles = roles.take(1 + usize::from(gate.compares(matter.limit)));
        let is_outside = |value: &f64| *value < low - TOLERANCE || *value > high + TOLERANCE;
        let rows = self.evidence.rows.as_ref();
        let known = rows.and_then(|rows| Some((rows, rows.column(name, Kind::Number)?)));
        for role in roles {
            let ends = known.and_then(|(rows, column)| {
                let selection = Selection::of(matter.slice, rows);
                rows.extremes(role, column, |row| selection.has(rows, row))
            });
            let scores = ends.into_iter().flat_map(|(least, most)| [least, most]);
            if let Some(score) = scores.into_iter().find(is_outside) {
                return Err(words::out_of_range(score, (low, high), name, role));
            }
            // Of all its rows, also where fewer are compared: it shows that the range is not the scores' own.
            let run = self.run(role);
            let mean = run.totals.dimensions.get(name).and_then(|known| known.mean);
            if let Some(mean) = mean.filter(is_outside) {
                let lack = Lack::OutOfRange(mean);
                return Err(words::lack(&lack, gate, subject, role.word(), run));
            }
        }
        Ok(())
    }

    /// The run in a role; the candidate where there is no other.
    fn run(&self, role: Role) -> &Run {
        match (&self.evidence.baseline, role) {
            (Baseline::Found(run, _), Role::Baseline) => run,
            _ => &self.evidence.candidate,
        }
    }

    /// The seconds that a limit is about, and what they are measured on.
    fn latency(&self, matter: Matter<'_>) -> Result<Measured, Obstacle> {
        let Matter { gate, limit, .. } = matter;
        let rows = self.rows()?;
        let selection = Selection::of(matter.slice, rows);
        look_into(matter, rows, &selection)?;
        let of = |role: Role, scope| {
            latency::measure(gate, rows, role, scope, &selection)
                .ok_or_else(|| words::lack(&Lack::NoUsage, gate, None, role.word(), self.run(role)))
        };
        if !gate.compares(limit) || !matches!(self.evidence.baseline, Baseline::Found(..)) {
            let pairing = Pairing {
                candidate: of(Role::Candidate, latency::Scope::Candidate)?,
                baseline: None,
            };
            return Ok(Measured {
                pairing,
                rows: None,
                removed_rows: RemovedRows::Ignore,
            });
        }
        let on = |removed_rows| -> Result<Pairing, Obstacle> {
            let scope = latency::Scope::Comparison(removed_rows);
            Ok(Pairing {
                candidate: of(Role::Candidate, scope)?,
                baseline: Some(of(Role::Baseline, scope)?),
            })
        };
        let mut removed_rows = self.removed_rows;
        let mut pairing = on(removed_rows)?;
        if pairing.candidate.ignores && self.removed() > 0 {
            removed_rows = RemovedRows::Ignore;
            pairing = on(removed_rows)?;
        }
        Ok(Measured {
            pairing,
            rows: None,
            removed_rows,
        })
    }

    fn removed(&self) -> u64 {
        match &self.evidence.baseline {
            Baseline::Found(_, pair) => pair.removed,
            Baseline::Unnamed | Baseline::NotFound(_) => 0,
        }
    }

    /// The trials that a change is measured on: those of the baseline's rows, or of the common ones.
    fn samples(&self, removed_rows: RemovedRows) -> Option<(Sample<'_>, Sample<'_>)> {
        let Baseline::Found(baseline, pair) = &self.evidence.baseline else {
            return None;
        };
        if pair.common == 0 {
            return None;
        }
        let ours = pair.candidate.as_ref()?;
        let (theirs, removed) = match removed_rows {
            RemovedRows::Missing => (&baseline.totals, pair.removed),
            RemovedRows::Ignore => (pair.baseline.as_ref()?, 0),
        };
        let ours = Sample {
            run: &self.evidence.candidate,
            totals: ours,
            rows: pair.common,
            // A removed row would have had as many trials as a common one has.
            absent: count(ours.trials) * count(removed) / count(pair.common),
        };
        let theirs = Sample {
            run: baseline,
            totals: theirs,
            rows: pair.common + removed,
            absent: 0.0,
        };
        Some((ours, theirs))
    }
}

/// Makes sure that a slice has rows in every run that is looked at.
fn look_into(matter: Matter<'_>, rows: &Rows, selection: &Selection) -> Result<(), Obstacle> {
    let Matter { gate, limit, .. } = matter;
    let roles = [Role::Candidate, Role::Baseline];
    let roles = roles
        .into_iter()
        .take(1 + usize::from(gate.compares(limit)));
    if let Some(slice) = matter.slice {
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        let any = |role| (0..rows.len()).any(|row| has(role, row));
        if !any(Role::Candidate) && !any(Role::Baseline) {
            return Err(slice::empty(slice, None, rows));
        }
        if let Some(role) = roles.clone().find(|role| !any(*role)) {
            return Err(slice::empty_in(slice, role.word()));
        }
    }
    Ok(())
}

/// Measures a sample, or says what it lacks.
fn measured(matter: Matter<'_>, sample: &Sample<'_>, role: Role) -> Result<Measure, Obstacle> {
    let Matter { gate, subject, .. } = matter;
    sample
        .measure(gate, subject)
        .map_err(|lack| match (&lack, matter.slice) {
            (Lack::NoScores, Some(slice)) => words::no_scores_in(slice, subject, role),
            _ => words::lack(&lack, gate, subject, role.word(), sample.run),
        })
}
