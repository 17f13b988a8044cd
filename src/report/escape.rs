//! Escapes foreign text: one function for each output format.

use crate::visible::{is_hidden, spelled_out, visible};
use std::fmt::Write as _;

/// A message that contains foreign names, escaped as a whole for a terminal or the log of a CI system.
#[must_use]
pub fn message(text: &str) -> String {
    no_command(&spelled_out(text))
}

/// Breaks up text that the runners of GitHub and Azure would read as a command: `::` at the start of a line, `##[` and
/// `##vso[` anywhere in it.
pub(super) fn no_command(text: &str) -> String {
    apart(text, &[':', '#'])
}

/// Puts a space between two equal adjacent characters if they are among these.
fn apart(text: &str, these: &[char]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        if last == c && these.contains(&c) {
            shown.push(' ');
        }
        shown.push(c);
        last = c;
    }
    shown
}

/// JSON without invisible characters: they are written as escapes. They occur only in strings.
pub(super) fn visible_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && c != '\n' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Foreign text in Markdown, as a code span. In a code span nothing is a link, a mention, HTML or emphasis. The result
/// is also safe in a table cell; only there a bar needs a backslash.
pub(super) fn markdown(text: &str, in_table: bool) -> String {
    let mut text = apart(&visible(text), &['#']);
    if in_table {
        text = text.replace('|', "\\|");
    }
    if text.trim().is_empty() {
        text = format!("␣{text}");
    }
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // Markdown removes one space on both sides. The spaces keep backticks in the text apart from the fence.
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Foreign text as code in HTML, for a line of Markdown that is HTML. There, too, nothing is a link, a mention or
/// Markdown.
pub(super) fn html_code(text: &str) -> String {
    let text = apart(&visible(text), &['#']);
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<code>{}</code>", text.replace('"', "&quot;"))
}

/// The text of a command to GitHub's runner.
pub(super) fn command_data(text: &str) -> String {
    let text = text.replace('%', "%25");
    let text = text.replace('\r', "%0D").replace('\n', "%0A");
    // GitHub's runner finds the older form of commands, which starts with two hashes, anywhere in a line.
    apart(&spelled_out(&text), &['#'])
}

/// A property of such a command, such as its title.
pub(super) fn command_property(text: &str) -> String {
    command_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The value of a metric's label. GitLab accepts only a few characters in it.
pub(super) fn label(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.:/-".contains(c);
    text.chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect()
}

/// Foreign text in a spreadsheet cell, so that it is not read as a formula. Text that could be read as one gets an
/// apostrophe, which marks text in spreadsheets.
pub(super) fn cell(text: &str) -> String {
    let is_formula = |c: char| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
        )
    };
    if text.starts_with(is_formula) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Several lines of foreign text in Markdown, as a code block.
pub(super) fn markdown_block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(message).collect();
    let longest = lines
        .iter()
        .flat_map(|line| line.split(|c| c != '`').map(str::len))
        .max()
        .unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_names_stay_recognisable_and_harmless() {
        assert_eq!(
            visible("a\x1b[31mb\nc\u{202e}d"),
            "a\\u{1b}[31mb\\nc\\u{202e}d"
        );
        assert_eq!(visible("a\u{fffe}b\u{ffff}"), "a\\u{fffe}b\\u{ffff}");
        assert_eq!(message("::error::x ##[group]"), ": :error: :x # #[group]");
        assert_eq!(message(":::: ###"), ": : : : # # #");
        assert_eq!(
            visible_json("{\n\"a\u{202e}\u{e0041}é\"}"),
            "{\n\"a\\u202e\\udb40\\udc41é\"}"
        );
        assert_eq!(markdown("a|b", true), "`a\\|b`");
        assert_eq!(markdown("a|b", false), "`a|b`");
        assert_eq!(markdown("`x``y", false), "``` `x``y ```");
        assert_eq!(markdown("", false), "`␣`");
        assert_eq!(
            html_code("a</code><img src=\"x\">&lt;\n\n`b`"),
            "<code>a&lt;/code&gt;&lt;img src=&quot;x&quot;&gt;&amp;lt;\\n\\n`b`</code>"
        );
        assert_eq!(markdown_block("a\n```\nb"), "````text\na\n```\nb\n````\n");
        assert!(visible(&"x".repeat(1000)).chars().count() <= 161);
    }

    #[test]
    fn commands_end_where_they_should() {
        assert_eq!(command_data("a\r\nb 5%::x"), "a%0D%0Ab 5%25::x");
        assert_eq!(command_property("a: b, c"), "a%3A b%2C c");
        assert_eq!(command_data("a\u{1b}[0m"), "a\\u{1b}[0m");
        assert_eq!(label("a b{c=\"d\"}é.e/f:g-h_i"), "a_b_c__d___.e/f:g-h_i");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1",
        ] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        assert_eq!(cell("1=1"), "1=1");
        assert_eq!(cell(""), "");
    }

    /// A text as shown in a command. Line breaks remain, and other hidden characters are spelled out.
    fn spelled_out_but_breaks(text: &str) -> String {
        let parts = text.split_inclusive(['\n', '\r']);
        let spelled = parts.map(|part| {
            let end = part.len() - usize::from(part.ends_with(['\n', '\r']));
            spelled_out(&part[..end]) + &part[end..]
        });
        spelled.collect()
    }

    proptest! {
        #[test]
        fn no_sink_lets_a_line_break_or_an_escape_through(text in any::<String>()) {
            for shown in [visible(&text), message(&text), markdown(&text, true), markdown(&text, false), html_code(&text)] {
                prop_assert!(!shown.chars().any(is_hidden));
            }
        }

        #[test]
        fn json_stays_the_same_json(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = visible_json(&json);
            prop_assert!(!shown.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }

        #[test]
        fn a_command_is_one_line_and_reads_as_it_was(text in any::<String>()) {
            for shown in [command_data(&text), command_property(&text)] {
                prop_assert!(!shown.chars().any(is_hidden));
                let read = shown.replace("%2C", ",").replace("%3A", ":").replace("%0A", "\n").replace("%0D", "\r");
                prop_assert_eq!(read.replace("%25", "%"), apart(&spelled_out_but_breaks(&text), &['#']));
            }
            let property = command_property(&text);
            prop_assert!(!property.contains([':', ',']));
        }

        #[test]
        fn a_label_holds_what_gitlab_reads(text in any::<String>()) {
            let shown = label(&text);
            prop_assert_eq!(shown.chars().count(), text.chars().count());
            prop_assert!(shown.chars().all(|c| c.is_ascii_alphanumeric() || "_.:/-".contains(c)));
        }

        #[test]
        fn a_cell_is_no_formula_and_keeps_its_text(text in any::<String>(), start in "[=+@\\-\t\r\na'＝]?") {
            let text = start + &text;
            let shown = cell(&text);
            let is_formula = shown.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
            prop_assert!(!is_formula);
            prop_assert_eq!(shown.strip_prefix('\'').unwrap_or(&shown), text.strip_prefix('\'').unwrap_or(&text));
        }

        #[test]
        fn a_block_ends_only_at_its_end(text in "[`a:#\n~ ]{0,20}") {
            let block = markdown_block(&text);
            let lines: Vec<&str> = block.lines().collect();
            let fence = lines[0].trim_end_matches("text");
            prop_assert!(fence.len() >= 3 && fence.chars().all(|c| c == '`'));
            let ends = lines.iter().filter(|line| line.trim().starts_with(fence)).count();
            prop_assert_eq!(ends, 2);
            prop_assert_eq!(lines.last(), Some(&fence));
        }

        #[test]
        fn no_runner_finds_a_command(text in "[:# a\\[]{0,12}") {
            let shown = message(&text);
            prop_assert!(!shown.contains("::") && !shown.contains("##["), "{}", shown);
            prop_assert!(!markdown(&text, true).contains("##["));
        }

        #[test]
        fn a_code_span_ends_only_at_its_end(text in "[`|<>a @#]{0,12}") {
            let span = markdown(&text, true);
            let fence: String = span.chars().take_while(|c| *c == '`').collect();
            let inner = &span[fence.len()..span.len() - fence.len()];
            prop_assert!(inner.split(|c| c != '`').all(|run| run.len() != fence.len()));
            prop_assert!(!inner.replace("\\|", "").contains('|'));
        }
    }
}
