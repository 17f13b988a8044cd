"""Evidence rules on the real server. An oracle recomputes every interval and test to nine digits."""

from __future__ import annotations

import itertools
import math
import random
import time

import numpy as np
import oracle
import pytest
import weave
from scenarios import evaluate, log, questions, through_api
from scipy import stats
from weave.trace_server import trace_server_interface as tsi

PROJECT = "my-team/support-bot"


class Noisy(weave.Model):
    """Answers with scores that a seed determines, for each row and trial. Some scores are missing."""

    seed: int
    rate: float
    mean: float
    crash: float = 0.0

    @weave.op
    def predict(self, question: str) -> dict:
        numbers = random.Random(f"{self.seed} {question}")
        if numbers.random() < self.crash:
            raise RuntimeError("the model crashed")
        shared = random.Random(question)
        return {
            "right": shared.random() * 0.7 + numbers.random() * 0.3 < self.rate,
            "tone": min(1.0, max(0.0, shared.gauss(self.mean, 0.1) + numbers.gauss(0, 0.05))),
        }


class Flaky(Noisy):
    """A `Noisy` model that gives another answer on each trial."""

    @weave.op
    def predict(self, question: str) -> dict:
        numbers = random.Random(f"{self.seed} {question} {next(TURNS)}")
        return {"right": numbers.random() < self.rate, "tone": numbers.gauss(self.mean, 0.1)}


TURNS = itertools.count()


@weave.op
def right(output: dict) -> bool:
    return output["right"]


@weave.op
def deep(output: dict) -> dict:
    return {"tone": {"score": output["tone"]}, "note": "text"}


SCORERS = [right, deep]
GATES = """
- {name: drop, scorer: right, metric: pass_rate, max_drop: 0.02, evidence: significant}
- {name: rise, scorer: right, metric: pass_rate, max_rise: 0.02, evidence: significant, confidence: 0.9}
- {name: tone, scorer: deep.tone.score, metric: numeric_mean, range: [-1, 2], max_drop: 0.01, evidence: significant}
- {name: proven drop, scorer: right, metric: pass_rate, max_drop: 0.05, evidence: proven}
- {name: proven tone, scorer: deep.tone.score, metric: numeric_mean, range: [-1, 2], max_relative_drop: 0.1, evidence: proven, confidence: 0.99}
- {name: floor, scorer: right, metric: pass_rate, min: 0.7, evidence: significant}
- {name: proven floor, scorer: deep.tone.score, metric: numeric_mean, range: [-1, 2], min: 0.6, evidence: proven}
"""


def same(found: float, expected: float) -> None:
    assert found == pytest.approx(expected, abs=1e-9, rel=1e-9)


def pairs_of(world, candidate: str, baseline: str, dimension: list[str], where=lambda _: True):  # noqa: ANN001, ANN201
    return [oracle.rows_of(world.server, PROJECT, run, dimension, where) for run in (candidate, baseline)]


def worst_error(world) -> float:  # noqa: ANN001
    """Returns the standard error of the mean of differences."""
    if isinstance(world, oracle.Means):
        return world.error
    return float(stats.sem([x - y for x, y in world.pairs]))


