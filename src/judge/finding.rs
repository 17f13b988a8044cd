//! Findings: facts about the runs or the policy, each with a stable name.

use std::collections::BTreeMap;

use crate::evidence::{SameScores, SetupChange};
use crate::judge::cause::Cause;
use crate::judge::name::{Effect, Name};

/// A finding about the runs, the policy or a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its effect on the verdict.
    pub effect: Effect,
    /// The gate that it is about; `None` if it is about the runs or the whole policy.
    pub gate: Option<String>,
    /// The name of the further baseline that it is about; `None` for `baseline`.
    pub against: Option<String>,
    /// What was found.
    pub cause: Cause,
}

impl Finding {
    /// A finding about the runs or the whole policy.
    #[must_use]
    pub const fn new(effect: Effect, cause: Cause) -> Self {
        Self {
            effect,
            gate: None,
            against: None,
            cause,
        }
    }

    /// A finding about one gate.
    pub(super) fn of_gate(gate: &str, effect: Effect, cause: Cause) -> Self {
        Self {
            gate: Some(gate.to_owned()),
            ..Self::new(effect, cause)
        }
    }

    /// The same finding, about the comparison with the further baseline of this name.
    pub(super) fn against(self, name: &str) -> Self {
        Self {
            against: Some(name.to_owned()),
            ..self
        }
    }

    /// Its stable name.
    #[must_use]
    pub const fn name(&self) -> Name {
        self.cause.name()
    }
}

/// The scorers that are not the same in both runs, as the findings say.
#[must_use]
pub fn changed_scorers(findings: &[Finding]) -> Vec<String> {
    let names = findings.iter().filter_map(|finding| match &finding.cause {
        Cause::Setup {
            change: SetupChange::ScorerChanged { name, .. },
        } => Some(name.clone()),
        _ => None,
    });
    names.collect()
}

/// Adds to the findings how changed scorers scored the same outputs.
pub fn add_same_scores(findings: &mut [Finding], known: &BTreeMap<String, SameScores>) {
    for finding in findings {
        finding.cause.add_same_scores(known);
    }
}
