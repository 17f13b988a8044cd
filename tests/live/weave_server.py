"""The real Weave trace server behind HTTP on loopback.

W&B publishes the reference implementation of its trace server inside the `weave` package. This module wraps it as
production does: an external-to-internal adapter, an authentication layer, and FastAPI routes. It mounts the routes that
weave-gate calls, and the routes that an SDK in another process uses to log.
"""

from __future__ import annotations

import base64
import email
import itertools
import os
import sys
import threading
import time
import types

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("WEAVE_PRINT_CALL_LINK", "false")
os.environ.setdefault("DD_TRACE_ENABLED", "false")
# How the SDK sends calls. This determines how ClickHouse stores the calls of a project.
os.environ["WEAVE_USE_CALLS_COMPLETE"] = str(os.environ.get("LIVE_BACKEND") != "merged").lower()


class _Unused:
    """An attribute of a stand-in module. It can be named but not used."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        raise NotImplementedError("not part of the live suite")


class _StandIn(types.ModuleType):
    """Replaces a module that the wheel lacks, or that imports LLM clients."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unused


for _name in (
    "weave.trace_server.model_providers",
    "weave.trace_server.model_providers.model_providers",
    "weave.trace_server.workers.evaluate_model_worker.evaluate_model_worker",
    # Only the ClickHouse server imports these, and only to call models.
    "weave.trace_server.llm_completion",
    "weave.trace_server.image_completion",
):
    sys.modules[_name] = _StandIn(_name)
sys.modules["weave.trace_server.model_providers.model_providers"].read_model_to_provider_info_map = lambda: {}

import fastapi  # noqa: E402
import uvicorn  # noqa: E402
from fastapi.responses import JSONResponse, StreamingResponse  # noqa: E402
from weave.trace_server import trace_server_interface as tsi  # noqa: E402
from weave.trace_server.errors import handle_server_exception  # noqa: E402
from weave.trace_server.external_to_internal_trace_server_adapter import (  # noqa: E402
    ExternalTraceServer,
    IdConverter,
)

import backends  # noqa: E402

USER = "live-suite"


