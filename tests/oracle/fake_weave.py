"""A small Weave server on loopback. It knows raw rows only, and answers with what the server computes of them:
pages of rows, and a summary that is made row by row as the published reference implementation makes it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from evidence import Evidence, Run, Trial

PROJECT = "my-team/bot"


def nested(scores: dict, keys: dict) -> dict:
    """A trial's scores as scorers return them: `tone.score: 1` is `{"tone": {"score": 1}}`."""
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
    """The leaves of what a scorer returned that are a dimension's score: no null and no list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, (bool, int, float, str)):
        yield path, value


def usage(trials: list[Trial], of) -> float | int | None:
    known = [of(trial) for trial in trials if of(trial) is not None]
    return sum(known) if known else None


class Served:
    """A run as the server holds it."""

    def __init__(self, run: Run, keys: dict):
        self.run = run
        self.rows = {row.digest: row for row in run.rows}
        self.scores = {row.digest: [nested(t.scores, keys) for t in row.trials] for row in run.rows}

    def status(self) -> dict:
        name, version = self.run.evaluation
        return {
            "evaluation_run_id": self.run.id,
            "evaluation": f"weave:///{PROJECT}/object/{name}:{version}",
            "model": f"weave:///{PROJECT}/object/bot:v1",
            "status": self.run.status,
            "started_at": self.run.started_at.isoformat(),
            "finished_at": self.run.finished_at and self.run.finished_at.isoformat(),
            "summary": None,
            "source_evaluation_run_id": None,
        }

    def trials(self, digest: str, calls: bool, costs: bool) -> list[dict]:
        """What the server has of a row's trials: the predict calls only where they are asked for."""
        made = []
        for number, trial in enumerate(self.rows[digest].trials):
            call = f"{self.run.id}-{digest}-{number}"
            made.append(
                {
                    "predict_and_score_call_id": call,
                    "predict_call_id": f"{call}-p" if calls else None,
                    "model_output": f"answer {number}",
                    "scores": self.scores[digest][number],
                    "model_latency_seconds": trial.latency if calls else None,
                    "total_tokens": trial.tokens if calls else None,
                    "total_cost": trial.cost if calls and costs else None,
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
        name, version = self.run.evaluation
        return {
            "evaluation_call_id": self.run.id,
            "trial_count": len(trials),
            "scorer_stats": list(stats.values()),
            "predict_total_tokens": usage(trials, lambda t: t.tokens) if calls else None,
            "predict_total_cost": usage(trials, lambda t: t.cost) if calls and costs else None,
            "evaluation_ref": f"weave:///{PROJECT}/object/{name}:{version}",
            "model_ref": f"weave:///{PROJECT}/object/bot:v1",
            "display_name": self.run.id,
            "trace_id": "t",
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
    """The server: `serve` puts a case's runs in the place of the last one's."""

    def __init__(self) -> None:
        self.runs: dict[str, Served] = {}
        self.unexpected: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def serve(self, evidence: Evidence) -> None:
        runs = [run for run in (evidence.candidate, evidence.baseline) if run]
        self.runs = {run.id: Served(run, evidence.keys) for run in runs}
        self.unexpected = []

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

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
            answer["summary"] = {"row_count": len(chosen), "evaluations": evaluations}
        return answer

    @staticmethod
    def _filtered(digests: list[str], filters) -> list[str]:
        """Only filters by digest are known: an equality, or one of several."""
        wanted = set(literals(filters)) if filters else None
        return digests if wanted is None else [digest for digest in digests if digest in wanted]

    def _row(self, digest: str, ids: list[str], body: dict, calls: bool, costs: bool) -> dict:
        of = [self.runs[id] for id in ids if id in self.runs and digest in self.runs[id].rows]
        raw = of[0].rows[digest].inputs if body.get("include_raw_data_rows") else None
        return {
            "row_digest": digest,
            "raw_data_row": raw,
            "evaluations": [
                {"evaluation_call_id": run.run.id, "trials": run.trials(digest, calls, costs)} for run in of
            ],
        }


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
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            prefix = f"/v2/{PROJECT}/evaluation_runs/"
            id = self.path.removeprefix(prefix)
            if self.path.startswith(prefix) and id in weave.runs:
                return self._answer(200, weave.runs[id].status())
            if not self.path.startswith(prefix):
                weave.unexpected.append(f"GET {self.path}")
            return self._answer(404, {"reason": f"Evaluation run {id} not found"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == f"/v2/{PROJECT}/eval_results/query":
                return self._answer(200, weave.results(body))
            if self.path == "/calls/stream_query":
                # Nothing was logged by EvaluationLogger, and no run is looked for by name.
                return self._answer(200, None)
            weave.unexpected.append(f"POST {self.path}")
            return self._answer(404, {"detail": "Not Found"})

    return Handler
