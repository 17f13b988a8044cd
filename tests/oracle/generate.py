"""Seeded random cases: a policy, and the raw rows of two runs. A seed always gives the same case."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path

import measure
from evidence import Evidence, Row, Run, Setup, Trial

BEGAN = datetime(2026, 11, 1, 9, tzinfo=timezone.utc)
BINARY = ["correctness", "safety.leaks", "safety.toxic.passed", "steady"]
NUMERIC = ["tone.score", "grade"]
NAMES = [*BINARY, *NUMERIC, "label", "mix"]
# The fields that the SDK adds to an object that a scorer returns.
SDK_FIELDS = {"_type": "Result", "_class_name": "Result", "_bases": ["BaseModel"]}
METRICS = [
    *["pass_rate"] * 7,
    *["numeric_mean"] * 7,
    *["coverage"] * 4,
    *["regressed_rows"] * 3,
    *["fixed_rows"] * 3,
    *["error_rate"] * 4,
    *["latency_mean"] * 5,
    "latency_p50",
    "latency_p50",
    "latency_p95",
    "latency_p95",
    "latency_p99",
    "latency_p99",
    *["tokens_total", "tokens_mean", "cost_total", "cost_mean"] * 2,
    "trials",
    "rows",
]
ALL_LIMITS = ["min", "max", "max_drop", "max_rise", "max_relative_drop", "max_relative_rise"]


@dataclass
class Case:
    seed: int
    policy: dict
    evidence: Evidence
    excerpts: bool  # let the program fetch the rows behind failures
    snapshots: bool  # judge it once more from two snapshots with rows


# The text that a scorer returns if its judge model does not answer.
ERROR = "[ERROR] 429"


def known() -> list[Case]:
    """Returns cases of earlier generators on which the oracle and the program once disagreed."""
    lines = Path(__file__).with_name("known.jsonl").read_text(encoding="utf-8").splitlines()
    made = []
    for line in map(json.loads, lines):
        evidence = Evidence(*(_run(line[role]) for role in ("candidate", "baseline")))
        made.append(Case(line["seed"], line["policy"], evidence, excerpts=True, snapshots=True))
    return made


def _run(of: dict) -> Run:
    rows = [Row(digest, inputs, [Trial(scores) for scores in trials]) for digest, inputs, trials in of["rows"]]
    times = [datetime.fromisoformat(of[key]) for key in ("started_at", "finished_at")]
    counted = 1 + sum(len(row.trials) for row in rows)
    return Run(of["id"], of["status"], tuple(of["evaluation"]), *times, rows, counted=counted)


def case(seed: int) -> Case:
    chance = random.Random(f"weave-gate oracle {seed}")
    evidence = Runs(chance).make()
    policy = Policy(chance, evidence).make()
    lose_calls(random.Random(f"calls of {seed}"), evidence)
    measure_differently(random.Random(f"setup of {seed}"), evidence, policy)
    return Case(seed, policy, evidence, chance.random() < 0.25, chance.random() < 0.15)


def lose_calls(chance: random.Random, evidence: Evidence) -> None:
    """Removes the model's own call from some trials. Uses its own random numbers, so that older seeds stay the same."""
    for run in filter(None, (evidence.candidate, evidence.baseline)):
        lost = chance.choices([0, 0.1, 1], [90, 4, 6])[0]
        for row in run.rows:
            for trial in row.trials:
                trial.called = chance.random() >= lost


