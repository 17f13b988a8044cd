//! The keys of a policy file, exactly as they are written.
//!
//! Reading never fails here. A missing key or a value of the wrong type is recorded as such, and an unknown key is
//! recorded by name. [`super::reify`] turns these records into problems.

use schemars::generate::SchemaSettings;
use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_yaml::Value;

use super::issue::Found;
use super::metric::Metric;
use super::model::{Evidence, Required, Reruns};
use super::schema;

/// The value of a key.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// It holds what it should.
    Given(T),
    /// It holds something else.
    Wrong(Found),
}

impl<T> Field<T> {
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The item of a list: one that is absent is null.
    pub(super) fn or_nothing(self) -> Self {
        match self {
            Self::Absent => Self::Wrong(Found::Nothing),
            item => item,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let found = Found::of(&value);
        // The parser would read null as an empty list or map.
        if value.is_null() {
            return Ok(Self::Wrong(found));
        }
        Ok(serde_yaml::from_value(value).map_or(Self::Wrong(found), Self::Given))
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Declares a block of the policy: its fields, the list of its keys, and a place for unknown keys. Editors show the
/// comment above a field as the description of its key.
macro_rules! block {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)?
    }) => {
        #[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default)]
        $(#[$doc])*
        #[schemars(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$field_doc])* pub(super) $field: Field<$type>,)+
            #[serde(flatten)]
            #[schemars(skip)]
            pub(super) unknown: BTreeMap<String, Value>,
        }

        impl $name {
            pub(super) const KEYS: &'static [&'static str] = &[$(key(stringify!($field))),+];
        }
    };
}

/// A field's key: without the prefix `r#` of a Rust keyword.
const fn key(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

block! {
    /// The conditions for a deployment, which weave-gate checks.
    #[schemars(rename = "weave-gate policy", extend("required" = ["version", "gates"]))]
    RawPolicy {
        /// The version of the policy language.
        #[schemars(extend("const" = 1))]
        version: u64,
        /// The project of the runs, as entity/project. `--project` overrides it.
        #[schemars(regex(pattern = schema::PROJECT))]
        project: String,
        /// The attributes that hold the commit and the branch of runs.
        identity: RawIdentity,
        /// The run that is judged. A run that `--candidate` names must also match these keys.
        candidate: RawCandidate,
        /// The run to compare with. `--baseline` overrides it.
        baseline: RawBaseline,
        /// Further runs to compare with, by name. A gate names one with `against`.
        #[schemars(extend("propertyNames" = {"pattern": schema::NAME}))]
        baselines: BTreeMap<String, Field<RawFurtherBaseline>>,
        /// Runs of these statuses are judged.
        #[schemars(transform = schema::statuses)]
        accept_status: Vec<Field<String>>,
        /// The effect of calls that are missing in Weave. `warn` is for teams that delete single calls on purpose.
        #[schemars(extend("enum" = ["undecided", "warn"]))]
        completeness: String,
        /// The effect of differences in how the two runs were measured.
        comparability: RawComparability,
        /// The values of keys that a gate does not have.
        defaults: RawDefaults,
        /// Whether several `significant` limits on changes are judged together, so that chance alone fails one of
        /// them no more often than it would fail a single one.
        #[schemars(extend("enum" = ["holm", "none"]))]
        correction: String,
        /// How much the runs of an unchanged model differ. `weave-gate calibrate --write` measures and writes it.
        noise: RawNoise,
        /// What reports show.
        report: RawReport,
        /// The gates, at least one.
        #[schemars(length(min = 1))]
        gates: Vec<Field<RawGate>>,
    }
}

/// Attributes that the run was logged with, by name; one in another is written `outer.inner`.
pub(super) type RawAttributes = BTreeMap<String, Field<RawScalar>>;

/// Text, a number or a truth value, as text.
#[derive(Debug)]
pub(super) struct RawScalar {
    pub(super) text: String,
    pub(super) is_number: bool,
}

impl<'de> Deserialize<'de> for RawScalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (text, is_number) = match Value::deserialize(deserializer)? {
            Value::String(text) => (text, false),
            Value::Bool(value) => (value.to_string(), false),
            Value::Number(number) if number.is_finite() => (number.to_string(), true),
            _ => return Err(D::Error::custom("no text, number or truth value")),
        };
        Ok(Self { text, is_number })
    }
}

impl JsonSchema for RawScalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"], "pattern": schema::TEMPLATE})
    }
}

/// One dimension or pattern, or a list whose items should be these.
#[derive(Debug)]
pub(super) struct RawScorers(pub(super) Vec<Value>);

