"""`calibrate` on runs of the real SDK: live and from snapshots it must say the same."""

from __future__ import annotations

import json

from scenarios import Bot, evaluate, questions
from test_setup import short

POLICY = """version: 1
gates:
  - {name: short, scorer: is_short, metric: pass_rate, min: 0.5, max_drop: 0.1}
  - {name: right, scorer: correctness, metric: pass_rate, max_drop: 0.1}
"""


def test_live_and_saved_runs_show_the_same_noise(place):
    import weave

    state = {"run": 0}

    @weave.op(name="correctness")
    def correctness(output: str, expected: str) -> bool:
        return (len(expected) + hash(expected) % 7 + state["run"]) % 5 > 0

    scorers = [short(100), correctness]
    runs = []
    for number in range(6):
        state["run"] = number
        runs.append(evaluate(Bot(), questions(range(20)), scorers, name="repeated"))
    other = evaluate(Bot(wrong=[1]), questions(range(20)), scorers, name="repeated")
    (place.work / "gates.yaml").write_text(POLICY)
    files = []
    for number, run in enumerate([*runs, other]):
        done = place.run("snapshot", run, "-o", f"{number}.json", *place.here)
        assert done.returncode == 0, done.stderr
        files.append(f"--runs=file:{number}.json")
    reports = []
    for where in (["--runs=evaluation=repeated", "--last=7", *place.here], files):
        done = place.run("calibrate", "gates.yaml", "--format=json", *where)
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout))
    assert reports[0] == reports[1]
    groups = reports[0]["groups"]
    assert [len(group["runs"]) for group in groups] == [6, 1]
    assert [group["known"] for group in groups] == [True, False]
    noise = {found["dimension"]: found for found in groups[0]["dimensions"]}
    assert noise["is_short"]["flipped"] == 0
    assert noise["correctness"]["flipped"] > 0
    assert noise["correctness"]["rows"] == 20
