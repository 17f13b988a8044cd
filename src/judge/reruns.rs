//! Measures each re-run alone and requires that the newest one meets the limit.

use crate::evidence::{Evidence, LeftOut};
use crate::judge::cause::Cause;
use crate::judge::check::{Check, RunValue, Status};
use crate::judge::finding::Finding;
use crate::judge::limit::{self, Decision};
use crate::judge::measure::{Measured, Measurer};
use crate::judge::name::Effect;
use crate::judge::plan::CheckSpec;
use crate::judge::reason::Reason;
use crate::policy::{Policy, Reruns};

/// Measures every check on each run alone. A check that passes on all runs together is undecided if the newest run
/// alone does not meet its limit. Otherwise older and better runs could hide that the model got worse.
pub(super) fn measure_each(
    policy: &Policy,
    evidence: &Evidence,
    checks: &mut [Check],
    findings: &mut Vec<Finding>,
) {
    if evidence.each.is_empty() {
        return;
    }
    for check in checks.iter_mut() {
        let Some(gate) = policy.gates.iter().find(|gate| gate.name == check.gate) else {
            continue;
        };
        let spec = CheckSpec {
            gate,
            limit: check.limit,
            subject: check.subject.as_deref(),
            slice: check.slice.as_ref(),
        };
        let compared = evidence
            .with_baseline(check.against.as_deref())
            .unwrap_or(evidence);
        let measured: Vec<Option<Measured>> = compared
            .each
            .iter()
            .map(|alone| {
                let measurer = Measurer {
                    evidence: alone,
                    removed_rows: policy.baseline.removed_rows,
                };
                measurer.measure(spec).ok()
            })
            .collect();
        let newest = measured.first().and_then(Option::as_ref);
        let holds = newest.is_some_and(|measured| {
            limit::decide(check.limit, &measured.pairing, gate.missing.rule) == Decision::Holds
        });
        let values = compared.each.iter().zip(&measured);
        check.runs = values
            .map(|(alone, measured)| RunValue {
                id: alone.candidate.id.clone(),
                value: measured
                    .as_ref()
                    .and_then(|measured| measured.pairing.candidate.observed),
            })
            .collect();
        let is_pool = policy.candidate.reruns != Reruns::Newest;
        if is_pool && check.status == Status::Pass && !holds {
            worse(check, evidence, findings);
        }
    }
    if policy.candidate.reruns == Reruns::Newest {
        findings.extend(older(evidence, checks));
    }
}

fn worse(check: &mut Check, evidence: &Evidence, findings: &mut Vec<Finding>) {
    let cause = Cause::NewestRunWorse {
        runs: evidence.each.len() as u64,
        limit: check.limit,
        value: check.runs.first().and_then(|run| run.value),
    };
    check.status = if check.excused {
        Status::Waived
    } else {
        Status::Undecided
    };
    check.margin = None;
    check.reason = Reason::Blocked(cause.clone());
    let finding = Finding::of_gate(&check.gate, Effect::Undecided, cause);
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}

/// A finding for each run that is not judged because only the newest counts, with its measured values.
fn older(evidence: &Evidence, checks: &[Check]) -> Vec<Finding> {
    let listed = evidence.selection.runs.iter();
    let older = listed.filter(|run| run.left_out == Some(LeftOut::Older));
    older
        .map(|run| {
            let mut values = Vec::new();
            for check in checks {
                let of_run = check.runs.iter().find(|value| value.id == run.id);
                let value = (check.gate.clone(), of_run.and_then(|value| value.value));
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            let run = run.id.clone();
            Finding::new(Effect::Warning, Cause::OlderRun { run, values })
        })
        .collect()
}
