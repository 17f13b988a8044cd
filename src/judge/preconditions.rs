//! What the runs themselves allow: whether they can be judged and compared at all.

use jiff::{SignedDuration, Timestamp};

use crate::evidence::{Baseline, Dimension, Evidence, Fact, Pair, Role, Run, RunStatus};
use crate::judge::finding::{Blocker, Effect, Finding, Name};
use crate::judge::selection;
use crate::judge::terms::Terms;
use crate::number::plural;
use crate::policy::{Completeness, RemovedRows, Required};
use crate::prose::Prose;

/// What the runs themselves allow.
pub(super) struct Preconditions {
    /// What keeps every check from being judged.
    pub(super) candidate: Option<Blocker>,
    /// What keeps the checks on changes from being judged.
    pub(super) change: Option<Blocker>,
    /// Whether these are skipped.
    pub(super) skips_changes: bool,
}

impl Preconditions {
    /// A summary that its own rows contradict is no evidence, also for gates that do without rows.
    pub(super) fn contradict(
        &mut self,
        role: Role,
        blocker: &Blocker,
        findings: &mut Vec<Finding>,
    ) {
        findings.push(undecided(blocker));
        if role == Role::Candidate {
            self.candidate.get_or_insert_with(|| blocker.clone());
        }
        self.change.get_or_insert_with(|| blocker.clone());
    }
}

/// Looks at the runs, and keeps what it finds.
pub(super) fn preconditions(
    terms: &Terms,
    evidence: &Evidence,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> Preconditions {
    findings.extend(chosen(evidence, Role::Candidate));
    let stale_candidate = terms
        .candidate_max_age
        .and_then(|most| stale(most, &evidence.candidate, Role::Candidate, now));
    let against: Vec<Blocker> = unfit(terms, &evidence.candidate, "candidate")
        .into_iter()
        .chain(selection::against(evidence, Role::Candidate))
        .chain(stale_candidate)
        .collect();
    findings.extend(against.iter().map(undecided));
    findings.extend(selection::notes(terms, evidence, Role::Candidate));
    let candidate = against.into_iter().next();
    let mut preconditions = Preconditions {
        change: candidate.clone(),
        candidate,
        skips_changes: false,
    };
    match &evidence.baseline {
        Baseline::Found(baseline, pair) => {
            findings.extend(chosen(evidence, Role::Baseline));
            let mut against: Vec<Blocker> = incomparable(terms, evidence, baseline, pair)
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
            preconditions.change = preconditions.change.or(against.into_iter().next());
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
            preconditions.skips_changes = how_long.is_some();
            if let Some(how_long) = how_long {
                let skipped = format!("; the change limits are skipped{how_long}");
                findings.push(Finding {
                    name: found.name,
                    effect: Effect::Warning,
                    message: found.message.text(skipped),
                });
            } else {
                findings.push(undecided(&found));
                preconditions.change = preconditions.change.or(Some(found));
            }
        }
        _ => {}
    }
    mixed_types(evidence, findings);
    preconditions
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

/// A change cannot be measured where what was scored on the common rows is not known.
pub(super) fn common_rows_unknown(evidence: &Evidence) -> Blocker {
    let baseline = &evidence.baseline;
    let Baseline::Found(_, pair) = baseline else {
        return no_baseline(baseline);
    };
    if pair.common == 0 {
        return no_common_rows(evidence);
    }
    Blocker {
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
pub(super) fn repeated_calls() -> Blocker {
    Blocker {
        name: Name::InconsistentCounts,
        message: Prose::from(
            "calls of the candidate are stored twice until Weave merges them, so the number of its trials is unknown; \
             try again later",
        ),
    }
}

pub(super) fn no_common_rows(evidence: &Evidence) -> Blocker {
    let mut facts = evidence.selection.facts.iter();
    let message = if facts.any(|(_, fact)| *fact == Fact::KeysInOtherOrder) {
        "candidate and baseline have no row in common, although their inputs are equal but for the order of the keys, \
         which this server takes for other rows; log the keys in one order, and the baseline again"
    } else {
        "candidate and baseline have no row in common; an edited row counts as another one"
    };
    Blocker {
        name: Name::NoCommonRows,
        message: Prose::from(message),
    }
}

fn undecided(blocker: &Blocker) -> Finding {
    Finding {
        name: blocker.name,
        effect: Effect::Undecided,
        message: blocker.message.clone(),
    }
}

/// Why a run cannot be judged at all.
fn unfit(terms: &Terms, run: &Run, role: &str) -> Option<Blocker> {
    let about = |name, what: Prose| {
        Some(Blocker {
            name,
            message: Prose::from(format!("the {role} "))
                .name(&run.id)
                .text(" ")
                .then(what),
        })
    };
    match &run.status {
        Some(RunStatus::Completed) => {}
        Some(RunStatus::Failed) if terms.accept_failed => {}
        Some(RunStatus::Failed) => {
            return about(
                Name::RunFailed,
                Prose::from("failed; to judge it anyway, set `accept_status: [completed, failed]`"),
            );
        }
        Some(RunStatus::Running) => {
            return about(Name::RunNotFinished, Prose::from("is still running"));
        }
        Some(RunStatus::Other(other)) => {
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
fn stale(most: SignedDuration, run: &Run, role: Role, now: Timestamp) -> Option<Blocker> {
    let finished = run.finished_at.or(run.started_at);
    let age = finished.map(|finished| now.duration_since(finished));
    let what = match age {
        Some(age) if age <= most => return None,
        Some(age) => format!(" finished {} ago, and {} is allowed", days(age), days(most)),
        None => " does not say when it finished, so its age is not known".to_owned(),
    };
    Some(Blocker {
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

fn no_baseline(baseline: &Baseline) -> Blocker {
    let message = match baseline {
        Baseline::NotFound(reason) => Prose::from("there is no baseline: ").then(reason.clone()),
        Baseline::Unnamed | Baseline::Found(..) => Prose::from("no baseline is named"),
    };
    Blocker {
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
) -> Option<Blocker> {
    if evidence.candidate.id == baseline.id {
        return Some(Blocker {
            name: Name::SameRun,
            message: Prose::from("candidate and baseline are the same run, ").name(&baseline.id),
        });
    }
    if selection::shares_outputs(evidence, baseline) {
        return Some(selection::same_outputs(&baseline.id));
    }
    if let Some(blocker) = unfit(terms, baseline, "baseline") {
        return Some(blocker);
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
