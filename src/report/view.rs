//! What the formats for people share: the order of checks, and numbers as text.

use crate::evidence::{Baseline, Evidence, LeftOut, ListedRun, Role, Run};
use crate::judge::{Check, Judgement, Line, Measure, Status, Verdict};
use crate::number::{full, plural, show, signed};
use crate::policy::Severity;

/// As many characters of a commit are shown.
const SHORT_COMMIT: usize = 7;

/// Checks as a person wants to see them: what blocks first, what passes last; else in their order.
pub(super) fn ordered(judgement: &Judgement) -> Vec<&Check> {
    let mut checks: Vec<&Check> = judgement.checks.iter().collect();
    checks.sort_by_key(|check| rank(check));
    checks
}

fn rank(check: &Check) -> u8 {
    match (check.status, check.severity) {
        (Status::Fail, Severity::Block) => 0,
        (Status::Undecided, Severity::Block) => 1,
        (Status::Fail, Severity::Warn) => 2,
        (Status::Undecided, Severity::Warn) => 3,
        (Status::Waived, _) => 4,
        (Status::Skipped, _) => 5,
        (Status::Pass, _) => 6,
    }
}

/// The word for a verdict; for none, what that means.
pub(super) fn verdict_word(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "passed",
        Some(Verdict::Failed) => "failed",
        Some(Verdict::Undecided) => "undecided",
        None => "no verdict",
    }
}

/// The word for a status.
pub(super) fn status_word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Fail => "fail",
        Status::Undecided => "undecided",
        Status::Waived => "waived",
        Status::Skipped => "skipped",
    }
}

/// The status as a person reads it: a fail that only warns says so.
pub(super) fn status_label(check: &Check) -> String {
    let word = status_word(check.status);
    match check.status {
        Status::Fail | Status::Undecided if check.severity == Severity::Warn => {
            format!("{word} (warns)")
        }
        _ => word.to_owned(),
    }
}

/// `2 fail, 1 undecided, 5 pass`.
pub(super) fn counts(judgement: &Judgement) -> String {
    let count = |wanted: fn(&Check) -> bool| {
        judgement
            .checks
            .iter()
            .filter(|check| wanted(check))
            .count()
    };
    let parts = [
        (
            count(|check| check.blocks() && check.status == Status::Fail),
            "fail",
        ),
        (
            count(|check| check.blocks() && check.status == Status::Undecided),
            "undecided",
        ),
        (
            count(|check| {
                !check.blocks() && matches!(check.status, Status::Fail | Status::Undecided)
            }),
            "only warn",
        ),
        (count(|check| check.status == Status::Waived), "waived"),
        (count(|check| check.status == Status::Skipped), "skipped"),
        (count(|check| check.status == Status::Pass), "pass"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    parts.join(", ")
}

/// `2 of 8 checks block`, in words.
pub(super) fn blocking(judgement: &Judgement) -> String {
    let blocking = judgement
        .checks
        .iter()
        .filter(|check| check.blocks())
        .count();
    let all = plural(judgement.checks.len() as u64, "check");
    match (blocking, judgement.verdict) {
        (0, Verdict::Passed) => format!("nothing of {all} blocks"),
        (0, _) => "nothing was judged".to_owned(),
        (1, _) => format!("1 of {all} blocks"),
        (blocking, _) => format!("{blocking} of {all} block"),
    }
}

/// `min 0.9`, or `max_drop 0.05 against release`.
pub(super) fn limit(check: &Check) -> String {
    let limit = format!("{} {}", check.limit.key.word(), full(check.limit.value));
    match &check.against {
        Some(name) => format!("{limit} against {name}"),
        None => limit,
    }
}

/// Every baseline that was found, with what reports call it.
pub(super) fn baselines(evidence: &Evidence) -> Vec<(String, &Run)> {
    let compared = std::iter::once((None, evidence)).chain(
        evidence
            .named
            .iter()
            .map(|(name, compared)| (Some(name), compared)),
    );
    let found = compared.filter_map(|(name, evidence)| match &evidence.baseline {
        Baseline::Found(run, _) => Some((name, run.as_ref())),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    });
    found
        .map(|(name, run)| {
            let name = name.map_or_else(String::new, |name| format!(" {name}"));
            (format!("baseline{name}"), run)
        })
        .collect()
}

/// The candidate's value, with the precision that tells it from the limit on the value itself, or else from the
/// baseline's, so that two values that differ do not look the same.
pub(super) fn candidate(check: &Check) -> String {
    let compared = match check.baseline {
        Some(baseline) => baseline.low,
        None => check.limit.value,
    };
    check
        .candidate
        .map_or_else(dash, |measure| value(&measure, compared))
}

/// The baseline's value, with the precision that tells it from the candidate's.
pub(super) fn baseline(check: &Check) -> String {
    let compared = check.candidate.map_or(0.0, |candidate| candidate.low);
    check
        .baseline
        .map_or_else(dash, |measure| value(&measure, compared))
}

/// The change from baseline to candidate; a fraction of the baseline where the limit is one.
pub(super) fn change(check: &Check) -> String {
    let (Some(ours), Some(theirs)) = (check.candidate, check.baseline) else {
        return dash();
    };
    let from = |candidate: f64, baseline: f64| {
        let change = candidate - baseline;
        if check.limit.key.is_relative() && change != 0.0 {
            change / baseline.abs()
        } else {
            change
        }
    };
    let against = if check.limit.key.wants_high() {
        -check.limit.value
    } else {
        check.limit.value
    };
    let (least, most) = (from(ours.low, theirs.high), from(ours.high, theirs.low));
    let end = |number: f64| {
        if number.is_finite() {
            signed(number, against)
        } else {
            "?".to_owned()
        }
    };
    let shown = if least == most {
        end(least)
    } else {
        format!("{}…{}", end(least), end(most))
    };
    if check.limit.key.is_relative() {
        format!("{shown} (relative)")
    } else {
        shown
    }
}

/// What one run of the candidate's commit measured alone: a name and a value for each check, each pair once.
pub(super) fn measured<'j>(judgement: &'j Judgement, id: &str) -> Vec<(&'j Check, String)> {
    let mut found: Vec<(&Check, String)> = Vec::new();
    for check in &judgement.checks {
        let Some(run) = check.runs.iter().find(|run| run.id == id) else {
            continue;
        };
        let is_known = found.iter().any(|(known, _)| {
            (&known.gate, &known.subject, &known.slice, known.metric)
                == (&check.gate, &check.subject, &check.slice, check.metric)
        });
        if !is_known {
            let shown = run.value.map_or_else(
                || "unknown".to_owned(),
                |value| show(value, check.limit.value),
            );
            found.push((check, shown));
        }
    }
    found
}

/// The runs to list besides candidate and baseline: those of a side with several runs, or with runs that are left out.
pub(super) fn listed(evidence: &Evidence) -> Vec<&ListedRun> {
    let runs = &evidence.selection.runs;
    let has_several = |role: Role| runs.iter().filter(|run| run.role == role).count() > 1;
    runs.iter().filter(|run| has_several(run.role)).collect()
}

/// What became of a listed run.
pub(super) fn use_word(run: &ListedRun) -> &'static str {
    run.left_out.map_or("judged", LeftOut::word)
}