impl<'de> Deserialize<'de> for RawScorers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Sequence(values) => Ok(Self(values)),
            value @ Value::String(_) => Ok(Self(vec![value])),
            _ => Err(D::Error::custom("no text")),
        }
    }
}

impl JsonSchema for RawScorers {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "scorers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "array"],
            "minLength": 1,
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "uniqueItems": true
        })
    }
}

/// One value of an input, or several of which a row has any.
#[derive(Debug)]
pub(super) struct RawAnyOf(pub(super) Vec<serde_json::Value>);

impl<'de> Deserialize<'de> for RawAnyOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = |value: Value| match value {
            Value::String(text) => Ok(text.into()),
            Value::Bool(value) => Ok(value.into()),
            Value::Number(number) if number.is_finite() => {
                serde_json::to_value(number).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom("no text, number or truth value")),
        };
        match Value::deserialize(deserializer)? {
            Value::Sequence(values) => values.into_iter().map(scalar).collect(),
            value => scalar(value).map(|value| vec![value]),
        }
        .map(Self)
    }
}

impl JsonSchema for RawAnyOf {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "any of".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let scalar = ["string", "number", "boolean"];
        json_schema!({
            "type": [scalar[0], scalar[1], scalar[2], "array"],
            "items": {"type": scalar},
            "minItems": 1
        })
    }
}

block! {
    /// The attributes that hold the commit and the branch of runs, by name; one in another is written `outer.inner`.
    #[schemars(rename = "identity")]
    RawIdentity {
        /// The attribute of the commit. The default is `git_sha`.
        #[schemars(length(min = 1))]
        commit: String,
        /// The attribute of the branch. The default is `git_branch`.
        #[schemars(length(min = 1))]
        branch: String,
    }
}

block! {
    /// The effect of differences in how the two runs were measured.
    #[schemars(rename = "comparability")]
    RawComparability {
        /// A scorer was changed, added or removed. The default is `undecided`.
        #[schemars(extend("enum" = ["undecided", "warn", "note", "ignore"]))]
        scorer: String,
        /// The dataset has other rows. The default is `note`.
        #[schemars(extend("enum" = ["undecided", "warn", "note", "ignore"]))]
        dataset: String,
        /// Other models were served. The default is `warn`.
        #[schemars(extend("enum" = ["undecided", "warn", "note", "ignore"]))]
        served_model: String,
    }
}

block! {
    /// What reports show.
    #[schemars(rename = "report")]
    RawReport {
        /// The inputs that reports show for a row, in this order. The default is `question` or another usual name, else
        /// the longest text.
        #[schemars(transform = schema::names)]
        show: Vec<Field<String>>,
    }
}

/// true, false, or `after-first`.
#[derive(Debug)]
pub(super) struct RawRequired(pub(super) Required);

impl<'de> Deserialize<'de> for RawRequired {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self(Required::Always)),
            Value::Bool(false) => Ok(Self(Required::Never)),
            Value::String(word) if word == AFTER_FIRST => Ok(Self(Required::AfterFirst)),
            _ => Err(D::Error::custom("neither true, false nor after-first")),
        }
    }
}

/// The word in a policy.
const AFTER_FIRST: &str = "after-first";

impl JsonSchema for RawRequired {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "required".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": [true, false, AFTER_FIRST]})
    }
}

block! {
    /// The run that is judged: `run`, `file`, or keys that select the newest run that matches.
    #[schemars(rename = "candidate", transform = schema::one_source)]
    RawCandidate {
        /// The name of its evaluation, in any version; or the name that `EvaluationLogger` was given.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        evaluation: String,
        /// The name of its model, in any version.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        model: String,
        /// Its commit, in full or as a prefix of at least 7 characters. See `reruns` for several runs of one commit.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        commit: String,
        /// Its branch.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        branch: String,
        /// Attributes that it was logged with, by name; one in another is written `outer.inner`.
        #[schemars(extend("minProperties" = 1, "propertyNames" = {"minLength": 1}))]
        attributes: RawAttributes,
        /// Its id, or its address in Weave.
        #[schemars(regex(pattern = schema::RUN))]
        run: String,
        /// The path of a snapshot of it.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        file: String,
        /// How several runs of one commit are judged: `pool` judges all trials together, `newest` only the newest run,
        /// `refuse` leaves every check undecided.
        #[schemars(extend("enum" = Reruns::ALL.map(|(word, _)| word)))]
        reruns: String,
        /// The maximum time since it finished, such as 7d. An older run leaves every check undecided.
        #[schemars(regex(pattern = schema::AGE))]
        max_age: String,
    }
}

