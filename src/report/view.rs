//! Functions that the formats for people share: the order of checks, and numbers as text.

use super::units::{self, Values};
use crate::evidence::{Baseline, Evidence, LeftOut, ListedRun, Role, Run};
use crate::judge::{
    Cause, Check, Effect, Finding, Judgement, Line, Measure, Name, Reason, RunMetric, Status,
    Verdict,
};
use crate::number::plural;
use crate::policy::{Kind, Metric, Severity};
use crate::prose::Prose;

/// The number of characters of a commit that are shown.
const SHORT_COMMIT: usize = 7;
/// The maximum number of changes that the line on what the rows can show names.
const MOST_FOUND: usize = 3;

/// The checks in the order for people: blocking checks first, passed checks last, otherwise in the policy's order.
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

/// The word for a verdict, or for the absence of one.
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

/// The status as a person reads it: a failure or an undecided check that does not block is a warning.
pub(super) fn status_label(check: &Check) -> String {
    match check.status {
        Status::Fail | Status::Undecided if check.severity == Severity::Warn => {
            "warning".to_owned()
        }
        status => status_word(status).to_owned(),
    }
}

/// The cause that leaves every check undecided; `None` if there are several, or if a check passes or fails.
pub(super) fn only_cause(judgement: &Judgement) -> Option<&Cause> {
    let mut cause = None;
    for check in &judgement.checks {
        match &check.reason {
            Reason::Skipped => {}
            Reason::Blocked(this) if cause.is_none_or(|known| known == this) => cause = Some(this),
            Reason::Blocked(_)
            | Reason::Values(_)
            | Reason::Test(_)
            | Reason::MissingScoresDecide => return None,
        }
    }
    cause.filter(|_| judgement.verdict == Verdict::Undecided)
}

/// The findings that a reader must know and that no check tells.
pub(super) fn told_findings(judgement: &Judgement) -> Vec<&Finding> {
    let is_told = |finding: &&Finding| {
        let mut checks = judgement.checks.iter();
        checks
            .any(|check| matches!(&check.reason, Reason::Blocked(cause) if *cause == finding.cause))
    };
    // That change limits are skipped is never hidden.
    let matters = |finding: &&Finding| {
        matches!(finding.effect, Effect::Undecided | Effect::Warning)
            || finding.name() == Name::NoBaseline
    };
    let findings = judgement.findings.iter();
    findings
        .filter(matters)
        .filter(|finding| !is_told(finding))
        .collect()
}

/// Checks that are shown together: one that was measured, or all that one cause leaves undecided.
pub(super) enum Group<'j> {
    /// A check with its values.
    Measured(&'j Check),
    /// Checks that cannot be judged, all for the same reason.
    OfOneCause(Vec<&'j Check>),
}

/// Groups checks: those that were measured first, in the given order, then those that cannot be judged.
pub(super) fn groups<'j>(checks: &[&'j Check]) -> Vec<Group<'j>> {
    let is_blocked = |check: &&Check| {
        matches!(check.reason, Reason::Blocked(_)) && check.status != Status::Skipped
    };
    let (blocked, measured): (Vec<&Check>, Vec<&Check>) =
        checks.iter().copied().partition(is_blocked);
    let mut groups: Vec<Group<'_>> = measured.into_iter().map(Group::Measured).collect();
    let mut told: Vec<&Reason> = Vec::new();
    for check in &blocked {
        if told.contains(&&check.reason) {
            continue;
        }
        told.push(&check.reason);
        let alike = blocked.iter().filter(|other| other.reason == check.reason);
        groups.push(Group::OfOneCause(alike.copied().collect()));
    }
    groups
}

/// The parts of a check's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckName<'c> {
    pub(super) gate: &'c str,
    /// The dimension, unless the gate's name contains it.
    pub(super) subject: Option<&'c str>,
    /// The rows that it is about.
    pub(super) slice: Option<String>,
}

impl<'c> CheckName<'c> {
    /// The name of a check of this gate, dimension and slice.
    pub(super) fn of(gate: &'c str, subject: Option<&'c str>, slice: Option<String>) -> Self {
        Self {
            gate,
            subject: subject.filter(|subject| !gate.contains(subject)),
            slice,
        }
    }
}

/// What a check is about.
pub(super) fn name(check: &Check) -> CheckName<'_> {
    let slice = check.slice.as_ref().map(ToString::to_string);
    CheckName::of(&check.gate, check.subject.as_deref(), slice)
}