def recompute(world, outcome, candidate: str, baseline: str, where=lambda _: True) -> None:  # noqa: ANN001
    """Compares every number and every status of a report with the oracle."""
    binary = pairs_of(world, candidate, baseline, ["right"], where)
    tone = pairs_of(world, candidate, baseline, ["deep", "tone", "score"], where)
    worlds = {
        "drop": [oracle.Change(*binary, ours=end, theirs=1 - end) for end in (0, 1)],
        "rise": [oracle.Change(*binary, ours=end, theirs=1 - end) for end in (1, 0)],
        "tone": [oracle.Change(*tone, ours=ours, theirs=1 - ours) for ours in (-1, 2)],
    }
    worlds["proven drop"], worlds["proven tone"] = worlds["drop"], worlds["tone"]
    # The other tests are corrected by the imputation that is least like chance, whether it is beyond the limit or not.
    corrects = {gate: list(ends) for gate, ends in worlds.items()}
    for gate, (worst, best) in worlds.items():
        is_t = gate.endswith("tone") or not worst.single
        if is_t and worst.pairs != best.pairs:
            differences = [[x - y for x, y in world.pairs] for world in (worst, best)]
            worlds[gate] = oracle.envelope(*differences)
            if "proven" not in gate:
                sign = -1 if gate == "rise" else 1
                levels = oracle.Levels(*[[sign * x for x in values] for values in differences])
                least = levels.least_like_chance()
                beyond = levels.least_like_chance(-(outcome.check(gate)["limit"] + 1e-9))
                for found in {least, beyond} - {None}:
                    found.point *= sign
                worlds[gate] = beyond or least, worlds[gate][1]
                corrects[gate] = [least, worlds[gate][1]]
    size = abs(sum(y for trials in tone[1].values() for y in [oracle.mean(trials, None)]) / len(tone[1]))
    family = ["drop", "rise", "tone"]
    adjusted = [
        oracle.holm([corrects[gate][end].p(drop=gate != "rise", binary=gate != "tone") for gate in family])
        for end in (0, 1)
    ]
    for gate, (worst, best) in worlds.items():
        check = outcome.check(gate)
        chance = check["chance"]
        # If a test is not counted, the family is smaller. The second opinion (tests/oracle) checks which tests count.
        whole = chance["family"] in (None, len(family))
        is_binary = "tone" not in gate
        assert chance["rows"] == len(worst.pairs)
        same(chance["point"], worst.point)
        confidence = chance["confidence"]
        for found, expected in zip(
            chance["interval"], worst.interval(confidence, binary=is_binary), strict=True
        ):
            same(found, expected)
        same(chance["p"], worst.p(drop=gate != "rise", binary=is_binary))
        if is_binary and worst.single:
            _, fixed, regressed, _ = worst.table()
            assert (chance["regressed"], chance["fixed"]) == (regressed, fixed)
            same(chance["mcnemar_mid_p"], oracle.mid_p(regressed, fixed))
            same(chance["resolution"], oracle.resolution(worst.table(), confidence, drop=gate != "rise"))
        else:
            assert chance["mcnemar_mid_p"] is None
            low, high = worst.interval(confidence, binary=is_binary)
            same(chance["resolution"], (high - low) / 2)
        said = []
        for end, change in enumerate((worst, best)):
            low, high = change.interval(confidence, binary=is_binary)
            allowed = check["limit"] * (size if gate == "proven tone" else 1) + 1e-9
            toward = (lambda x: x) if gate == "rise" else (lambda x: -x)
            if "proven" in gate:
                ends = [toward(low) <= allowed, toward(high) <= allowed]
                said.append("pass" if all(ends) else "fail" if not any(ends) else "undecided")
            else:
                # If this imputation has a higher p than the corrected one, its own p is used.
                p = max(adjusted[end][family.index(gate)], change.p(drop=gate != "rise", binary=is_binary))
                if end == 0 and whole and chance["counted"]:
                    same(chance["adjusted_p"], p)
                elif end == 0 and chance["counted"]:
                    assert chance["p"] - 1e-9 <= chance["adjusted_p"] <= p + 1e-9
                elif end == 0:
                    assert chance["adjusted_p"] is None
                beyond = toward(change.point) > allowed
                said.append("fail" if beyond and p <= 1 - confidence else "pass")
        expected = said[0] if said[0] == said[1] else "undecided"
        if whole and chance["counted"] in (None, True):
            assert check["status"] == expected, (gate, said, check)
        elif check["status"] == "fail":
            assert chance["counted"], check
            assert chance["adjusted_p"] <= 1 - confidence + 1e-9, check
        if "proven" in gate and said == ["undecided", "undecided"]:
            # This number of rows of the same kind decides the check, and one row less does not.
            def decides(rows: int, worst=worst, confidence=confidence, allowed=allowed, *, is_binary=is_binary) -> bool:  # noqa: ANN001
                if is_binary and worst.single:
                    table = oracle.enlarged(worst.table(), rows)
                    low, high = oracle.newcombe(*table, stats.norm.ppf(confidence))
                else:
                    deviation = math.sqrt(len(worst.pairs)) * worst_error(worst)
                    low, high = oracle.Means(rows, worst.point, deviation).interval(confidence)
                return (-low <= allowed) == (-high <= allowed)

            needed = chance["rows_needed"]
            if needed is None:
                assert not decides(10_000_000) or worst.point == pytest.approx(-allowed, abs=2e-9)
            else:
                assert needed > len(worst.pairs)
                assert (decides(needed - 1), decides(needed)) == (False, True), (gate, needed)
        else:
            assert chance["rows_needed"] is None
    # Limits `min`, on all rows of the candidate.
    for gate, rows, fills, limit in [("floor", binary[0], (0, 1), 0.7), ("proven floor", tone[0], (-1, 2), 0.6)]:
        check = outcome.check(gate)
        said = []
        means = [[oracle.mean(trials, fill) for trials in rows.values()] for fill in fills]
        single = all(len(trials) == 1 for trials in rows.values())
        for end in (0, 1):
            if gate == "floor" and single:
                low, high = oracle.wilson(sum(means[end]), len(means[end]), stats.norm.ppf(0.95))
            elif means[0] == means[1]:
                result = stats.ttest_1samp(means[0], 0).confidence_interval(0.9)
                low, high = result.low, result.high
            elif gate == "floor" and end == 0:
                low, high = oracle.Levels(*means).lowest_end(0.95).interval(0.95)
            else:
                low, high = oracle.envelope(*means)[end].interval(0.95)
            if end == 0:
                same(check["chance"]["interval"][0], low)
                same(check["chance"]["interval"][1], high)
            if gate == "floor":
                said.append("fail" if high < limit else "pass")
            else:
                said.append("pass" if low >= limit else "fail" if high < limit else "undecided")
        assert check["status"] == (said[0] if said[0] == said[1] else "undecided"), (gate, said)


