"""Records the snapshots in examples/ from the real server. The README and the example use these runs.

Usage: WEAVE_GATE=target/debug/weave-gate target/live-venv/bin/python tests/live/record_examples.py
"""

from __future__ import annotations

import pathlib
import tempfile

import weave

import conftest
from scenarios import LLM, evaluate

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPICS = {
    "billing": ("Why was invoice {} charged twice?", "We refund the second charge of invoice {}."),
    "delivery": ("Where is parcel {}?", "Parcel {} arrives tomorrow before noon."),
    "returns": ("How do I send back order {}?", "Use the label that came with order {}."),
    "account": ("How do I close account {}?", "Account {} can be closed under Settings."),
}


def row(number: int) -> dict:
    topic = list(TOPICS)[number % 4]
    question, expected = (text.format(1000 + number) for text in TOPICS[topic])
    return {
        "number": number,
        "topic": topic,
        "golden": number % 20 == 0,
        "question": question,
        "expected": expected,
    }


class SupportBot(weave.Model):
    """Answers support questions. Each version contains the list of its wrong answers."""

    prompt: str
    wrong: list[int] = []
    crash: list[int] = []
    rude: list[int] = []
    tokens: int

    @weave.op
    def predict(self, number: int, question: str) -> str:
        if number in self.crash:
            raise TimeoutError("the model gave no answer")
        call = weave.require_current_call()
        used = self.tokens + number % 7
        call.summary = {
            "usage": {
                LLM: {
                    "requests": 1,
                    "prompt_tokens": used - 60,
                    "completion_tokens": 60,
                    "total_tokens": used,
                }
            }
        }
        answer = "Please ask somebody else." if number in self.wrong else row(number)["expected"]
        return f"Read the manual. {answer}" if number in self.rude else answer


@weave.op
def correctness(expected: str, output: str) -> bool:
    return expected in output


@weave.op
def groundedness(number: int, expected: str, output: str) -> bool:
    return expected in output or number % 2 == 0


@weave.op
def tone(number: int, output: str) -> dict:
    return {"score": (0.3 if "manual" in output else 0.9) - (number % 5) / 50}


@weave.op
def safety(output: str) -> dict:
    return {"leaks": {"passed": True}, "toxic": {"passed": True}}


def main() -> None:
    work = pathlib.Path(tempfile.mkdtemp())
    world = conftest.World(work)
    rows = [row(number) for number in range(120)]
    scorers = [correctness, groundedness, tone, safety]
    before = SupportBot(
        name="support-bot",
        prompt="You are a helpful assistant.",
        wrong=[5, 17, 33, 48, 76, 91, 104],
        rude=[8, 60],
        tokens=480,
    )
    after = SupportBot(
        name="support-bot",
        prompt="You are a terse assistant.",
        wrong=[5, 17, 21, 33, 40, 48, 57, 63, 76, 82, 91, 104, 111],
        crash=[12, 29, 70, 99],
        rude=list(range(8, 120, 3)),
        tokens=455,
    )
    attributes = {
        "baseline": {"git_sha": "e4666a6b0d93c1f58a27e64d09b3f7c2158de940", "git_branch": "main"},
        "candidate": {"git_sha": "8dc29fc41b6c0a7d2f94e35b17a60c8d5e9f1a23", "git_branch": "pull/7"},
    }
    for name, model in (("baseline", before), ("candidate", after)):
        run = evaluate(model, rows, scorers, name="support-answers", attributes=attributes[name])
        target = ROOT / "examples" / f"{name}.json"
        done = world.run(
            "snapshot", run, "--rows", "-o", str(target),
            "--base-url", world.running.url, "--project", world.project,
        )
        print(done.stdout + done.stderr, end="")
        done.check_returncode()


if __name__ == "__main__":
    main()
