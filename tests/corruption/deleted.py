"""The answers of a server after something of a run was deleted, lost or changed, consistently in every answer.

Each kind is a function from a random number generator and the answers of a check to other answers, or `None` if the
kind does not apply. The kinds of `corrupt` change one place of one answer. These kinds change all answers in the same
way, so that the answers do not contradict each other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from answer import Answer

Kind = Callable[[random.Random, list[Answer]], list[Answer] | None]
KINDS: dict[str, tuple[int, Kind]] = {}


def kind(name: str, weight: int) -> Callable[[Kind], Kind]:
    def keep(function: Kind) -> Kind:
        KINDS[name] = (weight, function)
        return function

    return keep


def _documents(answer: Answer) -> list[Any] | None:
    """Returns the JSON documents of an answer, one for each line, or `None` if the answer is not JSON any more."""
    try:
        return [json.loads(line) for line in answer.body.split(b"\n") if line.strip()]
    except ValueError:
        return None


def _calls(answers: list[Answer]) -> list[dict]:
    """Returns all calls that any answer lists."""
    found = []
    for answer in answers:
        for call in _documents(answer) or []:
            if isinstance(call, dict) and isinstance(call.get("summary"), dict) and "op_name" in call:
                found.append(call)
    return found


def _edited(answers: list[Answer], edit: Callable[[dict], bool | None]) -> list[Answer] | None:
    """Edits each document of the answers, and drops it if `edit` returns False. Returns `None` if nothing changed."""
    edited = []
    for answer in answers:
        documents = _documents(answer)
        if documents is None:
            edited.append(answer)
            continue
        before = json.dumps(documents)
        stays = [edit(document) is not False if isinstance(document, dict) else True for document in documents]
        documents = [document for document, stay in zip(documents, stays, strict=True) if stay]
        if json.dumps(documents) == before:
            edited.append(answer)
            continue
        text = "".join(json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n" for document in documents)
        edited.append(replace(answer, body=text.removesuffix("\n").encode()))
    return None if edited == answers else edited


def _run(chance: random.Random, answers: list[Answer]) -> dict | None:
    """Returns one of the listed runs."""
    calls = _calls(answers)
    return chance.choice(calls) if calls else None


@kind("run: not in any list", 20)
def _(chance: random.Random, answers: list[Answer]) -> list[Answer] | None:
    run = _run(chance, answers)
    return run and _edited(answers, lambda document: document.get("id") != run["id"] or "op_name" not in document)


@kind("run: its output is gone", 20)
def _(chance: random.Random, answers: list[Answer]) -> list[Answer] | None:
    run = _run(chance, answers)
    if run is None:
        return None
    drops = chance.random() < 0.5

    def edit(document: dict) -> None:
        if document.get("id") == run["id"] and "output" in document:
            if drops:
                del document["output"]
            else:
                document["output"] = None

    return _edited(answers, edit)


@kind("run: it counted other calls", 20)
def _(chance: random.Random, answers: list[Answer]) -> list[Answer] | None:
    run = _run(chance, answers)
    if run is None or not isinstance(run["summary"].get("status_counts"), dict):
        return None
    key = chance.choice(["success", "error"])
    change = chance.choice([-3, -1, 1, 2, 5, 2**63, 2**64 - 1, None])
    instead = chance.choice([{}, None, [], {"success": "18", "error": 0}, {"success": 1.5}])

    def edit(document: dict) -> None:
        counts = (document.get("summary") or {}).get("status_counts")
        if document.get("id") == run["id"] and isinstance(counts, dict):
            if change is None:
                document["summary"]["status_counts"] = instead
            else:
                counts[key] = max(0, counts.get(key, 0) + change)

    return _edited(answers, edit)


@kind("run: the server has other calls", 20)
def _(chance: random.Random, answers: list[Answer]) -> list[Answer] | None:
    counts = [document for answer in answers for document in _documents(answer) or [] if _is_count(document)]
    if not counts:
        return None
    wanted = chance.choice(counts)
    change = chance.choice([-10, -4, -2, -1, 1, 3, None])

    def edit(document: dict) -> None:
        if document == wanted:
            document["count"] = 0 if change is None else max(0, document["count"] + change)

    return _edited(answers, edit)


def _is_count(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("count"), int) and "has_more" in document


@kind("run: another attribute", 25)
def _(chance: random.Random, answers: list[Answer]) -> list[Answer] | None:
    runs = [call for call in _calls(answers) if isinstance(call.get("attributes"), dict)]
    if not runs:
        return None
    run = chance.choice(runs)
    key = chance.choice([key for key in run["attributes"] if key != "weave"] or ["git_sha"])
    others = [other["attributes"][key] for other in runs if key in other["attributes"]]
    known = run["attributes"].get(key)
    new = [None, "", *others]
    if isinstance(known, str):
        new += [known[:7], known[:5], known + "0", known.upper(), [known], {"a": known}, known + "\u0000"]
    value = chance.choice(new)
    renamed = chance.random() < 0.2

    def edit(document: dict) -> None:
        if document.get("id") == run["id"] and isinstance(document.get("attributes"), dict):
            if renamed:
                document["attributes"][key + "s"] = document["attributes"].pop(key, None)
            elif value is None:
                document["attributes"].pop(key, None)
            else:
                document["attributes"][key] = value

    return _edited(answers, edit)


@kind("run: another trace or parent", 5)
def _(chance: random.Random, answers: list[Answer]) -> list[Answer] | None:
    run, other = _run(chance, answers), _run(chance, answers)
    if run is None:
        return None
    is_parent = chance.random() < 0.5

    def edit(document: dict) -> None:
        if document.get("id") == run["id"] and "trace_id" in document:
            if is_parent:
                document["parent_id"] = other["id"]
            else:
                document["trace_id"] = other["trace_id"]

    return _edited(answers, edit)


@kind("trial: deleted", 60)
def _(chance: random.Random, answers: list[Answer]) -> list[Answer] | None:
    """Deletes trials of one run. In one half of the cases the server's number of calls is reduced, too."""
    summaries = [
        run["evaluation_call_id"]
        for answer in answers
        for document in _documents(answer) or []
        if isinstance(document, dict) and isinstance(document.get("summary"), dict)
        for run in document["summary"].get("evaluations") or []
    ]
    if not summaries:
        return None
    run = chance.choice(summaries)
    edited = answers
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        edited = _without_trial(chance, edited, run) or edited
    return None if edited == answers else edited


