"""Records the real server's answers to a few checks that pass: one file of exchanges for each policy.

Usage: WEAVE_GATE=target/debug/weave-gate target/live-venv/bin/python tests/corruption/record.py [NAME…]

Uses the server, the SDK and the models of the live suite (`tests/live/run` makes the environment). Keeps the answers
exactly, except for the software versions of this machine. A corruption may lead to requests that the passing check does
not make, such as a search after a run disappeared from a list. The answers to these requests are recorded, too.
"""

from __future__ import annotations

import http.client
import http.server
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Callable

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]

import conftest  # noqa: E402
import scenarios  # noqa: E402
from cases import ENTITY, POLICIES, PROJECT  # noqa: E402
from scenarios import Bot, correctness, evaluate, flaky, log, safety, tone  # noqa: E402


# What the SDK logs about the machine that it runs on.
MACHINE = re.compile(rb'"(sys_version|os_version|os_release)": ?"[^"]*"')


class Recorder:
    """Forwards requests to the real server, and keeps the requests and the answers."""

    def __init__(self, url: str) -> None:
        self.exchanges: dict[tuple[str, str, str], dict] = {}
        # Removes these runs from all lists, as if they did not exist.
        self.hides: tuple[str, ...] = ()
        # Reports one call fewer for these traces.
        self.shortens: tuple[str, ...] = ()
        recorder = self
        upstream = urllib.parse.urlsplit(url)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=60)
                headers = {
                    "authorization": self.headers["authorization"],
                    "content-type": "application/json",
                }
                connection.request(self.command, self.path, body or None, headers)
                response = connection.getresponse()
                answer = MACHINE.sub(rb'"\1":"recorded"', response.read())
                kind = response.headers["content-type"]
                connection.close()
                key = (self.command, self.path, body.decode())
                recorder.exchanges[key] = {
                    "method": self.command,
                    "path": self.path,
                    "body": body.decode(),
                    "status": response.status,
                    "type": kind,
                    "answer": answer.decode(),
                }
                lines = answer.splitlines(keepends=True)
                if "jsonl" in kind and "call_ids" not in body.decode():
                    answer = b"".join(line for line in lines if json.loads(line)["id"] not in recorder.hides)
                if any(trace in body.decode() for trace in recorder.shortens):
                    answer = re.sub(rb'"count":\d+', b'"count":1', answer)
                self.send_response(response.status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = pass_on

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()


def questions(numbers: range) -> list[dict]:
    """Returns rows with the inputs that slices use."""
    topics = ("billing", "delivery", "returns")
    return [
        {
            "question": f"question {number}",
            "expected": f"answer {number}",
            "topic": topics[number % 3],
            "golden": number % 6 == 0,
        }
        for number in numbers
    ]


def runs(name: str) -> list[str]:
    """Logs the runs of a policy, and returns the options that name them."""
    scorers = [correctness, tone, safety]
    scored = [correctness, tone]

    def pair(ours: dict, theirs: dict, **more: object) -> list[str]:
        baseline = evaluate(Bot(**theirs), name=name, **more)
        candidate = evaluate(Bot(**ours), name=name, **more)
        return ["--candidate", candidate, "--baseline", baseline]

    match name:
        case "summary":
            return pair(
                {"wrong": [3], "crash": [7]}, {"wrong": [5]}, rows=questions(range(24)), scorers=scorers
            )
        case "rows":
            # Row 13 stays wrong, row 8 changes, and row 10 is missing.
            return pair(
                {"wrong": [8, 13], "crash": [10]}, {"wrong": [13]}, rows=questions(range(24)), scorers=scored
            )
        case "usage":
            return pair({"tokens": 100}, {"tokens": 96}, rows=questions(range(20)), scorers=[correctness])
        case "reruns":
            topic, main = POLICIES[name]["candidate"]["commit"], "5afe" * 10

            def again(sha: str, branch: str, wrong: list[int]) -> None:
                evaluate(
                    flaky(wrong),
                    questions(range(12)),
                    scored,
                    name="again",
                    attributes={"git_sha": sha, "git_branch": branch},
                )

            for wrong in ([1], [2]):
                again(main, "main", wrong)
            # The candidate's commit gives other answers in each run, with the same version of the model.
            for wrong in ([3], [], [5]):
                again(topic, "topic", wrong)
            again("0" * 40, "main", [4, 5, 6])
            return []
        case "found":

            def nightly(wrong: list[int], **attributes: str) -> None:
                evaluate(
                    flaky(wrong),
                    questions(range(12)),
                    [correctness],
                    name="nightly",
                    attributes=attributes,
                )

            nightly([1], git_branch="main", git_sha="a1")
            nightly([2], git_branch="main", git_sha="a2")
            nightly([3], git_branch="topic", git_sha="abc")
            nightly([4], git_branch="topic", git_sha="abc")
            nightly([5], git_branch="main", git_sha="a3")
            return []
        case "moved":
            baseline = evaluate(Bot(wrong=[5]), questions(range(20)), [correctness], name="moved")
            candidate = evaluate(Bot(wrong=[6]), questions(range(2, 24)), [correctness], name="moved")
            return ["--candidate", candidate, "--baseline", baseline]
        case "logged":
            scores: list[dict] = [{"correct": True, "quality": 0.9} for _ in range(12)]
            scores[3] = {"quality": 0.7}
            scores[5] = {"correct": False, "quality": 0.2}
            scores[8] = {"correct": True}
            return ["--candidate", log(scores, name="logged")]
        case "saved":
            return pair({"wrong": [4, 9]}, {"wrong": [9]}, rows=questions(range(20)), scorers=scored)
        case "trials":
            rows = questions(range(9))
            return pair({"wrong": [4]}, {"wrong": [7]}, rows=rows, scorers=scored, trials=3)
    raise ValueError(name)


def record(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        world = conftest.World(work)
        named = runs(name)
        policy = work / "gates.yaml"
        policy.write_text(json.dumps(POLICIES[name]))
        project = ["--project", f"{ENTITY}/{PROJECT}"]
        snapshot: list[dict] = []
        if name == "saved":
            baseline = named[named.index("--baseline") + 1]
            options = ["-o", "saved.json", "--base-url", world.running.url, *project]
            world.run("snapshot", baseline, *options).check_returncode()
            # The snapshot file is read and corrupted like an answer.
            file = {"method": "FILE", "path": "saved.json", "body": "", "status": 200, "type": "application/json"}
            saved = MACHINE.sub(rb'"\1":"recorded"', (work / "saved.json").read_bytes())
            (work / "saved.json").write_bytes(saved)
            snapshot = [{**file, "answer": saved.decode()}]
            named[named.index("--baseline") + 1] = "file:saved.json"
        recorder = Recorder(world.running.url)
        options = ["--base-url", recorder.url, *project]

        def check() -> subprocess.CompletedProcess:
            return world.run("check", str(policy), *named, *options)

        done = check()
        if done.returncode != 0:
            raise SystemExit(f"{name} does not pass:\n{done.stdout}{done.stderr}")
        asked = len(recorder.exchanges) + len(snapshot)
        if not named:
            _record_others(recorder, check)
        recorder.stop()
        world.running.stop()
        scenarios.use(None)
        exchanges = [*snapshot, *recorder.exchanges.values()]
        # Ops that were logged to an earlier server are not sent to this one, so they cannot be read.
        known = {"/refs/read_batch": (200, 404)}
        if any(exchange["status"] not in known.get(exchange["path"], (200,)) for exchange in exchanges):
            raise SystemExit(f"{name}: not all was answered")
        recorded = {"options": named, "asked": asked, "exchanges": exchanges}
        path = HERE / "recorded" / f"{name}.json"
        path.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
        print(f"{path.name}: {len(exchanges)} exchanges, {path.stat().st_size} bytes")


def _record_others(recorder: Recorder, check: Callable[[], object]) -> None:
    """Records the requests that the gate makes if runs are not in the lists or are incomplete."""
    found: dict[str, str] = {}
    for exchange in list(recorder.exchanges.values()):
        if '"query"' in exchange["body"]:
            for line in exchange["answer"].splitlines():
                call = json.loads(line)
                found[call["id"]] = call["trace_id"]
    for number in range(1, len(found)):
        for hides in itertools.combinations(found, number):
            recorder.hides = hides
            check()
    recorder.hides = ()
    for number in range(1, len(found)):
        for shortens in itertools.combinations(found.values(), number):
            recorder.shortens = shortens
            check()


if __name__ == "__main__":
    os.environ["WEAVE_GATE"] = str(pathlib.Path(os.environ["WEAVE_GATE"]).resolve())
    for wanted in sys.argv[1:] or list(POLICIES):
        record(wanted)
