"""Runs the built binary and the oracle on the same cases, and compares them check by check.

Usage: compare.py CASES [--fresh SEED] [--jobs N]: runs the known cases, CASES fixed seeds, and CASES fresh seeds. The
fresh seeds begin at SEED, or at a random number that is printed.
compare.py CASES --first SEED: runs only CASES seeds from SEED on. compare.py --seed SEED: shows one case in full.
`--show N`: prints at most N cases that disagree, 20 by default.
`--repeated`: the cases of repeated.py, with noise, clusters, k attempts and baselines of several commits. `--dry`: judges
the cases without the program.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

import fake_weave
import generate
import histories
import judge
import measure
import properties
import repeated
import selection

BINARY = os.environ.get("WEAVE_GATE")
KEY = "0123456789abcdef0123456789abcdef01234567"
# For Student's t under missing scores, the program may bound the mean and the deviation separately (ARCHITECTURE.md,
# 15). It may then leave undecided what a sharper bound decides: at most this fraction of the checks where it may.
MOST_LEFT_OPEN = 0.04
# The same limit for a few hundred cases, where the fraction varies more.
MOST_LEFT_OPEN_OF_FEW = 0.1
# The maximum fraction of all checks with more imputations than the oracle counts.
MOST_UNCOUNTED = 0.01
# The same with clusters, where rows of different clusters are different, so that there are more imputations.
MOST_UNCOUNTED_OF_REPEATED = 0.03
# The program may bound the missing scores of clusters and of k attempts more coarsely than the oracle. Then it reports
# one of these reasons.
COARSER_REASONS = {"missing-scores-decide"}
# The findings on the noise of a policy.
NOISE_FINDINGS = {"noise-expired", "noise-unused"}
# With fewer cases the fractions have no meaning. From this many cases on, each metric must reach each status.
ENOUGH = 300
# The same for the features of repeated.py.
ENOUGH_OF_REPEATED = 1500
# From this many cases on, each combination of metric, evidence and missing must reach each status.
WHOLE = 5000

# One in this many cases also tests the properties, and one in this many also judges a history of runs.
PROPERTIES = 10
HISTORIES = 2

_weave: fake_weave.Weave | None = None
_folder: Path | None = None
_repeated = False


@dataclass
class Result:
    """The result of one case."""

    seed: int
    checks: list[judge.Check] = field(default_factory=list)
    verdict: str | None = None
    left_open: int = 0
    could_be_open: int = 0
    coarser: Counter = field(default_factory=Counter)  # by evidence rule
    could_be_coarser: int = 0
    intervals: int = 0
    uncounted: int = 0
    snapshots: int = 0
    histories: int = 0
    properties: int = 0
    disagreements: list[str] = field(default_factory=list)


def start(is_repeated: bool = False) -> None:
    global _weave, _folder
    start_dry(is_repeated)
    _weave = fake_weave.Weave()
    _folder = Path(tempfile.mkdtemp(prefix="oracle-", dir=os.environ["ORACLE_TMP"]))


def start_dry(is_repeated: bool) -> None:
    """Prepares a process that only judges."""
    global _repeated
    _repeated = is_repeated


def folder() -> Path:
    """Returns the folder in which the program runs."""
    return _folder


def serve(case: generate.Case, shuffled: bool = False) -> None:
    """Puts a case where the program reads it."""
    runs = [run for run in (case.evidence.candidate, case.evidence.baseline) if run]
    _weave.serve(runs, case.evidence.keys, shuffled=shuffled)
    write(case.policy)


def write(policy: dict) -> None:
    # JSON is valid YAML.
    (_folder / "gates.yaml").write_text(json.dumps(policy))


def gate(*arguments: str) -> subprocess.CompletedProcess:
    environment = {"HOME": str(_folder), "WANDB_API_KEY": KEY}
    return subprocess.run(
        [BINARY, *arguments], cwd=_folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def check(case: generate.Case, *more: str) -> tuple[int, dict | None, str]:
    """Runs `weave-gate check` on a case. Returns the exit code, the JSON report and stderr."""
    return check_policy(*more, *([] if case.excerpts else ["--no-excerpts"]))


def check_policy(*more: str) -> tuple[int, dict | None, str]:
    """Runs `weave-gate check` on the policy that was written last."""
    report = _folder / "report.json"
    report.unlink(missing_ok=True)
    done = gate("check", "gates.yaml", "-q", "--base-url", _weave.url, "--json", "report.json", *more)
    return done.returncode, json.loads(report.read_text()) if report.exists() else None, done.stderr


def case_of(seed: int) -> generate.Case:
    return repeated.case(seed) if _repeated else generate.case(seed)


def history_of(seed: int, now: datetime) -> histories.History:
    return repeated.history(seed, now) if _repeated else histories.history(seed, now)


def key_of(check: dict) -> tuple:
    of = check["slice"]
    value = judge.kind(of["value"]) if of and of["by"] is not None else None
    return check["gate"], check["subject"], value, check["limit_key"]


def run(case: int | generate.Case) -> Result:
    """Compares one case, or the case of a seed."""
    seed = case if isinstance(case, int) else case.seed
    try:
        return compare(case_of(case) if isinstance(case, int) else case)
    except Exception as error:  # noqa: BLE001 - the case that broke the comparison has to be named
        return Result(seed, disagreements=[f"the comparison broke: {error!r}\n{traceback.format_exc()}"])


def compare(case: generate.Case) -> Result:
    said = judge.judge(case.policy, case.evidence, datetime.now(timezone.utc))
    serve(case)
    code, report, stderr = check(case)
    result = Result(case.seed, said.checks, said.verdict)
    hold_against(result, said, code, report, stderr)
    result.disagreements += [f"a request that Weave does not know: {request}" for request in _weave.unexpected]
    if case.seed % PROPERTIES == 0 and report and report["error"] is None:
        result.properties = 1
        result.disagreements += broken(case, report)
    if case.seed % HISTORIES == 0:
        result.histories = 1
        result.disagreements += from_history(case.seed)
    if case.snapshots and case.evidence.baseline and report and report["error"] is None:
        result.snapshots = 1
        serve(case)
        result.disagreements += from_snapshots(case, code, report)
    return result


def judge_only(case: int | generate.Case) -> Result:
    """Judges one case, and the history of its seed, without the program."""
    case = case_of(case) if isinstance(case, int) else case
    result, now = Result(case.seed), datetime.now(timezone.utc)
    try:
        said = judge.judge(case.policy, case.evidence, now)
        result.checks, result.verdict = said.checks, said.verdict
        if case.seed % HISTORIES == 0:
            result.histories = 1
            history = history_of(case.seed, now)
            if chosen := history.selected(now):
                result.checks = said.checks + judge.judge(history.policy, chosen.evidence(), now).checks
    except Exception as error:  # noqa: BLE001 - the case that broke the judge has to be named
        result.disagreements.append(f"the judge broke: {error!r}\n{traceback.format_exc()}")
    result.could_be_open = sum(check.may_be_open and not check.may_be_coarser for check in result.checks)
    result.could_be_coarser = sum(check.may_be_coarser for check in result.checks)
    # The largest possible number.
    result.uncounted = sum(not check.exact for check in result.checks)
    return result


def hold_against(result: Result, said: judge.Judgement, code: int, report: dict | None, stderr: str) -> None:
    if not report or not report["policies"] or report["policies"][0]["error"]:
        result.disagreements.append(f"nothing judged, exit code {code}: {stderr}")
        return
    theirs = {key_of(check): check for check in report["policies"][0]["checks"]}
    ours = {check.key: check for check in said.checks}
    for key in theirs.keys() - ours.keys():
        result.disagreements.append(f"only the program has {key}: {theirs[key]['status']}, {theirs[key]['reason']}")
    for key in ours.keys() - theirs.keys():
        result.disagreements.append(f"only the oracle has {key}: {ours[key].status}, {ours[key].why}")
    for key in ours.keys() & theirs.keys():
        mine, other = ours[key], theirs[key]
        result.could_be_coarser += mine.may_be_coarser
        result.could_be_open += mine.may_be_open and not mine.may_be_coarser
        if other["status"] == mine.status:
            continue
        if is_coarser(mine, other):
            result.coarser[mine.evidence] += 1
            mine.status = other["status"]
        elif is_left_open(mine, other["status"]):
            result.left_open += 1
            mine.status = other["status"]
        elif not mine.exact and other["status"] in mine.possible:
            result.uncounted += 1
            mine.status = other["status"]
        else:
            result.disagreements.append(
                f"{mine.metric} {mine.evidence} {mine.missing} {key}: program {other['status']} ({other['reason']}; "
                f"{other['finding']}), oracle {mine.status} ({mine.why})"
            )
    compare_intervals(result, ours, theirs)
    found = {of["name"] for of in report["policies"][0]["findings"]} & NOISE_FINDINGS
    if said.noise_findings is not None and found != said.noise_findings:
        result.disagreements.append(f"findings: program {sorted(found)}, oracle {sorted(said.noise_findings)}")
    if result.disagreements:
        return
    # Statuses that may differ were set to the program's above. The verdict must follow from these statuses.
    verdict = judge.verdict(said.checks)
    expected = judge.EXIT_CODES[verdict]
    if (report["verdict"], code) != (verdict, expected):
        result.disagreements.append(f"program {report['verdict']}, {code}; oracle {verdict}, {expected}: {stderr}")


def compare_intervals(result: Result, ours: dict[tuple, judge.Check], theirs: dict[tuple, dict]) -> None:
    """Compares the intervals of checks without missing scores, their p-values, and which tests count."""
    for key in ours.keys() & theirs.keys():
        mine, chance = ours[key], theirs[key]["chance"]
        if mine.interval is None or chance is None or chance["interval"] is None:
            continue
        result.intervals += 1
        size = max(1.0, *map(abs, mine.interval))
        if any(abs(end - other) > 1e-6 * size for end, other in zip(mine.interval, chance["interval"], strict=True)):
            result.disagreements.append(f"{key}: program {chance['interval']}, oracle {mine.interval} {mine.uses}")
        # A p that is no evidence of a change has no meaning, and neither has that of rounding errors.
        p, (low, high) = chance["p"], chance["interval"]
        has_meaning = mine.p is not None and p is not None and min(p, mine.p) < 0.4 and high - low > 1e-12 * size
        if has_meaning and abs(p - mine.p) > 1e-6 + 1e-4 * mine.p:
            result.disagreements.append(f"{key}: program p {p}, oracle {mine.p} {mine.uses}")
        # None for a test that has no p.
        if mine.counted is not None and mine.counted != bool(chance["counted"]):
            result.disagreements.append(f"{key}: counted in the program {chance['counted']}, in the oracle {mine.counted} {mine.uses}")


def statuses_of(report: dict | None) -> dict[tuple, str]:
    policies = report["policies"] if report else []
    return {key_of(check): check["status"] for check in policies[0]["checks"]} if policies else {}


def broken(case: generate.Case, report: dict) -> list[str]:
    """Returns the properties that a case violates."""
    _, before, _ = check(replace(case, excerpts=False))
    serve(case, shuffled=True)
    _, again, _ = check(replace(case, excerpts=False))
    made = [] if before == again else ["another order of rows and trials changes the report"]
    worse = properties.with_worse_trials(case)
    if worse.policy["gates"]:
        serve(replace(case, policy=worse.policy))
        before = statuses_of(check(worse)[1])
        serve(worse)
        made += properties.turned(before, statuses_of(check(worse)[1]))
    if more := properties.with_constants(case):
        serve(more)
        after = statuses_of(check(more)[1])
        blocks = {of["name"] for of in case.policy["gates"] if {**case.policy.get("defaults", {}), **of}.get("severity") != "warn"}
        was = {key: status for key, status in statuses_of(report).items() if key[0] in blocks}
        made += [f"{key}: {was[key]}, and {after.get(key)} with constants" for key in was if was[key] != after.get(key)]
    return made


def from_history(seed: int) -> list[str]:
    """Compares which runs of a history the program judges, and the result."""
    now = datetime.now(timezone.utc)
    history = history_of(seed, now)
    chosen = history.selected(now)
    code, report, stderr = check_history(history)
    made = [f"a request that Weave does not know: {request}" for request in _weave.unexpected]
    if chosen is None:
        return made + ([] if code == 3 else [f"history: no run matches, and exit code {code}: {stderr}"])
    if not report or not report["policies"] or report["policies"][0]["error"]:
        return [*made, f"history: nothing judged, exit code {code}: {stderr}"]
    made += unlike(history, chosen, report["policies"][0])
    said = judge.judge(history.policy, chosen.evidence(), now)
    result = Result(seed)
    hold_against(result, said, code, report, stderr)
    made += [f"history: {line}" for line in result.disagreements]
    _, again, _ = check_history(history, shuffled=True)
    if again != report:
        made.append("history: another order of the answers changes the report")
    if more := properties.with_worse_run(history, now):
        before = statuses_of(check_history(replace(more, runs=history.runs))[1])
        made += [f"history: {line}" for line in properties.turned(before, statuses_of(check_history(more)[1]))]
    return made


def check_history(history: histories.History, shuffled: bool = False) -> tuple[int, dict | None, str]:
    _weave.serve(history.runs, {}, filters=history.filters, shuffled=shuffled)
    write(history.policy)
    return check_policy("--no-excerpts", *(["--candidate", history.named] if history.named else []))


def unlike(history: histories.History, chosen: selection.Selection, policy: dict) -> list[str]:
    """Returns the differences between the runs that the program judges and the runs that the oracle chose."""
    if chosen.candidate_findings:
        # Nothing is judged then, and no rule says which runs would have been judged.
        return []
    ours = {"candidate": chosen.candidate}
    if any(judge.compares(gate) for gate in history.policy["gates"]):
        ours["baseline"] = chosen.baseline
    made = []
    for role, runs in ours.items():
        theirs = sorted(run["id"] for run in policy["runs"] if (run["role"], run["use"]) == (role, "judged"))
        if theirs != sorted(run.id for run in runs):
            made.append(f"history: the {role} is {theirs}, not {sorted(run.id for run in runs)}")
    return made


def is_coarser(mine: judge.Check, other: dict) -> bool:
    """Whether the program does not decide only because its bound of the missing scores is coarser than the oracle's."""
    undecided = "waived" if mine.excused else "undecided"
    is_open = other["status"] == undecided and other["reason_kind"] in COARSER_REASONS
    return mine.may_be_coarser and is_open and mine.status in ("pass", "fail")


