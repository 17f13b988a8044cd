//! Tests of snapshots. A written snapshot must be readable, and an inconsistent one must be rejected.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Saved, Written, parse, read, write};
use crate::evidence::*;
use crate::fault::Fault;

/// A snapshot of a run with two rows. The second row has two trials.
fn file() -> Value {
    json!({
        "format": "weave-gate-snapshot", "version": 2, "tool": "weave-gate 0.1.0", "taken_at": "2026-11-23T12:00:00Z",
        "project": "a/b",
        "runs": [{
            "run": "r", "display_name": null, "evaluation": {"name": "answers", "version": "v1"},
            "model": null, "status": "completed", "started_at": null, "finished_at": "2026-11-23T11:00:00Z",
            "rescored_from": null, "attributes": {"git_sha": "abc"}, "logged": false,
            "completeness": {"state": "complete"},
            "row_count": 2, "trial_count": 3, "total_tokens": 30, "total_cost": 0.5,
            "dimensions": [
                {"name": "s", "trial_count": 3, "pass_true_count": 1, "pass_known_count": 3, "numeric_count": 0,
                 "numeric_mean": null, "ambiguous": false},
                {"name": "t", "trial_count": 2, "pass_true_count": 0, "pass_known_count": 0, "numeric_count": 2,
                 "numeric_mean": 0.75, "ambiguous": false},
            ],
            "rows": {"x": 1, "y": 2},
        }],
        "results": [{"run": "r", "rows": [
            {"row_digest": "x", "raw_data_row": {"q": 1}, "trials": [
                {"predict_call_id": "p1", "scores": {"s": true, "t": 0.5}, "total_tokens": 10, "total_cost": 0.5}]},
            {"row_digest": "y", "raw_data_row": {"q": 2}, "trials": [
                {"predict_call_id": "p2", "scores": {"s": false, "t": 1}, "total_tokens": 20}, {"scores": {"s": false}}]},
        ]}],
        "usage": [{"run": "r", "tokens_reported": 2, "cost_priced": 1}],
    })
}

