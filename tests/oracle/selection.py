"""Chooses the runs that a policy judges: takes all runs of a project, and returns the candidate's and the baseline's.

Written from the rules: re-running a candidate cannot turn a failure into a pass, so all of its complete re-runs count.
A baseline is never a run of the candidate's own commit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from evidence import Evidence, Row, Run, Trial

# A run that began longer ago than this and is still running is abandoned.
ABANDONED_AFTER = timedelta(hours=24)
# How long `required: after-first` may skip limits on changes, counted from the evaluation's first run.
FIRST_DAYS = timedelta(days=14)
FEWEST_OF_A_COMMIT = 7
# The display names that the SDK generates.
RANDOM_NAME = re.compile(r"eval-\d{4}-\d{2}-\d{2}-[a-z]+-[a-z]+")


@dataclass
class Selection:
    """The runs to judge, each list oldest first, and the findings that prevent a judgement."""

    candidate: list[Run] = field(default_factory=list)
    baseline: list[Run] = field(default_factory=list)
    # Findings that leave every check undecided, and findings that leave every change undecided.
    candidate_findings: set[str] = field(default_factory=set)
    baseline_findings: set[str] = field(default_factory=set)
    left_out: list[Run] = field(default_factory=list)
    # Whether changes are skipped because there is no baseline.
    skips_changes: bool = False

    def evidence(self) -> Evidence:
        """Returns the evidence of these runs. Each pool is joined into one run."""
        return Evidence(
            pooled(self.candidate),
            pooled(self.baseline) if self.baseline else None,
            candidate_findings=self.candidate_findings,
            baseline_findings=self.baseline_findings,
            newest=self.candidate[-1] if len(self.candidate) > 1 else None,
            skips_changes=self.skips_changes,
        )


def select(policy: dict, runs: list[Run], now: datetime, named: str | None = None) -> Selection | None:
    """Chooses the runs of this policy from all runs. `named` is a candidate's id. Returns None if no run matches."""
    return Selector(policy, runs, now).select(named)


