"""The first steps: listing runs, drafting a policy, and comparing runs without a policy."""

from __future__ import annotations

import json

import weave
from scenarios import (
    Bot,
    correctness,
    dotted,
    evaluate,
    log,
    questions,
    safety,
    through_api,
    tone,
)

ROWS = questions(range(10))


def test_runs_are_listed_newest_first(place):
    sdk = evaluate(
        Bot(),
        ROWS,
        [correctness],
        trials=2,
        attributes={"git": {"sha": "abc", "dirty": False}, "note": "n" * 60},
    )
    logged = log([{"correctness": True}] * 3, name="nightly", finish=False)
    api = through_api(place.server, [True, False])
    empty = log([], name="::error::hostile\x1b[31m")
    place.requests()
    done = place.run("runs", *place.here)
    assert done.returncode == 0, done.stderr
    assert [path for _, path in place.requests()] == [
        "/calls/stream_query",
        "/v2/my-team/support-bot/eval_results/query",
    ]
    head, *lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert head[:2] == ["RUN", "STATUS"]
    assert [line[0] for line in lines] == [empty, api, logged, sdk]
    assert [line[1] for line in lines] == ["completed", "completed", "running", "completed"]
    assert [line[3] for line in lines] == ["0", "2", "3", "20"]
    assert lines[3][4:6] == ["answers", "Bot"]
    assert lines[3][9] == "git.dirty=false git.sha=abc note=" + "n" * 60
    assert lines[2][4:6] == ["nightly", "loggedbot"]
    assert "\x1b" not in done.stdout and "::" not in done.stdout

    done = place.run("runs", "--json", "--limit=2", "model=Bot", *place.here)
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["id"], run["trials"], run["evaluation"]) == (sdk, 20, "answers")
    assert run["attributes"]["git"] == {"sha": "abc", "dirty": False}
    assert run["url"] == f"https://wandb.ai/my-team/support-bot/r/call/{sdk}"

    done = place.run("runs", "evaluation=nigthly", *place.here)
    assert (done.returncode, done.stdout) == (0, "")
    assert "evaluations of the newest 4 runs: `nightly`" in done.stderr


def test_three_hundred_runs_are_listed(place):
    for number in range(300):
        log([], name="crowd", attributes={"n": number})
    done = place.run("runs", "--limit=1000", "--json", *place.here)
    runs = json.loads(done.stdout)["runs"]
    assert [run["attributes"]["n"] for run in runs] == list(reversed(range(300)))
    done = place.run("runs", "attributes.n=7", *place.here)
    assert done.stdout.splitlines()[1].split()[-1] == "n=7"


def drafted(place, *arguments: str) -> str:
    policy = place.work / "drafted.yaml"
    done = place.run("init", "-o", str(policy), "--force", *arguments, *place.here)
    assert done.returncode == 0, done.stderr
    return policy.read_text()


def judged(place, run: str) -> dict:
    """Judges a run by the drafted policy, which must be valid."""
    valid = place.run("validate", "drafted.yaml")
    assert valid.returncode == 0, valid.stderr
    done = place.run("check", "drafted.yaml", "--candidate", run, "--format=json", *place.here)
    return json.loads(done.stdout)


def test_a_drafted_policy_is_valid_and_passes_on_its_run(place):
    run = evaluate(Bot(wrong=[3]), questions(range(40)), [correctness, tone, safety, dotted])
    text = drafted(place)
    print(text)
    for words in [
        "project: my-team/support-bot",
        "evaluation: answers",
        "  evaluation: answers # its newest run\n  # commit: \"${GATE_SHA}\"\n",
        "required: after-first",
        "- name: correctness\n    scorer: correctness\n    metric: pass_rate\n    min: 0.89 # the lower end of the one-sided",
        "# Now: 39 of 40 trials pass.",
        "max_drop: 0.05 # two rows of 40",
        "- name: tone.score\n    scorer: tone.score\n    metric: numeric_mean\n    range: [0, 1] # guessed",
        "tone.note: text, on 40 of 40 trials",
        "evidence: significant # with 40 rows, a drop fails only if chance does not explain it",
        "with weave.attributes({",
    ]:
        assert words in text
    report = judged(place, run)
    assert report["verdict"] == "passed", report
    assert {check["status"] for check in report["policies"][0]["checks"]} == {"pass", "skipped"}


def test_a_draft_allows_what_changed_since_its_baseline(place):
    evaluate(Bot(), questions(range(40)), [correctness, tone])
    run = evaluate(Bot(wrong=list(range(8))), questions(range(40)), [correctness, tone])
    text = drafted(place, run)
    print(text)
    assert "max_drop: 0.2 # the drop from run" in text
    report = judged(place, run)
    assert report["verdict"] == "passed", report
    assert {check["status"] for check in report["policies"][0]["checks"]} == {"pass"}


