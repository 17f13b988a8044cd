//! Gate by gate: subjects, values, decision, waiver.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::chance::{self, Chance, Ruling as Said, Trial};
use super::columns::{kind as kind_of, unknown_rows};
use super::comparability::{self, Effect, Finding, Ground, Name, Obstacle};
use super::latency;
use super::limit::{self, Decision, Pairing};
use super::measure::{Lack, Measure, Sample};
use super::question::Question;
use super::slice::{self, Selection, Slice};
use super::{Check, Margin, Status, words};
use crate::evidence::{Baseline, Evidence, Kind, Role, Rows, Run, Totals};
use crate::number::{TOLERANCE, count};
use crate::policy::{self, Gate, Limit, Metric, Policy, RemovedRows, Severity};
use crate::prose::Prose;

/// A check before the gate's waiver is looked at.
struct Ruling {
    status: Status,
    reason: Prose,
    finding: Option<Name>,
    margin: Option<Margin>,
    chance: Option<Chance>,
    candidate: Option<Measure>,
    baseline: Option<Measure>,
}

impl Ruling {
    fn skipped() -> Self {
        Self {
            status: Status::Skipped,
            reason: Prose::from("there is no baseline, and the policy does not require one"),
            finding: Some(Name::NoBaseline),
            margin: None,
            chance: None,
            candidate: None,
            baseline: None,
        }
    }

    fn undecided(obstacle: Obstacle) -> Self {
        Self {
            status: Status::Undecided,
            reason: obstacle.message,
            finding: Some(obstacle.name),
            margin: None,
            chance: None,
            candidate: None,
            baseline: None,
        }
    }
}

/// The policy and the evidence, and what was found on the way.
pub(super) struct Court<'a> {
    pub(super) policy: &'a Policy,
    pub(super) evidence: &'a Evidence,
    pub(super) ground: Ground,
    pub(super) findings: Vec<Finding>,
    /// Whether any gate so far can block.
    pub(super) can_block: bool,
    /// Why rows cannot be looked at, where a gate needs them.
    pub(super) rows: Option<Obstacle>,
    /// Checks that chance has a word in, by their places.
    pub(super) trials: BTreeMap<Key, Trial>,
}

/// The places of a gate, of its subject, of the slice, and of the limit.
type Key = (usize, usize, usize, usize);

/// The values that a limit is about.
struct Measured {
    pairing: Pairing,
    /// The rows that they are measured on.
    rows: u64,
    /// How removed rows were taken.
    removed_rows: RemovedRows,
}

/// What one check is about.
#[derive(Clone, Copy)]
struct Matter<'a> {
    gate: &'a Gate,
    limit: Limit,
    /// The dimension, where the metric has one.
    subject: Option<&'a str>,
    /// Some of the rows, or all.
    slice: Option<&'a Slice>,
}

/// All that a gate is about, check by check.
fn matters<'a>(
    place: usize,
    gate: &'a Gate,
    subjects: &'a [Option<String>],
    slices: &'a [Option<Slice>],
) -> Vec<(Key, Matter<'a>)> {
    let mut matters = Vec::new();
    for (one, subject) in subjects.iter().enumerate() {
        for (some, slice) in slices.iter().enumerate() {
            for (which, limit) in gate.limits.iter().enumerate() {
                let matter = Matter {
                    gate,
                    limit: *limit,
                    subject: subject.as_deref(),
                    slice: slice.as_ref(),
                };
                matters.push(((place, one, some, which), matter));
            }
        }
    }
    matters
}

/// Whether a check is one of those that are corrected for each other.
fn is_test(gate: &Gate, limit: Limit) -> bool {
    gate.evidence == policy::Evidence::Significant && limit.key.is_change()
}

