//! Names as YAML scalars, quoted where needed.

use std::fmt::Write as _;

use crate::visible::visible;

/// Text as a YAML scalar of a key in which `$` starts a variable.
pub(super) fn template(text: &str) -> String {
    scalar(&text.replace('$', "$$"))
}

/// Whether every bracket of a text is closed and only a few are open at once. The policy parser counts brackets before
/// it parses, also in quoted texts, but not after a `#`.
fn nests(text: &str) -> bool {
    const FEW: usize = 10;
    let mut open = 0_usize;
    let is_sound = text.chars().all(|c| {
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => match open.checked_sub(1) {
                Some(left) => open = left,
                None => return false,
            },
            _ => {}
        }
        open <= FEW && c != '#'
    });
    is_sound && open == 0
}

/// Text as a YAML scalar: plain if it cannot be misread, otherwise in double quotes.
#[must_use]
pub fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ');
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(is_plain)
        && !words.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    let are_brackets_plain = nests(text);
    let mut quoted = String::from("\"");
    for c in text.chars() {
        let is_plain = !matches!(c, '[' | '{' | ']' | '}') || are_brackets_plain;
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if visible(&c.to_string()) != c.to_string()
                || c.is_whitespace() && c != ' '
                || !is_plain =>
            {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_cannot_be_misread_stay_plain() {
        for name in ["correctness", "judge.score", "a b-c/d_e"] {
            assert_eq!(scalar(name), name);
        }
        for name in ["yes", "Null", "1e3", "-", "a: b", "a ", "", "[x]"] {
            assert_eq!(scalar(name), format!("\"{name}\""));
        }
        assert_eq!(template("$HOME"), "\"$$HOME\"");
    }

    #[test]
    fn brackets_that_are_closed_stay_as_they_are() {
        assert_eq!(scalar("f1 [0, {1}]"), "\"f1 [0, {1}]\"");
        for name in ["[", "]", "][", "{[}", "#[]", &"[".repeat(11)] {
            let written = scalar(name);
            assert!(!written.contains(['[', ']', '{', '}']), "{written}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_as_it_was(name in "\\PC{0,40}|[\\[\\]{}# '\"\\\\\n\t\u{85}\u{2028}a:-]{0,40}") {
            let line = scalar(&name);
            prop_assert_eq!(line.lines().count(), 1);
            let read: serde_yaml::Value = serde_yaml::from_str(&format!("name: {line}\n")).unwrap();
            prop_assert_eq!(read["name"].as_str(), Some(&*name));
        }
    }
}
