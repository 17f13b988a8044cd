//! Tests of what reports say of runs that were measured in different ways: one block, in each format, with hostile names.

use serde_json::{Value, json};

use crate::documents::document;
use crate::gate::Gate;

const POLICY: &str = "version: 1
comparability: {scorer: warn, served_model: warn}
gates: [{name: right, scorer: correctness, metric: pass_rate, max_drop: 0.5}]
";
/// A name that is a command in each format.
const HOSTILE: &str = "<img src=x onerror=alert(1)>|`*_\u{202e}::error::x";

/// An example run that was measured with this judge and prompt, by this version of the SDK.
fn measured(name: &str, version: &str, prompt: &str) -> String {
    let mut saved: Value =
        serde_json::from_str(&document(&format!("examples/{name}.json"))).unwrap();
    let run = saved["runs"][0]["run"].clone();
    let at = |kind: &str, name: &str| format!("weave:///my-team/support-bot/object/{kind}:{name}");
    let (evaluation, judge) = (at("support-answers", version), at("stored", version));
    saved["runs"][0]["evaluation"]["version"] = json!(version);
    saved["setup"] = json!([{
        "run": run, "evaluation": evaluation, "sdk": format!("0.{version}"), "served_models": [format!("llm-{version}")],
        "objects": {
            (evaluation): {"scorers": [judge], "dataset": at("rows", "1")},
            (judge): {"name": HOSTILE, "model_id": format!("judge-{version}"), "prompt": prompt},
        },
    }]);
    saved.to_string()
}

fn gate(words: &[&str]) -> Gate {
    Gate::new(words)
        .args(&["--report=r.md", "--html=r.html", "--json=r.json"])
        .file("gates.yaml", POLICY)
        .file("c.json", &measured("candidate", "2", "Rate.\nBe strict."))
        .file("b.json", &measured("baseline", "1", "Rate.\nBe fair."))
}

#[test]
fn what_else_changed_is_one_block_in_each_format() {
    let check = gate(&["check", "--candidate=file:c.json", "--baseline=file:b.json"]);
    let check = check.run().code(0);
    let compared = gate(&["compare", "file:b.json", "file:c.json"])
        .run()
        .code(0);
    for outcome in [&check, &compared] {
        let markdown = outcome.read("r.md");
        let (_, block) = markdown.split_once("**What else changed**").unwrap();
        let told = markdown.matches("is not the same in both runs").count();
        assert_eq!(told, 1, "{markdown}");
        for words in [
            "`scorer-changed` (warning)",
            "`judge-1` → `judge-2`",
            "`served-models-changed`",
            "`SDK 0.1 → 0.2`",
        ] {
            assert!(block.contains(words), "{words}: {block}");
        }
        assert!(!markdown.contains("\u{202e}") && !markdown.contains("\n<img"));
        let html = outcome.read("r.html");
        let (_, block) = html.split_once("<h3>What else changed</h3>").unwrap();
        assert!(block.contains("scorer-changed") && block.contains("SDK 0.1 → 0.2"));
        assert_eq!(html.matches("is not the same in both runs").count(), 1);
        assert!(!html.contains("<img") && !html.contains("\u{202e}"));
    }
    for shown in [&compared.stdout, &check.stdout] {
        let (_, block) = shown.split_once("  what else changed\n").unwrap();
        assert!(block.contains("    SDK 0.1 → 0.2\n"), "{block}");
        assert!(!shown.contains("\u{202e}"));
        // Each finding is in one place.
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words.matches("is not the same in both runs").count(), 1);
    }
    let report = check.json("r.json");
    let versions =
        ["baseline", "candidate"].map(|role| &report["policies"][0][role]["sdk_version"]);
    assert_eq!(versions, ["0.1", "0.2"]);
    let findings = report["policies"][0]["findings"].as_array().unwrap();
    let of_scorers = findings
        .iter()
        .filter(|finding| finding["name"] == "scorer-changed");
    assert_eq!(of_scorers.count(), 1);
}

#[test]
fn runs_measured_in_the_same_way_have_no_block() {
    let outcome = gate(&["check", "--candidate=file:c.json", "--baseline=file:b.json"])
        .file("c.json", &measured("candidate", "1", "Rate.\nBe fair."))
        .run()
        .code(0);
    assert!(!outcome.read("r.md").contains("what else changed"));
    assert!(!outcome.read("r.html").contains("What else changed"));
}
