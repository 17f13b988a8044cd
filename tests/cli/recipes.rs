//! Tests of the recipes under `examples/ci`. They run the shell code of the recipes and check that everything a recipe
//! uses exists.

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
    assert_eq!(
        gate["if"],
        "${{ !cancelled() && github.event_name == 'pull_request' }}"
    );
    assert_eq!(gate["permissions"]["pull-requests"], "write");
    let steps = gate["steps"].as_sequence().unwrap();
    assert_eq!(
        steps[0]["with"]["ref"],
        "${{ github.event.pull_request.base.sha }}"
    );
    // Only the pull request that adds the policy brings its own.
    assert_eq!(steps[1]["if"], "${{ hashFiles('gates.yaml') == '' }}");
    assert_eq!(
        steps[1]["with"]["ref"],
        "${{ github.event.pull_request.head.sha }}"
    );
    assert_eq!(steps[2]["with"]["policy"], "gates.yaml");
    assert_eq!(steps[2]["with"]["comment"], "true");
    assert_eq!(
        workflow["env"]["GATE_SHA"],
        "${{ github.event.pull_request.head.sha || github.sha }}"
    );
}

/// Each recipe that judges pull requests also evaluates main, so that they have a baseline, and says how the pull
/// request that adds the policy passes without one.
#[test]
fn main_is_evaluated_and_the_first_pull_request_can_pass() {
    for name in ["github-pull-request.yml", "github-deployment.yml"] {
        let workflow = yaml(name);
        assert_eq!(workflow["on"]["push"]["branches"][0], "main", "{name}");
        let evaluate = &workflow["jobs"]["evaluate"];
        assert!(evaluate.get("if").is_none(), "{name}");
        assert!(format!("{evaluate:?}").contains("evaluate.py"), "{name}");
    }
    let evaluate = &yaml("gitlab.yml")["evaluate"]["rules"];
    let rules: Vec<&str> = evaluate
        .as_sequence()
        .unwrap()
        .iter()
        .map(|rule| rule["if"].as_str().unwrap())
        .collect();
    assert!(rules.contains(&"$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"));
    assert_eq!(
        yaml("azure-pipelines.yml")["trigger"]["branches"]["include"][0],
        "main"
    );
    for name in [
        "github-pull-request.yml",
        "github-deployment.yml",
        "gitlab.yml",
        "azure-pipelines.yml",
        "buildkite.yml",
        "Jenkinsfile",
    ] {
        let said = "`weave-gate init` writes `baseline: {required: after-first}`";
        assert!(recipe(name).contains(said), "{name}");
    }
    assert!(recipe("github-forks.yml").contains("does not evaluate main"));
}

#[test]
fn github_deploys_only_where_the_gate_succeeded() {
    let deploy = &yaml("github-deployment.yml")["jobs"]["deploy"];
    assert_eq!(deploy["needs"], "gate");
    assert!(deploy.get("if").is_none());
    assert_eq!(deploy["environment"], "production");
}

/// The steps of the recipe for forks.
fn fork_steps() -> Vec<Value> {
    let gate = &yaml("github-forks.yml")["jobs"]["gate"];
    gate["steps"].as_sequence().unwrap().clone()
}

#[test]
fn no_code_of_a_fork_comes_near_a_key() {
    let workflow = yaml("github-forks.yml");
    assert_eq!(workflow["on"]["pull_request_target"]["branches"][0], "main");
    let gate = &workflow["jobs"]["gate"];
    assert_eq!(gate["environment"], "forks");
    let steps = fork_steps();
    let is_checkout = |step: &&Value| {
        let uses = step["uses"].as_str();
        uses.is_some_and(|uses| uses.contains("/checkout@"))
    };
    let checkouts: Vec<&Value> = steps.iter().filter(is_checkout).collect();
    let [own, forks] = checkouts[..] else {
        panic!("{checkouts:?}");
    };
    // The code is that of the base branch. GitHub checks it out by default.
    for key in ["ref", "repository", "path"] {
        assert!(own["with"].get(key).is_none());
    }
    // The prompts are from the commit that gets the status.
    assert_eq!(forks["with"]["ref"], gate["env"]["GATE_SHA"]);
    assert_eq!(forks["with"]["path"], "of-the-fork");
    // The fork's files are removed from the work tree before any program runs.
    let place = |is_it: &dyn Fn(&Value) -> bool| steps.iter().position(is_it).unwrap();
    let taken = place(&|step| {
        let run = step["run"].as_str();
        run.is_some_and(|run| run.ends_with("rm -rf of-the-fork\n"))
    });
    assert_eq!(taken, place(&|step| step == forks) + 1);
    for step in &steps[..=taken] {
        assert!(!format!("{step:?}").contains("secrets"));
    }
    for step in &steps[taken + 1..] {
        assert!(!format!("{step:?}").contains("of-the-fork"));
    }
}

