//! A list of runs, as a table for scripts and as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::escape::message;
use super::json::version;
use super::links;
use super::redact::value_without;
use crate::evidence::{RunInfo, RunStatus};
use crate::project::Project;
use crate::secret::Secrets;
use crate::selector::{Identity, Selector};

/// The version changes only if an old reader would misread a new list.
const SCHEMA_VERSION: u32 = 1;
/// The titles of the columns.
const TITLES: [&str; 10] = [
    "RUN",
    "STATUS",
    "STARTED",
    "TRIALS",
    "EVALUATION",
    "MODEL",
    "NAME",
    "COMMIT",
    "BRANCH",
    "ATTRIBUTES",
];

/// Runs of a project, the newest first.
pub struct Listing<'a> {
    /// The project of the runs.
    pub project: &'a Project,
    /// Address of the web pages.
    pub web: String,
    /// The selector that the runs match.
    pub selector: &'a Selector,
    /// The attributes that hold the commit and the branch of a run.
    pub identity: &'a Identity,
    /// The runs.
    pub runs: &'a [RunInfo],
    /// The secrets that must not be shown.
    pub secrets: &'a Secrets,
    /// The runs' numbers of trials, by id; `None` if they could not be counted.
    pub trials: Option<BTreeMap<String, u64>>,
    /// Whether there are more runs that match.
    pub has_more: bool,
    /// The number of runs that match; `None` if it is unknown.
    pub matching: Option<u64>,
    /// The number of all runs of the project; `None` if it is unknown.
    pub all: Option<u64>,
    /// When the list was made.
    pub now: Timestamp,
}

impl Listing<'_> {
    /// Foreign text with secrets removed.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.secrets.redact(text)
    }

    /// The number of trials of a run. Weave omits runs without trials; a run without rows has 0.
    pub(super) fn trials(&self, info: &RunInfo) -> Option<u64> {
        let counts = self.trials.as_ref()?;
        Some(counts.get(&info.id).copied().unwrap_or(0))
    }

    /// The commit of a run, if it was logged with one.
    pub(super) fn commit(&self, info: &RunInfo) -> Option<String> {
        let commit = info.commit(self.identity)?;
        Some(self.text(&commit).into_owned())
    }

    /// The branch of a run, if it was logged with one.
    pub(super) fn branch(&self, info: &RunInfo) -> Option<String> {
        let branch = info.branch(self.identity)?;
        Some(self.text(&branch).into_owned())
    }
}

/// Renders the list as a table for scripts: whole values, one tab between two columns. Empty if there are no runs.
#[must_use]
pub fn plain(listing: &Listing<'_>) -> String {
    if listing.runs.is_empty() {
        return String::new();
    }
    let mut text = TITLES.join("\t") + "\n";
    for info in listing.runs {
        text.push_str(&row(listing, info).join("\t"));
        text.push('\n');
    }
    text
}

fn row(listing: &Listing<'_>, info: &RunInfo) -> [String; 10] {
    let cell = |text: &str| message(&listing.text(text));
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), cell);
    let own = info.own_attributes();
    let attributes: Vec<String> = own
        .iter()
        .map(|(path, value)| cell(&format!("{}={}", listing.text(path), listing.text(value))))
        .collect();
    [
        cell(&info.id),
        or_dash(info.status.as_ref().map(RunStatus::word)),
        or_dash(info.started_at.map(|time| time.to_string()).as_deref()),
        or_dash(
            listing
                .trials(info)
                .map(|count| count.to_string())
                .as_deref(),
        ),
        or_dash(info.evaluation_name()),
        or_dash(info.model.as_ref().map(|model| model.name.as_str())),
        or_dash(info.display_name.as_deref()),
        or_dash(listing.commit(info).as_deref()),
        or_dash(listing.branch(info).as_deref()),
        attributes.join(" "),
    ]
}

#[derive(Serialize)]
struct JsonListing<'a> {
    schema_version: u32,
    project: String,
    selector: String,
    has_more: bool,
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
    commit: Option<String>,
    branch: Option<String>,
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
        has_more: listing.has_more,
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
        commit: listing.commit(info),
        branch: listing.branch(info),
        status: text(info.status.as_ref().map(RunStatus::word)),
        started_at: info.started_at.map(|time| time.to_string()),
        finished_at: info.finished_at.map(|time| time.to_string()),
        trials: listing.trials(info),
        rescored_from: text(info.rescored_from.as_deref()),
        attributes: value_without(attributes, listing.secrets),
        url: links::call(&listing.web, listing.project, &info.id),
    }
}