def measure_differently(chance: random.Random, evidence: Evidence, policy: dict) -> None:
    """Gives each run a measurement setup. Uses its own random numbers, so that the rows of older seeds stay the same."""
    candidate, baseline = evidence.candidate, evidence.baseline
    if chance.random() < 0.2:
        candidate.silent = [chance.choice(["silent", "silent", "safety", "tone"])]
        of_scorers = [gate for gate in policy["gates"] if "scorer" in gate]
        if of_scorers and chance.random() < 0.3:
            chance.choice(of_scorers)["scorer"] = chance.choice(["*", "s*", "silent"])
    for run in filter(None, (candidate, baseline)):
        run.served = chance.choices([[], ["m1"], ["m1", "m2"]], [6, 3, 1])[0]
    if chance.random() < 0.4:
        words = ["undecided", "undecided", "warn", "note", "ignore"]
        keys = chance.sample(["scorer", "dataset", "served_model"], chance.choice([1, 2, 3]))
        policy["comparability"] = {key: chance.choice(words) for key in keys}
    if baseline is None or baseline is candidate:
        return
    if chance.random() < 0.15:
        candidate.evaluation = ("answers", "v3")
    names = {name for run in (candidate, baseline) for row in run.rows for trial in row.trials for name in trial.scores}
    scorers = {(evidence.keys.get(name) or (name.split(".", 1)[0], None))[0] for name in names}
    for run in (candidate, baseline):
        run.setup = Setup({name: "1" for name in sorted(scorers)})
    if candidate.evaluation == baseline.evaluation or chance.random() < 0.1:
        return
    ours, theirs = candidate.setup.scorers, baseline.setup.scorers
    for name in sorted(scorers):
        how = chance.choices(["same", "changed", "removed", "added"], [6, 2, 1, 1])[0]
        if how == "changed":
            ours[name] = "2"
        elif how == "removed":
            del ours[name]
        elif how == "added":
            del theirs[name]
    if chance.random() < 0.2:
        candidate.setup.dataset = "2"
    if chance.random() < 0.1:
        chance.choice([candidate, baseline]).setup.exists = False


# ---------------------------------------------------------------------------------------------- runs


