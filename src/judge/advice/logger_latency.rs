//! A hint for latencies of a run that was logged by `EvaluationLogger` after its predictions had been made.

use crate::evidence::{Baseline, Evidence, Kind, Role, Run};
use crate::judge::cause::{Advice, Cause};
use crate::judge::check::{Check, Status};
use crate::judge::finding::Finding;
use crate::judge::name::Effect;

/// The minimum plausible time of a model's prediction, in seconds.
const SHORTEST: f64 = 0.05;

/// A hint for each gate on the latency of a run whose latencies are all those of the logger itself.
pub(in crate::judge) fn hints(evidence: &Evidence, checks: &[&Check]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in checks.iter().filter(|check| check.metric.is_latency()) {
        let Some(evidence) = evidence.with_baseline(check.against.as_deref()) else {
            continue;
        };
        let baseline = match &evidence.baseline {
            Baseline::Found(run, _) if check.baseline.is_some() => Some((Role::Baseline, &**run)),
            _ => None,
        };
        let runs = std::iter::once((Role::Candidate, &evidence.candidate)).chain(baseline);
        for (role, run) in runs {
            if !is_of_logger(evidence, role, run) || check.status == Status::Skipped {
                continue;
            }
            let advice = Advice::LoggerLatency {
                role,
                below: SHORTEST,
            };
            let finding = Finding::of_gate(&check.gate, Effect::Hint, Cause::Advice(advice));
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Whether the latencies of a run are those of `EvaluationLogger`, and not those of the model.
pub(in crate::judge) fn is_of_logger(evidence: &Evidence, role: Role, run: &Run) -> bool {
    run.is_logged && are_short(evidence, role)
}

fn are_short(evidence: &Evidence, role: Role) -> bool {
    let longest = || {
        let rows = evidence.rows.as_ref()?;
        let column = rows.column(None, Kind::Latency)?;
        rows.extremes(role, column, |_| true)
    };
    longest().is_some_and(|(_, longest)| longest < SHORTEST)
}

#[cfg(test)]
mod tests {
    use crate::judge::name::Name;
    use crate::judge::tests::row::judged_runs;

    #[test]
    fn latencies_of_milliseconds_of_a_logged_run_are_the_loggers_own() {
        let found = |is_logged: bool, latency: &str| {
            let rows = format!(
                r#"a {{}} | {{"s": true, "latency": 0.001}}
                b {{}} | {{"s": true, "latency": {latency}}}"#
            );
            let gate = "- {name: fast, metric: latency_p50, max: 1}";
            let judgement = judged_runs("", gate, &rows, "", |run, _| run.is_logged = is_logged);
            let mut findings = judgement.findings.iter();
            findings.any(|finding| finding.name() == Name::LoggerLatency)
        };
        assert!(found(true, "0.04"));
        assert!(!found(true, "0.06"));
        assert!(!found(false, "0.04"));
    }
}
