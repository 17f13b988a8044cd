//! The types of a snapshot file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::evidence::trial::{RowTexts, RunRow};
use crate::evidence::{Completeness, Gap, Setup};
use crate::json::{counts, distinct, object, objects};

/// The value that marks a file as a snapshot.
pub(super) const FORMAT: &str = "weave-gate-snapshot";
/// The version that is written.
pub(super) const VERSION: u64 = 2;

/// The rows of a file of version 1.
#[derive(Deserialize)]
pub(super) struct OldResults<'a> {
    #[serde(borrow, default, deserialize_with = "objects")]
    pub(super) results: Vec<RunRow<'a>>,
}

/// The rows of a file, run by run.
#[derive(Deserialize)]
pub(super) struct Results<'a> {
    #[serde(borrow, default, deserialize_with = "objects")]
    pub(super) results: Vec<RunResults<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RunResults<'a> {
    pub(super) run: String,
    #[serde(borrow, deserialize_with = "objects")]
    pub(super) rows: Vec<RunRow<'a>>,
}

/// The first read of a file: enough to detect a snapshot and its version.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u64,
}

/// A file of version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldSnapshot {
    #[serde(rename = "format")]
    _format: IgnoredAny,
    #[serde(rename = "version")]
    _version: IgnoredAny,
    #[serde(rename = "tool")]
    _tool: IgnoredAny,
    #[serde(rename = "taken_at")]
    _taken_at: Timestamp,
    pub(super) project: String,
    pub(super) run: String,
    pub(super) display_name: Option<String>,
    pub(super) evaluation: Option<Named>,
    pub(super) model: Option<Named>,
    pub(super) status: Option<String>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) rescored_from: Option<String>,
    pub(super) row_count: u64,
    pub(super) trial_count: u64,
    pub(super) total_tokens: Option<u64>,
    pub(super) total_cost: Option<f64>,
    #[serde(deserialize_with = "objects")]
    pub(super) dimensions: Vec<Stats>,
    #[serde(deserialize_with = "counts")]
    pub(super) rows: BTreeMap<String, u64>,
    #[serde(default)]
    pub(super) results: Option<IgnoredAny>,
}

/// The file, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshot {
    pub(super) format: String,
    pub(super) version: u64,
    /// The weave-gate that wrote it.
    pub(super) tool: String,
    /// When it was taken.
    pub(super) taken_at: Timestamp,
    pub(super) project: String,
    /// The runs, the newest first.
    #[serde(deserialize_with = "objects")]
    pub(super) runs: Vec<SavedRun>,
    /// How each run was measured, if known.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_objects"
    )]
    pub(super) setup: Option<Vec<SavedSetup>>,
    /// The scores of each run, row by row. They are written and read separately.
    #[serde(default, skip_serializing)]
    pub(super) results: Option<IgnoredAny>,
    /// The number of trials that report tokens and a price, by run. Known after all rows are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Vec<SavedUsage>>,
    /// The exceptions that calls within trials raised, if the inputs and outputs are saved. Known after all rows are
    /// written.
    #[serde(default, skip_serializing, deserialize_with = "some_objects")]
    pub(super) exceptions: Option<Vec<SavedException>>,
    /// The inputs and outputs of each run, row by row. They are written and read separately.
    #[serde(default, skip_serializing)]
    pub(super) texts: Option<IgnoredAny>,
}

impl Snapshot {
    /// Runs as a file contains them, without the parts that are written separately.
    pub(super) fn new(
        project: String,
        runs: Vec<SavedRun>,
        setup: Vec<SavedSetup>,
        usage: Option<Vec<SavedUsage>>,
        taken_at: Timestamp,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            tool: concat!("weave-gate ", env!("CARGO_PKG_VERSION")).to_owned(),
            taken_at,
            project,
            runs,
            setup: (!setup.is_empty()).then_some(setup),
            results: None,
            usage: usage.filter(|usage| !usage.is_empty()),
            exceptions: None,
            texts: None,
        }
    }
}

/// How one run of a file was measured.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedSetup {
    pub(super) run: String,
    #[serde(flatten)]
    pub(super) setup: Setup,
}

/// The inputs and outputs of a file, run by run.
#[derive(Deserialize)]
pub(super) struct Texts<'a> {
    #[serde(borrow, default, deserialize_with = "objects")]
    pub(super) texts: Vec<RunTexts<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RunTexts<'a> {
    pub(super) run: String,
    #[serde(borrow, deserialize_with = "objects")]
    pub(super) rows: Vec<RowTexts<'a>>,
}

