//! Which run is meant where none is named by its id: by evaluation, by model, by what it was logged
//! with.

use std::collections::BTreeMap;
use std::fmt;

/// What a run has to be. Empty, it is any run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// The name of its evaluation, whatever the version.
    pub evaluation: Option<String>,
    /// The name of its model, whatever the version.
    pub model: Option<String>,
    /// Attributes that it was logged with, by path: `git_sha`, or `git.sha` for one in another. Values
    /// are compared as text, so that 5 and "5" are the same.
    pub attributes: BTreeMap<String, String>,
}

/// How the prefix of an attribute is written.
const ATTRIBUTES: &str = "attributes.";

impl Selector {
    /// Reads `evaluation=answers,attributes.git_sha=abc`. A comma in a value is written `\,`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the end of a message that names the option.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut selector = Self::default();
        for part in parts(text) {
            let expected = "expected evaluation=NAME, model=NAME or attributes.KEY=VALUE";
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` selects no run; {expected}"))?;
            if value.is_empty() {
                return Err(format!("`{key}=` has no value; is a variable not set?"));
            }
            let value = value.to_owned();
            let earlier = match (key, key.strip_prefix(ATTRIBUTES)) {
                ("evaluation", _) => selector.evaluation.replace(value),
                ("model", _) => selector.model.replace(value),
                (_, Some(path)) if !path.is_empty() => {
                    selector.attributes.insert(path.to_owned(), value)
                }
                _ => return Err(format!("`{key}` selects no run; {expected}")),
            };
            if earlier.is_some() {
                return Err(format!("`{key}` stands more than once"));
            }
        }
        Ok(selector)
    }

    /// Whether any run is meant.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }
}

/// The parts between commas that no backslash stands before.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|next| c == '\\' && matches!(next, ',' | '\\'));
        match (escaped, c, parts.last_mut()) {
            (None, ',', _) => parts.push(String::new()),
            (escaped, c, Some(part)) => part.push(escaped.unwrap_or(c)),
            (_, _, None) => {}
        }
    }
    parts
}

/// As it is written on the command line; `latest` where any run is meant.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("latest");
        }
        let named = [("evaluation", &self.evaluation), ("model", &self.model)];
        let named = named
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.as_ref()?)));
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(path, value)| (format!("{ATTRIBUTES}{path}"), value));
        for (index, (key, value)) in named.chain(attributes).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let value = value.replace('\\', "\\\\").replace(',', "\\,");
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selectors_are_read() {
        let selector =
            Selector::parse("evaluation=answers,attributes.git.sha=a=b,model=m").unwrap();
        assert_eq!(selector.evaluation.as_deref(), Some("answers"));
        assert_eq!(selector.model.as_deref(), Some("m"));
        assert_eq!(selector.attributes["git.sha"], "a=b");
        assert_eq!(
            Selector::parse(r"model=a\,b").unwrap().model.as_deref(),
            Some("a,b")
        );
        assert_eq!(Selector::default().to_string(), "latest");
    }

    #[test]
    fn wrong_selectors_are_named() {
        for (text, named) in [
            ("", "``"),
            ("evaluation", "`evaluation` selects"),
            ("evaluation=", "no value"),
            ("evaluation=a,evaluation=b", "more than once"),
            ("attributes.=a", "`attributes.`"),
            ("evalution=a", "`evalution`"),
            ("evaluation=a,", "``"),
        ] {
            let problem = Selector::parse(text).unwrap_err();
            assert!(problem.contains(named), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_as_the_same(value in "[a,=\\\\ é]{1,8}", path in "[a-z.]{1,6}") {
            let selector = Selector {
                evaluation: Some(value.clone()),
                model: None,
                attributes: BTreeMap::from([(path, value)]),
            };
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }
}
