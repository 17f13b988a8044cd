"""Fixtures: the server, and the built binary to run against it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from dataclasses import dataclass

import pytest

import backends
import scenarios
import weave_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "0123456789abcdef0123456789abcdef01234567"
OTHER_KEY = "f" * 40
# Time limit for one run of the gate, in seconds. Embedded ClickHouse shares two cores with other tests.
TIMEOUT = 60 if backends.IS_MEMORY else 300


@dataclass
class Outcome:
    code: int
    report: dict
    stdout: str
    stderr: str

    @property
    def policy(self) -> dict:
        return self.report["policies"][0]

    @property
    def checks(self) -> list[dict]:
        return self.policy["checks"]

    @property
    def findings(self) -> set[str]:
        """Returns all findings except hints. Hints are about the policy and not about the runs."""
        return {finding["name"] for finding in self.policy["findings"] if finding["effect"] != "hint"}

    @property
    def hints(self) -> set[str]:
        return {finding["name"] for finding in self.policy["findings"] if finding["effect"] == "hint"}

    def message(self, name: str) -> str:
        """Returns the messages of the findings with this name."""
        return "\n".join(finding["message"] for finding in self.policy["findings"] if finding["name"] == name)

    def help(self, name: str) -> str:
        """Returns the helps of the findings with this name."""
        return "\n".join(finding["help"] or "" for finding in self.policy["findings"] if finding["name"] == name)

    def effect(self, name: str) -> str:
        """Returns the effect of the only finding with this name."""
        (found,) = {finding["effect"] for finding in self.policy["findings"] if finding["name"] == name}
        return found

    def check(self, gate: str) -> dict:
        (found,) = [check for check in self.checks if check["gate"] == gate]
        return found


class World:
    """One server with one project, and the gate."""

    def __init__(self, work: pathlib.Path) -> None:
        self.server = weave_server.Server()
        self.project = f"{scenarios.ENTITY}/{scenarios.PROJECT}"
        app = weave_server.build_app(
            self.server, {KEY: {self.project, "my-team/empty"}, OTHER_KEY: {"other/project"}}
        )
        self.running = weave_server.Running(app)
        self.client = scenarios.connect(self.server, self.running.url, KEY)
        scenarios.set_price(self.server)
        self.work = work
        self.binary = os.environ["WEAVE_GATE"]

    def requests(self) -> list[tuple[str, str]]:
        """Returns the requests since the last call."""
        made = list(self.running.app.state.requests)
        self.running.app.state.requests.clear()
        return made

    def run(
        self, *arguments: str, key: str | None = KEY, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.work), **(env or {})}
        if key is not None:
            environment["WANDB_API_KEY"] = key
        return subprocess.run(
            [self.binary, *arguments],
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def gate(self, policy: str, *arguments: str, env: dict[str, str] | None = None) -> Outcome:
        """Runs the gate with a policy that selects the runs itself."""
        path = self.work / "gates.yaml"
        path.write_text(policy)
        report = self.work / "report.json"
        report.unlink(missing_ok=True)
        done = self.run(
            "check", str(path), "--json", str(report), *self.here, *arguments, env=env
        )
        parsed = json.loads(report.read_text())
        assert parsed["exit_code"] == done.returncode, done.stderr
        return Outcome(done.returncode, parsed, done.stdout, done.stderr)

    @property
    def here(self) -> list[str]:
        """Returns the options for this server and project."""
        return ["--base-url", self.running.url, "--project", self.project]

    def check(
        self,
        gates: str,
        candidate: str,
        baseline: str | None = None,
        *,
        head: str = "",
        project: str | None = None,
        key: str | None = KEY,
    ) -> Outcome:
        policy = self.work / "gates.yaml"
        policy.write_text(f"version: 1\n{head}\ngates:\n{gates}\n")
        report = self.work / "report.json"
        report.unlink(missing_ok=True)
        arguments = ["check", str(policy), "--candidate", candidate, "--json", str(report)]
        arguments += ["--report", str(self.work / "report.md")]
        arguments += ["--base-url", self.running.url, "--project", project or self.project]
        if baseline is not None:
            arguments += ["--baseline", baseline]
        done = self.run(*arguments, key=key)
        for secret in (KEY, OTHER_KEY):
            assert secret not in done.stdout + done.stderr + report.read_text()
        parsed = json.loads(report.read_text())
        assert parsed["schema_version"] == 1
        assert parsed["exit_code"] == done.returncode, done.stderr
        return Outcome(done.returncode, parsed, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def place(tmp_path: pathlib.Path):  # noqa: ANN201
    """Starts a separate server without any logged run. After the test, the other server is used again."""
    from weave.trace.context import weave_client_context

    before = weave_client_context.get_weave_client()
    world = World(tmp_path)
    yield world
    scenarios.disconnect(world.client)
    world.running.stop()
    scenarios.use(before)