/// The metric in words: `pass rate`.
pub(super) fn metric(check: &Check) -> String {
    units::metric(check.metric, check.attempts)
}

/// What the tests of a judgement can show: which changes they find in most cases; `None` if nothing is tested.
pub(super) fn power(judgement: &Judgement) -> Option<Prose> {
    let mut found: Vec<(String, &str)> = Vec::new();
    for check in ordered(judgement) {
        let Some(size) = check.chance.as_ref().and_then(|test| test.found) else {
            continue;
        };
        let size = units::size_of_change(check.metric, size, false, 0.0);
        let way = if check.limit.key.wants_high() {
            "drop"
        } else {
            "rise"
        };
        let size = format!("a {way} of {size}");
        if !found.contains(&(size.clone(), check.gate.as_str())) {
            found.push((size, &check.gate));
        }
    }
    let more = found.len().saturating_sub(MOST_FOUND);
    let mut text = Prose::from("in 80 % of cases these rows find ");
    for (place, (size, gate)) in found.iter().take(MOST_FOUND).enumerate() {
        let before = if place == 0 { "" } else { ", " };
        text = text.text(format!("{before}{size} in ")).name(*gate);
    }
    if more > 0 {
        text = text.text(format!(", and {more} more"));
    }
    (!found.is_empty()).then_some(text)
}

/// The number of checks that passed.
pub(super) fn passed(judgement: &Judgement) -> usize {
    let checks = judgement.checks.iter();
    checks.filter(|check| check.status == Status::Pass).count()
}

/// `2 failed, 1 undecided, 5 passed`.
pub(super) fn counted<'c>(checks: &(impl Iterator<Item = &'c Check> + Clone)) -> String {
    let count = |wanted: fn(&Check) -> bool| checks.clone().filter(|check| wanted(check)).count();
    let parts = [
        (
            count(|check| check.blocks() && check.status == Status::Fail),
            "failed",
        ),
        (
            count(|check| check.blocks() && check.status == Status::Undecided),
            "undecided",
        ),
        (
            count(|check| {
                !check.blocks() && matches!(check.status, Status::Fail | Status::Undecided)
            }),
            "warnings",
        ),
        (count(|check| check.status == Status::Waived), "waived"),
        (count(|check| check.status == Status::Skipped), "skipped"),
        (count(|check| check.status == Status::Pass), "passed"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| match (count, word) {
            (1, "warnings") => "1 warning".to_owned(),
            (count, word) => format!("{count} {word}"),
        })
        .collect();
    parts.join(", ")
}

/// `2 of 8 checks failed`: the checks that decide the verdict, of all. `no verdict` if one cause decides all of them.
pub(super) fn headline(judgement: &Judgement) -> String {
    if only_cause(judgement).is_some() {
        return verdict_word(None).to_owned();
    }
    let checks = &judgement.checks;
    let count = |status| {
        let of_status = checks.iter().filter(|check| check.status == status);
        match status {
            Status::Pass => of_status.count(),
            _ => of_status.filter(|check| check.blocks()).count(),
        }
    };
    let of = plural(checks.len() as u64, "check");
    match judgement.verdict {
        Verdict::Failed => format!("{} of {of} failed", count(Status::Fail)),
        Verdict::Undecided if count(Status::Undecided) == 0 => "nothing was judged".to_owned(),
        Verdict::Undecided => format!("{} of {of} undecided", count(Status::Undecided)),
        Verdict::Passed => format!("{} of {of} passed", count(Status::Pass)),
    }
}

/// `min 90 %`, or `max drop 5 pts against release`.
pub(super) fn limit(check: &Check) -> String {
    limit_against(check, check.against.as_deref())
}

/// The same, with the name of the further baseline that is compared with.
pub(super) fn limit_against(check: impl Into<Values>, against: Option<&str>) -> String {
    let limit = units::limit(check);
    match against {
        Some(name) => format!("{limit} against {name}"),
        None => limit,
    }
}

/// Every baseline that was found, with its name in reports.
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

/// The candidate's value, with the precision that tells it from the limit or from the baseline's value.
pub(super) fn candidate(check: impl Into<Values>) -> String {
    units::candidate(check).unwrap_or_else(dash)
}

/// The baseline's value as text, with enough precision to distinguish it from the candidate's.
pub(super) fn baseline(check: impl Into<Values>) -> String {
    units::baseline(check).unwrap_or_else(dash)
}

/// The change from baseline to candidate as text; a fraction of the baseline if the limit is relative.
pub(super) fn change(check: impl Into<Values>) -> String {
    let values = check.into();
    let (Some(ours), Some(theirs)) = (values.candidate, values.baseline) else {
        return dash();
    };
    let is_relative = values.limit.key.is_relative();
    let from = |candidate: f64, baseline: f64| {
        let change = candidate - baseline;
        if is_relative && change != 0.0 {
            change / baseline.abs()
        } else {
            change
        }
    };
    let limit = units::signed_limit(values.limit);
    let (least, most) = (from(ours.low, theirs.high), from(ours.high, theirs.low));
    let end = |number: f64| {
        if number.is_finite() {
            units::change(values.metric, number, is_relative, limit)
        } else {
            "?".to_owned()
        }
    };
    if least == most {
        end(least)
    } else {
        format!("{} to {}", end(least), end(most))
    }
}

/// The values that one run of the candidate's commit measured alone: each check with its value; equal pairs are listed
/// once.
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
                |value| units::value(check.metric, value, check.limit.value),
            );
            found.push((check, shown));
        }
    }
    found
}

