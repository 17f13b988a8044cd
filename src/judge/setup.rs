//! Whether both runs were measured in the same way: with the same scorers, dataset and served models.

use std::collections::BTreeMap;

use crate::evidence::{FieldChange, Pair, Role, Run, Setup, SetupChange, setup_changes};
use crate::judge::cause::{Cause, ServedTo};
use crate::judge::check::Check;
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::judge::reason::Reason;
use crate::judge::terms::Terms;
use crate::policy::{Consequence, is_of_scorer};

/// What cannot be judged because the runs were not measured in the same way.
#[derive(Default)]
pub(super) struct Blocked {
    /// Why no change can be judged.
    pub(super) change: Option<Cause>,
    /// The scorers that are not the same in both runs, by name: changes of their dimensions cannot be judged.
    pub(super) changed_scorers: BTreeMap<String, Cause>,
    /// The scorers that the candidate lacks, by name: gates that cover them cannot be judged.
    pub(super) removed_scorers: BTreeMap<String, Cause>,
}

/// Compares how the runs were measured, and records the findings.
pub(super) fn check(
    terms: &Terms,
    candidate: &Run,
    baseline: &Run,
    pair: &Pair,
    findings: &mut Vec<Finding>,
) -> Blocked {
    let mut blocked = Blocked::default();
    let (Some(ours), Some(theirs)) = (&candidate.setup, &baseline.setup) else {
        return blocked;
    };
    let consequences = terms.comparability;
    // `EvaluationLogger` logs no scorers, and each of its runs has a version of its evaluation that says nothing.
    if candidate.is_logged || baseline.is_logged {
        add(
            findings,
            at_most_note(consequences.scorer),
            &Cause::ScorersUnknown,
        );
    } else {
        match setup_changes(ours, theirs) {
            Ok(changes) => {
                for change in changes {
                    blocked.add(change, terms, candidate, pair, findings);
                }
            }
            Err(role) => {
                if let Some(cause) = unread(role, candidate, baseline)
                    && add(findings, consequences.scorer, &cause)
                {
                    blocked.change.get_or_insert(cause);
                }
            }
        }
    }
    if let Some(cause) = served(candidate, baseline, ours, theirs) {
        let consequence = match &cause {
            // The evaluated model is meant to change, and its calls are among those that tell the models.
            Cause::ServedModelsChanged {
                by: ServedTo::UnknownOfOtherModel,
                ..
            } => at_most_note(consequences.served_model),
            _ => consequences.served_model,
        };
        if add(findings, consequence, &cause) {
            blocked.change.get_or_insert(cause);
        }
    }
    blocked
}

/// Makes a difference between the setups a warning if it leaves no check undecided.
pub(super) fn soften(checks: &[Check], findings: &mut [Finding]) {
    for finding in findings {
        let cause = &finding.cause;
        let is_setup = matches!(
            cause,
            Cause::Setup { .. }
                | Cause::DatasetChanged { .. }
                | Cause::ServedModelsChanged { .. }
                | Cause::EvaluationUnread { .. }
        );
        let is_cause =
            |check: &Check| matches!(&check.reason, Reason::Blocked(other) if other == cause);
        if is_setup && finding.effect == Effect::Undecided && !checks.iter().any(is_cause) {
            finding.effect = Effect::Warning;
        }
    }
}

/// Records a finding, unless it is ignored. Returns whether it leaves changes undecided.
fn add(findings: &mut Vec<Finding>, consequence: Consequence, cause: &Cause) -> bool {
    if let Some(effect) = effect(consequence) {
        findings.push(Finding::new(effect, cause.clone()));
    }
    consequence == Consequence::Undecided
}

/// A note, unless the policy ignores it.
const fn at_most_note(consequence: Consequence) -> Consequence {
    match consequence {
        Consequence::Ignore => Consequence::Ignore,
        Consequence::Undecided | Consequence::Warn | Consequence::Note => Consequence::Note,
    }
}

