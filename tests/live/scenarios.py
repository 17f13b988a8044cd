"""Evaluations that tests judge, logged by the real SDK and through the v2 API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime

import pytest
import weave
from pydantic import PrivateAttr
from weave.evaluation import eval_imperative
from weave.trace.context import weave_client_context
from weave.trace.weave_client import WeaveClient
from weave.trace_server import trace_server_interface as tsi
from weave.trace_server_bindings.remote_http_trace_server import RemoteHTTPTraceServer
from weave.wandb_interface.auth import ApiKeyCredentials

import backends
import weave_server

ENTITY = "my-team"
PROJECT = "support-bot"
LLM = "house-llm"
CRASH = "crash"

# Some scenarios need models and scorers that raise. Their tracebacks are not useful.
logging.getLogger("weave").setLevel(logging.CRITICAL)


def connect(
    server: weave_server.Server, url: str, key: str, *, over_http: bool = not backends.IS_MEMORY
) -> WeaveClient:
    """Makes the SDK log to a server: in the same process if that is in memory, otherwise over HTTP, as users do."""
    if not over_http:
        client = WeaveClient(ENTITY, PROJECT, server)
    else:
        remote = RemoteHTTPTraceServer(url, should_batch=True)
        for sender in (remote.call_processor, remote.feedback_processor):
            # Each flush waits for this interval. The default is one second.
            sender.min_batch_interval = 0.2
        remote.set_auth(ApiKeyCredentials(key))
        client = WeaveClient(ENTITY, PROJECT, remote, ensure_project_exists=False)
    use(client)
    return client


def disconnect(client: WeaveClient) -> None:
    """Ends the threads of a client, which would otherwise continue to ask for work."""
    if isinstance(client.server, RemoteHTTPTraceServer):
        for sender in (client.server.call_processor, client.server.feedback_processor):
            sender.stop_accepting_new_work_and_flush_queue()


def use(client: WeaveClient | None) -> None:
    """Makes this the client of the SDK. Removes the current client first."""
    weave_client_context.set_weave_client_global(None)
    weave_client_context.set_weave_client_global(client)


def questions(numbers: Iterable[int]) -> list[dict]:
    return [{"question": f"question {n}", "expected": f"answer {n}"} for n in numbers]


class Bot(weave.Model):
    """Answers correctly, except for the questions that it is told to get wrong or to crash on."""

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


class Flaky(Bot):
    """A model that gives different answers in each run. The list of wrong answers is not part of its version."""

    _now: dict = PrivateAttr(default_factory=dict)

    @weave.op
    def predict(self, question: str) -> str:
        number = int(question.split()[-1])
        if number in self._now.get("crash", ()):
            raise RuntimeError("the model crashed")
        return "nonsense" if number in self._now.get("wrong", ()) else f"answer {number}"


def flaky(wrong: Iterable[int] = (), crash: Iterable[int] = (), of: type[Flaky] = Flaky) -> Flaky:
    bot = of()
    bot._now = {"wrong": list(wrong), "crash": list(crash)}
    return bot


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
    flush: bool = True,
    preprocess: Callable | None = None,
) -> str:
    """Runs `weave.Evaluation` and returns the run's id. Do not flush inside a traced function: it waits for its end."""
    dataset = weave.Dataset(name=f"{name}-rows", rows=rows)
    evaluation = weave.Evaluation(
        name=name, dataset=dataset, scorers=scorers, trials=trials, preprocess_model_input=preprocess
    )
    with weave.attributes(attributes or {}):
        _, call = asyncio.run(evaluation.evaluate.call(evaluation, model))
    if flush:
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


def logged_by(
    scores: list[dict],
    ending: str,
    *,
    attributes: dict | None = None,
    summary: dict | None = None,
    **given: object,
) -> str:
    """Logs with an `EvaluationLogger` that has only these arguments, and ends it in one of several ways.

    `summary` is `log_summary()`. `finish` is `finish()` alone. `exit handler` is what the SDK does if the script ends
    before either.
    """
    logger = weave.EvaluationLogger(eval_attributes=attributes, **given)
    for number, row in enumerate(scores):
        logger.log_example(inputs={"n": number}, output=str(number), scores=row)
    if ending == "summary":
        logger.log_summary(summary)
    elif ending == "finish":
        logger.finish()
    else:
        eval_imperative._cleanup_evaluation(logger)
    weave_client_context.get_weave_client().flush()
    return logger._evaluate_call.id


