"""Repeated runs and related rows: the noise of runs, clusters of rows, k attempts at a row, baselines of several commits.

The numbers are compared with other computations of the same quantities, and the judge's bounds with every imputation.
"""

from __future__ import annotations

import copy
import itertools
import math
import random
from datetime import datetime, timedelta, timezone
from fractions import Fraction

import numpy as np
import pytest
from scipy import optimize
from scipy import stats as scipy_stats
from statsmodels import api as statsmodels

import judge
import measure
import repeated
import selection
import stats
from evidence import Evidence, Row, Run, Trial

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def run(id: str, rows: list[list], documents: list | None = None, **more) -> Run:
    """Returns a run. Each row is a list of its trials' scores. `documents` has the cluster of each row."""
    began = more.pop("began", NOW - timedelta(hours=1))
    inputs = [{} if documents is None or documents[n] is None else {"document": documents[n]} for n in range(len(rows))]
    made = [Row(f"{n:03}", inputs[n], [Trial({"s": score}) for score in scores]) for n, scores in enumerate(rows)]
    return Run(id, "completed", ("answers", "v1"), began, began + timedelta(minutes=5), made, **more)


def gate(metric: str, **more) -> dict:
    return {"name": more.pop("name", metric), "metric": metric, "scorer": "s", **more}


def checks(candidate: Run, baseline: Run | None, *gates: dict, **policy) -> list[judge.Check]:
    return judge.judge({"version": 1, "gates": list(gates), **policy}, Evidence(candidate, baseline), NOW).checks


def said(*arguments, **policy) -> list[str]:
    return [check.status for check in checks(*arguments, **policy)]


def noise(sd: float, df: int = 11, **more) -> dict:
    return {"measured": "2026-11-01", "expires": "2027-02-28", "runs": df + 1, "df": df, "run_sd": {"s": sd}, **more}


# ---------------------------------------------------------------------------------------------- clusters


