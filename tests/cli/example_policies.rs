//! Tests of the policies that users copy from: the example, which stays short, and the reference, which has every key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use weave_gate::policy::{LimitKey, Metric};

use crate::documents::{document, first_command};
use crate::gate::Gate;

const REFERENCE: &str = "docs/gates.reference.yaml";

/// The keys of each block of a policy, from the JSON Schema. The policy itself is the block with an empty name.
pub fn keys_of_blocks() -> BTreeMap<String, BTreeSet<String>> {
    let text = document("gates.schema.json");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let keys = |block: &Value| {
        block["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let definitions = schema["definitions"].as_object().unwrap();
    let blocks = definitions
        .iter()
        .filter(|(_, block)| block.get("properties").is_some());
    let mut all: BTreeMap<String, BTreeSet<String>> = blocks
        .map(|(name, block)| (name.clone(), keys(block)))
        .collect();
    all.insert(String::new(), keys(&schema));
    all
}

/// Adds the keys of a map to a block, and those of the blocks in it.
fn collect(block: &str, map: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
    for (key, value) in map.as_object().unwrap() {
        found
            .entry(block.to_owned())
            .or_default()
            .insert(key.clone());
        match (block, key.as_str()) {
            ("", "gates") => {
                for gate in value.as_array().unwrap() {
                    collect("gate", gate, found);
                }
            }
            ("", "baselines") => {
                for baseline in value.as_object().unwrap().values() {
                    collect("further_baseline", baseline, found);
                }
            }
            (
                "",
                "identity" | "candidate" | "baseline" | "defaults" | "report" | "comparability"
                | "noise",
            )
            | ("gate", "waive") => {
                collect(key, value, found);
            }
            _ => {}
        }
    }
}

/// The lines of the reference in which another way to name a run is commented out.
fn alternatives(text: &str) -> Vec<&str> {
    let comments = text.lines().filter_map(|line| line.strip_prefix("# "));
    comments
        .filter(|line| line.starts_with("candidate: {") || line.starts_with("baseline: {"))
        .collect()
}

#[test]
fn the_reference_is_valid_and_has_every_key() {
    let text = document(REFERENCE);
    Gate::new(&["validate"])
        .file("gates.yaml", &text)
        .run()
        .code(0);
    let mut found = BTreeMap::new();
    collect("", &serde_yaml::from_str(&text).unwrap(), &mut found);
    let alternatives = alternatives(&text);
    assert_eq!(alternatives.len(), 4);
    for line in alternatives {
        let policy = format!("version: 1\n{line}\ngates: [{{name: g, metric: rows, min: 1}}]");
        Gate::new(&["validate"])
            .file("gates.yaml", &policy)
            .run()
            .code(0);
        collect("", &serde_yaml::from_str(&policy).unwrap(), &mut found);
    }
    assert_eq!(found, keys_of_blocks());
}

#[test]
fn the_reference_has_every_metric_and_limit() {
    let text = document(REFERENCE);
    let limits = LimitKey::ALL.map(LimitKey::word);
    for word in limits.iter().chain(&Metric::words()) {
        assert!(text.contains(word), "{REFERENCE} lacks {word}");
    }
}

#[test]
fn the_example_is_short_and_so_are_its_reports() {
    assert!(document("gates.example.yaml").lines().count() < 100);
    // One screen each: the whole terminal report, and the Markdown report up to what is folded.
    let terminal = first_command(&[]).stdout;
    assert!(terminal.lines().count() <= 45, "{terminal}");
    let markdown = first_command(&["--format", "markdown"]).stdout;
    let screen = markdown.split("<details>").next().unwrap();
    assert!(screen.len() < markdown.len());
    assert!(screen.lines().count() <= 30, "{screen}");
}

/// The first report that a new user sees has one check of each kind, and the rows that show the failure.
#[test]
fn the_example_shows_each_status() {
    let text = first_command(&[]).stdout;
    for mark in [
        "  ✗ ",
        "  ? ",
        "  ! ",
        "  ~ ",
        "\n  worst rows\n",
        " passed",
    ] {
        assert!(text.contains(mark), "{mark}\n{text}");
    }
    assert!(!text.contains("warning["), "{text}");
}

/// The example needs no variable, also where `CI` is set, and the commit of the recorded candidate changes nothing.
#[test]
fn the_example_is_the_same_in_ci() {
    let plain = first_command(&[]).stdout;
    let commit = ("GATE_SHA", "8dc29fc41b6c0a7d2f94e35b17a60c8d5e9f1a23");
    for variables in [&[("CI", "true")][..], &[("CI", "true"), commit]] {
        let mut gate = crate::documents::first_gate(&[]);
        for (name, value) in variables {
            gate = gate.env(name, value);
        }
        assert_eq!(gate.run().code(1).stdout, plain);
    }
}
