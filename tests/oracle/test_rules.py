"""The examples in the rules, judged by the oracle."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

import families
import judge
import selection
import stats
from evidence import Evidence, Row, Run, Trial

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def run(id: str, rows: list[list[Trial]], **more) -> Run:
    began = more.pop("began", NOW - timedelta(hours=1))
    ended = began + timedelta(minutes=5)
    made = [Row(f"{number:03}", {}, trials) for number, trials in enumerate(rows)]
    return Run(id, more.pop("status", "completed"), ("answers", "v1"), began, ended, made, **more)


def scored(*scores) -> list[list[Trial]]:
    return [[Trial({"s": score})] for score in scores]


def gate(metric: str, **more) -> dict:
    return {"name": metric, "metric": metric, **({"scorer": "s"} if metric in judge.measure.OF_A_SCORER else {}), **more}


def said(candidate: Run, baseline: Run | None, *gates: dict, **policy) -> list[str]:
    made = judge.judge({"version": 1, "gates": list(gates), **policy}, Evidence(candidate, baseline), NOW)
    return [check.status for check in made.checks]


def test_retries_do_not_weigh():
    """20 rows of which 18 and then 16 pass. The failing rows of the baseline have 9 trials each."""
    before = [[Trial({"s": number < 18})] * (1 if number < 18 else 9) for number in range(20)]
    after = scored(*[number < 16 for number in range(20)])
    limits = gate("pass_rate", max_drop=0.05, min=0.8, max_rise=0)
    assert said(run("c", after), run("b", before), limits) == ["pass", "fail", "pass"]
    # Rows with many trials do not raise a rate.
    often = [[Trial({"s": number < 9})] * (10 if number < 9 else 1) for number in range(20)]
    assert said(run("c", often), None, gate("pass_rate", min=0.85)) == ["fail"]


def test_an_error_text_is_no_score_of_truth_values():
    half = run("c", scored(*[True] * 10, *["[ERROR] 429"] * 10))
    assert said(half, None, gate("coverage", min=0.95), gate("error_rate", max=0)) == ["fail", "pass"]
    assert said(half, None, gate("pass_rate", min=0.9)) == ["undecided"]
    texts = run("c", scored(*["good"] * 10))
    assert said(texts, None, gate("coverage", min=1)) == ["pass"]
    # The type is determined over both runs.
    assert said(half, run("b", scored(*["good"] * 20)), gate("coverage", min=0.95, max_drop=1)) == ["fail", "undecided"]


@pytest.mark.parametrize("rule", ["observed", "significant", "proven"])
def test_one_score_outside_the_range_is_undecided_under_every_rule(rule):
    outside = run("c", scored(*[0.5] * 19, 10))
    assert said(outside, None, gate("numeric_mean", min=0.9, range=[0, 1], evidence=rule, missing="ignore")) == ["undecided"]


def test_a_crashed_call_took_at_least_as_long_as_it_lasted():
    quick = [[Trial({"s": True}, 2.0)] for _ in range(9)] + [[Trial({}, 0.1, output=None)]]
    assert said(run("c", quick), None, gate("latency_mean", max=1.9)) == ["undecided"]
    assert said(run("c", quick), None, gate("latency_mean", min=1.8)) == ["pass"]
    assert said(run("c", quick), None, gate("latency_mean", max=1.9, missing="ignore")) == ["fail"]
    slow = [[Trial({"s": True}, 2.0)] for _ in range(9)] + [[Trial({}, 10.0, output=None)]]
    assert said(run("c", slow), None, gate("latency_mean", max=1.9)) == ["fail"]


def test_without_a_call_of_the_model_its_time_and_tokens_are_missing():
    some = [[Trial({"s": True}, 2.0, 10)] for _ in range(9)] + [[Trial({"s": True}, 2.0, 1010, called=False)]]
    assert said(run("c", some), None, gate("tokens_total", max=100), gate("tokens_total", min=90)) == ["undecided", "pass"]
    assert said(run("c", some), None, gate("latency_mean", max=3), gate("latency_mean", max=1)) == ["undecided", "fail"]
    none = [[Trial({"s": True}, 2.0, 1010, called=False)] for _ in range(10)]
    assert said(run("c", none), None, gate("tokens_mean", max=1), gate("latency_p50", max=1)) == ["undecided"] * 2


def test_a_list_is_something_and_an_object_of_nulls_is_nothing():
    some = [[Trial({"s": [0.1, 0.9]})], [Trial({"s": None})], [Trial({"s": None, "s._type": "Result"})], [Trial({})]]
    made = run("c", [*some, *scored(True)])
    assert said(made, None, gate("error_rate", max=0.4), gate("error_rate", max=0.39)) == ["pass", "fail"]
    assert list(judge.dimensions(made)) == ["s"]


def test_differences_are_near_enough_in_the_size_of_the_scores():
    assert said(run("c", scored(0.1, 0.2, -0.3)), None, gate("numeric_mean", max=0)) == ["pass"]
    assert said(run("c", scored(0.88)), run("b", scored(0.9)), gate("numeric_mean", max_drop=0.02)) == ["pass"]
    assert said(run("c", scored(1e-12, 1e-12)), None, gate("numeric_mean", max=0)) == ["fail"]


def test_a_default_of_significant_governs_limits_on_changes_only():
    few = run("c", scored(*[True] * 8, *[False] * 2))
    limits = gate("pass_rate", min=0.85, max_drop=0.1)
    assert said(few, run("b", scored(*[True] * 10)), limits, defaults={"evidence": "significant"}) == ["fail", "pass"]
    assert said(few, run("b", scored(*[True] * 10)), {**limits, "evidence": "significant"}) == ["pass", "pass"]


# ---------------------------------------------------------------------------------------------- families


@pytest.mark.parametrize("constant", [0, 1, 10, 40, 300])
def test_what_cannot_block_makes_nothing_more_lenient(constant):
    """100 to 90 of 100 rows, p 0.0015, with `constant` constant dimensions under a gate that warns."""
    names = [f"debug.{number}" for number in range(constant)]
    before = [[Trial({"s": True, **dict.fromkeys(names, True)})] for _ in range(100)]
    after = [[Trial({"s": number < 90, **dict.fromkeys(names, True)})] for number in range(100)]
    gates = [gate("pass_rate", max_drop=0.02, evidence="significant")]
    gates.append({**gates[0], "name": "debug", "scorer": "debug.*", "severity": "warn"})
    assert said(run("c", after), run("b", before), *gates)[0] == "fail"
    # The result is the same if they could block: without a difference they cannot reject.
    gates[1]["severity"] = "block"
    assert said(run("c", after), run("b", before), *gates)[0] == "fail"


def test_only_tests_that_could_reject_are_counted():
    """Tarone 1990: the smallest K at which at most K tests could reject at alpha / K."""
    alpha = 0.05
    assert families.bar(alpha, [])[1] == alpha
    assert families.bar(alpha, [(alpha, 1.0, 1.0)] * 40)[0] == pytest.approx(alpha)
    assert families.bar(alpha, [(alpha, 0.001, 0.5)]) == pytest.approx((alpha / 2, alpha / 2))
    # Holm: if one test rejects, the next test gets all of alpha, if it could have rejected at half of it.
    assert families.bar(alpha, [(alpha, 0.001, 0.001)]) == pytest.approx((alpha, alpha / 2))
    # A test that could not reach alpha / 2 is not counted next to a test that could.
    assert families.bar(alpha, [(alpha, 0.03, 0.03)]) == pytest.approx((alpha, alpha / 2))


# ---------------------------------------------------------------------------------------------- which runs

SHA, OTHER = "1a2b3c4d" * 5, "5e6f7a8b" * 5
POLICY = {
    "version": 1,
    "candidate": {"evaluation": "answers", "commit": SHA},
    "baseline": {"branch": "main"},
    "gates": [gate("pass_rate", min=0.9)],
}


def logged(id: str, commit: str, minute: int, true: int = 100, **more) -> Run:
    attributes = {"git_sha": commit, "git_branch": "main"}
    rows = scored(*[number < true for number in range(100)])
    return run(id, rows, began=NOW - timedelta(days=1) + timedelta(minutes=minute), attributes=attributes, **more)


def selected(runs: list[Run], **candidate) -> selection.Selection:
    return selection.select({**POLICY, "candidate": {**POLICY["candidate"], **candidate}}, runs, NOW)


def ids(runs: list[Run]) -> list[str]:
    return [one.id for one in runs]


def judged(chosen: selection.Selection) -> list[str]:
    return [check.status for check in judge.judge(POLICY, chosen.evidence(), NOW).checks]


def test_reruns_are_pooled():
    """86, 88 and 93 of 100 are 267 of 300."""
    runs = [logged("a", SHA, 1, 86), logged("b", SHA, 2, 88), logged("c", SHA, 3, 93)]
    assert ids(selected(runs).candidate) == ["a", "b", "c"]
    assert judged(selected(runs)) == ["fail"]
    assert judged(selected(runs, reruns="newest")) == ["pass"]
    assert judged(selected(runs, reruns="refuse")) == ["undecided"]
    # The pool meets the limit, but the newest run does not.
    worse = [logged("a", SHA, 1, 100), logged("b", SHA, 2, 88)]
    assert judged(selected(worse)) == ["undecided"]


def test_a_run_of_the_candidates_commit_is_no_baseline():
    runs = [logged("base", OTHER, 0), logged("a", SHA, 1, 80), logged("b", SHA, 2)]
    chosen = selected(runs)
    assert (ids(chosen.baseline), ids(chosen.candidate)) == (["base"], ["a", "b"])
    assert ids(selected(runs[1:]).baseline) == []


def test_runs_that_are_not_whole_are_left_out_or_leave_it_undecided():
    crashed = {"kind": "logger", "display_name": "answers", "has_output": False}
    assert selected([logged("a", SHA, 1, **crashed)]).candidate_findings == {"run-incomplete"}
    assert selected([logged("a", SHA, 1, counted=61, stored=60)]).candidate_findings == {"run-incomplete"}
    assert selected([logged("a", SHA, 1, counted=61, stored=122)]).candidate_findings == {"run-incomplete"}
    inside = logged("a", SHA, 1, counted=61, stored=62, is_root=False)
    assert selection.select(POLICY, [inside], NOW, named="a").candidate_findings == set()
    assert selected([inside]) is not None
    chosen = selected([logged("a", SHA, 1, counted=61, stored=60), logged("b", SHA, 2)])
    assert (ids(chosen.candidate), ids(chosen.left_out)) == (["b"], ["a"])
    # An incomplete baseline is skipped.
    runs = [logged("old", OTHER, 0), logged("lost", "9" * 40, 1, counted=61, stored=60), logged("a", SHA, 2)]
    assert ids(selected(runs).baseline) == ["old"]


def test_a_rerun_that_goes_on_is_waited_for_and_an_abandoned_one_is_not():
    goes_on = logged("a", SHA, 30, status="running")
    abandoned = logged("a", SHA, -30, status="running")
    assert selected([goes_on, logged("b", SHA, 31)]).candidate_findings == {"run-not-finished"}
    chosen = selected([abandoned, logged("b", SHA, 31)])
    assert (chosen.candidate_findings, ids(chosen.left_out)) == (set(), ["a"])


def test_runs_that_do_not_belong_together_are_ambiguous():
    versions = [logged("a", SHA, 1, model=("bot", "v1")), logged("b", SHA, 2, model=("bot", "v2"))]
    assert selected(versions).candidate_findings == {"reruns-ambiguous"}
    shards = [logged("a", SHA, 1), logged("b", SHA, 2)]
    for row in shards[1].rows:
        row.digest += "-other"
    assert selected(shards).candidate_findings == {"reruns-ambiguous"}
    models = [logged("a", SHA, 1, model=("other", "v1")), logged("b", SHA, 2)]
    assert ids(selected(models).candidate) == ["b"]


def test_a_baseline_began_before_the_first_rerun():
    runs = [logged("old", OTHER, 0), logged("a", SHA, 1), logged("new", "9" * 40, 2), logged("b", SHA, 3)]
    assert ids(selected(runs).baseline) == ["old"]
    # All runs of its commit count, and no run of another commit.
    more = [logged("older", "9" * 40, -2), logged("again", OTHER, -1), *runs]
    assert ids(selected(more).baseline) == ["again", "old"]


def test_a_run_named_by_its_id_is_still_what_the_policy_says():
    runs = [logged("other", OTHER, 0), logged("a", SHA, 1), logged("b", SHA, 2)]
    chosen = selection.select(POLICY, runs, NOW, named="a")
    assert (ids(chosen.candidate), chosen.candidate_findings) == (["a", "b"], set())
    assert selection.select(POLICY, runs, NOW, named="other").candidate_findings == {"wrong-candidate"}


def test_a_commit_by_its_beginning():
    runs = [logged("a", SHA, 1), logged("b", SHA[:8] + "0" * 32, 2)]
    assert ids(selected(runs[:1], commit=SHA[:7]).candidate) == ["a"]
    assert selected(runs, commit=SHA[:7]).candidate_findings == {"commit-ambiguous"}
    assert selection.select({**POLICY, "candidate": {"commit": SHA[:6]}}, runs, NOW) is None


def test_the_first_run_of_an_evaluation_may_be_without_a_baseline():
    policy = {**POLICY, "baseline": {"branch": "main", "required": "after-first"}}
    first = logged("a", SHA, 1)
    assert selection.select(policy, [first], NOW).skips_changes
    assert not selection.select(policy, [logged("b", OTHER, 2), first], NOW).skips_changes
    old = logged("old", OTHER, -60 * 24 * 15)
    old.attributes["git_branch"] = "other"
    assert not selection.select(policy, [old, first], NOW).skips_changes


def test_changes_of_one_size_could_have_rejected_with_one_row_the_other_way():
    """8 of 9 rows fall by 0.1, and one rises by as much: p 0.004."""
    before = run("b", scored(*[0.5] * 9))
    after = run("c", scored(*[0.4] * 8, 0.6))
    fall = gate("numeric_mean", max_drop=0, evidence="significant")
    assert said(after, before, fall) == ["fail"]
    # If all rows fall alike, so few rows prove nothing.
    assert said(run("c", scored(*[0.4] * 9)), before, fall) == ["pass"]
    assert said(run("c", scored(*[0.4] * 10)), run("b", scored(*[0.5] * 10)), fall) == ["fail"]


def test_the_highest_p_that_holm_rejects_is_found():
    chance = random.Random(5)
    for _ in range(2000):
        others = [chance.choice([0.0, chance.random() * 0.1, chance.random()]) for _ in range(chance.randint(0, 6))]
        alpha = chance.choice([0.05, 0.1, 0.01])
        bar = families.holm_bar(alpha, others)
        assert stats.holm([bar * (1 - 1e-9), *others])[0] <= alpha
        assert stats.holm([bar * (1 + 1e-9), *others])[0] > alpha
