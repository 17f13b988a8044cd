"""Measures a summary check: the whole process, against a server on loopback, beside Python.

Usage, by hand and on a quiet machine, with GNU time (Debian: apt-get install time):
    cargo build --release
    tests/live/run --collect-only >/dev/null   # makes the virtual environment, which has requests
    target/live-venv/bin/python benches/summary_check.py

Both programs judge the same two runs by their summaries: five requests, one floor, one drop.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
#: docs/benchmarks.md shows this table.
RESULTS = ROOT / "benches" / "results" / "summary_check.md"
ROUNDS = 40
DIMENSIONS = 20
#: Of each run; and when it began.
CALLS = 1502
STARTED = {"cand": "2026-11-23T09:00:30Z", "base": "2026-11-23T09:00:00Z"}

POLICY = """version: 1
project: my-team/bot
gates:
  - {name: floor, scorer: scorer-0, metric: pass_rate, min: 0.9}
  - {name: drop, scorer: scorer-0, metric: pass_rate, max_drop: 0.02}
"""

SCRIPT = """
import json, sys, requests
url, key = sys.argv[1], "k" * 40
with requests.Session() as session:
    session.auth = ("api", key)
    base = url + "/v2/my-team/bot"
    body = {"project_id": "my-team/bot", "filter": {"call_ids": ["cand", "base"]}}
    answer = session.post(f"{url}/calls/stream_query", json=body, timeout=60)
    answer.raise_for_status()
    for run in map(json.loads, answer.text.splitlines()):
        assert run["ended_at"] and not run["exception"]
        body = {"project_id": "my-team/bot", "filter": {"trace_ids": [run["trace_id"]]}}
        answer = session.post(f"{url}/calls/query_stats", json=body, timeout=60)
        answer.raise_for_status()
        assert answer.json()["count"] == sum(run["summary"]["status_counts"].values())
    rates = []
    for intersect in (False, True):
        body = {"evaluation_run_ids": ["cand", "base"], "include_rows": False,
                "include_summary": True, "summary_require_intersection": intersect,
                "include_predict_and_score_children": False}
        answer = session.post(f"{base}/eval_results/query", json=body, timeout=60)
        answer.raise_for_status()
        for run in answer.json()["summary"]["evaluations"]:
            (stats,) = [s for s in run["scorer_stats"] if s["scorer_key"] == "scorer-0"]
            rates.append(stats["pass_true_count"] / run["trial_count"])
    assert rates[0] >= 0.9 and rates[3] - rates[2] <= 0.02
"""


def root_call(run: str) -> bytes:
    call = {
        "id": run,
        "trace_id": f"trace-{run}",
        "parent_id": None,
        "op_name": "weave:///my-team/bot/op/Evaluation.evaluate:v1",
        "started_at": STARTED[run],
        "ended_at": "2026-11-23T09:01:00Z",
        "exception": None,
        "inputs": {
            "self": "weave:///my-team/bot/object/answers:v1",
            "model": "weave:///my-team/bot/object/bot:v1",
        },
        "attributes": {},
        "output": {},
        "summary": {"status_counts": {"success": CALLS, "error": 0}},
    }
    return json.dumps(call).encode() + b"\n"


def summary() -> bytes:
    def run(name: str) -> dict:
        stats = {
            "path": None,
            "value_type": "binary",
            "trial_count": 500,
            "numeric_count": 0,
            "numeric_mean": None,
            "pass_true_count": 470,
            "pass_known_count": 500,
            "pass_rate": 0.94,
            "pass_signal_coverage": 1.0,
        }
        return {
            "evaluation_call_id": name,
            "trial_count": 500,
            "scorer_stats": [{"scorer_key": f"scorer-{n}", **stats} for n in range(DIMENSIONS)],
        }

    runs = [run("cand"), run("base")]
    return json.dumps(
        {"rows": [], "total_rows": 0, "summary": {"row_count": 500, "evaluations": runs}}
    ).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    requests = 0

    def answer(self, body: bytes) -> None:
        Handler.requests += 1
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.wfile.write(head + body)

    def do_POST(self) -> None:  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/calls/stream_query":
            self.answer(b"".join(map(root_call, body["filter"]["call_ids"])))
        elif self.path == "/calls/query_stats":
            self.answer(json.dumps({"count": CALLS}).encode())
        else:
            self.answer(summary())

    def log_message(self, *_args: object) -> None:
        pass


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall time and CPU time of one process, in milliseconds."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, code, usage = os.wait4(process.pid, 0)
    wall = (time.perf_counter() - started) * 1000
    if code != 0:
        sys.exit(f"{command[0]} ended with {os.waitstatus_to_exitcode(code)}")
    return wall, (usage.ru_utime + usage.ru_stime) * 1000


def peak_memory(command: list[str], environment: dict[str, str]) -> float:
    """Peak resident memory in MiB. A child of this process would inherit the peak of Python."""
    done = subprocess.run(
        ["/usr/bin/time", "--format", "%M", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stderr.split()[-1]) / 1024


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    work = pathlib.Path(tempfile.mkdtemp())
    (work / "gates.yaml").write_text(POLICY)
    (work / "check.py").write_text(SCRIPT)
    gate = ROOT / "target" / "release" / "weave-gate"
    environment = {"PATH": os.environ["PATH"], "HOME": str(work), "WANDB_API_KEY": "k" * 40}
    commands = {
        f"weave-gate (binary of {gate.stat().st_size / 1e6:.2f} MB, stripped)": [
            str(gate), "check", str(work / "gates.yaml"),
            "--candidate", "cand", "--baseline", "base", "--base-url", url,
        ],
        "Python with `requests`": [sys.executable, str(work / "check.py"), url],
    }
    print(f"{ROUNDS} rounds, medians")
    table = ["| | Wall time | CPU time | Peak memory | Requests |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, command in commands.items():
        measure(command, environment)
        Handler.requests = 0
        rounds = [measure(command, environment) for _ in range(ROUNDS)]
        requests = Handler.requests / ROUNDS
        wall, cpu = (statistics.median(column) for column in zip(*rounds))
        memory = statistics.median(peak_memory(command, environment) for _ in range(5))
        table.append(f"| {name} | {wall:.1f} ms | {cpu:.1f} ms | {memory:.1f} MiB | {requests:g} |")
        print(table[-1])
    server.shutdown()
    RESULTS.write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
