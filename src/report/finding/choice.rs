//! Facts about how runs were chosen.

use super::rows::{no_common_rows, same_outputs};
use super::told::{MOST_RUNS, Told};
use crate::evidence::{Fact, Gap, LeftOut, Role};
use crate::number::plural;
use crate::policy::Unresolved;
use crate::prose::Prose;

pub(super) fn about(role: Role, run: &str, fact: &Fact) -> Told {
    let word = role.word();
    let one_of_them =
        || format!("add `attributes:` to `{word}:` that only one of them was logged with");
    match fact {
        Fact::WrongCandidate {
            key,
            expected,
            found,
        } => wrong_candidate(run, key, expected, found.as_deref()),
        Fact::NotNewest { newest } => Told::from(
            Prose::from("`reruns: newest` judges only the newest run of the candidate's commit, and that is ").name(newest),
        )
        .help("name that run, or set `reruns: pool` under `candidate:`"),
        Fact::NotChecked { unresolved, .. } => not_checked(unresolved.as_ref()),
        Fact::CommitAmbiguous { asked, commits } => Told::from(
            Prose::from("the commit ")
                .name(asked)
                .text(" is a prefix of several: ")
                .names(commits, MOST_RUNS),
        )
        .help("give it in full"),
        Fact::SeveralModelVersions { model, versions } => Told::from(
            Prose::from(format!(
                "the runs of the {word}'s commit are of {} versions of the model ",
                versions.len()
            ))
            .name(model)
            .text(", so they are not the same evaluation logged again: ")
            .names(versions, MOST_RUNS),
        )
        .help(one_of_them()),
        Fact::NoSharedRow { runs } => Told::from(
            Prose::from(format!(
                "two runs of the {word}'s commit have no row in common, so they are parts of one evaluation or different evaluations: "
            ))
            .names(runs, MOST_RUNS),
        )
        .help(one_of_them()),
        Fact::UnnamedRuns { runs } => Told::from(format!(
            "{} of the candidate's commit were logged by EvaluationLogger without a name and without a dataset, so whether they \
             are the same evaluation is unknown",
            plural(*runs as u64, "run")
        ))
        .help("give `EvaluationLogger` a `name`"),
        Fact::SeveralReruns { runs } => Told::from(format!(
            "the candidate's commit has {}, and `reruns: refuse` judges only a single one",
            plural(*runs as u64, "run")
        ))
        .help("exclude a run with --exclude-run, or set `reruns: pool` under `candidate:`"),
        Fact::RerunRunning { id } => Told::from(
            Prose::from("another run of the candidate's commit, ")
                .name(id)
                .text(", is still running"),
        )
        .help("wait for it with `--wait 15m`"),
        Fact::LeftOut { id, why } => Told::from(
            Prose::from("the run ")
                .name(id)
                .text(" of the candidate's commit is left out: it ")
                .text(left_out(*why)),
        ),
        Fact::Excluded { id, reason } => Told::from(
            Prose::from("the run ")
                .name(id)
                .text(" of the candidate's commit is excluded on the command line: ")
                .name(reason),
        ),
        Fact::BaselineSkipped { id, why } => Told::from(
            Prose::from("the run ")
                .name(id)
                .text(" was not taken as the baseline: it ")
                .text(left_out(*why)),
        ),
        // Two facts are reported as other causes.
        Fact::SameOutputs => same_outputs(run),
        Fact::KeysInOtherOrder => no_common_rows(true),
    }
}

fn wrong_candidate(run: &str, key: &str, expected: &str, found: Option<&str>) -> Told {
    let fact = Prose::from("the run ")
        .name(run)
        .text(" is not the candidate of this policy: its ")
        .name(key)
        .text(" is ");
    let fact = match found {
        Some(found) => fact.name(found),
        None => fact.text("missing"),
    };
    Told::from(fact.text(", and the policy asks for ").name(expected))
        .help("name a run that matches `candidate:` of the policy, or change the policy")
}

fn not_checked(unresolved: Option<&Unresolved>) -> Told {
    let fact = |key: &str| {
        Prose::from("the run that is named was not compared with ")
            .name(format!("candidate.{key}"))
            .text(" of the policy: ")
    };
    match unresolved {
        None => Told::from(
            "the run that is named was not compared with `candidate:` of the policy: the snapshot does not hold what it was \
             logged with",
        )
        .help("take the snapshot again with `weave-gate snapshot RUN -o FILE`"),
        Some(Unresolved {
            key,
            variable: Some(name),
        }) => Told::from(fact(key).text("the variable ").name(name).text(" is not set")).help(
            Prose::from("set it, or write ").name(format!("${{{name}:-fallback}}")),
        ),
        Some(Unresolved {
            key,
            variable: None,
        }) => Told::from(fact(key).text("its value there is empty"))
            .help("check the variables in it"),
    }
}

/// Why a run is left out, as the end of a sentence about it.
fn left_out(why: LeftOut) -> String {
    match why {
        LeftOut::Failed => "failed".to_owned(),
        LeftOut::Incomplete(Gap::NoSummary) => {
            "is incomplete, its script ended without `log_summary()`".to_owned()
        }
        LeftOut::Incomplete(Gap::Fewer { made, stored }) => {
            format!("is incomplete, Weave has {stored} of its {made} calls")
        }
        LeftOut::Incomplete(Gap::More { made, stored }) => {
            format!("made {made} calls, and Weave has {stored}")
        }
        LeftOut::Abandoned => "began more than 24 hours ago and never finished".to_owned(),
        LeftOut::Older => "is not the newest".to_owned(),
        LeftOut::Excluded => "is excluded on the command line".to_owned(),
    }
}
