"""Which values are judged: means over rows, and scores that have the right type, are in range, and are not missing."""

from __future__ import annotations

import json
import time

import pytest
import weave
from pydantic import BaseModel
from scenarios import Bot, correctness, evaluate, log, log_rows, questions, set_latency, through_api

TWENTY = questions(range(20))
RULES = ["observed", "significant", "proven"]


def policy(*gates: str, head: str = "") -> str:
    return "\n".join(["version: 1", head, "gates:", *(f"- {gate}" for gate in gates), ""])


def snapshot(place, run: str, name: str, *arguments: str) -> str:
    done = place.run("snapshot", run, "-o", name, *arguments, *place.here)
    assert done.returncode == 0, done.stderr
    return f"file:{name}"


def judged(place, text: str, candidate: str, baseline: str | None = None, *, summary_only: bool = False) -> list:
    """Returns the outcomes for runs in Weave (first), for their snapshots, and for their snapshots with rows."""
    outcomes = []
    kinds = [None, [], ["--rows"]] + ([["--summary-only"]] if summary_only else [])
    for kind in kinds:
        named = []
        for word, run in (("--candidate", candidate), ("--baseline", baseline)):
            if run is not None:
                named += [word, run if kind is None else snapshot(place, run, f"{word[2:]}.json", *kind)]
        outcomes.append(place.gate(text, *named))
    return outcomes


def statuses(outcome) -> list[str]:
    return [check["status"] for check in outcome.checks]


def rated(rights: dict[object, list[bool]]) -> str:
    """Logs trials of rows, each right or wrong."""
    return log_rows([(row, {"ok": right}) for row, all_of in rights.items() for right in all_of])


# Rows are the unit


@pytest.mark.parametrize("rule", ["observed", "proven"])
def test_retries_of_failing_rows_in_the_baseline_hide_no_regression(place, rule):
    rows = range(20)
    before = rated({row: [True] if row > 1 else [False] * 4 for row in rows})
    after = rated({row: [row > 3] for row in rows})
    gate = f"{{name: drop, scorer: ok, metric: pass_rate, max_drop: 0.05, evidence: {rule}}}"
    for outcome in judged(place, policy(gate), after, before):
        assert outcome.code in ((1,) if rule == "observed" else (1, 3)), outcome.stdout
        check = outcome.check("drop")
        assert (check["baseline"], check["candidate"]) == (0.9, 0.8)
        assert check["change"] == pytest.approx(-0.1)


def test_retries_in_the_candidate_make_no_drop(place):
    rows = range(20)
    before = rated({row: [row > 1] for row in rows})
    after = rated({row: [True] if row > 1 else [False] * 4 for row in rows})
    gates = [
        "{name: drop, scorer: ok, metric: pass_rate, max_drop: 0}",
        "{name: min, scorer: ok, metric: pass_rate, min: 0.9}",
    ]
    for outcome in judged(place, policy(*gates), after, before):
        assert outcome.code == 0, outcome.stdout
        assert outcome.check("min")["candidate"] == 0.9
        assert (outcome.policy["candidate"]["rows"], outcome.policy["candidate"]["trials"]) == (20, 26)


@pytest.mark.parametrize("rule", RULES)
def test_right_rows_that_are_logged_ten_times_count_once(place, rule):
    run = rated({row: [True] * 10 if row < 9 else [False] for row in range(20)})
    floor = f"{{name: min, scorer: ok, metric: pass_rate, min: 0.85, evidence: {rule}}}"
    low = "{name: low, scorer: ok, metric: pass_rate, min: 0.45}"
    for outcome in judged(place, policy(floor, low), run):
        assert outcome.code == 1, outcome.stdout
        assert statuses(outcome) == ["fail", "pass"]
        assert {check["candidate"] for check in outcome.checks} == {0.45}


def test_three_trials_of_each_row_stay_what_they_were(place):
    run = evaluate(Bot(wrong=[3]), TWENTY, [correctness], trials=3)
    gates = ["{name: min, scorer: correctness, metric: pass_rate, min: 0.95}", "{name: rows, metric: rows, min: 20, max: 20}"]
    for outcome in judged(place, policy(*gates), run):
        assert (outcome.code, outcome.check("min")["candidate"]) == (0, 0.95), outcome.stdout


