//! Snapshots: what is written is read again, and what contradicts itself is not.

use serde_json::{Value, json};

use super::snapshot::{Saved, parse, read, write};
use super::*;

/// A run of two rows, the second with two trials, and its rows as a snapshot holds them.
fn file() -> Value {
    json!({
        "format": "weave-gate-snapshot", "version": 1, "tool": "weave-gate 0.1.0", "taken_at": "2026-11-23T12:00:00Z",
        "project": "a/b", "run": "r", "display_name": null, "evaluation": {"name": "answers", "version": "v1"},
        "model": null, "status": "completed", "started_at": null, "finished_at": "2026-11-23T11:00:00Z",
        "row_count": 2, "trial_count": 3, "total_tokens": 30, "total_cost": 0.5,
        "dimensions": [
            {"name": "s", "trial_count": 3, "pass_true_count": 1, "pass_known_count": 3, "numeric_count": 0,
             "numeric_mean": null, "ambiguous": false},
            {"name": "t", "trial_count": 2, "pass_true_count": 0, "pass_known_count": 0, "numeric_count": 2,
             "numeric_mean": 0.75, "ambiguous": false},
        ],
        "rows": {"x": 1, "y": 2},
        "results": [
            {"row_digest": "x", "raw_data_row": {"q": 1}, "trials": [
                {"scores": {"s": true, "t": 0.5}, "total_tokens": 10, "total_cost": 0.5}]},
            {"row_digest": "y", "raw_data_row": {"q": 2}, "trials": [
                {"scores": {"s": false, "t": 1}, "total_tokens": 20}, {"scores": {"s": false}}]},
        ],
    })
}

fn parsed(file: &Value) -> Result<Saved, String> {
    let read = parse(
        file.to_string().into_bytes(),
        "run.json",
        "https://web",
        &|_| false,
    );
    read.map_err(|fault| fault.message)
}

/// The file with one thing put in the place of another, by the path to it.
fn with(path: &str, value: Value) -> Value {
    let mut file = file();
    *file.pointer_mut(path).unwrap() = value;
    file
}

