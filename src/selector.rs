//! Selects runs that are not named by an id: by evaluation, by model, or by what they were logged with.

use std::collections::BTreeMap;
use std::fmt;

use crate::fault::Fault;

/// The conditions that a run must meet. An empty selector matches any run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// The name of its evaluation, in any version.
    pub evaluation: Option<String>,
    /// The name of its model, in any version.
    pub model: Option<String>,
    /// Its commit, in full or as a prefix of at least [`SHORTEST_COMMIT`] characters. The selector's commit may be a
    /// prefix of the run's, or the other way round.
    pub commit: Option<String>,
    /// Its branch.
    pub branch: Option<String>,
    /// Attributes that the run was logged with, by path: `git_sha`, or `git.sha` for a nested attribute. Values are
    /// compared as text, so that 5 and "5" are the same.
    pub attributes: BTreeMap<String, String>,
}

/// The prefix that marks an attribute in a selector.
const ATTRIBUTES: &str = "attributes.";
/// Minimum length of a commit prefix, in characters. A shorter text must be the whole commit.
pub const SHORTEST_COMMIT: usize = 7;

/// The attributes that hold a run's commit and branch, by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The attribute of the commit.
    pub commit: String,
    /// The attribute of the branch.
    pub branch: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            commit: "git_sha".to_owned(),
            branch: "git_branch".to_owned(),
        }
    }
}

/// Whether two texts name the same commit: they are equal, or one of at least [`SHORTEST_COMMIT`] characters is a
/// prefix of the other, and both are hexadecimal digits.
#[must_use]
pub fn is_same_commit(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    // A work tree with changes, `0123456…-dirty`, is not that commit.
    let is_hash = long.bytes().all(|byte| byte.is_ascii_hexdigit());
    short == long || (short.len() >= SHORTEST_COMMIT && is_hash && long.starts_with(short))
}

impl Selector {
    /// Parses a selector such as `evaluation=answers,commit=abc`. A comma in a value is written `\,`, an equals sign in
    /// the path of an attribute `\=`.
    ///
    /// # Errors
    ///
    /// The problem, with the message as the end of one that names the option.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut selector = Self::default();
        for (key, value) in parts(text) {
            let key = key.as_str();
            let value = value.ok_or_else(|| {
                Fault::usage(format!("`{key}` has no value, as in KEY=VALUE")).help(format!(
                    "{EXPECTED}; a comma inside a value is written `\\,`"
                ))
            })?;
            if value.is_empty() {
                return Err(Fault::usage(format!("`{key}=` has no value"))
                    .help("check that the variable that holds the value is set"));
            }
            let earlier = match (key, key.strip_prefix(ATTRIBUTES)) {
                ("evaluation", _) => selector.evaluation.replace(value),
                ("model", _) => selector.model.replace(value),
                ("commit", _) => selector.commit.replace(value),
                ("branch", _) => selector.branch.replace(value),
                (_, Some(path)) if !path.is_empty() => {
                    selector.attributes.insert(path.to_owned(), value)
                }
                _ => return Err(unknown_key(key, &value)),
            };
            if earlier.is_some() {
                return Err(
                    Fault::usage(format!("`{key}` is given more than once")).help("give it once")
                );
            }
        }
        Ok(selector)
    }

    /// Whether the selector matches any run.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }
}

/// The keys of a selector.
const EXPECTED: &str =
    "a selector is evaluation=NAME, model=NAME, commit=SHA, branch=NAME or attributes.KEY=VALUE";

/// The problem that a selector has no such key.
fn unknown_key(key: &str, value: &str) -> Fault {
    let identity = Identity::default();
    let near = ["evaluation", "model", "commit", "branch", "attributes"]
        .into_iter()
        .find(|known| strsim::jaro_winkler(known, key) > 0.85);
    let help = match near {
        _ if key == identity.commit => format!("did you mean `commit={value}`?"),
        _ if key == identity.branch => format!("did you mean `branch={value}`?"),
        Some("attributes") => EXPECTED.to_owned(),
        Some(near) => format!("did you mean `{near}={value}`?"),
        None => format!("for an attribute of the run, write `{ATTRIBUTES}{key}={value}`"),
    };
    Fault::usage(format!("`{key}` is not a key of a selector")).help(help)
}

