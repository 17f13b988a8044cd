"""Serves recorded exchanges on loopback, one case after another, each under its own path."""

from __future__ import annotations

import asyncio
import json
import re
import threading

from answer import Answer

Question = tuple[str, str, str]
# A baseline search contains the time when the candidate began. The recorded answer is used whatever that time is.
_TIME = re.compile(r'("\$getField":"started_at"\},\{"\$literal":)"[^"]*"')
_UNKNOWN = Answer(400, "application/json", json.dumps({"reason": "this was not recorded"}).encode())


def question(method: str, path: str, body: str) -> Question:
    return method, path, _TIME.sub(r'\1""', body)


class Case:
    """The answers to one check, and the requests that have no recorded answer."""

    def __init__(self, answers: dict[Question, Answer]) -> None:
        self.answers = answers
        self.broken: set[Question] = set()
        self.unknown = 0

    def answer(self, asked: Question) -> tuple[Answer, bool]:
        """Returns the answer to send, and whether the connection ends before the body does."""
        found = self.answers.get(asked)
        if found is None:
            self.unknown += 1
            return _UNKNOWN, False
        breaks = found.breaks == "always" or (found.breaks == "once" and asked not in self.broken)
        self.broken.add(asked)
        return found, breaks


class _Connection(asyncio.Protocol):
    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, path, _ = lines[0].split(" ", 2)
            self._answer(method, path, rest[:length].decode())

    def _answer(self, method: str, path: str, body: str) -> None:
        # The first part of the path names the case.
        name, _, path = path[1:].partition("/")
        case = self._replay.cases.get(name)
        answer, breaks = case.answer(question(method, "/" + path, body)) if case else (_UNKNOWN, False)
        kind = f"content-type: {answer.type}\r\n" if answer.type else ""
        head = f"HTTP/1.1 {answer.status} X\r\n{kind}content-length: {len(answer.body)}\r\n\r\n"
        sent = answer.body[: len(answer.body) // 2] if breaks else answer.body
        self._transport.write(head.encode() + sent)
        if breaks:
            self._transport.close()


class Replay:
    """A server that runs in a separate thread."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self._loop = asyncio.new_event_loop()
        started = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)
            listening = self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
            self._server = self._loop.run_until_complete(listening)
            started.set()
            self._loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
        started.wait()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
