"""What the answers to one check say of both runs: each read as `reading` reads it, and all held together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import reading
from cases import ENTITY, PROJECT
from patient import Answer
from reading import Found, Row, Summary, Totals, Trial, Unproven


class Answers:
    """The answers to the questions of a check, by what was asked."""

    def __init__(self, exchanges: list[dict], answers: list[Answer]) -> None:
        self._known = [
            (exchange["method"], exchange["path"], json.loads(exchange["body"] or "null"), answer)
            for exchange, answer in zip(exchanges, answers, strict=True)
        ]

    def file(self, name: str) -> bytes:
        return next(answer.body for method, path, _, answer in self._known if (method, path) == ("FILE", name))

    def run(self, name: str) -> Answer | None:
        paths = (answer for _, path, _, answer in self._known if path.endswith(f"/evaluation_runs/{name}"))
        return next(paths, None)

    def results(self, ids: list[str], **asked: bool) -> Answer | None:
        for _, path, body, answer in self._known:
            if body and path.endswith("/eval_results/query") and body["evaluation_run_ids"] == ids:
                if all(body.get(key, False) == value for key, value in asked.items()):
                    return answer
        return None

    def lists(self, *words: str) -> Answer | None:
        for _, path, body, answer in self._known:
            query = json.dumps(body)
            if path == "/calls/stream_query" and all(word in query for word in words):
                return answer
        return None


@dataclass
class Evidence:
    candidate: str
    baseline: str | None
    #: Each run on all of its rows, by its id.
    own: dict[str, Totals]
    candidate_rows: int
    #: Each run on the rows of both.
    common: dict[str, Totals]
    common_rows: int
    removed: int
    rows: list[Row] | None


def gather(policy: dict, options: list[str], answers: Answers) -> Evidence:
    """Reads what a policy is judged on, in the order in which its parts depend on each other."""
    named = dict(zip(options[::2], options[1::2], strict=True))
    if named.get("--baseline", "").startswith("file:"):
        return _beside_snapshot(named["--candidate"], named["--baseline"].removeprefix("file:"), answers)
    if named:
        candidate, baseline = named["--candidate"], named.get("--baseline")
        for name in filter(None, (candidate, baseline)):
            reading.run_finished(answers.run(name), name)
    else:
        candidate, baseline = _found(policy, answers)
    ids = [candidate] if baseline is None else [candidate, baseline]
    own = reading.summary(answers.results(ids, include_summary=True, summary_require_intersection=False))
    found = Evidence(candidate, baseline, {name: own.run(name) for name in ids}, own.rows, {}, 0, 0, None)
    if baseline is not None:
        _compare(found, own, answers)
    if found.own[candidate].trials < found.candidate_rows:
        raise Unproven("fewer trials than rows")
    page = answers.results(ids, include_rows=True, include_summary=False)
    if page is not None:
        found.rows = reading.rows(page, ids)
        _agree(found, policy)
    return found


def _beside_snapshot(candidate: str, file: str, answers: Answers) -> Evidence:
    """A candidate in Weave and a baseline in a file, which have the same rows or are not compared here."""
    saved = reading.snapshot(answers.file(file), f"{ENTITY}/{PROJECT}")
    reading.run_finished(answers.run(candidate), candidate)
    own = reading.summary(answers.results([candidate], include_summary=True))
    rows = reading.rows(answers.results([candidate], include_rows=True), [candidate], are_read=False)
    totals = own.run(candidate)
    if own.rows != len(rows) or totals.trials != sum(len(row.trials[candidate]) for row in rows):
        raise Unproven("the rows are not those of the summary")
    if {row.digest for row in rows} != saved.trials.keys() or candidate == saved.run:
        raise Unproven("the rows are not those of the snapshot")
    runs = {candidate: totals, saved.run: saved.totals}
    return Evidence(candidate, saved.run, runs, own.rows, runs, own.rows, 0, None)


def _found(policy: dict, answers: Answers) -> tuple[str, str]:
    """The newest run that is the candidate, and the newest that can be its baseline."""

    def matching(run: Found, wanted: dict) -> bool:
        return run.evaluation == wanted["evaluation"] and all(
            run.attributes.get(key) == value for key, value in wanted["attributes"].items()
        )

    ours = [
        run
        for run in reading.runs(answers.lists("attributes.git_sha"), 10)
        if matching(run, policy["candidate"])
    ]
    if not ours or ours[0].ended is None or ours[0].failed:
        raise Unproven("no candidate that has completed")
    candidate = ours[0]
    if candidate.source is not None and not isinstance(candidate.source, str):
        raise Unproven("not told what the candidate scores")
    theirs = [
        run
        for run in reading.runs(answers.lists("attributes.git_branch", candidate.id), 10)
        if matching(run, policy["baseline"])
        and run.ended is not None
        and not run.failed
        and run.started <= candidate.started
        and run.id != candidate.id
        and candidate.id != run.source != (candidate.source or "")
    ]
    if not theirs:
        raise Unproven("no baseline")
    days = int(policy["baseline"]["max_age"].removesuffix("d"))
    if theirs[0].ended < datetime.now(timezone.utc) - timedelta(days=days):
        raise Unproven("the baseline is too old")
    return candidate.id, theirs[0].id


def _compare(found: Evidence, own: Summary, answers: Answers) -> None:
    """What both runs have on their common rows, which has to fit into what they have on all."""
    ids = [found.candidate, found.baseline]
    common = reading.summary(answers.results(ids, include_summary=True, summary_require_intersection=True))
    found.common = {name: common.run(name) for name in ids}
    found.common_rows = common.rows
    more = {}
    for name in ids:
        all_of, some = found.own[name], found.common[name]
        more[name] = all_of.trials - some.trials
        if some.trials < common.rows or more[name] < 0:
            raise Unproven("fewer trials than rows, or more on some rows than on all")
        for dimension in all_of.dimensions.keys() | some.dimensions.keys():
            _fits(all_of, some, dimension)
    apart = own.rows - common.rows
    if apart < 0 or common.rows == 0:
        raise Unproven("the rows do not add up")
    added, removed = (more[name] > 0 for name in ids)
    if added and removed:
        alone = reading.summary(answers.results([found.candidate], include_summary=True))
        found.candidate_rows = alone.rows
        found.removed = own.rows - alone.rows
        if alone.run(found.candidate).trials != found.own[found.candidate].trials:
            raise Unproven("a run has other trials when it is asked for alone")
    else:
        found.candidate_rows = common.rows + (apart if added else 0)
        found.removed = apart if removed else 0
    extra = {found.candidate: found.candidate_rows - common.rows, found.baseline: found.removed}
    if any(extra[name] < 0 or extra[name] > more[name] or (extra[name] > 0) != (more[name] > 0) for name in ids):
        raise Unproven("the rows do not add up")
    if sum(extra.values()) != apart:
        raise Unproven("the rows do not add up")


def _fits(all_of: Totals, some: Totals, name: str) -> None:
    try:
        whole, part = all_of.of(name), some.of(name)
    except Unproven:
        # Whether that matters is seen when the dimension is used.
        for totals in (all_of, some):
            totals.ambiguous.add(name)
        return
    rest = all_of.trials - some.trials
    whole, part = whole or reading.Scores(), part or reading.Scores()
    scored, judged = whole.scored - part.scored, whole.judged - part.judged
    passed, measured = whole.passed - part.passed, whole.measured - part.measured
    fits = 0 <= scored <= rest and 0 <= passed <= judged and measured >= 0 and judged + measured <= scored
    if fits and measured == 0:
        one, other = whole.mean, part.mean
        fits = one is None and other is None or None not in (one, other) and reading.agree(one, other)
    if not fits:
        raise Unproven(f"{name} on common rows does not fit into {name} on all")


# What the rows say must be what the summary says.


def _agree(found: Evidence, policy: dict) -> None:
    counts = {found.candidate: found.candidate_rows, found.baseline: found.common_rows + found.removed}
    if any(sum(bool(row.trials[name]) for row in found.rows) != counts[name] for name in found.own):
        raise Unproven("the rows are not those of the summary")
    if found.baseline and sum(all(row.trials.values()) for row in found.rows) != found.common_rows:
        raise Unproven("the common rows are not those of the summary")
    for name, totals in found.own.items():
        trials = [trial for row in found.rows for trial in row.trials[name]]
        if len(trials) != totals.trials:
            raise Unproven("the rows have other trials than the summary")
        for gate in policy["gates"]:
            scorer = gate.get("scorer")
            compares = "max_drop" in gate or gate["metric"] == "regressed_rows"
            if scorer is None or not (compares or name == found.candidate):
                continue
            scores, said = counted(trials, scorer), totals.of(scorer) or reading.Scores()
            # What a gate does not measure may differ.
            if gate["metric"] == "numeric_mean":
                agrees = scores.measured == said.measured and (
                    None in (scores.mean, said.mean) or reading.agree(scores.mean, said.mean)
                )
            else:
                agrees = (scores.judged, scores.passed) == (said.judged, said.passed)
            if not agrees:
                raise Unproven(f"the rows say otherwise of {scorer}")
        metrics = {gate["metric"] for gate in policy["gates"]}
        if "tokens_mean" in metrics and _sum(t.tokens for t in trials) != totals.tokens:
            raise Unproven("the rows say otherwise of tokens")
        if "cost_total" in metrics:
            cost = _sum(t.cost for t in trials)
            if (cost is None) != (totals.cost is None) or (cost is not None and not reading.agree(cost, totals.cost)):
                raise Unproven("the rows say otherwise of cost")
        if "error_rate" in metrics:
            least, most = unscored(totals)
            if name == found.candidate and not least <= sum(not t.scores for t in trials) <= most:
                raise Unproven("the rows say otherwise of errors")


def _sum(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def counted(trials: list[Trial], name: str) -> reading.Scores:
    scores = reading.Scores()
    total = 0.0
    for trial in trials:
        if name in trial.broken:
            raise Unproven(f"{name} stands twice in one trial")
        value = trial.scores.get(name)
        scores.scored += value is not None
        if isinstance(value, bool):
            scores.judged += 1
            scores.passed += value
        elif isinstance(value, (int, float)):
            scores.measured += 1
            total += reading.number(value)
    if scores.measured:
        scores.mean = total / scores.measured
    return scores


def unscored(totals: Totals) -> tuple[int, int]:
    """The fewest and the most trials without any score: a summary does not say which each dimension scored."""
    scored, is_whole = [], True
    for name in totals.dimensions:
        try:
            scored.append(totals.of(name).scored)
        except Unproven:
            is_whole = False
    return max(0, totals.trials - sum(scored)) if is_whole else 0, totals.trials - max(scored, default=0)
