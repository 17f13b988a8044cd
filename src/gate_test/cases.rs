//! The cases of one gate.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::edit::{NewValue, Size, Target, dimensions, edited, resized, without};
use super::judging::Judging;
use super::result::{Case, Control, GateTest, Outcome, TestRuns};
use crate::evidence::{OwnedRow, OwnedRun, OwnedTrial};
use crate::fault::Fault;
use crate::input::{self, Value};
use crate::judge::{Check, Status};
use crate::number::{count, nearest_count};
use crate::policy::{Aggregate, Change, Counted, Gate, Kind, Limit, LimitKey, MissingRule};

/// At most this many groups under `by` are edited one by one, the smallest first.
const MOST_GROUPS: usize = 20;
/// How far apart the values of a varied run are, as a part of the range.
const VARIATION: f64 = 0.02;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Low,
    High,
}

impl End {
    const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// Runs, and the result of the gate on them.
struct State {
    runs: TestRuns,
    checks: Vec<Check>,
}

impl State {
    fn has(&self, status: Status) -> bool {
        self.checks.iter().any(|check| check.status == status)
    }

    fn passes(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.status == Status::Pass)
    }

    fn fails(&self) -> bool {
        self.has(Status::Fail)
    }

    /// Whether a check fails or is undecided.
    fn is_caught(&self) -> bool {
        self.has(Status::Fail) || self.has(Status::Undecided)
    }

    /// The first check with another status than this.
    fn other_than(&self, status: Status) -> Option<Box<Check>> {
        let mut checks = self.checks.iter();
        let found = checks.find(|check| check.status != status);
        found.or(self.checks.first()).cloned().map(Box::new)
    }
}

/// Runs on which a gate fails, after these rows got worse.
struct Failing {
    state: State,
    worse: Vec<String>,
    /// The number of rows that could get worse: those of one group.
    of: u64,
}

/// Tests one gate.
pub(super) fn test(judging: &Judging, gate: &Gate, runs: &TestRuns) -> Result<GateTest, Fault> {
    let tested = Tested::new(judging, gate, runs);
    let mut result = GateTest {
        gate: gate.name.clone(),
        blocks: false,
        cases: Vec::new(),
        first_fails: None,
        cannot_pass: None,
        cannot_fail: None,
        is_untried: false,
        control: None,
    };
    let base = match tested.passing()? {
        Ok(base) => base,
        Err(check) => {
            result.cannot_pass = check;
            let of = |case| match case {
                Case::Ideal => (case, Outcome::Missed),
                other => (other, Outcome::NotApplicable),
            };
            result.cases = Case::ALL.into_iter().map(of).collect();
            return Ok(result);
        }
    };
    let mut failing = tested.fewest(&base.runs)?;
    let mut worst = tested.at_bad_ends(&base.runs)?;
    if failing.is_none() && !worst.iter().any(State::fails) {
        // The baseline may be edited, so that nothing can get worse than it.
        let real = TestRuns {
            candidate: base.runs.candidate.clone(),
            baselines: runs.baselines.clone(),
        };
        failing = tested.fewest(&real)?;
        worst = tested.at_bad_ends(&real)?;
    }
    let is_known = tested.target.is_some() || !worst.is_empty();
    result.is_untried = !is_known && failing.is_none();
    let can_fail = !is_known || failing.is_some() || worst.iter().any(State::fails);
    if !can_fail {
        let worst = worst
            .iter()
            .find_map(|state| state.other_than(Status::Fail));
        result.cannot_fail = worst.or_else(|| base.other_than(Status::Fail));
    }
    for case in Case::ALL {
        let outcome = match case {
            Case::Ideal => Outcome::Passes,
            Case::Worst if worst.is_empty() => Outcome::NotApplicable,
            Case::Beyond => noticed(failing.is_some()),
            Case::Worst => noticed(worst.iter().all(State::is_caught)),
            other => tested.edited(other, &base.runs, failing.as_ref())?,
        };
        result.cases.push((case, outcome));
    }
    if let Some(failing) = failing {
        let fewest = failing.worse.len() as u64;
        result.first_fails = (fewest > 0).then_some((fewest, failing.of));
        let others = judging.others_that_fail(&gate.name, &failing.state.runs)?;
        result.control = Some(Control {
            runs: failing.state.runs,
            others,
        });
    }
    Ok(result)
}

