"""Tests the oracle's own statistics against published numbers. If they fail, the oracle's results prove nothing."""

from __future__ import annotations

import numpy as np
import pytest

import stats

TWO_SIDED_95 = stats.z_of(0.975)
TWO_SIDED_90 = stats.z_of(0.95)


@pytest.mark.parametrize(
    ("true", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson(true, n, low, high):
    """Newcombe 1998, single proportion, table I."""
    assert stats.wilson(true, n, TWO_SIDED_95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("table", "low", "high", "within"),
    [
        # Cavo 2012, in Fagerland, Lydersen & Laake.
        ((59, 16, 6, 80), 0.0046, 0.1186, 5e-5),
        # Newcombe 1998, paired data.
        ((14, 5, 0, 22), 0.0114832, 0.226493, 5e-7),
        # No discordant pairs.
        ((30, 0, 0, 10), -0.0641, 0.0641, 5e-5),
        ((20, 0, 0, 0), -0.1611, 0.1611, 5e-5),
    ],
)
def test_newcombe(table, low, high, within):
    assert stats.newcombe(*table, TWO_SIDED_95) == pytest.approx((low, high), abs=within)


@pytest.mark.parametrize(
    ("regressed", "fixed", "at_95", "at_90"),
    [
        (16, 6, (-0.0984, -0.0032), (-0.0903, -0.0109)),
        (24, 14, (-0.1117, 0.0112), (-0.1016, 0.0013)),
        (12, 2, (-0.0902, -0.0124), (-0.0832, -0.0186)),
    ],
)
def test_newcombe_on_200_rows(regressed, fixed, at_95, at_90):
    table = (170 - regressed, fixed, regressed, 30 - fixed)
    assert stats.newcombe(*table, TWO_SIDED_95) == pytest.approx(at_95, abs=5e-5)
    assert stats.newcombe(*table, TWO_SIDED_90) == pytest.approx(at_90, abs=5e-5)


@pytest.mark.parametrize("table", [(154, 6, 16, 24), (146, 14, 24, 16), (40, 0, 3, 2), (0, 0, 1, 1)])
def test_p_inverts_the_interval(table):
    p = float(stats.newcombe_p(*table))
    at = lambda p: float(stats.newcombe(*table, stats.z_of(1 - p))[1])  # noqa: E731
    assert at(p * 1.0001) < 0 < at(p * 0.9999)


@pytest.mark.parametrize(
    ("regressed", "fixed", "exact", "mid"),
    [
        (16, 6, None, 0.03469),
        (24, 14, None, 0.10813),
        (12, 2, None, 0.007385),
        (6, 16, None, 0.034690),
        (150, 86, 3.715936e-5, 2.893390e-5),
        (1, 7, 0.0703125, 0.0390625),
    ],
)
def test_mcnemar(regressed, fixed, exact, mid):
    got = stats.mcnemar(regressed, fixed)
    assert got[1] == pytest.approx(mid, rel=2e-4)
    assert exact is None or got[0] == pytest.approx(exact, rel=1e-6)


def test_holm():
    """Benjamini & Hochberg 1995, the 15 p-values of their example. Holm rejects 3 of them at 0.05."""
    ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    ps += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000]
    assert sum(p <= 0.05 for p in stats.holm(ps)) == 3
    assert stats.holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_paired_t():
    """Student's sleep data, with the result of R's t.test."""
    change = -np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    mean, deviation = change.mean(), change.std(ddof=1)
    assert mean == pytest.approx(-1.58)
    assert stats.t_interval(mean, deviation, 10, 0.975) == pytest.approx((-2.4599, -0.7001), abs=5e-5)
    assert 2 * float(stats.t_p(mean, deviation, 10)) == pytest.approx(0.002833, abs=5e-7)
    assert mean / (deviation / 10**0.5) == pytest.approx(-4.0621, abs=5e-5)
