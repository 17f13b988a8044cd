"""Intervals and tests over every imputation of the missing scores.

A question is oriented so that low is bad: for `max` and for rises every value is negated. One imputation replaces all
missing scores. It fails a `min` if the whole interval is below the limit. It fails a change if the change is beyond the
limit and the interval excludes no change.

If scores are booleans, all imputations are enumerated. If they are numbers between two bounds, there are infinitely
many imputations, and two facts bound them:
- mean + k * deviation is a convex function of the rows. So its maximum is at a corner: every missing score at one of
  its ends. (The minimum of mean - k * deviation is there, too.)
- among all imputations with the same mean, the rows differ least if each row is as near to one level as possible. So
  all imputations with the lowest mean + k * deviation are on one line.
With `cluster_by` the totals of the clusters take the place of the rows. Both facts hold for them, too, and also with
the noise of repeated runs, which makes any interval wider by a convex function of its width.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

import stats

# If there are more imputations, they are not enumerated.
MOST_WORLDS = 200_000
# The same for rows in clusters, where each imputation has several numbers for each cluster.
MOST_NUMBERS = 4_000_000
# The numbers of each cluster in one imputation: the totals of the differences and of both runs, and of their squares.
FEATURES = 5
# Replaces an infinite time.
FOREVER = 1e9
NEARLY = 1e-9
FEW_ROWS = 10


@dataclass
class Row:
    """A row of a question. `options` are the possible values in both runs, as (candidate, baseline). If missing scores
    are numbers, `options` are the corners."""

    options: list[tuple[float, float]]
    dense: bool = False  # everything between the options is possible, too
    loose: bool = False  # it is unknown which values between the options are possible
    cluster: int = 0

    @property
    def is_fixed(self) -> bool:
        return len(self.options) == 1


@dataclass
class Worlds:
    """Imputations of the missing scores, and the interval of each. Low is bad."""

    n: int
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    flat: np.ndarray  # the interval of means has no width, so it proves nothing
    nothing: np.ndarray  # flat, with so few rows that it is not significant either
    baseline: np.ndarray  # the baseline's value
    attainable: np.ndarray  # the smallest p that rows with differences of these sizes could have

    def __len__(self) -> int:
        return len(self.mean)


@dataclass
class Bar:
    """The values that a test must meet to be significant, after its family's correction."""

    p: float  # at most
    attainable: float = 1.0  # at most, to be counted


@dataclass
class Chances:
    """The possible values of a test, for the other tests of its family. Each pair is an attainable p and a p."""

    alpha: float
    pairs: list[tuple[float, float]]
    exact: bool = True  # each pair belongs to some imputation


# A test with unknown values.
UNKNOWN = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


