//! Turns raw keys into a checked policy and collects every problem.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::model::{
    BaselineRule, CandidateRule, Completeness, Correction, Evidence, FurtherBaseline, Gate,
    MissingRule, Problem, RemovedRows, Reruns, Severity,
};
use super::raw::{
    Field, RawAttributes, RawBaseline, RawCandidate, RawDefaults, RawFurtherBaseline, RawGate,
    RawIdentity, RawPolicy, RawRequired, RawScalar,
};
use super::scope::Scope;
use super::source::{SelectorTemplate, SourceTemplate};
use super::source::{Source, Template};
use crate::project::Project;
use crate::selector::Identity;

/// The default confidence: one error in twenty on average.
const USUAL_CONFIDENCE: f64 = 0.95;
/// The maximum confidence. The tails of the distributions are not accurate enough for more.
const MOST_CONFIDENCE: f64 = 0.9999;

/// The checked content of a policy file.
pub(super) struct Parts {
    pub(super) project: Option<Template>,
    pub(super) identity: Identity,
    pub(super) candidate: CandidateRule,
    pub(super) baseline: BaselineRule,
    pub(super) baselines: BTreeMap<String, FurtherBaseline>,
    pub(super) completeness: Completeness,
    pub(super) accept_failed: bool,
    pub(super) correction: Correction,
    pub(super) gates: Vec<Gate>,
}

/// Checks a policy; `None` if problems leave nothing to return.
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
    let identity = scope
        .optional("identity", "a map", raw.identity)
        .map(|raw| scope.inside("identity").identity(raw))
        .unwrap_or_default();
    let candidate = scope
        .optional("candidate", "a map", raw.candidate)
        .map(|raw| scope.inside("candidate").candidate(raw))
        .unwrap_or_default();
    let baseline = scope
        .optional("baseline", "a map", raw.baseline)
        .unwrap_or_default();
    let baseline = scope.inside("baseline").baseline(baseline);
    let (names, baselines) = scope.further_baselines(raw.baselines);
    let accept_failed = scope.accept_status(raw.accept_status);
    let defaults = scope
        .optional("defaults", "a map", raw.defaults)
        .unwrap_or_default();
    let defaults = scope.inside("defaults").defaults(defaults, names);
    let words = [
        ("undecided", Completeness::Undecided),
        ("warn", Completeness::Warn),
    ];
    let completeness = scope.word("completeness", raw.completeness, &words);
    let words = [("holm", Correction::Holm), ("none", Correction::None)];
    let correction = scope.word("correction", raw.correction, &words);
    let gates = scope.gates(raw.gates, &defaults);
    Some(Parts {
        project,
        identity,
        candidate,
        baseline,
        baselines,
        completeness: completeness.unwrap_or_default(),
        accept_failed,
        correction: correction.unwrap_or(Correction::Holm),
        gates,
    })
}

/// The keys that select a run.
struct RawSelector {
    evaluation: Field<String>,
    model: Field<String>,
    commit: Field<String>,
    branch: Field<String>,
    attributes: Field<RawAttributes>,
}

impl RawSelector {
    /// The first key that is present; empty if all are missing.
    fn first_key(&self) -> &'static str {
        if !matches!(self.evaluation, Field::Absent) {
            "evaluation"
        } else if !matches!(self.model, Field::Absent) {
            "model"
        } else if !matches!(self.commit, Field::Absent) {
            "commit"
        } else if !matches!(self.branch, Field::Absent) {
            "branch"
        } else if !matches!(self.attributes, Field::Absent) {
            "attributes"
        } else {
            ""
        }
    }
}

/// The values that a gate inherits.
pub(super) struct Defaults {
    pub(super) severity: Severity,
    pub(super) evidence: Evidence,
    pub(super) confidence: f64,
    pub(super) missing: MissingRule,
    pub(super) tolerated: f64,
    /// The names under `baselines`.
    pub(super) baselines: BTreeSet<String>,
}

