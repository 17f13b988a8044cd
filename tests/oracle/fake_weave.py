"""A small Weave server on loopback. It stores only raw rows, and computes its answers from them: pages of rows, root
calls of runs, and a summary that is computed row by row, as in the published reference implementation."""

from __future__ import annotations

import fnmatch
import json
import operator
import threading
import urllib.parse
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from evidence import Run, Trial

PROJECT = "my-team/bot"


def nested(scores: dict, keys: dict) -> dict:
    """Returns a trial's scores as scorers return them: `tone.score: 1` is `{"tone": {"score": 1}}`."""
    tree: dict = {}
    for name, score in scores.items():
        key, path = keys.get(name) or (name.split(".", 1) + [None])[:2]
        *outer, last = [key] + (path.split(".") if path else [])
        place = tree
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = score
    return tree


def leaves(value, path=()):
    """Returns the leaves of a scorer's returned value that are scores of a dimension: no null and no list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, (bool, int, float, str)):
        yield path, value


def usage(trials: list[Trial], of) -> float | int | None:
    known = [of(trial) for trial in trials if of(trial) is not None]
    return sum(known) if known else None


class Served:
    """A run as the server stores it."""

    def __init__(self, run: Run, keys: dict):
        self.run = run
        self.rows = {row.digest: row for row in run.rows}
        self.scores = {row.digest: [nested(t.scores, keys) for t in row.trials] for row in run.rows}

    @property
    def trace(self) -> str:
        """Returns the id of its trace. For a run of the v2 API it is the run's id."""
        return self.run.id if self.run.kind == "v2" else f"trace-of-{self.run.id}"

    def evaluation(self) -> str:
        name, version = self.run.evaluation
        return f"weave:///{PROJECT}/object/{name}:{version}"

    def model(self) -> str:
        name, version = self.run.model
        return f"weave:///{PROJECT}/object/{name}:{version}"

    def objects(self) -> dict[str, dict]:
        """Returns its evaluation, the dataset and the scorers, by their references."""
        setup = self.run.setup
        if setup is None:
            return {self.evaluation(): {"scorers": []}}
        start = f"weave:///{PROJECT}/object"
        scorers = {f"{start}/{name}:{version}": {"model_id": version} for name, version in setup.scorers.items()}
        dataset = f"{start}/rows:{setup.dataset}"
        evaluation = {"scorers": list(scorers), "dataset": dataset}
        of_evaluation = {self.evaluation(): evaluation} if setup.exists else {}
        return {**scorers, dataset: {"rows": f"table {setup.dataset}"}, **of_evaluation}

    def stored(self) -> int:
        """Returns how many calls its trace has."""
        default = 1 + sum(len(row.trials) for row in self.run.rows)
        return self.run.stored if self.run.stored is not None else self.run.counted or default

    def times(self) -> dict:
        ended = self.run.finished_at
        return {"started_at": self.run.started_at.isoformat(), "ended": ended and ended.isoformat()}

    def status(self) -> dict:
        """Returns the run's status as the v2 API reports it."""
        times = self.times()
        return {
            "evaluation_run_id": self.run.id,
            "evaluation": self.evaluation(),
            "model": self.model(),
            "status": self.run.status,
            "started_at": times["started_at"],
            "finished_at": times["ended"],
            "summary": self.root()["summary"],
            "source_evaluation_run_id": self.run.source,
        }

    def root(self) -> dict:
        """Returns its root call."""
        run, times = self.run, self.times()
        ends = run.status != "running"
        weave = {"completed": "success", "failed": "error", "running": "running"}[run.status]
        summary: dict = {"weave": {"status": weave, "display_name": run.display_name}}
        if run.counted is not None and ends:
            summary["status_counts"] = {"success": run.counted - 1, "error": 1}
        if run.served:
            summary["usage"] = {name: {"requests": 1} for name in run.served}
        of_weave: dict = {"source": "python-sdk"}
        attributes = {**run.attributes, "weave": of_weave}
        if run.kind == "v2":
            of_weave |= {"evaluation_run": "true", "evaluation": self.evaluation(), "model": self.model()}
            if run.source:
                of_weave["source_evaluation_run_id"] = run.source
        if run.kind == "logger":
            attributes["_weave_eval_meta"] = {"imperative": True}
        name = "Evaluation.evaluate"
        return {
            "id": run.id,
            "project_id": PROJECT,
            "op_name": name if run.kind == "v2" else f"weave:///{PROJECT}/op/{name}:abcdef",
            "display_name": run.display_name,
            "trace_id": self.trace,
            "parent_id": None if run.is_root else "outer",
            "thread_id": None,
            "turn_id": None,
            "started_at": times["started_at"],
            "ended_at": times["ended"],
            "exception": '{"type": "ValueError", "message": "x"}' if run.status == "failed" else None,
            "attributes": attributes,
            "inputs": {"self": self.evaluation(), "model": self.model()},
            "output": {"output": {}, **dict.fromkeys(run.silent)} if run.status == "completed" and run.has_output else None,
            "summary": summary,
            "wb_user_id": "someone",
            "wb_run_id": None,
            "wb_run_step": None,
            "deleted_at": None,
            "storage_size_bytes": None,
            "total_storage_size_bytes": None,
        }

    def trials(self, digest: str, calls: bool, costs: bool) -> list[dict]:
        """Returns the stored trials of a row. They include the predict calls only on request."""
        made = []
        for number, trial in enumerate(self.rows[digest].trials):
            call = f"{self.run.id}-{digest}-{number}"
            made.append(
                {
                    "predict_and_score_call_id": call,
                    "predict_call_id": f"{call}-p" if calls and trial.called else None,
                    "model_output": trial.output and f"{trial.output} {number}",
                    "scores": self.scores[digest][number],
                    "model_latency_seconds": trial.latency if calls else None,
                    "total_tokens": trial.tokens if calls else None,
                    "total_cost": trial.cost if calls and costs and trial.called else None,
                    "scorer_call_ids": {},
                }
            )
        return made

    def summary(self, digests: list[str], calls: bool, costs: bool) -> dict:
        stats: dict[tuple, dict] = {}
        trials = [trial for digest in digests for trial in self.rows[digest].trials]
        for digest in digests:
            for scores in self.scores[digest]:
                for (key, *path), value in leaves(scores):
                    self._count(stats, key, ".".join(path) or None, value)
        return {
            "evaluation_call_id": self.run.id,
            "trial_count": len(trials),
            "scorer_stats": list(stats.values()),
            "predict_total_tokens": usage(trials, lambda t: t.tokens) if calls else None,
            "predict_total_cost": usage([t for t in trials if t.called], lambda t: t.cost)
            if calls and costs
            else None,
            "evaluation_ref": self.evaluation(),
            "model_ref": self.model(),
            "display_name": self.run.display_name or self.run.id,
            "trace_id": self.trace,
            "started_at": self.run.started_at.isoformat(),
        }

    @staticmethod
    def _count(stats: dict, key: str, path: str | None, value) -> None:
        kind = "binary" if isinstance(value, bool) else "text" if isinstance(value, str) else "continuous"
        of = stats.setdefault(
            (key, path),
            {
                "scorer_key": key,
                "path": path,
                "value_type": kind,
                "trial_count": 0,
                "numeric_count": 0,
                "numeric_mean": None,
                "pass_true_count": 0,
                "pass_known_count": 0,
            },
        )
        of["trial_count"] += 1
        if kind == "binary":
            of["pass_known_count"] += 1
            of["pass_true_count"] += int(value)
        elif kind == "continuous":
            total = (of["numeric_mean"] or 0.0) * of["numeric_count"]
            of["numeric_count"] += 1
            of["numeric_mean"] = (total + float(value)) / of["numeric_count"]


