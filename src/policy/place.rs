//! Finds where in the text a problem is.

use std::fmt::Write as _;

use serde_yaml::Value;

use super::issue::{Found, Help, Issue, Part, Spot, Target};
use super::lines::{after, at, first_line};
use super::suggest::{MOST_SHOWN, named};
use super::yaml::{MERGE, Node, Shape, locate};
use crate::problem::{At, Problem};

/// A policy as text and as a tree.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) path: &'a str,
    /// The text without its byte order mark.
    pub(super) text: &'a str,
    /// `None` if the text cannot be parsed.
    pub(super) tree: Option<&'a Node>,
}

/// A node in the text.
struct Located {
    at: At,
    /// The text of the node; `None` if it does not end on its first line.
    written: Option<String>,
}

impl Document<'_> {
    /// The problem with its position; `None` if the text shows that it is none.
    pub(super) fn problem(&self, issue: Issue) -> Option<Problem> {
        let found = self.find(&issue.spot);
        let written = found.as_ref().and_then(|found| found.written.as_deref());
        if issue.unless.is_some() && issue.unless.as_deref() == written {
            return None;
        }
        let message = match &issue.found {
            Some(value) => format!("{}, found {}", issue.message, describe(value, written)),
            None => issue.message,
        };
        let help = match issue.help {
            Help::Text(help) => help,
            Help::Quote => written.map_or(String::new(), |written| {
                format!("quote it: `{}`", quoted(&issue.spot, written))
            }),
        };
        let first = issue.first.and_then(|spot| self.find(&spot));
        Some(Problem {
            path: self.path.to_owned(),
            place: self.place(&issue.spot),
            message,
            help: Some(help).filter(|help| !help.is_empty()),
            more: 0,
            first: first.map(|found| found.at),
            at: found.map(|found| found.at),
        })
    }

    /// The position of a place; `None` for the whole file.
    pub(super) fn position(&self, spot: &Spot) -> Option<At> {
        Some(self.find(spot)?.at)
    }

    fn find(&self, spot: &Spot) -> Option<Located> {
        let (path, target) = match spot {
            Spot::File => return None,
            Spot::Index(index) => return Some(self.index(*index)),
            Spot::Node(id) => return self.node(find_node(self.tree?, *id)?),
            Spot::Path(path, target) => (path, target),
        };
        let walked = walk(self.tree?, path);
        let value = || self.node(walked.value);
        let key = || walked.key.and_then(|key| self.node(key));
        match target {
            Target::First => self.node(first_key(walked.value)),
            Target::Key => key().or_else(value),
            // Nothing is written for an empty value, and nothing is known of a value that is not found.
            Target::Value => {
                let is_null = matches!(walked.value.shape, Shape::Scalar(Value::Null));
                let found = value().filter(|found| !is_null || found.written.is_some());
                let found = found.filter(|_| walked.is_whole);
                found.or_else(key).or_else(value)
            }
        }
    }

    fn node(&self, node: &Node) -> Option<Located> {
        let index = locate(self.text, node.id)?;
        let index = index + properties(after(self.text, index));
        let (width, ends) = extent(after(self.text, index), node);
        let written: String = after(self.text, index).chars().take(width).collect();
        Some(Located {
            at: at(self.text, index, width),
            written: Some(written).filter(|written| ends && !written.is_empty()),
        })
    }

    /// A place that the parser names in an error. At the end of the text it is that after the last visible character.
    fn index(&self, index: usize) -> Located {
        let end = self.text.trim_end().len();
        Located {
            at: at(self.text, index.min(end), 1),
            written: None,
        }
    }

    /// The place in words, such as `gates[2] "tone": min`.
    fn place(&self, spot: &Spot) -> String {
        let of_node = |id| self.tree.and_then(|tree| path_to(tree, id));
        let path = match spot {
            Spot::File | Spot::Index(_) => None,
            Spot::Path(path, _) => Some(path.clone()),
            Spot::Node(id) => of_node(*id),
        };
        let mut words = String::new();
        let mut node = self.tree;
        for (depth, part) in path.iter().flatten().enumerate() {
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Key(key) if words.is_empty() => write!(words, "{}", shortened(key)),
                Part::Key(key) if words.ends_with('"') => write!(words, ": {}", shortened(key)),
                Part::Key(key) => write!(words, ".{}", shortened(key)),
                Part::Item(item) => write!(words, "[{item}]"),
            };
            node = node.and_then(|node| step(node, part)).map(|(_, node)| node);
            let is_gate = depth == 1 && words.starts_with("gates[");
            let name = node.filter(|_| is_gate).and_then(|node| node.entry("name"));
            if let Some(name) = name.and_then(|(_, name)| name.text()) {
                let _ = write!(words, " {:?}", shortened(name));
            }
        }
        words
    }
}

/// Where a path leads in a tree.
struct Walked<'t> {
    /// The value at the path, or the value of the longest part of the path that exists.
    value: &'t Node,
    /// The last key on the way.
    key: Option<&'t Node>,
    /// Whether the whole path exists.
    is_whole: bool,
}

fn walk<'t>(tree: &'t Node, path: &[Part]) -> Walked<'t> {
    let mut walked = Walked {
        value: tree,
        key: None,
        is_whole: true,
    };
    for part in path {
        let Some((key, value)) = step(walked.value, part) else {
            walked.is_whole = false;
            break;
        };
        walked.value = value;
        walked.key = key;
    }
    walked
}

/// Whether the map at a path has a merge key.
pub(super) fn merges(tree: &Node, path: &[Part]) -> bool {
    let walked = walk(tree, path);
    walked.is_whole && walked.value.entry(MERGE).is_some()
}

