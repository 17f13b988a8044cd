//! Tests that a problem is shown at the place in the text where it is.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;

use super::issue::{Part, Spot, Target};
use super::place::Document;
use super::yaml;

/// A value, and how it is written.
#[derive(Clone, Debug)]
enum Tree {
    /// On one line, as it is written.
    Scalar(&'static str),
    /// On several lines: the first line, and the others without their indent.
    Lines(&'static str, [&'static str; 2]),
    Null,
    /// In brackets, on one line or on several.
    FlowList(Vec<Tree>, bool),
    FlowMap(Vec<(&'static str, Tree)>, bool),
    List(Vec<Tree>),
    Map(Vec<(&'static str, Tree)>),
    /// With an anchor before it.
    Anchored(Box<Tree>),
    /// An alias of an earlier anchor, if there is one.
    Alias(prop::sample::Index),
}

/// Scalars as they are written. None of them is empty.
const SCALARS: [&str; 14] = [
    "abc",
    "a b",
    "größe",
    "日本",
    "😀 z",
    "x#y",
    "it's",
    "-x",
    "12",
    "0.50",
    "true",
    "~",
    "'it''s: , ]'",
    "\"日本 \\\" # }\"",
];
/// Keys as they are written; `N` is replaced by the number of the entry. The texts that they mean are in [`meaning`].
const KEYS: [&str; 5] = ["keyN", "ключN", "日本N", "\"a: N\"", "'k''N'"];

fn meaning(key: &str) -> String {
    let inside = key.trim_matches(['"', '\'']);
    inside.replace("''", "'")
}

fn flow() -> impl Strategy<Value = Tree> + Clone {
    let scalar = prop_oneof![4 => select(&SCALARS[..]).prop_map(Tree::Scalar), 1 => any::<prop::sample::Index>().prop_map(Tree::Alias)];
    scalar.prop_recursive(2, 8, 3, |inner| {
        let entry = (select(&KEYS[..]), inner.clone());
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), any::<bool>())
                .prop_map(|(items, is_long)| Tree::FlowList(items, is_long)),
            (prop::collection::vec(entry, 0..4), any::<bool>())
                .prop_map(|(entries, is_long)| Tree::FlowMap(entries, is_long)),
            inner.prop_map(|tree| Tree::Anchored(Box::new(tree))),
        ]
    })
}

fn block() -> impl Strategy<Value = Tree> {
    let lines = select(
        &[
            ("|", ["text # no comment", "key: value"]),
            (">-", ["日本", "- item"]),
            ("\"one", ["two \\\" two", "three\""]),
            ("'one", ["it''s: two", "three'"]),
            ("one", ["two", "three"]),
        ][..],
    );
    let leaf = prop_oneof![
        4 => flow(),
        1 => lines.prop_map(|(first, others)| Tree::Lines(first, others)),
        1 => Just(Tree::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let entry = (select(&KEYS[..]), inner.clone());
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::List),
            prop::collection::vec(entry, 1..5).prop_map(Tree::Map),
            inner.prop_map(|tree| Tree::Anchored(Box::new(tree))),
        ]
    })
}

/// A line and a column, both from 1, and the text there; the text is empty if it is not compared.
type Place = (usize, usize, String);
/// The places of a key and its value by the path to them. Items of lists have no key.
type Places = BTreeMap<Vec<Part>, (Option<Place>, Place)>;

/// Writes a tree, and notes where everything is.
struct Writer {
    text: String,
    line: usize,
    column: usize,
    places: Places,
    /// The places in each anchored value, by the rest of the path.
    anchors: Vec<Places>,
    /// Numbers that decide where comments, empty lines and tabs are.
    noise: Vec<u8>,
}

impl Writer {
    fn put(&mut self, text: &str) {
        for c in text.chars() {
            self.text.push(c);
            (self.line, self.column) = match c {
                '\n' => (self.line + 1, 1),
                _ => (self.line, self.column + 1),
            };
        }
    }

    fn here(&self, text: &str) -> Place {
        (self.line, self.column, text.to_owned())
    }

    fn noise(&mut self) -> u8 {
        self.noise.rotate_left(1);
        self.noise.first().copied().unwrap_or_default() % 8
    }

