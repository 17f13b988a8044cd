//! How the runs were chosen: which of them are judged, which are left out, and what is wrong with the choice.

use crate::evidence::RunStatus;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Role, Run};
use crate::selector::Identity;

/// How the runs that a policy is judged on were chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// The attributes that hold the commit and the branch.
    pub identity: Identity,
    /// What the choice of the candidate and of the baseline has to say.
    pub facts: Vec<(Role, Fact)>,
    /// Every run that is judged, and every one that was left out.
    pub runs: Vec<ListedRun>,
    /// Whether the baseline's keys match no run of the evaluation yet, and the first run of the evaluation is recent
    /// enough for `required: after-first`.
    pub is_first: bool,
}

/// Something that the choice of runs has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The candidate is not the run that the policy means: one key of `candidate:` differs.
    WrongCandidate {
        /// The key.
        key: String,
        /// What the policy asks for.
        expected: String,
        /// What the run has; `None` where it has nothing there.
        found: Option<String>,
    },
    /// A key of `candidate:` could not be compared with the candidate, and why.
    NotChecked {
        /// Why.
        problem: String,
        /// Whether a CI system runs the check, where this decides nothing.
        in_ci: bool,
    },
    /// The commit that was asked for is a prefix of several.
    CommitAmbiguous {
        /// What was asked for.
        asked: String,
        /// The commits, sorted.
        commits: Vec<String>,
    },
    /// The re-runs of the candidate are of several versions of its model.
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
        /// How many.
        runs: usize,
    },
    /// There are several re-runs, and the policy refuses that.
    SeveralReruns {
        /// How many.
        runs: usize,
    },
    /// A run is still running.
    RerunRunning {
        /// Its id.
        id: String,
    },
    /// A newer run of the candidate's commit exists than the one that is named, and the policy judges only the newest.
    NotNewest {
        /// The id of the newest.
        newest: String,
    },
    /// A run of the candidate's commit is left out, and why.
    LeftOut {
        /// Its id.
        id: String,
        /// Why.
        why: LeftOut,
    },
    /// A run is left out because the command line says so.
    Excluded {
        /// Its id.
        id: String,
        /// The reason that was given.
        reason: String,
    },
    /// The baseline was scored from the same outputs as the candidate.
    SameOutputs,
    /// The two runs have no row in common, and inputs that are equal but for the order of their keys.
    KeysInOtherOrder,
    /// A run that would have been the baseline was passed over.
    BaselineSkipped {
        /// Its id.
        id: String,
        /// Why.
        why: LeftOut,
    },
}

/// Why a run is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It failed.
    Failed,
    /// Weave does not have all of it.
    Incomplete(Gap),
    /// It began long ago and never finished.
    Abandoned,
    /// Only the newest counts.
    Older,
    /// The command line excludes it.
    Excluded,
}

impl LeftOut {
    /// The word for it in reports.
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
    /// It was not asked yet.
    NotAsked,
    /// It has all calls that the run says it made.
    Complete,
    /// The same, and some of them are stored twice, so that a summary may count a trial twice.
    Repeated,
    /// The run does not say how many calls it made.
    Unknown,
    /// Calls are missing, or there are too many.
    Incomplete(Gap),
}

/// What shows that a run is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A run of `EvaluationLogger` that never logged its summary: its script crashed, or forgot to.
    NoSummary,
    /// Weave has fewer calls than the run made.
    Fewer {
        /// Calls that the run made.
        made: u64,
        /// Calls that Weave has.
        stored: u64,
    },
    /// Weave has more calls than the run made.
    More {
        /// Calls that the run made.
        made: u64,
        /// Calls that Weave has.
        stored: u64,
    },
}

/// A run as reports list it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedRun {
    /// Whether it is a run of the candidate or of the baseline.
    pub role: Role,
    /// Why it is left out; `None` where it is judged.
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
    /// Its rows, where they were counted.
    pub rows: Option<u64>,
    /// Its trials, where they were counted.
    pub trials: Option<u64>,
}

impl ListedRun {
    /// A run that is judged.
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

/// The values at a path: dots lead into maps, or are part of a key.
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

/// A text, number or truth value as text; `None` for anything else.
#[must_use]
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The first text, number or truth value at a path, as text.
#[must_use]
pub fn attribute(map: &Map<String, Value>, path: &str) -> Option<String> {
    values(map, path)
        .find_map(scalar_text)
        .filter(|text| !text.is_empty())
}
