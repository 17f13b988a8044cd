"""Measures the structure of the sources under src/.

Fails if files depend on each other in a circle, or if a folder depends on a folder that comes after it.

Usage: structure.py [--edges]. Tests are left out: files under a `tests` folder or named `…tests.rs`, and `mod tests`
within a file. Lines count code, comments and blank lines. A name that a module re-exports (`pub use`) belongs to the
file that defines it.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "src"
TEST_MODULE = "#[cfg(test)]\nmod tests {"
# A folder may use folders of lower rank and the files next to the folders. Those files use no folder.
RANKS = {
    "stats": 1,
    "policy": 2,
    "evidence": 3,
    "weave": 4,
    "judge": 4,
    "draft": 5,
    "gate_test": 5,
    "calibration": 6,
    "report": 7,
    "forge": 7,
    "cli": 8,
    "app": 9,
    "main": 10,
}


def without_tests(text: str) -> str:
    """Returns the text up to the tests, which come last in a file."""
    return text.split(TEST_MODULE)[0]


def read() -> dict[tuple[str, ...], tuple[Path, str]]:
    """Returns the files by the paths of their modules: `("judge", "limit")`."""
    found = {}
    for file in sorted(SOURCES.rglob("*.rs")):
        parts = file.relative_to(SOURCES).with_suffix("").parts
        if "tests" in parts or parts[-1].endswith("tests"):
            continue
        module = parts[:-1] if parts[-1] in ("mod", "lib") else parts
        if parts == ("main",):
            module = ("main",)
        found[module] = (file, without_tests(file.read_text()))
    return found


def trees(text: str) -> list[tuple[bool, list[list[str]]]]:
    """Returns the `use` declarations: whether each is public, and its paths."""
    declared = re.findall(r"^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", text, re.MULTILINE)
    return [(public.strip() == "pub", flat(re.sub(r"\s+as\s+\w+|\s+", "", tree))) for public, tree in declared]


def flat(tree: str) -> list[list[str]]:
    """Flattens `a::{b,c::d}` to `[[a, b], [a, c, d]]`."""
    if "{" not in tree:
        path = [part for part in tree.split("::") if part]
        return [path[:-1] if path[1:] and path[-1] == "self" else path]
    head, _, rest = tree.partition("{")
    inner, depth, part, parts = rest[: rest.rindex("}")], 0, "", []
    for sign in inner:
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += sign
    prefix = [piece for piece in head.split("::") if piece]
    paths = [prefix + path for part in [*parts, part] if part for path in flat(part)]
    return [path[:-1] if path[1:] and path[-1] == "self" else path for path in paths]


class Crate:
    """The modules, and the names that each of them re-exports."""

    def __init__(self) -> None:
        self.files = read()
        self.exports: dict[tuple[str, ...], dict[str, list[str]]] = {}
        for module, (_, text) in self.files.items():
            for is_public, paths in trees(text):
                for path in paths if is_public else []:
                    self.exports.setdefault(module, {})[path[-1]] = path

    def absolute(self, module: tuple[str, ...], path: list[str]) -> list[str] | None:
        """Returns the path from the root of the crate, or None if it leads out of the crate."""
        if path[0] == "crate":
            return path[1:]
        if path[0] == "self":
            return [*module, *path[1:]]
        if path[0] == "super":
            here = list(module)
            while path and path[0] == "super":
                here, path = here[:-1], path[1:]
            return [*here, *path]
        return [*module, *path] if (*module, path[0]) in self.files else None

    def file(self, path: list[str], seen: int = 0) -> tuple[str, ...] | None:
        """Returns the module whose file defines the item at the path."""
        here: tuple[str, ...] = ()
        for place, name in enumerate(path):
            if (*here, name) in self.files:
                here = (*here, name)
                continue
            export = self.exports.get(here, {}).get(name)
            target = self.absolute(here, export) if export else None
            if target is None or seen > 20:
                return here
            return self.file([*target, *path[place + 1 :]], seen + 1)
        return here

    def edges(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        """Returns the files that each file uses."""
        found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
        for module, (_, text) in self.files.items():
            # Comments may name any module.
            text = re.sub(r"//[^\n]*", "", text)
            paths = [path for is_public, paths in trees(text) for path in paths if not is_public]
            code = re.sub(r"^\s*(pub(\([^)]*\))?\s+)?use\s+[^;]+;", "", text, flags=re.MULTILINE)
            code = re.sub(r"pub\(in [^)]*\)", "pub", code)
            paths += [path.split("::") for path in re.findall(r"\b(?:crate|super|self)(?:::\w+)+", code)]
            # A private module is used by its name.
            children = {path[-1] for path in self.files if path[:-1] == module and path}
            paths += [[name] for name in children if re.search(rf"(?<![:\w]){name}::", code)]
            targets = (self.absolute(module, path) for path in paths if path)
            used = {self.file(target) for target in targets if target}
            found[module] = {target for target in used if target is not None and target != module}
        return found


def circles(edges: dict) -> list[list]:
    """Returns the groups of files that reach each other (Tarjan 1972)."""
    number, low, stack, found = {}, {}, [], []

    def visit(node) -> None:  # noqa: ANN001
        number[node] = low[node] = len(number)
        stack.append(node)
        for target in edges.get(node, ()):
            if target not in number:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], number[target])
        if low[node] == number[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    sys.setrecursionlimit(10_000)
    for node in edges:
        if node not in number:
            visit(node)
    return found


def upward(edges: dict) -> list[tuple]:
    """Returns the uses that lead to a folder of the same rank or of a higher one."""

    def rank(module: tuple[str, ...]) -> int:
        return RANKS.get(module[0], 0) if module else max(RANKS.values()) + 1

    return [
        (module, target)
        for module, targets in edges.items()
        for target in sorted(targets)
        if target and module[:1] != target[:1] and (rank(module) or rank(target)) and rank(target) >= rank(module)
    ]


def functions(text: str) -> list[tuple[int, str]]:
    """Returns the number of lines and the name of each function."""
    found, lines = [], text.split("\n")
    for place, line in enumerate(lines):
        match = re.match(r"(\s*)(?:pub(?:\([^)]*\))?\s+)?(?:const\s+)?(?:async\s+)?fn\s+(\w+)", line)
        if match:
            end = next((i for i in range(place, len(lines)) if lines[i] == match[1] + "}"), place)
            found.append((end - place + 1, match[2]))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", action="store_true", help="list what each file uses")
    crate = Crate()
    edges = crate.edges()
    names = {module: str(file.relative_to(SOURCES)) for module, (file, _) in crate.files.items()}
    if parser.parse_args().edges:
        for module, targets in edges.items():
            print(names[module], "->", ", ".join(sorted(names[target] for target in targets)))
    lines = {names[module]: text.count("\n") for module, (_, text) in crate.files.items()}
    longest = max(lines, key=lines.get)
    length, name, file = max(
        (length, name, names[module]) for module, (_, text) in crate.files.items() for length, name in functions(text)
    )
    print(f"{sum(lines.values())} lines in {len(lines)} files, median {statistics.median(lines.values()):.0f}")
    print(f"longest file: {longest}, {lines[longest]} lines; longest function: {name} in {file}, {length} lines")
    found = circles(edges)
    for group in found:
        print("circle:", ", ".join(names[module] for module in group))
    wrong = upward(edges)
    for module, target in wrong:
        print("upward:", names[module], "->", names[target])
    print(f"{len(found)} circles, {len(wrong)} upward")
    return int(bool(found or wrong))


if __name__ == "__main__":
    sys.exit(main())
