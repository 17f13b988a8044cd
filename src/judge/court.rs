//! Gate by gate: subjects, values, decision, waiver.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::chance::{self, Chance, Question, Ruling as Said, Trial};
use super::comparability::{self, Effect, Finding, Ground, Name, Obstacle};
use super::latency;
use super::limit::{self, Decision, Pairing};
use super::measure::{Lack, Measure, Sample};
use super::{Check, Margin, Status, words};
use crate::evidence::{Baseline, Evidence, Role, Rows};
use crate::number::count;
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
    /// Checks that chance has a word in, by the places of their gate and limit, and by their subject.
    pub(super) trials: BTreeMap<Key, Trial>,
}

/// The place of a gate, the subject, and the place of a limit.
type Key = (usize, Option<String>, usize);

impl Court<'_> {
    /// Looks at the rows of every check that needs them, before any is decided: tests of one policy are
    /// corrected for each other.
    pub(super) fn hear(&mut self) {
        let Some(rows) = &self.evidence.rows else {
            return;
        };
        let mut trials = BTreeMap::new();
        for (place, gate) in self.policy.gates.iter().enumerate() {
            let Ok(subjects) = self.subjects(gate) else {
                continue;
            };
            if gate.evidence == policy::Evidence::Observed {
                continue;
            }
            for subject in subjects {
                for (which, limit) in gate.limits.iter().enumerate() {
                    let key = (place, subject.clone(), which);
                    let trial = self.trial(rows, gate, *limit, subject.as_deref());
                    trials.extend(trial.map(|trial| (key, trial)));
                }
            }
        }
        let gates = &self.policy.gates;
        let mut family: Vec<&mut Trial> = trials
            .iter_mut()
            .filter(|((place, _, which), _)| {
                gates.get(*place).is_some_and(|gate| {
                    let limit = gate.limits.get(*which);
                    gate.evidence == policy::Evidence::Significant
                        && limit.is_some_and(|limit| limit.key.is_change())
                })
            })
            .map(|(_, trial)| trial)
            .collect();
        chance::correct(&mut family, self.policy.correction);
        self.trials = trials;
    }

    /// The rows of one check. `None` where it is undecided before they are looked at.
    fn trial(
        &self,
        rows: &Rows,
        gate: &Gate,
        limit: Limit,
        subject: Option<&str>,
    ) -> Option<Trial> {
        let standing = if gate.compares(limit) {
            &self.ground.change
        } else {
            &self.ground.candidate
        };
        if self.skips(gate, limit) || standing.is_some() || self.rows.is_some() {
            return None;
        }
        let (pairing, _) = self.measure(gate, limit, subject).ok()?;
        let is_open = pairing.candidate.is_unbounded()
            || pairing.baseline.as_ref().is_some_and(Measure::is_unbounded);
        let question = Question {
            gate,
            limit,
            subject,
            removed_rows: self.policy.baseline.removed_rows,
            pairing: &pairing,
        };
        (!is_open).then(|| question.ask(rows).ok()).flatten()
    }

    /// Judges a gate: a check for each limit on each subject.
    pub(super) fn gate(&mut self, place: usize, gate: &Gate, today: Date, checks: &mut Vec<Check>) {
        let waived = self.waiver(gate, today);
        self.can_block |= gate.severity == Severity::Block && !waived;
        let mut rule = |subject: Option<String>, ruling: Ruling, limit: Limit| {
            let blocked = matches!(ruling.status, Status::Fail | Status::Undecided);
            checks.push(Check {
                gate: gate.name.clone(),
                subject,
                metric: gate.metric,
                limit,
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
        match self.subjects(gate) {
            Ok(subjects) => {
                for subject in subjects {
                    for (which, limit) in gate.limits.iter().enumerate() {
                        let key = (place, subject.clone(), which);
                        let ruling = self.rule(gate, *limit, &key);
                        rule(subject.clone(), ruling, *limit);
                    }
                }
            }
            Err(obstacle) => {
                self.note(gate, &obstacle);
                for limit in &gate.limits {
                    let ruling = if self.skips(gate, *limit) {
                        Ruling::skipped()
                    } else {
                        Ruling::undecided(obstacle.clone())
                    };
                    rule(gate.scorer.clone(), ruling, *limit);
                }
            }
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

    fn rule(&mut self, gate: &Gate, limit: Limit, key: &Key) -> Ruling {
        let subject = key.1.as_deref();
        if self.skips(gate, limit) {
            return Ruling::skipped();
        }
        let standing = if gate.compares(limit) {
            &self.ground.change
        } else {
            &self.ground.candidate
        };
        // Values are shown also where they decide nothing.
        let measured = self.measure(gate, limit, subject);
        if let Some(obstacle) = standing {
            let mut ruling = Ruling::undecided(obstacle.clone());
            if let Ok((pairing, _)) = measured {
                ruling.candidate = Some(pairing.candidate);
                ruling.baseline = pairing.baseline;
            }
            return ruling;
        }
        let (pairing, rows) = match measured {
            Ok(measured) => measured,
            Err(obstacle) => {
                self.note(gate, &obstacle);
                return Ruling::undecided(obstacle);
            }
        };
        if gate.needs_rows()
            && let Some(obstacle) = self.rows.clone()
        {
            self.note(gate, &obstacle);
            let mut ruling = Ruling::undecided(obstacle);
            ruling.candidate = Some(pairing.candidate);
            ruling.baseline = pairing.baseline;
            return ruling;
        }
        if let Some(trial) = self.trials.get(key) {
            let (said, chance) = trial.judge(gate, limit);
            return Ruling {
                status: match said {
                    Some(Said::Holds | Said::Noise) => Status::Pass,
                    Some(Said::Broken) => Status::Fail,
                    Some(Said::TooFew | Said::Open) | None => Status::Undecided,
                },
                reason: words::chance(said, limit, &chance, &pairing),
                finding: None,
                margin: None,
                chance: Some(chance),
                candidate: Some(pairing.candidate),
                baseline: pairing.baseline,
            };
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

    /// The values that a limit is about, and the number of rows they are measured on.
    fn measure(
        &self,
        gate: &Gate,
        limit: Limit,
        subject: Option<&str>,
    ) -> Result<(Pairing, u64), Obstacle> {
        let of = |sample: &Sample<'_>, role: &str| {
            sample
                .measure(gate, subject)
                .map_err(|lack| words::lack(&lack, gate, subject, role, sample.run))
        };
        if gate.metric.is_latency() {
            return self.latency(gate, limit);
        }
        if !gate.compares(limit) {
            let run = &self.evidence.candidate;
            let sample = Sample {
                run,
                totals: &run.totals,
                absent: 0.0,
            };
            let pairing = Pairing {
                candidate: of(&sample, "candidate")?,
                baseline: None,
            };
            return Ok((pairing, run.rows));
        }
        let on = |removed_rows| -> Result<(Pairing, u64), Obstacle> {
            let samples = self.samples(removed_rows);
            let (ours, theirs, rows) = samples
                .ok_or_else(|| comparability::common_rows_unknown(&self.evidence.baseline))?;
            let pairing = Pairing {
                candidate: of(&ours, "candidate")?,
                baseline: Some(of(&theirs, "baseline")?),
            };
            Ok((pairing, rows))
        };
        let mut removed_rows = self.policy.baseline.removed_rows;
        let mut found = on(removed_rows)?;
        // Where missing scores are left out, removed rows are, on both sides: a change is measured on
        // the same rows or not at all.
        if found.0.candidate.ignores && self.removed() > 0 {
            removed_rows = RemovedRows::Ignore;
            found = on(removed_rows)?;
        }
        if !gate.metric.compares() {
            return Ok(found);
        }
        // The two pass rates say how missing scores are taken; the rows are counted.
        let (pairing, rows) = found;
        let question = Question {
            gate,
            limit,
            subject,
            removed_rows,
            pairing: &pairing,
        };
        let counted = self
            .evidence
            .rows
            .as_ref()
            .map_or_else(|| Err(chance::unknown_rows()), |rows| question.count(rows))?;
        let pairing = Pairing {
            candidate: counted,
            baseline: None,
        };
        Ok((pairing, rows))
    }

    /// The seconds that a limit is about, and the number of rows they are measured on.
    fn latency(&self, gate: &Gate, limit: Limit) -> Result<(Pairing, u64), Obstacle> {
        let rows = self
            .evidence
            .rows
            .as_ref()
            .ok_or_else(chance::unknown_rows)?;
        let of = |role, word: &str, run, scope| {
            latency::measure(gate, rows, role, scope)
                .ok_or_else(|| words::lack(&Lack::NoUsage, gate, None, word, run))
        };
        let candidate = &self.evidence.candidate;
        let (baseline, pair) = match &self.evidence.baseline {
            Baseline::Found(baseline, pair) if gate.compares(limit) => (baseline, pair),
            _ => {
                let scope = latency::Scope::Candidate;
                let pairing = Pairing {
                    candidate: of(Role::Candidate, "candidate", candidate, scope)?,
                    baseline: None,
                };
                return Ok((pairing, candidate.rows));
            }
        };
        let on = |removed_rows| -> Result<Pairing, Obstacle> {
            let scope = latency::Scope::Comparison(removed_rows);
            Ok(Pairing {
                candidate: of(Role::Candidate, "candidate", candidate, scope)?,
                baseline: Some(of(Role::Baseline, "baseline", baseline, scope)?),
            })
        };
        let found = on(self.policy.baseline.removed_rows)?;
        let ignores = found.candidate.ignores && pair.removed > 0;
        let found = if ignores {
            on(RemovedRows::Ignore)?
        } else {
            found
        };
        Ok((found, pair.common + pair.removed))
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
            // A removed row would have had as many trials as a common one has.
            absent: count(ours.trials) * count(removed) / count(pair.common),
        };
        let theirs = Sample {
            run: baseline,
            totals: theirs,
            absent: 0.0,
        };
        Some((ours, theirs, pair.common + removed))
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
