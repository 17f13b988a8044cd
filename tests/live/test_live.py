"""Results of the gate for evaluations on the real server: the exit code and the JSON report."""

from __future__ import annotations

import json

import pytest
import scenarios
from conftest import OTHER_KEY
from scenarios import (
    Bot,
    broken,
    colliding,
    correctness,
    dotted,
    evaluate,
    log,
    mixed,
    questions,
    safety,
    through_api,
    tone,
)

TWENTY = questions(range(20))

FLOOR = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.8}"
BOTH = "- {name: both, scorer: correctness, metric: pass_rate, min: 0.8, max_drop: 0.05}"


@pytest.fixture(scope="session")
def baseline(world) -> str:
    return evaluate(Bot(wrong=[3, 7]), TWENTY, [correctness])


def test_a_clean_pass_in_five_requests(world, baseline):
    candidate = evaluate(Bot(wrong=[4, 8]), TWENTY, [correctness])
    world.requests()
    outcome = world.check(BOTH, candidate, baseline)
    assert outcome.code == 0, outcome.stderr
    assert outcome.report["verdict"] == "passed"
    assert [check["status"] for check in outcome.checks] == ["pass", "pass"]
    assert outcome.checks[0]["candidate"] == 0.9
    assert outcome.checks[1]["change"] == 0.0
    assert outcome.findings == set()
    made = world.requests()
    results = "/v2/my-team/support-bot/eval_results/query"
    assert sorted(path for _, path in made) == ["/calls/query_stats"] * 2 + ["/calls/stream_query"] + [results] * 2
    run = outcome.policy["candidate"]
    assert (run["id"], run["status"], run["evaluation"]) == (candidate, "completed", "answers")
    assert (run["rows"], run["trials"]) == (20, 20)


def test_a_regression(world, baseline):
    candidate = evaluate(Bot(wrong=[1, 2, 3, 4]), TWENTY, [correctness])
    outcome = world.check(BOTH, candidate, baseline)
    assert (outcome.code, outcome.report["verdict"]) == (1, "failed")
    floor, drop = outcome.checks
    assert (floor["status"], floor["limit_key"], floor["candidate"]) == ("pass", "min", 0.8)
    assert (drop["status"], drop["limit_key"]) == ("fail", "max_drop")
    assert drop["change"] == pytest.approx(-0.1)
    assert drop["reason"] == "fell 10 pts (90 % → 80 %), limit 5 pts; missed by 1 row"


def test_a_scorer_that_always_crashes_is_not_a_pass(world):
    candidate = evaluate(Bot(), TWENTY, [broken])
    gate = "- {name: broken, scorer: broken, metric: pass_rate, min: 0.1}"
    outcome = world.check(gate, candidate)
    assert (outcome.code, outcome.report["verdict"]) == (3, "undecided")
    assert outcome.findings == {"scorer-never-scored"}
    assert outcome.checks[0]["status"] == "undecided"


def test_a_scorer_that_stopped_scoring_is_not_a_pass(world, baseline):
    candidate = evaluate(Bot(), TWENTY, [broken])
    outcome = world.check(BOTH, candidate, baseline)
    assert (outcome.code, outcome.report["verdict"]) == (3, "undecided")
    assert outcome.findings == {"scorer-removed", "scorer-added"}
    assert world.check(FLOOR, candidate).findings >= {"unknown-dimension"}


