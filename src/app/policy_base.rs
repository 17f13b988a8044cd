//! The policy that a changed policy must not loosen: `--policy-base`.

use std::path::Path;

use super::plan::{Plan, plans};
use super::revision::PolicyPlace;
use crate::cli::{CheckArgs, JudgeArgs};
use crate::evidence::Evidence;
use crate::fault::Fault;
use crate::judge::{Cause, Check, Effect, Finding, Judgement, judge};
use crate::policy::{Gate, Policy, diff};

/// A policy, its plan, and the policy that it is compared with.
pub(super) struct Based {
    pub(super) plan: Plan,
    /// What a comparison with the base found; `None` without a base, or if the policy is not looser.
    pub(super) finding: Option<Finding>,
    /// The base, if it is judged too.
    pub(super) base: Option<Policy>,
}

impl Based {
    /// A plan without a base.
    pub(super) fn alone(plan: Plan) -> Self {
        Self {
            plan,
            finding: None,
            base: None,
        }
    }

    /// The policies that are judged on the evidence of the plan.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Policy> {
        std::iter::once(&self.plan.policy).chain(&self.base)
    }

    /// The plan with the gates of both policies, under the names of their checks, to read the rows of failed checks.
    pub(super) fn of_both(&self) -> Plan {
        let mut policy = self.plan.policy.clone();
        if let Some(base) = &self.base {
            let gates = base.gates.iter().cloned();
            policy.gates.extend(gates.map(|gate| Gate {
                name: in_base(&gate.name, base),
                ..gate
            }));
        }
        Plan {
            policy,
            request: self.plan.request.clone(),
        }
    }

    /// Judges the policy, and the base if it is judged too. The checks of the base that block are added to those of the
    /// policy, with the base in the names of their gates, so that the worst verdict counts.
    pub(super) fn judge(&self, evidence: &Evidence, now: jiff::Timestamp) -> Judgement {
        let mut judgement = judge(&self.plan.policy, evidence, now);
        judgement.findings.extend(self.finding.clone());
        let Some(base) = &self.base else {
            return judgement;
        };
        let of_base = judge(base, evidence, now);
        let blocking = of_base.checks.into_iter().filter(Check::blocks);
        judgement.checks.extend(blocking.map(|check| Check {
            gate: in_base(&check.gate, base),
            is_of_base: true,
            ..check
        }));
        judgement.verdict = judgement.verdict.max(of_base.verdict);
        for finding in of_base.findings {
            let is_known = judgement.findings.contains(&finding);
            if finding.effect == Effect::Undecided && !is_known {
                judgement.findings.push(finding);
            }
        }
        judgement
    }
}

/// The plans of policies, each compared with its base.
///
/// # Errors
///
/// A base cannot be read, or one base is named for several policies.
pub(super) fn based(arguments: &CheckArgs, policies: Vec<Policy>) -> Result<Vec<Based>, Fault> {
    let Some(text) = &arguments.policy_base else {
        let plans = plans(&arguments.judge, policies)?;
        return Ok(plans.into_iter().map(Based::alone).collect());
    };
    let number = policies.len();
    let mut all = Vec::new();
    let mut faults = Vec::new();
    for policy in policies {
        let path = from_here(&policy.path);
        let place = PolicyPlace::parse(text, Some(&path))?;
        let is_of_each = place.is_at(&path);
        if number > 1 && !is_of_each {
            return Err(Fault::usage(format!(
                "--policy-base names one policy, and {number} are judged"
            ))
            .help("write `--policy-base git:REV`, which takes the path of each policy"));
        }
        match of_policy(arguments, policy, &place) {
            Ok(based) => all.push(based),
            Err(fault) if faults.contains(&fault) => {}
            Err(fault) => faults.push(fault),
        }
    }
    Fault::all(faults).map_or(Ok(all), Err)
}

fn of_policy(arguments: &CheckArgs, policy: Policy, place: &PolicyPlace) -> Result<Based, Fault> {
    let judge = &arguments.judge;
    let mut accepted = arguments.accept_policy.iter();
    let is_accepted = accepted.any(|sha256| sha256.eq_ignore_ascii_case(&policy.sha256));
    let note = |effect, cause| Some(Finding::new(effect, cause));
    let base = match place.read() {
        Ok(Some(base)) => base,
        Ok(None) => {
            let cause = Cause::PolicyNew {
                base: place.shown(),
            };
            return Ok(Based {
                plan: one(judge, policy)?,
                finding: note(Effect::Note, cause),
                base: None,
            });
        }
        Err(fault) => return Err(fault),
    };
    let changes: Vec<String> = diff(&base, &policy)
        .iter()
        .filter(|change| change.direction.may_pass_more())
        .map(|change| format!("{}: {change}", change.direction.word()))
        .collect();
    if changes.is_empty() {
        return Ok(Based::alone(one(judge, policy)?));
    }
    let cause = Cause::PolicyLoosened {
        base: base.path.clone(),
        changes,
        sha256: policy.sha256.clone(),
        is_accepted,
    };
    let finding = note(Effect::Warning, cause);
    if is_accepted {
        return Ok(Based {
            plan: one(judge, policy)?,
            finding,
            base: None,
        });
    }
    let plan = together(judge, policy, &base)?;
    Ok(Based {
        plan,
        finding,
        base: Some(base),
    })
}

/// The plan of a policy on the runs that its base selects. Evidence that only one of the two needs is read, too.
fn together(arguments: &JudgeArgs, policy: Policy, base: &Policy) -> Result<Plan, Fault> {
    let mut selected = policy;
    selected.project.clone_from(&base.project);
    selected.identity.clone_from(&base.identity);
    selected.candidate.clone_from(&base.candidate);
    selected.baseline.clone_from(&base.baseline);
    for (name, further) in &base.baselines {
        selected.baselines.insert(name.clone(), further.clone());
    }
    let plan = one(arguments, selected)?;
    let of_base = one(arguments, base.clone())?;
    let mut request = of_base.request;
    request.baseline = request.baseline.or(plan.request.baseline);
    for (name, further) in plan.request.named {
        request.named.entry(name).or_insert(further);
    }
    Ok(Plan {
        policy: plan.policy,
        request,
    })
}

fn one(arguments: &JudgeArgs, policy: Policy) -> Result<Plan, Fault> {
    let plan = plans(arguments, vec![policy])?.pop();
    plan.ok_or_else(|| Fault::bug("a policy has no plan"))
}

/// The name of a gate of the base.
fn in_base(gate: &str, base: &Policy) -> String {
    format!("{gate} (as in {})", base.path)
}

/// A path from the current directory.
fn from_here(path: &str) -> String {
    let inside = std::env::current_dir().ok().and_then(|folder| {
        let inside = Path::new(path).strip_prefix(folder).ok()?;
        inside.to_str().map(str::to_owned)
    });
    inside.unwrap_or_else(|| path.to_owned())
}
