//! Texts with `${NAME}` in them, and what they name once these are replaced.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::{SelectorTemplate, SourceTemplate};
use crate::selector::Selector;

/// The newest run, whatever it is.
const LATEST: &str = "latest";

/// A run, named so that it can be had.
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
    /// Reads the value of `--candidate` and `--baseline`: a run id, `file:PATH`, `latest`, or what a run
    /// has to be.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the end of a message that names the option.
    pub fn from_argument(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("file:") {
            return if path.is_empty() {
                Err("`file:` needs the path of a snapshot".to_owned())
            } else {
                Ok(Self::File(PathBuf::from(path)))
            };
        }
        if text == LATEST {
            return Ok(Self::Find(Selector::default()));
        }
        if text.contains('=') {
            return Selector::parse(text).map(Self::Find);
        }
        Self::run(text)
    }

    /// A run id, checked.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn run(id: &str) -> Result<Self, String> {
        if id.is_empty() {
            return Err("it is empty; is a variable not set?".to_owned());
        }
        if id.len() > 256 || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("a run id is one word of at most 256 bytes".to_owned());
        }
        if id == LATEST || id.contains('=') {
            return Err(format!(
                "`{id}` is not a run id; a run is looked up by the keys evaluation, model and attributes"
            ));
        }
        if matches!(id, "." | "..") || id.starts_with("file:") {
            return Err(format!("`{id}` is not a run id"));
        }
        Ok(Self::Run(id.to_owned()))
    }
}

/// As it is written on the command line.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => f.write_str(id),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Find(selector) => write!(f, "{selector}"),
        }
    }
}

impl SourceTemplate {
    /// Replaces `${NAME}` and checks the result.
    ///
    /// # Errors
    ///
    /// The variable that is not set, or what is wrong with the result.
    pub fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Source, String> {
        match self {
            Self::Run(template) => Source::run(&template.resolve(lookup)?),
            Self::File(template) => match template.resolve(lookup)?.as_str() {
                "" => Err("the path of the snapshot is empty".to_owned()),
                path => Ok(Source::File(PathBuf::from(path))),
            },
            Self::Find(template) => template.resolve(lookup).map(Source::Find),
        }
    }

    /// The evaluation of the runs that it finds, where it names one.
    ///
    /// # Errors
    ///
    /// The variable that is not set.
    pub fn evaluation(
        &self,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, String> {
        match self {
            Self::Find(template) => text("evaluation", template.evaluation.as_ref(), lookup),
            Self::Run(_) | Self::File(_) => Ok(None),
        }
    }
}

impl SelectorTemplate {
    fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Selector, String> {
        let mut attributes = BTreeMap::new();
        for (path, template) in &self.attributes {
            let value = text(&format!("attributes.{path}"), Some(template), lookup)?;
            attributes.extend(value.map(|value| (path.clone(), value)));
        }
        Ok(Selector {
            evaluation: text("evaluation", self.evaluation.as_ref(), lookup)?,
            model: text("model", self.model.as_ref(), lookup)?,
            attributes,
        })
    }
}

/// A key's text, which may not be empty: that would select nothing, or anything.
fn text(
    key: &str,
    template: Option<&Template>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, String> {
    let Some(template) = template else {
        return Ok(None);
    };
    match template.resolve(lookup) {
        Ok(text) if text.is_empty() => Err(format!("{key}: is empty")),
        Ok(text) => Ok(Some(text)),
        Err(problem) => Err(format!("{key}: {problem}")),
    }
}

/// A text in which `${NAME}` and `${NAME:-fallback}` stand for variables of the environment, and `$$`
/// for a dollar sign.
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

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// A `$` that starts neither `${NAME}` nor `$$`.
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

    /// The text itself, where it has no variables.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        self.resolve(&|_| None).ok().filter(|_| {
            let is_text = |part: &Part| matches!(part, Part::Text(_));
            self.0.iter().all(is_text)
        })
    }

    /// Replaces the variables. One that is set to nothing counts as not set.
    ///
    /// # Errors
    ///
    /// A variable that is not set and has no fallback.
    pub fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Variable { name, fallback } => {
                    let value = lookup(name)
                        .filter(|value| !value.is_empty())
                        .or_else(|| fallback.clone())
                        .ok_or_else(|| {
                            format!("the variable `{name}` is not set; set it, or write `${{{name}:-fallback}}`")
                        })?;
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
        assert!(unset.unwrap_err().contains("`NONE` is not set"));
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
}