fn written(saved: &Saved, run: &Run) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let rows = saved.known().rows;
    write(
        &mut bytes,
        run,
        rows,
        "2026-11-23T12:00:00Z".parse().unwrap(),
    )?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn what_is_written_is_read_again() {
    let saved = parsed(&file()).unwrap();
    assert!(saved.has_rows());
    let text = written(&saved, &saved.run).unwrap();
    let again = parsed(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(again.run, saved.run);
    assert_eq!(written(&again, &again.run).unwrap(), text);
    let mut alone = file();
    alone.as_object_mut().unwrap().remove("results");
    let alone = parsed(&alone).unwrap();
    assert!(!alone.has_rows() && alone.known().rows.is_none());
    assert_eq!(alone.run, saved.run);
    let text = written(&alone, &alone.run).unwrap();
    assert!(!text.contains("results") && text.ends_with("}\n"));
    assert_eq!(
        parsed(&serde_json::from_str(&text).unwrap()).unwrap().run,
        saved.run
    );
}

#[test]
fn a_name_that_two_dimensions_have_is_written_as_such() {
    let mut saved = parsed(&file()).unwrap();
    let dimension = saved.run.totals.dimensions.get_mut("s").unwrap();
    dimension.flaw = Some(Flaw::Ambiguous);
    let text = written(&saved, &saved.run).unwrap();
    let again = parsed(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(again.run.totals.dimensions["s"].flaw, Some(Flaw::Ambiguous));
    assert_eq!(again.run.totals.dimensions["t"].flaw, None);
}

#[test]
fn counts_of_rows_that_contradict_each_other_are_refused() {
    let contradiction =
        "cannot read the snapshot `run.json`: its rows and its counts contradict each other";
    let without_rows = |path: &str, value| {
        let mut file = with(path, value);
        file.as_object_mut().unwrap().remove("results");
        file
    };
    for (path, value) in [
        ("/trial_count", json!(4)),
        ("/row_count", json!(3)),
        ("/rows", json!({"x": 1, "y": 1})),
        ("/rows", json!({"x": 1, "y": 2, "z": 0})),
        ("/rows", json!({"x": u64::MAX, "y": 3})),
    ] {
        let said = parsed(&without_rows(path, value)).map(|_| ());
        assert_eq!(said, Err(contradiction.to_owned()), "{path}");
    }
    // A row without trials is none, though all counts agree.
    let mut none = without_rows("/rows", json!({"x": 3, "y": 0}));
    assert_eq!(parsed(&none).map(|_| ()), Err(contradiction.to_owned()));
    // The most trials that there can be, and one more.
    for (trials, fits) in [
        (Totals::MOST_TRIALS, true),
        (Totals::MOST_TRIALS + 1, false),
    ] {
        none["rows"] = json!({"x": 1, "y": trials - 1});
        none["trial_count"] = json!(trials);
        assert_eq!(parsed(&none).is_ok(), fits, "{trials}");
    }
}

#[test]
fn rows_that_are_not_what_the_counts_say_are_refused() {
    for (path, value) in [
        // Other rows, in another order, more of them, or fewer.
        ("/results/0/row_digest", json!("z")),
        ("/rows", json!({"x": 2, "y": 1})),
        (
            "/results",
            json!([file()["results"][1], file()["results"][0]]),
        ),
        ("/results", json!([file()["results"][0]])),
        (
            "/results",
            json!([
                file()["results"][0],
                file()["results"][1],
                file()["results"][1]
            ]),
        ),
        // Other scores and other usage.
        ("/results/0/trials/0/scores/s", json!(false)),
        ("/results/0/trials/0/scores/t", json!(0.6)),
        ("/results/0/trials/0/scores", json!({"s": true})),
        ("/results/0/trials/0/scores/u", json!(1)),
        ("/results/0/trials/0/total_tokens", json!(11)),
        ("/results/0/trials/0/total_cost", json!(0.6)),
        ("/total_tokens", json!(null)),
        ("/total_cost", json!(null)),
        ("/dimensions/1/name", json!("u")),
        ("/dimensions", json!([file()["dimensions"][0]])),
    ] {
        let file = if path.ends_with("/u") {
            with(
                "/results/0/trials/0/scores",
                json!({"s": true, "t": 0.5, "u": 1}),
            )
        } else {
            with(path, value)
        };
        let said = parsed(&file).map(|_| ());
        let problem =
            "cannot read the snapshot `run.json`: its rows and its counts contradict each other";
        assert_eq!(said, Err(problem.to_owned()), "{path}");
    }
}

#[test]
fn sums_of_rows_may_differ_in_the_last_digit() {
    for (path, near, far) in [
        ("/dimensions/1/numeric_mean", 0.75 + 9e-10, 0.75 + 2e-9),
        ("/total_cost", 0.5 - 9e-10, 0.5 - 2e-9),
    ] {
        assert!(parsed(&with(path, json!(near))).is_ok(), "{path}");
        assert!(parsed(&with(path, json!(far))).is_err(), "{path}");
    }
    // Of a large sum more.
    let large = |cost: f64| {
        let mut file = with("/total_cost", json!(cost));
        file["results"][0]["trials"][0]["total_cost"] = json!(1e6);
        parsed(&file).is_ok()
    };
    assert!(large(1e6 + 9e-4) && !large(1e6 + 2e-3));
}

#[test]
fn a_summary_that_its_rows_do_not_come_to_is_not_written() {
    let saved = parsed(&file()).unwrap();
    let mut run = saved.run.clone();
    run.totals.usage.as_mut().unwrap().tokens = Some(31);
    let fault = written(&saved, &run).unwrap_err();
    assert_eq!(
        fault.message,
        "the rows of the run are not what its summary says"
    );
    for unread in [
        Run {
            digests: None,
            ..saved.run.clone()
        },
        Run {
            totals: Totals {
                usage: None,
                ..saved.run.totals.clone()
            },
            ..saved.run.clone()
        },
    ] {
        let fault = written(&saved, &unread).unwrap_err();
        assert_eq!(
            fault.message,
            "the run was not read far enough for a snapshot"
        );
    }
}

#[test]
fn what_is_no_snapshot_of_this_version_says_so() {
    let said = |file: &Value| parsed(file).map(|_| ()).unwrap_err();
    assert!(
        said(&with("/format", json!("other"))).ends_with("its format is not `weave-gate-snapshot`")
    );
    assert!(
        said(&with("/version", json!(2)))
            .ends_with("it has version 2, and this weave-gate reads version 1")
    );
    let holds = parse(file().to_string().into_bytes(), "run.json", "", &|_| true).map(|_| ());
    assert!(
        holds
            .unwrap_err()
            .message
            .ends_with("it holds the API key, and is not shown")
    );
    let cut = parse(b"{\"format\": \"weave".to_vec(), "run.json", "", &|_| false).map(|_| ());
    assert!(cut.unwrap_err().message.ends_with("it is cut short"));
}

#[test]
fn a_file_that_is_not_there_is_no_snapshot_and_a_folder_is_a_fault() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let of = |path: &str| read(&root.join(path), "", &|_| false);
    assert!(of("examples/there-is-none.json").unwrap().is_none());
    assert!(of("examples").is_err());
    assert!(of("examples/candidate.json").unwrap().is_some());
}
