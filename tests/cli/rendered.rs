//! Tests of the Markdown report as a renderer of GitHub's Markdown shows it. For any names in the report, the elements
//! must be the same, each name must appear only as code, and each address must be one of Weave's.

use std::collections::BTreeSet;
use std::fs;

use comrak::{Options, markdown_to_html};
use html5gum::{Token, Tokenizer};
use serde_json::{Value, json};

use crate::gate::{Gate, Outcome};

/// Hostile names. Each contains `evil`, so that the test can find it.
const HOSTILE: [&str; 9] = [
    "evil | a | b \\| c ` `` ``` \\",
    "evil <img src=x onerror=alert(1)><script>alert(1)</script></code></td></details>",
    "[evil](http://evil.example) ![evil](http://evil.example/x.png) <https://evil.example> https://evil.example",
    "@team @evil/team #123 evil/repo#1 !1 :evil: :tada: www.evil.example evil@evil.example",
    "<!-- weave-gate evil --> --> <!-- evil",
    "evil\n\n# evil\n\n| a |\n| --- |\n| evil |\n\n/approve\n/merge evil\r\n- [x] evil\n\n> [!NOTE]\n> evil",
    "[^1] evil $evil$ $$evil$$ $`evil`$ ~~evil~~ **evil** _evil_ &lt;evil&gt; &#x3c;evil&#x3e;",
    "`evil` ``evil`` evil`",
    " \u{202e}evil\u{1b}[31m\u{0}\u{fffe} ",
];
/// The elements that a report may contain.
const MEANT: [&str; 21] = [
    "a", "br", "code", "details", "em", "h2", "li", "ol", "p", "pre", "strong", "sub", "summary",
    "table", "tbody", "td", "th", "thead", "tr", "ul", "h3",
];
const WEAVE: &str = "https://wandb.ai/my-team/support-bot/";

/// Renders as GitHub and GitLab do, with all extensions of both.
fn rendered(markdown: &str) -> String {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.autolink = true;
    extension.alerts = true;
    extension.footnotes = true;
    extension.inline_footnotes = true;
    extension.math_code = true;
    extension.math_dollars = true;
    extension.multiline_block_quotes = true;
    extension.shortcodes = true;
    extension.strikethrough = true;
    extension.table = true;
    extension.tasklist = true;
    options.parse.relaxed_autolinks = true;
    options.parse.tasklist_in_table = true;
    // HTML remains in the page. Otherwise the test could not see elements that a tag filter removes.
    options.render.r#unsafe = true;
    markdown_to_html(markdown, &options)
}

/// The elements in order, with their attributes except addresses. The addresses, the text in code, and the other text
/// are separate.
#[derive(Default)]
struct Page {
    elements: Vec<String>,
    links: Vec<String>,
    code: Vec<String>,
    prose: String,
}

fn page(markdown: &str) -> Page {
    read(&rendered(markdown))
}

/// Reads a page as a browser does.
fn read(html: &str) -> Page {
    let mut page = Page::default();
    let mut inside = 0_usize;
    for token in Tokenizer::new(html) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8(tag.name.to_vec()).unwrap();
                let mut element = name.clone();
                for (key, value) in &tag.attributes {
                    let key = String::from_utf8(key.to_vec()).unwrap();
                    let value = String::from_utf8(value.to_vec()).unwrap();
                    if key == "href" {
                        page.links.push(value);
                        element.push_str(" href");
                    } else {
                        element = format!("{element} {key}={value}");
                    }
                }
                if name == "code" {
                    inside += 1;
                    page.code.push(String::new());
                }
                page.elements.push(element);
            }
            Token::EndTag(tag) => {
                if &**tag.name == b"code" {
                    inside = inside.saturating_sub(1);
                }
                let name = String::from_utf8(tag.name.to_vec()).unwrap();
                page.elements.push(format!("/{name}"));
            }
            Token::String(text) => {
                let text = String::from_utf8(text.to_vec()).unwrap();
                if inside > 0 {
                    page.code.last_mut().unwrap().push_str(&text);
                } else {
                    page.prose.push_str(&text);
                }
            }
            Token::Comment(_) => page.elements.push("comment".to_owned()),
            Token::Doctype(_) => page.elements.push("doctype".to_owned()),
            Token::Error(error) => page.elements.push(format!("error {:?}", error.value)),
        }
    }
    page
}

