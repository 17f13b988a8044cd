//! From raw keys to a checked policy, collecting every problem on the way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_yaml::Value;

use super::raw::{Field, RawBaseline, RawCandidate, RawDefaults, RawGate, RawPolicy, RawWaiver};
use super::{
    BaselineRule, Gate, Limit, LimitKey, Metric, Missing, MissingRule, Problem, RemovedRows,
    Severity, Source, SourceTemplate, Template, Unit, Waiver,
};
use crate::project::Project;

/// Keys and words of the policy language that this version does not judge yet. They are refused,
/// never ignored.
const LATER: [(&str, &str); 16] = [
    ("where", "judging a slice of the rows"),
    ("by", "judging a slice of the rows"),
    ("confidence", "statistical evidence"),
    ("correction", "statistical evidence"),
    ("significant", "statistical evidence"),
    ("proven", "statistical evidence"),
    ("regressed_rows", "judging rows one by one"),
    ("fixed_rows", "judging rows one by one"),
    ("latency_mean", "judging rows one by one"),
    ("latency_p50", "judging rows one by one"),
    ("latency_p95", "judging rows one by one"),
    ("latency_p99", "judging rows one by one"),
    ("evaluation", "finding a run by name"),
    ("attributes", "finding a run by name"),
    ("model", "finding a run by name"),
    ("max_age", "finding a run by name"),
];

/// A larger relative rise is a slip of the pen: 25 where 0.25 is meant.
const MOST_RELATIVE_RISE: f64 = 10.0;

/// What a policy file holds, checked.
pub(super) struct Parts {
    pub(super) project: Option<Template>,
    pub(super) candidate: Option<SourceTemplate>,
    pub(super) baseline: BaselineRule,
    pub(super) accept_failed: bool,
    pub(super) gates: Vec<Gate>,
}

/// Checks a policy; `None` where a problem leaves nothing to return.
pub(super) fn policy(value: Value, problems: &mut Vec<Problem>) -> Option<Parts> {
    let mut scope = Scope {
        place: String::new(),
        problems,
    };
    let kind = match &value {
        Value::Mapping(_) => None,
        Value::Null => Some("empty"),
        _ => Some("not a map"),
    };
    if let Some(kind) = kind {
        scope.problem(
            "",
            format!("the policy is {kind}; expected `version: 1` and `gates:`"),
        );
        return None;
    }
    let raw: RawPolicy = match serde_yaml::from_value(value) {
        Ok(raw) => raw,
        Err(error) => {
            scope.problem("", error.to_string());
            return None;
        }
    };
    scope.unknown(RawPolicy::KEYS, &raw.unknown);
    match scope.required("version", "the number 1", raw.version) {
        None | Some(1) => {}
        Some(other) => scope.problem(
            "version",
            format!("version {other} is not known to this weave-gate; expected 1"),
        ),
    }
    let project = scope.template("project", raw.project);
    if let Some(text) = project.as_ref().and_then(Template::literal)
        && Project::parse(&text).is_none()
    {
        scope.problem(
            "project",
            format!("`{text}` is not a project; expected entity/project"),
        );
    }
    let candidate = scope
        .optional("candidate", "a map", raw.candidate)
        .and_then(|raw| scope.inside("candidate").candidate(raw));
    let baseline = scope
        .optional("baseline", "a map", raw.baseline)
        .unwrap_or_default();
    let baseline = scope.inside("baseline").baseline(baseline);
    let accept_failed = scope.accept_status(raw.accept_status);
    let defaults = scope
        .optional("defaults", "a map", raw.defaults)
        .unwrap_or_default();
    let defaults = scope.inside("defaults").defaults(defaults);
    let gates = scope.gates(raw.gates, &defaults);
    Some(Parts {
        project,
        candidate,
        baseline,
        accept_failed,
        gates,
    })
}

/// What a gate inherits.
struct Defaults {
    severity: Severity,
    missing: MissingRule,
    tolerated: f64,
}

/// A place in the file, and where its problems go.
struct Scope<'a> {
    place: String,
    problems: &'a mut Vec<Problem>,
}

