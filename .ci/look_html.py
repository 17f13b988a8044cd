"""Checks the HTML report in a browser: light and dark, 360 and 1400 pixels wide, with and without its script.

A page must load nothing, log no error, fit its width, have no serious finding of axe-core, and show hostile names as text.
Keeps pictures under target/look for a person to inspect.

Usage: look_html.py WEAVE_GATE CHECKERS TARGET
"""

from __future__ import annotations

import copy
import json
import pathlib
import shutil
import subprocess
import sys

from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (360, 1400)
SCHEMES = ("light", "dark")
# Each name would change the title if the browser ran it, or load something.
HOSTILE = (
    "<img src=x onerror=\"document.title='evil'\">",
    "</style></script><script>document.title='evil'</script>",
    "\" onmouseover=\"document.title='evil'\" x=\"",
    "<a href=\"javascript:document.title='evil'\">evil</a> <base href='http://127.0.0.9/'>",
    "&lt;evil&gt; \u202eevil\u0000 <svg onload=document.title='evil'> <!-- evil",
)
WEAVE = "https://wandb.ai/my-team/support-bot/"


def run(weave_gate: str, folder: pathlib.Path, expected: int, *arguments: str) -> None:
    done = subprocess.run(
        [weave_gate, *arguments], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == expected, (arguments, done.returncode, done.stderr)


def renamed(snapshot: dict, name: str) -> dict:
    """The example with this name wherever a user chooses one."""
    snapshot = copy.deepcopy(snapshot)
    run = snapshot["runs"][0]
    run["evaluation"] = run["model"] = {"name": name, "version": name}
    run["display_name"] = name
    run["attributes"] = {"git_sha": name, "git_branch": name}
    for row in snapshot["results"][0]["rows"]:
        row["raw_data_row"]["question"] = name
        for trial in row["trials"]:
            if trial["model_output"] is not None:
                trial["model_output"] = name
    return snapshot


def repeated(folder: pathlib.Path, name: str) -> None:
    """Writes five runs of a model with this name that differ on some rows."""
    for number in range(5):
        snapshot = json.loads((folder / "examples/baseline.json").read_text())
        run = snapshot["runs"][0]
        run["run"] = f"run-{number}"
        run["model"]["name"] = name
        rows = snapshot["results"][0]["rows"]
        for place, row in enumerate(rows):
            row["trials"][0]["scores"]["correctness"] = place < 100 + 3 * number
        for dimension in run["dimensions"]:
            if dimension["name"] == "correctness":
                dimension.update(trial_count=len(rows), pass_known_count=len(rows), pass_true_count=100 + 3 * number)
        for part in ("usage", "results", "texts", "setup"):
            for of_run in snapshot.get(part, []):
                of_run["run"] = run["run"]
        (folder / f"run-{number}.json").write_text(json.dumps(snapshot))


def pages(weave_gate: str, folder: pathlib.Path) -> dict[str, bool]:
    """Writes the pages, and returns their names and whether each has a table of rows."""
    root = pathlib.Path.cwd()
    shutil.copy(root / "gates.example.yaml", folder)
    shutil.copytree(root / "examples", folder / "examples")
    both = ("--candidate=file:examples/candidate.json", "--baseline=file:examples/baseline.json")
    run(weave_gate, folder, 1, "check", "-q", "gates.example.yaml", *both, "--html=failed.html")
    passes = "version: 1\ngates: [{name: some rows, metric: rows, min: 1}]\n"
    (folder / "passes.yaml").write_text(passes)
    run(weave_gate, folder, 0, "check", "-q", "passes.yaml", *both, "--html=passed.html")
    run(weave_gate, folder, 1, "check", "-q", "passes.yaml", "gates.example.yaml", *both, "--html=several.html")
    run(weave_gate, folder, 3, "check", "-q", "passes.yaml", "--candidate=file:missing.json", "--html=unjudged.html")
    run(weave_gate, folder, 0, "compare", "file:examples/baseline.json", "file:examples/candidate.json", "--html=compared.html")
    found = {"failed": True, "passed": False, "several": True, "unjudged": False, "compared": True, "calibrated": False}
    repeated(folder, HOSTILE[0])
    files = [f"--runs=file:run-{number}.json" for number in range(5)]
    run(weave_gate, folder, 0, "calibrate", "gates.example.yaml", *files, "--html=calibrated.html")
    for place, name in enumerate(HOSTILE):
        for of in ("candidate", "baseline"):
            snapshot = json.loads((root / "examples" / f"{of}.json").read_text())
            (folder / f"{of}.json").write_text(json.dumps(renamed(snapshot, f"{name}{of}")))
        gates = [
            {"name": name, "scorer": "*", "metric": "pass_rate", "min": 0.99},
            {"name": f"{name} tested", "scorer": "*", "metric": "pass_rate", "max_drop": 0, "evidence": "significant"},
            {"name": f"{name} each", "scorer": "*", "metric": "pass_rate", "min": 0.99, "by": "topic"},
        ]
        policy = json.dumps({"version": 1, "gates": gates})
        (folder / "hostile.yaml").write_text(policy)
        run(
            weave_gate, folder, 1, "check", "-q", "hostile.yaml", "--candidate=file:candidate.json",
            "--baseline=file:baseline.json", f"--html=hostile{place}.html",
        )  # fmt: skip
        found[f"hostile{place}"] = True
    return found


def opened(browser: Browser, path: pathlib.Path, scheme: str, width: int, script: bool) -> tuple[Page, list[str]]:
    """Opens a page, and collects what must not happen."""
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 900}, java_script_enabled=script
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda request: wrong.append(request.url) if request.url != path.as_uri() else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto(path.as_uri())
    return page, wrong


