"""Decides independently, from the rules, whether a set of answers proves that a policy holds.

Each limit is `True` if it holds whatever the unknown values are, `False` if it fails whatever they are, and otherwise
`None`. Supports only the limits that `cases.POLICIES` uses.
"""

from __future__ import annotations

import fnmatch
import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import reading
from evidence import Answers, Evidence, by_rows, gather
from reading import TOLERANCE, Map, Row, Totals, Trial, Unproven

INFINITY = math.inf

Ends = tuple[Any, Any]


def judge(policy: dict, found: Evidence) -> bool | None:
    """Whether the policy passes: `True`; `False` if a check fails; otherwise `None`."""
    verdict = _judge(policy, found)
    if verdict is True and found.newest is not None and _judge(_as_observed(policy), found.newest) is not True:
        # The newest run alone does not meet the limits.
        return None
    return verdict


def _as_observed(policy: dict) -> dict:
    return {**policy, "gates": [{**gate, "evidence": "observed"} for gate in policy["gates"]]}


def _judge(policy: dict, found: Evidence) -> bool | None:
    verdicts: list[bool | None] = []
    for gate in policy["gates"]:
        try:
            verdicts += _gate(gate, found)
        except Unproven:
            verdicts.append(None)
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def _gate(gate: dict, found: Evidence) -> list[bool | None]:
    metric = gate["metric"]
    if metric == "regressed_rows":
        return [_within(_regressed(gate, found), gate, "min", "max")]
    if gate.get("evidence") == "significant":
        return [_noise(gate, found)]
    if metric in ("rows", "trials"):
        value = found.candidate_rows if metric == "rows" else found.own[found.candidate].trials
        return [_within((value, value), gate, "min", "max")]
    if metric == "latency_p95":
        return [_latency(gate, found)]
    if metric in ("tokens_mean", "cost_total"):
        return _usage(gate, found)
    if metric == "error_rate":
        return [_within(_errors(found), gate, "min", "max")]
    if "range" in gate:
        _inside(gate, found)
    if "where" in gate or "by" in gate:
        return _sliced(gate, found)
    names = {name for totals in found.own.values() for name in totals.dimensions}
    names |= {name for row in found.rows or [] for trials in row.trials.values() for t in trials for name in t.scores}
    names = fnmatch.filter(sorted(names), gate["scorer"]) or [gate["scorer"]]
    return [verdict for name in names for verdict in _dimension(gate, name, found)]


def _errors(found: Evidence) -> Ends:
    """Returns the fraction of trials without any score, averaged over rows. Only rows contain it."""
    if found.rows is None:
        raise Unproven("the rows were not read")
    rows = _trials(found, found.candidate, found.candidate)

    def mean(counts: Callable[[bool | None], bool]) -> Fraction:
        return _mean([Fraction(sum(counts(t.is_scored) for t in trials), len(trials)) for trials in rows])

    return mean(lambda scored: scored is False), mean(lambda scored: scored is not True)


def _inside(gate: dict, found: Evidence) -> None:
    """Checks that every score and every mean is inside the declared range."""
    low, high = gate["range"]
    if found.rows is None:
        raise Unproven("the rows were not read")
    runs = [found.candidate] + ([found.baseline] if "max_drop" in gate else [])
    for row in found.rows:
        for name in runs:
            for trial in row.trials[name]:
                value = trial.scores.get(gate["scorer"])
                if isinstance(value, (int, float)) and not isinstance(value, bool) and not low <= value <= high:
                    raise Unproven("a score is out of its range")
    for totals in (*found.own.values(), *found.common.values()):
        scores = totals.of(gate["scorer"])
        if scores and scores.mean is not None and not low - TOLERANCE <= scores.mean <= high + TOLERANCE:
            raise Unproven("a mean is out of its range")


def _trials(found: Evidence, run: str, of: str) -> list[list[Trial]]:
    """Returns the trials of one run for each row that the run `of` has."""
    return [row.trials[run] for row in found.rows if row.trials[of]]


def _mean(values: list) -> Any:
    return sum(values) / len(values)


