//! Tests of a policy: can each gate fail, and can it pass?
//!
//! The judge is pure, so the evidence of two real runs is edited, gate by gate, and judged again. A case is caught if a
//! check of that gate fails or is undecided. The runs themselves count as finished, complete and measured in the same
//! way, and waivers and `max_age` do not apply: the gates are tested, not the runs.

mod cases;
mod edit;
mod judging;
mod result;

use jiff::Timestamp;

pub use result::{Case, Control, GateTest, Outcome, PolicyTest, TestRuns};

use crate::fault::Fault;
use crate::judge::Check;
use crate::policy::{Policy, Severity};
use judging::{Judging, neutral};

/// The checks of a policy on two runs, as far as their scores tell: the runs count as finished, complete and measured in the
/// same way, and waivers and `max_age` do not apply.
///
/// # Errors
///
/// The rows of the runs contradict each other.
pub fn neutral_checks(
    policy: &Policy,
    runs: &TestRuns,
    now: Timestamp,
) -> Result<Vec<Check>, Fault> {
    Judging::new(policy, now).all(&neutral(runs))
}

/// Tests every gate of a policy.
///
/// # Errors
///
/// The rows of the runs contradict each other.
pub fn test(policy: &Policy, runs: &TestRuns, now: Timestamp) -> Result<PolicyTest, Fault> {
    let today = now.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let judging = Judging::new(policy, now);
    let runs = neutral(runs);
    let gates = policy.gates.iter().map(|gate| {
        let is_waived = (gate.waive.as_ref()).is_some_and(|waiver| today <= waiver.until);
        let tested = cases::test(&judging, gate, &runs)?;
        Ok(GateTest {
            blocks: gate.severity == Severity::Block && !is_waived,
            ..tested
        })
    });
    Ok(PolicyTest {
        gates: gates.collect::<Result<_, Fault>>()?,
    })
}
