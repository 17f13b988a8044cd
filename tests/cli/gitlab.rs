//! Tests of the GitLab component: its form after GitLab reads it, and its script, run as a runner would run it.

use std::fs;

use serde::Deserialize as _;
use serde_yaml::Value;

use crate::shell::Shell;

/// The commands with which a runner starts a script, for busybox and for bash.
const SHELLS: [&[&str]; 2] = [&["sh", "-e"], &["bash", "-eo", "pipefail"]];

fn file(name: &str) -> String {
    fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The specification of the inputs, and the rest of the component as text.
fn component() -> (Value, String) {
    let text = file("templates/weave-gate.yml");
    let (head, body) = text.split_once("\n---\n").unwrap();
    (serde_yaml::from_str(head).unwrap(), body.to_owned())
}

/// Inserts inputs into the text before the YAML is parsed, as GitLab does.
fn interpolated(inputs: &[(&str, &str)]) -> Value {
    let (spec, mut body) = component();
    for (name, input) in spec["spec"]["inputs"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        let given = inputs.iter().find(|(given, _)| *given == name);
        let value = given.map_or_else(
            || match &input["default"] {
                Value::String(text) => text.clone(),
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                other => panic!("{name} is asked for, and has no default: {other:?}"),
            },
            |(_, value)| (*value).to_owned(),
        );
        body = body.replace(&format!("$[[ inputs.{name} ]]"), &value);
    }
    assert!(!body.contains("$[["), "an input that is not specified");
    serde_yaml::from_str(&body).unwrap()
}

fn job(inputs: &[(&str, &str)]) -> Value {
    let mut all = vec![("image", "gate:shell")];
    all.extend(inputs);
    interpolated(&all)["weave-gate"].clone()
}

/// A shell with the job's variables, and the job's script.
fn prepared(name: &str, inputs: &[(&str, &str)]) -> (Shell, String) {
    let job = job(inputs);
    let mut shell = Shell::new(name)
        .env("CI_COMMIT_SHA", "merged")
        .env("CI_COMMIT_REF_NAME", "main");
    for (name, value) in job["variables"].as_mapping().unwrap() {
        shell = shell.env(name.as_str().unwrap(), value.as_str().unwrap());
    }
    let lines = job["script"].as_sequence().unwrap();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    (shell, lines.join("\n"))
}

#[test]
fn the_component_is_two_documents_of_yaml_before_anything_is_put_in() {
    let text = file("templates/weave-gate.yml");
    let documents: Vec<Value> = serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    assert_eq!(documents.len(), 2);
    let (spec, body) = component();
    for (name, input) in spec["spec"]["inputs"].as_mapping().unwrap() {
        let name = name.as_str().unwrap();
        assert!(input["description"].is_string(), "{name}");
        let place = format!("$[[ inputs.{name} ]]");
        assert!(body.contains(&place), "{name} is not used");
        if input.get("type").is_none() {
            // The input is inserted between quotes. Its pattern must refuse characters that could end the quotes.
            let regex = input["regex"].as_str().unwrap();
            assert!(
                [
                    "^[^'\\s]+$",
                    "^[^'\\n]+$",
                    "^[^'\\n]*$",
                    "^[A-Za-z0-9._/-]+$"
                ]
                .contains(&regex),
                "{name}: {regex}"
            );
            for line in body.lines().filter(|line| line.contains(&place)) {
                let before = line.split(&place).next().unwrap();
                assert_eq!(before.matches('\'').count() % 2, 1, "not quoted: {line}");
            }
        }
    }
    let script = &documents[1]["$[[ inputs.job-name ]]"]["script"];
    assert!(!format!("{script:?}").contains("$[["), "inputs in a script");
}

#[test]
fn the_job_keeps_its_reports_whatever_the_verdict() {
    let job = job(&[("report-dir", "out/gate")]);
    assert_eq!(job["image"]["name"], "gate:shell");
    assert_eq!(job["image"]["entrypoint"], Value::Sequence(vec!["".into()]));
    let artifacts = &job["artifacts"];
    assert_eq!(artifacts["when"], "always");
    assert_eq!(artifacts["paths"][0], "out/gate/");
    assert_eq!(artifacts["reports"]["junit"], "out/gate/junit.xml");
    assert_eq!(artifacts["reports"]["metrics"], "out/gate/metrics.txt");
    assert_eq!(
        artifacts["reports"]["annotations"],
        "out/gate/gitlab-annotations.json"
    );
}

#[test]
fn only_no_verdict_is_tried_again_and_only_it_may_be_let_through() {
    let three = Value::Sequence(vec![3.into()]);
    let strict = interpolated(&[("image", "i")]);
    assert_eq!(strict["weave-gate"]["retry"]["max"], 0);
    assert_eq!(strict["weave-gate"]["retry"]["exit_codes"], three);
    let extends = |all: &Value| all["weave-gate"]["extends"].as_str().unwrap().to_owned();
    assert_eq!(strict[extends(&strict)]["allow_failure"], false);
    let lenient = interpolated(&[("image", "i"), ("allow-undecided", "true"), ("retry", "2")]);
    assert_eq!(lenient["weave-gate"]["retry"]["max"], 2);
    assert_eq!(
        lenient[extends(&lenient)]["allow_failure"]["exit_codes"],
        three
    );
    assert!(lenient["weave-gate"].get("allow_failure").is_none());
}

#[test]
fn the_exit_code_of_the_gate_is_that_of_the_job() {
    for shell in SHELLS {
        for code in [0, 1, 2, 3, 101] {
            let (prepared, script) = prepared(&format!("gitlab-{}-{code}", shell[0]), &[]);
            let prepared = prepared.fake(code);
            assert_eq!(prepared.run(shell, &script).code, code);
            assert_eq!(
                prepared.read("said"),
                "<check><--report-dir=weave-gate><--><gates.yaml> merged main\n"
            );
        }
    }
    let (prepared, script) = prepared("gitlab-none", &[]);
    assert_eq!(prepared.run(SHELLS[0], &script).code, 127);
}

#[test]
fn inputs_are_arguments_and_the_commit_is_the_one_that_was_pushed() {
    let hostile = "$(touch pwned) `touch pwned`; touch pwned \" -x *";
    let inputs = [
        ("policy", "--json=pwned *.yaml"),
        ("candidate", hostile),
        ("baseline", "evaluation=answers,branch=main"),
        ("project", "-x"),
        ("wait", "15m"),
        ("report-dir", "out"),
        ("excerpts", "false"),
        ("comment", "true"),
    ];
    for shell in SHELLS {
        let (prepared, script) = prepared(&format!("gitlab-{}-hostile", shell[0]), &inputs);
        let prepared = prepared
            .env("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "pushed")
            .env("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "main")
            .env("CI_MERGE_REQUEST_IID", "7")
            .fake(0);
        let ran = prepared.run(shell, &script);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(
            prepared.read("said"),
            format!(
                "<check><--report-dir=out><--candidate={hostile}><--baseline=evaluation=answers,branch=main>\
                 <--project=-x><--wait=15m><--no-excerpts><--gitlab-note><--><--json=pwned *.yaml> pushed merge-request/7\n"
            )
        );
        assert!(!prepared.folder.join("pwned").exists());
    }
}

#[test]
fn an_empty_run_is_refused_and_never_the_policys() {
    for (input, shell) in ["candidate", "baseline"].into_iter().zip(SHELLS) {
        let inputs = [(input, ""), ("report-dir", "out")];
        let (prepared, script) = prepared(&format!("gitlab-empty-{input}"), &inputs);
        let policy =
            "version: 1\ncandidate: {file: c.json}\ngates: [{name: g, metric: rows, min: 1}]\n";
        let prepared = prepared
            .real()
            .file("c.json", &file("examples/candidate.json"))
            .file("gates.yaml", policy);
        assert_eq!(prepared.run(shell, &script).code, 2);
        let report = prepared.read("out/report.json");
        assert!(
            report.contains(&format!("--{input}: the run id is empty")),
            "{report}"
        );
    }
}

#[test]
fn the_real_gate_writes_every_report_that_the_job_names() {
    let inputs = [("candidate", "file:c.json"), ("report-dir", "out")];
    let (prepared, script) = prepared("gitlab-real", &inputs);
    let prepared = prepared
        .real()
        .file("c.json", &file("examples/candidate.json"))
        .file(
            "gates.yaml",
            "version: 1\ngates: [{name: g, metric: rows, min: 1000}]\n",
        );
    let ran = prepared.run(SHELLS[0], &script);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let job = job(&inputs);
    let reports = job["artifacts"]["reports"].as_mapping().unwrap();
    assert_eq!(reports.len(), 3);
    for path in reports.values() {
        assert!(
            !prepared.read(path.as_str().unwrap()).is_empty(),
            "{path:?}"
        );
    }
}
