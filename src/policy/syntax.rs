//! Says why a text is not a policy: errors of YAML in words, and files of another kind.

use super::issue::{Issue, Spot, Target};
use super::lines::{after, at};
use super::suggest::{lookalike, named};
use super::yaml::{Node, Unread};

/// Where an error is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// Where the parser noticed it.
    Noticed,
    /// Where the thing starts that was being read.
    Start,
}

/// The parser's errors: the start of its own words, the message, the next edit, and where it is shown. `{found}` is the
/// text where the error was noticed, `{start}` the character where the thing starts that was being read, and `{line}` the
/// line of it.
const ERRORS: [(&str, &str, &str, Where); 15] = [
    (
        "found character that cannot start any token",
        "`{found}` cannot start a value",
        "write the value in quotes",
        Where::Noticed,
    ),
    (
        "block sequence entries are not allowed",
        "a list item is not allowed here",
        "start the list on a new line, with all `-` in the same column",
        Where::Noticed,
    ),
    (
        "did not find expected key",
        "expected a key of the map that starts at line {line}",
        "start all keys of a map in the same column, and all `-` of a list",
        Where::Noticed,
    ),
    (
        "did not find expected '-' indicator",
        "expected an item of the list that starts at line {line}",
        "start all keys of a map in the same column, and all `-` of a list",
        Where::Noticed,
    ),
    (
        "did not find expected ',' or ']'",
        "expected `,` or `]` in the list that starts at line {line}",
        "separate items with `,`, and close the list with `]`",
        Where::Noticed,
    ),
    (
        "did not find expected ',' or '}'",
        "expected `,` or `}` in the map that starts at line {line}",
        "separate entries with `,`, and close the map with `}`",
        Where::Noticed,
    ),
    (
        "could not find expected ':'",
        "expected `: ` after this text",
        "write `key: value`, or quote a text that goes over several lines",
        Where::Start,
    ),
    (
        "found unexpected end of stream",
        "the text in quotes has no closing quote",
        "write `{start}` at its end",
        Where::Start,
    ),
    (
        "found unknown escape character",
        "unknown escape in a text in double quotes",
        "write `\\\\` for a backslash, or use single quotes",
        Where::Noticed,
    ),
    (
        "unknown anchor",
        "`{found}` has no anchor before it",
        "quote a text that starts with `*`, or write the value out",
        Where::Noticed,
    ),
    (
        "did not find expected alphabetic or numeric character",
        "expected a name after `{start}`",
        "write the value in quotes",
        Where::Start,
    ),
    (
        "did not find expected node content",
        "expected a value, found `{found}`",
        "remove it, or write the value in quotes",
        Where::Noticed,
    ),
    (
        "found incompatible YAML document",
        "this version of YAML is not read",
        "remove the line with `%YAML`",
        Where::Noticed,
    ),
    (
        "found unknown directive name",
        "a line that starts with `%` is a directive, which a policy cannot have",
        "remove the line, or write the text in quotes",
        Where::Noticed,
    ),
    (
        "recursion limit exceeded",
        "lists and maps are nested too deep",
        "write lists and maps with fewer levels",
        Where::Noticed,
    ),
];

/// Why a text cannot be parsed.
pub(super) fn unread(error: &Unread, text: &str) -> Issue {
    let error = match error {
        Unread::Refused(index, message, help) => {
            return Issue::new(spot(*index), message, help);
        }
        Unread::Parser(error) => error,
    };
    if let Some(issue) = conflict(text) {
        return issue;
    }
    if text.starts_with('\u{feff}') {
        return control_character(text);
    }
    let shown = error.to_string();
    if shown.contains("more than one document") {
        return several_documents(text);
    }
    let (what, context) = shown.split_once(", while ").unwrap_or((&shown, ""));
    if what.starts_with("control characters") {
        return control_character(text);
    }
    let error = SyntaxError {
        text,
        what,
        context,
        index: error.location().map_or(0, |found| found.index()),
    };
    let (index, message, help) = error.told();
    let help = error.unseen().unwrap_or(help);
    let message = format!("invalid YAML: {message}");
    Issue::new(Spot::Index(index), &message, &help)
}

fn spot(index: Option<usize>) -> Spot {
    index.map_or(Spot::File, Spot::Index)
}

