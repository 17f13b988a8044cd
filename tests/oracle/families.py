"""Holm's correction over a family of tests. It counts only the tests that could reject (Tarone 1990).

A test that could not reject with any pattern of its own differences says nothing about the others, and cannot fail.
Limits of one gate on the same rows are tests with the same imputations of missing scores: in each imputation they can
attain the same p-values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable

import numpy as np

import stats
from fillings import UNKNOWN, Bar, Chances, Question

# If there are more combinations of the other tests' values, they are not enumerated.
MOST_COMBINATIONS = 3000
# If one question has more bars, they are not computed one by one.
MOST_BARS = 30_000

Other = tuple[float, float, float]  # alpha, attainable p, p


def answers(
    questions: dict[int, Question], hidden: list[float], correction: str, rows_of: dict[int, Hashable]
) -> dict:
    """Returns the result of each question of one family. `hidden` has the alpha of each test that unbounded missing
    scores prevent. Such a test may have any p-value. `rows_of` is equal for questions on the same rows."""
    tests = {number: question.chances() for number, question in questions.items() if question.is_test}
    said = {}
    for number, question in questions.items():
        alpha = 1 - question.confidence
        if number not in tests or correction == "none":
            said[number] = *question.answer(Bar(alpha)), "chance"
            continue
        kin = [
            other
            for other in tests
            if other != number
            and rows_of[other] == rows_of[number]
            and not question.worst_only
            and not questions[other].worst_only
        ]
        others = [chances for other, chances in tests.items() if other != number and other not in kin]
        others += [Chances(one, UNKNOWN, exact=False) for one in hidden]
        if kin:
            found = together(question, [questions[other] for other in kin], others)
            if found is not None:
                said[number] = *found, "chance, corrected"
                continue
            # Treated as unrelated tests, their imputations allow more combinations than are possible.
            others += [Chances(tests[other].alpha, tests[other].pairs, exact=False) for other in kin]
        bars, are_exact = bars_of(alpha, others)
        statuses: set[str] = set()
        exact = True
        for bar in bars:
            more, is_exact = question.answer(bar)
            statuses |= more
            exact = exact and is_exact
        said[number] = statuses, exact and (are_exact or len(statuses) == 1), "chance, corrected"
    return said


def which_count(questions: dict[int, Question]) -> dict[int, bool]:
    """Returns whether each test of a family counts, if none of their scores is missing."""
    tests = {number: question for number, question in questions.items() if question.is_test}
    if any(question.groups() for question in tests.values()):
        return {}
    of = {number: (1 - question.confidence, *question.chances().pairs[0]) for number, question in tests.items()}
    made = {}
    for number, (alpha, attainable, _) in of.items():
        others = [other for key, other in of.items() if key != number]
        made[number] = attainable <= bar(alpha, others)[1]
    return made


def together(question: Question, kin: list[Question], others: list[Chances]) -> tuple[set[str], bool] | None:
    """Returns the result of a question over all imputations. In each imputation, the questions on the same rows have
    their own values. Returns `None` if the imputations cannot be enumerated."""
    worlds, related = question.worlds(), [other.worlds() for other in kin]
    if worlds is None or question.is_dense():
        return None
    choices = [[(chances.alpha, *pair) for pair in chances.pairs] for chances in others]
    exact = all(chances.exact for chances in others)
    if math.prod(len(pairs) for pairs in choices) > MOST_COMBINATIONS:
        exact = False
        choices = [corners(pairs) for pairs in choices]
    # Questions on the same rows enumerate their imputations in the same order.
    each, places = np.unique(
        np.column_stack([worlds.attainable, *[of.p for of in related]]), axis=0, return_inverse=True
    )
    if math.prod(len(pairs) for pairs in choices) * len(each) > MOST_BARS:
        return None
    alpha = 1 - question.confidence
    said: set[str] = set()
    for combination in itertools.product(*choices):
        bars = [
            bar(alpha, [*combination, *((1 - of.confidence, attainable, p) for of, p in zip(kin, ps, strict=True))])
            for attainable, *ps in each.tolist()
        ]
        p, counted_up_to = np.array(bars)[places.reshape(-1)].T
        said |= question.statuses(worlds, Bar(p, counted_up_to))
    return said, exact or len(said) == 1


def bars_of(alpha: float, others: list[Chances]) -> tuple[list[Bar], bool]:
    """Returns all bars that a test at this alpha may have to meet, and whether each belongs to some imputation."""
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
    """Returns the smallest and the largest values of these pairs."""
    alpha = pairs[0][0]
    least, most = [pick(attainable for _, attainable, _ in pairs) for pick in (min, max)]
    low, high = [pick(p for *_, p in pairs) for pick in (min, max)]
    return list(dict.fromkeys([(alpha, least, low), (alpha, least, high), (alpha, most, max(most, low)), (alpha, most, high)]))


def counted(others: list[Other]) -> int:
    """Returns Tarone's K for a test among these other tests: the smallest K for which at most K tests could reject at
    alpha / K. The test itself is counted."""
    k = 1
    while 1 + sum(attainable <= alpha / k for alpha, attainable, _ in others) > k:
        k += 1
    return k


def bar(alpha: float, others: list[Other]) -> tuple[float, float]:
    """Returns the highest p that is significant at alpha among these tests, and the highest counted attainable p."""
    k = counted(others)
    return holm_bar(alpha, [p for other, attainable, p in others if attainable <= other / k]), alpha / k


def holm_bar(alpha: float, others: list[float]) -> float:
    """Returns the highest p that Holm's method still accepts as significant at alpha among these other tests. Each test
    that it rejects first reduces the number of tests to correct for."""
    left = len(others) + 1
    for p in sorted(others):
        if p * left > alpha:
            break
        left -= 1
    return alpha / left
