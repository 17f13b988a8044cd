"""Raw trials to what a metric sees of them: cells of rows, piles of trials, and values at both ends of what is
missing. All of it in exact fractions; infinity only where a missing number has no bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from evidence import Row, Run, Trial

INFINITY = math.inf
RATES = {"pass_rate", "coverage", "error_rate"}
TURNED = {"regressed_rows", "fixed_rows"}
COUNTS = {"rows", "trials"} | TURNED
OF_A_SCORER = {"pass_rate", "numeric_mean", "coverage"} | TURNED
# No trial lacks these: that a score is missing is what they count.
NEVER_MISSING = {"coverage", "error_rate"}
TOTALS = {"tokens_total", "cost_total"}
PERCENTILES = {"latency_p50": Fraction(1, 2), "latency_p95": Fraction(19, 20), "latency_p99": Fraction(99, 100)}
# Those whose rows can be tested against chance.
TESTABLE = {"pass_rate", "numeric_mean", "coverage", "error_rate", "latency_mean"}

Number = Fraction | float


def is_number(score) -> bool:
    return isinstance(score, (int, float)) and not isinstance(score, bool)


def seen(trial: Trial, metric: str, subject: str | None) -> Fraction | None:
    """What a metric sees of one trial; None where that is missing."""
    score = trial.scores.get(subject) if subject else None
    if metric == "pass_rate" or metric in TURNED:
        return Fraction(score) if isinstance(score, bool) else None
    if metric == "numeric_mean":
        return Fraction(score) if is_number(score) else None
    if metric == "coverage":
        return Fraction(score is not None)
    if metric == "error_rate":
        return Fraction(all(score is None for score in trial.scores.values()))
    number = {"latency": trial.latency, "tokens": trial.tokens, "cost": trial.cost}[metric.split("_")[0]]
    return None if number is None else Fraction(number)


@dataclass(frozen=True)
class Cell:
    """One row of one run, as a metric sees it."""

    known: tuple[Fraction, ...]
    missing: int

    @property
    def trials(self) -> int:
        return len(self.known) + self.missing


def cells(run: Run, metric: str, subject: str | None) -> dict[str, Cell]:
    """The cells of a run's rows, by digest."""
    return {row.digest: cell(row, metric, subject) for row in run.rows}


def cell(row: Row, metric: str, subject: str | None) -> Cell:
    values = [seen(trial, metric, subject) for trial in row.trials]
    known = tuple(value for value in values if value is not None)
    return Cell(known, len(values) - len(known))


@dataclass(frozen=True)
class Pile:
    """The trials of several rows together. A part of a trial can be missing: a removed row has as many as the
    others have on average."""

    known: tuple[Fraction, ...]
    missing: Fraction

    @staticmethod
    def of(some: list[Cell], removed: int = 0, whole: bool = False) -> Pile:
        """Of these cells, and so many removed rows, of whole trials where a part of one has no meaning."""
        known = tuple(value for cell in some for value in cell.known)
        missing = Fraction(sum(cell.missing for cell in some))
        if removed and some:
            each = Fraction(sum(cell.trials for cell in some), len(some))
            missing += removed * (math.ceil(each) if whole else each)
        return Pile(known, missing)

    @property
    def share_missing(self) -> Fraction:
        return self.missing / (len(self.known) + self.missing)

    def without_missing(self) -> Pile:
        return Pile(self.known, Fraction(0))

    def value(self, metric: str, fill: Number) -> Number:
        """The metric's value with every missing trial at this value."""
        if metric in PERCENTILES:
            return percentile([*self.known, *[fill] * math.ceil(self.missing)], PERCENTILES[metric])
        # Infinity times nothing is nothing here: nothing is missing.
        total = sum(self.known, Fraction(0)) + (self.missing * fill if self.missing else 0)
        return total if metric in TOTALS else total / (len(self.known) + self.missing)

    def ends(self, metric: str, span: tuple[Number, Number]) -> tuple[Number, Number]:
        return self.value(metric, span[0]), self.value(metric, span[1])


def percentile(values: list[Number], share: Fraction) -> Number:
    """Type 7 of Hyndman & Fan 1996: between the two nearest values."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    rest = place - below
    if rest == 0:
        return ordered[below]
    if ordered[below + 1] == INFINITY:
        return INFINITY
    return ordered[below] + rest * (ordered[below + 1] - ordered[below])


def span_of(metric: str, declared: list | None) -> tuple[Number, Number] | None:
    """The lowest and highest that a missing trial can have been; None where that has no bounds at all."""
    if metric in RATES or metric in TURNED:
        return Fraction(0), Fraction(1)
    if metric == "numeric_mean":
        return (exact(declared[0]), exact(declared[1])) if declared else None
    return Fraction(0), INFINITY


def exact(number: float) -> Fraction:
    """A number of the policy as it is written there."""
    return Fraction(str(number))


# ---------------------------------------------------------------------------------------------- observed

TOLERANCE = Fraction(1, 10**9)
UNDEFINED = "undefined"


def holds_value(metric: str, key: str, limit: Fraction, value: Number) -> bool:
    """`min` and `max`: counts and rates of counts exactly, what is summed in floating point nearly."""
    slack = Fraction(0) if metric in RATES or metric in COUNTS else TOLERANCE * min(1, abs(limit))
    return value >= limit - slack if key == "min" else value <= limit + slack


def relative_change(candidate: Number, baseline: Number) -> Number | str:
    if candidate == baseline:
        return Fraction(0)
    if baseline == 0:
        return UNDEFINED
    if baseline == INFINITY:
        return Fraction(-1)
    return (candidate - baseline) / abs(baseline)


def holds_change(key: str, limit: Fraction, change: Number) -> bool:
    drop = -change if key.endswith("drop") else change
    return drop <= limit + TOLERANCE


def observed_value(metric, key, limit, ends) -> set[str]:
    """What a floor or a ceiling says at the ends of what is missing."""
    return {"pass" if holds_value(metric, key, limit, value) else "fail" for value in ends}


def observed_change(key, limit, candidate, baseline) -> set[str]:
    """What a limit on a change says at every combination of ends. For a relative one also where the baseline may
    be zero in between: a change has no size there."""
    relative = "relative" in key
    starts = {*baseline, Fraction(0)} if relative and baseline[0] < 0 < baseline[1] else set(baseline)
    pairs = [(c, b) for c in candidate for b in starts]
    # Of two values without end nothing can be said that the other ends do not say.
    pairs = [pair for pair in pairs if pair != (INFINITY, INFINITY)]
    said = set()
    for c, b in pairs:
        change = relative_change(c, b) if relative else c - b
        said.add("undecided" if change == UNDEFINED else "pass" if holds_change(key, limit, change) else "fail")
    return said