    /// Ends a line, sometimes with a comment, and adds lines without content.
    fn end_line(&mut self, may_comment: bool) {
        match self.noise() {
            0 if may_comment => self.put(" # größe: 日本 'x"),
            1 if may_comment => self.put("\t# [\""),
            _ => {}
        }
        self.put("\n");
        match self.noise() {
            0 => self.put("# key: {日本\n"),
            1 => self.put("   \n"),
            _ => {}
        }
    }

    /// Writes the space before a value. YAML allows no tab after a dash.
    fn separator(&mut self, is_item: bool) {
        let space = ["\t", "  ", " "][usize::from(self.noise().min(2))];
        self.put(if is_item { " " } else { space });
    }

    /// Writes the value after a key or a dash, and the end of its line. `indent` is that of the lines inside it.
    fn value(
        &mut self,
        path: &[Part],
        key: Option<Place>,
        tree: &Tree,
        indent: usize,
        is_item: bool,
    ) {
        match tree {
            Tree::Null => {
                // The key is shown for an empty value. The place of an empty item is not compared.
                if let Some(key) = key {
                    self.places.insert(path.to_vec(), (Some(key.clone()), key));
                }
                self.end_line(!is_item);
            }
            Tree::Lines(first, others) => {
                self.separator(is_item);
                let place = self.here("");
                self.places.insert(path.to_vec(), (key, place));
                self.put(first);
                for line in others {
                    self.put("\n");
                    self.put(&" ".repeat(indent + 1));
                    self.put(line);
                }
                let is_quoted = first.starts_with(['"', '\'']);
                self.end_line(is_quoted);
            }
            Tree::List(items) if !items.is_empty() => {
                if is_item {
                    self.put(" ");
                } else {
                    self.end_line(true);
                    self.put(&" ".repeat(indent));
                }
                let place = self.here("-");
                self.places.insert(path.to_vec(), (key, place));
                self.items(path, items, indent);
            }
            Tree::Map(entries) if !entries.is_empty() => {
                if is_item {
                    self.put(" ");
                } else {
                    self.end_line(true);
                    self.put(&" ".repeat(indent));
                }
                let first = entries[0].0.replace('N', "0");
                let place = self.here(&first);
                self.places.insert(path.to_vec(), (key, place));
                self.entries(path, entries, indent);
            }
            Tree::Anchored(inner) if matches!(**inner, Tree::List(_) | Tree::Map(_)) => {
                self.put(" ");
                let mark = format!("&a{}", self.anchors.len());
                let place = self.here(&mark);
                self.put(&mark);
                let index = self.reserve();
                self.value(path, key.clone(), inner, indent, false);
                self.places.insert(path.to_vec(), (key, place));
                self.remember(index, path);
            }
            Tree::Anchored(inner)
                if matches!(**inner, Tree::Null | Tree::Lines(..) | Tree::Anchored(_)) =>
            {
                self.value(path, key, inner, indent, is_item);
            }
            _ => {
                self.separator(is_item);
                self.flow(path, key, tree, indent);
                self.end_line(true);
            }
        }
    }

    /// Writes a value in brackets, or a scalar.
    fn flow(&mut self, path: &[Part], key: Option<Place>, tree: &Tree, indent: usize) {
        let place = self.here("");
        match tree {
            Tree::Scalar(text) => {
                let place = self.here(text);
                self.places.insert(path.to_vec(), (key, place));
                self.put(text);
            }
            Tree::FlowList(items, is_long) => {
                self.places.insert(path.to_vec(), (key, place));
                self.put("[");
                for (index, item) in items.iter().enumerate() {
                    self.comma(index, *is_long, indent);
                    let inner = [path, &[Part::Item(index)]].concat();
                    self.flow(&inner, None, item, indent);
                }
                self.put("]");
            }
            Tree::FlowMap(entries, is_long) => {
                self.places.insert(path.to_vec(), (key, place));
                self.put("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.comma(index, *is_long, indent);
                    let key = key.replace('N', &index.to_string());
                    let inner = [path, &[Part::Key(meaning(&key))]].concat();
                    let place = self.here(&key);
                    self.put(&key);
                    self.put(": ");
                    self.flow(&inner, Some(place), value, indent);
                }
                self.put("}");
            }
            Tree::Anchored(inner) if !matches!(**inner, Tree::Alias(_) | Tree::Anchored(_)) => {
                self.put(&format!("&a{} ", self.anchors.len()));
                let index = self.reserve();
                self.flow(path, key, inner, indent);
                self.remember(index, path);
            }
            Tree::Anchored(inner) => self.flow(path, key, inner, indent),
            Tree::Alias(which) if !self.anchors.is_empty() => {
                let which = which.index(self.anchors.len());
                // An alias inside its own anchor would have no end.
                if self.anchors[which].is_empty() {
                    return self.flow(path, key, &Tree::Scalar("abc"), indent);
                }
                for (rest, (of_key, of_value)) in self.anchors[which].clone() {
                    let of_key = if rest.is_empty() { key.clone() } else { of_key };
                    self.places
                        .insert([path, &rest].concat(), (of_key, of_value));
                }
                self.put(&format!("*a{which} "));
            }
            _ => self.flow(path, key, &Tree::Scalar("abc"), indent),
        }
    }

