//! Findings in words: what was found, and the next action.

mod advice;
mod choice;
mod missing;
mod policy;
mod rows;
mod runs;
mod scores;
mod setup;
mod told;

use crate::judge::{Cause, Finding};
use crate::prose::Prose;
use missing::{common_rows_unknown, no_baseline, rows_unknown};
use told::Told;

/// What was found, as a sentence: which gate and which baseline it is about, and the fact.
pub(crate) fn finding_text(finding: &Finding) -> Prose {
    let mut message = Prose::new();
    if let Some(name) = &finding.against {
        message = message.text("against ").name(name).text(": ");
    }
    if let Some(gate) = &finding.gate {
        message = message.text("the gate ").name(gate).text(": ");
    }
    message.then(cause_text(&finding.cause))
}

/// What was found.
pub(crate) fn cause_text(cause: &Cause) -> Prose {
    told(cause).fact
}

/// The next action; `None` if nothing is to be done.
pub(crate) fn cause_help(cause: &Cause) -> Option<Prose> {
    told(cause).help
}

/// What was found, and the next action on a new line.
pub(crate) fn finding_and_help(finding: &Finding) -> String {
    let text = finding_text(finding);
    match cause_help(&finding.cause) {
        Some(help) => format!("{text}\nhelp: {help}"),
        None => text.to_string(),
    }
}

fn told(cause: &Cause) -> Told {
    match cause {
        Cause::Run { role, run, what } => runs::about(*role, run, what),
        Cause::Scores {
            role,
            dimension,
            what,
        } => scores::about(*role, dimension, what),
        Cause::Slice(what) => scores::about_slice(what),
        Cause::Advice(what) => advice::advice(what),
        Cause::SeveralRunsMatch {
            role,
            matches,
            is_exact,
            selector,
        } => runs::several_match(*role, *matches, *is_exact, selector),
        Cause::RerunsPooled {
            role,
            commits,
            runs,
        } => runs::pooled(*role, *commits, runs),
        Cause::OlderRun { run, values } => runs::older(run, values),
        Cause::NewestRunWorse { runs, limit, value } => runs::newest_worse(*runs, *limit, *value),
        Cause::NoBaseline { why, skips, help } => no_baseline(why.as_ref(), *skips, help),
        Cause::SameRun { run } => rows::same_run(run),
        Cause::SameOutputs { run } => rows::same_outputs(run),
        Cause::NoCommonRows {
            keys_in_other_order,
        } => rows::no_common_rows(*keys_in_other_order),
        Cause::CommonRowsUnknown {
            added,
            removed,
            snapshots,
        } => common_rows_unknown(*added, *removed, snapshots),
        Cause::NoCommonScores => scores::none_common(),
        Cause::RowsUnknown {
            needs_inputs,
            snapshots,
        } => rows_unknown(*needs_inputs, snapshots),
        Cause::RowsDisagree { role, what } => rows::disagree(*role, what),
        Cause::RepeatedCalls => runs::repeated_calls(),
        Cause::RowsRemoved { rows, rule } => rows::removed(*rows, *rule),
        Cause::RowsAdded { rows } => rows::added(*rows),
        Cause::EvaluationChanged { names } => rows::evaluation_changed(names.as_ref()),
        Cause::EvaluationUnread { role, name } => setup::evaluation_unread(*role, name),
        Cause::Setup { change } => setup::change(change),
        Cause::ScorersUnknown => setup::scorers_unknown(),
        Cause::ScorerNeverScored { name } => setup::scorer_never_scored(name),
        Cause::DatasetChanged {
            name,
            before,
            rows,
            added,
            removed,
        } => setup::dataset_changed([before, name], *rows, *added, *removed),
        Cause::ServedModelsChanged { before, after, by } => {
            setup::served_models_changed(before, after, *by)
        }
        Cause::TrialsDiffer {
            rows,
            candidate,
            baseline,
        } => rows::trials_differ(*rows, *candidate, *baseline),
        Cause::TextAmongScores {
            dimension,
            candidate,
            baseline,
        } => scores::text_among_scores(dimension, *candidate, *baseline),
        Cause::MixedTypes { dimension } => scores::mixed_types(dimension),
        Cause::TypesDiffer { dimension } => scores::types_differ(dimension),
        Cause::UsageMayBePartial => scores::usage_may_be_partial(),
        Cause::PolicyLoosened {
            base,
            changes,
            sha256,
            is_accepted,
        } => policy::loosened(base, changes, sha256, *is_accepted),
        Cause::PolicyNew { base } => policy::new(base),
        Cause::NoiseExpired { expires } => policy::noise_expired(*expires),
        Cause::NoiseUnused { dimensions } => policy::noise_unused(dimensions),
        Cause::UnknownDimension { scorer, known } => scores::unknown_dimension(scorer, known),
        Cause::NoPredictCall { metric, role } => scores::no_predict_call(*metric, *role),
        Cause::NoUsage { metric, role } => scores::no_usage(*metric, *role),
        Cause::Waiver {
            until,
            reason,
            is_active,
        } => policy::waiver(*until, reason, *is_active),
        Cause::NothingCanBlock => policy::nothing_can_block(),
        Cause::NothingJudged => policy::nothing_judged(),
    }
}
