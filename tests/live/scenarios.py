"""Evaluations logged by the real SDK, and through the v2 API, each with a story to judge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime

import weave
from weave.trace.context import weave_client_context
from weave.trace.weave_client import WeaveClient
from weave.trace_server import trace_server_interface as tsi

import weave_server

ENTITY = "my-team"
PROJECT = "support-bot"
LLM = "house-llm"
CRASH = "crash"

# Models and scorers that raise are the point of some scenarios; their tracebacks are not.
logging.getLogger("weave").setLevel(logging.CRITICAL)


def connect(server: weave_server.Server) -> WeaveClient:
    client = WeaveClient(ENTITY, PROJECT, server)
    use(client)
    return client


def use(client: WeaveClient | None) -> None:
    """Makes it the client of the SDK; one that is in use has to be taken away first."""
    weave_client_context.set_weave_client_global(None)
    weave_client_context.set_weave_client_global(client)


def questions(numbers: Iterable[int]) -> list[dict]:
    return [{"question": f"question {n}", "expected": f"answer {n}"} for n in numbers]


class Bot(weave.Model):
    """Answers right, but for the questions it is told to get wrong or to crash on."""

    wrong: list[int] = []
    crash: list[int] = []
    tokens: int | None = None

    @weave.op
    def predict(self, question: str) -> str:
        number = int(question.split()[-1])
        if number in self.crash:
            raise RuntimeError("the model crashed")
        if self.tokens is not None:
            call = weave.require_current_call()
            half = self.tokens // 2
            call.summary = {
                "usage": {
                    LLM: {
                        "requests": 1,
                        "prompt_tokens": half,
                        "completion_tokens": self.tokens - half,
                        "total_tokens": self.tokens,
                    }
                }
            }
        return "nonsense" if number in self.wrong else f"answer {number}"


@weave.op
def correctness(expected: str, output: str) -> bool:
    return output == expected


@weave.op
def tone(output: str) -> dict:
    return {"score": 0.5 if output == "nonsense" else 0.8, "note": "text"}


@weave.op
def safety(output: str) -> dict:
    return {"toxic": {"passed": True}, "leaks": {"passed": output != "nonsense"}}


@weave.op
def broken(output: str) -> bool:
    raise ValueError("the scorer crashed")


@weave.op
def dotted(output: str) -> dict:
    return {"a.b": True}


@weave.op
def colliding(output: str) -> dict:
    return {"a.b": True, "a": {"b": False}}


@weave.op
def mixed(expected: str, output: str) -> bool | float:
    return output == expected if int(expected.split()[-1]) % 2 else 0.5


def evaluate(
    model: weave.Model,
    rows: list[dict],
    scorers: list[Callable],
    *,
    name: str = "answers",
    trials: int = 1,
    attributes: dict | None = None,
) -> str:
    """Runs `weave.Evaluation` and returns the run's id."""
    dataset = weave.Dataset(name=f"{name}-rows", rows=rows)
    evaluation = weave.Evaluation(name=name, dataset=dataset, scorers=scorers, trials=trials)
    with weave.attributes(attributes or {}):
        _, call = asyncio.run(evaluation.evaluate.call(evaluation, model))
    weave_client_context.get_weave_client().flush()
    return call.id


def log(
    scores: list[dict],
    *,
    name: str = "logged",
    attributes: dict | None = None,
    finish: bool = True,
    fail: bool = False,
) -> str:
    """Logs with `EvaluationLogger`, one row for each map of scores, and returns the run's id."""
    logger = weave.EvaluationLogger(name=name, model="logged-bot", eval_attributes=attributes)
    for number, row in enumerate(scores):
        prediction = logger.log_prediction(inputs={"n": number}, output=str(number))
        for scorer, value in row.items():
            prediction.log_score(scorer, value)
        prediction.finish()
    if fail:
        logger.fail(RuntimeError("the summary crashed"))
    elif finish:
        logger.log_summary({})
    weave_client_context.get_weave_client().flush()
    call = logger._evaluate_call
    assert call is not None
    return call.id


def through_api(
    server: weave_server.Server,
    passes: list[bool],
    *,
    scorer: str = "exact",
    finish: bool = True,
    rescores: str | None = None,
) -> str:
    """Makes a run through the v2 API, one row for each truth value, and returns its id."""
    project = f"{ENTITY}/{PROJECT}"
    user = {"wb_user_id": weave_server.USER}
    model_ref = f"weave:///{project}/object/api-bot:v1"
    run = server.evaluation_run_create(
        tsi.EvaluationRunCreateReq(
            project_id=project,
            evaluation=f"weave:///{project}/object/api-answers:v1",
            model=model_ref,
            source_evaluation_run_id=rescores,
            **user,
        )
    ).evaluation_run_id
    for number, passed in enumerate(passes):
        prediction = server.prediction_create(
            tsi.PredictionCreateReq(
                project_id=project,
                model=model_ref,
                inputs={"n": number},
                output=str(number),
                evaluation_run_id=run,
                **user,
            )
        ).prediction_id
        server.score_create(
            tsi.ScoreCreateReq(
                project_id=project,
                prediction_id=prediction,
                scorer=f"weave:///{project}/object/{scorer}:v1",
                value=passed,
                evaluation_run_id=run,
                **user,
            )
        )
        server.prediction_finish(
            tsi.PredictionFinishReq(project_id=project, prediction_id=prediction, **user)
        )
    if finish:
        finish_run(server, run)
    return run


def finish_run(server: weave_server.Server, run: str) -> None:
    """Ends a run that was made through the v2 API."""
    server.evaluation_run_finish(
        tsi.EvaluationRunFinishReq(
            project_id=f"{ENTITY}/{PROJECT}", evaluation_run_id=run, wb_user_id=weave_server.USER
        )
    )


def set_clock(
    server: weave_server.Server, run: str, started: datetime, ended: datetime | None = None
) -> None:
    """Moves a run in time, as if it was logged by a machine whose clock says so."""
    calls = server._internal_trace_server._calls
    (record,) = [record for record in calls.values() if record.id == run]
    record.started_at = started
    if ended is not None:
        record.ended_at = ended


def set_price(server: weave_server.Server) -> None:
    """A dollar for a million tokens in, two for a million out."""
    server.cost_create(
        tsi.CostCreateReq(
            project_id=f"{ENTITY}/{PROJECT}",
            costs={LLM: tsi.CostCreateInput(prompt_token_cost=1e-6, completion_token_cost=2e-6)},
            wb_user_id=weave_server.USER,
        )
    )