/// A snapshot of the example in which every name that a user can choose is this name.
fn snapshot(of: &str, name: &str) -> String {
    let text = format!("{}/examples/{of}.json", env!("CARGO_MANIFEST_DIR"));
    let mut snapshot: Value = serde_json::from_str(&fs::read_to_string(text).unwrap()).unwrap();
    let run = &mut snapshot["runs"][0];
    for place in ["evaluation", "model"] {
        run[place] = json!({"name": name, "version": name});
    }
    run["display_name"] = json!(name);
    run["attributes"] = json!({"git_sha": format!("{name}{of}"), "git_branch": name});
    run["dimensions"][0]["name"] = json!(name);
    for row in snapshot["results"][0]["rows"].as_array_mut().unwrap() {
        let inputs = row["raw_data_row"].as_object_mut().unwrap();
        let topic = inputs.remove("topic").unwrap();
        inputs.insert(name.to_owned(), json!(format!("{name}{topic}")));
        inputs.insert("question".to_owned(), json!([name, {name: name}]));
        for trial in row["trials"].as_array_mut().unwrap() {
            if !trial["model_output"].is_null() {
                trial["model_output"] = json!(name);
            }
            let scores = trial["scores"].as_object_mut().unwrap();
            if let Some(score) = scores.remove("correctness") {
                scores.insert(name.to_owned(), score);
            }
        }
    }
    snapshot.to_string()
}

/// A check with a gate of each kind that shows a name: failed, undecided, waived, passed, with slices, with a
/// significance test, and with an unknown scorer.
fn check(name: &str) -> Gate {
    let gate = |more: &str, rest: Value| {
        let mut gate =
            json!({"name": format!("{name}{more}"), "scorer": "*", "metric": "pass_rate"});
        let rest = rest.as_object().unwrap().clone();
        gate.as_object_mut().unwrap().extend(rest);
        gate
    };
    let value = format!("{name}\"returns\"");
    let gates = json!([
        gate("fails", json!({"min": 0.99})),
        gate("passes", json!({"min": 0.1})),
        gate("tested", json!({"max_drop": 0.0, "evidence": "significant"})),
        gate("sliced", json!({"min": 0.99, "where": {name: value}})),
        gate("each", json!({"min": 0.99, "by": name})),
        gate(
            "waived",
            json!({"min": 1, "waive": {"until": "2099-12-31", "reason": name}})
        ),
        {"name": format!("{name}none"), "scorer": "zzzzzzzz", "metric": "pass_rate", "min": 1},
    ]);
    // JSON escapes control characters, and YAML accepts such escapes.
    let policy = json!({"version": 1, "gates": gates}).to_string();
    files(Gate::new(&["check", "-q"]), name).file(
        "gates.yaml",
        &policy
            .replace('\u{fffe}', "\\ufffe")
            .replace('\u{202e}', "\\u202e"),
    )
}

fn files(gate: Gate, name: &str) -> Gate {
    gate.args(&["--report=r.md", "--html=r.html"])
        .file("c.json", &snapshot("candidate", name))
        .file("b.json", &snapshot("baseline", name))
}

fn judged(name: &str) -> Outcome {
    check(name)
        .args(&["--candidate=file:c.json", "--baseline=file:b.json"])
        .run()
        .code(1)
}

fn compared(name: &str) -> Outcome {
    files(Gate::new(&["compare", "file:b.json", "file:c.json"]), name)
        .run()
        .code(0)
}

fn not_judged(name: &str) -> Outcome {
    let none = format!("--candidate=file:{}", name.replace('\0', ""));
    check(name)
        .args(&[&none, "--baseline=file:b.json"])
        .run()
        .code(3)
}