impl Scope<'_> {
    fn source(
        &mut self,
        run: Field<String>,
        file: Field<String>,
        selector: RawSelector,
    ) -> Option<SourceTemplate> {
        let ways = [
            ("run", !matches!(run, Field::Absent)),
            ("file", !matches!(file, Field::Absent)),
            (selector.first_key(), !selector.first_key().is_empty()),
        ];
        let mut given = ways.iter().filter(|(_, given)| *given);
        if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
            self.problem("", format!("`{one}` and `{other}` exclude each other"));
            return None;
        }
        let run = self.template("run", run);
        if let Some(id) = run.as_ref().and_then(Template::literal)
            && let Err(problem) = Source::run(&id)
        {
            self.problem("run", problem);
        }
        let file = self.template("file", file);
        run.map(SourceTemplate::Run)
            .or(file.map(SourceTemplate::File))
            .or_else(|| self.selector(selector))
    }

    fn selector(&mut self, raw: RawSelector) -> Option<SourceTemplate> {
        let is_given = !raw.first_key().is_empty();
        let evaluation = self.template("evaluation", raw.evaluation);
        let model = self.template("model", raw.model);
        let commit = self.template("commit", raw.commit);
        let branch = self.template("branch", raw.branch);
        let expected = "a map from attributes to their values";
        let fields = self.optional("attributes", expected, raw.attributes);
        if fields.as_ref().is_some_and(RawAttributes::is_empty) {
            self.problem("attributes", format!("is empty; expected {expected}"));
        }
        let mut attributes = BTreeMap::new();
        for (key, field) in fields.unwrap_or_default() {
            let mut scope = self.inside("attributes");
            if key.is_empty() {
                scope.problem("", "a key is empty");
            }
            let expected = "text, a number, true or false; one in another is written `outer.inner`";
            if let Some(RawScalar(text)) = scope.optional(&key, expected, field)
                && let Some(value) = scope.template(&key, Field::Given(text))
            {
                attributes.insert(key, value);
            }
        }
        is_given.then_some(SourceTemplate::Find(SelectorTemplate {
            evaluation,
            model,
            commit,
            branch,
            attributes,
        }))
    }

    fn identity(&mut self, raw: RawIdentity) -> Identity {
        self.unknown(RawIdentity::KEYS, &raw.unknown);
        let usual = Identity::default();
        let mut path = |key, field, usual| {
            let path = self.optional(key, "the name of an attribute", field);
            if path.as_ref().is_some_and(String::is_empty) {
                self.problem(key, "is empty; expected the name of an attribute");
            }
            path.unwrap_or(usual)
        };
        Identity {
            commit: path("commit", raw.commit, usual.commit),
            branch: path("branch", raw.branch, usual.branch),
        }
    }

    fn candidate(&mut self, raw: RawCandidate) -> CandidateRule {
        self.unknown(RawCandidate::KEYS, &raw.unknown);
        let selector = RawSelector {
            evaluation: raw.evaluation,
            model: raw.model,
            commit: raw.commit,
            branch: raw.branch,
            attributes: raw.attributes,
        };
        CandidateRule {
            source: self.source(raw.run, raw.file, selector),
            reruns: self
                .word("reruns", raw.reruns, &Reruns::ALL)
                .unwrap_or_default(),
            max_age: self.age("max_age", raw.max_age),
        }
    }

    fn baseline(&mut self, raw: RawBaseline) -> BaselineRule {
        self.unknown(RawBaseline::KEYS, &raw.unknown);
        let words = [
            ("missing", RemovedRows::Missing),
            ("ignore", RemovedRows::Ignore),
        ];
        let selector = RawSelector {
            evaluation: raw.evaluation,
            model: raw.model,
            commit: raw.commit,
            branch: raw.branch,
            attributes: raw.attributes,
        };
        let required = "true, false or after-first";
        BaselineRule {
            source: self.source(raw.run, raw.file, selector),
            required: self
                .optional("required", required, raw.required)
                .map(|RawRequired(required)| required)
                .unwrap_or_default(),
            max_age: self.age("max_age", raw.max_age),
            removed_rows: self
                .word("removed_rows", raw.removed_rows, &words)
                .unwrap_or(RemovedRows::Missing),
        }
    }

    /// The names of all further baselines, and the further baselines that are valid.
    fn further_baselines(
        &mut self,
        field: Field<BTreeMap<String, Field<RawFurtherBaseline>>>,
    ) -> (BTreeSet<String>, BTreeMap<String, FurtherBaseline>) {
        let expected = "a map from names to what each baseline has to be";
        let fields = self.optional("baselines", expected, field);
        if fields.as_ref().is_some_and(BTreeMap::is_empty) {
            self.problem("baselines", format!("is empty; expected {expected}"));
        }
        let mut scope = self.inside("baselines");
        let (mut names, mut baselines) = (BTreeSet::new(), BTreeMap::new());
        for (name, field) in fields.unwrap_or_default() {
            names.insert(name.clone());
            if !is_name(&name) {
                scope.problem(
                    &name,
                    "is no name of a baseline; expected letters, digits, `-`, `_` and `.`",
                );
            }
            let Some(raw) = scope.optional(&name, "a map", field) else {
                continue;
            };
            let mut scope = scope.inside(&name);
            let problems = scope.problems.len();
            scope.unknown(RawFurtherBaseline::KEYS, &raw.unknown);
            let selector = RawSelector {
                evaluation: raw.evaluation,
                model: raw.model,
                commit: raw.commit,
                branch: raw.branch,
                attributes: raw.attributes,
            };
            let source = scope.source(raw.run, raw.file, selector);
            let max_age = scope.age("max_age", raw.max_age);
            if let Some(source) = source {
                baselines.insert(name, FurtherBaseline { source, max_age });
            } else if scope.problems.len() == problems {
                scope.problem(
                    "",
                    "names no run; expected `run`, `file`, or what the run has to be, such as `branch: main`",
                );
            }
        }
        (names, baselines)
    }

    /// Whether `failed` is accepted. `completed` must be in the list, because it is always accepted.
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
                self.problem(&place, "is listed twice");
            }
        }
        if !seen.contains(&false) {
            self.problem(key, "has to contain `completed`");
        }
        seen.contains(&true)
    }

    pub(super) fn severity(&mut self, field: Field<String>) -> Option<Severity> {
        let words = [("block", Severity::Block), ("warn", Severity::Warn)];
        self.word("severity", field, &words)
    }

    pub(super) fn missing(&mut self, field: Field<String>) -> Option<MissingRule> {
        let words = [
            ("bound", MissingRule::Bound),
            ("fail", MissingRule::Fail),
            ("ignore", MissingRule::Ignore),
        ];
        self.word("missing", field, &words)
    }

    pub(super) fn evidence(&mut self, field: Field<String>) -> Option<Evidence> {
        let words = Evidence::ALL.map(|rule| (rule.word(), rule));
        self.word("evidence", field, &words)
    }

    /// The one-sided confidence: a number above 0.5 and below 1.
    pub(super) fn confidence(&mut self, field: Field<f64>) -> Option<f64> {
        let number = self.number("confidence", field)?;
        if number > 0.5 && number <= MOST_CONFIDENCE {
            return Some(number);
        }
        self.problem(
            "confidence",
            format!("{number} is no confidence; expected a number above 0.5, up to {MOST_CONFIDENCE}, such as 0.95"),
        );
        None
    }

    fn defaults(&mut self, raw: RawDefaults, baselines: BTreeSet<String>) -> Defaults {
        self.unknown(RawDefaults::KEYS, &raw.unknown);
        Defaults {
            evidence: self.evidence(raw.evidence).unwrap_or(Evidence::Observed),
            confidence: self.confidence(raw.confidence).unwrap_or(USUAL_CONFIDENCE),
            severity: self.severity(raw.severity).unwrap_or(Severity::Block),
            missing: self.missing(raw.missing).unwrap_or(MissingRule::Bound),
            tolerated: self.fraction("max_missing", raw.max_missing).unwrap_or(0.0),
            baselines,
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
}

/// Whether a name can be shown unchanged in every report.
fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=60).contains(&name.len()) && name.chars().all(is_plain)
}
