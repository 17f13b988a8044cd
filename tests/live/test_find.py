"""Runs that are not named by their id: found by evaluation, model and attributes, or waited for."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
import scenarios
from scenarios import (
    Bot,
    correctness,
    evaluate,
    finish_run,
    log,
    questions,
    set_clock,
    through_api,
)

ROWS = questions(range(10))
NOW = datetime.now(timezone.utc)

DROP = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}"
FLOOR = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.5}"
EXACT = "- {name: floor, scorer: exact, metric: pass_rate, min: 0.5}"
BY_COMMIT = "candidate: {evaluation: answers, attributes: {git_sha: new}}"
BY_BRANCH = "baseline: {evaluation: answers, attributes: {git_branch: main}}"


def policy(*heads: str, gates: str = FLOOR) -> str:
    return "version: 1\n" + "\n".join(heads) + f"\ngates:\n{gates}\n"


def answers(*, name: str = "answers", wrong: tuple = (), **attributes: object) -> str:
    return evaluate(Bot(wrong=list(wrong)), ROWS, [correctness], name=name, attributes=attributes)


def note(outcome, name: str) -> str:
    return "\n".join(
        finding["message"] for finding in outcome.policy["findings"] if finding["name"] == name
    )


def test_the_commit_is_compared_with_the_branch(place):
    answers(git_sha="old", git_branch="main", wrong=(1, 2, 3))
    base = answers(git_sha="newer", git_branch="main", wrong=(1,))
    answers(git_sha="other", git_branch="topic")
    candidate = answers(git_sha="new", git_branch="topic", wrong=(4,))
    answers(git_sha="latest", git_branch="main")
    place.requests()
    outcome = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=DROP))
    assert outcome.code == 0, outcome.stderr
    assert outcome.policy["candidate"]["id"] == candidate
    assert outcome.policy["baseline"]["id"] == base
    # Only two list requests: a run that was found is not requested again for its status.
    assert [path for _, path in place.requests()].count("/calls/stream_query") == 2
    assert note(outcome, "several-runs-match") == (
        "2 runs match `evaluation=answers,attributes.git_branch=main`; the newest is the baseline"
    )
    said = place.gate(
        policy(gates=DROP),
        "--candidate=evaluation=answers,attributes.git_sha=new",
        "--baseline=attributes.git_branch=main",
    )
    assert said.report["policies"][0]["checks"] == outcome.report["policies"][0]["checks"]
    assert said.policy["baseline"]["id"] == base


def test_finding_both_runs_takes_two_requests_more_at_most(place):
    for number in range(300):
        log([], name="crowd", attributes={"git_branch": "main", "n": number})
    base = answers(git_branch="main")
    candidate = answers(git_sha="new", git_branch="topic")
    for _ in range(30):
        log([], name="crowd", attributes={"git_branch": "main"})
    place.requests()
    outcome = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=DROP))
    assert outcome.code == 0, outcome.stderr
    # Two requests find the runs, two read their summaries, and one for each run counts its calls.
    assert len(place.requests()) == 6
    ids = outcome.policy["candidate"]["id"], outcome.policy["baseline"]["id"]
    assert ids == (candidate, base)
    # Many runs match here. So the gate also requests the number of matches.
    crowd = policy("candidate: {evaluation: crowd}", "baseline: {attributes: {git_branch: main}}", gates=DROP)
    crowded = place.gate(crowd)
    assert len(place.requests()) == 8
    assert crowded.code == 3
    said = note(crowded, "several-runs-match").splitlines()
    assert said[0] == "330 runs match `evaluation=crowd`; the newest is the candidate"
    assert said[1].startswith("329 runs match `evaluation=crowd,attributes.git_branch=main`")


def test_all_three_ways_of_logging_are_found(place):
    sdk = answers(git_sha="sdk")
    logged = log([{"correctness": True}], name="nightly", attributes={"git_sha": "logger"})
    api = through_api(place.server, [True, True])
    for selector, run, gate in [
        ("evaluation=answers", sdk, FLOOR),
        ("attributes.git_sha=sdk", sdk, FLOOR),
        ("model=Bot", sdk, FLOOR),
        ("evaluation=nightly", logged, FLOOR),
        ("evaluation=Evaluation", logged, FLOOR),
        ("attributes.git_sha=logger", logged, FLOOR),
        ("model=loggedbot", logged, FLOOR),
        ("evaluation=api-answers", api, EXACT),
        ("model=api-bot", api, EXACT),
        ("latest", api, EXACT),
    ]:
        outcome = place.gate(policy(gates=gate), "--candidate", selector)
        assert outcome.code == 0, (selector, outcome.stderr, outcome.stdout)
        assert outcome.policy["candidate"]["id"] == run, selector


def test_latest_stays_with_the_policys_evaluation(place):
    mine = answers()
    answers(name="other")
    outcome = place.gate(policy("candidate: {evaluation: answers, attributes: {a: b}}"), "--candidate=latest")
    assert outcome.policy["candidate"]["id"] == mine
    outcome = place.gate(policy(), "--candidate=latest")
    assert outcome.policy["candidate"]["evaluation"] == "other"


def test_names_are_whole_and_versions_do_not_matter(place):
    first = answers(wrong=(1,))
    second = evaluate(Bot(), questions(range(12)), [correctness], name="answers")
    answers(name="answers-long")
    answers(name="long-answers")
    outcome = place.gate(policy("baseline: {run: %s}" % first, gates=DROP), "--candidate=evaluation=answers")
    assert outcome.policy["candidate"]["id"] == second
    assert "dataset-changed" in outcome.findings
    assert "2 runs match" in note(outcome, "several-runs-match")


def test_a_baseline_is_of_the_candidates_evaluation(place):
    base = answers(git_branch="main")
    answers(name="others", git_branch="main")
    candidate = answers(git_sha="new")
    outcome = place.gate(policy(BY_COMMIT, "baseline: {attributes: {git_branch: main}}", gates=DROP))
    assert outcome.code == 0, outcome.stdout
    assert (outcome.policy["candidate"]["id"], outcome.policy["baseline"]["id"]) == (candidate, base)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("attributes.n=5", True),
        ("attributes.n=5.0", True),
        ("attributes.n=55", False),
        ("attributes.f=0.5", True),
        ("attributes.b=true", True),
        ("attributes.b=false", False),
        ("attributes.digits=0123", True),
        ("attributes.digits=123", False),
        ("attributes.nested.deep.x=y", True),
        ("attributes.dotted.key=z", True),
        ("attributes.none=null", False),
        ("attributes.lacking=5", False),
        ("attributes.text=a b\\, c\"'", True),
        ("attributes.n=5,attributes.b=true,model=Bot", True),
        ("attributes.n=5,attributes.b=false", False),
    ],
)
def test_attributes_of_every_type(attributes_place, written, found):
    outcome = attributes_place.gate(policy(), "--candidate", written)
    assert outcome.code == (0 if found else 3), outcome.stderr


@pytest.fixture(scope="module")
def attributes_place(tmp_path_factory):
    from conftest import World

    place = World(tmp_path_factory.mktemp("attributes"))
    answers(
        n=5,
        f=0.5,
        b=True,
        digits="0123",
        nested={"deep": {"x": "y"}},
        none=None,
        text="a b, c\"'",
        **{"dotted.key": "z"},
    )
    answers()
    return place


def test_in_a_policy_numbers_and_truth_values_are_written_as_such(place):
    run = answers(build=7, nightly=True)
    answers(build=8, nightly=False)
    outcome = place.gate(policy("candidate: {attributes: {build: 7, nightly: true}}"))
    assert outcome.policy["candidate"]["id"] == run


def test_nothing_found_names_what_there_is(place):
    def said(selector: str) -> str:
        outcome = place.gate(policy(), f"--candidate={selector}")
        assert outcome.code == 3
        return outcome.stderr

    assert "the project has no evaluation runs at all" in said("latest")
    answers(git_sha="abc", git_branch="main")
    answers(name="answers-long", git_sha="def")
    place.requests()
    text = said("evaluation=answer")
    assert "no run of `my-team/support-bot` matches `evaluation=answer`" in text
    assert "evaluations of the newest 2 runs: `answers`, `answers-long`" in text
    assert len(place.requests()) == 2
    assert "values of `attributes.git_sha` in the newest 2 runs: `def`, `abc`" in said("attributes.git_sha=xyz")
    assert "there is no attribute `git_sah` in the newest 2 runs, but `git_sha`, `git_branch`" in said("attributes.git_sah=abc")
    assert "models of the newest 2 runs: `Bot`" in said("model=Bott")
    assert "each part of it matches some of the newest 2 runs, and no run matches all of it" in said("evaluation=answers,attributes.git_sha=def")


def test_a_baseline_is_finished_older_and_another_run(place):
    only = answers(git_branch="main")
    alone = place.gate(policy(f"candidate: {{run: {only}}}", BY_BRANCH, gates=DROP))
    assert alone.code == 3
    assert "what matches, of the newest run: the candidate itself" in note(alone, "no-baseline")
    old = answers(git_branch="main")
    answers(git_branch="main")
    unfinished = log([{"correctness": True}], name="answers", attributes={"git_branch": "main"}, finish=False)
    failed = log([{"correctness": True}], name="answers", attributes={"git_branch": "main"}, fail=True)
    candidate = answers(git_sha="new", git_branch="main")
    newer = answers(git_branch="main")
    for run, hours in [(only, 9), (old, 5), (unfinished, 3), (failed, 2)]:
        set_clock(place.server, run, NOW - timedelta(hours=hours))
    set_clock(place.server, candidate, NOW - timedelta(hours=1))
    # A run with a later start time is newer, whenever it was logged.
    outcome = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=DROP))
    assert outcome.policy["baseline"]["id"] == old
    assert "2 runs match" in note(outcome, "several-runs-match")
    accepted = place.gate(policy(BY_COMMIT, BY_BRANCH, "accept_status: [completed, failed]", gates=DROP))
    assert accepted.policy["baseline"]["id"] == failed
    set_clock(place.server, newer, NOW - timedelta(hours=1, minutes=1))
    outcome = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=DROP))
    assert outcome.policy["baseline"]["id"] == newer


def test_clocks_that_are_wrong(place):
    ahead = answers(git_branch="main")
    base = answers(git_branch="main")
    candidate = answers(git_sha="new")
    tokyo = timezone(timedelta(hours=9))
    set_clock(place.server, ahead, NOW + timedelta(days=400))
    set_clock(place.server, base, (NOW - timedelta(minutes=9)).astimezone(tokyo))
    outcome = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=DROP))
    assert (outcome.policy["candidate"]["id"], outcome.policy["baseline"]["id"]) == (candidate, base)
    # The candidate's own clock may be ahead as well.
    set_clock(place.server, candidate, NOW + timedelta(days=401), NOW + timedelta(days=401))
    outcome = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=DROP))
    assert outcome.policy["baseline"]["id"] == ahead


def test_an_old_baseline_is_stale(place):
    base = answers(git_branch="main")
    answers(git_sha="new")
    month = NOW - timedelta(days=31)
    set_clock(place.server, base, month, month)
    stale = place.gate(policy(BY_COMMIT, BY_BRANCH.replace("}}", "}, max_age: 30d}"), gates=DROP))
    assert (stale.code, stale.findings) == (3, {"baseline-stale"})
    assert stale.policy["baseline"]["id"] == base
    young = place.gate(policy(BY_COMMIT, BY_BRANCH.replace("}}", "}, max_age: 5w}"), gates=DROP))
    assert young.code == 0, young.stdout


def test_no_baseline_is_skipped_where_the_policy_says_so(place):
    answers(git_sha="new")
    lenient = BY_BRANCH.replace("}}", "}, required: false}")
    outcome = place.gate(policy(BY_COMMIT, lenient, gates=f"{DROP}\n{FLOOR}"))
    assert (outcome.code, outcome.findings) == (0, {"no-baseline"})
    assert [check["status"] for check in outcome.checks] == ["skipped", "pass"]
    strict = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=f"{DROP}\n{FLOOR}"))
    assert (strict.code, strict.findings) == (3, {"no-baseline"})
    assert "there is no attribute `git_branch` in the newest run, but `git_sha`" in note(strict, "no-baseline")


def test_a_rescored_run_is_no_baseline_of_its_source(place):
    drop = DROP.replace("correctness", "exact")
    source = through_api(place.server, [True] * 4)
    first = through_api(place.server, [True] * 4, rescores=source)
    second = through_api(place.server, [True] * 4, rescores=source)
    for run, minutes in [(source, 9), (first, 8), (second, 7)]:
        set_clock(place.server, run, NOW - timedelta(minutes=minutes))
    for candidate in (source, first, second):
        outcome = place.gate(policy(gates=drop), "--candidate", candidate, "--baseline=evaluation=api-answers")
        assert (outcome.code, outcome.findings) == (3, {"no-baseline", "completeness-unknown"}), candidate
    other = through_api(place.server, [True] * 4)
    set_clock(place.server, other, NOW - timedelta(minutes=10))
    outcome = place.gate(policy(gates=drop), "--candidate", second, "--baseline=evaluation=api-answers")
    assert outcome.code == 0, outcome.stdout
    assert outcome.policy["baseline"]["id"] == other


def test_a_running_candidate_is_found_and_undecided(place):
    answers(git_sha="new")
    running = log([{"correctness": True}], name="answers", attributes={"git_sha": "new"}, finish=False)
    outcome = place.gate(policy(BY_COMMIT))
    assert outcome.policy["candidate"]["id"] == running
    assert (outcome.code, "run-not-finished" in outcome.findings) == (3, True)


def waiting(place, *arguments: str, by: str = BY_COMMIT) -> subprocess.Popen:
    (place.work / "gates.yaml").write_text(policy(by))
    return subprocess.Popen(
        [place.binary, "check", "--report=r.md", *place.here, *arguments],
        cwd=place.work,
        env={"HOME": str(place.work), "WANDB_API_KEY": "0123456789abcdef0123456789abcdef01234567"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_that_appears_and_finishes_while_we_wait(place):
    answers(git_sha="old")
    process = waiting(place, "--wait", "30s", "--candidate", "evaluation=api-answers", by="")
    time.sleep(1.5)
    run = through_api(place.server, [True] * 3, scorer="correctness", finish=False)
    time.sleep(3)
    assert process.poll() is None
    finish_run(place.server, run)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    lines = stderr.splitlines()
    assert lines[0] == "waiting 0s of 30s for evaluation=api-answers: no run matches yet"
    # On a slow machine the run is seen before all of its rows are logged.
    assert re.search(rf"run {run} is still running, ([1-3]) of \1 rows$", lines[1]), lines[1]
    assert len(lines) == 2
    assert "PASSED: " in stdout


def test_a_run_that_is_named_by_id_is_waited_for(place):
    run = through_api(place.server, [True] * 3, scorer="correctness", finish=False)
    timer = threading.Timer(1.5, finish_run, (place.server, run))
    timer.start()
    stdout, stderr = waiting(place, "--wait=30s", "--candidate", run, by="").communicate(timeout=30)
    assert "PASSED: " in stdout, stderr
    timer.join()


def test_a_run_that_never_comes_or_never_ends(place):
    answers(git_sha="old")
    process = waiting(place, "--wait", "2s")
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "waited 2s for evaluation=answers,attributes.git_sha=new in my-team/support-bot; last seen:" in stderr
    assert "values of `attributes.git_sha` in the newest run: `old`" in stderr
    assert "no verdict" in (place.work / "r.md").read_text()
    run = log([{"correctness": True}], name="answers", attributes={"git_sha": "new"}, finish=False)
    place.requests()
    process = waiting(place, "--wait", "4s", "-q")
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 3
    assert stderr.startswith(f"error: waited 4s for evaluation=answers,attributes.git_sha=new in my-team/support-bot; last seen: run {run} is still running")
    # After 0, 1 and 2.5 seconds, and at the end.
    looks = [path for _, path in place.requests() if path == "/calls/stream_query"]
    assert len(looks) == 4
    process = waiting(place, "--wait", "2s", "--candidate=nobody")
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "last seen: there is no run `nobody`" in stderr


def test_a_job_with_the_key_saves_what_a_job_without_judges(place):
    answers(git_branch="main", wrong=(1,))
    answers(git_sha="new", wrong=(1, 2, 3))
    answers(git_sha="other")
    live = place.gate(policy(BY_COMMIT, BY_BRANCH, gates=DROP))
    for name, run in [
        ("candidate", "evaluation=answers,attributes.git_sha=new"),
        ("baseline", "evaluation=answers,attributes.git_branch=main"),
    ]:
        done = place.run("snapshot", run, "--rows", "-o", f"{name}.json", "--wait=5s", *place.here)
        assert done.returncode == 0, done.stderr
    place.requests()
    arguments = ["check", "--candidate=file:candidate.json", "--baseline=file:baseline.json", "--format=json"]
    done = place.run(*arguments, key=None)
    assert done.returncode == 1, done.stderr
    assert place.requests() == []
    checks = [report["policies"][0]["checks"] for report in (json.loads(done.stdout), live.report)]
    assert checks[0] == checks[1]
    # A baseline from a file with a candidate from a search, and the reverse.
    mixed = place.gate(policy(BY_COMMIT, "baseline: {file: baseline.json}", gates=DROP))
    assert mixed.checks == live.checks
    mixed = place.gate(policy("candidate: {file: candidate.json}", BY_BRANCH, gates=DROP))
    assert mixed.checks == live.checks


def test_a_snapshot_keeps_what_a_run_was_rescored_from(place):
    drop = DROP.replace("correctness", "exact")
    source = through_api(place.server, [True] * 4)
    rescored = through_api(place.server, [True] * 4, rescores=source)
    assert place.run("snapshot", rescored, "-o", "rescored.json", *place.here).returncode == 0
    outcome = place.gate(policy("candidate: {file: rescored.json}", "baseline: {model: api-bot}", gates=drop))
    assert (outcome.code, outcome.findings) == (3, {"no-baseline", "completeness-unknown"})


def test_a_snapshot_of_an_unfinished_run_says_so(place):
    log([{"correctness": True}], name="nightly", finish=False)
    done = place.run("snapshot", "evaluation=nightly", "-o", "running.json", *place.here)
    assert done.returncode == 0
    assert "is running" in done.stderr


def test_the_evaluations_of_a_logger_are_told_apart_by_its_name(place):
    base = log([{"correctness": True}] * 4, name="nightly", attributes={"git_branch": "main"})
    log([{"correctness": False}] * 4, name="other-nightly", attributes={"git_branch": "main"})
    candidate = log([{"correctness": False}] * 4, name="nightly")
    assert place.run("snapshot", candidate, "-o", "candidate.json", *place.here).returncode == 0
    for run in (candidate, "evaluation=nightly", "file:candidate.json"):
        outcome = place.gate(policy("baseline: {attributes: {git_branch: main}}", gates=DROP), "--candidate", run)
        assert (outcome.code, outcome.policy["baseline"]["id"]) == (1, base), (run, outcome.stderr)
        # Each logger run has a separate version of its evaluation. That version has no meaning.
        assert outcome.findings <= {"scorers-unknown", "several-runs-match"}
        assert outcome.policy["candidate"]["evaluation"] == "nightly"
    text = place.run("init", candidate, "-o", "drafted.yaml", *place.here)
    assert "evaluation: nightly" in (place.work / "drafted.yaml").read_text(), text.stderr


def test_a_rescoring_of_a_rescoring_has_the_same_outputs(place):
    drop = DROP.replace("correctness", "exact")
    runs = [through_api(place.server, [True] * 4)]
    for _ in range(3):
        runs.append(through_api(place.server, [True] * 4, rescores=runs[-1]))
    for run, minutes in zip(runs, range(9, 0, -1), strict=False):
        set_clock(place.server, run, NOW - timedelta(minutes=minutes))
    outcome = place.gate(policy(gates=drop), "--candidate", runs[-1], "--baseline=model=api-bot")
    assert (outcome.code, outcome.findings) == (3, {"no-baseline", "completeness-unknown"})
    assert "the candidate itself, 3 scored from the same outputs" in note(outcome, "no-baseline").replace(
        "3 scored from the same outputs, the candidate itself", "the candidate itself, 3 scored from the same outputs"
    )


def test_large_numbers_and_dots_in_keys(place):
    run = answers(build=1234567890123456789, git={"a.b": "deep"})
    for selector, found in [
        ("attributes.build=1234567890123456789", True),
        ("attributes.build=1234567890123456788", False),
        ("attributes.git.a.b=deep", True),
    ]:
        outcome = place.gate(policy(), "--candidate", selector)
        assert outcome.code == (0 if found else 3), (selector, outcome.stderr)
        assert not found or outcome.policy["candidate"]["id"] == run


def test_a_snapshot_of_the_newest_that_has_completed(place):
    base = answers(git_branch="main")
    log([{"correctness": True}], name="answers", attributes={"git_branch": "main"}, finish=False)
    log([{"correctness": True}], name="answers", attributes={"git_branch": "main"}, fail=True)
    selector = "evaluation=answers,attributes.git_branch=main"
    done = place.run("snapshot", selector, "--completed", "-o", "base.json", *place.here)
    assert done.returncode == 0, done.stderr
    assert [run["run"] for run in json.loads((place.work / "base.json").read_text())["runs"]] == [base]
    assert "warning" not in done.stderr
