"""Slices, rows behind checks, snapshots with rows, and counts by rows, on the real server."""

from __future__ import annotations

import csv
import json
import random
import re

import pytest
import weave
from scenarios import Bot, correctness, evaluate, log, tone
from weave.trace_server import trace_server_interface as tsi

GATES = """
- {name: correct, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.02}
- {name: each language, scorer: correctness, metric: pass_rate, by: meta.lang, max_drop: 0.02, evidence: significant}
- {name: golden, scorer: correctness, metric: regressed_rows, max: 0, where: {golden: true, number: [0, 2, 4.0, 6, 8]}}
- {name: tone, scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.7, evidence: proven}
- {name: tone of some, scorer: tone.score, metric: numeric_mean, range: [0, 1], where: {meta.lang: de}, max_drop: 0.1}
- {name: errors, metric: error_rate, max: 0}
- {name: errors of some, metric: error_rate, where: {golden: false}, max: 0}
- {name: tokens, metric: tokens_mean, max: 9, missing: ignore}
- {name: cost, metric: cost_total, by: golden, max: 1}
- {name: fast, metric: latency_p95, max: 5, missing: ignore, where: {golden: true}}
- {name: rows, metric: rows, by: meta.lang, min: 10}
"""


def dataset(count: int) -> list[dict]:
    return [
        {
            "question": f"question {n}",
            "expected": f"answer {n}",
            "number": n,
            "golden": n % 2 == 0,
            "meta": {"lang": "de" if n % 3 else "en"},
        }
        for n in range(count)
    ]


WRONG = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18]


@pytest.fixture(scope="module")
def runs(world) -> tuple[str, str]:
    baseline = evaluate(Bot(tokens=10, wrong=[1]), dataset(30), [correctness, tone], name="rows")
    candidate = evaluate(Bot(tokens=10, wrong=WRONG, crash=[20]), dataset(28), [correctness, tone], name="rows")
    return candidate, baseline


def test_slices_are_those_of_the_dataset(world, runs):
    outcome = world.check(GATES, *runs)
    rows = dataset(28)
    passed = {row["number"]: row["number"] not in [*WRONG, 20] for row in rows}

    def check(gate: str, value: object = None) -> dict:
        (found,) = [
            check
            for check in outcome.checks
            if check["gate"] == gate and (value is None or check["slice"]["value"] == value)
        ]
        return found

    for lang in ("de", "en"):
        of_lang = [row["number"] for row in dataset(30) if row["meta"]["lang"] == lang]
        found = check("each language", lang)
        assert found["chance"]["rows"] == len(of_lang)
        regressed = sum(1 for number in of_lang if number != 1 and not passed.get(number, False))
        assert found["chance"]["regressed"] == regressed
        assert check("rows", lang)["candidate"] == sum(row["meta"]["lang"] == lang for row in rows)
    golden = check("golden")
    assert golden["candidate"] == 4
    assert golden["slice"]["where"] == {"golden": [True], "number": [0, 2, 4, 6, 8]}
    assert check("errors")["candidate"] == pytest.approx(1 / 28)
    assert check("errors of some")["candidate"] == 0
    # The cost of the crashed trial is unknown.
    assert [check("cost", value)["status"] for value in (False, True)] == ["pass", "undecided"]
    german = [row["number"] for row in rows if row["meta"]["lang"] == "de"]
    scores = [0.8 if passed[number] else 0.5 for number in german if number != 20]
    assert check("tone of some")["candidate"] == pytest.approx(sum(scores) / len(scores), abs=1e-9)
    assert "usage-may-be-partial" not in outcome.findings


