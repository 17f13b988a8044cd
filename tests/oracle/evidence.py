"""What is known of two runs: raw rows and trials, and nothing that was computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

Score = bool | float | int | str | None


@dataclass
class Trial:
    """One call of the model on one row. `scores` is flattened: one entry a dimension, by its name."""

    scores: dict[str, Score]
    latency: float | None = None  # seconds
    tokens: int | None = None
    cost: float | None = None  # US dollars


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
    status: str | None
    evaluation: tuple[str, str]  # name, version
    started_at: datetime
    finished_at: datetime | None
    rows: list[Row]


@dataclass
class Evidence:
    """What a policy is judged on. `baseline` is None where there is none to be had."""

    candidate: Run
    baseline: Run | None = None
    # How a dimension's name splits into the scorer's key and the path in what it returns, where that is not
    # at the first dot. Only the fake server needs this.
    keys: dict[str, tuple[str, str | None]] = field(default_factory=dict)
