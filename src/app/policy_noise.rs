//! Puts the noise of repeated runs into the text of a policy.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::calibration::{FEWEST_RUNS, GroupNoise, policy_noise};
use crate::draft::scalar;
use crate::fault::Fault;
use crate::policy::{Noise, Policy, parse, with_key};

/// The noise of the policy's dimensions, and the policy's text with it.
pub(super) fn edited(policy: &Policy, groups: &[GroupNoise]) -> Result<(Noise, String), Fault> {
    if !groups.iter().any(GroupNoise::is_known) {
        return Err(Fault::evidence(format!(
            "no group has {FEWEST_RUNS} runs, so the noise is unknown, and nothing was written"
        ))
        .help("evaluate one commit several times, with the same model and the same evaluation"));
    }
    let today = Timestamp::now().to_zoned_datetime(TimeZone::UTC).date();
    let Some(noise) = policy_noise(policy, groups, today) else {
        return Err(Fault::evidence(
            "no gate of the policy measures a dimension whose noise is known, so nothing was written",
        )
        .help("write a gate with `metric: pass_rate` or `numeric_mean`, or calibrate without --write"));
    };
    let block = block(&noise);
    let text = with_key(&policy.text, "noise", &block);
    match text.filter(|text| parse(&policy.path, text).is_ok()) {
        Some(text) => Ok((noise, text)),
        None => Err(Fault::evidence(format!(
            "`noise` cannot be put into `{}` without touching other lines",
            policy.path
        ))
        .help(format!("add these lines yourself:\n{block}"))),
    }
}

/// The key `noise` of a policy, in lines.
fn block(noise: &Noise) -> String {
    let Noise {
        measured,
        expires,
        runs,
        df,
        run_sd,
    } = noise;
    let mut block = format!(
        "noise:\n  measured: {measured}\n  expires: {expires}\n  runs: {runs}\n  df: {df}\n  run_sd:\n"
    );
    for (dimension, value) in run_sd {
        // Writing to a string cannot fail.
        let _ = writeln!(block, "    {}: {value}", scalar(dimension));
    }
    block
}