def test_the_rows_behind_are_those_that_turned(world, runs):
    world.requests()
    outcome = world.check(GATES, *runs)
    # The rows of both runs are read once, and the full rows behind the checks once more.
    queries = [path for _, path in world.requests() if path.endswith("eval_results/query")]
    assert len(queries) == 4
    (drop,) = [check for check in outcome.checks if check["id"] == "correct / correctness / max_drop"]
    assert drop["rows_behind"] == 15
    numbers = [row["inputs"]["number"] for row in drop["rows"]]
    assert len(numbers) == 10
    # Removed rows and crashed trials come first.
    assert set(numbers[:3]) == {20, 28, 29}
    assert set(numbers[3:]) <= set(WRONG) - {1}
    for row in drop["rows"][3:]:
        assert (row["baseline"]["score"], row["candidate"]["score"]) == (1, 0)
        assert row["candidate"]["answers"][0]["output"] == "nonsense"
        assert row["baseline"]["answers"][0]["output"] == row["inputs"]["expected"]
        assert "/r/call/" in row["candidate"]["answers"][0]["url"]
    page = (world.work / "report.md").read_text()
    assert "**Worst rows**" in page and "crashed** in these rows: `" in page
    assert "worst rows" in outcome.stdout


def test_without_excerpts_no_input_and_no_output_is_shown(world, runs):
    policy = world.work / "gates.yaml"
    policy.write_text(f"version: 1\ngates:\n{GATES}\n")
    done = world.run(
        "check", str(policy), "--candidate", runs[0], "--baseline", runs[1], "--no-excerpts",
        "--report", "plain.md", "--json", "plain.json", *world.here,
    )
    assert done.returncode == 1
    for text in (done.stdout, (world.work / "plain.md").read_text(), (world.work / "plain.json").read_text()):
        assert "nonsense" not in text and "question 5" not in text


def test_explain_says_it_in_full(world, runs):
    world.check(GATES, *runs)
    of_report = world.run("explain", "correct", "--all", "--from", str(world.work / "report.json"))
    assert of_report.returncode == 0, of_report.stderr
    assert of_report.stdout.count("       row ") >= 20
    assert '"question": "question 20"' in of_report.stdout
    judged = world.run(
        "explain", "correct", "--all", str(world.work / "gates.yaml"), "--candidate", runs[0], "--baseline", runs[1],
        *world.here,
    )

    def without_hints(text: str) -> list[str]:
        # What to do for more rows depends on where the report is from.
        return [line for line in text.splitlines() if not line.startswith("    … and ")]

    assert without_hints(judged.stdout) == without_hints(of_report.stdout)
    language = world.run(
        "explain", "each language / correctness / meta.lang: de / max_drop", "--from", str(world.work / "report.json")
    )
    # 0.5 ** 9, with two significant digits.
    assert re.search(r"McNemar's mid-p +0\.002, two-sided", language.stdout), language.stdout
    unknown = world.run("explain", "corect", "--from", str(world.work / "report.json"))
    assert unknown.returncode == 2
    assert "there is no check `corect`" in unknown.stderr


def without_next(text: str) -> str:
    """A report without the next command, which names the runs as the command line does."""
    return re.sub(r"  next: (.*\\\n)*.*\n", "", text)


def test_two_snapshots_with_rows_say_what_the_server_says(world, runs):
    extra = evaluate(
        Bot(tokens=10, wrong=[3, 4]), dataset(33)[2:], [correctness, tone], name="rows", trials=2
    )
    files = {}
    for run in (*runs, extra):
        files[run] = f"file:{run}.json"
        done = world.run("snapshot", run, "--rows", "-o", f"{run}.json", *world.here)
        assert done.returncode == 0, done.stderr
    policy = world.work / "gates.yaml"
    policy.write_text(f"version: 1\ngates:\n{GATES}\n")

    def judged(candidate: str, baseline: str, key: str | None) -> list[str]:
        here = world.here if key else ["--project", world.project]
        done = world.run(
            "check", str(policy), "--candidate", candidate, "--baseline", baseline,
            "--report", "one.md", "--json", "one.json", *here, **({} if key else {"key": None}),
        )
        assert done.returncode in (1, 3), done.stderr
        texts = [done.stdout, (world.work / "one.md").read_text(), (world.work / "one.json").read_text()]
        return [without_next(text) for text in texts]

    def explained(candidate: str, baseline: str, *where: str) -> str:
        done = world.run(
            "explain", "correct", str(policy), "--limit=10", "--candidate", candidate, "--baseline", baseline, *where
        )
        assert done.returncode == 0, done.stderr
        return without_next(done.stdout)

    live = explained(*runs, *world.here)
    assert "question 20" in live
    assert explained(*(files[run] for run in runs), "--project", world.project) == live

    # Removed rows, added rows, both, and different numbers of trials.
    for candidate, baseline in [runs, runs[::-1], (extra, runs[1]), (runs[0], extra)]:
        live = judged(candidate, baseline, "key")
        assert judged(files[candidate], files[baseline], None) == live
        assert judged(candidate, files[baseline], "key") == live
        assert judged(files[candidate], baseline, "key") == live


