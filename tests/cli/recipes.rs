//! The recipes under `examples/ci`: their shell is run, and what they rely on is there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde::Deserialize as _;
use serde_yaml::Value;
use weave_gate::cli::Cli;

use crate::gate::Gate;
use crate::shell::Shell;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn recipe(name: &str) -> String {
    fs::read_to_string(root().join("examples/ci").join(name)).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_yaml::from_str(&recipe(name)).unwrap()
}

fn all() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("examples/ci")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_command_in_the_recipes_is_one() {
    let mut found = 0;
    for path in all() {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some((_, command)) = line.split_once("weave-gate check ") else {
                continue;
            };
            let command = command.split(['|', '\'']).next().unwrap();
            let words = command
                .split_whitespace()
                .map(|word| word.trim_matches('"'));
            Cli::try_parse_from(["weave-gate", "check"].into_iter().chain(words))
                .unwrap_or_else(|error| panic!("{}: {line}\n{error}", path.display()));
            found += 1;
        }
    }
    assert_eq!(found, 4);
    let job = argo_job();
    let arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
        .as_sequence()
        .unwrap();
    let arguments = arguments.iter().map(|argument| argument.as_str().unwrap());
    Cli::try_parse_from(["weave-gate"].into_iter().chain(arguments)).unwrap();
}

#[test]
fn github_required_check_runs_although_what_it_needs_failed() {
    let workflow = yaml("github-pull-request.yml");
    let gate = &workflow["jobs"]["gate"];
    assert_eq!(gate["if"], "${{ !cancelled() }}");
    assert_eq!(gate["permissions"]["pull-requests"], "write");
    let steps = gate["steps"].as_sequence().unwrap();
    assert_eq!(
        steps[0]["with"]["ref"],
        "${{ github.event.pull_request.base.sha }}"
    );
    assert_eq!(steps[1]["with"]["comment"], "true");
    assert_eq!(
        workflow["env"]["GATE_SHA"],
        "${{ github.event.pull_request.head.sha }}"
    );
}

#[test]
fn github_deploys_only_where_the_gate_succeeded() {
    let deploy = &yaml("github-deployment.yml")["jobs"]["deploy"];
    assert_eq!(deploy["needs"], "gate");
    assert!(deploy.get("if").is_none());
    assert_eq!(deploy["environment"], "production");
}

#[test]
fn no_code_of_a_fork_comes_near_a_key() {
    let hand_over = recipe("github-forks/hand-over.yml");
    for word in ["secrets", "run:", "write", "GITHUB_TOKEN"] {
        let used = hand_over
            .lines()
            .filter(|line| !line.starts_with('#'))
            .any(|line| line.contains(word));
        assert!(!used, "{word}");
    }
    let gate = &yaml("github-forks/gate.yml")["jobs"]["gate"];
    assert_eq!(gate["environment"], "forks");
    let steps = gate["steps"].as_sequence().unwrap();
    let checkouts: Vec<&Value> = steps
        .iter()
        .filter(|step| {
            step["uses"]
                .as_str()
                .is_some_and(|uses| uses.contains("/checkout@"))
        })
        .collect();
    assert_eq!(checkouts.len(), 1);
    // The default branch, which is what GitHub checks out where nothing else is named.
    assert!(checkouts[0]["with"].get("ref").is_none());
    assert!(checkouts[0]["with"].get("repository").is_none());
    assert_eq!(steps[1]["with"]["path"], "${{ runner.temp }}/prompts");
}

#[test]
fn the_status_at_a_forks_commit_is_green_for_passed_alone() {
    let gate = &yaml("github-forks/gate.yml")["jobs"]["gate"];
    let step = gate["steps"].as_sequence().unwrap().last().unwrap().clone();
    assert_eq!(step["if"], "always()");
    let script = step["run"].as_str().unwrap();
    for (verdict, state) in [
        ("passed", "success"),
        ("failed", "failure"),
        ("undecided", "failure"),
        ("none", "failure"),
        ("", "failure"),
        ("$(touch pwned) passed", "failure"),
    ] {
        let shell = Shell::new("github-status")
            .program("bin/gh", "printf '%s\\n' \"$@\" >said")
            .env("VERDICT", verdict)
            .env("GITHUB_REPOSITORY", "o/r")
            .env("GATE_SHA", "abc")
            .env("RUN", "https://r");
        assert_eq!(shell.run(&["bash", "-eo", "pipefail"], script).code, 0);
        assert_eq!(
            shell.read("said"),
            format!(
                "api\n--method\nPOST\nrepos/o/r/statuses/abc\n-f\nstate={state}\n-f\ncontext=weave-gate\n-f\n\
                 description=verdict: {verdict}\n-f\ntarget_url=https://r\n"
            )
        );
        assert!(!shell.folder.join("pwned").exists());
    }
}

