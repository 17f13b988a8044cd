//! Facts about the runs, the policy or a check, as data. `report` puts them into words.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::Date;

use crate::evidence::{
    Evidence, Fact, Gap, LeftOut, Role, Run, RunStatus, SameScores, SetupChange, SnapshotOf,
};
use crate::judge::name::{Effect, Name};
use crate::judge::slice::Slice;
use crate::policy::{Limit, Metric, RemovedRows};
use crate::prose::Prose;

/// A fact that a finding or a check reports. Its texts come from Weave or from the policy; each report format escapes
/// them.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// About a run.
    Run {
        /// Whether it is the candidate or the baseline.
        role: Role,
        /// Its id.
        run: String,
        /// What was found.
        what: RunCause,
    },
    /// About the scores of a dimension in a run.
    Scores {
        /// Whether it is the candidate or the baseline.
        role: Role,
        /// The dimension.
        dimension: String,
        /// What was found.
        what: ScoreCause,
    },
    /// About the rows that a gate selects by their inputs.
    Slice(SliceCause),
    /// A suggestion to change the policy or the dataset.
    Advice(Advice),
    /// The run is the newest of several that match.
    SeveralRunsMatch {
        /// Whether it is the candidate or the baseline.
        role: Role,
        /// The number of runs that match.
        matches: u64,
        /// Whether the number is exact. If not, more may match.
        is_exact: bool,
        /// The selector that they match.
        selector: String,
    },
    /// Several runs are judged as one: the re-runs of one commit, or the runs of several commits of the baseline.
    RerunsPooled {
        /// Whether they are runs of the candidate or of the baseline.
        role: Role,
        /// The number of commits.
        commits: u64,
        /// Their ids, the newest first.
        runs: Vec<String>,
    },
    /// A run that is not judged because only the newest counts, with its measured values.
    OlderRun {
        /// Its id.
        run: String,
        /// The gates, each with its value; `None` if the value cannot be measured.
        values: Vec<(String, Option<f64>)>,
    },
    /// All runs together meet a limit, but the newest run alone does not.
    NewestRunWorse {
        /// The number of runs.
        runs: u64,
        /// The limit.
        limit: Limit,
        /// The value of the newest run; `None` if it cannot be measured.
        value: Option<f64>,
    },
    /// There is no baseline.
    NoBaseline {
        /// Why none was found; `None` if the policy names none.
        why: Option<Prose>,
        /// Whether the change limits are skipped for this reason.
        skips: Skips,
        /// How to get one.
        help: BaselineHelp,
    },
    /// Candidate and baseline are the same run.
    SameRun {
        /// Its id.
        run: String,
    },
    /// Candidate and baseline were scored from the same outputs.
    SameOutputs {
        /// The id of the baseline.
        run: String,
    },
    /// Candidate and baseline have no row in common.
    NoCommonRows {
        /// Whether some of their inputs differ only in the order of keys.
        keys_in_other_order: bool,
    },
    /// The scores on the common rows are unknown, because some rows are in only one of the runs.
    CommonRowsUnknown {
        /// The number of rows that only the candidate has.
        added: u64,
        /// The number of rows that only the baseline has.
        removed: u64,
        /// The snapshots that do not hold the scores of rows.
        snapshots: Vec<SnapshotOf>,
    },
    /// No dimension has scores in both runs.
    NoCommonScores,
    /// The scores of single rows are needed but unknown.
    RowsUnknown {
        /// Whether the inputs of rows are needed, too.
        needs_inputs: bool,
        /// The snapshots that do not hold the scores of rows.
        snapshots: Vec<SnapshotOf>,
    },
    /// The rows of a run contradict its summary.
    RowsDisagree {
        /// Whether it is the candidate or the baseline.
        role: Role,
        /// What differs.
        what: String,
    },
    /// Calls of the candidate are stored twice.
    RepeatedCalls,
    /// Some rows are only in the baseline.
    RowsRemoved {
        /// The number of these rows.
        rows: u64,
        /// How the policy treats them.
        rule: RemovedRows,
    },
    /// Some rows are only in the candidate.
    RowsAdded {
        /// The number of these rows.
        rows: u64,
    },
    /// The runs have different versions of an evaluation, different evaluations, or unknown evaluations.
    EvaluationChanged {
        /// The evaluations of the candidate and of the baseline; `None` if one is unknown.
        names: Option<(String, String)>,
    },
    /// The evaluation of one run cannot be read, so how the runs were measured cannot be compared.
    EvaluationUnread {
        /// Whose evaluation it is.
        role: Role,
        /// The evaluation.
        name: String,
    },
    /// The runs were measured with different scorers.
    Setup {
        /// What differs.
        change: SetupChange,
    },
    /// A run is of `EvaluationLogger`, which logs no scorers, so changed scorers are not noticed.
    ScorersUnknown,
    /// A scorer of the candidate's evaluation scored no row.
    ScorerNeverScored {
        /// The scorer.
        name: String,
    },
    /// The datasets of the runs have different rows.
    DatasetChanged {
        /// The candidate's dataset.
        name: String,
        /// The baseline's dataset.
        before: String,
        /// The number of the candidate's rows.
        rows: u64,
        /// The number of rows that only the candidate has.
        added: u64,
        /// The number of rows that only the baseline has.
        removed: u64,
    },
    /// Other models were served in the candidate than in the baseline.
    ServedModelsChanged {
        /// The models of the baseline.
        before: Vec<String>,
        /// The models of the candidate.
        after: Vec<String>,
        /// Who called them.
        by: ServedTo,
    },
    /// The runs have different numbers of trials on the common rows.
    TrialsDiffer {
        /// The number of common rows.
        rows: u64,
        /// The candidate's number of trials on these rows.
        candidate: u64,
        /// The baseline's number of trials on these rows.
        baseline: u64,
    },
    /// A dimension has text among its scores.
    TextAmongScores {
        /// The dimension.
        dimension: String,
        /// The number of the candidate's trials that have text there.
        candidate: u64,
        /// The number of the baseline's trials that have text there.
        baseline: u64,
    },
    /// A dimension of a run has both booleans and numbers.
    MixedTypes {
        /// The dimension.
        dimension: String,
    },
    /// A dimension has booleans in one run and numbers in the other.
    TypesDiffer {
        /// The dimension.
        dimension: String,
    },
    /// Weave does not say how many trials its sums of tokens and cost include.
    UsageMayBePartial,
    /// The policy is looser than its base.
    PolicyLoosened {
        /// Where the base is.
        base: String,
        /// The changes that are looser or incomparable, in words.
        changes: Vec<String>,
        /// The SHA-256 of the policy.
        sha256: String,
        /// Whether the command line accepts it; if not, the base is judged too.
        is_accepted: bool,
    },
    /// The policy has no base: it is new.
    PolicyNew {
        /// Where a base would be.
        base: String,
    },
    /// The noise between runs that the policy declares is old.
    NoiseExpired {
        /// The last day on which it was to be used.
        expires: Date,
    },
    /// The policy declares the noise of dimensions that the candidate does not have.
    NoiseUnused {
        /// The dimensions.
        dimensions: Vec<String>,
    },
    /// No dimension has this name or matches this pattern.
    UnknownDimension {
        /// The name or the pattern.
        scorer: String,
        /// The existing dimensions.
        known: Vec<String>,
    },
    /// No trial of a run has a call of the model itself, so a metric of these calls has no value.
    NoPredictCall {
        /// The metric.
        metric: Metric,
        /// Whether it is the candidate or the baseline.
        role: Role,
    },
    /// No trial of a run reports the values that a metric of usage or latency needs.
    NoUsage {
        /// The metric.
        metric: Metric,
        /// Whether it is the candidate or the baseline.
        role: Role,
    },
    /// A gate is waived, or was waived until a past date.
    Waiver {
        /// The last day, in UTC.
        until: Date,
        /// The reason that the policy gives.
        reason: String,
        /// Whether the waiver is still active.
        is_active: bool,
    },
    /// No gate of the policy can block.
    NothingCanBlock,
    /// Every check that could have blocked was skipped.
    NothingJudged,
}

