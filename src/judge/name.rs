//! The stable names of findings, and the effects of findings on the verdict.

/// The effect of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It leaves checks undecided.
    Undecided,
    /// The comparison may be less conclusive than it seems.
    Warning,
    /// Information only.
    Note,
    /// A suggestion to change the policy or the dataset.
    Hint,
}

/// Declares the names together with their words, so that no name lacks its word.
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

            /// The name as a word in every report.
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
    /// A run is still running, or its status is unknown.
    RunNotFinished = "run-not-finished",
    /// A run failed. Checks are undecided, or it is a warning if the policy accepts failed runs.
    RunFailed = "run-failed",
    /// Weave does not have all of a run, or the run never logged its summary.
    RunIncomplete = "run-incomplete",
    /// A run does not say how many calls it made, so it is unknown whether it is complete.
    CompletenessUnknown = "completeness-unknown",
    /// The named run is not the one that the policy's `candidate:` describes.
    WrongCandidate = "wrong-candidate",
    /// A key of the policy's `candidate:` could not be compared with the named run.
    CommitNotChecked = "commit-not-checked",
    /// The requested commit is a prefix of several commits.
    CommitAmbiguous = "commit-ambiguous",
    /// The candidate finished longer ago than the policy allows.
    CandidateStale = "candidate-stale",
    /// The runs of the candidate's commit cannot be judged as one.
    RerunsAmbiguous = "reruns-ambiguous",
    /// Several runs of the candidate's commit are judged as one.
    RerunsPooled = "reruns-pooled",
    /// A run of the candidate's commit is not judged.
    RerunsLeftOut = "reruns-left-out",
    /// All runs together meet a limit, but the newest run alone does not.
    NewestRunWorse = "newest-run-worse",
    /// A run is left out because of a command-line option.
    RunExcluded = "run-excluded",
    /// A run, or a dimension of it, has no scores.
    NoScores = "no-scores",
    /// No dimension has this name or matches this pattern.
    UnknownDimension = "unknown-dimension",
    /// The dimension has no scores of the kind that the metric needs.
    MetricNotAvailable = "metric-not-available",
    /// Two dimensions of a run have the same name.
    AmbiguousDimension = "ambiguous-dimension",
    /// The counts of a dimension contradict each other.
    InconsistentCounts = "inconsistent-counts",
    /// A baseline is needed, but none was found.
    NoBaseline = "no-baseline",
    /// The baseline finished longer ago than the policy allows.
    BaselineStale = "baseline-stale",
    /// The baseline began after the candidate.
    BaselineNewer = "baseline-newer",
    /// A run that would have been the baseline was not taken.
    BaselineSkipped = "baseline-skipped",
    /// Several runs match the selector.
    SeveralRunsMatch = "several-runs-match",
    /// Candidate and baseline are the same run, or were scored from the same outputs.
    SameRun = "same-run",
    /// The two runs have no row in common.
    NoCommonRows = "no-common-rows",
    /// The scores on the common rows are unknown, because snapshots do not contain them.
    CommonRowsUnknown = "common-rows-unknown",
    /// A gate needs single rows, and they are unknown.
    RowsUnknown = "rows-unknown",
    /// The rows of a run contradict its summary.
    RowsDisagree = "rows-disagree",
    /// No row of a run is in a slice.
    EmptySlice = "empty-slice",
    /// A gate names a value that no row has.
    UnknownValue = "unknown-value",
    /// Rows lack the input whose value makes clusters of rows.
    RowsWithoutCluster = "rows-without-cluster",
    /// An input has more values than can be judged one by one.
    TooManySlices = "too-many-slices",
    /// A score, or the mean of scores, lies outside the declared range.
    OutOfRange = "out-of-range",
    /// Some rows are only in the baseline.
    RowsRemoved = "rows-removed",
    /// Some rows are only in the candidate.
    RowsAdded = "rows-added",
    /// The runs are of different versions of the evaluation, or of different evaluations.
    EvaluationChanged = "evaluation-changed",
    /// A scorer is not the same in both runs.
    ScorerChanged = "scorer-changed",
    /// A scorer is only in the candidate's evaluation.
    ScorerAdded = "scorer-added",
    /// A scorer is only in the baseline's evaluation.
    ScorerRemoved = "scorer-removed",
    /// A run logs no scorers, so a changed scorer is not noticed.
    ScorersUnknown = "scorers-unknown",
    /// A scorer of the candidate's evaluation scored no row.
    ScorerNeverScored = "scorer-never-scored",
    /// The datasets of the runs have different rows.
    DatasetChanged = "dataset-changed",
    /// Other models were served in the candidate than in the baseline.
    ServedModelsChanged = "served-models-changed",
    /// The runs have different numbers of trials on the same rows.
    TrialsDiffer = "trials-differ",
    /// A dimension has both booleans and numbers, or text among them.
    MixedTypes = "mixed-types",
    /// The summary does not say for how many trials tokens or cost are known.
    UsageMayBePartial = "usage-may-be-partial",
    /// The policy is looser than its base.
    PolicyLoosened = "policy-loosened",
    /// The policy has no base: it is new.
    PolicyNew = "policy-new",
    /// The noise between runs that the policy declares is old.
    NoiseExpired = "noise-expired",
    /// The policy declares the noise of dimensions that the candidate does not have.
    NoiseUnused = "noise-unused",
    /// A limit on an observed change is smaller than the smallest change that its rows can detect.
    LimitBelowNoise = "limit-below-noise",
    /// This number of rows cannot prove the limit, whatever their scores are.
    CannotBeProven = "cannot-be-proven",
    /// Confidence intervals count a small number of clusters of rows.
    FewClusters = "few-clusters",
    /// The latencies of a run of `EvaluationLogger` are so short that they are those of the logger itself.
    LoggerLatency = "logger-latency",
    /// A scorer gives the same score to every row of both runs.
    ConstantScorer = "constant-scorer",
    /// A gate is waived.
    WaiverActive = "waiver-active",
    /// A gate's waiver has expired.
    WaiverExpired = "waiver-expired",
    /// No gate of the policy can block.
    NothingCanBlock = "nothing-can-block",
    /// Every check was skipped.
    NothingJudged = "nothing-judged",
}