@pytest.mark.parametrize(
    ("rows", "rate", "trials", "crash", "removed"),
    [
        (40, 0.75, 1, 0.0, 0),
        (120, 0.6, 1, 0.0, 0),
        (80, 0.85, 1, 0.08, 0),
        (60, 0.7, 1, 0.0, 5),
        (50, 0.72, 1, 0.05, 4),
        (30, 0.7, 3, 0.0, 0),
    ],
)
def test_every_number_is_that_of_the_oracle(place, rows, rate, trials, crash, removed):
    model = Flaky if trials > 1 else Noisy
    baseline = evaluate(model(seed=1, rate=0.8, mean=0.7), questions(range(rows)), SCORERS, trials=trials)
    candidate = evaluate(
        model(seed=rows, rate=rate, mean=0.68, crash=crash),
        questions(range(removed, rows + 3)),
        SCORERS,
        trials=trials,
    )
    place.requests()
    outcome = place.check(GATES, candidate, baseline)
    recompute(place, outcome, candidate, baseline)
    # One request for both runs, one each for the number of their calls, two or three for summaries, and at most two
    # pages of rows.
    # One more request reads the exceptions, if shown trials of the candidate lack a score.
    # The evaluations are read as well, but the ops of an earlier server cannot be, so each is asked for alone.
    assert len([path for _, path in place.requests() if path != "/refs/read_batch"]) in (6, 7, 8, 9)