class Runs:
    """Generates two runs of one dataset."""

    # How often there are 0, 1, 2 to 9, 10 to 40, 41 to 150, and 52 to 60 rows.
    sizes = (1, 2, 36, 50, 10, 1)
    # How many trials the rows of a run have.
    trials = (1, 1, 1, 1, 2, 3, "mixed", "retries")

    def __init__(self, chance: random.Random):
        self.chance = chance
        self.dimensions = {name for name in NAMES if chance.random() < 0.95}
        self.pass_share = chance.choice([0, 1, 0.5, 0.8, 0.9, 0.95])
        self.numbers = chance.choice(["grid", "grid", "fine", "equal", "steps", "extreme"])
        self.equal = chance.choice([0.0, 0.5, 0.7, 1.0])
        # How often a score of the candidate is drawn again, and the pass rate of these scores.
        self.turns = chance.choice([0, 0.05, 0.1, 0.3, 0.5, 1])
        self.leaning = chance.choice([0, 0.2, 0.5, self.pass_share, 1])
        self.shift = chance.choice([0, 0, -0.1, -0.3, 0.1, 0.3])
        # How often a scorer returns a value that is not a score of its dimension.
        self.errors = chance.choices([0, 0.05, 0.3], [80, 15, 5])[0]
        self.outliers = chance.choices([0, 0.02], [85, 15])[0]
        # Scorers that return objects. Some of these contain the fields that the SDK adds.
        self.objects = [name for name in ("safety", "tone") if chance.random() < 0.1]

    def make(self) -> Evidence:
        chance = self.chance
        count = chance.choices(
            [0, 1, chance.randint(2, 9), chance.randint(10, 40), chance.randint(41, 150), chance.randint(52, 60)],
            self.sizes,
        )[0]
        rows = [self._inputs(number) for number in range(count)]
        first = self._run("base", rows, None)
        then = self._run("cand", rows, first)
        self._remove(first, then)
        for run in (first, then):
            run.counted = 1 + sum(len(row.trials) for row in run.rows)
        keys = {"safety.toxic.passed": ("safety.toxic", "passed")} if chance.random() < 0.1 else {}
        baseline: Run | None = first
        if chance.random() < 0.04:
            baseline = None
        elif chance.random() < 0.02:
            baseline = then
        return Evidence(then, baseline, keys)

    def _inputs(self, number: int) -> tuple[str, dict]:
        chance = self.chance
        inputs: dict = {"question": f"question {number}", "number": number}
        if chance.random() < 0.95:
            inputs["category"] = chance.choice(["billing", "billing", "refunds", "other"])
        if chance.random() < 0.9:
            inputs["golden"] = chance.random() < 0.4
        if chance.random() < 0.9:
            inputs["level"] = chance.choice([1, 2, 2.0, "2", True, None])
        if chance.random() < 0.8:
            inputs["meta"] = {"lang": chance.choice(["en", "de"])}
        digest = f"{chance.getrandbits(64):016x}"[:8] + str(number)
        return digest, inputs

    def _run(self, id: str, rows, first: Run | None) -> Run:
        chance = self.chance
        trials = chance.choice(self.trials)
        losses = {name: self._loss() for name in [*sorted(self.dimensions), "latency", "tokens", "cost"]}
        crash = chance.choice([0, 0, 0, 0.03, 0.15])
        known = {row.digest: row for row in first.rows} if first else {}
        made = []
        for digest, inputs in rows:
            count = {"mixed": chance.randint(1, 3), "retries": chance.choice([1, 1, 1, 1, 7])}.get(trials, trials)
            before = known.get(digest)
            made.append(
                Row(digest, inputs, [self._trial(losses, crash, before, number) for number in range(count)])
            )
        # Some dimensions of one run are missing in the other.
        if chance.random() < 0.07 and self.dimensions:
            gone = chance.choice(sorted(self.dimensions))
            for row in made:
                for trial in row.trials:
                    trial.scores.pop(gone, None)
        status = chance.choices(["completed", "failed", "running"], [96, 2.5, 1.5])[0]
        began = BEGAN + timedelta(hours=1 if first else 0)
        version = "v2" if chance.random() < 0.1 else "v1"
        ended = None if status == "running" else began + timedelta(minutes=5)
        return Run(id, status, ("answers", version), began, ended, made)

    def _loss(self) -> float:
        return self.chance.choices([0, 0.04, 0.12, 0.4, 1], [55, 22, 12, 6, 3])[0]

    def _trial(self, losses: dict, crash: float, before: Row | None, number: int) -> Trial:
        chance = self.chance
        if chance.random() < crash:
            scores = {name: None for name in sorted(self.dimensions) if chance.random() < 0.5}
            usage = [chance.choice([None, 0.5]), chance.choice([None, 10]), None]
            return Trial(dict(sorted(scores.items())), *usage, output=None)
        old = before.trials[number % len(before.trials)] if before else None
        scores: dict = {}
        for name in sorted(self.dimensions):
            if chance.random() < losses[name]:
                if chance.random() < 0.5:
                    scores[name] = None
                continue
            scores[name] = self._score(name, old.scores.get(name) if old else None, old is not None)
        for name in self.objects:
            if any(key.startswith(f"{name}.") for key in scores):
                scores |= {f"{name}.{key}": value for key, value in SDK_FIELDS.items()}
        latency = None if chance.random() < losses["latency"] else self._usage(old and old.latency, 0.1, 3, 3)
        tokens = None if chance.random() < losses["tokens"] else round(self._usage(old and old.tokens, 10, 900, 0))
        cost = None if chance.random() < losses["cost"] else self._usage(old and old.cost, 0.001, 0.05, 4)
        return Trial(scores, latency, tokens, cost, output=None if chance.random() < 0.02 else "answer")

    def _usage(self, old, low: float, high: float, digits: int) -> float:
        if old is not None and self.chance.random() > self.turns:
            return old
        return round(self.chance.uniform(low, high) * (1 + max(self.shift, -0.9)), digits)

    def _score(self, name: str, old, is_later: bool):
        chance = self.chance
        if old is not None and chance.random() > self.turns:
            return old
        if chance.random() < self.errors:
            return chance.choice([ERROR, ERROR, [0.1, 0.9]])
        if name == "label":
            return chance.choice(["good", "bad"])
        if name == "steady":
            return True
        if name in BINARY or (name == "mix" and chance.random() < 0.6):
            return chance.random() < (self.leaning if is_later else self.pass_share)
        return self._number(name, is_later)

    def _number(self, name: str, is_later: bool) -> float | int:
        chance = self.chance
        if name == "grade":
            return chance.choice([0, 1, 1, 2, 5])
        if chance.random() < self.outliers:
            return chance.choice([10, -1])
        value = {
            "grid": lambda: chance.choice([0, 0.25, 0.5, 0.75, 1.0]),
            "fine": lambda: round(chance.random(), 2),
            "equal": lambda: self.equal,
            "steps": lambda: chance.choice([0.0, 1.0]),
            "extreme": lambda: chance.choice([0, -3.5, 1e6, 0.25, 100]),
        }[self.numbers]()
        if is_later and self.numbers != "extreme":
            value = min(1.0, max(0.0, round(value + self.shift, 2)))
        return value

    def _remove(self, first: Run, then: Run) -> None:
        """Removes rows from each run, so that rows are removed and added between the runs."""
        chance = self.chance
        for run in (first, then):
            share = chance.choices([0, 0.05, 0.2, 0.6, 1], [70, 14, 10, 3, 1])[0]
            run.rows = [row for row in run.rows if chance.random() >= share]
            if chance.random() < 0.5:
                chance.shuffle(run.rows)


