//! What is found about the runs, the policy or a check, as data. `report` puts it into words.

use jiff::SignedDuration;
use jiff::civil::Date;

use crate::evidence::{Fact, Gap, LeftOut, Role, Run, RunStatus};
use crate::judge::name::{Effect, Name};
use crate::judge::slice::Slice;
use crate::policy::{Limit, Metric, RemovedRows};
use crate::prose::Prose;

/// What is found. Texts in it come from Weave or from the policy, and are escaped by each report.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// About a run.
    Run {
        /// Whose run it is.
        role: Role,
        /// Its id.
        run: String,
        /// What was found.
        what: RunCause,
    },
    /// About the scores of a dimension in a run.
    Scores {
        /// Whose run it is.
        role: Role,
        /// The dimension.
        dimension: String,
        /// What was found.
        what: ScoreCause,
    },
    /// About the rows that a gate selects by their inputs.
    Slice(SliceCause),
    /// About the policy or the dataset, where a change of it would help.
    Advice(Advice),
    /// The run is the newest of several that match.
    SeveralRunsMatch {
        /// Whose run it is.
        role: Role,
        /// How many match.
        matches: u64,
        /// Whether that is all of them.
        is_exact: bool,
        /// What they match.
        selector: String,
    },
    /// Several runs of one commit are judged as one.
    RerunsPooled {
        /// Whose runs they are.
        role: Role,
        /// Their ids, the newest first.
        runs: Vec<String>,
    },
    /// A run that is not judged because only the newest counts, with what it measured.
    OlderRun {
        /// Its id.
        run: String,
        /// The gates, and the value of each; `None` where it cannot be measured.
        values: Vec<(String, Option<f64>)>,
    },
    /// All runs together meet a limit, and the newest alone does not.
    NewestRunWorse {
        /// How many runs there are.
        runs: u64,
        /// The limit.
        limit: Limit,
        /// The value of the newest; `None` where it cannot be measured.
        value: Option<f64>,
    },
    /// There is no baseline.
    NoBaseline {
        /// Why none was found; `None` where none is named.
        why: Option<Prose>,
        /// Whether the change limits are skipped for it.
        skips: Skips,
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
        /// Whether they have inputs that are equal but for the order of their keys.
        keys_in_other_order: bool,
    },
    /// What was scored on the common rows is unknown, because some rows are in one run only.
    CommonRowsUnknown {
        /// Rows that only the candidate has.
        added: u64,
        /// Rows that only the baseline has.
        removed: u64,
    },
    /// No dimension has scores in both runs.
    NoCommonScores,
    /// The scores of single rows are needed and unknown.
    RowsUnknown,
    /// The rows of a run are not what its summary says.
    RowsDisagree {
        /// Whose run it is.
        role: Role,
        /// What differs.
        what: String,
    },
    /// Calls of the candidate are stored twice.
    RepeatedCalls,
    /// Rows that only the baseline has.
    RowsRemoved {
        /// How many.
        rows: u64,
        /// What the policy makes of them.
        rule: RemovedRows,
    },
    /// Rows that only the candidate has.
    RowsAdded {
        /// How many.
        rows: u64,
    },
    /// The runs are of different versions of an evaluation, of different evaluations, or of unknown ones.
    EvaluationChanged {
        /// The evaluation of the candidate and that of the baseline, if both are known.
        names: Option<(String, String)>,
    },
    /// The runs have different numbers of trials on the common rows.
    TrialsDiffer {
        /// The number of common rows.
        rows: u64,
        /// Trials of the candidate on them.
        candidate: u64,
        /// Trials of the baseline on them.
        baseline: u64,
    },
    /// A dimension has texts among its scores.
    TextAmongScores {
        /// The dimension.
        dimension: String,
        /// Trials of the candidate that have a text there.
        candidate: u64,
        /// Trials of the baseline that have a text there.
        baseline: u64,
    },
    /// A dimension of a run has truth values and numbers.
    MixedTypes {
        /// The dimension.
        dimension: String,
    },
    /// A dimension has truth values in one run and numbers in the other.
    TypesDiffer {
        /// The dimension.
        dimension: String,
    },
    /// Weave does not say of how many trials it adds up tokens and cost.
    UsageMayBePartial,
    /// No dimension has the name, or matches the pattern.
    UnknownDimension {
        /// The name or the pattern.
        scorer: String,
        /// The dimensions that there are.
        known: Vec<String>,
    },
    /// No trial of a run has a call of the model alone, so that a metric of these calls has no value.
    NoPredictCall {
        /// The metric.
        metric: Metric,
        /// Whose run it is.
        role: Role,
    },
    /// No trial of a run reports what a metric of usage or latency needs.
    NoUsage {
        /// The metric.
        metric: Metric,
        /// Whose run it is.
        role: Role,
    },
    /// A gate is waived, or was.
    Waiver {
        /// The last day, in UTC.
        until: Date,
        /// The reason that the policy gives.
        reason: String,
        /// Whether it still counts.
        is_active: bool,
    },
    /// No gate of the policy can block.
    NothingCanBlock,
    /// Every check that could have blocked was skipped.
    NothingJudged,
}

