"""Reads answers of Weave strictly, without any code of the gate.

Follows the documentation of the API. A value that is missing, has another type, or contradicts another value that a
policy depends on raises `Unproven` and is not evidence.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from answer import Answer

# The largest integer that a floating-point number holds exactly, and the largest that JSON readers accept.
MOST = 2**53
LARGEST = 2**64 - 1
TOLERANCE = 1e-9


class Unproven(Exception):
    """The answers do not contain what a policy depends on."""


class Map(dict):
    """A JSON object, and its keys that occur twice with different values."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: set[str] = set()
        if len(self) < len(pairs):
            first: dict[str, Any] = {}
            for key, value in pairs:
                known = first.setdefault(key, value)
                if not same(known, value):
                    self.repeated.add(key)

    def get(self, key: str, default: Any = None) -> Any:
        if key in self.repeated:
            raise Unproven(f"{key} is repeated")
        return super().get(key, default)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and have the same type: 1 is not true, and 1 is not 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def parse(body: bytes) -> Any:
    try:
        text = body.decode("utf-8", "surrogateescape")
        return json.loads(text, object_pairs_hook=Map, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise Unproven(f"not JSON: {error}") from None


def obj(value: Any) -> Map:
    if not isinstance(value, Map):
        raise Unproven(f"not an object: {value!r:.60}")
    return value


def array(value: Any) -> list:
    if not isinstance(value, list):
        raise Unproven(f"not a list: {value!r:.60}")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unproven(f"not a text: {value!r:.60}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unproven("not text") from None
    return value


def maybe_text(value: Any) -> str | None:
    return None if value is None else text(value)


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise Unproven(f"not a count: {value!r:.60}")
    return value


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unproven(f"not a number: {value!r:.60}")
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise Unproven("not a finite number")
    return value


def maybe(read: Any, value: Any) -> Any:
    return None if value is None else read(value)


def time(value: Any) -> datetime:
    value = text(value)
    dashed = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|z|[+-]\d\d:\d\d)?"
    if not re.fullmatch(rf"{dashed}|\d{{8}}T\d{{6}}Z", value):
        raise Unproven(f"not a time: {value:.40}")
    if value[-1] not in "zZ" and value[-6] not in "+-":
        value += "Z"
    try:
        return datetime.fromisoformat(value.upper())
    except (ValueError, OverflowError):
        raise Unproven(f"not a time: {value:.40}") from None


def agree(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE * max(1.0, abs(other))


@dataclass
class Scores:
    """The counts of one dimension."""

    scored: int = 0
    judged: int = 0
    passed: int = 0
    measured: int = 0
    mean: float | None = None
    #: Whether the server's own pass rate differs from these counts.
    doubtful: bool = field(default=False, compare=False)

    def is_sound(self, trials: int) -> bool:
        return (
            self.passed <= self.judged
            and self.judged + self.measured <= self.scored <= trials
            and (self.mean is None or self.measured > 0)
        )


@dataclass
class Totals:
    trials: int
    dimensions: dict[str, Scores]
    #: Names that belong to more than one dimension.
    ambiguous: set[str] = field(default_factory=set)
    tokens: int | None = None
    cost: float | None = None

    def of(self, name: str) -> Scores | None:
        if name in self.ambiguous:
            raise Unproven(f"{name} is ambiguous")
        scores = self.dimensions.get(name)
        if scores is not None and not scores.is_sound(self.trials):
            raise Unproven(f"the counts of {name} contradict each other")
        return scores


@dataclass
class Summary:
    rows: int
    runs: dict[str, Totals]

    def run(self, name: str) -> Totals:
        if name not in self.runs:
            raise Unproven("a run is not in the summary")
        return self.runs[name]


@dataclass
class Trial:
    #: The leaves of the scores by dimension. Ambiguous dimensions are in `broken`.
    scores: dict[str, bool | float | str]
    broken: set[str]
    #: Whether anything was scored, including values that are not leaves, such as a list; `None` if unknown.
    is_scored: bool | None
    latency: float | None
    tokens: int | None
    cost: float | None
    #: Whether the call crashed, or may have crashed.
    crashed: bool = False


@dataclass
class Row:
    digest: str
    inputs: Any
    trials: dict[str, list[Trial]]


@dataclass
class Root:
    """The root call of a run."""

    id: str
    trace: str
    has_parent: bool
    evaluation: str | None
    #: The model's name and version.
    model: tuple[str, str] | None
    display_name: str | None
    #: Whether `EvaluationLogger` logged the run, and whether it logged a summary.
    is_logged: bool
    has_output: bool
    attributes: Map
    started: datetime
    ended: datetime | None
    failed: bool
    source: str | None
    #: The number of calls that the run made, if the run says it.
    calls: int | None

    @property
    def is_completed(self) -> bool:
        return self.ended is not None and not self.failed


def body_of(answer: Answer | None) -> bytes:
    if answer is None:
        raise Unproven("this was never recorded")
    if answer.status != 200 or answer.breaks == "always":
        raise Unproven("there is no answer")
    return answer.body


def summary(answer: Answer | None) -> Summary:
    said = obj(obj(parse(body_of(answer))).get("summary"))
    runs: dict[str, Totals] = {}
    for evaluation in array(said.get("evaluations")):
        evaluation = obj(evaluation)
        name = text(evaluation.get("evaluation_call_id"))
        if name in runs:
            raise Unproven("a run is repeated")
        runs[name] = _totals(evaluation)
        if runs[name].trials > MOST:
            raise Unproven("more trials than can be counted")
    return Summary(count(said.get("row_count")), runs)


def _scores(stats: Map) -> Scores:
    return Scores(
        scored=count(stats.get("trial_count")),
        judged=count(stats.get("pass_known_count")),
        passed=count(stats.get("pass_true_count")),
        measured=count(stats.get("numeric_count")),
        mean=maybe(number, stats.get("numeric_mean")),
    )


def _totals(evaluation: Map) -> Totals:
    totals = Totals(
        count(evaluation.get("trial_count")),
        {},
        tokens=maybe(count, evaluation.get("predict_total_tokens")),
        cost=maybe(number, evaluation.get("predict_total_cost")),
    )
    for stats in array(evaluation.get("scorer_stats")):
        stats = obj(stats)
        path = maybe_text(stats.get("path"))
        name = text(stats.get("scorer_key")) + ("" if path is None else f".{path}")
        if name in totals.dimensions:
            totals.ambiguous.add(name)
        scores = _scores(stats)
        rate = dict.get(stats, "pass_rate")
        expected = scores.passed / scores.judged if scores.judged else None
        scores.doubtful = rate != expected
        totals.dimensions[name] = scores
    return totals


@dataclass
class Snapshot:
    """A run in a file, with the number of trials of each of its rows, and with the trials."""

    run: str
    totals: Totals
    trials: dict[str, int]
    rows: dict[str, list[Trial]]


def snapshot(body: bytes, project: str) -> Snapshot:
    """Reads a file that `weave-gate snapshot` wrote of one run. Requires all of the file and knows nothing else."""
    file = obj(parse(body))
    if file.get("format") != "weave-gate-snapshot" or not same(file.get("version"), 2):
        raise Unproven("not a snapshot")
    runs = array(file.get("runs"))
    if len(runs) != 1 or file.get("project") != project:
        raise Unproven("the snapshot is of another project, or of other runs")
    saved = obj(runs[0])
    state = obj(saved.get("completeness")).get("state")
    if saved.get("status") != "completed" or state not in ("complete", "unknown"):
        raise Unproven("the run of the snapshot has not completed, or is not complete")
    run = text(saved.get("run"))
    totals = Totals(count(saved.get("trial_count")), {})
    for stats in array(saved.get("dimensions")):
        stats = obj(stats)
        name = text(stats.get("name"))
        if name in totals.dimensions or stats.get("ambiguous") is not False:
            totals.ambiguous.add(name)
        totals.dimensions[name] = _scores(stats)
    trials = {digest: count(n) for digest, n in obj(saved.get("rows")).items()}
    if obj(saved.get("rows")).repeated or 0 in trials.values() or sum(trials.values()) != totals.trials:
        raise Unproven("the rows of the snapshot are not those of its counts")
    if count(saved.get("row_count")) != len(trials):
        raise Unproven("the rows of the snapshot are not those of its counts")
    rows: dict[str, list[Trial]] = {}
    for results in map(obj, array(file.get("results"))):
        for row in map(obj, array(results.get("rows"))) if text(results.get("run")) == run else ():
            digest = text(row.get("row_digest"))
            if digest in rows:
                raise Unproven("a row of the snapshot is repeated")
            rows[digest] = [_trial(obj(trial)) for trial in array(row.get("trials"))]
    if {digest: len(of) for digest, of in rows.items()} != trials:
        raise Unproven("the scores of the snapshot are not those of its rows")
    return Snapshot(run, totals, trials, rows)


def rows(answer: Answer | None, ids: list[str], are_read: bool = True) -> list[Row]:
    """Reads all rows of some runs. They must fit into one page. With `are_read` false, the trials are empty."""
    page = obj(parse(body_of(answer)))
    found: list[Row] = []
    for row in array(page.get("rows")):
        row = obj(row)
        digest = text(row.get("row_digest"))
        # Compared as bytes. For digests this equals a comparison as text.
        if found and found[-1].digest.encode() >= digest.encode():
            raise Unproven("rows stand twice, or in another order")
        trials: dict[str, list[Trial]] = {}
        for run in array(row.get("evaluations")):
            run = obj(run)
            name = text(run.get("evaluation_call_id"))
            if name in ids and name in trials:
                raise Unproven("a row has one run twice")
            read = _trial if are_read else _unread
            trials[name] = [read(trial) for trial in _each_once([obj(trial) for trial in array(run.get("trials"))])]
        inputs = dict.get(row, "raw_data_row") if are_read else None
        found.append(Row(digest, inputs, {name: trials.get(name, []) for name in ids}))
        if are_read and "raw_data_row" in row.repeated:
            raise Unproven("a row has its inputs twice")
        if not any(found[-1].trials.values()):
            raise Unproven("a row has no trials")
    if count(page.get("total_rows")) != len(found):
        raise Unproven("rows are missing")
    return found


def _each_once(trials: list[Map]) -> list[Map]:
    """Returns the trials without those that a server has stored twice."""
    found: dict[object, Map] = {}
    for trial in trials:
        name = dict.get(trial, "predict_and_score_call_id") or id(trial)
        if name in found and not same(dict.get(found[name], "scores"), dict.get(trial, "scores")):
            raise Unproven("a trial is repeated, and differs")
        found.setdefault(name, trial)
    return list(found.values())


def _unread(_: Map) -> Trial:
    return Trial({}, set(), None, None, None, None)


def _trial(trial: Map) -> Trial:
    found = Trial(
        {},
        set(),
        None,
        maybe(number, trial.get("model_latency_seconds")),
        maybe(count, trial.get("total_tokens")),
        maybe(number, trial.get("total_cost")),
    )
    # A negative value is not a measurement.
    found.latency, found.cost = (None if value is None or value < 0 else value for value in (found.latency, found.cost))
    scores = obj(trial.get("scores"))
    _leaves(scores, "", found, False)
    somethings = [_is_something(value) for value in scores.values()]
    found.is_scored = True if True in somethings else None if None in somethings else False
    # The call returned no output. It took at least the measured time.
    found.crashed = dict.get(trial, "model_output") is None and found.is_scored is not True
    return found


def _is_something(value: Any) -> bool | None:
    """Whether a scorer that returned this value scored. An empty value is neither."""
    if isinstance(value, (Map, list)):
        inside = [_is_something(other) for other in (value.values() if isinstance(value, Map) else value)]
        return True if True in inside else None
    return value is not None


def _leaves(scores: Map, prefix: str, trial: Trial, broken: bool) -> None:
    for key, value in scores.items():
        name = prefix + key
        is_broken = broken or key in scores.repeated
        if is_broken:
            trial.broken.add(name)
        if isinstance(value, Map):
            _leaves(value, f"{name}.", trial, is_broken)
        elif isinstance(value, (bool, int, float, str)):
            if name in trial.scores:
                trial.broken.add(name)
            trial.scores[name] = value


def roots(answer: Answer | None, limit: int | None = None) -> list[Root]:
    """Returns the root calls of a list in their order, each once."""
    found: list[Root] = []
    lines = [line for line in body_of(answer).split(b"\n") if line.strip()]
    if limit is not None and len(lines) > limit:
        raise Unproven("more runs than asked for")
    for line in lines:
        call = obj(parse(line))
        run = _root(call)
        if re.fullmatch(r"(weave:///.*/op/)?Evaluation\.evaluate(:.*)?", text(call.get("op_name"))) is None:
            continue
        for other in found:
            if other.id == run.id and other != run:
                raise Unproven("a run is repeated, and differs")
        if run not in found:
            found.append(run)
    return found


def newest_first(found: list[Root]) -> list[Root]:
    """Checks that a list has the requested order."""
    if any(one.started < other.started for one, other in itertools.pairwise(found)):
        raise Unproven("the newest run is not the first")
    return found


def _root(call: Map) -> Root:
    inputs, attributes = obj(call.get("inputs", Map([]))), obj(call.get("attributes", Map([])))
    own, marks = attributes.get("weave"), attributes.get("_weave_eval_meta")
    own, marks = (known if isinstance(known, Map) else Map([]) for known in (own, marks))
    # The API stores the evaluation among the attributes.
    ref = own.get("evaluation") or inputs.get("self") or inputs.get("this")
    evaluation = _named(ref)
    return Root(
        text(call.get("id")),
        text(call.get("trace_id")),
        call.get("parent_id") is not None,
        evaluation and evaluation[0],
        _named(own.get("model") or inputs.get("model")),
        maybe_text(call.get("display_name")),
        marks.get("imperative") is True,
        call.get("output") is not None,
        attributes,
        time(call.get("started_at")),
        maybe(time, call.get("ended_at")),
        call.get("exception") is not None,
        own.get("source_evaluation_run_id"),
        maybe(_calls, maybe(obj, call.get("summary"))),
    )


def _named(ref: Any) -> tuple[str, str] | None:
    """Returns the name and the version in a reference."""
    parts = re.fullmatch(r"weave:///[^/]+/[^/]+/(?:object|op)/([^/:]+):(.*)", ref) if isinstance(ref, str) else None
    return parts and (parts.group(1), parts.group(2))


def _calls(summary: Map) -> int | None:
    counts = summary.get("status_counts")
    if counts is None:
        return None
    if obj(counts).repeated:
        raise Unproven("the counts of calls stand twice")
    return sum(count(number) for number in counts.values())


def stored(answer: Answer | None) -> int:
    """Returns how many calls of a trace the server has."""
    return count(obj(parse(body_of(answer))).get("count"))