class Weave:
    """The server. `serve` replaces the runs of the last case by the runs of another case."""

    def __init__(self) -> None:
        self.runs: dict[str, Served] = {}
        self.unexpected: list[str] = []
        # Whether it filters root calls by a query. If not, the client must filter them.
        self.filters = True
        self.shuffled = False
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def serve(self, runs: list[Run], keys: dict, filters: bool = True, shuffled: bool = False) -> None:
        """Replaces the runs. With `shuffled`, everything that has no order is returned in another order, which is the
        same each time."""
        self.runs = {run.id: Served(run, keys) for run in (reversed(runs) if shuffled else runs)}
        self.filters, self.shuffled = filters, shuffled
        self.unexpected = []

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def listed(self, query: str) -> list[dict]:
        """Returns runs through the v2 API, oldest first."""
        asked = urllib.parse.parse_qs(query)
        known = {"evaluations", "models", "evaluation_run_ids", "limit", "offset"}
        self.unexpected += [f"evaluation_runs?{key}" for key in asked.keys() - known]
        found = [served for served in self._by_age() if served.run.kind == "v2"]
        for key, of in (("evaluations", Served.evaluation), ("models", Served.model)):
            if key in asked:
                found = [served for served in found if any(fnmatch.fnmatchcase(of(served), one) for one in asked[key])]
        start = int(asked.get("offset", ["0"])[0])
        limit = asked.get("limit")
        return [served.status() for served in found[start : start + int(limit[0]) if limit else None]]

    def _by_age(self) -> list[Served]:
        return sorted(self.runs.values(), key=lambda served: (served.run.started_at, served.run.id))

    def calls(self, body: dict) -> list[dict]:
        """Returns the root calls that match a request. No call within a trial raises here."""
        if (body.get("filter") or {}).get("parent_ids"):
            return []
        found = [served.root() for served in self._by_age() if self._is_asked_for(served, body.get("filter") or {})]
        if self.filters and body.get("query"):
            found = [call for call in found if is_true(body["query"]["$expr"], call)]
        if not body.get("sort_by"):
            found = self._any_order(found)
        for by in reversed(body.get("sort_by") or []):
            found.sort(key=lambda call: call[by["field"]], reverse=by["direction"] == "desc")
        start, limit = body.get("offset") or 0, body.get("limit")
        return found[start : start + limit if limit is not None else None]

    def _is_asked_for(self, served: Served, wanted: dict) -> bool:
        known = {"op_names", "call_ids", "trace_ids", "trace_roots_only", "input_refs"}
        self.unexpected += [f"filter.{key}" for key in wanted.keys() - known]
        call = served.root()
        ops = wanted.get("op_names")
        refs = wanted.get("input_refs")
        return (
            (not ops or any(matches(call["op_name"], op) for op in ops))
            and (not wanted.get("call_ids") or call["id"] in wanted["call_ids"])
            and (not wanted.get("trace_ids") or call["trace_id"] in wanted["trace_ids"])
            and not (wanted.get("trace_roots_only") and call["parent_id"])
            and (not refs or any(matches(value, ref) for value in call["inputs"].values() for ref in refs))
        )

    def count(self, body: dict) -> int:
        """Returns how many calls there are, of whole traces or among root calls that match a request."""
        wanted = body.get("filter") or {}
        if wanted.get("trace_ids"):
            return sum(served.stored() for served in self.runs.values() if served.trace in wanted["trace_ids"])
        return len(self.calls({**body, "limit": None, "offset": 0, "sort_by": None}))

    def results(self, body: dict) -> dict:
        ids = list(dict.fromkeys(body.get("evaluation_run_ids") or body.get("evaluation_call_ids") or []))
        calls, costs = body.get("include_predict_and_score_children", True), body.get("include_costs", False)
        has = {id: set(self.runs[id].rows) if id in self.runs else set() for id in ids}
        union = sorted(set().union(*has.values()))
        common = sorted(set.intersection(*has.values())) if ids else []
        answer: dict = {"rows": [], "total_rows": 0, "summary": None, "warnings": []}
        if body.get("include_rows", True):
            chosen = common if body.get("require_intersection") else union
            chosen = self._filtered(chosen, body.get("filters"))
            limit = body.get("limit")
            start = max(body.get("offset", 0), 0)
            page = chosen[start : start + limit if limit is not None else None]
            answer["rows"] = [self._row(digest, ids, body, calls, costs) for digest in page]
            answer["total_rows"] = len(chosen)
        if body.get("include_summary"):
            both = body.get("summary_require_intersection")
            both = body.get("require_intersection") if both is None else both
            chosen = common if both and len(ids) > 1 else union
            evaluations = []
            for id in ids:
                digests = [digest for digest in chosen if digest in has[id]]
                if digests:
                    evaluations.append(self.runs[id].summary(digests, calls, costs))
            answer["summary"] = {"row_count": len(chosen), "evaluations": self._any_order(evaluations)}
        return answer

    def _any_order(self, things: list) -> list:
        return things[::-1] if self.shuffled else things

    @staticmethod
    def _filtered(digests: list[str], filters) -> list[str]:
        """Filters digests. Supports only filters by digest: equal to one, or one of several."""
        wanted = set(literals(filters)) if filters else None
        return digests if wanted is None else [digest for digest in digests if digest in wanted]

    def _row(self, digest: str, ids: list[str], body: dict, calls: bool, costs: bool) -> dict:
        of = [self.runs[id] for id in ids if id in self.runs and digest in self.runs[id].rows]
        raw = of[0].rows[digest].inputs if body.get("include_raw_data_rows") else None
        return {
            "row_digest": digest,
            "raw_data_row": raw,
            "evaluations": self._any_order(
                [
                    {"evaluation_call_id": run.run.id, "trials": self._any_order(run.trials(digest, calls, costs))}
                    for run in of
                ]
            ),
        }


