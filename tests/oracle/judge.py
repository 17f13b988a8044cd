"""An independent judge, written from the rules: raw trials and a policy in, the status of every check out.

It shares no code and no design with the program: exact fractions instead of floating point, every way to fill
missing scores counted out instead of bounded, rows instead of summaries. It is slow, and meant to be read.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction

import fillings
import measure
from evidence import Evidence, Row, Run
from measure import Pile

LIMITS = ["min", "max", "max_drop", "max_rise", "max_relative_drop", "max_relative_rise"]
DEFAULTS = {"severity": "block", "evidence": "observed", "confidence": 0.95, "missing": "bound", "max_missing": 0}
MOST_SLICES = 50
WITHOUT_RANGE = "missing numbers without a range"
EXIT_CODES = {"passed": 0, "failed": 1, "undecided": 3}


@dataclass
class Check:
    """One limit of one gate on one subject and slice."""

    gate: str
    subject: str | None
    slice: str | None  # what tells it from the gate's other slices: the value of `by`
    limit_key: str
    status: str
    metric: str
    why: str
    severity: str = "block"
    evidence: str = "observed"
    missing: str = "bound"
    # False where the fillings are too many to count: then these are the statuses that may be.
    exact: bool = True
    possible: set[str] = field(default_factory=set)
    excused: bool = False  # a waiver is in force
    # Student's t under missing scores, where the program's bound may leave undecided what is decided here.
    may_be_open: bool = False

    @property
    def key(self) -> tuple:
        return self.gate, self.subject, self.slice, self.limit_key


@dataclass
class Judgement:
    checks: list[Check]
    verdict: str | None
    exit_code: int


class WrongPolicy(Exception):
    """Exit code 2."""


class Undecided(Exception):
    """Why a check cannot be decided."""


class Skipped(Exception):
    """No baseline, and none required."""


def judge(policy: dict, evidence: Evidence, now: datetime) -> Judgement:
    try:
        return Court(policy, evidence, now).judge()
    except WrongPolicy:
        return Judgement([], None, 2)


def verdict(checks: list[Check]) -> str:
    """A fail outranks an undecided one, and what only warns or is excused blocks nothing."""
    blocking = [check for check in checks if check.severity == "block"]
    if any(check.status == "fail" for check in blocking):
        return "failed"
    if any(check.status == "undecided" for check in blocking):
        return "undecided"
    # Skipping is no proof: of the checks that could block one has to be judged, or of all where none could.
    could = [check for check in blocking if not check.excused] or checks
    return "undecided" if all(check.status == "skipped" for check in could) else "passed"


@dataclass
class Case:
    """A check that is being judged."""

    gate: dict
    subject: str | None
    slice: str | None
    key: str
    candidate: set[str]  # digests of the rows in the slice
    baseline: set[str]

    @property
    def metric(self) -> str:
        return self.gate["metric"]

    @property
    def limit(self) -> Fraction:
        return measure.exact(self.gate[self.key])

    @property
    def compares(self) -> bool:
        return self.key not in ("min", "max") or self.metric in measure.TURNED


class Court:
    def __init__(self, policy: dict, evidence: Evidence, now: datetime):
        self.policy, self.evidence, self.now = policy, evidence, now
        self._cells: dict[tuple, dict[str, measure.Cell]] = {}
        self.gates = [self._with_defaults(gate) for gate in policy["gates"]]

    def _with_defaults(self, gate: dict) -> dict:
        full = {**DEFAULTS, **self.policy.get("defaults", {}), **gate}
        # A default rule does not reach metrics that are not known of single rows.
        if full["metric"] not in measure.TESTABLE:
            full["evidence"] = "observed"
        if full["metric"] in measure.NEVER_MISSING:
            full.update(missing="bound", max_missing=0)
        return full

    # ------------------------------------------------------------------------------------------ all checks

    def judge(self) -> Judgement:
        cases = [case for gate in self.gates for case in self.cases(gate)]
        said: dict[int, tuple[set[str], bool, str]] = {}
        tests: dict[int, fillings.Question] = {}
        hidden = 0
        for number, case in enumerate(cases):
            try:
                answer = self.answer(case)
            except Skipped as why:
                answer = {"skipped"}, True, str(why)
            except Undecided as why:
                answer = {"undecided"}, True, str(why)
                is_test = case.gate["evidence"] == "significant" and case.key not in ("min", "max")
                hidden += is_test and str(why) == WITHOUT_RANGE
            if isinstance(answer, fillings.Question):
                tests[number] = answer
            else:
                said[number] = answer
        said.update(self.chance(tests, hidden))
        checks = []
        for number, case in enumerate(cases):
            statuses, exact, why = said[number]
            status = next(iter(statuses)) if len(statuses) == 1 else "undecided"
            check = self._check(case, status, why)
            check.exact, check.possible = exact, {status, *statuses, "undecided"}
            check.may_be_open = number in tests and self.may_be_open(tests, number)
            checks.append(check)
        whole = verdict(checks)
        return Judgement(checks, whole, EXIT_CODES[whole])

    @staticmethod
    def may_be_open(tests: dict[int, fillings.Question], number: int) -> bool:
        """Whether the program's bound may leave this one undecided: one of Student's t under missing scores, or one
        that is corrected beside such a one."""
        bounded = {n for n, question in tests.items() if not question.one_trial and question.groups()}
        return number in bounded or (tests[number].is_test and any(tests[n].is_test for n in bounded))

    def chance(self, questions: dict[int, fillings.Question], hidden: int) -> dict:
        """Answers to the questions of chance; significant limits on changes are corrected for each other. Of hidden
        tests, those that missing scores without bound keep from being made, any p may be."""
        family = [number for number, question in questions.items() if question.can_be_tested()]
        ps = {number: questions[number].ps() for number in family}
        said = {}
        for number, question in questions.items():
            alpha = 1 - question.confidence
            if number not in family or self.policy.get("correction", "holm") == "none":
                said[number] = *question.answer(alpha), "chance"
                continue
            # The other tests are of other missing scores: as small or as large as their p can be.
            answers = []
            for end in (0, 1):
                others = [ps[other][end] for other in family if other != number] + [1.0] * (hidden * end)
                answers.append(question.answer(fillings.holm_bar(alpha, others)))
            said[number] = answers[0][0] | answers[1][0], answers[0][1] and answers[1][1], "chance, corrected"
        return said

    def _check(self, case: Case, status: str, why: str) -> Check:
        waive = case.gate.get("waive")
        excused = bool(waive) and self.now.date() <= as_date(waive["until"])
        if excused and status in ("fail", "undecided"):
            status, why = "waived", f"{why}, {status}"
        return Check(
            gate=case.gate["name"],
            subject=case.subject,
            slice=case.slice,
            limit_key=case.key,
            status=status,
            metric=case.metric,
            why=why,
            severity=case.gate["severity"],
            evidence=case.gate["evidence"],
            missing=case.gate["missing"],
            excused=excused,
        )

    # ------------------------------------------------------------------------------------------ which checks

    def cases(self, gate: dict) -> list[Case]:
        keys = [key for key in LIMITS if key in gate]
        return [
            Case(gate, subject, value, key, candidate, baseline)
            for subject in self.subjects(gate)
            for key in keys
            for value, candidate, baseline in self.slices(gate, subject)
        ]

    def subjects(self, gate: dict) -> list[str | None]:
        if gate["metric"] not in measure.OF_A_SCORER:
            return [None]
        scorer = gate["scorer"]
        if not re.search(r"[*?\[]", scorer):
            return [scorer]
        by = gate.get("by")
        rows = self.rows_of(gate)
        if by and any(run.rows for run in self.runs_read()) and all(kind(input_of(r, by)) == "lacks it" for r in rows):
            # No row is in any slice, whatever the dimension.
            return [scorer]
        names = {name for run in self.runs_read() for name in dimensions(run)}
        return sorted(name for name in names if fnmatch.fnmatchcase(name, scorer)) or [scorer]

    def slices(self, gate: dict, subject: str | None) -> list[tuple[str | None, set[str], set[str]]]:
        """Each slice of a limit: its value of `by`, and the digests of its rows in both runs."""
        where, by = gate.get("where", {}), gate.get("by")
        chosen = [
            {row.digest: row for row in run.rows if all(has(row, *condition) for condition in where.items())}
            if run
            else {}
            for run in (self.evidence.candidate, self.evidence.baseline)
        ]
        whole = [(None, set(chosen[0]), set(chosen[1]))]
        if by is None or not self.can_be_sliced(subject):
            return whole
        # A gate that compares is about the values of both runs, and so are its floors.
        counted = chosen if compares(gate) else chosen[:1]
        values = sorted({kind(input_of(row, by)) for rows in counted for row in rows.values()})
        if values in ([], ["lacks it"]):
            return whole
        if len(values) > MOST_SLICES:
            raise WrongPolicy
        return [
            (value, *({d for d, row in rows.items() if kind(input_of(row, by)) == value} for rows in chosen))
            for value in values
        ]

    def runs_read(self) -> list[Run]:
        """The candidate, and the baseline where any gate compares."""
        needed = any(compares(gate) for gate in self.gates)
        runs = [self.evidence.candidate, self.evidence.baseline if needed else None]
        return [run for run in runs if run]

    def rows_of(self, gate: dict) -> list[Row]:
        """The rows that a gate is about: of both runs, where it compares."""
        runs = self.runs_read() if compares(gate) else [self.evidence.candidate]
        rows = [row for run in runs for row in run.rows]
        return [row for row in rows if all(has(row, *condition) for condition in gate.get("where", {}).items())]

    def can_be_sliced(self, subject: str | None) -> bool:
        """Whether there is anything to slice; of a dimension that is not there one check says so."""
        return subject is None or any(subject in dimensions(run) for run in self.runs_read())

    # ------------------------------------------------------------------------------------------ one check

    def answer(self, case: Case):
        """What is said of a check at once, or the question that chance has to answer."""
        self.known(case)
        if case.slice is None and "by" in case.gate:
            raise Undecided("no row has the input under `by`")
        self.has_values(case, self.evidence.candidate, case.candidate)
        if case.compares:
            self.has_values(case, self.evidence.baseline, case.baseline)
            if not case.candidate & case.baseline:
                raise Undecided("no-common-rows")
        if case.metric in ("rows", "trials"):
            return self.count(case)
        if case.metric in measure.TURNED:
            return self.turned(case)
        if case.compares:
            return self.change(case)
        return self.value(case)

    def known(self, case: Case) -> None:
        """What has to hold of whole runs before anything is looked at."""
        candidate, baseline = self.evidence.candidate, self.evidence.baseline
        if case.compares and baseline is None and not self.policy.get("baseline", {}).get("required", True):
            raise Skipped("no-baseline")
        self.status_of(candidate)
        if case.compares:
            self.comparable()
        self.has_metric(case, candidate)
        if case.compares:
            self.has_metric(case, baseline)

    def status_of(self, run: Run) -> None:
        if run.status not in ("completed", "failed"):
            raise Undecided("run-not-finished")
        if run.status not in self.policy.get("accept_status", ["completed"]):
            raise Undecided("run-failed")

    def comparable(self) -> None:
        baseline, wanted = self.evidence.baseline, self.policy.get("baseline", {})
        if baseline is None:
            raise Undecided("no-baseline")
        if baseline.id == self.evidence.candidate.id:
            raise Undecided("same-run")
        self.status_of(baseline)
        if "max_age" in wanted and self.now - baseline.finished_at > age(wanted["max_age"]):
            raise Undecided("baseline-stale")

    def has_metric(self, case: Case, run: Run) -> None:
        if not run.rows:
            raise Undecided("no-scores")
        if case.subject is not None and case.subject not in dimensions(run):
            raise Undecided("unknown-dimension")
        if case.metric not in measure.COUNTS - measure.TURNED:
            cells = self.cells(run, case)
            if not any(cell.known for cell in cells.values()):
                raise Undecided("metric-not-available")

    def has_values(self, case: Case, run: Run, digests: set[str]) -> None:
        if not digests:
            raise Undecided("empty-slice")
        if case.metric in measure.COUNTS - measure.TURNED:
            return
        cells = self.cells(run, case, digests)
        known = [value for cell in cells.values() for value in cell.known]
        if not known:
            raise Undecided("no-scores")
        if case.metric == "coverage" and not any(known):
            raise Undecided("no-scores")
        self.inside_its_range(case, run, known)

    def inside_its_range(self, case: Case, run: Run, scores: list[Fraction]) -> None:
        """A mean outside the range shows that it is not the scores' own; where rows are looked at, so does a score."""
        if "range" not in case.gate:
            return
        low, high = (measure.exact(end) for end in case.gate["range"])
        whole = self.cells(run, case)
        of_run = [value for cell in whole.values() for value in cell.known]
        looked_at = [sum(of_run) / len(of_run), *(scores if self.sees_scores(case.subject) else [])]
        if any(not low - measure.TOLERANCE <= value <= high + measure.TOLERANCE for value in looked_at):
            raise Undecided("out-of-range")

    def sees_scores(self, subject: str) -> bool:
        """Whether single scores of a dimension are known: where some gate on it needs rows."""
        return any(
            gate["metric"] == "numeric_mean"
            and fnmatch.fnmatchcase(subject, gate["scorer"])
            and (gate["evidence"] != "observed" or "where" in gate or "by" in gate)
            for gate in self.gates
        )

    def count(self, case: Case):
        rows = [row for row in self.evidence.candidate.rows if row.digest in case.candidate]
        value = Fraction(len(rows) if case.metric == "rows" else sum(len(row.trials) for row in rows))
        return measure.observed_value(case.metric, case.key, case.limit, (value, value)), True, f"{value}"

    # ------------------------------------------------------------------------------------------ values

    def cells(self, run: Run, case: Case, digests: set[str] | None = None) -> dict[str, measure.Cell]:
        """What the check's metric sees of a run's rows, or of some of them."""
        key = id(run), case.metric, case.subject
        if key not in self._cells:
            self._cells[key] = measure.cells(run, case.metric, case.subject)
        known = self._cells[key]
        return known if digests is None else {digest: cell for digest, cell in known.items() if digest in digests}

    def leaves_out(self, case: Case, pile: Pile) -> bool:
        """Whether the missing scores of this pile are left out."""
        if case.metric in measure.NEVER_MISSING:
            return False
        return case.gate["missing"] == "ignore" or pile.share_missing <= measure.exact(case.gate["max_missing"])

    @staticmethod
    def at_worst(case: Case, said: set[str], ends) -> set[str]:
        """`missing: fail`: the worst that is said at any end. A number without an end has no worst."""
        if case.gate["missing"] != "fail" or measure.INFINITY in ends:
            return said
        return {next(status for status in ("fail", "undecided", "pass") if status in said)}

    def span(self, case: Case, *piles: Pile):
        span = measure.span_of(case.metric, case.gate.get("range"))
        # Chance is not asked of numbers that may have no end.
        is_endless = span is None or (case.gate["evidence"] != "observed" and measure.INFINITY in span)
        if is_endless and any(pile.missing for pile in piles):
            raise Undecided(WITHOUT_RANGE)
        return span or (Fraction(0), Fraction(0))

    def value(self, case: Case):
        cells = self.cells(self.evidence.candidate, case, case.candidate)
        pile = Pile.of(list(cells.values()))
        left_out = self.leaves_out(case, pile)
        pile = pile.without_missing() if left_out else pile
        span = self.span(case, pile)
        if case.gate["evidence"] != "observed":
            return self.question(case, {digest: (cell, None) for digest, cell in cells.items()}, left_out, False, span)
        ends = pile.ends(case.metric, span)
        said = measure.observed_value(case.metric, case.key, case.limit, ends)
        return self.at_worst(case, said, ends), True, f"{shown(ends)}"

    def change(self, case: Case):
        """A change is measured on the rows of the baseline; those that the candidate lacks are missing in it."""
        of = [
            self.cells(run, case, digests)
            for run, digests in (
                (self.evidence.candidate, case.candidate & case.baseline),
                (self.evidence.baseline, case.baseline),
            )
        ]
        removed = case.baseline - case.candidate
        if self.policy.get("baseline", {}).get("removed_rows", "missing") == "ignore":
            removed = set()
        candidate = self.candidate_pile(case, of[0], len(removed))
        left_out = self.leaves_out(case, candidate)
        if left_out:
            candidate, removed = candidate.without_missing(), set()
        rows = (case.candidate & case.baseline) | removed
        of[1] = {digest: cell for digest, cell in of[1].items() if digest in rows}
        baseline = Pile.of(list(of[1].values()))
        left_out_of_baseline = self.leaves_out(case, baseline)
        baseline = baseline.without_missing() if left_out_of_baseline else baseline
        covers = [value for cell in of[0].values() for value in cell.known]
        if not candidate.known or not baseline.known or (case.metric == "coverage" and not any(covers)):
            raise Undecided("no-scores")
        span = self.span(case, candidate, baseline)
        if case.gate["evidence"] != "observed":
            pairs = {digest: (of[0].get(digest), cell) for digest, cell in of[1].items()}
            return self.question(case, pairs, left_out, left_out_of_baseline, span)
        ends = candidate.ends(case.metric, span), baseline.ends(case.metric, span)
        said = measure.observed_change(case.key, case.limit, *ends)
        return self.at_worst(case, said, sum(ends, ())), True, f"{shown(ends[1])} -> {shown(ends[0])}"

    @staticmethod
    def candidate_pile(case: Case, cells: dict, removed: int) -> Pile:
        pile = Pile.of(list(cells.values()), removed, case.metric.startswith("latency"))
        if case.metric in measure.NEVER_MISSING and pile.missing:
            # A removed row has no score: that is what is counted here, and it is known.
            gone = Fraction(int(case.metric == "error_rate"))
            total = len(pile.known) + pile.missing
            share = (sum(pile.known) + gone * pile.missing) / total
            return Pile((share,), Fraction(0))
        return pile

    def turned(self, case: Case):
        """Rows that pass in one run and not in the other; each row by itself, at both ends."""
        first, then = self.evidence.baseline, self.evidence.candidate
        metric = case.metric
        then_cells = self.cells(then, case, case.candidate & case.baseline)
        first_cells = self.cells(first, case, case.baseline)
        removed = case.baseline - case.candidate
        if self.policy.get("baseline", {}).get("removed_rows", "missing") == "ignore":
            removed = set()
        left_out = self.leaves_out(case, Pile.of(list(then_cells.values()), len(removed)))
        removed = set() if left_out else removed
        rows = (case.candidate & case.baseline) | removed
        of_first = Pile.of([first_cells[digest] for digest in rows])
        left_out_of_first = self.leaves_out(case, of_first)
        if not any(cell.known for cell in then_cells.values()) or not of_first.known:
            raise Undecided("no-scores")
        least = most = 0
        for digest in rows:
            after = row_passes(then_cells.get(digest), left_out)
            before = row_passes(first_cells[digest], left_out_of_first)
            from_, to = (True, False) if metric == "regressed_rows" else (False, True)
            least += before == {from_} and after == {to}
            most += from_ in before and to in after
        ends = Fraction(least), Fraction(most)
        said = measure.observed_value(metric, case.key, case.limit, ends)
        return self.at_worst(case, said, ends), True, f"{least} to {most}"

    # ------------------------------------------------------------------------------------------ chance

    def question(self, case: Case, pairs: dict, left_out: bool, left_out_of_baseline: bool, span):
        rows, trials = [], set()
        for candidate, baseline in pairs.values():
            c = options(candidate, left_out, span, case.metric)
            b = options(baseline, left_out_of_baseline, span, case.metric) if case.compares else Options((0.0,))
            if not c.values or not b.values:
                continue
            rows.append(
                fillings.Row(
                    list(dict.fromkeys((x, y) for x in c.values for y in b.values)), c.dense or b.dense, c.loose
                )
            )
            trials |= {c.trials, b.trials} if case.compares else {c.trials}
        if len(rows) < 2:
            raise Undecided("fewer than two rows")
        is_rate = case.metric in measure.RATES
        one_trial = is_rate and trials <= {1, None}
        if one_trial:
            for row in rows:
                row.loose = False
        return fillings.Question(
            rows=rows,
            one_trial=one_trial,
            is_rate=is_rate,
            sign=1 if case.key == "min" or case.key.endswith("drop") else -1,
            limit=float(case.limit),
            key=case.key,
            confidence=float(case.gate["confidence"]),
            paired=case.compares,
            worst_only=case.gate["missing"] == "fail" and measure.INFINITY not in span,
            rule=case.gate["evidence"],
        )


