"""Differences between trace servers that must not change the result: stored calls, attributes, the order of trials."""

from __future__ import annotations

import json

import backends
import pytest
import scenarios
import weave
from conftest import KEY
from scenarios import Bot, correctness, evaluate, questions, tone

MIN = "- {name: min, scorer: correctness, metric: pass_rate, min: 0.8}"


def logged_in_batches(client, batches: int) -> str:
    """Logs batches of ten rows, the first two of each batch wrong, and returns the run's id."""
    logger = weave.EvaluationLogger(name="batches", model="logged-bot")
    for batch in range(batches):
        for number in range(10):
            prediction = logger.log_prediction(inputs={"n": 10 * batch + number}, output="x")
            prediction.log_score("correctness", batch > 0 or number > 1)
            prediction.finish()
        client.flush()
    logger.log_summary()
    client.flush()
    return logger._evaluate_call.id


def test_a_batch_that_was_lost_leaves_a_run_incomplete(place):
    client = scenarios.connect(place.server, place.running.url, KEY, over_http=True)
    state = place.running.app.state
    gates = MIN.replace("0.8", "0.94")
    whole = place.check(gates, logged_in_batches(client, 3))
    assert (whole.code, whole.check("min")["candidate"]) == (1, pytest.approx(28 / 30))
    each = state.stored
    # The SDK drops a refused batch (here the run's second batch) but still ends the run.
    state.refused = {each + 1}
    run = logged_in_batches(client, 3)
    assert state.stored > each + 1
    lost = place.check(gates, run)
    assert (lost.code, "run-incomplete" in lost.findings) == (3, True), lost.stdout


@pytest.mark.skipif(backends.IS_MEMORY, reason="the in-memory server keeps one call of an id")
def test_a_batch_that_was_sent_twice_makes_no_run_better(place):
    run = evaluate(Bot(wrong=range(4)), questions(range(8)), [correctness])
    gates = "\n".join([MIN.replace("0.8", "0.6"), "- {name: trials, metric: trials, min: 10}"])
    once = place.check(gates, run)
    assert (once.code, once.check("min")["candidate"]) == (1, 0.5)
    place.server.store.repeat(run)
    twice = place.check(gates, run)
    # The rows contain each trial once. A summary with more trials must not decide anything.
    assert twice.code in (1, 3), twice.stdout
    assert "pass" not in {check["status"] for check in twice.checks}, twice.stdout


@pytest.mark.parametrize(
    "value", ["feature/größe", "日本", 'a"b', "a\\b", "a\tb", "null", "12345678901234567", 12345678901234567, "1e400"]
)
def test_a_run_is_found_by_any_value_of_an_attribute(place, value):
    run = evaluate(Bot(), questions(range(4)), [correctness], attributes={"team": value})
    evaluate(Bot(wrong=[1]), questions(range(4)), [correctness], attributes={"team": "other"})
    text = json.dumps(str(value), ensure_ascii=False)
    found = place.gate(f"version: 1\ncandidate: {{attributes: {{team: {text}}}}}\ngates:\n{MIN}\n")
    assert found.code == 0, found.stdout
    assert found.policy["candidate"]["id"] == run


