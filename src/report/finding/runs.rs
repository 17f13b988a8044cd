//! Facts about runs.

use jiff::SignedDuration;

use super::choice;
use super::scores::limit_words;
use super::told::{MOST_RUNS, Told};
use crate::evidence::{Gap, Role, RunStatus};
use crate::judge::RunCause;
use crate::number::{full, plural};
use crate::policy::Limit;
use crate::prose::Prose;

/// The maximum number of values of a run that are listed.
const MOST_VALUES: usize = 8;

pub(super) fn about(role: Role, run: &str, what: &RunCause) -> Told {
    let subject = || {
        Prose::from(format!("the {} ", role.word()))
            .name(run)
            .text(" ")
    };
    let told = |text: &str| Told::from(subject().text(text));
    match what {
        RunCause::Failed {
            is_judged,
            exception,
        } => {
            let fact = match exception {
                Some(exception) => subject().text("failed with ").name(exception),
                None => subject().text("failed"),
            };
            if *is_judged {
                Told::from(fact.text("; what it scored is judged anyway"))
                    .help("fix the evaluation, and evaluate again")
            } else {
                Told::from(fact).help(
                    "fix the evaluation, or judge it anyway with `accept_status: [completed, failed]` in the policy",
                )
            }
        }
        RunCause::NotFinished { status } => not_finished(subject(), status.as_ref()),
        RunCause::WithoutRows => told("has no rows")
            .help("check that its dataset has rows, and that its calls are in Weave"),
        RunCause::Incomplete { gap } => incomplete(subject(), *gap),
        RunCause::CompletenessUnknown => {
            told("does not say how many calls it made, so whether all of it is in Weave is unknown")
                .help("log with a current SDK, which counts the calls of a run")
        }
        RunCause::Choice { fact } => choice::about(role, run, fact),
        RunCause::Stale { age: None, .. } => {
            told("does not say when it finished, so its age is unknown")
                .help("name another run, or remove `max_age` from the policy")
        }
        RunCause::Stale {
            age: Some(age),
            allowed,
        } => told(&format!(
            "finished {} ago, and `max_age` is {}",
            days(*age),
            days(*allowed)
        ))
        .help("evaluate again, or raise `max_age`"),
        RunCause::BaselineNewer => {
            told("began after the candidate").help("check whether the two are swapped")
        }
    }
}

fn not_finished(subject: Prose, status: Option<&RunStatus>) -> Told {
    match status {
        Some(RunStatus::Running) => {
            Told::from(subject.text("is still running")).help("wait for it with `--wait 15m`")
        }
        Some(other) => Told::from(
            subject
                .text("has the status ")
                .name(other.word())
                .text(", which is not that of a finished run"),
        )
        .help("wait for it with `--wait 15m`, or evaluate again"),
        None => Told::from(subject.text("has no status")).help("evaluate again"),
    }
}

fn incomplete(subject: Prose, gap: Gap) -> Told {
    match gap {
        Gap::NoSummary => Told::from(subject.text(
            "is incomplete: its script ended without `log_summary()`, so rows may be missing",
        ))
        .help("call `log_summary()` at the end of the script; `finish()` alone is not enough"),
        Gap::Fewer { made, stored } => Told::from(subject.text(format!(
            "is incomplete: it made {made} calls, and Weave has {stored} of them; calls were deleted, lost in transit, or \
             are not visible yet"
        )))
        .help(
            "wait with `--wait 5m`, or evaluate again; if calls are deleted on purpose, set `completeness: warn` in the policy",
        ),
        Gap::More { made, stored } => Told::from(subject.text(format!(
            "made {made} calls, and Weave has {stored} of it; calls may be stored twice"
        )))
        .help("wait with `--wait 5m`, or evaluate again"),
    }
}

pub(super) fn several_match(role: Role, matches: u64, is_exact: bool, selector: &str) -> Told {
    let least = if is_exact { "" } else { "at least " };
    Told::from(
        Prose::from(format!("{least}{matches} runs match "))
            .name(selector)
            .text(format!("; the newest is the {}", role.word())),
    )
    .help("if another run was meant, add keys such as `commit`")
}

pub(super) fn repeated_calls() -> Told {
    Told::from("calls of the candidate are stored twice, so the number of its trials is unknown")
        .help("try again later: Weave merges repeated calls")
}

pub(super) fn pooled(role: Role, commits: u64, runs: &[String]) -> Told {
    let (count, word) = (plural(runs.len() as u64, "run"), role.word());
    let of = if commits > 1 {
        format!("{commits} commits are judged as one {word}")
    } else {
        format!("the {word}'s commit are judged as one")
    };
    Told::from(
        Prose::from(format!(
            "{count} of {of}: the trials of all of them count: "
        ))
        .names(runs, MOST_RUNS),
    )
}

pub(super) fn older(run: &str, values: &[(String, Option<f64>)]) -> Told {
    let values = values.iter().map(|(gate, value)| {
        let value = value.map_or_else(|| "unknown".to_owned(), full);
        format!("{gate} {value}")
    });
    Told::from(
        Prose::from("only the newest run of the candidate's commit is judged; the run ")
            .name(run)
            .text(" measured ")
            .names(values, MOST_VALUES),
    )
    .help("to judge all runs of the commit as one, set `reruns: pool` under `candidate:`")
}

pub(super) fn newest_worse(runs: u64, limit: Limit, value: Option<f64>) -> Told {
    let there = value.map_or_else(
        || "its value there is unknown".to_owned(),
        |value| format!("{} there", full(value)),
    );
    let limit = limit_words(limit);
    Told::from(format!(
        "all {runs} runs together meet {limit}, and the newest run alone does not: {there}"
    ))
    .help("find out why the newest run is worse, or evaluate again")
}

/// A duration in days and hours, or in hours and minutes if it is less than two days.
fn days(time: SignedDuration) -> String {
    let (hours, minutes) = (time.as_hours(), time.as_mins() % 60);
    match (hours / 24, hours % 24) {
        (0 | 1, _) if minutes == 0 => plural(hours.unsigned_abs(), "hour"),
        (0 | 1, _) => format!("{hours} h {minutes} min"),
        (days, 0) => plural(days.unsigned_abs(), "day"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}
