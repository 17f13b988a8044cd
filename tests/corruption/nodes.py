"""The position of each value in a JSON text, so that a corruption can cut it out exactly."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")


@dataclass(slots=True)
class Node:
    """A value. `start` to `end` is its text. `first` is where its key begins, if it has one."""

    kind: str
    start: int
    end: int
    first: int
    key: str | None
    parent: Node | None
    children: list[Node] = field(default_factory=list)


@functools.lru_cache(maxsize=64)
def index(text: str) -> list[Node]:
    """Returns all values of a text or of each of its lines, outer before inner ones. Callers must not change them."""
    found: list[Node] = []
    at = _SPACE.match(text).end()
    while at < len(text):
        at = _value(text, at, at, None, None, found)
        at = _SPACE.match(text, at).end()
    return found


def _value(text: str, at: int, first: int, key: str | None, parent: Node | None, found: list[Node]) -> int:
    opening = text[at]
    node = Node("", at, at, first, key, parent)
    found.append(node)
    if parent is not None:
        parent.children.append(node)
    if opening in "{[":
        node.kind, closing = ("object", "}") if opening == "{" else ("array", "]")
        at = _SPACE.match(text, at + 1).end()
        while text[at] != closing:
            start, name = at, None
            if closing == "}":
                name = _STRING.match(text, at)
                at = _SPACE.match(text, name.end()).end()
                at = _SPACE.match(text, at + 1).end()
                name = name.group()[1:-1]
            at = _value(text, at, start, name, node, found)
            at = _SPACE.match(text, at).end()
            if text[at] == ",":
                at = _SPACE.match(text, at + 1).end()
        node.end = at + 1
    elif opening == '"':
        node.kind, node.end = "string", _STRING.match(text, at).end()
    else:
        node.end = _PLAIN.match(text, at).end()
        node.kind = {"t": "bool", "f": "bool", "n": "null"}.get(opening, "number")
    return node.end
