"""Holm's correction over a family of tests, of which only those are counted that could reject (Tarone 1990).

A test that could not reject with any pattern of its own differences says nothing about the others, and cannot fail.
"""

from __future__ import annotations

import itertools
import math

import stats
from fillings import UNKNOWN, Bar, Chances, Question

# More combinations of what the other tests may be are not looked at one by one.
MOST_COMBINATIONS = 3000

Other = tuple[float, float, float]  # alpha, attainable p, p


def answers(questions: dict[int, Question], hidden: list[float], correction: str) -> dict:
    """What is said of each question of one family. `hidden` has the alpha of each test that missing scores without
    bound keep from being made: of those any p may be."""
    tests = {number: question.chances() for number, question in questions.items() if question.is_test}
    said = {}
    for number, question in questions.items():
        alpha = 1 - question.confidence
        if number not in tests or correction == "none":
            said[number] = *question.answer(Bar(alpha)), "chance"
            continue
        others = [chances for other, chances in tests.items() if other != number]
        others += [Chances(one, UNKNOWN, exact=False) for one in hidden]
        bars, are_exact = bars_of(alpha, others)
        statuses: set[str] = set()
        exact = True
        for bar in bars:
            more, is_exact = question.answer(bar)
            statuses |= more
            exact = exact and is_exact
        said[number] = statuses, exact and (are_exact or len(statuses) == 1), "chance, corrected"
    return said


def bars_of(alpha: float, others: list[Chances]) -> tuple[list[Bar], bool]:
    """All bars that a test at this alpha may have to meet, and whether each of them is that of some filling."""
    exact = all(chances.exact for chances in others)
    choices = [[(chances.alpha, *pair) for pair in chances.pairs] for chances in others]
    if math.prod(len(pairs) for pairs in choices) > MOST_COMBINATIONS:
        exact = False
        choices = [corners(pairs) for pairs in choices]
    if math.prod(len(pairs) for pairs in choices) > MOST_COMBINATIONS:
        return [Bar(0.0), Bar(alpha)], False
    bars = {bar(alpha, list(others)) for others in itertools.product(*choices)}
    return [Bar(*one) for one in bars], exact


def corners(pairs: list[Other]) -> list[Other]:
    """The least and the most that these say."""
    alpha = pairs[0][0]
    least, most = [pick(attainable for _, attainable, _ in pairs) for pick in (min, max)]
    low, high = [pick(p for *_, p in pairs) for pick in (min, max)]
    return list(dict.fromkeys([(alpha, least, low), (alpha, least, high), (alpha, most, max(most, low)), (alpha, most, high)]))


def counted(others: list[Other]) -> int:
    """Tarone's K for a test beside these others, where it is counted itself: the smallest at which at most K tests
    could reject at alpha / K."""
    k = 1
    while 1 + sum(attainable <= alpha / k for alpha, attainable, _ in others) > k:
        k += 1
    return k


def bar(alpha: float, others: list[Other]) -> tuple[float, float]:
    """The highest p that is significant at alpha beside these others, and the highest attainable p that is counted."""
    k = counted(others)
    return holm_bar(alpha, [p for other, attainable, p in others if attainable <= other / k]), alpha / k


def holm_bar(alpha: float, others: list[float]) -> float:
    """The highest p that Holm's method still counts as significant at alpha beside these others."""
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if stats.holm([middle, *others])[0] <= alpha:
            low = middle
        else:
            high = middle
    return low