impl Scope<'_> {
    fn inside(&mut self, key: &str) -> Scope<'_> {
        Scope {
            place: self.at(key),
            problems: self.problems,
        }
    }

    fn at(&self, key: &str) -> String {
        match (self.place.as_str(), key) {
            (place, "") => place.to_owned(),
            ("", key) => key.to_owned(),
            (place, key) if place.ends_with('"') => format!("{place}: {key}"),
            (place, key) if key.starts_with('[') => format!("{place}{key}"),
            (place, key) => format!("{place}.{key}"),
        }
    }

    fn problem(&mut self, key: &str, message: impl Into<String>) {
        let problem = Problem {
            place: self.at(key),
            message: message.into(),
        };
        self.problems.push(problem);
    }

    fn unknown(&mut self, known: &[&str], unknown: &BTreeMap<String, Value>) {
        for key in unknown.keys() {
            let message = match later(key) {
                Some(purpose) => not_yet(key, purpose),
                None => match nearest(key, known) {
                    Some(near) => format!("unknown key; did you mean `{near}`?"),
                    None => format!("unknown key; expected one of {}", known.join(", ")),
                },
            };
            self.problem(key, message);
        }
    }

    fn optional<T>(&mut self, key: &str, expected: &str, field: Field<T>) -> Option<T> {
        match field {
            Field::Absent => None,
            Field::Given(value) => Some(value),
            Field::Wrong(found) => {
                self.problem(key, format!("expected {expected}, found {found}"));
                None
            }
        }
    }

    fn required<T>(&mut self, key: &str, expected: &str, field: Field<T>) -> Option<T> {
        if matches!(field, Field::Absent) {
            self.problem(key, format!("missing; expected {expected}"));
        }
        self.optional(key, expected, field)
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, key: &str, field: Field<String>, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        let word = self.optional(key, &expected, field)?;
        let found = words.iter().find(|(name, _)| *name == word);
        if found.is_none() {
            let message = match (later(&word), nearest(&word, &names)) {
                (Some(purpose), _) => not_yet(&word, purpose),
                (None, Some(near)) => format!("unknown word `{word}`; did you mean `{near}`?"),
                (None, None) => format!("unknown word `{word}`; expected {expected}"),
            };
            self.problem(key, message);
        }
        found.map(|(_, value)| *value)
    }

    /// A finite number.
    fn number(&mut self, key: &str, field: Field<f64>) -> Option<f64> {
        let number = self.optional(key, "a number", field)?;
        if number.is_finite() {
            // Negative zero would show up as such in every report.
            return Some(number + 0.0);
        }
        self.problem(key, format!("`{number}` is not a finite number"));
        None
    }

    /// A number from 0 to 1.
    fn fraction(&mut self, key: &str, field: Field<f64>) -> Option<f64> {
        let number = self.number(key, field)?;
        if (0.0..=1.0).contains(&number) {
            return Some(number);
        }
        self.problem(key, out_of_fraction(number));
        None
    }

    fn template(&mut self, key: &str, field: Field<String>) -> Option<Template> {
        let text = self.optional(key, "text", field)?;
        if text.is_empty() {
            self.problem(key, "is empty");
            return None;
        }
        Template::parse(&text)
            .map_err(|message| self.problem(key, message))
            .ok()
    }

    fn source(&mut self, run: Field<String>, file: Field<String>) -> Option<SourceTemplate> {
        if !matches!(run, Field::Absent) && !matches!(file, Field::Absent) {
            self.problem("", "`run` and `file` exclude each other");
            return None;
        }
        let run = self.template("run", run);
        if let Some(id) = run.as_ref().and_then(Template::literal)
            && let Err(problem) = Source::run(&id)
        {
            self.problem("run", problem);
        }
        let run = run.map(SourceTemplate::Run);
        run.or_else(|| self.template("file", file).map(SourceTemplate::File))
    }

    fn candidate(&mut self, raw: RawCandidate) -> Option<SourceTemplate> {
        self.unknown(RawCandidate::KEYS, &raw.unknown);
        self.source(raw.run, raw.file)
    }

    fn baseline(&mut self, raw: RawBaseline) -> BaselineRule {
        self.unknown(RawBaseline::KEYS, &raw.unknown);
        let words = [
            ("missing", RemovedRows::Missing),
            ("ignore", RemovedRows::Ignore),
        ];
        BaselineRule {
            source: self.source(raw.run, raw.file),
            required: self
                .optional("required", "true or false", raw.required)
                .unwrap_or(true),
            removed_rows: self
                .word("removed_rows", raw.removed_rows, &words)
                .unwrap_or(RemovedRows::Missing),
        }
    }

    /// Whether `failed` is accepted. `completed` has to be in the list: it always is accepted.
    fn accept_status(&mut self, field: Field<Vec<Field<String>>>) -> bool {
        let key = "accept_status";
        let Some(items) = self.optional(key, "a list of completed, failed", field) else {
            return false;
        };
        let words = [("completed", false), ("failed", true)];
        let mut seen = BTreeSet::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = format!("{key}[{index}]");
            let item = match item {
                Field::Absent => Field::Wrong("nothing".to_owned()),
                item => item,
            };
            if let Some(word) = self.word(&place, item, &words)
                && !seen.insert(word)
            {
                self.problem(&place, "stands more than once");
            }
        }
        if !seen.contains(&false) {
            self.problem(key, "has to contain `completed`");
        }
        seen.contains(&true)
    }

    fn severity(&mut self, field: Field<String>) -> Option<Severity> {
        let words = [("block", Severity::Block), ("warn", Severity::Warn)];
        self.word("severity", field, &words)
    }

    fn missing(&mut self, field: Field<String>) -> Option<MissingRule> {
        let words = [
            ("bound", MissingRule::Bound),
            ("fail", MissingRule::Fail),
            ("ignore", MissingRule::Ignore),
        ];
        self.word("missing", field, &words)
    }

    /// There is one evidence rule in this version; saying so is allowed.
    fn evidence(&mut self, field: Field<String>) {
        self.word("evidence", field, &[("observed", ())]);
    }

    fn defaults(&mut self, raw: RawDefaults) -> Defaults {
        self.unknown(RawDefaults::KEYS, &raw.unknown);
        self.evidence(raw.evidence);
        Defaults {
            severity: self.severity(raw.severity).unwrap_or(Severity::Block),
            missing: self.missing(raw.missing).unwrap_or(MissingRule::Bound),
            tolerated: self.fraction("max_missing", raw.max_missing).unwrap_or(0.0),
        }
    }

    fn gates(&mut self, field: Field<Vec<Field<RawGate>>>, defaults: &Defaults) -> Vec<Gate> {
        let expected = "a list of at least one gate";
        let Some(items) = self.required("gates", expected, field) else {
            return Vec::new();
        };
        if items.is_empty() {
            self.problem(
                "gates",
                format!("expected {expected}: an empty policy proves nothing"),
            );
        }
        let mut names = BTreeSet::new();
        let mut gates = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = format!("gates[{index}]");
            let item = match item {
                Field::Absent => Field::Wrong("nothing".to_owned()),
                item => item,
            };
            let Some(raw) = self.optional(&place, "a map", item) else {
                continue;
            };
            let gate_place = match &raw.name {
                Field::Given(name) => {
                    let short: String = name.chars().take(60).collect();
                    format!("{place} {short:?}")
                }
                Field::Absent | Field::Wrong(_) => place,
            };
            let mut scope = self.inside(&gate_place);
            if let Field::Given(name) = &raw.name
                && !names.insert(name.trim().to_owned())
            {
                scope.problem("name", "another gate has this name; names are unique");
            }
            gates.extend(scope.gate(raw, defaults));
        }
        gates
    }

    fn gate(&mut self, raw: RawGate, defaults: &Defaults) -> Option<Gate> {
        self.unknown(RawGate::KEYS, &raw.unknown);
        self.evidence(raw.evidence);
        let name = self.required("name", "a name that no other gate has", raw.name);
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            self.problem("name", "is empty");
        }
        let words = Metric::ALL.map(|metric| (metric.word(), metric));
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
        // Where no trial can lack the value, the defaults have nothing to say either.
        let missing = match metric {
            Some(metric) if !metric.can_miss() => Missing {
                rule: MissingRule::Bound,
                tolerated: 0.0,
            },
            _ => missing,
        };
        let severity = self.severity(raw.severity).unwrap_or(defaults.severity);
        let waive = self
            .optional("waive", "a map of until and reason", raw.waive)
            .and_then(|raw| self.inside("waive").waiver(raw));
        let scorer = self.scorer(raw.scorer, metric);
        Some(Gate {
            name: name?,
            metric: metric?,
            scorer,
            limits,
            missing,
            range,
            severity,
            waive,
        })
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
            && metric != Metric::NumericMean
        {
            self.problem(
                "range",
                format!(
                    "belongs to `numeric_mean`; `{}` has a range of its own",
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
            // A date with a time of day would raise the question of its time zone.
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
        (LimitKey::MaxRelativeDrop, _) if !(0.0..=1.0).contains(&value) => {
            Some(out_of_fraction(value))
        }
        (LimitKey::MaxRelativeRise, _) if value > MOST_RELATIVE_RISE => {
            Some(out_of_fraction(value))
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
        (_, Unit::Tokens | Unit::Dollars) if value < 0.0 => {
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

fn out_of_fraction(value: f64) -> String {
    let percent = value / 100.0;
    if (1.0..=100.0).contains(&value) {
        format!("{value} is not a fraction from 0 to 1; for {value} % write {percent}")
    } else {
        format!("{value} is not a fraction from 0 to 1")
    }
}

fn later(word: &str) -> Option<&'static str> {
    LATER
        .iter()
        .find_map(|(known, purpose)| (*known == word).then_some(*purpose))
}

fn not_yet(word: &str, purpose: &str) -> String {
    format!(
        "`{word}` is for {purpose}, which this version of weave-gate cannot do yet; take it out"
    )
}

/// The known word that was probably meant: alike, or one slip of the finger away.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), *candidate))
        .filter(|(likeness, candidate)| {
            *likeness > 0.8 || (word.len() > 1 && strsim::osa_distance(word, candidate) == 1)
        })
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
