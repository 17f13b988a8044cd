//! Checks one gate: turns its raw keys into limits that are valid for its metric.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_yaml::Value as Yaml;

use super::issue::Found;
use super::metric::{LimitKey, Metric, Unit};
use super::model::{Condition, Evidence, Gate, Limit, Missing, MissingRule, Waiver};
use super::raw::{Field, RawAnyOf, RawGate, RawScorers, RawWaiver};
use super::reify::Defaults;
use super::scope::{Expected, Place, Scope};
use super::suggest::{
    digits, fraction, is_no_limit, is_short, named, nearest, not_one_of, number, out_of_fraction,
    percent, percent_limit, without_unit,
};
use crate::input::Value;

/// A larger relative limit is probably a mistake, such as 25 instead of 0.25.
const MOST_RELATIVE: f64 = 10.0;

impl Scope<'_> {
    pub(super) fn gate(&mut self, raw: RawGate, defaults: &Defaults) -> Option<Gate> {
        self.unknown(RawGate::KEYS, &raw.unknown);
        let expected = "a name that no other gate has";
        let help = "name the gate: `name: …`";
        self.required("name", &raw.name, &raw.unknown, help);
        let name = self.text("name", expected, raw.name);
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            self.report(
                Place::Value("name"),
                "`name` is empty",
                "name the gate: reports show its checks by this name",
            );
        }
        let words: Vec<(&str, Metric)> = Metric::ALL
            .iter()
            .map(|metric| (metric.word(), *metric))
            .collect();
        let help = "write what is measured, such as `metric: pass_rate`";
        self.required("metric", &raw.metric, &raw.unknown, help);
        let metric = self.word(Place::Value("metric"), raw.metric, &words);
        let given = [
            raw.min,
            raw.max,
            raw.max_drop,
            raw.max_rise,
            raw.max_relative_drop,
            raw.max_relative_rise,
        ];
        let range = self.range(raw.range, metric);
        let limits = self.limits(given, metric, range, &raw.unknown);
        let missing = self.missing_scores(raw.missing, raw.max_missing, metric, defaults);
        let inherits_evidence = raw.evidence.is_absent();
        let evidence = self.evidence_rule(raw.evidence, metric, defaults);
        let is_observed =
            |limit: &Limit| evidence.of_limit(*limit, inherits_evidence) == Evidence::Observed;
        let no_effect = if evidence == Evidence::Observed {
            "with `evidence: observed`"
        } else if !limits.is_empty() && limits.iter().all(is_observed) {
            "here: `significant` in `defaults` governs change limits only"
        } else {
            ""
        };
        if !raw.confidence.is_absent() && !no_effect.is_empty() {
            let message = format!("`confidence` has no effect {no_effect}");
            let help = "remove it, or write `evidence: significant` in this gate";
            self.report(Place::Key("confidence"), &message, help);
        }
        if !raw.cluster_by.is_absent() && !no_effect.is_empty() {
            let message = format!("`cluster_by` has no effect {no_effect}");
            let help = "remove it, or write `evidence: significant` in this gate";
            self.report(Place::Key("cluster_by"), &message, help);
        }
        let own_clusters = self.input("cluster_by", raw.cluster_by);
        let clusters = own_clusters.or_else(|| defaults.cluster_by.clone());
        let confidence = self.confidence(raw.confidence);
        let severity = self.severity(raw.severity).unwrap_or(defaults.severity);
        let waive = self
            .read(
                Place::Value("waive"),
                Expected::new(
                    "a map of until and reason",
                    "waive: {until: 2026-12-31, reason: …}",
                ),
                raw.waive,
                &|_| None,
            )
            .and_then(|raw| self.inside(Place::Value("waive")).waiver(raw));
        let scorers = self.scorers(raw.scorer, metric);
        let conditions = self.conditions(raw.r#where);
        let against = self.against(raw.against, metric, &limits, defaults);
        let by = self.input("by", raw.by);
        let attempts = self.attempts(raw.k, metric);
        Some(Gate {
            name: name?,
            metric: metric?,
            scorers,
            conditions,
            by,
            cluster_by: clusters.filter(|_| !limits.iter().all(is_observed)),
            attempts: attempts.unwrap_or(1),
            against,
            limits,
            missing,
            evidence,
            inherits_evidence,
            confidence: confidence.unwrap_or(defaults.confidence),
            range,
            severity,
            waive,
        })
    }

    fn missing_scores(
        &mut self,
        rule: Field<String>,
        tolerated: Field<f64>,
        metric: Option<Metric>,
        defaults: &Defaults,
    ) -> Missing {
        let is_possible = self.only_where_missing("missing", metric, &rule);
        let rule = is_possible.then(|| self.missing(rule)).flatten();
        let is_possible = self.only_where_missing("max_missing", metric, &tolerated);
        let tolerated = is_possible.then(|| self.fraction("max_missing", tolerated));
        match metric {
            // If every trial has the value, the defaults for missing scores do not apply either.
            Some(metric) if !metric.can_miss() => Missing {
                rule: MissingRule::Bound,
                tolerated: 0.0,
            },
            _ => Missing {
                rule: rule.unwrap_or(defaults.missing),
                tolerated: tolerated.flatten().unwrap_or(defaults.tolerated),
            },
        }
    }

    /// The further baseline that the gate compares with. It must exist, and a limit must need it.
    fn against(
        &mut self,
        field: Field<String>,
        metric: Option<Metric>,
        limits: &[Limit],
        defaults: &Defaults,
    ) -> Option<String> {
        let name = self.text("against", "a name under `baselines`", field)?;
        if !defaults.baselines.contains(&name) {
            let names: Vec<&str> = defaults.baselines.iter().map(String::as_str).collect();
            let (why, help) = not_one_of(&name, &names);
            let message = format!("no baseline is named {}", named(&name));
            let (why, help) = if names.is_empty() {
                let help =
                    "name a further baseline under `baselines`, or remove `against`".to_owned();
                (": the policy has no `baselines`".to_owned(), help)
            } else {
                (why, help)
            };
            self.report(Place::Value("against"), &(message + &why), &help);
        }
        let compares =
            metric.is_none_or(Metric::compares) || limits.iter().any(|limit| limit.key.is_change());
        if !compares {
            let message = "`against` has no effect: no limit of this gate compares with a baseline";
            self.report(
                Place::Key("against"),
                message,
                "add `max_drop` or another limit on a change, or remove it",
            );
        }
        Some(name)
    }

    /// The conditions that select rows.
    fn conditions(&mut self, field: Field<BTreeMap<String, Field<RawAnyOf>>>) -> Vec<Condition> {
        let expected = "a map from inputs to their values";
        let help = |found: &Found| {
            let input = found.text().filter(|text| is_short(text))?;
            Some(format!("write `where: {{{input}: VALUE}}`"))
        };
        let whole = Expected::new(expected, "where: {topic: refunds}");
        let fields = self.read(Place::Value("where"), whole, field, &help);
        if fields.as_ref().is_some_and(BTreeMap::is_empty) {
            let message = format!("`where` is empty; expected {expected}");
            let help = "write `where: {input: value}`, or remove the key";
            self.inside(Place::Value("where"))
                .report(Place::Lack, &message, help);
        }
        let mut scope = self.inside(Place::Value("where"));
        let mut conditions = Vec::new();
        for (input, field) in fields.unwrap_or_default() {
            if input.trim().is_empty() {
                scope.report(
                    Place::Key(&input),
                    "a key is empty",
                    "write the name of an input",
                );
            }
            let expected = "text, a number, true or false, or a list of those";
            let edit = format!("{input}: [one, other]");
            let whole = Expected::new(expected, &edit);
            let Some(RawAnyOf(values)) = scope.optional(Place::Value(&input), whole, field) else {
                continue;
            };
            let values: BTreeSet<Value> = values.iter().filter_map(Value::of).collect();
            if values.is_empty() {
                let message = format!("the list is empty; expected {expected}");
                scope.report(
                    Place::Value(&input),
                    &message,
                    "list the values that a row may have",
                );
            }
            conditions.push(Condition {
                input,
                any_of: values.into_iter().collect(),
            });
        }
        conditions
    }

    /// The gate's own evidence rule, otherwise that of the defaults if the metric is a mean over rows.
    fn evidence_rule(
        &mut self,
        evidence: Field<String>,
        metric: Option<Metric>,
        defaults: &Defaults,
    ) -> Evidence {
        let rule = self.evidence(evidence);
        let has_interval = metric.is_none_or(Metric::has_interval);
        if let (Some(metric), Some(rule)) = (metric, rule)
            && !has_interval
            && rule != Evidence::Observed
        {
            let word = metric.word();
            let message = format!("`{word}` is not a per-row metric; its evidence is `observed`");
            self.report(
                Place::Value("evidence"),
                &message,
                "remove `evidence` from this gate",
            );
        }
        let inherited = if has_interval {
            defaults.evidence
        } else {
            Evidence::Observed
        };
        rule.unwrap_or(inherited)
    }

    fn scorers(&mut self, field: Field<RawScorers>, metric: Option<Metric>) -> Vec<String> {
        let given = !field.is_absent();
        let expected = Expected::new(
            "a scorer_key, scorer_key.path, or a list of these",
            "scorer: [correctness, tone.score]",
        );
        let scorers = self.quoted("scorer", expected, field);
        if let Some(metric) = metric {
            let word = metric.word();
            if metric.has_scorer() && !given {
                let message =
                    format!("missing key `scorer`: `{word}` is measured on a scorer's dimension");
                let help = "write `scorer: NAME`; `weave-gate init` drafts a policy with the scorers of a run";
                self.report(Place::Lack, &message, help);
            } else if !metric.has_scorer() && given {
                let message = format!("`{word}` is measured on the run itself, not on a scorer");
                self.report(
                    Place::Key("scorer"),
                    &message,
                    "remove `scorer` from this gate",
                );
            }
        }
        let Some(RawScorers(items)) = scorers else {
            return Vec::new();
        };
        let expected = Expected::new("a scorer_key or scorer_key.path", "- correctness");
        let mut scorers = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = Place::Item("scorer", index);
            let field = match item {
                Yaml::String(text) => Field::Given(text),
                other => Field::Wrong(Found::of(&other)),
            };
            scorers.push(self.quoted_at(place, expected, field));
        }
        let help = "name a scorer, or a pattern such as \"safety.*\"";
        if scorers.is_empty() {
            self.report(Place::Value("scorer"), "the list is empty", help);
        }
        for (index, scorer) in scorers.iter().enumerate() {
            let Some(scorer) = scorer else {
                continue;
            };
            let place = if scorers.len() == 1 {
                Place::Value("scorer")
            } else {
                Place::Item("scorer", index)
            };
            if scorer.is_empty() {
                self.report(place, "`scorer` is empty", help);
            } else if let Err(error) = glob::Pattern::new(scorer)
                && scorer.contains('*')
            {
                let message = format!("{} is not a pattern: {}", named(scorer), error.msg);
                let help = "write one `*` for any text, such as \"safety.*\"";
                self.report(place, &message, help);
            } else if scorers
                .iter()
                .take(index)
                .flatten()
                .any(|other| other == scorer)
            {
                let message = "this scorer is listed twice";
                self.report(place, message, "remove one of the two");
            }
        }
        scorers.into_iter().flatten().collect()
    }

    fn only_where_missing<T>(
        &mut self,
        key: &str,
        metric: Option<Metric>,
        field: &Field<T>,
    ) -> bool {
        let given = !field.is_absent();
        match metric {
            Some(metric) if given && !metric.can_miss() => {
                let word = metric.word();
                let message = format!("`{key}` has no effect: every trial has a value of `{word}`");
                self.report(
                    Place::Key(key),
                    &message,
                    &format!("remove `{key}` from this gate"),
                );
                false
            }
            _ => true,
        }
    }

    fn range(
        &mut self,
        field: Field<Vec<Field<f64>>>,
        metric: Option<Metric>,
    ) -> Option<(f64, f64)> {
        let expected = "the lowest and the highest score, as in [0, 1]";
        let edit = "range: [0, 1]";
        let items = self.optional(Place::Value("range"), Expected::new(expected, edit), field)?;
        if let Some(metric) = metric
            && !metric.takes_range()
        {
            let word = metric.word();
            let message = format!("`range` is only for `numeric_mean`; that of `{word}` is fixed");
            self.report(
                Place::Key("range"),
                &message,
                "remove `range` from this gate",
            );
            return None;
        }
        let Ok([low, high]) = <[Field<f64>; 2]>::try_from(items) else {
            self.report(
                Place::Value("range"),
                &format!("expected {expected}"),
                "write two numbers, as in `range: [0, 1]`",
            );
            return None;
        };
        let number = |scope: &mut Self, index, field: Field<f64>| {
            scope.finite(
                Place::Item("range", index),
                edit,
                field.or_nothing(),
                &|_| None,
            )
        };
        let (low, high) = (number(self, 0, low)?, number(self, 1, high)?);
        if low < high {
            return Some((low, high));
        }
        let help = if high < low {
            format!("write `range: [{}, {}]`", digits(high), digits(low))
        } else {
            format!("write {expected}")
        };
        let message = format!("{} is not below {}", digits(low), digits(high));
        self.report(Place::Value("range"), &message, &help);
        None
    }

    fn limits(
        &mut self,
        given: [Field<f64>; 6],
        metric: Option<Metric>,
        range: Option<(f64, f64)>,
        unknown: &BTreeMap<String, serde_yaml::Value>,
    ) -> Vec<Limit> {
        // A misspelt limit is reported as an unknown key.
        let is_limit = |key: &String| nearest(key, &LimitKey::ALL.map(LimitKey::word)).is_some();
        if given.iter().all(Field::is_absent) && !unknown.keys().any(is_limit) {
            let possible = metric.map_or(&LimitKey::ALL[..], Metric::limits);
            let help = format!("add one of {}", words(possible));
            self.report(Place::Lack, "the gate has no limit", &help);
        }
        let unit = metric.map(Metric::unit);
        let mut limits = Vec::new();
        for (key, field) in LimitKey::ALL.into_iter().zip(given) {
            let word = key.word();
            let help = |found: &Found| {
                let text = found.text()?;
                let percent = percent(text).and_then(|number| percent_limit(key, unit, number));
                let number = || number(text).or_else(|| without_unit(text, unit));
                percent
                    .or_else(|| Some(format!("write `{word}: {}`", digits(number()?))))
                    .or_else(|| {
                        let is_separated = text.contains(',');
                        is_separated.then(|| {
                            "write a point before decimals, and nothing between thousands"
                                .to_owned()
                        })
                    })
                    .or_else(|| {
                        is_no_limit(text).then(|| format!("remove `{word}` if there is no limit"))
                    })
            };
            let edit = format!("{word}: {}", example(key, unit));
            let Some(value) = self.finite(Place::Value(word), &edit, field, &help) else {
                continue;
            };
            if let Some(metric) = metric
                && !metric.limits().contains(&key)
            {
                let message = format!("`{}` cannot have this limit", metric.word());
                self.report(
                    Place::Key(word),
                    &message,
                    &format!("use one of {}", words(metric.limits())),
                );
                continue;
            }
            match metric.and_then(|metric| wrong_limit(metric, key, value, range)) {
                Some((message, help)) => self.report(Place::Value(word), &message, &help),
                None => limits.push(Limit { key, value }),
            }
        }
        self.min_below_max(&limits);
        limits
    }

    fn min_below_max(&mut self, limits: &[Limit]) {
        let value = |key| {
            let found = limits.iter().find(|limit| limit.key == key);
            found.map(|limit| limit.value)
        };
        if let (Some(min), Some(max)) = (value(LimitKey::Min), value(LimitKey::Max))
            && min > max
        {
            let (lower, upper) = (digits(min), digits(max));
            let message = format!("min {lower} is above max {upper}: no value can meet both");
            let max = self.spot(Place::Value("max"));
            self.report_with(Place::Value("min"), max, &message, "change one of the two");
        }
    }

    fn waiver(&mut self, raw: RawWaiver) -> Option<Waiver> {
        self.unknown(RawWaiver::KEYS, &raw.unknown);
        let expected = "a day such as 2026-12-31";
        let help = "write the last day of the waiver, such as `until: 2026-12-31`";
        self.required("until", &raw.until, &raw.unknown, help);
        let whole = Expected::new(expected, "until: 2026-12-31");
        let until = self.optional(Place::Value("until"), whole, raw.until);
        let until = until.and_then(|text| {
            // Only a date is accepted. A time of day would need a time zone.
            let date = (text.len() == 10)
                .then(|| text.parse::<Date>().ok())
                .flatten();
            if date.is_none() {
                self.report(
                    Place::Value("until"),
                    &format!("{} is not a day", named(&text)),
                    "write the last day of the waiver, such as 2026-12-31",
                );
            }
            date
        });
        let help = "write why the gate is waived: `reason: …`";
        self.required("reason", &raw.reason, &raw.unknown, help);
        let reason = self.text("reason", "text", raw.reason);
        if reason
            .as_ref()
            .is_some_and(|reason| reason.trim().is_empty())
        {
            self.report(
                Place::Value("reason"),
                "`reason` is empty",
                "write why the gate is waived",
            );
        }
        Some(Waiver {
            until: until?,
            reason: reason?,
        })
    }
}

