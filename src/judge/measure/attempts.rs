//! Metrics that are about a number of attempts at each row.

use crate::policy::{Aggregate, Attempts, Gate};
use crate::stats::{all_pass, any_passes};

/// The attempts that a metric is about.
#[derive(Clone, Copy, Debug)]
pub(in crate::judge) struct Attempted {
    which: Attempts,
    /// The number of attempts.
    pub(in crate::judge) k: u64,
}

impl Attempted {
    /// The attempts that a gate's metric is about; `None` if it is not about attempts.
    pub(in crate::judge) fn of(gate: &Gate) -> Option<Self> {
        match gate.metric.aggregate() {
            Aggregate::Attempts(which) => Some(Self {
                which,
                k: gate.attempts,
            }),
            Aggregate::RowMean
            | Aggregate::Total
            | Aggregate::Percentile(_)
            | Aggregate::ChangedRows(_)
            | Aggregate::Count(_) => None,
        }
    }

    /// The chance of a row with these trials; `None` if there are fewer than the attempts.
    pub(in crate::judge) fn chance(self, passed: u64, trials: u64) -> Option<f64> {
        match self.which {
            Attempts::All => all_pass(passed, trials, self.k),
            Attempts::Any => any_passes(passed, trials, self.k),
        }
    }
}
