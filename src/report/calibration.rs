//! What a calibration shows: words for each format, and the JSON report.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::json::SCHEMA_VERSION;
use super::{units, view};
use crate::calibration::{
    CheckNoise, DimensionNoise, FEWEST_RUNS, GroupKey, GroupNoise, LimitNoise, RowsNeeded,
};
use crate::number::{plural, show};
use crate::policy::LimitKey;

/// The noise of repeated runs, and how often the limits of a policy fail because of it.
pub struct CalibrationReport {
    /// The path of the policy; `None` without one.
    pub policy: Option<String>,
    /// The groups of runs, the largest first.
    pub groups: Vec<GroupNoise>,
    /// Why runs were left out: the reason, and the number of runs.
    pub left_out: Vec<(&'static str, u64)>,
}

/// `support-bot v1, evaluation answers v3: 8 runs on 120 rows`.
pub(super) fn title(group: &GroupNoise) -> String {
    let named = |named: &Option<(String, Option<String>)>, unknown: &str| match named {
        Some((name, Some(version))) => {
            let version: String = version.chars().take(8).collect();
            format!("{name} {version}")
        }
        Some((name, None)) => name.clone(),
        None => unknown.to_owned(),
    };
    let GroupKey {
        model,
        evaluation,
        served,
    } = &group.key;
    let runs = plural(group.runs.len() as u64, "run");
    let served: Vec<&str> = served.iter().map(String::as_str).collect();
    let served = match served.as_slice() {
        [] => String::new(),
        several => format!(", served by {}", several.join(", ")),
    };
    format!(
        "{}, evaluation {}{served}: {runs}",
        named(model, "unknown model"),
        named(evaluation, "unknown")
    )
}

/// Why nothing is known of a group.
pub(super) fn unknown() -> String {
    format!(
        "fewer than {FEWEST_RUNS} runs of one model version that were measured in the same way show no noise"
    )
}

/// What to do about it.
pub(super) const UNKNOWN_HELP: &str =
    "evaluate one commit several times, with the same model and the same evaluation";

/// What is said if no dimension can be compared.
pub(super) const NO_ROWS: &str = "no two rows were scored by every run";

/// What the headings mean.
pub(super) const LEGEND: [&str; 4] = [
    "flips: rows whose value is not the same in every run",
    "expected, observed: standard deviation of a run's mean; expected if rows vary independently",
    "run: standard deviation of what moves all rows of a run at once, with its 90 % interval",
    "Cochran: p of the test that all runs pass equally often",
];

/// The headings of the table of dimensions.
pub(super) const HEADINGS: [&str; 7] = [
    "rows", "mean", "flips", "expected", "observed", "run", "Cochran",
];

/// The cells of a dimension: rows, mean, share of rows that differ, expected and observed standard deviation of a run,
/// run component, p of Cochran's Q.
pub(super) fn cells(dimension: &DimensionNoise) -> [String; 7] {
    let noise = &dimension.noise;
    let spread = |value: f64| spread(dimension.is_truth, value);
    let interval = &noise.interval;
    [
        noise.rows.to_string(),
        mean(dimension.is_truth, noise.mean),
        percent(noise.flipped),
        spread(noise.expected),
        spread(noise.observed),
        format!(
            "{} ({}–{})",
            spread(noise.run),
            number(dimension.is_truth, interval.low),
            number(dimension.is_truth, interval.high)
        ),
        noise
            .cochran
            .map_or_else(|| "–".to_owned(), |(_, p)| probability(p)),
    ]
}

/// The dimensions that have the same value in every run, row by row.
pub(super) fn without_noise(group: &GroupNoise) -> Vec<&str> {
    let dimensions = group.dimensions.iter();
    let same = dimensions.filter(|dimension| dimension.noise.flipped == 0.0);
    same.map(|dimension| dimension.name.as_str()).collect()
}

/// `p 0.03`, and `p < 0.001` for less.
fn probability(p: f64) -> String {
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p {}", two_digits(p))
    }
}

/// A mean: of a truth value as percent.
pub(super) fn mean(is_truth: bool, value: f64) -> String {
    if is_truth {
        percent(value)
    } else {
        // Three digits are enough beside a standard deviation.
        let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
        show(rounded, 0.0)
    }
}

/// A rate as percent with one decimal.
fn percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

fn number(is_truth: bool, value: f64) -> String {
    two_digits(if is_truth { value * 100.0 } else { value })
}

/// A standard deviation: of a rate in points.
fn spread(is_truth: bool, value: f64) -> String {
    let unit = if is_truth { " pts" } else { "" };
    format!("{}{unit}", number(is_truth, value))
}

/// A number with two significant digits.
fn two_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let mut decimals = 0;
    let mut scaled = value.abs();
    while scaled < 10.0 && decimals < 12 {
        scaled *= 10.0;
        decimals += 1;
    }
    format!("{value:.decimals$}")
}