/// Who called the models that were served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedTo {
    /// Scorers.
    Scorers,
    /// The evaluated model, which is the same in both runs.
    Model,
    /// It is unknown. The evaluated model is the same in both runs.
    Unknown,
    /// It is unknown. The evaluated model is another one, so that its own calls may explain it.
    UnknownOfOtherModel,
}

/// What leads to a baseline if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaselineHelp {
    /// The policy must name one.
    Name,
    /// The id must be that of a run.
    CheckId,
    /// The snapshot must be taken.
    TakeSnapshot {
        /// Its path.
        path: String,
    },
    /// No recent run matches, so a run that does must be logged.
    Evaluate {
        /// The branch that the run must be of; `None` if the policy asks for none.
        branch: Option<String>,
        /// The attribute that holds the branch of a run.
        attribute: String,
        /// What the policy can do until then.
        until_then: UntilThen,
    },
    /// Recent runs match, but none of them can be the baseline.
    List {
        /// The selector that they match.
        selector: String,
    },
}

/// What a policy can do until the evaluation has a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UntilThen {
    /// Nothing, or it skips change limits already.
    Nothing,
    /// `required: after-first` skips change limits where the evaluation is new.
    AfterFirst,
    /// Only `required: false` skips change limits: the policy has `required: after-first`, which does not apply.
    NotRequired,
}

