//! Values in the units of their metrics, for people: rates in percent, changes of rates in points.
//!
//! A value is shown with as few digits as keep it on its side of its limit: 0.8996 with `min: 0.9` is `89.96 %`.

use std::cmp::Ordering;

use crate::judge::{Check, Measure};
use crate::number::{TOLERANCE, count, nearest_count, show, trimmed};
use crate::policy::{Aggregate, Attempts, Kind, Limit, LimitKey, Metric, Unit};

/// More decimals tell no doubles apart.
const MOST_DECIMALS: usize = 17;
/// A value closer to 0 than this is shown as 0: it is the rounding error of numbers of usual size.
const ROUNDING: f64 = 1e-12;

/// What of a check decides how its numbers are shown.
#[derive(Clone, Copy)]
pub(super) struct Values {
    pub(super) metric: Metric,
    pub(super) attempts: u64,
    pub(super) limit: Limit,
    pub(super) baseline: Option<Ends>,
    pub(super) candidate: Option<Ends>,
}

impl From<&Check> for Values {
    fn from(check: &Check) -> Self {
        Self {
            metric: check.metric,
            attempts: check.attempts,
            limit: check.limit,
            baseline: check.baseline.as_ref().map(Ends::from),
            candidate: check.candidate.as_ref().map(Ends::from),
        }
    }
}

/// A metric in words: `pass rate`, or `pass^3` for the chance that three attempts all pass.
pub(super) fn metric(metric: Metric, attempts: u64) -> String {
    match metric.aggregate() {
        Aggregate::Attempts(Attempts::All) => format!("pass^{attempts}"),
        Aggregate::Attempts(Attempts::Any) => format!("pass@{attempts}"),
        Aggregate::RowMean
        | Aggregate::Total
        | Aggregate::Percentile(_)
        | Aggregate::ChangedRows(_)
        | Aggregate::Count(_) => metric.word().replace('_', " "),
    }
}

impl From<&&Check> for Values {
    fn from(check: &&Check) -> Self {
        Self::from(*check)
    }
}

/// The values that a measured value is between if scores are missing. Both are the same if none is.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl From<&Measure> for Ends {
    fn from(measure: &Measure) -> Self {
        Self {
            low: measure.low,
            high: measure.high,
        }
    }
}

/// How numbers of one unit are written.
#[derive(Clone, Copy)]
struct Format {
    /// The factor from the unit of the metric to the shown one.
    scale: f64,
    /// What comes before the number.
    before: &'static str,
    /// What comes after it.
    after: &'static str,
    digits: Digits,
}

/// How many decimals a number has at least, before trailing zeros are cut.
#[derive(Clone, Copy)]
enum Digits {
    /// This many.
    Decimals(usize),
    /// As many as give three significant digits.
    Significant,
    /// Three significant digits below 1, else two decimals that are kept, as money has them.
    Money,
}

/// The format of values, of a size that fits.
fn format_of(unit: Unit, size: f64) -> Format {
    let plain = Format {
        scale: 1.0,
        before: "",
        after: "",
        digits: Digits::Significant,
    };
    match unit {
        Unit::Fraction => Format {
            scale: 100.0,
            after: " %",
            digits: Digits::Decimals(1),
            ..plain
        },
        Unit::Score => plain,
        Unit::Count | Unit::Tokens => Format {
            digits: Digits::Decimals(0),
            ..plain
        },
        Unit::Dollars => Format {
            before: "$",
            digits: Digits::Money,
            ..plain
        },
        Unit::Seconds if size < 1.0 => Format {
            scale: 1000.0,
            after: " ms",
            ..plain
        },
        Unit::Seconds => Format {
            after: " s",
            ..plain
        },
    }
}

