//! The score of one trial, or a missing score.

/// The score of one trial in a column, or a missing score. True is 1 and false is 0.
///
/// A score takes 8 bytes, because there is one for each trial and column. A missing score is stored as NaN, which is
/// never a valid score.
#[derive(Clone, Copy, Debug)]
pub struct Score(f64);

impl Score {
    /// A missing score.
    pub const MISSING: Self = Self(f64::NAN);

    /// A score; NaN becomes a missing score.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self(value)
    }

    /// The score; `None` if it is missing.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (!self.0.is_nan()).then_some(self.0)
    }

    /// Whether the score is missing.
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
