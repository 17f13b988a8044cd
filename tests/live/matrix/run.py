"""Tests which servers and SDKs work together with weave-gate, and writes the results into docs/compatibility.md.

Logs two runs with each SDK to each server, and judges them. Installs what it needs into target/matrix.

Usage, with the binary in WEAVE_GATE: python3 tests/live/matrix/run.py [--only WORD]
With `--only`, runs only the pairs whose name contains the word, and rewrites only their lines.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PLACE = ROOT / "target" / "matrix"
TABLE = ROOT / "docs" / "compatibility.md"
KEY = "0123456789abcdef0123456789abcdef01234567"
PROJECT = "my-team/support-bot"
# Packages that the trace server imports but does not declare, and the HTTP packages around it.
EXTRA = ["clickhouse-connect", "confluent-kafka", "ddtrace", "sqlparse", "fastapi", "uvicorn"]
CLICKHOUSE = "chdb==4.4.0"
# Time limit for an installation or a run, in seconds.
LONGEST = 900


@dataclass
class Server:
    version: str
    backend: str

    @property
    def name(self) -> str:
        backend = {"memory": "in memory", "complete": "ClickHouse, complete calls", "merged": "ClickHouse, merged calls"}
        return f"{self.version} {backend[self.backend]}"


@dataclass
class Client:
    language: str
    version: str
    way: str
    # The version that logs the candidate, if it is a different one.
    upgraded: str | None = None

    @property
    def name(self) -> str:
        versions = f"{self.version}, then {self.upgraded}" if self.upgraded else self.version
        return f"{self.language} {versions}, `{self.way}`"


# 0.52.43 has no in-memory server. SDK versions after 0.53.12 contain no server.
SERVERS = [
    Server("0.53.12", "memory"),
    Server("0.53.12", "complete"),
    Server("0.53.12", "merged"),
    Server("0.53.6", "memory"),
    Server("0.52.43", "merged"),
]
CLIENTS = [
    *[Client("Python", version, way) for version in ("0.53.12", "0.54.0") for way in ("Evaluation", "EvaluationLogger")],
    Client("Python", "0.53.12", "Evaluation", upgraded="0.54.0"),
    Client("TypeScript", "0.11.1", "Evaluation"),
]
# The gates, and the status that each has if everything is known.
GATES = {
    "scores": ("scorer: correctness, metric: pass_rate, min: 0.75, max_drop: 0.2", "pass"),
    "a drop": ("scorer: correctness, metric: pass_rate, max_drop: 0.1", "fail"),
    "means": ("scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.7, max_drop: 0.1", "pass"),
    "rows": ("scorer: correctness, metric: regressed_rows, max: 1", "fail"),
    "latency": ("metric: latency_p95, max: 60", "pass"),
    "tokens": ("metric: tokens_mean, max: 20", "pass"),
    "cost": ("metric: cost_mean, max: 1", "pass"),
}


def python(name: str, packages: list[str]) -> Path:
    """Returns the interpreter of an environment with these packages. Creates the environment if it is missing."""
    place = PLACE / name
    interpreter = place / "bin" / "python"
    wanted = "\n".join(packages)
    done = place / "installed.txt"
    if not done.exists() or done.read_text() != wanted:
        venv.create(place, with_pip=True, clear=True)
        pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(pip, check=True, timeout=LONGEST)
        done.write_text(wanted)
    return interpreter


def npm(version: str) -> Path:
    """Returns the folder of the SDK's npm package. Installs it if it is missing."""
    place = PLACE / f"npm-{version}"
    if not (place / "node_modules" / "weave").exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text("{}")
        install = ["npm", "install", "--silent", "--no-fund", "--no-audit", f"weave@{version}"]
        subprocess.run(install, cwd=place, check=True, timeout=LONGEST)
    return place


