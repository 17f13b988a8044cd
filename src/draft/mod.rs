//! Drafts a policy with `min` and drop limits from the scores of a run. A comment after each limit says where it comes
//! from.
//!
//! The gate judges the draft on the run that it was made from, so the draft passes on that run. A limit that does not
//! hold in the first draft is widened in the second, or left out if no limit would hold.

mod gates;
mod keys;
mod limits;
mod range;
mod scalar;

use std::fmt::Write as _;

use jiff::Timestamp;

use self::gates::Gates;
pub use self::keys::Keys;
pub use self::scalar::scalar;
use self::scalar::template;
use crate::evidence::{Column, Columns, Dimension, Evidence, Kind, Totals};
use crate::fault::Fault;
use crate::judge::{Check, Status, Verdict, judge};
use crate::number::plural;
use crate::policy::{self, Policy};
use crate::visible::visible;

/// On fewer rows than this, chance alone moves a rate by whole percents.
const FEW_ROWS: u64 = 100;

/// Whether there are so few rows that the draft reads each of them.
fn is_little(rows: u64) -> bool {
    (2..FEW_ROWS).contains(&rows)
}

/// The rows of a longer run are not read to guess the range of its numbers.
const MOST_RANGED: u64 = 2_000;

/// The columns of rows that a draft needs for these runs; the candidate is the first run. None if there are many rows
/// with one trial each, no score is missing, and no range of numbers can be guessed from the rows.
#[must_use]
pub fn columns(runs: &[&Totals]) -> Columns {
    let is_whole = |totals: &Totals| {
        let every = |known: &Dimension| known.scored == totals.trials && known.texts() == 0;
        totals.has_one_trial_a_row() && totals.dimensions.values().all(every)
    };
    let is_little = runs.first().is_some_and(|totals| is_little(totals.rows));
    let has_range = |totals: &Totals| {
        let mut dimensions = totals.dimensions.values();
        totals.rows <= MOST_RANGED && dimensions.any(|dimension| dimension.measured > 0)
    };
    let mut columns = Columns::default();
    let has_range = runs.first().is_some_and(|totals| has_range(totals));
    if !is_little && !has_range && runs.iter().all(|totals| is_whole(totals)) {
        return columns;
    }
    let of = |dimension: &str, kind| Column::Dimension(dimension.to_owned(), kind);
    for name in runs.iter().flat_map(|totals| totals.dimensions.keys()) {
        columns.add(Columns {
            scores: [Kind::Truth, Kind::Number, Kind::Scored]
                .map(|kind| of(name, kind))
                .into(),
            inputs: Vec::new(),
            patterns: Vec::new(),
        });
    }
    columns.scores.push(of("", Kind::Anything));
    columns
}

/// Drafts a policy. The evidence must be of a completed run, and contain the [`columns`] of its rows.
///
/// # Errors
///
/// The run cannot be judged: nothing was scored.
pub fn policy(evidence: &Evidence, keys: Keys<'_>, now: Timestamp) -> Result<String, Fault> {
    let run = &evidence.candidate;
    if run.totals.dimensions.is_empty() {
        return Err(
            Fault::evidence(format!("nothing was scored in run {}", run.id))
                .help("name a run with scores; `weave-gate runs` lists what there is"),
        );
    }
    let keys = keys.usable();
    let first = checked(&text(evidence, keys, &[]))?;
    let mut widened = judge(&first, evidence, now).checks;
    widened.retain(|check| !matches!(check.status, Status::Pass | Status::Skipped));
    let text = text(evidence, keys, &widened);
    let verdict = judge(&checked(&text)?, evidence, now).verdict;
    if verdict == Verdict::Passed {
        return Ok(text);
    }
    Err(Fault::evidence(format!(
        "no policy can be drafted that passes on run {}: nothing in it can be judged",
        run.id
    ))
    .help("inspect it with `weave-gate compare`, or write the policy by hand"))
}

fn checked(text: &str) -> Result<Policy, Fault> {
    if text.len() as u64 > policy::MAX_BYTES {
        return Err(
            Fault::evidence("the run has more dimensions than one policy can hold")
                .help("copy gates.example.yaml, and write gates for the dimensions that matter"),
        );
    }
    policy::parse("the draft", text).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.message))
            .collect();
        Fault::evidence(format!(
            "a policy cannot be drafted from this run: {}",
            lines.join("; ")
        ))
        .help("copy gates.example.yaml and write the policy by hand")
    })
}

/// The text of the policy. `widened` holds the checks that did not pass in an earlier draft.
fn text(evidence: &Evidence, keys: Keys<'_>, widened: &[Check]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, evidence, keys, widened);
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn write(
    text: &mut String,
    evidence: &Evidence,
    keys: Keys<'_>,
    widened: &[Check],
) -> std::fmt::Result {
    let run = &evidence.candidate;
    let date = run.finished_at.or(run.started_at);
    let date = date.map_or_else(String::new, |time| {
        format!(" of {}", time.strftime("%Y-%m-%d %H:%M UTC"))
    });
    writeln!(
        text,
        "# Drafted by weave-gate {} from run {}{date}: {}, {}.",
        env!("CARGO_PKG_VERSION"),
        visible(&run.id),
        plural(run.rows, "row"),
        plural(run.totals.trials, "trial")
    )?;
    writeln!(
        text,
        "# The limits are a start: read each of them, and change it to what must hold before you deploy.\n\
         # Check this file offline with: weave-gate validate\n"
    )?;
    writeln!(text, "version: 1")?;
    writeln!(text, "project: {}\n", template(&run.project.to_string()))?;
    for line in keys.lines(evidence) {
        writeln!(text, "{line}")?;
    }
    writeln!(text, "\ndefaults:")?;
    let (rule, why) = evidence_rule(run.rows);
    writeln!(text, "  evidence: {rule} # {why}")?;
    writeln!(
        text,
        "  missing: bound # a check that missing scores could change is undecided\n"
    )?;
    writeln!(text, "gates:")?;
    Gates { evidence, widened }.write(text)
}

/// The evidence rule, and the reason for choosing it.
fn evidence_rule(rows: u64) -> (&'static str, String) {
    if !is_little(rows) {
        return ("observed", "the measured value decides".to_owned());
    }
    (
        "significant",
        format!(
            "with {}, a drop fails only if chance does not explain it; min and max go by the value",
            plural(rows, "row")
        ),
    )
}