/// Asserts that a hostile name changes only the text in code.
fn holds(report: fn(&str) -> Outcome) {
    // Checks are sorted by name. This name starts so that its checks have the same order as the hostile ones.
    let plain = page(&report("a plain name").read("r.md"));
    assert!(plain.code.iter().any(|code| code.contains("plain")));
    for name in HOSTILE {
        let markdown = report(name).read("r.md");
        let shown = page(&markdown);
        let both = shown.elements.iter().zip(&plain.elements);
        let differs = both
            .enumerate()
            .find(|(_, (hostile, plain))| hostile != plain);
        assert_eq!(differs, None, "{name:?}\n{markdown}");
        assert_eq!(shown.elements.len(), plain.elements.len(), "{name:?}");
        assert!(!shown.prose.contains("evil"), "{name:?}\n{}", shown.prose);
        assert!(
            shown.code.iter().any(|code| code.contains("evil")),
            "{name:?} is not recognised\n{markdown}"
        );
        assert!(shown.links.iter().all(|link| link.starts_with(WEAVE)));
        assert_eq!(shown.links.len(), plain.links.len());
    }
    holds_as_html(report);
    for element in &plain.elements {
        let name = element.trim_start_matches('/').split(' ').next().unwrap();
        assert!(MEANT.contains(&name), "{element}");
    }
}

/// The same for the HTML report, in which a name may be any text.
fn holds_as_html(report: fn(&str) -> Outcome) {
    let plain = read(&report("a plain name").read("r.html"));
    for name in HOSTILE {
        let html = report(name).read("r.html");
        let shown = read(&html);
        assert_eq!(shown.elements, plain.elements, "{name:?}\n{html}");
        assert!(
            shown.prose.contains("evil") || shown.code.iter().any(|code| code.contains("evil"))
        );
        assert!(shown.links.iter().all(|link| link.starts_with(WEAVE)));
        assert_eq!(shown.links.len(), plain.links.len());
    }
    for name in ["script", "style", "meta", "main"] {
        let start = |element: &&String| element.split(' ').next() == Some(name);
        assert!(
            plain.elements.iter().any(|element| start(&element)),
            "{name}"
        );
    }
    assert!(
        !plain
            .elements
            .iter()
            .any(|element| element.contains(" style=") || element.contains(" on"))
    );
}

#[test]
fn hostile_names_change_no_element_of_a_report() {
    holds(judged);
}

#[test]
fn hostile_names_change_no_element_of_a_comparison() {
    holds(compared);
}

#[test]
fn hostile_names_change_no_element_of_a_fault() {
    holds(not_judged);
}

#[test]
fn the_renderer_would_show_what_is_not_kept_apart() {
    // If the renderer did not show these elements, the tests above would prove nothing.
    for (name, element) in [
        (HOSTILE[1], "img onerror=alert(1) src=x"),
        (HOSTILE[2], "a href"),
        (HOSTILE[4], "comment"),
        (HOSTILE[5], "h1"),
        (HOSTILE[6], "del"),
        (":tada: https://evil.example", "a href"),
    ] {
        let shown = page(name);
        assert!(
            shown.elements.iter().any(|found| found == element),
            "{name}: {:?}",
            shown.elements
        );
    }
    assert!(page(":tada:").prose.contains('🎉'));
}

#[test]
fn the_example_has_the_tables_and_links_that_are_meant() {
    let text = format!("{}/examples/report.md", env!("CARGO_MANIFEST_DIR"));
    let markdown = fs::read_to_string(text).unwrap();
    let shown = page(&markdown);
    let count = |element: &str| shown.elements.iter().filter(|e| *e == element).count();
    // The tables are: checks that did not pass, checks that passed, all rows, statistics, and the runs.
    assert_eq!(count("table"), 5);
    assert_eq!(count("details"), 4);
    assert_eq!(count("h2"), 1);
    let in_tables = markdown.lines().filter(|line| line.starts_with("| "));
    assert_eq!(count("tr"), in_tables.count());
    let links: BTreeSet<&String> = shown.links.iter().collect();
    assert!(links.iter().all(|link| link.starts_with(WEAVE)));
    let both = links
        .iter()
        .filter(|link| link.contains("compare-evaluations"));
    assert_eq!(both.count(), 1);
    // The first link leads to the comparison of the two runs, which most readers want first.
    assert!(shown.links[0].contains("compare-evaluations"));
}
