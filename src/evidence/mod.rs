//! Evidence: what is known about a run and about a pair of runs.
//!
//! The same types whether they were read from Weave or from snapshot files. Nothing here knows of
//! limits: these are counts and sums, with what is missing from them.

mod baseline_rules;
mod choice;
mod columns;
mod detail;
mod gather;
mod join;
mod pair;
mod pool;
#[cfg(test)]
mod row_tests;
mod rows;
mod run_info;
mod run_status;
mod score;
mod setup;
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
    Completeness, Fact, Gap, LeftOut, ListedRun, Selection, attribute, scalar_text, values,
};
pub use columns::{Column, Columns, Input, Kind, Wanted};
pub use detail::{Answer, Detail, Details};
pub use gather::Gatherer;
pub use pair::Pair;
pub use rows::{MOST_VALUES, Role, Rows, Sort, WithoutCall};
pub use run_info::{EvaluationKey, Match, RunInfo, saved_mismatches};
pub use run_status::RunStatus;
pub use score::Score;
pub use setup::Setup;
pub use source::{Known, RowSource, Take, gathered, joined, unresolved};
pub use summary_builder::SummaryBuilder;
pub use trial::{RunRow, Trial};

use crate::fault::Fault;
use crate::number::TOLERANCE;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::Selector;

/// All that a policy is judged on.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The run on trial.
    pub candidate: Run,
    /// What it is compared with.
    pub baseline: Baseline,
    /// The rows of both, where they were asked for and could be had.
    pub rows: Option<Rows>,
    /// How the runs were chosen.
    pub selection: Selection,
    /// Where the candidate has re-runs: the same evidence for each of them alone, the newest first. Else empty.
    pub each: Vec<Self>,
    /// The same candidate with each further baseline that the policy names. Empty in these.
    pub named: BTreeMap<String, Self>,
}

impl Evidence {
    /// The evidence with the further baseline of this name; without a name, with `baseline`. `None` if it was not
    /// read.
    #[must_use]
    pub fn with_baseline(&self, name: Option<&str>) -> Option<&Self> {
        name.map_or(Some(self), |name| self.named.get(name))
    }
}

/// What a candidate is compared with.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Baseline {
    /// Nothing was named.
    Unnamed,
    /// Something was named, and is not there; with what was found instead.
    NotFound(Prose),
    /// A run, and what is known of the rows that both have.
    Found(Box<Run>, Pair),
}

impl Baseline {
    /// The fault of comparing with nothing.
    #[must_use]
    pub fn absence(&self) -> Fault {
        match self {
            Self::NotFound(what) => Fault::evidence(format!("there is no baseline: {what}")),
            Self::Unnamed | Self::Found(..) => Fault::evidence("no baseline is named"),
        }
    }
}

/// What is known of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The project it was logged to.
    pub project: Project,
    /// Address of the web pages, without a slash at its end.
    pub web: String,
    /// The run's id, which is also the id of its evaluation's root call.
    pub id: String,
    /// The name that the run has in the web pages.
    pub display_name: Option<String>,
    /// What was evaluated on.
    pub evaluation: Option<Reference>,
    /// What was evaluated.
    pub model: Option<Reference>,
    /// `running`, `completed`, `failed`, or whatever else a server says.
    pub status: Option<RunStatus>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The run whose outputs it scores once more, where it does.
    pub rescored_from: Option<String>,
    /// How many rows it has.
    pub rows: u64,
    /// Counts and sums over all its trials.
    pub totals: Totals,
    /// Trials by row digest, where they were read.
    pub digests: Option<BTreeMap<String, u64>>,
    /// How it was chosen, where it was not named by its id.
    pub choice: Option<Choice>,
    /// What it was logged with; `None` where a snapshot does not hold that.
    pub attributes: Option<Map<String, Value>>,
    /// Whether Weave has all of it.
    pub completeness: Completeness,
    /// Whether it was logged by `EvaluationLogger`.
    pub is_logged: bool,
    /// How it was measured; `None` where that was not read.
    pub setup: Option<Setup>,
}

/// How a run was chosen among those that match a selector: the newest is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What was asked for.
    pub selector: Selector,
    /// How many runs matched; at least one.
    pub matches: u64,
    /// Whether these are all that match, or some of them.
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
    /// Reads a reference. Text of any other form becomes a name without a version; empty text is no reference.
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
    /// All trials, whether or not anything was scored.
    pub trials: u64,
    /// The number of rows that these trials are of.
    pub rows: u64,
    /// Dimensions by name: `scorer_key` or `scorer_key.path`.
    pub dimensions: BTreeMap<String, Dimension>,
    /// Tokens and cost, where they were asked for.
    pub usage: Option<Usage>,
    /// Trials that have no score at all, where the rows themselves were counted.
    pub exact_unscored: Option<u64>,
    /// Trials that some dimension has a score or a text of, where the rows themselves were counted.
    pub scored_trials: Option<u64>,
}

