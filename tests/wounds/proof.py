"""Whether what a set of answers says proves that a policy holds: decided here, by the rules and by hand.

Each limit is `True` where it holds whatever is not known, `False` where it does not whatever is not known,
and else `None`. The limits are those of `cases.POLICIES`, and no more than those need.
"""

from __future__ import annotations

import fnmatch
import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import reading
from evidence import Answers, Evidence, counted, gather, unscored
from reading import TOLERANCE, Map, Row, Unproven

INFINITY = math.inf

Ends = tuple[Any, Any]


def judge(policy: dict, found: Evidence) -> bool | None:
    """Whether the policy passes: `True`, `False` where a check fails, else `None`."""
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
        totals = found.own[found.candidate]
        least, most = unscored(totals)
        if least != most:
            trials = [trial for row in found.rows for trial in row.trials[found.candidate]]
            least = most = sum(not trial.scores for trial in trials)
        return [_within((Fraction(least, totals.trials), Fraction(most, totals.trials)), gate, "min", "max")]
    if "where" in gate or "by" in gate:
        return _sliced(gate, found)
    names = {name for totals in found.own.values() for name in totals.dimensions}
    names = fnmatch.filter(sorted(names), gate["scorer"]) or [gate["scorer"]]
    return [verdict for name in names for verdict in _dimension(gate, name, found)]


def _dimension(gate: dict, name: str, found: Evidence) -> list[bool | None]:
    def floor() -> bool | None:
        ours = found.own[found.candidate]
        return _within(_ends(gate, ours.of(name), ours.trials, 0), gate, "min", "max")

    def change() -> bool | None:
        ours, theirs = found.common[found.candidate], found.own[found.baseline]
        # A row that was removed would have had as many trials as the others.
        absent = Fraction(ours.trials * found.removed, found.common_rows)
        after = _ends(gate, ours.of(name), ours.trials, absent)
        before = _ends(gate, theirs.of(name), theirs.trials, 0)
        drop = None if after is None or before is None else (before[0] - after[1], before[1] - after[0])
        return _within(drop, gate, None, "max_drop")

    checks = [floor] if gate.keys() & {"min", "max"} else []
    return [_attempt(check) for check in checks + [change] * ("max_drop" in gate)]


def _attempt(check: Callable[[], bool | None]) -> bool | None:
    try:
        return check()
    except Unproven:
        return None


def _ends(gate: dict, scores: reading.Scores | None, trials: int, absent: Any) -> Ends | None:
    """A rate or a mean at worst and at best; `None` where there is none."""
    scores = scores or reading.Scores()
    everything = trials + absent
    rule = gate.get("missing", "bound")
    if gate["metric"] == "coverage":
        return (Fraction(scores.scored) / everything,) * 2 if scores.scored else None
    if gate["metric"] == "numeric_mean":
        if scores.mean is None:
            return None
        low, high = gate.get("range", (-INFINITY, INFINITY))
        if not low - TOLERANCE <= scores.mean <= high + TOLERANCE:
            return None
        known, total = scores.measured, scores.mean * scores.measured
    else:
        if not scores.judged:
            return None
        low, high, known, total = 0, 1, scores.judged, Fraction(scores.passed)
    missing = everything - known
    if not missing or rule == "ignore" or Fraction(missing) / everything <= gate.get("max_missing", 0):
        return (total / known,) * 2
    if isinstance(total, float):
        missing, everything = float(missing), float(everything)
    worst, best = (total + missing * low) / everything, (total + missing * high) / everything
    # The floors of these policies: a missing score that counts as the worst is false.
    return (worst, worst) if rule == "fail" else (worst, best)


def _within(ends: Ends | None, gate: dict, floor: str | None, ceiling: str) -> bool | None:
    if ends is None:
        return None
    low, high = ends
    verdicts = []
    # Counts are compared as they are; what was computed in floating point bears a little.
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
    """Whether a row can fail, and whether it can pass: all of its trials have to."""
    values = []
    for trial in row.trials[run]:
        if name in trial.broken:
            raise Unproven(f"{name} stands twice in one trial")
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
    """A drop fails where it is beyond the limit and its interval excludes no change; one trial a row."""
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
                raise Unproven("a score stands twice in one trial")
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
    """All tables of both, regressed, fixed, neither that missing scores leave possible."""
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
    """The upper end for the change of paired proportions: Newcombe 1998, method 10."""
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
    for some in slices.values():
        trials = [trial for row in some for trial in row.trials[found.candidate]]
        scores = counted(trials, gate["scorer"])
        verdicts.append(_within(_ends(gate, scores, len(trials), 0), gate, "min", "max"))
    return verdicts or [None]


def _plain(value: Any) -> Any:
    """A value as it is told from others: 1.0 and 1 are one number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Map) and value.repeated:
        raise Unproven("an input stands twice")
    return value


def _latency(gate: dict, found: Evidence) -> bool | None:
    """The 95th percentile, between the two trials next to it, as NumPy has it by default."""
    trials = [trial for row in found.rows for trial in row.trials[found.candidate]]
    known = sorted(trial.latency for trial in trials if trial.latency is not None)
    if not known:
        return None
    missing = len(trials) - len(known)
    place = 0.95 * (len(trials) - 1)

    def at(values: list[float]) -> float:
        low, high = values[math.floor(place)], values[math.ceil(place)]
        return low if low == high else low + (high - low) * (place % 1)

    return _within((at([0.0] * missing + known), at(known + [INFINITY] * missing)), gate, "min", "max")


def _usage(gate: dict, found: Evidence) -> list[bool | None]:
    """A trial that tells no tokens or no price may have used anything."""

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
    """Whether the answers prove the pass, or show a failure; why neither; and what they say."""
    try:
        found = gather(policy, options, answers)
        return judge(policy, found), "missing scores, or none of the kind", found
    except Unproven as unproven:
        return None, str(unproven), None