@pytest.mark.parametrize(
    ("rows", "rate", "trials", "crash", "removed"),
    [(90, 0.75, 1, 0.0, 0), (120, 0.7, 1, 0.06, 8), (60, 0.7, 3, 0.0, 0), (75, 0.72, 3, 0.03, 6)],
)
def test_every_number_of_a_slice_is_that_of_the_oracle(place, rows, rate, trials, crash, removed):
    def dataset(numbers: range) -> list[dict]:
        return [
            {**row, "about": {"sort": "abc"[number % 3]}, "even": number % 2 == 0}
            for number, row in zip(numbers, questions(numbers), strict=True)
        ]

    model = Flaky if trials > 1 else Noisy
    baseline = evaluate(model(seed=1, rate=0.8, mean=0.7), dataset(range(rows)), SCORERS, trials=trials)
    candidate = evaluate(
        model(seed=rows, rate=rate, mean=0.68, crash=crash),
        dataset(range(removed, rows + 3)),
        SCORERS,
        trials=trials,
    )
    for keys, where in [
        ("where: {about.sort: [a, c]}", lambda row: row["about"]["sort"] in "ac"),
        ("where: {even: false, about.sort: [b, c]}", lambda row: not row["even"] and row["about"]["sort"] in "bc"),
    ]:
        outcome = place.check(GATES.replace("metric:", f"{keys}, metric:"), candidate, baseline)
        recompute(place, outcome, candidate, baseline, where)


def test_noise_is_no_regression_and_a_regression_is_no_noise(place):
    def run(wrong: set) -> str:
        return log([{"right": number not in wrong} for number in range(100)], name="n")

    baseline = run(set(range(10)))
    noisy = run(set(range(3, 16)))
    worse = run(set(range(0, 25)))
    gate = "- {name: drop, scorer: right, metric: pass_rate, max_drop: 0.02, evidence: %s}"
    for candidate, observed, significant, proven in [
        (noisy, "fail", "pass", "undecided"),
        (worse, "fail", "fail", "fail"),
        # All rows changed alike. 100 equal rows do not prove that the drop is less than 0.02.
        (run(set(range(10))), "pass", "pass", "undecided"),
    ]:
        for rule, status in [("observed", observed), ("significant", significant), ("proven", proven)]:
            check = place.check(gate % rule, candidate, baseline).checks[0]
            assert (check["status"], check["evidence"]) == (status, rule), check
    assert place.check(gate % "observed", noisy, baseline).hints == {"limit-below-noise"}
    assert place.check(gate % "proven", noisy, baseline).hints == {"cannot-be-proven"}
    noise = place.check(gate % "significant", noisy, baseline).checks[0]
    assert "within noise" in noise["reason"]
    assert "6 rows worse, 3 better" in noise["reason"]
    open_ = place.check(gate % "proven", noisy, baseline).checks[0]
    assert "would decide" in open_["reason"]


def test_a_family_is_corrected_and_can_be_left_alone(place):
    scorers = [f"s{number}" for number in range(8)]

    def run(changed: dict[str, range]) -> str:
        rows = [
            {name: place_ not in changed.get(name, ()) for name in scorers} for place_ in range(60)
        ]
        return log(rows, name="n")

    gates = "\n".join(
        f"- {{name: {name}, scorer: {name}, metric: pass_rate, max_drop: 0, evidence: significant}}" for name in scorers
    )
    # For one scorer, eight rows regressed and two were fixed. For the others, five regressed and five were fixed.
    fixed = {"s0": range(50, 52)} | {name: range(50, 55) for name in scorers[1:]}
    regressed = {"s0": range(8)} | {name: range(5) for name in scorers[1:]}
    baseline, candidate = run(fixed), run(regressed)
    alone = place.check(gates, candidate, baseline, head="correction: none").check("s0")
    assert (alone["status"], alone["chance"]["p"]) == ("fail", alone["chance"]["adjusted_p"])
    assert (alone["chance"]["family"], alone["chance"]["counted"]) == (None, None)
    family = place.check(gates, candidate, baseline).check("s0")
    assert family["chance"]["adjusted_p"] == pytest.approx(8 * alone["chance"]["p"])
    assert (family["chance"]["family"], family["chance"]["counted"]) == (8, True)
    assert family["status"] == "pass"
    # Gates that only warn are not part of the family.
    warning = gates.replace("significant", "significant, severity: warn").replace(", severity: warn", "", 1)
    warned = place.check(warning, candidate, baseline).check("s0")
    assert (warned["status"], warned["chance"]["family"]) == ("fail", 1)


