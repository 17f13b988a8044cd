"""An independent judge, written from the rules. Takes raw trials and a policy, and returns the status of every check.

It shares no code and no design with the program. It uses exact fractions instead of floating point, enumerates
imputations of missing scores instead of bounding them, and reads rows instead of summaries. It is slow but easy to
read. selection.py chooses the runs to judge; here they are given.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction

import families
import fillings
import measure
import setups
import stats
from evidence import Evidence, Row, Run
from measure import Cell

LIMITS = ["min", "max", "max_drop", "max_rise", "max_relative_drop", "max_relative_rise"]
DEFAULTS = {"severity": "block", "evidence": "observed", "confidence": 0.95, "missing": "bound", "max_missing": 0}
MOST_SLICES = 50
# Replaces a value of `by` if there are too many values.
TOO_MANY = "too many"
# Fields that the SDK writes into an object that a scorer returns. They are not dimensions.
SDK_FIELDS = {"_type", "_class_name", "_bases"}
WITHOUT_RANGE = "missing numbers without a range"
EXIT_CODES = {"passed": 0, "failed": 1, "undecided": 3}


@dataclass
class Check:
    """One limit of one gate on one subject and slice."""

    gate: str
    subject: str | None
    slice: str | None  # identifies the slice within the gate: the value of `by`
    limit_key: str
    status: str
    metric: str
    why: str
    severity: str = "block"
    evidence: str = "observed"
    missing: str = "bound"
    # False if there are too many imputations to enumerate. Then `possible` has the statuses that are possible.
    exact: bool = True
    possible: set[str] = field(default_factory=set)
    excused: bool = False  # a waiver is in force
    # Whether the check uses Student's t under missing scores. There the program's bound may leave it undecided.
    may_be_open: bool = False
    # Whether the program may bound missing scores more coarsely still: clusters of rows, or k attempts, with some missing.
    may_be_coarser: bool = False
    # What the check depends on: "cluster_by", "k", "noise", "missing", "pooled".
    uses: set[str] = field(default_factory=set)
    # The interval and p, as the program reports them, if no score is missing.
    interval: tuple[float, float] | None = None
    p: float | None = None
    # Whether the test counts in its family, if no score of the family's tests is missing.
    counted: bool | None = None

    @property
    def key(self) -> tuple:
        return self.gate, self.subject, self.slice, self.limit_key


@dataclass
class Judgement:
    checks: list[Check]
    verdict: str
    exit_code: int
    # The warnings about the policy's noise, or None if there is no run whose dimensions are known.
    noise_findings: set[str] | None = None


class Undecided(Exception):
    """Why a check cannot be decided."""


class Skipped(Exception):
    """There is no baseline, and none is required."""


def judge(policy: dict, evidence: Evidence, now: datetime) -> Judgement:
    return Judge(policy, evidence, now).judge()


def verdict(checks: list[Check]) -> str:
    """Returns the verdict. A failure outranks an undecided check. Checks that only warn or are excused do not block."""
    blocking = [check for check in checks if check.severity == "block"]
    if any(check.status == "fail" for check in blocking):
        return "failed"
    if any(check.status == "undecided" for check in blocking):
        return "undecided"
    # Skipping proves nothing: at least one check that could block must be judged, or any check if none could block.
    could = [check for check in blocking if not check.excused] or checks
    return "undecided" if all(check.status == "skipped" for check in could) else "passed"


@dataclass
class Case:
    """A check that is being judged."""

    gate: dict
    subject: str | None
    slice: str | None
    key: str
    rule: str  # the evidence rule
    candidate: set[str]  # digests of the rows in the slice
    baseline: set[str]
    lacks_scores: bool = False

    @property
    def metric(self) -> str:
        return self.gate["metric"]

    @property
    def k(self) -> int | None:
        return self.gate["k"] if self.metric in measure.OF_ATTEMPTS else None

    @property
    def cluster_by(self) -> str | None:
        """Returns the input whose values are clusters of rows. Measured values need none."""
        return self.gate.get("cluster_by") if self.rule != "observed" else None

    @property
    def limit(self) -> Fraction:
        return measure.exact(self.gate[self.key])

    @property
    def is_change(self) -> bool:
        return self.key not in ("min", "max")

    @property
    def compares(self) -> bool:
        return self.is_change or self.metric in measure.TURNED


class Judge:
    def __init__(self, policy: dict, evidence: Evidence, now: datetime):
        self.policy, self.evidence, self.now = policy, evidence, now
        self._cells: dict[tuple, dict[str, Cell]] = {}
        self._trials: dict[int, dict[str, int]] = {}
        self._dimensions: dict[int, Counter] = {}
        self.setup = setups.Compared(policy, evidence, any(compares(gate) for gate in policy["gates"]))
        self.gates = [{**DEFAULTS, **policy.get("defaults", {}), **gate} for gate in policy["gates"]]
        # A gate's own rule always applies. A rule of the defaults applies only where it can.
        self.own_rules = {gate["name"]: gate.get("evidence") for gate in policy["gates"]}
        for gate in self.gates:
            if gate["metric"] in measure.NEVER_MISSING:
                gate.update(missing="bound", max_missing=0)

    def rule(self, gate: dict, key: str) -> str:
        """Returns the evidence rule of one limit. `significant` in the defaults applies only to limits on changes. No
        rule of the defaults applies to a metric that has no value for single rows."""
        rule = self.own_rules[gate["name"]]
        if rule is not None:
            return rule
        is_change = key not in ("min", "max")
        if gate["metric"] not in measure.TESTABLE or (gate["evidence"] == "significant" and not is_change):
            return "observed"
        return gate["evidence"]

    # ------------------------------------------------------------------------------------------ all checks

    def judge(self) -> Judgement:
        cases = [case for gate in self.gates for case in self.cases(gate)]
        said: dict[int, tuple[set[str], bool, str]] = {}
        questions: dict[int, fillings.Question] = {}
        counted: dict[int, bool] = {}
        hidden: dict[int, float] = {}
        for number, case in enumerate(cases):
            try:
                answer = self.answer(case)
            except Skipped as why:
                answer = {"skipped"}, True, str(why)
            except Undecided as why:
                answer = {"undecided"}, True, str(why)
                if case.rule == "significant" and case.is_change and str(why) == WITHOUT_RANGE:
                    hidden[number] = 1 - float(case.gate["confidence"])
            if isinstance(answer, fillings.Question):
                questions[number] = answer
            else:
                said[number] = answer
        # The checks that can block today are one family, and the other checks are another.
        for blocks in (True, False):
            of = {number: question for number, question in questions.items() if self.blocks(cases[number]) == blocks}
            unseen = [alpha for number, alpha in hidden.items() if self.blocks(cases[number]) == blocks]
            rows_of = {number: (cases[number].gate["name"], cases[number].subject, cases[number].slice) for number in of}
            said.update(families.answers(of, unseen, self.policy.get("correction", "holm"), rows_of))
            if not unseen and self.policy.get("correction", "holm") == "holm":
                counted.update(families.which_count(of))
        checks = []
        open_ = self.may_be_open(cases, questions)
        coarser = self.may_be_coarser(cases, questions)
        for number, case in enumerate(cases):
            statuses, exact, why = said[number]
            status = next(iter(statuses)) if len(statuses) == 1 else "undecided"
            check = self._check(case, status, why)
            check.exact, check.possible = exact, {status, *statuses, "undecided"}
            check.may_be_open = number in open_
            check.may_be_coarser = number in coarser
            check.counted = counted.get(number)
            self.describe(check, case, questions.get(number))
            checks.append(check)
        self.hold_against_newest(checks)
        whole = verdict(checks)
        return Judgement(checks, whole, EXIT_CODES[whole], self.noise_findings())

    def describe(self, check: Check, case: Case, question: fillings.Question | None) -> None:
        """Adds what a check depends on, and its interval."""
        runs = [run for run in (self.evidence.candidate, self.evidence.baseline if case.compares else None) if run]
        is_pooled = any(run.pool for run in runs)
        uses = {"cluster_by": case.cluster_by, "k": case.k, "missing": case.lacks_scores, "pooled": is_pooled}
        check.uses |= {name for name, value in uses.items() if value}
        if question is None:
            return
        check.uses |= {"noise"} if question.noise else set()
        if not question.groups() and (worlds := question.worlds()):
            low, high, p = (float(of[0]) for of in (worlds.low, worlds.high, worlds.p))
            check.interval = (low, high) if question.sign > 0 else (-high, -low)
            check.p = p if question.is_test else None

    def noise_findings(self) -> set[str] | None:
        """Returns the warnings about the policy's noise: it is expired, or it is of a dimension without any score."""
        run, noise = self.evidence.candidate, self.policy.get("noise")
        if noise is None:
            return set()
        if not run.rows or self.evidence.candidate_findings:
            return None
        found = {"noise-expired"} if self.now.date() > as_date(noise["expires"]) else set()
        return found | ({"noise-unused"} if set(noise["run_sd"]) - set(self.dimensions(run)) else set())

    def hold_against_newest(self, checks: list[Check]) -> None:
        """Checks that the newest run of a candidate with several runs meets each limit alone, as observed."""
        if self.evidence.newest is None:
            return
        policy = {**self.policy, "defaults": {**self.policy.get("defaults", {}), "evidence": "observed"}}
        policy["gates"] = [{**gate, "evidence": "observed"} for gate in self.policy["gates"]]
        alone = Judge(policy, replace(self.evidence, candidate=self.evidence.newest, newest=None), self.now).judge()
        statuses = {check.key: check.status for check in alone.checks}
        for check in checks:
            if check.status == "pass" and statuses.get(check.key) != "pass":
                check.status = "waived" if check.excused else "undecided"
                check.why = f"newest-run-worse, {check.why}"
                check.possible |= {check.status}

    def may_be_open(self, cases: list[Case], questions: dict[int, fillings.Question]) -> set[int]:
        """Returns the checks that the program's bound may leave undecided: those with Student's t under missing scores,
        and those in a family with such a check."""
        bounded = {n for n, question in questions.items() if not question.one_trial and question.groups()}
        families = {self.blocks(cases[n]) for n in bounded if questions[n].is_test}
        return bounded | {n for n, question in questions.items() if question.is_test and self.blocks(cases[n]) in families}

    def may_be_coarser(self, cases: list[Case], questions: dict[int, fillings.Question]) -> set[int]:
        """Returns the checks that the program's bounds for clusters and for k attempts may leave undecided: those with
        missing scores, and those in a family with such a check."""
        coarse = {n for n, case in enumerate(cases) if case.lacks_scores and (case.cluster_by or case.k)}
        families = {self.blocks(cases[n]) for n in coarse & questions.keys() if questions[n].is_test}
        return coarse | {n for n, question in questions.items() if question.is_test and self.blocks(cases[n]) in families}

    def excused(self, gate: dict) -> bool:
        """Whether a waiver is in force."""
        return "waive" in gate and self.now.date() <= as_date(gate["waive"]["until"])

    def blocks(self, case: Case) -> bool:
        """Whether a check can block today."""
        return case.gate["severity"] == "block" and not self.excused(case.gate)

    def _check(self, case: Case, status: str, why: str) -> Check:
        excused = self.excused(case.gate)
        if excused and status in ("fail", "undecided"):
            status, why = "waived", f"{why}, {status}"
        return Check(
            gate=case.gate["name"],
            subject=case.subject,
            # If there are too many slices, one check without a slice reports it.
            slice=None if case.slice == TOO_MANY else case.slice,
            limit_key=case.key,
            status=status,
            metric=case.metric,
            why=why,
            severity=case.gate["severity"],
            evidence=case.rule,
            missing=case.gate["missing"],
            excused=excused,
        )

    # ------------------------------------------------------------------------------------------ which checks

    def cases(self, gate: dict) -> list[Case]:
        keys = [key for key in LIMITS if key in gate]
        return [
            Case(gate, subject, value, key, self.rule(gate, key), candidate, baseline)
            for subject in self.subjects(gate)
            for key in keys
            for value, candidate, baseline in self.slices(gate, subject)
        ]

    def subjects(self, gate: dict) -> list[str | None]:
        if gate["metric"] not in measure.OF_A_SCORER:
            return [None]
        scorer = gate["scorer"]
        if self.setup.blocks(scorer) or not re.search(r"[*?\[]", scorer):
            return [scorer]
        by = gate.get("by")
        rows = self.rows_of(gate)
        values = {kind(input_of(row, by)) for row in rows} if by and any(run.rows for run in self.runs_read()) else None
        if values is not None and (values <= {"lacks it"} or len(values) > MOST_SLICES):
            # No row is in any slice, or there are too many slices, for every dimension.
            return [scorer]
        names = {name for run in self.runs_read() for name in self.dimensions(run)}
        return sorted(name for name in names if fnmatch.fnmatchcase(name, scorer)) or [scorer]

    def slices(self, gate: dict, subject: str | None) -> list[tuple[str | None, set[str], set[str]]]:
        """Returns the slices of a limit: the value of `by`, and the digests of the slice's rows in both runs."""
        where, by = gate.get("where", {}), gate.get("by")
        chosen = [
            {row.digest: row for row in run.rows if all(has(row, *condition) for condition in where.items())}
            if run
            else {}
            for run in (self.evidence.candidate, self.evidence.baseline)
        ]
        whole = [(None, set(chosen[0]), set(chosen[1]))]
        if by is None or not self.can_be_sliced(subject) or self.setup.blocks(gate.get("scorer", "")):
            return whole
        # A gate that compares uses the values of both runs, also for its limits on the candidate alone.
        counted = chosen if compares(gate) else chosen[:1]
        values = sorted({kind(input_of(row, by)) for rows in counted for row in rows.values()})
        if values in ([], ["lacks it"]):
            return whole
        if len(values) > MOST_SLICES:
            return [(TOO_MANY, *whole[0][1:])]
        return [
            (value, *({d for d, row in rows.items() if kind(input_of(row, by)) == value} for rows in chosen))
            for value in values
        ]

    def runs_read(self) -> list[Run]:
        """Returns the candidate, and the baseline if any gate compares."""
        needed = any(compares(gate) for gate in self.gates)
        runs = [self.evidence.candidate, self.evidence.baseline if needed else None]
        return [run for run in runs if run]

    def rows_of(self, gate: dict) -> list[Row]:
        """Returns the rows that a gate uses: those of both runs if it compares."""
        runs = self.runs_read() if compares(gate) else [self.evidence.candidate]
        rows = [row for run in runs for row in run.rows]
        return [row for row in rows if all(has(row, *condition) for condition in gate.get("where", {}).items())]

    def can_be_sliced(self, subject: str | None) -> bool:
        """Whether there is anything to slice. If the dimension does not exist, one check reports it."""
        return subject is None or any(subject in self.dimensions(run) for run in self.runs_read())

    # ------------------------------------------------------------------------------------------ one check

    def answer(self, case: Case):
        """Returns the result of a check if it needs no statistics, and otherwise the question to answer."""
        self.known(case)
        if case.slice == TOO_MANY:
            raise Undecided("too many values under `by`")
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
        """Checks the conditions on whole runs before any value is used."""
        candidate, baseline = self.evidence.candidate, self.evidence.baseline
        if case.compares and baseline is None and self.skips_changes():
            raise Skipped("no-baseline")
        for finding in self.evidence.candidate_findings:
            raise Undecided(finding)
        self.status_of(candidate)
        if case.compares:
            self.comparable()
        if case.subject is not None and (finding := self.setup.blocks(case.gate["scorer"])):
            raise Undecided(finding)
        if case.compares and (finding := self.setup.against(case.subject)):
            raise Undecided(finding)
        self.has_metric(case, candidate)
        if case.compares:
            self.has_metric(case, baseline)

    def skips_changes(self) -> bool:
        if self.evidence.skips_changes is not None:
            return self.evidence.skips_changes
        return not self.policy.get("baseline", {}).get("required", True)

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
        for finding in self.evidence.baseline_findings:
            raise Undecided(finding)
        self.status_of(baseline)
        if "max_age" in wanted and self.now - baseline.finished_at > age(wanted["max_age"]):
            raise Undecided("baseline-stale")

    def has_metric(self, case: Case, run: Run) -> None:
        if not run.rows:
            raise Undecided("no-scores")
        if case.subject is not None and case.subject not in self.dimensions(run):
            raise Undecided("unknown-dimension")
        if case.metric not in measure.COUNTS - measure.TURNED:
            cells = self.cells(run, case)
            if not any(cell.known for cell in cells.values()):
                raise Undecided("metric-not-available")
            self.inside_its_range(case, cells)

    def has_values(self, case: Case, run: Run, digests: set[str]) -> None:
        if not digests:
            raise Undecided("empty-slice")
        if case.metric in measure.COUNTS - measure.TURNED:
            return
        known = [value for cell in self.cells(run, case, digests).values() for value in cell.known]
        if not known or (case.metric == "coverage" and not any(known)):
            raise Undecided("no-scores")

    @staticmethod
    def inside_its_range(case: Case, cells: dict[str, Cell]) -> None:
        """Compares every score of the run with the range, whatever the rule and the slice. Then every mean over any
        rows is inside the range, too."""
        if "range" not in case.gate:
            return
        low, high = (measure.exact(end) for end in case.gate["range"])
        if any(not low <= value <= high for cell in cells.values() for value in cell.known):
            raise Undecided("out-of-range")

    def count(self, case: Case):
        rows = [row for row in self.evidence.candidate.rows if row.digest in case.candidate]
        value = Fraction(len(rows) if case.metric == "rows" else sum(len(row.trials) for row in rows))
        return measure.observed_value(case.metric, case.key, case.limit, (value, value), value), True, f"{value}"

    # ------------------------------------------------------------------------------------------ values

    def cells(self, run: Run, case: Case, digests: set[str] | None = None) -> dict[str, Cell]:
        """Returns the values of the check's metric for a run's rows, or for some of them."""
        key = id(run), case.metric, case.subject, case.k
        if key not in self._cells:
            types = measure.own_types(self.runs_read(), case.subject) if case.metric == "coverage" else set()
            self._cells[key] = measure.cells(run, case.metric, case.subject, types, case.k)
        known = self._cells[key]
        return known if digests is None else {digest: cell for digest, cell in known.items() if digest in digests}

    def leaves_out(self, case: Case, rows: dict[str, Cell]) -> bool:
        """Whether the missing scores of these rows of one run are left out."""
        if case.metric in measure.NEVER_MISSING:
            return False
        share = measure.share_missing(list(rows.values()))
        return case.gate["missing"] == "ignore" or share <= measure.exact(case.gate["max_missing"])

    @staticmethod
    def at_worst(case: Case, said: set[str], ends) -> set[str]:
        """Applies `missing: fail`: the worst status at any end. A number without an end has no worst."""
        if case.gate["missing"] != "fail" or measure.INFINITY in ends:
            return said
        return {next(status for status in ("fail", "undecided", "pass") if status in said)}

    def span(self, case: Case, cells: list[Cell]) -> measure.Span:
        span = measure.span_of(case.metric, case.gate.get("range"))
        # Statistics cannot be computed for numbers without an end.
        is_endless = span is None or (case.rule != "observed" and measure.INFINITY in span)
        if is_endless and any(cell.missing for cell in cells):
            raise Undecided(WITHOUT_RANGE)
        return span or (Fraction(0), Fraction(0))

    def value(self, case: Case):
        self.clusters(case, case.candidate)
        rows = self.cells(self.evidence.candidate, case, case.candidate)
        if self.leaves_out(case, rows):
            rows = scored_only(rows)
        if not rows:
            raise Undecided("no-scores")
        cells = list(rows.values())
        case.lacks_scores = any(cell.missing for cell in cells)
        span = self.span(case, cells)
        if case.rule != "observed":
            return self.question(case, {digest: (cell, None) for digest, cell in rows.items()}, span)
        ends, size = measure.ends(cells, case.metric, span), measure.size(cells, span)
        said = measure.observed_value(case.metric, case.key, case.limit, ends, size)
        return self.at_worst(case, said, ends), True, f"{shown(ends)}"

    def change(self, case: Case):
        candidate, baseline = self.sides(case)
        case.lacks_scores = any(cell.missing for side in (candidate, baseline) for cell in side.values())
        span = self.span(case, [*candidate.values(), *baseline.values()])
        if case.rule != "observed":
            return self.question(case, {digest: (candidate[digest], baseline[digest]) for digest in candidate}, span)
        sides = [list(side.values()) for side in (candidate, baseline)]
        ends = [measure.ends(cells, case.metric, span) for cells in sides]
        size = max(measure.size(cells, span) for cells in sides)
        said = measure.observed_change(case.key, case.limit, *ends, size)
        return self.at_worst(case, said, sum(ends, ())), True, f"{shown(ends[1])} -> {shown(ends[0])}"

    def sides(self, case: Case) -> tuple[dict[str, Cell], dict[str, Cell]]:
        """Returns the rows that a change is measured on: the baseline's rows, in both runs. A row that the candidate
        lacks is missing there. If missing scores are left out, so is a row that has no score in either run."""
        common = case.candidate & case.baseline
        rows = common if self.ignores_removed() else case.baseline
        self.clusters(case, rows)
        there, trials = self.cells(self.evidence.candidate, case, common), self.trials(self.evidence.baseline)
        sides = [
            {digest: there.get(digest) or measure.removed(case.metric, trials[digest], case.k) for digest in rows},
            self.cells(self.evidence.baseline, case, rows),
        ]
        sides = [scored_only(side) if self.leaves_out(case, side) else side for side in sides]
        left = sides[0].keys() & sides[1].keys()
        sides = [{digest: cell for digest, cell in side.items() if digest in left} for side in sides]
        for side in sides:
            if not any(cell.known for cell in side.values()):
                raise Undecided("no-scores")
            if case.metric == "coverage" and not any(any(cell.known) for cell in side.values()):
                raise Undecided("no-scores")
        return sides[0], sides[1]

    def ignores_removed(self) -> bool:
        return self.policy.get("baseline", {}).get("removed_rows", "missing") == "ignore"

    def turned(self, case: Case):
        """Counts the rows that pass in one run and not in the other. Each row is judged separately, at both ends."""
        candidate, baseline = self.sides(case)
        least = most = 0
        for digest, after in candidate.items():
            before, after = passes(baseline[digest]), passes(after)
            from_, to = (True, False) if case.metric == "regressed_rows" else (False, True)
            least += before == {from_} and after == {to}
            most += from_ in before and to in after
        ends = Fraction(least), Fraction(most)
        said = measure.observed_value(case.metric, case.key, case.limit, ends, Fraction(0))
        return self.at_worst(case, said, ends), True, f"{least} to {most}"

    # ------------------------------------------------------------------------------------------ statistics

    def clusters(self, case: Case, digests: set[str]) -> dict[str, str]:
        """Returns the cluster of each of these rows. No row may lack the input, whatever its scores are."""
        if case.cluster_by is None:
            return {}
        runs = [run for run in (self.evidence.candidate, self.evidence.baseline) if run]
        rows = {row.digest: row for run in runs for row in run.rows}
        of = {digest: kind(input_of(rows[digest], case.cluster_by)) for digest in digests}
        if "lacks it" in of.values():
            raise Undecided("a row lacks the input under `cluster_by`")
        return of

    def noise(self, case: Case) -> stats.Noise | None:
        """Returns the noise of repeated runs in the check's value or change."""
        noise = self.policy.get("noise")
        if noise is None or case.metric not in measure.NOISY or case.subject not in noise["run_sd"]:
            return None
        runs = [self.evidence.candidate, self.evidence.baseline if case.compares else None]
        counts = [1 + len(run.pool) if run else None for run in runs]
        return stats.noise_of(noise["run_sd"][case.subject], noise["df"], *counts)

    def question(self, case: Case, pairs: dict[str, tuple[Cell, Cell | None]], span) -> fillings.Question:
        if len(pairs) < 2:
            raise Undecided("fewer than two rows")
        clusters = self.clusters(case, set(pairs))
        if clusters and len(set(clusters.values())) < 2:
            raise Undecided("fewer than two clusters")
        numbers = {value: number for number, value in enumerate(sorted(set(clusters.values())))}
        rows, trials = [], set()
        for digest, (candidate, baseline) in pairs.items():
            # If the candidate lacks a row, the number of trials that it would have had is unknown.
            is_gone = case.compares and digest not in case.candidate
            c = options(candidate, span, case.metric)
            b = options(baseline, span, case.metric) if baseline else Options((0.0,))
            values = list(dict.fromkeys((x, y) for x in c.values for y in b.values))
            is_loose = is_gone and case.metric in measure.RATES
            cluster = numbers[clusters[digest]] if clusters else 0
            rows.append(fillings.Row(values, c.dense or b.dense, is_loose, cluster))
            for run in self.evidence.candidate, self.evidence.baseline if baseline else None:
                trials |= {self.trials(run)[digest]} if run and digest in self.trials(run) else set()
        is_rate = case.metric in measure.RATES
        one_trial = is_rate and trials == {1} and case.k in (None, 1)
        if one_trial:
            for row in rows:
                row.loose = False
        cells = [cell for pair in pairs.values() for cell in pair if cell]
        return fillings.Question(
            rows=rows,
            one_trial=one_trial and not clusters,
            clustered=bool(clusters),
            noise=self.noise(case),
            is_rate=is_rate,
            sign=1 if case.key == "min" or case.key.endswith("drop") else -1,
            limit=float(case.limit),
            key=case.key,
            confidence=float(case.gate["confidence"]),
            paired=case.compares,
            worst_only=case.gate["missing"] == "fail" and measure.INFINITY not in span,
            rule=case.rule,
            magnitude=1.0 if is_rate else float(measure.size(cells, span)),
        )

    def dimensions(self, run: Run) -> Counter:
        if id(run) not in self._dimensions:
            self._dimensions[id(run)] = dimensions(run)
        return self._dimensions[id(run)]

    def trials(self, run: Run) -> dict[str, int]:
        """Returns how many trials a run has of each row."""
        if id(run) not in self._trials:
            self._trials[id(run)] = {row.digest: len(row.trials) for row in run.rows}
        return self._trials[id(run)]