def use_tokens(count: int) -> None:
    usage = {"requests": 1, "prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}
    weave.require_current_call().summary = {"usage": {scenarios.LLM: usage}}


@weave.op
def respond(question: str) -> str:
    use_tokens(20)
    return question


@weave.op
def predict_answer(question: str) -> str:
    use_tokens(20)
    return question


@weave.op
def judged_by_a_model(output: str) -> bool:
    use_tokens(1000)
    return True


def test_without_a_call_of_the_model_its_usage_is_missing(place):
    metrics = ["tokens_mean", "tokens_total", "cost_mean", "latency_p50"]
    gates = "\n".join(f"- {{name: {metric}, metric: {metric}, max: 100}}" for metric in metrics)
    run = evaluate(respond, questions(range(4)), [judged_by_a_model])
    for named in (run, f"file:{taken(place, run)}"):
        outcome = place.check(gates, named)
        assert outcome.code == 3 and outcome.checks, outcome.stdout
        for metric in metrics:
            check = outcome.check(metric)
            assert (check["status"], check["finding"]) == ("undecided", "metric-not-available")
            assert "no call of the model alone" in check["reason"]
    found = evaluate(predict_answer, questions(range(4)), [judged_by_a_model])
    outcome = place.check(gates, found)
    assert outcome.code == 0, outcome.stderr
    assert outcome.check("tokens_mean")["candidate"] == 20


def taken(place, run: str, *arguments: str) -> str:
    """Takes a snapshot of a run, and returns the file's name."""
    done = place.run("snapshot", run, "-o", f"{run}.json", *arguments, *place.here)
    assert done.returncode == 0, done.stderr
    return f"{run}.json"


def test_a_run_inside_a_traced_function_is_found_by_name(place):
    made = {}

    @weave.op
    def nightly() -> None:
        made["id"] = evaluate(
            Bot(), questions(range(4)), [correctness], attributes={"git_branch": "main"}, flush=False
        )

    nightly()
    evaluate(Bot(), questions(range(4)), [correctness], name="others", attributes={"git_branch": "main"})
    gates = MIN.replace("0.8", "1")
    found = place.gate(f"version: 1\ncandidate: {{evaluation: answers, branch: main}}\ngates:\n{gates}\n")
    assert (found.code, found.policy["candidate"]["id"]) == (0, made["id"]), found.stdout
    # A later run is compared with it.
    later = evaluate(Bot(wrong=[1]), questions(range(4)), [correctness], attributes={"git_branch": "mine"})
    drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.1}"
    policy = f"version: 1\nbaseline: {{branch: main}}\ngates:\n{drop}\n"
    compared = place.gate(policy, "--candidate", later)
    assert (compared.code, compared.policy["baseline"]["id"]) == (1, made["id"]), compared.stdout


def test_rows_that_differ_by_the_order_of_their_keys_are_the_same_or_said_to_be(place):
    def logged(keys: tuple[str, str]) -> str:
        logger = weave.EvaluationLogger(name="keys", model="logged-bot")
        for number in range(4):
            inputs = {key: f"{key} {number}" for key in keys}
            logger.log_example(inputs=inputs, output="x", scores={"correctness": True})
        logger.log_summary()
        return logger._evaluate_call.id

    baseline, candidate = logged(("a", "b")), logged(("b", "a"))
    scenarios.weave_client_context.get_weave_client().flush()
    drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.1}"
    outcome = place.check(drop, candidate, baseline)
    if backends.IS_MEMORY:
        assert outcome.code == 0
    else:
        assert outcome.code == 3
        assert "equal but for the order of the keys" in outcome.check("drop")["reason"]


@pytest.mark.skipif(not backends.IS_MEMORY, reason="only the in-memory server has this limit")
def test_more_trials_than_the_server_looks_into_at_once(place):
    rows = questions(range(501))
    baseline, candidate = (evaluate(Bot(tokens=10), rows, [correctness]) for _ in range(2))
    gates = """- {name: latency, metric: latency_p95, max: 60, max_rise: 60}
- {name: tokens, metric: tokens_mean, max: 10, max_rise: 0}
- {name: cost, metric: cost_total, max: 1, max_rise: 1}"""
    outcome = place.check(gates, candidate, baseline)
    assert outcome.code == 0, outcome.stdout
    assert {check["candidate"] for check in outcome.checks if check["gate"] == "tokens"} == {10}
    # If a request cannot be split into parts, the error message says so.
    twice = evaluate(Bot(tokens=10), rows, [correctness], trials=2)
    outcome = place.check("- {name: latency, metric: latency_p95, max: 60}", twice)
    assert (outcome.code, outcome.checks) == (3, [])
    assert "W&B's in-memory server" in outcome.policy["error"]["help"]


def test_the_same_check_gives_the_same_bytes(place):
    baseline = evaluate(Bot(wrong=[1]), questions(range(12)), [correctness, tone], trials=3)
    candidate = evaluate(Bot(wrong=[2, 3]), questions(range(12)), [correctness, tone], trials=3)
    gates = "\n".join(
        f"- {{name: {metric}{number}, scorer: {scorer}, metric: {metric}, max_drop: 0.01, evidence: {rule}}}"
        for number, (scorer, metric, rule) in enumerate(
            [
                ("correctness", "pass_rate", "observed"),
                ("correctness", "pass_rate", "significant"),
                ("tone.score", "numeric_mean", "proven"),
            ]
        )
    )
    reports = set()
    for _ in range(10):
        place.check(gates, candidate, baseline)
        reports.add((place.work / "report.json").read_text() + (place.work / "report.md").read_text())
    assert len(reports) == 1
