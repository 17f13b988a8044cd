//! Facts about the policy.

use jiff::civil::Date;

use super::told::Told;
use crate::prose::Prose;

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
