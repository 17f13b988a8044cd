//! Runs the checks of the fuzz targets on every kept input, without a fuzzer. `fuzz/README.md` describes how the inputs
//! are found.

#![expect(clippy::unwrap_used, reason = "a test that goes wrong has to say so")]

#[expect(
    unreachable_pub,
    reason = "a crate of its own where the fuzzer builds it"
)]
#[path = "../fuzz/src/lib.rs"]
mod properties;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use properties::TARGETS;
use weave_gate::policy::MAX_BYTES;

/// The size limit of an input in bytes, so that the repository remains small.
const LONGEST: u64 = 4096;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The kept inputs of a target, sorted by name.
fn inputs(target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus().join(target)).unwrap();
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}

fn replay(target: &str) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "no inputs of {target}");
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        // The panic message does not name the input, so this code adds it.
        let outcome = std::panic::catch_unwind(|| check(&bytes));
        assert!(outcome.is_ok(), "found by {}", input.display());
    }
}

#[test]
fn calls() {
    replay("calls");
}

#[test]
fn explain() {
    replay("explain");
}

#[test]
fn names() {
    replay("names");
}

#[test]
fn netrc() {
    replay("netrc");
}

#[test]
fn policy() {
    replay("policy");
}

#[test]
fn results() {
    replay("results");
}

#[test]
fn snapshot() {
    replay("snapshot");
}

#[test]
fn every_target_has_a_corpus_of_small_inputs() {
    let entries = fs::read_dir(corpus()).unwrap();
    let mut folders: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, TARGETS.map(|(name, _)| name));
    for (target, _) in TARGETS {
        for input in inputs(target) {
            let size = fs::metadata(&input).unwrap().len();
            assert!(size <= LONGEST, "{} has {size} bytes", input.display());
        }
    }
}

/// The slowest policies to read, at the size limit of a policy. No input in the corpus is this large.
#[test]
fn the_worst_policies_take_seconds_at_most() {
    let gates = "version: 1\ngates:\n";
    let gate = "  - {name: g, scorer: s, metric: pass_rate, min: 1, where: {a: [";
    let many = |start: &str, of: &dyn Fn(usize) -> String| {
        let mut text = start.to_owned();
        for number in 0.. {
            let next = of(number);
            if (text.len() + next.len()) as u64 > MAX_BYTES {
                break;
            }
            text.push_str(&next);
        }
        text
    };
    let long = "x".repeat(600);
    let worst = [
        many(&"[".repeat(99), &|_| "x,".to_owned()),
        many("", &|_| "? ".to_owned()),
        many("", &|number| format!("{long}{number}: 1\n")),
        many("a: &a {x: 1}\n", &|_| "<<: *a\n".to_owned()),
        many("&x0 [y]", &|n| {
            format!(": &x{} [{}]\n", n + 1, format!("*x{n}, ").repeat(9))
        }),
        many(gates, &|_| {
            "  - {name: g, metric: rows, min: 1}\n".to_owned()
        }),
        many(&format!("{gates}{gate}"), &|number| format!("{number}, ")),
    ];
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == "policy").unwrap();
    for text in worst {
        let since = Instant::now();
        check(text.as_bytes());
        let took = since.elapsed();
        let start = text.get(..60).unwrap_or_default();
        // An idle machine takes at most one second. The machine may be busy with other tests.
        assert!(took < Duration::from_secs(60), "{took:?} for {start:?}…");
    }
}
