//! The metrics, each defined by one row of a table, and the limits.

/// Declares the metrics, each with its whole definition: a column that is left out is an error of the compiler.
macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident { $($column:ident: $value:expr),+ $(,)? })+) => {
        /// What a gate measures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[$doc])* $name,)+
        }

        impl Metric {
            /// Every metric, in the order of the documents.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its row of the table.
            #[must_use]
            pub const fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$name => &Definition { $($column: $value),+ },)+
                }
            }
        }
    };
}

/// Everything that distinguishes a metric from the others.
///
/// Other code matches on these columns and never on metrics (a test reads the sources for that), and their types are
/// matched without a wildcard: a metric that is made of known columns is one row of the table, and the compiler names
/// every place that a new variant of a column needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// The word in a policy and in every report.
    pub word: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// What it is measured on.
    pub subject: Subject,
    /// What is read of each trial; `None` where trials or rows are only counted.
    pub column: Option<Kind>,
    /// How the values of trials become one value.
    pub aggregate: Aggregate,
    /// What a trial without a value means.
    pub missing: MissingValue,
    /// Which confidence interval it has.
    pub interval: IntervalKind,
    /// The limits that a gate can set.
    pub limits: &'static [LimitKey],
}

/// What a metric is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One dimension of a scorer.
    Dimension,
    /// The run itself.
    Run,
}

/// What is read of each trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A boolean score of a dimension: 1 for true, 0 for false.
    Truth,
    /// A numeric score of a dimension.
    Number,
    /// Whether the dimension has a score: 1 for a boolean or a number, 0 for a text, missing where it has none.
    Scored,
    /// Whether anything was scored: 1 for a score or a text of any dimension, 0 for a list or a field of the SDK alone,
    /// missing where nothing was.
    Anything,
    /// Seconds of the predict call, missing where it crashed.
    Latency,
    /// Seconds after which the predict call crashed, missing where it did not.
    Elapsed,
    /// Tokens of the predict call.
    Tokens,
    /// US dollars of the predict call.
    Cost,
}

/// How the values of trials become one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// The mean over rows of the mean of a row's trials.
    RowMean,
    /// The sum over all trials.
    Total,
    /// A percentile of all trials, as the fraction of them that are at most the value.
    Percentile(f64),
    /// The number of rows that changed between the two runs.
    ChangedRows(Change),
    /// The number of trials or of rows.
    Count(Counted),
}

/// Which change of a row is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It passed in the baseline and does not in the candidate.
    Regressed,
    /// It did not pass in the baseline and does in the candidate.
    Fixed,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Trials.
    Trials,
    /// Rows.
    Rows,
}

/// What a trial without a value means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MissingValue {
    /// No trial can lack it.
    Never,
    /// That the value is missing is what the metric measures: the trial counts as this.
    Counts(f64),
    /// The value is unknown, between these two.
    Between(f64, f64),
    /// The value is unknown, and within the gate's `range`; without one it has no bounds.
    InRange,
}

/// Which confidence interval a metric has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalKind {
    /// None: only the observed value can be judged.
    None,
    /// Of a rate: Wilson's, or Newcombe's for a change, where each row has one trial; else Student's.
    Rate,
    /// Of a mean: Student's.
    Mean,
}

/// The unit of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A fraction from 0 to 1.
    Fraction,
    /// The unit of the scorer.
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
    /// Mean over rows of the fraction of a row's trials that are scored true, of a binary dimension.
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
    /// Mean over rows of the mean of a row's scores, of a numeric dimension.
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
    /// Rows that passed in the baseline and do not in the candidate.
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
    /// Rows that did not pass in the baseline and do in the candidate.
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
    /// Trials of the run.
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
    /// Rows of the run.
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
    /// Mean over rows of the fraction of a row's trials in which nothing at all was scored.
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
    /// Mean over rows of the mean seconds of a row's predict calls.
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
    /// Seconds that half of the predict calls take at most.
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
    /// Seconds that 95 in 100 predict calls take at most.
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
    /// Seconds that 99 in 100 predict calls take at most.
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
    /// Tokens of all predict calls.
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
    /// Mean over rows of the mean tokens of a row's predict calls.
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
    /// US dollars of all predict calls.
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
    /// Mean over rows of the mean US dollars of a row's predict calls.
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
    /// The word in a policy and in every report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.definition().word
    }

    /// The words of all metrics.
    #[must_use]
    pub fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|metric| metric.word()).collect()
    }

    /// The unit of its values.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.definition().unit
    }

    /// What is read of each trial; `None` where trials or rows are only counted.
    #[must_use]
    pub const fn column(self) -> Option<Kind> {
        self.definition().column
    }

    /// How the values of trials become one value.
    #[must_use]
    pub const fn aggregate(self) -> Aggregate {
        self.definition().aggregate
    }

    /// The limits that a gate can set.
    #[must_use]
    pub const fn limits(self) -> &'static [LimitKey] {
        self.definition().limits
    }

    /// Whether it is measured on a dimension; else on the run itself.
    #[must_use]
    pub const fn has_scorer(self) -> bool {
        matches!(self.definition().subject, Subject::Dimension)
    }

    /// Whether it compares two runs by itself, so that every limit of it needs a baseline, and the rows of both.
    #[must_use]
    pub const fn compares(self) -> bool {
        matches!(self.aggregate(), Aggregate::ChangedRows(_))
    }

    /// Whether it measures the seconds of predict calls, which only rows have.
    #[must_use]
    pub const fn is_latency(self) -> bool {
        matches!(self.column(), Some(Kind::Latency))
    }

    /// Whether it measures tokens or cost.
    #[must_use]
    pub const fn is_usage(self) -> bool {
        matches!(self.column(), Some(Kind::Tokens | Kind::Cost))
    }

    /// Whether it measures cost.
    #[must_use]
    pub const fn is_cost(self) -> bool {
        matches!(self.column(), Some(Kind::Cost))
    }

    /// Whether the value of a trial may be unknown; if not, `missing` has no meaning.
    #[must_use]
    pub const fn can_miss(self) -> bool {
        matches!(
            self.definition().missing,
            MissingValue::Between(..) | MissingValue::InRange
        )
    }

    /// Whether a gate can declare the range of its scores.
    #[must_use]
    pub const fn takes_range(self) -> bool {
        matches!(self.definition().missing, MissingValue::InRange)
    }

    /// Whether it has a confidence interval, so that evidence rules other than `observed` apply.
    #[must_use]
    pub const fn has_interval(self) -> bool {
        !matches!(self.definition().interval, IntervalKind::None)
    }

    /// Whether it is a fraction of trials with a confidence interval.
    #[must_use]
    pub const fn is_rate(self) -> bool {
        matches!(self.definition().interval, IntervalKind::Rate)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The files that may name single metrics: the table of metrics, and the files that choose metrics to draft or to
    /// compare.
    const NAMES_METRICS: [&str; 4] = [
        "policy/metric.rs",
        "draft/mod.rs",
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
            assert!(
                !metric.has_interval() || definition.aggregate == Aggregate::RowMean,
                "{metric:?}"
            );
            assert!(!definition.limits.is_empty());
        }
    }
}
