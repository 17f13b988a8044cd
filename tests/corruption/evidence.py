"""The evidence of both runs in the answers to one check. Reads each answer with `reading`, and compares the answers."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import reading
from cases import ENTITY, PROJECT
from answer import Answer
from reading import Root, Row, Summary, Totals, Trial, Unproven

# The number of runs that one request asks for.
PAGE = 10
# The number of newest runs that are listed without a filter.
RECENT = 200


class Answers:
    """The answers to the requests of a check, found by the request."""

    def __init__(self, exchanges: list[dict], answers: list[Answer]) -> None:
        self._known = [
            (exchange["method"], exchange["path"], json.loads(exchange["body"] or "null"), answer)
            for exchange, answer in zip(exchanges, answers, strict=True)
        ]

    def file(self, name: str) -> bytes:
        return next(answer.body for method, path, _, answer in self._known if (method, path) == ("FILE", name))

    def root(self, name: str) -> Answer | None:
        """Returns the answer to the request for the root call of a run, by its id."""
        for _, path, body, answer in self._known:
            if path == "/calls/stream_query" and name in body["filter"].get("call_ids", []):
                return answer
        return None

    def stored(self, trace: str) -> Answer | None:
        """Returns the answer with the number of calls of a trace."""
        for _, path, body, answer in self._known:
            if path == "/calls/query_stats" and body["filter"].get("trace_ids") == [trace]:
                return answer
        return None

    def results(self, ids: list[str], **asked: bool) -> Answer | None:
        for _, path, body, answer in self._known:
            if body and path.endswith("/eval_results/query") and body["evaluation_run_ids"] == ids:
                if all(body.get(key, False) == value for key, value in asked.items()):
                    return answer
        return None

    def lists(self, word: str, without: set[str] | None = None) -> Answer | None:
        """Returns the list of runs whose request contains a word, and excludes exactly these runs."""
        for _, path, body, answer in self._known:
            if path == "/calls/stream_query" and "query" in body and json.dumps(word) in json.dumps(body):
                if set(_EXCLUDED.findall(json.dumps(body))) == (without or set()):
                    return answer
        return None


    def recent(self) -> Answer | None:
        """Returns the list of the newest runs without a filter."""
        for _, path, body, answer in self._known:
            if path == "/calls/stream_query" and body.get("limit") == RECENT and body.get("query") is None:
                return answer
        return None


# Matches a run that a request excludes from its list.
_EXCLUDED = re.compile(r'"\$not": \[\{"\$eq": \[\{"\$getField": "id"\}, \{"\$literal": "([^"]*)"\}\]\}\]')


@dataclass
class Evidence:
    #: The newest run of each side.
    candidate: str
    baseline: str | None
    #: Each side on all of its rows, by its newest run.
    own: dict[str, Totals]
    candidate_rows: int
    #: Each side on the rows that both have.
    common: dict[str, Totals]
    common_rows: int
    removed: int
    #: The rows of both sides. With several runs on a side, a row has the trials of all of them.
    rows: list[Row] | None
    #: If the candidate has re-runs: the evidence of its newest run alone.
    newest: Evidence | None = None


def gather(policy: dict, options: list[str], answers: Answers) -> Evidence:
    """Reads the evidence that a policy is judged on, in the order in which its parts depend on each other."""
    named = dict(zip(options[::2], options[1::2], strict=True))
    if named.get("--baseline", "").startswith("file:"):
        return _with_snapshot(named["--candidate"], named["--baseline"].removeprefix("file:"), answers, policy)
    if named:
        ours = [_named(named["--candidate"], answers)]
        theirs = [_named(named["--baseline"], answers)] if "--baseline" in named else []
    else:
        ours, theirs = _found(policy, answers)
    for run in ours + theirs:
        _whole(run, answers)
    if len(ours) > 1 or len(theirs) > 1:
        found = _pooled(ours, theirs, answers, policy)
        found.newest = _pooled(ours[:1], theirs, answers, policy) if len(ours) > 1 else None
        return found
    candidate, baseline = ours[0].id, theirs[0].id if theirs else None
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


def _named(name: str, answers: Answers) -> Root:
    """Returns the run with an id. It must be completed."""
    found = [run for run in reading.roots(answers.root(name)) if run.id == name]
    if not found or not found[0].is_completed:
        raise Unproven("the run is not there, or has not completed")
    return found[0]


def _whole(run: Root, answers: Answers) -> None:
    """Checks that the server has all calls of a run, if the run says how many there are."""
    if run.is_logged and not run.has_output:
        raise Unproven("a logger that never logged its summary")
    if run.calls is None:
        return
    stored = reading.stored(answers.stored(run.trace))
    if stored < run.calls or (stored > run.calls and not run.has_parent):
        raise Unproven("calls of a run are missing, or there are more than it made")


def _pooled(ours: list[Root], theirs: list[Root], answers: Answers, policy: dict) -> Evidence:
    """Pools several runs as one: reads each alone, and gives a row the trials of all of them."""
    sides: dict[str, dict[str, list[Trial]]] = {}
    inputs: dict[str, list] = {}
    for side in filter(None, (ours, theirs)):
        pool: list[dict[str, list[Trial]]] = []
        for run in reversed(side):
            own = reading.summary(answers.results([run.id], include_summary=True))
            rows = reading.rows(answers.results([run.id], include_rows=True), [run.id])
            alone = Evidence(run.id, None, {run.id: own.run(run.id)}, own.rows, {}, 0, 0, rows)
            _agree(alone, policy, is_baseline=side is theirs)
            pool.append({row.digest: row.trials[run.id] for row in rows})
            for row in rows:
                inputs.setdefault(row.digest, []).append(row.inputs)
        for one, other in itertools.combinations(pool, 2):
            if not one.keys() & other.keys():
                raise Unproven("two runs of one side have no common row")
        missing = Trial({}, set(), False, None, None, None)
        digests = {digest for rows in pool for digest in rows}
        sides[side[0].id] = {
            digest: [trial for rows in pool for trial in rows.get(digest, [missing])] for digest in digests
        }
    # Inputs were requested only for slices. Otherwise they may have any value.
    is_sliced = any("where" in gate or "by" in gate for gate in policy["gates"])
    for known in inputs.values() if is_sliced else []:
        if any(not reading.same(known[0], other) for other in known):
            raise Unproven("a row has other inputs in another run")
    rows = [
        Row(digest, known[0], {name: of.get(digest, []) for name, of in sides.items()})
        for digest, known in sorted(inputs.items())
    ]
    candidate, baseline = ours[0].id, theirs[0].id if theirs else None
    number = {name: len(of) for name, of in sides.items()}
    common = len(set.intersection(*(set(of) for of in sides.values())))
    if theirs and not common:
        raise Unproven("no common rows")
    totals = {name: Totals(sum(map(len, of.values())), {}) for name, of in sides.items()}
    removed = number[baseline] - common if baseline else 0
    return Evidence(candidate, baseline, totals, number[candidate], {}, common, removed, rows)


def _with_snapshot(candidate: str, file: str, answers: Answers, policy: dict) -> Evidence:
    """Reads a candidate in Weave and a baseline in a file. Both must have the same rows."""
    saved = reading.snapshot(answers.file(file), f"{ENTITY}/{PROJECT}")
    _whole(_named(candidate, answers), answers)
    own = reading.summary(answers.results([candidate], include_summary=True))
    digests = reading.rows(answers.results([candidate], include_rows=True, limit=500), [candidate], are_read=False)
    totals = own.run(candidate)
    if own.rows != len(digests) or totals.trials != sum(len(row.trials[candidate]) for row in digests):
        raise Unproven("the rows are not those of the summary")
    if {row.digest for row in digests} != saved.trials.keys() or candidate == saved.run:
        raise Unproven("the rows are not those of the snapshot")
    rows = reading.rows(answers.results([candidate], include_rows=True, limit=100), [candidate])
    rows = [Row(row.digest, None, {**row.trials, saved.run: saved.rows.get(row.digest, [])}) for row in rows]
    runs = {candidate: totals, saved.run: saved.totals}
    found = Evidence(candidate, saved.run, runs, own.rows, runs, own.rows, 0, rows)
    _agree(found, policy)
    return found


def _found(policy: dict, answers: Answers) -> tuple[list[Root], list[Root]]:
    """Returns the runs of the candidate and the runs of its baseline, each newest first."""
    listed = reading.newest_first(reading.roots(answers.lists(_literal(policy["candidate"])), PAGE))
    if len(listed) == PAGE:
        raise Unproven("there may be more re-runs")
    ours = [run for run in listed if _matches(run, policy["candidate"])]
    if not ours:
        ours = [run for run in _recent(answers) if _matches(run, policy["candidate"])]
    if not ours:
        raise Unproven("no candidate")
    newest = ours[0]
    ours = [run for run in ours if _is_rerun(run, newest)]
    if not newest.is_completed:
        raise Unproven("the candidate has not completed")
    others = []
    for run in ours[1:]:
        if run.ended is None and datetime.now(timezone.utc) - run.started <= timedelta(hours=24):
            raise Unproven("a re-run is still running")
        if run.is_completed and _is_whole(run, answers):
            others.append(run)
    left_out = [run for run in ours[1:] if run not in others]
    judged = [newest, *others]
    _one_model(judged)
    sources = {run.source for run in ours if run.source is not None}
    if any(not isinstance(source, str) for source in sources):
        raise Unproven("not told what the candidate scores")
    ids = {run.id for run in judged + left_out}
    started = min(run.started for run in judged + left_out)
    # If the newest possible baseline is incomplete, the next request excludes it.
    without = set(ids)
    while True:
        listed = reading.newest_first(reading.roots(answers.lists(_literal(policy["baseline"]), without), PAGE))
        theirs = [run for run in listed if _may_be_baseline(run, policy, newest, without, sources, started)]
        if not theirs:
            recent = _recent(answers)
            theirs = [run for run in recent if _may_be_baseline(run, policy, newest, without, sources, started)]
        if not theirs or _is_whole(theirs[0], answers):
            break
        without.add(theirs[0].id)
    theirs = [run for run in theirs if _is_whole(run, answers)]
    if not theirs:
        raise Unproven("no baseline")
    base = theirs[0]
    if len(listed) == PAGE:
        raise Unproven("there may be more runs of the baseline's commit")
    theirs = [run for run in theirs if _is_rerun(run, base)]
    _one_model(theirs)
    if "max_age" in policy["baseline"]:
        days = int(policy["baseline"]["max_age"].removesuffix("d"))
        if base.ended < datetime.now(timezone.utc) - timedelta(days=days):
            raise Unproven("the baseline is too old")
    return judged, theirs


def _recent(answers: Answers) -> list[Root]:
    """Returns the newest runs of the project. Runs that the server's search does not find are searched for here."""
    return reading.newest_first(reading.roots(answers.recent(), RECENT))