/// What the trials' predict calls used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Tokens, summed over the trials that report any; `None` where none does.
    pub tokens: Option<u64>,
    /// US dollars, summed over the trials that are priced; `None` where none is.
    pub cost: Option<f64>,
    /// How many trials report tokens, where the rows themselves were counted.
    pub reported: Option<u64>,
    /// How many trials are priced, where the rows themselves were counted.
    pub priced: Option<u64>,
}

/// What is known of one dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dimension {
    /// Trials that have any score here: true, false, a number, or a text.
    pub scored: u64,
    /// Trials scored true.
    pub passed: u64,
    /// Trials scored true or false.
    pub judged: u64,
    /// Trials scored with a number.
    pub measured: u64,
    /// Mean of these numbers.
    pub mean: Option<f64>,
    /// Why none of these numbers can be used, if so.
    pub flaw: Option<Flaw>,
}

/// Why a dimension's numbers cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Two dimensions of the run have the same name.
    Ambiguous,
    /// The counts contradict each other.
    Inconsistent,
}

impl Dimension {
    /// Whether some trials have a truth value, and others a number.
    #[must_use]
    pub fn is_mixed(&self) -> bool {
        self.judged > 0 && self.measured > 0
    }

    /// Trials that have a score of the dimension's own type: a truth value or a number, or a text where
    /// `text_counts`.
    #[must_use]
    pub fn covered(&self, text_counts: bool) -> u64 {
        if text_counts {
            self.scored
        } else {
            self.judged + self.measured
        }
    }

    /// Trials that have a text.
    #[must_use]
    pub fn texts(&self) -> u64 {
        self.scored.saturating_sub(self.judged + self.measured)
    }

    /// The metrics that are available for it.
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

    /// Finds contradictions between the counts; `trials` are all trials.
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

/// Fields that the SDK adds to the output of a scorer that returns an object of a class.
const SDK_FIELDS: [&str; 3] = ["_type", "_class_name", "_bases"];

/// Whether a leaf of a scorer's output is, or lies in, a field that the SDK added, at any depth. `path` is what
/// follows the scorer's key; without one, whatever follows the first dot of the name.
#[must_use]
pub fn is_of_sdk(name: &str, path: Option<&str>) -> bool {
    let path = path.or_else(|| name.split_once('.').map(|(_, path)| path));
    let mut parts = path.into_iter().flat_map(|path| path.split('.'));
    parts.any(|part| SDK_FIELDS.contains(&part))
}

impl Totals {
    /// More trials than this are no evaluation; up to it a count is exact as a number.
    pub const MOST_TRIALS: u64 = 1 << 53;

    /// Takes over what makes another count of the same run's dimensions unusable: whoever contradicts
    /// itself in one answer is not believed in another.
    pub fn adopt_flaws(&mut self, other: &Self) {
        for (name, dimension) in &mut self.dimensions {
            let known = other.dimensions.get(name).and_then(|known| known.flaw);
            dimension.flaw = dimension.flaw.or(known);
        }
    }

    /// Whether these can be all trials of a run of which `part` are some.
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
                // Flawed counts decide nothing, see `adopt_flaws`.
                all.flaw.is_some() || some.flaw.is_some() || fits(all, some)
            })
        });
        // What the part lacks must all be in the rest.
        let rest_fits = self.dimensions.iter().all(|(name, all)| {
            part.dimensions.contains_key(name) || all.flaw.is_some() || all.scored <= rest
        });
        parts_fit && rest_fits
    }

    /// Adds a dimension under the name that policies use for it. The SDK's own fields are no dimensions.
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

    /// Whether each row has one trial, so that a mean over trials is one over rows.
    #[must_use]
    pub fn has_one_trial_a_row(&self) -> bool {
        self.trials == self.rows
    }

    /// The least and the most trials that can have no score at all.
    ///
    /// Each dimension says how many trials it scored, and none says which. A trial that any dimension
    /// scored is no error, so at most `trials − max(scored)` are. A summary counts no lists and none of the
    /// SDK's own fields, which are scores here: so perhaps none of the others is an error. Rows tell exactly.
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

    /// The fewest and the most trials that some dimension can have a score or a text of.
    ///
    /// Each dimension says how many trials it scored, and none says which: all may be the same trials, or no two.
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