# ---------------------------------------------------------------------------------------------- policies


class Policy:
    """Generates a policy whose limits are near the values of the runs."""

    metrics = METRICS
    # How many policies have a family of tests.
    families = 0.15

    def __init__(self, chance: random.Random, evidence: Evidence):
        self.chance, self.evidence = chance, evidence

    def make(self) -> dict:
        chance = self.chance
        policy: dict = {"version": 1, "project": "my-team/bot"}
        policy["candidate"] = {"run": "cand"}
        id = self.evidence.baseline.id if self.evidence.baseline else "gone"
        policy["baseline"] = {"run": id}
        if chance.random() < 0.35:
            policy["baseline"]["removed_rows"] = chance.choice(["missing", "ignore", "ignore"])
        if chance.random() < 0.3:
            policy["baseline"]["required"] = chance.random() < 0.3
        if chance.random() < 0.1:
            policy["baseline"]["max_age"] = chance.choice(["1d", "5000w"])
        if chance.random() < 0.3:
            policy["accept_status"] = chance.choice([["completed"], ["completed", "failed"]])
        if chance.random() < 0.4:
            policy["defaults"] = self._defaults()
        if chance.random() < 0.4:
            policy["correction"] = chance.choice(["holm", "none"])
        self.is_family = chance.random() < self.families
        policy["gates"] = [self._gate(number) for number in range(chance.randint(2, 9))]
        return policy

    def _defaults(self) -> dict:
        chance, made = self.chance, {}
        for key, values in {
            "severity": ["block", "warn"],
            "evidence": ["observed", "significant", "proven"],
            "confidence": [0.9, 0.95, 0.99],
            "missing": ["bound", "fail", "ignore"],
            "max_missing": [0, 0.05, 0.2],
        }.items():
            if chance.random() < 0.4:
                made[key] = chance.choice(values)
        return made

    def _gate(self, number: int) -> dict:
        chance = self.chance
        metric = chance.choice(self.metrics)
        if self.is_family and chance.random() < 0.8:
            # Several tests in one policy, which are corrected for each other.
            metric = chance.choice(["pass_rate", "pass_rate", "numeric_mean", "latency_mean"])
        gate: dict = {"name": f"gate {number}", "metric": metric}
        if metric in measure.OF_A_SCORER:
            gate["scorer"] = self._scorer(metric)
        if metric in measure.TESTABLE and chance.random() < 0.65:
            gate["evidence"] = chance.choice(["significant", "proven", "significant", "proven", "observed"])
            if gate["evidence"] != "observed" and chance.random() < 0.3:
                gate["confidence"] = chance.choice([0.8, 0.9, 0.975, 0.99, 0.999])
        if self.is_family and metric in measure.TESTABLE and chance.random() < 0.8:
            gate["evidence"] = "significant"
        if metric not in measure.NEVER_MISSING | {"rows", "trials"}:
            if chance.random() < 0.7:
                gate["missing"] = chance.choice(["bound", "fail", "ignore"])
            if chance.random() < 0.25:
                gate["max_missing"] = chance.choice([0.02, 0.05, 0.1, 0.25, 0.5, 1])
        if metric == "numeric_mean" and chance.random() < 0.75:
            gate["range"] = chance.choices([[0, 1], [0, 5], [-5, 1000000], [0, 0.6]], [6, 4, 3, 1])[0]
        if chance.random() < 0.15:
            gate["where"] = self._where()
        if chance.random() < 0.15:
            names = ["category", "golden", "level", "meta.lang", "nothing", "number"]
            gate["by"] = chance.choices(names, [6, 3, 4, 3, 1, 0.5])[0]
        if chance.random() < 0.15:
            gate["severity"] = chance.choice(["warn", "block"])
        if chance.random() < 0.1:
            gate["waive"] = {"until": chance.choice(["2999-12-31", "2020-01-01"]), "reason": "see OPS-12"}
        self._add(gate)
        keys = self._keys(metric)
        chance.shuffle(keys)
        if gate.get("evidence") == "significant" and self.is_family:
            keys.sort(key=lambda key: key in ("min", "max"))
        for key in sorted(keys[: chance.choice([1, 1, 2])]):
            gate[key] = self._limit(gate, key)
        if "min" in gate and "max" in gate and gate["min"] > gate["max"]:
            gate["min"], gate["max"] = gate["max"], gate["min"]
        return gate

    def _add(self, gate: dict) -> None:
        """Adds further keys to a gate that has no limits yet. repeated.py does."""

    def _scorer(self, metric: str) -> str:
        chance = self.chance
        if chance.random() < 0.08:
            return chance.choice(["safety.*", "*", "to*", "nothing.*", "unknown", "safety.????s"])
        if chance.random() < 0.1:
            return chance.choice(NAMES)
        return chance.choice([*NUMERIC, "tone.score", "mix"] if metric == "numeric_mean" else [*BINARY, "correctness", "mix"])

    def _where(self) -> dict:
        chance = self.chance
        conditions = [
            ("category", chance.choice(["billing", ["billing", "refunds"], "nothing"])),
            ("golden", chance.choice([True, False])),
            ("level", chance.choice([2, "2", [1, "2"], True])),
            ("meta.lang", "en"),
        ]
        return dict(chance.sample(conditions, chance.choice([1, 1, 2])))

    @staticmethod
    def _keys(metric: str) -> list[str]:
        if metric in measure.COUNTS:
            return ["min", "max"]
        return ["min", "max_drop"] if metric == "coverage" else list(ALL_LIMITS)

    def _limit(self, gate: dict, key: str) -> float | int:
        """Returns a limit near the measured value: equal to it, or a little or far to one side."""
        chance, metric = self.chance, gate["metric"]
        value, change = self._values(gate)
        if metric in measure.COUNTS:
            top = {"rows": 40, "trials": 60}.get(metric, 5)
            near = chance.randint(0, top) if value is None else round(value) + chance.choice([-1, 0, 0, 1, 3])
            return max(0, near)
        scale = 1.0 if metric in measure.RATES else abs(value or 1) or 1.0
        away = chance.choice([0, 0.01, -0.01, 0.05, -0.05, 0.2, -0.2, 0.5]) * scale
        if gate.get("evidence") and chance.random() < 0.5:
            # Far to one side, so that the whole interval can be on the other side.
            away = chance.choice([0.4, -0.4, 0.8, -0.8]) * scale
        if key in ("min", "max"):
            limit = (value if value is not None else chance.random()) + away
        elif "relative" in key:
            limit = abs(change / value if value else change) + away / scale
        else:
            limit = abs(change) + away
        if chance.random() < (0.05 if key in ("min", "max") else 0.15):
            limit = 0.0
        limit = round(limit, chance.choice([2, 3, 6]))
        if key not in ("min", "max") or metric != "numeric_mean":
            limit = max(0.0, limit)
        if key in ("min", "max") and "range" in gate:
            limit = min(max(limit, gate["range"][0]), gate["range"][1])
        if metric in measure.RATES or "relative" in key:
            limit = min(1.0, limit)
        return limit

    def _values(self, gate: dict) -> tuple[float | None, float]:
        """Returns approximately the candidate's value and its change."""
        metric, found = gate["metric"], []
        for run in (self.evidence.candidate, self.evidence.baseline):
            if run is None or not run.rows:
                found.append(None)
            elif metric in ("rows", "trials"):
                found.append(len(run.rows) if metric == "rows" else sum(len(row.trials) for row in run.rows))
            elif metric in measure.TURNED:
                found.append(None)
            else:
                types = measure.own_types([run], gate.get("scorer"))
                cells = measure.cells(run, metric, gate.get("scorer"), types, gate.get("k")).values()
                known = [cell for cell in (cell.scored_only() for cell in cells) if cell]
                nothing = Fraction(0), Fraction(0)
                found.append(float(measure.ends(known, metric, nothing)[0]) if known else None)
        change = found[0] - found[1] if None not in found else self.chance.choice([0, 0.05])
        return found[0], change