/// The key and the value inside a node.
fn step<'t>(node: &'t Node, part: &Part) -> Option<(Option<&'t Node>, &'t Node)> {
    match part {
        Part::Key(key) => node.entry(key).map(|(key, value)| (Some(key), value)),
        Part::Item(index) => node.item(*index).map(|item| (None, item)),
    }
}

/// The key of a map that stands for the map: its name, or its first key. The node itself if it has no key.
fn first_key(node: &Node) -> &Node {
    let named = node.entry("name").or_else(|| node.entries().first());
    named.map_or(node, |(key, _)| key)
}

fn find_node(node: &Node, id: usize) -> Option<&Node> {
    if node.id == id {
        return Some(node);
    }
    let in_list = node.items().iter().find_map(|item| find_node(item, id));
    in_list.or_else(|| {
        let mut entries = node.entries().iter();
        entries.find_map(|(key, value)| find_node(key, id).or_else(|| find_node(value, id)))
    })
}

/// The path to a key.
fn path_to(node: &Node, id: usize) -> Option<Vec<Part>> {
    let then = |part: Part, mut rest: Vec<Part>| {
        rest.insert(0, part);
        rest
    };
    for (index, item) in node.items().iter().enumerate() {
        if let Some(rest) = path_to(item, id) {
            return Some(then(Part::Item(index), rest));
        }
    }
    for (key, value) in node.entries() {
        let part = key.text().map(|key| Part::Key(key.to_owned()));
        if key.id == id {
            return Some(part.into_iter().collect());
        }
        if let Some(rest) = path_to(value, id) {
            return Some(match part {
                Some(part) => then(part, rest),
                None => rest,
            });
        }
    }
    None
}

/// The length of the anchor and the tag before a value on the same line, in bytes.
fn properties(rest: &str) -> usize {
    let line = first_line(rest);
    let mut value = line;
    while value.starts_with(['&', '!']) {
        value = value.trim_start_matches(|c: char| !c.is_whitespace());
        value = value.trim_start_matches([' ', '\t']);
    }
    if value.is_empty() || value.starts_with('#') {
        return 0;
    }
    line.len() - value.len()
}

/// The length of a node in its first line, in characters, and whether it ends there.
fn extent(rest: &str, node: &Node) -> (usize, bool) {
    let line = first_line(rest);
    let word = |line: &str, ends: &[char]| {
        let is_end = |c: char| c.is_whitespace() || ends.contains(&c);
        line.split(is_end)
            .next()
            .unwrap_or_default()
            .chars()
            .count()
    };
    match (&node.shape, line.chars().next()) {
        (_, None) => (0, false),
        (_, Some('&' | '!')) | (Shape::Scalar(_), Some('|' | '>')) => (word(line, &[]), false),
        (Shape::Scalar(_), Some(quote @ ('"' | '\''))) => closed(line, quote),
        (Shape::List(_) | Shape::Map(_), Some('[' | '{')) => bracketed(line),
        (Shape::List(_), _) => (1, false),
        (Shape::Map(entries), _) => match entries.first() {
            Some((key, _)) if !line.starts_with("? ") => (extent(line, key).0, false),
            _ => (1, false),
        },
        (Shape::Scalar(Value::String(text)), _) if line.starts_with(text.as_str()) => {
            (text.chars().count(), true)
        }
        // The text goes on in the next line.
        (Shape::Scalar(Value::String(_)), _) => {
            let text = line.split(" #").next().unwrap_or_default();
            (text.trim_end().chars().count(), false)
        }
        (Shape::Scalar(_), _) => (word(line, &[',', ']', '}', ':']), true),
    }
}

/// The length of a text in quotes that begins a line, and whether it ends in that line.
fn closed(line: &str, quote: char) -> (usize, bool) {
    let mut chars = line.chars().enumerate().skip(1).peekable();
    while let Some((index, c)) = chars.next() {
        let is_doubled = quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote);
        if (c == '\\' && quote == '"') || (c == quote && is_doubled) {
            chars.next();
        } else if c == quote {
            return (index + 1, true);
        }
    }
    (line.trim_end().chars().count(), false)
}

/// The length of a list or map in brackets that begins a line, and whether it ends in that line. If not, only its bracket
/// counts.
fn bracketed(line: &str) -> (usize, bool) {
    let mut depth = 0_usize;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let width = match c {
            '"' | '\'' => closed(rest, c).0,
            _ => 1,
        };
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        rest = rest
            .char_indices()
            .nth(width)
            .map_or("", |(at, _)| after(rest, at));
        if depth == 0 {
            return (line.chars().count() - rest.chars().count(), true);
        }
    }
    (1, false)
}

/// A value for a message, as it is written in the file.
fn describe(found: &Found, written: Option<&str>) -> String {
    match found {
        Found::Nothing => "nothing".to_owned(),
        Found::Bool(value) => format!("`{value}`"),
        Found::Number(value) => format!("the number `{}`", shortened(written.unwrap_or(value))),
        // A part of a text is not shown: it could be a part of a secret.
        Found::Text(text) if text.chars().count() > MOST_SHOWN => "a longer text".to_owned(),
        Found::Text(text) if text.trim().is_empty() => "an empty text".to_owned(),
        Found::Text(text) => format!("the text {}", named(text)),
        Found::List => "a list".to_owned(),
        Found::Map => "a map".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A key with its value in quotes, as an edit.
fn quoted(spot: &Spot, written: &str) -> String {
    match spot {
        Spot::Path(path, _) => match path.last() {
            Some(Part::Key(key)) => format!("{key}: \"{written}\""),
            _ => format!("\"{written}\""),
        },
        _ => format!("\"{written}\""),
    }
}