def test_means_coverage_and_errors_are_of_rows(place):
    trials: list[tuple[object, dict]] = [(row, {"quality": 1.0}) for row in range(9)]
    # One row has nine trials. Its scores are bad or missing.
    trials += [(9, {"quality": 0.0})] * 3 + [(9, {})] * 6
    run = log_rows(trials)
    gates = [
        "{name: mean, scorer: quality, metric: numeric_mean, missing: ignore, min: 0.9}",
        "{name: covered, scorer: quality, metric: coverage, min: 0.93}",
        "{name: errors, metric: error_rate, max: 0.07}",
    ]
    for outcome in judged(place, policy(*gates), run):
        assert outcome.code == 0, outcome.stdout
        assert outcome.check("mean")["candidate"] == pytest.approx(0.9)
        assert outcome.check("covered")["candidate"] == pytest.approx((9 + 3 / 9) / 10)
        assert outcome.check("errors")["candidate"] == pytest.approx(6 / 9 / 10)


def test_slices_are_means_of_rows(place):
    logger = weave.EvaluationLogger(name="sliced")
    for row in range(10):
        for _ in range(5 if row < 2 else 1):
            logger.log_example(inputs={"row": row, "topic": "a"}, output="", scores={"ok": row > 1})
    logger.log_summary()
    weave.trace.context.weave_client_context.get_weave_client().flush()
    run = logger._evaluate_call.id
    gates = [
        '{name: where, scorer: ok, metric: pass_rate, where: {topic: a}, min: 0.8}',
        '{name: by, scorer: ok, metric: pass_rate, by: topic, min: 0.8}',
    ]
    outcome = place.gate(policy(*gates), "--candidate", run)
    assert outcome.code == 0, outcome.stdout
    assert [check["candidate"] for check in outcome.checks] == [0.8, 0.8]


def test_a_drafted_policy_counts_rows(place):
    run = rated({row: [True] * 10 if row < 9 else [False] for row in range(20)})
    done = place.run("init", run, "-o", "drafted.yaml", *place.here)
    assert done.returncode == 0, done.stderr
    done = place.run("check", "drafted.yaml", "--candidate", run, "--format=json", *place.here)
    report = json.loads(done.stdout)
    assert report["verdict"] == "passed", done.stdout
    (check,) = [check for check in report["policies"][0]["checks"] if check["subject"] == "ok" and check["limit_key"] == "min"]
    assert check["candidate"] == 0.45
    assert check["limit"] < 0.45


def test_compare_counts_rows(place):
    before = rated({row: [True] if row > 1 else [False] * 4 for row in range(20)})
    after = rated({row: [row > 3] for row in range(20)})
    done = place.run("compare", before, after, "--format=json", *place.here)
    assert done.returncode == 0, done.stderr
    (line,) = json.loads(done.stdout)["dimensions"]
    assert (line["baseline"], line["candidate"]) == (0.9, 0.8)
    assert line["change"] == pytest.approx(-0.1)


# Scores of the right type, inside their range


def test_an_error_text_is_no_coverage(place):
    run = log([{"judge": True if n < 10 else "[ERROR] 429"} for n in range(20)])
    gates = [
        "{name: covered, scorer: judge, metric: coverage, min: 0.95}",
        "{name: rate, scorer: judge, metric: pass_rate, min: 0.9, missing: ignore}",
        "{name: errors, metric: error_rate, max: 0.05}",
    ]
    for outcome in judged(place, policy(*gates), run):
        assert outcome.code == 1, outcome.stdout
        assert statuses(outcome) == ["fail", "pass", "pass"]
        assert outcome.check("covered")["candidate"] == 0.5
        assert outcome.check("errors")["candidate"] == 0
        assert outcome.effect("mixed-types") == "warning"
        assert "text" in outcome.message("mixed-types")


@pytest.mark.parametrize("value", [True, 0.5, "a text"])
def test_scores_of_one_type_are_covered(place, value):
    run = log([{"judge": value}] * 20)
    gate = "{name: covered, scorer: judge, metric: coverage, min: 1}"
    for outcome in judged(place, policy(gate), run):
        assert (outcome.code, outcome.check("covered")["candidate"]) == (0, 1), outcome.stdout
        assert "mixed-types" not in outcome.findings


def test_what_was_text_in_one_run_is_a_score_in_the_other(place):
    """The type of both runs counts: error texts do not count for coverage, even if the candidate has only texts."""
    gates = ["{name: covered, scorer: judge, metric: coverage, max_drop: 0.05}"]
    before = log([{"judge": True}] * 20)
    after = log([{"judge": True if n < 1 else "[ERROR] 429"} for n in range(20)])
    for outcome in judged(place, policy(*gates), after, before):
        assert outcome.code == 1, outcome.stdout
        assert outcome.check("covered")["change"] == pytest.approx(-0.95)
    only = log([{"judge": "[ERROR] 429"}] * 20)
    for outcome in judged(place, policy(*gates), only, before):
        assert (outcome.code, "no-scores" in outcome.findings) == (3, True), outcome.stdout


