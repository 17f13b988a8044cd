//! Judges edited runs.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::result::TestRuns;
use crate::evidence::{Completeness, Evidence, OwnedRun, RunStatus, Selection, Totals};
use crate::fault::Fault;
use crate::judge::{Check, columns, judge};
use crate::policy::Policy;
use crate::prose::Prose;

/// The runs without anything but their scores that could prevent a check from being judged.
pub(super) fn neutral(runs: &TestRuns) -> TestRuns {
    let evaluation = runs.candidate.run.evaluation.clone();
    let neutral = |run: &OwnedRun| {
        let mut run = run.clone();
        run.run.status = Some(RunStatus::Completed);
        run.run.completeness = Completeness::Complete;
        run.run.rescored_from = None;
        run.run.exception = None;
        run.run.setup = None;
        run.run.evaluation.clone_from(&evaluation);
        run
    };
    let baselines = runs.baselines.iter();
    TestRuns {
        candidate: neutral(&runs.candidate),
        baselines: baselines
            .map(|(name, run)| (name.clone(), neutral(run)))
            .collect(),
    }
}

/// A policy that judges edited runs.
pub(super) struct Judging {
    policy: Policy,
    now: Timestamp,
}

impl Judging {
    pub(super) fn new(policy: &Policy, now: Timestamp) -> Self {
        let mut policy = policy.clone();
        policy.candidate.max_age = None;
        policy.baseline.max_age = None;
        for baseline in policy.baselines.values_mut() {
            baseline.max_age = None;
        }
        for gate in &mut policy.gates {
            gate.waive = None;
        }
        Self { policy, now }
    }

    /// The checks of one gate on these runs.
    pub(super) fn checks(&self, gate: &str, runs: &TestRuns) -> Result<Vec<Check>, Fault> {
        let mut checks = self.all(runs)?;
        checks.retain(|check| check.gate == gate);
        Ok(checks)
    }

    /// The number of other gates with a check that blocks.
    pub(super) fn others_that_fail(&self, gate: &str, runs: &TestRuns) -> Result<usize, Fault> {
        let checks = self.all(runs)?.into_iter();
        let others = checks.filter(|check| check.gate != gate && check.blocks());
        Ok(others
            .map(|check| check.gate)
            .collect::<BTreeSet<_>>()
            .len())
    }

    pub(super) fn all(&self, runs: &TestRuns) -> Result<Vec<Check>, Fault> {
        let mut evidence = self.evidence(runs, None)?;
        for name in runs.baselines.keys().flatten() {
            let of_name = self.evidence(runs, Some(name))?;
            evidence.named.insert(name.clone(), of_name);
        }
        Ok(judge(&self.policy, &evidence, self.now).checks)
    }

    fn evidence(&self, runs: &TestRuns, against: Option<&String>) -> Result<Evidence, Fault> {
        let wanted = |totals: &[&Totals]| columns(&self.policy, totals);
        let candidate = vec![runs.candidate.known()];
        let baseline = runs.baselines.get(&against.cloned());
        let missing = || Err(Prose::from("the test removed it"));
        let compares = self.policy.compares(against.map(String::as_str));
        let baselines =
            compares.then(|| baseline.map_or_else(missing, |run| Ok(vec![run.known()])));
        let mut evidence = Evidence::assembled(candidate, baselines, false, Some(&wanted))?;
        evidence.selection = Selection {
            identity: self.policy.identity.clone(),
            ..Selection::default()
        };
        Ok(evidence)
    }
}