def matches(ref: str, pattern: str) -> bool:
    """Whether a reference matches a pattern. `:*` at its end matches any version."""
    return ref == pattern or (pattern.endswith(":*") and ref.rsplit(":", 1)[0] == pattern[:-2])


def is_true(expression: dict, call: dict) -> bool:
    """Whether a query matches a call."""
    ((operation, parts),) = expression.items()
    if operation == "$and":
        return all(is_true(part, call) for part in parts)
    if operation == "$or":
        return any(is_true(part, call) for part in parts)
    if operation == "$not":
        return not any(is_true(part, call) for part in parts)
    if operation == "$eq":
        one, other = (operand(part, call) for part in parts)
        if other is None:
            # A column can be null. A comparison with an attribute that was never logged finds nothing.
            return one is None and not parts[0]["$getField"].startswith("attributes.")
        return one is not None and is_like(one, other)
    if operation == "$in":
        one = operand(parts[0], call)
        return any(is_like(one, operand(part, call)) for part in parts[1])
    if operation == "$contains":
        return str(operand(parts["substr"], call)) in str(operand(parts["input"], call) or "")
    if operation in COMPARISONS:
        one, other = (moment(operand(part, call)) for part in parts)
        return one is not None and COMPARISONS[operation](one, other)
    raise ValueError(f"not known: {operation}")


