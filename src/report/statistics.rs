//! The confidence interval and the test of a check as text, for the formats that show them in full.

use super::reason::p_value;
use super::units;
use crate::judge::Check;
use crate::number::{plural, show};

/// The numbers of a confidence interval and its test.
pub(super) struct Statistics {
    /// The number of rows: `120`, or `120 in 8 clusters`.
    pub(super) rows: String,
    /// The ends of the interval, in the unit of the value or of the change.
    pub(super) low: String,
    pub(super) high: String,
    /// `95 %`, one-sided.
    pub(super) confidence: String,
    pub(super) p: Option<String>,
    /// The p-value corrected for the other tests, or that the test is not counted.
    pub(super) corrected_p: Option<String>,
    /// The smallest change that this number of rows can detect.
    pub(super) detectable: Option<String>,
    /// The change that the check finds in 80 % of cases.
    pub(super) found: Option<String>,
    /// About how many rows, or clusters, like these would decide the check.
    pub(super) rows_needed: Option<String>,
}

/// The statistics of a check; `None` if its measured value decides it.
pub(super) fn of(check: &Check) -> Option<Statistics> {
    let test = check.chance.as_ref()?;
    let size = |size: f64| units::size_of_change(check.metric, size, false, 0.0);
    Some(Statistics {
        rows: match test.clusters {
            Some(clusters) => format!("{} in {}", test.rows, plural(clusters, "cluster")),
            None => test.rows.to_string(),
        },
        low: end(check, test.interval.low),
        high: end(check, test.interval.high),
        confidence: format!("{} %", show(test.confidence * 100.0, 0.0)),
        p: test.p.map(p_value),
        corrected_p: match test.counted {
            Some(false) => Some("not counted".to_owned()),
            Some(true) | None => test.adjusted_p.map(p_value),
        },
        detectable: test.resolution.map(size),
        found: test.found.map(size),
        rows_needed: test.rows_needed.map(|needed| match test.clusters {
            Some(_) => format!("about {}", plural(needed, "cluster")),
            None => format!("about {needed}"),
        }),
    })
}

/// An end of the interval, or another number in its unit.
pub(super) fn end(check: &Check, end: f64) -> String {
    let limit = check.limit;
    if limit.key.is_change() {
        let bound = if limit.key.wants_high() {
            -limit.value
        } else {
            limit.value
        };
        units::change(check.metric, end, false, bound)
    } else {
        units::value(check.metric, end, limit.value)
    }
}
