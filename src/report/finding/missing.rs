//! A baseline or rows that are missing, in words: what is missing, and the command or the edit that gives it.

use super::told::Told;
use crate::evidence::SnapshotOf;
use crate::judge::{BaselineHelp, Skips, UntilThen};
use crate::number::plural;
use crate::prose::Prose;
use crate::shell;

/// The maximum number of snapshots that are listed.
const MOST_SNAPSHOTS: usize = 6;

/// Why there is no baseline, what follows from it, and how to get one.
pub(super) fn no_baseline(why: Option<&Prose>, skips: Skips, help: &BaselineHelp) -> Told {
    let message = match why {
        Some(why) => Prose::from("there is no baseline: ").then(why.clone()),
        None => Prose::from("no baseline is named"),
    };
    let message = match skips {
        Skips::No => message,
        Skips::NotRequired => message.text("; the change limits are skipped"),
        Skips::UntilFirst => message.text(
            "; the change limits are skipped, for at most 14 days after the first run of the evaluation",
        ),
    };
    Told::from(message).help(baseline_help(help))
}

/// How to get a baseline.
fn baseline_help(help: &BaselineHelp) -> Prose {
    let command = |words: &str, argument: &str| {
        Prose::new().name(format!("weave-gate {words}{}", shell::word(argument)))
    };
    match help {
        BaselineHelp::Name => Prose::from(
            "name one in the policy, as in `baseline: {branch: main}`, or with --baseline",
        ),
        BaselineHelp::CheckId => Prose::from("list the ids of the runs with `weave-gate runs`"),
        BaselineHelp::TakeSnapshot { path } => {
            Prose::from("take the snapshot of a run with ").then(command("snapshot RUN -o ", path))
        }
        BaselineHelp::List { selector } => {
            Prose::from("list the runs that match with ").then(command("runs ", selector))
        }
        BaselineHelp::Evaluate {
            branch,
            attribute,
            until_then,
        } => {
            let message = match branch {
                Some(branch) => Prose::from("evaluate ")
                    .name(branch)
                    .text(" on each push as well (in GitHub Actions ")
                    .name(format!("on: push: branches: [{branch}]"))
                    .text("), and log ")
                    .name(format!("{attribute}: {branch}"))
                    .text(" with it"),
                None => Prose::from(
                    "evaluate the main branch: a baseline is a finished run that began before the candidate",
                ),
            };
            message.text(match until_then {
                UntilThen::Nothing => "",
                UntilThen::AfterFirst => {
                    "; for a new evaluation, `baseline: {required: after-first}` skips change limits until then"
                }
                UntilThen::NotRequired => {
                    "; `required: after-first` does not apply here, so only `required: false` skips change limits until then"
                }
            })
        }
    }
}

/// Why a gate that needs rows cannot be judged.
pub(super) fn rows_unknown(needs_inputs: bool, snapshots: &[SnapshotOf]) -> Told {
    let what = if needs_inputs {
        "the inputs and scores of single rows are needed"
    } else {
        "the scores of single rows are needed"
    };
    if snapshots.is_empty() {
        return Told::from(format!("{what}, and they are unknown"))
            .help("judge the runs in Weave, by their ids");
    }
    Told::from(Prose::from(format!("{what}, and ")).then(without_rows(snapshots)))
        .help(taken_again(needs_inputs, snapshots))
}

/// Why a change cannot be judged if some rows have no partner.
pub(super) fn common_rows_unknown(added: u64, removed: u64, snapshots: &[SnapshotOf]) -> Told {
    let (added, removed) = (plural(added, "row"), plural(removed, "row"));
    let message = Prose::from(format!(
        "{added} of the candidate and {removed} of the baseline are not in the other run, and the scores on the common rows \
         are unknown"
    ));
    if snapshots.is_empty() {
        return Told::from(message).help("compare the runs in Weave, by their ids");
    }
    Told::from(message.text(": ").then(without_rows(snapshots))).help(taken_again(false, snapshots))
}

/// Which snapshots have no rows.
fn without_rows(snapshots: &[SnapshotOf]) -> Prose {
    let (word, has) = match snapshots.len() {
        1 => ("the snapshot ", " has none"),
        _ => ("the snapshots ", " have none"),
    };
    let paths = snapshots.iter().map(|snapshot| &snapshot.path);
    Prose::from(word).names(paths, MOST_SNAPSHOTS).text(has)
}

/// The commands that take snapshots again with rows.
fn taken_again(with_inputs: bool, snapshots: &[SnapshotOf]) -> Prose {
    let them = if snapshots.len() == 1 { "it" } else { "them" };
    let message = Prose::from(format!("take {them} again without --summary-only: "));
    let commands = snapshots.iter().map(|snapshot| {
        let (run, path) = (shell::word(&snapshot.run), shell::word(&snapshot.path));
        let rows = if with_inputs { " --rows" } else { "" };
        format!("weave-gate snapshot {run} -o {path}{rows}")
    });
    message.names(commands, MOST_SNAPSHOTS)
}