COMPARISONS = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


def moment(value):
    """Returns a time in seconds, as the server compares it with a number."""
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value
    except ValueError:
        return value


def operand(part: dict, call: dict):
    if "$literal" in part:
        return part["$literal"]
    if "$convert" in part:
        return operand(part["$convert"]["input"], call)
    value = call
    for key in part["$getField"].split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def is_like(one, other) -> bool:
    """Compares a number with a text by value, as the server does."""
    if type(one) is type(other):
        return one == other
    try:
        return float(one) == float(other)
    except (TypeError, ValueError):
        return str(one).lower() == str(other).lower()


def literals(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$literal":
                yield value
            else:
                yield from literals(value)
    elif isinstance(node, list):
        for value in node:
            yield from literals(value)


def handler(weave: Weave) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_args) -> None:
            pass

        def _answer(self, status: int, body) -> None:
            self._send(status, "application/json", json.dumps(body))

        def _lines(self, lines: list[dict]) -> None:
            self._send(200, "application/jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))

        def _send(self, status: int, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            listing = f"/v2/{PROJECT}/evaluation_runs"
            id = path.removeprefix(f"{listing}/")
            if path == listing:
                return self._lines(weave.listed(query))
            if path.startswith(f"{listing}/") and id in weave.runs:
                return self._answer(200, weave.runs[id].status())
            if not path.startswith(f"{listing}/"):
                weave.unexpected.append(f"GET {self.path}")
            return self._answer(404, {"reason": f"Evaluation run {id} not found"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == f"/v2/{PROJECT}/eval_results/query":
                return self._answer(200, weave.results(body))
            if self.path == "/calls/stream_query":
                return self._lines(weave.calls(body))
            if self.path == "/calls/query_stats":
                return self._answer(200, {"count": weave.count(body), "has_more": False})
            if self.path == "/refs/read_batch":
                objects = {ref: of for served in weave.runs.values() for ref, of in served.objects().items()}
                return self._answer(200, {"vals": [objects.get(ref) for ref in body["refs"]]})
            weave.unexpected.append(f"POST {self.path}")
            return self._answer(404, {"detail": "Not Found"})

    return Handler
