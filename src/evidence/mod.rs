//! Evidence: the known facts about a run and about a pair of runs.
//!
//! The types are the same for runs from Weave and from snapshot files. Nothing here depends on limits: these are
//! counts and sums, and the number of values that are missing.

mod baseline_rules;
mod choice;
mod columns;
mod detail;
mod exception;
mod gather;
mod join;
mod owned;
mod pair;
mod pool;
#[cfg(test)]
mod row_tests;
mod rows;
mod run_info;
mod run_status;
mod score;
mod setup;
mod setup_changes;
pub mod snapshot;
mod source;
mod summary_builder;
mod sums;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use baseline_rules::BaselineRules;
pub use choice::{
    Completeness, Fact, Gap, LeftOut, ListedRun, MissingBaseline, Selection, SnapshotOf, attribute,
    scalar_text, values,
};
pub use columns::{Column, Columns, Input, Kind, Wanted};
pub use detail::{Answer, Detail, Details, Raised};
pub use exception::exception;
pub use gather::Gatherer;
pub use owned::{OwnedRow, OwnedRun, OwnedTrial};
pub use pair::Pair;
pub use rows::{MOST_VALUES, Role, Rows, Sort, WithoutCall};
pub use run_info::{EvaluationKey, Match, RunInfo, saved_mismatches};
pub use run_status::RunStatus;
pub use score::Score;
pub use setup::Setup;
pub use setup_changes::{FieldChange, SameScores, SetupChange, scorer_names, setup_changes};
pub use source::{Known, RowSource, Take, gathered, joined, unresolved};
pub use summary_builder::SummaryBuilder;
pub use trial::{RunRow, Trial};

use crate::fault::Fault;
use crate::number::TOLERANCE;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::Selector;

/// The evidence that a policy is judged on.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The run that is judged.
    pub candidate: Run,
    /// The run that the candidate is compared with.
    pub baseline: Baseline,
    /// The rows of both runs; `None` if they were not requested or are unavailable.
    pub rows: Option<Rows>,
    /// How the runs were chosen.
    pub selection: Selection,
    /// The evidence for each re-run of the candidate alone, the newest first. Empty if there are no re-runs.
    pub each: Vec<Self>,
    /// The same candidate with each further baseline that the policy names. Empty in these inner values.
    pub named: BTreeMap<String, Self>,
}

impl Evidence {
    /// The evidence for the further baseline of this name, or for `baseline` without a name. `None` if it was not
    /// read.
    #[must_use]
    pub fn with_baseline(&self, name: Option<&str>) -> Option<&Self> {
        name.map_or(Some(self), |name| self.named.get(name))
    }
}

/// The run that a candidate is compared with.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Baseline {
    /// No baseline was named.
    Unnamed,
    /// A baseline was named but not found. The text says what was found instead.
    NotFound(Prose),
    /// The baseline run, and the facts about the rows that both runs have.
    Found(Box<Run>, Pair),
}

impl Baseline {
    /// The error for a comparison without a baseline.
    #[must_use]
    pub fn absence(&self) -> Fault {
        match self {
            Self::NotFound(what) => Fault::evidence(format!("there is no baseline: {what}")).help(
                "`weave-gate runs` lists the runs of a project; a snapshot is named by `file:PATH`",
            ),
            Self::Unnamed | Self::Found(..) => Fault::bug("no baseline is named"),
        }
    }
}

/// The known facts about one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The project it was logged to.
    pub project: Project,
    /// The address of the web pages, without a trailing slash.
    pub web: String,
    /// The run's id, which is also the id of its evaluation's root call.
    pub id: String,
    /// The name that the run has in the web pages.
    pub display_name: Option<String>,
    /// The evaluation that was run.
    pub evaluation: Option<Reference>,
    /// The model that was evaluated.
    pub model: Option<Reference>,
    /// `running`, `completed`, `failed`, or another status that the server sends.
    pub status: Option<RunStatus>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The id of the run whose outputs this run rescores; `None` if it does not rescore a run.
    pub rescored_from: Option<String>,
    /// The number of rows.
    pub rows: u64,
    /// Counts and sums over all trials.
    pub totals: Totals,
    /// The number of trials by row digest; `None` if they were not read.
    pub digests: Option<BTreeMap<String, u64>>,
    /// How the run was selected; `None` if it was named by its id.
    pub choice: Option<Choice>,
    /// The attributes that the run was logged with; `None` if a snapshot does not contain them.
    pub attributes: Option<Map<String, Value>>,
    /// Whether Weave has all calls of the run.
    pub completeness: Completeness,
    /// The number of runs whose trials it has: more than 1 if runs were pooled.
    pub pooled_runs: u64,
    /// Whether it was logged by `EvaluationLogger`.
    pub is_logged: bool,
    /// The exception that its root call raised, if it is known: type and message.
    pub exception: Option<String>,
    /// How the run was measured; `None` if that was not read.
    pub setup: Option<Setup>,
}

