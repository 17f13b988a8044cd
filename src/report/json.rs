//! The JSON report: a wire type, documented in the README, all numbers in full.

use serde::Serialize;

use super::{Compared, Report, Section, links, view};
use crate::evidence::{Baseline, Evidence, Reference, Run};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::{Check, Effect, Finding, Line, Measure, Name};
use crate::policy::Severity;

/// Changes only where an old reader would misread a new report.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonReport<'a> {
    schema_version: u32,
    tool_version: &'static str,
    verdict: Option<&'static str>,
    exit_code: u8,
    error: Option<JsonError<'a>>,
    policies: Vec<JsonPolicy<'a>>,
}

#[derive(Serialize)]
struct JsonError<'a> {
    message: &'a str,
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonPolicy<'a> {
    path: &'a str,
    sha256: &'a str,
    verdict: Option<&'static str>,
    error: Option<JsonError<'a>>,
    candidate: Option<JsonRun<'a>>,
    baseline: Option<JsonRun<'a>>,
    comparison_url: Option<String>,
    findings: Vec<JsonFinding>,
    checks: Vec<JsonCheck<'a>>,
}

#[derive(Serialize)]
struct JsonRun<'a> {
    id: &'a str,
    project: String,
    display_name: Option<&'a str>,
    evaluation: Option<&'a str>,
    evaluation_version: Option<&'a str>,
    model: Option<&'a str>,
    model_version: Option<&'a str>,
    status: Option<&'a str>,
    started_at: Option<String>,
    finished_at: Option<String>,
    rows: u64,
    trials: u64,
    selector: Option<String>,
    matches: Option<u64>,
    url: Option<String>,
}

#[derive(Serialize)]
struct JsonFinding {
    name: &'static str,
    effect: &'static str,
    message: String,
}

#[derive(Serialize)]
struct JsonCheck<'a> {
    gate: &'a str,
    subject: Option<&'a str>,
    metric: &'static str,
    limit_key: &'static str,
    limit: f64,
    baseline: Option<f64>,
    candidate: Option<f64>,
    change: Option<f64>,
    baseline_range: Option<[Option<f64>; 2]>,
    candidate_range: Option<[Option<f64>; 2]>,
    scored: Option<u64>,
    trials: Option<u64>,
    margin: Option<u64>,
    margin_unit: Option<&'static str>,
    severity: &'static str,
    blocks: bool,
    status: &'static str,
    finding: Option<&'static str>,
    reason: String,
}

/// Renders the report as JSON, with a line break at its end.
///
/// # Errors
///
/// None that is known: every part of it can be written as JSON.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let exit = report.exit();
    let wire = JsonReport {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        verdict: report
            .verdict()
            .map(|verdict| view::verdict_word(Some(verdict))),
        exit_code: exit.code(),
        error: report.faults().next().map(error),
        policies: report.sections.iter().map(policy).collect(),
    };
    text(&wire)
}

/// A value as JSON that may stand in the log of a CI job: two hashes in a row could be read as a command,
/// and JSON has another word for the second.
pub(super) fn text(wire: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(wire)?.replace("##", "#\\u0023");
    Ok(text + "\n")
}

#[derive(Serialize)]
struct JsonComparison<'a> {
    schema_version: u32,
    tool_version: &'static str,
    comparable: bool,
    exit_code: u8,
    error: Option<JsonError<'a>>,
    candidate: Option<JsonRun<'a>>,
    baseline: Option<JsonRun<'a>>,
    comparison_url: Option<String>,
    findings: Vec<JsonFinding>,
    dimensions: Vec<JsonLine<'a>>,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    dimension: &'a str,
    metric: &'static str,
    baseline: Option<f64>,
    candidate: Option<f64>,
    change: Option<f64>,
    baseline_scored: Option<u64>,
    baseline_trials: Option<u64>,
    candidate_scored: Option<u64>,
    candidate_trials: Option<u64>,
}

/// Renders two runs side by side as JSON.
///
/// # Errors
///
/// None that is known.
pub fn render_comparison(compared: &Compared) -> Result<String, serde_json::Error> {
    let found = compared.outcome.as_ref().ok();
    let candidate = found.map(|(_, evidence)| &evidence.candidate);
    let baseline = found.and_then(|(_, evidence)| found_baseline(evidence));
    text(&JsonComparison {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        comparable: compared.exit() == Exit::Passed,
        exit_code: compared.exit().code(),
        error: compared.outcome.as_ref().err().map(error),
        candidate: candidate.map(run),
        baseline: baseline.map(run),
        comparison_url: candidate
            .zip(baseline)
            .and_then(|(candidate, baseline)| links::comparison(candidate, baseline)),
        findings: found.map_or_else(Vec::new, |(comparison, _)| {
            comparison.findings.iter().map(finding).collect()
        }),
        dimensions: found.map_or_else(Vec::new, |(comparison, _)| {
            comparison.lines.iter().map(line).collect()
        }),
    })
}