def test_constant_scorers_make_no_check_more_lenient(place):
    scorers = [f"s{number}" for number in range(8)]
    runs = [[{name: not (row < 10 and name == first) for name in scorers} for row in range(100)] for first in ("", "s0")]
    baseline, candidate = (log(rows, name="n") for rows in runs)
    for name in ("s0", "s?"):
        gate = f"- {{name: g, scorer: {name}, metric: pass_rate, max_drop: 0.02, evidence: significant}}"
        check = place.check(gate, candidate, baseline).checks[0]
        assert check["status"] == "fail"
        assert check["chance"]["p"] == check["chance"]["adjusted_p"] == pytest.approx(0.0015, abs=5e-5)
        assert (check["chance"]["family"], check["chance"]["counted"]) == (1, True)


def test_too_few_rows_and_snapshots_decide_nothing(place):
    gate = "- {name: g, scorer: right, metric: pass_rate, max_drop: 0.5, min: 0.1, evidence: %s}"
    one, other = log([{"right": True}], name="n"), log([{"right": True}], name="n")
    for rule in ("significant", "proven"):
        outcome = place.check(gate % rule, one, other)
        assert [check["status"] for check in outcome.checks] == ["undecided", "undecided"]
        assert "1 row: too few" in outcome.checks[0]["reason"]
    flat = "- {name: g, scorer: n, metric: numeric_mean, range: [0, 1], max_drop: 0.1, evidence: %s}"
    # A mean that is the same in every row proves nothing. A change of it is significant from ten rows on.
    for rows, significant in [(9, "pass"), (10, "fail")]:
        baseline, same_, lower = (log([{"n": n}] * rows, name="n") for n in (0.5, 0.5, 0.25))
        for run in (same_, lower):
            assert place.check(flat % "proven", run, baseline).checks[0]["status"] == "undecided"
        assert place.check(flat % "significant", same_, baseline).checks[0]["status"] == "pass"
        assert place.check(flat % "significant", lower, baseline).checks[0]["status"] == significant
    assert place.run("snapshot", one, "--summary-only", "-o", "one.json", *place.here).returncode == 0
    outcome = place.check(gate % "significant", other, "file:one.json")
    assert (outcome.code, outcome.findings - {"dataset-changed", "scorers-unknown"}) == (3, {"rows-unknown"})


def test_a_run_of_the_api_is_judged_by_rows_too(place):
    baseline = through_api(place.server, [True] * 30 + [False] * 2)
    candidate = through_api(place.server, [True] * 18 + [False] * 14)
    gate = "- {name: g, scorer: exact, metric: pass_rate, max_drop: 0.05, evidence: significant}"
    check = place.check(gate, candidate, baseline).checks[0]
    assert (check["status"], check["chance"]["regressed"]) == ("fail", 12)


def test_coverage_and_errors_by_rows(place):
    def run(scored: int) -> str:
        return log([{"right": True} if number < scored else {} for number in range(40)], name="n")

    baseline, candidate = run(40), run(28)
    gates = """
- {name: coverage, scorer: right, metric: coverage, max_drop: 0.05, evidence: significant}
- {name: errors, metric: error_rate, max_rise: 0.05, evidence: significant}
- {name: ceiling, metric: error_rate, max: 0.1, evidence: proven}
"""
    outcome = place.check(gates, candidate, baseline)
    assert [check["status"] for check in outcome.checks] == ["fail"] * 3, outcome.stdout
    assert outcome.check("errors")["chance"]["point"] == pytest.approx(0.3)
    low, high = oracle.wilson(12, 40, stats.norm.ppf(0.95))
    assert outcome.check("ceiling")["chance"]["interval"] == pytest.approx([low, high], abs=1e-9)


