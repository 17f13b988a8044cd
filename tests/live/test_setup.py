"""What the gate says of runs that were not measured in the same way: scorers, datasets and served models that changed."""

from __future__ import annotations

import json

import pytest
import scenarios
import weave
from scenarios import Bot, evaluate, log, questions, through_api

GATES = """- {name: judge, scorer: Judge.passed, metric: pass_rate, min: 0.5, max_drop: 0.5}
- {name: short, scorer: is_short, metric: pass_rate, max_drop: 0.5}"""


def policy(head: str = "", gates: str = GATES) -> str:
    return f"version: 1\n{head}\ngates:\n{gates}\n"


def judge(**fields: object) -> weave.Scorer:
    """A scorer that is an object, made anew so that each server gets its ops."""

    class Judge(weave.Scorer):
        model_id: str = "gpt-4o-2024-05-13"
        prompt: str = "Rate.\nBe fair.\nAnswer in JSON."

        @weave.op
        def score(self, output: str) -> dict:
            return {"passed": len(output) > 0}

    return Judge(**fields)


def short(limit: int) -> weave.Op:
    """A scorer that is a function. Each limit is other code."""
    if limit == 100:

        @weave.op(name="is_short")
        def is_short(output: str) -> bool:
            return len(output) < 100

    else:

        @weave.op(name="is_short")
        def is_short(output: str) -> bool:
            return len(output) < 1000

    return is_short


def run_of(scorers: list, numbers: range = range(8), **bot: object) -> str:
    return evaluate(Bot(**bot), questions(numbers), scorers)


def setup_findings(outcome) -> dict[str, str]:
    names = ("scorer-", "scorers-", "dataset-", "served-", "evaluation-")
    findings = outcome.policy["findings"]
    return {found["name"]: found["effect"] for found in findings if found["name"].startswith(names)}


def statuses(outcome) -> list[str]:
    return [check["status"] for check in outcome.checks]


def compared(place, base: str, run: str, head: str = "", gates: str = GATES):
    """Judges the runs live and from their snapshots, which must say the same."""
    live = place.gate(policy(head, gates), "--candidate", run, "--baseline", base)
    for name, of in (("base", base), ("run", run)):
        done = place.run("snapshot", of, "-o", f"{name}.json", "--rows", *place.here)
        assert done.returncode == 0, done.stderr
    saved = place.gate(policy(head, gates), "--candidate=file:run.json", "--baseline=file:base.json")
    assert setup_findings(saved) == setup_findings(live), saved.stdout
    assert statuses(saved) == statuses(live), saved.stdout
    return live


def test_the_same_setup_says_nothing_and_asks_for_nothing_more(place):
    scorers = [judge(), short(100)]
    base, run = run_of(scorers), run_of(scorers, wrong=[1])
    outcome = compared(place, base, run)
    assert (outcome.code, setup_findings(outcome)) == (0, {}), outcome.stdout
    done = place.run("check", "gates.yaml", "-v", "--candidate", run, "--baseline", base, *place.here)
    assert "read_batch" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model_id": "gpt-4o-2024-08-06"}, "`model_id` `gpt-4o-2024-05-13` → `gpt-4o-2024-08-06`"),
        ({"prompt": "Rate.\nBe strict.\nAnswer in JSON."}, "1 line of `prompt` differs"),
    ],
)
def test_a_field_of_a_judge(place, fields, words):
    base = run_of([judge(), short(100)])
    run = run_of([judge(**fields), short(100)])
    outcome = compared(place, base, run)
    assert (outcome.code, setup_findings(outcome)) == (3, {"scorer-changed": "undecided"}), outcome.stdout
    assert statuses(outcome) == ["pass", "undecided", "pass"]
    assert words in outcome.message("scorer-changed")
    assert "comparability: {scorer: warn}" in outcome.help("scorer-changed")
    assert outcome.message("scorer-changed").endswith("; same score on 8 of 8 identical outputs")
    accepted = compared(place, base, run, "comparability: {scorer: warn}")
    assert (accepted.code, setup_findings(accepted)) == (0, {"scorer-changed": "warning"}), accepted.stdout
    done = place.run("compare", base, run, *place.here)
    assert done.returncode == 0, done.stderr
    assert "what else changed" in done.stdout
    assert "the scorer `Judge` is not the same in both runs" in done.stdout
    assert "same score on 8 of 8 identical outputs" in " ".join(done.stdout.split())