/// A recipe names no action but by its commit, and passes the action inputs that it has.
#[test]
fn github_recipes_use_the_action_as_it_is() {
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    let action: Value = serde_yaml::from_str(&action).unwrap();
    let inputs = action["inputs"].as_mapping().unwrap();
    let mut uses = 0;
    for name in [
        "github-pull-request.yml",
        "github-deployment.yml",
        "github-forks/gate.yml",
    ] {
        let workflow = yaml(name);
        for job in workflow["jobs"].as_mapping().unwrap().values() {
            for step in job["steps"].as_sequence().unwrap() {
                if step["uses"] != "OWNER/weave-gate@COMMIT" {
                    continue;
                }
                uses += 1;
                for (input, value) in step["with"].as_mapping().unwrap() {
                    assert!(inputs.contains_key(input), "{name}: {input:?}");
                    assert!(value.is_string(), "{name}: {input:?}");
                }
                assert_eq!(step["env"]["WANDB_API_KEY"], "${{ secrets.WANDB_API_KEY }}");
            }
        }
    }
    assert_eq!(uses, 3);
}

#[test]
fn buildkite_annotates_and_ends_with_the_gates_code() {
    let pipeline = yaml("buildkite.yml");
    let step = &pipeline["steps"][1];
    assert_eq!(step["retry"]["automatic"][0]["exit_status"], 3);
    assert_eq!(step["retry"]["automatic"].as_sequence().unwrap().len(), 1);
    assert!(step.get("soft_fail").is_none());
    assert_eq!(pipeline["steps"][2]["depends_on"], step["key"]);
    let script = step["command"].as_str().unwrap().replace("$$", "$");
    let agent =
        "if [ \"$1\" = secret ]; then echo key; else echo \"$*\" >>annotated; cat >>annotated; fi";
    for code in [0, 1, 2, 3, 101] {
        let shell = Shell::new("buildkite")
            .program("bin/buildkite-agent", agent)
            .env("BUILDKITE_COMMIT", "abc")
            .env("BUILDKITE_BRANCH", "topic")
            .fake(code);
        assert_eq!(shell.run(&["bash", "-e"], &script).code, code);
        let style = if code == 0 { "success" } else { "error" };
        assert_eq!(
            shell.read("annotated"),
            format!("annotate --context weave-gate --style {style}\nthe report\n")
        );
        assert_eq!(
            shell.read("said"),
            "<check><--wait><15m><--report-dir><weave-gate> abc topic\n"
        );
    }
    // A report that has no room, or none at all, changes no verdict.
    let long = "mkdir weave-gate; head -c 1048576 /dev/zero >weave-gate/report.md; exit 1";
    for (gate, code) in [(long, 1), ("exit 3", 3)] {
        let shell = Shell::new("buildkite-odd")
            .program("bin/buildkite-agent", agent)
            .program("bin/weave-gate", gate);
        assert_eq!(shell.run(&["bash", "-e"], &script).code, code);
        assert!(shell.read("annotated").contains("cannot be shown here"));
    }
}

#[test]
fn azure_shows_the_report_by_its_whole_path() {
    let pipeline = yaml("azure-pipelines.yml");
    let steps = pipeline["stages"][0]["jobs"][0]["steps"]
        .as_sequence()
        .unwrap();
    let script = steps[2]["bash"].as_str().unwrap();
    for code in [0, 1, 2, 3, 101] {
        let shell = Shell::new("azure")
            .env("BUILD_ARTIFACTSTAGINGDIRECTORY", "/staging/a b")
            .env("BUILD_SOURCEVERSION", "merged")
            .env("SYSTEM_PULLREQUEST_SOURCECOMMITID", "pushed")
            .fake(code);
        let ran = shell.run(&["bash"], script);
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert_eq!(
            ran.stdout,
            "##vso[task.uploadsummary]/staging/a b/weave-gate/report.md\n"
        );
        assert_eq!(
            shell.read("said"),
            "<check><--wait><15m><--report-dir></staging/a b/weave-gate> pushed \n"
        );
    }
    for step in &steps[3..] {
        assert_eq!(step["condition"], "succeededOrFailed()");
    }
    let condition = pipeline["stages"][1]["condition"].as_str().unwrap();
    assert!(condition.contains("succeeded()"));
}

