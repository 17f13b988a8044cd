"""The intervals and tests, written from their published formulas, over arrays of outcomes.

Every interval is given by a one-sided confidence: each end is a bound that holds with this confidence. So a two-sided
95 % interval is the interval of 0.975 here.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

# The highest z that is tried when an interval is inverted. Beyond it p is below 1e-200.
WIDEST = 30.0


def z_of(confidence: float) -> float:
    return float(stats.norm.ppf(confidence))


@dataclass(frozen=True)
class Noise:
    """What differs between repeated runs: its standard deviation in a value or a change, and the degrees of freedom with
    which it was measured."""

    sd: float
    df: int

    def half(self, z):
        """Returns its half-width at the confidence that this z has in a normal distribution."""
        return t_of(z, self.df) * self.sd


def noise_of(run_sd: float, df: int, candidates: int, baselines: int | None) -> Noise | None:
    """Returns the noise of a value over this many runs, or of a change against this many runs."""
    share = 1 / candidates + (1 / baselines if baselines else 0)
    return Noise(run_sd * math.sqrt(share), df) if run_sd else None


def t_of(z, df):
    """Returns Student's quantile at the confidence that this z has in a normal distribution."""
    return -special.stdtrit(df, special.ndtr(-np.asarray(z, dtype=float)))


def widened(point, low, high, z, noise: Noise | None, ends: tuple[float, float] | None = None):
    """Returns an interval with the noise added to its half-width towards each side, within `ends`."""
    if noise is None:
        return low, high
    half = noise.half(z)
    low = point - np.sqrt((point - low) ** 2 + half**2)
    high = point + np.sqrt((high - point) ** 2 + half**2)
    return (low, high) if ends is None else (np.clip(low, *ends), np.clip(high, *ends))


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


def newcombe_p(both, first, second, neither, noise: Noise | None = None):
    """One-sided p of "the first is lower": one minus the confidence at which the interval's upper end is exactly at no
    change. 1 if the first is not lower. With noise, the interval is the widened one."""
    both, first, second, neither = np.broadcast_arrays(
        *(np.asarray(x, dtype=float) for x in (both, first, second, neither))
    )
    if both.size == 1:
        return np.full(both.shape, _newcombe_p(*(float(x.item()) for x in (both, first, second, neither)), noise))
    return _newcombe_ps(both, first, second, neither, noise)


@functools.lru_cache(maxsize=10_000)
def _newcombe_p(both: float, first: float, second: float, neither: float, noise: Noise | None) -> float:
    """Computes `newcombe_p` for one table. Cached, because many checks have the same table."""
    return float(_newcombe_ps(*(np.array([x]) for x in (both, first, second, neither)), noise)[0])


def _newcombe_ps(both, first, second, neither, noise):
    point = (first - second) / (both + first + second + neither)
    lower = first < second
    narrow, wide = np.zeros(both.shape), np.full(both.shape, WIDEST)
    for _ in range(90):
        z = (narrow + wide) / 2
        low, high = newcombe(both, first, second, neither, z)
        excludes = widened(point, low, high, z, noise)[1] < 0
        narrow, wide = np.where(excludes, z, narrow), np.where(excludes, wide, z)
    return np.where(lower, stats.norm.sf(narrow), 1.0)


def t_interval(mean, deviation, n, confidence):
    """Student's interval of the mean of n values with this standard deviation."""
    half = t_half(np.asarray(deviation) / np.sqrt(n), n - 1, confidence)
    return np.asarray(mean) - half, np.asarray(mean) + half


def t_p(mean, deviation, n):
    """One-sided p of "the mean of n values with this standard deviation is below 0"."""
    return t_tail(mean, np.asarray(deviation) / np.sqrt(n), n - 1)


def t_half(error, df: int, confidence: float, noise: Noise | None = None):
    """Returns half the width of Student's interval of a mean with this standard error."""
    half = stats.t.ppf(confidence, df) * np.asarray(error, dtype=float)
    return half if noise is None else np.sqrt(half**2 + noise.half(z_of(confidence)) ** 2)


def t_tail(mean, error, df: int, noise: Noise | None = None):
    """One-sided p of "the mean is below 0", for a mean with this standard error. 0 or 1 if there is no error and no
    noise. With noise: one minus the confidence at which the interval's upper end is exactly at 0."""
    mean, error = np.broadcast_arrays(np.asarray(mean, dtype=float), np.asarray(error, dtype=float))
    if noise is None:
        flat = error == 0
        score = mean / np.where(flat, 1.0, error)
        return np.where(flat, np.where(mean < 0, 0.0, 1.0), stats.t.cdf(score, df))
    # Many imputations have the same mean and error.
    (one, other), places = np.unique(np.stack([mean.ravel(), error.ravel()]), axis=1, return_inverse=True)
    narrow, wide = np.zeros(one.shape), np.full(one.shape, WIDEST)
    for _ in range(70):
        z = (narrow + wide) / 2
        excludes = np.hypot(t_of(z, df) * other, noise.half(z)) < np.abs(one)
        narrow, wide = np.where(excludes, z, narrow), np.where(excludes, wide, z)
    p = stats.norm.sf(narrow)
    return np.where(one < 0, p, 1 - p)[places.ravel()].reshape(mean.shape)


def cluster_error(totals, sizes, mean):
    """The standard error of a mean over rows in clusters: Miller 2024, "Adding Error Bars to Evals", with the factor
    C / (C - 1). The last axis of `totals` has the total of each cluster, and `sizes` has its number of rows."""
    totals, sizes = np.asarray(totals, dtype=float), np.asarray(sizes, dtype=float)
    expected = sizes * np.asarray(mean)[..., None]
    rest = totals - expected
    # Floating point leaves a little of clusters that are exactly as expected.
    size = np.maximum(np.abs(totals), np.abs(expected)).max(axis=-1, keepdims=True)
    rest = np.where(np.abs(rest) <= 1e-11 * size, 0.0, rest)
    count = sizes.shape[-1]
    return np.sqrt(count / (count - 1) * (rest**2).sum(axis=-1)) / sizes.sum(axis=-1)


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