def test_a_crashed_quarter_is_counted_although_weave_says_one(world):
    candidate = evaluate(Bot(crash=list(range(0, 24, 4))), questions(range(24)), [correctness])
    outcome = world.check(FLOOR, candidate)
    check = outcome.check("floor")
    assert check["candidate"] == 1.0
    assert (check["scored"], check["trials"]) == (18, 24)
    assert check["candidate_range"] == [0.75, 1.0]
    assert (outcome.code, check["status"]) == (3, "undecided")
    fail = FLOOR.replace("min: 0.8", "min: 0.8, missing: fail")
    assert world.check(fail, candidate).code == 1
    ignore = FLOOR.replace("min: 0.8", "min: 0.8, missing: ignore")
    assert world.check(ignore, candidate).code == 0
    few = FLOOR.replace("min: 0.8", "min: 0.8, max_missing: 0.25")
    assert world.check(few, candidate).code == 0
    low = FLOOR.replace("min: 0.8", "min: 0.75")
    assert world.check(low, candidate).code == 0
    rates = world.check("- {name: errors, metric: error_rate, max: 0.2}", candidate)
    assert rates.code == 1
    assert rates.check("errors")["candidate"] == 0.25
    covered = world.check("- {name: c, scorer: correctness, metric: coverage, min: 0.9}", candidate)
    assert (covered.code, covered.check("c")["candidate"]) == (1, 0.75)


def test_pass_rate_zero_is_a_value(world):
    candidate = evaluate(Bot(wrong=list(range(20))), TWENTY, [correctness])
    outcome = world.check(FLOOR, candidate)
    assert (outcome.code, outcome.check("floor")["candidate"]) == (1, 0.0)
    zero = world.check("- {name: z, scorer: correctness, metric: pass_rate, max: 0}", candidate)
    assert zero.code == 0


def test_an_unknown_candidate(world, baseline):
    outcome = world.check(BOTH, "0190aaaa-0000-7000-8000-000000000000", baseline)
    assert (outcome.code, outcome.report["verdict"]) == (3, None)
    assert "there is no run `0190aaaa" in outcome.report["error"]["message"]
    assert outcome.report["policies"][0]["checks"] == []


def test_an_unknown_baseline(world, baseline):
    unknown = "0190aaaa-0000-7000-8000-000000000000"
    outcome = world.check(BOTH, baseline, unknown)
    assert (outcome.code, outcome.report["verdict"]) == (3, "undecided")
    assert outcome.findings == {"no-baseline"}
    assert [check["status"] for check in outcome.checks] == ["pass", "undecided"]
    skipped = world.check(BOTH, baseline, unknown, head="baseline: {required: false}")
    assert skipped.code == 0
    assert [check["status"] for check in skipped.checks] == ["pass", "skipped"]
    only_change = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}"
    nothing = world.check(only_change, baseline, unknown, head="baseline: {required: false}")
    assert nothing.code == 3
    assert "nothing-judged" in nothing.findings


def test_a_running_run(world, baseline):
    candidate = log([{"correctness": True}] * 5, finish=False)
    outcome = world.check(FLOOR, candidate)
    assert (outcome.code, outcome.findings) == (3, {"run-not-finished"})
    changed = world.check(BOTH, baseline, candidate)
    assert changed.code == 3
    assert [check["status"] for check in changed.checks] == ["pass", "undecided"]


def test_a_failed_run(world):
    candidate = log([{"correctness": True}] * 5, fail=True)
    outcome = world.check(FLOOR, candidate)
    assert (outcome.code, outcome.findings) == (3, {"run-failed"})
    accepted = world.check(FLOOR, candidate, head="accept_status: [completed, failed]")
    assert accepted.code == 0


def test_the_same_run_is_no_comparison(world, baseline):
    outcome = world.check(BOTH, baseline, baseline)
    assert outcome.code == 3
    assert "same-run" in outcome.findings


def test_runs_of_the_logger(world):
    scores = [{"correctness": n > 0, "length": n} for n in range(10)]
    candidate, before = log(scores), log(scores)
    gates = BOTH + "\n- {name: length, scorer: length, metric: numeric_mean, min: 4.5, max: 4.5, max_rise: 0}"
    outcome = world.check(gates, candidate, before)
    assert outcome.code == 0, outcome.stdout
    assert outcome.checks[2]["candidate"] == 4.5