impl Court<'_> {
    /// Looks at the rows of every check that needs them, before any is decided: tests of one policy are
    /// corrected for each other.
    pub(super) fn hear(&mut self) {
        let Some(rows) = &self.evidence.rows else {
            return;
        };
        let mut trials = BTreeMap::new();
        // Tests that missing scores without bound keep from being made, and that belong to the family all the same.
        let mut unmade = 0;
        for (place, gate) in self.policy.gates.iter().enumerate() {
            let (Ok(subjects), Ok(slices)) = (self.subjects(gate), slice::of(gate, self.evidence))
            else {
                continue;
            };
            if gate.evidence == policy::Evidence::Observed {
                continue;
            }
            for (key, matter) in matters(place, gate, &subjects, &slices) {
                match self.trial(rows, matter) {
                    Some(trial) => drop(trials.insert(key, trial)),
                    None => unmade += usize::from(self.is_unmade(matter)),
                }
            }
        }
        let gates = &self.policy.gates;
        let mut family: Vec<(&Gate, Limit, &mut Trial)> = trials
            .iter_mut()
            .filter_map(|((place, _, _, which), trial)| {
                let gate = gates.get(*place)?;
                let limit = gate.limits.get(*which)?;
                is_test(gate, *limit).then_some((gate, *limit, trial))
            })
            .collect();
        chance::correct(&mut family, unmade, self.policy.correction);
        self.trials = trials;
    }

    /// Whether a check is a test of which missing scores, that have no bound, hide what it would say.
    fn is_unmade(&self, matter: Matter<'_>) -> bool {
        is_test(matter.gate, matter.limit)
            && !self.skips(matter.gate, matter.limit)
            && self.ground.change.is_none()
            && self
                .measure(matter)
                .is_ok_and(|measured| measured.pairing.is_unbounded())
    }

    /// The rows of one check. `None` where it is undecided before they are looked at.
    fn trial(&self, rows: &Rows, matter: Matter<'_>) -> Option<Trial> {
        let Matter { gate, limit, .. } = matter;
        let standing = if gate.compares(limit) {
            &self.ground.change
        } else {
            &self.ground.candidate
        };
        if self.skips(gate, limit) || standing.is_some() || self.rows.is_some() {
            return None;
        }
        let Measured {
            pairing,
            removed_rows,
            ..
        } = self.measure(matter).ok()?;
        let is_open = pairing.is_unbounded();
        let selection = Selection::of(matter.slice, rows);
        let question = Question {
            gate,
            limit,
            subject: matter.subject,
            selection: &selection,
            removed_rows,
            pairing: &pairing,
        };
        (!is_open).then(|| question.ask(rows).ok()).flatten()
    }

    /// Judges a gate: a check for each limit on each slice of each subject.
    pub(super) fn gate(&mut self, place: usize, gate: &Gate, today: Date, checks: &mut Vec<Check>) {
        let waived = self.waiver(gate, today);
        self.can_block |= gate.severity == Severity::Block && !waived;
        let mut rule = |matter: Matter<'_>, ruling: Ruling| {
            let blocked = matches!(ruling.status, Status::Fail | Status::Undecided);
            checks.push(Check {
                gate: gate.name.clone(),
                subject: matter.subject.map(str::to_owned),
                slice: matter.slice.cloned(),
                metric: gate.metric,
                limit: matter.limit,
                evidence: gate.evidence,
                severity: gate.severity,
                excused: waived,
                status: if blocked && waived {
                    Status::Waived
                } else {
                    ruling.status
                },
                reason: ruling.reason,
                finding: ruling.finding,
                margin: ruling.margin,
                chance: ruling.chance,
                baseline: ruling.baseline,
                candidate: ruling.candidate,
            });
        };
        let subjects = self.subjects(gate);
        let slices = slice::of(gate, self.evidence);
        let (subjects, slices) = match (subjects, slices) {
            (Ok(subjects), Ok(slices)) => (subjects, slices),
            (subjects, slices) => {
                let obstacles = [subjects.err(), slices.err()].into_iter().flatten();
                let obstacles: Vec<Obstacle> = obstacles.collect();
                // What is asked of all values of an input is said without one.
                let slice = (!gate.conditions.is_empty()).then(|| Slice {
                    conditions: gate.conditions.clone(),
                    by: None,
                });
                // What stands against the run itself comes first, and is noted already.
                let standing = self.ground.candidate.clone();
                if standing.is_none() {
                    for obstacle in &obstacles {
                        self.note(gate, obstacle);
                    }
                }
                for limit in &gate.limits {
                    let matter = Matter {
                        gate,
                        limit: *limit,
                        subject: gate.scorer.as_deref(),
                        slice: slice.as_ref(),
                    };
                    let ruling = match standing.as_ref().or(obstacles.first()) {
                        Some(obstacle) if !self.skips(gate, *limit) => {
                            Ruling::undecided(obstacle.clone())
                        }
                        _ => Ruling::skipped(),
                    };
                    rule(matter, ruling);
                }
                return;
            }
        };
        let rows = self.evidence.rows.as_ref();
        if let Some(unknown) = rows.and_then(|rows| slice::unknown_values(gate, rows)) {
            self.findings.push(Finding {
                name: Name::UnknownValue,
                effect: Effect::Warning,
                message: Prose::from("the gate ")
                    .name(&gate.name)
                    .text(": ")
                    .then(unknown),
            });
        }
        for (key, matter) in matters(place, gate, &subjects, &slices) {
            let ruling = self.rule(matter, key);
            rule(matter, ruling);
        }
    }

    /// Whether the gate is excused today; a waiver is shown in any case.
    fn waiver(&mut self, gate: &Gate, today: Date) -> bool {
        let Some(waiver) = &gate.waive else {
            return false;
        };
        let counts = today <= waiver.until;
        let (name, effect, words) = if counts {
            (
                Name::WaiverActive,
                Effect::Note,
                "is excused until the end of",
            )
        } else {
            (
                Name::WaiverExpired,
                Effect::Warning,
                "was excused until the end of",
            )
        };
        self.findings.push(Finding {
            name,
            effect,
            message: Prose::new()
                .text("the gate ")
                .name(&gate.name)
                .text(format!(" {words} {} (UTC): ", waiver.until))
                .name(&waiver.reason),
        });
        counts
    }

    /// The dimensions of a gate: the one of that name, else those that match the pattern.
    fn subjects(&self, gate: &Gate) -> Result<Vec<Option<String>>, Obstacle> {
        let Some(scorer) = &gate.scorer else {
            return Ok(vec![None]);
        };
        let known = self.dimensions();
        let matching = gate.subjects(&known).into_iter();
        let matching: Vec<Option<String>> = matching.map(|name| Some(name.to_owned())).collect();
        if matching.is_empty() {
            return Err(words::unknown_dimension(scorer, &known));
        }
        Ok(matching)
    }

    /// The dimensions of both runs.
    fn dimensions(&self) -> BTreeSet<&str> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        names.extend(
            self.evidence
                .candidate
                .totals
                .dimensions
                .keys()
                .map(String::as_str),
        );
        if let Baseline::Found(run, _) = &self.evidence.baseline {
            names.extend(run.totals.dimensions.keys().map(String::as_str));
        }
        names
    }

    fn skips(&self, gate: &Gate, limit: Limit) -> bool {
        gate.compares(limit) && self.ground.skips_changes
    }

    fn rule(&mut self, matter: Matter<'_>, key: Key) -> Ruling {
        let Matter { gate, limit, .. } = matter;
        if self.skips(gate, limit) {
            return Ruling::skipped();
        }
        let standing = if gate.compares(limit) {
            &self.ground.change
        } else {
            &self.ground.candidate
        };
        // Values are shown also where they decide nothing.
        let measured = self.measure(matter);
        if let Some(obstacle) = standing {
            let mut ruling = Ruling::undecided(obstacle.clone());
            if let Ok(Measured { pairing, .. }) = measured {
                ruling.candidate = Some(pairing.candidate);
                ruling.baseline = pairing.baseline;
            }
            return ruling;
        }
        let Measured { pairing, rows, .. } = match measured {
            Ok(measured) => measured,
            Err(obstacle) => {
                self.note(gate, &obstacle);
                return Ruling::undecided(obstacle);
            }
        };
        if self.uses_rows(gate)
            && let Some(obstacle) = self.rows.clone()
        {
            self.note(gate, &obstacle);
            let mut ruling = Ruling::undecided(obstacle);
            ruling.candidate = Some(pairing.candidate);
            ruling.baseline = pairing.baseline;
            return ruling;
        }
        if let Some(trial) = self.trials.get(&key) {
            let (said, chance) = trial.judge(gate, limit);
            return Ruling {
                status: match said {
                    Some(Said::Holds | Said::Noise) => Status::Pass,
                    Some(Said::Broken) => Status::Fail,
                    Some(Said::TooFew | Said::Open) | None => Status::Undecided,
                },
                reason: words::chance(said, gate, limit, &chance, &pairing),
                finding: None,
                margin: None,
                chance: Some(chance),
                candidate: Some(pairing.candidate),
                baseline: pairing.baseline,
            };
        }
        if gate.metric.has_interval() && gate.compares(limit) && pairing.baseline.is_some() {
            self.note_left_out(gate, &pairing);
        }
        // What was to be tested and could not be is never decided by the measured value instead.
        let decision = if gate.evidence == policy::Evidence::Observed {
            limit::decide(limit, &pairing, gate.missing.rule)
        } else {
            Decision::Unbounded
        };
        let is_ratio = matches!(gate.metric, Metric::PassRate | Metric::Coverage);
        let spare = is_ratio.then(|| limit::spare(limit, &pairing, decision));
        let margin = spare.flatten().map(|count| Margin {
            count,
            // Rows where each has one trial.
            thing: if pairing.candidate.trials == rows {
                "row"
            } else {
                "trial"
            },
        });
        Ruling {
            status: match decision {
                Decision::Holds => Status::Pass,
                Decision::Broken => Status::Fail,
                Decision::Depends | Decision::Unbounded | Decision::ZeroBaseline => {
                    Status::Undecided
                }
            },
            reason: words::decision(decision, limit, gate, &pairing, margin),
            finding: None,
            margin,
            chance: None,
            candidate: Some(pairing.candidate),
            baseline: pairing.baseline,
        }
    }

    /// Whether a gate is judged on what rows say, rather than on what the summary says.
    fn uses_rows(&self, gate: &Gate) -> bool {
        let has = |kind| {
            let rows = self.evidence.rows.as_ref();
            rows.is_some_and(|rows| rows.column("", kind).is_some())
        };
        gate.needs_rows()
            || match kind_of(gate.metric) {
                Some(kind @ (Kind::Tokens | Kind::Cost | Kind::Anything)) => has(kind),
                _ => false,
            }
    }

    /// The values that a limit is about, and what they are measured on.
    fn measure(&self, matter: Matter<'_>) -> Result<Measured, Obstacle> {
        let Matter { gate, limit, .. } = matter;
        if gate.metric.is_latency() {
            return self.latency(matter);
        }
        let on = |removed_rows| self.on(matter, removed_rows);
        let mut removed_rows = self.policy.baseline.removed_rows;
        let mut found = on(removed_rows)?;
        // Where missing scores are left out, removed rows are, on both sides: a change is measured on
        // the same rows or not at all.
        if gate.compares(limit) && found.0.candidate.ignores && self.removed() > 0 {
            removed_rows = RemovedRows::Ignore;
            found = on(removed_rows)?;
        }
        let (pairing, measured_on) = found;
        if !gate.metric.compares() {
            return Ok(Measured {
                pairing,
                rows: measured_on,
                removed_rows,
            });
        }
        // The two pass rates say how missing scores are taken; the rows are counted.
        let rows = self.rows()?;
        let selection = Selection::of(matter.slice, rows);
        let question = Question {
            gate,
            limit,
            subject: matter.subject,
            selection: &selection,
            removed_rows,
            pairing: &pairing,
        };
        let pairing = Pairing {
            candidate: question.count(rows)?,
            baseline: None,
        };
        Ok(Measured {
            pairing,
            rows: measured_on,
            removed_rows,
        })
    }

    fn rows(&self) -> Result<&Rows, Obstacle> {
        self.evidence.rows.as_ref().ok_or_else(unknown_rows)
    }

    /// The values with removed rows taken in one way: from the rows, or from the summary where that tells.
    fn on(
        &self,
        matter: Matter<'_>,
        removed_rows: RemovedRows,
    ) -> Result<(Pairing, u64), Obstacle> {
        self.in_range(matter)?;
        let kind = kind_of(matter.gate.metric);
        let is_counted = matches!(kind, Some(Kind::Tokens | Kind::Cost | Kind::Anything));
        let whole = matter.slice.is_none() && !(is_counted && self.uses_rows(matter.gate));
        let summary = self.on_summary(matter, removed_rows);
        // What a summary cannot give is not in its rows either: no scores, of another kind, in disorder. But a
        // usage that it lacks is no reason.
        match summary {
            Ok(found) if whole => Ok(found),
            Err(obstacle) if whole || matter.subject.is_some() => Err(obstacle),
            _ => self.on_rows(matter, removed_rows),
        }
    }

    fn on_summary(
        &self,
        matter: Matter<'_>,
        removed_rows: RemovedRows,
    ) -> Result<(Pairing, u64), Obstacle> {
        if !matter.gate.compares(matter.limit) {
            let run = &self.evidence.candidate;
            let sample = Sample {
                run,
                totals: &run.totals,
                rows: run.rows,
                absent: 0.0,
            };
            let pairing = Pairing {
                candidate: measured(matter, &sample, Role::Candidate)?,
                baseline: None,
            };
            return Ok((pairing, run.rows));
        }
        let samples = self.samples(removed_rows);
        let (ours, theirs, rows) =
            samples.ok_or_else(|| comparability::common_rows_unknown(&self.evidence.baseline))?;
        let pairing = Pairing {
            candidate: measured(matter, &ours, Role::Candidate)?,
            baseline: Some(measured(matter, &theirs, Role::Baseline)?),
        };
        Ok((pairing, rows))
    }

    /// Counts the rows themselves.
    fn on_rows(
        &self,
        matter: Matter<'_>,
        removed_rows: RemovedRows,
    ) -> Result<(Pairing, u64), Obstacle> {
        let Matter { gate, limit, .. } = matter;
        let rows = self.rows()?;
        let selection = Selection::of(matter.slice, rows);
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        look_into(matter, rows, &selection)?;
        let of = |role, totals: &Totals, rows, absent| {
            let sample = Sample {
                run: self.run(role),
                totals,
                rows,
                absent,
            };
            measured(matter, &sample, role)
        };
        if !gate.compares(limit) {
            let ours = |row| has(Role::Candidate, row);
            let (totals, rows) = rows.totals_of(Role::Candidate, ours);
            let pairing = Pairing {
                candidate: of(Role::Candidate, &totals, rows, 0.0)?,
                baseline: None,
            };
            return Ok((pairing, rows));
        }
        let common = |row| has(Role::Candidate, row) && has(Role::Baseline, row);
        let compared = |row| match removed_rows {
            RemovedRows::Missing => has(Role::Baseline, row),
            RemovedRows::Ignore => common(row),
        };
        let (ours, both) = rows.totals_of(Role::Candidate, common);
        let (theirs, all) = rows.totals_of(Role::Baseline, compared);
        if both == 0 {
            return Err(comparability::no_common_rows());
        }
        // A removed row would have had as many trials as a common one has.
        let absent = count(ours.trials) * count(all - both) / count(both);
        let pairing = Pairing {
            candidate: of(Role::Candidate, &ours, both, absent)?,
            baseline: Some(of(Role::Baseline, &theirs, all, 0.0)?),
        };
        Ok((pairing, all))
    }

    /// Makes sure that no score lies outside the gate's range, where rows tell.
    fn in_range(&self, matter: Matter<'_>) -> Result<(), Obstacle> {
        let Matter { gate, subject, .. } = matter;
        let (Some((low, high)), Some(rows), Some(name)) =
            (gate.range, &self.evidence.rows, subject)
        else {
            return Ok(());
        };
        let Some(column) = rows.column(name, Kind::Number) else {
            return Ok(());
        };
        let selection = Selection::of(matter.slice, rows);
        let roles = [Role::Candidate, Role::Baseline].into_iter();
        for role in roles.take(1 + usize::from(gate.compares(matter.limit))) {
            let ends = rows.extremes(role, column, |row| selection.has(rows, row));
            let outside = ends.and_then(|(least, most)| {
                let is_low = least < low - TOLERANCE;
                (is_low || most > high + TOLERANCE).then_some(if is_low { least } else { most })
            });
            if let Some(score) = outside {
                return Err(words::out_of_range(score, (low, high), name, role));
            }
        }
        Ok(())
    }

    /// The run in a role; the candidate where there is no other.
    fn run(&self, role: Role) -> &Run {
        match (&self.evidence.baseline, role) {
            (Baseline::Found(run, _), Role::Baseline) => run,
            _ => &self.evidence.candidate,
        }
    }

    /// The seconds that a limit is about, and what they are measured on.
    fn latency(&self, matter: Matter<'_>) -> Result<Measured, Obstacle> {
        let Matter { gate, limit, .. } = matter;
        let rows = self.rows()?;
        let selection = Selection::of(matter.slice, rows);
        look_into(matter, rows, &selection)?;
        let of = |role: Role, scope| {
            latency::measure(gate, rows, role, scope, &selection)
                .ok_or_else(|| words::lack(&Lack::NoUsage, gate, None, role.word(), self.run(role)))
        };
        let counted = |role| {
            let has = |row| rows.trials(role, row) > 0 && selection.has(rows, row);
            (0..rows.len()).filter(|row| has(*row)).count() as u64
        };
        if !gate.compares(limit) || !matches!(self.evidence.baseline, Baseline::Found(..)) {
            let pairing = Pairing {
                candidate: of(Role::Candidate, latency::Scope::Candidate)?,
                baseline: None,
            };
            return Ok(Measured {
                pairing,
                rows: counted(Role::Candidate),
                removed_rows: RemovedRows::Ignore,
            });
        }
        let on = |removed_rows| -> Result<Pairing, Obstacle> {
            let scope = latency::Scope::Comparison(removed_rows);
            Ok(Pairing {
                candidate: of(Role::Candidate, scope)?,
                baseline: Some(of(Role::Baseline, scope)?),
            })
        };
        let mut removed_rows = self.policy.baseline.removed_rows;
        let mut pairing = on(removed_rows)?;
        if pairing.candidate.ignores && self.removed() > 0 {
            removed_rows = RemovedRows::Ignore;
            pairing = on(removed_rows)?;
        }
        Ok(Measured {
            pairing,
            rows: counted(Role::Baseline),
            removed_rows,
        })
    }

    fn removed(&self) -> u64 {
        match &self.evidence.baseline {
            Baseline::Found(_, pair) => pair.removed,
            Baseline::Unnamed | Baseline::NotFound(_) => 0,
        }
    }

    /// The trials that a change is measured on, and their rows: those of the baseline, or the common ones.
    fn samples(&self, removed_rows: RemovedRows) -> Option<(Sample<'_>, Sample<'_>, u64)> {
        let Baseline::Found(baseline, pair) = &self.evidence.baseline else {
            return None;
        };
        if pair.common == 0 {
            return None;
        }
        let ours = pair.candidate.as_ref()?;
        let (theirs, removed) = match removed_rows {
            RemovedRows::Missing => (&baseline.totals, pair.removed),
            RemovedRows::Ignore => (pair.baseline.as_ref()?, 0),
        };
        let ours = Sample {
            run: &self.evidence.candidate,
            totals: ours,
            rows: pair.common,
            // A removed row would have had as many trials as a common one has.
            absent: count(ours.trials) * count(removed) / count(pair.common),
        };
        let theirs = Sample {
            run: baseline,
            totals: theirs,
            rows: pair.common + removed,
            absent: 0.0,
        };
        Some((ours, theirs, pair.common + removed))
    }

    /// Says, once a gate, that a change is not measured on quite the same rows.
    fn note_left_out(&mut self, gate: &Gate, pairing: &Pairing) {
        let left_out = |measure: &Measure| {
            if measure.ignores {
                measure.trials - measure.scored
            } else {
                0
            }
        };
        let ours = left_out(&pairing.candidate);
        let theirs = pairing.baseline.as_ref().map_or(0, left_out);
        if ours + theirs == 0 {
            return;
        }
        let finding = Finding {
            name: Name::ScoresLeftOut,
            effect: Effect::Warning,
            message: Prose::from("the gate ").name(&gate.name).text(format!(
                ": {ours} missing scores of the candidate and {theirs} of the baseline are left out, so that the \
                 change is not measured on quite the same rows; `evidence: significant` pairs them"
            )),
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Keeps what left a gate undecided among the findings, once.
    fn note(&mut self, gate: &Gate, obstacle: &Obstacle) {
        let finding = Finding {
            name: obstacle.name,
            effect: Effect::Undecided,
            message: Prose::new()
                .text("the gate ")
                .name(&gate.name)
                .text(": ")
                .then(obstacle.message.clone()),
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// Makes sure that a slice has rows in every run that is looked at.
fn look_into(matter: Matter<'_>, rows: &Rows, selection: &Selection) -> Result<(), Obstacle> {
    let Matter { gate, limit, .. } = matter;
    let roles = [Role::Candidate, Role::Baseline];
    let roles = roles
        .into_iter()
        .take(1 + usize::from(gate.compares(limit)));
    if let Some(slice) = matter.slice {
        let has = |role, row| rows.trials(role, row) > 0 && selection.has(rows, row);
        let any = |role| (0..rows.len()).any(|row| has(role, row));
        if !any(Role::Candidate) && !any(Role::Baseline) {
            return Err(slice::empty(slice, None, rows));
        }
        if let Some(role) = roles.clone().find(|role| !any(*role)) {
            return Err(slice::empty_in(slice, role.word()));
        }
    }
    Ok(())
}

/// Measures a sample, or says what it lacks.
fn measured(matter: Matter<'_>, sample: &Sample<'_>, role: Role) -> Result<Measure, Obstacle> {
    let Matter { gate, subject, .. } = matter;
    sample
        .measure(gate, subject)
        .map_err(|lack| match (&lack, matter.slice) {
            (Lack::NoScores, Some(slice)) => words::no_scores_in(slice, subject, role),
            _ => words::lack(&lack, gate, subject, role.word(), sample.run),
        })
}
