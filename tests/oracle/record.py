"""Keeps cases of the second opinion, so that `cargo test` compares the judge with it without Python.

For each case it writes the policy, two snapshots, the oracle's status of every check, and the words and numbers with
which the program reports the check.

Usage: record.py, which writes the kept cases again, or record.py --choose CASES [--jobs N], which selects few and small
cases from CASES seeds. Together they reach everything that the many cases reach. The known cases are always kept.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import compare
import generate
import judge

KEPT = Path(__file__).with_name("recorded.jsonl")
# The maximum size of the file in the repository, in bytes.
MOST_BYTES = 1_500_000
# The time at which the cases are judged. Their results do not change after this time.
NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)
# Fields of a snapshot that never affect a judgement.
UNREAD = {"predict_and_score_call_id"}
# Fields of trials that affect only metrics with these prefixes. A missing output tells that a call crashed.
USED_BY = {
    "model_latency_seconds": "latency",
    "model_output": "latency",
    "total_tokens": "tokens",
    "total_cost": "cost",
}
# The number of a run's trials that report each total.
REPORTED = {"total_tokens": "tokens_reported", "total_cost": "cost_priced"}


class Unfit(Exception):
    """A case that cannot be kept: the oracle and the program do not agree exactly, or nothing is judged."""


@dataclass
class Seen:
    """What a case reaches, and its approximate size."""

    seed: int
    rules: set[tuple]  # metric, evidence, missing, status
    words: set[tuple]
    size: int


def judged(case: generate.Case) -> judge.Judgement:
    """Returns the oracle's result. Raises `Unfit` if any part of it is uncertain."""
    said = judge.judge(case.policy, case.evidence, NOW)
    if said.exit_code == 2 or not all(check.exact for check in said.checks):
        raise Unfit
    return said


def same(said: judge.Judgement, report: dict | None) -> list[dict]:
    """Returns the program's checks in its order. Raises `Unfit` if they differ from the oracle's."""
    if not report or report["error"] or not report["policies"]:
        raise Unfit
    checks = report["policies"][0]["checks"]
    theirs = {compare.key_of(check): check["status"] for check in checks}
    if theirs != {check.key: check.status for check in said.checks} or report["verdict"] != said.verdict:
        raise Unfit
    return checks


def look(seed: int) -> Seen | None:
    """Returns what the case of a seed reaches, or None if it cannot be kept."""
    case = generate.case(seed)
    try:
        said = judged(case)
        compare.serve(case)
        _, report, _ = compare.check(case)
        checks = same(said, report)
    except Unfit:
        return None
    rules = {(check.metric, check.evidence, check.missing, check.status) for check in said.checks}
    words: set[tuple] = set()
    for check in checks:
        words.add((check["metric"], check["limit_key"], check["status"]))
        words.add((check["evidence"], check["slice"] is not None, check["finding"], check["status"]))
        words.add((check["status"], check["reason_kind"]))
    words |= {(finding["effect"], finding["name"]) for finding in report["policies"][0]["findings"]}
    runs = [run for run in (case.evidence.candidate, case.evidence.baseline) if run]
    trials = sum(len(row.trials) for run in runs for row in run.rows)
    return Seen(seed, rules, words, 2500 + (450 - 50 * len(unread(case))) * trials + 500 * len(checks))


def choose(seen: Iterable[Seen]) -> list[int]:
    """Chooses few small cases that reach all rules, and as many of the words as the file size allows."""
    left, chosen, size = list(seen), [], 0
    for of in ("rules", "words"):
        wanted = set().union(*(getattr(case, of) for case in left))
        for case in chosen:
            wanted -= getattr(case, of)
        while wanted:
            best = max(left, key=lambda case: (len(getattr(case, of) & wanted) / case.size, -case.seed))
            if of == "words" and size + best.size > MOST_BYTES * 0.9:
                break
            wanted -= getattr(best, of)
            chosen.append(best)
            left.remove(best)
            size += best.size
    return sorted(case.seed for case in chosen)


# ---------------------------------------------------------------------------------------------- the file


def record(seeds: Iterable[int]) -> None:
    """Writes the file again."""
    lines = []
    known = {case.seed: case for case in generate.known()}
    for seed in sorted({*seeds, *known}):
        try:
            lines.append(line(known.get(seed) or generate.case(seed)))
        except Unfit:
            print(f"seed {seed} is no longer kept: the oracle and the program do not say exactly the same")
    print(f"{len(lines)} cases, {sum(len(one['checks']) for one in lines)} checks")
    text = "".join(f"{json.dumps(one, ensure_ascii=False, separators=(',', ':'))}\n" for one in lines)
    size = len(text.encode())
    if size > MOST_BYTES:
        sys.exit(f"{size} bytes are more than a repository should hold")
    KEPT.write_text(text, encoding="utf-8")
    print(f"{size} bytes: {KEPT.name}")