def _dimension(gate: dict, name: str, found: Evidence) -> list[bool | None]:
    text = _is_text(gate, name, found)

    def side(run: str, of: str, totals: dict[str, Totals], rows: int, absent: int) -> Ends | None:
        """Returns a rate or a mean of one run on the rows of a run, at worst and at best."""
        # Several runs have no common summary.
        if found.rows is not None and (by_rows(gate, found) or not found.common):
            return _row_ends(gate, name, _trials(found, run, of), text)
        if totals[run].trials != rows:
            raise Unproven("rows have several trials, and were not read")
        return _ends(gate, totals[run].of(name), rows, absent, text)

    def floor() -> bool | None:
        ours = found.candidate
        return _within(side(ours, ours, found.own, found.candidate_rows, 0), gate, "min", "max")

    def change() -> bool | None:
        ours, theirs = found.candidate, found.baseline
        # A removed row has a missing score.
        after = side(ours, theirs, found.common, found.common_rows, found.removed)
        before = side(theirs, theirs, found.own, found.common_rows + found.removed, 0)
        drop = None if after is None or before is None else (before[0] - after[1], before[1] - after[0])
        return _within(drop, gate, None, "max_drop")

    checks = [floor] if gate.keys() & {"min", "max"} else []
    return [_attempt(check) for check in checks + [change] * ("max_drop" in gate)]


def _is_text(gate: dict, name: str, found: Evidence) -> bool:
    """Whether text counts for coverage: only if neither run has a boolean or a number. Only coverage uses this."""
    if gate["metric"] != "coverage":
        return False
    if found.rows is not None and not found.common:
        sides = [trial for row in found.rows for trials in row.trials.values() for trial in trials]
        return not any(isinstance(trial.scores.get(name), (bool, int, float)) for trial in sides)
    both = [totals.of(name) or reading.Scores() for totals in found.own.values()]
    return not any(scores.judged + scores.measured for scores in both)


def _attempt(check: Callable[[], bool | None]) -> bool | None:
    try:
        return check()
    except Unproven:
        return None


def _bounds(gate: dict) -> tuple[Any, Any]:
    """Returns the lowest and the highest possible value of a missing score."""
    if gate["metric"] == "numeric_mean":
        return gate.get("range", (-INFINITY, INFINITY))
    return 0, 1


def _is_ignored(gate: dict, missing: Any) -> bool:
    return gate.get("missing", "bound") == "ignore" or missing <= Fraction(str(gate.get("max_missing", 0)))


def _ends(gate: dict, scores: reading.Scores | None, trials: int, absent: int, text: bool) -> Ends | None:
    """Returns a rate or a mean of rows with one trial each, at worst and at best, or `None` if there is no score."""
    scores = scores or reading.Scores()
    everything = trials + absent
    if gate["metric"] == "coverage":
        own = scores.scored if text else scores.judged + scores.measured
        return (Fraction(own) / everything,) * 2 if own else None
    if gate["metric"] == "numeric_mean":
        if scores.mean is None:
            return None
        known, total = scores.measured, scores.mean * scores.measured
    else:
        if not scores.judged:
            return None
        known, total = scores.judged, Fraction(scores.passed)
    low, high = _bounds(gate)
    missing = everything - known
    if _is_ignored(gate, Fraction(missing, everything)):
        return (total / known,) * 2
    worst, best = (total + missing * low) / everything, (total + missing * high) / everything
    # For the limits `min` of these policies, the worst value of a missing score is false.
    return (worst, worst) if gate.get("missing") == "fail" else (worst, best)


def _row_ends(gate: dict, name: str, rows: list[list[Trial]], text: bool) -> Ends | None:
    """Like `_ends`, for rows with any number of trials. Averages each row first. A row without trials is missing."""
    values = []
    for trials in rows:
        known = []
        for trial in trials:
            if name in trial.broken:
                raise Unproven(f"{name} is repeated in one trial")
            value = trial.scores.get(name)
            if gate["metric"] == "coverage":
                known += [1] if (isinstance(value, str) if text else isinstance(value, (bool, int, float))) else []
            elif gate["metric"] == "numeric_mean":
                known += [] if isinstance(value, (bool, str)) or value is None else [reading.number(value)]
            else:
                known += [Fraction(value)] if isinstance(value, bool) else []
        values.append((known, max(len(trials), 1)))
    if not any(known for known, _ in values):
        return None
    if gate["metric"] == "coverage":
        return (_mean([Fraction(len(known), of) for known, of in values]),) * 2
    missing = _mean([Fraction(of - len(known), of) for known, of in values])
    if _is_ignored(gate, missing):
        if missing and "max_drop" in gate:
            raise Unproven("rows without a value drop out on both sides")
        return (_mean([sum(known) / len(known) for known, _ in values if known]),) * 2
    low, high = _bounds(gate)
    worst, best = (_mean([(sum(known) + (of - len(known)) * end) / of for known, of in values]) for end in (low, high))
    return (worst, worst) if gate.get("missing") == "fail" else (worst, best)


