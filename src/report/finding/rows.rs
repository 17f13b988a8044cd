//! Facts about the rows of two runs, and about whether the runs can be compared.

use super::told::Told;
use crate::evidence::Role;
use crate::number::plural;
use crate::policy::RemovedRows;
use crate::prose::Prose;

pub(super) fn same_run(run: &str) -> Told {
    Told::from(Prose::from("candidate and baseline are the same run, ").name(run))
        .help("name another baseline")
}

pub(super) fn same_outputs(run: &str) -> Told {
    Told::from(
        Prose::from("candidate and baseline were scored from the same outputs: ")
            .name(run)
            .text(" is a rescoring of the other, or both are of a third run"),
    )
    .help("name another baseline")
}

pub(super) fn no_common_rows(keys_in_other_order: bool) -> Told {
    if keys_in_other_order {
        return Told::from(
            "candidate and baseline have no row in common: their inputs are equal but for the order of the keys, and the \
             server takes these for different rows",
        )
        .help("log the keys of the inputs in one order, and evaluate the baseline again");
    }
    Told::from("candidate and baseline have no row in common; an edited row is another row")
        .help("evaluate the baseline on the dataset of the candidate")
}

pub(super) fn removed(rows: u64, rule: RemovedRows) -> Told {
    let (count, are) = (plural(rows, "row"), are(rows));
    let fact = format!("{count} of the baseline {are} not in the candidate");
    match rule {
        RemovedRows::Missing => Told::from(format!(
            "{fact}; they are missing scores, which each gate judges by its own rule"
        ))
        .help("evaluate all rows, or set `removed_rows: ignore` under `baseline:`"),
        RemovedRows::Ignore => Told::from(format!("{fact}; only the common rows are compared"))
            .help("to count them as missing scores, set `removed_rows: missing`"),
    }
}

pub(super) fn added(rows: u64) -> Told {
    let (count, are) = (plural(rows, "row"), are(rows));
    let them = if rows == 1 { "it" } else { "them" };
    Told::from(format!(
        "{count} of the candidate {are} not in the baseline; no change is measured on {them}"
    ))
}

pub(super) fn evaluation_changed(names: Option<&(String, String)>) -> Told {
    let fact = match names {
        None => Prose::from("whether the runs are of the same evaluation is unknown"),
        Some((ours, theirs)) if ours == theirs => {
            let fact = Prose::from("the runs are of different versions of the evaluation ")
                .name(ours)
                .text(", and a snapshot does not say how its run was measured");
            let help = "take the snapshot again with this version of weave-gate: `weave-gate snapshot RUN -o FILE`";
            return Told::from(fact).help(help);
        }
        Some((ours, theirs)) => Prose::from("the candidate is a run of the evaluation ")
            .name(ours)
            .text(", the baseline one of ")
            .name(theirs),
    };
    Told::from(fact).help(
        "compare the two evaluations in Weave: a change may come from a scorer or the dataset",
    )
}

pub(super) fn disagree(role: Role, what: &str) -> Told {
    let whose = role.word();
    Told::from(
        Prose::from(format!(
            "the rows of the {whose} contradict what its summary says of "
        ))
        .name(what),
    )
    .help("try again later: the run may still be written")
}

pub(super) fn trials_differ(rows: u64, candidate: u64, baseline: u64) -> Told {
    let (rows, trials) = (plural(rows, "row"), plural(candidate, "trial"));
    Told::from(format!(
        "on the same {rows} the candidate has {trials}, the baseline {baseline}"
    ))
    .help("use the same number of trials for both")
}

fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}