/// The keys of limits, separated by commas.
fn words(keys: &[LimitKey]) -> String {
    let words: Vec<&str> = keys.iter().map(|key| key.word()).collect();
    words.join(", ")
}

/// A limit that a metric of this unit may have.
const fn example(key: LimitKey, unit: Option<Unit>) -> &'static str {
    match (key, unit) {
        (LimitKey::MaxRelativeDrop | LimitKey::MaxRelativeRise, _) => "0.1",
        (_, Some(Unit::Seconds)) => "2.5",
        (_, Some(Unit::Tokens)) => "500",
        (_, Some(Unit::Dollars)) => "0.01",
        (_, Some(Unit::Count)) => "100",
        (LimitKey::Min | LimitKey::Max, _) => "0.9",
        (LimitKey::MaxDrop | LimitKey::MaxRise, _) => "0.02",
    }
}

/// Why a metric cannot have this value as a limit, and the next edit.
fn wrong_limit(
    metric: Metric,
    key: LimitKey,
    value: f64,
    range: Option<(f64, f64)>,
) -> Option<(String, String)> {
    let word = key.word();
    let is_rate = metric.unit() == Unit::Fraction;
    let shown = digits(value);
    match (key, metric.unit()) {
        // A value that is never negative cannot drop by more than all of it.
        (LimitKey::MaxRelativeDrop, unit)
            if unit != Unit::Score && !(0.0..=1.0).contains(&value) =>
        {
            Some(out_of_fraction(word, value))
        }
        (LimitKey::MaxRelativeDrop | LimitKey::MaxRelativeRise, _) if value > MOST_RELATIVE => {
            let message = format!("{} is more than ten times the baseline", digits(value));
            let help = if fraction(value) <= MOST_RELATIVE {
                format!("for {value} % write `{word}: {}`", fraction(value))
            } else {
                format!("write a fraction, such as `{word}: 0.1` for 10 %")
            };
            Some((message, help))
        }
        (_, _) if is_rate && !key.is_relative() && !(0.0..=1.0).contains(&value) => {
            Some(out_of_fraction(word, value))
        }
        (key, _) if key.is_change() && value < 0.0 => {
            let message =
                format!("{shown} is below 0; expected the largest change that is allowed");
            Some((message, format!("write `{word}: {}`", digits(-value))))
        }
        (_, Unit::Count) if value < 0.0 || value.fract() != 0.0 => {
            let count = digits(value.max(0.0).round());
            let help = format!("write a whole number: `{word}: {count}`");
            Some((format!("{shown} is not a count"), help))
        }
        (_, Unit::Tokens | Unit::Dollars | Unit::Seconds) if value < 0.0 => {
            let message = format!("{shown} is below 0; `{}` is never negative", metric.word());
            let help = format!("write a number that is not negative, or remove `{word}`");
            Some((message, help))
        }
        (LimitKey::Min | LimitKey::Max, Unit::Score) => {
            let (low, high) = range?;
            (!(low..=high).contains(&value)).then(|| {
                let (low, high) = (digits(low), digits(high));
                let message = format!("{shown} is outside `range` [{low}, {high}]");
                (message, "change the limit or `range`".to_owned())
            })
        }
        _ => None,
    }
}
