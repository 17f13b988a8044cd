//! A measured value, with bounds for missing scores.

/// What a metric is on some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// The value on the scores there are; `None` where these do not tell one value.
    pub observed: Option<f64>,
    /// The value with every missing score at its lowest.
    pub low: f64,
    /// The value with every missing score at its highest.
    pub high: f64,
    /// Trials that have the score.
    pub scored: u64,
    /// All trials; a removed row counts as one.
    pub trials: u64,
    /// The rows that these trials are of, those of removed rows included.
    pub rows: u64,
    /// Whether scores are missing that were left out.
    pub ignores: bool,
    /// Whether the value is a count or a rate: exact in floating point.
    pub exact: bool,
    /// The size of the largest score, as far as it is known: 1 for rates, 0 for counts.
    pub size: f64,
    /// The count that a ratio of counts was divided by.
    pub steps: Option<u64>,
}

impl Measure {
    /// Whether missing scores leave the value open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.low != self.high
    }

    /// Whether missing scores leave it without any end.
    #[must_use]
    pub fn is_unbounded(&self) -> bool {
        self.low.is_infinite() || self.high.is_infinite()
    }
}
