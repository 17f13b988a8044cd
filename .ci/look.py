"""Renders the Markdown report in a browser as GitHub would: light and dark, wide and narrow.

Keeps the pictures under target/look for a person to inspect. Checks automatically what can be measured.

Usage: look.py WEAVE_GATE CHECKERS TARGET [PICTURE]

PICTURE, docs/report.png, is the picture of the README: light and wide, with fewer colours.
"""

from __future__ import annotations

import html.parser
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import cmarkgfm
from cmarkgfm.cmark import Options
from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
WIDTHS = {"wide": 1200, "narrow": 400}
BACKGROUNDS = {"light": (255, 255, 255), "dark": (13, 17, 23)}
# Taller pages are cut off at the bottom.
TALLEST = 8000

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Weave gate</title>
<style>{css}</style>
<style>html, body {{ margin: 0; background: {background}; }} .markdown-body {{ padding: 24px; }}</style>
</head><body><article class="markdown-body">{body}</article></body></html>
"""
# A frame can have any width. A browser window may have a minimum width.
FRAME = """<!doctype html><html><head><style>body {{ margin: 0; }} iframe {{ border: 0; display: block; }}</style></head>
<body><iframe id="page" srcdoc="{srcdoc}" width="{width}" height="{height}"></iframe><script>
const frame = document.getElementById("page");
frame.onload = () => {{
  const page = frame.contentDocument, root = page.documentElement;
  const measure = () => ({{
    width: root.scrollWidth,
    height: page.body.scrollHeight,
    tables: page.querySelectorAll("table").length,
    scrolling: [...page.querySelectorAll("table, pre")].filter((e) => e.scrollWidth > e.clientWidth).length,
  }});
  const folded = measure();
  for (const details of page.querySelectorAll("details")) details.open = true;
  const unfolded = measure();
  for (const details of page.querySelectorAll("details")) details.open = false;
  document.title = JSON.stringify({{ folded, unfolded }});
}};
</script></body></html>
"""


class Title(html.parser.HTMLParser):
    """Reads the text of the page's title."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.inside = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


def browse(page: pathlib.Path, *more: str) -> str:
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", *more, page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def main(weave_gate: str, checkers: str, target: str, picture_of_readme: str | None = None) -> None:
    folder = pathlib.Path(target).resolve() / "look"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report = folder / "report.md"
    done = subprocess.run(
        [
            weave_gate, "check", "-q", "gates.example.yaml", "--report", str(report),
            "--candidate", "file:examples/candidate.json", "--baseline", "file:examples/baseline.json",
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1, done.returncode
    # `unsafe` keeps <details>. The filter removes what GitHub removes, too.
    body = cmarkgfm.github_flavored_markdown_to_html(report.read_text(), options=Options.CMARK_OPT_UNSAFE)
    styles = pathlib.Path(checkers) / "node_modules" / "github-markdown-css"
    for scheme, background in BACKGROUNDS.items():
        css = (styles / f"github-markdown-{scheme}.css").read_text()
        page = PAGE.format(css=css, background="rgb{}".format(background), body=body)
        for name, width in WIDTHS.items():
            shot = folder / f"{scheme}-{name}.png"
            outer = folder / f"{scheme}-{name}.html"

            def write(height: int) -> None:
                outer.write_text(FRAME.format(srcdoc=html.escape(page), width=width, height=height))

            write(800)
            title = Title()
            title.feed(browse(outer, "--dump-dom", f"--window-size={width},800"))
            seen = json.loads(title.text)
            for state, measured in seen.items():
                assert measured["width"] <= width, f"{shot.name}, {state}: the page is {measured['width']} wide"
                assert measured["tables"] >= 4, f"{shot.name}, {state}: {measured}"
            height = min(seen["folded"]["height"], TALLEST)
            write(height)
            browse(outer, f"--screenshot={shot}", f"--window-size={width},{height}")
            with Image.open(shot) as picture:
                pixels = picture.convert("RGB").crop((0, 0, width, height))
                pixels.save(shot, optimize=True)
                colours = pixels.getcolors(maxcolors=width * height)
                most, commonest = max(colours)
                assert pixels.getpixel((1, 1)) == background, f"{shot.name}: {pixels.getpixel((1, 1))}"
                # A page of text is mostly background, but it must contain other colours, too.
                assert commonest == background, f"{shot.name}: mostly {commonest}"
                assert 0.5 < most / (width * height) < 0.98, f"{shot.name}: {most / (width * height)} is background"
            print(f"{shot.name}: {width} by {height}, {shot.stat().st_size // 1024} KiB, {seen['folded']['scrolling']} tables scroll")
    if picture_of_readme is not None:
        with Image.open(folder / "light-wide.png") as picture:
            # Median cut would lose the few red pixels.
            fewer = picture.quantize(128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            fewer.save(picture_of_readme, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