/// A fact about a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunCause {
    /// A run failed.
    Failed {
        /// Whether the policy accepts failed runs, so that the run is judged anyway.
        is_judged: bool,
        /// The exception that it raised, if it is known.
        exception: Option<String>,
    },
    /// A run is still running, or its status is unknown.
    NotFinished {
        /// Its status; `None` if unknown.
        status: Option<RunStatus>,
    },
    /// A run has no rows.
    WithoutRows,
    /// Weave does not have all calls of a run, or it has more calls than the run made.
    Incomplete {
        /// What is missing.
        gap: Gap,
    },
    /// A run does not say how many calls it made.
    CompletenessUnknown,
    /// A fact about how the runs were chosen.
    Choice {
        /// The fact.
        fact: Fact,
    },
    /// A run finished longer ago than the policy allows, or it is unknown when it finished.
    Stale {
        /// The time since it finished; `None` if unknown.
        age: Option<SignedDuration>,
        /// The maximum time that the policy allows.
        allowed: SignedDuration,
    },
    /// The baseline began after the candidate.
    BaselineNewer,
}

/// A fact about the scores of a dimension in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreCause {
    /// No trial of a run has a score of the dimension.
    NoScores {
        /// The slice of rows; `None` for all rows.
        slice: Option<Slice>,
        /// The dimensions that have scores.
        known: Vec<String>,
    },
    /// The scores of a dimension are not of the kind that the metric needs.
    MetricNotAvailable {
        /// The metric.
        metric: Metric,
        /// The metrics that are available for the dimension.
        available: Vec<&'static str>,
        /// Whether all scores of the dimension are text.
        is_text: bool,
    },
    /// No row has as many trials with a score as the metric has attempts.
    TooFewTrials {
        /// The number of attempts.
        k: u64,
    },
    /// A score, or the mean of scores, lies outside the declared range.
    OutOfRange {
        /// The score or mean that is outside.
        value: f64,
        /// The range.
        range: (f64, f64),
        /// Whether the value is a mean.
        is_mean: bool,
    },
    /// Two dimensions of a run have the same name.
    AmbiguousDimension,
    /// The counts of a dimension contradict each other.
    InconsistentCounts,
}

