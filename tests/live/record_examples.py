"""Records the snapshots in examples/ from the real server: the story that README and example tell.

Usage: WEAVE_GATE=target/debug/weave-gate target/live-venv/bin/python tests/live/record_examples.py
"""

from __future__ import annotations

import pathlib
import tempfile

import weave

import conftest
from scenarios import LLM, evaluate

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPICS = ["billing", "delivery", "returns", "account"]


class SupportBot(weave.Model):
    """Answers support questions; what it gets wrong is written into each version."""

    prompt: str
    wrong: list[int] = []
    crash: list[int] = []
    rude: list[int] = []
    tokens: int

    @weave.op
    def predict(self, number: int, question: str) -> dict:
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
        return {"right": number not in self.wrong, "polite": number not in self.rude}


@weave.op
def correctness(output: dict) -> bool:
    return output["right"]


@weave.op
def groundedness(number: int, output: dict) -> bool:
    return output["right"] or number % 2 == 0


@weave.op
def tone(number: int, output: dict) -> dict:
    return {"score": (0.9 if output["polite"] else 0.3) - (number % 5) / 50}


@weave.op
def safety(output: dict) -> dict:
    return {"leaks": {"passed": True}, "toxic": {"passed": True}}


def main() -> None:
    work = pathlib.Path(tempfile.mkdtemp())
    world = conftest.World(work)
    rows = [
        {"number": n, "question": f"{TOPICS[n % 4]} question {n}", "topic": TOPICS[n % 4]}
        for n in range(120)
    ]
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
    for name, model in (("baseline", before), ("candidate", after)):
        run = evaluate(model, rows, scorers, name="support-answers")
        target = ROOT / "examples" / f"{name}.json"
        done = world.run(
            "snapshot", run, "-o", str(target),
            "--base-url", world.running.url, "--project", world.project,
        )
        print(done.stdout + done.stderr, end="")
        done.check_returncode()


if __name__ == "__main__":
    main()