def clustered(chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns values, and the cluster of each."""
    clusters = chance.integers(0, chance.integers(2, 12), size=chance.integers(12, 40))
    return chance.normal(size=clusters.max() + 1)[clusters] + chance.normal(size=len(clusters)), clusters


def error_of(values: np.ndarray, clusters: np.ndarray) -> float:
    of = sorted(set(clusters.tolist()))
    totals = np.array([values[clusters == one].sum() for one in of])
    sizes = np.array([(clusters == one).sum() for one in of])
    return float(stats.cluster_error(totals, sizes, values.mean()))


@pytest.mark.parametrize("seed", range(20))
def test_the_error_of_clusters_is_that_of_a_regression_on_a_constant(seed):
    """The robust covariance (X'X)^-1 (sum of u u') (X'X)^-1 with the factor C / (C - 1) * (n - 1) / (n - 1)."""
    values, clusters = clustered(np.random.default_rng(seed))
    design = np.ones((len(values), 1))
    bread = np.linalg.inv(design.T @ design)
    rest = values - design @ (bread @ design.T @ values)
    scores = [design[clusters == one].T @ rest[clusters == one] for one in set(clusters.tolist())]
    meat = sum(np.outer(score, score) for score in scores)
    count = len(scores)
    covariance = bread @ meat @ bread * count / (count - 1)
    assert error_of(values, clusters) == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-12)
    # The form of Miller 2024: the variance of independent rows, and the covariance of all pairs within a cluster.
    n, away = len(values), values - values.mean()
    pairs = [away[i] * away[j] for i in range(n) for j in range(n) if i != j and clusters[i] == clusters[j]]
    variance = ((away**2).sum() + sum(pairs)) / n**2
    assert error_of(values, clusters) == pytest.approx(math.sqrt(variance * count / (count - 1)), rel=1e-12)


def test_the_error_of_clusters_is_that_of_statsmodels():
    for seed in range(5):
        values, clusters = clustered(np.random.default_rng(seed))
        fitted = statsmodels.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
        assert error_of(values, clusters) == pytest.approx(float(fitted.bse[0]), rel=1e-10)


def test_clusters_of_one_size_are_their_means_and_clusters_of_one_row_are_rows():
    values = np.random.default_rng(1).normal(size=24)
    means = values.reshape(8, 3).mean(axis=1)
    assert error_of(values, np.repeat(np.arange(8), 3)) == pytest.approx(means.std(ddof=1) / math.sqrt(8))
    assert error_of(values, np.arange(24)) == pytest.approx(values.std(ddof=1) / math.sqrt(24))


def test_an_interval_of_clusters():
    """4 documents of 3 rows, whose means are 1, 2/3, 2/3 and 0."""
    rows = [[True]] * 3 + [[True], [True], [False]] * 2 + [[False]] * 3
    documents = [number // 3 for number in range(12)]
    limits = gate("pass_rate", min=0.5, evidence="proven", cluster_by="document")
    (check,) = checks(run("c", rows, documents), None, limits)
    means = np.array([1, 2 / 3, 2 / 3, 0])
    half = scipy_stats.t.ppf(0.95, 3) * means.std(ddof=1) / 2
    assert check.interval == pytest.approx((means.mean() - half, means.mean() + half))
    # As measured there are no clusters.
    assert said(run("c", rows), None, {**limits, "evidence": "observed"}) == ["pass"]


def test_the_value_of_a_cluster_is_a_json_value():
    rows = [[True], [False]] * 6
    limits = gate("pass_rate", min=0.5, evidence="significant", cluster_by="document")
    for documents, whys in (([2, 2.0] * 6, True), ([2, "2"] * 6, False), ([1, True] * 6, False)):
        (check,) = checks(run("c", rows, documents), None, limits)
        assert (check.why == "fewer than two clusters") is whys


def test_a_row_without_the_input_is_undecided():
    rows, documents = [[True]] * 11 + [[None]], [n % 4 for n in range(11)] + [None]
    limits = gate("pass_rate", min=0.1, max_drop=0.9, evidence="significant", missing="ignore", cluster_by="document")
    runs = run("c", rows, documents), run("b", rows, documents)
    assert said(*runs, limits) == ["undecided"] * 2
    assert said(*runs, gate("pass_rate", min=0.1, evidence="proven"), defaults={"cluster_by": "document"}) == ["undecided"]
    assert said(*runs, gate("pass_rate", min=0.1), defaults={"cluster_by": "document"}) == ["pass"]
    # A gate's own key wins.
    some = run("c", [[True], [False]] * 6, [n % 4 for n in range(12)])
    several = gate("pass_rate", min=0.1, evidence="significant", cluster_by="other")
    assert said(some, None, several, defaults={"cluster_by": "document"}) == ["undecided"]


@pytest.mark.parametrize(("documents", "low"), [(4, 0.5965), (12, 0.8160)])
def test_a_rate_that_is_the_same_in_every_row_is_that_of_as_many_rows_as_clusters(documents, low):
    """Wilson's interval of C of C: C / (C + z^2)."""
    rows = [[True, True]] * 12
    (check,) = checks(
        run("c", rows, [n % documents for n in range(12)]),
        None,
        gate("pass_rate", min=0.5, evidence="proven", cluster_by="document"),
    )
    assert check.interval == pytest.approx((documents / (documents + stats.z_of(0.95) ** 2), 1))
    assert check.interval[0] == pytest.approx(low, abs=5e-5)


@pytest.mark.parametrize(("documents", "status"), [(9, "pass"), (10, "fail")])
def test_an_interval_without_width_shows_nothing_on_few_clusters(documents, status):
    """In every document of 3 rows the same two rows fall by 0.2 and 0.4, so their totals are equal."""
    before = [[0.5]] * (3 * documents)
    after = [[0.3], [0.1], [0.5]] * documents
    names = [n // 3 for n in range(3 * documents)]
    fall = gate("numeric_mean", max_drop=0.1, evidence="significant", cluster_by="document")
    assert said(run("c", after, names), run("b", before, names), fall) == [status]
    # The rows alone differ.
    assert said(run("c", after), run("b", before), gate("numeric_mean", max_drop=0.1, evidence="significant")) == ["fail"]
    assert said(run("c", after, names), run("b", before, names), {**fall, "evidence": "proven"}) == ["undecided"]


# ---------------------------------------------------------------------------------------------- noise


def test_the_noise_of_more_runs_is_less():
    assert stats.noise_of(0.02, 11, 1, None).sd == pytest.approx(0.02)
    assert stats.noise_of(0.02, 11, 4, None).sd == pytest.approx(0.01)
    assert stats.noise_of(0.02, 11, 2, 2).sd == pytest.approx(0.02)
    assert stats.noise_of(0.02, 11, 3, 5).sd == pytest.approx(0.02 * math.sqrt(8 / 15))
    assert stats.noise_of(0, 11, 1, 1) is None


@pytest.mark.parametrize(("mean", "error", "df", "sd", "of"), [(-0.1, 0.04, 19, 0.02, 3), (-1, 0.3, 4, 0.7, 1), (-0.2, 0, 9, 0.05, 5)])
def test_p_of_a_mean_inverts_its_widened_interval(mean, error, df, sd, of):
    def end(p: float) -> float:
        return mean + math.hypot(scipy_stats.t.isf(p, df) * error, scipy_stats.t.isf(p, of) * sd)

    expected = optimize.brentq(end, 1e-12, 0.5)
    assert float(stats.t_tail(mean, error, df, stats.Noise(sd, of))) == pytest.approx(expected, rel=1e-6)
    assert float(stats.t_tail(-mean, error, df, stats.Noise(sd, of))) == pytest.approx(1 - expected, rel=1e-6)
    if not error:
        assert expected == pytest.approx(scipy_stats.t.cdf(mean / sd, of))
    # The t distributions are the same, so the sum of the variances is one variance.
    both = float(stats.t_tail(mean, error, of, stats.Noise(sd, of)))
    assert both == pytest.approx(scipy_stats.t.cdf(mean / math.hypot(error, sd), of))


@pytest.mark.parametrize("table", [(154, 6, 16, 24), (146, 14, 24, 16), (0, 0, 8, 2)])
def test_p_of_pairs_inverts_their_widened_interval(table):
    noise = stats.Noise(0.01, 5)
    point = (table[1] - table[2]) / sum(table)

    def end(p: float) -> float:
        high = float(stats.newcombe(*table, scipy_stats.norm.isf(p))[1])
        return point + math.hypot(high - point, scipy_stats.t.isf(p, 5) * noise.sd)

    expected = optimize.brentq(end, 1e-12, 0.5)
    assert float(stats.newcombe_p(*table, noise)) == pytest.approx(expected, rel=1e-6)
    assert float(stats.newcombe_p(*table, noise)) > float(stats.newcombe_p(*table))


def test_a_widened_interval_of_a_rate_stays_between_0_and_1():
    limits = gate("pass_rate", min=0.9, evidence="proven")
    made = run("c", [[True]] * 80 + [[False]] * 20)
    (before,) = checks(made, None, limits)
    (after,) = checks(made, None, limits, noise=noise(0.02))
    t = scipy_stats.t.ppf(0.95, 11)
    below, above = (abs(end - 0.8) for end in before.interval)
    assert after.interval == pytest.approx((0.8 - math.hypot(below, 0.02 * t), 0.8 + math.hypot(above, 0.02 * t)))
    (wide,) = checks(made, None, limits, noise=noise(0.2))
    assert wide.interval[1] == 1
    (change,) = checks(
        run("c", [[False]] * 9 + [[True]]), run("b", [[True]] * 10), gate("pass_rate", max_drop=1, evidence="proven"), noise=noise(0.4)
    )
    assert (change.interval[0], change.status) == (-1, "pass")


def test_noise_is_of_one_dimension_and_of_two_metrics():
    runs = run("c", [[True, False], [True, True]] * 10), run("b", [[True, True]] * 20)
    limits = {"max_drop": 0.1, "evidence": "significant"}
    names = ["pass_rate", "pass_hat_k", "pass_at_k", "coverage"]
    gates = [gate(name, **limits, **({"k": 2} if name in measure.OF_ATTEMPTS else {})) for name in names]
    uses = [check.uses for check in checks(*runs, *gates, noise=noise(0.01))]
    assert ["noise" in of for of in uses] == [True, False, False, False]
    assert "noise" not in checks(*runs, *gates, noise={**noise(0.01), "run_sd": {"s.other": 0.1}})[0].uses


def test_a_change_that_two_runs_may_have_by_noise_is_not_significant():
    """200 rows of which 180 and then 164 pass. Each run of 10 has a standard deviation of 3 points."""
    before, after = [[n < 180] for n in range(200)], [[n < 164] for n in range(200)]
    limits = gate("pass_rate", max_drop=0.02, evidence="significant")
    assert said(run("c", after), run("b", before), limits) == ["fail"]
    assert said(run("c", after), run("b", before), limits, noise=noise(0.01)) == ["fail"]
    assert said(run("c", after), run("b", before), limits, noise=noise(0.06)) == ["pass"]
    # The mean of many runs has less noise.
    pools = [run(id, rows, pool=[run(f"{id}{n}", rows) for n in range(24)]) for id, rows in (("c", after), ("b", before))]
    assert said(*pools, limits, noise=noise(0.06)) == ["fail"]


def test_a_test_that_noise_keeps_from_rejecting_is_not_counted():
    """4 of 40 rows change, so p cannot be less than with 4 worse rows."""
    runs = run("c", [[n not in (0, 1, 2)] for n in range(40)]), run("b", [[n != 3] for n in range(40)])
    limits = gate("pass_rate", max_drop=0, evidence="significant")
    of_means = gate("numeric_mean", max_drop=0, evidence="significant")
    numbers = [run(one.id, [[float(row.trials[0].scores["s"])] for row in one.rows]) for one in runs]
    for test, of in ((limits, runs), (of_means, numbers)):
        counted = [checks(*of, test, noise=noise(sd))[0].counted for sd in (0, 0.005, 0.05)]
        assert counted == [True, True, False]
    # All four rows are in one document, or in four.
    for documents, expected in (([n // 4 for n in range(40)], False), ([n % 10 for n in range(40)], True)):
        one, other = (run(of.id, [[trial.scores["s"] for trial in row.trials] for row in of.rows], documents) for of in runs)
        assert checks(one, other, {**limits, "cluster_by": "document"})[0].counted is expected


def test_an_interval_of_rows_without_width_shows_nothing_with_noise_either():
    fall = gate("numeric_mean", max_drop=0.1, evidence="significant")
    for rows, status in ((9, "pass"), (10, "fail")):
        assert said(run("c", [[0.1]] * rows), run("b", [[0.5]] * rows), fall, noise=noise(0.01)) == [status]
    many = run("c", [[0.5]] * 30)
    assert said(many, None, gate("numeric_mean", min=0.1, evidence="proven"), noise=noise(0.01)) == ["undecided"]


def test_findings_on_noise():
    made = run("c", [[True]] * 12)

    def found(**policy) -> set[str]:
        return judge.judge({"version": 1, "gates": [gate("pass_rate", min=0.1)], **policy}, Evidence(made), NOW).noise_findings

    assert found() == set()
    assert found(noise=noise(0.1)) == set()
    assert found(noise=noise(0.1, expires="2026-11-23")) == set()
    assert found(noise=noise(0.1, expires="2026-11-22")) == {"noise-expired"}
    assert found(noise={**noise(0.1), "run_sd": {"s": 0.1, "other": 0.1}}) == {"noise-unused"}


# ---------------------------------------------------------------------------------------------- k attempts


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_estimators_count_all_ways_to_choose_k_trials(k):
    for trials in range(k, 8):
        for passed in range(trials + 1):
            ways = list(itertools.combinations([True] * passed + [False] * (trials - passed), k))
            shares = [Fraction(sum(map(of, ways)), len(ways)) for of in (all, any)]
            assert [measure.Attempts(k, name).value(passed, trials) for name in ("pass_hat_k", "pass_at_k")] == shares


def test_the_estimators_of_tau_bench():
    """Airline, gpt-4o, 50 tasks in 4 runs: .420 .273 .220 .200 for k = 1 to 4. These counts of passes give that."""
    passes = [0] * 14 + [1] * 12 + [2] * 10 + [3] * 4 + [4] * 10
    made = run("c", [[True] * passed + [False] * (4 - passed) for passed in passes])
    for k, value in enumerate([0.420, 0.273, 0.220, 0.200], start=1):
        near = {"min": value - 0.0005, "max": value + 0.0005}
        assert said(made, None, gate("pass_hat_k", k=k, **near)) == ["pass", "pass"]


def test_a_row_lacks_the_trials_that_it_has_less_than_k():
    """2 of 2 are between 0 and 1 for k = 3, if all must pass, and so are 2 of 3 with one missing score."""
    for rows in ([[True, True]] * 4, [[True, True, None]] * 4):
        made = run("c", rows)
        assert said(made, None, gate("pass_hat_k", k=3, min=0, max=1)) == ["pass", "pass"]
        assert said(made, None, gate("pass_hat_k", k=3, min=0.5)) == ["undecided"]
        assert said(made, None, gate("pass_hat_k", k=3, min=0.5, missing="fail")) == ["fail"]
        assert said(made, None, gate("pass_at_k", k=3, min=1)) == ["pass"]
        assert said(made, None, gate("pass_hat_k", k=3, min=0.5, missing="ignore")) == ["undecided"]
        assert said(made, None, gate("pass_hat_k", k=2, min=1, missing="ignore")) == ["pass"]
    # One row of four lacks one of its trials, which is one trial in twelve.
    some = run("c", [[True, True, False]] * 3 + [[True, True]])
    assert said(some, None, gate("pass_hat_k", k=3, max=0)) == ["undecided"]
    assert said(some, None, gate("pass_hat_k", k=3, max=0, max_missing=0.08)) == ["undecided"]
    assert said(some, None, gate("pass_hat_k", k=3, max=0, max_missing=0.084)) == ["pass"]


def test_one_attempt_at_rows_with_one_trial_is_the_pass_rate():
    rows = [[n < 17] for n in range(20)]
    for name in ("pass_hat_k", "pass_at_k"):
        limits = {"min": 0.5, "max_drop": 0.1, "evidence": "proven"}
        other, same = gate("pass_rate", **limits), gate(name, k=1, **limits)
        found = [checks(run("c", rows), run("b", [[True]] * 20), of) for of in (other, same)]
        assert [check.interval for check in found[0]] == [check.interval for check in found[1]]
    # With several trials it is Student's interval of the rows.
    often = run("c", [[n < 10, n < 15] for n in range(20)])
    (check,) = checks(often, None, gate("pass_hat_k", k=2, min=0.5, evidence="proven"))
    half = scipy_stats.t.ppf(0.95, 19) * np.std([1] * 10 + [0] * 10, ddof=1) / math.sqrt(20)
    assert check.interval == pytest.approx((0.5 - half, 0.5 + half))


# ---------------------------------------------------------------------------------------------- several commits

SHAS = [f"{number}a2b3c4d" * 5 for number in range(6)]
SELECTS = {"version": 1, "candidate": {"evaluation": "answers"}, "gates": [gate("pass_rate", max_drop=0)]}


def logged(id: str, commit: int | None, minute: int, **more) -> Run:
    attributes = {} if commit is None else {"git_sha": SHAS[commit]}
    return run(id, [[True]] * 12, began=NOW - timedelta(days=1) + timedelta(minutes=minute), attributes=attributes, **more)


def baseline(runs: list[Run], **wanted) -> tuple[list[str], set[str]]:
    policy = {**SELECTS, "baseline": {"evaluation": "answers", **wanted}}
    chosen = selection.select(policy, runs, NOW)
    return [one.id for one in chosen.baseline], chosen.baseline_findings


def test_the_baseline_is_the_newest_commits_with_their_reruns():
    runs = [logged("a", 1, 0), logged("b", 2, 1), logged("a again", 1, 2), logged("c", 3, 3), logged("new", 4, 9)]
    assert baseline(runs) == (["c"], set())
    assert baseline(runs, last=2) == (["a", "a again", "c"], set())
    assert baseline(runs, last=3)[0] == baseline(runs, last=50)[0] == ["a", "b", "a again", "c"]
    # Runs that cannot be a baseline do not count.
    lost = [logged("lost", 5, 4, counted=61, stored=60), logged("own", 4, 5)]
    assert baseline([*runs, *lost], last=2)[0] == ["a", "a again", "c"]


def test_a_run_without_a_commit_counts_as_one():
    runs = [logged("a", 1, 0), logged("x", None, 1), logged("y", None, 2), logged("new", 4, 9)]
    assert baseline(runs, last=2)[0] == ["x", "y"]
    assert baseline(runs, last=3)[0] == ["a", "x", "y"]


def test_commits_may_have_different_versions_of_a_model():
    runs = [logged("a", 1, 0, model=("bot", "v1")), logged("b", 2, 1, model=("bot", "v2")), logged("new", 4, 9)]
    assert baseline(runs, last=2) == (["a", "b"], set())
    runs.append(logged("b again", 2, 2, model=("bot", "v3")))
    assert baseline(runs, last=2)[1] == {"reruns-ambiguous"}


# ---------------------------------------------------------------------------------------------- every imputation

MOST = 65


def drawn(chance: random.Random, metric: str) -> Evidence:
    """Returns two small random runs of few clusters, in which some scores are missing."""
    trials = chance.choice([1, 1, 2] if metric == "numeric_mean" else [1, 2, 2, 3])
    values = [0.0, 0.25, 1.0] if metric == "numeric_mean" else [True, False]
    weights = chance.choice([[1] * len(values), [8] + [1] * (len(values) - 1)])
    missing = chance.choice([0.03, 0.1])
    count, documents = chance.choice([3, 5, 8, 12, 16]), chance.choice([2, 3, 5, 11])
    names = [chance.randrange(documents) for _ in range(count)]

    def score():
        return None if chance.random() < missing else chance.choices(values, weights)[0]

    return Evidence(*(run(id, [[score() for _ in range(trials)] for _ in range(count)], names) for id in ("cand", "base")))


def missing_in(evidence: Evidence, k: int) -> list[Trial]:
    """Returns the trials without a score, after it gave every row k trials."""
    rows = [*evidence.candidate.rows, *evidence.baseline.rows]
    for row in rows:
        row.trials += [Trial({"s": None}) for _ in range(k - len(row.trials))]
    return [trial for row in rows for trial in row.trials if trial.scores["s"] is None]


@pytest.mark.parametrize("metric", ["pass_rate", "numeric_mean", "pass_hat_k", "pass_at_k"])
@pytest.mark.parametrize("with_noise", [False, True])
@pytest.mark.parametrize("correction", ["none", "holm"])
def test_no_imputation_contradicts_what_was_decided(metric, with_noise, correction):
    chance = random.Random(f"{metric} {with_noise} {correction}")
    ways = [0.0, 0.5, 1.0] if metric == "numeric_mean" else [True, False]
    decided = undecided = 0
    while decided + undecided < 25:
        evidence = drawn(chance, metric)
        k = chance.choice([1, 1, 2, 3]) if metric in measure.OF_ATTEMPTS else 1
        missing = len(missing_in(copy.deepcopy(evidence), k))
        if not missing or len(ways) ** missing > MOST:
            continue
        rule = {"evidence": chance.choice(["significant", "significant", "proven"]), "confidence": chance.choice([0.8, 0.95])}
        rule |= {"k": k} if metric in measure.OF_ATTEMPTS else {"range": [0, 1]} if metric == "numeric_mean" else {}
        if chance.random() < 0.8:
            rule["cluster_by"] = "document"
        keys = chance.sample(["max_drop", "max_rise", "max_relative_drop", "min", "max"], 2 if correction == "holm" else 1)
        # The oracle knows of the limits of one gate that they have the same missing scores.
        limits = {key: chance.choice([0, 0, 0.1, 0.3, 0.6]) for key in keys}
        policy = {"version": 1, "correction": correction, "gates": [gate(metric, **rule, **limits)]}
        if with_noise:
            policy["noise"] = noise(chance.choice([0.001, 0.05, 0.3]), chance.choice([1, 4]))
        made = judge.judge(policy, evidence, NOW).checks
        truth: list[set[str]] = [set() for _ in made]
        for fill in itertools.product(ways, repeat=missing):
            whole = copy.deepcopy(evidence)
            for trial, value in zip(missing_in(whole, k), fill, strict=True):
                trial.scores["s"] = value
            for of, check in zip(truth, judge.judge(policy, whole, NOW).checks, strict=True):
                of.add(check.status)
            if all(len(of) > 1 for of in truth):
                break
        for check, of in zip(made, truth, strict=True):
            if check.status != "undecided":
                assert of == {check.status}, (check, policy, evidence)
                decided += 1
            else:
                # For numbers there are more imputations than were tried here.
                is_known = metric != "numeric_mean" and check.exact
                assert not is_known or of not in ({"pass"}, {"fail"}), (check, policy, evidence)
                undecided += 1
    assert min(decided, undecided) > 0


# ---------------------------------------------------------------------------------------------- the cases


def test_the_cases_have_all_features():
    cases = [repeated.case(seed) for seed in range(60)]
    gates = [{**case.policy.get("defaults", {}), **one} for case in cases for one in case.policy["gates"]]
    assert sum("noise" in case.policy for case in cases) > 15
    assert sum("cluster_by" in one for one in gates) > 50
    assert sum("k" in one for one in gates) > 50
    histories = [repeated.history(seed, NOW) for seed in range(40)]
    pools = [chosen.baseline for one in histories if (chosen := one.selected(NOW)) and "last" in one.policy["baseline"]]
    assert sum(len({of.attributes.get("git_sha") for of in pool}) > 1 for pool in pools) > 5
