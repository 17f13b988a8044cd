//! How the runs were chosen: which runs are judged, which are left out, and the problems with the choice.

use crate::evidence::RunStatus;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Role, Run};
use crate::policy::Unresolved;
use crate::selector::{Identity, Selector};

/// How the runs for a policy were chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The attributes that hold the commit and the branch.
    pub identity: Identity,
    /// Facts about the choice of the candidate and of the baseline.
    pub facts: Vec<(Role, Fact)>,
    /// Every run that is judged and every run that was left out.
    pub runs: Vec<ListedRun>,
    /// Whether no run of the evaluation matches the baseline's keys yet and the first run of the evaluation is recent
    /// enough for `required: after-first`.
    pub is_first: bool,
    /// How the baseline was named, if it was not found.
    pub missing: Option<MissingBaseline>,
    /// The snapshots that do not hold the scores of rows.
    pub without_rows: Vec<SnapshotOf>,
}

/// A snapshot, and the run to name to take it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotOf {
    /// The id of its newest run.
    pub run: String,
    /// Its path.
    pub path: String,
}

/// How a baseline that was not found was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingBaseline {
    /// As a run, by its id.
    Run,
    /// As a snapshot, by its path.
    Snapshot(String),
    /// As the newest run that matches a selector.
    Selected {
        /// The selector, with the evaluation that the run must be of.
        selector: Selector,
        /// Whether recent runs match, of which none can be the baseline.
        has_match: bool,
    },
}

/// A fact about the choice of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The candidate is not the run that the policy means: one key of `candidate:` differs.
    WrongCandidate {
        /// The key.
        key: String,
        /// What the policy asks for.
        expected: String,
        /// The run's value; `None` if the run has no value for the key.
        found: Option<String>,
    },
    /// A key of `candidate:` could not be compared with the candidate.
    NotChecked {
        /// The key whose value is unknown; `None` if the snapshot does not hold what the run was logged with.
        unresolved: Option<Unresolved>,
        /// Whether a CI system runs the check. In CI this fact leaves the verdict undecided.
        in_ci: bool,
    },
    /// The requested commit is a prefix of several commits.
    CommitAmbiguous {
        /// The requested commit.
        asked: String,
        /// The matching commits, sorted.
        commits: Vec<String>,
    },
    /// The re-runs of the candidate used several versions of its model.
    SeveralModelVersions {
        /// The model's name.
        model: String,
        /// The versions, sorted.
        versions: Vec<String>,
    },
    /// Two re-runs of the candidate have no row in common.
    NoSharedRow {
        /// Their ids.
        runs: [String; 2],
    },
    /// Several runs of one commit were logged without a name and without a dataset.
    UnnamedRuns {
        /// The number of runs.
        runs: usize,
    },
    /// There are several re-runs, and the policy does not allow that.
    SeveralReruns {
        /// The number of runs.
        runs: usize,
    },
    /// A run is still running.
    RerunRunning {
        /// Its id.
        id: String,
    },
    /// The named run is not the newest run of the candidate's commit, and the policy judges only the newest.
    NotNewest {
        /// The id of the newest.
        newest: String,
    },
    /// A run of the candidate's commit is left out.
    LeftOut {
        /// Its id.
        id: String,
        /// Why it is left out.
        why: LeftOut,
    },
    /// A run is left out because the command line says so.
    Excluded {
        /// The id of the run.
        id: String,
        /// The reason given on the command line.
        reason: String,
    },
    /// The baseline and the candidate were scored from the same outputs.
    SameOutputs,
    /// The two runs have no row in common, but some of their inputs differ only in the order of keys.
    KeysInOtherOrder,
    /// A run that would otherwise be the baseline was not taken.
    BaselineSkipped {
        /// Its id.
        id: String,
        /// Why it was not taken.
        why: LeftOut,
    },
}

/// Why a run is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It failed.
    Failed,
    /// Its calls in Weave are not complete.
    Incomplete(Gap),
    /// It began more than 24 hours ago and has not finished.
    Abandoned,
    /// Only the newest run counts, and this run is older.
    Older,
    /// The command line excludes it.
    Excluded,
}

impl LeftOut {
    /// The reason's name in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Incomplete(_) => "incomplete",
            Self::Abandoned => "abandoned",
            Self::Older => "older",
            Self::Excluded => "excluded",
        }
    }
}

/// Whether Weave has all of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Weave was not asked yet.
    NotAsked,
    /// Weave has all calls that the run says it made.
    Complete,
    /// Weave has all calls, and some are stored twice. A summary may then count a trial twice.
    Repeated,
    /// The run does not say how many calls it made.
    Unknown,
    /// Calls are missing, or there are more calls than the run made.
    Incomplete(Gap),
}

/// What shows that a run is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A run of `EvaluationLogger` that never logged its summary, because its script crashed or did not log one.
    NoSummary,
    /// Weave has fewer calls than the run made.
    Fewer {
        /// The number of calls that the run made.
        made: u64,
        /// The number of calls that Weave has.
        stored: u64,
    },
    /// Weave has more calls than the run made.
    More {
        /// The number of calls that the run made.
        made: u64,
        /// The number of calls that Weave has.
        stored: u64,
    },
}

/// A run in the list of runs of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedRun {
    /// Whether it is a run of the candidate or of the baseline.
    pub role: Role,
    /// Why it is left out; `None` if it is judged.
    pub left_out: Option<LeftOut>,
    /// Its id.
    pub id: String,
    /// Its name in Weave.
    pub display_name: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Its status.
    pub status: Option<RunStatus>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Its number of rows; `None` if they were not counted.
    pub rows: Option<u64>,
    /// Its number of trials; `None` if they were not counted.
    pub trials: Option<u64>,
}

impl ListedRun {
    /// A listed run that is judged.
    #[must_use]
    pub fn judged(role: Role, run: &Run, identity: &Identity) -> Self {
        let of = |path: &str| run.attributes.as_ref().and_then(|map| attribute(map, path));
        Self {
            role,
            left_out: None,
            id: run.id.clone(),
            display_name: run.display_name.clone(),
            commit: of(&identity.commit),
            branch: of(&identity.branch),
            status: run.status.clone(),
            started_at: run.started_at,
            finished_at: run.finished_at,
            rows: Some(run.rows),
            trials: Some(run.totals.trials),
        }
    }
}

/// The values at a path. A dot in the path leads into a map or is part of a key.
#[must_use]
pub fn values<'a>(
    map: &'a Map<String, Value>,
    path: &'a str,
) -> Box<dyn Iterator<Item = &'a Value> + 'a> {
    let deeper = path.match_indices('.').filter_map(|(dot, _)| {
        let (key, rest) = (path.get(..dot)?, path.get(dot + 1..)?);
        match map.get(key)? {
            Value::Object(inner) => Some(values(inner, rest)),
            _ => None,
        }
    });
    Box::new(map.get(path).into_iter().chain(deeper.flatten()))
}

/// A text, number or boolean as text; `None` for any other value.
#[must_use]
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The first text, number or boolean at a path, as text.
#[must_use]
pub fn attribute(map: &Map<String, Value>, path: &str) -> Option<String> {
    values(map, path)
        .find_map(scalar_text)
        .filter(|text| !text.is_empty())
}