def _without_trial(chance: random.Random, answers: list[Answer], run: str) -> list[Answer] | None:
    trials = [
        (row["row_digest"], trial)
        for answer in answers
        for document in _documents(answer) or []
        if isinstance(document, dict)
        for row in document.get("rows") or []
        for of in row["evaluations"]
        if of["evaluation_call_id"] == run
        for trial in of["trials"]
        if "scores" in trial
    ]
    # Preferably a trial that was scored as wrong.
    wrong = [known for known in trials if "false" in json.dumps(known[1]["scores"])]
    if trials:
        digest, trial = chance.choice(wrong if wrong and chance.random() < 0.7 else trials)
        leaves = dict(_leaves(trial["scores"], ""))
        is_last = sum(other == digest for other, _ in trials) < 2
    else:
        digest, trial, leaves, is_last = None, None, None, True
    traces = {call["trace_id"] for call in _calls(answers) if call["id"] == run}
    made = {_made(call) for call in _calls(answers) if call["id"] == run}
    is_told = chance.random() < 0.5
    fails = chance.random() < 0.7

    def edit(document: dict) -> None:
        if isinstance(document.get("rows"), list):
            for row in document["rows"]:
                for of in row["evaluations"]:
                    if of["evaluation_call_id"] == run and row["row_digest"] == digest:
                        of["trials"] = [
                            other
                            for other in of["trials"]
                            if other["predict_and_score_call_id"] != trial["predict_and_score_call_id"]
                        ]
                row["evaluations"] = [of for of in row["evaluations"] if of["trials"]]
            kept = [row for row in document["rows"] if row["evaluations"]]
            if isinstance(document.get("total_rows"), int):
                document["total_rows"] -= len(document["rows"]) - len(kept)
            document["rows"] = kept
        if isinstance(document.get("summary"), dict) and "evaluations" in document["summary"]:
            for of in document["summary"]["evaluations"]:
                if of["evaluation_call_id"] == run:
                    _uncount(of, leaves, fails)
                    if is_last and len(document["summary"]["evaluations"]) == 1:
                        document["summary"]["row_count"] -= 1
        if is_told and traces and _is_count(document) and document["count"] in made:
            document["count"] -= 3

    return _edited(answers, edit)


def _made(call: dict) -> int | None:
    counts = call["summary"].get("status_counts")
    return sum(counts.values()) if isinstance(counts, dict) and all(isinstance(n, int) for n in counts.values()) else None


def _leaves(scores: Any, prefix: str) -> list[tuple[str, Any]]:
    if isinstance(scores, dict):
        return [leaf for key, value in scores.items() for leaf in _leaves(value, f"{prefix}.{key}" if prefix else key)]
    return [(prefix, scores)]


def _uncount(run: dict, leaves: dict[str, Any] | None, fails: bool) -> None:
    """Removes one trial from the counts in a run's summary."""
    run["trial_count"] -= 1
    for stats in run["scorer_stats"]:
        name = stats["scorer_key"] + (f".{stats['path']}" if stats.get("path") else "")
        if leaves is not None and leaves.get(name) is None:
            continue
        value = leaves[name] if leaves is not None else (not fails if stats["pass_known_count"] else None)
        stats["trial_count"] -= 1
        if stats["pass_known_count"] and isinstance(value, bool):
            stats["pass_known_count"] -= 1
            stats["pass_true_count"] -= int(value and stats["pass_true_count"] > 0)
            known = stats["pass_known_count"]
            stats["pass_rate"] = stats["pass_true_count"] / known if known else None
        elif stats["numeric_count"]:
            total = stats["numeric_mean"] * stats["numeric_count"]
            value = value if isinstance(value, (int, float)) else stats["numeric_mean"]
            stats["numeric_count"] -= 1
            known = stats["numeric_count"]
            stats["numeric_mean"] = (total - value) / known if known else None


def delete(chance: random.Random, answers: list[Answer]) -> tuple[str, list[Answer]]:
    """Deletes, loses or changes something in all answers alike. Returns the kind and the answers."""
    names = list(KINDS)
    weights = [KINDS[name][0] for name in names]
    while True:
        name = chance.choices(names, weights)[0]
        try:
            edited = KINDS[name][1](chance, answers)
        except (KeyError, TypeError, IndexError):
            continue
        if edited is not None:
            return name, edited