fn line(line: &Line) -> JsonLine<'_> {
    let observed = |measure: Option<Measure>| measure.and_then(|measure| measure.observed);
    JsonLine {
        dimension: &line.subject,
        metric: line.metric.word(),
        baseline: observed(line.baseline),
        candidate: observed(line.candidate),
        change: line.change,
        baseline_scored: line.baseline.map(|measure| measure.scored),
        baseline_trials: line.baseline.map(|measure| measure.trials),
        candidate_scored: line.candidate.map(|measure| measure.scored),
        candidate_trials: line.candidate.map(|measure| measure.trials),
    }
}

fn found_baseline(evidence: &Evidence) -> Option<&Run> {
    match &evidence.baseline {
        Baseline::Found(run, _) => Some(run),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    }
}

fn error(fault: &Fault) -> JsonError<'_> {
    JsonError {
        message: &fault.message,
        help: fault.help.as_deref(),
    }
}

fn policy(section: &Section) -> JsonPolicy<'_> {
    let judged = section.outcome.as_ref().ok();
    let candidate = judged.map(|judged| &judged.evidence.candidate);
    let baseline = judged.and_then(|judged| found_baseline(&judged.evidence));
    JsonPolicy {
        path: &section.path,
        sha256: &section.sha256,
        verdict: section
            .verdict()
            .map(|verdict| view::verdict_word(Some(verdict))),
        error: section.outcome.as_ref().err().map(error),
        candidate: candidate.map(run),
        baseline: baseline.map(run),
        comparison_url: candidate
            .zip(baseline)
            .and_then(|(candidate, baseline)| links::comparison(candidate, baseline)),
        findings: judged.map_or_else(Vec::new, |judged| {
            judged.judgement.findings.iter().map(finding).collect()
        }),
        checks: judged.map_or_else(Vec::new, |judged| {
            judged.judgement.checks.iter().map(check).collect()
        }),
    }
}

fn run(run: &Run) -> JsonRun<'_> {
    fn name(reference: Option<&Reference>) -> Option<&str> {
        reference.map(|reference| reference.name.as_str())
    }
    fn version(reference: Option<&Reference>) -> Option<&str> {
        reference.and_then(|reference| reference.version.as_deref())
    }
    JsonRun {
        id: &run.id,
        project: run.project.to_string(),
        display_name: run.display_name.as_deref(),
        evaluation: name(run.evaluation.as_ref()),
        evaluation_version: version(run.evaluation.as_ref()),
        model: name(run.model.as_ref()),
        model_version: version(run.model.as_ref()),
        status: run.status.as_deref(),
        started_at: run.started_at.map(|time| time.to_string()),
        finished_at: run.finished_at.map(|time| time.to_string()),
        rows: run.rows,
        trials: run.totals.trials,
        selector: run
            .choice
            .as_ref()
            .map(|choice| choice.selector.to_string()),
        matches: run.choice.as_ref().map(|choice| choice.matches),
        url: links::run(run),
    }
}

fn finding(finding: &Finding) -> JsonFinding {
    JsonFinding {
        name: finding.name.word(),
        effect: effect_word(finding.effect),
        message: finding.message.to_string(),
    }
}

pub(super) fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Undecided => "undecided",
        Effect::Warning => "warning",
        Effect::Note => "note",
    }
}

fn check(check: &Check) -> JsonCheck<'_> {
    let observed = |measure: Option<Measure>| measure.and_then(|measure| measure.observed);
    // JSON has no infinity: an end that nobody knows is null.
    let finite = |end: f64| end.is_finite().then_some(end);
    let range = |measure: Option<Measure>| {
        measure.map(|measure| [finite(measure.low), finite(measure.high)])
    };
    JsonCheck {
        gate: &check.gate,
        subject: check.subject.as_deref(),
        metric: check.metric.word(),
        limit_key: check.limit.key.word(),
        limit: check.limit.value,
        baseline: observed(check.baseline),
        candidate: observed(check.candidate),
        change: check.change(),
        baseline_range: range(check.baseline),
        candidate_range: range(check.candidate),
        scored: check.candidate.map(|measure| measure.scored),
        trials: check.candidate.map(|measure| measure.trials),
        margin: check.margin.map(|margin| margin.count),
        margin_unit: check.margin.map(|margin| margin.thing),
        severity: match check.severity {
            Severity::Block => "block",
            Severity::Warn => "warn",
        },
        blocks: check.blocks(),
        status: view::status_word(check.status),
        finding: check.finding.map(Name::word),
        reason: check.reason.to_string(),
    }
}