def test_an_input_that_is_no_slice(world):
    run = log([{"s": True}] * 60, name="many")
    gates = "- {name: each, scorer: s, metric: pass_rate, by: n, min: 1}"
    policy = world.work / "many.yaml"
    policy.write_text(f"version: 1\ngates:\n{gates}\n")
    done = world.run("check", str(policy), "--candidate", run, *world.here)
    assert done.returncode == 3
    assert "60 values" in done.stdout
    gates = "- {name: few, scorer: s, metric: pass_rate, where: {n: [1, 2]}, min: 1}\n"
    gates += "- {name: none, scorer: s, metric: pass_rate, where: {n: '1'}, min: 1}"
    outcome = world.check(gates, run)
    assert [check["status"] for check in outcome.checks] == ["pass", "undecided"]
    assert outcome.checks[0]["trials"] == 2
    assert "empty-slice" in outcome.findings


class Graded(weave.Model):
    """Answers with scores that a seed determines, and with some crashes."""

    seed: int

    @weave.op
    def predict(self, number: int) -> dict:
        numbers = random.Random(f"{self.seed} {number}")
        if numbers.random() < 0.06:
            raise RuntimeError("crash")
        return {"right": numbers.random() < 0.7, "tone": numbers.random()}


@weave.op
def right(output: dict) -> bool:
    return output["right"]


@weave.op
def grade(output: dict) -> dict:
    return {"tone": output["tone"]}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_slice_is_judged_as_a_run_of_its_rows_would_be(place, seed):
    rows = [{"number": n, "sort": "abc"[n % 3]} for n in range(60)]
    gates = """
- {{name: a, scorer: right, metric: pass_rate, {0} max_drop: 0.05, evidence: significant}}
- {{name: b, scorer: right, metric: pass_rate, {0} min: 0.5, evidence: proven}}
- {{name: c, scorer: grade.tone, metric: numeric_mean, range: [0, 1], {0} max_drop: 0.05, evidence: proven}}
- {{name: d, scorer: grade.tone, metric: numeric_mean, range: [0, 1], {0} min: 0.4}}
- {{name: e, scorer: right, metric: coverage, {0} min: 0.9, max_drop: 0.05}}
- {{name: f, scorer: right, metric: fixed_rows, {0} min: 1}}
- {{name: g, metric: error_rate, {0} max: 0.1, max_rise: 0.05}}
"""

    def both(of: list[dict]) -> list[str]:
        models = [Graded(seed=seed), Graded(seed=seed + 10)]
        # Each run lacks some rows of the other.
        return [
            evaluate(model, part, [right, grade], name="sorts")
            for model, part in zip(models, (of[1:], of[:-1]), strict=True)
        ]

    whole = both(rows)
    outcome = place.check(gates.format("where: {sort: b},") + "correction: none", *whole)
    some = [row for row in rows if row["sort"] == "b"]
    # Each list lost rows at its ends. The rows of the slice are in the middle, so the slice has the same rows in both.
    models = [Graded(seed=seed), Graded(seed=seed + 10)]
    alone = [evaluate(model, some, [right, grade], name="sorts") for model in models]
    expected = place.check(gates.format("") + "correction: none", *alone)
    for check, other in zip(outcome.checks, expected.checks, strict=True):
        assert other["slice"] is None
        for key in ("status", "limit_key", "scored", "trials", "candidate_range", "baseline_range"):
            assert check[key] == pytest.approx(other[key], abs=1e-9) if "range" in key else check[key] == other[key]
        if check["chance"]:
            for key in ("rows", "point", "p", "interval"):
                found, wanted = check["chance"][key], other["chance"][key]
                assert found == pytest.approx(wanted, abs=1e-9), (key, check)


