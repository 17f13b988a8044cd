//! Checks one gate: turns its raw keys into limits that are valid for its metric.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::metric::{LimitKey, Metric, Unit};
use super::model::{Condition, Evidence, Gate, Limit, Missing, MissingRule, Waiver};
use super::raw::{Field, RawAnyOf, RawGate, RawWaiver};
use super::reify::Defaults;
use super::scope::{Scope, nearest, out_of_fraction};
use crate::input::Value;

/// A larger relative limit is probably a mistake, such as 25 instead of 0.25.
const MOST_RELATIVE: f64 = 10.0;

impl Scope<'_> {
    pub(super) fn gate(&mut self, raw: RawGate, defaults: &Defaults) -> Option<Gate> {
        self.unknown(RawGate::KEYS, &raw.unknown);
        let name = self.required("name", "a name that no other gate has", raw.name);
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            self.problem("name", "is empty");
        }
        let words: Vec<(&str, Metric)> = Metric::ALL
            .iter()
            .map(|metric| (metric.word(), *metric))
            .collect();
        if matches!(raw.metric, Field::Absent) {
            self.problem(
                "metric",
                "missing; expected what is measured, such as pass_rate",
            );
        }
        let metric = self.word("metric", raw.metric, &words);
        let given = [
            raw.min,
            raw.max,
            raw.max_drop,
            raw.max_rise,
            raw.max_relative_drop,
            raw.max_relative_rise,
        ];
        let range = self.range(raw.range, metric);
        let limits = self.limits(given, metric, range);
        let missing = Missing {
            rule: self
                .only_where_missing("missing", metric, &raw.missing)
                .then(|| self.missing(raw.missing))
                .flatten()
                .unwrap_or(defaults.missing),
            tolerated: self
                .only_where_missing("max_missing", metric, &raw.max_missing)
                .then(|| self.fraction("max_missing", raw.max_missing))
                .flatten()
                .unwrap_or(defaults.tolerated),
        };
        // If every trial has the value, the defaults for missing scores do not apply either.
        let missing = match metric {
            Some(metric) if !metric.can_miss() => Missing {
                rule: MissingRule::Bound,
                tolerated: 0.0,
            },
            _ => missing,
        };
        let inherits_evidence = matches!(raw.evidence, Field::Absent);
        let evidence = self.evidence_rule(raw.evidence, metric, defaults);
        let is_observed =
            |limit: &Limit| evidence.of_limit(*limit, inherits_evidence) == Evidence::Observed;
        let is_confidence_given = !matches!(raw.confidence, Field::Absent);
        if is_confidence_given && evidence == Evidence::Observed {
            self.problem("confidence", "has no meaning for `evidence: observed`");
        } else if is_confidence_given && !limits.is_empty() && limits.iter().all(is_observed) {
            self.problem(
                "confidence",
                "has no meaning here: `significant` in `defaults` governs change limits only; add `evidence: significant` \
                 to this gate, or remove `confidence`",
            );
        }
        let confidence = self.confidence(raw.confidence);
        let severity = self.severity(raw.severity).unwrap_or(defaults.severity);
        let waive = self
            .optional("waive", "a map of until and reason", raw.waive)
            .and_then(|raw| self.inside("waive").waiver(raw));
        let scorer = self.scorer(raw.scorer, metric);
        let conditions = self.conditions(raw.r#where);
        let against = self.against(raw.against, metric, &limits, defaults);
        let by = self.optional("by", "the name of an input", raw.by);
        if by.as_ref().is_some_and(|path| path.trim().is_empty()) {
            self.problem("by", "is empty; expected the name of an input");
        }
        Some(Gate {
            name: name?,
            metric: metric?,
            scorer,
            conditions,
            by,
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

    /// The further baseline that the gate compares with. It must exist, and a limit must need it.
    fn against(
        &mut self,
        field: Field<String>,
        metric: Option<Metric>,
        limits: &[Limit],
        defaults: &Defaults,
    ) -> Option<String> {
        let name = self.optional("against", "a name under `baselines`", field)?;
        if !defaults.baselines.contains(&name) {
            let names: Vec<&str> = defaults.baselines.iter().map(String::as_str).collect();
            let there = match (nearest(&name, &names), names.as_slice()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, []) => "`baselines` is missing".to_owned(),
                (None, names) => format!("expected one of {}", names.join(", ")),
            };
            self.problem("against", format!("no baseline is named `{name}`; {there}"));
        }
        let compares =
            metric.is_none_or(Metric::compares) || limits.iter().any(|limit| limit.key.is_change());
        if !compares {
            self.problem(
                "against",
                "has no meaning here: no limit of this gate compares with a baseline; add `max_drop` or another limit of a change",
            );
        }
        Some(name)
    }

    /// The conditions that select rows.
    fn conditions(&mut self, field: Field<BTreeMap<String, Field<RawAnyOf>>>) -> Vec<Condition> {
        let expected = "a map from inputs to their values";
        let fields = self.optional("where", expected, field);
        if fields.as_ref().is_some_and(BTreeMap::is_empty) {
            self.problem("where", format!("is empty; expected {expected}"));
        }
        let mut scope = self.inside("where");
        let mut conditions = Vec::new();
        for (input, field) in fields.unwrap_or_default() {
            if input.trim().is_empty() {
                scope.problem("", "a key is empty");
            }
            let expected = "text, a number, true or false, or a list of those";
            let Some(RawAnyOf(values)) = scope.optional(&input, expected, field) else {
                continue;
            };
            let values: BTreeSet<Value> = values.iter().filter_map(Value::of).collect();
            if values.is_empty() {
                scope.problem(&input, format!("is empty; expected {expected}"));
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
            self.problem(
                "evidence",
                format!(
                    "`{}` is not known of single rows; its evidence is `observed`",
                    metric.word()
                ),
            );
        }
        let inherited = if has_interval {
            defaults.evidence
        } else {
            Evidence::Observed
        };
        rule.unwrap_or(inherited)
    }

    fn scorer(&mut self, field: Field<String>, metric: Option<Metric>) -> Option<String> {
        let given = !matches!(field, Field::Absent);
        let scorer = self.optional("scorer", "a scorer_key, or scorer_key.path", field);
        match metric {
            Some(metric) if metric.has_scorer() && !given => self.problem(
                "scorer",
                format!(
                    "missing; `{}` is measured on a scorer's dimension",
                    metric.word()
                ),
            ),
            Some(metric) if !metric.has_scorer() && given => self.problem(
                "scorer",
                format!(
                    "`{}` is measured on the run itself; leave it out",
                    metric.word()
                ),
            ),
            _ => {}
        }
        let scorer = scorer?;
        if scorer.is_empty() {
            self.problem("scorer", "is empty");
        } else if let Err(error) = glob::Pattern::new(&scorer)
            && scorer.contains('*')
        {
            self.problem("scorer", format!("not a pattern: {}", error.msg));
        }
        Some(scorer)
    }

    fn only_where_missing<T>(
        &mut self,
        key: &str,
        metric: Option<Metric>,
        field: &Field<T>,
    ) -> bool {
        let given = !matches!(field, Field::Absent);
        match metric {
            Some(metric) if given && !metric.can_miss() => {
                self.problem(
                    key,
                    format!(
                        "has no meaning for `{}`, which no trial can lack",
                        metric.word()
                    ),
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
        let items = self.optional("range", expected, field)?;
        if let Some(metric) = metric
            && !metric.takes_range()
        {
            self.problem(
                "range",
                format!(
                    "belongs to `numeric_mean`; the range of `{}` is fixed",
                    metric.word()
                ),
            );
            return None;
        }
        let Ok([low, high]) = <[Field<f64>; 2]>::try_from(items) else {
            self.problem("range", format!("expected {expected}"));
            return None;
        };
        let (low, high) = (
            self.number("range[0]", low)?,
            self.number("range[1]", high)?,
        );
        if low < high {
            return Some((low, high));
        }
        self.problem(
            "range",
            format!("expected {expected}; {low} is not below {high}"),
        );
        None
    }

    fn limits(
        &mut self,
        given: [Field<f64>; 6],
        metric: Option<Metric>,
        range: Option<(f64, f64)>,
    ) -> Vec<Limit> {
        if given.iter().all(|field| matches!(field, Field::Absent)) {
            let possible = metric.map_or(&LimitKey::ALL[..], Metric::limits);
            let words: Vec<&str> = possible.iter().map(|key| key.word()).collect();
            self.problem(
                "",
                format!("no limit; expected one of {}", words.join(", ")),
            );
        }
        let mut limits = Vec::new();
        for (key, field) in LimitKey::ALL.into_iter().zip(given) {
            let Some(value) = self.number(key.word(), field) else {
                continue;
            };
            let wrong = metric.and_then(|metric| wrong_limit(metric, key, value, range));
            match wrong {
                Some(message) => self.problem(key.word(), message),
                None => limits.push(Limit { key, value }),
            }
        }
        let value = |key| {
            limits
                .iter()
                .find(|limit| limit.key == key)
                .map(|limit| limit.value)
        };
        if let (Some(min), Some(max)) = (value(LimitKey::Min), value(LimitKey::Max))
            && min > max
        {
            self.problem(
                "min",
                format!("{min} is above max, {max}: no value can hold both"),
            );
        }
        limits
    }

    fn waiver(&mut self, raw: RawWaiver) -> Option<Waiver> {
        self.unknown(RawWaiver::KEYS, &raw.unknown);
        let expected = "the last day it counts, such as 2026-12-31";
        let until = self.required("until", expected, raw.until);
        let until = until.and_then(|text| {
            // Only a date is accepted. A time of day would need a time zone.
            let date = (text.len() == 10)
                .then(|| text.parse::<Date>().ok())
                .flatten();
            if date.is_none() {
                self.problem(
                    "until",
                    format!("`{text}` is not a day; expected {expected}"),
                );
            }
            date
        });
        let reason = self.required("reason", "why, in words", raw.reason);
        if reason
            .as_ref()
            .is_some_and(|reason| reason.trim().is_empty())
        {
            self.problem("reason", "is empty; say why");
        }
        Some(Waiver {
            until: until?,
            reason: reason?,
        })
    }
}

fn wrong_limit(
    metric: Metric,
    key: LimitKey,
    value: f64,
    range: Option<(f64, f64)>,
) -> Option<String> {
    if !metric.limits().contains(&key) {
        let words: Vec<&str> = metric.limits().iter().map(|key| key.word()).collect();
        return Some(format!(
            "`{}` cannot have this limit; it can have {}",
            metric.word(),
            words.join(", ")
        ));
    }
    let is_rate = metric.unit() == Unit::Fraction;
    match (key, metric.unit()) {
        // A value that is never negative cannot drop by more than all of it.
        (LimitKey::MaxRelativeDrop, unit)
            if unit != Unit::Score && !(0.0..=1.0).contains(&value) =>
        {
            Some(out_of_fraction(value))
        }
        (LimitKey::MaxRelativeDrop | LimitKey::MaxRelativeRise, _) if value > MOST_RELATIVE => {
            let percent = value / 100.0;
            Some(format!(
                "{value} is more than ten times the baseline; for {value} % write {percent}"
            ))
        }
        (_, _) if is_rate && !key.is_relative() && !(0.0..=1.0).contains(&value) => {
            Some(out_of_fraction(value))
        }
        (key, _) if key.is_change() && value < 0.0 => Some(format!(
            "{value} is below 0; a limit on a change is how much of it is allowed"
        )),
        (_, Unit::Count) if value < 0.0 || value.fract() != 0.0 => Some(format!(
            "{value} is not a count; expected a whole number from 0 on"
        )),
        (_, Unit::Tokens | Unit::Dollars | Unit::Seconds) if value < 0.0 => {
            Some(format!("{value} is below 0, which nothing can cost"))
        }
        (LimitKey::Min | LimitKey::Max, Unit::Score) => {
            let (low, high) = range?;
            (!(low..=high).contains(&value))
                .then(|| format!("{value} lies outside `range` [{low}, {high}]"))
        }
        _ => None,
    }
}
