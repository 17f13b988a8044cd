"""Checks JUnit reports of the built binary against the schema that Jenkins publishes with its plug-in xunit.

Covers the report of the example, a report with unusual names, and a report without a verdict.

Usage: check_junit.py WEAVE_GATE SCHEMA
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile

from lxml import etree

ROOT = pathlib.Path(__file__).resolve().parents[1]
HOSTILE = 'a<b>&amp;"]]>\u0001\u001b[31m\n</testcase> disabled="1"\ufffe😀'


def main(weave_gate: str, schema: str) -> None:
    valid = etree.XMLSchema(etree.parse(schema))
    # The schema must reject an invalid report. Otherwise the check proves nothing.
    assert not valid.validate(etree.fromstring("<testsuites><testsuite name='a' disabled='1'/></testsuites>"))
    what = {"scorer": "correctness", "metric": "pass_rate"}
    gates = [{"name": f"{HOSTILE}{limit}", **what, "min": limit} for limit in (0.1, 0.99)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        policy = folder / 'gates <"&>.yaml'
        # YAML has no surrogate pairs, unlike JSON.
        text = json.dumps({"version": 1, "gates": gates}, ensure_ascii=False).replace("\ufffe", "\\ufffe")
        policy.write_text(text)
        candidate = f"--candidate=file:{ROOT}/examples/candidate.json"
        baseline = f"--baseline=file:{ROOT}/examples/baseline.json"
        runs = {
            "example": (1, 13, [f"{ROOT}/gates.example.yaml", candidate, baseline]),
            "hostile": (1, 2, [str(policy), candidate]),
            "nothing": (3, 1, [str(policy), "--candidate=file:none.json"]),
        }
        for name, (code, cases, arguments) in runs.items():
            report = folder / f"{name}.xml"
            command = [weave_gate, "check", "-q", f"--junit={report}", *arguments]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == code, f"{name}: {done}"
            junit = etree.parse(report)
            assert valid.validate(junit), f"{name}: {valid.error_log}"
            found = junit.findall(".//testcase")
            assert len(found) == cases, f"{name}: {len(found)} cases"
            # GitLab shows the text and drops repeated names.
            assert all(case.text or case.get("message") for case in junit.xpath("//failure|//error|//skipped"))
            assert len({(case.get("classname"), case.get("name")) for case in found}) == cases
            for suite in junit.findall(".//testsuite"):
                for count, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                    assert int(suite.get(count)) == len(suite.findall(f".//{tag}")), f"{name}: {count}"
    print("JUnit ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