/// An error of the parser.
struct SyntaxError<'t> {
    text: &'t str,
    /// What is wrong, in the parser's words.
    what: &'t str,
    /// What was being read, and where it starts.
    context: &'t str,
    /// Where the error was noticed, in bytes.
    index: usize,
}

impl SyntaxError<'_> {
    /// The place, the message and the next edit.
    fn told(&self) -> (usize, String, String) {
        if let Some(tab) = self.tab() {
            let message = "a tab cannot indent a line".to_owned();
            return (tab, message, "indent with spaces".to_owned());
        }
        if self.what.starts_with("mapping values are not allowed") {
            return (
                self.index,
                "a key is not allowed here".to_owned(),
                self.key_help(),
            );
        }
        let what = self.what.split(" at line ").next().unwrap_or_default();
        // Only a tag such as `!!int` makes a value invalid. The path of the value comes first.
        if let Some((_, value)) = what.split_once("invalid value: ") {
            let message = format!("invalid value: {value}");
            return (self.index, message, "remove the tag".to_owned());
        }
        let mut errors = ERRORS.iter();
        let Some((_, message, help, place)) = errors.find(|(known, ..)| what.starts_with(known))
        else {
            let help = "write keys as `key: value`, and texts with special characters in quotes";
            return (self.index, what.to_owned(), help.to_owned());
        };
        if after(self.text, self.index).trim().is_empty() && *place == Where::Noticed {
            let message = "the file ends inside brackets".to_owned();
            let help = "close each `[` with `]`, and each `{` with `}`".to_owned();
            return (self.index, message, help);
        }
        let (line, start) = self.start().unwrap_or((1, self.index));
        let filled = |words: &str| {
            let first = after(self.text, start).chars().next();
            words
                .replace("{line}", &line.to_string())
                .replace("{start}", &first.map_or(String::new(), String::from))
                .replace("`{found}`", &named(&self.found()))
        };
        let index = if *place == Where::Start {
            start
        } else {
            self.index
        };
        (index, filled(message), filled(help))
    }

    /// The text where the error was noticed: an alias or one character.
    fn found(&self) -> String {
        let rest = after(self.text, self.index).trim_end();
        let alias = rest.split([' ', ',', ']', '}', '\n', '\r']).next();
        match (rest.chars().next(), alias) {
            (Some('*'), Some(alias)) => alias.to_owned(),
            (first, _) => first.map_or(String::new(), String::from),
        }
    }

    /// The next edit where a key is not allowed, judged by the text before it.
    fn key_help(&self) -> String {
        let before = self.text.get(..self.index).unwrap_or_default();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let is_key = |line: &str| line.contains(": ") || line.trim_end().ends_with(':');
        let lines: Vec<&str> = before.lines().collect();
        let (this, earlier) = lines.split_last().unwrap_or((&"", &[]));
        if is_key(this) {
            return "write the text in quotes: it contains `: `".to_owned();
        }
        let last = earlier.iter().rposition(is_code);
        let is_item_without_space = |line: &str| {
            let item = line.trim_start().strip_prefix('-');
            item.is_some_and(|item| item.starts_with(|c: char| c.is_alphanumeric()))
        };
        if let Some(index) = last
            && earlier
                .get(index)
                .is_some_and(|line| is_item_without_space(line))
        {
            return format!("write a space after `-` in line {}", index + 1);
        }
        match last {
            Some(index) if earlier.get(index).is_some_and(|line| !is_key(line)) => {
                format!("line {} has no `: `; write `key: value`", index + 1)
            }
            _ => "start all keys of a map in the same column".to_owned(),
        }
    }

    /// The tab that indents the line with the error. Inside brackets, tabs are allowed.
    fn tab(&self) -> Option<usize> {
        let before = self.text.get(..self.index).unwrap_or_default();
        let start = before.rfind(['\n', '\r']).map_or(0, |last| last + 1);
        let line = after(self.text, start);
        let tab = line.find('\t')?;
        let is_indent = line.get(..tab)?.chars().all(|c| c == ' ');
        let after_tabs = start + line.len() - line.trim_start_matches([' ', '\t']).len();
        (is_indent && self.index <= after_tabs).then_some(start + tab)
    }

    /// The line from 1, and the place, where the thing starts that was being read.
    fn start(&self) -> Option<(usize, usize)> {
        let (_, position) = self.context.split_once(" at line ")?;
        let (line, column) = position.split_once(" column ")?;
        let (line, column) = (line.parse::<usize>().ok()?, column.parse::<usize>().ok()?);
        let is_break = |(index, c): &(usize, char)| match c {
            '\r' => !after(self.text, *index).starts_with("\r\n"),
            // The parser ends lines at the last three, too.
            c => matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}'),
        };
        let mut chars = self.text.char_indices();
        for _ in 1..line {
            chars.find(is_break)?;
        }
        let (index, _) = chars.nth(column.checked_sub(1)?)?;
        Some((at(self.text, index, 1).line, index))
    }

    /// A character in the line of the error, or in the line before it, that looks like one of YAML's.
    fn unseen(&self) -> Option<String> {
        let before = self.text.get(..self.index).unwrap_or_default();
        let last = before.lines().count().max(1);
        let lines = self.text.lines().enumerate();
        let mut near = lines.skip(last.saturating_sub(2)).take(2);
        near.find_map(|(index, line)| {
            let code = line.split(" #").next().unwrap_or_default();
            let found = lookalike(code).filter(|found| found.is_syntax())?;
            Some(format!("line {} contains {found}; replace it", index + 1))
        })
    }
}

