"""Clusters of rows, noise between runs, attempts and pooled baselines on the real server, with standard software."""

from __future__ import annotations

import json
import math

import numpy as np
import oracle
import pytest
import statsmodels.api as sm
from scenarios import correctness, evaluate, flaky
from scipy import stats
from test_right_run import commit, policy, run_of

PROJECT = "my-team/support-bot"
NOISE = "noise: {measured: 2026-11-01, expires: 2999-01-01, runs: 12, df: 11, run_sd: {correctness: 0.02}}"


def same(found: float, expected: float) -> None:
    assert found == pytest.approx(expected, abs=1e-9, rel=1e-9)


def documents(count: int) -> list[dict]:
    """Rows of which four ask about one document, and the last document has a single one."""
    return [
        {"question": f"question {n}", "expected": f"answer {n}", "document": f"document {n // 4}"}
        for n in range(count)
    ]


def checks(place, candidate: str, baseline: str, text: str) -> dict[str, dict]:
    (place.work / "gates.yaml").write_text(text)
    runs = [f"--candidate={candidate}", f"--baseline={baseline}"]
    done = place.run("check", "gates.yaml", "--format=json", *runs, *place.here)
    report = json.loads(done.stdout)
    return {check["gate"]: check for check in report["policies"][0]["checks"]}


def test_intervals_by_cluster_are_those_of_statsmodels(place):
    rows = documents(41)
    before = evaluate(flaky(wrong=[3, 17, 30]), rows, [correctness], name="clusters")
    after = evaluate(flaky(wrong=[4, 5, 6, 7, 17, 21, 40]), rows, [correctness], name="clusters")
    gates = """
- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.02, evidence: significant, cluster_by: document}
- {name: floor, scorer: correctness, metric: pass_rate, min: 0.5, evidence: proven, cluster_by: document}
"""
    found = {
        "plain": checks(place, after, before, policy(gates=gates)),
        "noise": checks(place, after, before, policy(NOISE, gates=gates)),
    }
    scores = [oracle.rows_of(place.server, PROJECT, run, ["correctness"]) for run in (after, before)]
    cluster: dict[str, str] = {}
    for row in rows:
        where = lambda inputs, row=row: inputs["question"] == row["question"]  # noqa: E731
        (digest,) = oracle.rows_of(place.server, PROJECT, after, ["correctness"], where)
        cluster[digest] = row["document"]
    digests = sorted(cluster)
    ours, theirs = ([float(run[digest][0]) for digest in digests] for run in scores)
    groups = np.unique([cluster[digest] for digest in digests], return_inverse=True)[1]
    clusters = len(set(groups))
    assert clusters == 11
    for gate, values, runs in [
        ("drop", np.subtract(ours, theirs), 2),
        ("floor", np.array(ours), 1),
    ]:
        fit = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups})
        error = float(fit.bse[0])
        reach = stats.t.ppf(0.95, clusters - 1) * error
        run_reach = stats.t.ppf(0.95, 11) * 0.02 * math.sqrt(runs)
        for case, width in [("plain", reach), ("noise", math.hypot(reach, run_reach))]:
            chance = found[case][gate]["chance"]
            assert (chance["rows"], chance["clusters"]) == (41, 11)
            same(chance["point"], values.mean())
            same(chance["interval"][0], values.mean() - width)
            same(chance["interval"][1], values.mean() + width)
    chance = found["plain"]["drop"]["chance"]
    same(chance["p"], stats.t.sf((0 - chance["point"]) / (chance["interval"][1] - chance["point"]) * stats.t.ppf(0.95, 10), 10))


def test_a_row_without_a_document_leaves_the_check_undecided(place):
    rows = documents(8)
    del rows[3]["document"]
    run = evaluate(flaky(), rows, [correctness], name="lacking")
    gate = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.1, evidence: proven, cluster_by: document}"
    (place.work / "gates.yaml").write_text(policy(gates=gate))
    done = place.run("check", "gates.yaml", f"--candidate={run}", *place.here)
    assert done.returncode == 3
    assert "1 of 8 rows lack the input" in " ".join(done.stdout.split())


def test_attempts_are_those_of_the_trials(place):
    rows = [{"question": f"question {n}", "expected": f"answer {n}"} for n in range(6)]
    run = evaluate(flaky(wrong=[1, 2]), rows, [correctness], name="attempts", trials=3)
    gates = """
- {name: all, scorer: correctness, metric: pass_hat_k, k: 2, min: 0.6}
- {name: any, scorer: correctness, metric: pass_at_k, k: 3, min: 0.6}
- {name: more, scorer: correctness, metric: pass_hat_k, k: 4, min: 0.1}
"""
    (place.work / "gates.yaml").write_text(policy(gates=gates))
    done = place.run("check", "gates.yaml", "--format=json", f"--candidate={run}", *place.here)
    found = {check["gate"]: check for check in json.loads(done.stdout)["policies"][0]["checks"]}
    same(found["all"]["candidate"], 4 / 6)
    same(found["any"]["candidate"], 4 / 6)
    # A fourth trial is missing in each row, so nothing is sure of the rows that passed so far.
    assert found["more"]["status"] == "undecided"
    assert found["more"]["candidate_range"] == [0, pytest.approx(4 / 6)]
    assert (found["more"]["scored"], found["more"]["trials"], found["more"]["k"]) == (18, 24, 4)


def test_the_newest_commits_are_one_baseline(place):
    for number, right in [(1, 1), (2, 6), (3, 8), (3, 10)]:
        run_of(number, right, branch="main", name="pooled")
    candidate = run_of(9, 8, name="pooled")
    gate = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}"
    for last, expected in [(1, 0.9), (2, 0.8), (50, 0.625)]:
        head = f"baseline: {{branch: main, last: {last}}}"
        (place.work / "gates.yaml").write_text(policy(head, gates=gate))
        done = place.run("check", "gates.yaml", "--format=json", f"--candidate={candidate}", *place.here)
        report = json.loads(done.stdout)["policies"][0]
        same(report["checks"][0]["baseline"], expected)
    assert commit(3) in done.stdout
