//! Values in the units of their metrics, for people: rates in percent, changes of rates in points.
//!
//! A value is shown with as few digits as keep it on its side of its limit: 0.8996 with `min: 0.9` is `89.96 %`.

use std::cmp::Ordering;

use crate::judge::{Check, Measure};
use crate::number::{TOLERANCE, count, nearest_count, trimmed};
use crate::policy::{Kind, LimitKey, Metric, Unit};

/// More decimals tell no doubles apart.
const MOST_DECIMALS: usize = 17;
/// A value closer to 0 than this is shown as 0: it is the rounding error of numbers of usual size.
const ROUNDING: f64 = 1e-12;

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
pub(super) fn limit(check: &Check) -> String {
    let words = match check.limit.key {
        LimitKey::Min => "min",
        LimitKey::Max => "max",
        LimitKey::MaxDrop | LimitKey::MaxRelativeDrop => "max drop",
        LimitKey::MaxRise | LimitKey::MaxRelativeRise => "max rise",
    };
    format!("{words} {}", bound(check))
}

/// The value of a check's limit.
pub(super) fn bound(check: &Check) -> String {
    let limit = check.limit;
    if limit.key.is_change() {
        size_of_change(
            check.metric,
            limit.value,
            limit.key.is_relative(),
            limit.value,
        )
    } else {
        value(check.metric, limit.value, limit.value)
    }
}

/// The candidate's value, on its side of the limit, or of the baseline's value.
pub(super) fn candidate(check: &Check) -> Option<String> {
    let other = match check.baseline {
        Some(baseline) => baseline.low,
        None => check.limit.value,
    };
    Some(measure(check.metric, &check.candidate?, other))
}

/// The baseline's value, on its side of the candidate's.
pub(super) fn baseline(check: &Check) -> Option<String> {
    let other = check.candidate.map_or(0.0, |candidate| candidate.low);
    Some(measure(check.metric, &check.baseline?, other))
}

/// A measured value, or the two that it is between if scores are missing.
pub(super) fn measure(metric: Metric, measure: &Measure, other: f64) -> String {
    let low = value(metric, measure.low, other);
    let high = value(metric, measure.high, other);
    match (measure.low.is_finite(), measure.high.is_finite()) {
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
