//! What stands between the evidence and a judgement, each with a name, never silent.

use jiff::{SignedDuration, Timestamp};

use super::Check;
use super::selection;
use crate::evidence::{Baseline, Dimension, Evidence, Fact, Pair, Role, Run};
use crate::number::plural;
use crate::policy::{Completeness, Policy, RemovedRows, Required, Reruns};
use crate::prose::Prose;

/// Something to be known about the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its stable name.
    pub name: Name,
    /// What it does to the verdict.
    pub effect: Effect,
    /// What was found, in words.
    pub message: Prose,
}

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

impl Finding {
    /// The same, of the comparison with the further baseline of this name.
    pub(super) fn beside(self, name: &str) -> Self {
        Self {
            message: Prose::from("against ")
                .name(name)
                .text(": ")
                .then(self.message),
            ..self
        }
    }
}

/// Why a check cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) name: Name,
    pub(super) message: Prose,
}

/// What the runs themselves allow.
pub(super) struct Ground {
    /// What keeps every check from being judged.
    pub(super) candidate: Option<Obstacle>,
    /// What keeps the checks on changes from being judged.
    pub(super) change: Option<Obstacle>,
    /// Whether these are skipped.
    pub(super) skips_changes: bool,
}

impl Ground {
    /// A summary that its own rows contradict is no evidence, also for gates that do without rows.
    pub(super) fn contradict(
        &mut self,
        role: Role,
        obstacle: &Obstacle,
        findings: &mut Vec<Finding>,
    ) {
        findings.push(undecided(obstacle));
        if role == Role::Candidate {
            self.candidate.get_or_insert_with(|| obstacle.clone());
        }
        self.change.get_or_insert_with(|| obstacle.clone());
    }
}

/// What of a policy bears on whether runs can be compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Whether anything is compared.
    pub(super) compares: bool,
    /// Whether a failed run is judged.
    pub(super) accept_failed: bool,
    /// Whether a missing baseline leaves changes undecided, or skips them.
    pub(super) required: Required,
    /// What a run means of which calls are missing.
    pub(super) completeness: Completeness,
    /// What several runs of the candidate's commit mean.
    pub(super) reruns: Reruns,
    /// How long ago the candidate may have finished.
    pub(super) candidate_max_age: Option<SignedDuration>,
    /// What a row means that the candidate lacks.
    pub(super) removed_rows: RemovedRows,
    /// How long ago a baseline may have finished.
    pub(super) max_age: Option<SignedDuration>,
}

impl Terms {
    /// Those of the comparison with `baseline`, or with the further baseline of this name.
    pub(super) fn of(policy: &Policy, against: Option<&str>) -> Self {
        let further = against.and_then(|name| policy.baselines.get(name));
        Self {
            compares: policy.compares(against),
            accept_failed: policy.accept_failed,
            required: match against {
                None => policy.baseline.required,
                Some(_) => Required::Always,
            },
            completeness: policy.completeness,
            reruns: policy.candidate.reruns,
            candidate_max_age: policy.candidate.max_age,
            removed_rows: policy.baseline.removed_rows,
            max_age: match against {
                None => policy.baseline.max_age,
                Some(_) => further.and_then(|further| further.max_age),
            },
        }
    }
}

