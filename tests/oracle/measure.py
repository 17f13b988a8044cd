"""Converts raw trials to the values of a metric: cells of rows, and the value at both ends of what is missing.

The row is the unit: the trials of a row are averaged first, and every row has the same weight. Only percentiles and
totals use single trials. All values are exact fractions. Infinity occurs only if a missing number has no bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from evidence import Row, Run, Score, Trial

INFINITY = math.inf
# Chances that all, or at least one, of `k` attempts at a row pass.
OF_ATTEMPTS = {"pass_hat_k", "pass_at_k"}
RATES = {"pass_rate", "coverage", "error_rate"} | OF_ATTEMPTS
TURNED = {"regressed_rows", "fixed_rows"}
COUNTS = {"rows", "trials"} | TURNED
OF_A_SCORER = {"pass_rate", "numeric_mean", "coverage"} | TURNED | OF_ATTEMPTS
# These metrics have no missing values: they count missing scores.
NEVER_MISSING = {"coverage", "error_rate"}
TOTALS = {"tokens_total", "cost_total"}
PERCENTILES = {"latency_p50": Fraction(1, 2), "latency_p95": Fraction(19, 20), "latency_p99": Fraction(99, 100)}
# Metrics whose rows can be tested statistically.
TESTABLE = {"pass_rate", "numeric_mean", "coverage", "error_rate", "latency_mean"} | OF_ATTEMPTS
# Metrics to which the noise of repeated runs of their dimension applies.
NOISY = {"pass_rate", "numeric_mean"}

Number = Fraction | float
Span = tuple[Number, Number]


# ---------------------------------------------------------------------------------------------- scores


def type_of(score: Score) -> str | None:
    """Returns the type of a score. None for a list or a missing value, which are not scores of a dimension."""
    if isinstance(score, bool):
        return "truth"
    if isinstance(score, (int, float)):
        return "number"
    return "text" if isinstance(score, str) else None


def own_types(runs: list[Run], subject: str) -> set[str]:
    """Returns the types that count as scores of a dimension: booleans and numbers, if there are any, and otherwise
    text."""
    trials = [trial for run in runs for row in run.rows for trial in row.trials]
    found = {type_of(trial.scores.get(subject)) for trial in trials}
    return found & {"truth", "number"} or found & {"text"}


@dataclass(frozen=True)
class Attempts:
    """The chance that k attempts at a row all pass, or that at least one passes: the unbiased estimators over all ways
    to choose k of its trials (Chen et al. 2021 for `pass_at_k`, Yao et al. 2024 for `pass_hat_k`)."""

    k: int
    metric: str

    def value(self, passed: int, trials: int) -> Fraction:
        ways = math.comb(trials, self.k)
        if self.metric == "pass_hat_k":
            return Fraction(math.comb(passed, self.k), ways)
        return 1 - Fraction(math.comb(trials - passed, self.k), ways)


@dataclass(frozen=True)
class Cell:
    """One row of one run for a metric: the values of its trials, and the smallest possible value of each trial without
    a value. None is the low end of the gate's range."""

    known: tuple[Fraction, ...]
    missing: tuple[Fraction | None, ...] = ()
    attempts: Attempts | None = None

    @classmethod
    def of_attempts(cls, known: tuple[Fraction, ...], missing: int, attempts: Attempts) -> Cell:
        """Returns the cell of a row. Trials that it lacks to k are missing scores."""
        return cls(known, (None,) * max(missing, attempts.k - len(known)), attempts)

    @property
    def trials(self) -> int:
        return len(self.known) + len(self.missing)

    @property
    def share_missing(self) -> Fraction:
        return Fraction(len(self.missing), self.trials)

    def total(self, span: Span) -> Span:
        """Returns the sum of its trials at both ends."""
        known, low, high = sum(self.known, Fraction(0)), *span
        least = known + sum((low if one is None else max(low, one) for one in self.missing), Fraction(0))
        return least, (known + len(self.missing) * high if self.missing else known)

    def rate(self, true: int) -> Fraction:
        """Returns its value if this many of the missing scores are true."""
        passed = sum(self.known, Fraction(0)) + true
        return self.attempts.value(int(passed), self.trials) if self.attempts else passed / self.trials

    def mean(self, span: Span) -> Span:
        """Returns the mean of its trials at both ends, or the estimate from k attempts."""
        if self.attempts:
            return self.rate(0), self.rate(len(self.missing))
        low, high = self.total(span)
        return low / self.trials, high / self.trials

    def scored_only(self) -> Cell | None:
        """Returns the cell without the trials that lack a value. None if no trial has one, or fewer than k have one."""
        fewest = self.attempts.k if self.attempts else 1
        return Cell(self.known, (), self.attempts) if len(self.known) >= fewest else None