def test_a_draft_of_a_corrupted_run(place):
    # The model crashed on some rows, and no row is a row of the last run.
    evaluate(Bot(), questions(range(50, 60)), [correctness, tone])
    run = evaluate(Bot(crash=[1, 2], wrong=[3]), questions(range(12)), [correctness, tone])
    text = drafted(place, run)
    print(text)
    for words in ["correctness is scored", "10 of 12 trials have a score", "missing: ignore", "# max_drop: 0.17 # not met, or undecided, against"]:
        assert words in text
    report = judged(place, run)
    assert report["verdict"] == "passed", report


def test_a_draft_names_the_commit_and_the_branch_that_the_run_carries(place):
    base = {"git_sha": "a" * 40, "git_branch": "main"}
    evaluate(Bot(), questions(range(40)), [correctness], attributes=base)
    ours = {"git_sha": "b" * 40, "git_branch": "main"}
    run = evaluate(Bot(), questions(range(40)), [correctness], attributes=ours)
    # The newest run is of a pull request.
    evaluate(Bot(wrong=[1]), questions(range(40)), [correctness], attributes={"git_sha": "c" * 40, "git_branch": "pull/7"})
    policy = place.work / "gates.yaml"
    done = place.run("init", *place.here)
    assert done.returncode == 0, done.stderr
    assert f"drafted from run {run}, the newest completed run of branch `main`" in done.stderr
    assert "warning" not in done.stderr
    text = policy.read_text()
    print(text)
    assert '  evaluation: answers\n  commit: "${GATE_SHA}"' in text
    assert "baseline:\n  branch: main #" in text and "\n  required: after-first #" in text
    assert place.run("validate").returncode == 0
    for sha, code in (("b" * 40, 0), ("c" * 40, 0)):
        done = place.run("check", "--format=json", *place.here, env={"GATE_SHA": sha})
        report = json.loads(done.stdout)
        assert (done.returncode, report["verdict"]) == (code, "passed"), done.stdout
        assert {check["status"] for check in report["policies"][0]["checks"]} == {"pass"}


def test_a_run_that_looks_bad_is_warned_of(place):
    for _ in range(3):
        evaluate(Bot(), questions(range(40)), [correctness, tone])
    run = evaluate(Bot(wrong=list(range(20))), questions(range(40)), [correctness, tone])
    done = place.run("init", *place.here)
    assert done.returncode == 0, done.stderr
    assert f"warning: run {run} scored far lower than the 3 runs before it" in done.stderr
    assert "`correctness` 50 %, median 100 %; `tone.score` 0.65, median 0.8" in done.stderr


def test_one_of_several_evaluations_is_asked_for(place):
    evaluate(Bot(), ROWS, [correctness], name="answers")
    evaluate(Bot(), ROWS, [correctness], name="retrieval")
    log([{"x": True}] * 4, name="nightly")
    # Names that the logger made up are not names of evaluations.
    for _ in range(2):
        logger = weave.EvaluationLogger(model="loggedbot")
        logger.log_example(inputs={"row": 1}, output="", scores={"x": True})
        logger.log_summary()
    weave.trace.context.weave_client_context.get_weave_client().flush()
    place.requests()
    done = place.run("init", *place.here)
    assert (done.returncode, len(place.requests())) == (2, 1), done.stderr
    print(done.stderr)
    head, _, *lines, help_line = done.stderr.splitlines()
    assert head == "error: the newest 5 runs of the project are of 4 evaluations; name one of them"
    assert [line.split()[:1] for line in lines] == [["(unnamed,"], ["nightly"], ["retrieval"], ["answers"]]
    assert "weave-gate init" in help_line
    done = place.run("init", "evaluation=answers", *place.here)
    assert done.returncode == 0, done.stderr
    assert "evaluation: answers" in (place.work / "gates.yaml").read_text()


def test_a_draft_of_hostile_names(place):
    names = ["true", "a: b", "a # b", "$HOME", "${X}", "it's \"so\"", "a*b", "[x]", "enough rows", "é 🎉", "- x", "1"]
    run = log([{"x": True}] * 12, name="\n".join(names))
    text = drafted(place, run)
    assert judged(place, run)["verdict"] == "passed", text
    scorer = {name: True for name in names} | {"*": {"[": 0.5}}
    run = evaluate(Bot(), ROWS, [hostile(scorer)], name="answers")
    text = drafted(place, run)
    print(text)
    report = judged(place, run)
    assert report["verdict"] == "passed", report
    subjects = {check["subject"] for check in report["policies"][0]["checks"]}
    assert {f"scorer.{name}" for name in names} < subjects