@pytest.mark.parametrize("rule", ["ignore", "fail"])
def test_missing_scores_that_are_left_out_or_count_as_the_worst(place, rule):
    baseline = evaluate(Noisy(seed=1, rate=0.8, mean=0.7), questions(range(60)), SCORERS)
    candidate = evaluate(Noisy(seed=2, rate=0.7, mean=0.65, crash=0.1), questions(range(4, 60)), SCORERS)
    gates = f"""
- {{name: drop, scorer: right, metric: pass_rate, max_drop: 0.02, evidence: proven, missing: {rule}}}
- {{name: tone, scorer: deep.tone.score, metric: numeric_mean, range: [0, 1], max_drop: 0.02, evidence: proven, missing: {rule}}}
"""
    outcome = place.check(gates, candidate, baseline)
    for gate, dimension in [("drop", ["right"]), ("tone", ["deep", "tone", "score"])]:
        ours, theirs = (None, None) if rule == "ignore" else (0, 1)
        change = oracle.Change(*pairs_of(place, candidate, baseline, dimension), ours=ours, theirs=theirs)
        chance = outcome.check(gate)["chance"]
        assert chance["rows"] == len(change.pairs)
        same(chance["point"], change.point)
        low, high = change.interval(0.95, binary=gate == "drop")
        same(chance["interval"][0], low)
        same(chance["interval"][1], high)
        expected = "pass" if low >= -0.02 else "fail" if high < -0.02 else "undecided"
        assert outcome.check(gate)["status"] == expected


@pytest.mark.parametrize(("trials", "crash", "removed"), [(1, 0.0, 0), (1, 0.1, 4), (3, 0.0, 2)])
def test_rows_that_turned_are_counted(place, trials, crash, removed):
    model = Flaky if trials > 1 else Noisy
    baseline = evaluate(model(seed=1, rate=0.8, mean=0.7), questions(range(40)), SCORERS, trials=trials)
    candidate = evaluate(
        model(seed=2, rate=0.6, mean=0.7, crash=crash), questions(range(removed, 42)), SCORERS, trials=trials
    )
    gates = """
- {name: broken, scorer: right, metric: regressed_rows, max: 0}
- {name: many, scorer: right, metric: regressed_rows, max: 40}
- {name: mended, scorer: right, metric: fixed_rows, min: 1}
- {name: left out, scorer: right, metric: regressed_rows, max: 0, missing: ignore}
"""
    outcome = place.check(gates, candidate, baseline)
    after, before = pairs_of(place, candidate, baseline, ["right"])

    def turned(ours: bool | None, theirs: bool | None, *, fixed: bool = False) -> int:
        count = 0
        for digest, was in before.items():
            now = after.get(digest, [None] * (0 if ours is None else 1))
            sides = []
            for values, fill in [(was, theirs), (now, ours)]:
                known = [value if value is not None else fill for value in values]
                known = [value for value in known if value is not None]
                sides.append(all(known) if known else None)
            if None not in sides:
                count += sides == ([False, True] if fixed else [True, False])
        return count

    least, most = turned(True, False), turned(False, True)
    assert outcome.check("broken")["candidate_range"] == [least, most]
    assert outcome.check("broken")["status"] == ("fail" if least > 0 else "undecided" if most > 0 else "pass")
    assert outcome.check("many")["status"] == "pass"
    fixed = [turned(False, True, fixed=True), turned(True, False, fixed=True)]
    assert outcome.check("mended")["candidate_range"] == fixed
    assert outcome.check("left out")["candidate"] == turned(None, None)


def test_turned_rows_need_a_baseline_and_rows(place):
    run = log([{"right": True}] * 3, name="n")
    gate = "- {name: g, scorer: right, metric: regressed_rows, max: 0}"
    floor = "- {name: floor, scorer: right, metric: pass_rate, min: 0.5}"
    done = place.run("check", "gates.yaml", "--candidate", run, *place.here)
    (place.work / "gates.yaml").write_text(f"version: 1\ngates:\n{gate}\n")
    done = place.run("check", "gates.yaml", "--candidate", run, *place.here)
    assert (done.returncode, "no baseline is named" in done.stderr) == (2, True)
    skipped = place.check(f"{gate}\n{floor}", run, head="baseline: {required: false}")
    assert [check["status"] for check in skipped.checks] == ["skipped", "pass"]
    assert place.run("snapshot", run, "--summary-only", "-o", "run.json", *place.here).returncode == 0
    outcome = place.check(gate, log([{"right": True}] * 3, name="n"), "file:run.json")
    assert (outcome.code, outcome.findings - {"dataset-changed", "scorers-unknown"}) == (3, {"rows-unknown"})


