"""Compiles the mutants of cargo-mutants into one test binary, and switches them on one by one.

Each function that has mutants gets an additional body for each mutant. An environment variable selects the body by the
mutant's number. cargo-mutants itself tests the mutants that cannot be compiled this way: a mutant with a type that does
not fit, of a constant, or of a `const fn`. Run it in the crate that `run` makes: switched.py JOBS MODULE…
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

# Time limit in seconds. A mutant that exceeds it does not end, and counts as caught.
TIMEOUT = 40
# Memory limit in KiB. A mutant that exceeds it counts as caught.
MEMORY = 6_000_000
SWITCH = """
#[doc(hidden)]
pub fn mutant() -> u32 {
    static NUMBER: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *NUMBER.get_or_init(|| std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0))
}
"""


@dataclass
class Mutant:
    """A mutant of the list, with its number."""

    number: int
    name: str
    file: str
    function: dict | None
    span: dict
    replacement: str

    @property
    def module(self) -> str:
        return self.file.split("/")[1]


def listed(modules: list[str]) -> list[Mutant]:
    files = [argument for module in modules for argument in ("--file", f"src/{module}/**")]
    command = ["cargo", "mutants", "--list", "--json", *files]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    keys = ("name", "file", "function", "span", "replacement")
    return [Mutant(number, *(one[key] for key in keys)) for number, one in enumerate(found, 1)]


# ---------------------------------------------------------------------------------------------- one binary


def place(lines: list[str], at: dict) -> int:
    return sum(map(len, lines[: at["line"] - 1])) + at["column"] - 1


def body_of(text: str, name: str) -> int | None:
    """Returns where the body of a function begins in its text, or None for a `const fn`."""
    found = re.search(rf"\b(const\s+)?fn\s+{re.escape(name)}\b", text)
    if not found or found[1]:
        return None
    depth = 0
    for offset, letter in enumerate(text[found.end() :], found.end()):
        depth += (letter in "([") - (letter in ")]")
        if letter == "{" and depth == 0:
            return offset + 1
    return None


def switched(text: str, mutants: list[Mutant]) -> tuple[str, set[int]]:
    """Returns a file with its mutants behind a switch, and the numbers of the mutants in it."""
    lines = text.splitlines(keepends=True)
    functions = defaultdict(list)
    for mutant in mutants:
        if mutant.function:
            span = mutant.function["span"]
            functions[place(lines, span["start"]), place(lines, span["end"])].append(mutant)
    edits = []
    for (start, end), inside in functions.items():
        name = re.sub(r"<.*", "", inside[0].function["function_name"].split("::")[-1])
        begin = body_of(text[start:end], name)
        if begin is None:
            continue
        body = text[start + begin : end - 1]
        arms = []
        for mutant in inside:
            of = [place(lines, mutant.span[edge]) - start - begin for edge in ("start", "end")]
            if 0 <= of[0] and of[1] <= len(body):
                arms.append((mutant.number, f"{body[: of[0]]}{mutant.replacement} {body[of[1] :]}"))
        edits.append((start + begin, end - 1, body, arms))
    put = set()
    for start, end, body, arms in sorted(edits, reverse=True, key=lambda edit: edit[0]):
        if any(other < start and end < its_end for other, its_end, _, _ in edits):
            continue
        arms = "".join(f"/*MUTANT {n}*/ {n} => {{{arm}\n}}\n" for n, arm in arms)
        text = f"{text[:start]}\nmatch crate::mutant() {{\n{arms}/*MUTANT 0*/ _ => {{{body}}}\n}}\n{text[end:]}"
        put |= {int(n) for n in re.findall(r"/\*MUTANT (\d+)\*/ \d", arms)}
    return text, put


def built(mutants: list[Mutant]) -> tuple[str, set[int]]:
    """Builds the test binary. Returns its path and the numbers of the mutants in it."""
    if not Path("sound").exists():
        shutil.copytree("src", "sound")
    refused: set[int] = set()
    while True:
        put, arm_of = set(), {}
        for file in {mutant.file for mutant in mutants}:
            those = [m for m in mutants if m.file == file and m.number not in refused]
            text, inside = switched(Path("sound", file.removeprefix("src/")).read_text(), those)
            Path(file).write_text(text)
            put |= inside
            arm = 0
            for number, line in enumerate(text.splitlines(), 1):
                marks = re.findall(r"/\*MUTANT (\d+)\*/", line)
                arm = int(marks[-1]) if marks else arm
                arm_of[file, number] = arm
        Path("src/lib.rs").write_text(Path("sound/lib.rs").read_text() + SWITCH)
        command = ["cargo", "test", "--lib", "--no-run", "--message-format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        binaries = [message["executable"] for message in messages if message.get("executable")]
        if done.returncode == 0:
            return binaries[0], put
        wrong = set()
        for message in messages:
            if message["reason"] == "compiler-message" and message["message"]["level"] == "error":
                spans = [s for s in message["message"]["spans"] if s["is_primary"]]
                wrong |= {arm_of.get((s["file_name"], s["line_start"]), 0) for s in spans}
        if not wrong - {0}:
            sys.exit(f"cannot be compiled:\n{done.stderr}")
        refused |= wrong


# ---------------------------------------------------------------------------------------------- one by one


def outcome(binary: str, mutant: Mutant) -> str:
    """Returns how the tests end. Runs the tests of the mutant's own module first."""
    for tests in ([f"{mutant.module}::"], ["--skip", f"{mutant.module}::"]):
        limited = ["bash", "-c", f'ulimit -v {MEMORY}; exec "$@"', "limited", binary, "--test-threads", "1", *tests]
        process = subprocess.Popen(
            limited,
            env={**os.environ, "MUTANT": str(mutant.number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        late = threading.Timer(TIMEOUT, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        failed = any(line.startswith("test ") and line.rstrip().endswith("FAILED") for line in process.stdout)
        is_late = not late.is_alive()
        late.cancel()
        if failed and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        if process.wait() != 0 or failed:
            return "endless" if is_late else "caught"
    return "missed"


def tried(binary: str, mutants: list[Mutant], jobs: int) -> Counter:
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    found: Counter = Counter()

    def work() -> None:
        while not waiting.empty():
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            of = outcome(binary, mutant)
            found[of] += 1
            if of != "caught":
                print(f"{of}: {mutant.name}", flush=True)

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return found


def rest(mutants: list[Mutant], modules: list[str]) -> Counter:
    """Tests the mutants that no switch selects, with cargo-mutants itself."""
    shutil.rmtree("src")
    shutil.copytree("sound", "src")
    files = [argument for module in modules for argument in ("--file", f"src/{module}/**")]
    names = [argument for mutant in mutants for argument in ("--re", f"^{re.escape(mutant.name)}$")]
    command = ["cargo", "mutants", "--in-place", "--timeout", str(TIMEOUT), *files, *names]
    subprocess.run(command, check=False)
    folder = Path("mutants.out")
    words = {"caught": "caught", "missed": "missed", "timeout": "endless", "unviable": "not compiled"}
    return Counter({word: len((folder / f"{file}.txt").read_text().splitlines()) for file, word in words.items()})


def main() -> int:
    jobs, modules = int(sys.argv[1]), sys.argv[2:]
    mutants = listed(modules)
    binary, put = built(mutants)
    sound = subprocess.run([binary, "-q"], stdout=subprocess.PIPE, check=False)
    if sound.returncode:
        sys.exit("tests fail without a mutant")
    print(f"{len(mutants)} mutants, {len(put)} in one binary", flush=True)
    found = tried(binary, [mutant for mutant in mutants if mutant.number in put], jobs)
    found += rest([mutant for mutant in mutants if mutant.number not in put], modules)
    print(f"{len(mutants)} mutants: " + ", ".join(f"{count} {word}" for word, count in sorted(found.items())))
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