/// The release script in a repository with one commit.
fn release(name: &str, prepare: impl FnOnce(Shell) -> Shell) -> (i32, Shell) {
    let shell = Shell::new(name)
        .program("deploy.sh", "echo deployed >>deployed")
        .program("release.sh", &recipe("release.sh"))
        .env("RELEASE_PAUSE", "0");
    let shell = prepare(shell);
    let git = "git init -q -b topic . && git add deploy.sh release.sh && \
               git -c user.name=a -c user.email=a@b commit -q -m first";
    assert_eq!(shell.run(&["sh", "-e"], git).code, 0);
    let code = shell.run(&["sh"], "./release.sh").code;
    (code, shell)
}

#[test]
fn the_release_script_deploys_what_passed_and_nothing_else() {
    for (code, tries) in [(0, 1), (1, 1), (2, 1), (3, 3), (101, 1)] {
        let (ended, shell) = release("release", |shell| shell.fake(code));
        assert_eq!(ended, code);
        assert_eq!(shell.read("said").lines().count(), tries);
        assert!(shell.read("said").ends_with(" topic\n"));
        assert_eq!(shell.folder.join("deployed").exists(), code == 0);
    }
    let (ended, shell) = release("release-none", |shell| shell);
    assert_eq!(ended, 127);
    assert!(!shell.folder.join("deployed").exists());
    let (ended, shell) = release("release-killed", |shell| {
        shell.program("bin/weave-gate", "kill -9 $$")
    });
    assert_eq!(ended, 137);
    assert!(!shell.folder.join("deployed").exists());
    // What is found at the second try counts.
    let (ended, shell) = release("release-later", |shell| {
        shell.program("bin/weave-gate", "test -e once || { touch once; exit 3; }")
    });
    assert_eq!(ended, 0);
    assert!(shell.folder.join("deployed").exists());
}

#[test]
fn the_release_script_refuses_what_is_not_committed() {
    let (_, shell) = release("release-dirty", |shell| shell.fake(0));
    let shell = shell.program("deploy.sh", "echo other");
    fs::remove_file(shell.folder.join("deployed")).unwrap();
    let ran = shell.run(&["sh"], "./release.sh");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("not committed"));
    assert_eq!(shell.read("said").lines().count(), 1);
    assert!(!shell.folder.join("deployed").exists());
}

fn argo() -> Vec<Value> {
    let text = recipe("argocd-presync.yaml");
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn argo_job() -> Value {
    argo()
        .into_iter()
        .find(|document| document["kind"] == "Job")
        .unwrap()
}

#[test]
fn argo_cd_tries_no_verdict_again_and_nothing_else() {
    let job = argo_job();
    assert_eq!(
        job["metadata"]["annotations"]["argocd.argoproj.io/hook"],
        "PreSync"
    );
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let rule = &job["spec"]["podFailurePolicy"]["rules"][0];
    assert_eq!(rule["action"], "FailJob");
    assert_eq!(rule["onExitCodes"]["operator"], "In");
    assert_eq!(
        rule["onExitCodes"]["values"],
        Value::Sequence(vec![1.into(), 2.into()])
    );
    assert_eq!(
        rule["onExitCodes"]["containerName"],
        pod["containers"][0]["name"]
    );
    assert!(job["spec"]["backoffLimit"].as_u64().unwrap() > 0);
    let policy = &argo()[0];
    assert_eq!(
        pod["volumes"][0]["configMap"]["name"],
        policy["metadata"]["name"]
    );
    Gate::new(&["validate"])
        .env("GATE_SHA", "abc")
        .file("gates.yaml", policy["data"]["gates.yaml"].as_str().unwrap())
        .run()
        .code(0);
}

#[test]
fn pre_commit_runs_what_it_is_told_to() {
    let hooks = fs::read_to_string(root().join(".pre-commit-hooks.yaml")).unwrap();
    let hooks: Value = serde_yaml::from_str(&hooks).unwrap();
    let used = &yaml("pre-commit-config.yaml")["repos"][0]["hooks"][0];
    assert_eq!(hooks[0]["id"], used["id"]);
    let entry = hooks[0]["entry"].as_str().unwrap();
    let good = "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n";
    for (text, code) in [(good, 0), ("version: 1\ngates: []\n", 2)] {
        let shell = Shell::new("pre-commit")
            .real()
            .file("-gates.yaml", text)
            .file("gates.yaml", good);
        let ran = shell.run(&["sh"], &format!("{entry} gates.yaml -gates.yaml"));
        assert_eq!(ran.code, code, "{}", ran.stderr);
    }
}
