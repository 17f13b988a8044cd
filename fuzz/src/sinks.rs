//! Checks of each output format, with an independent reader of the format.

use std::collections::BTreeSet;

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use serde_json::Value;

/// The parts of a Markdown page that no name may change: everything except code and addresses.
pub(super) fn skeleton(page: &str) -> String {
    let mut bones = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        if ticks >= 3 && line[ticks..] == *"text" {
            // A code block ends only at a fence of the same length.
            let is_end = |line: &str| line.len() >= ticks && line.chars().all(|c| c == '`');
            assert!(lines.any(is_end), "a block of code without an end: {page}");
            bones.push_str("BLOCK\n");
            continue;
        }
        if line.starts_with("<details><summary>") {
            bones.push_str(&without_html_code(line));
        } else {
            bones.push_str(&without_addresses(&without_code(line)));
        }
        bones.push('\n');
    }
    bones
}

/// Replaces each HTML code element with a word. The line is a summary of a `details` element. A code element must
/// contain no other element.
fn without_html_code(line: &str) -> String {
    let mut parts = line.split("<code>");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once("</code>").expect("code without an end");
        assert!(!inner.contains(['<', '>', '"']), "{inner}");
        bare.push_str("CODE");
        bare.push_str(rest);
    }
    bare
}

/// Replaces each code span with a word. A code span is the text between two equal runs of backticks.
fn without_code(line: &str) -> String {
    let mut bare = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        bare.push_str(&rest[..start]);
        rest = &rest[start..];
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let (fence, inner) = rest.split_at(ticks);
        let mut end = 0;
        let found = loop {
            let Some(next) = inner[end..].find('`') else {
                break None;
            };
            let run = &inner[end + next..];
            let length = run.len() - run.trim_start_matches('`').len();
            if length == ticks {
                break Some(end + next);
            }
            end += next + length;
        };
        if let Some(end) = found {
            bare.push_str("CODE");
            rest = &inner[end + ticks..];
        } else {
            bare.push_str(fence);
            rest = inner;
        }
    }
    bare + rest
}

/// Replaces the address of each link. Each address must be a page of Weave.
fn without_addresses(line: &str) -> String {
    let mut parts = line.split("](");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (address, rest) = part.split_once(')').expect("a link without an end");
        is_address(address);
        bare.push_str("](URL)");
        bare.push_str(rest);
    }
    bare
}

fn is_address(address: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?&=%[]".contains(c);
    assert!(
        address.starts_with("https://wandb.ai/") && address.chars().all(is_plain),
        "{address}"
    );
}

/// The elements of an HTML page with the names of their attributes, which no name may change. Code elements are left out,
/// because a gate whose name contains its scorer is shown without it.
pub(super) fn elements(page: &str) -> Vec<String> {
    let mut elements = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').expect("an element with an end");
        let is_own = matches!(tag, "style" | "script");
        let bare: String = tag.split('"').step_by(2).collect();
        for address in tag.split("href=\"").skip(1) {
            is_address(address.split('"').next().unwrap_or_default());
        }
        if !matches!(tag, "code" | "/code") {
            elements.push(bare);
        }
        // The page's own style and script are no markup. No name is in them.
        rest = if is_own {
            let end = format!("</{tag}>");
            after
                .find(&end)
                .map(|at| &after[at..])
                .expect("an end of the style or script")
        } else {
            after
        };
    }
    elements
}

/// Checks that all rows of a table have the same number of cells, and that all HTML is the report's own.
pub(super) fn is_markdown(page: &str) {
    let mut cells = None;
    for line in skeleton(page).lines() {
        for tag in line.split('<').skip(1) {
            let ours = [
                "details>",
                "/details>",
                "summary>",
                "/summary>",
                "sub>",
                "/sub>",
                "br>",
            ];
            assert!(
                ours.iter().any(|our| tag.starts_with(our)),
                "{tag:?} in {page}"
            );
        }
    }
    for line in page.lines() {
        if !line.starts_with('|') {
            cells = None;
            continue;
        }
        // A table is split into cells before anything else is parsed. So a bar in code also needs a backslash.
        let bars = line.replace("\\|", "").matches('|').count();
        assert_eq!(*cells.get_or_insert(bars), bars, "{line:?}");
    }
}

