//! A baseline or rows that are missing, in words: what is missing, and the command or the edit that gives it.

use crate::evidence::SnapshotOf;
use crate::judge::{BaselineHelp, Skips, UntilThen};
use crate::number::plural;
use crate::prose::Prose;
use crate::shell;

/// The maximum number of snapshots that are listed.
const MOST_SNAPSHOTS: usize = 6;

/// Why there is no baseline, what follows from it, and how to get one.
pub(super) fn no_baseline(why: Option<&Prose>, skips: Skips, help: &BaselineHelp) -> Prose {
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
    message.text("; ").then(baseline_help(help))
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
        BaselineHelp::CheckId => Prose::from("`weave-gate runs` lists the runs of the project"),
        BaselineHelp::TakeSnapshot { path } => {
            command("snapshot RUN -o ", path).text(" takes the snapshot of a run")
        }
        BaselineHelp::List { selector } => {
            command("runs ", selector).text(" lists the runs that match")
        }
        BaselineHelp::Evaluate {
            branch,
            attribute,
            until_then,
        } => {
            let message = match branch {
                Some(branch) => Prose::from("to get one, evaluate ")
                    .name(branch)
                    .text(" on each push as well (in GitHub Actions ")
                    .name(format!("on: push: branches: [{branch}]"))
                    .text("), and log ")
                    .name(format!("{attribute}: {branch}"))
                    .text(" with it"),
                None => Prose::from(
                    "to get one, evaluate the main branch: a baseline is a finished run that began before the candidate",
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
pub(super) fn rows_unknown(needs_inputs: bool, snapshots: &[SnapshotOf]) -> Prose {
    let what = if needs_inputs {
        "it needs the inputs and scores of single rows"
    } else {
        "it needs the scores of single rows"
    };
    if snapshots.is_empty() {
        return Prose::from(format!("{what}, and they are unknown"));
    }
    Prose::from(format!("{what}; ")).then(taken_again(needs_inputs, snapshots))
}

/// Why a change cannot be judged if some rows have no partner.
pub(super) fn common_rows_unknown(added: u64, removed: u64, snapshots: &[SnapshotOf]) -> Prose {
    let (added, removed) = (plural(added, "row"), plural(removed, "row"));
    let message = Prose::from(format!(
        "{added} of the candidate and {removed} of the baseline have no partner, and the scores on the others are unknown; "
    ));
    if snapshots.is_empty() {
        return message.text("compare the runs in Weave itself, by their ids");
    }
    message.then(taken_again(false, snapshots))
}

/// Which snapshots lack rows, and the commands that take them again with rows.
fn taken_again(with_inputs: bool, snapshots: &[SnapshotOf]) -> Prose {
    let (snapshots_are, hold, them) = match snapshots.len() {
        1 => ("the snapshot ", " holds none", "it"),
        _ => ("the snapshots ", " hold none", "them"),
    };
    let paths = snapshots.iter().map(|snapshot| &snapshot.path);
    let message = Prose::from(snapshots_are)
        .names(paths, MOST_SNAPSHOTS)
        .text(format!(
            "{hold}; take {them} again without --summary-only: "
        ));
    let commands = snapshots.iter().map(|snapshot| {
        let (run, path) = (shell::word(&snapshot.run), shell::word(&snapshot.path));
        let rows = if with_inputs { " --rows" } else { "" };
        format!("weave-gate snapshot {run} -o {path}{rows}")
    });
    message.names(commands, MOST_SNAPSHOTS)
}