@dataclass
class Question:
    """One limit, its rows, and its confidence."""

    rows: list[Row]
    one_trial: bool  # every row has one boolean in each run
    is_rate: bool
    sign: int  # -1 if high is bad
    limit: float
    key: str
    confidence: float
    paired: bool
    worst_only: bool  # missing: fail
    rule: str
    magnitude: float = 1.0  # of the scores
    clustered: bool = False
    noise: stats.Noise | None = None
    _cache: dict = field(default_factory=dict)

    @property
    def is_test(self) -> bool:
        """Whether this is a significant limit on a change, which belongs to a family."""
        return self.rule == "significant" and self.paired

    @property
    def units(self) -> int:
        """Returns how many independent units there are: rows, or clusters of rows."""
        return len({row.cluster for row in self.rows}) if self.clustered else len(self.rows)

    def near(self, limit):
        """Returns the floating-point tolerance for a comparison with this limit."""
        return NEARLY * np.maximum(np.abs(limit), self.magnitude)

    def y(self, option: tuple[float, float]) -> float:
        return self.sign * (option[0] - option[1])

    def threshold(self, baseline):
        """Returns the oriented limit. A value below it is beyond the limit."""
        if not self.paired:
            return np.full(np.shape(baseline), self.sign * self.limit)
        return -self.limit * (np.abs(baseline) if "relative" in self.key else np.ones(np.shape(baseline)))

    # ------------------------------------------------------------------------------------------ imputations

    def fixed(self) -> list[tuple[float, float]]:
        return [row.options[0] for row in self.rows if row.is_fixed]

    def groups(self) -> list[tuple[tuple, int]]:
        """Returns the kinds of uncertain rows, and the number of rows of each kind."""
        return [(options, count) for (_, options), count in self.groups_of_clusters()]

    def groups_of_clusters(self) -> list[tuple[tuple[int, tuple], int]]:
        """Returns the kinds of uncertain rows of each cluster, and the number of rows of each kind."""
        rows = [row for row in self.rows if not row.is_fixed]
        return list(Counter((row.cluster if self.clustered else 0, tuple(row.options)) for row in rows).items())

    def size(self) -> int:
        return math.prod(math.comb(count + len(options) - 1, count) for options, count in self.groups())

    def can_be_enumerated(self) -> bool:
        most = min(MOST_WORLDS, MOST_NUMBERS // (FEATURES * self.units)) if self.clustered else MOST_WORLDS
        return self.size() <= most

    def worlds(self) -> Worlds | None:
        """Returns all combinations of options, or None if there are too many to enumerate."""
        if "worlds" not in self._cache:
            make = self._clusters if self.clustered else self._tables if self.one_trial else self._sums
            self._cache["worlds"] = make() if self.can_be_enumerated() else None
        return self._cache["worlds"]

    def worst(self) -> Worlds:
        """Returns the imputation with each missing score at its worst for the limit."""
        if "worst" not in self._cache:
            rows = [Row([min(row.options, key=self.y)], cluster=row.cluster) for row in self.rows]
            alone = Question(**{**self._plain(), "rows": rows})
            self._cache["worst"] = alone.worlds()
        return self._cache["worst"]

    def _plain(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def _totals(self, features) -> list[np.ndarray]:
        """Returns the sums of features over rows, for every combination of options."""
        fixed = np.sum([features(option) for option in self.fixed()] or [np.zeros(len(features((0, 0))))], axis=0)
        totals = fixed.reshape(1, -1)
        for options, count in self.groups():
            each = np.array([features(option) for option in options])
            ways = np.array(list(compositions(count, len(options)))) @ each
            totals = (totals[:, None, :] + ways[None, :, :]).reshape(-1, totals.shape[1])
        return list(totals.T)

    def _tables(self) -> Worlds:
        """Computes counts and score intervals for rows with one boolean in each run."""
        n = len(self.rows)
        if not self.paired:
            (true,) = self._totals(lambda o: (o[0],))
            low, high = self._wilson(true, n)
            none = np.zeros(len(true))
            return Worlds(n, self.sign * true / n, low, high, none + 1, none > 0, none > 0, none, none + 1)
        cells = self._totals(lambda o: (o[0] * o[1], o[0] * (1 - o[1]), (1 - o[0]) * o[1], (1 - o[0]) * (1 - o[1])))
        # Many imputations give the same table.
        tables, places = np.unique(np.rint(np.array(cells)), axis=1, return_inverse=True)
        del places
        both, candidate, baseline, neither = tables
        first, second = (candidate, baseline) if self.sign > 0 else (baseline, candidate)
        low, high, p = self._newcombe(both, first, second, neither)
        attainable = stats.newcombe_p(both, np.zeros(len(both)), first + second, neither, self.noise)
        return Worlds(n, (first - second) / n, low, high, p, p < 0, p < 0, (both + baseline) / n, attainable)

    def _wilson(self, true, n):
        """Returns the interval of a rate, oriented."""
        z = stats.z_of(self.confidence)
        low, high = stats.wilson(true, n, z)
        low, high = stats.widened(true / n, low, high, z, self.noise, (0.0, 1.0))
        return (low, high) if self.sign > 0 else (-high, -low)

    def _newcombe(self, both, first, second, neither):
        """Returns the interval of a difference of rates, and its p."""
        z = stats.z_of(self.confidence)
        low, high = stats.newcombe(both, first, second, neither, z)
        point = (first - second) / (both + first + second + neither)
        low, high = stats.widened(point, low, high, z, self.noise, (-1.0, 1.0))
        return low, high, stats.newcombe_p(both, first, second, neither, self.noise)

    def _sums(self) -> Worlds:
        """Handles all other rows: Student's t on row means or on differences of rows."""
        n = len(self.rows)
        # Sums of squares are relative to an existing value, so that equal rows give exactly zero.
        about = self.y((self.fixed() or [self.rows[0].options[0]])[0])
        names = ["y", "square", "c", "b", "size", "lower", "upper", "cc", "bb", "ll", "uu"]
        totals = self._totals(
            lambda o: (
                *(self.y(o) - about, (self.y(o) - about) ** 2, *o, abs(self.y(o)), min(o), max(o)),
                *(o[0] ** 2, o[1] ** 2, min(o) ** 2, max(o) ** 2),
            )
        )
        of = dict(zip(names, totals, strict=True))
        mean = about + of["y"] / n
        spread = np.sqrt(np.maximum(of["square"] - of["y"] ** 2 / n, 0) / (n - 1))
        alike = lambda one, square: square - one * one / n <= 1e-9 * n  # noqa: E731
        spread = none_if_tiny(spread, mean)
        error = spread / np.sqrt(n)
        worlds = self._student(mean, error, of["c"], of["b"], alike(of["c"], of["cc"]) & alike(of["b"], of["bb"]))
        if self.paired:
            # The pattern with every difference against the candidate. It has the same mean square.
            worst = -of["size"] / n
            square = np.maximum(of["square"] + 2 * about * of["y"] + n * about * about - n * worst * worst, 0)
            # If low is bad, the lower value of a row is the candidate's.
            c, b = (of["lower"], of["upper"]) if self.sign > 0 else (of["upper"], of["lower"])
            are_alike = alike(of["lower"], of["ll"]) & alike(of["upper"], of["uu"])
            worst_spread = none_if_tiny(np.sqrt(square / (n - 1)), worst)
            worst_worlds = self._student(worst, worst_spread / np.sqrt(n), c, b, are_alike)
            # If that pattern has no variance, the pattern with one row the other way has some.
            one_back = worst * (n - 2) / n
            error = np.sqrt(np.maximum(n * (worst**2 - one_back**2), 0) / (n - 1)) / np.sqrt(n)
            p = stats.t_tail(one_back, error, n - 1, self.noise)
            worlds.attainable = np.where(worst_worlds.flat, np.minimum(worst_worlds.p, p), worst_worlds.p)
        return worlds

    def _clusters(self) -> Worlds:
        """Handles rows in clusters: Student's t on the totals of the clusters."""
        n, sizes = len(self.rows), self.sizes()
        y, c, b, cc, bb = self._totals_of_clusters(lambda o: (self.y(o), *o, o[0] ** 2, o[1] ** 2))
        mean = y.sum(axis=1) / n

        def alike(one, square):
            """Marks where all rows are equal."""
            return square.sum(axis=1) - one.sum(axis=1) ** 2 / n <= 1e-9 * n

        are_alike = alike(c, cc) & alike(b, bb)
        worlds = self._student(mean, stats.cluster_error(y, sizes, mean), c.sum(axis=1), b.sum(axis=1), are_alike)
        if self.paired:
            # The pattern with every cluster against the candidate: the runs change places in the other clusters.
            worst = -np.abs(y)
            turned = y > 0
            c, b = np.where(turned, b, c), np.where(turned, c, b)
            cc, bb = np.where(turned, bb, cc), np.where(turned, cc, bb)
            worst_mean = worst.sum(axis=1) / n
            error = stats.cluster_error(worst, sizes, worst_mean)
            are_alike = alike(c, cc) & alike(b, bb)
            worst_worlds = self._student(worst_mean, error, c.sum(axis=1), b.sum(axis=1), are_alike)
            worlds.attainable = worst_worlds.p
            if (flat := worst_worlds.flat).any():
                # If that pattern has no variance, a pattern with one cluster the other way has some.
                worlds.attainable[flat] = np.minimum(worst_worlds.p[flat], self._one_cluster_back(worst[flat], sizes))
        return worlds

    def sizes(self) -> np.ndarray:
        """Returns the number of rows of each cluster."""
        of = Counter(row.cluster for row in self.rows)
        return np.array([of[cluster] for cluster in sorted(of)])

    def _totals_of_clusters(self, features) -> tuple[np.ndarray, ...]:
        """Returns the sums of features over the rows of each cluster, for every combination of options."""
        places = {cluster: place for place, cluster in enumerate(sorted({row.cluster for row in self.rows}))}
        totals = np.zeros((1, len(places), FEATURES))
        for row in self.rows:
            if row.is_fixed:
                totals[0, places[row.cluster]] += features(row.options[0])
        for (cluster, options), count in self.groups_of_clusters():
            each = np.array([features(option) for option in options])
            ways = np.array(list(compositions(count, len(options)))) @ each
            before = len(totals)
            totals = np.repeat(totals, len(ways), axis=0)
            totals[:, places[cluster]] += np.tile(ways, (before, 1))
        return tuple(np.moveaxis(totals, 2, 0))

    def _one_cluster_back(self, worst: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Returns the smallest p of the patterns in which one cluster is better and all others are worse."""
        n, least = len(self.rows), np.ones(len(worst))
        for place in range(len(sizes)):
            totals = worst.copy()
            totals[:, place] *= -1
            mean = totals.sum(axis=1) / n
            error = stats.cluster_error(totals, sizes, mean)
            least = np.where(error > 0, np.minimum(least, self.p(mean, error)), least)
        return least

    def half(self, error, confidence: float | None = None):
        """Returns half the width of Student's interval."""
        return stats.t_half(error, self.units - 1, confidence or self.confidence, self.noise)

    def p(self, mean, error):
        """Returns Student's one-sided p. An interval of few rows that has no width shows nothing."""
        p = stats.t_tail(mean, error, self.units - 1, self.noise)
        return np.where((np.asarray(error) == 0) & (self.units < FEW_ROWS), 1.0, p)

    def _student(self, mean, error, c, b, are_alike) -> Worlds:
        """Returns Student's interval of a mean with this standard error. `are_alike` marks where the rows of each run
        are equal, and not only their differences. Rates then use the interval of as many rows with one trial."""
        n = len(self.rows)
        alike = error == 0
        half = self.half(error)
        low, high = mean - half, mean + half
        p = stats.t_tail(mean, error, self.units - 1, self.noise)
        as_one_trial = alike & are_alike & self.is_rate
        flat = alike & ~as_one_trial
        nothing = flat & (self.units < FEW_ROWS)
        if as_one_trial.any():
            other = self._as_one_trial(c, b)
            old = low, high, p
            low, high, p = (np.where(as_one_trial, new, old) for new, old in zip(other, old, strict=True))
        p = np.where(nothing, 1.0, p)
        return Worlds(n, mean, low, high, p, flat, nothing, b / n, np.ones(len(p)))

    def _as_one_trial(self, c, b):
        """Returns the intervals and p of as many rows, or clusters, with one trial each and these rates."""
        n = self.units
        c, b = (np.clip(sums * (n / len(self.rows)), 0, n) for sums in (c, b))
        if not self.paired:
            return *self._wilson(c, n), np.ones(len(c))
        both = np.minimum(c, b)
        first, second = (c - both, b - both) if self.sign > 0 else (b - both, c - both)
        return self._newcombe(both, first, second, n - both - first - second)

    # ------------------------------------------------------------------------------------------ rows of numbers

    def is_dense(self) -> bool:
        return any((row.dense or row.loose) and not row.is_fixed for row in self.rows)

    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        lows = np.array([min(self.y(o) for o in row.options) for row in self.rows])
        highs = np.array([max(self.y(o) for o in row.options) for row in self.rows])
        return lows, highs

    def along(self, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and standard error of the imputations whose rows differ least: each row is nearest to a level."""
        if self.clustered:
            return levels, self._least_error(levels)
        lows, highs = self.boxes()
        rows = np.clip(levels[:, None], lows[None, :], highs[None, :])
        # Equal except for rounding. A tiny number among zeros is a real difference.
        alike = np.ptp(rows, axis=1) <= 1e-12 * np.maximum(1.0, np.abs(rows).max(axis=1))
        return rows.mean(axis=1), np.where(alike, 0.0, rows.std(axis=1, ddof=1)) / np.sqrt(rows.shape[1])

    def boxes_of_clusters(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the lowest and the highest total of each cluster."""
        lows, highs = self.boxes()
        clusters = np.array([row.cluster for row in self.rows])
        return tuple(np.array([ends[clusters == one].sum() for one in sorted(set(clusters.tolist()))]) for ends in (lows, highs))

    def _least_error(self, means: np.ndarray) -> np.ndarray:
        """Returns the smallest standard error of all imputations with these means. The total of a cluster is then what
        its rows would have with this mean, and a shift that is the same for all clusters, within the cluster's ends."""
        lows, highs = self.boxes_of_clusters()
        sizes, n = self.sizes(), len(self.rows)
        expected = means[:, None] * sizes
        down, up = (lows - expected).min(axis=1), (highs - expected).max(axis=1)
        for _ in range(100):
            shift = (down + up) / 2
            above = np.clip(expected + shift[:, None], lows, highs).sum(axis=1) > n * means
            down, up = np.where(above, down, shift), np.where(above, shift, up)
        return stats.cluster_error(np.clip(expected + ((down + up) / 2)[:, None], lows, highs), sizes, means)

    def bends(self) -> np.ndarray:
        """Returns the levels at which the line of imputations bends, and its ends."""
        lows, highs = self.boxes()
        if self.clustered:
            of_clusters = [end / self.sizes() for end in self.boxes_of_clusters()]
            ends = np.array([lows.mean(), highs.mean()])
            return np.unique(np.concatenate([ends, *(np.clip(of, *ends) for of in of_clusters)]))
        return np.unique(np.concatenate([lows, highs]))

    def lowest(self, score, ceiling: float) -> float:
        """Returns the lowest `score(mean, error)` of all imputations whose mean is at most `ceiling`."""
        bends = self.bends()
        # Spaced evenly, and more densely near the start of each segment, because a segment may be very long.
        shares = np.unique(np.concatenate([np.linspace(0, 1, 60), np.logspace(-12, 0, 60)]))
        levels = np.unique(np.concatenate([a + (z - a) * shares for a, z in itertools.pairwise(bends)] + [bends]))
        means = self.along(levels)[0]
        # The mean is piecewise linear in the level, with bends at these levels.
        levels = np.unique(np.append(levels, np.interp(ceiling, means, levels)))
        best = math.inf
        for _ in range(5):
            mean, error = self.along(levels)
            scores = np.where(mean <= ceiling, score(mean, error), math.inf)
            at = int(scores.argmin())
            best = min(best, float(scores[at]))
            levels = np.linspace(levels[max(at - 1, 0)], levels[min(at + 1, len(levels) - 1)], 60)
        return best

    def can_be_alike(self) -> bool:
        """Whether the interval of some imputation has no width."""
        lows, highs = self.boxes()
        if self.clustered:
            lows, highs = (end / self.sizes() for end in self.boxes_of_clusters())
        return lows.max() <= highs.min() + NEARLY

    def can_fail_between(self, alpha: float) -> bool:
        """Whether an imputation between the corners fails under `significant`."""
        n = len(self.rows)
        if not self.paired:
            return self.lowest(lambda mean, error: mean + self.half(error), math.inf) < self.sign * self.limit
        if alpha <= 0:
            return False
        baselines = [sum(pick(o[1] for o in row.options) for row in self.rows) for pick in (min, max)]
        limit = self.threshold(np.array(baselines) / n).max()
        ceiling = float(limit - self.near(limit))
        return self.lowest(lambda mean, error: mean + self.half(error, 1 - alpha), ceiling) < 0

    def knows_its_baseline(self) -> bool:
        return all(len({o[1] for o in row.options}) == 1 for row in self.rows)

    # ------------------------------------------------------------------------------------------ what is said

    def chances(self) -> Chances:
        """Returns the possible values of this test, for the other tests of its family."""
        alpha = 1 - self.confidence
        worlds = self.worst() if self.worst_only else self.worlds()
        if worlds is None:
            return Chances(alpha, UNKNOWN, exact=False)
        pairs = np.unique(np.array([worlds.attainable, worlds.p]), axis=1).T
        if not self.is_dense() or self.worst_only:
            return Chances(alpha, [tuple(pair) for pair in pairs.tolist()])
        least, most = min(float(worlds.p.min()), self.lowest(self.p, -NEARLY)), float(worlds.p.max())
        # Between the corners the attainable p is unknown: it may be as small as p, or the test may not count at all.
        return Chances(alpha, [(0.0, least), (0.0, most), (1.0, 1.0)], exact=False)

    def statuses(self, worlds: Worlds, bar: Bar) -> set[str]:
        """Returns the statuses that the rule gives for these imputations."""
        limit = self.threshold(worlds.baseline)
        near = self.near(limit)
        if self.rule == "proven":
            passes, fails = worlds.low >= limit - near, worlds.high < limit - near
            passes, fails = passes & ~worlds.flat, fails & ~worlds.flat
        elif self.paired:
            fails = (worlds.mean < limit - near) & (worlds.p <= bar.p) & (worlds.attainable <= bar.attainable)
            fails &= ~worlds.nothing
            passes = ~fails
        else:
            fails = (worlds.high < limit - near) & ~worlds.nothing
            passes = ~fails
        lost = self.lost(worlds)
        passes, fails = passes & ~lost, fails & ~lost
        said = set()
        if passes.any():
            said.add("pass")
        if fails.any():
            said.add("fail")
        if (~passes & ~fails).any():
            said.add("undecided")
        return said

    def lost(self, worlds: Worlds) -> np.ndarray:
        """Marks where a change has no defined size: it is relative to zero, and some row changed."""
        if not self.paired or "relative" not in self.key:
            return np.zeros(len(worlds), dtype=bool)
        # With noise the interval has a width although no row changed.
        wide = worlds.high - worlds.low
        changed = (np.abs(worlds.mean) > NEARLY * self.magnitude) | (wide > NEARLY * self.magnitude)
        return (np.abs(worlds.baseline) <= NEARLY * self.magnitude) & changed

    def answer(self, bar: Bar) -> tuple[set[str], bool]:
        """Returns the possible statuses over all imputations, and whether some imputation gives each of them."""
        if self.worst_only:
            said = self.statuses(self.worst(), bar)
            if "fail" in said:
                return said, True
            others, exact = self._over_all(bar)
            # As for measured values: a change without a defined size is worse than a small change, but not worse than a
            # change beyond the limit.
            worlds, worst = self.worlds(), self.worst()
            limit = self.threshold(worst.baseline)
            is_within = bool((worst.mean >= limit - self.near(limit)).all())
            is_lost = is_within and worlds is not None and bool(self.lost(worlds).any())
            return (said | {"undecided"} if "fail" in others or is_lost else said), exact
        return self._over_all(bar)

    def _over_all(self, bar: Bar) -> tuple[set[str], bool]:
        worlds = self.worlds()
        if worlds is None:
            return self._sampled(bar)
        said = self.statuses(worlds, bar)
        if not self.is_dense():
            return said, True
        # Between the corners every value is possible, unless some row has discrete values.
        is_smooth = all(row.dense for row in self.rows if not row.is_fixed)
        exact = True
        if self.can_be_alike() and not self.is_rate and (self.rule == "proven" or self.units < FEW_ROWS):
            # In one imputation all rows are equal. It proves nothing.
            said.add("pass" if self.rule == "significant" else "undecided")
            exact = is_smooth
        if self.rule == "significant" and "fail" not in said and self.can_fail_between(bar.p):
            said.add("fail")
            # About the attainable p it is only known that it is less than p.
            is_counted = bar.attainable >= bar.p or self.can_fail_between(bar.attainable)
            exact = exact and is_smooth and self.knows_its_baseline() and is_counted
        return said, exact

    def _sampled(self, bar: Bar) -> tuple[set[str], bool]:
        """Samples imputations, because there are too many to enumerate. The result may be too small to decide."""
        chance = np.random.default_rng(len(self.rows))
        said: set[str] = set()
        for _ in range(200):
            leaning = chance.random()
            rows = [Row([row.options[self._pick(row, chance, leaning)]], cluster=row.cluster) for row in self.rows]
            alone = Question(**{**self._plain(), "rows": rows})
            said |= self.statuses(alone.worlds(), bar)
            if self.clustered and not self.worst_only and len(said) > 1:
                # Undecided, whatever the others are.
                return {"pass", "fail", "undecided"}, True
        return (said, True) if len(said) > 1 else (said | {"undecided"}, False)

    @staticmethod
    def _pick(row: Row, chance, leaning: float) -> int:
        return len(row.options) - 1 if chance.random() < leaning else int(chance.integers(len(row.options)))


def none_if_tiny(spread, mean):
    """Returns a standard deviation, or 0 where floating point alone explains it."""
    return np.where(spread <= 1e-7 * np.maximum(1.0, np.abs(mean)), 0.0, spread)


def compositions(total: int, parts: int):
    """Yields all ways to split a count into this many parts."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)