def test_runs_of_the_v2_api(world):
    good, bad = through_api(world.server, [True] * 10), through_api(world.server, [True] * 8 + [False] * 2)
    gate = "- {name: exact, scorer: exact, metric: pass_rate, max_drop: 0.1}"
    assert world.check(gate, good, good).code == 3
    outcome = world.check(gate, bad, good)
    assert outcome.code == 1, outcome.stdout
    assert outcome.policy["candidate"]["evaluation"] == "api-answers"
    assert world.check(gate, good, bad).code == 0
    running = through_api(world.server, [True], finish=False)
    assert world.check(gate, running, good).findings >= {"run-not-finished"}


def test_nested_and_dotted_dimensions(world):
    candidate = evaluate(Bot(wrong=[1]), TWENTY, [correctness, safety, tone])
    gates = """
- {name: toxic, scorer: safety.toxic.passed, metric: pass_rate, min: 1}
- {name: all safe, scorer: "safety.*", metric: pass_rate, min: 0.9}
- {name: tone, scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.7}
- {name: notes, scorer: tone.note, metric: coverage, min: 1}
"""
    outcome = world.check(gates, candidate)
    assert outcome.code == 0, outcome.stdout
    subjects = [check["subject"] for check in outcome.checks if check["gate"] == "all safe"]
    assert subjects == ["safety.leaks.passed", "safety.toxic.passed"]
    wrong = "- {name: n, scorer: tone.note, metric: pass_rate, min: 1}\n- {name: m, scorer: correctness, metric: numeric_mean, min: 1}"
    refused = world.check(wrong, candidate)
    assert (refused.code, refused.findings) == (3, {"metric-not-available"})
    assert "its scores are text" in refused.check("n")["reason"]
    assert "its scores are true or false" in refused.check("m")["reason"]


def test_keys_with_dots(world):
    run = evaluate(Bot(), TWENTY, [dotted])
    gate = "- {name: d, scorer: dotted.a.b, metric: pass_rate, min: 1}"
    assert world.check(gate, run).code == 0
    of_scorer = through_api(world.server, [True] * 4, scorer="a.b")
    assert world.check("- {name: d, scorer: a.b, metric: pass_rate, min: 1}", of_scorer).code == 0
    # Weave pools two leaves with the same path, so that there are more scores than trials.
    pooled = world.check(gate.replace("dotted", "colliding").replace("min: 1", "min: 0"), evaluate(Bot(), TWENTY, [colliding]))
    assert (pooled.code, pooled.findings) == (3, {"inconsistent-counts"})


def test_mixed_types(world):
    candidate = evaluate(Bot(), TWENTY, [mixed])
    gate = "- {name: mixed, scorer: mixed, metric: pass_rate, min: 0.9}"
    outcome = world.check(gate, candidate)
    assert (outcome.code, outcome.findings) == (3, {"mixed-types"})
    check = outcome.check("mixed")
    assert (check["scored"], check["trials"]) == (10, 20)


def test_three_trials_a_row(world, baseline):
    candidate = evaluate(Bot(wrong=[3]), TWENTY, [correctness], trials=3)
    outcome = world.check(BOTH, candidate, baseline)
    assert outcome.code == 0, outcome.stdout
    assert outcome.findings == {"trials-differ"}
    assert (outcome.policy["candidate"]["rows"], outcome.policy["candidate"]["trials"]) == (20, 60)
    assert outcome.checks[0]["reason"] == "95 %, min 80 %; margin 9 trials"
    counts = "- {name: r, metric: rows, min: 20, max: 20}\n- {name: t, metric: trials, min: 60, max: 60}"
    assert world.check(counts, candidate).code == 0