def is_left_open(mine: judge.Check, status: str) -> bool:
    """The only documented difference: the program may be undecided where a sharper bound decides, never the reverse."""
    undecided = "waived" if mine.excused else "undecided"
    return mine.may_be_open and status == undecided and mine.status in ("pass", "fail")


def from_snapshots(case: generate.Case, code: int, report: dict) -> list[str]:
    """Compares the result from two snapshots with rows, made by the program, with the result from the server."""
    for run in (case.evidence.candidate, case.evidence.baseline):
        made = snapshot(run.id)
        if made.returncode:
            return [f"no snapshot of {run.id}: {made.stderr}"]
    names = [f"--candidate=file:{case.evidence.candidate.id}.json", f"--baseline=file:{case.evidence.baseline.id}.json"]
    again, other, stderr = check(case, *names)
    if again != code or other is None:
        return [f"exit code {again} from snapshots, {code} from the server: {stderr}"]
    told = [{key_of(check): (check["status"], check["reason"]) for check in of["policies"][0]["checks"]} for of in (report, other)]
    return [] if told[0] == told[1] else [f"snapshots say other than the server: {differences(*told)}"]


def snapshot(id: str) -> subprocess.CompletedProcess:
    """Takes a snapshot with rows, into the file with the run's id."""
    return gate("snapshot", id, "--rows", "-o", f"{id}.json", "--project", fake_weave.PROJECT, "--base-url", _weave.url)