/// A fact about the rows that a gate selects by their inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum SliceCause {
    /// An input has more values than can be judged one by one.
    TooManyValues {
        /// The input.
        input: String,
        /// The number of its values; `None` if unknown, because there are too many or some are too long.
        values: Option<u64>,
    },
    /// No row has an input of this name.
    UnknownInput {
        /// The input.
        input: String,
        /// The existing inputs.
        known: Vec<String>,
    },
    /// No row of either run is in a slice.
    EmptySlice {
        /// The slice.
        slice: Slice,
        /// The inputs that the slice names, each with its existing values.
        values: Vec<(String, Vec<String>)>,
    },
    /// A run has no row in a slice.
    NoRowInSlice {
        /// Whether it is the candidate or the baseline.
        role: Role,
        /// The slice.
        slice: Slice,
    },
    /// Rows lack the input whose value makes clusters of rows.
    RowsWithoutCluster {
        /// The input.
        input: String,
        /// The number of rows that lack it.
        lacking: u64,
        /// The number of all rows of the check.
        rows: u64,
    },
    /// The gate names values that no row has.
    UnknownValues {
        /// Each as `input: value`.
        values: Vec<String>,
    },
}

/// A suggestion to change the policy or the dataset.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice {
    /// A limit on an observed change is smaller than the smallest change that its rows can detect.
    LimitBelowNoise {
        /// The limit.
        limit: Limit,
        /// The number of rows.
        rows: u64,
        /// The limit in the metric's unit.
        size: f64,
        /// The smallest detectable change, in the metric's unit; `None` if no change is detectable.
        shows: Option<f64>,
        /// The fraction of runs of an unchanged model that break the limit.
        chance: f64,
        /// What is assumed of an unchanged model.
        model: UnchangedModel,
    },
    /// A limit cannot be proven on this number of rows, whatever their scores are.
    CannotBeProven {
        /// The limit.
        limit: Limit,
        /// The number of rows.
        rows: u64,
        /// The number of rows that are needed; `None` if no number is enough.
        needed: Option<u64>,
    },
    /// Confidence intervals count a small number of clusters of rows.
    FewClusters {
        /// The input whose value the rows of a cluster share.
        input: String,
        /// The number of clusters.
        clusters: u64,
    },
    /// The latencies of a run of `EvaluationLogger` are those of the logger itself.
    LoggerLatency {
        /// Whether it is the candidate or the baseline.
        role: Role,
        /// An upper bound of all latencies, in seconds.
        below: f64,
    },
    /// A scorer gives the same score to every row of both runs.
    ConstantScorer {
        /// The dimension.
        dimension: String,
        /// The score.
        score: ConstantScore,
    },
}

/// Whether the change limits are skipped if there is no baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skips {
    /// The change limits are undecided.
    No,
    /// The change limits are skipped: `required: false`.
    NotRequired,
    /// The change limits are skipped until the first baseline exists, for at most 14 days: `required: after-first`.
    UntilFirst,
}

/// The assumption about a model that did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnchangedModel {
    /// Its answers flip as often as they do between the two runs.
    FlipsAsOften,
    /// It answers every row independently of the other run.
    AnswersAfresh,
    /// The differences of its rows vary as much as those between the two runs.
    VariesAsMuch,
}

/// A score that is the same on every row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstantScore {
    /// A boolean.
    Truth(bool),
    /// A number.
    Number(f64),
}

impl Cause {
    /// Adds how a changed scorer scored the same outputs, if this is about that scorer.
    pub(in crate::judge) fn add_same_scores(&mut self, known: &BTreeMap<String, SameScores>) {
        if let Self::Setup {
            change: SetupChange::ScorerChanged { name, same, .. },
        } = self
        {
            *same = known.get(name).copied();
        }
    }

    /// A cause about a run.
    pub(super) fn of_run(role: Role, run: &Run, what: RunCause) -> Self {
        Self::Run {
            role,
            run: run.id.clone(),
            what,
        }
    }

    /// Whether it may end without any change: a run is not finished yet, or not all of it is visible yet.
    pub(super) const fn may_end(&self) -> bool {
        match self {
            Self::RepeatedCalls => true,
            Self::Run { what, .. } => matches!(
                what,
                RunCause::NotFinished { .. }
                    | RunCause::Incomplete {
                        gap: Gap::Fewer { .. } | Gap::More { .. }
                    }
                    | RunCause::Choice {
                        fact: Fact::RerunRunning { .. }
                    }
            ),
            _ => false,
        }
    }