/// The format of changes: those of rates are in points, relative ones in percent of the baseline.
fn format_of_change(unit: Unit, is_relative: bool, size: f64) -> Format {
    match unit {
        _ if is_relative => format_of(Unit::Fraction, size),
        Unit::Fraction => Format {
            after: " pts",
            ..format_of(unit, size)
        },
        Unit::Score | Unit::Count | Unit::Tokens | Unit::Dollars | Unit::Seconds => {
            format_of(unit, size)
        }
    }
}

impl Format {
    /// A value, with enough digits to keep its order to each of these others.
    fn text(self, value: f64, others: &[f64]) -> String {
        if value.is_infinite() {
            return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
        }
        let shown = value * self.scale;
        let mut text = String::new();
        for decimals in self.decimals(shown)..=MOST_DECIMALS {
            text = format!("{shown:.decimals$}");
            let read: f64 = text.parse().unwrap_or(shown);
            let is_kept =
                |other: &f64| order(read, other * self.scale) == order(shown, other * self.scale);
            if others.iter().all(is_kept) {
                break;
            }
        }
        let text = match self.digits {
            Digits::Money if shown.abs() >= 1.0 => text,
            Digits::Money | Digits::Decimals(_) | Digits::Significant => trimmed(text),
        };
        let (sign, digits) = text
            .strip_prefix('-')
            .map_or(("", &*text), |text| ("-", text));
        format!("{sign}{}{digits}{}", self.before, self.after)
    }

    fn decimals(self, shown: f64) -> usize {
        let size = shown.abs();
        match self.digits {
            Digits::Decimals(decimals) => decimals,
            Digits::Money if size >= 1.0 => 2,
            Digits::Money | Digits::Significant => {
                // The number of decimals after which three digits have come.
                let mut decimals = 2;
                let mut unit = 1.0;
                while size > 0.0 && size < unit && decimals < MOST_DECIMALS {
                    decimals += 1;
                    unit /= 10.0;
                }
                match size {
                    size if size >= 100.0 => 0,
                    size if size >= 10.0 => 1,
                    _ => decimals,
                }
            }
        }
    }
}

/// The order of two values; equal if they differ by rounding only.
fn order(one: f64, other: f64) -> Ordering {
    let size = one.abs().max(other.abs());
    let is_rounding = other == 0.0 && size <= ROUNDING;
    if is_rounding || (one - other).abs() <= TOLERANCE * size {
        return Ordering::Equal;
    }
    one.total_cmp(&other)
}

/// The values that a value of this unit must not seem to be: none and all.
fn ends(unit: Unit) -> &'static [f64] {
    match unit {
        Unit::Fraction => &[0.0, 1.0],
        Unit::Score | Unit::Count | Unit::Tokens | Unit::Dollars | Unit::Seconds => &[0.0],
    }
}

/// A value of a metric, on its side of another one.
pub(super) fn value(metric: Metric, value: f64, other: f64) -> String {
    let unit = metric.unit();
    let mut others = ends(unit).to_vec();
    others.push(other);
    format_of(unit, value.abs()).text(value, &others)
}

/// A change with its sign, on its side of another one.
pub(super) fn change(metric: Metric, change: f64, is_relative: bool, other: f64) -> String {
    let text = size_of_change(metric, change.abs(), is_relative, other.abs());
    match order(change, 0.0) {
        Ordering::Greater => format!("+{text}"),
        Ordering::Less => format!("-{text}"),
        Ordering::Equal => text,
    }
}

/// The size of a change, on its side of another one.
pub(super) fn size_of_change(metric: Metric, size: f64, is_relative: bool, other: f64) -> String {
    let text = format_of_change(metric.unit(), is_relative, size).text(size, &[0.0, other]);
    if text == "1 pts" {
        "1 pt".to_owned()
    } else {
        text
    }
}

/// `min 90 %`, `max drop 2 pts`, `max rise 5 %`.
pub(super) fn limit(check: impl Into<Values>) -> String {
    let values = check.into();
    let words = match values.limit.key {
        LimitKey::Min => "min",
        LimitKey::Max => "max",
        LimitKey::MaxDrop | LimitKey::MaxRelativeDrop => "max drop",
        LimitKey::MaxRise | LimitKey::MaxRelativeRise => "max rise",
    };
    format!("{words} {}", bound(values))
}

