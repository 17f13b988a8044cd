"""Checks what no other checker of recipes covers: the Jenkinsfile's syntax, and the files of the pre-commit hook.

Writes the shell scripts that are embedded in YAML to a folder, for shellcheck.

Usage: check_recipes.py FOLDER
"""

from __future__ import annotations

import pathlib
import re
import sys

import tree_sitter
import tree_sitter_groovy
from ruamel.yaml import YAML

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECIPES = ROOT / "examples" / "ci"


def documents(path: pathlib.Path) -> list:
    return list(YAML(typ="safe").load_all(path.read_text()))


def check_jenkinsfile() -> None:
    text = (RECIPES / "Jenkinsfile").read_bytes()
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language()))
    assert not parser.parse(text).root_node.has_error, "the Jenkinsfile is no Groovy"
    # The parser must reject invalid syntax. Otherwise the check proves nothing.
    assert parser.parse(text.replace(b"steps {", b"steps ", 1)).root_node.has_error
    stage = text.decode().split("stage('Weave gate')")[1].split("stage('Deploy')")[0]
    before, post = stage.split("post {")
    assert "credentials('wandb-api-key')" in before
    assert "sh 'weave-gate check" in before and "returnStatus" not in before
    always = post.split("always {")[1]
    folder = re.search(r"--report-dir ([\w-]+)", before)[1]
    assert f"junit testResults: '{folder}/junit.xml'" in always
    assert f"archiveArtifacts artifacts: '{folder}/*'" in always


def check_hook() -> None:
    (hook,) = documents(ROOT / ".pre-commit-hooks.yaml")[0]
    looked_at = re.compile(hook["files"])
    for path in ("gates.yaml", "gates.yml", "a/gates.yaml", "bot.gates.yaml", "gates.example.yaml", "a/b.gates.yml"):
        assert looked_at.search(path), path
    for path in ("gates.schema.json", "delegates.yaml", "gates", "gates/values.yaml", "mygates.yaml"):
        assert not looked_at.search(path), path


def write_shell(folder: pathlib.Path) -> None:
    (job,) = (
        job for job in documents(ROOT / "templates" / "weave-gate.yml")[1].values() if "script" in job
    )
    # busybox supports only these options.
    (folder / "gitlab-component.sh").write_text("#!/bin/sh\n" + "\n".join(job["script"]) + "\n")
    for step in documents(RECIPES / "buildkite.yml")[0]["steps"]:
        name = step["label"].lower().replace(" ", "-")
        shell = step["command"].replace("$$", "$")
        (folder / f"buildkite-{name}.sh").write_text(f"#!/bin/bash\n{shell}\n")
    (job,) = documents(RECIPES / "azure-pipelines.yml")[0]["stages"][0]["jobs"]
    shells = [step["bash"] for step in job["steps"] if "bash" in step]
    assert len(shells) == 2
    for number, shell in enumerate(shells):
        (folder / f"azure-{number}.sh").write_text(f"#!/bin/bash\n{shell}\n")
    steps = documents(RECIPES / "github-forks.yml")[0]["jobs"]["gate"]["steps"]
    shells = [step["run"] for step in steps if "name" in step and "run" in step]
    assert len(shells) == 2
    for number, shell in enumerate(shells):
        (folder / f"github-forks-{number}.sh").write_text(f"#!/bin/bash\n{shell}\n")


if __name__ == "__main__":
    check_jenkinsfile()
    check_hook()
    write_shell(pathlib.Path(sys.argv[1]))