def test_every_run_of_a_commit_is_compared(place):
    old, new = judge(), judge(model_id="gpt-4o-2024-08-06")
    base = run_of([old, short(100)])
    commit = {"git_sha": "c0ffee1c0ffee1c0ffee1c0ffee1c0ffee1c0ffe"}
    _, newest = (evaluate(Bot(), questions(range(8)), [it, short(100)], attributes=commit) for it in (new, old))
    outcome = compared(place, base, newest)
    assert outcome.code == 3, outcome.stdout
    assert setup_findings(outcome) == {"scorer-changed": "undecided"}, outcome.stdout
    assert "`gpt-4o-2024-05-13` → `gpt-4o-2024-08-06`" in outcome.message("scorer-changed")


def test_how_the_inputs_are_prepared(place):
    @weave.op(name="prepare")
    def prepare(example: dict) -> dict:
        return {**example, "unused": 1}

    base, run = (evaluate(Bot(), questions(range(8)), [short(100)], preprocess=op) for op in (None, prepare))
    gates = "- {name: short, scorer: is_short, metric: pass_rate, max_drop: 0.5}"
    outcome = compared(place, base, run, gates=gates)
    assert (outcome.code, setup_findings(outcome)) == (0, {"evaluation-changed": "warning"}), outcome.stdout
    assert "the code of `preprocess_model_input` differs" in outcome.message("evaluation-changed")


def test_a_prompt_that_is_an_object(place):
    class Judge(weave.Scorer):
        prompt: weave.StringPrompt

        @weave.op
        def score(self, output: str) -> dict:
            return {"passed": True}

    prompts = [weave.StringPrompt(f"Rate.\n{text}") for text in ("Be fair.", "Be strict.")]
    base, run = (run_of([Judge(prompt=prompt), short(100)]) for prompt in prompts)
    outcome = compared(place, base, run)
    assert (outcome.code, setup_findings(outcome)) == (3, {"scorer-changed": "undecided"}), outcome.stdout
    assert "1 line of `prompt.content` differs" in outcome.message("scorer-changed")


def test_a_judge_that_is_stored_under_another_name(place):
    runs = []
    for model in ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"):
        scorer = judge(model_id=model)
        weave.publish(scorer, "house-judge")
        runs.append(run_of([scorer, short(100)]))
    outcome = compared(place, *runs)
    assert (outcome.code, setup_findings(outcome)) == (3, {"scorer-changed": "undecided"}), outcome.stdout
    assert statuses(outcome) == ["pass", "undecided", "pass"]
    named = [run_of([judge(model_id=model, name="My judge: v1"), short(100)]) for model in ("a", "b")]
    gates = "- {name: judge, scorer: '*judge*', metric: pass_rate, max_drop: 0.5}"
    outcome = compared(place, *named, gates=gates)
    assert statuses(outcome) == ["undecided"], outcome.stdout
    # The scores are stored under another spelling of the name, so nothing is claimed about them.
    assert "same score" not in outcome.message("scorer-changed")


def test_the_code_of_a_function_and_of_a_method(place):
    base = run_of([judge(), short(100)])
    outcome = compared(place, base, run_of([judge(), short(1000)]))
    assert setup_findings(outcome) == {"scorer-changed": "undecided"}, outcome.stdout
    assert statuses(outcome) == ["pass", "pass", "undecided"]
    assert "the scorer `is_short` is not the same in both runs: its code differs" in outcome.message("scorer-changed")

    class Judge(weave.Scorer):
        model_id: str = "gpt-4o-2024-05-13"
        prompt: str = "Rate.\nBe fair.\nAnswer in JSON."

        @weave.op
        def score(self, output: str) -> dict:
            return {"passed": len(output) > 1}

    outcome = compared(place, base, run_of([Judge(), short(100)]))
    assert statuses(outcome) == ["pass", "undecided", "pass"], outcome.stdout
    assert "its code differs" in outcome.message("scorer-changed")


