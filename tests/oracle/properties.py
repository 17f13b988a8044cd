"""Properties that must hold between two reports of the program, on the oracle's random cases.

- Under `observed`, an additional run or trial of the candidate with scores that are no better never turns a failure
  into a pass.
- The order in which the server returns runs, rows and trials changes no byte of the report.
- Constant dimensions and gates that only warn change no check that can block, under any rule.
"""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import measure
from evidence import Run, Trial
from generate import Case

if TYPE_CHECKING:
    from histories import History

# Limits that become only harder to meet with worse scores, by metric.
HARDER = {
    "pass_rate": ["min", "max_drop", "max_relative_drop"],
    "numeric_mean": ["min", "max_drop", "max_relative_drop"],
    "coverage": ["min", "max_drop"],
    "error_rate": ["max", "max_rise", "max_relative_rise"],
    "latency_mean": ["max", "max_rise", "max_relative_rise"],
    "fixed_rows": ["min"],
    "regressed_rows": ["max"],
    "pass_hat_k": ["min", "max_drop", "max_relative_drop"],
    "pass_at_k": ["min", "max_drop", "max_relative_drop"],
}
CONSTANT = "constant"
SLOWEST = 1000.0  # seconds


def observed(policy: dict, unscored: bool) -> dict:
    """Returns the policy, judged as observed, with only the limits that worse scores make harder to meet. If scores are
    counted, a trial with any score, however bad, is better than one without."""
    gates = []
    for gate in policy["gates"]:
        counts_scores = gate["metric"] in measure.NEVER_MISSING
        harder = [] if counts_scores and not unscored else HARDER.get(gate["metric"], [])
        if gate["metric"] in measure.OF_ATTEMPTS and leaves_out({**policy.get("defaults", {}), **gate}):
            # Rows with fewer than k scores are left out. One more score, however bad, lets such a row take part.
            harder = []
        keys = [key for key in gate if key in harder]
        of = {key: value for key, value in gate.items() if not key.startswith(("min", "max")) or key in [*keys, "max_missing"]}
        if keys and "waive" not in gate:
            gates.append({**of, "evidence": "observed", "severity": "block"})
    return {**policy, "gates": gates}


def leaves_out(gate: dict) -> bool:
    """Whether a gate may leave out missing scores."""
    return gate.get("missing") == "ignore" or gate.get("max_missing", 0) > 0


def with_worse_trials(case: Case) -> Case:
    """Returns the case with additional trials of the candidate. Each has the worst scores that its gates know."""
    chance = random.Random(f"worse trials {case.seed}")
    unscored = chance.random() < 0.5
    policy = observed(case.policy, unscored)
    candidate = copy.deepcopy(case.evidence.candidate)
    for row in candidate.rows:
        if chance.random() < 0.5:
            row.trials.append(worst_trial(row.trials, policy, unscored))
    return replace(case, policy=policy, evidence=replace(case.evidence, candidate=candidate))


def worst_trial(trials: list[Trial], policy: dict, unscored: bool) -> Trial:
    """Returns a trial that is no better than any of these: unscored, or slow with false and the lowest number."""
    if unscored:
        return Trial({}, max((trial.latency or 0 for trial in trials), default=None) or None, output=None)
    lows = [gate["range"][0] for gate in policy["gates"] if "range" in gate]
    scores = {name: score for trial in trials for name, score in trial.scores.items()}
    numbers = [score for trial in trials for score in trial.scores.values() if measure.type_of(score) == "number"]
    floor = min([*numbers, *lows], default=0)
    worst = {"truth": False, "number": floor if not lows else max(floor, max(lows))}
    made = {name: worst.get(measure.type_of(score)) for name, score in scores.items()}
    return Trial(made, SLOWEST, output="answer")


def with_worse_run(history: History, now) -> History | None:
    """Returns the history with an additional re-run, in which no score is better than in any other run."""
    chosen = history.selected(now)
    if chosen is None or chosen.candidate_findings or history.policy["candidate"].get("reruns", "pool") != "pool":
        return None
    unscored = history.seed % 4 == 0
    history = replace(history, policy=observed(history.policy, unscored))
    if not history.policy["gates"]:
        return None
    newest = chosen.candidate[-1]
    if newest.kind != "evaluate" or "git_sha" not in newest.attributes:
        return None
    digests = {row.digest: row for run in chosen.candidate for row in run.rows}
    again: Run = copy.deepcopy(newest)
    again.id, again.counted, again.stored = "worse-run", None, None
    again.started_at = now - timedelta(minutes=9)
    again.finished_at = now - timedelta(minutes=8)
    again.rows = []
    for digest, row in digests.items():
        trials = [trial for run in chosen.candidate for one in run.rows if one.digest == digest for trial in one.trials]
        again.rows.append(replace(copy.deepcopy(row), trials=[worst_trial(trials, history.policy, unscored)]))
    return replace(history, runs=[*history.runs, again])


def with_constants(case: Case) -> Case | None:
    """Returns the case with an additional dimension that is true in every trial. Gates that warn and one gate that
    could block test it. Each existing gate is copied as a gate that only warns."""
    runs = [case.evidence.candidate, case.evidence.baseline]
    trials = [trial for run in runs if run for row in run.rows for trial in row.trials]
    if any(measure.is_unscored(trial) for trial in trials) or any("*" in gate.get("scorer", "") for gate in case.policy["gates"]):
        # The additional score would change which trials are unscored.
        return None
    made = copy.deepcopy(case)
    for run in {id(run): run for run in (made.evidence.candidate, made.evidence.baseline) if run}.values():
        for row in run.rows:
            for trial in row.trials:
                trial.scores[CONSTANT] = True
    # On rows that the candidate lacks the dimension has no score. If that counted, it would not be constant.
    ignored = {"missing": "ignore", "max_missing": 1}
    test = {"metric": "pass_rate", "scorer": CONSTANT, "max_drop": 0, "evidence": "significant", **ignored}
    gates = made.policy["gates"]
    gates += [{**gate, "name": f"{gate['name']} again", "severity": "warn"} for gate in case.policy["gates"]]
    gates += [{**test, "name": f"{CONSTANT} {number}", "severity": "warn"} for number in range(3)]
    gates.append({**test, "name": f"{CONSTANT} that blocks", "severity": "block"})
    return made


def turned(before: dict, after: dict) -> list[str]:
    """Returns the checks that failed before and pass now."""
    return [f"{key}: failed, and passes with worse scores" for key, was in before.items() if was == "fail" and after.get(key) == "pass"]