/// The same run in version 1 of the format.
fn old_file() -> Value {
    let new = file();
    let mut old = new["runs"][0].clone();
    for (key, value) in new.as_object().unwrap() {
        old[key] = value.clone();
    }
    old["version"] = json!(1);
    old["results"] = new["results"][0]["rows"].clone();
    for key in ["runs", "usage", "attributes", "logged", "completeness"] {
        old.as_object_mut().unwrap().remove(key);
    }
    old
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

/// The file with one value replaced, found by its path.
fn with(path: &str, value: Value) -> Value {
    let mut file = file();
    let path = match path.strip_prefix("/results") {
        Some(rest) => format!("/results/0/rows{rest}"),
        None if path == "/format" || path == "/version" => path.to_owned(),
        None => format!("/runs/0{path}"),
    };
    *file.pointer_mut(&path).unwrap() = value;
    file
}

/// The exceptions of these trials that a snapshot holds.
fn raised(saved: &Saved, trials: &[&str]) -> BTreeMap<String, Vec<Raised>> {
    let found = trials
        .iter()
        .map(|trial| ((*trial).to_owned(), saved.raised(trial).to_vec()));
    found.filter(|(_, raised)| !raised.is_empty()).collect()
}

fn written(saved: &Saved, run: &Run) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let rows = saved.rows_of(&run.id);
    let written = [Written {
        run,
        rows: rows.as_ref().map(|rows| rows as &dyn RowSource),
        raised: &|trials| raised(saved, trials),
    }];
    write(
        &mut bytes,
        &written,
        Some(&mut std::io::Cursor::new(Vec::new())),
        "2026-11-23T12:00:00Z".parse().unwrap(),
    )?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn what_is_written_is_read_again() {
    let saved = parsed(&file()).unwrap();
    assert!(saved.has_rows());
    let text = written(&saved, &saved.runs()[0]).unwrap();
    let again = parsed(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(again.runs()[0], saved.runs()[0]);
    assert_eq!(written(&again, &again.runs()[0]).unwrap(), text);
    let mut alone = file();
    alone.as_object_mut().unwrap().remove("results");
    let alone = parsed(&alone).unwrap();
    assert!(!alone.has_rows() && alone.rows_of("r").is_none());
    assert_eq!(alone.runs()[0], saved.runs()[0]);
    let text = written(&alone, &alone.runs()[0]).unwrap();
    assert!(!text.contains("results") && text.ends_with("}\n"));
    let again = parsed(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(again.runs()[0], saved.runs()[0]);
}

#[test]
fn exceptions_of_trials_that_lack_a_score_are_kept() {
    let mut file = file();
    for (row, trial, id) in [(0, 0, "whole"), (1, 0, "first"), (1, 1, "lacks")] {
        let trial = &mut file["results"][0]["rows"][row]["trials"][trial];
        trial["predict_and_score_call_id"] = json!(id);
        trial["model_output"] = json!("an answer");
    }
    let exception = |trial: &str| json!({"trial": trial, "op": "judge.score", "exception": "TimeoutError: 30 s"});
    file["exceptions"] = json!([exception("lacks"), exception("whole")]);
    let saved = parsed(&file).unwrap();
    let expected = [Raised {
        op: "judge.score".to_owned(),
        exception: "TimeoutError: 30 s".to_owned(),
    }];
    assert_eq!(saved.raised("lacks"), expected);
    assert!(saved.raised("first").is_empty());
    let text = written(&saved, &saved.runs()[0]).unwrap();
    let again = parsed(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(again.raised("lacks"), expected);
    // No exception is read of a trial that has all scores.
    assert!(again.raised("whole").is_empty());
    assert_eq!(written(&again, &again.runs()[0]).unwrap(), text);
}

#[test]
fn a_byte_order_mark_is_read_and_a_number_that_is_not_finite_is_named() {
    let text = file().to_string();
    let of = |text: String| {
        let read = parse(text.into_bytes(), "run.json", "https://web", &|_| false);
        read.map_err(|fault| fault.message)
    };
    let marked = of(format!("\u{feff}{text}")).unwrap();
    assert_eq!(marked.runs(), parsed(&file()).unwrap().runs());
    let rows = marked.rows_of("r").unwrap();
    rows.each(&Columns::everything(), &mut |_| Ok(())).unwrap();
    for (value, problem) in [
        ("NaN", "NaN or infinity"),
        ("-Infinity", "NaN or infinity"),
        ("oops", "it is damaged"),
    ] {
        let wrong = of(text.replace("\"t\":0.5", &format!("\"t\":{value}"))).unwrap_err();
        assert!(wrong.contains(problem), "{wrong}");
    }
    let other = of("{\"a\": oops}".to_owned()).unwrap_err();
    assert!(other.contains("not a snapshot"), "{other}");
}

/// Earlier versions wrote secrets of scorers as they were.
#[test]
fn secrets_of_scorers_are_masked_when_they_are_read() {
    let mut both = file();
    let scorer = "weave:///a/b/object/judge:v1";
    both["setup"] = json!([{
        "run": "r", "evaluation": null, "served_models": [],
        "objects": {scorer: {"model": "gpt", "api_key": "sk-proj-abc"}},
    }]);
    let saved = parsed(&both).unwrap();
    let setup = saved.runs()[0].setup.clone().unwrap();
    assert_eq!(setup.objects[scorer]["model"], "gpt");
    let key = setup.objects[scorer]["api_key"].as_str().unwrap();
    assert!(key.starts_with("sha256:"), "{key}");
    let text = written(&saved, &saved.runs()[0]).unwrap();
    assert!(!text.contains("sk-proj") && text.contains(key), "{text}");
}

/// Inputs and outputs come after all scores, and are read only if they are wanted.
#[test]
fn texts_are_apart_from_scores() {
    let mut both = file();
    both["results"][0]["rows"][0]["trials"][0]["model_output"] = json!("an answer");
    both["setup"] = json!([{
        "run": "r", "evaluation": "weave:///a/b/object/answers:v1", "served_models": ["gpt"],
        "objects": {"weave:///a/b/object/answers:v1": {"scorers": []}},
    }]);
    let saved = parsed(&both).unwrap();
    let text = written(&saved, &saved.runs()[0]).unwrap();
    let (scores, texts) = text.split_once("\"texts\":").unwrap();
    assert!(!scores.contains("raw_data_row") && !scores.contains("an answer"));
    assert!(texts.contains("raw_data_row") && texts.contains("an answer"));
    let mut apart: Value = serde_json::from_str(&text).unwrap();
    let read = |file: &Value, columns: &Columns| {
        let saved = parsed(file)?;
        assert_eq!(
            saved.runs()[0].setup.as_ref().unwrap().served_models,
            ["gpt"]
        );
        let mut rows = Vec::new();
        let source = saved.rows_of("r").unwrap();
        let done = source.each(columns, &mut |row| {
            let output = row.trials[0]
                .model_output
                .map(|output| output.get().to_owned());
            rows.push((row.raw_data_row.map(|row| row.get().to_owned()), output));
            Ok(())
        });
        done.map(|()| rows).map_err(|fault| fault.message)
    };
    let everything = Columns::everything();
    let some = |text: &str| Some(text.to_owned());
    let expected = vec![
        (some("{\"q\":1}"), some("\"an answer\"")),
        (some("{\"q\":2}"), None),
    ];
    assert_eq!(read(&apart, &everything), Ok(expected));
    assert_eq!(read(&apart, &Columns::numbers()), Ok(vec![(None, None); 2]));
    // Inputs and outputs of another row are detected when they are read.
    for (path, value) in [
        ("/texts/0/rows/0/row_digest", json!("z")),
        ("/texts/0/rows/0/outputs", json!([1, 2])),
        ("/texts/0/rows", json!([apart["texts"][0]["rows"][0]])),
    ] {
        let kept = apart.pointer(path).unwrap().clone();
        *apart.pointer_mut(path).unwrap() = value;
        let problem =
            "cannot read the snapshot `run.json`: its rows and their texts contradict each other";
        assert_eq!(read(&apart, &everything), Err(problem.to_owned()), "{path}");
        *apart.pointer_mut(path).unwrap() = kept;
    }
}

/// Version 1 of the format does not hold the run's attributes, whether the run was complete, or how many trials report
/// their usage. These values must remain unknown.
#[test]
fn files_of_version_1_are_read() {
    let (new, old) = (parsed(&file()).unwrap(), parsed(&old_file()).unwrap());
    let (new, old_run) = (&new.runs()[0], &old.runs()[0]);
    assert_eq!(old_run.attributes, None);
    assert_eq!(old_run.completeness, Completeness::Unknown);
    assert_eq!(old_run.totals.usage.unwrap().reported, None);
    assert_eq!(new.totals.usage.unwrap().reported, Some(2));
    assert_eq!(new.attributes.as_ref().unwrap()["git_sha"], "abc");
    let mut alike = old_run.clone();
    alike.attributes.clone_from(&new.attributes);
    alike.completeness = new.completeness;
    alike.totals.usage = new.totals.usage;
    assert_eq!(alike, *new);
    let mut digests = Vec::new();
    let rows = old.rows_of("r").unwrap();
    rows.each(&Columns::default(), &mut |row| {
        digests.push(row.row_digest.clone().into_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(digests, ["x", "y"]);
}

#[test]
fn a_file_holds_several_runs_of_one_commit_each_with_its_rows() {
    let mut several = file();
    let mut older = several["runs"][0].clone();
    older["run"] = json!("older");
    older["started_at"] = json!("2026-11-22T11:00:00Z");
    several["runs"][0]["started_at"] = json!("2026-11-23T11:00:00Z");
    let mut rows = several["results"][0].clone();
    rows["run"] = json!("older");
    let mut used = several["usage"][0].clone();
    used["run"] = json!("older");
    several["runs"].as_array_mut().unwrap().push(older);
    several["results"].as_array_mut().unwrap().push(rows);
    several["usage"].as_array_mut().unwrap().push(used);
    let saved = parsed(&several).unwrap();
    let ids: Vec<&str> = saved.runs().iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids, ["r", "older"]);
    assert!(saved.rows_of("older").is_some());
    for (path, value) in [
        ("/runs/1/run", json!("r")),
        ("/runs/1/started_at", json!("2026-11-24T11:00:00Z")),
        ("/results/1/run", json!("other")),
        ("/usage/1/tokens_reported", json!(3)),
    ] {
        let mut wrong = several.clone();
        *wrong.pointer_mut(path).unwrap() = value;
        assert!(parsed(&wrong).is_err(), "{path}");
    }
}

#[test]
fn scores_are_written_without_inputs_and_outputs_where_these_are_not_wanted() {
    let mut file = file();
    file["results"][0]["rows"][0]["trials"][0]["model_output"] = json!("secret answer");
    let saved = parsed(&file).unwrap();
    let rows = saved.rows_of("r").unwrap();
    let written = [Written {
        run: &saved.runs()[0],
        rows: Some(&rows),
        raised: &|_| panic!("exceptions are texts"),
    }];
    let mut bytes = Vec::new();
    write(
        &mut bytes,
        &written,
        None,
        "2026-11-23T12:00:00Z".parse().unwrap(),
    )
    .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains("secret answer") && !text.contains("raw_data_row"));
    assert!(
        text.contains(r#""scores":{"s":true,"t":0.5}"#) || text.contains(r#""scores":{"s": true"#)
    );
    let again = parsed(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(again.runs(), saved.runs());
    // The snapshot records that there was an output. Without an output and without scores, the call would look crashed.
    let mut has_output = Vec::new();
    let rows = again.rows_of("r").unwrap();
    rows.each(&Columns::default(), &mut |row| {
        has_output.extend(row.trials.iter().map(|trial| !trial.has_no_output()));
        Ok(())
    })
    .unwrap();
    assert!(
        has_output[0] && !has_output[1..].contains(&true),
        "{has_output:?}"
    );
}

#[test]
fn a_name_that_two_dimensions_have_is_written_as_such() {
    let saved = parsed(&file()).unwrap();
    let mut run = saved.runs()[0].clone();
    let dimension = run.totals.dimensions.get_mut("s").unwrap();
    dimension.flaw = Some(Flaw::Ambiguous);
    let text = written(&saved, &run).unwrap();
    let again = parsed(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(
        again.runs()[0].totals.dimensions["s"].flaw,
        Some(Flaw::Ambiguous)
    );
    assert_eq!(again.runs()[0].totals.dimensions["t"].flaw, None);
}

#[test]
fn counts_of_rows_that_contradict_each_other_are_refused() {
    let contradiction =
        "cannot read the snapshot `run.json`: its rows and its counts contradict each other";
    let without_rows = |path: &str, value| {
        let mut file = with(path, value);
        file.as_object_mut().unwrap().remove("results");
        file.as_object_mut().unwrap().remove("usage");
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
    // A row must have at least one trial, even if all counts agree.
    let mut none = without_rows("/rows", json!({"x": 3, "y": 0}));
    assert_eq!(parsed(&none).map(|_| ()), Err(contradiction.to_owned()));
    // The maximum number of trials, and one more.
    for (trials, fits) in [
        (Totals::MOST_TRIALS, true),
        (Totals::MOST_TRIALS + 1, false),
    ] {
        none["runs"][0]["rows"] = json!({"x": 1, "y": trials - 1});
        none["runs"][0]["trial_count"] = json!(trials);
        assert_eq!(parsed(&none).is_ok(), fits, "{trials}");
    }
}

#[test]
fn rows_that_are_not_what_the_counts_say_are_refused() {
    for (path, value) in [
        // Other rows, another order, more rows, or fewer rows.
        ("/results/0/row_digest", json!("z")),
        ("/rows", json!({"x": 2, "y": 1})),
        (
            "/results",
            json!([
                file()["results"][0]["rows"][1],
                file()["results"][0]["rows"][0]
            ]),
        ),
        ("/results", json!([file()["results"][0]["rows"][0]])),
        (
            "/results",
            json!([
                file()["results"][0]["rows"][0],
                file()["results"][0]["rows"][1],
                file()["results"][0]["rows"][1]
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
        ("/dimensions", json!([file()["runs"][0]["dimensions"][0]])),
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
    // For a large sum, the tolerance is larger.
    let large = |cost: f64| {
        let mut file = with("/total_cost", json!(cost));
        file["results"][0]["rows"][0]["trials"][0]["total_cost"] = json!(1e6);
        parsed(&file).is_ok()
    };
    assert!(large(1e6 + 9e-4) && !large(1e6 + 2e-3));
}

#[test]
fn a_summary_that_its_rows_do_not_come_to_is_not_written() {
    let saved = parsed(&file()).unwrap();
    let mut run = saved.runs()[0].clone();
    run.totals.usage.as_mut().unwrap().tokens = Some(31);
    let fault = written(&saved, &run).unwrap_err();
    assert_eq!(
        fault.message,
        "the rows of the run are not what its summary says"
    );
    for unread in [
        Run {
            digests: None,
            ..saved.runs()[0].clone()
        },
        Run {
            totals: Totals {
                usage: None,
                ..saved.runs()[0].totals.clone()
            },
            ..saved.runs()[0].clone()
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
        said(&with("/version", json!(3)))
            .ends_with("it has version 3, and this weave-gate reads versions 1 to 2")
    );
    let holds = parse(file().to_string().into_bytes(), "run.json", "", &|_| true).map(|_| ());
    assert!(
        holds
            .unwrap_err()
            .message
            .ends_with("it holds the API key or a token, and is not shown")
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
