"""A second implementation of the statistics of the decision rules, with SciPy, on the rows that the server returns.

It shares no code with the gate. Missing scores are `None`. Rows are dictionaries from the row digest to the list of a
run's trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

import numpy as np
from scipy import optimize, stats
from weave.trace_server import trace_server_interface as tsi


def rows_of(  # noqa: ANN201
    server,  # noqa: ANN001
    project: str,
    run: str,
    dimension: list[str],
    where: Callable[[dict], bool] = lambda _: True,
) -> dict[str, list]:
    """Returns a run's scores of one dimension by row digest, one for each trial, for the rows with matching inputs."""
    answer = server.eval_results_query(
        tsi.EvalResultsQueryReq(
            project_id=project,
            evaluation_run_ids=[run],
            include_rows=True,
            include_raw_data_rows=True,
            resolve_row_refs=True,
        )
    )
    found: dict[str, list] = {}
    for row in answer.rows:
        if not where(row.raw_data_row):
            continue
        for evaluation in row.evaluations:
            for trial in evaluation.trials:
                value = trial.scores
                for key in dimension:
                    value = value.get(key) if isinstance(value, dict) else None
                found.setdefault(row.row_digest, []).append(value)
    return found


def wilson(successes: int, trials: int, z: float) -> tuple[float, float]:
    p = successes / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    spread = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials**2)) / (1 + z * z / trials)
    return centre - spread, centre + spread


