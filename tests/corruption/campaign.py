"""Corrupts recorded answers many times, and checks that the gate passes only if the answers prove the pass.

Usage: campaign.py [--seed S] [--fresh F] [--workers W] [N]

One half of the N cases use the seeds from `--first` on. The other half use seeds that are new in each run; their first
seed is printed, and `--fresh F` repeats them. The seed alone determines a case: `--seed S` repeats one case and shows
it. WEAVE_GATE names the binary. Exits with 1 if in any case the gate passed without a proof, ended with an undefined
exit code, panicked, hung, or showed the API key.
"""

from __future__ import annotations

import argparse
import base64
import collections
import json
import multiprocessing
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass

import proof
from cases import ENTITY, POLICIES, PROJECT
from replay import Case, Question, Replay, question
from evidence import Answers, Evidence
from answer import API_KEY, Answer
from corrupt import corrupt

RECORDED = pathlib.Path(__file__).resolve().parent / "recorded"
# Text that no report may contain.
SECRETS = [API_KEY, base64.b64encode(f"api:{API_KEY}".encode()).decode()]
# Extra seconds beyond the time that the binary has for its requests.
GRACE = 10.0
FORMATS = ["terminal", "markdown", "json"]
COLUMNS = ["tried", "0 same", "0 proven", "0 UNPROVEN", "1 shown", "1 other", "3", "BROKEN"]


@dataclass
class Record:
    """The recorded exchanges of one policy."""

    name: str
    policy: dict
    options: list[str]
    exchanges: list[dict]
    questions: list[Question]
    answers: list[Answer]
    #: The number of these exchanges that the passing check makes.
    asked: int

    def proof(self, answers: list[Answer]) -> tuple[bool | None, str, Evidence | None]:
        """Returns what these answers prove, if they replace the recorded ones."""
        return proof.verdict(self.policy, self.options, Answers(self.exchanges, answers))


@dataclass
class Result:
    seed: int
    policy: str
    kind: str
    asked: str
    column: str
    why: str
    #: Whether a pass rests on counts for which the server's own pass rate differs.
    doubtful: bool


def load() -> list[Record]:
    records = []
    for name, policy in POLICIES.items():
        recorded = json.loads((RECORDED / f"{name}.json").read_text())
        exchanges = recorded["exchanges"]
        records.append(
            Record(
                name,
                policy,
                recorded["options"],
                exchanges,
                [question(e["method"], e["path"], e["body"]) for e in exchanges],
                [Answer(e["status"], e["type"], e["answer"].encode()) for e in exchanges],
                recorded["asked"],
            )
        )
    return records