def removed(metric: str, trials: int, k: int | None = None) -> Cell:
    """Returns the cell of a row that the candidate lacks. The baseline has this many trials of it."""
    if metric in OF_ATTEMPTS:
        return Cell.of_attempts((), trials, Attempts(k, metric))
    if metric == "coverage":
        return Cell((Fraction(0),))
    if metric == "error_rate":
        return Cell((Fraction(1),))
    return Cell((), (None,) * trials)


def cells(run: Run, metric: str, subject: str | None, types: set[str], k: int | None = None) -> dict[str, Cell]:
    """Returns the cells of a run's rows, by digest."""
    return {row.digest: cell(row, metric, subject, types, k) for row in run.rows}


def cell(row: Row, metric: str, subject: str | None, types: set[str], k: int | None = None) -> Cell:
    values = [seen(trial, metric, subject, types) for trial in row.trials]
    lacking = [trial for trial, value in zip(row.trials, values, strict=True) if value is None]
    known = tuple(value for value in values if value is not None)
    if metric in OF_ATTEMPTS:
        return Cell.of_attempts(known, len(lacking), Attempts(k, metric))
    return Cell(known, tuple(least(trial, metric) for trial in lacking))


def seen(trial: Trial, metric: str, subject: str | None, types: set[str]) -> Fraction | None:
    """Returns the value of a metric for one trial, or None if it is missing."""
    score = trial.scores.get(subject) if subject else None
    if metric == "pass_rate" or metric in TURNED | OF_ATTEMPTS:
        return Fraction(score) if type_of(score) == "truth" else None
    if metric == "numeric_mean":
        return Fraction(score) if type_of(score) == "number" else None
    if metric == "coverage":
        return Fraction(type_of(score) in types)
    if metric == "error_rate":
        return Fraction(is_unscored(trial))
    if not trial.called:
        return None
    if metric.startswith("latency"):
        return None if crashed(trial) else optional(trial.latency)
    return optional(trial.tokens if metric.startswith("tokens") else trial.cost)


def is_unscored(trial: Trial) -> bool:
    """Whether nothing was scored. Any value that a scorer returned counts, also a list or a text."""
    return all(score is None for score in trial.scores.values())


def crashed(trial: Trial) -> bool:
    return trial.output is None and is_unscored(trial)


def optional(number: float | None) -> Fraction | None:
    return None if number is None else Fraction(number)


def least(trial: Trial, metric: str) -> Fraction | None:
    """Returns the smallest possible value of a trial without a value. A crashed call took at least its latency."""
    return optional(trial.latency) if metric.startswith("latency") and trial.called else None


# ---------------------------------------------------------------------------------------------- values


def share_missing(rows: list[Cell]) -> Fraction:
    return sum((row.share_missing for row in rows), Fraction(0)) / len(rows)


