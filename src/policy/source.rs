//! Texts with `${NAME}` in them, and the runs that they name after substitution.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::project::Project;
use crate::selector::Selector;

/// The word that selects the newest run without further conditions.
const LATEST: &str = "latest";

/// A way to name a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A run id.
    Run(String),
    /// The path of a snapshot.
    File(PathBuf),
    /// The newest run that matches.
    Find(Selector),
}

impl Source {
    /// Parses the value of `--candidate` and `--baseline`: a run id, `file:PATH`, `latest`, or a selector.
    ///
    /// # Errors
    ///
    /// The problem, with the message as the end of one that names the option.
    pub fn from_argument(text: &str) -> Result<Self, Fault> {
        if let Some(path) = text.strip_prefix("file:") {
            return if path.is_empty() {
                Err(Fault::usage("`file:` has no path")
                    .help("give the path of a snapshot, as in `file:candidate.json`"))
            } else {
                Ok(Self::File(PathBuf::from(path)))
            };
        }
        if text == LATEST {
            return Ok(Self::Find(Selector::default()));
        }
        if is_address(text) {
            return Self::run(text);
        }
        if text.contains('=') {
            return Selector::parse(text).map(Self::Find);
        }
        Self::run(text)
    }

    /// Checks a run id, or takes it from the address of a run in Weave.
    ///
    /// # Errors
    ///
    /// The problem with the id or address.
    pub fn run(id: &str) -> Result<Self, Fault> {
        if is_address(id) {
            let address = RunAddress::parse(id).ok_or_else(|| {
                Fault::usage(format!("`{id}` is not the address of a run")).help(
                    "open the run in Weave and copy its address, https://…/ENTITY/PROJECT/r/call/ID",
                )
            })?;
            return Self::run(&address.id);
        }
        if id.is_empty() {
            return Err(Fault::usage("the run id is empty")
                .help("check that the variable that holds it is set"));
        }
        let wrong = |help: &str| Fault::usage(format!("`{id}` is not a run id")).help(help);
        if id.len() > 256 || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wrong(
                "an id has no spaces and at most 256 bytes; `weave-gate runs` lists the ids",
            ));
        }
        if id == LATEST || id.contains('=') {
            return Err(wrong(
                "a run is selected by the keys evaluation, model, commit, branch and attributes",
            ));
        }
        if let Some(path) = id.strip_prefix("file:") {
            return Err(wrong(&format!("for a snapshot, write `file: {path}`")));
        }
        let is_json = Path::new(id).extension().is_some_and(|end| end == "json");
        if is_json || id.contains(['/', '\\']) || matches!(id, "." | "..") {
            return Err(wrong(&format!("for a snapshot, write `file:{id}`")));
        }
        Ok(Self::Run(id.to_owned()))
    }
}

/// The address of a run: the page of its root call in Weave, or its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAddress {
    /// The project in the address.
    pub project: Project,
    /// The run's id.
    pub id: String,
}

/// Whether a text is an address, of a run or of another object.
fn is_address(text: &str) -> bool {
    let starts = ["https://", "http://", "weave:///"];
    starts.iter().any(|start| text.starts_with(start))
}

impl RunAddress {
    /// Parses `https://HOST/ENTITY/PROJECT/r/call/ID`, `https://HOST/ENTITY/PROJECT/weave/calls/ID` and
    /// `weave:///ENTITY/PROJECT/call/ID`. A query and a fragment are ignored. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('/');
        let path = if let Some(path) = text.strip_prefix("weave:///") {
            path
        } else {
            let (_, rest) = text.split_once("://").filter(|_| is_address(text))?;
            rest.split_once('/')?.1
        };
        let path = path.split(['?', '#']).next()?.trim_end_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let ([entity, project, "r", "call", id]
        | [entity, project, "weave", "calls", id]
        | [entity, project, "call", id]) = *parts.as_slice()
        else {
            return None;
        };
        if id.is_empty() {
            return None;
        }
        Some(Self {
            project: Project::parse(&format!("{}/{}", decoded(entity)?, decoded(project)?))?,
            id: decoded(id)?,
        })
    }
}

/// A part of an address with its percent-encoding decoded; `None` if the result is not UTF-8.
fn decoded(part: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(part).decode_utf8();
    Some(text.ok()?.into_owned())
}

/// Writes the source as on the command line.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => f.write_str(id),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Find(selector) => write!(f, "{selector}"),
        }
    }
}

/// A run or a snapshot as a policy names it, before `${NAME}` is substituted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceTemplate {
    /// A run id.
    Run(Template),
    /// The path of a snapshot.
    File(Template),
    /// The newest run that matches.
    Find(SelectorTemplate),
}

/// A selector as a policy writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectorTemplate {
    /// The name of its evaluation.
    pub evaluation: Option<Template>,
    /// The name of its model.
    pub model: Option<Template>,
    /// Its commit, in full or as a prefix.
    pub commit: Option<Template>,
    /// Its branch.
    pub branch: Option<Template>,
    /// Attributes that the run was logged with, by path.
    pub attributes: BTreeMap<String, Template>,
}

