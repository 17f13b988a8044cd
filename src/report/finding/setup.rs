//! Facts about how two runs were measured.

use super::told::{MOST_NAMES, Told};
use crate::evidence::{FieldChange, Role, SameScores, SetupChange};
use crate::judge::ServedTo;
use crate::number::plural;
use crate::prose::Prose;

/// The next action if a scorer is not the same in both runs.
const SCORER_HELP: &str = "evaluate the baseline's branch with the new scorer, logged as that branch; or accept the change with `comparability: {scorer: warn}` in a policy that the change cannot edit";
/// The maximum number of fields that are named.
const MOST_FIELDS: usize = 5;

pub(super) fn evaluation_unread(role: Role, name: &str) -> Told {
    let fact = Prose::from(format!("the evaluation of the {}, ", role.word()))
        .name(name)
        .text(", cannot be read, so whether both runs were measured in the same way is unknown");
    let fact = fact.text("; it was deleted, is too large, or is in another project");
    Told::from(fact).help(
        "evaluate again, or judge changes anyway with `comparability: {scorer: warn}` in a policy that the change cannot edit",
    )
}

pub(super) fn change(change: &SetupChange) -> Told {
    match change {
        SetupChange::ScorerChanged { name, fields, same } => {
            let mut fact = Prose::from("the scorer ")
                .name(name)
                .text(" is not the same in both runs: ");
            fact = fact.then(field_changes(fields));
            if let Some(SameScores { outputs, same }) = same.filter(|same| same.outputs > 0) {
                let outputs = plural(outputs, "identical output");
                fact = fact.text(format!("; same score on {same} of {outputs}"));
            }
            Told::from(fact).help(SCORER_HELP)
        }
        SetupChange::ScorerAdded { name } => Told::from(
            Prose::from("the scorer ")
                .name(name)
                .text(" is new: the baseline was not scored by it"),
        ),
        SetupChange::ScorerRemoved { name } => Told::from(
            Prose::from("the scorer ")
                .name(name)
                .text(" of the baseline is not in the evaluation of the candidate"),
        )
        .help(
            "evaluate with this scorer; or take it out of every gate that names or matches it, and accept the change with `comparability: {scorer: warn}` in a policy that the change cannot edit",
        ),
        SetupChange::DatasetChanged { name, before } => dataset_changed([before, name], 0, 0, 0),
        SetupChange::EvaluationChanged { name, fields } => Told::from(
            Prose::from("the runs are of different versions of the evaluation ")
                .name(name)
                .text(": ")
                .then(field_changes(fields)),
        )
        .help("evaluate the baseline's branch with this version, logged as that branch"),
    }
}

pub(super) fn scorers_unknown() -> Told {
    Told::from(Prose::from(
        "runs of `EvaluationLogger` log no scorers, so a changed scorer is not noticed",
    ))
}

pub(super) fn scorer_never_scored(name: &str) -> Told {
    let fact = Prose::from("the scorer ")
        .name(name)
        .text(" of the candidate's evaluation scored no row");
    let help = "find out why the scorer returns nothing, and evaluate again; or name only other scorers in the gate";
    Told::from(fact).help(help)
}

fn field_changes(fields: &[FieldChange]) -> Prose {
    let mut all = Prose::new();
    for (place, field) in fields.iter().take(MOST_FIELDS).enumerate() {
        let comma = if place > 0 { "; " } else { "" };
        all = all.text(comma).then(field_change(field));
    }
    match fields.len().saturating_sub(MOST_FIELDS) {
        0 => all,
        more => all.text(format!("; {}", plural(more as u64, "more field"))),
    }
}

fn field_change(change: &FieldChange) -> Prose {
    match change {
        FieldChange::Value {
            field,
            before,
            after,
        } => Prose::new()
            .name(field)
            .text(" ")
            .name(before)
            .text(" → ")
            .name(after),
        FieldChange::Lines { field, lines } => {
            let differ = if *lines == 1 { "differs" } else { "differ" };
            Prose::from(format!("{} of ", plural(*lines, "line")))
                .name(field)
                .text(format!(" {differ}"))
        }
        FieldChange::Version { field } => Prose::new()
            .name(field)
            .text(" refers to another version of an object"),
        FieldChange::Code => Prose::from("its code differs"),
        FieldChange::CodeOf { field } => Prose::from("the code of ").name(field).text(" differs"),
        FieldChange::Unread => Prose::from("one of its versions cannot be read"),
    }
}

/// The dataset has other rows. An edited row is a new row, and its old version is gone.
pub(super) fn dataset_changed(
    [before, name]: [&String; 2],
    rows: u64,
    added: u64,
    removed: u64,
) -> Told {
    let replaced = added.min(removed);
    let all = plural(rows, "row");
    let parts = [
        (replaced, format!("of {all}"), "edited or replaced"),
        (added - replaced, format!("of {all}"), "added"),
        (
            removed - replaced,
            "rows of the baseline".to_owned(),
            "removed",
        ),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, of, what)| {
            let were = if count == 1 { "was" } else { "were" };
            format!("{count} {of} {were} {what}")
        })
        .collect();
    let how = if parts.is_empty() {
        "both have the same rows".to_owned()
    } else {
        parts.join(", ")
    };
    let fact = if before == name {
        Prose::from("the runs are of different versions of the dataset ").name(name)
    } else {
        Prose::from("the runs are of different datasets, ")
            .name(before)
            .text(" → ")
            .name(name)
    };
    Told::from(fact.text(format!(": {how}")))
}

pub(super) fn served_models_changed(before: &[String], after: &[String], by: ServedTo) -> Told {
    let fact = Prose::from(match by {
        ServedTo::Scorers => "scorers called other models: ",
        ServedTo::Model => "other models were served, and not to scorers: ",
        ServedTo::Unknown | ServedTo::UnknownOfOtherModel => "other models were served: ",
    });
    let listed = |fact: Prose, names: &[String]| match names {
        [] => fact.text("none recorded"),
        names => fact.names(names, MOST_NAMES),
    };
    let fact = listed(listed(fact, before).text(" → "), after);
    match by {
        ServedTo::Scorers => Told::from(fact).help(
            "evaluate the baseline's branch again, logged as that branch; or accept the change with `comparability: {served_model: note}` in a policy that the change cannot edit",
        ),
        ServedTo::Model => Told::from(fact)
            .help("pin the served model, or log another version of the model"),
        ServedTo::Unknown => {
            Told::from(fact.text("; whether for the evaluated model or for a scorer is unknown"))
                .help("find out which model changed; for a scorer, evaluate the baseline's branch again")
        }
        ServedTo::UnknownOfOtherModel => Told::from(fact.text(
            "; the evaluated model is another one, so whether the models of scorers changed is unknown",
        ))
        .help("log the calls of scorers in Weave, and take snapshots with this version of weave-gate: they say which models scorers called"),
    }
}