def ends(rows: list[Cell], metric: str, span: Span) -> Span:
    """Returns the metric's value over these rows, at both ends of what is missing."""
    if metric in TOTALS:
        totals = [row.total(span) for row in rows]
        return sum(low for low, _ in totals), sum(high for _, high in totals)
    if metric in PERCENTILES:
        # Over all trials. A mean per row would hide the slow calls, which a percentile must show.
        trials = [(one, one) for row in rows for one in row.known]
        trials += [(max(span[0], one or 0), span[1]) for row in rows for one in row.missing]
        low, high = (percentile([trial[end] for trial in trials], PERCENTILES[metric]) for end in (0, 1))
        return low, high
    means = [row.mean(span) for row in rows]
    return sum(low for low, _ in means) / len(rows), sum(high for _, high in means) / len(rows)


def size(rows: list[Cell], span: Span) -> Number:
    """Returns the size of the scores: the largest absolute value, including the values that replace missing scores."""
    known = [abs(value) for row in rows for value in row.known]
    fills = [abs(end) for end in span if end != INFINITY] if any(row.missing for row in rows) else []
    return max([*known, *fills], default=Fraction(0))


def percentile(values: list[Number], share: Fraction) -> Number:
    """Type 7 of Hyndman & Fan 1996: interpolates between the two nearest values."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    rest = place - below
    if rest == 0:
        return ordered[below]
    if ordered[below + 1] == INFINITY:
        return INFINITY
    return ordered[below] + rest * (ordered[below + 1] - ordered[below])


def span_of(metric: str, declared: list | None) -> Span | None:
    """Returns the lowest and highest possible value of a missing trial, or None if it has no bounds."""
    if metric in RATES or metric in TURNED:
        return Fraction(0), Fraction(1)
    if metric == "numeric_mean":
        return (exact(declared[0]), exact(declared[1])) if declared else None
    return Fraction(0), INFINITY


def exact(number: float) -> Fraction:
    """Returns a number of the policy exactly as it is written."""
    return Fraction(str(number))


# ---------------------------------------------------------------------------------------------- observed

TOLERANCE = Fraction(1, 10**9)
UNDEFINED = "undefined"


def slack(limit: Number, scores: Number) -> Number:
    """Returns the floating-point tolerance, relative to the limit or the scores, whichever is larger."""
    return TOLERANCE * max(abs(limit), scores)


def holds_value(metric: str, key: str, limit: Fraction, value: Number, scores: Number) -> bool:
    """Tests `min` and `max`: counts and rates exactly, means with a tolerance. A rate is a fraction of counts here."""
    near = Fraction(0) if metric in COUNTS or metric in RATES else slack(limit, scores)
    return value >= limit - near if key == "min" else value <= limit + near


def holds_change(key: str, limit: Fraction, candidate: Number, baseline: Number, scores: Number) -> bool | None:
    """Tests a limit on a change. None if a relative change has no defined size."""
    if candidate == baseline:
        # Equal values: nothing changed.
        return True
    if "relative" in key:
        if baseline == 0:
            return None
        if baseline == INFINITY:
            # The relative change from an infinite baseline is a drop by all of it.
            return Fraction(int(key.endswith("drop"))) <= limit
        limit *= abs(baseline)
    change = candidate - baseline
    return (-change if key.endswith("drop") else change) <= limit + slack(limit, scores)


def observed_value(metric: str, key: str, limit: Fraction, values: Span, scores: Number) -> set[str]:
    """Returns the statuses of a `min` or `max` at the ends of what is missing."""
    return {"pass" if holds_value(metric, key, limit, value, scores) else "fail" for value in values}


def observed_change(key: str, limit: Fraction, candidate: Span, baseline: Span, scores: Number) -> set[str]:
    """Returns the statuses of a limit on a change at every combination of ends. For a relative limit, also for a
    baseline of zero if zero is between the ends: the change has no defined size there."""
    starts = {*baseline, Fraction(0)} if "relative" in key and baseline[0] < 0 < baseline[1] else set(baseline)
    pairs = [(c, b) for c in candidate for b in starts]
    # A pair of two infinite values adds no status that the other ends do not give.
    pairs = [pair for pair in pairs if pair != (INFINITY, INFINITY)]
    said = [holds_change(key, limit, c, b, scores) for c, b in pairs]
    return {"undecided" if one is None else "pass" if one else "fail" for one in said}