/// `answers stay correct: correctness, max drop 2 pts`.
pub(super) fn check_name(noise: &CheckNoise) -> String {
    let check = &noise.check;
    let subject = check.subject.as_ref().map(|subject| format!(": {subject}"));
    let slice = check.slice.as_ref().map(|slice| format!(" where {slice}"));
    format!(
        "{}{}{}, {} {}",
        check.gate,
        subject.unwrap_or_default(),
        slice.unwrap_or_default(),
        view::metric(check),
        view::limit(check)
    )
}

/// `fails on 6 of 56 pairs of runs although nothing changed; by the formula in 11 %`.
pub(super) fn alarms(noise: &CheckNoise) -> String {
    let is_pair = noise.check.limit.key.is_change() || noise.check.metric.compares();
    let what = if is_pair { "pair of runs" } else { "run" };
    let what = match (noise.judged, is_pair) {
        (1, _) => what.to_owned(),
        (_, true) => "pairs of runs".to_owned(),
        (_, false) => "runs".to_owned(),
    };
    let undecided = match noise.undecided {
        0 => String::new(),
        count => format!(", undecided on {count}"),
    };
    let formula = noise.noise.map_or_else(String::new, |noise| {
        format!("; by the formula in {}", percent(noise.rate))
    });
    format!(
        "fails on {} of {} {what}{undecided}, although nothing changed{formula}",
        noise.failed, noise.judged
    )
}

/// `would fail in 5 % with max_drop: 0.031; catches a change of 5.1 pts with 80 %; 340 rows would be enough`.
pub(super) fn proposal(noise: &CheckNoise) -> Option<String> {
    let found = noise.noise?;
    let check = &noise.check;
    let at = limit_at_five(check.limit.key, &found);
    let caught = found.caught.map_or_else(String::new, |caught| {
        let caught = units::size_of_change(check.metric, caught, false, 0.0);
        format!("; catches a change of {caught} with 80 %")
    });
    let rows = match found.rows_needed {
        RowsNeeded::TheseDo => "these rows are enough".to_owned(),
        RowsNeeded::About(rows) => format!("about {rows} rows would be enough"),
        RowsNeeded::RunsMove => "no number of rows is enough: whole runs move".to_owned(),
        RowsNeeded::AtTheMean => {
            "no number of rows is enough: the limit is at the mean or beyond".to_owned()
        }
    };
    Some(format!(
        "would fail in 5 % with `{}: {at}`{caught}; {rows}",
        check.limit.key.word()
    ))
}

/// The limit at which 5 % of the checks fail, with three digits, rounded to the lenient side.
fn limit_at_five(key: LimitKey, noise: &LimitNoise) -> String {
    let limit = noise.limit_at_five;
    let mut scale = 1.0_f64;
    while limit.abs() * scale < 100.0 && scale < 1e12 {
        scale *= 10.0;
    }
    let scaled = limit * scale;
    let rounded = match key {
        LimitKey::Min => scaled.floor(),
        LimitKey::Max
        | LimitKey::MaxDrop
        | LimitKey::MaxRise
        | LimitKey::MaxRelativeDrop
        | LimitKey::MaxRelativeRise => scaled.ceil(),
    };
    show(rounded / scale, limit)
}

/// The JSON Schema of the JSON report of `calibrate`.
#[must_use]
pub fn calibration_schema() -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<JsonCalibration<'_>>()
        .to_value()
}

/// The noise of repeated runs, and how often limits fail because of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "calibration")]
struct JsonCalibration<'a> {
    /// Changes only if an old field changes its meaning.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// The version of weave-gate.
    tool_version: Cow<'a, str>,
    /// The path of the policy; null without one.
    policy: Option<&'a str>,
    /// The groups of runs that can be compared, the largest first.
    groups: Vec<JsonGroup<'a>>,
    /// The number of runs that were left out, by the reason.
    left_out: BTreeMap<&'a str, u64>,
}

/// Runs of one model version that were measured in the same way.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "run_group")]
struct JsonGroup<'a> {
    /// The model's name.
    model: Option<&'a str>,
    /// The model's version.
    model_version: Option<&'a str>,
    /// The evaluation's name.
    evaluation: Option<&'a str>,
    /// The evaluation's version.
    evaluation_version: Option<&'a str>,
    /// The models that were served, as far as they are known.
    served_models: Vec<&'a str>,
    /// Whether there are enough runs. If not, the lists below are empty.
    known: bool,
    /// The names of the runs, the newest first.
    runs: &'a [String],
    /// The noise of each dimension.
    dimensions: Vec<JsonDimension<'a>>,
    /// The false alarms of each check of the policy.
    checks: Vec<JsonCheckNoise<'a>>,
}