/// Checks that the text is JUnit XML with only JUnit elements, and with a suite for each of these numbers of cases.
pub(super) fn is_junit(text: &str, suites: &[usize]) {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut found: Vec<usize> = Vec::new();
    let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(legal), "not of XML 1.0");
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(element) | Event::Empty(element) => {
                match element.name().as_ref() {
                    "testsuites" | "failure" | "error" | "skipped" | "system-out" => {}
                    "testsuite" => found.push(0),
                    "testcase" => *found.last_mut().expect("a case in a suite") += 1,
                    other => panic!("an element {other:?}"),
                }
                for attribute in element.attributes() {
                    let attribute = attribute.expect("an attribute");
                    attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .expect("its value");
                }
            }
            Event::GeneralRef(reference) => {
                let known = ["lt", "gt", "amp", "quot", "apos"];
                assert!(reference.is_char_ref() || known.contains(&reference.as_ref()));
            }
            Event::Text(_) | Event::End(_) | Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(found, suites);
}

/// Checks the metrics: one `name value` on each line, only allowed characters in labels, no repeated series, and the
/// end mark.
pub(super) fn are_metrics(text: &str) {
    let lines = text.strip_suffix("# EOF\n").expect("its end").lines();
    let mut known = BTreeSet::new();
    for line in lines {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(known.insert(series), "twice: {series}");
        let digits = value.strip_prefix('-').unwrap_or(value);
        assert!(
            !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.'),
            "{line}"
        );
        let (family, labels) = series
            .split_once('{')
            .map_or((series, None), |(family, rest)| {
                (
                    family,
                    Some(rest.strip_suffix('}').expect("the end of the labels")),
                )
            });
        assert!(family.starts_with("weave_gate_"));
        assert!(family.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        for label in labels.into_iter().flat_map(|labels| labels.split(',')) {
            let (name, value) = label.split_once("=\"").expect("a label");
            let value = value.strip_suffix('"').expect("the end of a label");
            assert!(name.chars().all(|c| c.is_ascii_lowercase()));
            assert!(
                value
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_.:/-".contains(c)),
                "{value}"
            );
        }
    }
}

/// Checks commands to GitHub's runner: one on each line, only errors and warnings, and no more than GitHub shows.
pub(super) fn are_commands(text: &str) {
    for level in ["error", "warning"] {
        let of_level = text
            .lines()
            .filter(|line| line.starts_with(&format!("::{level} ")));
        assert!(of_level.count() <= 10);
    }
    for line in text.lines() {
        let command = line.strip_prefix("::").expect("a command");
        let (head, message) = command.split_once("::").expect("its message");
        assert!(!message.is_empty() && message.chars().count() <= 4_096 * 10);
        let (level, properties) = head.split_once(' ').expect("its properties");
        assert!(["error", "warning"].contains(&level));
        for property in properties.split(',') {
            let (key, _) = property.split_once('=').expect("a property");
            assert!(["file", "title"].contains(&key), "{line}");
        }
    }
}

/// Checks that all links of the GitLab file lead to Weave's pages.
pub(super) fn are_links(text: &str) {
    super::text::is_plain(text);
    let read: Value = serde_json::from_str(text).expect("JSON");
    for link in read["Weave"].as_array().expect("a list") {
        is_address(link["external_link"]["url"].as_str().expect("an address"));
        assert!(link["external_link"]["label"].is_string());
    }
}

/// Checks that a table has this number of lines and cells, and that no cell is a formula.
pub(super) fn is_table(text: &str, lines: usize, columns: usize) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut count = 0;
    for record in reader.records() {
        // The reader rejects a line whose length differs from the first line.
        let record = record.expect("a line of the table");
        assert_eq!(record.len(), columns);
        let is_formula = |cell: &str| cell.starts_with(['=', '+', '@', '\t', '\r', '\n']);
        assert!(!record.iter().any(is_formula), "{record:?}");
        count += 1;
    }
    assert_eq!(count, lines);
}

/// The text without the colours of the report.
pub(super) fn without_colors(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('m').expect("the end of a colour");
        assert!(
            code.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{code:?}"
        );
        bare.push_str(rest);
    }
    bare
}
