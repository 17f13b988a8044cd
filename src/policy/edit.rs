//! Puts a key into the text of a policy without touching anything else of it.

use serde_yaml::Value;

use super::yaml::{self, Node, locate, to_value};

/// The text of a policy with this block as its top-level key: in place of the key, or at the end. All other bytes stay
/// as they are. `None` if the policy's text has no line for it: because the map is in braces or indented, or because the
/// document has an end marker.
///
/// `block` is the key with its value, in lines that end with a line feed.
#[must_use]
pub fn with_key(text: &str, key: &str, block: &str) -> Option<String> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let tree = yaml::parse(body).ok()?;
    let place = |node: &Node| locate(body, node.id);
    let entries = tree.entries();
    let is_at_line_start =
        |at: &usize| *at == 0 || body.get(..*at).is_some_and(|before| before.ends_with('\n'));
    let starts: Option<Vec<usize>> = entries.iter().map(|(key, _)| place(key)).collect();
    let starts = starts.filter(|starts| starts.iter().all(is_at_line_start))?;
    let block = if body.contains("\r\n") {
        block.replace('\n', "\r\n")
    } else {
        block.to_owned()
    };
    let known = entries
        .iter()
        .position(|(found, _)| found.text() == Some(key));
    let edited = match known.and_then(|index| Some((index, *starts.get(index)?))) {
        Some((index, start)) => {
            let until = starts.get(index + 1).copied().unwrap_or(body.len());
            let end = start + content(body.get(start..until)?).len();
            format!("{}{block}{}", body.get(..start)?, body.get(end..)?)
        }
        None if body.is_empty() || body.ends_with('\n') => format!("{body}{block}"),
        None if body.contains("\r\n") => format!("{body}\r\n{block}"),
        None => format!("{body}\n{block}"),
    };
    let new = yaml::parse(&edited).ok()?;
    // The other keys must have the same values, and the new key must be read.
    let others = |tree: &Node| -> Vec<(Value, Value)> {
        let others = tree.entries().iter();
        let others = others.filter(|(found, _)| found.text() != Some(key));
        others
            .map(|(key, value)| (to_value(key).0, to_value(value).0))
            .collect()
    };
    (new.entry(key).is_some() && others(&tree) == others(&new)).then(|| format!("{mark}{edited}"))
}

/// The text up to the end of its last line that is neither empty nor a comment at the start of a line.
fn content(text: &str) -> &str {
    let mut end = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if !line.trim().is_empty() && !line.starts_with('#') {
            end = at;
        }
    }
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCK: &str = "noise:\n  df: 11\n";

    #[test]
    fn a_new_key_comes_last() {
        for (text, expected) in [
            ("version: 1\n", "version: 1\nnoise:\n  df: 11\n"),
            ("version: 1", "version: 1\nnoise:\n  df: 11\n"),
            (
                "# top\nversion: 1\n\n# end\n",
                "# top\nversion: 1\n\n# end\nnoise:\n  df: 11\n",
            ),
            ("version: 1\r\n", "version: 1\r\nnoise:\r\n  df: 11\r\n"),
            (
                "\u{feff}version: 1\n",
                "\u{feff}version: 1\nnoise:\n  df: 11\n",
            ),
            ("gates:\n- a: 1\n", "gates:\n- a: 1\nnoise:\n  df: 11\n"),
        ] {
            assert_eq!(
                with_key(text, "noise", BLOCK).as_deref(),
                Some(expected),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_known_key_is_replaced_where_it_is() {
        for (text, expected) in [
            (
                "version: 1\nnoise: {df: 3} # old\n\n# the gates\ngates: []\n",
                "version: 1\nnoise:\n  df: 11\n\n# the gates\ngates: []\n",
            ),
            (
                "noise:\n  # how\n  df: 3\n\n  runs: 4\ngates: []\n",
                "noise:\n  df: 11\ngates: []\n",
            ),
            (
                "version: 1\nnoise:\n  df: 3",
                "version: 1\nnoise:\n  df: 11\n",
            ),
            (
                "noise: {df: 3,\n  runs: 4}\n# end\n",
                "noise:\n  df: 11\n# end\n",
            ),
        ] {
            assert_eq!(
                with_key(text, "noise", BLOCK).as_deref(),
                Some(expected),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_map_without_lines_of_its_own_is_left_alone() {
        for text in [
            "{version: 1, gates: []}\n",
            "  version: 1\n  gates: []\n",
            "version: 1\n...\n",
            "- a\n",
        ] {
            assert_eq!(with_key(text, "noise", BLOCK), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_changes(
            lines in proptest::collection::vec(
                prop_oneof![
                    Just("# a comment\n".to_owned()),
                    Just("\n".to_owned()),
                    "[a-m]: [0-9]\n",
                    "[a-m]:\n  [a-z]: 'x # y'\n",
                    "[a-m]:\n- [0-9] # c\n",
                    "[a-m]: \\|\n  [a-z]{3}\n\n  # text\n",
                ],
                0..8,
            ),
        ) {
            let text = lines.concat();
            if let Some(added) = with_key(&text, "noise", BLOCK) {
                prop_assert_eq!(&added, &format!("{text}{BLOCK}"));
                let other = with_key(&added, "noise", "noise: {df: 12}\n").unwrap();
                prop_assert_eq!(other, format!("{text}noise: {{df: 12}}\n"));
            }
        }
    }
}
