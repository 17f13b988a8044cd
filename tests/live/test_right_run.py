"""Which runs are judged: re-runs of one commit, complete runs, the run that the policy selects, the baseline."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import scenarios
import weave
from conftest import KEY
from scenarios import Bot, Flaky, correctness, delete, evaluate, flaky, log, logged_by, questions, set_clock, through_api

NOW = datetime.now(timezone.utc)
SCRIPT = Path(__file__).with_name("logger_script.py")

MIN = "- {name: min, scorer: correctness, metric: pass_rate, min: 0.90}"
LOW = "- {name: min, scorer: correctness, metric: pass_rate, min: 0.5}"
DROP = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}"
EXACT = "- {name: min, scorer: exact, metric: pass_rate, min: 0.5}"

CANDIDATE = 'candidate: {evaluation: answers, commit: "${GATE_SHA}"}'
ON_MAIN = "baseline: {branch: main}"


def commit(number: int) -> str:
    """Returns a different full commit for each number below 100."""
    return f"{number:02d}" * 20


def policy(*head: str, gates: str = MIN) -> str:
    return "\n".join(["version: 1", *head, "gates:", gates, ""])


def sha(number: int) -> dict[str, str]:
    return {"GATE_SHA": commit(number)}


def run_of(
    number: int | None,
    right: int,
    of: int = 10,
    *,
    branch: str = "topic",
    name: str = "answers",
    bot: type[Flaky] = Flaky,
    first: int = 0,
    trials: int = 1,
    crash: tuple[int, ...] = (),
    **attributes: object,
) -> str:
    """Logs a run of a commit in which this many of its rows are right."""
    if number is not None:
        attributes |= {"git_sha": commit(number), "git_branch": branch}
    wrong = list(range(first + right, first + of))
    rows = questions(range(first, first + of))
    return evaluate(
        flaky(wrong, crash, bot), rows, [correctness], name=name, attributes=attributes, trials=trials
    )


def snapshot(place, run: str, name: str = "run.json", *arguments: str) -> str:
    """Takes a snapshot, and returns the argument that names it."""
    done = place.run("snapshot", run, "-o", name, *arguments, *place.here)
    assert done.returncode == 0, done.stderr
    return f"file:{name}"


def listed(outcome) -> set[str]:
    """Returns the runs that the JSON report lists."""
    return {run["id"] for run in outcome.policy["runs"]}


# Re-runs of one commit


def test_a_failing_run_on_main_that_is_logged_again_stays_red(place):
    base = run_of(1, 10, branch="main")
    run_of(2, 6, branch="main")
    first = place.gate(policy(CANDIDATE, ON_MAIN, gates=DROP), env=sha(2))
    assert (first.code, first.policy["baseline"]["id"]) == (1, base)
    run_of(2, 6, branch="main")
    again = place.gate(policy(CANDIDATE, ON_MAIN, gates=DROP), env=sha(2))
    assert (again.code, again.policy["baseline"]["id"]) == (1, base), again.stdout
    # The same holds if only the branch is named, and the newest run of it is the candidate.
    newest = place.gate(policy("candidate: {evaluation: answers, branch: main}", ON_MAIN, gates=DROP))
    assert (newest.code, newest.policy["baseline"]["id"]) == (1, base), newest.stdout


def test_a_clean_commit_stays_green(place):
    run_of(1, 10, branch="main")
    run_of(2, 10)
    outcome = place.gate(policy(CANDIDATE, ON_MAIN, gates=f"{MIN}\n{DROP}"), env=sha(2))
    assert (outcome.code, outcome.findings) == (0, set()), outcome.stdout


@pytest.mark.parametrize("order", [(86, 88, 93), (93, 88, 86), (88, 93, 86)])
def test_three_tries_are_one_measurement(place, order):
    runs = [run_of(2, right, 100) for right in order]
    outcome = place.gate(policy(CANDIDATE), env=sha(2))
    assert outcome.code == 1, outcome.stdout
    check = outcome.check("min")
    assert (check["status"], check["candidate"]) == ("fail", 0.89)
    assert outcome.effect("reruns-pooled") == "note"
    assert listed(outcome) >= set(runs)
    assert outcome.policy["candidate"]["id"] == runs[-1]
    assert outcome.policy["candidate"]["rows"] == 100
    for right in order:
        assert re.search(rf"\b{right}(\.0)? %|\b0\.{right}\b", outcome.stdout), (right, outcome.stdout)
    # The result is the same however the candidate is named.
    for named in (runs[0], runs[2], f"evaluation=answers,commit={commit(2)}"):
        other = place.gate(policy(CANDIDATE), "--candidate", named, env=sha(2))
        assert (other.code, other.check("min")["candidate"]) == (1, 0.89), (named, other.stdout)


def test_re_runs_that_all_hold_stay_green(place):
    runs = [run_of(2, right, 20) for right in (19, 20, 18)]
    outcome = place.gate(policy(CANDIDATE), env=sha(2))
    assert (outcome.code, outcome.check("min")["candidate"]) == (0, 0.95), outcome.stdout
    assert listed(outcome) >= set(runs)


def test_a_single_run_and_one_with_three_trials_are_no_re_runs(place):
    run_of(2, 18, 20)
    run_of(3, 18, 20, trials=3)
    for number in (2, 3):
        outcome = place.gate(policy(CANDIDATE), env=sha(number))
        assert (outcome.code, outcome.check("min")["candidate"]) == (0, 0.9), outcome.stdout
        assert outcome.findings == set()


def test_a_pool_passes_only_if_its_newest_run_does(place):
    run_of(2, 100, 100)
    newest = run_of(2, 85, 100)
    outcome = place.gate(policy(CANDIDATE), env=sha(2))
    assert (outcome.code, outcome.report["verdict"]) == (3, "undecided")
    assert "newest-run-worse" in outcome.findings
    assert outcome.policy["candidate"]["id"] == newest
    run_of(2, 90, 100)
    assert place.gate(policy(CANDIDATE), env=sha(2)).code == 0


def test_a_pooled_change_is_measured_with_its_newest_run_too(place):
    run_of(1, 19, 20, branch="main")
    run_of(2, 20, 20)
    run_of(2, 17, 20)
    # The pool has 18.5 of 20 against 19, a drop within 5 points. The newest run has 17 against 19, a larger drop.
    outcome = place.gate(policy(CANDIDATE, ON_MAIN, gates=DROP), env=sha(2))
    assert outcome.code == 3, outcome.stdout
    assert "newest-run-worse" in outcome.findings


def test_only_the_newest_run_is_judged_where_the_policy_says_so(place):
    runs = [run_of(2, right, 100) for right in (86, 88, 93)]
    newest = 'candidate: {evaluation: answers, commit: "${GATE_SHA}", reruns: newest}'
    outcome = place.gate(policy(newest), env=sha(2))
    assert (outcome.code, outcome.check("min")["candidate"]) == (0, 0.93), outcome.stderr
    said = outcome.message("reruns-left-out")
    assert outcome.effect("reruns-left-out") == "warning"
    for run, right in zip(runs[:2], (86, 88), strict=True):
        assert run in said and re.search(rf"\b{right}(\.0)? %|\b0\.{right}\b", said), said


def test_several_runs_are_refused_where_the_policy_says_so(place):
    refuse = 'candidate: {evaluation: answers, commit: "${GATE_SHA}", reruns: refuse}'
    run_of(2, 10)
    assert place.gate(policy(refuse), env=sha(2)).code == 0
    run_of(2, 10)
    outcome = place.gate(policy(refuse), env=sha(2))
    assert (outcome.code, outcome.report["verdict"]) == (3, "undecided")
    run_of(3, 10)
    assert place.gate(policy(refuse), env=sha(3)).code == 0


def test_a_re_run_that_still_runs_leaves_the_pool_undecided(place):
    named = {"git_sha": commit(2)}
    by_commit = policy('candidate: {commit: "${GATE_SHA}"}')
    done = log([{"correctness": True}], name="nightly", attributes=named)
    running = log([{"correctness": True}], name="nightly", attributes=named, finish=False)
    outcome = place.gate(by_commit, env=sha(2))
    assert (outcome.code, "run-not-finished" in outcome.findings) == (3, True), outcome.stdout
    # The same holds if the running run is not the newest.
    set_clock(place.server, running, NOW - timedelta(hours=23))
    outcome = place.gate(by_commit, env=sha(2))
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (3, done), outcome.stdout
    # After a day the running run counts as abandoned. Then the newest of the other runs is the candidate.
    set_clock(place.server, running, NOW - timedelta(hours=25))
    outcome = place.gate(by_commit, env=sha(2))
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, done), outcome.stdout
    assert running in outcome.message("reruns-left-out")


def test_a_re_run_that_still_runs_is_waited_for(place):
    first = through_api(place.server, [True] * 4)
    second = through_api(place.server, [True] * 4, finish=False)
    for run in (first, second):
        scenarios.set_attribute(place.server, run, "git_sha", commit(2))
    timer = threading.Timer(1.5, scenarios.finish_run, (place.server, second))
    timer.start()
    selector = f"evaluation=api-answers,commit={commit(2)}"
    outcome = place.gate(policy(gates=EXACT), "--wait=30s", "--candidate", selector)
    timer.join()
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert f"run {second} is still running" in outcome.stderr
    assert listed(outcome) >= {first, second}


@pytest.mark.parametrize("ending", ["failed", "incomplete"])
def test_broken_re_runs_are_left_out_if_the_newest_is_complete(place, ending):
    def broken() -> str:
        named = {"git_sha": commit(2)}
        if ending == "failed":
            return log([{"correctness": True}], name="nightly", attributes=named, fail=True)
        return logged_by([{"correctness": True}], "finish", name="nightly", model="logged-bot", attributes=named)

    by_commit = 'candidate: {evaluation: nightly, commit: "${GATE_SHA}"}'
    old = broken()
    log([{"correctness": True}] * 5, name="nightly", attributes={"git_sha": commit(2)})
    outcome = place.gate(policy(by_commit), env=sha(2))
    assert outcome.code == 0, outcome.stdout
    assert outcome.effect("reruns-left-out") == "warning"
    assert old in outcome.message("reruns-left-out")
    assert outcome.policy["candidate"]["trials"] == 5
    broken()
    outcome = place.gate(policy(by_commit), env=sha(2))
    assert outcome.code == 3, outcome.stdout
    assert ("run-failed" if ending == "failed" else "run-incomplete") in outcome.findings


def test_shards_are_told_apart(place):
    run_of(2, 10, first=0, shard=1)
    run_of(2, 10, first=10, shard=2)
    outcome = place.gate(policy(CANDIDATE), env=sha(2))
    assert outcome.code == 3, outcome.stdout
    assert "reruns-ambiguous" in outcome.findings
    assert "attributes" in outcome.help("reruns-ambiguous")
    one = 'candidate: {evaluation: answers, commit: "${GATE_SHA}", attributes: {shard: 2}}'
    assert place.gate(policy(one), env=sha(2)).code == 0


def test_a_matrix_of_models_under_one_class_name_is_told_apart(place):
    for tokens, size in enumerate(("small", "large")):
        evaluate(
            Bot(tokens=tokens),
            questions(range(10)),
            [correctness],
            attributes={"git_sha": commit(2), "size": size},
        )
    outcome = place.gate(policy(CANDIDATE), env=sha(2))
    assert outcome.code == 3, outcome.stdout
    assert "reruns-ambiguous" in outcome.findings
    one = 'candidate: {evaluation: answers, commit: "${GATE_SHA}", attributes: {size: small}}'
    assert place.gate(policy(one), env=sha(2)).code == 0


def test_runs_of_other_models_are_no_re_runs(place):
    class Other(Flaky):
        pass

    run_of(2, 10)
    run_of(2, 0, bot=Other)
    mine = 'candidate: {evaluation: answers, commit: "${GATE_SHA}", model: Flaky}'
    assert place.gate(policy(mine), env=sha(2)).code == 0
    theirs = mine.replace("Flaky", "Other")
    assert place.gate(policy(theirs), env=sha(2)).code == 1


def test_a_run_is_excluded_with_a_reason(place):
    outage = run_of(2, 10, 20)
    run_of(2, 19, 20)
    assert place.gate(policy(CANDIDATE), env=sha(2)).code == 1
    excluded = place.gate(policy(CANDIDATE), "--exclude-run", outage, "--reason", "the vendor was down", env=sha(2))
    assert excluded.code == 0, excluded.stdout
    assert excluded.effect("run-excluded") == "warning"
    assert outage in excluded.message("run-excluded") and "the vendor was down" in excluded.message("run-excluded")
    assert "the vendor was down" in excluded.stdout
    (place.work / "gates.yaml").write_text(policy(CANDIDATE))
    silent = place.run("check", "gates.yaml", "--exclude-run", outage, *place.here, env=sha(2))
    assert silent.returncode == 2


def test_crashed_calls_of_a_re_run_are_missing_scores(place):
    run_of(2, 20, 20)
    run_of(2, 20, 20, crash=(0, 1, 2, 3, 4, 5, 6, 7))
    run_of(2, 20, 20)
    outcome = place.gate(policy(CANDIDATE), env=sha(2))
    assert outcome.code == 3, outcome.stdout
    # 52 of 60 trials are known to be right, and 8 are unknown.
    low, high = outcome.check("min")["candidate_range"]
    assert (low, high) == (pytest.approx(52 / 60), 1.0)


def test_unnamed_logger_runs_without_a_dataset_are_never_pooled(place):
    for passed in (False, True):
        logged_by([{"correctness": passed}] * 4, "summary", attributes={"git_sha": commit(2)})
    outcome = place.gate(policy('candidate: {commit: "${GATE_SHA}"}'), env=sha(2))
    assert "reruns-pooled" not in outcome.findings
    assert not any(check["trials"] == 8 for check in outcome.checks), outcome.stdout


def test_a_run_without_a_commit_stands_alone(place):
    run_of(None, 0)
    newest = run_of(None, 10)
    outcome = place.gate(policy("candidate: {evaluation: answers}"))
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, newest)
    assert (outcome.policy["candidate"]["rows"], outcome.policy["candidate"]["trials"]) == (10, 10)


def test_more_runs_that_are_no_better_never_turn_red_into_green(place):
    run_of(1, 10, branch="main")
    scores = [9, 8, 9, 7]
    for count in range(1, len(scores) + 1):
        run_of(2, scores[count - 1])
        outcome = place.gate(policy(CANDIDATE, ON_MAIN, gates=DROP), env=sha(2))
        assert outcome.code == 1, (count, outcome.stdout)


# Commits and branches


def test_commits_match_by_seven_characters_or_more(place):
    full = "0123456cafe0123456cafe0123456cafe01234567"
    run = evaluate(Bot(), questions(range(4)), [correctness], attributes={"git_sha": full})
    for short in (full[:7], full[:12], full):
        outcome = place.gate(policy(CANDIDATE), env={"GATE_SHA": short})
        assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, run), (short, outcome.stderr)
    assert place.gate(policy(CANDIDATE), env={"GATE_SHA": full[:7] + "0"}).code == 3
    (place.work / "gates.yaml").write_text(policy('candidate: {evaluation: answers, commit: "012345"}'))
    assert place.run("check", "gates.yaml", *place.here).returncode in (2, 3)


def test_a_short_commit_that_was_logged_is_found_by_the_full_one(place):
    full = "fedcba9876543210fedcba9876543210fedcba98"
    run = evaluate(flaky(), questions(range(4)), [correctness], attributes={"git_sha": full[:7]})
    outcome = place.gate(policy(CANDIDATE), env={"GATE_SHA": full})
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, run), outcome.stderr
    # Its re-runs may have the full commit.
    evaluate(flaky([0, 1, 2, 3]), questions(range(4)), [correctness], attributes={"git_sha": full})
    outcome = place.gate(policy(CANDIDATE), env={"GATE_SHA": full})
    assert (outcome.code, outcome.check("min")["candidate"]) == (1, 0.5), outcome.stdout


def test_a_prefix_of_two_commits_is_ambiguous(place):
    for tail in "ab":
        evaluate(Bot(), questions(range(4)), [correctness], attributes={"git_sha": "0123456" + tail * 33})
    outcome = place.gate(policy(CANDIDATE), env={"GATE_SHA": "0123456"})
    assert (outcome.code, outcome.report["verdict"]) == (3, "undecided")
    assert "commit-ambiguous" in outcome.findings
    assert place.gate(policy(CANDIDATE), env={"GATE_SHA": "0123456a"}).code == 0


def test_the_attributes_that_hold_commit_and_branch_have_names_of_their_own(place):
    rows = questions(range(10))
    base = evaluate(flaky(), rows, [correctness], attributes={"vcs": {"rev": commit(1)}, "ref": "main"})
    for wrong in ([0, 1, 2], [0]):
        evaluate(flaky(wrong), rows, [correctness], attributes={"vcs": {"rev": commit(2)}, "ref": "main"})
    head = "identity: {commit: vcs.rev, branch: ref}"
    outcome = place.gate(policy(head, CANDIDATE, ON_MAIN, gates=DROP), env=sha(2))
    assert (outcome.code, outcome.policy["baseline"]["id"]) == (1, base), outcome.stdout
    assert outcome.check("drop")["candidate"] == 0.8


# The baseline


def test_the_baseline_is_the_newest_commit_with_all_its_re_runs(place):
    run_of(1, 10, branch="main")
    two = [run_of(2, right, branch="main") for right in (10, 6)]
    run_of(3, 8)
    outcome = place.gate(policy(CANDIDATE, ON_MAIN, gates=DROP), env=sha(3))
    # 8 of 10 against 16 of 20.
    assert outcome.code == 0, outcome.stdout
    assert outcome.check("drop")["baseline"] == 0.8
    assert listed(outcome) >= set(two)


def test_two_models_of_one_commit_are_a_fair_comparison(place):
    class Cheap(Flaky):
        pass

    base = run_of(2, 10)
    run_of(2, 10, bot=Cheap)
    head = 'candidate: {evaluation: answers, commit: "${GATE_SHA}", model: Cheap}'
    outcome = place.gate(policy(head, "baseline: {model: Flaky}", gates=DROP), env=sha(2))
    assert (outcome.code, outcome.policy["baseline"]["id"]) == (0, base), outcome.stdout
    # With one model there is no comparison: a run of the candidate's commit cannot be its baseline.
    same = place.gate(policy(head, "baseline: {model: Cheap}", gates=DROP), env=sha(2))
    assert (same.code, "no-baseline" in same.findings) == (3, True), same.stdout


def test_an_incomplete_baseline_is_passed_over(place):
    def on_main(number: int, ending: str) -> str:
        named = {"git_sha": commit(number), "git_branch": "main"}
        return logged_by([{"correctness": True}] * 5, ending, name="nightly", attributes=named)

    base = on_main(1, "summary")
    broken = on_main(2, "finish")
    log([{"correctness": True}] * 5, name="nightly", attributes={"git_sha": commit(3)})
    head = 'candidate: {evaluation: nightly, commit: "${GATE_SHA}"}'
    outcome = place.gate(policy(head, ON_MAIN, gates=DROP), env=sha(3))
    assert (outcome.code, outcome.policy["baseline"]["id"]) == (0, base), outcome.stdout
    assert outcome.effect("baseline-skipped") == "note"
    assert broken in outcome.message("baseline-skipped")
    # If it is named explicitly, limits on changes are undecided.
    named = place.gate(policy(head, gates=f"{MIN}\n{DROP}"), "--baseline", broken, env=sha(3))
    assert (named.code, "run-incomplete" in named.findings) == (3, True), named.stdout
    assert [check["status"] for check in named.checks] == ["pass", "undecided"]


def test_a_baseline_with_deleted_calls_is_passed_over(place):
    base = run_of(1, 10, branch="main")
    broken = run_of(2, 9, branch="main")
    delete(place.server, broken, wrong=True)
    run_of(3, 10)
    outcome = place.gate(policy(CANDIDATE, ON_MAIN, gates=DROP), env=sha(3))
    assert (outcome.code, outcome.policy["baseline"]["id"]) == (0, base), outcome.stdout
    assert broken in outcome.message("baseline-skipped")


def test_a_baseline_that_is_newer_than_the_candidate_is_a_warning(place):
    candidate, newer = run_of(2, 10), run_of(3, 10)
    outcome = place.gate(policy(gates=DROP), "--candidate", candidate, "--baseline", newer)
    assert outcome.code == 0, outcome.stdout
    assert outcome.effect("baseline-newer") == "warning"
    outcome = place.gate(policy(gates=DROP), "--candidate", newer, "--baseline", candidate)
    assert (outcome.code, outcome.findings) == (0, set())


def test_the_rescoring_and_the_source_of_a_run_are_the_same_run(place):
    drop = EXACT.replace("min: 0.5", "max_drop: 0")
    source = through_api(place.server, [True] * 4)
    rescored = through_api(place.server, [True] * 4, rescores=source)
    again = through_api(place.server, [True] * 4, rescores=source)
    elsewhere = through_api(place.server, [True] * 4)
    for candidate, base in [(rescored, source), (source, rescored), (rescored, again)]:
        outcome = place.gate(policy(gates=drop), "--candidate", candidate, "--baseline", base)
        assert (outcome.code, "same-run" in outcome.findings) == (3, True), outcome.stdout
        # The same holds between a file and a run.
        files = [snapshot(place, candidate, "a.json"), snapshot(place, base, "b.json")]
        for ours, theirs in [(files[0], base), (candidate, files[1]), files]:
            outcome = place.gate(policy(gates=drop), "--candidate", ours, "--baseline", theirs)
            assert (outcome.code, "same-run" in outcome.findings) == (3, True), outcome.stdout
    # A run that was rescored elsewhere can be a baseline like any other run.
    outcome = place.gate(policy(gates=drop), "--candidate", elsewhere, "--baseline", source)
    assert outcome.code == 0, outcome.stdout
    outcome = place.gate(policy(gates=drop), "--candidate", elsewhere, "--baseline", rescored)
    assert outcome.code == 0, outcome.stdout


def test_after_first_skips_changes_only_while_there_is_nothing_to_compare_with(place):
    head = "baseline: {branch: main, required: after-first}"
    first = run_of(1, 10)
    outcome = place.gate(policy(CANDIDATE, head, gates=f"{MIN}\n{DROP}"), env=sha(1))
    assert outcome.code == 0, outcome.stdout
    assert [check["status"] for check in outcome.checks] == ["pass", "skipped"]
    assert "no-baseline" in outcome.findings
    # Two weeks after the evaluation's first run, the missing baseline is no longer accepted.
    set_clock(place.server, first, NOW - timedelta(days=15), NOW - timedelta(days=15))
    run_of(2, 10)
    late = place.gate(policy(CANDIDATE, head, gates=f"{MIN}\n{DROP}"), env=sha(2))
    assert (late.code, "no-baseline" in late.findings) == (3, True), late.stdout
    # The first run on the branch has no other run to compare with.
    set_clock(place.server, first, NOW - timedelta(days=2), NOW - timedelta(days=2))
    main = run_of(3, 10, branch="main")
    outcome = place.gate(policy(CANDIDATE, head, gates=f"{MIN}\n{DROP}"), env=sha(3))
    assert [check["status"] for check in outcome.checks] == ["pass", "skipped"]
    run_of(4, 10)
    found = place.gate(policy(CANDIDATE, head, gates=f"{MIN}\n{DROP}"), env=sha(4))
    assert found.code == 0, found.stdout
    assert [check["status"] for check in found.checks] == ["pass", "pass"]
    # A baseline that matches but is unusable is no reason to skip.
    delete(place.server, main)
    unusable = place.gate(policy(CANDIDATE, head, gates=f"{MIN}\n{DROP}"), env=sha(4))
    assert (unusable.code, "no-baseline" in unusable.findings) == (3, True), unusable.stdout


# Complete runs


@pytest.mark.parametrize("ending", ["crash", "kill"])
def test_the_run_of_a_script_that_crashed_is_not_complete(place, ending):
    arguments = [place.running.url, KEY, place.project, "6", ending, f"git_sha={commit(2)}"]
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=120, check=False)
    run = done.stdout.split()[0]
    assert done.returncode != 0
    by_commit = 'candidate: {evaluation: answers, commit: "${GATE_SHA}"}'
    finding = "run-incomplete" if ending == "crash" else "run-not-finished"
    for named in ([], ["--candidate", run]):
        outcome = place.gate(policy(by_commit), *named, env=sha(2))
        assert outcome.code == 3, outcome.stdout
        assert finding in outcome.findings
    if ending == "crash":
        assert "log_summary" in outcome.stdout


@pytest.mark.parametrize("ending", ["finish", "exit handler"])
def test_a_logger_that_never_logged_a_summary_is_not_complete(place, ending):
    run = logged_by([{"correctness": True}] * 12, ending, name="nightly")
    file = snapshot(place, run)
    for named in (run, "evaluation=nightly", file):
        outcome = place.gate(policy(), "--candidate", named)
        assert (outcome.code, outcome.findings) == (3, {"run-incomplete"}), (named, outcome.stdout)
        assert "log_summary" in outcome.stdout
    failed = place.gate(policy("accept_status: [completed, failed]"), "--candidate", run)
    assert (failed.code, "run-incomplete" in failed.findings) == (3, True)


@pytest.mark.parametrize("summary", [None, {}, {"x": 1}])
def test_a_clean_logger_run_stays_green(place, summary):
    run = logged_by([{"correctness": True}] * 12, "summary", name="nightly", summary=summary)
    file = snapshot(place, run)
    for named in (run, "evaluation=nightly", file):
        outcome = place.gate(policy(), "--candidate", named)
        assert (outcome.code, outcome.findings) == (0, set()), (named, outcome.stdout)


def test_a_run_with_a_deleted_call_is_not_complete(place):
    before, after = run_of(None, 10), run_of(None, 17, 20)
    complete = snapshot(place, before, "before.json")
    assert place.gate(policy(), "--candidate", after).code == 1
    for _ in range(3):
        delete(place.server, after, wrong=True)
    broken = snapshot(place, after, "after.json")
    for candidate in (after, broken):
        outcome = place.gate(policy(), "--candidate", candidate)
        assert (outcome.code, "run-incomplete" in outcome.findings) == (3, True), outcome.stdout
    # As a baseline it leaves only limits on changes undecided.
    for base in (after, broken):
        for candidate in (before, complete):
            outcome = place.gate(policy(gates=f"{MIN}\n{DROP}"), "--candidate", candidate, "--baseline", base)
            assert (outcome.code, "run-incomplete" in outcome.findings) == (3, True), outcome.stdout
            assert [check["status"] for check in outcome.checks] == ["pass", "undecided"]
    # Teams that delete calls on purpose can set this in the policy.
    for candidate in (after, broken):
        outcome = place.gate(policy("completeness: warn"), "--candidate", candidate)
        assert outcome.code == 0, outcome.stdout
        assert outcome.effect("run-incomplete") == "warning"


def test_a_snapshot_says_how_its_run_was_measured(place):
    # The ops are defined here, because ops that were logged to another server before are not sent to this one.
    @weave.op
    def is_short(output: str) -> bool:
        return len(output) < 100

    @weave.op
    def is_text(output: str) -> bool:
        return isinstance(output, str)

    run = evaluate(Bot(tokens=10), questions(range(6)), [is_short, is_text])
    snapshot(place, run)
    (setup,) = json.loads((place.work / "run.json").read_text())["setup"]
    objects = setup["objects"]
    evaluation = objects[setup["evaluation"]]
    assert evaluation["_class_name"] == "Evaluation"
    assert {evaluation["dataset"], *evaluation["scorers"]} <= set(objects)
    assert len(evaluation["scorers"]) == 2
    assert (setup["run"], setup["served_models"]) == (run, [scenarios.LLM])


def test_snapshots_of_complete_runs_stay_green(place):
    runs = {
        "evaluate": run_of(None, 10),
        "trials": run_of(None, 10, trials=3),
        "logger": log([{"correctness": True}] * 10),
    }
    for name, run in runs.items():
        for more in ([], ["--rows"]):
            file = snapshot(place, run, f"{name}.json", *more)
            outcome = place.gate(policy(), "--candidate", file)
            assert (outcome.code, outcome.findings) == (0, set()), (name, outcome.stdout)


def test_a_run_with_more_calls_than_it_counted_is_not_complete(place):
    run = run_of(None, 10)
    scenarios.add_call(place.server, run)
    outcome = place.gate(policy(), "--candidate", run)
    assert (outcome.code, "run-incomplete" in outcome.findings) == (3, True), outcome.stdout


def test_calls_that_are_not_visible_yet_are_waited_for(place):
    run = run_of(None, 8)
    timer = threading.Timer(2, scenarios.hide(place.server, run))
    timer.start()
    outcome = place.gate(policy(gates=LOW), "--wait=30s", "--candidate", run)
    timer.join()
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert outcome.check("min")["candidate"] == 0.8
    scenarios.hide(place.server, run)
    outcome = place.gate(policy(gates=LOW), "--wait=2s", "--candidate", run)
    assert (outcome.code, outcome.report["verdict"]) == (3, None), outcome.stdout
    assert "is incomplete" in outcome.stderr


def test_where_the_counts_are_not_known_it_is_said(place):
    run = through_api(place.server, [True] * 4)
    for named in (run, snapshot(place, run)):
        outcome = place.gate(policy(gates=EXACT), "--candidate", named)
        assert (outcome.code, outcome.findings) == (0, {"completeness-unknown"}), outcome.stdout
        assert outcome.effect("completeness-unknown") == "warning"

    @weave.op
    def job() -> str:
        return run_of(None, 10)

    nested = job()
    weave.trace.context.weave_client_context.get_weave_client().flush()
    outcome = place.gate(policy(), "--candidate", nested)
    assert (outcome.code, outcome.findings) == (0, {"completeness-unknown"}), outcome.stdout


def test_a_failed_run_that_is_accepted_is_said_to_have_failed(place):
    run = log([{"correctness": True}] * 3, fail=True)
    outcome = place.gate(policy("accept_status: [completed, failed]"), "--candidate", run)
    assert "run-failed" in outcome.findings, outcome.stdout
    assert "the summary crashed" in outcome.message("run-failed") or "failed" in outcome.message("run-failed")


# The candidate must match the policy, however it is named


def addresses(project: str, run: str) -> list[str]:
    return [
        f"https://wandb.ai/{project}/r/call/{run}",
        f"https://wandb.ai/{project}/r/call/{run}/",
        f"https://wandb.ai/{project}/r/call/{run}?hideTraceTree=1",
        f"weave:///{project}/call/{run}",
    ]


def test_a_run_of_another_evaluation_is_the_wrong_candidate(place):
    run_of(2, 10)
    other = run_of(2, 10, name="other")
    file = snapshot(place, other)
    for named in (other, file, *addresses(place.project, other)):
        outcome = place.gate(policy(CANDIDATE), "--candidate", named, env=sha(2))
        assert (outcome.code, "wrong-candidate" in outcome.findings) == (3, True), (named, outcome.stdout)


def test_a_run_of_another_commit_is_the_wrong_candidate(place):
    stale, mine = run_of(1, 10), run_of(2, 10)
    for named in (stale, snapshot(place, stale), *addresses(place.project, stale)):
        outcome = place.gate(policy(CANDIDATE), "--candidate", named, env=sha(2))
        assert (outcome.code, "wrong-candidate" in outcome.findings) == (3, True), (named, outcome.stdout)
    for named in (mine, snapshot(place, mine), *addresses(place.project, mine)):
        outcome = place.gate(policy(CANDIDATE), "--candidate", named, env=sha(2))
        assert (outcome.code, outcome.findings) == (0, set()), (named, outcome.stdout)
        assert outcome.policy["candidate"]["id"] == mine


def test_other_keys_of_the_candidate_are_compared_too(place):
    run = run_of(2, 10, team="search")
    for head, code in [
        ("candidate: {evaluation: answers, attributes: {team: search}}", 0),
        ("candidate: {evaluation: answers, attributes: {team: chat}}", 3),
        ("candidate: {model: Flaky}", 0),
        ("candidate: {model: Other}", 3),
        ("candidate: {branch: topic}", 0),
        ("candidate: {branch: main}", 3),
    ]:
        for named in (run, snapshot(place, run)):
            outcome = place.gate(policy(head), "--candidate", named)
            assert outcome.code == code, (head, named, outcome.stdout)
            assert ("wrong-candidate" in outcome.findings) == (code == 3)


@pytest.mark.parametrize("value", [None, ""])
def test_a_commit_that_is_not_known_cannot_be_compared(place, value):
    run = run_of(2, 10)
    known = {} if value is None else {"GATE_SHA": value}
    for named in (run, snapshot(place, run)):
        outcome = place.gate(policy(CANDIDATE), "--candidate", named, env=known)
        assert outcome.code == 0, outcome.stdout
        assert outcome.effect("commit-not-checked") == "warning"
        in_ci = place.gate(policy(CANDIDATE), "--candidate", named, env={"CI": "true", **known})
        assert (in_ci.code, in_ci.report["verdict"]) == (3, "undecided"), in_ci.stdout
        assert in_ci.effect("commit-not-checked") == "undecided"
    # If the policy itself must find the run, the unknown key is an error of the policy.
    (place.work / "gates.yaml").write_text(policy(CANDIDATE))
    assert place.run("check", "gates.yaml", *place.here, env=known).returncode == 2


def test_an_old_candidate_is_stale(place):
    run = run_of(2, 10)
    old = 'candidate: {evaluation: answers, commit: "${GATE_SHA}", max_age: 7d}'
    assert place.gate(policy(old), env=sha(2)).code == 0
    set_clock(place.server, run, NOW - timedelta(days=8), NOW - timedelta(days=8))
    for named in ([], ["--candidate", run], ["--candidate", snapshot(place, run)]):
        outcome = place.gate(policy(old), *named, env=sha(2))
        assert (outcome.code, "candidate-stale" in outcome.findings) == (3, True), (named, outcome.stdout)


def test_the_address_of_a_run_names_it(place):
    base, run = run_of(None, 10), run_of(None, 10)
    for ours, theirs in zip(addresses(place.project, run), addresses(place.project, base), strict=True):
        outcome = place.gate(policy(gates=f"{MIN}\n{DROP}"), "--candidate", ours, "--baseline", theirs)
        assert outcome.code == 0, (ours, outcome.stderr)
        assert (outcome.policy["candidate"]["id"], outcome.policy["baseline"]["id"]) == (run, base)
        assert "no-baseline" not in outcome.findings
    in_policy = f'baseline: {{run: "{addresses(place.project, base)[0]}"}}'
    outcome = place.gate(policy(in_policy, gates=DROP), "--candidate", run)
    assert outcome.code == 0, outcome.stderr
    # An address in another project names no run of this project.
    for other in addresses("my-team/other", run):
        (place.work / "gates.yaml").write_text(policy())
        done = place.run("check", "gates.yaml", "--candidate", other, *place.here)
        assert done.returncode in (2, 3), done.stdout
        assert "my-team/other" in done.stderr


# Runs of EvaluationLogger


LOGGED = [
    pytest.param({"name": "nightly"}, "nightly", id="name"),
    pytest.param({"name": "nightly", "model": "gpt"}, "nightly", id="name, model"),
    pytest.param({"name": "nightly", "dataset": "golden"}, "nightly", id="name, dataset"),
    pytest.param({"name": "nightly", "dataset": "golden", "model": "gpt"}, "nightly", id="all"),
    pytest.param({"dataset": "golden"}, None, id="dataset"),
    pytest.param({"dataset": "golden", "model": "gpt"}, None, id="dataset, model"),
    pytest.param({"model": "gpt"}, None, id="model"),
    pytest.param({}, None, id="nothing"),
]


@pytest.mark.parametrize(("given", "name"), LOGGED)
def test_logger_runs_are_named_and_matched_in_one_way(place, given, name):
    """An id, a selector and a file give the same verdict, and the evaluation's name is never random."""

    def logged(passed: int, **attributes: str) -> str:
        scores = [{"correctness": n < passed} for n in range(10)]
        return logged_by(scores, "summary", attributes=attributes, **given)

    base = logged(10, git_sha=commit(1), git_branch="main")
    run = logged(5, git_sha=commit(2), git_branch="topic")
    # A run of another branch, evaluation and dataset. It must not be chosen.
    logged_by([{"correctness": False}] * 10, "summary", name="another", dataset="another", attributes={"git_branch": "other"})
    file = snapshot(place, run)
    seen = []
    for named in (run, file, f"commit={commit(2)}"):
        outcome = place.gate(policy(ON_MAIN, gates=DROP), "--candidate", named)
        seen.append(
            (
                outcome.code,
                outcome.policy["candidate"]["evaluation"],
                (outcome.policy["baseline"] or {}).get("id"),
                [check["status"] for check in outcome.checks],
            )
        )
    assert seen[0] == seen[1] == seen[2], seen
    code, evaluation, found, _ = seen[0]
    assert evaluation == name or (name is None and not re.match(r"eval-\d{4}-", evaluation or ""))
    if given:
        # The drop of 50 points is found, and the comparison is with the run on main.
        assert (code, found) == (1, base), seen


