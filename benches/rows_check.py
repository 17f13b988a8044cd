"""Measures a check on rows: two runs of many rows, five dimensions, outputs of realistic length, on loopback.

Usage, by hand and on a quiet machine, with GNU time (Debian: apt-get install time):
    cargo build --release && cargo bench --no-run --bench skip_rows
    tests/live/run --collect-only >/dev/null   # makes the virtual environment
    target/live-venv/bin/python benches/rows_check.py [ROWS]

Beside the gate it runs a program that fetches the same bytes in pages and skips them (`benches/skip_rows.rs`),
and a Python script (requests, json, SciPy) that makes the same paired test.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: docs/benchmarks.md shows this table.
RESULTS = ROOT / "benches" / "results" / "rows_check.md"
ROUNDS = 3
DIMENSIONS = 5
PAGE = 2000

GATES = "".join(
    f"  - {{name: g{n}, scorer: s{n}, metric: pass_rate, max_drop: 0.02, evidence: significant}}\n"
    for n in range(DIMENSIONS)
)
POLICY = f"version: 1\nproject: my-team/bot\ngates:\n{GATES}"

SCRIPT = """
import sys, requests
from scipy import stats
url, rows = sys.argv[1], int(sys.argv[2])
scores = {"cand": [], "base": []}
with requests.Session() as session:
    for offset in range(0, rows, 2000):
        body = {"include_rows": True, "limit": 2000, "offset": offset}
        for row in session.post(url + "/v2/my-team/bot/eval_results/query", json=body).json()["rows"]:
            for run in row["evaluations"]:
                scores[run["evaluation_call_id"]].append(list(run["trials"][0]["scores"].values()))
for one, other in zip(zip(*scores["cand"]), zip(*scores["base"])):
    print(stats.ttest_rel(one, other).pvalue)
"""


class Rows:
    """The rows of both runs as bytes, and what they sum up to."""

    def __init__(self, count: int) -> None:
        words = random.Random(1)
        text = " ".join(words.choice(["answer", "because", "the", "order", "was", "sent"]) for _ in range(150))
        self.lines = []
        self.passed = {run: [0] * DIMENSIONS for run in ("cand", "base")}
        for number in range(count):
            runs = []
            for run in ("cand", "base"):
                scores = {}
                for n in range(DIMENSIONS):
                    good = words.random() < 0.9
                    self.passed[run][n] += good
                    scores[f"s{n}"] = good
                runs.append(
                    {
                        "evaluation_call_id": run,
                        "trials": [
                            {
                                "predict_and_score_call_id": f"01a2{number:032d}",
                                "predict_call_id": None,
                                "model_output": {"text": f"{number} {text}", "tokens": number},
                                "scores": scores,
                                "model_latency_seconds": 0.5,
                                "total_tokens": None,
                                "total_cost": None,
                                "scorer_call_ids": {},
                            }
                        ],
                    }
                )
            row = {"row_digest": f"{number:043d}", "raw_data_row": None, "evaluations": runs}
            self.lines.append(json.dumps(row).encode())

    def page(self, offset: int, limit: int) -> bytes:
        rows = b",".join(self.lines[offset : offset + limit])
        return b'{"rows":[' + rows + b'],"total_rows":%d,"summary":null,"warnings":[]}' % len(self.lines)

    def summary(self) -> bytes:
        trials = len(self.lines)

        def stats(run: str, n: int) -> dict:
            return {
                "scorer_key": f"s{n}",
                "path": None,
                "trial_count": trials,
                "numeric_count": 0,
                "numeric_mean": None,
                "pass_true_count": self.passed[run][n],
                "pass_known_count": trials,
            }

        evaluations = [
            {"evaluation_call_id": run, "trial_count": trials, "scorer_stats": [stats(run, n) for n in range(DIMENSIONS)]}
            for run in ("cand", "base")
        ]
        return json.dumps({"rows": [], "total_rows": 0, "summary": {"row_count": trials, "evaluations": evaluations}}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rows: Rows

    def answer(self, body: bytes) -> None:
        self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        self.wfile.write(body)

    def root_call(self, run: str) -> bytes:
        call = {
            "id": run,
            "trace_id": f"trace-{run}",
            "op_name": "weave:///my-team/bot/op/Evaluation.evaluate:v1",
            "started_at": "2026-11-23T09:00:00Z",
            "ended_at": "2026-11-23T09:01:00Z",
            "output": {},
            "summary": {"status_counts": {"success": len(self.rows.lines), "error": 0}},
        }
        return json.dumps(call).encode() + b"\n"

    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/calls/stream_query":
            self.answer(b"".join(map(self.root_call, body["filter"]["call_ids"])))
        elif self.path == "/calls/query_stats":
            self.answer(json.dumps({"count": len(self.rows.lines)}).encode())
        elif body["include_rows"]:
            self.answer(self.rows.page(body["offset"], body["limit"]))
        else:
            self.answer(self.rows.summary())

    def log_message(self, *_args: object) -> None:
        pass


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall time in seconds and peak resident memory in MiB of one process."""
    started = time.perf_counter()
    done = subprocess.run(
        ["/usr/bin/time", "--format", "%M", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - started
    if done.returncode not in (0, 1):
        sys.exit(f"{command[0]}: {done.stderr}")
    return wall, int(re.findall(r"\d+", done.stderr)[-1]) / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    Handler.rows = Rows(count)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    work = pathlib.Path(tempfile.mkdtemp())
    (work / "gates.yaml").write_text(POLICY)
    (work / "check.py").write_text(SCRIPT)
    deps = sorted((ROOT / "target/release/deps").glob("skip_rows-*"), key=lambda path: path.stat().st_mtime)
    skip = [path for path in deps if not path.suffix][-1]
    gate = ROOT / "target/release/weave-gate"
    environment = {"PATH": os.environ["PATH"], "HOME": str(work), "WANDB_API_KEY": "k" * 40}
    commands = {
        "weave-gate": [
            str(gate), "check", str(work / "gates.yaml"), "--candidate=cand", "--baseline=base",
            "--timeout=10m", "--base-url", url,
        ],
        "Skipping": [str(skip), url, str(count), str(PAGE)],
        "Python with `requests` and SciPy": [sys.executable, str(work / "check.py"), url, str(count)],
    }
    size = sum(map(len, Handler.rows.lines)) / 1e6
    print(f"{count} rows of two runs, {DIMENSIONS} dimensions, {size:.0f} MB of JSON, {ROUNDS} rounds, medians")
    table = ["| | Wall time | Peak memory |", "| --- | ---: | ---: |"]
    for name, command in commands.items():
        rounds = [measure(command, environment) for _ in range(ROUNDS)]
        wall, memory = (statistics.median(column) for column in zip(*rounds))
        table.append(f"| {name} | {wall:.2f} s | {memory:.0f} MiB |")
        print(table[-1])
    server.shutdown()
    if len(sys.argv) == 1:
        RESULTS.write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