def _may_be_baseline(
    run: Root, policy: dict, newest: Root, ids: set[str], sources: set[str], started: datetime
) -> bool:
    """Whether a run can be the baseline of a candidate. Does not check whether the server has all of it."""
    commit = _commit(newest)
    return (
        _matches(run, {"evaluation": newest.evaluation, **policy["baseline"]})
        and run.is_completed
        and run.started <= started
        and run.id not in ids | sources
        and (run.source is None or run.source not in ids | sources)
        and (commit is None or _commit(run) is None or not _same_commit(_commit(run), commit))
    )


def _literal(wanted: dict) -> str:
    """Returns the value that a request for these runs contains."""
    return wanted.get("commit") or wanted.get("branch") or next(iter(wanted["attributes"].values()))


def _commit(run: Root) -> str | None:
    commit = run.attributes.get("git_sha")
    return commit if isinstance(commit, str) and commit else None


def _same_commit(one: str, other: str) -> bool:
    if one == other:
        return True
    return min(len(one), len(other)) >= 7 and (one.startswith(other) or other.startswith(one))


def _matches(run: Root, wanted: dict) -> bool:
    """Whether a run matches the selector of a policy."""
    attributes = dict(wanted.get("attributes", {}))
    if "branch" in wanted:
        attributes["git_branch"] = wanted["branch"]
    if "commit" in wanted:
        commit = _commit(run)
        if commit is None or not _same_commit(commit, wanted["commit"]):
            return False
    if "model" in wanted and (run.model is None or run.model[0] != wanted["model"]):
        return False
    names = {run.evaluation} | ({run.display_name} if run.is_logged else set())
    if "evaluation" in wanted and wanted["evaluation"] not in names:
        return False
    return all(run.attributes.get(key) == value for key, value in attributes.items())