def _within(ends: Ends | None, gate: dict, floor: str | None, ceiling: str) -> bool | None:
    if ends is None:
        return None
    low, high = ends
    if math.isnan(low) or math.isnan(high):
        return None
    verdicts = []
    # Counts are compared exactly. Values that were computed in floating point have a tolerance.
    spare = TOLERANCE if isinstance(low, float) or isinstance(high, float) or floor is None else 0
    if floor in gate:
        least = Fraction(str(gate[floor])) - Fraction(spare)
        verdicts.append(True if low >= least else False if high < least else None)
    if ceiling in gate:
        most = Fraction(str(gate[ceiling])) + Fraction(spare)
        verdicts.append(True if high <= most else False if low > most else None)
    return False if False in verdicts else None if None in verdicts else True


# Rows


def _worth(row: Row, run: str, name: str) -> tuple[bool, bool]:
    """Whether a row can fail, and whether it can pass. A row passes if all of its trials pass."""
    values = []
    for trial in row.trials[run]:
        if name in trial.broken:
            raise Unproven(f"{name} is repeated in one trial")
        value = trial.scores.get(name)
        values.append(value if isinstance(value, bool) else None)
    return not values or not all(value is True for value in values), not any(value is False for value in values)


def _regressed(gate: dict, found: Evidence) -> Ends:
    least = most = 0
    for row in found.rows:
        if not row.trials[found.baseline]:
            continue
        may_fail, may_pass = _worth(row, found.candidate, gate["scorer"])
        did_fail, did_pass = _worth(row, found.baseline, gate["scorer"])
        most += may_fail and did_pass
        least += not may_pass and not did_fail
    return least, most


def _noise(gate: dict, found: Evidence) -> bool | None:
    """Judges a drop with one trial a row. It fails if it is beyond the limit and its interval excludes no change."""
    pairs = {(a, b): 0 for a in (True, False, None) for b in (True, False, None)}
    for row in found.rows:
        ours, theirs = (row.trials[name] for name in (found.candidate, found.baseline))
        if not theirs:
            continue
        if len(theirs) != 1 or len(ours) > 1:
            return None
        pair = []
        for trials in (theirs, ours):
            if trials and gate["scorer"] in trials[0].broken:
                raise Unproven("a score is repeated in one trial")
            value = trials[0].scores.get(gate["scorer"]) if trials else None
            pair.append(value if isinstance(value, bool) else None)
        pairs[tuple(pair)] += 1
    if not any(n for (before, _), n in pairs.items() if before is not None):
        return None
    if not any(n for (_, after), n in pairs.items() if after is not None):
        return None
    if sum(pairs.values()) < 2:
        return None
    verdicts = {_is_noise(gate, table) for table in _worlds(pairs)}
    return verdicts.pop() if len(verdicts) == 1 else None


def _worlds(pairs: dict) -> set[tuple[int, int, int, int]]:
    """Returns all tables (both, regressed, fixed, neither) that the missing scores leave possible."""
    known = (pairs[True, True], pairs[True, False], pairs[False, True], pairs[False, False])
    worlds = {known}
    can = {
        (True, None): (0, 1),
        (False, None): (2, 3),
        (None, True): (0, 2),
        (None, False): (1, 3),
        (None, None): (0, 1, 2, 3),
    }
    for pair, cells in can.items():
        for _ in range(pairs[pair]):
            worlds = {w[:c] + (w[c] + 1,) + w[c + 1 :] for w in worlds for c in cells}
    return worlds


def _is_noise(gate: dict, table: tuple[int, int, int, int]) -> bool:
    both, regressed, fixed, neither = table
    rows = sum(table)
    drop = Fraction(regressed - fixed, rows)
    if drop <= Fraction(str(gate["max_drop"])) + Fraction(TOLERANCE):
        return True
    return upper_change(both, regressed, fixed, neither) >= 0