def kept() -> list[int]:
    return [json.loads(text)["seed"] for text in KEPT.read_text(encoding="utf-8").splitlines()]


def line(case: generate.Case) -> dict:
    """Returns one case as a line of the file."""
    said = judged(case)
    compare.serve(case)
    runs = {"candidate": case.evidence.candidate, "baseline": case.evidence.baseline}
    snapshots = {role: run and snapshot(run.id, unread(case), inputs(case)) for role, run in runs.items()}
    for role, made in snapshots.items():
        path = compare.folder() / f"{role}.json"
        path.unlink(missing_ok=True)
        if made:
            path.write_text(json.dumps(made))
    names = [f"--{role}=file:{role}.json" for role in snapshots]
    case.excerpts = True
    _, report, _ = compare.check(case, *names)
    checks = same(said, report)
    statuses = {check.key: check.status for check in said.checks}
    return {
        "seed": case.seed,
        "now": NOW.isoformat(),
        "policy": case.policy,
        **snapshots,
        "verdict": said.verdict,
        "checks": [
            {"id": check["id"], "status": statuses[compare.key_of(check)], "told": told(check)} for check in checks
        ],
        "findings": [
            [one["name"], one["effect"]] for one in report["policies"][0]["findings"]
        ],
    }


def unread(case: generate.Case) -> set[str]:
    """Returns the fields that do not affect the judgement of this case."""
    metrics = [gate["metric"] for gate in case.policy["gates"]]
    return UNREAD | {key for key, of in USED_BY.items() if not any(metric.startswith(of) for metric in metrics)}


def inputs(case: generate.Case) -> set[str]:
    """Returns the inputs of rows that the gates use for slices and clusters."""
    gates = case.policy["gates"]
    names = [gate[key] for key in ("by", "cluster_by") for gate in [*gates, case.policy.get("defaults", {})] if key in gate]
    names += [name for gate in gates for name in gate.get("where", {})]
    return {name.split(".")[0] for name in names}


def snapshot(id: str, leave_out: set[str], inputs: set[str]) -> dict:
    """Returns a run with its rows, made by the program, without the fields that do not affect the judgement."""
    if compare.snapshot(id).returncode:
        raise Unfit
    made = json.loads((compare.folder() / f"{id}.json").read_text(encoding="utf-8"))
    made["taken_at"] = NOW.isoformat()
    for key in REPORTED.keys() & leave_out:
        made["runs"][0][key] = None
        made["usage"][0][REPORTED[key]] = 0
    for row in made["texts"][0]["rows"]:
        row["raw_data_row"] = {name: value for name, value in row["raw_data_row"].items() if name in inputs}
        row["outputs"] = [None if output is None else "" for output in row["outputs"]]
    for row in made["results"][0]["rows"]:
        for trial in row["trials"]:
            # Only whether there was a call affects the judgement.
            if trial.get("predict_call_id") is not None:
                trial["predict_call_id"] = "p"
            for key in [key for key, value in trial.items() if key in leave_out or value is None]:
                del trial[key]
    return made


def told(check: dict) -> dict:
    """Returns the program's kind of reason and numbers, without null values."""
    keys = ["reason_kind", "margin", "baseline", "baseline_range", "candidate", "candidate_range", "change"]
    keys += ["scored", "trials"]
    made = {key: check[key] for key in keys}
    chance = check["chance"] or {}
    keys = ["rows", "regressed", "fixed", "point", "interval", "p", "adjusted_p", "family", "counted"]
    keys += ["resolution", "rows_needed"]
    if check["rows_behind"]:
        sides = [[row["digest"], side(row["candidate"]), side(row["baseline"])] for row in check["rows"]]
        made["behind"] = {"total": check["rows_behind"], "rows": sides}
    made["chance"] = {key: chance[key] for key in keys if chance.get(key) is not None} or None
    return {key: value for key, value in made.items() if value is not None}


def side(of: dict | None) -> list | None:
    """Returns the values of one run for a row."""
    return of and [of["score"], of["scored"], of["trials"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choose", type=int, metavar="CASES")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if not compare.BINARY:
        parser.error("WEAVE_GATE has to be the path of the program")
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        os.environ["ORACLE_TMP"] = folder
        if options.choose:
            with multiprocessing.Pool(options.jobs, initializer=compare.start) as pool:
                seen = list(pool.imap_unordered(look, range(options.choose), chunksize=8))
            seeds = choose(case for case in seen if case)
        else:
            seeds = kept()
        compare.start()
        record(seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