    /// The cause that the scores of single rows are unknown. `needs_inputs` is whether their inputs are needed, too.
    pub(super) fn rows_unknown(evidence: &Evidence, needs_inputs: bool) -> Self {
        Self::RowsUnknown {
            needs_inputs,
            snapshots: evidence.selection.without_rows.clone(),
        }
    }

    /// The stable name of the finding that reports it.
    #[must_use]
    pub const fn name(&self) -> Name {
        match self {
            Self::Run { role, what, .. } => what.name(*role),
            Self::Scores { what, .. } => what.name(),
            Self::Slice(what) => what.name(),
            Self::Advice(what) => what.name(),
            Self::SeveralRunsMatch { .. } => Name::SeveralRunsMatch,
            Self::RerunsPooled { .. } => Name::RerunsPooled,
            Self::OlderRun { .. } => Name::RerunsLeftOut,
            Self::NewestRunWorse { .. } => Name::NewestRunWorse,
            Self::NoBaseline { .. } => Name::NoBaseline,
            Self::SameRun { .. } | Self::SameOutputs { .. } => Name::SameRun,
            Self::NoCommonRows { .. } => Name::NoCommonRows,
            Self::CommonRowsUnknown { .. } => Name::CommonRowsUnknown,
            Self::NoCommonScores => Name::NoScores,
            Self::RowsUnknown { .. } => Name::RowsUnknown,
            Self::RowsDisagree { .. } => Name::RowsDisagree,
            Self::RepeatedCalls => Name::InconsistentCounts,
            Self::RowsRemoved { .. } => Name::RowsRemoved,
            Self::RowsAdded { .. } => Name::RowsAdded,
            Self::EvaluationChanged { .. } | Self::EvaluationUnread { .. } => {
                Name::EvaluationChanged
            }
            Self::Setup { change } => match change {
                SetupChange::ScorerChanged { .. } => Name::ScorerChanged,
                SetupChange::ScorerAdded { .. } => Name::ScorerAdded,
                SetupChange::ScorerRemoved { .. } => Name::ScorerRemoved,
                SetupChange::DatasetChanged { .. } => Name::DatasetChanged,
                SetupChange::EvaluationChanged { .. } => Name::EvaluationChanged,
            },
            Self::ScorersUnknown => Name::ScorersUnknown,
            Self::ScorerNeverScored { .. } => Name::ScorerNeverScored,
            Self::DatasetChanged { .. } => Name::DatasetChanged,
            Self::ServedModelsChanged { .. } => Name::ServedModelsChanged,
            Self::TrialsDiffer { .. } => Name::TrialsDiffer,
            Self::TextAmongScores { .. } | Self::MixedTypes { .. } | Self::TypesDiffer { .. } => {
                Name::MixedTypes
            }
            Self::UsageMayBePartial => Name::UsageMayBePartial,
            Self::PolicyLoosened { .. } => Name::PolicyLoosened,
            Self::PolicyNew { .. } => Name::PolicyNew,
            Self::NoiseExpired { .. } => Name::NoiseExpired,
            Self::NoiseUnused { .. } => Name::NoiseUnused,
            Self::UnknownDimension { .. } => Name::UnknownDimension,
            Self::NoPredictCall { .. } | Self::NoUsage { .. } => Name::MetricNotAvailable,
            Self::Waiver {
                is_active: true, ..
            } => Name::WaiverActive,
            Self::Waiver {
                is_active: false, ..
            } => Name::WaiverExpired,
            Self::NothingCanBlock => Name::NothingCanBlock,
            Self::NothingJudged => Name::NothingJudged,
        }
    }
}