def upper_change(both: int, regressed: int, fixed: int, neither: int, z: float = 1.6448536269514722) -> float:
    """Returns the upper end of the interval for the change of paired proportions: Newcombe 1998, method 10."""
    rows = both + regressed + fixed + neither
    after, before = (both + fixed) / rows, (both + regressed) / rows

    def wilson(p: float) -> tuple[float, float]:
        middle = p + z * z / (2 * rows)
        half = z * math.sqrt(p * (1 - p) / rows + z * z / (4 * rows * rows))
        return (middle - half) / (1 + z * z / rows), (middle + half) / (1 + z * z / rows)

    product = (both + fixed) * (regressed + neither) * (both + regressed) * (fixed + neither)
    cross = both * neither - regressed * fixed
    if cross > 0:
        cross = max(cross - rows / 2, 0)
    phi = cross / math.sqrt(product) if product else 0.0
    up, down = wilson(after)[1] - after, before - wilson(before)[0]
    return after - before + math.sqrt(max(up * up - 2 * phi * up * down + down * down, 0))


def _sliced(gate: dict, found: Evidence) -> list[bool | None]:
    slices: dict[str, list[Row]] = {}
    for row in found.rows:
        if not row.trials[found.candidate]:
            continue
        inputs = reading.obj(row.inputs)
        if "where" in gate and not all(
            reading.same(inputs.get(key), value) for key, value in gate["where"].items()
        ):
            continue
        value = inputs.get(gate["by"]) if "by" in gate else None
        if isinstance(value, str) and value.startswith("weave:"):
            raise Unproven("a reference is no input")
        slices.setdefault(json.dumps(_plain(value), sort_keys=True), []).append(row)
    if "by" in gate and slices.keys() <= {"null"}:
        return [None]
    verdicts = []
    text = _is_text(gate, gate["scorer"], found)
    for some in slices.values():
        trials = [row.trials[found.candidate] for row in some]
        verdicts.append(_within(_row_ends(gate, gate["scorer"], trials, text), gate, "min", "max"))
    return verdicts or [None]


def _plain(value: Any) -> Any:
    """Returns a value in the form in which values are compared: 1.0 and 1 are one number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Map) and value.repeated:
        raise Unproven("an input is repeated")
    return value


def _latency(gate: dict, found: Evidence) -> bool | None:
    """Judges the 95th percentile, interpolated between the two nearest trials, as NumPy does by default."""
    trials = [trial for row in found.rows for trial in row.trials[found.candidate]]
    known = [trial.latency for trial in trials if trial.latency is not None and not trial.crashed]
    if not known:
        return None
    # A crashed call took at least the time that was measured.
    least = [trial.latency or 0.0 if trial.crashed or trial.latency is None else trial.latency for trial in trials]
    missing = len(trials) - len(known)
    place = 0.95 * (len(trials) - 1)

    def at(values: list[float]) -> float:
        values = sorted(values)
        low, high = values[math.floor(place)], values[math.ceil(place)]
        return low if low == high else low + (high - low) * (place % 1)

    return _within((at(least), at(known + [INFINITY] * missing)), gate, "min", "max")


def _usage(gate: dict, found: Evidence) -> list[bool | None]:
    """Judges tokens and cost. A trial that reports no tokens or no price may have used any amount."""

    def ends(name: str) -> Ends | None:
        trials = [trial for row in found.rows for trial in row.trials[name]]
        of = "tokens" if gate["metric"] == "tokens_mean" else "cost"
        known = [getattr(trial, of) for trial in trials if getattr(trial, of) is not None]
        if not known:
            return None
        total = sum(known)
        low = total / len(trials) if gate["metric"] == "tokens_mean" else total
        return low, low if len(known) == len(trials) else INFINITY

    ours = ends(found.candidate)
    verdicts = [_within(ours, gate, "min", "max")]
    if "max_relative_rise" in gate:
        before = ends(found.baseline)
        rise = None
        if ours is not None and before is not None and before[0] > 0 and INFINITY not in (*ours, *before):
            rise = (ours[0] - before[1]) / before[1], (ours[1] - before[0]) / before[0]
        verdicts.append(_within(rise, gate, None, "max_relative_rise"))
    return verdicts


def verdict(policy: dict, options: list[str], answers: Answers) -> tuple[bool | None, str, Evidence | None]:
    """Returns whether the answers prove the pass or show a failure, the reason if neither, and the evidence."""
    try:
        found = gather(policy, options, answers)
        return judge(policy, found), "missing scores, or none of the kind", found
    except Unproven as unproven:
        return None, str(unproven), None