def test_scorers_that_were_added_removed_and_renamed(place):
    base = run_of([judge(), short(100)])
    outcome = compared(place, base, run_of([judge(), short(100), judge(name="second")]))
    assert (outcome.code, setup_findings(outcome)) == (0, {"scorer-added": "note"}), outcome.stdout
    run = run_of([judge()])
    everything = "- {name: all, scorer: '*', metric: pass_rate, min: 0.5, max_drop: 0.5}"
    outcome = compared(place, base, run, gates=everything)
    assert (outcome.code, setup_findings(outcome)) == (3, {"scorer-removed": "undecided"}), outcome.stdout
    outcome = compared(place, base, run, gates=GATES.splitlines()[0])
    assert outcome.code == 0, outcome.stdout
    renamed = run_of([judge(name="renamed"), short(100)])
    outcome = compared(place, base, renamed)
    assert outcome.code == 3, outcome.stdout
    assert setup_findings(outcome) == {"scorer-added": "note", "scorer-removed": "undecided"}


def test_datasets(place):
    scorers = [judge(), short(100)]
    base = run_of(scorers)
    edited = questions(range(8))
    edited[3] = {**edited[3], "topic": "an edited row"}
    outcome = compared(place, base, evaluate(Bot(), edited, scorers), "baseline: {removed_rows: ignore}")
    assert setup_findings(outcome) == {"dataset-changed": "note"}, outcome.stdout
    assert outcome.message("dataset-changed").endswith(": 1 of 8 rows was edited or replaced")
    outcome = compared(place, base, run_of(scorers, range(10)))
    assert outcome.message("dataset-changed").endswith(": 2 of 10 rows were added"), outcome.stdout
    reordered = list(reversed(questions(range(8))))
    outcome = compared(place, base, evaluate(Bot(), reordered, scorers))
    assert outcome.message("dataset-changed").endswith(": both have the same rows"), outcome.stdout
    assert outcome.code == 0


def test_another_served_model_under_the_same_alias(place, monkeypatch):
    scorers = [judge(), short(100)]
    base = run_of(scorers, tokens=10)
    monkeypatch.setattr(scenarios, "LLM", "house-llm-2")
    outcome = compared(place, base, run_of(scorers, tokens=10))
    assert (outcome.code, setup_findings(outcome)) == (0, {"served-models-changed": "warning"}), outcome.stdout
    message = outcome.message("served-models-changed")
    assert message == "other models were served, and not to scorers: `house-llm` → `house-llm-2`"
    # The evaluated model is meant to change, and no scorer calls a model.
    outcome = compared(place, base, run_of(scorers, tokens=11))
    assert setup_findings(outcome) == {}, outcome.stdout
    outcome = compared(place, base, run_of(scorers, tokens=10), "comparability: {served_model: undecided}")
    assert statuses(outcome) == ["pass", "undecided", "undecided"], outcome.stdout