class Base64Ids(IdConverter):
    """Encodes internal ids as base64. Project ids contain a number, as in production, because the costs query accepts
    only such ids, and because servers of one database must not see each other's projects."""

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self._projects: dict[str, str] = {}

    def _encode(self, text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    def _decode(self, text: str) -> str:
        return base64.b64decode(text.encode()).decode()

    def ext_to_int_project_id(self, project_id: str) -> str:
        if project_id not in self._projects:
            self._projects[project_id] = self._encode(f"ProjectInternalId:{next(self._numbers)}")
        return self._projects[project_id]

    def int_to_ext_project_id(self, project_id: str) -> str | None:
        return next((known for known, internal in self._projects.items() if internal == project_id), None)

    def ext_to_int_run_id(self, run_id: str) -> str:
        project, _, run = run_id.rpartition("/")
        return f"{self.ext_to_int_project_id(project)}:{run}"

    def int_to_ext_run_id(self, run_id: str) -> str:
        project, _, run = run_id.partition(":")
        return f"{self.int_to_ext_project_id(project)}/{run}"

    def ext_to_int_user_id(self, user_id: str) -> str:
        return self._encode(user_id)

    def int_to_ext_user_id(self, user_id: str) -> str:
        return self._decode(user_id)


class Server(ExternalTraceServer):
    """The adapter, and what the authentication layer and the project service add in production."""

    def __init__(self) -> None:
        self.store = backends.store()
        self._objects: dict[str, tsi.ObjCreateRes] = {}
        super().__init__(self.store.server, Base64Ids())

    def ensure_project_exists(self, entity: str, project: str):  # noqa: ANN201
        return tsi.EnsureProjectExistsRes(project_name=project)

    def obj_create(self, req):  # noqa: ANN001, ANN201
        # The SDK sends a scorer's object with each of its scores, which is slow on ClickHouse. So the result is cached.
        sent = req.model_dump_json()
        if sent not in self._objects:
            self._objects[sent] = super().obj_create(req)
        return self._objects[sent]

    def call_start_batch(self, req):  # noqa: ANN001, ANN201
        # The adapter of older versions has no such method, and the interface's method does nothing.
        with self.store.batch():
            for item in req.batch:
                (self.call_start if item.mode == "start" else self.call_end)(item.req)
        return tsi.CallCreateBatchRes(res=[])

    def feedback_create(self, req):  # noqa: ANN001, ANN201
        req = req.model_copy(update={"wb_user_id": USER})
        return super().feedback_create(req)

    def feedback_create_batch(self, req):  # noqa: ANN001, ANN201
        batch = [item.model_copy(update={"wb_user_id": USER}) for item in req.batch]
        return super().feedback_create_batch(req.model_copy(update={"batch": batch}))


def build_app(server: Server, keys: dict[str, set[str]]) -> fastapi.FastAPI:
    """Builds the routes of the v2 Evaluation API. `keys` maps an API key to the projects that it may read."""
    app = fastapi.FastAPI()
    app.state.requests = []
    # The numbers, from 0 on, of the requests to store calls that are refused; and how many such requests there were.
    app.state.refused, app.state.stored = set(), 0

    @app.exception_handler(Exception)
    def _failed(_request: fastapi.Request, exc: Exception) -> JSONResponse:
        answer = handle_server_exception(exc)
        return JSONResponse(answer.message, status_code=answer.status_code)

    @app.middleware("http")
    async def _authenticate(request: fastapi.Request, call_next):  # noqa: ANN001, ANN202
        # The SDK may log over HTTP, too.
        if request.headers.get("user-agent", "").startswith("weave-gate/"):
            app.state.requests.append((request.method, request.url.path))
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, key = base64.b64decode(token).decode().partition(":")
        except ValueError:
            user, key = "", ""
        if scheme != "Basic" or user != "api" or key not in keys:
            return JSONResponse({"reason": "api key is not valid"}, status_code=401)
        request.state.key = key
        parts = request.url.path.split("/")
        if parts[1] == "v2" and "/".join(parts[2:4]) not in keys[key]:
            return JSONResponse({"reason": "permission denied"}, status_code=403)
        if request.url.path.endswith(("/calls/complete", "/call/upsert_batch")):
            app.state.stored += 1
            if app.state.stored - 1 in app.state.refused:
                return JSONResponse({"reason": "refused by the test"}, status_code=400)
        try:
            return await call_next(request)
        except Exception as exc:  # noqa: BLE001 - mapped to the status the server would send
            return _failed(request, exc)

    prefix = "/v2/{entity}/{project}"

    @app.get(prefix + "/evaluation_runs/{run_id}")
    def _run_read(entity: str, project: str, run_id: str):  # noqa: ANN202
        return server.evaluation_run_read(
            tsi.EvaluationRunReadReq(
                project_id=f"{entity}/{project}", evaluation_run_id=run_id
            )
        )

    @app.get(prefix + "/evaluation_runs")
    def _run_list(  # noqa: ANN202
        entity: str,
        project: str,
        limit: int | None = None,
        offset: int | None = None,
        evaluations: list[str] | None = fastapi.Query(None),
        models: list[str] | None = fastapi.Query(None),
        evaluation_run_ids: list[str] | None = fastapi.Query(None),
    ):
        runs = server.evaluation_run_list(
            tsi.EvaluationRunListReq(
                project_id=f"{entity}/{project}",
                filter=tsi.EvaluationRunFilter(
                    evaluations=evaluations,
                    models=models,
                    evaluation_run_ids=evaluation_run_ids,
                ),
                limit=limit,
                offset=offset,
            )
        )
        lines = (run.model_dump_json() + "\n" for run in runs)
        return StreamingResponse(lines, media_type="application/jsonl")

    @app.post(prefix + "/eval_results/query")
    def _results(entity: str, project: str, body: tsi.EvalResultsQueryBody):  # noqa: ANN202
        return server.eval_results_query(
            tsi.EvalResultsQueryReq(project_id=f"{entity}/{project}", **body.model_dump(by_alias=True))
        )

    @app.post("/calls/stream_query")
    def _calls(request: fastapi.Request, body: tsi.CallsQueryReq):  # noqa: ANN202
        if body.project_id not in keys[request.state.key]:
            return JSONResponse({"reason": "permission denied"}, status_code=403)
        calls = server.calls_query_stream(body)
        lines = (call.model_dump_json() + "\n" for call in calls)
        return StreamingResponse(lines, media_type="application/jsonl")

    @app.post("/calls/query_stats")
    def _count(request: fastapi.Request, body: tsi.CallsQueryStatsReq):  # noqa: ANN202
        if body.project_id not in keys[request.state.key]:
            return JSONResponse({"reason": "permission denied"}, status_code=403)
        return server.calls_query_stats(body)

    _mount_writes(app, server)

    @app.get(prefix + "/predictions/{prediction_id}")
    def _prediction(entity: str, project: str, prediction_id: str):  # noqa: ANN202
        return server.prediction_read(
            tsi.PredictionReadReq(
                project_id=f"{entity}/{project}", prediction_id=prediction_id
            )
        )

    return app


def _mount_writes(app: fastapi.FastAPI, server: Server) -> None:
    """Mounts the routes through which `EvaluationLogger` and `Evaluation` log from another process."""

    def mount(path: str, method: str, request: type) -> None:
        async def write(http):  # noqa: ANN001, ANN202
            # The SDK does not declare that its body is JSON.
            return getattr(server, method)(request.model_validate_json(await http.body()))

        write.__annotations__ = {"http": fastapi.Request}
        app.post(path)(write)

    mount("/call/start", "call_start", tsi.CallStartReq)
    mount("/call/end", "call_end", tsi.CallEndReq)
    mount("/call/upsert_batch", "call_start_batch", tsi.CallCreateBatchReq)
    mount("/v2/{entity}/{project}/call/start", "call_start_v2", tsi.CallStartV2Req)
    mount("/v2/{entity}/{project}/call/end", "call_end_v2", tsi.CallEndV2Req)
    mount("/v2/{entity}/{project}/calls/complete", "calls_complete", tsi.CallsUpsertCompleteReq)
    mount("/obj/create", "obj_create", tsi.ObjCreateReq)
    mount("/obj/read", "obj_read", tsi.ObjReadReq)
    mount("/table/create", "table_create", tsi.TableCreateReq)
    mount("/refs/read_batch", "refs_read_batch", tsi.RefsReadBatchReq)
    mount("/evaluations/status", "evaluation_status", tsi.EvaluationStatusReq)
    mount("/table/query", "table_query", tsi.TableQueryReq)
    mount("/feedback/create", "feedback_create", tsi.FeedbackCreateReq)
    mount("/feedback/batch/create", "feedback_create_batch", tsi.FeedbackCreateBatchReq)

    @app.get("/server_info")
    def _info():  # noqa: ANN202
        return {"min_required_weave_python_version": "0.0.1"}

    @app.post("/files/create")
    @app.post("/file/create")
    async def _file(request: fastapi.Request):  # noqa: ANN202
        # The form is parsed by hand, to avoid another dependency.
        head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
        parts = {
            part.get_param("name", header="content-disposition"): part
            for part in email.message_from_bytes(head + await request.body()).get_payload()
        }
        return server.file_create(
            tsi.FileCreateReq(
                project_id=parts["project_id"].get_payload(decode=True).decode(),
                name=parts["file"].get_filename() or "file",
                content=parts["file"].get_payload(decode=True),
            )
        )


class Running:
    """The application on a free port of 127.0.0.1, in a thread that ends with the process."""

    def __init__(self, app: fastapi.FastAPI) -> None:
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server on loopback did not start")
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.app = app

    def stop(self) -> None:
        self._server.should_exit = True