def differences(one: dict, other: dict) -> list:
    return [(key, one.get(key), other.get(key)) for key in {**one, **other} if one.get(key) != other.get(key)]


# ---------------------------------------------------------------------------------------------- the whole


def wanted(whole: bool) -> set[tuple]:
    """Returns the combinations that must occur, each as (metric, evidence, missing, status)."""
    statuses = ["pass", "fail", "undecided"]
    metrics = sorted(set(repeated.METRICS if _repeated else generate.METRICS))
    if not whole:
        return {(metric, status) for metric in metrics for status in statuses}
    made = set()
    for metric in metrics:
        rules = ["observed", "significant", "proven"] if metric in measure.TESTABLE else ["observed"]
        has_missing = metric not in measure.NEVER_MISSING | {"rows", "trials"}
        for evidence in rules:
            for missing in ["bound", "fail", "ignore"] if has_missing else ["bound"]:
                made |= {(metric, evidence, missing, status) for status in [*statuses, "waived"]}
    return made


def wanted_of_repeated() -> set[tuple]:
    """Returns what must occur of the features of repeated.py, each as (what a check uses, evidence, status)."""
    made = set()
    for evidence in ["significant", "proven"]:
        for status in ["pass", "fail", "undecided"]:
            made |= {(uses, evidence, status) for uses in ["cluster_by", "k", "noise", "cluster_by, noise", "cluster_by, k"]}
    return made | {("k", "observed", status) for status in ["pass", "fail", "undecided"]}