/// Runs the step that copies the prompts, after a fork has made this commit on top of the base.
fn taken(name: &str, change: &str) -> (crate::shell::Ran, Shell) {
    let steps = fork_steps();
    let step = steps
        .iter()
        .find(|step| step["name"] == "Take the prompts, and nothing else")
        .unwrap();
    assert_eq!(step["shell"], "bash");
    let shell = Shell::new(name);
    let temp = shell.folder.join("temp");
    fs::create_dir_all(&temp).unwrap();
    let git = format!(
        "git init -q -b topic of-the-fork && cd of-the-fork\n\
         git config user.name a && git config user.email a@b\n\
         mkdir prompts code && echo hello >prompts/system.txt && echo pass >code/evaluate.py && echo secret >../key\n\
         git add . && git commit -q -m base && git rev-parse HEAD >../base\n\
         {change}\n\
         git add . && git commit -q --allow-empty -m change\n"
    );
    let prepared = shell.run(&["bash", "-eo", "pipefail"], &git);
    assert_eq!(prepared.code, 0, "{}", prepared.stderr);
    let base = shell.read("base");
    let shell = shell
        .env("BASE", base.trim())
        .env("RUNNER_TEMP", temp.to_str().unwrap());
    let ran = shell.run(&["bash", "-eo", "pipefail"], step["run"].as_str().unwrap());
    (ran, shell)
}

#[test]
fn the_prompts_of_a_fork_are_taken_from_its_commit() {
    let change =
        "echo goodbye >prompts/system.txt && mkdir prompts/more && echo x >prompts/more/a.txt";
    let (ran, shell) = taken("forks-prompts", change);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(shell.read("temp/prompts/system.txt"), "goodbye\n");
    assert_eq!(shell.read("temp/prompts/more/a.txt"), "x\n");
    assert!(!shell.folder.join("of-the-fork").exists());
    // The result does not change when the base branch has newer commits.
    let change = "git checkout -q -b other && echo fixed >code/evaluate.py && git commit -q -a -m moved\n\
                  git rev-parse HEAD >../base && git checkout -q topic && echo bye >prompts/system.txt";
    let (ran, shell) = taken("forks-moved", change);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(shell.read("temp/prompts/system.txt"), "bye\n");
}