/// How a run was chosen among those that match a selector: the newest one is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The selector.
    pub selector: Selector,
    /// The number of runs that matched; at least one.
    pub matches: u64,
    /// Whether `matches` is exact. If not, at least that many runs match.
    pub is_exact: bool,
}

/// A reference to a version of an object: `weave:///entity/project/object/name:version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name of the object.
    pub name: String,
    /// The digest of its version.
    pub version: Option<String>,
}

impl Reference {
    /// Parses a reference. Text of any other form becomes a name without a version; empty text returns `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let object = text.strip_prefix("weave:///").and_then(|rest| {
            let (_project, rest) = rest.split_once('/')?;
            let (_project, rest) = rest.split_once('/')?;
            rest.strip_prefix("object/")
                .or_else(|| rest.strip_prefix("op/"))
        });
        Some(match object.and_then(|object| object.rsplit_once(':')) {
            Some((name, version)) => Self {
                name: name.to_owned(),
                version: Some(version.to_owned()),
            },
            None => Self {
                name: object.unwrap_or(text).to_owned(),
                version: None,
            },
        })
    }
}

/// Counts and sums over some trials of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// The number of trials, including those without any score.
    pub trials: u64,
    /// The number of rows of these trials.
    pub rows: u64,
    /// Dimensions by name: `scorer_key` or `scorer_key.path`.
    pub dimensions: BTreeMap<String, Dimension>,
    /// Tokens and cost; `None` if they were not requested.
    pub usage: Option<Usage>,
    /// The number of trials without any score; `None` unless the rows themselves were counted.
    pub exact_unscored: Option<u64>,
    /// The number of trials with a score or text in some dimension; `None` unless the rows themselves were counted.
    pub scored_trials: Option<u64>,
}

/// The tokens and cost of the trials' predict calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Tokens, summed over the trials that report them; `None` if no trial does.
    pub tokens: Option<u64>,
    /// Cost in US dollars, summed over the trials that have a price; `None` if no trial has one.
    pub cost: Option<f64>,
    /// The number of trials that report tokens; `None` unless the rows themselves were counted.
    pub reported: Option<u64>,
    /// The number of trials that have a price; `None` unless the rows themselves were counted.
    pub priced: Option<u64>,
}

/// Counts and sums of one dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dimension {
    /// The number of trials that have a value here: true, false, a number, or text.
    pub scored: u64,
    /// The number of trials scored true.
    pub passed: u64,
    /// The number of trials scored true or false.
    pub judged: u64,
    /// The number of trials scored with a number.
    pub measured: u64,
    /// The mean of these numbers.
    pub mean: Option<f64>,
    /// Why the counts of this dimension cannot be used; `None` if they can.
    pub flaw: Option<Flaw>,
}

/// Why the counts of a dimension cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Two dimensions of the run have the same name.
    Ambiguous,
    /// The counts contradict each other.
    Inconsistent,
}

impl Dimension {
    /// Whether some trials have a boolean and others a number.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.judged > 0 && self.measured > 0
    }

    /// The number of trials that have a score of the dimension's own type: a boolean or a number, and also text if
    /// `text_counts`.
    #[must_use]
    pub fn covered(&self, text_counts: bool) -> u64 {
        if text_counts {
            self.scored
        } else {
            self.judged + self.measured
        }
    }

    /// The number of trials that have text.
    #[must_use]
    pub fn texts(&self) -> u64 {
        self.scored.saturating_sub(self.judged + self.measured)
    }

    /// The metrics that are available for the dimension.
    #[must_use]
    pub fn metrics(&self) -> Vec<&'static str> {
        let mut metrics = Vec::new();
        if self.judged > 0 {
            metrics.push("pass_rate");
        }
        if self.measured > 0 && self.mean.is_some() {
            metrics.push("numeric_mean");
        }
        metrics.push("coverage");
        metrics
    }

    /// Sets a flaw if the counts contradict each other. `trials` is the number of all trials.
    fn check(&mut self, trials: u64) {
        let kinds = self.judged.checked_add(self.measured);
        let consistent = self.passed <= self.judged
            && kinds.is_some_and(|kinds| kinds <= self.scored)
            && self.scored <= trials
            && self.mean.is_none_or(f64::is_finite)
            && (self.mean.is_none() || self.measured > 0);
        if !consistent {
            self.flaw = Some(Flaw::Inconsistent);
        }
    }
}

/// Fields that the SDK adds to a scorer's output if the scorer returns an object of a class.
const SDK_FIELDS: [&str; 3] = ["_type", "_class_name", "_bases"];