/// What is found about a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunCause {
    /// A run failed.
    Failed {
        /// Whether the policy has it judged anyway.
        is_judged: bool,
    },
    /// A run is still running, or its status is unknown.
    NotFinished {
        /// Its status, if it has one.
        status: Option<RunStatus>,
    },
    /// A run has no rows.
    WithoutRows,
    /// Weave does not have all calls of a run, or more calls than it made.
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
    /// A run finished longer ago than the policy allows.
    Stale {
        /// How long ago it finished; `None` where that is unknown.
        age: Option<SignedDuration>,
        /// How long ago it may have finished.
        allowed: SignedDuration,
    },
    /// The baseline began after the candidate.
    BaselineNewer,
}

/// What is found about the scores of a dimension in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreCause {
    /// No trial of a run has a score of a dimension.
    NoScores {
        /// The rows that were looked at; `None` for all.
        slice: Option<Slice>,
        /// The dimensions that have scores.
        known: Vec<String>,
    },
    /// The scores of a dimension are not of the kind that the metric needs.
    MetricNotAvailable {
        /// The metric.
        metric: Metric,
        /// The metrics that the dimension has.
        available: Vec<&'static str>,
    },
    /// A score, or the mean of scores, lies outside the declared range.
    OutOfRange {
        /// The value outside.
        value: f64,
        /// The range.
        range: (f64, f64),
        /// Whether the value is the mean.
        is_mean: bool,
    },
    /// Two dimensions of a run have the same name.
    AmbiguousDimension,
    /// The counts of a dimension contradict each other.
    InconsistentCounts,
}

/// What is found about the rows that a gate selects by their inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum SliceCause {
    /// An input has more values than are judged one by one.
    TooManyValues {
        /// The input.
        input: String,
        /// How many values it has; `None` where that is unknown, because there are many or long ones.
        values: Option<u64>,
    },
    /// No row has an input of this name.
    UnknownInput {
        /// The input.
        input: String,
        /// The inputs that there are.
        known: Vec<String>,
    },
    /// No row of either run is in a slice.
    EmptySlice {
        /// The slice.
        slice: Slice,
        /// The inputs that it names, and the values that they have.
        values: Vec<(String, Vec<String>)>,
    },
    /// A run has no row in a slice.
    NoRowInSlice {
        /// Whose run it is.
        role: Role,
        /// The slice.
        slice: Slice,
    },
    /// Values that a gate names and no row has.
    UnknownValues {
        /// Each as `input: value`.
        values: Vec<String>,
    },
}

/// What a change of the policy or of the dataset would help.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice {
    /// A limit on an observed change is smaller than what its rows can show.
    LimitBelowNoise {
        /// The limit.
        limit: Limit,
        /// The rows.
        rows: u64,
        /// The limit in the metric's unit.
        size: f64,
        /// The smallest change that the rows show, in the metric's unit; `None` if they show none.
        shows: Option<f64>,
        /// The fraction of runs of an unchanged model that break the limit.
        chance: f64,
        /// What is assumed of an unchanged model.
        model: UnchangedModel,
    },
    /// A limit cannot be proven on so few rows, whatever their scores.
    CannotBeProven {
        /// The limit.
        limit: Limit,
        /// The rows.
        rows: u64,
        /// The number of rows that it takes; `None` if no number is enough.
        needed: Option<u64>,
    },
    /// The latencies of a run of `EvaluationLogger` are the logger's own.
    LoggerLatency {
        /// Whose run it is.
        role: Role,
        /// All latencies are below this, in seconds.
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

/// Whether the change limits are skipped where there is no baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skips {
    /// They are undecided.
    No,
    /// They are skipped: `required: false`.
    NotRequired,
    /// They are skipped until the first baseline exists, for at most 14 days: `required: after-first`.
    UntilFirst,
}

/// What is assumed of a model that did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnchangedModel {
    /// Its answers flip as often as between the two runs.
    FlipsAsOften,
    /// It answers every row independently of the other run.
    AnswersAfresh,
    /// The differences of its rows vary as those between the two runs.
    VariesAsMuch,
}

/// A score that every row has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstantScore {
    /// A truth value.
    Truth(bool),
    /// A number.
    Number(f64),
}

impl Cause {
    /// What is found about a run.
    pub(super) fn of_run(role: Role, run: &Run, what: RunCause) -> Self {
        Self::Run {
            role,
            run: run.id.clone(),
            what,
        }
    }

    /// The stable name under which it is reported.
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
            Self::RowsUnknown => Name::RowsUnknown,
            Self::RowsDisagree { .. } => Name::RowsDisagree,
            Self::RepeatedCalls => Name::InconsistentCounts,
            Self::RowsRemoved { .. } => Name::RowsRemoved,
            Self::RowsAdded { .. } => Name::RowsAdded,
            Self::EvaluationChanged { .. } => Name::EvaluationChanged,
            Self::TrialsDiffer { .. } => Name::TrialsDiffer,
            Self::TextAmongScores { .. } | Self::MixedTypes { .. } | Self::TypesDiffer { .. } => {
                Name::MixedTypes
            }
            Self::UsageMayBePartial => Name::UsageMayBePartial,
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
            Self::NoScores { .. } => Name::NoScores,
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
            Self::UnknownValues { .. } => Name::UnknownValue,
        }
    }
}

impl Advice {
    const fn name(&self) -> Name {
        match self {
            Self::LimitBelowNoise { .. } => Name::LimitBelowNoise,
            Self::CannotBeProven { .. } => Name::CannotBeProven,
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

/// What a fact about the choice of runs does; `None` where something else reports it.
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
        // Those that are older are reported with what they measured.
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