def test_a_draft_of_odd_names_and_numbers(place):
    odd = {"": True, " a": True, "a": True, "b": 1e-12, "c": 1e300, "d": -4.0, "e": 0, "g": 123456.0}
    for rows in (1, 3, 12):
        run = evaluate(Bot(), questions(range(rows)), [hostile(odd)], name=f"odd-{rows}")
        text = drafted(place, run)
        report = judged(place, run)
        assert report["verdict"] == "passed", (text, report)
        subjects = {check["subject"] for check in report["policies"][0]["checks"]}
        assert subjects == {None, "scorer.a", "scorer.d", "scorer.e", "scorer.g", "scorer. a", "scorer."}, text
        assert "scorer.b: a mean of 1e-12, for which no limit is proposed" in text
        assert ("max_drop" in text) == (rows > 3)


def hostile(scores: dict):
    @weave.op
    def scorer(output: str) -> dict:
        return scores

    return scorer


def test_init_overwrites_nothing_and_says_what_is_missing(place):
    there = place.work / "gates.yaml"
    there.write_text("mine")
    done = place.run("init", *place.here)
    assert done.returncode == 2
    assert "`gates.yaml` already exists" in done.stderr
    assert there.read_text() == "mine"
    there.unlink()
    done = place.run("init", *place.here)
    assert (done.returncode, there.exists()) == (3, False)
    assert "the project has no evaluation runs at all" in done.stderr
    log([{"x": True}], finish=False)
    done = place.run("init", *place.here)
    assert (done.returncode, there.exists()) == (3, False)
    assert "is running" in done.stderr
    log([])
    done = place.run("init", *place.here)
    assert (done.returncode, there.exists()) == (3, False)
    assert "nothing was scored" in done.stderr


def test_two_runs_are_compared_without_a_policy(place):
    base = evaluate(Bot(wrong=[1]), questions(range(12)), [correctness, tone])
    run = evaluate(Bot(wrong=[1, 2], crash=[5]), questions(range(2, 14)), [correctness, tone, safety])
    report = place.work / "compare.json"
    done = place.run("compare", base, run, "--json", str(report), "--report", "compare.md", *place.here)
    assert done.returncode == 0, done.stderr
    compared = json.loads(report.read_text())
    assert (compared["comparable"], compared["exit_code"]) == (True, 0)
    lines = {line["dimension"]: line for line in compared["dimensions"]}
    assert set(lines) == {"correctness", "tone.score", "tone.note", "safety.toxic.passed", "safety.leaks.passed"}
    line = lines["correctness"]
    # On the ten common rows: from all right to one wrong of nine that were answered.
    assert line["baseline"] == 11 / 12
    assert line["candidate"] == 10 / 11
    assert line["change"] == 8 / 9 - 1
    assert (line["baseline_scored"], line["candidate_scored"], line["candidate_trials"]) == (12, 11, 12)
    assert lines["safety.leaks.passed"]["baseline"] is None
    assert {finding["name"] for finding in compared["findings"]} >= {"rows-removed", "rows-added"}
    assert "| `correctness` | pass rate |" in (place.work / "compare.md").read_text()
    assert "COMPARED (exit code 0)" in done.stdout
    # By selectors, and with runs that cannot be compared.
    done = place.run("compare", "evaluation=answers", "latest", *place.here)
    assert done.returncode == 0, done.stderr
    done = place.run("compare", run, run, *place.here)
    assert (done.returncode, "same-run" in done.stdout) == (3, True)
    unfinished = log([{"x": True}], finish=False)
    done = place.run("compare", base, unfinished, *place.here)
    assert (done.returncode, "run-not-finished" in done.stdout) == (3, True)
    done = place.run("compare", "nobody", run, *place.here)
    assert done.returncode == 3
    assert "there is no baseline: there is no run `nobody`" in done.stderr
    # A failed run can be compared, and the output says that it failed. Runs without a common dimension cannot.
    failed = log([{"correctness": True}] * 3, name="one", fail=True)
    other = log([{"correctness": True}] * 3, name="two")
    done = place.run("compare", failed, other, *place.here)
    assert (done.returncode, "run-failed" in done.stdout) == (0, True), done.stdout
    apart = log([{"else": True}] * 3, name="three")
    done = place.run("compare", apart, other, *place.here)
    assert (done.returncode, "no dimension has scores in both runs" in " ".join(done.stdout.split())) == (3, True)
