//! Words of commands that a user can paste into a shell.

use std::borrow::Cow;

/// A text as one word of a POSIX shell: in single quotes, unless no shell reads it as anything else.
#[must_use]
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,:@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_reads_otherwise_is_quoted() {
        for (text, shown) in [
            ("evaluation=answers", "evaluation=answers"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("größe", "'größe'"),
            ("", "''"),
        ] {
            assert_eq!(word(text), shown);
        }
    }
}