@dataclass
class Options:
    """What the value of a row in one run may be."""

    values: tuple[float, ...]
    dense: bool = False
    loose: bool = False
    trials: int | None = None


def options(cell: measure.Cell | None, left_out: bool, span, metric: str) -> Options:
    low, high = (float(min(end, fillings.FOREVER)) for end in span)
    if cell is None:
        # A removed row: nobody knows how many trials it had had.
        if metric in measure.NEVER_MISSING:
            return Options((float(metric == "error_rate"),))
        return Options((low, high), dense=metric not in measure.RATES, loose=metric in measure.RATES)
    if left_out or not cell.missing:
        if not cell.known:
            return Options(())
        return Options((float(sum(cell.known) / len(cell.known)),), trials=cell.trials)
    total = sum(cell.known, Fraction(0))
    if metric in measure.RATES:
        values = tuple(float((total + true) / cell.trials) for true in range(cell.missing + 1))
        return Options(values, trials=cell.trials)
    ends = tuple((float(total) + cell.missing * end) / cell.trials for end in (low, high))
    return Options(tuple(dict.fromkeys(ends)), dense=True, trials=cell.trials)


def row_passes(cell: measure.Cell | None, left_out: bool) -> set[bool | None]:
    """Whether a row passes, which it does where all its trials do: all that may be. {None}: it has no part."""
    if cell is None:
        return {True, False}
    if left_out and cell.missing:
        return {all(cell.known)} if cell.known else {None}
    if not all(cell.known):
        return {False}
    return {True, False} if cell.missing else {True}


