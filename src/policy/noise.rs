//! Checks the noise of repeated runs that a policy declares, and the numbers of runs and attempts.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::issue::Found;
use super::metric::Metric;
use super::model::Noise;
use super::raw::{Field, RawNoise};
use super::scope::{Expected, Place, Scope};
use super::suggest::{digits, named};

/// The maximum number of commits whose runs are pooled as the baseline.
const MOST_COMMITS: u64 = 50;
/// The maximum number of attempts at a row.
const MOST_ATTEMPTS: u64 = 1000;

impl Scope<'_> {
    /// The noise of repeated runs; `None` if a key is missing or wrong.
    pub(super) fn noise(&mut self, raw: RawNoise) -> Option<Noise> {
        self.unknown(RawNoise::KEYS, &raw.unknown);
        let help = "`weave-gate calibrate --write` measures the noise and writes this key";
        self.required("measured", &raw.measured, &raw.unknown, help);
        self.required("expires", &raw.expires, &raw.unknown, help);
        self.required("runs", &raw.runs, &raw.unknown, help);
        self.required("df", &raw.df, &raw.unknown, help);
        self.required("run_sd", &raw.run_sd, &raw.unknown, help);
        let measured = self.day("measured", "2026-11-29", raw.measured);
        let expires = self.day("expires", "2027-02-28", raw.expires);
        if let (Some(measured), Some(expires)) = (measured, expires)
            && expires < measured
        {
            let first = self.spot(Place::Value("measured"));
            let message = format!("the noise expires before {measured}, when it was measured");
            self.report_with(
                Place::Value("expires"),
                first,
                &message,
                "write a later day",
            );
        }
        let runs = self.whole("runs", 12, (2, u64::MAX), raw.runs);
        let df = self.whole("df", 11, (1, u64::MAX), raw.df);
        if let (Some(runs), Some(df)) = (runs, df)
            && df >= runs
        {
            let first = self.spot(Place::Value("runs"));
            let message = format!("{df} degrees of freedom are not less than {runs} runs");
            let help = "write the runs less one, summed over the groups of runs";
            self.report_with(Place::Value("df"), first, &message, help);
        }
        let run_sd = self.run_sd(raw.run_sd);
        Some(Noise {
            measured: measured?,
            expires: expires?,
            runs: runs?,
            df: df?,
            run_sd: run_sd?,
        })
    }

    /// The standard deviation between runs, by dimension.
    fn run_sd(
        &mut self,
        field: Field<BTreeMap<String, Field<f64>>>,
    ) -> Option<BTreeMap<String, f64>> {
        let expected = "a map from dimensions to standard deviations";
        let whole = Expected::new(expected, "run_sd: {correctness: 0.011}");
        let fields = self.optional(Place::Value("run_sd"), whole, field)?;
        let mut scope = self.inside(Place::Value("run_sd"));
        if fields.is_empty() {
            let message = format!("`run_sd` is empty; expected {expected}");
            scope.report(Place::Lack, &message, "name a dimension, or remove `noise`");
        }
        let mut found = BTreeMap::new();
        for (dimension, field) in fields {
            let Some(value) = scope.number(&dimension, 0.011, field) else {
                continue;
            };
            if value < 0.0 {
                let message = format!("{} is below 0; a standard deviation is not", digits(value));
                let help = "write the standard deviation between runs, in the unit of the scorer";
                scope.report(Place::Value(&dimension), &message, help);
            }
            found.insert(dimension, value);
        }
        Some(found)
    }

    /// A day, such as the example.
    fn day(&mut self, key: &str, example: &str, field: Field<String>) -> Option<Date> {
        let edit = format!("{key}: {example}");
        let expected = format!("a day such as {example}");
        let text = self.optional(Place::Value(key), Expected::new(&expected, &edit), field)?;
        let date = (text.len() == 10).then(|| text.parse().ok()).flatten();
        if date.is_none() {
            let message = format!("{} is not a day", named(&text));
            self.report(
                Place::Value(key),
                &message,
                &format!("write a day, such as {example}"),
            );
        }
        date
    }

    /// A whole number in a range, such as the example.
    fn whole(
        &mut self,
        key: &str,
        example: u64,
        (least, most): (u64, u64),
        field: Field<u64>,
    ) -> Option<u64> {
        let edit = format!("{key}: {example}");
        let help = |_: &Found| Some(format!("write a whole number, such as `{edit}`"));
        let expected = Expected::new("a whole number", &edit);
        let number = self.read(Place::Value(key), expected, field, &help)?;
        if (least..=most).contains(&number) {
            return Some(number);
        }
        let message = if number < least {
            format!("{number} is below {least}")
        } else {
            format!("{number} is above {most}")
        };
        self.report(
            Place::Value(key),
            &message,
            &format!("write a number, such as `{edit}`"),
        );
        None
    }

    /// The number of commits whose runs are pooled as the baseline. `is_named` tells whether the baseline is named as one
    /// run or file.
    pub(super) fn last(&mut self, field: Field<u64>, is_named: bool) -> u64 {
        let is_given = !field.is_absent();
        let last = self.whole("last", 5, (1, MOST_COMMITS), field);
        if is_given && is_named {
            let message = "`last` has no effect on a baseline that is named by `run` or `file`";
            let help =
                "select the baseline by its properties, such as `branch: main`, or remove `last`";
            self.report(Place::Key("last"), message, help);
        }
        last.unwrap_or(1)
    }

    /// The number of attempts that a metric is about.
    pub(super) fn attempts(&mut self, field: Field<u64>, metric: Option<Metric>) -> Option<u64> {
        let is_given = !field.is_absent();
        if let Some(metric) = metric {
            let word = metric.word();
            if metric.takes_attempts() && !is_given {
                let message = format!("missing key `k`: `{word}` is about k attempts at a row");
                self.report(
                    Place::Lack,
                    &message,
                    "write the number of attempts, such as `k: 3`",
                );
            } else if !metric.takes_attempts() && is_given {
                let message = format!("`k` has no effect on `{word}`");
                self.report(Place::Key("k"), &message, "remove `k` from this gate");
                return None;
            }
        }
        self.whole("k", 3, (1, MOST_ATTEMPTS), field)
    }
}