class Campaign:
    """One server and one folder of policies. It runs the binary once for each case."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.replay = Replay()
        self.records = load()
        #: The evidence that `proof` reads from the uncorrupted answers.
        self.whole = {record.name: record.proof(record.answers)[2] for record in self.records}
        self.binary = os.environ["WEAVE_GATE"]
        for record in self.records:
            (folder / f"{record.name}.yaml").write_text(json.dumps(record.policy))

    def check(
        self, record: Record, answers: list[Answer], name: str, form: str, timeout: float
    ) -> subprocess.CompletedProcess | None:
        """Returns the finished process of the gate, or `None` if it did not finish."""
        self.replay.cases[name] = Case(dict(zip(record.questions, answers, strict=True)))
        for (method, path, _), answer in zip(record.questions, answers, strict=True):
            if method == "FILE":
                (self.folder / path).write_bytes(answer.body)
        arguments = ["check", f"{record.name}.yaml", *record.options, "--base-url", f"{self.replay.url}/{name}"]
        arguments += ["--project", f"{ENTITY}/{PROJECT}", "--format", form, "--timeout", f"{timeout * 1000:.0f}ms"]
        environment = {"HOME": str(self.folder), "WANDB_API_KEY": API_KEY}
        try:
            return subprocess.run(
                [self.binary, *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout + GRACE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        finally:
            del self.replay.cases[name]

    def corrupted(self, chance: random.Random) -> tuple[Record, str, int, list[Answer]]:
        """Returns a policy, the kind of the first corruption, the number of the corrupted answer, and all answers."""
        record = chance.choice(self.records)
        kind, place, corrupted = corrupt(chance, record.answers[: record.asked])
        return record, kind, place, corrupted + record.answers[record.asked :]

    def case(self, seed: int, show: bool = False) -> Result:
        chance = random.Random(seed)
        record, kind, place, answers = self.corrupted(chance)
        breaks = {answer.breaks for answer in answers}
        timeout = 1 if "always" in breaks else 5
        done = self.check(record, answers, f"s{seed}", chance.choice(FORMATS), timeout)
        proven, why, found = None, "not asked", None
        # A case that gives no verdict needs no proof.
        if done is not None and done.returncode in (0, 1):
            proven, why, found = record.proof(answers)
        column = _column(done, proven, found == self.whole[record.name])
        exchange = record.exchanges[place]
        if show:
            _show(record, exchange, kind, record.answers[place], answers[place], done, why, column)
        doubtful = column == "0 proven" and any(
            scores.doubtful for totals in found.own.values() for scores in totals.dimensions.values()
        )
        return Result(seed, record.name, kind, _asked(exchange), column, why, doubtful)


def _asked(exchange: dict) -> str:
    path = exchange["path"].rsplit("/", 2)
    if exchange["method"] != "POST":
        return "snapshot"
    if path[-1] == "stream_query":
        return "runs" if "call_ids" in exchange["body"] else "list of runs"
    if path[-1] == "query_stats":
        return "number of calls"
    return "summary" if '"include_summary":true' in exchange["body"] else "rows"


def _column(done: subprocess.CompletedProcess | None, proven: bool | None, is_same: bool) -> str:
    if done is None:
        return "BROKEN"
    said = done.stdout + done.stderr
    if b"panicked" in said or any(secret.encode() in said for secret in SECRETS):
        return "BROKEN"
    match done.returncode:
        case 0:
            return "0 UNPROVEN" if proven is not True else "0 same" if is_same else "0 proven"
        case 1:
            return "1 shown" if proven is False else "1 other"
        case 3:
            return "3"
    # An answer of Weave cannot make the command line or the policy invalid.
    return "BROKEN"


def _show(
    record: Record,
    exchange: dict,
    kind: str,
    before: Answer,
    after: Answer,
    done: subprocess.CompletedProcess | None,
    why: str,
    column: str,
) -> None:
    start = next((n for n, (a, b) in enumerate(zip(before.body, after.body)) if a != b), 0)
    around = slice(max(0, start - 160), start + 240)
    print(f"policy {record.name}, {kind}, in the answer to {exchange['method']} {exchange['path']}")
    print(f"  {exchange['body']}")
    print(f"  status {after.status}, {len(after.body)} bytes, breaks {after.breaks}")
    print(f"  before: {before.body[around].decode(errors='replace')}")
    print(f"  after:  {after.body[around].decode(errors='replace')}")
    print(f"{column}: {why}")
    if done is None:
        print("no end")
    else:
        print(f"exit code {done.returncode}")
        print(done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace"))


def _work(seeds: list[int], results: multiprocessing.Queue) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            campaign = Campaign(pathlib.Path(folder))
            for seed in seeds:
                results.put(campaign.case(seed))
    except BaseException:
        results.put(f"at seed {seed}: {traceback.format_exc()}")
    results.put(None)


def _ensure_valid(campaign: Campaign) -> None:
    """Checks that the recorded answers pass and are proven, and that enough corruptions leave the pass unproven."""
    for record in campaign.records:
        done = campaign.check(record, record.answers, f"whole-{record.name}", "terminal", 10)
        proven, why, _ = record.proof(record.answers)
        if done is None or done.returncode != 0 or proven is not True:
            sys.exit(f"{record.name} does not pass uncorrupted: {done}; {why}")
    unproven = 0
    for seed in range(100):
        record, _, _, answers = campaign.corrupted(random.Random(seed))
        unproven += record.proof(answers)[0] is not True
    # Otherwise a gate that always passes would be accepted.
    if unproven < 30:
        sys.exit(f"only {unproven} of 100 corruptions leave the pass unproven")


def _table(results: list[Result], of: str) -> None:
    rows: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for result in results:
        for name in (getattr(result, of), "all"):
            rows[name].update([result.column, "tried"])
    print(f"\n{of:32}" + "".join(f"{column:>11}" for column in COLUMNS))
    for name in sorted(rows.keys() - {"all"}) + ["all"]:
        print(f"{name:32}" + "".join(f"{rows[name][column]:11}" for column in COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first", type=int, default=1)
    # Fresh seeds are larger than any seed that is counted up from 1.
    parser.add_argument("--fresh", type=int, default=random.SystemRandom().randrange(10**9, 10**12))
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("number", type=int, nargs="?", default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(pathlib.Path(folder))
        _ensure_valid(campaign)
        if arguments.seed is not None:
            sys.exit(campaign.case(arguments.seed, show=True).column in ("0 UNPROVEN", "BROKEN"))
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    fixed = arguments.number - arguments.number // 2
    seeds = [*range(arguments.first, arguments.first + fixed)]
    seeds += range(arguments.fresh, arguments.fresh + arguments.number - fixed)
    print(f"{fixed} seeds from {arguments.first} on, and {arguments.number - fixed} from {arguments.fresh} on", flush=True)
    workers = [
        context.Process(target=_work, args=(seeds[n :: arguments.workers], queue), daemon=True)
        for n in range(arguments.workers)
    ]
    for worker in workers:
        worker.start()
    results: list[Result] = []
    running = len(workers)
    while running:
        result = queue.get(timeout=120)
        if result is None:
            running -= 1
        elif isinstance(result, str):
            sys.exit(result)
        else:
            results.append(result)
            if len(results) % 10_000 == 0:
                print(f"{len(results)} corruptions in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    for of in ("asked", "policy", "kind"):
        _table(results, of)
    bad = [result for result in results if result.column in ("0 UNPROVEN", "BROKEN")]
    odd = [result for result in results if result.column == "1 other"]
    for name, some in (("1 other", odd), ("violations", bad)):
        if some:
            print(f"\n{name}:")
        for result in sorted(some, key=lambda result: result.seed)[:100]:
            print(f"  --seed {result.seed}: {result.column}, {result.policy}, {result.kind}: {result.why}")
    doubtful = sum(result.doubtful for result in results)
    print(f"\n{doubtful} of the proven passes rest on counts of which the server made another pass rate")
    print(f"{len(results)} corruptions in {time.monotonic() - started:.0f} s, {len(bad)} violations")
    sys.exit(bool(bad) or len(results) != arguments.number)


if __name__ == "__main__":
    main()
