//! Statistics: pure functions on numbers, each with its source and published test vectors.
//!
//! Confidence is always one-sided. An interval at 0.95 leaves out 5 % on *each* side, so each of its ends is a bound
//! with 95 % confidence. Textbooks call it the two-sided 90 % interval.

mod attempts;
mod cluster_imputation;
mod holm;
mod imputation;
mod mean;
mod proportion;
mod quantile;
mod repeated;
mod run_component;
#[cfg(test)]
mod tests;

pub use attempts::{all_pass, any_passes};
pub use holm::{Attainable, holm, tarone};
pub use imputation::Imputations;
pub use mean::{Sample, mean};
pub use proportion::{Pairs, Rates, chance_of_net, mid_p, wilson, wilson_of_rate};
pub use quantile::{normal_quantile, normal_tail};
pub use repeated::{Components, RunNoise, caught, margin_of, one_way, rate_beyond};
pub use run_component::RunComponent;

/// A confidence interval. Its low end is never above its high end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The low end.
    pub low: f64,
    /// The high end.
    pub high: f64,
}

impl Interval {
    /// The interval of the negated values.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
        }
    }
}
