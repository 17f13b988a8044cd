//! Tests of the GitHub action: its scripts, run as a runner would run them, and its metadata.

use crate::gate::binary;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, str};

use serde_yaml::Value;

const INPUTS: [(&str, &str); 12] = [
    ("INPUT_POLICY", "gates.yaml"),
    ("INPUT_CANDIDATE", "policy"),
    ("INPUT_BASELINE", "policy"),
    ("INPUT_PROJECT", ""),
    ("INPUT_WAIT", ""),
    ("INPUT_TIMEOUT", ""),
    ("INPUT_REPORT_DIR", "out"),
    ("INPUT_EXCERPTS", "true"),
    ("INPUT_COMMENT", "false"),
    ("INPUT_TOKEN", "ghs_1"),
    ("INPUT_SKIP_FORKS", "false"),
    ("INPUT_FAIL_ON", "not-passed"),
];

/// The outputs before there is a verdict.
const FIRST: &str = "verdict=none\nexit-code=\n";
const REPORTS: [&str; 6] = [
    "report.md",
    "report.html",
    "report.json",
    "junit.xml",
    "metrics.txt",
    "gitlab-annotations.json",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Ran {
    code: i32,
    stdout: String,
    outputs: String,
    folder: PathBuf,
}

/// Runs a script in its own folder. The script gets the environment variables of a runner and no others.
fn script(name: &str, at: &str, variables: &[(&str, &str)]) -> Ran {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("action")
        .join(at);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("out")).unwrap();
    for name in REPORTS {
        fs::write(folder.join("out").join(name), "passed yesterday\n").unwrap();
    }
    fs::write(folder.join("out/notes.md"), "of somebody else\n").unwrap();
    fs::copy(
        root().join("examples/candidate.json"),
        folder.join("c.json"),
    )
    .unwrap();
    fs::write(
        folder.join("gates.yaml"),
        "version: 1\ngates: [{name: g, metric: rows, min: 1000}]\n",
    )
    .unwrap();
    let output = Command::new("bash")
        .arg(root().join("scripts").join(name))
        .current_dir(&folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", folder.join("output"))
        .env("GITHUB_STEP_SUMMARY", folder.join("summary"))
        .env("WEAVE_GATE", binary())
        .envs(INPUTS)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        outputs: fs::read_to_string(folder.join("output")).unwrap_or_default(),
        folder,
    };
    // Whatever the exit code, no report of an earlier run remains.
    for name in REPORTS {
        let left = fs::read_to_string(ran.folder.join("out").join(name));
        assert!(left.is_err() || !left.unwrap().contains("yesterday"));
    }
    assert!(ran.folder.join("out/notes.md").exists());
    assert!(ran.outputs.starts_with(FIRST));
    ran
}

/// A fake weave-gate that records its arguments and exits with this code.
fn fake(at: &str, code: i32) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fake-{at}"));
    fs::write(
        &path,
        format!("#!/usr/bin/env bash\nprintf '<%s>\\n' \"$@\"\nexit {code}\n"),
    )
    .unwrap();
    let mut chmod = Command::new("chmod");
    assert!(chmod.arg("+x").arg(&path).status().unwrap().success());
    path
}