/// The first characters of a commit.
pub(super) fn short_commit(commit: &str) -> String {
    commit.chars().take(SHORT_COMMIT).collect()
}

/// `3 rows to spare`, `5 rows short`.
pub(super) fn margin(check: &Check) -> String {
    check.margin.map_or_else(dash, |margin| {
        let count = plural(margin.count, margin.thing);
        match (check.status, margin.count) {
            (Status::Pass, 0) => "none to spare".to_owned(),
            (Status::Pass, _) => format!("{count} to spare"),
            _ => format!("{count} short"),
        }
    })
}

/// `18/24`.
pub(super) fn scored(check: &Check) -> String {
    check
        .candidate
        .map_or_else(dash, |measure| scored_of(&measure))
}

/// Trials that have the score, of all, and the rows that these are of where a row has several.
fn scored_of(measure: &Measure) -> String {
    let trials = format!("{}/{}", measure.scored, measure.trials);
    if measure.rows == measure.trials {
        trials
    } else {
        format!("{trials}, {}", plural(measure.rows, "row"))
    }
}

/// The cells of a line of a comparison.
pub(super) struct LineCells {
    pub(super) baseline: String,
    pub(super) candidate: String,
    pub(super) change: String,
    pub(super) baseline_scored: String,
    pub(super) candidate_scored: String,
}

pub(super) fn line(line: &Line) -> LineCells {
    let low = |measure: Option<Measure>| measure.map_or(0.0, |measure| measure.low);
    let shown = |measure: Option<Measure>, compared: f64| {
        measure.map_or_else(dash, |measure| value(&measure, compared))
    };
    let scored =
        |measure: Option<Measure>| measure.map_or_else(dash, |measure| scored_of(&measure));
    LineCells {
        baseline: shown(line.baseline, low(line.candidate)),
        candidate: shown(line.candidate, low(line.baseline)),
        change: line.change.map_or_else(dash, |change| signed(change, 0.0)),
        baseline_scored: scored(line.baseline),
        candidate_scored: scored(line.candidate),
    }
}

fn value(measure: &Measure, compared: f64) -> String {
    let end = |number: f64| {
        if number.is_finite() {
            show(number, compared)
        } else {
            "?".to_owned()
        }
    };
    if measure.is_open() {
        format!("{}…{}", end(measure.low), end(measure.high))
    } else {
        end(measure.low)
    }
}

fn dash() -> String {
    "–".to_owned()
}
