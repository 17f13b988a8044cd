//! Turns raw keys into a checked policy and collects every problem.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::issue::{Found, Help, Issue};
use super::model::{
    BaselineRule, CandidateRule, Comparability, Completeness, Consequence, Correction, Evidence,
    FurtherBaseline, Gate, MissingRule, Noise, RemovedRows, Reruns, Severity,
};
use super::raw::{
    Field, RawAttributes, RawBaseline, RawCandidate, RawComparability, RawDefaults,
    RawFurtherBaseline, RawGate, RawIdentity, RawPolicy, RawReport, RawRequired, RawScalar,
};
use super::scope::{Expected, Place, Scope};
use super::source::{SelectorTemplate, SourceTemplate};
use super::source::{Source, Template};
use super::suggest::{digits, fraction, is_short, named};
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
    pub(super) comparability: Comparability,
    pub(super) accept_failed: bool,
    pub(super) correction: Correction,
    pub(super) noise: Option<Noise>,
    pub(super) show: Vec<String>,
    pub(super) gates: Vec<Gate>,
}

/// Checks a policy; `None` if problems leave nothing to return.
pub(super) fn policy(value: Value, issues: &mut Vec<Issue>) -> Option<Parts> {
    let mut scope = Scope {
        path: Vec::new(),
        issues,
    };
    let raw: RawPolicy = match serde_yaml::from_value(value) {
        Ok(raw) => raw,
        Err(error) => {
            let help = "`weave-gate schema policy` prints all keys with their types";
            scope.report(Place::Lack, &error.to_string(), help);
            return None;
        }
    };
    scope.unknown(RawPolicy::KEYS, &raw.unknown);
    scope.version(raw.version, &raw.unknown);
    let project = scope.template("project", raw.project);
    if let Some(text) = project.as_ref().and_then(Template::literal)
        && Project::parse(&text).is_none()
    {
        scope.report(
            Place::Value("project"),
            &format!("{} is not a project", named(&text)),
            "write `project: ENTITY/PROJECT`",
        );
    }
    let identity = scope
        .map("identity", "identity: {commit: git_sha}", raw.identity)
        .map(|raw| scope.inside(Place::Value("identity")).identity(raw))
        .unwrap_or_default();
    let candidate = scope
        .map(
            "candidate",
            "candidate: {commit: \"${GATE_SHA}\"}",
            raw.candidate,
        )
        .map(|raw| scope.inside(Place::Value("candidate")).candidate(raw))
        .unwrap_or_default();
    let baseline = scope
        .map("baseline", "baseline: {branch: main}", raw.baseline)
        .unwrap_or_default();
    let baseline = scope.inside(Place::Value("baseline")).baseline(baseline);
    let (names, baselines) = scope.further_baselines(raw.baselines);
    let accept_failed = scope.accept_status(raw.accept_status);
    let defaults = scope
        .map("defaults", "defaults: {severity: block}", raw.defaults)
        .unwrap_or_default();
    let defaults = scope
        .inside(Place::Value("defaults"))
        .defaults(defaults, names);
    let words = [
        ("undecided", Completeness::Undecided),
        ("warn", Completeness::Warn),
    ];
    let completeness = scope.word(Place::Value("completeness"), raw.completeness, &words);
    let comparability = scope
        .map(
            "comparability",
            "comparability: {scorer: warn}",
            raw.comparability,
        )
        .unwrap_or_default();
    let comparability = scope
        .inside(Place::Value("comparability"))
        .comparability(comparability);
    let words = [("holm", Correction::Holm), ("none", Correction::None)];
    let correction = scope.word(Place::Value("correction"), raw.correction, &words);
    let noise = scope
        .map(
            "noise",
            "noise: {measured: 2026-11-29, expires: 2027-02-28, runs: 12, df: 11, run_sd: {correctness: 0.011}}",
            raw.noise,
        )
        .and_then(|raw| scope.inside(Place::Value("noise")).noise(raw));
    let report = scope
        .map("report", "report: {show: [question]}", raw.report)
        .unwrap_or_default();
    let show = scope.inside(Place::Value("report")).shown_inputs(report);
    let gates = scope.gates(raw.gates, &raw.unknown, &defaults);
    Some(Parts {
        project,
        identity,
        candidate,
        baseline,
        baselines,
        completeness: completeness.unwrap_or_default(),
        comparability,
        accept_failed,
        correction: correction.unwrap_or(Correction::Holm),
        noise,
        show,
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
        if !self.evaluation.is_absent() {
            "evaluation"
        } else if !self.model.is_absent() {
            "model"
        } else if !self.commit.is_absent() {
            "commit"
        } else if !self.branch.is_absent() {
            "branch"
        } else if !self.attributes.is_absent() {
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
    pub(super) cluster_by: Option<String>,
    /// The names under `baselines`.
    pub(super) baselines: BTreeSet<String>,
}

impl Scope<'_> {
    fn version(&mut self, field: Field<u64>, unknown: &BTreeMap<String, Value>) {
        let expected = Expected::new("the number 1", "version: 1");
        let edit = "write `version: 1`";
        self.required("version", &field, unknown, edit);
        let help = |_: &Found| Some(edit.to_owned());
        match self.read(Place::Value("version"), expected, field, &help) {
            None | Some(1) => {}
            Some(other) => {
                let message = format!("this weave-gate does not know version {other}; expected 1");
                self.report(Place::Value("version"), &message, edit);
            }
        }
    }

    fn source(
        &mut self,
        run: Field<String>,
        file: Field<String>,
        selector: RawSelector,
    ) -> Option<SourceTemplate> {
        let ways = [
            ("run", !run.is_absent()),
            ("file", !file.is_absent()),
            (selector.first_key(), !selector.first_key().is_empty()),
        ];
        let mut given = ways.iter().filter(|(_, given)| *given);
        if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
            let first = self.spot(Place::Key(one));
            let message = format!("`{one}` and `{other}` exclude each other");
            self.report_with(Place::Key(other), first, &message, "remove one of the two");
            return None;
        }
        let run = self.template("run", run);
        if let Some(id) = run.as_ref().and_then(Template::literal)
            && let Err(fault) = Source::run(&id)
        {
            let help = fault.help.unwrap_or_default();
            self.report(Place::Value("run"), &fault.message, &help);
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
        let whole = Expected::new(expected, "attributes: {team: search}");
        let fields = self.optional(Place::Value("attributes"), whole, raw.attributes);
        if fields.as_ref().is_some_and(RawAttributes::is_empty) {
            let message = format!("`attributes` is empty; expected {expected}");
            let mut scope = self.inside(Place::Value("attributes"));
            scope.report(
                Place::Lack,
                &message,
                "name an attribute, or remove the key",
            );
        }
        let mut attributes = BTreeMap::new();
        for (key, field) in fields.unwrap_or_default() {
            let mut scope = self.inside(Place::Value("attributes"));
            if key.is_empty() {
                scope.report(
                    Place::Key(""),
                    "a key is empty",
                    "write the name of an attribute",
                );
            }
            if let Some(value) = scope.attribute(&key, field) {
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

    /// The value of an attribute. A number has to be written as it is compared: not `1.40`, which is the number 1.4.
    fn attribute(&mut self, key: &str, field: Field<RawScalar>) -> Option<Template> {
        let edit = format!("{key}: …");
        let expected = Expected::new("text, a number, true or false", &edit);
        let raw = self.read(Place::Value(key), expected, field, &|found| {
            let is_map = matches!(found, Found::Map);
            is_map.then(|| format!("write an attribute in another as `{key}.inner: value`"))
        })?;
        if raw.is_number {
            let message = format!("YAML reads this number as `{}`", raw.text);
            let issue = Issue::new(self.spot(Place::Value(key)), &message, "");
            self.issues.push(Issue {
                help: Help::Quote,
                unless: Some(raw.text.clone()),
                ..issue
            });
        }
        self.template(key, Field::Given(raw.text))
    }

    fn identity(&mut self, raw: RawIdentity) -> Identity {
        self.unknown(RawIdentity::KEYS, &raw.unknown);
        let usual = Identity::default();
        let mut path = |key, field, usual| {
            let expected = "the name of an attribute";
            let path = self.text(key, expected, field);
            if path.as_ref().is_some_and(String::is_empty) {
                self.report(
                    Place::Value(key),
                    &format!("`{key}` is empty; expected {expected}"),
                    &format!("write it, or remove the key for `{usual}`"),
                );
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
                .word(Place::Value("reruns"), raw.reruns, &Reruns::ALL)
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
        let required = Expected::new("true, false or after-first", "required: after-first");
        let is_named = !raw.run.is_absent() || !raw.file.is_absent();
        BaselineRule {
            last: self.last(raw.last, is_named),
            source: self.source(raw.run, raw.file, selector),
            required: self
                .optional(Place::Value("required"), required, raw.required)
                .map(|RawRequired(required)| required)
                .unwrap_or_default(),
            max_age: self.age("max_age", raw.max_age),
            removed_rows: self
                .word(Place::Value("removed_rows"), raw.removed_rows, &words)
                .unwrap_or(RemovedRows::Missing),
        }
    }

    /// The names of all further baselines, and the further baselines that are valid.
    fn further_baselines(
        &mut self,
        field: Field<BTreeMap<String, Field<RawFurtherBaseline>>>,
    ) -> (BTreeSet<String>, BTreeMap<String, FurtherBaseline>) {
        let expected = "a map from names to what each baseline has to be";
        let whole = Expected::new(expected, "baselines: {release: {branch: release}}");
        let fields = self.optional(Place::Value("baselines"), whole, field);
        if fields.as_ref().is_some_and(BTreeMap::is_empty) {
            let message = format!("`baselines` is empty; expected {expected}");
            let mut scope = self.inside(Place::Value("baselines"));
            scope.report(Place::Lack, &message, "name a baseline, or remove the key");
        }
        let mut scope = self.inside(Place::Value("baselines"));
        let (mut names, mut baselines) = (BTreeSet::new(), BTreeMap::new());
        for (name, field) in fields.unwrap_or_default() {
            names.insert(name.clone());
            if !is_name(&name) {
                let message = format!("{} cannot be the name of a baseline", named(&name));
                scope.report(
                    Place::Key(&name),
                    &message,
                    "use at most 60 letters, digits, `-`, `_` and `.`",
                );
            }
            let edit = format!("{name}: {{branch: main}}");
            let whole = Expected::new("a map", &edit);
            let Some(raw) = scope.optional(Place::Value(&name), whole, field) else {
                continue;
            };
            let mut scope = scope.inside(Place::Value(&name));
            let issues = scope.issues.len();
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
            } else if scope.issues.len() == issues {
                let help =
                    "write `run`, `file`, or the properties of the run, such as `branch: main`";
                scope.report(Place::Lack, "the baseline names no run", help);
            }
        }
        (names, baselines)
    }

    /// Whether `failed` is accepted. `completed` must be in the list, because it is always accepted.
    fn accept_status(&mut self, field: Field<Vec<Field<String>>>) -> bool {
        let key = "accept_status";
        let edit = "accept_status: [completed, failed]";
        let expected = Expected::new("a list of completed, failed", edit);
        let help = |found: &Found| match found.text()? {
            "completed" => Some("write `accept_status: [completed]`".to_owned()),
            "failed" => Some("write `accept_status: [completed, failed]`".to_owned()),
            _ => None,
        };
        let Some(items) = self.read(Place::Value(key), expected, field, &help) else {
            return false;
        };
        let words = [("completed", false), ("failed", true)];
        let mut seen: Vec<(bool, usize)> = Vec::new();
        let mut has_wrong = false;
        for (index, item) in items.into_iter().enumerate() {
            let place = Place::Item(key, index);
            let Some(word) = self.word(place, item.or_nothing(), &words) else {
                has_wrong = true;
                continue;
            };
            let first = seen.iter().find(|(known, _)| *known == word);
            if let Some((_, first)) = first {
                let first = self.spot(Place::Item(key, *first));
                let message = "this status is listed twice";
                self.report_with(place, first, message, "remove one of the two");
            }
            seen.push((word, index));
        }
        let has = |wanted| seen.iter().any(|(known, _)| *known == wanted);
        if !has(false) && !has_wrong {
            self.report(
                Place::Value(key),
                "the list must contain `completed`",
                "write `accept_status: [completed, failed]`",
            );
        }
        has(true)
    }

    fn comparability(&mut self, raw: RawComparability) -> Comparability {
        self.unknown(RawComparability::KEYS, &raw.unknown);
        let usual = Comparability::default();
        let mut word = |key, field, usual| {
            let word = self.word(Place::Value(key), field, &Consequence::ALL);
            word.unwrap_or(usual)
        };
        Comparability {
            scorer: word("scorer", raw.scorer, usual.scorer),
            dataset: word("dataset", raw.dataset, usual.dataset),
            served_model: word("served_model", raw.served_model, usual.served_model),
        }
    }

    /// The inputs that stand for a row in reports.
    fn shown_inputs(&mut self, raw: RawReport) -> Vec<String> {
        self.unknown(RawReport::KEYS, &raw.unknown);
        let key = "show";
        let expected = Expected::new("a list of names of inputs", "show: [question, topic]");
        let help = |found: &Found| {
            let name = found.text().filter(|text| is_short(text));
            Some(format!("write `show: [{}]`", name?))
        };
        let Some(items) = self.read(Place::Value(key), expected, raw.show, &help) else {
            return Vec::new();
        };
        if items.is_empty() {
            let help = "name at least one input, or remove the key";
            self.report(Place::Value(key), "the list is empty", help);
        }
        let mut names: Vec<String> = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = Place::Item(key, index);
            let expected = Expected::new("the name of an input", "show: [question, topic]");
            let name = self.optional(place, expected, item.or_nothing());
            let Some(name) = name else {
                continue;
            };
            if name.is_empty() {
                self.report(place, "the name is empty", "name an input, or remove it");
            } else if names.contains(&name) {
                self.report(place, "this input is listed twice", "remove one of the two");
            }
            names.push(name);
        }
        names
    }

    pub(super) fn severity(&mut self, field: Field<String>) -> Option<Severity> {
        let words = [("block", Severity::Block), ("warn", Severity::Warn)];
        self.word(Place::Value("severity"), field, &words)
    }

    pub(super) fn missing(&mut self, field: Field<String>) -> Option<MissingRule> {
        let words = [
            ("bound", MissingRule::Bound),
            ("fail", MissingRule::Fail),
            ("ignore", MissingRule::Ignore),
        ];
        self.word(Place::Value("missing"), field, &words)
    }

    pub(super) fn evidence(&mut self, field: Field<String>) -> Option<Evidence> {
        let words = Evidence::ALL.map(|rule| (rule.word(), rule));
        self.word(Place::Value("evidence"), field, &words)
    }

    /// The one-sided confidence: a number above 0.5 and below 1.
    pub(super) fn confidence(&mut self, field: Field<f64>) -> Option<f64> {
        let number = self.number("confidence", USUAL_CONFIDENCE, field)?;
        if number > 0.5 && number <= MOST_CONFIDENCE {
            return Some(number);
        }
        let shown = digits(number);
        let message = format!("{shown} is not above 0.5 and at most {MOST_CONFIDENCE}");
        let percent = (50.0..100.0).contains(&number) && number > 50.0;
        let usual = if percent {
            fraction(number)
        } else {
            USUAL_CONFIDENCE
        };
        let help = format!("write a fraction, such as `confidence: {usual}`");
        self.report(Place::Value("confidence"), &message, &help);
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
            cluster_by: self.input("cluster_by", raw.cluster_by),
            baselines,
        }
    }

    /// The name of an input.
    pub(super) fn input(&mut self, key: &str, field: Field<String>) -> Option<String> {
        let path = self.text(key, "the name of an input", field)?;
        if path.trim().is_empty() {
            self.report(
                Place::Value(key),
                &format!("`{key}` is empty; expected the name of an input"),
                "name an input of the rows, or remove the key",
            );
        }
        Some(path)
    }

    fn gates(
        &mut self,
        field: Field<Vec<Field<RawGate>>>,
        unknown: &BTreeMap<String, Value>,
        defaults: &Defaults,
    ) -> Vec<Gate> {
        let expected = "a list of at least one gate";
        let whole = Expected::new(expected, "gates: [{name: …}]");
        let edit = "write each gate as an item of a list under `gates:`, as in `- name: …`";
        self.required("gates", &field, unknown, edit);
        let help = |_: &Found| Some(edit.to_owned());
        let Some(items) = self.read(Place::Value("gates"), whole, field, &help) else {
            return Vec::new();
        };
        if items.is_empty() {
            let message = format!("`gates` is empty; expected {expected}");
            self.report(Place::Value("gates"), &message, edit);
        }
        let mut names: Vec<(String, usize)> = Vec::new();
        let mut gates = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = Place::Item("gates", index);
            let help = |_: &Found| Some("write a gate as a map: `- name: …`".to_owned());
            let Some(raw) = self.read(
                place,
                Expected::new("a map", "- name: …"),
                item.or_nothing(),
                &help,
            ) else {
                continue;
            };
            if let Field::Given(name) = &raw.name {
                let name = name.trim();
                if let Some((_, first)) = names.iter().find(|(known, _)| known == name) {
                    let first = self.inside(Place::Item("gates", *first));
                    let first = first.spot(Place::Value("name"));
                    let message = "another gate has this name";
                    let help = "give each gate its own name";
                    let mut scope = self.inside(place);
                    scope.report_with(Place::Value("name"), first, message, help);
                } else {
                    names.push((name.to_owned(), index));
                }
            }
            gates.extend(self.inside(place).gate(raw, defaults));
        }
        gates
    }
}

/// Whether a name can be shown unchanged in every report.
fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=60).contains(&name.len()) && name.chars().all(is_plain)
}
