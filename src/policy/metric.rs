//! The metrics, each defined by one row of a table, and the limits.

/// Declares the metrics. Each metric must define every column; a missing column is a compile error.
macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident { $($column:ident: $value:expr),+ $(,)? })+) => {
        /// What a gate measures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[$doc])* $name,)+
        }

        impl Metric {
            /// Every metric, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The metric's row of the table.
            #[must_use]
            pub const fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$name => &Definition { $($column: $value),+ },)+
                }
            }
        }
    };
}

/// The columns that define a metric.
///
/// Other code matches on these columns and never on metrics; a test searches the sources for the names of metrics.
/// Code matches on the column types without a wildcard. So a metric that combines existing variants needs only one row
/// of the table, and the compiler reports every place that must handle a new variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// The metric's name in policies and reports.
    pub word: &'static str,
    /// The unit of the metric's values.
    pub unit: Unit,
    /// What the metric is measured on.
    pub subject: Subject,
    /// The value that is read from each trial; `None` if the metric only counts trials or rows.
    pub column: Option<Kind>,
    /// How the values of all trials are combined into one value.
    pub aggregate: Aggregate,
    /// How a trial without a value is treated.
    pub missing: MissingValue,
    /// The kind of confidence interval that the metric has.
    pub interval: IntervalKind,
    /// The limits that a gate on this metric can set.
    pub limits: &'static [LimitKey],
}

/// What a metric is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A dimension of a scorer.
    Dimension,
    /// The run itself.
    Run,
}

/// The value that is read from each trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A boolean score of a dimension: 1 for true, 0 for false.
    Truth,
    /// A numeric score of a dimension.
    Number,
    /// Whether the dimension has a score: 1 for a boolean or a number, 0 for text, missing if there is no score.
    Scored,
    /// Whether anything was scored: 1 for a boolean, a number or text in any dimension, 0 if there are only lists or
    /// fields that the SDK added, missing if there is nothing.
    Anything,
    /// Seconds that the predict call took; missing if the call crashed.
    Latency,
    /// Seconds after which the predict call crashed; missing if it did not crash.
    Elapsed,
    /// Tokens that the predict call used.
    Tokens,
    /// Cost of the predict call, in US dollars.
    Cost,
}

/// How the values of all trials are combined into one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// The mean over rows of the mean of a row's trials.
    RowMean,
    /// The sum over all trials.
    Total,
    /// A percentile of all trials, given as the fraction of trials whose value is at most the result.
    Percentile(f64),
    /// The mean over rows of the chance that some number of attempts at the row pass.
    Attempts(Attempts),
    /// The number of rows whose result changed between the two runs.
    ChangedRows(Change),
    /// The number of trials or rows.
    Count(Counted),
}

/// Which of the attempts at a row must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempts {
    /// Every one of them.
    All,
    /// At least one of them.
    Any,
}

/// The direction in which a row changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row passed in the baseline and does not pass in the candidate.
    Regressed,
    /// The row did not pass in the baseline and passes in the candidate.
    Fixed,
}

/// What a count metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Trials.
    Trials,
    /// Rows.
    Rows,
}

/// How a trial without a value is treated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MissingValue {
    /// Every trial has a value.
    Never,
    /// The metric measures whether the value is missing, so the trial counts as this number.
    Counts(f64),
    /// The value is unknown but lies between these two numbers.
    Between(f64, f64),
    /// The value is unknown but lies in the gate's `range`; without a `range` it has no bounds.
    InRange,
}

/// The kind of confidence interval that a metric has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalKind {
    /// No interval: the metric can only be judged by its observed value.
    None,
    /// For a rate. With one trial per row: Wilson's interval, or Newcombe's for a change. Otherwise: Student's t
    /// interval.
    Rate,
    /// For a mean: Student's t interval.
    Mean,
}

/// The unit of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A fraction from 0 to 1.
    Fraction,
    /// The unit that the scorer uses.
    Score,
    /// A whole number of trials or rows.
    Count,
    /// Seconds.
    Seconds,
    /// Tokens.
    Tokens,
    /// US dollars.
    Dollars,
}