/// The runs to list in addition to candidate and baseline: those of a side that has several runs or runs that are left
/// out.
pub(super) fn listed(evidence: &Evidence) -> Vec<&ListedRun> {
    let runs = &evidence.selection.runs;
    let has_several = |role: Role| runs.iter().filter(|run| run.role == role).count() > 1;
    runs.iter().filter(|run| has_several(run.role)).collect()
}

/// Whether a listed run is judged, or why it is left out, as a word.
pub(super) fn use_word(run: &ListedRun) -> &'static str {
    run.left_out.map_or("judged", LeftOut::word)
}

/// The first characters of a commit.
pub(super) fn short_commit(commit: &str) -> String {
    commit.chars().take(SHORT_COMMIT).collect()
}

/// The number of scored trials and of all trials, and the number of rows if a row has several trials.
fn scored_of(measure: &Measure) -> String {
    let trials = format!("{}/{}", measure.scored, measure.trials);
    if measure.rows == measure.trials {
        trials
    } else {
        format!("{trials}, {}", plural(measure.rows, "row"))
    }
}

/// Whether a metric is of truth values.
pub(super) fn is_truth(metric: Metric) -> bool {
    metric.column() == Some(Kind::Truth)
}

/// The cells of one line of a comparison.
pub(super) struct LineCells {
    pub(super) baseline: String,
    pub(super) candidate: String,
    pub(super) change: String,
    pub(super) baseline_scored: String,
    pub(super) candidate_scored: String,
}

pub(super) fn line(line: &Line) -> LineCells {
    line_cells(line.metric, line.baseline, line.candidate, line.change)
}

/// The cells of a metric of the runs themselves.
pub(super) fn run_metric(line: &RunMetric) -> LineCells {
    line_cells(line.metric, line.baseline, line.candidate, line.change)
}

fn line_cells(
    metric: Metric,
    baseline: Option<Measure>,
    candidate: Option<Measure>,
    change: Option<f64>,
) -> LineCells {
    let shown = |measure: Option<Measure>, other: Option<Measure>| {
        let Some(measure) = measure else {
            return dash();
        };
        let other = other.map_or(0.0, |other| units::another(&measure, &other));
        units::measure(metric, &measure, other)
    };
    let scored =
        |measure: Option<Measure>| measure.map_or_else(dash, |measure| scored_of(&measure));
    // The values are over all rows of each run, the change is over the rows that both have.
    let whole = || Some(candidate?.observed? - baseline?.observed?);
    let changed = |change: f64| {
        let shown = units::change(metric, change, false, 0.0);
        let is_same = whole().is_none_or(|whole| shown == units::change(metric, whole, false, 0.0));
        if is_same {
            shown
        } else {
            format!("{shown} on rows scored in both")
        }
    };
    LineCells {
        baseline: shown(baseline, candidate),
        candidate: shown(candidate, baseline),
        change: change.map_or_else(dash, changed),
        baseline_scored: scored(baseline),
        candidate_scored: scored(candidate),
    }
}

fn dash() -> String {
    "–".to_owned()
}