/// The value of a check's limit.
pub(super) fn bound(check: impl Into<Values>) -> String {
    let Values { metric, limit, .. } = check.into();
    if limit.key.is_change() {
        size_of_change(metric, limit.value, limit.key.is_relative(), limit.value)
    } else {
        value(metric, limit.value, limit.value)
    }
}

/// The limit of a change with its direction: a drop is negative.
pub(super) fn signed_limit(limit: Limit) -> f64 {
    if limit.key.wants_high() {
        -limit.value
    } else {
        limit.value
    }
}

/// The candidate's value, on its side of the limit, or of the baseline's value.
pub(super) fn candidate(check: impl Into<Values>) -> Option<String> {
    let values = check.into();
    let candidate = values.candidate?;
    let other = match values.baseline {
        Some(baseline) => another(candidate, baseline),
        None => values.limit.value,
    };
    Some(measure(values.metric, candidate, other))
}

/// The baseline's value, on its side of the candidate's.
pub(super) fn baseline(check: impl Into<Values>) -> Option<String> {
    let values = check.into();
    let baseline = values.baseline?;
    let other = values
        .candidate
        .map_or(0.0, |other| another(baseline, other));
    Some(measure(values.metric, baseline, other))
}

/// The value that another one must be told from: 0 if both are the same, because then both are shown alike.
pub(super) fn another(one: impl Into<Ends>, other: impl Into<Ends>) -> f64 {
    let (one, other) = (one.into().low, other.into().low);
    match order(one, other) {
        Ordering::Equal => 0.0,
        Ordering::Less | Ordering::Greater => other,
    }
}

/// The confidence interval of a value or of a change: `-13.4 pts to -4.1 pts (95 % one-sided)`.
pub(super) fn interval(check: impl Into<Values>, ends: Ends, confidence: f64) -> String {
    let Values { metric, limit, .. } = check.into();
    let end = |end: f64| {
        if limit.key.is_change() {
            change(metric, end, false, signed_limit(limit))
        } else {
            value(metric, end, limit.value)
        }
    };
    let percent = show(confidence * 100.0, 0.0);
    format!(
        "{} to {} ({percent} % one-sided)",
        end(ends.low),
        end(ends.high)
    )
}

/// A measured value, or the two that it is between if scores are missing.
pub(super) fn measure(metric: Metric, measure: impl Into<Ends>, other: f64) -> String {
    let Ends { low, high } = measure.into();
    let (is_low_known, is_high_known) = (low.is_finite(), high.is_finite());
    let low = value(metric, low, other);
    let high = value(metric, high, other);
    match (is_low_known, is_high_known) {
        _ if low == high => low,
        (true, true) => format!("{}–{high}", without_unit(&low, &high)),
        (true, false) => format!("{low} or more"),
        (false, true) => format!("{high} or less"),
        (false, false) => "unknown".to_owned(),
    }
}

/// The candidate's value with its counts: `93.3 % (56/60)`.
pub(super) fn candidate_with_counts(check: &Check) -> String {
    with_counts(check.metric, candidate(check), check.candidate.as_ref())
}

/// The baseline's value with its counts.
pub(super) fn baseline_with_counts(check: &Check) -> String {
    with_counts(check.metric, baseline(check), check.baseline.as_ref())
}

/// A value, and the number of passed rows if it is a rate of rows that were all scored.
fn with_counts(metric: Metric, value: Option<String>, measure: Option<&Measure>) -> String {
    let Some((value, measure)) = value.zip(measure) else {
        return "–".to_owned();
    };
    let is_pass_rate = metric.column() == Some(Kind::Truth) && metric.unit() == Unit::Fraction;
    let is_whole = measure.scored == measure.trials && measure.rows == measure.trials;
    match measure.observed {
        Some(rate) if is_pass_rate && is_whole && !measure.is_open() => {
            let passed = nearest_count(rate * count(measure.rows));
            format!("{value} ({passed}/{})", measure.rows)
        }
        _ => value,
    }
}

