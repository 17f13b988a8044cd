//! Joins the rows of two runs by their digests.

use std::collections::BTreeMap;

use super::columns::{Columns, Wanted};
use super::rows::Rows;
use super::source::{Known, RowSource, gathered, joined, unreadable};
use super::summary_builder::SummaryBuilder;
use super::{Baseline, Evidence, Pair, Run, Selection, Totals, pool};
use crate::fault::Fault;
use crate::prose::Prose;

impl Evidence {
    /// Evidence for a candidate that has no re-runs.
    #[must_use]
    pub fn new(candidate: Run, baseline: Baseline, rows: Option<Rows>) -> Self {
        Self {
            candidate,
            baseline,
            rows,
            selection: Selection::default(),
            each: Vec::new(),
            named: BTreeMap::new(),
        }
    }

    /// Evidence for one or several runs of each side, the newest first. If `baselines` is an error, it says why no
    /// baseline was found; if it is `None`, nothing is compared. With `newest_only` the newest candidate run is
    /// judged, and the other runs are measured as well.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::joined`]; or there are several runs and their scores by row are unknown.
    pub fn assembled(
        candidates: Vec<Known<'_>>,
        baselines: Option<Result<Vec<Known<'_>>, Prose>>,
        newest_only: bool,
        wanted: Option<&Wanted<'_>>,
    ) -> Result<Self, Fault> {
        let is_one = |runs: &[Known<'_>]| runs.len() == 1;
        let has_several =
            !is_one(&candidates) || matches!(&baselines, Some(Ok(baselines)) if !is_one(baselines));
        if !has_several {
            let candidate = candidates.into_iter().next().ok_or_else(no_run)?;
            let baseline = match baselines {
                None => return Self::alone(candidate, wanted),
                Some(Ok(baselines)) => Ok(baselines.into_iter().next().ok_or_else(no_run)?),
                Some(Err(reason)) => Err(reason),
            };
            return Self::joined(candidate, baseline, wanted);
        }
        pool::assembled(&candidates, baselines, newest_only, wanted)
    }

    /// Evidence for a run without a baseline.
    ///
    /// # Errors
    ///
    /// The run's rows cannot be read.
    pub fn alone(candidate: Known<'_>, wanted: Option<&Wanted<'_>>) -> Result<Self, Fault> {
        let columns = wanted.map(|wanted| wanted(&[&candidate.run.totals]));
        let rows = match (columns, candidate.rows) {
            (Some(columns), Some(source)) if !columns.is_empty() => {
                Some(gathered(source, &columns)?)
            }
            _ => None,
        };
        Ok(Self::new(candidate.run, Baseline::Unnamed, rows))
    }

    /// Joins two runs on their row digests. If `baseline` is an error, it says why no baseline was found.
    ///
    /// # Errors
    ///
    /// The digests of a run are unknown, or its rows cannot be read.
    pub fn joined(
        candidate: Known<'_>,
        baseline: Result<Known<'_>, Prose>,
        wanted: Option<&Wanted<'_>>,
    ) -> Result<Self, Fault> {
        let baseline = match baseline {
            Ok(baseline) => baseline,
            Err(reason) => {
                return Ok(Self {
                    baseline: Baseline::NotFound(reason),
                    ..Self::alone(candidate, wanted)?
                });
            }
        };
        let (ours, theirs) = (&candidate.run, &baseline.run);
        let mut pair = Pair::from_digests(ours, theirs)
            .ok_or_else(|| Fault::bug("the rows of a run were not read"))?;
        let mut rows = None;
        if let (Some(our_rows), Some(their_rows)) = (candidate.rows, baseline.rows) {
            // If a run has rows that the other lacks, its summary does not describe the common rows. So they are
            // counted.
            if pair.candidate.is_none() {
                pair.candidate = Some(on_rows_of(our_rows, theirs.digests.as_ref())?);
            }
            if pair.baseline.is_none() {
                pair.baseline = Some(on_rows_of(their_rows, ours.digests.as_ref())?);
            }
            let columns = wanted.map(|wanted| wanted(&[&ours.totals, &theirs.totals]));
            if let Some(columns) = columns.filter(|columns| !columns.is_empty()) {
                rows = Some(joined(
                    &listed(&candidate.run, our_rows, &columns)?,
                    &listed(&baseline.run, their_rows, &columns)?,
                )?);
            }
        }
        let baseline = Baseline::Found(Box::new(baseline.run), pair);
        Ok(Self::new(candidate.run, baseline, rows))
    }
}

fn no_run() -> Fault {
    Fault::bug("no run is named")
}

/// Reads the rows of a run. They must be the rows that were listed for it before.
fn listed(run: &Run, source: &dyn RowSource, columns: &Columns) -> Result<Rows, Fault> {
    let rows = gathered(source, columns)?;
    match &run.digests {
        Some(digests) if *digests != rows.digests() => Err(Fault::evidence(format!(
            "run `{}` has other rows when they are read than when they are listed",
            run.id
        ))
        .help("try again; was the run still being written, or was a snapshot edited?")),
        Some(_) | None => Ok(rows),
    }
}

/// The totals of a run on the rows that the other run has too.
fn on_rows_of(
    source: &dyn RowSource,
    digests: Option<&BTreeMap<String, u64>>,
) -> Result<Totals, Fault> {
    let mut builder = SummaryBuilder::default();
    source.each(&Columns::default(), &mut |row| {
        if digests.is_some_and(|digests| digests.contains_key(&*row.row_digest)) {
            for trial in &row.trials {
                builder.trial(trial).map_err(|error| unreadable(&error))?;
            }
            builder.end_row();
        }
        Ok(())
    })?;
    Ok(builder.totals())
}
