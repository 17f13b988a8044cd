//! Measures each re-run alone, and requires that the newest one meets the limit, too.

use crate::evidence::{Evidence, LeftOut};
use crate::judge::check::{Check, RunValue, Status};
use crate::judge::finding::{Effect, Finding, Name};
use crate::judge::limit::{self, Decision};
use crate::judge::measure::{Measured, Measurer};
use crate::judge::plan::CheckSpec;
use crate::number::full;
use crate::policy::{Policy, Reruns};
use crate::prose::Prose;

/// As many values of a run are listed in a message.
const MOST_LISTED: usize = 8;

/// Measures every check on each run alone. A check that passes on all runs together is undecided where the newest run
/// alone does not meet its limit: else runs that are older and better would hide that it got worse.
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
        let beside = evidence
            .beside(check.against.as_deref())
            .unwrap_or(evidence);
        let measured: Vec<Option<Measured>> = beside
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
        let values = beside.each.iter().zip(&measured);
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
    let value = check.runs.first().and_then(|run| run.value);
    let what = match value {
        Some(value) => format!("{} there", full(value)),
        None => "its value there is unknown".to_owned(),
    };
    let reason = Prose::from(format!(
        "all {} runs together meet {} {}, and the newest run alone does not: {what}",
        evidence.each.len(),
        check.limit.key.word(),
        full(check.limit.value)
    ));
    check.status = if check.excused {
        Status::Waived
    } else {
        Status::Undecided
    };
    check.finding = Some(Name::NewestRunWorse);
    check.margin = None;
    check.reason = reason.clone();
    let finding = Finding {
        name: Name::NewestRunWorse,
        effect: Effect::Undecided,
        message: Prose::from("the gate ")
            .name(&check.gate)
            .text(": ")
            .then(reason),
    };
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}

/// Says of each run that is not judged because only the newest counts what it measured.
fn older(evidence: &Evidence, checks: &[Check]) -> Vec<Finding> {
    let listed = evidence.selection.runs.iter();
    let older = listed.filter(|run| run.left_out == Some(LeftOut::Older));
    older
        .map(|run| {
            let mut values = Vec::new();
            for check in checks {
                let of_run = check.runs.iter().find(|value| value.id == run.id);
                let value = of_run.and_then(|value| value.value);
                let shown = format!(
                    "{} {}",
                    check.gate,
                    value.map_or_else(|| "unknown".to_owned(), full)
                );
                if !values.contains(&shown) {
                    values.push(shown);
                }
            }
            Finding {
                name: Name::RerunsLeftOut,
                effect: Effect::Warning,
                message: Prose::from(
                    "only the newest run of the candidate's commit is judged; the run ",
                )
                .name(&run.id)
                .text(" measured ")
                .names(values, MOST_LISTED),
            }
        })
        .collect()
}
