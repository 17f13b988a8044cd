//! Checks whether the runs can be judged and compared at all.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::evidence::{
    Baseline, Dimension, Evidence, Fact, MissingBaseline, Pair, Role, Run, RunStatus,
};
use crate::judge::cause::{BaselineHelp, Cause, RunCause, Skips, UntilThen};
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::judge::selection;
use crate::judge::setup;
use crate::judge::terms::Terms;
use crate::policy::{Completeness, RemovedRows, Required};

/// Problems of the runs that prevent checks from being judged.
pub(super) struct Preconditions {
    /// The reason why no check can be judged; `None` if checks can be judged.
    pub(super) candidate: Option<Cause>,
    /// The reason why no check on a change can be judged.
    pub(super) change: Option<Cause>,
    /// Whether the checks on changes are skipped.
    pub(super) skips_changes: bool,
    /// What cannot be judged because the runs were not measured in the same way.
    pub(super) setup: setup::Blocked,
    /// The scorers of the candidate's evaluation that scored no row, by name: gates that cover them cannot be judged.
    pub(super) never_scored: BTreeMap<String, Cause>,
}

impl Preconditions {
    /// Records that a run's rows contradict its summary. Such a summary is no evidence, even for gates that do not
    /// need rows.
    pub(super) fn contradict(&mut self, role: Role, blocker: &Cause, findings: &mut Vec<Finding>) {
        findings.push(undecided(blocker));
        if role == Role::Candidate {
            self.candidate.get_or_insert_with(|| blocker.clone());
        }
        self.change.get_or_insert_with(|| blocker.clone());
    }
}

/// Checks the runs and records the findings.
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
    let against: Vec<Cause> = unfit(terms, &evidence.candidate, Role::Candidate)
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
        setup: setup::Blocked::default(),
        never_scored: setup::never_scored(&evidence.candidate),
    };
    match &evidence.baseline {
        Baseline::Found(baseline, pair) => {
            findings.extend(chosen(evidence, Role::Baseline));
            let mut against: Vec<Cause> = incomparable(terms, evidence, baseline, pair)
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
            if terms.compares {
                let blocked = setup::check(terms, &evidence.candidate, baseline, pair, findings);
                preconditions.change = preconditions.change.or(blocked.change.clone());
                preconditions
                    .never_scored
                    .extend(blocked.never_scored.clone());
                preconditions.setup = blocked;
            }
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
        Baseline::Unnamed | Baseline::NotFound(_) if terms.compares => {
            let skips = match terms.required {
                Required::Never => Skips::NotRequired,
                Required::AfterFirst if evidence.selection.is_first => Skips::UntilFirst,
                Required::Always | Required::AfterFirst => Skips::No,
            };
            let found = no_baseline(evidence, skips, until_then(terms, skips));
            preconditions.skips_changes = skips != Skips::No;
            if preconditions.skips_changes {
                findings.push(Finding::new(Effect::Warning, found));
            } else {
                findings.push(undecided(&found));
                preconditions.change = preconditions.change.or(Some(found));
            }
        }
        Baseline::Unnamed | Baseline::NotFound(_) => {}
    }
    mixed_types(evidence, findings);
    preconditions
}

/// The cause if the scores on the common rows are unknown, so that a change cannot be measured.
pub(super) fn common_rows_unknown(evidence: &Evidence) -> Cause {
    let Baseline::Found(_, pair) = &evidence.baseline else {
        return no_baseline(evidence, Skips::No, UntilThen::Nothing);
    };
    if pair.common == 0 {
        return no_common_rows(evidence);
    }
    Cause::CommonRowsUnknown {
        added: pair.added,
        removed: pair.removed,
        snapshots: evidence.selection.without_rows.clone(),
    }
}

pub(super) fn no_common_rows(evidence: &Evidence) -> Cause {
    let mut facts = evidence.selection.facts.iter();
    Cause::NoCommonRows {
        keys_in_other_order: facts.any(|(_, fact)| *fact == Fact::KeysInOtherOrder),
    }
}

fn undecided(cause: &Cause) -> Finding {
    Finding::new(Effect::Undecided, cause.clone())
}

/// The reason why a run cannot be judged at all; `None` if it can.
fn unfit(terms: &Terms, run: &Run, role: Role) -> Option<Cause> {
    let about = |what| Some(Cause::of_run(role, run, what));
    match &run.status {
        Some(RunStatus::Completed) => {}
        Some(RunStatus::Failed) if terms.accept_failed => {}
        Some(RunStatus::Failed) => {
            return about(RunCause::Failed {
                is_judged: false,
                exception: run.exception.clone(),
            });
        }
        Some(RunStatus::Running | RunStatus::Other(_)) | None => {
            let status = run.status.clone();
            return about(RunCause::NotFinished { status });
        }
    }
    if run.totals.trials == 0 {
        return about(RunCause::WithoutRows);
    }
    if terms.completeness == Completeness::Warn {
        return None;
    }
    selection::incomplete(run, role)
}

/// A finding that the run is the newest of several matching runs, unless they are all listed as runs of its commit.
fn chosen(evidence: &Evidence, role: Role) -> Option<Finding> {
    let run = match (&evidence.baseline, role) {
        (_, Role::Candidate) => &evidence.candidate,
        (Baseline::Found(run, _), Role::Baseline) => run,
        (Baseline::Unnamed | Baseline::NotFound(_), Role::Baseline) => return None,
    };
    let choice = run.choice.as_ref()?;
    let listed = evidence.selection.runs.iter();
    let listed = listed.filter(|run| run.role == role).count() as u64;
    (choice.matches > listed.max(1)).then(|| {
        let cause = Cause::SeveralRunsMatch {
            role,
            matches: choice.matches,
            is_exact: choice.is_exact,
            selector: choice.selector.to_string(),
        };
        Finding::new(Effect::Note, cause)
    })
}