class Selector:
    def __init__(self, policy: dict, runs: list[Run], now: datetime):
        self.all = runs
        self.runs = sorted(runs, key=lambda run: run.started_at)
        self.now = now
        self.identity = {"commit": "git_sha", "branch": "git_branch", **policy.get("identity", {})}
        self.candidate = policy.get("candidate", {})
        self.baseline = policy.get("baseline", {})
        self.accepted = policy.get("accept_status", ["completed"])
        self.asks_for_all = policy.get("completeness", "undecided") == "undecided"

    def select(self, named: str | None) -> Selection | None:
        chosen = Selection()
        is_wanted = self.matcher(self.candidate)
        found = [run for run in self.all if run.id == named] if named else [run for run in self.runs if is_wanted(run)]
        if not found:
            return None
        first = found[-1]
        if not is_wanted(first):
            chosen.candidate_findings.add("wrong-candidate")
        if self.is_ambiguous(self.candidate, found):
            chosen.candidate_findings.add("commit-ambiguous")
        reruns = [run for run in self.runs if is_wanted(run) and self.is_rerun(run, first) and run.id != first.id]
        reruns = sorted([*reruns, first], key=lambda run: run.started_at)
        if named and self.candidate.get("reruns") == "newest" and reruns[-1].id != named:
            # The newest run is not the named one.
            chosen.candidate_findings.add("wrong-candidate")
        self.judge_reruns(chosen, reruns)
        if "max_age" in self.candidate and self.now - (chosen.candidate[-1].finished_at or self.now) > age(self.candidate["max_age"]):
            chosen.candidate_findings.add("candidate-stale")
        self.choose_baseline(chosen, reruns)
        return chosen

    # ------------------------------------------------------------------------------------------ attributes of a run

    def attribute(self, run: Run, name: str):
        """Returns an attribute of a run. A dot separates the names of nested attributes."""
        value = run.attributes
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def commit(self, run: Run) -> str | None:
        return self.attribute(run, self.identity["commit"])

    def matcher(self, wanted: dict) -> Callable[[Run], bool]:
        """Returns a function that tells whether a run has all values that these keys ask for."""
        tests: list[Callable[[Run], bool]] = []
        if "evaluation" in wanted:
            tests.append(lambda run: evaluation_of(run) == wanted["evaluation"])
        if "model" in wanted:
            tests.append(lambda run: run.model[0] == wanted["model"])
        if "branch" in wanted:
            tests.append(lambda run: self.attribute(run, self.identity["branch"]) == wanted["branch"])
        if "commit" in wanted:
            tests.append(lambda run: is_commit(self.commit(run), wanted["commit"]))
        for name, value in wanted.get("attributes", {}).items():
            tests.append(lambda run, name=name, value=value: self.attribute(run, name) == value)
        return lambda run: all(test(run) for test in tests)

    def is_ambiguous(self, wanted: dict, found: list[Run]) -> bool:
        """Whether an abbreviated commit matches several commits."""
        return "commit" in wanted and len({self.commit(run) for run in found}) > 1

    def is_rerun(self, run: Run, of: Run) -> bool:
        """Whether it is the same run, or another run of the same commit, evaluation and model name."""
        if run.id == of.id:
            return True
        same = self.commit(run) == self.commit(of) and evaluation_of(run) == evaluation_of(of) and run.model[0] == of.model[0]
        return same and self.commit(of) is not None and evaluation_of(of) is not None

    def is_finished(self, run: Run) -> bool:
        return run.status in self.accepted

    def is_complete(self, run: Run) -> bool:
        """Whether the server has all calls of a run, as far as that is known."""
        if not self.asks_for_all:
            return True
        if run.kind == "logger" and run.status == "completed" and not run.has_output:
            return False
        if run.counted is None or run.stored is None:
            return True
        return run.stored == run.counted or (run.stored > run.counted and not run.is_root)

    def lack(self, run: Run) -> str | None:
        """Returns the finding that prevents judging a run, or None."""
        if run.status == "running":
            return "run-not-finished"
        if not self.is_finished(run):
            return "run-failed"
        return None if self.is_complete(run) else "run-incomplete"

    # ------------------------------------------------------------------------------------------ the candidate

    def judge_reruns(self, chosen: Selection, reruns: list[Run]) -> None:
        rule = self.candidate.get("reruns", "pool")
        *others, newest = reruns
        if lack := self.lack(newest):
            chosen.candidate_findings.add(lack)
        if not others:
            chosen.candidate = [newest]
            return
        if rule == "refuse":
            chosen.candidate, chosen.candidate_findings = [newest], chosen.candidate_findings | {"reruns-refused"}
            return
        chosen.left_out = [run for run in others if self.lack(run)]
        chosen.candidate = [run for run in others if not self.lack(run)] + [newest]
        if are_ambiguous(chosen.candidate):
            chosen.candidate_findings.add("reruns-ambiguous")
        if any(run.status == "running" and self.now - run.started_at <= ABANDONED_AFTER for run in others):
            chosen.candidate_findings.add("run-not-finished")
        if rule == "newest":
            chosen.candidate, chosen.left_out = [newest], []

    # ------------------------------------------------------------------------------------------ the baseline

    def choose_baseline(self, chosen: Selection, reruns: list[Run]) -> None:
        newest = reruns[-1]
        wanted = {"evaluation": evaluation_of(newest), **self.baseline}
        is_wanted = self.matcher(wanted)
        is_of_another_model = self.baseline.get("model", newest.model[0]) != newest.model[0]
        ids = {run.id for run in reruns}
        sources = {run.source for run in reruns}

        def is_of_its_commit(run: Run) -> bool:
            return self.commit(run) is not None and self.commit(run) == self.commit(newest) and not is_of_another_model

        def may_be(run: Run) -> bool:
            is_related = run.id in ids | sources or run.source in ids
            is_before = run.started_at < reruns[0].started_at
            return is_wanted(run) and is_before and not is_related and not is_of_its_commit(run) and not self.lack(run)

        found = [run for run in self.runs if may_be(run)]
        if found:
            commits = self.newest_commits(found, self.baseline.get("last", 1))
            ids_of_commits = {run.id for commit in commits for run in commit}
            chosen.baseline = [run for run in found if run.id in ids_of_commits]
            # Commits may differ in the version of the model, and the runs of one commit may not.
            if any(are_ambiguous(commit) for commit in commits) or share_no_row(chosen.baseline):
                chosen.baseline_findings.add("reruns-ambiguous")
            if "max_age" in self.baseline and self.now - chosen.baseline[-1].finished_at > age(self.baseline["max_age"]):
                chosen.baseline_findings.add("baseline-stale")
            return
        required = self.baseline.get("required", True)
        if required == "after-first":
            of_evaluation = [run for run in self.runs if evaluation_of(run) == wanted["evaluation"]]
            # Runs of the candidate's commit cannot be a baseline, whatever their time.
            others = [run for run in of_evaluation if is_wanted(run) and run.id not in ids and not is_of_its_commit(run)]
            began = min((run.started_at for run in of_evaluation), default=None)
            # For a run without a name, the other runs of its evaluation are unknown. Without any run of the evaluation,
            # the time of its first run is unknown.
            is_unknown = wanted["evaluation"] is None or began is None
            required = is_unknown or bool(others) or self.now - began > FIRST_DAYS
        chosen.skips_changes = not required

    def newest_commits(self, found: list[Run], most: int) -> list[list[Run]]:
        """Returns the runs of the newest commits, at most this many: the newest run of each commit, and its re-runs. A
        run without a commit counts as one."""
        commits: dict[object, list[Run]] = {}
        for run in reversed(found):
            name = self.commit(run) or ("no commit", run.id)
            if name not in commits and len(commits) < most:
                commits[name] = [other for other in found if self.is_rerun(other, run)]
        return list(commits.values())