block! {
    /// The run to compare with: `run`, `file`, or keys that select the newest run that matches. The run must have
    /// finished, be complete, have started before the candidate, and have another commit.
    #[schemars(rename = "baseline", transform = schema::one_source)]
    RawBaseline {
        /// The name of its evaluation, in any version. The default is the candidate's evaluation.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        evaluation: String,
        /// The name of its model, in any version.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        model: String,
        /// Its commit, in full or as a prefix of at least 7 characters.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        commit: String,
        /// Its branch.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        branch: String,
        /// Attributes that it was logged with, by name; one in another is written `outer.inner`.
        #[schemars(extend("minProperties" = 1, "propertyNames" = {"minLength": 1}))]
        attributes: RawAttributes,
        /// Its id, or its address in Weave.
        #[schemars(regex(pattern = schema::RUN))]
        run: String,
        /// The path of a snapshot of it.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        file: String,
        /// The number of newest commits that match, from 1 to 50, whose runs are pooled. The default is 1.
        #[schemars(range(min = 1, max = 50))]
        last: u64,
        /// The maximum time since it finished, such as 30d. An older run leaves the change limits undecided.
        #[schemars(regex(pattern = schema::AGE))]
        max_age: String,
        /// false: without a baseline the change limits are skipped, and the report says so. after-first: they are
        /// skipped only while no run of the evaluation matches these keys, for at most 14 days.
        required: RawRequired,
        /// How rows of the baseline that the candidate lacks are counted: as missing scores, or not at all.
        #[schemars(extend("enum" = ["missing", "ignore"]))]
        removed_rows: String,
    }
}

block! {
    /// A further run to compare with: `run`, `file`, or keys that select the newest run that matches. The run must have
    /// finished, be complete, have started before the candidate, and have another commit.
    #[schemars(rename = "further_baseline", transform = schema::one_source)]
    RawFurtherBaseline {
        /// The name of its evaluation, in any version. The default is the candidate's evaluation.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        evaluation: String,
        /// The name of its model, in any version.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        model: String,
        /// Its commit, in full or as a prefix of at least 7 characters.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        commit: String,
        /// Its branch.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        branch: String,
        /// Attributes that it was logged with, by name; one in another is written `outer.inner`.
        #[schemars(extend("minProperties" = 1, "propertyNames" = {"minLength": 1}))]
        attributes: RawAttributes,
        /// Its id, or its address in Weave.
        #[schemars(regex(pattern = schema::RUN))]
        run: String,
        /// The path of a snapshot of it.
        #[schemars(regex(pattern = schema::TEMPLATE))]
        file: String,
        /// The maximum time since it finished, such as 90d. An older run leaves the change limits undecided.
        #[schemars(regex(pattern = schema::AGE))]
        max_age: String,
    }
}

block! {
    /// The values of keys that a gate does not have.
    #[schemars(rename = "defaults")]
    RawDefaults {
        /// Whether gates can block.
        #[schemars(extend("enum" = ["block", "warn"]))]
        severity: String,
        /// The evidence that checks need. `observed`: the measured value decides. `significant`: a check fails only if
        /// chance does not explain the change. `proven`: a check is decided only if the whole interval is on one side
        /// of the limit. Here, `significant` applies to change limits only, and `proven` to all limits.
        #[schemars(extend("enum" = Evidence::ALL.map(Evidence::word)))]
        evidence: String,
        /// The one-sided confidence level of `significant` and `proven`. With 0.95, at most one of twenty decisions is
        /// wrong by chance.
        #[schemars(extend("exclusiveMinimum" = 0.5, "maximum" = 0.9999))]
        confidence: f64,
        /// How missing scores are counted. `bound`: as the worst and the best possible score, and the check is
        /// undecided if this decides. `fail`: as the worst score. `ignore`: not at all.
        #[schemars(extend("enum" = ["bound", "fail", "ignore"]))]
        missing: String,
        /// The maximum fraction of missing scores that are ignored.
        #[schemars(range(min = 0, max = 1))]
        max_missing: f64,
        /// The name of an input whose value rows that belong together share, such as the document that they ask about.
        /// Confidence intervals then count these clusters of rows.
        #[schemars(length(min = 1))]
        cluster_by: String,
    }
}

block! {
    /// How much the runs of an unchanged model differ.
    #[schemars(rename = "noise", extend("required" = ["measured", "expires", "runs", "df", "run_sd"]))]
    RawNoise {
        /// The day on which it was measured.
        #[schemars(regex(pattern = schema::DAY))]
        measured: String,
        /// The last day on which it is used without a warning.
        #[schemars(regex(pattern = schema::DAY))]
        expires: String,
        /// The number of runs that were measured.
        #[schemars(range(min = 2))]
        runs: u64,
        /// The degrees of freedom: the runs less one, summed over the groups of runs.
        #[schemars(range(min = 1))]
        df: u64,
        /// The standard deviation between the means of runs that their rows do not explain, by dimension, in the unit of
        /// the scorer.
        #[schemars(extend("minProperties" = 1, "additionalProperties" = {"type": "number", "minimum": 0}))]
        run_sd: BTreeMap<String, Field<f64>>,
    }
}