/// One run of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedRun {
    pub(super) run: String,
    pub(super) display_name: Option<String>,
    pub(super) evaluation: Option<Named>,
    pub(super) model: Option<Named>,
    pub(super) status: Option<String>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    /// The id of the run whose outputs it rescores.
    pub(super) rescored_from: Option<String>,
    /// The attributes that the run was logged with.
    #[serde(deserialize_with = "distinct")]
    pub(super) attributes: Map<String, Value>,
    /// Whether it was logged by `EvaluationLogger`.
    pub(super) logged: bool,
    /// The exception with which it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exception: Option<String>,
    /// Whether Weave had all calls of the run.
    #[serde(deserialize_with = "object")]
    pub(super) completeness: SavedCompleteness,
    pub(super) row_count: u64,
    pub(super) trial_count: u64,
    /// Tokens of the predict calls; `None` if no call reports any.
    pub(super) total_tokens: Option<u64>,
    /// Cost of the predict calls in US dollars; `None` if no call has a price.
    pub(super) total_cost: Option<f64>,
    #[serde(deserialize_with = "objects")]
    pub(super) dimensions: Vec<Stats>,
    /// The number of trials by row digest.
    #[serde(deserialize_with = "counts")]
    pub(super) rows: BTreeMap<String, u64>,
}

/// Whether Weave had all calls of a run.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedCompleteness {
    /// complete, calls-repeated, unknown, no-summary, calls-missing or too-many-calls.
    pub(super) state: String,
    /// The number of calls that the run made, if some are missing or there are too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) calls_made: Option<u64>,
    /// The number of calls that Weave had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) calls_stored: Option<u64>,
}

/// The number of trials of a run that report their usage.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedUsage {
    pub(super) run: String,
    pub(super) tokens_reported: u64,
    pub(super) cost_priced: u64,
}

/// An exception that a call within a trial raised.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedException {
    /// The id of the trial's `predict_and_score` call.
    pub(super) trial: String,
    /// The name of the op of the call that raised it.
    pub(super) op: String,
    /// Its type and message.
    pub(super) exception: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stats {
    pub(super) name: String,
    pub(super) trial_count: u64,
    pub(super) pass_true_count: u64,
    pub(super) pass_known_count: u64,
    pub(super) numeric_count: u64,
    pub(super) numeric_mean: Option<f64>,
    /// Another dimension of the run has the same name.
    pub(super) ambiguous: bool,
}

const NO_SUMMARY: &str = "no-summary";
const CALLS_MISSING: &str = "calls-missing";
const TOO_MANY_CALLS: &str = "too-many-calls";

impl From<Completeness> for SavedCompleteness {
    fn from(completeness: Completeness) -> Self {
        let (state, calls) = match completeness {
            Completeness::Complete => ("complete", None),
            Completeness::Repeated => ("calls-repeated", None),
            Completeness::Unknown | Completeness::NotAsked => ("unknown", None),
            Completeness::Incomplete(Gap::NoSummary) => (NO_SUMMARY, None),
            Completeness::Incomplete(Gap::Fewer { made, stored }) => {
                (CALLS_MISSING, Some((made, stored)))
            }
            Completeness::Incomplete(Gap::More { made, stored }) => {
                (TOO_MANY_CALLS, Some((made, stored)))
            }
        };
        Self {
            state: state.to_owned(),
            calls_made: calls.map(|(made, _)| made),
            calls_stored: calls.map(|(_, stored)| stored),
        }
    }
}

impl SavedCompleteness {
    /// The completeness that the file states.
    ///
    /// # Errors
    ///
    /// The state is unknown, or its counts are missing.
    pub(super) fn read(&self) -> Result<Completeness, String> {
        let calls = self.calls_made.zip(self.calls_stored);
        match (self.state.as_str(), calls) {
            ("complete", _) => Ok(Completeness::Complete),
            ("calls-repeated", _) => Ok(Completeness::Repeated),
            ("unknown", _) => Ok(Completeness::Unknown),
            (NO_SUMMARY, _) => Ok(Completeness::Incomplete(Gap::NoSummary)),
            (CALLS_MISSING, Some((made, stored))) => {
                Ok(Completeness::Incomplete(Gap::Fewer { made, stored }))
            }
            (TOO_MANY_CALLS, Some((made, stored))) => {
                Ok(Completeness::Incomplete(Gap::More { made, stored }))
            }
            (other, _) => Err(format!(
                "it does not say whether a run is complete: `{other}`"
            )),
        }
    }
}

fn some_objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    objects(deserializer).map(Some)
}