def look(browser: Browser, path: pathlib.Path, axe: str, has_rows: bool) -> None:
    # Names change neither colours nor layout, so one look at a page with hostile names is enough.
    is_hostile = path.stem.startswith("hostile")
    for scheme in SCHEMES[:1] if is_hostile else SCHEMES:
        for width in WIDTHS[1:] if is_hostile else WIDTHS:
            page, wrong = opened(browser, path, scheme, width, script=True)
            what = f"{path.name}, {scheme}, {width}"
            title = page.title()
            assert title.startswith("weave-gate: "), (what, title)
            page.screenshot(path=path.with_name(f"{path.stem}-{scheme}-{width}.png"), full_page=True)
            page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{what}: wider than the page"
            if has_rows:
                use_table(page, what)
            for element in page.locator("th:visible, td:visible").all()[:5]:
                element.hover()
            page.evaluate(axe)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
            serious = [f for f in found if f["impact"] in ("serious", "critical")]
            assert not serious, (what, json.dumps(serious, indent=1)[:3000])
            links = page.evaluate("[...document.links].map((link) => link.href)")
            assert all(link.startswith(WEAVE) for link in links), (what, links)
            assert page.title() == title, (what, page.title())
            assert not wrong, (what, wrong)
            page.context.close()
    # Without its script the page is complete.
    page, wrong = opened(browser, path, "light", 1400, script=False)
    assert not wrong, (path.name, wrong)
    plain = page.locator("table.rows tbody tr").count()
    assert (plain > 0) == has_rows, (path.name, plain)
    page.context.close()


def use_table(page: Page, what: str) -> None:
    """Sorts and filters the first table of rows."""
    table = page.locator("table.rows").first
    rows = table.locator("tbody tr")
    inputs = lambda: [text.strip() for text in rows.locator("th").all_inner_texts()]  # noqa: E731
    before = inputs()
    table.locator("thead button").first.click()
    ascending = inputs()
    assert sorted(ascending) == sorted(before), what
    table.locator("thead button").first.click()
    head = table.locator("thead th").first
    assert head.get_attribute("aria-sort") == "descending", what
    assert len(set(before)) == 1 or inputs() != ascending, what
    box = page.locator(".filter input").first
    box.fill("no such row at all")
    assert rows.locator("visible=true").count() == 0, what
    box.fill("")
    assert rows.locator("th:visible").count() == len(before), what


def main(weave_gate: str, checkers: str, target: str) -> None:
    folder = pathlib.Path(target).resolve() / "look" / "html"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    weave_gate = str(pathlib.Path(weave_gate).resolve())
    axe = (pathlib.Path(checkers) / "node_modules" / "axe-core" / "axe.min.js").read_text()
    found = pages(weave_gate, folder)
    executable = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for name, has_rows in found.items():
            look(browser, folder / f"{name}.html", axe, has_rows)
            print(f"{name}.html: {(folder / f'{name}.html').stat().st_size // 1024} KiB, ok")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
