//! The verdict over all checks of a policy.

use std::collections::BTreeMap;

use crate::evidence::SameScores;
use crate::judge::cause::Cause;
use crate::judge::check::{Check, Status};
use crate::judge::finding::{Finding, add_same_scores};
use crate::judge::name::Effect;
use crate::judge::reason::Reason;
use crate::policy::Severity;

/// The verdict of one policy on one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict over all checks.
    pub verdict: Verdict,
    /// One check for each limit of each gate on each of its subjects and slices, in the policy's order.
    pub checks: Vec<Check>,
    /// The findings about the runs and the policy.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// Adds how changed scorers scored the same outputs. No status depends on it.
    pub fn add_same_scores(&mut self, known: &BTreeMap<String, SameScores>) {
        add_same_scores(&mut self.findings, known);
        for check in &mut self.checks {
            if let Reason::Blocked(cause) = &mut check.reason {
                cause.add_same_scores(known);
            }
        }
    }

    /// Whether every check that blocks may be decided later without any change: a run is not finished or not complete
    /// yet. True if no check blocks.
    #[must_use]
    pub fn may_pass_later(&self) -> bool {
        let blocking = self.checks.iter().filter(|check| check.blocks());
        blocking.into_iter().all(|check| match &check.reason {
            Reason::Blocked(cause) => cause.may_end(),
            Reason::Skipped | Reason::Values(_) | Reason::Test(_) | Reason::MissingScoresDecide => {
                false
            }
        }) && self.verdict != Verdict::Failed
            && !self
                .findings
                .iter()
                .any(|finding| finding.cause == Cause::NothingJudged)
    }
}

/// The verdict. A worse verdict is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No check blocks, and at least one was judged.
    Passed,
    /// A blocking check is undecided, and none fails.
    Undecided,
    /// A blocking check fails.
    Failed,
}

/// Adds findings that concern all checks together.
pub(super) fn whole(checks: &[Check], can_block: bool, findings: &mut Vec<Finding>) {
    if !can_block {
        findings.push(Finding::new(Effect::Warning, Cause::NothingCanBlock));
    }
    if nothing_judged(checks) {
        findings.push(Finding::new(Effect::Undecided, Cause::NothingJudged));
    }
}

/// The verdict of the checks. If nothing was judged, it is not `passed`: if checks are skipped, at least one check
/// that can block must have been judged.
pub(super) fn verdict(checks: &[Check]) -> Verdict {
    let blocks = |status| {
        checks
            .iter()
            .any(|check| check.blocks() && check.status == status)
    };
    if blocks(Status::Fail) {
        Verdict::Failed
    } else if blocks(Status::Undecided) || nothing_judged(checks) {
        Verdict::Undecided
    } else {
        Verdict::Passed
    }
}

/// Whether checks that can block were skipped and none of them was judged, or all checks were skipped.
fn nothing_judged(checks: &[Check]) -> bool {
    let is_skipped = |check: &Check| check.status == Status::Skipped;
    let could_block = |check: &&Check| check.severity == Severity::Block && !check.excused;
    let mut blocking = checks.iter().filter(could_block).peekable();
    let none_left = blocking.peek().is_some() && blocking.all(is_skipped);
    none_left || checks.iter().all(is_skipped)
}