metrics! {
    /// For a boolean dimension: the mean over rows of the fraction of a row's trials that are scored true.
    PassRate {
        word: "pass_rate",
        unit: Unit::Fraction,
        subject: Subject::Dimension,
        column: Some(Kind::Truth),
        aggregate: Aggregate::RowMean,
        missing: MissingValue::Between(0.0, 1.0),
        interval: IntervalKind::Rate,
        limits: &LimitKey::ALL,
    }
    /// For a numeric dimension: the mean over rows of the mean of a row's scores.
    NumericMean {
        word: "numeric_mean",
        unit: Unit::Score,
        subject: Subject::Dimension,
        column: Some(Kind::Number),
        aggregate: Aggregate::RowMean,
        missing: MissingValue::InRange,
        interval: IntervalKind::Mean,
        limits: &LimitKey::ALL,
    }
    /// For a boolean dimension: the mean over rows of the chance that `k` attempts at the row all pass.
    PassHatK {
        word: "pass_hat_k",
        unit: Unit::Fraction,
        subject: Subject::Dimension,
        column: Some(Kind::Truth),
        aggregate: Aggregate::Attempts(Attempts::All),
        missing: MissingValue::Between(0.0, 1.0),
        interval: IntervalKind::Rate,
        limits: &LimitKey::ALL,
    }
    /// For a boolean dimension: the mean over rows of the chance that at least one of `k` attempts at the row passes.
    PassAtK {
        word: "pass_at_k",
        unit: Unit::Fraction,
        subject: Subject::Dimension,
        column: Some(Kind::Truth),
        aggregate: Aggregate::Attempts(Attempts::Any),
        missing: MissingValue::Between(0.0, 1.0),
        interval: IntervalKind::Rate,
        limits: &LimitKey::ALL,
    }
    /// Mean over rows of the fraction of a row's trials that have a score of the dimension's own type.
    Coverage {
        word: "coverage",
        unit: Unit::Fraction,
        subject: Subject::Dimension,
        column: Some(Kind::Scored),
        aggregate: Aggregate::RowMean,
        missing: MissingValue::Counts(0.0),
        interval: IntervalKind::Rate,
        limits: &[LimitKey::Min, LimitKey::MaxDrop],
    }
    /// The number of rows that passed in the baseline and do not pass in the candidate.
    RegressedRows {
        word: "regressed_rows",
        unit: Unit::Count,
        subject: Subject::Dimension,
        column: Some(Kind::Truth),
        aggregate: Aggregate::ChangedRows(Change::Regressed),
        missing: MissingValue::Between(0.0, 1.0),
        interval: IntervalKind::None,
        limits: &[LimitKey::Min, LimitKey::Max],
    }
    /// The number of rows that did not pass in the baseline and pass in the candidate.
    FixedRows {
        word: "fixed_rows",
        unit: Unit::Count,
        subject: Subject::Dimension,
        column: Some(Kind::Truth),
        aggregate: Aggregate::ChangedRows(Change::Fixed),
        missing: MissingValue::Between(0.0, 1.0),
        interval: IntervalKind::None,
        limits: &[LimitKey::Min, LimitKey::Max],
    }
    /// The number of trials in the run.
    Trials {
        word: "trials",
        unit: Unit::Count,
        subject: Subject::Run,
        column: None,
        aggregate: Aggregate::Count(Counted::Trials),
        missing: MissingValue::Never,
        interval: IntervalKind::None,
        limits: &[LimitKey::Min, LimitKey::Max],
    }
    /// The number of rows in the run.
    Rows {
        word: "rows",
        unit: Unit::Count,
        subject: Subject::Run,
        column: None,
        aggregate: Aggregate::Count(Counted::Rows),
        missing: MissingValue::Never,
        interval: IntervalKind::None,
        limits: &[LimitKey::Min, LimitKey::Max],
    }
    /// Mean over rows of the fraction of a row's trials in which nothing was scored.
    ErrorRate {
        word: "error_rate",
        unit: Unit::Fraction,
        subject: Subject::Run,
        column: Some(Kind::Anything),
        aggregate: Aggregate::RowMean,
        missing: MissingValue::Counts(1.0),
        interval: IntervalKind::Rate,
        limits: &LimitKey::ALL,
    }
    /// Mean over rows of the mean time of a row's predict calls, in seconds.
    LatencyMean {
        word: "latency_mean",
        unit: Unit::Seconds,
        subject: Subject::Run,
        column: Some(Kind::Latency),
        aggregate: Aggregate::RowMean,
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::Mean,
        limits: &LimitKey::ALL,
    }
    /// The 50th percentile of the time of predict calls, in seconds.
    LatencyP50 {
        word: "latency_p50",
        unit: Unit::Seconds,
        subject: Subject::Run,
        column: Some(Kind::Latency),
        aggregate: Aggregate::Percentile(0.50),
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::None,
        limits: &LimitKey::ALL,
    }
    /// The 95th percentile of the time of predict calls, in seconds.
    LatencyP95 {
        word: "latency_p95",
        unit: Unit::Seconds,
        subject: Subject::Run,
        column: Some(Kind::Latency),
        aggregate: Aggregate::Percentile(0.95),
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::None,
        limits: &LimitKey::ALL,
    }
    /// The 99th percentile of the time of predict calls, in seconds.
    LatencyP99 {
        word: "latency_p99",
        unit: Unit::Seconds,
        subject: Subject::Run,
        column: Some(Kind::Latency),
        aggregate: Aggregate::Percentile(0.99),
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::None,
        limits: &LimitKey::ALL,
    }
    /// Tokens that all predict calls used together.
    TokensTotal {
        word: "tokens_total",
        unit: Unit::Tokens,
        subject: Subject::Run,
        column: Some(Kind::Tokens),
        aggregate: Aggregate::Total,
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::None,
        limits: &LimitKey::ALL,
    }
    /// Mean over rows of the mean number of tokens that a row's predict calls used.
    TokensMean {
        word: "tokens_mean",
        unit: Unit::Tokens,
        subject: Subject::Run,
        column: Some(Kind::Tokens),
        aggregate: Aggregate::RowMean,
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::None,
        limits: &LimitKey::ALL,
    }
    /// Cost of all predict calls together, in US dollars.
    CostTotal {
        word: "cost_total",
        unit: Unit::Dollars,
        subject: Subject::Run,
        column: Some(Kind::Cost),
        aggregate: Aggregate::Total,
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::None,
        limits: &LimitKey::ALL,
    }
    /// Mean over rows of the mean cost of a row's predict calls, in US dollars.
    CostMean {
        word: "cost_mean",
        unit: Unit::Dollars,
        subject: Subject::Run,
        column: Some(Kind::Cost),
        aggregate: Aggregate::RowMean,
        missing: MissingValue::Between(0.0, f64::INFINITY),
        interval: IntervalKind::None,
        limits: &LimitKey::ALL,
    }
}

