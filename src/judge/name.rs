//! The stable names of findings, and what a finding does to the verdict.

/// What a finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It leaves checks undecided.
    Undecided,
    /// It may make the comparison say less than it seems to.
    Warning,
    /// It is only to be known.
    Note,
    /// Something to be done about the policy or the dataset.
    Hint,
}

/// Declares the names, so that none can lack its word.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// The name of a finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Name {
            $($(#[$doc])* $name,)+
        }

        impl Name {
            /// Every name.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in every report.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

names! {
    /// A run still goes on, or its status is not known.
    RunNotFinished = "run-not-finished",
    /// A run failed: undecided, or a warning where the policy accepts that.
    RunFailed = "run-failed",
    /// Weave does not have all of a run, or the run never logged its summary.
    RunIncomplete = "run-incomplete",
    /// A run does not say how many calls it made, so that whether it is complete is not known.
    CompletenessUnknown = "completeness-unknown",
    /// The run that is named is not the one that the policy's `candidate:` means.
    WrongCandidate = "wrong-candidate",
    /// A key of the policy's `candidate:` could not be compared with the run that is named.
    CommitNotChecked = "commit-not-checked",
    /// The commit that was asked for is a prefix of several.
    CommitAmbiguous = "commit-ambiguous",
    /// The candidate finished longer ago than the policy allows.
    CandidateStale = "candidate-stale",
    /// The runs of the candidate's commit cannot be judged as one.
    RerunsAmbiguous = "reruns-ambiguous",
    /// Several runs of the candidate's commit are judged as one.
    RerunsPooled = "reruns-pooled",
    /// A run of the candidate's commit is not judged.
    RerunsLeftOut = "reruns-left-out",
    /// All runs together meet a limit, and the newest alone does not.
    NewestRunWorse = "newest-run-worse",
    /// The command line leaves a run out.
    RunExcluded = "run-excluded",
    /// A run, or a dimension of it, has no scores.
    NoScores = "no-scores",
    /// No dimension has the name, or matches the pattern.
    UnknownDimension = "unknown-dimension",
    /// The dimension has no scores of the kind that the metric needs.
    MetricNotAvailable = "metric-not-available",
    /// Two dimensions of a run have the same name.
    AmbiguousDimension = "ambiguous-dimension",
    /// The counts of a dimension contradict each other.
    InconsistentCounts = "inconsistent-counts",
    /// A baseline was asked for, and none found.
    NoBaseline = "no-baseline",
    /// The baseline finished longer ago than the policy allows.
    BaselineStale = "baseline-stale",
    /// The baseline began after the candidate.
    BaselineNewer = "baseline-newer",
    /// A run that would have been the baseline was passed over.
    BaselineSkipped = "baseline-skipped",
    /// More runs than one match what was asked for.
    SeveralRunsMatch = "several-runs-match",
    /// Candidate and baseline are the same run, or were scored from the same outputs.
    SameRun = "same-run",
    /// The two runs have no row in common.
    NoCommonRows = "no-common-rows",
    /// Snapshots do not tell what was scored on the common rows.
    CommonRowsUnknown = "common-rows-unknown",
    /// A gate needs single rows, and they are not known.
    RowsUnknown = "rows-unknown",
    /// The rows of a run are not what its summary says.
    RowsDisagree = "rows-disagree",
    /// No row of a run is in a slice.
    EmptySlice = "empty-slice",
    /// A value that a gate names is that of no row.
    UnknownValue = "unknown-value",
    /// An input has more values than are judged one by one.
    TooManySlices = "too-many-slices",
    /// The mean of scores, or a score, lies outside the declared range.
    OutOfRange = "out-of-range",
    /// Rows that only the baseline has.
    RowsRemoved = "rows-removed",
    /// Rows that only the candidate has.
    RowsAdded = "rows-added",
    /// The runs are of different versions of the evaluation, or of different evaluations.
    EvaluationChanged = "evaluation-changed",
    /// The runs have different numbers of trials on the same rows.
    TrialsDiffer = "trials-differ",
    /// A dimension holds truth values and numbers, or texts among either.
    MixedTypes = "mixed-types",
    /// The summary does not say how many trials tokens or cost are known of.
    UsageMayBePartial = "usage-may-be-partial",
    /// A limit on an observed change is smaller than what its rows can show.
    LimitBelowNoise = "limit-below-noise",
    /// So few rows prove nothing, whatever they had said.
    CannotBeProven = "cannot-be-proven",
    /// The latencies of a run of `EvaluationLogger` are so short that they are the logger's own.
    LoggerLatency = "logger-latency",
    /// A scorer says the same of every row of both runs.
    ConstantScorer = "constant-scorer",
    /// A gate is excused.
    WaiverActive = "waiver-active",
    /// A gate's excuse is over.
    WaiverExpired = "waiver-expired",
    /// No gate of the policy can block.
    NothingCanBlock = "nothing-can-block",
    /// Every check was skipped.
    NothingJudged = "nothing-judged",
}