class Slow(weave.Model):
    """Takes a time that depends on the number of the question."""

    step: float

    @weave.op
    def predict(self, question: str) -> dict:
        time.sleep(self.step * (int(question.split()[-1]) % 5))
        return {"right": True, "tone": 0.5}


LATENCIES = ["latency_mean", "latency_p50", "latency_p95", "latency_p99"]


def seconds(place, run: str) -> dict[str, list]:
    answer = place.server.eval_results_query(
        tsi.EvalResultsQueryReq(project_id=PROJECT, evaluation_run_ids=[run], include_rows=True)
    )
    return {
        row.row_digest: [trial.model_latency_seconds for trial in row.evaluations[0].trials]
        for row in answer.rows
    }


def latency(metric: str, values: list[float]) -> float:
    if metric == "latency_mean":
        return float(np.mean(values))
    return float(np.percentile(values, int(metric[-2:])))


def test_latencies_are_those_of_the_predict_calls(place):
    baseline = evaluate(Slow(step=0.004), questions(range(30)), SCORERS, trials=2)
    candidate = evaluate(Slow(step=0.012), questions(range(2, 33)), SCORERS, trials=2)
    ours, theirs = seconds(place, candidate), seconds(place, baseline)
    gates = "\n".join(
        f"- {{name: {metric}, metric: {metric}, max: 4, max_rise: 0.001, max_relative_rise: 9}}" for metric in LATENCIES
    )
    gates += "\n- {name: sure, metric: latency_mean, max_rise: 0.001, evidence: significant}"
    common = [digest for digest in theirs if digest in ours]
    outcome = place.check(gates, candidate, baseline, head="baseline: {removed_rows: ignore}")
    for metric in LATENCIES:
        floor, rise, _ = [check for check in outcome.checks if check["gate"] == metric]
        same(floor["candidate"], latency(metric, sum(ours.values(), [])))
        before = latency(metric, sum((theirs[digest] for digest in common), []))
        same(rise["baseline"], before)
        same(rise["change"], latency(metric, sum((ours[digest] for digest in common), [])) - before)
        # A busy machine may sleep longer, so the measured change decides which status is expected.
        assert (floor["status"], rise["status"]) == ("pass", "fail" if rise["change"] > 0.001 else "pass")
    change = oracle.Change(
        {digest: ours[digest] for digest in common},
        {digest: theirs[digest] for digest in common},
        ours=None,
        theirs=None,
    )
    chance = outcome.check("sure")["chance"]
    same(chance["point"], change.point)
    same(chance["p"], change.p(drop=False, binary=False))
    is_slower = change.point > 0.001 and change.p(drop=False, binary=False) <= 0.05
    assert outcome.check("sure")["status"] == ("fail" if is_slower else "pass")
    # Two rows were removed, and their latencies are unknown. The median can still be bounded.
    removed = place.check(gates, candidate, baseline)
    assert removed.check("sure")["status"] == "undecided"
    rises = {check["gate"]: check for check in removed.checks if check["limit_key"] == "max_rise"}
    assert rises["latency_p99"]["candidate_range"][1] is None
    assert None not in rises["latency_p50"]["candidate_range"]


def test_a_snapshot_without_rows_holds_no_latencies(place):
    gate = "- {name: g, metric: latency_p50, max: 1}"
    run = log([{"right": True}] * 4, name="n")
    assert place.check(gate, run).code == 0
    assert place.run("snapshot", run, "-o", "run.json", *place.here).returncode == 0
    assert place.check(gate, "file:run.json").code == 0
    assert place.run("snapshot", run, "--summary-only", "-o", "run.json", *place.here).returncode == 0
    outcome = place.check(gate, "file:run.json")
    assert (outcome.code, outcome.findings - {"dataset-changed", "scorers-unknown"}) == (3, {"rows-unknown"})