/// A gate and what it is measured on.
struct Tested<'a> {
    judging: &'a Judging,
    gate: &'a Gate,
    runs: &'a TestRuns,
    /// What it reads from each trial; `None` if it counts rows or trials.
    target: Option<Target>,
    /// The digests of the rows that it is measured on.
    rows: Vec<String>,
    /// The lowest and the highest value that a trial gets.
    extremes: (f64, f64),
}

impl<'a> Tested<'a> {
    fn new(judging: &'a Judging, gate: &'a Gate, runs: &'a TestRuns) -> Self {
        let target = gate.metric.column().map(|kind| target(gate, kind, runs));
        let rows = runs.candidate.rows.iter();
        let rows = rows.filter(|row| is_selected(gate, row));
        let rows = rows.map(|row| row.digest.clone()).collect();
        let extremes = extremes(gate, target.as_ref(), runs);
        Self {
            judging,
            gate,
            runs,
            target,
            rows,
            extremes,
        }
    }

    fn against(&self) -> Option<String> {
        self.gate.against.clone()
    }

    fn state(&self, runs: TestRuns) -> Result<State, Fault> {
        let checks = self.judging.checks(&self.gate.name, &runs)?;
        Ok(State { runs, checks })
    }

    /// The ends of the scores at which the limits are broken, each once.
    fn bad_ends(&self) -> Vec<End> {
        let mut ends = Vec::new();
        for limit in &self.gate.limits {
            let end = if limit.key.wants_high() {
                End::Low
            } else {
                End::High
            };
            // More regressed rows are rows with lower scores.
            let end = match self.gate.metric.aggregate() {
                Aggregate::ChangedRows(Change::Regressed) => end.other(),
                Aggregate::ChangedRows(Change::Fixed)
                | Aggregate::RowMean
                | Aggregate::Attempts(_)
                | Aggregate::Total
                | Aggregate::Percentile(_)
                | Aggregate::Count(_) => end,
            };
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        ends
    }

    /// The value at one end; `None` if no edit reaches it.
    fn value(&self, end: End) -> Option<NewValue> {
        let known = match end {
            End::Low => NewValue::Known(self.extremes.0),
            End::High => NewValue::Known(self.extremes.1),
        };
        match (self.target.as_ref()?.kind, end) {
            (Kind::Scored, End::Low) | (Kind::Anything, End::High) => Some(NewValue::Missing),
            _ => Some(known),
        }
    }

    /// A run with all of its measured rows at one end.
    fn at(&self, run: &OwnedRun, end: End) -> Result<Option<OwnedRun>, Fault> {
        let (Some(target), Some(value)) = (&self.target, self.value(end)) else {
            return Ok(None);
        };
        let all = run.rows.iter();
        let all = all.filter(|row| is_selected(self.gate, row));
        let digests = all.map(|row| row.digest.as_str()).collect();
        edited(run, &digests, |trial| target.set(trial, value)).map(Some)
    }

    /// Runs on which every check of the gate passes: the real ones if they do. Otherwise a check that does not pass.
    fn passing(&self) -> Result<Result<State, Option<Box<Check>>>, Fault> {
        let real = self.state(self.runs.clone())?;
        if real.passes() {
            return Ok(Ok(real));
        }
        // The reason with ideal scores says more than the one with the real scores.
        let mut reason = None;
        for runs in self.ideal()? {
            let state = self.state(runs)?;
            if state.passes() {
                return Ok(Ok(state));
            }
            reason = reason.or(state.other_than(Status::Pass));
        }
        Ok(Err(reason.or(real.other_than(Status::Pass))))
    }

    /// Runs with ideal scores, in every way in which scores can be ideal for a gate.
    fn ideal(&self) -> Result<Vec<TestRuns>, Fault> {
        let candidate = &self.runs.candidate;
        let mut found = Vec::new();
        if self.target.is_none() {
            for limit in &self.gate.limits {
                let sized = self.sized(candidate, size_at(*limit, false), true)?;
                found.extend(sized.map(|sized| with_candidate(self.runs, sized)));
            }
            return Ok(found);
        }
        let against = self.against();
        let baseline = self.runs.baselines.get(&against);
        if let Some(between) = self.between()? {
            found.push(between);
        }
        let good = self.bad_ends().into_iter().map(End::other);
        let ends: Vec<End> = good.chain([End::High, End::Low]).collect();
        for end in &ends {
            if let Some(candidate) = self.at(candidate, *end)? {
                found.push(with_candidate(self.runs, candidate));
            }
            if let Some(candidate) = self.varied(candidate, *end)? {
                found.push(with_candidate(self.runs, candidate));
            }
        }
        if let Some(baseline) = baseline {
            let same = copied(candidate, baseline)?;
            found.push(with_candidate(self.runs, same));
            for end in ends {
                let (Some(ours), Some(theirs)) =
                    (self.at(candidate, end)?, self.at(baseline, end.other())?)
                else {
                    continue;
                };
                let mut runs = with_candidate(self.runs, ours);
                runs.baselines.insert(against.clone(), theirs);
                found.push(runs);
            }
        }
        Ok(found)
    }

    /// A run with its measured rows near one end, but not all alike: rows that are all alike do not prove a mean.
    fn varied(&self, run: &OwnedRun, end: End) -> Result<Option<OwnedRun>, Fault> {
        let is_of_kind = |target: &&Target| target.kind == Kind::Number;
        let Some(target) = self.target.as_ref().filter(is_of_kind) else {
            return Ok(None);
        };
        let (low, high) = self.extremes;
        let (value, other) = match end {
            End::Low => (low, high),
            End::High => (high, low),
        };
        let all: BTreeSet<&str> = self.rows.iter().map(String::as_str).collect();
        let half = all.iter().step_by(2).copied().collect();
        let run = edited(run, &all, |trial| target.set(trial, NewValue::Known(value)))?;
        let near = value + (other - value) * VARIATION;
        edited(&run, &half, |trial| {
            target.set(trial, NewValue::Known(near));
        })
        .map(Some)
    }

    /// The candidate with a value between `min` and `max`, if the gate has both.
    fn between(&self) -> Result<Option<TestRuns>, Fault> {
        let of = |key: LimitKey| {
            let mut limits = self.gate.limits.iter();
            limits.find(|limit| limit.key == key)
        };
        let (Some(min), Some(max), Some(target)) =
            (of(LimitKey::Min), of(LimitKey::Max), &self.target)
        else {
            return Ok(None);
        };
        let middle = f64::midpoint(min.value, max.value);
        let candidate = &self.runs.candidate;
        let all: BTreeSet<&str> = self.rows.iter().map(String::as_str).collect();
        let candidate = if target.kind == Kind::Truth {
            let low = edited(candidate, &all, |trial| {
                target.set(trial, NewValue::Known(0.0));
            })?;
            let groups = self.groups(candidate);
            let some = groups.iter().flat_map(|group| {
                let wanted = whole((middle * count(group.len() as u64)).round());
                group.iter().take(wanted).map(String::as_str)
            });
            edited(&low, &some.collect(), |trial| {
                target.set(trial, NewValue::Known(1.0));
            })?
        } else {
            let trials: usize = candidate.rows.iter().map(|row| row.trials.len()).sum();
            let each = match self.gate.metric.aggregate() {
                Aggregate::Total => middle / count(trials.max(1) as u64),
                _ => middle,
            };
            edited(candidate, &all, |trial| {
                target.set(trial, NewValue::Known(each));
            })?
        };
        Ok(Some(with_candidate(self.runs, candidate)))
    }

    /// The run with this number of rows or trials: of every group, or only of the smallest. `None` if that takes too many.
    fn sized(
        &self,
        run: &OwnedRun,
        size: Size,
        in_every_group: bool,
    ) -> Result<Option<OwnedRun>, Fault> {
        let counted = self.gate.metric.aggregate();
        let units = |row: &OwnedRow| match counted {
            Aggregate::Count(Counted::Trials) => row.trials.len() as u64,
            _ => 1,
        };
        let groups = self.groups(run);
        let most = if in_every_group { groups.len() } else { 1 };
        let mut run = run.clone();
        for group in groups.iter().take(most) {
            let selected = group.iter().map(String::as_str).collect();
            match resized(&run, &selected, size, units)? {
                Some(sized) => run = sized,
                None => return Ok(None),
            }
        }
        Ok(Some(run))
    }

    /// The states with all measured rows at a bad end, one for each bad end.
    fn at_bad_ends(&self, runs: &TestRuns) -> Result<Vec<State>, Fault> {
        let mut states = Vec::new();
        for end in self.bad_ends() {
            states.extend(self.all_at(runs, end)?);
        }
        Ok(states)
    }

    /// All measured rows at one end; `None` if no edit reaches it.
    fn all_at(&self, runs: &TestRuns, end: End) -> Result<Option<State>, Fault> {
        let candidate = match (&self.target, end) {
            (Some(_), _) => self.at(&runs.candidate, end)?,
            (None, End::Low) => self.sized(&runs.candidate, Size::AtLeast(1), true)?,
            (None, End::High) => {
                let limits = self.gate.limits.iter();
                let most = limits
                    .map(|limit| nearest_count(limit.value.floor()) + 1)
                    .max();
                let size = Size::AtLeast(most.unwrap_or_default());
                self.sized(&runs.candidate, size, true)?
            }
        };
        candidate
            .map(|candidate| self.state(with_candidate(runs, candidate)))
            .transpose()
    }

    /// Runs on which the gate fails after as few rows as possible got worse; `None` if it never fails.
    fn fewest(&self, base: &TestRuns) -> Result<Option<Failing>, Fault> {
        let mut fewest: Option<Failing> = None;
        if self.target.is_none() {
            for limit in &self.gate.limits {
                let Some(resized) = self.sized(&base.candidate, size_at(*limit, true), false)?
                else {
                    continue;
                };
                let state = self.state(with_candidate(base, resized))?;
                if state.fails() && fewest.is_none() {
                    fewest = Some(Failing {
                        state,
                        worse: Vec::new(),
                        of: 0,
                    });
                }
            }
            return Ok(fewest);
        }
        for end in self.bad_ends() {
            let Some(value) = self.value(end) else {
                continue;
            };
            for order in self.orders(base, end) {
                if let Some(failing) = self.fewest_in(base, &order, value)?
                    && fewest
                        .as_ref()
                        .is_none_or(|known| failing.worse.len() < known.worse.len())
                {
                    fewest = Some(failing);
                }
            }
        }
        Ok(fewest)
    }

    /// The smallest start of these rows that makes the gate fail if its rows get this value.
    fn fewest_in(
        &self,
        base: &TestRuns,
        order: &[String],
        value: NewValue,
    ) -> Result<Option<Failing>, Fault> {
        let Some(target) = &self.target else {
            return Ok(None);
        };
        let with = |count: usize| -> Result<Failing, Fault> {
            let worse: Vec<String> = order.iter().take(count).cloned().collect();
            let digests = worse.iter().map(String::as_str).collect();
            let candidate = edited(&base.candidate, &digests, |trial| target.set(trial, value))?;
            let state = self.state(with_candidate(base, candidate))?;
            let of = order.len() as u64;
            Ok(Failing { state, worse, of })
        };
        let all = order.len();
        let mut found = None;
        // If all rows are alike, a test may show nothing, and a part of them may fail.
        for count in [all, all * 3 / 4, all / 2, all / 4] {
            let tried = with(count)?;
            if count > 0 && tried.state.fails() {
                found = Some(tried);
                break;
            }
        }
        let Some(mut found) = found else {
            return Ok(None);
        };
        let mut too_few = 0;
        while found.worse.len() - too_few > 1 {
            let tried = with(usize::midpoint(found.worse.len(), too_few))?;
            if tried.state.fails() {
                found = tried;
            } else {
                too_few = tried.worse.len();
            }
        }
        Ok(Some(found))
    }

    /// The measured rows of each group in the order in which they get worse: those that can fall furthest in the candidate
    /// first, and of these those that are best in the baseline.
    fn orders(&self, base: &TestRuns, end: End) -> Vec<Vec<String>> {
        let rows = |run: Option<&OwnedRun>| -> BTreeMap<String, Rank> {
            let rows = run.into_iter().flat_map(|run| &run.rows);
            rows.map(|row| (row.digest.clone(), self.good(row, end)))
                .collect()
        };
        let ours = rows(Some(&base.candidate));
        let theirs = rows(base.baselines.get(&self.against()));
        let mut groups = self.groups(&base.candidate);
        for group in &mut groups {
            group.sort_by_key(|digest| {
                let rank = |of: &BTreeMap<String, Rank>| of.get(digest).copied();
                (Reverse(rank(&ours)), Reverse(rank(&theirs)), digest.clone())
            });
        }
        groups
    }

    /// The measured rows of a run in groups: of each value under `by`, the smallest first; otherwise one group.
    fn groups(&self, run: &OwnedRun) -> Vec<Vec<String>> {
        let rows = run.rows.iter().filter(|row| is_selected(self.gate, row));
        let mut groups: BTreeMap<Option<Value>, Vec<String>> = BTreeMap::new();
        for row in rows {
            let value = self.gate.by.as_ref().and_then(|by| value_of(row, by));
            groups.entry(value).or_default().push(row.digest.clone());
        }
        let mut groups: Vec<Vec<String>> = groups.into_values().collect();
        groups.sort_by_key(Vec::len);
        groups.truncate(MOST_GROUPS);
        groups
    }

    /// How far a row can fall towards an end; a row without a value cannot.
    fn good(&self, row: &OwnedRow, end: End) -> Rank {
        match (self.mean(row), end) {
            (None, _) => Rank(f64::NEG_INFINITY),
            (Some(value), End::Low) => Rank(value),
            (Some(value), End::High) => Rank(-value),
        }
    }

    /// The mean of the values of a row.
    fn mean(&self, row: &OwnedRow) -> Option<f64> {
        let target = self.target.as_ref()?;
        let trials = row.trials.iter();
        let values: Vec<f64> = trials.flat_map(|trial| target.values(trial)).collect();
        let sum: f64 = values.iter().sum();
        (!values.is_empty()).then(|| sum / count(values.len() as u64))
    }

    /// The outcome of an edit that must not pass.
    fn edited(
        &self,
        case: Case,
        base: &TestRuns,
        failing: Option<&Failing>,
    ) -> Result<Outcome, Fault> {
        let Some(runs) = self.edit(case, base, failing)? else {
            return Ok(Outcome::NotApplicable);
        };
        // A check that passes although missing scores count at both ends would pass with any scores.
        let missing = self.gate.missing;
        let is_bounded = missing.rule != MissingRule::Ignore && missing.tolerated == 0.0;
        let outcome = noticed(self.state(runs)?.is_caught());
        Ok(match (case, outcome) {
            (Case::HalfUnscored, Outcome::Missed) if is_bounded => Outcome::NotApplicable,
            _ => outcome,
        })
    }

    fn edit(
        &self,
        case: Case,
        base: &TestRuns,
        failing: Option<&Failing>,
    ) -> Result<Option<TestRuns>, Fault> {
        let candidate = |run: OwnedRun| Some(with_candidate(base, run));
        let ours = &base.candidate;
        let all: BTreeSet<&str> = self.rows.iter().map(String::as_str).collect();
        let target = self.target.as_ref();
        let of_scorer = target.filter(|target| !target.paths.is_empty());
        let compares = self.gate.limits.iter().any(|it| self.gate.compares(*it));
        Ok(match case {
            Case::NoScorer => match of_scorer {
                Some(target) => {
                    let every = ours.rows.iter().map(|row| row.digest.as_str()).collect();
                    candidate(edited(ours, &every, |trial| target.remove_scorers(trial))?)
                }
                None => None,
            },
            Case::HalfUnscored => match target {
                Some(target) => {
                    let half = all.iter().step_by(2).copied().collect();
                    candidate(edited(ours, &half, |trial| {
                        target.set(trial, NewValue::Missing);
                    })?)
                }
                None => None,
            },
            Case::RowsDropped => match failing.filter(|failing| !failing.worse.is_empty()) {
                Some(failing) if failing.worse.len() < ours.rows.len() => {
                    let worse = failing.worse.iter().map(String::as_str).collect();
                    let left = without(&failing.state.runs.candidate, &worse)?;
                    Some(with_candidate(&failing.state.runs, left))
                }
                _ => None,
            },
            Case::OtherScale => match target.filter(|target| target.kind == Kind::Number) {
                Some(target) => {
                    let scaled = edited(ours, &all, |trial| {
                        target.set(trial, NewValue::Scaled(100.0));
                    })?;
                    let is_other = scaled.run.totals != ours.run.totals;
                    is_other.then(|| candidate(scaled)).flatten()
                }
                None => None,
            },
            Case::NoBaseline if compares => {
                let mut runs = base.clone();
                runs.baselines.remove(&self.against());
                Some(runs)
            }
            Case::SameRun if compares => {
                let mut runs = base.clone();
                runs.baselines.insert(self.against(), ours.clone());
                Some(runs)
            }
            Case::Ideal | Case::Beyond | Case::Worst | Case::NoBaseline | Case::SameRun => None,
        })
    }
}

/// The number of rows or trials with which a limit just holds, or just does not.
fn size_at(limit: Limit, is_beyond: bool) -> Size {
    let (least, most) = (
        nearest_count(limit.value.ceil()),
        nearest_count(limit.value.floor()),
    );
    match (limit.key.wants_high(), is_beyond) {
        (true, false) => Size::AtLeast(least),
        (true, true) => Size::AtMost(least.saturating_sub(1)),
        (false, false) => Size::AtMost(most),
        (false, true) => Size::AtLeast(most + 1),
    }
}

const fn noticed(is_caught: bool) -> Outcome {
    if is_caught {
        Outcome::Caught
    } else {
        Outcome::Missed
    }
}

/// The same runs with another candidate.
fn with_candidate(runs: &TestRuns, candidate: OwnedRun) -> TestRuns {
    TestRuns {
        candidate,
        baselines: runs.baselines.clone(),
    }
}

/// A whole number of rows.
fn whole(rows: f64) -> usize {
    usize::try_from(nearest_count(rows)).unwrap_or(usize::MAX)
}

/// A number with a total order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rank(f64);

impl Eq for Rank {}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn target(gate: &Gate, kind: Kind, runs: &TestRuns) -> Target {
    let mut places = BTreeMap::new();
    if gate.metric.has_scorer() {
        dimensions(&runs.candidate, &mut places);
        if let Some(baseline) = runs.baselines.get(&gate.against) {
            dimensions(baseline, &mut places);
        }
    }
    let known = places.keys().map(String::as_str).collect();
    let subjects = gate.subjects(&known).into_iter();
    let mut target = Target {
        kind,
        paths: subjects
            .filter_map(|name| places.get(name).cloned())
            .collect(),
    };
    // A dimension of another kind stays as it is, so that its check stays as it is, too.
    let all = [Some(&runs.candidate), runs.baselines.get(&gate.against)];
    let trials: Vec<&OwnedTrial> = all
        .into_iter()
        .flatten()
        .flat_map(|run| &run.rows)
        .flat_map(|row| &row.trials)
        .collect();
    target.keep_own_kind(&trials);
    target
}

/// The lowest and the highest value that a trial gets. Without a known range these are far beyond the values of the
/// runs and the limits.
fn extremes(gate: &Gate, target: Option<&Target>, runs: &TestRuns) -> (f64, f64) {
    let Some(target) = target else {
        return (0.0, 0.0);
    };
    if let Some(range) = gate.range {
        return range;
    }
    let compared = runs.baselines.get(&gate.against);
    let all = [Some(&runs.candidate), compared];
    let rows = all.into_iter().flatten().flat_map(|run| &run.rows);
    let trials = rows.flat_map(|row| &row.trials);
    let values: Vec<f64> = trials.flat_map(|trial| target.values(trial)).collect();
    let limits = gate.limits.iter().filter(|limit| !limit.key.is_change());
    let known = || {
        values
            .iter()
            .copied()
            .chain(limits.clone().map(|it| it.value))
    };
    let low = known().fold(0.0_f64, f64::min);
    let high = known().fold(0.0_f64, f64::max);
    // A change must be able to go beyond its limit.
    let changes = gate.limits.iter().filter(|limit| limit.key.is_change());
    let span = changes.map(|limit| {
        let of = if limit.key.is_relative() {
            low.abs().max(high.abs())
        } else {
            1.0
        };
        limit.value.abs() * of
    });
    let beyond = 2.0 * span.fold(high - low, f64::max) + 1.0;
    match target.kind {
        Kind::Truth | Kind::Scored | Kind::Anything => (0.0, 1.0),
        Kind::Number => (low - beyond, high + beyond),
        Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost => (0.0, high * 10.0 + beyond),
    }
}

fn inputs(row: &OwnedRow) -> Json {
    let inputs = row.inputs.as_ref();
    inputs
        .and_then(|inputs| serde_json::from_str(inputs.get()).ok())
        .unwrap_or_default()
}

fn value_of(row: &OwnedRow, path: &str) -> Option<Value> {
    let inputs = inputs(row);
    let found = input::find(&inputs, path).ok().flatten();
    found.and_then(Value::of)
}

/// Whether a gate is measured on a row.
fn is_selected(gate: &Gate, row: &OwnedRow) -> bool {
    gate.conditions.iter().all(|condition| {
        let value = value_of(row, &condition.input);
        value.is_some_and(|value| condition.any_of.contains(&value))
    })
}

/// The run with the trials that the baseline has of each row.
fn copied(run: &OwnedRun, baseline: &OwnedRun) -> Result<OwnedRun, Fault> {
    let theirs: BTreeMap<&str, &OwnedRow> = baseline
        .rows
        .iter()
        .map(|row| (row.digest.as_str(), row))
        .collect();
    let mut run = run.clone();
    for row in &mut run.rows {
        if let Some(theirs) = theirs.get(row.digest.as_str()) {
            row.trials.clone_from(&theirs.trials);
        }
    }
    run.counted()
}
