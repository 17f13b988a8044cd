//! Statistics: pure functions on numbers, each with its source and published vectors.
//!
//! Confidence is one-sided throughout: an interval at 0.95 leaves out a twentieth on *each* side, so that
//! each of its ends is a bound that holds with 95 %. It is the interval that books call two-sided 90 %.

mod holm;
mod imputation;
mod mean;
mod proportion;
mod quantile;
#[cfg(test)]
mod tests;

pub use holm::{Attainable, holm, tarone};
pub use imputation::Imputations;
pub use mean::Sample;
pub use proportion::{Pairs, Rates, chance_of_net, mid_p, wilson, wilson_of_rate};
pub use quantile::{normal_quantile, normal_tail};

/// An interval of plausible values; its low end is never above its high end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The low end.
    pub low: f64,
    /// The high end.
    pub high: f64,
}

impl Interval {
    /// The interval of the opposite values.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
        }
    }
}