def newcombe(a: int, b: int, c: int, d: int, z: float) -> tuple[float, float]:
    """Newcombe 1998, method 10, for the difference of (a + b)/n and (a + c)/n."""
    n = a + b + c + d
    l1, u1 = wilson(a + b, n, z)
    l2, u2 = wilson(a + c, n, z)
    p1, p2 = (a + b) / n, (a + c) / n
    product = (a + b) * (c + d) * (a + c) * (b + d)
    phi = 0.0
    if product > 0:
        top = a * d - b * c
        top = max(top - n / 2, 0) if top > 0 else top
        phi = top / math.sqrt(product)
    delta = p1 - p2
    low = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    high = (p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2
    return delta - math.sqrt(max(low, 0)), delta + math.sqrt(max(high, 0))


class Change:
    """A change on the rows of the baseline, with one given imputation of missing scores."""

    def __init__(self, candidate: dict, baseline: dict, *, ours: float | None, theirs: float | None) -> None:
        """`ours` and `theirs` replace missing scores. `None` leaves missing scores out, and removed rows, too."""
        self.pairs: list[tuple[float, float]] = []
        self.single = True
        for digest, before in baseline.items():
            after = candidate.get(digest)
            if after is None:
                if ours is None:
                    continue
                mean_after = ours
            else:
                self.single &= len(after) == 1
                mean_after = mean(after, ours)
            mean_before = mean(before, theirs)
            if mean_after is None or mean_before is None:
                continue
            self.single &= len(before) == 1
            self.pairs.append((mean_after, mean_before))

    @property
    def point(self) -> float:
        return fmean(x for x, _ in self.pairs) - fmean(y for _, y in self.pairs)

    def table(self) -> tuple[int, int, int, int]:
        counts = [self.pairs.count(pair) for pair in [(1, 1), (1, 0), (0, 1), (0, 0)]]
        return counts[0], counts[1], counts[2], counts[3]

    def interval(self, confidence: float, *, binary: bool) -> tuple[float, float]:
        if binary and self.single:
            return newcombe(*self.table(), stats.norm.ppf(confidence))
        differences = [x - y for x, y in self.pairs]
        result = stats.ttest_1samp(differences, 0).confidence_interval(2 * confidence - 1)
        return result.low, result.high

    def p(self, *, drop: bool, binary: bool) -> float:
        if binary and self.single:
            sign = 1 if drop else -1
            if sign * self.point >= 0:
                return 0.5

            def end(z: float) -> float:
                low, high = newcombe(*self.table(), z)
                return high if drop else -low

            return stats.norm.sf(optimize.brentq(end, 1e-12, 60, xtol=1e-14))
        differences = [x - y for x, y in self.pairs]
        return stats.ttest_1samp(differences, 0, alternative="less" if drop else "greater").pvalue


class Means:
    """A mean over rows, given by the number of rows, the mean and the standard deviation."""

    single = False

    def __init__(self, rows: int, point: float, deviation: float) -> None:
        self.pairs = range(rows)
        self.point = point
        self.error = deviation / math.sqrt(rows)

    def interval(self, confidence: float, *, binary: bool = False) -> tuple[float, float]:  # noqa: ARG002
        reach = stats.t.ppf(confidence, len(self.pairs) - 1) * self.error
        return self.point - reach, self.point + reach

    def p(self, *, drop: bool, binary: bool = False) -> float:  # noqa: ARG002
        return stats.t.sf((-self.point if drop else self.point) / self.error, len(self.pairs) - 1)


def envelope(worst: list[float], best: list[float]) -> tuple[Means, Means]:
    """Returns bounds of all imputations: no imputation fails `proven` more easily than the first result, and none fails
    any rule less easily than the second.

    The results have the worst and the best mean. Each has the greatest deviation, measured around the mean of the rows
    without missing scores.
    """
    boxes = [(min(pair), max(pair)) for pair in zip(worst, best, strict=True)]
    known = fmean(low for low, high in boxes if low == high)
    greatest = math.sqrt(sum(max(abs(low - known), abs(high - known)) ** 2 for low, high in boxes) / (len(boxes) - 1))
    return Means(len(boxes), fmean(worst), greatest), Means(len(boxes), fmean(best), greatest)


class Levels:
    """The imputations with the least deviation for their mean: each row is nearest to one level. Low is bad."""

    def __init__(self, one: list[float], other: list[float]) -> None:
        self.lows, self.highs = np.minimum(one, other), np.maximum(one, other)

    def rows(self, level: float) -> np.ndarray:
        return np.clip(level, self.lows, self.highs)

    def lowest(self, score, slope, ceiling: float = math.inf) -> Means | None:  # noqa: ANN001
        """Returns the imputation with the lowest score among those whose mean is at most the ceiling."""
        levels = np.unique(np.concatenate([self.lows, self.highs, np.linspace(self.lows.min(), self.highs.max(), 5000)]))
        means = np.array([self.rows(level).mean() for level in levels])
        if ceiling < means[0]:
            return None
        if ceiling < means[-1]:
            # The mean is piecewise linear in the level.
            last = float(np.interp(ceiling, means, levels))
            levels = np.append(levels[levels < last], last)
        at = int(np.argmin([score(self.rows(level)) for level in levels]))
        level, near = levels[at], [levels[max(at - 1, 0)], levels[min(at + 1, len(levels) - 1)]]
        if slope(self.rows(near[0]), near[0]) < 0 < slope(self.rows(near[1]), near[1]):
            level = optimize.brentq(lambda x: slope(self.rows(x), x), *near, xtol=1e-15)
        rows = self.rows(level)
        return Means(len(rows), min(float(rows.mean()), ceiling - 1e-12), float(rows.std(ddof=1)))

    def least_like_chance(self, ceiling: float = math.inf) -> Means | None:
        return self.lowest(
            lambda rows: rows.mean() / rows.std(ddof=1),
            lambda rows, level: (rows @ rows) - rows.sum() * level,
            ceiling,
        )

    def lowest_end(self, confidence: float) -> Means:
        n = len(self.lows)
        reach = stats.t.ppf(confidence, n - 1) / math.sqrt(n)
        return self.lowest(
            lambda rows: rows.mean() + reach * rows.std(ddof=1),
            lambda rows, level: 1 / n + reach * (level - rows.mean()) / ((n - 1) * rows.std(ddof=1)),
        )


def mean(trials: list, fill: float | None) -> float | None:
    known = [float(value) if value is not None else fill for value in trials]
    known = [value for value in known if value is not None]
    return fmean(known) if known else None


def holm(p: list[float]) -> list[float]:
    order = sorted(range(len(p)), key=lambda place: p[place])
    adjusted, least = [0.0] * len(p), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, p[place] * (len(p) - rank)))
        adjusted[place] = least
    return adjusted


def mid_p(regressed: int, fixed: int) -> float:
    """McNemar's test with the mid-p correction, two-sided."""
    turned, least = regressed + fixed, min(regressed, fixed)
    if turned == 0:
        return 1.0
    found = stats.binom.pmf(least, turned, 0.5)
    if regressed == fixed:
        return 1 - found / 2
    return 2 * (stats.binom.cdf(least, turned, 0.5) - found / 2)


def resolution(table: tuple[int, int, int, int], confidence: float, *, drop: bool) -> float | None:
    """Returns the smallest significant net number of rows, as a rate. As many rows change both ways as in `table`."""
    both, fixed, regressed, neither = table
    rows, noise, z = sum(table), min(fixed, regressed), stats.norm.ppf(confidence)
    for net in range(1, rows - 2 * noise + 1):
        up, down = (noise, noise + net) if drop else (noise + net, noise)
        right = min(max(both + regressed, down), rows - up)
        low, high = newcombe(right - down, up, down, rows - right - up, z)
        if high < 0 if drop else low > 0:
            return net / rows
    return None


def enlarged(table: tuple[int, int, int, int], rows: int) -> tuple[int, int, int, int]:
    """Returns the table scaled to this number of rows."""
    both, fixed, regressed = (math.floor(part / sum(table) * rows + 0.5) for part in table[:3])
    return both, fixed, regressed, max(rows - both - fixed - regressed, 0)