#[test]
fn what_is_not_a_prompt_is_not_taken_from_a_fork() {
    let more = "changes more than prompts/";
    let files = "has to hold files, and nothing else";
    for (name, change, said) in [
        ("code", "echo evil >code/evaluate.py", more),
        ("new", "echo evil >sitecustomize.py", more),
        ("gone", "git rm -q code/evaluate.py", more),
        ("moved", "git mv code/evaluate.py prompts/evaluate.py", more),
        ("policy", "echo 'min: 0' >gates.yaml", more),
        ("command", "echo x >'::warning::a ##[b'", more),
        ("link", "ln -s /proc/self/environ prompts/system.md", files),
        ("near-link", "ln -s ../../key prompts/key", files),
        ("folder-link", "ln -s /proc/self prompts/folder", files),
        (
            "all-link",
            "git rm -q -r prompts && ln -s .. prompts",
            files,
        ),
        ("none", "git rm -q -r prompts", files),
        (
            "submodule",
            "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),prompts/module && mkdir prompts/module",
            files,
        ),
    ] {
        let (ran, shell) = taken(&format!("forks-{name}"), change);
        assert_eq!(ran.code, 1, "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(said), "{name}: {}", ran.stdout);
        assert!(!ran.stdout.contains("::"), "{name}: {}", ran.stdout);
        assert!(!shell.folder.join("temp/prompts").exists(), "{name}");
    }
}

#[test]
fn the_status_at_a_forks_commit_is_green_for_passed_alone() {
    let step = fork_steps().last().unwrap().clone();
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

/// A recipe names each action by its commit, and uses only inputs that the action has.
#[test]
fn github_recipes_use_the_action_as_it_is() {
    let action = fs::read_to_string(root().join("action.yml")).unwrap();
    let action: Value = serde_yaml::from_str(&action).unwrap();
    let inputs = action["inputs"].as_mapping().unwrap();
    let mut uses = 0;
    for name in [
        "github-pull-request.yml",
        "github-deployment.yml",
        "github-forks.yml",
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

/// A recipe must not log a branch name that the author of a pull request can choose.
#[test]
fn the_branch_of_a_pull_request_is_not_what_its_author_calls_it() {
    for (name, expected) in [
        (
            "github-pull-request.yml",
            "${{ github.event.pull_request && format('pull/{0}', github.event.pull_request.number) || github.ref_name }}",
        ),
        (
            "github-forks.yml",
            "pull/${{ github.event.pull_request.number }}",
        ),
    ] {
        let workflow = yaml(name);
        let env = [&workflow["env"], &workflow["jobs"]["gate"]["env"]];
        let branch = env.iter().find_map(|env| env["GATE_BRANCH"].as_str());
        assert_eq!(branch, Some(expected), "{name}");
    }
    let jenkins = "GATE_BRANCH = \"${env.CHANGE_ID ? 'pull/' + env.CHANGE_ID : env.BRANCH_NAME}\"";
    assert!(recipe("Jenkinsfile").contains(jenkins));
    let pages = crate::documents::pages();
    let pages = pages.iter().map(|name| crate::documents::document(name));
    let templates = fs::read_to_string(root().join("templates/weave-gate.yml")).unwrap();
    let recipes = all()
        .into_iter()
        .map(|path| fs::read_to_string(path).unwrap());
    for text in recipes.chain(pages).chain([templates]) {
        let code = text.lines().filter(|line| {
            let line = line.trim_start();
            !line.starts_with('#') && !line.starts_with("//")
        });
        for line in code {
            for chosen in [
                "head_ref",
                "head_branch",
                "head.ref",
                "SOURCE_BRANCH_NAME",
                "SOURCEBRANCHNAME",
                "PULLREQUEST_SOURCEBRANCH",
                "CHANGE_BRANCH",
            ] {
                assert!(!line.contains(chosen), "{line}");
            }
        }
    }
}

/// The lines of a script that set the commit and the branch, with their results.
fn logged(name: &str, script: &str, variables: &[(&str, &str)]) -> String {
    let lines: Vec<&str> = script
        .lines()
        .filter(|line| line.contains("GATE_") || line.trim_start().starts_with("pull="))
        .collect();
    let mut shell = Shell::new(name).env("WANDB_API_KEY", "key");
    for (name, value) in variables {
        shell = shell.env(name, value);
    }
    let text = format!("{}\necho \"$GATE_SHA $GATE_BRANCH\"", lines.join("\n"));
    let ran = shell.run(&["bash", "-euo", "pipefail"], &text);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

#[test]
fn each_system_logs_the_commit_that_was_pushed_and_where_it_is_going() {
    let gitlab = yaml("gitlab.yml")["evaluate"]["script"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap().to_owned() + "\n")
        .collect::<String>();
    let buildkite = yaml("buildkite.yml")["steps"][0]["command"]
        .as_str()
        .unwrap()
        .replace("$$", "$");
    let azure = yaml("azure-pipelines.yml")["stages"][0]["jobs"][0]["steps"][1]["bash"]
        .as_str()
        .unwrap()
        .to_owned();
    for (name, script, variables, expected) in [
        (
            "logged-gitlab",
            &gitlab,
            &[("CI_COMMIT_SHA", "abc"), ("CI_COMMIT_REF_NAME", "main")][..],
            "abc main\n",
        ),
        (
            "logged-gitlab-merge-request",
            &gitlab,
            &[
                ("CI_COMMIT_SHA", "merged"),
                ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "abc"),
                ("CI_MERGE_REQUEST_IID", "7"),
                ("CI_COMMIT_REF_NAME", "main"),
            ],
            "abc merge-request/7\n",
        ),
        (
            "logged-buildkite",
            &buildkite,
            &[
                ("BUILDKITE_COMMIT", "abc"),
                ("BUILDKITE_BRANCH", "main"),
                ("BUILDKITE_PULL_REQUEST", "false"),
            ],
            "abc main\n",
        ),
        (
            "logged-buildkite-pull-request",
            &buildkite,
            &[
                ("BUILDKITE_COMMIT", "abc"),
                ("BUILDKITE_BRANCH", "main"),
                ("BUILDKITE_PULL_REQUEST", "7"),
            ],
            "abc pull/7\n",
        ),
        (
            "logged-azure",
            &azure,
            &[
                ("BUILD_SOURCEVERSION", "abc"),
                ("BUILD_SOURCEBRANCH", "refs/heads/main"),
            ],
            "abc main\n",
        ),
        (
            "logged-azure-pull-request",
            &azure,
            &[
                ("BUILD_SOURCEVERSION", "merged"),
                ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
                ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "abc"),
                ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "refs/heads/main"),
                ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "7"),
                ("SYSTEM_PULLREQUEST_PULLREQUESTID", "123456"),
            ],
            "abc pull/7\n",
        ),
        (
            "logged-azure-repos",
            &azure,
            &[
                ("BUILD_SOURCEVERSION", "merged"),
                ("BUILD_SOURCEBRANCH", "refs/pull/9/merge"),
                ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "abc"),
                ("SYSTEM_PULLREQUEST_PULLREQUESTID", "9"),
            ],
            "abc pull/9\n",
        ),
    ] {
        assert_eq!(logged(name, script, variables), expected, "{name}");
    }
}