/// Looks at the runs, and keeps what it finds.
pub(super) fn ground(
    terms: &Terms,
    evidence: &Evidence,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> Ground {
    findings.extend(chosen(evidence, Role::Candidate));
    let stale_candidate = terms
        .candidate_max_age
        .and_then(|most| stale(most, &evidence.candidate, Role::Candidate, now));
    let against: Vec<Obstacle> = unfit(terms, &evidence.candidate, "candidate")
        .into_iter()
        .chain(selection::against(evidence, Role::Candidate))
        .chain(stale_candidate)
        .collect();
    findings.extend(against.iter().map(undecided));
    findings.extend(selection::notes(terms, evidence, Role::Candidate));
    let candidate = against.into_iter().next();
    let mut ground = Ground {
        change: candidate.clone(),
        candidate,
        skips_changes: false,
    };
    match &evidence.baseline {
        Baseline::Found(baseline, pair) => {
            findings.extend(chosen(evidence, Role::Baseline));
            let mut against: Vec<Obstacle> = incomparable(terms, evidence, baseline, pair)
                .into_iter()
                .chain(selection::against(evidence, Role::Baseline))
                .collect();
            if against.is_empty() {
                let most = terms.max_age;
                against.extend(most.and_then(|most| stale(most, baseline, Role::Baseline, now)));
            }
            if terms.compares {
                findings.extend(against.iter().map(undecided));
                findings.extend(selection::notes(terms, evidence, Role::Baseline));
            }
            ground.change = ground.change.or(against.into_iter().next());
            let has_several = selection::has_several_runs(evidence);
            differences(
                terms,
                &evidence.candidate,
                baseline,
                pair,
                has_several,
                findings,
            );
        }
        missing if terms.compares => {
            let found = no_baseline(missing);
            let is_first = evidence.selection.is_first;
            let how_long = match terms.required {
                Required::Never => Some(""),
                Required::AfterFirst if is_first => {
                    Some(", for at most 14 days after the first run of the evaluation")
                }
                Required::Always | Required::AfterFirst => None,
            };
            ground.skips_changes = how_long.is_some();
            if let Some(how_long) = how_long {
                let skipped = format!("; the change limits are skipped{how_long}");
                findings.push(Finding {
                    name: found.name,
                    effect: Effect::Warning,
                    message: found.message.text(skipped),
                });
            } else {
                findings.push(undecided(&found));
                ground.change = ground.change.or(Some(found));
            }
        }
        _ => {}
    }
    mixed_types(evidence, findings);
    ground
}

/// What the tokens and the cost of a summary are worth.
pub(super) fn usage_may_be_partial() -> Finding {
    Finding {
        name: Name::UsageMayBePartial,
        effect: Effect::Warning,
        message: Prose::from(
            "Weave adds up the tokens and the cost of the trials that report them, and does not say how many do: \
             a trial without a price counts as nothing",
        ),
    }
}

/// Looks at the checks as a whole.
pub(super) fn whole(checks: &[Check], can_block: bool, findings: &mut Vec<Finding>) {
    if !can_block {
        findings.push(Finding {
            name: Name::NothingCanBlock,
            effect: Effect::Warning,
            message: Prose::from(
                "no gate of this policy can block: each only warns, or is excused",
            ),
        });
    }
    if super::nothing_judged(checks) {
        findings.push(Finding {
            name: Name::NothingJudged,
            effect: Effect::Undecided,
            message: Prose::from(
                "every check that could have blocked was skipped, so nothing was judged",
            ),
        });
    }
}

/// A change cannot be measured where what was scored on the common rows is not known.
pub(super) fn common_rows_unknown(evidence: &Evidence) -> Obstacle {
    let baseline = &evidence.baseline;
    let Baseline::Found(_, pair) = baseline else {
        return no_baseline(baseline);
    };
    if pair.common == 0 {
        return no_common_rows(evidence);
    }
    Obstacle {
        name: Name::CommonRowsUnknown,
        message: Prose::from(format!(
            "{} of the candidate and {} of the baseline have no partner, and a snapshot does not tell \
             what was scored on the others; compare the runs in Weave itself, by their ids",
            plural(pair.added, "row"),
            plural(pair.removed, "row"),
        )),
    }
}

/// A summary counts a trial twice that is stored twice.
pub(super) fn repeated_calls() -> Obstacle {
    Obstacle {
        name: Name::InconsistentCounts,
        message: Prose::from(
            "calls of the candidate are stored twice until Weave merges them, so the number of its trials is unknown; \
             try again later",
        ),
    }
}

pub(super) fn no_common_rows(evidence: &Evidence) -> Obstacle {
    let mut facts = evidence.selection.facts.iter();
    let message = if facts.any(|(_, fact)| *fact == Fact::KeysInOtherOrder) {
        "candidate and baseline have no row in common, although their inputs are equal but for the order of the keys, \
         which this server takes for other rows; log the keys in one order, and the baseline again"
    } else {
        "candidate and baseline have no row in common; an edited row counts as another one"
    };
    Obstacle {
        name: Name::NoCommonRows,
        message: Prose::from(message),
    }
}

fn undecided(obstacle: &Obstacle) -> Finding {
    Finding {
        name: obstacle.name,
        effect: Effect::Undecided,
        message: obstacle.message.clone(),
    }
}

/// Why a run cannot be judged at all.
fn unfit(terms: &Terms, run: &Run, role: &str) -> Option<Obstacle> {
    let about = |name, what: Prose| {
        Some(Obstacle {
            name,
            message: Prose::from(format!("the {role} "))
                .name(&run.id)
                .text(" ")
                .then(what),
        })
    };
    match run.status.as_deref() {
        Some("completed") => {}
        Some("failed") if terms.accept_failed => {}
        Some("failed") => {
            return about(
                Name::RunFailed,
                Prose::from("failed; to judge it anyway, set `accept_status: [completed, failed]`"),
            );
        }
        Some("running") => return about(Name::RunNotFinished, Prose::from("is still running")),
        Some(other) => {
            let what = Prose::from("has the status ")
                .name(other)
                .text(", which is not one of a finished run");
            return about(Name::RunNotFinished, what);
        }
        None => return about(Name::RunNotFinished, Prose::from("has no status")),
    }
    if run.totals.trials == 0 {
        return about(Name::NoScores, Prose::from("has no rows"));
    }
    let incomplete = selection::incomplete(run)?;
    if terms.completeness == Completeness::Warn {
        return None;
    }
    about(Name::RunIncomplete, incomplete)
}

/// Says that a run is the newest of several, where these are not all listed as runs of its commit.
fn chosen(evidence: &Evidence, role: Role) -> Option<Finding> {
    let run = match (&evidence.baseline, role) {
        (_, Role::Candidate) => &evidence.candidate,
        (Baseline::Found(run, _), Role::Baseline) => run,
        (Baseline::Unnamed | Baseline::NotFound(_), Role::Baseline) => return None,
    };
    let choice = run.choice.as_ref()?;
    let listed = evidence.selection.runs.iter();
    let listed = listed.filter(|run| run.role == role).count() as u64;
    (choice.matches > listed.max(1)).then(|| Finding {
        name: Name::SeveralRunsMatch,
        effect: Effect::Note,
        message: Prose::from(format!(
            "{}{} runs match ",
            if choice.is_exact { "" } else { "at least " },
            choice.matches
        ))
        .name(choice.selector.to_string())
        .text(format!("; the newest is the {}", role.word())),
    })
}

/// Why a run is too old. One that does not say when it finished cannot be told to be young.
fn stale(most: SignedDuration, run: &Run, role: Role, now: Timestamp) -> Option<Obstacle> {
    let finished = run.finished_at.or(run.started_at);
    let age = finished.map(|finished| now.duration_since(finished));
    let what = match age {
        Some(age) if age <= most => return None,
        Some(age) => format!(" finished {} ago, and {} is allowed", days(age), days(most)),
        None => " does not say when it finished, so its age is not known".to_owned(),
    };
    Some(Obstacle {
        name: match role {
            Role::Candidate => Name::CandidateStale,
            Role::Baseline => Name::BaselineStale,
        },
        message: Prose::from(format!("the {} ", role.word()))
            .name(&run.id)
            .text(what),
    })
}

/// A length of time in days and hours, or in hours and minutes where it is less than two days.
fn days(time: SignedDuration) -> String {
    let (hours, minutes) = (time.as_hours(), time.as_mins() % 60);
    match (hours / 24, hours % 24) {
        (0 | 1, _) if minutes == 0 => plural(hours.unsigned_abs(), "hour"),
        (0 | 1, _) => format!("{hours} h {minutes} min"),
        (days, 0) => plural(days.unsigned_abs(), "day"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

fn no_baseline(baseline: &Baseline) -> Obstacle {
    let message = match baseline {
        Baseline::NotFound(reason) => Prose::from("there is no baseline: ").then(reason.clone()),
        Baseline::Unnamed | Baseline::Found(..) => Prose::from("no baseline is named"),
    };
    Obstacle {
        name: Name::NoBaseline,
        message,
    }
}

/// Why a candidate cannot be compared with a baseline.
fn incomparable(
    terms: &Terms,
    evidence: &Evidence,
    baseline: &Run,
    pair: &Pair,
) -> Option<Obstacle> {
    if evidence.candidate.id == baseline.id {
        return Some(Obstacle {
            name: Name::SameRun,
            message: Prose::from("candidate and baseline are the same run, ").name(&baseline.id),
        });
    }
    if selection::shares_outputs(evidence, baseline) {
        return Some(selection::same_outputs(&baseline.id));
    }
    if let Some(obstacle) = unfit(terms, baseline, "baseline") {
        return Some(obstacle);
    }
    let needs_theirs = terms.removed_rows == RemovedRows::Ignore;
    if pair.common == 0 || pair.candidate.is_none() || (needs_theirs && pair.baseline.is_none()) {
        return Some(common_rows_unknown(evidence));
    }
    None
}

/// What differs between two runs that are compared.
fn differences(
    terms: &Terms,
    candidate: &Run,
    baseline: &Run,
    pair: &Pair,
    has_several_runs: bool,
    findings: &mut Vec<Finding>,
) {
    let mut add = |name, effect, message: Prose| {
        findings.push(Finding {
            name,
            effect,
            message,
        });
    };
    if pair.removed > 0 {
        let effect = match terms.removed_rows {
            RemovedRows::Missing => {
                "; they are missing scores, which each gate judges by its own rule"
            }
            RemovedRows::Ignore => "; only the common rows are compared",
        };
        add(
            Name::RowsRemoved,
            Effect::Warning,
            Prose::from(format!(
                "{} of the baseline {} not in the candidate{effect}",
                plural(pair.removed, "row"),
                are(pair.removed)
            )),
        );
    }
    if pair.added > 0 {
        add(
            Name::RowsAdded,
            Effect::Note,
            Prose::from(format!(
                "{} of the candidate {} not in the baseline; no change is measured on {}",
                plural(pair.added, "row"),
                are(pair.added),
                if pair.added == 1 { "it" } else { "them" }
            )),
        );
    }
    let evaluations = match (&candidate.evaluation, &baseline.evaluation) {
        (Some(ours), Some(theirs)) if ours == theirs => None,
        (Some(ours), Some(theirs)) if ours.name == theirs.name => Some(
            Prose::from("the runs are of different versions of the evaluation ").name(&ours.name),
        ),
        (Some(ours), Some(theirs)) => Some(
            Prose::from("the candidate is a run of the evaluation ")
                .name(&ours.name)
                .text(", the baseline one of ")
                .name(&theirs.name),
        ),
        _ => Some(Prose::from(
            "it is not known whether the runs are of the same evaluation",
        )),
    };
    if let Some(message) = evaluations {
        add(Name::EvaluationChanged, Effect::Warning, message);
    }
    // Several runs of one side have more trials, whatever each of them has.
    if let (Some(ours), Some(theirs)) = (&pair.candidate, &pair.baseline)
        && ours.trials != theirs.trials
        && !has_several_runs
    {
        add(
            Name::TrialsDiffer,
            Effect::Warning,
            Prose::from(format!(
                "on the same {} the candidate has {}, the baseline {}",
                plural(pair.common, "row"),
                plural(ours.trials, "trial"),
                theirs.trials
            )),
        );
    }
}

fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn mixed_types(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let theirs = match &evidence.baseline {
        Baseline::Found(run, _) => Some(&run.totals),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let mut add = |name: &str, message: String| {
        findings.push(Finding {
            name: Name::MixedTypes,
            effect: Effect::Warning,
            message: Prose::from("the dimension ").name(name).text(message),
        });
    };
    for (name, ours) in &evidence.candidate.totals.dimensions {
        let other = theirs.and_then(|theirs| theirs.dimensions.get(name));
        let switched = other.is_some_and(|other| {
            (ours.judged > 0, ours.measured > 0) != (other.judged > 0, other.measured > 0)
        });
        let both = [("candidate", Some(ours)), ("baseline", other)];
        let with_text: Vec<String> = both
            .iter()
            .filter_map(|(role, known)| Some((role, known.as_ref()?.texts())))
            .filter(|(_, texts)| *texts > 0)
            .map(|(role, texts)| format!("{} of the {role}", plural(texts, "trial")))
            .collect();
        let has_scores = both
            .iter()
            .any(|(_, known)| known.is_some_and(|known| known.covered(false) > 0));
        if has_scores && !with_text.is_empty() {
            let trials = with_text.join(" and ");
            add(
                name,
                format!(" holds a text on {trials}, which counts as a missing score"),
            );
        }
        if ours.is_mixed() || other.is_some_and(Dimension::is_mixed) {
            let message = " holds truth values on some trials and numbers on others; each metric sees only its own kind";
            add(name, message.to_owned());
        } else if switched && ours.covered(false) > 0 {
            let message =
                " holds scores of one kind in the candidate and of another in the baseline";
            add(name, message.to_owned());
        }
    }
}
