//! The cases of one gate.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::edit::{NewValue, Target, dimensions, edited, resized, without};
use super::judging::Judging;
use super::result::{Case, Control, GateTest, Outcome, TestRuns};
use crate::evidence::{OwnedRow, OwnedRun};
use crate::fault::Fault;
use crate::input::{self, Value};
use crate::judge::{Check, Status};
use crate::number::{count, nearest_count};
use crate::policy::{Aggregate, Change, Counted, Gate, Kind, Limit, LimitKey, MissingRule};

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
    let failing = tested.fewest(&base.runs)?;
    let mut worst = Vec::new();
    for end in tested.bad_ends() {
        worst.extend(tested.all_at(&base.runs, end)?);
    }
    let can_fail = failing.is_some() || worst.iter().any(State::fails);
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
        let all = tested.rows.len() as u64;
        let fewest = failing.worse.len() as u64;
        result.first_fails = (fewest > 0).then_some((fewest, all));
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
            (Kind::Anything, End::Low) => None,
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
                let rows = self.rows_for(*limit);
                let resized = resized(candidate, rows)?;
                found.push(with_candidate(self.runs, resized));
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
            let wanted = whole((middle * count(all.len() as u64)).round());
            let low = edited(candidate, &all, |trial| {
                target.set(trial, NewValue::Known(0.0));
            })?;
            let some = all.iter().take(wanted).copied().collect();
            edited(&low, &some, |trial| target.set(trial, NewValue::Known(1.0)))?
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

    /// The number of rows at which a limit on a number of rows or trials just holds.
    fn rows_for(&self, limit: Limit) -> usize {
        let rows = &self.runs.candidate.rows;
        let trials: usize = rows.iter().map(|row| row.trials.len()).sum();
        let each = match self.gate.metric.aggregate() {
            Aggregate::Count(Counted::Trials) => {
                count(trials as u64) / count(rows.len().max(1) as u64)
            }
            _ => 1.0,
        };
        let rows = limit.value / each.max(1.0);
        if limit.key.wants_high() {
            whole(rows.ceil())
        } else {
            whole(rows.floor())
        }
    }

    /// All measured rows at one end; `None` if no edit reaches it.
    fn all_at(&self, runs: &TestRuns, end: End) -> Result<Option<State>, Fault> {
        let candidate = match (&self.target, end) {
            (Some(_), _) => self.at(&runs.candidate, end)?,
            (None, End::Low) => Some(resized(&runs.candidate, 1)?),
            (None, End::High) => Some(resized(&runs.candidate, usize::MAX)?),
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
                let rows = self.rows_for(*limit);
                let beyond = if limit.key.wants_high() {
                    rows.saturating_sub(1)
                } else {
                    rows + 1
                };
                let resized = resized(&base.candidate, beyond)?;
                let state = self.state(with_candidate(base, resized))?;
                if state.fails() && fewest.is_none() {
                    fewest = Some(Failing {
                        state,
                        worse: Vec::new(),
                    });
                }
            }
            return Ok(fewest);
        }
        for end in self.bad_ends() {
            let Some(value) = self.value(end) else {
                continue;
            };
            let order = self.order(base, end);
            if let Some(failing) = self.fewest_in(base, &order, value)?
                && fewest
                    .as_ref()
                    .is_none_or(|known| failing.worse.len() < known.worse.len())
            {
                fewest = Some(failing);
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
            Ok(Failing { state, worse })
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

    /// The measured rows in the order in which they get worse: within one slice after the other, the smallest first,
    /// and there the rows that are best in both runs.
    fn order(&self, base: &TestRuns, end: End) -> Vec<String> {
        let baseline = base.baselines.get(&self.against());
        let theirs: BTreeMap<&str, &OwnedRow> = baseline
            .into_iter()
            .flat_map(|run| &run.rows)
            .map(|row| (row.digest.as_str(), row))
            .collect();
        let rows = base.candidate.rows.iter();
        let rows: Vec<&OwnedRow> = rows.filter(|row| is_selected(self.gate, row)).collect();
        let group = |row: &OwnedRow| {
            let by = self.gate.by.as_ref()?;
            value_of(row, by)
        };
        let mut sizes: BTreeMap<Option<Value>, usize> = BTreeMap::new();
        for row in &rows {
            *sizes.entry(group(row)).or_default() += 1;
        }
        // How far a row can fall; a row without a value cannot.
        let good = |row: Option<&OwnedRow>| {
            let value = row.and_then(|row| self.mean(row));
            let value = value.unwrap_or(f64::NEG_INFINITY);
            match end {
                End::Low => Rank(value),
                End::High if value == f64::NEG_INFINITY => Rank(value),
                End::High => Rank(-value),
            }
        };
        let mut order: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let of = group(row);
                let size = sizes.get(&of).copied().unwrap_or_default();
                let before = theirs.get(row.digest.as_str()).copied();
                let rank = (Reverse(good(before)), Reverse(good(Some(row))));
                (size, of, rank, row.digest.clone())
            })
            .collect();
        order.sort();
        order.into_iter().map(|(.., digest)| digest).collect()
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
    Target {
        kind,
        paths: subjects
            .filter_map(|name| places.get(name).cloned())
            .collect(),
    }
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
    match target.kind {
        Kind::Truth | Kind::Scored | Kind::Anything => (0.0, 1.0),
        Kind::Number => (
            low - 2.0 * (high - low) - 1.0,
            high + 2.0 * (high - low) + 1.0,
        ),
        Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost => (0.0, high * 10.0 + 1.0),
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