def _is_rerun(run: Root, newest: Root) -> bool:
    """Whether a matching run has the commit, evaluation and model of the newest run."""
    if run.id == newest.id:
        return True
    one, other = _commit(run), _commit(newest)
    if one is None or other is None or not _same_commit(one, other):
        return False
    models = [known.model and known.model[0] for known in (run, newest)]
    return run.evaluation == newest.evaluation and models[0] == models[1]


def _is_whole(run: Root, answers: Answers) -> bool:
    try:
        _whole(run, answers)
    except Unproven:
        return False
    return True


def _one_model(runs: list[Root]) -> None:
    if len({run.model for run in runs}) > 1:
        raise Unproven("re-runs of several versions of a model")


def _compare(found: Evidence, own: Summary, answers: Answers) -> None:
    """Compares both runs on their common rows. The counts there must fit into the counts on all rows."""
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
        # The problem is reported when the dimension is used.
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


# The rows must agree with the summary.


def _agree(found: Evidence, policy: dict, is_baseline: bool = False) -> None:
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
            if scorer is None or not (compares or (name == found.candidate and not is_baseline)):
                continue
            scores, said = counted(trials, scorer), totals.of(scorer) or reading.Scores()
            # Values that no gate measures may differ.
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
            # A list counts as a returned score, but the summary does not contain it.
            known = sum(not t.scores for t in trials)
            if name == found.candidate and not is_baseline and not least <= known <= most:
                raise Unproven("the rows say otherwise of errors")


def by_rows(gate: dict, found: Evidence) -> bool:
    """Whether a gate is measured on rows. If each row has one trial, the summary is enough for a rate or a mean."""
    if gate.keys() & {"range", "where", "by"} or gate.get("evidence") == "significant":
        return True
    if gate["metric"] in ("regressed_rows", "error_rate"):
        return True
    rows = {found.candidate: found.candidate_rows, found.baseline: found.common_rows + found.removed}
    return any(totals.trials != rows[name] for name, totals in found.own.items())


def _sum(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def counted(trials: list[Trial], name: str) -> reading.Scores:
    scores = reading.Scores()
    total = 0.0
    for trial in trials:
        if name in trial.broken:
            raise Unproven(f"{name} is repeated in one trial")
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
    """Returns the fewest and the most trials without any score. A summary does not say which trials were scored."""
    scored, is_whole = [], True
    for name in totals.dimensions:
        try:
            scored.append(totals.of(name).scored)
        except Unproven:
            is_whole = False
    return max(0, totals.trials - sum(scored)) if is_whole else 0, totals.trials - max(scored, default=0)
