//! A measured value, with bounds for missing scores.

/// The value of a metric on some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// The value on the existing scores; `None` if these do not determine a single value.
    pub observed: Option<f64>,
    /// The value with every missing score at its lowest.
    pub low: f64,
    /// The value with every missing score at its highest.
    pub high: f64,
    /// The number of trials that have a score.
    pub scored: u64,
    /// The number of all trials; a removed row counts as one.
    pub trials: u64,
    /// The number of rows of these trials, including removed rows.
    pub rows: u64,
    /// Whether scores are missing and were ignored.
    pub ignores: bool,
    /// Whether the value is a count or a rate, which is exact in floating point.
    pub exact: bool,
    /// The size of the largest score, as far as it is known: 1 for rates, 0 for counts.
    pub size: f64,
    /// The divisor of a ratio of counts.
    pub steps: Option<u64>,
}

impl Measure {
    /// Whether the value depends on missing scores.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.low != self.high
    }

    /// Whether missing scores leave the value without a bound on some side.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        self.low.is_infinite() || self.high.is_infinite()
    }
}
