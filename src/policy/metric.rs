//! What can be measured, and which limits each metric can have.

/// What a gate measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean over rows of the fraction of a row's trials that are scored true, of a binary dimension.
    PassRate,
    /// Mean over rows of the mean of a row's scores, of a numeric dimension.
    NumericMean,
    /// Mean over rows of the fraction of a row's trials that have a score of the dimension's own type.
    Coverage,
    /// Rows that passed in the baseline and do not in the candidate.
    RegressedRows,
    /// Rows that did not pass in the baseline and do in the candidate.
    FixedRows,
    /// Trials of the run.
    Trials,
    /// Rows of the run.
    Rows,
    /// Mean over rows of the fraction of a row's trials in which nothing at all was scored.
    ErrorRate,
    /// Mean over rows of the mean seconds of a row's predict calls.
    LatencyMean,
    /// Seconds that half of the predict calls take at most.
    LatencyP50,
    /// Seconds that 95 in 100 predict calls take at most.
    LatencyP95,
    /// Seconds that 99 in 100 predict calls take at most.
    LatencyP99,
    /// Tokens of all predict calls.
    TokensTotal,
    /// Mean over rows of the mean tokens of a row's predict calls.
    TokensMean,
    /// US dollars of all predict calls.
    CostTotal,
    /// Mean over rows of the mean US dollars of a row's predict calls.
    CostMean,
}

/// What a value of a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 0 to 1.
    Fraction,
    /// Whatever the scorer counts.
    Score,
    /// Whole things.
    Count,
    /// Seconds.
    Seconds,
    /// Tokens.
    Tokens,
    /// US dollars.
    Dollars,
}

impl Metric {
    /// Every metric, in the order of the documents.
    pub const ALL: [Self; 16] = [
        Self::PassRate,
        Self::NumericMean,
        Self::Coverage,
        Self::RegressedRows,
        Self::FixedRows,
        Self::Trials,
        Self::Rows,
        Self::ErrorRate,
        Self::LatencyMean,
        Self::LatencyP50,
        Self::LatencyP95,
        Self::LatencyP99,
        Self::TokensTotal,
        Self::TokensMean,
        Self::CostTotal,
        Self::CostMean,
    ];

    /// The word in a policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PassRate => "pass_rate",
            Self::NumericMean => "numeric_mean",
            Self::Coverage => "coverage",
            Self::RegressedRows => "regressed_rows",
            Self::FixedRows => "fixed_rows",
            Self::Trials => "trials",
            Self::Rows => "rows",
            Self::ErrorRate => "error_rate",
            Self::LatencyMean => "latency_mean",
            Self::LatencyP50 => "latency_p50",
            Self::LatencyP95 => "latency_p95",
            Self::LatencyP99 => "latency_p99",
            Self::TokensTotal => "tokens_total",
            Self::TokensMean => "tokens_mean",
            Self::CostTotal => "cost_total",
            Self::CostMean => "cost_mean",
        }
    }

    /// What a value counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::PassRate | Self::Coverage | Self::ErrorRate => Unit::Fraction,
            Self::NumericMean => Unit::Score,
            Self::RegressedRows | Self::FixedRows | Self::Trials | Self::Rows => Unit::Count,
            Self::LatencyMean | Self::LatencyP50 | Self::LatencyP95 | Self::LatencyP99 => {
                Unit::Seconds
            }
            Self::TokensTotal | Self::TokensMean => Unit::Tokens,
            Self::CostTotal | Self::CostMean => Unit::Dollars,
        }
    }

    /// Whether it is measured on a dimension; else on the run itself.
    #[must_use]
    pub const fn has_scorer(self) -> bool {
        matches!(self, Self::PassRate | Self::NumericMean | Self::Coverage) || self.compares()
    }

    /// Whether it is itself of two runs, so that every limit of it needs a baseline, and their rows.
    #[must_use]
    pub const fn compares(self) -> bool {
        matches!(self, Self::RegressedRows | Self::FixedRows)
    }

    /// Whether it is of the seconds that predict calls take, which only rows tell.
    #[must_use]
    pub const fn is_latency(self) -> bool {
        matches!(self.unit(), Unit::Seconds)
    }

    /// Whether it needs tokens or cost.
    #[must_use]
    pub const fn is_usage(self) -> bool {
        matches!(self.unit(), Unit::Tokens | Unit::Dollars)
    }

    /// Whether it needs cost.
    #[must_use]
    pub const fn is_cost(self) -> bool {
        matches!(self.unit(), Unit::Dollars)
    }

    /// Whether a trial may lack it; if not, `missing` has nothing to say.
    #[must_use]
    pub const fn can_miss(self) -> bool {
        matches!(self, Self::PassRate | Self::NumericMean)
            || self.is_usage()
            || self.is_latency()
            || self.compares()
    }

    /// Whether it is a mean of rows, so that chance can be told from change.
    #[must_use]
    pub const fn has_interval(self) -> bool {
        matches!(
            self,
            Self::PassRate
                | Self::NumericMean
                | Self::Coverage
                | Self::ErrorRate
                | Self::LatencyMean
        )
    }

    /// The limits it can have.
    #[must_use]
    pub const fn limits(self) -> &'static [LimitKey] {
        match self {
            Self::Coverage => &[LimitKey::Min, LimitKey::MaxDrop],
            Self::RegressedRows | Self::FixedRows | Self::Trials | Self::Rows => {
                &[LimitKey::Min, LimitKey::Max]
            }
            Self::PassRate
            | Self::NumericMean
            | Self::ErrorRate
            | Self::LatencyMean
            | Self::LatencyP50
            | Self::LatencyP95
            | Self::LatencyP99
            | Self::TokensTotal
            | Self::TokensMean
            | Self::CostTotal
            | Self::CostMean => &LimitKey::ALL,
        }
    }
}

/// Which limit. The direction is in the word, so that none is guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKey {
    /// The candidate's value is at least this.
    Min,
    /// The candidate's value is at most this.
    Max,
    /// Baseline − candidate is at most this.
    MaxDrop,
    /// Candidate − baseline is at most this.
    MaxRise,
    /// (Baseline − candidate) / |baseline| is at most this.
    MaxRelativeDrop,
    /// (Candidate − baseline) / |baseline| is at most this.
    MaxRelativeRise,
}

impl LimitKey {
    /// Every limit, in the order of the documents.
    pub const ALL: [Self; 6] = [
        Self::Min,
        Self::Max,
        Self::MaxDrop,
        Self::MaxRise,
        Self::MaxRelativeDrop,
        Self::MaxRelativeRise,
    ];

    /// The key in a policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::MaxDrop => "max_drop",
            Self::MaxRise => "max_rise",
            Self::MaxRelativeDrop => "max_relative_drop",
            Self::MaxRelativeRise => "max_relative_rise",
        }
    }

    /// Whether it limits the change from a baseline.
    #[must_use]
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::Min | Self::Max)
    }

    /// Whether it limits the change as a fraction of the baseline.
    #[must_use]
    pub const fn is_relative(self) -> bool {
        matches!(self, Self::MaxRelativeDrop | Self::MaxRelativeRise)
    }

    /// Whether a higher candidate can only help.
    #[must_use]
    pub const fn wants_high(self) -> bool {
        matches!(self, Self::Min | Self::MaxDrop | Self::MaxRelativeDrop)
    }
}