def features(check: judge.Check) -> str:
    """Returns the features of repeated.py that a check uses."""
    return ", ".join(sorted(check.uses & {"cluster_by", "k", "noise"}))


def show(results: list[Result], seconds: float, most: int) -> bool:
    """Prints the figures, and at most `most` cases that disagree. Returns whether everything agrees."""
    checks = [check for result in results for check in result.checks]
    by_metric = Counter((check.metric, check.status) for check in checks)
    statuses = ["pass", "fail", "undecided", "waived", "skipped"]
    print(f"\n{'':16}" + "".join(f"{status:>11}" for status in statuses))
    for metric in sorted({check.metric for check in checks}):
        print(f"{metric:16}" + "".join(f"{by_metric[metric, status]:11}" for status in statuses))
    total = Counter(check.status for check in checks)
    print(f"{'all':16}" + "".join(f"{total[status]:11}" for status in statuses))
    rules = Counter((check.evidence, check.missing, check.status) for check in checks)
    print()
    for evidence in ["observed", "significant", "proven"]:
        for missing in ["bound", "fail", "ignore"]:
            name = f"{evidence}, {missing}"
            print(f"{name:22}" + "".join(f"{rules[evidence, missing, status]:11}" for status in statuses))
    open_, could = sum(r.left_open for r in results), sum(r.could_be_open for r in results)
    uncounted = sum(r.uncounted for r in results)
    if _repeated:
        print()
        by_use = Counter((features(check), check.evidence, check.status) for check in checks if features(check))
        for name, evidence in sorted({of[:2] for of in by_use}):
            shown = f"{name}, {evidence}"
            print(f"{shown:34}" + "".join(f"{by_use[name, evidence, status]:11}" for status in statuses))
    verdicts = Counter(str(result.verdict) for result in results)
    print(f"\nverdicts: {dict(verdicts)}")
    print(f"intervals compared: {sum(r.intervals for r in results)}")
    if _repeated:
        coarser = sum((r.coarser for r in results), Counter())
        of = sum(r.could_be_coarser for r in results)
        print(f"coarser in the program, so undecided by missing scores: {coarser.total()} of {of} checks, {dict(coarser)}")
    print(f"left undecided by the program's bound of t intervals: {open_} of {could} checks where it may be")
    print(f"with more fillings than the oracle counts, and not contradicted: {uncounted} of {len(checks)} checks")
    print(f"judged once more from two snapshots: {sum(r.snapshots for r in results)} cases")
    print(f"histories of runs: {sum(r.histories for r in results)}; properties tried: {sum(r.properties for r in results)} cases")
    well = True
    ceiling = MOST_LEFT_OPEN if len(results) >= WHOLE else MOST_LEFT_OPEN_OF_FEW
    if len(results) >= ENOUGH and could and open_ / could > ceiling:
        print(f"TOO MANY left open: more than {ceiling:.0%}")
        well = False
    most_uncounted = MOST_UNCOUNTED_OF_REPEATED if _repeated else MOST_UNCOUNTED
    if len(results) >= ENOUGH and checks and uncounted / len(checks) > most_uncounted:
        print(f"TOO MANY not counted: more than {most_uncounted:.0%}")
        well = False
    whole = len(results) >= WHOLE
    reached = {(c.metric, c.status) for c in checks} | {(c.metric, c.evidence, c.missing, c.status) for c in checks}
    # The cases of generate.py reach every combination.
    never = wanted(whole and not _repeated) - reached if len(results) >= ENOUGH else set()
    if _repeated and len(results) >= ENOUGH_OF_REPEATED:
        never |= wanted_of_repeated() - {(features(check), check.evidence, check.status) for check in checks}
    if never:
        print("NEVER REACHED:", *sorted(never), sep="\n  ")
        well = False
    wrong = [result for result in results if result.disagreements]
    for result in wrong[:most]:
        print(f"\nseed {result.seed}:")
        for line in result.disagreements[:6]:
            print(f"  {line}")
    print(f"\n{len(results)} cases, {len(checks)} checks, {len(wrong)} cases disagree, {seconds:.0f} s")
    return well and not wrong


