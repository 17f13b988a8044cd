"""The policies of the corruption tests. Each has a few plain limits that hold while nothing is corrupted.

The policies are written as data. `weave-gate` reads them as YAML, which includes JSON, and `proof` reads the same
data. They use only what `proof` can decide: no waiver, no `severity`, nothing in `defaults`.
"""

from __future__ import annotations

from typing import Any

ENTITY = "my-team"
PROJECT = "support-bot"

POLICIES: dict[str, dict[str, Any]] = {
    # Judged by the summary of both runs alone. One row of the candidate has no scores.
    "summary": {
        "version": 1,
        "gates": [
            {"name": "right", "scorer": "correctness", "metric": "pass_rate", "min": 0.91, "max_drop": 0.05},
            {
                "name": "kind",
                "scorer": "tone.score",
                "metric": "numeric_mean",
                "range": [0, 1],
                "min": 0.75,
                "max_drop": 0.04,
            },
            {"name": "safe", "scorer": "safety.*", "metric": "pass_rate", "min": 0.91},
            {"name": "scored", "scorer": "correctness", "metric": "coverage", "min": 0.9},
            {"name": "whole", "metric": "rows", "min": 24},
            {"name": "once", "metric": "trials", "min": 24, "max": 24},
        ],
    },
    # Judged by rows, paired and sliced. One row of the candidate has no scores.
    "rows": {
        "version": 1,
        "correction": "none",
        "gates": [
            {
                "name": "no worse",
                "scorer": "correctness",
                "metric": "pass_rate",
                "max_drop": 0.02,
                "evidence": "significant",
            },
            {"name": "few break", "scorer": "correctness", "metric": "regressed_rows", "max": 2},
            {
                "name": "golden",
                "scorer": "correctness",
                "metric": "pass_rate",
                "where": {"golden": True},
                "min": 1,
            },
            {"name": "topics", "scorer": "correctness", "metric": "pass_rate", "by": "topic", "min": 0.75},
        ],
    },
    # Limits on the time, tokens and cost of trials, and on trials without a score.
    "usage": {
        "version": 1,
        "gates": [
            {"name": "fast", "metric": "latency_p95", "max": 0.5},
            {"name": "short", "metric": "tokens_mean", "max": 101, "max_relative_rise": 0.05},
            {"name": "cheap", "metric": "cost_total", "max": 0.0031},
            {"name": "sound", "metric": "error_rate", "max": 0.05},
        ],
    },
    # The runs are found by name and attributes, among several runs that match.
    "found": {
        "version": 1,
        "candidate": {"evaluation": "nightly", "attributes": {"git_sha": "abc"}},
        "baseline": {"evaluation": "nightly", "attributes": {"git_branch": "main"}, "max_age": "3650d"},
        "gates": [
            {"name": "right", "scorer": "correctness", "metric": "pass_rate", "min": 0.9, "max_drop": 0},
            {"name": "whole", "metric": "rows", "min": 12},
        ],
    },
    # One commit was logged three times. Its baseline commit was logged twice. Both sides are pools of runs.
    "reruns": {
        "version": 1,
        "candidate": {"evaluation": "again", "commit": "c0ffee1" + "0" * 33},
        "baseline": {"branch": "main"},
        "gates": [
            {"name": "right", "scorer": "correctness", "metric": "pass_rate", "min": 0.85, "max_drop": 0.05},
            {"name": "kind", "scorer": "tone.score", "metric": "numeric_mean", "range": [0, 1], "min": 0.7},
            {"name": "scored", "scorer": "correctness", "metric": "coverage", "min": 0.95},
            {"name": "sound", "metric": "error_rate", "max": 0.05},
            {"name": "few break", "scorer": "correctness", "metric": "regressed_rows", "max": 3},
            {"name": "whole", "metric": "rows", "min": 12, "max": 12},
        ],
    },
    # Some rows were removed from the dataset, and others were added.
    "moved": {
        "version": 1,
        "gates": [
            {"name": "right", "scorer": "correctness", "metric": "pass_rate", "min": 0.95, "max_drop": 0.1},
            {"name": "whole", "metric": "rows", "min": 22},
        ],
    },
    # One run of `EvaluationLogger` without a baseline. Some scores are missing, and each gate handles them differently.
    "logged": {
        "version": 1,
        "gates": [
            {"name": "right", "scorer": "correct", "metric": "pass_rate", "missing": "fail", "min": 0.83},
            {"name": "good", "scorer": "quality", "metric": "numeric_mean", "missing": "ignore", "min": 0.8},
            {"name": "sure", "scorer": "correct", "metric": "pass_rate", "max_missing": 0.1, "min": 0.9},
        ],
    },
    # The baseline is a snapshot. The rows are compared by their digests.
    "saved": {
        "version": 1,
        "gates": [
            {"name": "right", "scorer": "correctness", "metric": "pass_rate", "min": 0.9, "max_drop": 0.05},
            {"name": "kind", "scorer": "tone.score", "metric": "numeric_mean", "range": [0, 1], "max_drop": 0.02},
            {"name": "whole", "metric": "rows", "min": 20},
        ],
    },
    # Three trials of each row.
    "trials": {
        "version": 1,
        "gates": [
            {"name": "right", "scorer": "correctness", "metric": "pass_rate", "min": 0.88, "max_drop": 0},
            {"name": "few break", "scorer": "correctness", "metric": "regressed_rows", "max": 1},
            {"name": "known", "scorer": "tone.score", "metric": "numeric_mean", "by": "topic", "min": 0.6},
        ],
    },
}
