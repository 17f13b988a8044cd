"""A script that logs with `EvaluationLogger` over HTTP, as a user's script does, and ends in a given way.

Usage: logger_script.py URL KEY PROJECT ROWS ENDING [ATTRIBUTE=VALUE…]

ENDING is `summary` (`log_summary()`), `crash` (an uncaught exception), `kill` (no exit handler runs), or `finish`
(`finish()` alone). Prints the run's id.
"""

from __future__ import annotations

import os
import signal
import sys

os.environ.setdefault("WEAVE_PRINT_CALL_LINK", "false")

import weave  # noqa: E402
from weave.trace.context import weave_client_context  # noqa: E402
from weave.trace.weave_client import WeaveClient  # noqa: E402
from weave.trace_server_bindings.remote_http_trace_server import RemoteHTTPTraceServer  # noqa: E402
from weave.wandb_interface.auth import ApiKeyCredentials  # noqa: E402


def main(url: str, key: str, project: str, rows: str, ending: str, *attributes: str) -> None:
    server = RemoteHTTPTraceServer(url, should_batch=False, auth=ApiKeyCredentials(key))
    client = WeaveClient(*project.split("/"), server, ensure_project_exists=False)
    weave_client_context.set_weave_client_global(client)
    logger = weave.EvaluationLogger(
        name="answers", eval_attributes=dict(pair.split("=", 1) for pair in attributes)
    )
    print(logger._evaluate_call.id, flush=True)
    for number in range(int(rows)):
        prediction = logger.log_prediction(inputs={"n": number}, output=str(number))
        prediction.log_score("correctness", True)
        prediction.finish()
    if ending == "crash":
        raise RuntimeError("the script crashed")
    if ending == "kill":
        client.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if ending == "finish":
        logger.finish()
    else:
        logger.log_summary()
    client.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