def dump(seed: int, is_repeated: bool) -> None:
    """Prints one case in full: the policy, the rows, and both results."""
    start(is_repeated)
    known = [] if is_repeated else generate.known()
    case = next((case for case in known if case.seed == seed), None) or case_of(seed)
    print(json.dumps(case.policy, indent=1))
    for run_ in (case.evidence.candidate, case.evidence.baseline):
        print(run_ and (run_.id, run_.status, len(run_.rows)))
        for row in sorted(run_.rows if run_ else [], key=lambda row: row.digest):
            print(" ", row.digest[:6], row.inputs, *[(t.scores, t.latency, t.tokens, t.cost) for t in row.trials])
    result = compare(case)
    _, report, stderr = check(case)
    for one in report["policies"][0]["checks"] if report and report["policies"] else []:
        print(key_of(one), one["status"], "|", one["reason"], "|", one["finding"], one["chance"])
    print(stderr)
    for mine in judge.judge(case.policy, case.evidence, datetime.now(timezone.utc)).checks:
        print(mine)
    print(*result.disagreements, sep="\n")


def cases(options: argparse.Namespace) -> list[int | generate.Case]:
    """Returns the cases to compare: the known cases, the fixed seeds and the fresh ones."""
    if options.first is not None:
        return list(range(options.first, options.first + options.cases))
    fresh = options.fresh
    if fresh is None:
        # Larger than every fixed seed.
        fresh = random.SystemRandom().randrange(10**6, 10**12)
    print(f"fresh seeds from {fresh}: --fresh {fresh} runs them again", flush=True)
    known = [] if options.repeated else generate.known()
    return [*known, *range(options.cases), *range(fresh, fresh + options.cases)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="?", type=int, default=300)
    parser.add_argument("--first", type=int)
    parser.add_argument("--fresh", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int)
    parser.add_argument("--show", type=int, default=20)
    parser.add_argument("--repeated", action="store_true")
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    if not BINARY and not options.dry:
        parser.error("WEAVE_GATE has to be the path of the program")
    # For what this process shows. The other processes do it themselves.
    start_dry(options.repeated)
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        os.environ["ORACLE_TMP"] = folder
        if options.seed is not None:
            dump(options.seed, options.repeated)
            return 0
        began = time.monotonic()
        prepare, work = (start_dry, judge_only) if options.dry else (start, run)
        with multiprocessing.Pool(options.jobs, initializer=prepare, initargs=(options.repeated,)) as pool:
            results = list(pool.imap_unordered(work, cases(options), chunksize=8))
        return 0 if show(sorted(results, key=lambda r: r.seed), time.monotonic() - began, options.show) else 1


if __name__ == "__main__":
    sys.exit(main())
