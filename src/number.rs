//! Formats numbers for people: short, and never on the wrong side of a limit.

use std::cmp::Ordering;

/// The relative tolerance for floating-point results. Two numbers are equal if they differ by at most this part of
/// their size.
///
/// With this tolerance, 0.90 − 0.88 meets a limit of 0.02. Without it, rounding errors would decide.
pub const TOLERANCE: f64 = 1e-9;

/// A value of at most this size counts as 0: it is the rounding error of numbers of usual size.
const NOTHING: f64 = 1e-12;

const MOST_DECIMALS: usize = 17;

/// Formats a number with the fewest decimals that keep its order relative to another number, to 0 and to 1, and with at
/// least three digits if it has them: 0.8999 against 0.9 is 0.8999, 0.85 is 0.85, and 0.9999 is never 1.
#[must_use]
pub fn show(value: f64, against: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    let is_near = |one: f64, other: f64| {
        let size = one.abs().max(other.abs());
        let is_nothing = other == 0.0 && size <= NOTHING;
        is_nothing || (one - other).abs() <= TOLERANCE * size
    };
    let order = if is_near(value, against) {
        Ordering::Equal
    } else {
        value.total_cmp(&against)
    };
    let is_whole = is_near(value, 1.0);
    let mut shown = String::new();
    for decimals in fewest_decimals(value)..=MOST_DECIMALS {
        shown = trimmed(format!("{value:.decimals$}"));
        let read: f64 = shown.parse().unwrap_or(value);
        let keeps = match order {
            Ordering::Equal => is_near(read, against),
            order => (read + 0.0).total_cmp(&(against + 0.0)) == order,
        };
        let is_nothing = value.abs() <= NOTHING && order == Ordering::Equal;
        if keeps && (value == 0.0 || is_nothing || read != 0.0) && (is_whole || read != 1.0) {
            break;
        }
    }
    shown
}

/// Formats a number in full: the shortest text that reads as the same number.
#[must_use]
pub fn full(value: f64) -> String {
    format!("{value}")
}

/// Formats a change with its sign. The text keeps its order relative to another change.
#[must_use]
pub fn signed(value: f64, against: f64) -> String {
    let shown = show(value, against);
    if value > 0.0 && shown != "0" {
        format!("+{shown}")
    } else {
        shown
    }
}

/// The minimum number of decimals: those of three significant digits, at least three below ten, zero for whole numbers.
fn fewest_decimals(value: f64) -> usize {
    let size = value.abs();
    if value.fract() == 0.0 {
        return 0;
    }
    let mut decimals = 3;
    let mut unit = 0.1;
    while size < unit && decimals < 12 {
        decimals += 1;
        unit /= 10.0;
    }
    match size {
        size if size >= 1000.0 => 1,
        size if size >= 10.0 => 2,
        _ => decimals,
    }
}

/// A number as text without trailing zeros.
pub(crate) fn trimmed(text: String) -> String {
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    if text == "-0" { "0".to_owned() } else { text }
}

/// A count as a floating-point number. It is exact up to 2^53, which is more than the trials of any evaluation.
#[expect(
    clippy::cast_precision_loss,
    reason = "no run has more than 2^53 trials"
)]
#[must_use]
pub fn count(count: u64) -> f64 {
    count as f64
}

/// The sum of numbers. The result is the same to the last digit in any order of the numbers.
#[must_use]
pub fn sum(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.iter().sum()
}

/// The nearest count to a number that is a count except for rounding errors; 0 for a negative number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is meant"
)]
#[must_use]
pub fn nearest_count(value: f64) -> u64 {
    value.round() as u64
}

/// `1 row`, `3 rows`.
#[must_use]
pub fn plural(count: u64, thing: &str) -> String {
    if count == 1 {
        format!("1 {thing}")
    } else {
        format!("{count} {thing}s")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_short_and_honest() {
        for (value, against, expected) in [
            (0.9, 0.9, "0.9"),
            (0.8999, 0.9, "0.8999"),
            (0.899_999_9, 0.9, "0.8999999"),
            (0.9 + 1e-12, 0.9, "0.9"),
            (0.85, 0.9, "0.85"),
            (2.0 / 3.0, 0.9, "0.667"),
            (0.0, 0.0, "0"),
            (-0.0, 0.5, "0"),
            (17.0, 20.0, "17"),
            (123.456, 100.0, "123.46"),
            (4_821.333_3, 5000.0, "4821.3"),
            (0.000_012_34, 1.0, "0.0000123"),
            (0.9 - 0.88, 0.02, "0.02"),
            // One failure in 10,000 trials, and one success in 10,000.
            (0.9999, 0.9, "0.9999"),
            (0.9999, 0.0, "0.9999"),
            (0.0001, 0.5, "0.0001"),
            (1.0 + 1e-12, 0.9, "1"),
            (1.0001, 0.9, "1.0001"),
            (1.850_371_707_708_594e-17, 0.0, "0"),
            (2e-10, 1e-10, "0.0000000002"),
            (0.299_999_9, 0.3, "0.2999999"),
            (f64::INFINITY, 1.0, "∞"),
        ] {
            assert_eq!(show(value, against), expected);
        }
        assert_eq!(signed(0.02, 0.0), "+0.02");
        assert_eq!(signed(-0.02, 0.0), "-0.02");
        assert_eq!(signed(0.0, 0.0), "0");
    }

    proptest! {
        #[test]
        fn what_is_shown_lies_on_the_same_side(value in -1e6..1e6_f64, against in -1e6..1e6_f64) {
            let read: f64 = show(value, against).parse().unwrap();
            if (value - against).abs() > TOLERANCE * value.abs().max(against.abs()) {
                prop_assert_eq!(read.total_cmp(&against), value.total_cmp(&against));
            }
        }

        #[test]
        fn near_misses_are_shown_as_misses(limit in 0..100_u32, digits in 3..8_i32) {
            let limit = f64::from(limit) / 100.0;
            let value = limit - 10_f64.powi(-digits);
            let read: f64 = show(value, limit).parse().unwrap();
            prop_assert!(read < limit);
        }
    }
}
