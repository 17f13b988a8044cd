"""Corruptions: each takes one recorded answer, and returns it with one place changed.

A kind of corruption is a function from a `Corruptible` to the changed answer, or `None` if the kind does not apply.
The functions cut the text at byte positions, so that unchanged parts stay exactly as the server wrote them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from deleted import delete
from nodes import Node
from answer import API_KEY, Answer, Corruptible

Kind = Callable[[Corruptible], Answer | None]
KINDS: dict[str, tuple[int, Kind]] = {}


def kind(name: str, weight: int = 10) -> Callable[[Kind], Kind]:
    def keep(function: Kind) -> Kind:
        KINDS[name] = (weight, function)
        return function

    return keep


# Bytes


def _bytes(target: Corruptible, start: int, end: int, new: bytes) -> Answer:
    body = target.answer.body
    return replace(target.answer, body=body[:start] + new + body[end:])


@kind("byte: cut short")
def _(target: Corruptible) -> Answer:
    return _bytes(target, target.chance.randrange(len(target.answer.body)), len(target.answer.body), b"")


@kind("byte: connection breaks", 1)
def _(target: Corruptible) -> Answer:
    return replace(target.answer, breaks="always")


@kind("byte: connection breaks once", 1)
def _(target: Corruptible) -> Answer:
    return replace(target.answer, breaks="once")


@kind("byte: flipped")
def _(target: Corruptible) -> Answer:
    at = target.chance.randrange(len(target.answer.body))
    return _bytes(target, at, at + 1, bytes([target.chance.randrange(256)]))


@kind("byte: inserted")
def _(target: Corruptible) -> Answer:
    at = target.chance.randrange(len(target.answer.body) + 1)
    return _bytes(target, at, at, bytes([target.chance.randrange(256)]))


@kind("byte: some dropped")
def _(target: Corruptible) -> Answer:
    at = target.chance.randrange(len(target.answer.body))
    return _bytes(target, at, at + target.chance.randint(1, 40), b"")


@kind("byte: some repeated")
def _(target: Corruptible) -> Answer:
    at = target.chance.randrange(len(target.answer.body))
    again = target.answer.body[at : at + target.chance.randint(1, 400)]
    return _bytes(target, at, at, again)


@kind("byte: another digit", 20)
def _(target: Corruptible) -> Answer | None:
    node = target.pick("number")
    if node is None:
        return None
    at = target.chance.randrange(node.start, node.end)
    return target.spliced((at, at + 1, target.chance.choice("0123456789")))


# Values


@kind("key: dropped", 30)
def _(target: Corruptible) -> Answer | None:
    node = target.pick(keyed=True)
    return node and target.without(node)


@kind("key: repeated", 10)
def _(target: Corruptible) -> Answer | None:
    node = target.pick(keyed=True)
    return node and target.spliced((node.end, node.end, "," + target.member(node)))


def _other(target: Corruptible, node: Node) -> str:
    """Returns a value that could replace another value."""
    match node.kind:
        case "bool":
            return "false" if target.of(node) == "true" else "true"
        case "number":
            return target.chance.choice(["0", "1", "2", "0.5", "100", target.of(node) + "0"])
        case _:
            alike = [other for other in target.nodes if other.kind == node.kind and other is not node]
            return target.of(target.chance.choice(alike)) if alike else "null"


@kind("key: repeated with another value", 20)
def _(target: Corruptible) -> Answer | None:
    node = target.pick(keyed=True)
    if node is None:
        return None
    key = target.text[node.first : node.start]
    new = target.chance.choice([_other(target, node), "null", "{}"])
    if target.chance.random() < 0.5:
        return target.spliced((node.first, node.first, f"{key}{new},"))
    return target.spliced((node.end, node.end, f",{key}{new}"))


@kind("key: renamed", 20)
def _(target: Corruptible) -> Answer | None:
    node = target.pick(keyed=True)
    if node is None:
        return None
    key = node.key
    others = [sibling.key for sibling in node.parent.children] + ["", "summary", "scores"]
    new = target.chance.choice([key + "s", key.upper(), key[:-1], "x" + key, target.chance.choice(others)])
    return target.spliced((node.first, node.first + len(key) + 2, f'"{new}"'))


@kind("keys: reordered", 5)
def _(target: Corruptible) -> Answer | None:
    return _reordered(target, "object")


@kind("list: reordered", 25)
def _(target: Corruptible) -> Answer | None:
    return _reordered(target, "array")


def _reordered(target: Corruptible, kind: str) -> Answer | None:
    several = [node for node in target.nodes if node.kind == kind and len(node.children) > 1]
    if not several:
        return None
    node = target.chance.choice(several)
    parts = [target.member(child) for child in node.children]
    if target.chance.random() < 0.5:
        target.chance.shuffle(parts)
    else:
        one, other = target.chance.sample(range(len(parts)), 2)
        parts[one], parts[other] = parts[other], parts[one]
    return target.spliced((node.children[0].first, node.children[-1].end, ",".join(parts)))


@kind("list: element dropped", 25)
def _(target: Corruptible) -> Answer | None:
    node = target.pick(keyed=False)
    return node and target.without(node)


@kind("list: element repeated", 25)
def _(target: Corruptible) -> Answer | None:
    node = target.pick(keyed=False)
    if node is None:
        return None
    last = target.chance.choice([node, node.parent.children[-1]])
    return target.spliced((last.end, last.end, "," + target.of(node)))


@kind("list: emptied", 10)
def _(target: Corruptible) -> Answer | None:
    node = target.pick("array", "object")
    return node and target.instead(node, "[]" if node.kind == "array" else "{}")


@kind("value: null", 30)
def _(target: Corruptible) -> Answer | None:
    node = target.pick("string", "number", "bool", "array", "object")
    return node and target.instead(node, "null")


@kind("value: retyped", 30)
def _(target: Corruptible) -> Answer | None:
    node = target.pick()
    if node is None:
        return None
    text = target.of(node)
    match node.kind:
        case "number":
            new = [f'"{text}"', text + ".0", text + "e0", f"[{text}]", "true", f"{text}.5"]
        case "string":
            new = ["0", "1.5", "true", f"[{text}]", f'{{"a":{text}}}', text.strip('"') or "0"]
        case "bool":
            new = ["1" if text == "true" else "0", f'"{text}"', f"[{text}]", "1.0", f'{{"passed":{text}}}']
        case "null":
            new = ["0", '""', "false", "[]", "{}", "1", '"null"']
        case "array":
            new = [
                "{" + ",".join(f'"{n}":{target.of(c)}' for n, c in enumerate(node.children)) + "}",
                '""',
                "0",
                target.of(node.children[0]) if node.children else "null",
            ]
        case _:
            new = ["[" + ",".join(target.of(child) for child in node.children) + "]", f"[{text}]", '""', "1"]
    return target.instead(node, target.chance.choice(new))


@kind("value: bool turned", 20)
def _(target: Corruptible) -> Answer | None:
    node = target.pick("bool")
    return node and target.instead(node, _other(target, node))


@kind("value: another number", 30)
def _(target: Corruptible) -> Answer | None:
    node = target.pick("number")
    if node is None:
        return None
    text = target.of(node)
    whole = int(text) if text.lstrip("-").isdigit() else 1
    new = ["0", "-1", f"-{text.lstrip('-')}", str(whole + 1), str(whole - 1), str(whole * 2), "1e400", "-0"]
    new += ["9007199254740993", "18446744073709551615", "18446744073709551616", "0.1", "1e-400", "NaN"]
    return target.instead(node, target.chance.choice(new))


@kind("value: another name", 20)
def _(target: Corruptible) -> Answer | None:
    node = target.pick("string")
    if node is None:
        return None
    text = target.of(node)[1:-1]
    strings = [other for other in target.nodes if other.kind == "string" and other.key == node.key]
    another = target.of(target.chance.choice(strings))[1:-1]
    new = [text + "s", text.upper(), text[:-1], "", " " + text, another, text.replace(":", "x:", 1), "\\u0000"]
    return target.instead(node, f'"{target.chance.choice(new)}"')


@kind("value: another digest", 10)
def _(target: Corruptible) -> Answer | None:
    digests = [node for node in target.nodes if node.key == "row_digest"]
    if not digests:
        return None
    node = target.chance.choice(digests)
    another = target.of(target.chance.choice(digests))
    text = target.of(node)
    near = text[:-2] + target.chance.choice("AZaz09") + '"'
    return target.instead(node, target.chance.choice([another, near, '""', '"zzzz"', '"0"']))


@kind("value: another time", 10)
def _(target: Corruptible) -> Answer | None:
    times = [node for node in target.nodes if node.key in ("started_at", "ended_at", "finished_at")]
    if not times:
        return None
    node = target.chance.choice(times)
    new = ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "now", "", "0", "20261124T152838Z"]
    new += [target.of(node)[1:-1].replace("Z", offset) for offset in ("", "+05:00", "-23:59", "z", "[UTC]")]
    new += [target.of(target.chance.choice(times))[1:-1]]
    return target.instead(node, f'"{target.chance.choice(new)}"')


@kind("values: two swapped", 25)
def _(target: Corruptible) -> Answer | None:
    one = target.pick()
    if one is None:
        return None
    alike = [other for other in target.nodes if other.parent is not None and other is not one]
    if target.chance.random() < 0.8:
        alike = [other for other in alike if other.key == one.key and other.kind == one.kind]
    # A value that contains the other cannot be swapped with it.
    apart = [other for other in alike if other.end <= one.start or other.start >= one.end]
    if not apart:
        return None
    other = target.chance.choice(apart)
    return target.spliced((one.start, one.end, target.of(other)), (other.start, other.end, target.of(one)))


@kind("run: repeated", 15)
def _(target: Corruptible) -> Answer | None:
    lines = target.lines()
    if lines:
        place = target.chance.randrange(len(lines))
        return target.sent("".join(lines[: place + 1] + lines[place:]))
    runs = [n for n in target.nodes if n.parent is not None and n.parent.key == "evaluations"]
    if not runs:
        return None
    node = target.chance.choice(runs)
    again = target.of(node)
    values = [n for n in target.nodes if node.start < n.start < node.end and n.kind in ("bool", "number")]
    if values and target.chance.random() < 0.5:
        value = target.chance.choice(values)
        start, end = value.start - node.start, value.end - node.start
        again = again[:start] + _other(target, value) + again[end:]
    return target.spliced((node.end, node.end, "," + again))


@kind("lines: one dropped", 5)
def _(target: Corruptible) -> Answer | None:
    lines = target.lines()
    if not lines:
        return None
    del lines[target.chance.randrange(len(lines))]
    return target.sent("".join(lines))


@kind("lines: reordered", 5)
def _(target: Corruptible) -> Answer | None:
    lines = target.lines()
    if not lines or len(lines) < 2:
        return None
    return target.sent("".join(lines[::-1]))


@kind("lines: run together", 3)
def _(target: Corruptible) -> Answer | None:
    lines = target.lines()
    if not lines:
        return None
    return target.sent(target.chance.choice(["", " ", ","]).join(line.rstrip() for line in lines))


# Whole answers


@kind("answer: another's", 15)
def _(target: Corruptible) -> Answer:
    return target.chance.choice(target.others)


@kind("answer: another body", 10)
def _(target: Corruptible) -> Answer:
    text = target.text
    bodies = ["null", "[]", "{}", '""', "0", "true", "<html>busy</html>", "{}\n{}", '{"reason":"busy"}', "\ufeff" + text]
    bodies += [f"[{text}]", f'{{"data":{text}}}', text + text, text + "}", text + "\n\n", "\n" + text, text + "\0"]
    return target.sent(target.chance.choice(bodies))


@kind("answer: no body", 5)
def _(target: Corruptible) -> Answer:
    return target.sent("")


@kind("answer: another status", 8)
def _(target: Corruptible) -> Answer:
    status = target.chance.choice([201, 202, 203, 204, 206, 301, 304, 400, 401, 403, 404, 410, 418, 501])
    body = b"" if status in (204, 304) else target.answer.body
    return replace(target.answer, status=status, body=body)


@kind("answer: another type", 3)
def _(target: Corruptible) -> Answer:
    kinds = ["text/html", "application/octet-stream", "application/json; charset=utf-16", "", "application/jsonl"]
    return replace(target.answer, type=target.chance.choice(kinds))


@kind("secret: the key in a text", 5)
def _(target: Corruptible) -> Answer | None:
    node = target.pick("string")
    if node is None:
        return None
    spelled = [API_KEY, "".join(f"\\u{ord(c):04x}" for c in API_KEY), API_KEY[:20] + "\\u0034" + API_KEY[21:]]
    inside = target.of(node)[1:-1]
    key = target.chance.choice(spelled)
    return target.instead(node, f'"{target.chance.choice([key, inside + key, key + inside])}"')


def corrupt(chance: random.Random, answers: list[Answer]) -> tuple[str, int, list[Answer]]:
    """Corrupts one of several answers, sometimes repeatedly. Returns the first kind, its answer's number, and all."""
    if chance.random() < 0.3:
        name, edited = delete(chance, answers)
        return name, next(n for n, (one, other) in enumerate(zip(answers, edited)) if one != other), edited
    names = list(KINDS)
    weights = [KINDS[name][0] for name in names]
    # Longer answers are chosen more often, but less than in proportion to their length.
    place = chance.choices(range(len(answers)), [len(answer.body) ** 0.4 for answer in answers])[0]
    corrupted = list(answers)
    # Two answers often contain the same numbers. Then sometimes both get the same wrong value.
    twins = [n for n, answer in enumerate(answers) if answer.body == answers[place].body]
    twins = twins if chance.random() < 0.3 else [place]
    first = ""
    times = chance.choices([1, 2, 3], [85, 10, 5])[0]
    while times:
        name = chance.choices(names, weights)[0]
        if not corrupted[place].body:
            break
        try:
            target = Corruptible(chance, corrupted[place], [a for n, a in enumerate(answers) if n != place])
        except (UnicodeDecodeError, IndexError, AttributeError):
            # The answer is no longer JSON: a further corruption would test nothing new.
            break
        result = KINDS[name][1](target)
        if result is None or result == corrupted[place]:
            continue
        for twin in twins:
            corrupted[twin] = result
        first = first or name
        times -= 1
    return first, place, corrupted