@contextmanager
def serving(server: Server):  # noqa: ANN201
    """Runs a separate server, and yields its address."""
    packages = [f"weave[trace-server]=={server.version}", *EXTRA]
    interpreter = python(f"server-{server.version}", [*packages, CLICKHOUSE])
    process = subprocess.Popen(
        [interpreter, HERE / "serve.py", KEY, PROJECT],
        env={**os.environ, "LIVE_BACKEND": server.backend, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit(f"the server {server.name} did not start")
        yield url
    finally:
        process.stdin.close()
        process.wait(timeout=60)


def log(client: Client, server: Server, url: str) -> str | None:
    """Logs two runs. Returns the problem, if there was one."""
    environment = {
        **os.environ,
        "WF_TRACE_SERVER_URL": url,
        "WANDB_API_KEY": KEY,
        "WEAVE_PRINT_CALL_LINK": "false",
        "WEAVE_USE_CALLS_COMPLETE": str(server.backend != "merged").lower(),
    }
    if client.language == "TypeScript":
        parts = [(client.version, ["node", HERE / "typescript_sdk.mjs", npm(client.version), PROJECT])]
    elif client.upgraded:
        parts = [(client.version, by_python(client, client.version, url, "baseline"))]
        parts += [(client.upgraded, by_python(client, client.upgraded, url, "candidate"))]
    else:
        parts = [(client.version, by_python(client, client.version, url))]
    for version, command in parts:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False)
        if done.returncode:
            return f"cannot log: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}"
        logged_by = json.loads(done.stdout.strip().splitlines()[-1])["version"]
        assert logged_by == version, logged_by
    return None


def by_python(client: Client, version: str, url: str, *runs: str) -> list:
    """Returns the command that logs with this version of the Python SDK."""
    interpreter = python(f"sdk-{version}", [f"weave=={version}"])
    way = "evaluate" if client.way == "Evaluation" else "logger"
    return [interpreter, HERE / "python_sdk.py", url, KEY, PROJECT, way, *runs]


def judge(url: str) -> dict[str, str]:
    """Returns the result of each gate, and whether all calls were counted."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (keys, expected) in GATES.items():
            policy = f"version: 1\nproject: {PROJECT}\nidentity: {{commit: git_sha}}\n"
            policy += f"candidate: {{evaluation: answers, commit: {'b' * 40}}}\nbaseline: {{branch: main}}\n"
            policy += f"gates:\n- {{name: g, {keys}}}\n"
            (Path(folder) / "gates.yaml").write_text(policy)
            command = [os.path.realpath(os.environ["WEAVE_GATE"]), "check", "gates.yaml", "--json", "r.json", "--base-url", url]
            environment = {"PATH": os.environ["PATH"], "HOME": folder, "WANDB_API_KEY": KEY}
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=LONGEST, check=False)
            report = json.loads((Path(folder) / "r.json").read_text())
            found[name] = outcome(report, expected)
            if name == "scores" and report["policies"] and report["policies"][0]["checks"]:
                findings = report["policies"][0]["findings"]
                names = {finding["name"] for finding in findings}
                # Each version of the SDK stores the same scorers under different digests.
                assert not any("scorer" in finding["message"] for finding in findings), findings
                found["completeness"] = "not known" if "completeness-unknown" in names else "counted"
    return found


def outcome(report: dict, expected: str) -> str:
    error = report["error"] or (report["policies"] and report["policies"][0]["error"])
    if error:
        return error["message"].split("`: ")[-1].replace("|", "\\|")
    checks = report["policies"][0]["checks"]
    # The last limit decides the cell of the table.
    status = checks[-1]["status"]
    if status == expected and all(check["status"] in ("pass", expected) for check in checks):
        return "yes"
    return f"{status}: {checks[-1]['finding'] or checks[-1]['reason']}"


COLUMNS = ["scores", "a drop", "means", "rows", "latency", "tokens", "cost", "completeness"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    lines, wrong = [], 0
    for server in SERVERS:
        for client in CLIENTS:
            name = f"{server.name} and {client.name}"
            if only not in name:
                continue
            with serving(server) as url:
                problem = log(client, server, url)
                found = {} if problem else judge(url)
            cells = [problem or found.get(column, "") for column in COLUMNS[: 1 if problem else None]]
            wrong += any(found.get(column) != "yes" for column in ("scores", "a drop", "means", "rows"))
            cells += [""] * (len(COLUMNS) - len(cells))
            lines.append("| " + " | ".join([server.name, client.name, *cells]) + " |")
            print(lines[-1], flush=True)
    write(lines)
    return int(wrong > 0)


def pair(line: str) -> tuple[str, str]:
    """Returns the server and the SDK of a line."""
    server, client, *_ = line.lstrip("| ").split(" | ")
    return server, client


def write(lines: list[str]) -> None:
    """Replaces the lines of the same pairs in the table. Other lines stay unchanged."""
    begin, end = "<!-- matrix -->\n", "<!-- end of matrix -->\n"
    text = TABLE.read_text()
    before, rest = text.split(begin)
    made = {pair(line): line for line in rest.split(end)[0].splitlines()[2:]}
    made |= {pair(line): line for line in lines}
    order = [(server.name, client.name) for server in SERVERS for client in CLIENTS]
    lines = [made[key] for key in order if key in made]
    head = "| Trace server | SDK | " + " | ".join(COLUMNS) + " |\n" + "| --- " * (len(COLUMNS) + 2) + "|\n"
    TABLE.write_text(before + begin + head + "".join(f"{line}\n" for line in lines) + end + rest.split(end)[1])


if __name__ == "__main__":
    sys.exit(main())