def test_export_holds_every_row_and_trial(world, runs):
    done = world.run("export", *runs, "--format", "jsonl", *world.here)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 58
    assert [line["run"] for line in lines] == [runs[0]] * 28 + [runs[1]] * 30
    by_number = {(line["run"], line["inputs"]["number"]): line for line in lines}
    crashed = by_number[runs[0], 20]
    assert (crashed["output"], crashed["scores"], crashed["tokens"]) == (None, {}, None)
    sound = by_number[runs[1], 20]
    assert sound["scores"] == {"correctness": True, "tone.score": 0.8, "tone.note": "text"}
    assert sound["tokens"] == 10
    assert sound["cost_usd"] == pytest.approx(1.5e-5)
    assert sound["latency_seconds"] > 0
    assert sound["url"].startswith("https://wandb.ai/my-team/support-bot/r/call/")
    assert sound["trial"] == 1

    world.run("export", *runs, "-o", "rows.csv", *world.here)
    with (world.work / "rows.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 58
    assert list(table[0]) == [
        "row_digest", "run", "trial", "inputs", "output", "scores.correctness", "scores.tone.note",
        "scores.tone.score", "latency_seconds", "tokens", "cost_usd", "url",
    ]
    for line, cells in zip(lines, table, strict=True):
        assert json.loads(cells["inputs"]) == line["inputs"]
        assert cells["output"] == (line["output"] or "")
        assert cells["scores.correctness"] == {True: "true", False: "false", None: ""}[line["scores"].get("correctness")]

    once = world.run("export", *runs, "--dedup", "--format", "jsonl", *world.here)
    lines = [json.loads(line) for line in once.stdout.splitlines()]
    assert len(lines) == len({line["row_digest"] for line in lines}) == 30
    assert sum(line["run"] == runs[1] for line in lines) == 2
    # A snapshot with rows gives the same table.
    world.run("snapshot", runs[0], "--rows", "-o", "export.json", *world.here)
    of_file = world.run("export", "file:export.json", "--format", "jsonl", key=None)
    of_run = world.run("export", runs[0], "--format", "jsonl", *world.here)
    assert of_file.stdout == of_run.stdout != ""


def test_no_cell_of_a_table_is_a_formula(world):
    logger = weave.EvaluationLogger(name="cells", model="m")
    prediction = logger.log_prediction(inputs={"q": "=1+1"}, output='=HYPERLINK("http://evil","x")')
    prediction.log_score("s", -0.5)
    prediction.finish()
    logger.log_summary({})
    weave.trace.context.weave_client_context.get_weave_client().flush()
    run = logger._evaluate_call.id
    done = world.run("export", run, *world.here)
    (cells,) = csv.DictReader(done.stdout.splitlines())
    assert cells["output"] == '\'=HYPERLINK("http://evil","x")'
    assert cells["scores.s"] == "-0.5"


def test_one_prediction(world, runs):
    done = world.run("export", runs[1], "--format", "jsonl", *world.here)
    assert done.returncode == 0
    answer = world.server.eval_results_query(
        tsi.EvalResultsQueryReq(project_id=world.project, evaluation_run_ids=[runs[1]], include_rows=True)
    )
    trial = answer.rows[0].evaluations[0].trials[0]
    done = world.run("prediction", trial.predict_call_id, *world.here)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == trial.model_output
    unknown = world.run("prediction", "0190ad3e-0000-7000-8000-000000000000", *world.here)
    assert unknown.returncode == 3
    assert "there is no prediction" in unknown.stderr
