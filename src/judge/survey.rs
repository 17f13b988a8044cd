//! What a check is measured on: which run, which rows of it, and whether the summary or the rows are counted.

use super::by_row::ByRow;
use super::columns::{column, is_told, text_counts, unknown_rows};
use super::comparability::{self, Obstacle};
use super::limit::Pairing;
use super::measure::{Lack, Measure, Sample, is_outside};
use super::plan::Matter;
use super::slice::{self, Selection};
use super::words;
use crate::evidence::{Baseline, Completeness, Evidence, Role, Rows, Run, Totals};
use crate::policy::{Aggregate, Counted, Gate, Kind, Limit, RemovedRows};

/// The values that a limit is about.
pub(super) struct Measured {
    pub(super) pairing: Pairing,
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
        let baseline = match &self.evidence.baseline {
            Baseline::Found(run, _) if gate.compares(limit) => Some(&run.totals),
            _ => None,
        };
        let candidate = std::iter::once(&self.evidence.candidate.totals);
        let runs: Vec<&Totals> = candidate.chain(baseline).collect();
        gate.needs_rows_for(limit) || gate.range.is_some() || !self.tells(gate, &runs)
    }

    /// The values that a limit is about, and what they are measured on.
    pub(super) fn measure(&self, matter: Matter<'_>) -> Result<Measured, Obstacle> {
        let Matter { gate, limit, .. } = matter;
        self.usable(matter)?;
        self.in_range(matter)?;
        let (pairing, removed_rows) = match self.on_summary(matter)? {
            Some((pairing, removed_rows)) => (self.sized(matter, pairing), removed_rows),
            None => (self.on_rows(matter)?, self.removed_rows),
        };
        if !gate.metric.compares() {
            return Ok(Measured {
                pairing,
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
            text_counts: false,
        };
        debug_assert!(gate.compares(limit));
        Ok(Measured {
            pairing,
            removed_rows,
        })
    }

    /// Makes sure that the counts of the dimension can be used, in every run that is looked at as a whole.
    fn usable(&self, matter: Matter<'_>) -> Result<(), Obstacle> {
        for role in roles(matter) {
            let totals = &self.run(role).totals;
            let known = matter.subject.and_then(|name| totals.dimensions.get(name));
            if let Some(flaw) = known.and_then(|known| known.flaw) {
                return Err(self.obstacle(matter, &Lack::Flawed(flaw), role));
            }
        }
        Ok(())
    }

    fn rows(&self) -> Result<&Rows, Obstacle> {
        self.evidence.rows.as_ref().ok_or_else(unknown_rows)
    }

    /// The values as the summary tells them, and how removed rows are taken; `None` where the rows have to be
    /// counted.
    ///
    /// What a summary cannot give is not in its rows either: no scores, or scores of another kind, or two
    /// dimensions of one name. But a latency or a usage that it lacks may be.
    fn on_summary(&self, matter: Matter<'_>) -> Result<Option<(Pairing, RemovedRows)>, Obstacle> {
        let Matter { gate, limit, .. } = matter;
        if gate.metric.is_latency() {
            return Ok(None);
        }
        if gate.metric.aggregate() == Aggregate::Count(Counted::Trials) {
            let each = self.evidence.each.iter().map(|each| &each.candidate);
            let mut runs = each.chain([&self.evidence.candidate]);
            if runs.any(|run| run.completeness == Completeness::Repeated) {
                return Err(comparability::repeated_calls());
            }
        }
        let text_counts = text_counts(self.evidence, matter.subject);
        if !gate.compares(limit) {
            let candidate = &self.evidence.candidate;
            let ours = Sample {
                run: candidate,
                totals: &candidate.totals,
                removed: 0,
                text_counts,
            };
            let ours = measured(matter, &ours, Role::Candidate);
            let is_told = matter.slice.is_none() && self.tells(gate, &[&candidate.totals]);
            return match ours {
                Err(obstacle) if is_told || matter.subject.is_some() => Err(obstacle),
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
        let is_told = matter.slice.is_none() && self.tells(gate, &self.totals(self.removed_rows)?);
        let pairing = match self.change(matter, self.removed_rows, text_counts) {
            Err(obstacle) if is_told || matter.subject.is_some() => return Err(obstacle),
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
        // Where missing scores are left out, a change is measured on the rows that have a score in both runs.
        // Only the rows tell which these are, unless nothing is missing but rows that were removed.
        let is_whole = pairing
            .baseline
            .is_some_and(|measure| measure.scored == measure.trials);
        if !is_whole || self.removed() == 0 {
            return Ok(None);
        }
        let mut common = self.change(matter, RemovedRows::Ignore, text_counts)?;
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

    /// The values of both runs on the rows of a comparison.
    fn change(
        &self,
        matter: Matter<'_>,
        removed_rows: RemovedRows,
        text_counts: bool,
    ) -> Result<Pairing, Obstacle> {
        let (ours, theirs) = self.samples(removed_rows, text_counts)?;
        Ok(Pairing {
            candidate: measured(matter, &ours, Role::Candidate)?,
            baseline: Some(measured(matter, &theirs, Role::Baseline)?),
            text_counts,
        })
    }

    /// Whether summaries tell a gate's metric of all rows.
    fn tells(&self, gate: &Gate, runs: &[&Totals]) -> bool {
        let rows = self.evidence.rows.as_ref();
        let has = |kind| rows.is_some_and(|rows| rows.column("", kind).is_some());
        match gate.metric.column() {
            Some(kind @ (Kind::Tokens | Kind::Cost | Kind::Anything)) if has(kind) => false,
            _ => is_told(gate.metric, runs),
        }
    }

    /// Counts the rows themselves.
    fn on_rows(&self, matter: Matter<'_>) -> Result<Pairing, Obstacle> {
        let Matter { gate, limit, .. } = matter;
        let rows = self.rows()?;
        let selection = Selection::of(matter.slice, rows);
        look_into(matter, rows, &selection)?;
        let text_counts = text_counts(self.evidence, matter.subject);
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
            column: column(rows, gate.metric, matter.subject)?,
            selection: &selection,
            text_counts,
        };
        let lack = |(role, lack): (Role, Lack)| {
            let has_no_call = rows.without_call(role).trials >= self.run(role).totals.trials;
            let lack = match gate.metric.column() {
                Some(Kind::Latency | Kind::Tokens | Kind::Cost) if has_no_call => {
                    Lack::NoPredictCall
                }
                Some(Kind::Latency | Kind::Tokens | Kind::Cost) => Lack::NoUsage,
                _ => lack,
            };
            self.obstacle(matter, &lack, role)
        };
        let is_found = matches!(self.evidence.baseline, Baseline::Found(..));
        if !gate.compares(limit) || !is_found {
            return Ok(Pairing {
                candidate: by_row
                    .value(Role::Candidate)
                    .map_err(|found| lack((Role::Candidate, found)))?,
                baseline: None,
                text_counts,
            });
        }
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        let is_common = |row: usize| has(Role::Candidate, row) && has(Role::Baseline, row);
        if !(0..rows.len()).any(is_common) {
            return Err(comparability::no_common_rows(self.evidence));
        }
        let [candidate, baseline] = by_row.change(self.removed_rows).map_err(lack)?;
        Ok(Pairing {
            candidate,
            baseline: Some(baseline),
            text_counts,
        })
    }

    /// Rows or trials of a slice.
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

    /// A pairing of means from summaries, with the size of the scores as far as it can be told.
    fn sized(&self, matter: Matter<'_>, mut pairing: Pairing) -> Pairing {
        let Matter { gate, subject, .. } = matter;
        if gate.metric.column() != Some(Kind::Number) {
            return pairing;
        }
        let known = self.evidence.rows.as_ref().and_then(|rows| {
            let column = column(rows, gate.metric, subject).ok()?;
            let ends = roles(matter).filter_map(|role| rows.extremes(role, column, |_| true));
            ends.map(|(low, high)| low.abs().max(high.abs()))
                .reduce(f64::max)
        });
        let range = gate.range.map(|(low, high)| low.abs().max(high.abs()));
        // Of nothing that is known, a limit of 0 has no size: then scores are taken to be of size 1.
        let unknown = if matter.limit.value == 0.0 { 1.0 } else { 0.0 };
        let size = known.or(range).unwrap_or(unknown);
        let mut all = std::iter::once(&mut pairing.candidate).chain(&mut pairing.baseline);
        all.by_ref()
            .for_each(|measure| measure.size = measure.size.max(size));
        pairing
    }

    /// Makes sure that no score lies outside the gate's range, and no mean of a run.
    ///
    /// Of all rows of the runs, also where fewer are compared or in the slice: one outside shows that the range
    /// is not the scores' own.
    fn in_range(&self, matter: Matter<'_>) -> Result<(), Obstacle> {
        let Matter { gate, subject, .. } = matter;
        let (Some(range), Some(name)) = (gate.range, subject) else {
            return Ok(());
        };
        let rows = self.evidence.rows.as_ref();
        let known = rows.and_then(|rows| Some((rows, rows.column(name, Kind::Number)?)));
        let mut means = Vec::new();
        for role in roles(matter) {
            let ends = known.and_then(|(rows, column)| rows.extremes(role, column, |_| true));
            let scores = ends.into_iter().flat_map(|(least, most)| [least, most]);
            if let Some(score) = scores.into_iter().find(|score| is_outside(*score, range)) {
                return Err(words::out_of_range(score, range, name, role));
            }
            let dimension = self.run(role).totals.dimensions.get(name);
            let mean = dimension.and_then(|known| known.mean);
            means.extend(mean.map(|mean| (role, mean)));
        }
        if let Some((role, mean)) = means.iter().find(|(_, mean)| is_outside(*mean, range)) {
            return Err(self.obstacle(matter, &Lack::OutOfRange(*mean), *role));
        }
        // Whether a score lies outside only the rows tell.
        if known.is_none() && !means.is_empty() {
            return Err(unknown_rows());
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

    fn removed(&self) -> u64 {
        match &self.evidence.baseline {
            Baseline::Found(_, pair) => pair.removed,
            Baseline::Unnamed | Baseline::NotFound(_) => 0,
        }
    }

    /// The totals of the runs of a comparison, on the rows that it is made on.
    fn totals(&self, removed_rows: RemovedRows) -> Result<[&Totals; 2], Obstacle> {
        let (ours, theirs) = self.samples(removed_rows, false)?;
        Ok([ours.totals, theirs.totals])
    }

    /// The trials that a change is measured on: those of the baseline's rows, or of the common ones.
    fn samples(
        &self,
        removed_rows: RemovedRows,
        text_counts: bool,
    ) -> Result<(Sample<'_>, Sample<'_>), Obstacle> {
        let unknown = || comparability::common_rows_unknown(self.evidence);
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

    fn obstacle(&self, matter: Matter<'_>, lack: &Lack, role: Role) -> Obstacle {
        obstacle(matter, lack, role, self.run(role))
    }
}

/// The runs that a check looks at.
fn roles(matter: Matter<'_>) -> impl Iterator<Item = Role> + Clone {
    let roles = [Role::Candidate, Role::Baseline].into_iter();
    roles.take(1 + usize::from(matter.gate.compares(matter.limit)))
}

/// Makes sure that a slice has rows in every run that is looked at.
fn look_into(matter: Matter<'_>, rows: &Rows, selection: &Selection) -> Result<(), Obstacle> {
    let mut roles = roles(matter);
    if let Some(slice) = matter.slice {
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        let any = |role| (0..rows.len()).any(|row| has(role, row));
        if !any(Role::Candidate) && !any(Role::Baseline) {
            return Err(slice::empty(slice, None, rows));
        }
        if let Some(role) = roles.find(|role| !any(*role)) {
            return Err(slice::empty_in(slice, role.word()));
        }
    }
    Ok(())
}

/// Measures a sample, or says what it lacks.
fn measured(matter: Matter<'_>, sample: &Sample<'_>, role: Role) -> Result<Measure, Obstacle> {
    let measured = sample.measure(matter.gate, matter.subject);
    measured.map_err(|lack| obstacle(matter, &lack, role, sample.run))
}

fn obstacle(matter: Matter<'_>, lack: &Lack, role: Role, run: &Run) -> Obstacle {
    let Matter { gate, subject, .. } = matter;
    match (lack, matter.slice) {
        (Lack::NoScores, Some(slice)) => words::no_scores_in(slice, subject, role),
        _ => words::lack(lack, gate, subject, role.word(), run),
    }
}
