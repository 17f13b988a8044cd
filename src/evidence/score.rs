//! The score of one trial, or none.

/// The score of one trial in a column, or none: true is 1, false is 0.
///
/// It takes 8 bytes, since there is one for each trial and column: a missing score is stored as NaN, which no score is.
#[derive(Clone, Copy, Debug)]
pub struct Score(f64);

impl Score {
    /// There is no score.
    pub const MISSING: Self = Self(f64::NAN);

    /// A score; NaN is a missing one.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self(value)
    }

    /// The score, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }

    /// Whether it is missing.
    #[must_use]
    pub fn is_missing(self) -> bool {
        self.0.is_nan()
    }
}

/// Two missing scores are equal.
impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}
