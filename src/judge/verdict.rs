//! The verdict over all checks of a policy.

use crate::judge::cause::Cause;
use crate::judge::check::{Check, Status};
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::policy::Severity;

/// The verdict of one policy on one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Of the whole.
    pub verdict: Verdict,
    /// One for each limit of each gate on each of its subjects, in the policy's order.
    pub checks: Vec<Check>,
    /// What is to be known about the comparison.
    pub findings: Vec<Finding>,
}

/// The verdict; a worse one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No check blocks, and at least one was judged.
    Passed,
    /// A check that blocks is undecided, and none fails.
    Undecided,
    /// A check that blocks fails.
    Failed,
}

/// Looks at the checks as a whole.
pub(super) fn whole(checks: &[Check], can_block: bool, findings: &mut Vec<Finding>) {
    if !can_block {
        findings.push(Finding::new(Effect::Warning, Cause::NothingCanBlock));
    }
    if nothing_judged(checks) {
        findings.push(Finding::new(Effect::Undecided, Cause::NothingJudged));
    }
}

/// Nothing judged is not passed: where checks are skipped, one that can block must be left.
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

/// Whether checks that could have blocked were skipped and none of them was judged, or all were skipped.
fn nothing_judged(checks: &[Check]) -> bool {
    let is_skipped = |check: &Check| check.status == Status::Skipped;
    let could_block = |check: &&Check| check.severity == Severity::Block && !check.excused;
    let mut blocking = checks.iter().filter(could_block).peekable();
    let none_left = blocking.peek().is_some() && blocking.all(is_skipped);
    none_left || checks.iter().all(is_skipped)
}
