"""Cases on which the oracle and the program once disagreed, each with the result that the rules give."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

import generate
import judge

NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)
KNOWN = {case.seed: case for case in generate.known()}


def judged(seed: int) -> judge.Judgement:
    return judge.judge(KNOWN[seed].policy, KNOWN[seed].evidence, NOW)


def statuses(seed: int, limit_key: str) -> dict:
    return {(check.subject, check.slice): check.status for check in judged(seed).checks if check.limit_key == limit_key}


def test_a_family_counts_no_check_that_could_not_reject():
    """Slices without any change, and an excused check, do not make the other checks more lenient."""
    said = judged(100038)
    assert {check.severity for check in said.checks} == {"warn"}
    assert (said.verdict, said.exit_code) == ("passed", 0)
    slices = statuses(100038, "max_rise")
    assert slices["correctness", "text other"] == slices["correctness", "lacks it"] == "pass"


def test_a_proof_on_rows_that_do_not_differ_is_undecided():
    assert statuses(200992, "max_drop") == {("correctness", None): "undecided"}
    assert judged(200992).exit_code == 3


def test_more_values_than_make_a_check_each_are_undecided():
    assert (judged(203900).verdict, judged(203900).exit_code) == ("undecided", 3)


@pytest.mark.parametrize("subject", ["grade", "mix", "tone.score"])
def test_scores_outside_the_range_are_undecided(subject):
    assert statuses(50282, "max_drop")[subject, None] == "undecided"
    whys = {check.subject: check.why for check in judged(50282).checks}
    assert whys[subject] == "out-of-range"
