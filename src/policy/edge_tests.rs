//! Tests of policies at the limits of validity, of the data they need, and of their files.

use std::fs;
use std::path::PathBuf;

use super::*;

/// The policy of one gate, or its errors.
fn gate(keys: &str) -> Result<Policy, Vec<String>> {
    let text = format!("version: 1\ngates:\n  - {{name: g, {keys}}}\n");
    parse("gates.yaml", &text).map_err(|problems| {
        let problems = problems.into_iter();
        problems
            .map(|problem| {
                let help = problem.help.unwrap_or_default();
                format!("{}: {} | {help}", problem.place, problem.message)
            })
            .collect()
    })
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("gates.schema.json");
    let published: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(schema(), published);
}

#[test]
fn values_on_their_bound_are_right_or_wrong() {
    let mean = "scorer: s, metric: numeric_mean";
    for (keys, is_right) in [
        (format!("{mean}, min: 1, range: [1, 2]"), true),
        (format!("{mean}, min: 1, range: [1, 1]"), false),
        (format!("{mean}, max_relative_rise: 10"), true),
        (format!("{mean}, max_relative_rise: 10.1"), false),
        (format!("{mean}, max_relative_drop: 10"), true),
        (format!("{mean}, max_relative_drop: 10.1"), false),
        (
            format!("{mean}, min: 1, evidence: proven, confidence: 0.51"),
            true,
        ),
        (
            format!("{mean}, min: 1, evidence: proven, confidence: 0.5"),
            false,
        ),
    ] {
        assert_eq!(gate(&keys).is_ok(), is_right, "{keys}");
    }
}

#[test]
fn zero_has_no_sign() {
    let policy = gate("scorer: s, metric: numeric_mean, min: -0.0").unwrap();
    assert!(policy.gates[0].limits[0].value.is_sign_positive());
}

#[test]
fn a_short_key_is_meant_where_one_letter_differs() {
    let said = |key: &str| gate(&format!("metric: rows, min: 1, {key}: 1")).unwrap_err();
    assert!(said("bx")[0].contains("`by`"), "{:?}", said("bx"));
    // One letter is too little for a suggestion.
    assert!(!said("y")[0].contains("did you mean"), "{:?}", said("y"));
    assert!(
        !said("qqqq")[0].contains("did you mean"),
        "{:?}",
        said("qqqq")
    );
    // `where` is also a keyword of Rust. The next key is longer and has several errors.
    assert!(said("wheer")[0].contains("`where`"), "{:?}", said("wheer"));
    assert!(
        said("svrty")[0].contains("`severity`"),
        "{:?}",
        said("svrty")
    );
}

#[test]
fn texts_of_the_largest_size_and_depth_are_read() {
    // A list counts 16, and a text in it counts 16 plus its length.
    let sized =
        |more: usize| yaml::parse(&format!("[{}]", "x".repeat(1024 * 1024 - 32 + more))).is_ok();
    assert_eq!((sized(0), sized(1)), (true, false));
    let deep =
        |depth: usize| yaml::parse(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).is_ok();
    assert_eq!((deep(100), deep(101)), (true, false));
    // Neighbouring lists do not increase the depth.
    assert!(yaml::parse(&format!("[{}]", "[[]], {a: {}}, ".repeat(200))).is_ok());
}

#[test]
fn run_ids_are_words_of_some_length() {
    assert!(Source::run(&"x".repeat(256)).is_ok());
    assert!(Source::run(&"x".repeat(257)).is_err());
}

#[test]
fn only_what_looks_runs_up_names_their_evaluation() {
    let of = |candidate: &str| {
        let text = format!(
            "version: 1\ncandidate: {candidate}\ngates:\n  - {{name: g, metric: rows, min: 1}}\n"
        );
        let policy = parse("gates.yaml", &text).unwrap();
        let lookup = |name: &str| (name == "E").then(|| "answers".to_owned());
        policy.candidate.source.unwrap().evaluation(&lookup)
    };
    assert_eq!(of("{evaluation: \"${E}\"}"), Ok(Some("answers".to_owned())));
    assert_eq!(of("{model: bot}"), Ok(None));
    assert_eq!(of("{run: r}"), Ok(None));
    assert!(of("{evaluation: \"${UNSET}\"}").is_err());
}

#[test]
fn rows_and_usage_are_read_only_for_gates_that_need_them() {
    let needs = |keys: &str| {
        let policy = gate(keys).unwrap();
        (policy.needs_rows(), policy.needs_usage())
    };
    assert_eq!(
        needs("scorer: s, metric: pass_rate, min: 0.5"),
        (false, false)
    );
    assert_eq!(needs("metric: tokens_total, max: 5"), (false, true));
    assert_eq!(needs("metric: cost_mean, max: 5"), (false, true));
    for keys in [
        "scorer: s, metric: pass_rate, min: 0.5, evidence: proven",
        "scorer: s, metric: pass_rate, min: 0.5, by: topic",
        "scorer: s, metric: pass_rate, min: 0.5, where: {topic: a}",
        "scorer: s, metric: regressed_rows, max: 0",
        "metric: latency_mean, max: 5",
    ] {
        assert_eq!(needs(keys), (true, false), "{keys}");
    }
}

/// A temporary folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weave-gate-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn with(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.0.join(name), bytes).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn policies_are_named_by_their_files_or_by_patterns() {
    let folder = Folder::new("expand");
    let (one, two) = (folder.with("a.yaml", b""), folder.with("b.yaml", b""));
    let odd = folder.with("[c].yaml", b"");
    let expanded = |arguments: &[&String]| {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| (*argument).clone())
            .collect();
        let files = expand(&arguments).map_err(|fault| fault.message)?;
        Ok::<_, String>(files.into_iter().map(|file| file.path).collect::<Vec<_>>())
    };
    let all = folder.path("?.yaml");
    assert_eq!(expanded(&[&all]), Ok(vec![one.clone(), two.clone()]));
    // A file that is named twice is read once. An existing file name is not treated as a pattern.
    assert_eq!(expanded(&[&two, &all]), Ok(vec![two, one]));
    assert_eq!(expanded(&[&odd]), Ok(vec![odd]));
    let nothing = folder.path("*.yml");
    assert!(
        expanded(&[&nothing])
            .unwrap_err()
            .contains("matches no file")
    );
    let none = folder.path("none.yaml");
    assert!(expanded(&[&none]).unwrap_err().contains("there is no file"));
}

#[test]
fn a_policy_file_is_text_of_a_reasonable_size() {
    let folder = Folder::new("read");
    let size = usize::try_from(MAX_BYTES).unwrap();
    let read = |path: &str| {
        let file = PolicyFile {
            path: path.to_owned(),
        };
        file.read().map_err(|problems| problems[0].to_string())
    };
    assert_eq!(MAX_BYTES, 65_536);
    assert_eq!(
        read(&folder.with("a.yaml", b"version: 1")),
        Ok("version: 1".to_owned())
    );
    let largest = "#".repeat(size);
    assert_eq!(
        read(&folder.with("a.yaml", largest.as_bytes())),
        Ok(largest.clone())
    );
    let larger = folder.with("a.yaml", (largest + "#").as_bytes());
    assert!(
        read(&larger)
            .unwrap_err()
            .ends_with("is larger than 64 KiB")
    );
    assert!(
        read(&folder.with("a.yaml", b"\xff"))
            .unwrap_err()
            .ends_with("a.yaml:1:1: the byte 0xFF is not UTF-8")
    );
    assert!(
        read(&folder.path("."))
            .unwrap_err()
            .ends_with("is a directory, not a policy")
    );
}
