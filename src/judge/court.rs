//! Gate by gate: subjects, values, decision, waiver.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::chance::{self, Chance, Ruling as Said, Trial};
use super::comparability::{Effect, Finding, Ground, Name, Obstacle};
use super::family::TestedRows;
use super::limit::{self, Decision};
use super::measure::Measure;
use super::slice::{self, Selection, Slice};
use super::survey::{Matter, Measured, Surveyor};
use super::{Check, Margin, Status, words};
use crate::evidence::{Baseline, Evidence, Rows};
use crate::policy::{self, Gate, Limit, Policy, Severity};
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
    /// The further baseline that its gates compare with; `None` for `baseline`.
    pub(super) against: Option<&'a str>,
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
    limit.key.is_change() && gate.evidence_of(limit) == policy::Evidence::Significant
}

/// Whether the gate is excused on that day.
fn is_waived(gate: &Gate, today: Date) -> bool {
    (gate.waive.as_ref()).is_some_and(|waiver| today <= waiver.until)
}

/// Whether a check of the gate can block on that day.
fn can_block(gate: &Gate, today: Date) -> bool {
    gate.severity == Severity::Block && !is_waived(gate, today)
}

/// Looks at the rows of every check that needs them, before any is decided: tests of one policy are corrected for each
/// other, whatever they compare with, those that can block today and those that cannot apart.
pub(super) fn hear(courts: &mut [Court<'_>], policy: &Policy, today: Date) {
    let mut unmade = [Vec::new(), Vec::new()];
    for court in &mut *courts {
        for (all, more) in unmade.iter_mut().zip(court.look(today)) {
            all.extend(more);
        }
    }
    let mut families: [Vec<(TestedRows, &Gate, Limit, &mut Trial)>; 2] = [Vec::new(), Vec::new()];
    let trials = courts.iter_mut().flat_map(|court| &mut court.trials);
    for ((place, subject, slice, which), trial) in trials {
        let gate = policy.gates.get(*place);
        let limit = gate.and_then(|gate| gate.limits.get(*which));
        if let Some((gate, limit)) = gate.zip(limit)
            && is_test(gate, *limit)
        {
            let [blocking, other] = &mut families;
            let family = if can_block(gate, today) {
                blocking
            } else {
                other
            };
            family.push(((*place, *subject, *slice), gate, *limit, trial));
        }
    }
    for (family, unmade) in families.iter_mut().zip(&unmade) {
        chance::correct(family, unmade, policy.correction);
    }
}

impl<'a> Court<'a> {
    /// Who measures what the checks are about.
    fn surveyor(&self) -> Surveyor<'a> {
        Surveyor {
            evidence: self.evidence,
            removed_rows: self.policy.baseline.removed_rows,
        }
    }

    /// Looks at the rows of every check that needs them. Returns the error rates of tests that missing scores without bound
    /// keep from being made, and that may belong to the family: of what can block today, and of what cannot.
    fn look(&mut self, today: Date) -> [Vec<f64>; 2] {
        let mut unmade = [Vec::new(), Vec::new()];
        let Some(rows) = &self.evidence.rows else {
            return unmade;
        };
        let mut trials = BTreeMap::new();
        for (place, gate) in self.policy.gates.iter().enumerate() {
            if gate.against.as_deref() != self.against {
                continue;
            }
            let (Ok(subjects), Ok(slices)) = (self.subjects(gate), slice::of(gate, self.evidence))
            else {
                continue;
            };
            let [blocking, other] = &mut unmade;
            let unmade = if can_block(gate, today) {
                blocking
            } else {
                other
            };
            for (key, matter) in matters(place, gate, &subjects, &slices) {
                if gate.evidence_of(matter.limit) == policy::Evidence::Observed {
                    continue;
                }
                match self.trial(rows, matter) {
                    Some(trial) => drop(trials.insert(key, trial)),
                    None if self.is_unmade(matter) => unmade.push(1.0 - gate.confidence),
                    None => {}
                }
            }
        }
        self.trials = trials;
        unmade
    }

    /// Whether a check is a test of which missing scores, that have no bound, hide what it would say.
    fn is_unmade(&self, matter: Matter<'_>) -> bool {
        is_test(matter.gate, matter.limit)
            && !self.skips(matter.gate, matter.limit)
            && self.ground.change.is_none()
            && self
                .surveyor()
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
        } = self.surveyor().measure(matter).ok()?;
        let is_open = pairing.is_unbounded();
        let selection = Selection::of(matter.slice, rows);
        let question = matter.question(&selection, removed_rows, &pairing);
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
                against: gate.against.clone(),
                limit: matter.limit,
                evidence: gate.evidence_of(matter.limit),
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
                runs: Vec::new(),
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
        let counts = is_waived(gate, today);
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
        let measured = self.surveyor().measure(matter);
        if let Some(obstacle) = standing {
            let mut ruling = Ruling::undecided(obstacle.clone());
            if let Ok(Measured { pairing, .. }) = measured {
                ruling.candidate = Some(pairing.candidate);
                ruling.baseline = pairing.baseline;
            }
            return ruling;
        }
        let Measured { pairing, .. } = match measured {
            Ok(measured) => measured,
            Err(obstacle) => {
                self.note(gate, &obstacle);
                return Ruling::undecided(obstacle);
            }
        };
        if self.surveyor().uses_rows(gate, limit)
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
        // What was to be tested and could not be is never decided by the measured value instead.
        let decision = if gate.evidence_of(limit) == policy::Evidence::Observed {
            limit::decide(limit, &pairing, gate.missing.rule)
        } else {
            Decision::Unbounded
        };
        let is_ratio = gate.metric.is_rate() && gate.metric.has_scorer();
        let spare = is_ratio.then(|| limit::spare(limit, &pairing, decision));
        let margin = spare.flatten().map(|count| Margin {
            count,
            // Rows where each has one trial.
            thing: if pairing.candidate.trials == pairing.candidate.rows {
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