/// Whether a leaf of a scorer's output is, or lies in, a field that the SDK added, at any depth. `path` is the part of
/// the name after the scorer's key. If it is `None`, the part after the first dot of `name` is used.
#[must_use]
pub fn is_of_sdk(name: &str, path: Option<&str>) -> bool {
    let path = path.or_else(|| name.split_once('.').map(|(_, path)| path));
    let mut parts = path.into_iter().flat_map(|path| path.split('.'));
    parts.any(|part| SDK_FIELDS.contains(&part))
}

impl Totals {
    /// The maximum number of trials of a run. Up to this number a floating-point count is exact.
    pub const MOST_TRIALS: u64 = 1 << 53;

    /// Copies the flaws of another count of the same run. If a dimension contradicts itself in one response of the
    /// server, its counts in other responses cannot be used either.
    pub fn adopt_flaws(&mut self, other: &Self) {
        for (name, dimension) in &mut self.dimensions {
            let known = other.dimensions.get(name).and_then(|known| known.flaw);
            dimension.flaw = dimension.flaw.or(known);
        }
    }

    /// Whether these totals of a run are consistent with the totals of some of its trials, `part`.
    #[must_use]
    pub fn contain(&self, part: &Self) -> bool {
        let Some(rest) = self.trials.checked_sub(part.trials) else {
            return false;
        };
        let fits = |all: &Dimension, some: &Dimension| {
            let left = |all: u64, some: u64| all.checked_sub(some);
            let (Some(scored), Some(judged), Some(passed), Some(measured)) = (
                left(all.scored, some.scored),
                left(all.judged, some.judged),
                left(all.passed, some.passed),
                left(all.measured, some.measured),
            ) else {
                return false;
            };
            let same_mean = match (all.mean, some.mean) {
                (Some(all), Some(some)) if measured == 0 => {
                    (all - some).abs() <= TOLERANCE * all.abs().max(1.0)
                }
                (all, some) => measured > 0 || all.is_some() == some.is_some(),
            };
            scored <= rest
                && passed <= judged
                && judged <= scored
                && measured <= scored
                && same_mean
        };
        let known = |name: &String| self.dimensions.get(name);
        let parts_fit = part.dimensions.iter().all(|(name, some)| {
            known(name).is_some_and(|all| {
                // Flawed counts are not compared, see `adopt_flaws`.
                all.flaw.is_some() || some.flaw.is_some() || fits(all, some)
            })
        });
        // The other trials must contain all scores of a dimension that the part lacks.
        let rest_fits = self.dimensions.iter().all(|(name, all)| {
            part.dimensions.contains_key(name) || all.flaw.is_some() || all.scored <= rest
        });
        parts_fit && rest_fits
    }

    /// Adds a dimension under the name that policies use for it. Ignores the fields that the SDK added.
    pub fn add(&mut self, scorer_key: &str, path: Option<&str>, mut dimension: Dimension) {
        if is_of_sdk(scorer_key, path) {
            return;
        }
        dimension.check(self.trials);
        let name = match path {
            Some(path) => format!("{scorer_key}.{path}"),
            None => scorer_key.to_owned(),
        };
        self.dimensions
            .entry(name)
            .and_modify(|known| known.flaw = Some(Flaw::Ambiguous))
            .or_insert(dimension);
    }

    /// Whether each row has one trial. Then a mean over trials is also a mean over rows.
    #[must_use]
    pub fn has_one_trial_a_row(&self) -> bool {
        self.trials == self.rows
    }

    /// The minimum and maximum number of trials that can have no score.
    ///
    /// Each dimension counts how many trials it scored, but does not say which ones. A trial that any dimension scored
    /// is not an error, so at most `trials − max(scored)` are errors. A summary does not count lists or fields that
    /// the SDK added. Both count as scores here, so it is possible that none of the other trials is an error. Rows
    /// give the exact number.
    #[must_use]
    pub fn unscored(&self) -> (u64, u64) {
        if let Some(exact) = self.exact_unscored {
            return (exact, exact);
        }
        let usable = self
            .dimensions
            .values()
            .filter(|dimension| dimension.flaw.is_none());
        let scored = usable.map(|dimension| dimension.scored).max().unwrap_or(0);
        (0, self.trials - scored)
    }

    /// The minimum and maximum number of trials that can have a score or text in some dimension.
    ///
    /// Each dimension counts how many trials it scored, but does not say which ones: they may all be the same trials
    /// or all be different ones.
    #[must_use]
    pub fn fewest_and_most_scored(&self) -> (u64, u64) {
        let mut dimensions = self.dimensions.values();
        let is_whole = dimensions.all(|dimension| dimension.flaw.is_none());
        let usable = self
            .dimensions
            .values()
            .filter(|dimension| dimension.flaw.is_none())
            .map(|dimension| dimension.scored);
        let fewest = usable.clone().max().unwrap_or(0);
        let sum = usable.fold(0, u64::saturating_add);
        let most = if is_whole {
            sum.min(self.trials)
        } else {
            self.trials
        };
        (fewest, most)
    }
}
