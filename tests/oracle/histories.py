"""Seeded random histories: all runs of a project, and a policy that selects runs from them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import selection
from evidence import Row, Run, Trial

EVALUATION = "answers"
ROWS = [f"{number:02}-digest" for number in range(8)]


@dataclass
class History:
    seed: int
    policy: dict
    runs: list[Run]
    named: str | None  # the candidate's id, if the command names one
    filters: bool  # whether the server applies queries

    def selected(self, now: datetime) -> selection.Selection | None:
        return selection.select(self.policy, self.runs, now, self.named)


def history(seed: int, now: datetime) -> History:
    """Returns the history of a seed. It ends shortly before `now`."""
    return Maker(random.Random(f"weave-gate histories {seed}"), now).make(seed)


class Maker:
    fewest_runs, most_runs = 1, 9

    def __init__(self, chance: random.Random, now: datetime):
        self.chance, self.now = chance, now.replace(microsecond=0)
        self.commits = [f"{chance.getrandbits(160):040x}" for _ in range(4)]
        if chance.random() < 0.1:
            # Two commits with the same prefix.
            self.commits[1] = self.commits[0][:8] + self.commits[1][8:]
        self.share = chance.choice([0.5, 0.8, 0.9, 1.0])
        self.trials = chance.choice([1, 1, 1, 2])

    def make(self, seed: int) -> History:
        chance = self.chance
        # Minutes before now. None is near a limit that is measured in hours or days.
        hours = chance.choices([1, 5, 20, 30, 60, 200, 300, 400], [4, 6, 6, 4, 4, 3, 1, 1], k=chance.randint(self.fewest_runs, self.most_runs))
        places = sorted({hour * 60 - chance.randint(0, 50) for hour in hours}, reverse=True)
        runs: list[Run] = []
        for number, minutes in enumerate(places):
            runs.append(self._run(f"run-{number}", self.now - timedelta(minutes=minutes), runs))
        named = chance.choice(runs).id if chance.random() < 0.3 else None
        policy = self._policy(runs)
        if any(run.id == named and selection.evaluation_of(run) is None for run in runs):
            # For a run without a name, the first run of its evaluation is unknown.
            policy["baseline"]["required"] = chance.random() < 0.5
        return History(seed, policy, runs, named, chance.random() < 0.7)

    # ------------------------------------------------------------------------------------------ runs

    def _run(self, id: str, began: datetime, others: list[Run]) -> Run:
        chance = self.chance
        kind = chance.choices(["evaluate", "logger", "v2"], [75, 17, 8])[0]
        status = chance.choices(["completed", "failed", "running"], [86, 7, 7])[0]
        run = Run(id, status, (EVALUATION, "v1"), began, began + timedelta(minutes=4), self._rows(), kind=kind)
        if status == "running":
            run.finished_at = None
        if chance.random() < 0.05:
            run.evaluation = ("other", "v1")
        run.model = chance.choices([("bot", "v1"), ("bot", "v2"), ("other", "v1")], [80, 8, 12])[0]
        if kind == "v2":
            if others and chance.random() < 0.3:
                run.source = chance.choice(others).id
            return run
        run.attributes = self._attributes()
        run.counted = 1 + 4 * sum(len(row.trials) for row in run.rows)
        run.stored = run.counted + chance.choices([0, -4, 4], [88, 9, 3])[0]
        run.is_root = chance.random() < 0.97
        run.display_name = "eval-2026-11-29-loyal-maple"
        if kind == "logger":
            self._name(run)
            run.has_output = chance.random() < 0.85
        return run

    def _attributes(self) -> dict:
        chance, made = self.chance, {}
        if chance.random() < 0.93:
            made["git_sha"] = chance.choices(self.commits, [45, 20, 20, 15])[0]
        if chance.random() < 0.95:
            made["git_branch"] = chance.choices(["main", "pull/7"], [70, 30])[0]
        if chance.random() < 0.8:
            made["team"] = chance.choices(["search", "chat"], [80, 20])[0]
        return made

    def _name(self, run: Run) -> None:
        """Sets the names as the SDK's logger does."""
        how = self.chance.choices(["named", "dataset", "neither"], [60, 25, 15])[0]
        version = f"v{self.chance.randint(1, 99)}"
        run.evaluation = (EVALUATION if how == "dataset" else "Evaluation", version)
        if how == "named":
            run.display_name = EVALUATION

    def _rows(self) -> list[Row]:
        chance = self.chance
        digests = list(ROWS)
        kind = chance.choices(["all", "fewer", "shard"], [84, 12, 4])[0]
        if kind == "fewer":
            digests.remove(chance.choice(digests))
        elif kind == "shard":
            digests = [f"{digest}-b" for digest in digests]
        share = min(1.0, max(0.0, self.share + chance.choice([0, 0, -0.2, 0.1])))
        return [Row(digest, {"question": digest}, [self._trial(share) for _ in range(self.trials)]) for digest in digests]

    def _trial(self, share: float) -> Trial:
        chance = self.chance
        if chance.random() < 0.02:
            return Trial({}, 0.2, 5, output=None)
        scores: dict = {"correctness": chance.random() < share, "tone": chance.choice([0.25, 0.5, 0.75, 1.0])}
        if chance.random() < 0.03:
            del scores["correctness"]
        return Trial(scores, round(chance.uniform(0.5, 2), 3), chance.randint(10, 99))

    # ------------------------------------------------------------------------------------------ policies

    def _policy(self, runs: list[Run]) -> dict:
        chance = self.chance
        policy: dict = {"version": 1, "project": "my-team/bot"}
        policy["candidate"] = self._candidate(runs)
        policy["baseline"] = self._baseline()
        if chance.random() < 0.06:
            policy["completeness"] = "warn"
        if chance.random() < 0.1:
            policy["accept_status"] = ["completed", "failed"]
        policy["gates"] = [self._gate(number) for number in range(chance.randint(1, 4))]
        return policy

    def _candidate(self, runs: list[Run]) -> dict:
        chance, made = self.chance, {"evaluation": EVALUATION}
        commits = [run.attributes["git_sha"] for run in runs if "git_sha" in run.attributes] or self.commits
        if chance.random() < 0.6:
            commit = chance.choice(commits)
            made["commit"] = commit if chance.random() < 0.7 else commit[: chance.choice([7, 8, 12])]
        if chance.random() < 0.2:
            made["branch"] = chance.choice(["main", "pull/7"])
        if chance.random() < 0.15:
            made["model"] = chance.choice(["bot", "bot", "other"])
        if chance.random() < 0.15:
            made["attributes"] = {"team": "search"}
        if chance.random() < 0.4:
            made["reruns"] = chance.choice(["pool", "newest", "refuse"])
        if chance.random() < 0.08:
            made["max_age"] = chance.choice(["2d", "30d"])
        return made

    def _baseline(self) -> dict:
        chance, made = self.chance, {}
        if chance.random() < 0.65:
            made["branch"] = "main"
        if chance.random() < 0.2:
            made["model"] = chance.choice(["bot", "bot", "other"])
        if chance.random() < 0.15:
            made["attributes"] = {"team": "search"}
        if chance.random() < 0.1 or not made:
            made["evaluation"] = EVALUATION
        if chance.random() < 0.4:
            made["required"] = chance.choice([True, False, "after-first", "after-first"])
        if chance.random() < 0.08:
            made["max_age"] = chance.choice(["2d", "30d"])
        return made

    def _gate(self, number: int) -> dict:
        chance = self.chance
        metric = chance.choice(
            ["pass_rate", "pass_rate", "numeric_mean", "coverage", "error_rate", "latency_mean", "rows", "regressed_rows"]
        )
        gate: dict = {"name": f"gate {number}", "metric": metric}
        if metric in ("pass_rate", "coverage", "regressed_rows"):
            gate["scorer"] = "correctness"
        if metric == "numeric_mean":
            gate |= {"scorer": "tone", "range": [0, 1]}
        if metric not in ("coverage", "error_rate", "rows") and chance.random() < 0.5:
            gate["missing"] = chance.choice(["bound", "fail", "ignore"])
        if metric in ("pass_rate", "numeric_mean") and chance.random() < 0.4:
            gate["evidence"] = chance.choice(["significant", "proven"])
        if metric == "rows":
            return gate | {"min": chance.choice([7, 8, 9])}
        if metric == "regressed_rows":
            return gate | {"max": chance.choice([0, 1, 3])}
        if metric == "error_rate":
            return gate | chance.choice([{"max": 0.05}, {"max_rise": 0.0}])
        if metric == "latency_mean":
            return gate | chance.choice([{"max": 1.3}, {"max_rise": 0.1}, {"max_relative_rise": 0.2}])
        near = {"pass_rate": 0.8, "numeric_mean": 0.6, "coverage": 0.95}[metric]
        gate[chance.choice(["min", "max_drop"])] = 0.0
        if "min" in gate:
            gate["min"] = round(near + chance.choice([-0.1, 0, 0.05]), 2)
        else:
            gate["max_drop"] = chance.choice([0, 0.05, 0.2])
        return gate