@pytest.mark.parametrize(("given", "name"), LOGGED)
def test_a_drafted_policy_never_names_a_random_evaluation(place, given, name):
    run = logged_by([{"correctness": True}] * 12, "summary", attributes={"git_sha": commit(1)}, **given)
    for named in ([run], []):
        done = place.run("init", *named, "-o", "drafted.yaml", "--force", *place.here)
        assert done.returncode == 0, done.stderr
        text = (place.work / "drafted.yaml").read_text()
        assert not re.search(r"eval-\d{4}-\d\d-\d\d-", text), text
        if name is not None:
            assert re.search(rf"^\s+evaluation: {name}( #.*)?$", text, re.MULTILINE), text
    # The drafted policy finds a newer run, and not always the old one.
    newer = logged_by([{"correctness": False}] * 12, "summary", attributes={"git_sha": commit(2)}, **given)
    done = place.run("check", "drafted.yaml", "--json", "drafted.json", *place.here, env=sha(2))
    report = json.loads((place.work / "drafted.json").read_text())
    assert done.returncode != 0, done.stdout
    judged = report["policies"][0]["candidate"] if report["policies"] else None
    assert judged is None or judged["id"] == newer


# Selectors


def test_policies_whose_attributes_print_alike_find_their_own_runs(place):
    good = evaluate(Bot(), questions(range(4)), [correctness], attributes={"a": "b=c"})
    bad = evaluate(Bot(wrong=[0, 1, 2, 3]), questions(range(4)), [correctness], attributes={"a=b": "c"})
    one = policy('candidate: {attributes: {a: "b=c"}}')
    other = policy('candidate: {attributes: {"a=b": c}}')
    (place.work / "a.yaml").write_text(one)
    (place.work / "b.yaml").write_text(other)
    for order, code in [(["a.yaml"], 0), (["b.yaml"], 1), (["a.yaml", "b.yaml"], 1), (["b.yaml", "a.yaml"], 1)]:
        done = place.run("check", *order, "--format=json", *place.here)
        assert done.returncode == code, (order, done.stderr, done.stdout)
        runs = [judged["candidate"]["id"] for judged in json.loads(done.stdout)["policies"]]
        assert runs == [good if name == "a.yaml" else bad for name in order]


