"""What is known of runs: raw rows and trials, and nothing that was computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

Score = bool | float | int | str | list | None


@dataclass
class Trial:
    """One call of the model on one row. `scores` is flattened: one entry a dimension, by its name."""

    scores: dict[str, Score]
    latency: float | None = None  # seconds; of a call that crashed, until it did so
    tokens: int | None = None
    cost: float | None = None  # US dollars
    output: str | None = "answer"
    # Whether the server finds the model's own call: without it, latency, tokens and cost are missing.
    called: bool = True


@dataclass
class Row:
    """One row of the dataset, told apart from every other by its digest."""

    digest: str
    inputs: dict | None
    trials: list[Trial]


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
    # Who logged it: "evaluate" or "logger" of the SDK, or "v2", the API for runs.
    kind: str = "evaluate"
    display_name: str | None = None
    # Whether the root call has an output, which a logger writes at its very end.
    has_output: bool = True
    # How many calls the root call's summary counts; None where it has no counts.
    counted: int | None = None
    # How many calls the trace has; None for as many as are counted.
    stored: int | None = None
    # Whether it is the root of its trace.
    is_root: bool = True
    # The run whose predictions this one scored again.
    source: str | None = None


@dataclass
class Evidence:
    """What a policy is judged on. `baseline` is None where there is none to be had."""

    candidate: Run
    baseline: Run | None = None
    # How a dimension's name splits into the scorer's key and the path in what it returns, where that is not
    # at the first dot. Only the fake server needs this.
    keys: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    # Findings on the choice of runs that leave every check undecided, and those that leave every change so.
    candidate_findings: set[str] = field(default_factory=set)
    baseline_findings: set[str] = field(default_factory=set)
    # The newest run alone, where the candidate is several.
    newest: Run | None = None
    # Whether changes are skipped, since there is no baseline and none is required.
    skips_changes: bool | None = None
