"""`test` on runs of the real SDK: live and from snapshots it must say the same."""

from __future__ import annotations

import json

from scenarios import Bot, evaluate, questions
from test_setup import judge, short

POLICY = """version: 1
gates:
  - {name: judge, scorer: Judge.passed, metric: pass_rate, min: 0.5, max_drop: 0.5}
  - {name: short, scorer: is_short, metric: pass_rate, where: {question: [question 1, question 2, question 3]}, min: 0.9}
  - {name: never fails, scorer: is_short, metric: pass_rate, min: 0, severity: warn}
  - {name: fast, metric: latency_p95, max: 60}
  - {name: all rows, metric: rows, min: 8}
"""


def test_live_and_saved_runs_are_tested_alike(place):
    base, run = (evaluate(Bot(wrong=wrong), questions(range(8)), [judge(), short(100)]) for wrong in ([], [1]))
    (place.work / "gates.yaml").write_text(POLICY)
    for name, of in (("base", base), ("run", run)):
        done = place.run("snapshot", of, "-o", f"{name}.json", "--rows", *place.here)
        assert done.returncode == 0, done.stderr
    live = ("--candidate", run, "--baseline", base, *place.here)
    saved = ("--candidate=file:run.json", "--baseline=file:base.json")
    reports = []
    for where in (live, saved):
        done = place.run("test", "gates.yaml", "--format=json", *where)
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout))
    assert reports[0] == reports[1]
    gates = reports[0]["policies"][0]["gates"]
    assert [gate["can_fail"] for gate in gates] == [True, True, False, True, True]
    assert all(gate["can_pass"] for gate in gates)