/// The problem that a merge of Git left in the text, if any.
fn conflict(text: &str) -> Option<Issue> {
    let start = text.starts_with("<<<<<<< ").then_some(0);
    let index = start.or_else(|| Some(text.find("\n<<<<<<< ")? + 1))?;
    let help = "resolve the conflict, and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`";
    Some(Issue::new(
        Spot::Index(index),
        "Git left a conflict here",
        help,
    ))
}

fn several_documents(text: &str) -> Issue {
    // A marker that comes before any content starts the first document.
    let (mut has_content, mut start, mut place) = (false, None, 0);
    for line in text.split_inclusive(['\n', '\r']) {
        let is_marker = line.starts_with("---") || line.starts_with("...");
        if is_marker && has_content {
            start = Some(place);
            break;
        }
        has_content |=
            is_marker || !line.trim_start().starts_with(['#', '%']) && !line.trim().is_empty();
        place += line.len();
    }
    if start.is_none() && text.starts_with('{') {
        let message = "is JSON Lines, not a policy";
        return Issue::new(Spot::File, message, "name a policy in YAML");
    }
    let message = "a second document starts; a policy is one document";
    let help = "write each policy to its own file, and name all files";
    Issue::new(spot(start), message, help)
}

fn control_character(text: &str) -> Issue {
    let is_allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
            && c != '\u{feff}'
    };
    let found = text.char_indices().find(|(_, c)| !is_allowed(*c));
    let (index, c) = found.unwrap_or_default();
    let message = format!("the character U+{:04X} is not allowed", u32::from(c));
    Issue::new(Spot::Index(index), &message, "remove it")
}

/// Why a tree is not a policy, if it is another file of weave-gate.
pub(super) fn other_file(tree: &Node) -> Option<Issue> {
    let format = tree.entry("format").and_then(|(_, value)| value.text());
    if format == Some("weave-gate-snapshot") {
        let help = "judge it with `weave-gate check --candidate file:PATH`";
        return Some(Issue::new(Spot::File, "is a snapshot, not a policy", help));
    }
    if tree.entry("schema_version").is_some() && tree.entry("tool_version").is_some() {
        let help = "explain it with `weave-gate explain CHECK --from PATH`";
        return Some(Issue::new(
            Spot::File,
            "is a JSON report, not a policy",
            help,
        ));
    }
    None
}

/// Why a text without content is not a policy.
pub(super) fn nothing(text: &str) -> Issue {
    let message = if text.trim().is_empty() {
        "the policy is empty"
    } else {
        "the policy has no content, only comments"
    };
    let help = "write `version: 1` and `gates:`, or draft a policy with `weave-gate init`";
    Issue::new(Spot::File, message, help)
}

/// A text that is not a map.
pub(super) fn no_map() -> Issue {
    let spot = Spot::Path(Vec::new(), Target::Value);
    let help = "start it with `version: 1` and `gates:`";
    Issue::new(spot, "the policy is not a map", help)
}
