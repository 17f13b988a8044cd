"""The intervals and tests, written from their published formulas, over arrays of outcomes.

Every interval is given by a one-sided confidence: each end is a bound that holds with this confidence. So a two-sided
95 % interval is the interval of 0.975 here.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy import stats

# The highest z that is tried when an interval is inverted. Beyond it p is below 1e-200.
WIDEST = 30.0


def z_of(confidence: float) -> float:
    return float(stats.norm.ppf(confidence))


def wilson(true, n, z):
    """The score interval of a proportion: Wilson 1927; Newcombe 1998, "Two-sided confidence intervals for the
    single proportion", method 3."""
    true = np.asarray(true, dtype=float)
    n = np.asarray(n, dtype=float)
    p = true / n
    middle = 2 * n * p + z * z
    spread = z * np.sqrt(z * z + 4 * n * p * (1 - p))
    low = (middle - spread) / (2 * (n + z * z))
    high = (middle + spread) / (2 * (n + z * z))
    # At the ends the formula gives exactly 0 and 1, but floating point gives it only nearly.
    return np.where(true == 0, 0.0, low), np.where(true == n, 1.0, high)


def phi_corrected(both, first, second, neither):
    """The correlation in a paired table, with the continuity correction of Newcombe 1998, "Improved
    confidence intervals for the difference between binomial proportions based on paired data", method 10."""
    both, first, second, neither = (np.asarray(x, dtype=float) for x in (both, first, second, neither))
    n = both + first + second + neither
    marginals = (both + first) * (second + neither) * (both + second) * (first + neither)
    product = both * neither - first * second
    corrected = np.where(product > n / 2, product - n / 2, np.where(product >= 0, 0.0, product))
    root = np.sqrt(np.where(marginals > 0, marginals, 1.0))
    return np.where(marginals > 0, corrected / root, 0.0)


def newcombe(both, first, second, neither, z):
    """The interval of (share of `first`) - (share of `second`) in paired rows: Newcombe 1998, method 10."""
    both, first, second, neither = (np.asarray(x, dtype=float) for x in (both, first, second, neither))
    n = both + first + second + neither
    p1, p2 = (both + first) / n, (both + second) / n
    l1, u1 = wilson(both + first, n, z)
    l2, u2 = wilson(both + second, n, z)
    phi = phi_corrected(both, first, second, neither)
    below, above = p1 - l1, u2 - p2
    down = np.sqrt(np.maximum(below**2 - 2 * phi * below * above + above**2, 0))
    over, under = u1 - p1, p2 - l2
    up = np.sqrt(np.maximum(over**2 - 2 * phi * over * under + under**2, 0))
    point = (first - second) / n
    return point - down, point + up


def newcombe_p(both, first, second, neither):
    """One-sided p of "the first is lower": one minus the confidence at which the interval's upper end is exactly at no
    change. 1 if the first is not lower."""
    both, first, second, neither = np.broadcast_arrays(
        *(np.asarray(x, dtype=float) for x in (both, first, second, neither))
    )
    if both.size == 1:
        return np.full(both.shape, _newcombe_p(*(float(x.item()) for x in (both, first, second, neither))))
    return _newcombe_ps(both, first, second, neither)


@functools.lru_cache(maxsize=10_000)
def _newcombe_p(both: float, first: float, second: float, neither: float) -> float:
    """Computes `newcombe_p` for one table. Cached, because many checks have the same table."""
    return float(_newcombe_ps(*(np.array([x]) for x in (both, first, second, neither)))[0])


def _newcombe_ps(both, first, second, neither):
    lower = first < second
    narrow, wide = np.zeros(both.shape), np.full(both.shape, WIDEST)
    for _ in range(90):
        z = (narrow + wide) / 2
        excludes = newcombe(both, first, second, neither, z)[1] < 0
        narrow, wide = np.where(excludes, z, narrow), np.where(excludes, wide, z)
    return np.where(lower, stats.norm.sf(narrow), 1.0)


def t_interval(mean, deviation, n, confidence):
    """Student's interval of the mean of n values with this standard deviation."""
    half = stats.t.ppf(confidence, n - 1) * np.asarray(deviation) / np.sqrt(n)
    return np.asarray(mean) - half, np.asarray(mean) + half


def t_p(mean, deviation, n):
    """One-sided p of "the mean is below 0". 0 or 1 if there is no deviation."""
    mean, deviation = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(deviation, dtype=float))
    flat = deviation == 0
    score = mean * np.sqrt(n) / np.where(flat, 1.0, deviation)
    return np.where(flat, np.where(mean < 0, 0.0, 1.0), stats.t.cdf(score, n - 1))


def mcnemar(regressed: int, fixed: int) -> tuple[float, float]:
    """McNemar's test, two-sided: the exact p and the mid-p (Lancaster's correction)."""
    n, fewer = regressed + fixed, min(regressed, fixed)
    if n == 0:
        return 1.0, 1.0
    exact = 1.0 if regressed == fixed else 2 * stats.binom.cdf(fewer, n, 0.5)
    middle = stats.binom.pmf(fewer, n, 0.5)
    mid = 1 - middle if regressed == fixed else 2 * stats.binom.cdf(fewer, n, 0.5) - middle
    return min(float(exact), 1.0), float(mid)


def holm(ps: list[float]) -> list[float]:
    """Holm's step-down method. Returns adjusted p-values in the given order."""
    adjusted, worst = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = worst
    return adjusted