@pytest.mark.parametrize("rule", RULES)
def test_one_score_out_of_range_leaves_a_mean_undecided(place, rule):
    run = log([{"tone": 0.5}] * 19 + [{"tone": 10}])
    gate = f"{{name: mean, scorer: tone, metric: numeric_mean, range: [0, 1], min: %s, evidence: {rule}}}"
    for least in (0.9, 0.4, 0):
        for outcome in judged(place, policy(gate % least), run):
            assert outcome.code == 3, outcome.stdout
            assert "out-of-range" in outcome.findings
    ignored = gate.replace("}", ", missing: ignore}") % 0.9
    assert place.gate(policy(ignored), "--candidate", run).code == 3


def test_one_baseline_score_out_of_range_leaves_a_change_undecided(place):
    before = log([{"tone": 0.5}] * 19 + [{"tone": -10}])
    after = log([{"tone": 0.5}] * 20)
    gate = "{name: mean, scorer: tone, metric: numeric_mean, range: [0, 1], max_drop: 0.1}"
    for outcome in judged(place, policy(gate), after, before):
        assert (outcome.code, "out-of-range" in outcome.findings) == (3, True), outcome.stdout


def test_scores_at_the_ends_of_the_range_are_inside(place):
    run = log([{"tone": n % 2} for n in range(20)])
    gate = "{name: mean, scorer: tone, metric: numeric_mean, range: [0, 1], min: 0.5}"
    for outcome in judged(place, policy(gate), run):
        assert (outcome.code, outcome.findings) == (0, set()), outcome.stdout


def test_a_list_of_scores_is_no_error(place):
    @weave.op
    def scores(output: str) -> list:
        return [0.1, 0.9]

    run = evaluate(Bot(), TWENTY, [scores])
    for outcome in judged(place, policy("{name: errors, metric: error_rate, max: 0}"), run):
        assert (outcome.code, outcome.check("errors")["candidate"]) == (0, 0), outcome.stdout


def test_trials_in_which_nothing_was_scored_are_errors(place):
    @weave.op
    def scores(output: str) -> list:
        return [0.1, 0.9]

    @weave.op
    def nothing(output: str) -> None:
        return None

    run = evaluate(Bot(crash=[0, 1]), TWENTY, [scores])
    for outcome in judged(place, policy("{name: errors, metric: error_rate, max: 0.05}"), run):
        assert (outcome.code, outcome.check("errors")["candidate"]) == (1, 0.1), outcome.stdout
    silent = evaluate(Bot(), TWENTY, [nothing])
    outcome = place.gate(policy("{name: errors, metric: error_rate, max: 0.05}"), "--candidate", silent)
    assert outcome.code != 0, outcome.stdout


class Result(BaseModel):
    passed: bool
    value: float


@weave.op
def structured(output: str) -> Result:
    return Result(passed=True, value=0.5)


def test_the_sdks_own_fields_are_no_dimensions(place):
    run = evaluate(Bot(), TWENTY, [structured])
    gates = ['{name: all, scorer: "structured.*", metric: coverage, min: 1}']
    for outcome in judged(place, policy(*gates), run):
        assert outcome.code == 0, outcome.stdout
        assert [check["subject"] for check in outcome.checks] == ["structured.passed", "structured.value"]
    named = place.gate(policy("{name: own, scorer: structured._type, metric: coverage, min: 1}"), "--candidate", run)
    assert (named.code, "unknown-dimension" in named.findings) == (3, True), named.stdout
    done = place.run("init", run, "-o", "drafted.yaml", *place.here)
    assert done.returncode == 0, done.stderr
    text = (place.work / "drafted.yaml").read_text()
    assert not any(field in text for field in ("_type", "_class_name", "_bases")), text


def test_a_change_of_numbers_that_is_nothing_is_nothing(place):
    """0.1 + 0.2 counts as 0.3, also with a limit of zero."""
    before = log([{"bias": 0.3}] * 3)
    after = log([{"bias": 0.1 + 0.2}] * 3)
    gates = ["{name: rise, scorer: bias, metric: numeric_mean, max_rise: 0}", "{name: drop, scorer: bias, metric: numeric_mean, max_drop: 0}"]
    for ours, theirs in ((after, before), (before, after)):
        for outcome in judged(place, policy(*gates), ours, theirs):
            assert outcome.code == 0, outcome.stdout
    balanced = log([{"bias": value} for value in (0.1, 0.2, -0.3)])
    at_zero = policy("{name: max, scorer: bias, metric: numeric_mean, max: 0}")
    for outcome in judged(place, at_zero, balanced):
        assert outcome.code == 0, outcome.stdout
    beyond = log([{"bias": value} for value in (0.1, 0.2, -0.299)])
    for outcome in judged(place, at_zero, beyond):
        assert outcome.code == 1, outcome.stdout