def calling(op) -> weave.Op:
    """A scorer that calls the model that an environment variable names."""

    @weave.op(name=op)
    def call(output: str) -> bool:
        import os

        import weave

        usage = {"requests": 1, "prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
        weave.require_current_call().summary = {"usage": {os.environ["JUDGE_LLM"]: usage}}
        return True

    return call


def test_another_model_that_a_scorer_calls(place, monkeypatch):
    gates = "- {name: calls, scorer: asks, metric: pass_rate, max_drop: 0.5}"
    monkeypatch.setenv("JUDGE_LLM", "judge-1")
    base = run_of([calling("asks")], tokens=10)
    same = run_of([calling("asks")], tokens=11)
    outcome = compared(place, base, same, gates=gates)
    assert setup_findings(outcome) == {}, outcome.stdout
    # The evaluated model calls another model, as it is meant to, and so does the scorer.
    monkeypatch.setenv("JUDGE_LLM", "judge-2")
    monkeypatch.setattr(scenarios, "LLM", "house-llm-2")
    for tokens in (10, 11):
        outcome = compared(place, base, run_of([calling("asks")], tokens=tokens), gates=gates)
        assert (outcome.code, setup_findings(outcome)) == (0, {"served-models-changed": "warning"}), outcome.stdout
        message = outcome.message("served-models-changed")
        assert message == "scorers called other models: `judge-1` → `judge-2`"


def test_a_scorer_that_scored_no_row(place):
    @weave.op
    def silent(output: str) -> None:
        return None

    run = run_of([judge(), silent])
    every = "- {name: all, scorer: '*', metric: pass_rate, min: 0.5}"
    for gates, code in ((every, 3), (every.replace("'*'", "[Judge.passed]"), 0)):
        live = place.gate(policy(gates=gates), "--candidate", run)
        assert live.code == code, live.stdout
    live = place.gate(policy(gates=every), "--candidate", run)
    assert [found["name"] for found in live.policy["findings"]] == ["scorer-never-scored"], live.stdout
    assert live.message("scorer-never-scored").endswith("the scorer `silent` of the candidate's evaluation scored no row")
    done = place.run("snapshot", run, "-o", "run.json", *place.here)
    assert done.returncode == 0, done.stderr
    saved = place.gate(policy(gates=every), "--candidate=file:run.json")
    assert saved.code == 3 and saved.policy["findings"] == live.policy["findings"]
    both = place.gate(policy(gates=every.replace("'*'", "[Judge.passed, silent]")), "--candidate", run)
    assert statuses(both) == ["undecided", "undecided"], both.stdout


def test_another_sdk_is_a_note_of_compare_alone(place):
    base = run_of([judge(), short(100)])
    done = place.run("snapshot", base, "-o", "base.json", "--rows", *place.here)
    assert done.returncode == 0, done.stderr
    saved = json.loads((place.work / "base.json").read_text())
    assert saved["setup"][0]["sdk"] == weave.__version__
    saved["setup"][0]["sdk"] = "0.1"
    (place.work / "base.json").write_text(json.dumps(saved))
    run = run_of([judge(), short(100)], wrong=[1])
    outcome = place.gate(policy(), "--candidate", run, "--baseline=file:base.json")
    assert (outcome.code, setup_findings(outcome)) == (0, {}), outcome.stdout
    done = place.run("compare", "file:base.json", run, *place.here)
    assert f"  what else changed\n    SDK 0.1 → {weave.__version__}\n" in done.stdout


def test_an_evaluation_that_was_deleted(place):
    base = run_of([judge(), short(100)])
    run = run_of([judge(model_id="other"), short(100)])
    done = place.run("snapshot", run, "-o", "run.json", *place.here)
    assert done.returncode == 0, done.stderr
    (setup,) = json.loads((place.work / "run.json").read_text())["setup"]
    scenarios.delete_object(place.server, setup["evaluation"])
    outcome = place.gate(policy(), "--candidate", run, "--baseline", base)
    assert (outcome.code, setup_findings(outcome)) == (3, {"evaluation-changed": "undecided"}), outcome.stdout
    assert statuses(outcome) == ["pass", "undecided", "undecided"]
    assert "cannot be read" in outcome.message("evaluation-changed")


def test_runs_of_the_api(place):
    gates = "- {name: right, scorer: exact, metric: pass_rate, max_drop: 0.5}"
    base, run = (through_api(place.server, [True] * 8) for _ in range(2))
    outcome = compared(place, base, run, gates=gates)
    assert (outcome.code, setup_findings(outcome)) == (0, {}), outcome.stdout
    runs = []
    for model in ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"):
        scorers = [judge(model_id=model, name="exact")]
        evaluation = weave.Evaluation(name="api-answers", dataset=questions(range(8)), scorers=scorers)
        ref = weave.publish(evaluation).uri()
        runs.append(through_api(place.server, [True] * 8, evaluation=ref))
    outcome = compared(place, *runs, gates=gates)
    assert (outcome.code, setup_findings(outcome)) == (3, {"scorer-changed": "undecided"}), outcome.stdout
    assert "`gpt-4o-2024-05-13` → `gpt-4o-2024-08-06`" in outcome.message("scorer-changed")


def test_runs_without_scorers_of_their_own(place):
    drop = "- {name: right, scorer: correctness, metric: pass_rate, max_drop: 0.5}"
    base, run = (log([{"correctness": True}] * rows) for rows in (5, 6))
    outcome = place.gate(policy(gates=drop), "--candidate", run, "--baseline", base)
    assert setup_findings(outcome) == {"scorers-unknown": "note"}, outcome.stdout
    assert "a changed scorer is not noticed" in outcome.message("scorers-unknown")


def test_an_older_snapshot_does_not_say_how_its_run_was_measured(place):
    base = run_of([judge(), short(100)])
    run = run_of([judge(model_id="other"), short(100)])
    done = place.run("snapshot", base, "-o", "base.json", "--rows", *place.here)
    assert done.returncode == 0, done.stderr
    saved = json.loads((place.work / "base.json").read_text())
    del saved["setup"]
    (place.work / "base.json").write_text(json.dumps(saved))
    outcome = place.gate(policy(), "--candidate", run, "--baseline=file:base.json")
    assert (outcome.code, setup_findings(outcome)) == (0, {"evaluation-changed": "warning"}), outcome.stdout
    assert "a snapshot does not say how its run was measured" in outcome.message("evaluation-changed")