impl Metric {
    /// The metric's name in policies and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.definition().word
    }

    /// The names of all metrics.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|metric| metric.word()).collect()
    }

    /// The unit of the metric's values.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.definition().unit
    }

    /// The value that is read from each trial; `None` if the metric only counts trials or rows.
    #[must_use]
    pub const fn column(self) -> Option<Kind> {
        self.definition().column
    }

    /// How the values of all trials are combined into one value.
    #[must_use]
    pub const fn aggregate(self) -> Aggregate {
        self.definition().aggregate
    }

    /// The limits that a gate on this metric can set.
    #[must_use]
    pub const fn limits(self) -> &'static [LimitKey] {
        self.definition().limits
    }

    /// Whether the metric is measured on a dimension; otherwise it is measured on the run itself.
    #[must_use]
    pub const fn has_scorer(self) -> bool {
        matches!(self.definition().subject, Subject::Dimension)
    }

    /// Whether the metric itself compares two runs. Every limit on it then needs a baseline and the rows of both runs.
    #[must_use]
    pub const fn compares(self) -> bool {
        matches!(self.aggregate(), Aggregate::ChangedRows(_))
    }

    /// Whether the metric is about a number of attempts at each row.
    #[must_use]
    pub const fn takes_attempts(self) -> bool {
        matches!(self.aggregate(), Aggregate::Attempts(_))
    }

    /// Whether the metric measures the time of predict calls. Only rows have these times; summaries do not.
    #[must_use]
    pub const fn is_latency(self) -> bool {
        matches!(self.column(), Some(Kind::Latency))
    }

    /// Whether the metric measures tokens or cost.
    #[must_use]
    pub const fn is_usage(self) -> bool {
        matches!(self.column(), Some(Kind::Tokens | Kind::Cost))
    }

    /// Whether the metric measures cost.
    #[must_use]
    pub const fn is_cost(self) -> bool {
        matches!(self.column(), Some(Kind::Cost))
    }

    /// Whether the value of a trial can be unknown. If not, `missing` has no effect on the metric.
    #[must_use]
    pub const fn can_miss(self) -> bool {
        matches!(
            self.definition().missing,
            MissingValue::Between(..) | MissingValue::InRange
        )
    }

    /// Whether a gate on this metric can declare the `range` of its scores.
    #[must_use]
    pub const fn takes_range(self) -> bool {
        matches!(self.definition().missing, MissingValue::InRange)
    }

    /// Whether the metric has a confidence interval. Evidence rules other than `observed` need one.
    #[must_use]
    pub const fn has_interval(self) -> bool {
        !matches!(self.definition().interval, IntervalKind::None)
    }

    /// Whether the metric is a fraction of trials that has a confidence interval.
    #[must_use]
    pub const fn is_rate(self) -> bool {
        matches!(self.definition().interval, IntervalKind::Rate)
    }
}

