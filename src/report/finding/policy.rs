//! Facts about the policy.

use jiff::civil::Date;

use super::told::Told;
use crate::prose::Prose;

/// The maximum number of changes of a policy that a finding names.
const MOST_CHANGES: usize = 6;
/// The maximum number of dimensions that a finding names.
const MOST_DIMENSIONS: usize = 8;

pub(super) fn waiver(until: Date, reason: &str, is_active: bool) -> Told {
    let when = if is_active {
        format!("waived until the end of {until} (UTC): ")
    } else {
        format!("the waiver ended on {until} (UTC): ")
    };
    Told::from(Prose::from(when).name(reason)).help("remove `waive` when the reason is gone")
}

pub(super) fn nothing_can_block() -> Told {
    Told::from("no gate of this policy can block: each only warns, or is waived")
        .help("give one gate `severity: block`")
}

pub(super) fn nothing_judged() -> Told {
    Told::from("every check that could have blocked was skipped, so nothing was judged")
        .help("evaluate the baseline's branch, or add a gate with `min` or `max`")
}

pub(super) fn loosened(base: &str, changes: &[String], sha256: &str, is_accepted: bool) -> Told {
    let judged = if is_accepted {
        "this is accepted on the command line"
    } else {
        "the checks of the base count, too"
    };
    let fact = Prose::from("the policy is looser than ")
        .name(base)
        .text(format!("; {judged}: "))
        .names(changes, MOST_CHANGES);
    let told = Told::from(fact);
    if is_accepted {
        return told;
    }
    told.help(format!(
        "change the policy back; or have an owner of the policy set `--accept-policy {sha256}`"
    ))
}

pub(super) fn new(base: &str) -> Told {
    Told::from(
        Prose::from("the policy is new: there is no ")
            .name(base)
            .text(" that it could be looser than"),
    )
}

pub(super) fn noise_expired(expires: Date) -> Told {
    Told::from(format!(
        "the noise between runs was to be measured again after {expires}"
    ))
    .help("measure it again with `weave-gate calibrate --write`")
}

pub(super) fn noise_unused(dimensions: &[String]) -> Told {
    Told::from(
        Prose::from("`noise` names dimensions that the candidate does not have: ")
            .names(dimensions, MOST_DIMENSIONS),
    )
    .help("correct the names under `run_sd`")
}