/// The cause if a run is too old. A run whose end time is unknown counts as too old.
fn stale(allowed: SignedDuration, run: &Run, role: Role, now: Timestamp) -> Option<Cause> {
    let finished = run.finished_at.or(run.started_at);
    let age = finished.map(|finished| now.duration_since(finished));
    let is_young = age.is_some_and(|age| age <= allowed);
    (!is_young).then(|| Cause::of_run(role, run, RunCause::Stale { age, allowed }))
}

fn no_baseline(evidence: &Evidence, skips: Skips, until_then: UntilThen) -> Cause {
    let why = match &evidence.baseline {
        Baseline::NotFound(why) => Some(why.clone()),
        Baseline::Unnamed | Baseline::Found(..) => None,
    };
    let help = match &evidence.selection.missing {
        None => BaselineHelp::Name,
        Some(MissingBaseline::Run) => BaselineHelp::CheckId,
        Some(MissingBaseline::Snapshot(path)) => BaselineHelp::TakeSnapshot { path: path.clone() },
        Some(MissingBaseline::Selected {
            selector,
            has_match: true,
        }) => BaselineHelp::List {
            selector: selector.to_string(),
        },
        Some(MissingBaseline::Selected {
            selector,
            has_match: false,
        }) => BaselineHelp::Evaluate {
            branch: selector.branch.clone(),
            attribute: evidence.selection.identity.branch.clone(),
            until_then,
        },
    };
    Cause::NoBaseline { why, skips, help }
}

/// What the policy can do until there is a baseline.
fn until_then(terms: &Terms, skips: Skips) -> UntilThen {
    match terms.required {
        _ if terms.is_further || skips != Skips::No => UntilThen::Nothing,
        Required::Always => UntilThen::AfterFirst,
        Required::AfterFirst => UntilThen::NotRequired,
        Required::Never => UntilThen::Nothing,
    }
}

/// The reason why a candidate cannot be compared with a baseline; `None` if it can.
fn incomparable(terms: &Terms, evidence: &Evidence, baseline: &Run, pair: &Pair) -> Option<Cause> {
    if evidence.candidate.id == baseline.id {
        let run = baseline.id.clone();
        return Some(Cause::SameRun { run });
    }
    if selection::shares_outputs(evidence, baseline) {
        let run = baseline.id.clone();
        return Some(Cause::SameOutputs { run });
    }
    if let Some(blocker) = unfit(terms, baseline, Role::Baseline) {
        return Some(blocker);
    }
    let needs_theirs = terms.removed_rows == RemovedRows::Ignore;
    if pair.common == 0 || pair.candidate.is_none() || (needs_theirs && pair.baseline.is_none()) {
        return Some(common_rows_unknown(evidence));
    }
    None
}

/// The findings about differences between two compared runs.
fn differences(
    terms: &Terms,
    candidate: &Run,
    baseline: &Run,
    pair: &Pair,
    has_several_runs: bool,
    findings: &mut Vec<Finding>,
) {
    let mut add = |effect, cause| findings.push(Finding::new(effect, cause));
    if pair.removed > 0 {
        let cause = Cause::RowsRemoved {
            rows: pair.removed,
            rule: terms.removed_rows,
        };
        add(Effect::Warning, cause);
    }
    if pair.added > 0 {
        add(Effect::Note, Cause::RowsAdded { rows: pair.added });
    }
    if let Some(cause) = setup::other_evaluation(candidate, baseline) {
        add(Effect::Warning, cause);
    }
    // If one side has several pooled runs, it has more trials in any case, so the difference says nothing.
    if let (Some(ours), Some(theirs)) = (&pair.candidate, &pair.baseline)
        && ours.trials != theirs.trials
        && !has_several_runs
    {
        let cause = Cause::TrialsDiffer {
            rows: pair.common,
            candidate: ours.trials,
            baseline: theirs.trials,
        };
        add(Effect::Warning, cause);
    }
}

fn mixed_types(evidence: &Evidence, findings: &mut Vec<Finding>) {
    let theirs = match &evidence.baseline {
        Baseline::Found(run, _) => Some(&run.totals),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let mut add = |cause| findings.push(Finding::new(Effect::Warning, cause));
    for (name, ours) in &evidence.candidate.totals.dimensions {
        let dimension = name.clone();
        let other = theirs.and_then(|theirs| theirs.dimensions.get(name));
        let texts = (ours.texts(), other.map_or(0, Dimension::texts));
        let has_scores =
            ours.covered(false) > 0 || other.is_some_and(|other| other.covered(false) > 0);
        if has_scores && texts != (0, 0) {
            add(Cause::TextAmongScores {
                dimension: dimension.clone(),
                candidate: texts.0,
                baseline: texts.1,
            });
        }
        let switched = other.is_some_and(|other| {
            (ours.judged > 0, ours.measured > 0) != (other.judged > 0, other.measured > 0)
        });
        if ours.is_mixed() || other.is_some_and(Dimension::is_mixed) {
            add(Cause::MixedTypes { dimension });
        } else if switched && ours.covered(false) > 0 {
            add(Cause::TypesDiffer { dimension });
        }
    }
}
