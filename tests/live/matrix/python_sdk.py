"""Logs two runs over HTTP with any version of the Python SDK, and prints their ids for the compatibility matrix.

Usage: python_sdk.py URL KEY PROJECT evaluate|logger [baseline|candidate]
"""

from __future__ import annotations

import asyncio
import json
import sys

import weave
from weave.trace.context import weave_client_context
from weave.trace.weave_client import WeaveClient
from weave.trace_server_bindings.remote_http_trace_server import RemoteHTTPTraceServer

LLM = "house-llm"
ROWS = 12


def connect(url: str, key: str, project: str) -> None:
    remote = RemoteHTTPTraceServer(url, should_batch=True)
    try:
        from weave.wandb_interface.auth import ApiKeyCredentials

        remote.set_auth(ApiKeyCredentials(key))
    except ImportError:
        # For versions before 0.53.12.
        remote.set_auth(("api", key))
    entity, name = project.split("/")
    client = WeaveClient(entity, name, remote, ensure_project_exists=False)
    weave_client_context.set_weave_client_global(client)


class Bot(weave.Model):
    """Answers correctly, except for the questions that it is told to get wrong."""

    wrong: list[int] = []

    @weave.op
    def predict(self, question: str) -> str:
        usage = {"requests": 1, "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
        weave.require_current_call().summary = {"usage": {LLM: usage}}
        number = int(question.split()[-1])
        return "nonsense" if number in self.wrong else f"answer {number}"


@weave.op
def correctness(expected: str, output: str) -> bool:
    return output == expected


@weave.op
def tone(output: str) -> dict:
    return {"score": 0.5 if output == "nonsense" else 0.8}


def evaluate(wrong: list[int], attributes: dict) -> str:
    rows = [{"question": f"question {n}", "expected": f"answer {n}"} for n in range(ROWS)]
    evaluation = weave.Evaluation(
        name="answers", dataset=weave.Dataset(name="rows", rows=rows), scorers=[correctness, tone]
    )
    with weave.attributes(attributes):
        _, call = asyncio.run(evaluation.evaluate.call(evaluation, Bot(wrong=wrong)))
    return call.id


def log(wrong: list[int], attributes: dict) -> str:
    logger = weave.EvaluationLogger(name="answers", model="bot", eval_attributes=attributes)
    for number in range(ROWS):
        prediction = logger.log_prediction(inputs={"question": f"question {number}"}, output="text")
        prediction.log_score("correctness", number not in wrong)
        prediction.log_score("tone", {"score": 0.5 if number in wrong else 0.8})
        prediction.finish()
    logger.log_summary()
    return logger._evaluate_call.id


def main() -> None:
    url, key, project, by, *runs = sys.argv[1:]
    connect(url, key, project)
    make = evaluate if by == "evaluate" else log
    made = {}
    if runs != ["candidate"]:
        made["baseline"] = make([0], {"git_sha": "a" * 40, "git_branch": "main"})
    if runs != ["baseline"]:
        made["candidate"] = make([0, 1, 2], {"git_sha": "b" * 40, "git_branch": "mine"})
    weave_client_context.get_weave_client().flush()
    print(json.dumps({**made, "version": weave.__version__}))


if __name__ == "__main__":
    main()
