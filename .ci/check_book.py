"""Checks that every link and picture of the built book leads somewhere.

Usage: check_book.py FOLDER
"""

from __future__ import annotations

import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    """Collects where a page's links lead, and the places that links can lead to."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.ids.add(value)


def main(folder: str) -> None:
    root = pathlib.Path(folder).resolve()
    # This page is for any address, so its links are relative to the root of a server.
    paths = [path for path in root.rglob("*.html") if path.name != "404.html"]
    pages = {path: Page(path) for path in paths}
    checked = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "https", f"{path.name}: {link}"
                continue
            checked += 1
            there = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            assert there.exists() and there.is_relative_to(root), f"{path.name}: {link} is not there"
            anchor = urllib.parse.unquote(parts.fragment)
            assert not anchor or anchor in pages[there].ids, f"{path.name}: {link} has no such place"
    assert len(pages) > 10 and checked > 100, (len(pages), checked)
    print(f"book: {len(pages)} pages, {checked} links ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