@dataclass
class Options:
    """The possible values of a row in one run."""

    values: tuple[float, ...]
    dense: bool = False


def options(cell: Cell, span, metric: str) -> Options:
    if metric in measure.RATES:
        return Options(tuple(float(cell.rate(true)) for true in range(len(cell.missing) + 1)))
    ends = tuple(float(min(end, fillings.FOREVER)) for end in cell.mean(span))
    return Options(tuple(dict.fromkeys(ends)), dense=bool(cell.missing))


def scored_only(rows: dict[str, Cell]) -> dict[str, Cell]:
    left = {digest: cell.scored_only() for digest, cell in rows.items()}
    return {digest: cell for digest, cell in left.items() if cell}


def passes(cell: Cell) -> set[bool]:
    """Returns the possible results of a row. A row passes if all of its trials pass."""
    if not all(cell.known):
        return {False}
    return {True, False} if cell.missing else {True}


# ---------------------------------------------------------------------------------------------- inputs, dimensions


def compares(gate: dict) -> bool:
    return gate["metric"] in measure.TURNED or any(key in gate for key in LIMITS[2:])


def dimensions(run: Run) -> Counter:
    """Returns every dimension of a run, and how many scores it has, of any type."""
    return Counter(
        name
        for row in run.rows
        for trial in row.trials
        for name, score in trial.scores.items()
        if measure.type_of(score) and name.split(".")[-1] not in SDK_FIELDS
    )


def input_of(row: Row, name: str):
    """Returns an input of a row, or None if the row lacks it. A dot separates the names of nested inputs."""
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
    """Returns a text for the value of an input. Two values have the same text if they are equal."""
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