impl RunCause {
    const fn name(&self, role: Role) -> Name {
        match (self, role) {
            (Self::Failed { .. }, _) => Name::RunFailed,
            (Self::NotFinished { .. }, _) => Name::RunNotFinished,
            (Self::WithoutRows, _) => Name::NoScores,
            (Self::Incomplete { .. }, _) => Name::RunIncomplete,
            (Self::CompletenessUnknown, _) => Name::CompletenessUnknown,
            (Self::Choice { fact }, _) => of_choice(fact),
            (Self::Stale { .. }, Role::Candidate) => Name::CandidateStale,
            (Self::Stale { .. }, Role::Baseline) => Name::BaselineStale,
            (Self::BaselineNewer, _) => Name::BaselineNewer,
        }
    }
}

impl ScoreCause {
    const fn name(&self) -> Name {
        match self {
            Self::NoScores { .. } | Self::TooFewTrials { .. } => Name::NoScores,
            Self::MetricNotAvailable { .. } => Name::MetricNotAvailable,
            Self::OutOfRange { .. } => Name::OutOfRange,
            Self::AmbiguousDimension => Name::AmbiguousDimension,
            Self::InconsistentCounts => Name::InconsistentCounts,
        }
    }
}

impl SliceCause {
    const fn name(&self) -> Name {
        match self {
            Self::TooManyValues { .. } => Name::TooManySlices,
            Self::UnknownInput { .. } | Self::EmptySlice { .. } | Self::NoRowInSlice { .. } => {
                Name::EmptySlice
            }
            Self::RowsWithoutCluster { .. } => Name::RowsWithoutCluster,
            Self::UnknownValues { .. } => Name::UnknownValue,
        }
    }
}

impl Advice {
    const fn name(&self) -> Name {
        match self {
            Self::LimitBelowNoise { .. } => Name::LimitBelowNoise,
            Self::CannotBeProven { .. } => Name::CannotBeProven,
            Self::FewClusters { .. } => Name::FewClusters,
            Self::LoggerLatency { .. } => Name::LoggerLatency,
            Self::ConstantScorer { .. } => Name::ConstantScorer,
        }
    }
}

const fn of_choice(fact: &Fact) -> Name {
    match fact {
        Fact::WrongCandidate { .. } | Fact::NotNewest { .. } => Name::WrongCandidate,
        Fact::NotChecked { .. } => Name::CommitNotChecked,
        Fact::CommitAmbiguous { .. } => Name::CommitAmbiguous,
        Fact::SeveralModelVersions { .. }
        | Fact::NoSharedRow { .. }
        | Fact::UnnamedRuns { .. }
        | Fact::SeveralReruns { .. } => Name::RerunsAmbiguous,
        Fact::RerunRunning { .. } => Name::RunNotFinished,
        Fact::LeftOut { .. } => Name::RerunsLeftOut,
        Fact::Excluded { .. } => Name::RunExcluded,
        Fact::SameOutputs => Name::SameRun,
        Fact::KeysInOtherOrder => Name::NoCommonRows,
        Fact::BaselineSkipped { .. } => Name::BaselineSkipped,
    }
}

/// The effect of a fact about the choice of runs; `None` if another finding reports the fact.
pub(super) const fn effect_of_choice(fact: &Fact) -> Option<Effect> {
    match fact {
        Fact::WrongCandidate { .. }
        | Fact::NotNewest { .. }
        | Fact::NotChecked { in_ci: true, .. }
        | Fact::CommitAmbiguous { .. }
        | Fact::SeveralModelVersions { .. }
        | Fact::NoSharedRow { .. }
        | Fact::UnnamedRuns { .. }
        | Fact::SeveralReruns { .. }
        | Fact::RerunRunning { .. }
        | Fact::SameOutputs => Some(Effect::Undecided),
        // Older runs are reported separately, with their measured values.
        Fact::LeftOut {
            why: LeftOut::Older,
            ..
        }
        | Fact::KeysInOtherOrder => None,
        Fact::NotChecked { in_ci: false, .. } | Fact::Excluded { .. } | Fact::LeftOut { .. } => {
            Some(Effect::Warning)
        }
        Fact::BaselineSkipped { .. } => Some(Effect::Note),
    }
}
