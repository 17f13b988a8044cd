"""Seeded random cases and histories with what takes repeated runs and related rows into account: `noise`, `cluster_by`,
`pass_hat_k` and `pass_at_k` with `k`, and `baseline.last`.

They have their own seeds: the cases of generate.py and the histories of histories.py stay the same.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import generate
import histories
import measure
from evidence import Evidence, Row, Run

METRICS = [
    *["pass_rate"] * 8,
    *["numeric_mean"] * 7,
    *["pass_hat_k"] * 5,
    *["pass_at_k"] * 5,
    *["coverage"] * 2,
    *["error_rate"] * 2,
    *["latency_mean"] * 2,
    "regressed_rows",
    "tokens_mean",
]
# The inputs that name a cluster. "nothing" does not exist, and "number" is different in every row.
CLUSTERS = [*["document"] * 10, *["source.id"] * 6, "category", "golden", "level", "number", "number", "nothing"]
# Values of which some are equal, although they are written in different ways, and some are not.
LIKE_TWO = [2, 2.0, "2", True, 2.5]
EXPIRES = ["2999-12-31", "2999-12-31", "2999-12-31", "2026-03-01"]


def case(seed: int) -> generate.Case:
    chance = random.Random(f"weave-gate oracle, repeated {seed}")
    evidence = Repeated(chance).make()
    policy = RepeatedPolicy(chance, evidence).make()
    generate.lose_calls(random.Random(f"calls of repeated {seed}"), evidence)
    if chance.random() < 0.2:
        generate.measure_differently(random.Random(f"setup of repeated {seed}"), evidence, policy)
    return generate.Case(seed, policy, evidence, chance.random() < 0.15, chance.random() < 0.15)


def history(seed: int, now: datetime) -> histories.History:
    return RepeatedMaker(random.Random(f"weave-gate histories, repeated {seed}"), now).make(seed)


def noise(chance: random.Random, names: list[str]) -> dict:
    """Returns the noise of some dimensions."""
    runs = chance.choice([2, 3, 5, 12, 40])
    dimensions = chance.sample(names, chance.randint((len(names) + 1) // 2, len(names)))
    if chance.random() < 0.1:
        dimensions.append("gone.score")
    sizes = [0, 0.0001, 0.005, 0.005, 0.011, 0.011, 0.03, 0.03, 0.1, 0.4]
    return {
        "measured": "2026-02-01",
        "expires": chance.choice(EXPIRES),
        "runs": runs,
        "df": chance.choice([1, runs - 1, chance.randint(1, runs - 1)]),
        "run_sd": {name: chance.choice(sizes) for name in dimensions},
    }


class Documents:
    """Assigns rows to clusters. Values of one cluster may be written in different ways."""

    def __init__(self, chance: random.Random, rows: int):
        self.chance = chance
        self.count = chance.choice([1, 2, 3, 4, 6, 9, 10, 12, 20, max(rows, 1)])
        self.lacking = chance.choices([0, 0.03, 1], [92, 7, 1])[0]
        self.is_mixed = chance.random() < 0.1

    def value(self):
        number = self.chance.randrange(self.count)
        return LIKE_TWO[number % len(LIKE_TWO)] if self.is_mixed else f"document {number}"

    def inputs(self) -> dict:
        """Returns the inputs of a row that name its cluster."""
        value, made = self.value(), {}
        if self.chance.random() >= self.lacking:
            made["document"] = value
        return made | {"source": {"id": value if self.chance.random() < 0.5 else f"source {self.chance.randrange(self.count)}"}}


class Repeated(generate.Runs):
    """Generates two runs whose rows belong to clusters. Less is missing than in the cases of generate.py, because
    clusters with many missing scores have too many imputations to enumerate."""

    sizes = (0, 1, 25, 60, 12, 2)
    trials = (1, 1, 1, 1, 2, 2, 3, 3, 5, "mixed", "retries")

    def __init__(self, chance: random.Random):
        super().__init__(chance)
        if chance.random() < 0.8:
            self.dimensions = set(generate.NAMES)
        if chance.random() < 0.6:
            self.errors = self.outliers = 0

    def _loss(self) -> float:
        return self.chance.choices([0, 0.03, 0.1, 0.3, 1], [78, 14, 5, 2, 1])[0]

    def make(self) -> Evidence:
        evidence = super().make()
        for run in (evidence.candidate, evidence.baseline):
            if run and self.chance.random() < 0.8:
                run.status, run.finished_at = "completed", run.started_at + timedelta(minutes=5)
        self._assign(evidence)
        return evidence

    def _assign(self, evidence: Evidence) -> None:
        """Assigns the rows to clusters, and lets some clusters change together."""
        chance, runs = self.chance, [run for run in (evidence.candidate, evidence.baseline) if run]
        rows: dict[str, list[Row]] = {}
        for run in runs:
            for row in run.rows:
                rows.setdefault(row.digest, []).append(row)
        documents = Documents(chance, len(rows))
        for digest in sorted(rows):
            more = documents.inputs()
            # Both runs share the inputs of a row.
            for row in rows[digest]:
                row.inputs |= more
        how = chance.choices(["rows", "failing", "falling", "balanced", "alike"], [5, 3, 4, 1, 1])[0]
        of = {digest: str(rows[digest][0].inputs.get("document")) for digest in rows}
        if how == "failing":
            share = chance.choice([0.1, 0.3, 0.6])
            failing = {value for value in sorted(set(of.values())) if chance.random() < share}
            self._set(evidence.candidate, lambda row, number: None if of[row.digest] not in failing else chance.random() < 0.1)
        elif how == "falling":
            share = chance.choice([0.15, 0.3, 0.6, 0.9])
            self._set(evidence.candidate, lambda row, number: False if chance.random() < share else None)
            for trial in [trial for row in evidence.candidate.rows for trial in row.trials]:
                score = trial.scores.get("tone.score")
                if measure.type_of(score) == "number" and chance.random() < share:
                    trial.scores["tone.score"] = round(score * chance.choice([0.5, 0.9]), 3)
        elif how == "balanced" and evidence.baseline not in (None, evidence.candidate):
            self._balance(evidence, of)
        elif how == "alike":
            for run in runs:
                value = chance.random() < 0.7
                self._set(run, lambda row, number, value=value: value)

    @staticmethod
    def _set(run: Run, value) -> None:
        """Replaces truth values of a run by `value(row, number of the trial)`, unless it is None."""
        for row in run.rows:
            for number, trial in enumerate(row.trials):
                new = value(row, number)
                for name, score in trial.scores.items():
                    if isinstance(score, bool) and new is not None:
                        trial.scores[name] = new

    def _balance(self, evidence: Evidence, of: dict[str, str]) -> None:
        """Lets every second row of a cluster change one way and the others the other way."""
        places: dict[str, int] = {}
        turned = {}
        for row in sorted(evidence.baseline.rows, key=lambda row: row.digest):
            places[of[row.digest]] = places.get(of[row.digest], 0) + 1
            turned[row.digest] = places[of[row.digest]] % 2 == 0
        for run, turns in ((evidence.baseline, False), (evidence.candidate, True)):
            self._set(run, lambda row, number, turns=turns: turned.get(row.digest, True) ^ turns)


class RepeatedPolicy(generate.Policy):
    metrics = METRICS
    families = 0.35

    def make(self) -> dict:
        chance = self.chance
        self.clusters, self.default_rule = chance.random() < 0.6, "observed"
        policy = super().make()
        if chance.random() < 0.75:
            policy["baseline"].pop("max_age", None)
        if chance.random() < 0.6:
            policy["noise"] = noise(chance, generate.NAMES)
        return policy

    def _defaults(self) -> dict:
        made = super()._defaults()
        self.default_rule = made.get("evidence", "observed")
        if self.chance.random() < 0.25:
            made["cluster_by"] = self.chance.choice(["document", "document", "source.id", "category"])
        return made

    def _add(self, gate: dict) -> None:
        chance, metric = self.chance, gate["metric"]
        if metric in measure.OF_ATTEMPTS:
            # Most rows have one trial or two, and lack the others.
            gate["k"] = chance.choices([1, 2, 3, 5], [50, 30, 15, 5])[0]
        if metric in measure.TESTABLE and self.clusters and chance.random() < 0.8:
            gate["cluster_by"] = chance.choice(CLUSTERS)
        if "by" in gate and chance.random() < 0.6:
            del gate["by"]
        if "range" in gate and chance.random() < 0.7:
            # Wide enough for every score.
            gate["range"] = [-5, 1000000] if chance.random() < 0.3 else [-4, 10]

    def _gate(self, number: int) -> dict:
        gate = super()._gate(number)
        rule = gate.get("evidence", self.default_rule)
        only_values = "evidence" not in gate and not any(key in gate for key in generate.ALL_LIMITS[2:])
        if rule == "observed" or (rule == "significant" and only_values):
            # The program refuses the key where it has no effect. In `defaults` it may have none.
            gate.pop("cluster_by", None)
        return gate

    def _scorer(self, metric: str) -> str:
        known = generate.NUMERIC if metric == "numeric_mean" else ["correctness", "correctness", *generate.BINARY]
        return self.chance.choice(known) if self.chance.random() < 0.7 else super()._scorer(metric)


class RepeatedMaker(histories.Maker):
    """Generates longer histories of more commits, whose rows belong to clusters."""

    fewest_runs, most_runs = 4, 13

    def __init__(self, chance: random.Random, now: datetime):
        super().__init__(chance, now)
        self.more_commits = [f"{chance.getrandbits(160):040x}" for _ in range(2)]
        count = chance.choice([4, 8, 8, 14, 30])
        documents = Documents(chance, count)
        self.inputs = {f"{number:02}-digest": documents.inputs() for number in range(count)}

    def make(self, seed: int) -> histories.History:
        history = super().make(seed)
        if self.chance.random() < 0.7:
            history.named = None
        return history

    def _run(self, id: str, began: datetime, others: list[Run]) -> Run:
        run = super()._run(id, began, others)
        if self.chance.random() < 0.7:
            # Complete, so that most histories have several runs of each side.
            run.status, run.stored, run.has_output = "completed", run.counted, True
            run.finished_at = began + timedelta(minutes=4)
        if run.source in {other.source for other in others}:
            # The rules do not say whether two rescorings of one run may be compared.
            run.source = None
        return run

    def _candidate(self, runs: list[Run]) -> dict:
        made = super()._candidate(runs)
        if self.chance.random() < 0.6:
            made.pop("commit", None)
            made.pop("branch", None)
        return made

    def _attributes(self) -> dict:
        made = super()._attributes()
        if "git_sha" in made:
            made["git_sha"] = self.chance.choice([*self.commits, *self.more_commits])
        return made

    def _rows(self) -> list[Row]:
        chance = self.chance
        digests = list(self.inputs)
        kind = chance.choices(["all", "fewer", "shard"], [85, 13, 2])[0]
        if kind == "fewer":
            digests.remove(chance.choice(digests))
        ending = "-b" if kind == "shard" else ""
        share = min(1.0, max(0.0, self.share + chance.choice([0, 0, -0.2, 0.1])))
        return [
            Row(f"{digest}{ending}", {"question": digest, **self.inputs[digest]}, [self._trial(share) for _ in range(self.trials)])
            for digest in digests
        ]

    def _baseline(self) -> dict:
        made = super()._baseline()
        if self.chance.random() < 0.4:
            made = {"evaluation": histories.EVALUATION}
        if self.chance.random() < 0.65:
            made["last"] = self.chance.choice([1, 2, 2, 3, 5, 50])
        return made

    def _policy(self, runs: list[Run]) -> dict:
        policy = super()._policy(runs)
        if self.chance.random() < 0.6:
            policy["noise"] = noise(self.chance, ["correctness", "tone"])
        if self.chance.random() < 0.15:
            policy["defaults"] = {"cluster_by": "document"}
        return policy

    def _gate(self, number: int) -> dict:
        chance = self.chance
        gate = super()._gate(number)
        if gate["metric"] == "pass_rate" and chance.random() < 0.4:
            gate |= {"metric": chance.choice(["pass_hat_k", "pass_at_k"]), "k": chance.choice([1, 2, 2, 3])}
        if gate["metric"] in ("pass_rate", "numeric_mean", *measure.OF_ATTEMPTS) and chance.random() < 0.4:
            gate["evidence"] = chance.choice(["significant", "proven"])
        if gate.get("evidence", "observed") != "observed" and chance.random() < 0.5:
            gate["cluster_by"] = chance.choice(["document", "document", "source.id"])
        return gate
