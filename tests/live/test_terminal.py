"""What the terminal shows while the server is slow."""

from __future__ import annotations

import http.server
import json
import os
import pty
import select
import subprocess
import threading
import time


class Slow(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # noqa: N802
        time.sleep(2)
        self.send_error(401)

    def log_message(self, *_args: object) -> None:
        pass


def run(arguments: list[str], work: str, *, code: int = 3, typed: str | None = None, env: dict | None = None) -> str:
    """Runs the gate with stderr on a terminal, and returns the terminal's output.

    If something is typed, stdin is the terminal, too.
    """
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": work, "WANDB_API_KEY": "k" * 40, **(env or {})}
    if typed is not None:
        os.write(ours, typed.encode())
    process = subprocess.Popen(
        [os.environ["WEAVE_GATE"], *arguments],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL if typed is None else theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=5) == code, shown
    return shown.decode()


def test_a_long_wait_shows_that_it_lives(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    policy = "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n"
    (tmp_path / "gates.yaml").write_text(policy)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    arguments = ["check", "--candidate", "c", "--project", "a/b", "--base-url", url]
    shown = run(arguments, str(tmp_path))
    assert "asking Weave, 1 s" in shown
    assert shown.index("asking Weave") < shown.index("refused the API key (401)")
    # The progress line is erased before the error is written.
    assert "\r\x1b[K\x1b" in shown or "\r\x1b[Kerror" in shown
    assert "asking Weave" not in run([*arguments, "-q"], str(tmp_path))
    server.shutdown()


class Empty(http.server.BaseHTTPRequestHandler):
    """A project without any logged run."""

    def do_POST(self) -> None:  # noqa: N802
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


def test_a_long_wait_shows_one_line_that_lives(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "gates.yaml").write_text(
        "version: 1\nproject: a/b\ngates:\n- {name: g, metric: rows, min: 1}\n"
    )
    url = f"http://127.0.0.1:{server.server_port}"
    arguments = ["check", "--candidate=model=bot", "--wait=3s", "--base-url", url]
    shown = run(arguments, str(tmp_path))
    assert "\r\x1b[Kwaiting 0s of 3s for model=bot: no run matches yet" in shown
    assert "\r\x1b[Kwaiting 2s of 3s for model=bot" in shown
    # The progress line is erased before the error, and never wraps.
    before, _, after = shown.partition("error")
    assert "\n" not in before
    assert before.endswith("\r\x1b[K") or before.endswith("\x1b[1m\x1b[31m"), repr(before[-40:])
    assert "waited 3s for model=bot in a/b" in after
    quiet = run([*arguments, "-q"], str(tmp_path))
    assert "waiting" not in quiet
    server.shutdown()


class Two(http.server.BaseHTTPRequestHandler):
    """A project with a run of two evaluations each, of which the results cannot be read."""

    def do_POST(self) -> None:  # noqa: N802
        length = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(length))
        runs = [
            {
                "id": name,
                "trace_id": name,
                "op_name": "Evaluation.evaluate",
                "started_at": f"2026-11-2{day}T00:00:00Z",
                "ended_at": f"2026-11-2{day}T01:00:00Z",
                "inputs": {"self": f"weave:///a/b/object/{name}:v1"},
                "attributes": {},
            }
            for name, day in (("answers", 9), ("retrieval", 8))
        ]
        ids = asked.get("filter", {}).get("call_ids")
        found = [run for run in runs if ids is None or run["id"] in ids]
        body = "\n".join(json.dumps(run) for run in found).encode() if self.path == "/calls/stream_query" else b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


def test_one_of_several_evaluations_is_asked_for_on_a_terminal(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Two)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    arguments = ["init", "--project=a/b", "--base-url", f"http://127.0.0.1:{server.server_port}"]
    work = str(tmp_path)
    # The second evaluation is taken. Its results cannot be read from this server.
    shown = run(arguments, work, typed="2\n")
    assert " 1  answers " in shown and " 2  retrieval " in shown
    assert "which one? [1-2] " in shown
    assert "retrieval" in shown.partition("which one?")[2]
    for typed in ("3\n", "0\n", "x\n", "\n"):
        shown = run(arguments, work, code=2, typed=typed)
        assert "which one?" in shown and "name one of them" in shown
    # In CI and without a terminal on stdin, nobody is asked.
    assert "which one?" not in run(arguments, work, code=2, typed="2\n", env={"CI": "true"})
    assert "which one?" not in run(arguments, work, code=2)
    assert "which one?" not in run([*arguments, "-q"], work, code=2, typed="2\n")
    server.shutdown()
