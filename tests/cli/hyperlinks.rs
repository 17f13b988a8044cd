//! Tests that links lead somewhere: in every Markdown file, and in every other file that names a page of `docs/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use comrak::{Anchorizer, Options, markdown_to_html};
use html5gum::{Token, Tokenizer};

use crate::documents::{document, path};

/// Folders with files that are not part of the repository.
const FOREIGN: [&str; 5] = [".git", "target", "node_modules", "corpus", "artifacts"];

/// All files of the repository with one of these endings.
fn files(endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(path(folder.to_str().unwrap())).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let here = folder.join(&name);
            if entry.file_type().unwrap().is_dir() {
                if !FOREIGN.contains(&name.as_str()) {
                    folders.push(here);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(here.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// A page as GitHub shows it: where its links and pictures lead, and the anchors of its headings.
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

fn page(markdown: &str) -> Page {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.render.r#unsafe = true;
    let html = markdown_to_html(markdown, &options);
    let (mut links, mut heading, mut anchorizer) = (Vec::new(), None, Anchorizer::new());
    let mut anchors = BTreeSet::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for Ok(token) in Tokenizer::new(&html) {
        match token {
            Token::StartTag(tag) => {
                for (key, value) in &tag.attributes {
                    match text(key).as_str() {
                        "href" | "src" => links.push(text(value)),
                        "id" | "name" => {
                            anchors.insert(text(value));
                        }
                        _ => {}
                    }
                }
                if is_heading(&tag.name) {
                    heading = Some(String::new());
                }
            }
            Token::String(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text(&words));
                }
            }
            Token::EndTag(tag) if is_heading(&tag.name) => {
                anchors.insert(anchorizer.anchorize(&heading.take().unwrap()));
            }
            _ => {}
        }
    }
    Page { links, anchors }
}

fn is_heading(name: &[u8]) -> bool {
    matches!(name, [b'h', b'1'..=b'6'])
}

/// The path that a link leads to from a file, without `.` and `..`. `None` if it leaves the repository.
fn target(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn every_link_in_every_page_leads_somewhere() {
    let names = files(&[".md"]);
    let pages: BTreeMap<&String, Page> = names
        .iter()
        .map(|name| (name, page(&document(name))))
        .collect();
    let mut links = 0;
    for (name, page) in &pages {
        for link in &page.links {
            if link.starts_with("https://") {
                continue;
            }
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() {
                Some((*name).clone())
            } else {
                target(name, file)
            };
            let file = file.unwrap_or_else(|| panic!("{name} links out of the repository: {link}"));
            assert!(path(&file).exists(), "{name} links to {link}");
            if !anchor.is_empty() {
                let there = pages.get(&file).map(|page| page.anchors.contains(anchor));
                assert_eq!(there, Some(true), "{name} links to {link}");
            }
        }
    }
    assert!(links > 60, "{links}");
}

#[test]
fn the_pictures_are_checked_too() {
    let readme = page(&document("README.md"));
    for link in ["docs/report.png", "examples/report.md"] {
        assert!(readme.links.iter().any(|found| found == link), "{link}");
    }
}

/// Messages, comments and configurations name pages that exist.
#[test]
fn every_page_that_another_file_names_exists() {
    let endings = [".rs", ".yml", ".yaml", ".toml", ".sh", ".py", ".json"];
    for name in files(&endings) {
        let text = document(&name);
        for (start, _) in text.match_indices("docs/") {
            let rest = &text[start..];
            let is_part = |c: char| c.is_ascii_alphanumeric() || "/._-#".contains(c);
            let word = rest.split(|c| !is_part(c)).next().unwrap();
            let word = word.trim_end_matches('.');
            let (file, anchor) = word.split_once('#').unwrap_or((word, ""));
            if Path::new(file).extension().is_none_or(|end| end != "md") {
                continue;
            }
            assert!(path(file).exists(), "{name} names {word}");
            let anchors = page(&document(file)).anchors;
            assert!(
                anchor.is_empty() || anchors.contains(anchor),
                "{name} names {word}"
            );
        }
    }
}

/// The book has every page once, in the order of the index.
#[test]
fn the_summary_and_the_index_have_every_page() {
    let pages = crate::documents::pages();
    let mut pages: Vec<String> = pages
        .iter()
        .filter_map(|name| name.strip_prefix("docs/"))
        .filter(|name| *name != "SUMMARY.md")
        .map(str::to_owned)
        .collect();
    pages.sort();
    let linked = |name: &str| -> Vec<String> {
        let links = page(&document(name)).links.into_iter();
        links.filter(|link| pages.contains(link)).collect()
    };
    let summary = linked("docs/SUMMARY.md");
    let mut sorted = summary.clone();
    sorted.sort();
    assert_eq!(sorted, pages);
    let index: Vec<String> = linked("docs/index.md");
    assert_eq!(summary[0], "index.md");
    assert_eq!(index, summary[1..]);
}
