"""What the measurement setups of two runs forbid: scorers that changed, are missing or scored nothing."""

from __future__ import annotations

import fnmatch

from evidence import Evidence, Run


def covers(pattern: str, scorer: str) -> bool:
    """Whether a name or pattern can match a dimension of a scorer: the scorer itself, or a path inside it."""
    if fnmatch.fnmatchcase(scorer, pattern) or f"{pattern}.".startswith(f"{scorer}."):
        return True
    # The rest of the pattern after the scorer's name can match some path, if it is not empty.
    starts = (pattern[:end] for end in range(len(pattern) + 1))
    return any(fnmatch.fnmatchcase(f"{scorer}.", start) for start in starts)


def is_of(dimension: str, scorer: str) -> bool:
    return f"{dimension}.".startswith(f"{scorer}.")


class Compared:
    """The effects of what differs between two setups. `compares` tells whether any gate compares."""

    def __init__(self, policy: dict, evidence: Evidence, compares: bool):
        words = {"scorer": "undecided", "dataset": "note", "served_model": "warn", **policy.get("comparability", {})}
        self.undecided = {key for key, word in words.items() if word == "undecided"}
        candidate, baseline = evidence.candidate, evidence.baseline
        scores = [item for row in candidate.rows for trial in row.trials for item in trial.scores.items()]
        names = {name for name, score in scores if score_is(score) and not is_of_sdk(name)}
        runs = [candidate, *candidate.pool]
        output = [name for run in runs if run.status == "completed" and run.has_output for name in run.silent]
        self.names = names
        self.never = [name for name in output if not any(is_of(dimension, name) for dimension in names)]
        self.removed: list[str] = []
        self.changed: list[str] = []
        self.change: str | None = None
        if compares and baseline and candidate.kind == baseline.kind == "evaluate":
            # The newest run of a side stands for it, and each other run is compared with the newest of the other side.
            for run in runs:
                self._compare(run, baseline)
            for run in baseline.pool:
                self._compare(candidate, run)

    def _compare(self, candidate: Run, baseline: Run) -> None:
        if candidate.kind != "evaluate" or baseline.kind != "evaluate":
            return
        if candidate.evaluation != baseline.evaluation and candidate.setup and baseline.setup:
            if not (candidate.setup.exists and baseline.setup.exists):
                self._forbid("scorer", "evaluation-changed")
            else:
                ours, theirs = candidate.setup.scorers, baseline.setup.scorers
                self.never += [name for name in ours if not any(is_of(dimension, name) for dimension in self.names)]
                if "scorer" in self.undecided:
                    self.removed += [name for name in theirs if name not in ours]
                    self.changed += [name for name in theirs if name in ours and ours[name] != theirs[name]]
                if candidate.setup.dataset != baseline.setup.dataset:
                    self._forbid("dataset", "dataset-changed")
        # The server has no calls within trials, so it is unknown whether a scorer called the models.
        # A policy that asks for proof gets none of it, also where the evaluated model is another one.
        if set(candidate.served) != set(baseline.served):
            self._forbid("served_model", "served-models-changed")

    def _forbid(self, key: str, finding: str) -> None:
        if key in self.undecided:
            self.change = self.change or finding

    def blocks(self, scorer: str) -> str | None:
        """The finding that leaves a gate with this name or pattern undecided."""
        if any(covers(scorer, name) for name in self.removed):
            return "scorer-removed"
        if any(covers(scorer, name) for name in self.never):
            return "scorer-never-scored"
        return None

    def against(self, subject: str | None) -> str | None:
        """The finding that leaves a change of this dimension undecided."""
        if self.change:
            return self.change
        if subject is not None and any(is_of(subject, name) for name in self.changed):
            return "scorer-changed"
        return None


def is_of_sdk(dimension: str) -> bool:
    """Whether a dimension is a field that the SDK adds to an object."""
    return any(part in ("_type", "_class_name", "_bases") for part in dimension.split(".")[1:])


def score_is(score: object) -> bool:
    """Whether a value is a score of a dimension."""
    return isinstance(score, (bool, int, float, str))
