"""The answer that a corruption changes: its text, and the position of each value in that text."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from nodes import Node, index

# Fields that decide whether a policy passes. Half of the corruptions go to these, since most of an answer is not used.
VITAL = {
    "evaluation_run_id", "status", "summary", "row_count", "evaluations", "evaluation_call_id", "trial_count",
    "scorer_stats", "scorer_key", "path", "numeric_count", "numeric_mean", "pass_true_count",
    "pass_known_count", "rows", "total_rows", "row_digest", "raw_data_row", "golden", "topic", "trials", "scores",
    "correctness", "tone", "score", "correct", "quality", "model_latency_seconds", "total_tokens", "total_cost",
    "predict_total_tokens", "predict_total_cost", "id", "op_name", "started_at", "ended_at", "exception",
    "inputs", "self", "model", "attributes", "git_sha", "git_branch", "display_name", "trace_id", "parent_id", "output",
    "status_counts", "success", "error", "count", "_weave_eval_meta", "imperative", "model_output",
}  # fmt: skip

API_KEY = "0123456789abcdef0123456789abcdef01234567"


@dataclass(slots=True)
class Answer:
    """The response to send. `breaks` says when the connection ends before the body does: never, once, or always."""

    status: int
    type: str
    body: bytes
    breaks: str = "never"


class Corruptible:
    """One answer of an exchange, the other answers, and a random number generator."""

    def __init__(self, chance: random.Random, answer: Answer, others: list[Answer]) -> None:
        self.chance = chance
        self.answer = answer
        self.others = others
        self.text = answer.body.decode()
        self.nodes = index(self.text)

    def pick(self, *kinds: str, keyed: bool | None = None) -> Node | None:
        """Picks a value of one of these kinds, preferably one that decides whether a policy passes."""
        fitting = [
            node
            for node in self.nodes
            if (not kinds or node.kind in kinds)
            and node.parent is not None
            and (keyed is None or (node.key is not None) == keyed)
        ]
        if self.chance.random() < 0.6:
            fitting = [node for node in fitting if self.is_vital(node)] or fitting
        return self.chance.choice(fitting) if fitting else None

    @staticmethod
    def is_vital(node: Node) -> bool:
        while node.key is None and node.parent is not None:
            node = node.parent
        return node.key in VITAL

    def of(self, node: Node) -> str:
        """Returns the text of a value."""
        return self.text[node.start : node.end]

    def member(self, node: Node) -> str:
        """Returns the text of a value with its key."""
        return self.text[node.first : node.end]

    def sent(self, text: str) -> Answer:
        return replace(self.answer, body=text.encode())

    def spliced(self, *edits: tuple[int, int, str]) -> Answer:
        """Returns the answer with the text replaced at these places. The places must not overlap."""
        text = self.text
        for start, end, new in sorted(edits, reverse=True):
            text = text[:start] + new + text[end:]
        return self.sent(text)

    def instead(self, node: Node, new: str) -> Answer:
        return self.spliced((node.start, node.end, new))

    def without(self, node: Node) -> Answer:
        """Returns the answer without a member or an element, and without its comma."""
        siblings = node.parent.children
        place = siblings.index(node)
        if place + 1 < len(siblings):
            return self.spliced((node.first, siblings[place + 1].first, ""))
        start = siblings[place - 1].end if place else node.first
        return self.spliced((start, node.end, ""))

    def lines(self) -> list[str] | None:
        """Returns the lines of JSON Lines."""
        return self.text.splitlines(keepends=True) if "jsonl" in self.answer.type else None