block! {
    /// A gate: a metric, a scorer or the run itself, and limits.
    #[schemars(rename = "gate", extend("required" = ["name", "metric"]), transform = schema::limits_of_metrics)]
    RawGate {
        /// The name of the gate in reports. It must be unique.
        #[schemars(regex(pattern = r"\S"))]
        name: String,
        /// A dimension, `scorer_key` or `scorer_key.path`; a pattern such as "safety.*"; or a list of these, each of which
        /// must have scores.
        scorer: RawScorers,
        /// The metric.
        #[schemars(extend("enum" = Metric::words()))]
        metric: String,
        /// The number of attempts at a row that `pass_hat_k` and `pass_at_k` are about, at most the trials of each row.
        #[schemars(range(min = 1, max = 1000))]
        k: u64,
        /// Selects the rows whose inputs have one of the listed values. A nested input is written `outer.inner`.
        #[schemars(extend("minProperties" = 1, "propertyNames" = {"minLength": 1}))]
        r#where: BTreeMap<String, Field<RawAnyOf>>,
        /// The name of an input. There is a check for the rows of each of its values. More than 50 values leave the
        /// gate undecided.
        #[schemars(length(min = 1))]
        by: String,
        /// The name of an input whose value rows that belong together share, such as the document that they ask about.
        /// Confidence intervals then count these clusters of rows.
        #[schemars(length(min = 1))]
        cluster_by: String,
        /// The name under `baselines` of the run that the gate compares with, instead of `baseline`.
        #[schemars(regex(pattern = schema::NAME))]
        against: String,
        /// The minimum of the candidate's value.
        min: f64,
        /// The maximum of the candidate's value.
        max: f64,
        /// The maximum drop from the baseline's value, in the metric's unit.
        #[schemars(range(min = 0))]
        max_drop: f64,
        /// The maximum rise from the baseline's value, in the metric's unit.
        #[schemars(range(min = 0))]
        max_rise: f64,
        /// The maximum drop, as a fraction of the baseline's value.
        #[schemars(range(min = 0, max = 10))]
        max_relative_drop: f64,
        /// The maximum rise, as a fraction of the baseline's value.
        #[schemars(range(min = 0, max = 10))]
        max_relative_rise: f64,
        /// The evidence that the gate's checks need. `observed`: the measured value decides. `significant`: a check
        /// fails only if chance does not explain the change. `proven`: a check is decided only if the whole interval is
        /// on one side of the limit. Here, the rule applies to all limits of the gate.
        #[schemars(extend("enum" = Evidence::ALL.map(Evidence::word)))]
        evidence: String,
        /// The one-sided confidence level of `significant` and `proven`. With 0.95, at most one of twenty decisions is
        /// wrong by chance.
        #[schemars(extend("exclusiveMinimum" = 0.5, "maximum" = 0.9999))]
        confidence: f64,
        /// How missing scores are counted. `bound`: as the worst and the best possible score, and the check is
        /// undecided if this decides. `fail`: as the worst score. `ignore`: not at all.
        #[schemars(extend("enum" = ["bound", "fail", "ignore"]))]
        missing: String,
        /// The maximum fraction of missing scores that are ignored.
        #[schemars(range(min = 0, max = 1))]
        max_missing: f64,
        /// The lowest and the highest possible score of a `numeric_mean`.
        #[schemars(length(equal = 2))]
        range: Vec<Field<f64>>,
        /// Whether the gate can block.
        #[schemars(extend("enum" = ["block", "warn"]))]
        severity: String,
        /// Accepts the gate's failures until the end of a day, in UTC. Reports always show it.
        waive: RawWaiver,
    }
}

block! {
    /// The end of a waiver, and its reason.
    #[schemars(rename = "waive", extend("required" = ["until", "reason"]))]
    RawWaiver {
        /// The last day of the waiver, such as 2026-12-31.
        #[schemars(regex(pattern = schema::DAY))]
        until: String,
        /// The reason of the waiver.
        #[schemars(regex(pattern = r"\S"))]
        reason: String,
    }
}

/// The JSON Schema of a policy file. It covers every key and word, and which limits each metric can have. `validate`
/// also checks rules that the schema does not contain.
#[must_use]
pub fn policy_schema() -> serde_json::Value {
    let generator = SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<RawPolicy>().to_value()
}
