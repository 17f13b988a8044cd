"""The known facts about runs: raw rows and trials, without any computed value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

Score = bool | float | int | str | list | None


@dataclass
class Trial:
    """One call of the model on one row. `scores` is flattened: one entry for each dimension, by its name."""

    scores: dict[str, Score]
    latency: float | None = None  # in seconds; for a crashed call, the time until it crashed
    tokens: int | None = None
    cost: float | None = None  # US dollars
    output: str | None = "answer"
    # Whether the server finds the model's own call. Without it, latency, tokens and cost are missing.
    called: bool = True


@dataclass
class Row:
    """One row of the dataset, identified by its digest."""

    digest: str
    inputs: dict | None
    trials: list[Trial]


@dataclass
class Setup:
    """How an evaluation measures: its scorers with their versions, and its dataset."""

    scorers: dict[str, str]
    dataset: str = "1"
    # Whether the server still has the evaluation.
    exists: bool = True


@dataclass
class Run:
    """One evaluation run."""

    id: str
    status: str  # completed, failed, running
    evaluation: tuple[str, str]  # name, version
    started_at: datetime
    finished_at: datetime | None
    rows: list[Row]
    model: tuple[str, str] = ("bot", "v1")  # name, version
    attributes: dict = field(default_factory=dict)
    # What logged the run: "evaluate" or "logger" of the SDK, or "v2", the API for runs.
    kind: str = "evaluate"
    display_name: str | None = None
    # Whether the root call has an output. A logger writes it at the very end.
    has_output: bool = True
    # The number of calls that the root call's summary counts; None if it has no counts.
    counted: int | None = None
    # The number of calls in the trace; None if it equals `counted`.
    stored: int | None = None
    # Whether the run is the root of its trace.
    is_root: bool = True
    # The run whose predictions this run scored again.
    source: str | None = None
    # How its evaluation measures. Two runs of one version of the evaluation have the same.
    setup: Setup | None = None
    # Scorers that returned nothing on any row.
    silent: list[str] = field(default_factory=list)
    # The models that were served during the run.
    served: list[str] = field(default_factory=list)
    # The other runs, if this is a pool of several.
    pool: list[Run] = field(default_factory=list)


@dataclass
class Evidence:
    """The evidence that a policy is judged on. `baseline` is None if there is no baseline."""

    candidate: Run
    baseline: Run | None = None
    # How a dimension's name splits into the scorer's key and the path in its returned object, for names that do not
    # split at the first dot. Only the fake server needs this.
    keys: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    # Findings on the choice of runs. The first make every check undecided, the second every check of a change.
    candidate_findings: set[str] = field(default_factory=set)
    baseline_findings: set[str] = field(default_factory=set)
    # The newest run alone, if the candidate has several runs.
    newest: Run | None = None
    # Whether changes are skipped because there is no baseline and none is required.
    skips_changes: bool | None = None