def test_removed_rows_are_missing_scores(world, baseline):
    candidate = evaluate(Bot(wrong=[3, 7]), questions(range(18)), [correctness])
    drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}"
    outcome = world.check(drop, candidate, baseline)
    assert outcome.code == 3
    assert outcome.findings == {"rows-removed", "dataset-changed"}
    check = outcome.check("drop")
    assert (check["scored"], check["trials"]) == (18, 20)
    assert check["candidate_range"] == [0.8, 0.9]
    assert check["baseline"] == 0.9
    ignored = world.check(drop, candidate, baseline, head="baseline: {removed_rows: ignore}")
    assert ignored.code == 0
    assert ignored.check("drop")["trials"] == 18


def test_added_rows_have_no_part_in_a_change(world, baseline):
    candidate = evaluate(Bot(wrong=[3, 7, 20, 21]), questions(range(22)), [correctness])
    outcome = world.check(BOTH, candidate, baseline)
    assert outcome.code == 0
    assert "rows-added" in outcome.findings
    floor, drop = outcome.checks
    assert (floor["scored"], drop["scored"], drop["change"]) == (22, 20, 0.0)


def test_removed_and_added_rows_are_told_apart_by_one_request_more(world, baseline):
    candidate = evaluate(Bot(wrong=[3, 7]), questions(range(1, 23)), [correctness])
    world.requests()
    outcome = world.check(BOTH, candidate, baseline)
    assert len([path for _, path in world.requests() if path != "/refs/read_batch"]) == 6
    assert outcome.findings == {"rows-removed", "rows-added", "dataset-changed"}
    assert outcome.policy["candidate"]["rows"] == 22
    assert outcome.policy["baseline"]["rows"] == 20
    messages = [finding["message"] for finding in outcome.policy["findings"]]
    assert any(message.startswith("1 row of the baseline is not") for message in messages)
    assert any(message.startswith("3 rows of the candidate are not") for message in messages)


def test_no_common_rows(world, baseline):
    candidate = evaluate(Bot(), questions(range(100, 110)), [correctness])
    outcome = world.check(BOTH, candidate, baseline)
    assert outcome.code == 3
    assert "no-common-rows" in outcome.findings


def test_tokens_and_cost(world):
    before = evaluate(Bot(tokens=100), TWENTY, [correctness])
    after = evaluate(Bot(tokens=120), TWENTY, [correctness])
    gates = """
- {name: total, metric: tokens_total, max: 2400}
- {name: mean, metric: tokens_mean, max: 120, max_rise: 20, max_relative_rise: 0.2}
- {name: cost, metric: cost_total, max: 0.0036}
- {name: each, metric: cost_mean, max: 0.00018, max_relative_rise: 0.2}
"""
    outcome = world.check(gates, after, before)
    assert outcome.code == 0, outcome.stdout
    assert outcome.checks[0]["candidate"] == 2400
    assert outcome.check("cost")["candidate"] == pytest.approx(0.0036)
    tight = world.check("- {name: mean, metric: tokens_mean, max_relative_rise: 0.19}", after, before)
    assert tight.code == 1
    unpriced = evaluate(Bot(), TWENTY, [correctness])
    outcome = world.check("- {name: cost, metric: cost_total, max: 1}", unpriced)
    assert (outcome.code, outcome.check("cost")["finding"]) == (3, "metric-not-available")
    crashed = evaluate(Bot(tokens=100, crash=[1]), TWENTY, [correctness])
    outcome = world.check("- {name: total, metric: tokens_total, max: 2400}", crashed)
    assert (outcome.code, outcome.check("total")["candidate_range"]) == (3, [1900.0, None])


def test_a_misspelt_dimension_says_what_there_is(world, baseline):
    outcome = world.check("- {name: x, scorer: corectness, metric: pass_rate, min: 0}", baseline)
    assert (outcome.code, outcome.findings) == (3, {"unknown-dimension"})
    assert "there is no dimension `corectness`; there are `correctness`" in outcome.check("x")["reason"]