/// Writes the source as on the command line, with its variables.
impl fmt::Display for SourceTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => write!(f, "{id}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Find(SelectorTemplate {
                evaluation,
                model,
                commit,
                branch,
                attributes,
            }) => {
                let known = [
                    ("evaluation", evaluation),
                    ("model", model),
                    ("commit", commit),
                    ("branch", branch),
                ];
                let known = known
                    .into_iter()
                    .filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
                let others = attributes
                    .iter()
                    .map(|(path, value)| format!("attributes.{path}={value}"));
                f.write_str(&known.chain(others).collect::<Vec<_>>().join(","))
            }
        }
    }
}

impl SourceTemplate {
    /// Substitutes `${NAME}` and checks the result.
    ///
    /// # Errors
    ///
    /// A variable that is not set, or the problem with the result.
    pub fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Source, Fault> {
        let text = |template: &Template| template.resolve(lookup).map_err(Fault::from);
        match self {
            Self::Run(template) => Source::run(&text(template)?),
            Self::File(template) => match text(template)?.as_str() {
                "" => Err(Fault::usage("the path of the snapshot is empty")
                    .help("check that the variable that holds it is set")),
                path => Ok(Source::File(PathBuf::from(path))),
            },
            Self::Find(template) => {
                let selector = template.resolve(lookup).map_err(Fault::from)?;
                Ok(Source::Find(selector))
            }
        }
    }

    /// The selector that a run named in another way must match: the keys that can be resolved, and for each other key
    /// the reason why it cannot be resolved. Empty if this names a single run.
    #[must_use]
    pub fn expected(&self, lookup: &dyn Fn(&str) -> Option<String>) -> (Selector, Vec<Unresolved>) {
        match self {
            Self::Find(template) => template.known(lookup),
            Self::Run(_) | Self::File(_) => Default::default(),
        }
    }

    /// The evaluation of the runs that this selects; `None` if it names no evaluation.
    ///
    /// # Errors
    ///
    /// A variable that is not set.
    pub fn evaluation(
        &self,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, Unresolved> {
        match self {
            Self::Find(template) => text("evaluation", template.evaluation.as_ref(), lookup),
            Self::Run(_) | Self::File(_) => Ok(None),
        }
    }
}

impl SelectorTemplate {
    fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Selector, Unresolved> {
        let mut attributes = BTreeMap::new();
        for (path, template) in &self.attributes {
            let value = text(&format!("attributes.{path}"), Some(template), lookup)?;
            attributes.extend(value.map(|value| (path.clone(), value)));
        }
        Ok(Selector {
            evaluation: text("evaluation", self.evaluation.as_ref(), lookup)?,
            model: text("model", self.model.as_ref(), lookup)?,
            commit: text("commit", self.commit.as_ref(), lookup)?,
            branch: text("branch", self.branch.as_ref(), lookup)?,
            attributes,
        })
    }

    /// The keys that can be resolved, and for each other key the reason why it cannot be resolved.
    fn known(&self, lookup: &dyn Fn(&str) -> Option<String>) -> (Selector, Vec<Unresolved>) {
        let mut unknown = Vec::new();
        let mut known = |key: &str, template: Option<&Template>| match text(key, template, lookup) {
            Ok(text) => text,
            Err(unresolved) => {
                unknown.push(unresolved);
                None
            }
        };
        let mut selector = Selector {
            evaluation: known("evaluation", self.evaluation.as_ref()),
            model: known("model", self.model.as_ref()),
            commit: known("commit", self.commit.as_ref()),
            branch: known("branch", self.branch.as_ref()),
            attributes: BTreeMap::new(),
        };
        for (path, template) in &self.attributes {
            let value = known(&format!("attributes.{path}"), Some(template));
            let value = value.map(|value| (path.clone(), value));
            selector.attributes.extend(value);
        }
        (selector, unknown)
    }
}

/// The text of a key. It must not be empty, because an empty text would select no run or any run.
fn text(
    key: &str,
    template: Option<&Template>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Unresolved> {
    let Some(template) = template else {
        return Ok(None);
    };
    let unresolved = |unset: Option<Unset>| Unresolved {
        key: key.to_owned(),
        variable: unset.map(|Unset(name)| name),
    };
    match template.resolve(lookup) {
        Ok(text) if text.is_empty() => Err(unresolved(None)),
        Ok(text) => Ok(Some(text)),
        Err(unset) => Err(unresolved(Some(unset))),
    }
}

/// A key of a selector whose value is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The key.
    pub key: String,
    /// The variable that is not set; `None` if the value is an empty text.
    pub variable: Option<String>,
}

impl From<Unresolved> for Fault {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved.variable {
            Some(name) => Self::from(Unset(name)),
            None => Self::usage("the value is empty").help("check the variables in it"),
        }
        .in_argument(&unresolved.key)
    }
}

/// A variable that is not set, or set to an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unset(pub String);