/// A text without the unit that the other one ends with as well.
pub(super) fn without_unit<'t>(text: &'t str, other: &str) -> &'t str {
    for unit in [" %", " pts", " ms", " s"] {
        if other.ends_with(unit)
            && let Some(number) = text.strip_suffix(unit)
        {
            return number;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percent_on_their_side_of_the_limit() {
        let rate = |rate: f64, limit: f64| value(Metric::PassRate, rate, limit);
        assert_eq!(rate(56.0 / 60.0, 0.9), "93.3 %");
        assert_eq!(rate(0.9, 0.9), "90 %");
        assert_eq!(rate(0.8996, 0.9), "89.96 %");
        assert_eq!(rate(9999.0 / 10_000.0, 0.5), "99.99 %");
        assert_eq!(rate(1.0, 1.0), "100 %");
        assert_eq!(rate(0.000_01, 0.5), "0.001 %");
        assert_eq!(rate(0.07, 0.07), "7 %");
    }

    #[test]
    fn changes_of_rates_are_points_and_relative_ones_percent() {
        assert_eq!(
            change(Metric::PassRate, -10.0 / 60.0, false, -0.04),
            "-16.7 pts"
        );
        assert_eq!(change(Metric::PassRate, 0.9 - 0.88, false, 0.02), "+2 pts");
        assert_eq!(
            change(Metric::NumericMean, -0.128_4, true, -0.05),
            "-12.8 %"
        );
        assert_eq!(change(Metric::NumericMean, -0.55, false, 0.0), "-0.55");
        assert_eq!(change(Metric::PassRate, 0.0, false, 0.02), "0 pts");
    }

    #[test]
    fn equal_values_have_no_more_digits_than_others() {
        let ends = |value: f64| Ends {
            low: value,
            high: value,
        };
        let values = |before: f64, after: f64| Values {
            attempts: 1,
            metric: Metric::PassRate,
            limit: Limit {
                key: LimitKey::MaxDrop,
                value: 0.02,
            },
            baseline: Some(ends(before)),
            candidate: Some(ends(after)),
        };
        let same = values(113.0 / 120.0, 113.0 / 120.0);
        assert_eq!(baseline(same).as_deref(), Some("94.2 %"));
        assert_eq!(candidate(same).as_deref(), Some("94.2 %"));
        let near = values(113.0 / 120.0, 113.0 / 120.0 + 0.000_1);
        assert_eq!(baseline(near).as_deref(), Some("94.17 %"));
        assert_eq!(candidate(near).as_deref(), Some("94.2 %"));
    }

    #[test]
    fn other_units_fit_their_size() {
        assert_eq!(value(Metric::NumericMean, 4.283_33, 4.0), "4.28");
        assert_eq!(
            value(Metric::NumericMean, 0.820_000_000_000_000_1, 0.7),
            "0.82"
        );
        assert_eq!(value(Metric::NumericMean, 123.456, 0.0), "123");
        assert_eq!(value(Metric::NumericMean, 0.001_234_5, 1.0), "0.00123");
        assert_eq!(value(Metric::LatencyP95, 0.000_29, 4.0), "0.29 ms");
        assert_eq!(value(Metric::LatencyP95, 3.2, 4.0), "3.2 s");
        assert_eq!(value(Metric::TokensMean, 1234.4, 0.0), "1234");
        assert_eq!(value(Metric::CostMean, 0.012, 1.0), "$0.012");
        assert_eq!(value(Metric::CostTotal, 3.5, 1.0), "$3.50");
        assert_eq!(value(Metric::Rows, 60.0, 50.0), "60");
    }
}