/// The kind of a limit. The name gives the direction, so the direction is never guessed.
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
    /// Every kind of limit, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Min,
        Self::Max,
        Self::MaxDrop,
        Self::MaxRise,
        Self::MaxRelativeDrop,
        Self::MaxRelativeRise,
    ];

    /// The limit's key in a policy.
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

    /// Whether the limit is on the change from a baseline.
    #[must_use]
    pub const fn is_change(self) -> bool {
        !matches!(self, Self::Min | Self::Max)
    }

    /// Whether the limit is on the change as a fraction of the baseline.
    #[must_use]
    pub const fn is_relative(self) -> bool {
        matches!(self, Self::MaxRelativeDrop | Self::MaxRelativeRise)
    }

    /// Whether a higher candidate value can only help to meet the limit.
    #[must_use]
    pub const fn wants_high(self) -> bool {
        matches!(self, Self::Min | Self::MaxDrop | Self::MaxRelativeDrop)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The files that may name single metrics: the table of metrics, and the files that choose metrics to draft or to
    /// compare.
    const NAMES_METRICS: [&str; 4] = [
        "policy/metric.rs",
        "draft/gates.rs",
        "draft/limits.rs",
        "judge/compare.rs",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn no_code_outside_the_table_names_a_metric() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        let mut read = 0;
        for file in files {
            let name = file
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            if NAMES_METRICS.contains(&&*name) || name.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for metric in Metric::ALL {
                assert!(
                    !code.contains(&format!("Metric::{metric:?}")),
                    "src/{name} names {metric:?}: match on a column of its definition instead"
                );
            }
            read += 1;
        }
        assert!(read > 50, "{read}");
    }

    #[test]
    fn words_are_unique_and_columns_fit_each_other() {
        for (place, metric) in Metric::ALL.iter().enumerate() {
            let definition = metric.definition();
            let others = &Metric::ALL[..place];
            assert!(others.iter().all(|other| other.word() != definition.word));
            let is_count = matches!(definition.aggregate, Aggregate::Count(_));
            assert_eq!(is_count, definition.column.is_none(), "{metric:?}");
            assert_eq!(
                is_count,
                definition.missing == MissingValue::Never,
                "{metric:?}"
            );
            // Only a mean over rows has an interval.
            let is_mean = matches!(
                definition.aggregate,
                Aggregate::RowMean | Aggregate::Attempts(_)
            );
            assert!(!metric.has_interval() || is_mean, "{metric:?}");
            assert!(!definition.limits.is_empty());
        }
    }
}