def log_rows(rows: list[tuple[object, dict]], *, name: str = "logged", attributes: dict | None = None) -> str:
    """Logs scores by the inputs of rows. An input that is repeated is another trial of its row."""
    logger = weave.EvaluationLogger(name=name, model="logged-bot", eval_attributes=attributes)
    for row, scores in rows:
        logger.log_example(inputs={"row": row}, output="text", scores=scores)
    logger.log_summary()
    weave_client_context.get_weave_client().flush()
    return logger._evaluate_call.id


def through_api(
    server: weave_server.Server,
    passes: list[bool],
    *,
    scorer: str = "exact",
    finish: bool = True,
    rescores: str | None = None,
    evaluation: str = f"weave:///{ENTITY}/{PROJECT}/object/api-answers:v1",
) -> str:
    """Makes a run of an evaluation through the v2 API, one row for each boolean, and returns its id."""
    if backends.NAME == "complete":
        pytest.skip("W&B's ClickHouse server refuses runs of the v2 API in a project of complete calls")
    project = f"{ENTITY}/{PROJECT}"
    user = {"wb_user_id": weave_server.USER}
    model_ref = f"weave:///{project}/object/api-bot:v1"
    run = server.evaluation_run_create(
        tsi.EvaluationRunCreateReq(
            project_id=project,
            evaluation=evaluation,
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


def delete(server: weave_server.Server, run: str, *, wrong: bool = False) -> None:
    """Deletes one trial of a run, as a user can. Prefers a trial that was scored as wrong."""
    trials = server.store.trials(run)
    if wrong:
        trials = [trial for trial in trials if False in trial.scores.values()]
    deleted = server.calls_delete(
        tsi.CallsDeleteReq(
            project_id=f"{ENTITY}/{PROJECT}", call_ids=[trials[0].id], wb_user_id=weave_server.USER
        )
    )
    assert deleted.num_deleted > 1


def hide(server: weave_server.Server, run: str) -> Callable[[], None]:
    """Removes one trial of a run, as if it was not visible yet. Call the returned function to bring it back."""
    return server.store.hide(run)


def add_call(server: weave_server.Server, run: str) -> None:
    """Adds a call to the trace of a run. The run's own counts do not include it."""
    server.store.add_call(run)


def delete_object(server: weave_server.Server, reference: str) -> None:
    """Deletes one version of an object."""
    _, _, name = reference.rpartition("/")
    object_id, _, digest = name.partition(":")
    request = tsi.ObjDeleteReq(project_id=f"{ENTITY}/{PROJECT}", object_id=object_id, digests=[digest])
    assert server.obj_delete(request).num_deleted == 1


def set_attribute(server: weave_server.Server, run: str, key: str, value: object) -> None:
    """Gives a run an attribute, which the v2 API does not allow."""
    server.store.set_attribute(run, key, value)


def set_clock(
    server: weave_server.Server, run: str, started: datetime, ended: datetime | None = None
) -> None:
    """Changes the times of a run, as if it was logged by a machine with a different clock."""
    server.store.set_clock(run, started, ended)


def set_latency(server: weave_server.Server, run: str, seconds: float) -> None:
    """Sets the latency of all predictions of a run, so that the speed of the machine has no effect."""
    server.store.set_latency(run, seconds)


def set_price(server: weave_server.Server) -> None:
    """Sets the prices: 1 dollar for a million input tokens, 2 dollars for a million output tokens."""
    server.cost_create(
        tsi.CostCreateReq(
            project_id=f"{ENTITY}/{PROJECT}",
            costs={LLM: tsi.CostCreateInput(prompt_token_cost=1e-6, completion_token_cost=2e-6)},
            wb_user_id=weave_server.USER,
        )
    )
