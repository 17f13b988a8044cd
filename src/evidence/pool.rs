//! Pools the re-runs of one commit into one run.

use super::columns::{Column, Columns, Kind, Wanted};
use super::rows::{Role, Rows};
use super::source::{Known, gathered, joined};
use super::{Baseline, Dimension, Evidence, Fact, Pair, Run, Totals, Usage};
use crate::fault::Fault;
use crate::number::count;
use crate::prose::Prose;

/// Runs with their rows, the newest first.
type Read = Vec<(Run, Rows)>;

/// Evidence for several runs of the candidate or of the baseline; see [`Evidence::assembled`].
pub(super) fn assembled(
    candidates: &[Known<'_>],
    baselines: Option<Result<Vec<Known<'_>>, Prose>>,
    newest_only: bool,
    wanted: Option<&Wanted<'_>>,
) -> Result<Evidence, Fault> {
    let found = match &baselines {
        Some(Ok(found)) => found.as_slice(),
        Some(Err(_)) | None => &[],
    };
    // `added` leaves the number of rows at 0. So the number of trials per row is unknown, and every gate reads rows.
    let before: Vec<Totals> = [candidates, found]
        .into_iter()
        .filter(|runs| !runs.is_empty())
        .map(|runs| added(runs.iter().map(|known| &known.run.totals)))
        .collect();
    let mut columns = wanted.map_or_else(Columns::default, |wanted| {
        wanted(&before.iter().collect::<Vec<_>>())
    });
    columns.add(scores(&before));
    let ours = read(candidates, &columns)?;
    let theirs = read(found, &columns)?;
    let unshared_baselines = unshared(&theirs);
    let theirs = match theirs.as_slice() {
        [] => None,
        runs => Some(pooled(runs)?),
    };
    let missing = match baselines {
        Some(Err(reason)) => Baseline::NotFound(reason),
        Some(Ok(_)) | None => Baseline::Unnamed,
    };
    let of = |(run, rows): &(Run, Rows)| match &theirs {
        Some(theirs) => compared((run, rows), (&theirs.0, &theirs.1)),
        None => Ok(Evidence::new(
            run.clone(),
            missing.clone(),
            Some(rows.clone()),
        )),
    };
    let mut each = Vec::new();
    if ours.len() > 1 {
        each = ours.iter().map(of).collect::<Result<_, _>>()?;
    }
    let mut evidence = match each.first() {
        Some(newest) if newest_only => newest.clone(),
        _ => of(&pooled(&ours)?)?,
    };
    evidence.each = each;
    let facts = &mut evidence.selection.facts;
    facts.extend(unshared(&ours).map(|fact| (Role::Candidate, fact)));
    facts.extend(unshared_baselines.map(|fact| (Role::Baseline, fact)));
    Ok(evidence)
}

/// The columns of all scores of all dimensions. They are needed because no summary has the totals of runs on their
/// common rows.
fn scores(totals: &[Totals]) -> Columns {
    let names = totals.iter().flat_map(|totals| totals.dimensions.keys());
    let kinds = [Kind::Truth, Kind::Number, Kind::Scored];
    let of = |name: &String| kinds.map(|kind| Column::Dimension(name.clone(), kind));
    let mut columns = Columns::default();
    columns.add(Columns {
        scores: names.flat_map(of).collect(),
        inputs: Vec::new(),
        patterns: Vec::new(),
    });
    columns
}

/// Reads the rows of runs.
fn read(runs: &[Known<'_>], columns: &Columns) -> Result<Read, Fault> {
    let mut read = Vec::new();
    for Known { run, rows } in runs {
        let source = rows.ok_or_else(|| {
            Fault::evidence(format!(
                "the scores by row of run `{}` are not known, and several runs are judged by rows",
                run.id
            ))
            .help("take the snapshot again without --summary-only")
        })?;
        let rows = gathered(source, columns)?;
        if rows.len() as u64 != run.rows {
            return Err(Fault::evidence(format!(
                "run `{}` has {} rows when they are read, and {} in its summary",
                run.id,
                rows.len(),
                run.rows
            ))
            .help("try again; was the run still being written, or was a snapshot edited?"));
        }
        let run = Run {
            digests: Some(rows.digests()),
            rows: rows.len() as u64,
            ..run.clone()
        };
        read.push((run, rows));
    }
    Ok(read)
}

/// Pools runs into one: the newest run, with the trials of all runs.
fn pooled(runs: &[(Run, Rows)]) -> Result<(Run, Rows), Fault> {
    let [(newest, rows), others @ ..] = runs else {
        return Err(Fault::bug("no run is named"));
    };
    if others.is_empty() {
        return Ok((newest.clone(), rows.clone()));
    }
    let oldest_first: Vec<Rows> = runs.iter().rev().map(|(_, rows)| rows.clone()).collect();
    let pooled = Rows::pooled(&oldest_first).map_err(|digest| {
        Fault::evidence(format!(
            "the row `{digest}` has other inputs in one run of the commit than in another"
        ))
        .help("a digest is that of a row's content; was a snapshot edited?")
    })?;
    let union = pooled.len() as u64;
    let mut totals = added(runs.iter().map(|(run, _)| &run.totals));
    // If a run lacks a row, it has a missing trial of that row.
    let lacking = runs.iter().map(|(run, _)| union - run.rows);
    totals.trials += lacking.sum::<u64>();
    totals.rows = union;
    let mut setup = newest.setup.clone();
    if let Some(setup) = &mut setup {
        let others = others.iter().filter_map(|(run, _)| {
            let mut setup = run.setup.clone()?;
            // Each run of `EvaluationLogger` has a version of its evaluation that says nothing.
            setup.evaluation = setup.evaluation.filter(|_| !run.is_logged);
            Some((run.id.clone(), setup))
        });
        setup.pooled = others.collect();
    }
    let run = Run {
        rows: union,
        totals,
        digests: Some(pooled.digests()),
        pooled_runs: runs.len() as u64,
        setup,
        ..newest.clone()
    };
    Ok((run, pooled))
}

/// Evidence for a candidate run with its baseline.
fn compared(
    (candidate, ours): (&Run, &Rows),
    (baseline, theirs): (&Run, &Rows),
) -> Result<Evidence, Fault> {
    let rows = joined(ours, theirs)?;
    let has = |role, row| rows.trials(role, row) > 0;
    let common = |row: usize| has(Role::Candidate, row) && has(Role::Baseline, row);
    let (on_common, shared) = rows.totals_of(Role::Candidate, common);
    let pair = Pair {
        common: shared,
        removed: baseline.rows - shared,
        added: candidate.rows - shared,
        candidate: Some(on_common),
        baseline: Some(rows.totals_of(Role::Baseline, common).0),
    };
    let baseline = Baseline::Found(Box::new(baseline.clone()), pair);
    Ok(Evidence::new(candidate.clone(), baseline, Some(rows)))
}

/// The first two runs that have no row in common.
fn unshared(runs: &[(Run, Rows)]) -> Option<Fact> {
    for (place, (one, ours)) in runs.iter().enumerate() {
        for (other, theirs) in runs.iter().skip(place + 1) {
            if !ours.share_a_row(theirs) {
                return Some(Fact::NoSharedRow {
                    runs: [one.id.clone(), other.id.clone()],
                });
            }
        }
    }
    None
}

/// The counts and sums of several runs, added up. The number of rows is left at 0, because it is not the sum.
fn added<'a>(all: impl Iterator<Item = &'a Totals>) -> Totals {
    let mut sum = Totals::default();
    for totals in all {
        sum.trials = sum.trials.saturating_add(totals.trials);
        for (name, dimension) in &totals.dimensions {
            let known = sum.dimensions.entry(name.clone()).or_default();
            *known = both(known, dimension);
        }
        sum.usage = match (sum.usage, totals.usage) {
            (Some(one), Some(other)) => Some(used(one, other)),
            (one, other) => one.or(other),
        };
    }
    sum
}

fn both(one: &Dimension, other: &Dimension) -> Dimension {
    let measured = one.measured.saturating_add(other.measured);
    let part = |dimension: &Dimension| {
        dimension.mean.unwrap_or(0.0) * (count(dimension.measured) / count(measured))
    };
    let has_mean = one.mean.is_some() || other.mean.is_some();
    Dimension {
        scored: one.scored.saturating_add(other.scored),
        passed: one.passed.saturating_add(other.passed),
        judged: one.judged.saturating_add(other.judged),
        measured,
        mean: (has_mean && measured > 0).then(|| part(one) + part(other)),
        flaw: one.flaw.or(other.flaw),
    }
}

fn used(one: Usage, other: Usage) -> Usage {
    let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    let counted = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
    Usage {
        tokens: sum(one.tokens, other.tokens),
        cost: match (one.cost, other.cost) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        },
        reported: counted(one.reported, other.reported),
        priced: counted(one.priced, other.priced),
    }
}