#[test]
fn the_real_gate_fails_the_step_and_sets_its_outputs() {
    let ran = script("gate.sh", "real", &[("INPUT_CANDIDATE", "file:c.json")]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(
        ran.outputs
            .starts_with(&format!("{FIRST}verdict=failed\nexit-code=1\n")),
        "{}",
        ran.outputs
    );
    assert!(ran.outputs.contains("report=out/report.md\n"));
    assert!(ran.folder.join("out/junit.xml").exists());
    assert!(
        fs::read_to_string(ran.folder.join("summary"))
            .unwrap()
            .contains("❌ weave-gate: 1 of 1 check failed")
    );
    let wrong = script("gate.sh", "wrong", &[("INPUT_CANDIDATE", "file:none.json")]);
    assert_eq!(wrong.code, 3);
    assert!(wrong.outputs.contains("verdict=none\nexit-code=3\n"));
}

#[test]
fn each_exit_code_ends_the_step_as_fail_on_says() {
    for (code, expected) in [
        (0, [0, 0, 0]),
        (1, [1, 1, 0]),
        (2, [2, 2, 0]),
        (3, [3, 0, 0]),
        (101, [3, 3, 3]),
    ] {
        let gate = fake(&format!("code-{code}"), code);
        for (word, expected) in ["not-passed", "failed", "never"].into_iter().zip(expected) {
            let variables = [
                ("WEAVE_GATE", gate.to_str().unwrap()),
                ("INPUT_FAIL_ON", word),
            ];
            let ran = script("gate.sh", &format!("codes-{code}-{word}"), &variables);
            assert_eq!(ran.code, expected, "{code} {word}");
        }
    }
}

#[test]
fn a_gate_that_crashes_is_never_green() {
    let gate = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake-killed");
    fs::write(&gate, "#!/usr/bin/env bash\nkill -9 $$\n").unwrap();
    let mut chmod = Command::new("chmod");
    assert!(chmod.arg("+x").arg(&gate).status().unwrap().success());
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake-missing");
    for (gate, code) in [(&gate, 137), (&missing, 127)] {
        let variables = [
            ("WEAVE_GATE", gate.to_str().unwrap()),
            ("INPUT_FAIL_ON", "never"),
        ];
        let ran = script("gate.sh", &format!("killed-{code}"), &variables);
        assert_eq!(ran.code, 3);
        assert_eq!(
            ran.outputs,
            format!("{FIRST}verdict=none\nexit-code={code}\n")
        );
    }
}

#[test]
fn an_argument_that_is_invalid_leaves_nothing_of_yesterday() {
    for fail_on in ["not-passed", "failed", "never"] {
        let variables = [("INPUT_WAIT", "soon"), ("INPUT_FAIL_ON", fail_on)];
        let ran = script("gate.sh", &format!("soon-{fail_on}"), &variables);
        assert_eq!(ran.code, if fail_on == "never" { 0 } else { 2 });
        assert!(
            ran.outputs
                .starts_with(&format!("{FIRST}verdict=none\nexit-code=2\n"))
        );
        for name in REPORTS {
            assert!(ran.folder.join("out").join(name).exists());
        }
    }
}

#[test]
fn an_empty_run_is_refused_and_never_the_policys() {
    for (name, input) in [
        ("candidate", "INPUT_CANDIDATE"),
        ("baseline", "INPUT_BASELINE"),
    ] {
        for fail_on in ["not-passed", "failed", "never"] {
            let mut variables = vec![
                ("INPUT_CANDIDATE", "file:c.json"),
                ("INPUT_FAIL_ON", fail_on),
            ];
            variables.push((input, ""));
            let ran = script("gate.sh", &format!("empty-{name}-{fail_on}"), &variables);
            assert_eq!(ran.code, 2, "{}", ran.stdout);
            let said = format!(
                "::error title=weave-gate::{name} is empty: a variable was probably not set"
            );
            assert!(ran.stdout.contains(&said), "{}", ran.stdout);
            assert!(ran.outputs.contains("verdict=none\nexit-code=2\n"));
            let report = fs::read_to_string(ran.folder.join("out/report.json")).unwrap();
            assert!(
                report.contains(&format!("--{name}: the run id is empty")),
                "{report}"
            );
        }
    }
    // The candidate `policy` is the run that the policy names. This policy names no run.
    let ran = script("gate.sh", "policys", &[]);
    assert!(ran.outputs.contains("verdict=none\nexit-code=2\n"));
    let report = fs::read_to_string(ran.folder.join("out/report.json")).unwrap();
    assert!(report.contains("no candidate is named"), "{report}");
}

#[test]
fn a_link_of_the_repository_chooses_no_file_to_remove() {
    let gate = fake("link", 0);
    let outside = Path::new(env!("CARGO_TARGET_TMPDIR")).join("action-outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("report.md"), "of another job").unwrap();
    let variables = [
        ("WEAVE_GATE", gate.to_str().unwrap()),
        ("INPUT_REPORT_DIR", "link/inner"),
    ];
    let inner = outside.join("inner");
    fs::create_dir_all(&inner).unwrap();
    fs::write(inner.join("report.md"), "of another job").unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("action/linked");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(&outside, folder.join("link")).unwrap();
    let output = Command::new("bash")
        .arg(root().join("scripts/gate.sh"))
        .current_dir(&folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("GITHUB_OUTPUT", folder.join("output"))
        .envs(INPUTS)
        .envs(variables)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("leads out of the working directory"),
        "{said}"
    );
    assert!(!said.contains("<check>"));
    assert!(inner.join("report.md").exists());
}

/// The environment of this script holds the API key. The script must start no program that `PATH` could replace, except
/// the gate.
#[test]
fn no_program_of_the_repository_is_started_with_the_gate() {
    let bin = Path::new(env!("CARGO_TARGET_TMPDIR")).join("action-evil-bin");
    fs::create_dir_all(&bin).unwrap();
    let sprung = bin.join("sprung");
    let _ = fs::remove_file(&sprung);
    for name in ["rm", "env", "cat", "weave-gate"] {
        let path = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\necho >{}\n", sprung.display())).unwrap();
        let mut chmod = Command::new("chmod");
        assert!(chmod.arg("+x").arg(&path).status().unwrap().success());
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let variables = [("PATH", &*path), ("INPUT_CANDIDATE", "file:c.json")];
    assert_eq!(script("gate.sh", "evil-bin", &variables).code, 1);
    assert!(!sprung.exists());
}

#[test]
fn the_token_is_there_only_for_a_comment() {
    let gate = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fake-token");
    let text = "#!/usr/bin/env bash\nprintf '%s %s\\n' \"${GITHUB_TOKEN-none}\" \"${INPUT_TOKEN-none}\" \"$*\"\n";
    fs::write(&gate, text).unwrap();
    let mut chmod = Command::new("chmod");
    assert!(chmod.arg("+x").arg(&gate).status().unwrap().success());
    for (comment, expected) in [
        (
            "false",
            "none none\ncheck --github --report-dir=out -- gates.yaml ",
        ),
        (
            "true",
            "ghs_1 none\ncheck --github --report-dir=out --github-comment -- gates.yaml ",
        ),
    ] {
        let variables = [
            ("WEAVE_GATE", gate.to_str().unwrap()),
            ("INPUT_COMMENT", comment),
            ("GITHUB_TOKEN", "another"),
        ];
        let ran = script("gate.sh", &format!("token-{comment}"), &variables);
        assert_eq!(ran.stdout.trim_end(), expected.trim_end());
    }
}

#[test]
fn inputs_are_arguments_and_nothing_else() {
    let gate = fake("arguments", 0);
    let gate = gate.to_str().unwrap();
    let hostile = "$(touch pwned) `touch pwned`; touch pwned \"'\n-x --json=pwned";
    let ran = script(
        "gate.sh",
        "hostile",
        &[
            ("WEAVE_GATE", gate),
            ("INPUT_CANDIDATE", hostile),
            ("INPUT_PROJECT", "-x"),
            ("INPUT_POLICY", "a b.yaml\r\n\n  \n--json=pwned\n*.yaml\n"),
            ("INPUT_EXCERPTS", "false"),
        ],
    );
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.stdout,
        format!(
            "<check>\n<--github>\n<--candidate={hostile}>\n<--project=-x>\n<--report-dir=out>\n<--no-excerpts>\n<-->\n<a b.yaml>\n<--json=pwned>\n<*.yaml>\n"
        )
    );
    assert!(!ran.folder.join("pwned").exists());
    for (name, value, said) in [
        (
            "INPUT_FAIL_ON",
            "a\n::error::b",
            "fail-on is `a%0A::error::b`",
        ),
        ("INPUT_EXCERPTS", "maybe", "excerpts is `maybe`"),
        ("INPUT_COMMENT", "yes", "comment is `yes`"),
        ("INPUT_SKIP_FORKS", "1", "skip-forks is `1`"),
        ("INPUT_POLICY", " \n", "policy is empty"),
    ] {
        let ran = script(
            "gate.sh",
            &format!("usage-{name}"),
            &[("WEAVE_GATE", gate), (name, value)],
        );
        assert_eq!(ran.code, 2);
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
        assert!(!ran.stdout.contains("<check>"));
        assert_eq!(ran.outputs, format!("{FIRST}verdict=none\nexit-code=2\n"));
    }
}

/// macOS has bash 3.2. Bash 3.2 supports none of these features.
#[test]
fn the_steps_run_with_the_bash_of_every_runner() {
    for name in ["gate.sh", "install.sh"] {
        let script = fs::read_to_string(root().join("scripts").join(name)).unwrap();
        for later in [
            "^^",
            ",,}",
            "@Q}",
            "mapfile",
            "readarray",
            "declare -A",
            "local -A",
            "[[ -v",
            "|&",
            "&>>",
        ] {
            assert!(!script.contains(later), "{name}: {later}");
        }
    }
}

#[test]
fn the_action_passes_each_input_by_the_environment() {
    let text = fs::read_to_string(root().join("action.yml")).unwrap();
    let action: Value = serde_yaml::from_str(&text).unwrap();
    let inputs: BTreeSet<String> = action["inputs"]
        .as_mapping()
        .unwrap()
        .iter()
        .map(|(name, input)| {
            assert!(input["default"].is_string(), "{name:?}");
            name.as_str().unwrap().to_owned()
        })
        .collect();
    let mut passed = BTreeSet::new();
    for step in action["runs"]["steps"].as_sequence().unwrap() {
        assert_eq!(step["shell"].as_str(), Some("bash"));
        assert!(!step["run"].as_str().unwrap().contains("${{"));
        for (name, value) in step["env"].as_mapping().unwrap() {
            let value = value.as_str().unwrap();
            if let Some(input) = value.strip_prefix("${{ inputs.") {
                let input = input.trim_end_matches(" }}").to_owned();
                let expected = format!("INPUT_{}", input.to_uppercase().replace('-', "_"));
                assert_eq!(name.as_str(), Some(expected.as_str()));
                passed.insert(input);
            }
        }
        let folder = step["working-directory"].as_str().unwrap();
        if step["id"] == "install" {
            // The checked-out repository does not affect the build, and the build does not get the API key.
            assert_eq!(folder, "${{ github.action_path }}");
            assert_eq!(step["env"]["WANDB_API_KEY"], "");
        } else {
            assert_eq!(folder, "${{ inputs.working-directory }}");
            passed.insert("working-directory".to_owned());
        }
    }
    assert_eq!(passed, inputs);
    let page = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    for input in inputs {
        assert!(
            page.contains(&format!("`{input}`")),
            "docs/ci.md does not name {input}"
        );
    }
}
