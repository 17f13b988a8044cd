"""Judges the controls that `weave-gate test --write` leaves: the runs on which each gate just fails.

For each case the program takes two snapshots, tests the policy on them, and writes the controls of which it says that
`check` fails. The oracle reads these files and must find that a check of the gate fails on them, too.

Usage: controls.py CASES [--first SEED]. The program is `WEAVE_GATE`, as for compare.py.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import re
import shutil
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import compare
import judge
from evidence import Evidence, Row, Run, Trial

FIRST = 7_000_000
FOLDER = "controls"


def flat(value, path: tuple[str, ...] = ()) -> dict:
    """Returns what scorers returned by the names of the dimensions. Null is nothing."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {name: score for key, inner in value.items() for name, score in flat(inner, (*path, key)).items()}
    return {".".join(path): value}


def run_of(file: Path, like: Run) -> Run:
    """Reads a run from a control. What a control does not change is as in the run that it was made from."""
    saved = json.loads(file.read_text())
    (run,), (results,) = saved["runs"], saved["results"]
    texts = {row["row_digest"]: row for part in saved.get("texts", []) for row in part["rows"]}

    def trial(known: dict) -> Trial:
        return Trial(
            scores=flat(known["scores"]),
            latency=known.get("model_latency_seconds"),
            tokens=known.get("total_tokens"),
            cost=known.get("total_cost"),
            output="answer" if known.get("has_output") else None,
            called=known.get("predict_call_id") is not None,
        )

    rows = [
        Row(
            digest=row["row_digest"],
            inputs=texts.get(row["row_digest"], {}).get("raw_data_row"),
            trials=[trial(known) for known in row["trials"]],
        )
        for row in results["rows"]
    ]
    made = copy.copy(like)
    made.id, made.status, made.rows = run["run"], run["status"], rows
    made.evaluation = (run["evaluation"]["name"], run["evaluation"]["version"])
    # The runs of a control count as measured in the same way.
    made.pool, made.setup, made.silent, made.served = [], None, [], []
    return made


def of_case(seed: int) -> tuple[int, list[str]]:
    """Returns the number of controls of a case, and those on which the oracle says that nothing fails."""
    case = compare.case_of(seed)
    compare.serve(case)
    runs = [run for run in (case.evidence.candidate, case.evidence.baseline) if run]
    for run in runs:
        if compare.snapshot(run.id).returncode:
            # A run that cannot be saved cannot be tested from a file.
            return 0, []
    folder = compare.folder()
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    names = [f"--{role}=file:{run.id}.json" for role, run in zip(("candidate", "baseline"), runs, strict=False)]
    done = compare.gate("test", "gates.yaml", *names, "--write", FOLDER)
    proven = re.findall(rf"exits with 1: .*--candidate=file:{FOLDER}/(\S+)\.json", done.stderr)
    wrong = []
    for name in proven:
        candidate = run_of(folder / FOLDER / f"{name}.json", runs[0])
        of_baseline = folder / FOLDER / f"{name}.baseline.json"
        baseline = run_of(of_baseline, runs[-1]) if of_baseline.exists() else None
        evidence = Evidence(candidate, baseline, keys=case.evidence.keys)
        said = judge.judge(case.policy, evidence, datetime.now(timezone.utc))
        gate = name.replace("-", " ")
        checks = [check for check in said.checks if check.gate == gate]
        # Where the oracle does not know which of several statuses is right, one of them must be a failure.
        if not any(check.status == "fail" or (not check.exact and "fail" in check.possible) for check in checks):
            found = [(check.subject, check.limit_key, check.status, check.why) for check in checks]
            wrong.append(f"seed {seed}: nothing of `{gate}` fails: {found}")
    return len(proven), wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=int)
    parser.add_argument("--first", type=int, default=FIRST)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="controls-") as temporary:
        os.environ["ORACLE_TMP"] = temporary
        compare.start()
        controls, wrong = 0, []
        for seed in range(options.first, options.first + options.cases):
            found, disagreements = of_case(seed)
            controls += found
            wrong += disagreements
    print(*wrong, sep="\n")
    print(f"{options.cases} cases, {controls} controls, {len(wrong)} on which the oracle finds no failure")
    return 1 if wrong or not controls else 0


if __name__ == "__main__":
    sys.exit(main())