/// Splits a text at commas into parts, and each part at its first equals sign into key and value. A backslash escapes
/// the next comma or backslash, and in a key the next equals sign. A part without an equals sign has no value.
fn parts(text: &str) -> Vec<(String, Option<String>)> {
    let mut parts = Vec::new();
    let mut part: (String, Option<String>) = Default::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let in_key = part.1.is_none();
        let escaped = chars
            .next_if(|next| c == '\\' && (matches!(next, ',' | '\\') || (*next == '=' && in_key)));
        match (escaped, c, &mut part.1) {
            (None, ',', _) => parts.push(std::mem::take(&mut part)),
            (None, '=', value @ None) => *value = Some(String::new()),
            (escaped, c, Some(value)) => value.push(escaped.unwrap_or(c)),
            (escaped, c, None) => part.0.push(escaped.unwrap_or(c)),
        }
    }
    parts.push(part);
    parts
}

/// The selector as written on the command line; `latest` if it matches any run.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("latest");
        }
        let named = [
            ("evaluation", &self.evaluation),
            ("model", &self.model),
            ("commit", &self.commit),
            ("branch", &self.branch),
        ];
        let named = named
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.as_ref()?)));
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(path, value)| (format!("{ATTRIBUTES}{path}"), value));
        for (index, (key, value)) in named.chain(attributes).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let escaped = |text: &str| text.replace('\\', "\\\\").replace(',', "\\,");
            let (key, value) = (escaped(&key).replace('=', "\\="), escaped(value));
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
            Selector::parse("evaluation=answers,attributes.git.sha=a=b,model=m,commit=c,branch=d")
                .unwrap();
        assert_eq!(selector.evaluation.as_deref(), Some("answers"));
        assert_eq!(selector.model.as_deref(), Some("m"));
        assert_eq!(selector.attributes["git.sha"], "a=b");
        assert_eq!(selector.commit.as_deref(), Some("c"));
        assert_eq!(selector.branch.as_deref(), Some("d"));
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
            ("evaluation", "`evaluation` has no value"),
            ("evaluation=", "no value"),
            ("evaluation=a,evaluation=b", "more than once"),
            ("attributes.=a", "`attributes.`"),
            ("evalution=a", "`evalution`"),
            ("evaluation=a,", "``"),
        ] {
            let problem = Selector::parse(text).unwrap_err();
            let problem = problem.message;
            assert!(problem.contains(named), "{text}: {problem}");
        }
    }

    #[test]
    fn two_selectors_that_differ_are_shown_differently() {
        let of = |path: &str, value: &str| Selector {
            attributes: BTreeMap::from([(path.to_owned(), value.to_owned())]),
            ..Selector::default()
        };
        assert_ne!(of("a=b", "c").to_string(), of("a", "b=c").to_string());
    }

    #[test]
    fn commits_match_by_a_prefix_of_seven_characters_either_way_round() {
        let long = "0123456789abcdef0123456789abcdef01234567";
        for (one, other, same) in [
            (long, long, true),
            (&long[..7], long, true),
            (long, &long[..12], true),
            (&long[..6], long, false),
            ("abc", "abc", true),
            (&long[1..9], long, false),
            (long, &format!("{long}-dirty"), false),
            (&long[..7], &format!("{long}-dirty"), false),
            (&format!("{long}-dirty"), &format!("{long}-dirty"), true),
        ] {
            assert_eq!(is_same_commit(one, other), same, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_as_the_same(value in "[a,=\\\\ é]{1,8}", path in "[a-z.,=\\\\]{1,6}") {
            let selector = Selector {
                evaluation: Some(value.clone()),
                branch: Some(value.clone()),
                commit: Some(value.clone()),
                model: None,
                attributes: BTreeMap::from([(path, value)]),
            };
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }
}