# ---------------------------------------------------------------------------------------------- inputs, dimensions


def compares(gate: dict) -> bool:
    return gate["metric"] in measure.TURNED or any(key in gate for key in LIMITS[2:])


def dimensions(run: Run) -> Counter:
    """Every dimension of a run, and how many scores it has, of whatever type."""
    return Counter(
        name for row in run.rows for trial in row.trials for name, score in trial.scores.items() if score is not None
    )


def input_of(row: Row, name: str):
    """An input of a row; one in another is written with a dot. None where the row lacks it."""
    if not isinstance(row.inputs, dict):
        return None
    if name in row.inputs:
        return row.inputs[name]
    value = row.inputs
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def kind(value) -> str:
    """A value of an input, so that two are the same text where they are the same value."""
    if value is None:
        return "lacks it"
    if isinstance(value, bool):
        return f"truth {value}"
    if isinstance(value, (int, float)):
        return f"number {float(value)}"
    return f"text {value}"


def has(row: Row, name: str, wanted) -> bool:
    value = input_of(row, name)
    return value is not None and kind(value) in {kind(one) for one in (wanted if isinstance(wanted, list) else [wanted])}


def as_date(value) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def age(text: str) -> timedelta:
    number, unit = re.fullmatch(r"(\d+)([dw])", text).groups()
    return timedelta(days=int(number) * (7 if unit == "w" else 1))


def shown(ends) -> str:
    low, high = (f"{float(end):.6g}" for end in ends)
    return low if low == high else f"{low} to {high}"