@pytest.mark.parametrize(
    ("text", "like"),
    [("0005747", 5747), ("1.10", 1.1), ("1234e8", 123400000000), ("1e3", 1000), ("0x10", 16), ("1_000", 1000)],
)
def test_text_that_looks_like_a_number_finds_that_text_first(place, text, like):
    def build(value: object) -> str:
        return evaluate(Bot(), questions(range(2)), [correctness], attributes={"build": value})

    exact = build(text)
    build(like)
    build(str(like))
    outcome = place.gate(policy(), f"--candidate=attributes.build={text}")
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, exact), outcome.stderr
    outcome = place.gate(policy('candidate: {attributes: {build: "${BUILD}"}}'), env={"BUILD": text})
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, exact), outcome.stderr


def test_a_number_is_found_by_its_value_where_no_run_has_the_text(place):
    run = evaluate(Bot(), questions(range(2)), [correctness], attributes={"build": 1.5})
    outcome = place.gate(policy('candidate: {attributes: {build: "${BUILD}"}}'), env={"BUILD": "1.50"})
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, run), outcome.stderr


def test_the_value_of_a_variable_adds_no_selector(place):
    run_of(1, 10, team="a")
    odd = run_of(2, 10, team="a,attributes.git_branch=topic")
    by_team = policy('candidate: {attributes: {team: "${TEAM}"}}')
    outcome = place.gate(by_team, env={"TEAM": "a,attributes.git_branch=topic"})
    assert (outcome.code, outcome.policy["candidate"]["id"]) == (0, odd), outcome.stderr
    outcome = place.gate(by_team, env={"TEAM": "a,evaluation=answers"})
    assert outcome.code == 3, outcome.stdout
    outcome = place.gate(by_team, env={"TEAM": "a\nmodel: Flaky"})
    assert outcome.code == 3, outcome.stdout
