//! The results of a test of gates.

use std::collections::BTreeMap;

use crate::evidence::OwnedRun;
use crate::judge::Check;

/// The runs that are edited.
#[derive(Clone, Debug)]
pub struct TestRuns {
    /// The candidate.
    pub candidate: OwnedRun,
    /// The baselines by their names in the policy; `None` is `baseline`.
    pub baselines: BTreeMap<Option<String>, OwnedRun>,
}

/// The result for one policy.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// The gates, in the order of the policy.
    pub gates: Vec<GateTest>,
}

/// The result for one gate.
#[derive(Clone, Debug)]
pub struct GateTest {
    /// Its name.
    pub gate: String,
    /// Whether it can block today: neither a warning nor waived.
    pub blocks: bool,
    /// The outcome of each case, in the order of [`Case::ALL`].
    pub cases: Vec<(Case, Outcome)>,
    /// The smallest number of rows that had to get worse for a check to fail, and the number of rows that the gate is
    /// measured on; `None` if no number is enough, or if the gate counts rows.
    pub first_fails: Option<(u64, u64)>,
    /// A check that does not pass even with ideal scores; `None` if the gate can pass.
    pub cannot_pass: Option<Box<Check>>,
    /// A check that does not fail even with the worst scores; `None` if the gate can fail, or if it cannot pass.
    pub cannot_fail: Option<Box<Check>>,
    /// Whether no failure was tried, because it would take more rows or trials than are made.
    pub is_untried: bool,
    /// The runs with the fewest edits on which the gate fails.
    pub control: Option<Control>,
}

/// Runs on which a gate just fails.
#[derive(Clone, Debug)]
pub struct Control {
    /// The runs.
    pub runs: TestRuns,
    /// The number of other gates that fail on them, too.
    pub others: usize,
}

impl GateTest {
    /// Whether the gate can both fail and pass.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.cannot_pass.is_none() && self.cannot_fail.is_none()
    }
}

impl PolicyTest {
    /// Whether every gate that blocks can both fail and pass.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        let mut blocking = self.gates.iter().filter(|gate| gate.blocks);
        blocking.all(GateTest::is_proven)
    }
}

/// An edit of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Every score is ideal. The gate must pass.
    Ideal,
    /// The fewest rows that put the value beyond the limit are at their worst.
    Beyond,
    /// Every score is at its worst.
    Worst,
    /// The scorer is missing in the candidate.
    NoScorer,
    /// Every second row has no score.
    HalfUnscored,
    /// The rows that made the gate fail are removed from the candidate.
    RowsDropped,
    /// There is no baseline.
    NoBaseline,
    /// Every score of the candidate is 100 times as large.
    OtherScale,
    /// The candidate is compared with itself.
    SameRun,
}

impl Case {
    /// Every case, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Ideal,
        Self::Beyond,
        Self::Worst,
        Self::NoScorer,
        Self::HalfUnscored,
        Self::RowsDropped,
        Self::NoBaseline,
        Self::OtherScale,
        Self::SameRun,
    ];
}

/// The outcome of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Ideal scores pass.
    Passes,
    /// A check fails or is undecided.
    Caught,
    /// Every check passes, although the evidence is bad; or ideal scores do not pass.
    Missed,
    /// The case does not apply to the gate, or cannot be made of these runs.
    NotApplicable,
}
