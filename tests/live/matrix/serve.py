"""Runs a trace server for SDKs in other processes. Prints its address, and ends when its stdin closes.

`LIVE_BACKEND` names its backend. Usage: serve.py KEY PROJECT
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import weave_server  # noqa: E402
from weave.trace_server import trace_server_interface as tsi  # noqa: E402


def main() -> None:
    key, project = sys.argv[1:]
    server = weave_server.Server()
    price = tsi.CostCreateInput(prompt_token_cost=1e-6, completion_token_cost=2e-6)
    server.cost_create(
        tsi.CostCreateReq(project_id=project, costs={"house-llm": price}, wb_user_id=weave_server.USER)
    )
    running = weave_server.Running(weave_server.build_app(server, {key: {project}}))
    print(running.url, flush=True)
    sys.stdin.read()
    running.stop()


if __name__ == "__main__":
    main()
