"""What the terminal shows while the server is slow."""

from __future__ import annotations

import http.server
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


def run(arguments: list[str], work: str) -> str:
    """Runs the gate with stderr on a terminal, and returns the terminal's output."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": work, "WANDB_API_KEY": "k" * 40}
    process = subprocess.Popen(
        [os.environ["WEAVE_GATE"], *arguments],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
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
    assert process.wait(timeout=5) == 3
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