def evaluation_of(run: Run) -> str | None:
    """Returns the name of a run's evaluation. For a logger's run it is the display name, if one was given."""
    if run.kind != "logger":
        return run.evaluation[0]
    if run.display_name and not RANDOM_NAME.fullmatch(run.display_name):
        return run.display_name
    return None if run.evaluation[0] == "Evaluation" else run.evaluation[0]


def is_commit(one: str | None, other: str) -> bool:
    """Whether two commits are the same: equal in full, or one is a prefix of the other."""
    if one is None:
        return False
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= FEWEST_OF_A_COMMIT and long.startswith(short))


def are_ambiguous(runs: list[Run]) -> bool:
    """Whether runs cannot be pooled: they have several versions of a model, or two of them have no row in common."""
    return len({run.model for run in runs}) > 1 or share_no_row(runs)


def share_no_row(runs: list[Run]) -> bool:
    """Whether two of these runs have no row in common."""
    digests = [{row.digest for row in run.rows} for run in runs]
    return any(not one & other for place, one in enumerate(digests) for other in digests[:place])


def pooled(runs: list[Run]) -> Run:
    """Pools several runs into one: every row of any run, with the trials of all runs. A run that lacks a row has one
    trial of it with unknown values."""
    newest = runs[-1]
    if len(runs) == 1:
        return newest
    inputs = {row.digest: row.inputs for run in runs for row in run.rows}
    of = [{row.digest: row.trials for row in run.rows} for run in runs]
    nothing = [Trial({}, output=None)]
    rows = [
        Row(digest, known, [trial for trials in of for trial in trials.get(digest, nothing)])
        for digest, known in sorted(inputs.items())
    ]
    return replace(newest, rows=rows, pool=runs[:-1])


def age(text: str) -> timedelta:
    number, unit = re.fullmatch(r"(\d+)([hdw])", text).groups()
    return int(number) * {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[unit]
