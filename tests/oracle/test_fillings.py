"""Compares the judge's bounds with the result of every imputation, given as runs without missing scores."""

from __future__ import annotations

import copy
import itertools
import random
from datetime import datetime, timezone

import pytest

import judge
from evidence import Evidence, Row, Run, Trial

NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
MOST = 100
KEYS = ["min", "max", "max_drop", "max_rise", "max_relative_drop", "max_relative_rise"]


def run(id: str, rows: list[Row]) -> Run:
    return Run(id, "completed", ("answers", "v1"), NOW, NOW, rows)


def drawn(chance: random.Random, numeric: bool) -> Evidence:
    """Returns two small random runs in which some scores are missing and some rows were removed."""
    trials = chance.choice([1, 1, 2])
    values = [0.0, 0.25, 1.0] if numeric else [True, False]
    share, missing = chance.choice([0.2, 0.5, 0.9]), chance.choice([0.05, 0.15])

    def score():
        if chance.random() < missing:
            return None
        return chance.choice(values) if numeric else chance.random() < share

    count = chance.choice([2, 3, 5, 11, 14])
    runs = []
    for id in ("cand", "base"):
        rows = [Row(str(n), None, [Trial({"s": score()}) for _ in range(trials)]) for n in range(count)]
        runs.append(run(id, rows))
    if chance.random() < 0.4 and trials == 1:
        runs[0].rows.pop()
    return Evidence(*runs)


def completed(evidence: Evidence, fill: tuple) -> Evidence:
    """Returns the evidence with these values for the missing scores. A removed row gets its trial back."""
    whole = copy.deepcopy(evidence)
    fills = iter(fill)
    for trial in open_trials(whole):
        trial.scores["s"] = next(fills)
    return whole


def open_trials(evidence: Evidence) -> list[Trial]:
    here = {row.digest for row in evidence.candidate.rows}
    for row in evidence.baseline.rows:
        if row.digest not in here:
            evidence.candidate.rows.append(Row(row.digest, None, [Trial({"s": None}) for _ in row.trials]))
    rows = [*evidence.candidate.rows, *evidence.baseline.rows]
    return [trial for row in rows for trial in row.trials if trial.scores["s"] is None]


@pytest.mark.parametrize("numeric", [False, True])
def test_no_filling_contradicts_what_was_decided(numeric):
    chance = random.Random(20261124 + numeric)
    decided = undecided = 0
    while decided + undecided < 60:
        evidence = drawn(chance, numeric)
        missing = len(open_trials(copy.deepcopy(evidence)))
        ways = [0.0, 0.5, 1.0] if numeric else [True, False]
        key = chance.choice(KEYS)
        # A `min` or `max` uses the candidate alone, so a removed row has no effect on it.
        if not missing or len(ways) ** missing > MOST or (key in ("min", "max") and len(evidence.candidate.rows) < len(evidence.baseline.rows)):
            continue
        gate = {"name": "g", "scorer": "s", "metric": "numeric_mean" if numeric else "pass_rate"}
        gate |= {"evidence": chance.choice(["observed", "significant", "proven"]), "confidence": chance.choice([0.8, 0.95])}
        gate |= {key: chance.choice([0, 0.1, 0.3, 0.5, 0.8, 1])} | ({"range": [0, 1]} if numeric else {})
        policy = {"version": 1, "correction": "none", "gates": [gate]}
        (check,) = judge.judge(policy, evidence, NOW).checks
        truth = set()
        for fill in itertools.product(ways, repeat=missing):
            truth.add(judge.judge(policy, completed(evidence, fill), NOW).checks[0].status)
            if len(truth) > 1:
                break
        if check.status != "undecided":
            assert truth == {check.status}, (gate, evidence)
            decided += 1
        elif check.why not in ("no-scores", "metric-not-available", "unknown-dimension", "no-common-rows"):
            # For numbers there are more imputations than were tried here.
            assert numeric or not check.exact or truth != {"pass"} and truth != {"fail"}, (gate, evidence)
            undecided += 1
    assert min(decided, undecided) > 10