    fn comma(&mut self, index: usize, is_long: bool, indent: usize) {
        if index > 0 {
            self.put(",");
        }
        if is_long {
            self.put("\n");
            self.put(&" ".repeat(indent + 1));
        } else {
            self.put(" ");
        }
    }

    fn items(&mut self, path: &[Part], items: &[Tree], indent: usize) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.put(&" ".repeat(indent));
            }
            self.put("-");
            let inner = [path, &[Part::Item(index)]].concat();
            self.value(&inner, None, item, indent + 2, true);
        }
    }

    fn entries(&mut self, path: &[Part], entries: &[(&str, Tree)], indent: usize) {
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                self.put(&" ".repeat(indent));
            }
            let key = key.replace('N', &index.to_string());
            let place = self.here(&key);
            self.put(&key);
            self.put(":");
            let inner = [path, &[Part::Key(meaning(&key))]].concat();
            self.value(&inner, Some(place), value, indent + 2, false);
        }
    }

    fn reserve(&mut self) -> usize {
        self.anchors.push(Places::new());
        self.anchors.len() - 1
    }

    /// Notes what an alias of this anchor repeats.
    fn remember(&mut self, anchor: usize, path: &[Part]) {
        let inside = self.places.iter().filter_map(|(known, places)| {
            let rest = known.strip_prefix(path)?;
            Some((rest.to_vec(), places.clone()))
        });
        self.anchors[anchor] = inside.collect();
    }
}

/// The text of a tree, and where everything is in it.
fn written(entries: &[(&'static str, Tree)], noise: Vec<u8>) -> (String, Places) {
    let mut writer = Writer {
        text: String::new(),
        line: 1,
        column: 1,
        places: Places::new(),
        anchors: Vec::new(),
        noise,
    };
    writer.entries(&[], entries, 0);
    (writer.text, writer.places)
}

#[track_caller]
fn compare(document: &Document<'_>, path: &[Part], target: Target, expected: &Place) {
    let (line, column, token) = expected;
    let found = document.position(&Spot::Path(path.to_vec(), target));
    let found = found.unwrap_or_else(|| panic!("{path:?} has no place in\n{}", document.text));
    let at = (found.line, found.column);
    assert_eq!(
        at,
        (*line, *column),
        "{path:?} {target:?} in\n{}",
        document.text
    );
    let marked: String = found
        .text
        .chars()
        .skip(column - 1)
        .take(found.width)
        .collect();
    if !token.is_empty() {
        assert_eq!(marked, *token, "{path:?} {target:?} in\n{}", document.text);
    }
    let whole = document
        .text
        .split("\r\n")
        .flat_map(|part| part.split('\n'));
    assert_eq!(whole.clone().nth(line - 1), Some(found.text.as_str()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_key_and_value_is_found_where_it_is(
        entries in prop::collection::vec((select(&KEYS[..]), block()), 1..5),
        noise in prop::collection::vec(any::<u8>(), 1..40),
        is_windows in any::<bool>(),
    ) {
        let (mut text, places) = written(&entries, noise);
        if is_windows {
            text = text.replace('\n', "\r\n");
        }
        let tree = yaml::parse(&text).unwrap_or_else(|error| panic!("{error:?} in\n{text}"));
        let document = Document { path: "", text: &text, tree: Some(&tree) };
        for (path, (key, value)) in &places {
            compare(&document, path, Target::Value, value);
            if let Some(key) = key {
                compare(&document, path, Target::Key, key);
            }
        }
    }
}