/// The noise of one dimension, in its own unit; for a pass rate, a fraction.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "dimension_noise")]
struct JsonDimension<'a> {
    /// Its name.
    dimension: &'a str,
    /// Whether it is true or false; otherwise it is a number.
    is_truth: bool,
    /// The number of runs.
    runs: u64,
    /// The number of rows that every run scored.
    rows: u64,
    /// The mean over rows and runs.
    mean: f64,
    /// The fraction of rows whose value is not the same in every run.
    flipped: f64,
    /// The standard deviation of a run's mean that independent rows explain.
    expected_sd: f64,
    /// The standard deviation of the means of the runs.
    observed_sd: f64,
    /// The standard deviation of what moves all rows of a run at once.
    run_sd: f64,
    /// The ends of the interval of `run_sd`; each is exceeded with at most 5 %.
    run_sd_interval: [f64; 2],
    /// The mean of each run, the newest first.
    means: &'a [f64],
    /// Cochran's Q; null for numbers, and if no row differs.
    cochran_q: Option<f64>,
    /// Its p-value.
    cochran_p: Option<f64>,
}

/// The false alarms of one check.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "check_noise")]
struct JsonCheckNoise<'a> {
    /// The check's id.
    check: String,
    /// The name of its gate.
    gate: &'a str,
    /// The number of pairs of runs, or of runs if the limit is on the value.
    judged: u64,
    /// The number of these on which it failed.
    failed: u64,
    /// The number of these on which it was undecided.
    undecided: u64,
    /// How often it fails by the formula, as a fraction; null if no formula covers it.
    rate: Option<f64>,
    /// The limit at which this would be 5 %, in the unit of the limit.
    limit_at_five: Option<f64>,
    /// The change that it catches with 80 %, in the metric's unit; null if the limit is on the wrong side of the mean.
    caught: Option<f64>,
    /// The number of rows that would bring the rate to 5 %; null if these are enough, or no number is.
    rows_needed: Option<u64>,
    /// Whether some number of rows brings the rate to 5 %.
    rows_help: Option<bool>,
}

/// Renders the JSON report of a calibration.
///
/// # Errors
///
/// The report cannot be written as JSON.
pub fn json_calibration(report: &CalibrationReport) -> Result<String, serde_json::Error> {
    let json = JsonCalibration {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        policy: report.policy.as_deref(),
        groups: report.groups.iter().map(group).collect(),
        left_out: report.left_out.iter().copied().collect(),
    };
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

fn group(group: &GroupNoise) -> JsonGroup<'_> {
    fn name(named: Option<&(String, Option<String>)>) -> Option<&str> {
        named.map(|(name, _)| name.as_str())
    }
    fn version(named: Option<&(String, Option<String>)>) -> Option<&str> {
        named.and_then(|(_, version)| version.as_deref())
    }
    let (model, evaluation) = (group.key.model.as_ref(), group.key.evaluation.as_ref());
    JsonGroup {
        model: name(model),
        model_version: version(model),
        evaluation: name(evaluation),
        evaluation_version: version(evaluation),
        served_models: group.key.served.iter().map(String::as_str).collect(),
        known: group.is_known(),
        runs: &group.runs,
        dimensions: group.dimensions.iter().map(dimension).collect(),
        checks: group.checks.iter().map(check).collect(),
    }
}

fn dimension(dimension: &DimensionNoise) -> JsonDimension<'_> {
    let noise = &dimension.noise;
    JsonDimension {
        dimension: &dimension.name,
        is_truth: dimension.is_truth,
        runs: noise.runs,
        rows: noise.rows,
        mean: noise.mean,
        flipped: noise.flipped,
        expected_sd: noise.expected,
        observed_sd: noise.observed,
        run_sd: noise.run,
        run_sd_interval: [noise.interval.low, noise.interval.high],
        means: &dimension.means,
        cochran_q: noise.cochran.map(|(q, _)| q),
        cochran_p: noise.cochran.map(|(_, p)| p),
    }
}

fn check(noise: &CheckNoise) -> JsonCheckNoise<'_> {
    let found = noise.noise;
    JsonCheckNoise {
        check: noise.check.id(),
        gate: &noise.check.gate,
        judged: noise.judged,
        failed: noise.failed,
        undecided: noise.undecided,
        rate: found.map(|found| found.rate),
        limit_at_five: found.map(|found| found.limit_at_five),
        caught: found.and_then(|found| found.caught),
        rows_needed: found.and_then(|found| match found.rows_needed {
            RowsNeeded::About(rows) => Some(rows),
            RowsNeeded::TheseDo | RowsNeeded::RunsMove | RowsNeeded::AtTheMean => None,
        }),
        rows_help: found.map(|found| {
            !matches!(
                found.rows_needed,
                RowsNeeded::RunsMove | RowsNeeded::AtTheMean
            )
        }),
    }
}