# Latency, tokens, cost


class Slow(Bot):
    @weave.op
    def predict(self, question: str) -> str:
        number = int(question.split()[-1])
        if number in self.crash:
            raise RuntimeError("the model crashed")
        time.sleep(0.1)
        return f"answer {number}"


def test_calls_that_crash_at_once_make_no_model_fast(place):
    run = evaluate(Slow(crash=list(range(10))), TWENTY, [correctness])
    clean = evaluate(Slow(), TWENTY, [correctness])
    gates = [f"{{name: {of}, metric: latency_{of}, max: 30}}" for of in ("mean", "p50", "p95")]
    tight = [gate.replace("max: 30", "max: 0.06") for gate in gates]
    for outcome in judged(place, policy(*gates), run):
        # The latency of half of the calls is unknown.
        assert outcome.code == 3, outcome.stdout
        assert outcome.check("mean")["status"] == outcome.check("p95")["status"] == "undecided"
        assert outcome.check("mean")["candidate_range"][1] is None
    for outcome in judged(place, policy(*tight), run):
        assert "pass" not in [outcome.check("mean")["status"], outcome.check("p95")["status"]], outcome.stdout
    for outcome in judged(place, policy(*gates), clean):
        assert outcome.code == 0, outcome.stdout


def test_one_crashed_call_leaves_a_percentile_that_can_bear_it(place):
    run = evaluate(Slow(crash=[3]), TWENTY, [correctness])
    for outcome in judged(place, policy("{name: p50, metric: latency_p50, max: 30}"), run):
        assert outcome.code == 0, outcome.stdout


def test_a_crashed_call_took_at_least_the_time_it_took(place):
    class Late(Bot):
        @weave.op
        def predict(self, question: str) -> str:
            time.sleep(0.2)
            if question != "question 0":
                raise RuntimeError("the model crashed")
            return "answer 0"

    run = evaluate(Late(), questions(range(4)), [correctness])
    for outcome in judged(place, policy("{name: mean, metric: latency_mean, max: 0.1}"), run):
        assert outcome.code == 1, outcome.stdout


def test_latency_of_rows_is_a_mean_of_rows(place):
    run = evaluate(Slow(), questions(range(4)), [correctness], trials=2)
    for outcome in judged(place, policy("{name: mean, metric: latency_mean, min: 0.1, max: 30}"), run):
        assert outcome.code == 0, outcome.stdout


def test_the_loggers_own_times_are_hinted_at(place):
    run = log([{"ok": True}] * 5)
    set_latency(place.server, run, 0.002)
    gate = "{name: fast, metric: latency_p95, max: 30}"
    outcome = place.gate(policy(gate), "--candidate", run)
    assert outcome.code == 0, outcome.stdout
    assert "logger-latency" in outcome.hints
    # There is no hint if predictions took time, or for an `Evaluation`, which measures the model.
    set_latency(place.server, run, 0.7)
    assert "logger-latency" not in place.gate(policy(gate), "--candidate", run).hints
    clean = evaluate(Bot(), questions(range(4)), [correctness])
    set_latency(place.server, clean, 0.002)
    assert "logger-latency" not in place.gate(policy(gate), "--candidate", clean).hints


@pytest.mark.parametrize("metric", ["tokens_total", "tokens_mean", "cost_total", "cost_mean"])
def test_what_reports_no_tokens_is_missing_in_a_snapshot_too(place, metric):
    partly = evaluate(Bot(tokens=100, crash=[1]), TWENTY, [correctness])
    for outcome in judged(place, policy(f"{{name: use, metric: {metric}, max: 100000}}"), partly, summary_only=True):
        assert outcome.code == 3, outcome.stdout
    whole = evaluate(Bot(tokens=100), TWENTY, [correctness])
    for outcome in judged(place, policy(f"{{name: use, metric: {metric}, max: 100000}}"), whole):
        assert outcome.code == 0, outcome.stdout


def test_runs_of_the_v2_api_stay_green(place):
    run, before = through_api(place.server, [True] * 9 + [False]), through_api(place.server, [True] * 9 + [False])
    gates = [
        "{name: both, scorer: exact, metric: pass_rate, min: 0.9, max_drop: 0}",
        "{name: covered, scorer: exact, metric: coverage, min: 1}",
        "{name: errors, metric: error_rate, max: 0}",
    ]
    for outcome in judged(place, policy(*gates), run, before):
        assert outcome.code == 0, outcome.stdout
