//! A list of runs, as a table and as JSON.

use crate::evidence::RunStatus;
use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::escape::no_command;
use super::json::version;
use super::links;
use super::redact::value_without;
use crate::evidence::RunInfo;
use crate::project::Project;
use crate::secret::Secrets;
use crate::selector::Selector;
use crate::visible::{columns, padded, visible};

/// The version changes only if an old reader would misread a new list.
const SCHEMA_VERSION: u32 = 1;
/// The maximum length of an attribute's value, in characters. A longer value is cut.
const LONGEST_VALUE: usize = 40;

/// Runs of a project, the newest first.
pub struct Listing<'a> {
    /// The project of the runs.
    pub project: &'a Project,
    /// Address of the web pages.
    pub web: String,
    /// The selector that the runs match.
    pub selector: &'a Selector,
    /// The runs.
    pub runs: &'a [RunInfo],
    /// The secrets that must not be shown.
    pub secrets: &'a Secrets,
    /// The runs' numbers of trials, by id; `None` if they could not be counted.
    pub trials: Option<BTreeMap<String, u64>>,
}

impl Listing<'_> {
    /// Foreign text with secrets removed.
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.redact(text)
    }

    /// Foreign text for a cell of the table.
    fn cell(&self, text: &str) -> String {
        visible(&self.text(text))
    }

    /// The number of trials of a run. Weave omits runs without trials; a run without rows has 0.
    fn trials(&self, info: &RunInfo) -> Option<u64> {
        let counts = self.trials.as_ref()?;
        Some(counts.get(&info.id).copied().unwrap_or(0))
    }
}

/// Renders the list as a table; empty if there are no runs.
#[must_use]
pub fn terminal(listing: &Listing<'_>) -> String {
    if listing.runs.is_empty() {
        return String::new();
    }
    let header = [
        "RUN",
        "STATUS",
        "STARTED (UTC)",
        "TRIALS",
        "EVALUATION",
        "MODEL",
        "ATTRIBUTES",
    ];
    let mut table = vec![header.map(str::to_owned)];
    table.extend(listing.runs.iter().map(|info| row(listing, info)));
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = table.iter().filter_map(|row| row.get(column));
            cells.map(|cell| columns(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in table {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells.map(|(cell, width)| padded(cell, *width)).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    no_command(&text)
}

fn row(listing: &Listing<'_>, info: &RunInfo) -> [String; 7] {
    let dash = || "-".to_owned();
    let attributes = info.own_attributes();
    let shown = attributes.iter().map(|(path, value)| {
        let value = listing.text(value);
        let cut: String = value.chars().take(LONGEST_VALUE).collect();
        let more = if cut.len() < value.len() { "…" } else { "" };
        visible(&format!("{}={cut}{more}", listing.text(path)))
    });
    let shown = shown.collect::<Vec<_>>().join(" ");
    let or_dash = |text: Option<&str>| text.map_or_else(dash, |text| listing.cell(text));
    [
        listing.cell(&info.id),
        or_dash(info.status.as_ref().map(RunStatus::word)),
        info.started_at
            .map_or_else(dash, |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        listing
            .trials(info)
            .map_or_else(dash, |count| count.to_string()),
        or_dash(info.evaluation_name()),
        or_dash(info.model.as_ref().map(|model| model.name.as_str())),
        shown,
    ]
}

#[derive(Serialize)]
struct JsonListing<'a> {
    schema_version: u32,
    project: String,
    selector: String,
    runs: Vec<JsonRun<'a>>,
}

#[derive(Serialize)]
struct JsonRun<'a> {
    id: Cow<'a, str>,
    display_name: Option<Cow<'a, str>>,
    evaluation: Option<Cow<'a, str>>,
    evaluation_version: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    model_version: Option<Cow<'a, str>>,
    status: Option<Cow<'a, str>>,
    started_at: Option<String>,
    finished_at: Option<String>,
    trials: Option<u64>,
    rescored_from: Option<Cow<'a, str>>,
    attributes: Value,
    url: Option<String>,
}

/// Renders the list as JSON, with a line break at its end.
///
/// # Errors
///
/// No known errors.
pub fn json(listing: &Listing<'_>) -> Result<String, serde_json::Error> {
    let wire = JsonListing {
        schema_version: SCHEMA_VERSION,
        project: listing.project.to_string(),
        selector: listing.selector.to_string(),
        runs: listing
            .runs
            .iter()
            .map(|info| wire(listing, info))
            .collect(),
    };
    super::json::text(&wire)
}

fn wire<'a>(listing: &Listing<'a>, info: &'a RunInfo) -> JsonRun<'a> {
    let text = |text: Option<&'a str>| text.map(|text| listing.text(text));
    let attributes = Value::Object(info.attributes.clone());
    JsonRun {
        id: listing.text(&info.id),
        display_name: text(info.display_name.as_deref()),
        evaluation: text(info.evaluation_name()),
        evaluation_version: text(version(info.evaluation.as_ref())),
        model: text(info.model.as_ref().map(|model| model.name.as_str())),
        model_version: text(version(info.model.as_ref())),
        status: text(info.status.as_ref().map(RunStatus::word)),
        started_at: info.started_at.map(|time| time.to_string()),
        finished_at: info.finished_at.map(|time| time.to_string()),
        trials: listing.trials(info),
        rescored_from: text(info.rescored_from.as_deref()),
        attributes: value_without(attributes, listing.secrets),
        url: links::call(&listing.web, listing.project, &info.id),
    }
}