impl Blocked {
    /// Adds a difference between the scorers or the datasets of the runs.
    fn add(
        &mut self,
        change: SetupChange,
        terms: &Terms,
        candidate: &Run,
        pair: &Pair,
        findings: &mut Vec<Finding>,
    ) {
        let consequences = terms.comparability;
        match &change {
            SetupChange::ScorerChanged { name, fields, .. } => {
                // The scores of a scorer that cannot be read may have any name.
                let is_any = fields.contains(&FieldChange::Unread);
                let (name, cause) = (name.clone(), Cause::Setup { change });
                if add(findings, consequences.scorer, &cause) {
                    if is_any {
                        self.change.get_or_insert_with(|| cause.clone());
                    }
                    self.changed_scorers.insert(name, cause);
                }
            }
            SetupChange::ScorerRemoved { name } => {
                let (name, cause) = (name.clone(), Cause::Setup { change });
                if add(findings, consequences.scorer, &cause) {
                    self.removed_scorers.insert(name, cause);
                }
            }
            SetupChange::ScorerAdded { .. } => {
                // It has no scores in the baseline, so it changes no comparison.
                let note = at_most_note(consequences.scorer);
                add(findings, note, &Cause::Setup { change });
            }
            SetupChange::DatasetChanged { name } => {
                let cause = Cause::DatasetChanged {
                    name: name.clone(),
                    rows: candidate.rows,
                    added: pair.added,
                    removed: pair.removed,
                };
                if add(findings, consequences.dataset, &cause) {
                    self.change.get_or_insert(cause);
                }
            }
        }
    }
}

/// The scorers of a run that scored no row, as far as its own summary tells.
pub(super) fn never_scored(run: &Run) -> BTreeMap<String, Cause> {
    let unscored = run.setup.iter().flat_map(|setup| &setup.unscored);
    let has_scores = |name: &String| {
        let mut dimensions = run.totals.dimensions.keys();
        dimensions.any(|dimension| is_of_scorer(dimension, name))
    };
    let never = unscored.filter(|name| !has_scores(name));
    let cause = |name: &String| {
        (
            name.clone(),
            Cause::ScorerNeverScored { name: name.clone() },
        )
    };
    never.map(cause).collect()
}

/// The cause if the runs are of evaluations with different names, or if it is unknown what differs between two versions
/// of one evaluation.
pub(super) fn other_evaluation(candidate: &Run, baseline: &Run) -> Option<Cause> {
    let (Some(ours), Some(theirs)) = (&candidate.evaluation, &baseline.evaluation) else {
        return Some(Cause::EvaluationChanged { names: None });
    };
    let is_known = candidate.setup.is_some() && baseline.setup.is_some();
    let is_other = if is_known {
        ours.name != theirs.name
    } else {
        ours != theirs
    };
    is_other.then(|| Cause::EvaluationChanged {
        names: Some((ours.name.clone(), theirs.name.clone())),
    })
}

/// The cause if the evaluation of one run cannot be read. A run without an evaluation has none to read.
fn unread(role: Role, candidate: &Run, baseline: &Run) -> Option<Cause> {
    let run = match role {
        Role::Candidate => candidate,
        Role::Baseline => baseline,
    };
    let evaluation = run.evaluation.as_ref()?;
    Some(Cause::EvaluationUnread {
        role,
        name: evaluation.name.clone(),
    })
}

/// The cause if both runs say which models were served, and these differ. If the evaluated model is meant to change, only
/// the models that scorers called count, as far as they are known.
fn served(candidate: &Run, baseline: &Run, ours: &Setup, theirs: &Setup) -> Option<Cause> {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        names
    };
    let of = |before: &[String], after: &[String], by| {
        let (before, after) = (sorted(before), sorted(after));
        (before != after).then_some(Cause::ServedModelsChanged { before, after, by })
    };
    if ours.served_models.is_empty() || theirs.served_models.is_empty() {
        return None;
    }
    let is_other_model = candidate.model != baseline.model;
    let all = |by| of(&theirs.served_models, &ours.served_models, by);
    match (&theirs.scorer_models, &ours.scorer_models) {
        (Some(before), Some(after)) => {
            let of_scorers = of(before, after, ServedTo::Scorers);
            of_scorers.or_else(|| all(ServedTo::Model).filter(|_| !is_other_model))
        }
        _ if is_other_model => all(ServedTo::UnknownOfOtherModel),
        _ => all(ServedTo::Unknown),
    }
}

const fn effect(consequence: Consequence) -> Option<Effect> {
    match consequence {
        Consequence::Undecided => Some(Effect::Undecided),
        Consequence::Warn => Some(Effect::Warning),
        Consequence::Note => Some(Effect::Note),
        Consequence::Ignore => None,
    }
}