/// The row "shell" in the table "What to log": a work tree with changes must not be logged as its commit.
#[test]
fn a_shell_logs_a_work_tree_with_changes_as_such() {
    let page = crate::documents::document("docs/runs.md");
    let row = page
        .lines()
        .find(|line| line.starts_with("| a shell |"))
        .unwrap();
    let command = row.split('`').nth(1).unwrap();
    assert!(recipe("release.sh").contains(&format!("GATE_SHA={command}\n")));
    let text = format!(
        "git init -q . && git config user.name a && git config user.email a@b\n\
         echo a >a && git add a && git commit -q -m first && git tag v1 && git tag -m x v2\n\
         echo \"{command}\"; git rev-parse HEAD; echo b >a; echo \"{command}\""
    );
    let ran = Shell::new("dirty").run(&["bash", "-e"], &text);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], lines[1], "{}", ran.stderr);
    assert_eq!(lines[0].len(), 40);
    assert_eq!(lines[2], format!("{}-dirty", lines[0]));
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
            .env("BUILDKITE_BRANCH", "main")
            .env("BUILDKITE_PULL_REQUEST", "7")
            .fake(code);
        assert_eq!(shell.run(&["bash", "-e"], &script).code, code);
        let style = if code == 0 { "success" } else { "error" };
        assert_eq!(
            shell.read("annotated"),
            format!("annotate --context weave-gate --style {style}\nthe report\n")
        );
        assert_eq!(
            shell.read("said"),
            "<check><--wait><15m><--report-dir><weave-gate> abc pull/7\n"
        );
    }
    // A report that is too large for an annotation, or is missing, does not change the verdict.
    let long = "mkdir weave-gate; head -c 1048576 /dev/zero >weave-gate/report.md; exit 1";
    for (gate, code) in [(long, 1), ("exit 3", 3)] {
        let shell = Shell::new("buildkite-odd")
            .program("bin/buildkite-agent", agent)
            .env("BUILDKITE_PULL_REQUEST", "false")
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

/// A gate that writes the start of a real report with this value of `retryable`, and exits with this code.
fn reports(code: i32, retryable: bool) -> String {
    let real = crate::documents::first_command(&["--json=r.json"]).read("r.json");
    let start: String = real.split_inclusive('\n').take(6).collect();
    let line = "\n  \"retryable\": false,\n";
    assert!(start.contains(line), "{start}");
    let start = start.replace(line, &line.replace("false", &retryable.to_string()));
    format!(
        "echo said >>said; mkdir -p weave-gate; echo '{start}' >weave-gate/report.json; exit {code}"
    )
}

/// Runs the release script in a repository with one commit.
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
    for code in [0, 1, 2, 3, 101] {
        let (ended, shell) = release("release", |shell| shell.fake(code));
        assert_eq!(ended, code);
        // No report says that another attempt may help.
        assert_eq!(shell.read("said").lines().count(), 1);
        assert!(shell.read("said").ends_with(" topic\n"));
        assert_eq!(shell.folder.join("deployed").exists(), code == 0);
    }
    for (code, retryable, tries) in [(3, true, 3), (3, false, 1), (1, false, 1)] {
        let (ended, shell) = release("release-report", |shell| {
            shell.program("bin/weave-gate", &reports(code, retryable))
        });
        assert_eq!(ended, code);
        assert_eq!(shell.read("said").lines().count(), tries);
        assert!(!shell.folder.join("deployed").exists());
    }
    let (ended, shell) = release("release-none", |shell| shell);
    assert_eq!(ended, 127);
    assert!(!shell.folder.join("deployed").exists());
    let (ended, shell) = release("release-killed", |shell| {
        shell.program("bin/weave-gate", "kill -9 $$")
    });
    assert_eq!(ended, 137);
    assert!(!shell.folder.join("deployed").exists());
    // The script uses the run that it finds on the second attempt.
    let (ended, shell) = release("release-later", |shell| {
        let first = reports(3, true);
        let program = format!("test -e once || {{ touch once; {first}; }}");
        shell.program("bin/weave-gate", &program)
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