def test_out_of_range(world):
    percent = log([{"tone": 80}, {"tone": 90}])
    outcome = world.check("- {name: t, scorer: tone, metric: numeric_mean, range: [0, 1], min: 0.7}", percent)
    assert (outcome.code, outcome.findings) == (3, {"out-of-range"})


def test_keys_and_projects(world, baseline):
    wrong = world.check(FLOOR, baseline, key="wrong")
    assert wrong.code == 3
    assert "refused the API key (401)" in wrong.report["error"]["message"]
    denied = world.check(FLOOR, baseline, key=OTHER_KEY)
    assert denied.code == 3
    assert "may not read this project (403)" in denied.report["error"]["message"]
    elsewhere = world.check(FLOOR, baseline, project="my-team/empty")
    assert elsewhere.code == 3
    assert "there is no run" in elsewhere.report["error"]["message"]
    keyless = world.check(FLOOR, baseline, key=None)
    assert keyless.code == 3
    assert "no API key" in keyless.report["error"]["message"]


def test_a_call_that_is_no_evaluation(world, baseline):
    inner = world.server.store.trials(baseline)[0].id
    outcome = world.check(FLOOR, inner)
    assert (outcome.code, outcome.report["verdict"]) == (3, None)
    assert "is a call, and not an evaluation run" in outcome.report["error"]["message"]


def judged_part(report: dict) -> str:
    """Returns a report without the rows behind its checks. A snapshot without `--rows` does not contain them."""
    policies = json.loads(json.dumps(report["policies"]))
    for policy in policies:
        policy.pop("unexplained")
        for check in policy["checks"]:
            check.pop("rows")
            check.pop("rows_behind")
    return json.dumps(policies)


@pytest.mark.parametrize("wrong", [[3, 7], [1, 2, 3, 4]])
@pytest.mark.parametrize("rows", [20, 18])
def test_snapshots_are_judged_as_the_runs_are(world, baseline, wrong, rows):
    candidate = evaluate(Bot(wrong=wrong), questions(range(rows)), [correctness, tone])
    gates = BOTH + "\n- {name: tone, scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.7}"
    live = world.check(gates, candidate, baseline)
    files = []
    for run in (candidate, baseline):
        path = world.work / f"{run}.json"
        done = world.run(
            "snapshot", run, "-o", str(path), "--base-url", world.running.url, "--project", world.project
        )
        assert done.returncode == 0, done.stderr
        files.append(f"file:{path}")
    world.requests()
    offline = world.check(gates, *files, key=None)
    assert world.requests() == []
    assert judged_part(offline.report) == judged_part(live.report)
    half = world.check(gates, candidate, files[1])
    assert judged_part(half.report) == judged_part(live.report)


def test_snapshots_with_added_rows_do_not_guess(world, baseline):
    candidate = evaluate(Bot(wrong=[3, 7]), questions(range(22)), [correctness])
    path = world.work / "added.json"
    done = world.run("snapshot", baseline, "-o", str(path), *world.here)
    assert done.returncode == 0
    assert world.check(BOTH, candidate, f"file:{path}").code == 0
    done = world.run("snapshot", baseline, "--summary-only", "-o", str(path), *world.here)
    assert done.returncode == 0
    outcome = world.check(BOTH, candidate, f"file:{path}")
    assert outcome.code == 3
    assert "common-rows-unknown" in outcome.findings
    assert [check["status"] for check in outcome.checks] == ["pass", "undecided"]


def test_a_large_run_is_snapshot_in_pages(world):
    candidate = log([{"correctness": True}] * 903, name="large")
    path = world.work / "large.json"
    world.requests()
    done = world.run("snapshot", candidate, "-o", str(path), "--base-url", world.running.url, "--project", world.project)
    assert done.returncode == 0, done.stderr
    # The root call, the number of calls, the summary, two pages of digests, and pages of rows.
    assert len(world.requests()) <= 5 + 10
    assert len(json.loads(path.read_text())["runs"][0]["rows"]) == 903