impl From<Unset> for Fault {
    fn from(Unset(name): Unset) -> Self {
        Self::usage(format!("the variable `{name}` is not set"))
            .help(format!("set it, or write `${{{name}:-fallback}}`"))
    }
}

/// A text in which `${NAME}` and `${NAME:-fallback}` are replaced by environment variables, and `$$` by a dollar sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable {
        name: String,
        fallback: Option<String>,
    },
}

/// Writes the template as in a policy.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(&text.replace('$', "$$")),
            Part::Variable {
                name,
                fallback: None,
            } => write!(f, "${{{name}}}"),
            Part::Variable {
                name,
                fallback: Some(fallback),
            } => write!(f, "${{{name}:-{fallback}}}"),
        })
    }
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// A `$` is followed by neither `{NAME}` nor `$`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            if let Some(after) = after.strip_prefix('$') {
                parts.push(Part::Text("$".to_owned()));
                rest = after;
                continue;
            }
            let (inside, after) = after
                .strip_prefix('{')
                .and_then(|after| after.split_once('}'))
                .ok_or(
                    "a `$` starts `${NAME}`, `${NAME:-fallback}` or `$$`, the dollar sign itself",
                )?;
            let (name, fallback) = match inside.split_once(":-") {
                Some((name, fallback)) => (name, Some(fallback.to_owned())),
                None => (inside, None),
            };
            if fallback
                .as_ref()
                .is_some_and(|fallback| fallback.contains(['$', '{']))
            {
                return Err("a fallback is plain text".to_owned());
            }
            if !is_variable(name) {
                return Err(format!("`{name}` is not a name of a variable"));
            }
            parts.push(Part::Variable {
                name: name.to_owned(),
                fallback,
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The text itself; `None` if it has variables.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        self.resolve(&|_| None).ok().filter(|_| {
            let is_text = |part: &Part| matches!(part, Part::Text(_));
            self.0.iter().all(is_text)
        })
    }

    /// Substitutes the variables. A variable that is set to an empty text counts as not set.
    ///
    /// # Errors
    ///
    /// A variable that is not set and has no fallback.
    pub fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Unset> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Variable { name, fallback } => {
                    let value = lookup(name)
                        .filter(|value| !value.is_empty())
                        .or_else(|| fallback.clone())
                        .ok_or_else(|| Unset(name.clone()))?;
                    text.push_str(&value);
                }
            }
        }
        Ok(text)
    }
}

fn is_variable(name: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(starts) && name.chars().all(|c| starts(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "SHA" => Some("abc".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced() {
        for (text, expected) in [
            ("plain", "plain"),
            ("x-${SHA}-y", "x-abc-y"),
            ("${NONE:-main}", "main"),
            ("${NONE:-}", ""),
            ("${EMPTY:-main}", "main"),
            ("$$5 ${SHA}", "$5 abc"),
            ("$${SHA}", "${SHA}"),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.resolve(&environment).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn wrong_templates_are_named() {
        for text in ["$SHA", "${SHA", "${}", "${A B}", "5$", "${A:-${B}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
        let unset = Template::parse("${NONE}").unwrap().resolve(&environment);
        assert_eq!(unset, Err(Unset("NONE".to_owned())));
    }

    #[test]
    fn arguments_name_runs_or_files() {
        assert_eq!(
            Source::from_argument("0190-a").unwrap(),
            Source::Run("0190-a".into())
        );
        assert_eq!(
            Source::from_argument("file:a b.json").unwrap(),
            Source::File("a b.json".into())
        );
        assert_eq!(
            Source::from_argument("latest").unwrap(),
            Source::Find(Selector::default())
        );
        assert_eq!(
            Source::from_argument("evaluation=a b").unwrap().to_string(),
            "evaluation=a b"
        );
        for text in ["", "file:", "evaluation=", "a b", "..", "a\nb"] {
            assert!(Source::from_argument(text).is_err(), "{text}");
        }
        for text in ["latest", "evaluation=a"] {
            assert!(Source::run(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_address_of_a_run_names_it() {
        for text in [
            "https://wandb.ai/my-team/bot/r/call/0190-a",
            "https://wb.example.com:8443/my-team/bot/r/call/0190-a?view=x&y=z#f",
            "https://wandb.ai/my-team/bot/weave/calls/0190-a?a=b",
            "https://wandb.ai/my%2Dteam/bot/r/call/0190-a/",
            "weave:///my-team/bot/call/0190-a",
        ] {
            let source = Source::from_argument(text).unwrap();
            assert_eq!(source, Source::Run("0190-a".into()), "{text}");
            let address = RunAddress::parse(text).unwrap();
            assert_eq!(address.project.to_string(), "my-team/bot", "{text}");
        }
        for text in [
            "https://wandb.ai/my-team/bot/r/call/",
            "https://wandb.ai/my-team/bot",
            "https://wandb.ai/my-team/bot/r/call/a%20b",
            "weave:///my-team/bot/object/a:v1",
        ] {
            assert!(Source::from_argument(text).is_err(), "{text}");
        }
        assert_eq!(RunAddress::parse("0190-a"), None);
    }
}
