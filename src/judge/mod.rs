//! From a policy and evidence to a verdict. Pure: no I/O, no clock, no environment.
//!
//! A check is decided only when nothing that is not known could change the answer. What is not
//! decided is never a pass.

mod comparability;
mod limit;
mod measure;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use jiff::civil::Date;

pub use comparability::{Effect, Finding, Name};
pub use measure::Measure;

use crate::evidence::{Baseline, Evidence};
use crate::number::count;
use crate::policy::{Gate, Limit, Metric, Policy, RemovedRows, Severity};
use crate::prose::Prose;
use comparability::{Ground, Obstacle};
use limit::{Decision, Pairing};
use measure::{Lack, Sample};

/// The verdict of one policy on one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Of the whole.
    pub verdict: Verdict,
    /// One for each limit of each gate on each of its subjects, in the policy's order.
    pub checks: Vec<Check>,
    /// What is to be known about the comparison.
    pub findings: Vec<Finding>,
}

/// The verdict; a worse one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No check blocks, and at least one was judged.
    Passed,
    /// A check that blocks is undecided, and none fails.
    Undecided,
    /// A check that blocks fails.
    Failed,
}

/// One limit of one gate on one subject, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The gate's name.
    pub gate: String,
    /// The dimension; `None` where the metric is of the run itself.
    pub subject: Option<String>,
    /// What was measured.
    pub metric: Metric,
    /// What had to hold.
    pub limit: Limit,
    /// Whether its gate can block.
    pub severity: Severity,
    /// Whether its gate is excused today, whatever came of it.
    pub excused: bool,
    /// What came of it.
    pub status: Status,
    /// Why, in words.
    pub reason: Prose,
    /// The finding that left it undecided, if one did.
    pub finding: Option<Name>,
    /// How far it is from the limit, where rows can tell.
    pub margin: Option<Margin>,
    /// The baseline's value, where the limit is on the change.
    pub baseline: Option<Measure>,
    /// The candidate's value: over all its rows, or for a change over those of the comparison.
    pub candidate: Option<Measure>,
}

/// How far a rate is from its limit, in whole things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margin {
    /// How many could turn against the candidate before the limit is broken; or, where it is broken, how
    /// many would have to turn in its favour.
    pub count: u64,
    /// `row` where each row has one trial, else `trial`.
    pub thing: &'static str,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The limit holds.
    Pass,
    /// It does not.
    Fail,
    /// The evidence does not decide.
    Undecided,
    /// It fails or is undecided, and the policy excuses it until a date.
    Waived,
    /// It compares, there is no baseline, and the policy does not require one.
    Skipped,
}

impl Check {
    /// Whether it keeps the verdict from being passed.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Block && matches!(self.status, Status::Fail | Status::Undecided)
    }

    /// Candidate − baseline, on the scores there are, in the metric's unit.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        Some(self.candidate?.observed? - self.baseline?.observed?)
    }
}

/// Judges. `today` is the day in UTC by which waivers count.
#[must_use]
pub fn judge(policy: &Policy, evidence: &Evidence, today: Date) -> Judgement {
    let mut findings = Vec::new();
    let ground = comparability::ground(policy, evidence, &mut findings);
    let mut court = Court {
        policy,
        evidence,
        ground,
        findings,
        can_block: false,
    };
    let mut checks = Vec::new();
    for gate in &policy.gates {
        court.gate(gate, today, &mut checks);
    }
    let mut findings = court.findings;
    comparability::whole(&checks, court.can_block, &mut findings);
    Judgement {
        verdict: verdict(&checks),
        checks,
        findings,
    }
}

/// Nothing judged is not passed: where checks are skipped, one that can block must be left.
fn verdict(checks: &[Check]) -> Verdict {
    let blocks = |status| {
        checks
            .iter()
            .any(|check| check.blocks() && check.status == status)
    };
    if blocks(Status::Fail) {
        Verdict::Failed
    } else if blocks(Status::Undecided) || nothing_judged(checks) {
        Verdict::Undecided
    } else {
        Verdict::Passed
    }
}

/// Whether checks were skipped, and none was judged that could have blocked.
fn nothing_judged(checks: &[Check]) -> bool {
    let counts = |check: &Check| {
        check.severity == Severity::Block && !check.excused && check.status != Status::Skipped
    };
    let skipped = checks.iter().any(|check| check.status == Status::Skipped);
    checks.is_empty() || (skipped && !checks.iter().any(counts))
}

/// A check before the gate's waiver is looked at.
struct Ruling {
    status: Status,
    reason: Prose,
    finding: Option<Name>,
    margin: Option<Margin>,
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
            candidate: None,
            baseline: None,
        }
    }
}

struct Court<'a> {
    policy: &'a Policy,
    evidence: &'a Evidence,
    ground: Ground,
    findings: Vec<Finding>,
    /// Whether any gate so far can block.
    can_block: bool,
}

impl Court<'_> {
    fn gate(&mut self, gate: &Gate, today: Date, checks: &mut Vec<Check>) {
        let waived = self.waiver(gate, today);
        self.can_block |= gate.severity == Severity::Block && !waived;
        let mut rule = |subject: Option<String>, ruling: Ruling, limit: Limit| {
            let blocked = matches!(ruling.status, Status::Fail | Status::Undecided);
            checks.push(Check {
                gate: gate.name.clone(),
                subject,
                metric: gate.metric,
                limit,
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
                baseline: ruling.baseline,
                candidate: ruling.candidate,
            });
        };
        match self.subjects(gate) {
            Ok(subjects) => {
                for subject in subjects {
                    for limit in &gate.limits {
                        let ruling = self.rule(gate, *limit, subject.as_deref());
                        rule(subject.clone(), ruling, *limit);
                    }
                }
            }
            Err(obstacle) => {
                self.note(gate, &obstacle);
                for limit in &gate.limits {
                    let ruling = if self.skips(*limit) {
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
        if known.contains(scorer.as_str()) {
            return Ok(vec![Some(scorer.clone())]);
        }
        let pattern = glob::Pattern::new(scorer).ok();
        let matching: Vec<Option<String>> = known
            .iter()
            .filter(|name| {
                pattern
                    .as_ref()
                    .is_some_and(|pattern| pattern.matches(name))
            })
            .map(|name| Some((*name).to_owned()))
            .collect();
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

    fn skips(&self, limit: Limit) -> bool {
        limit.key.is_change() && self.ground.skips_changes
    }

    fn rule(&mut self, gate: &Gate, limit: Limit, subject: Option<&str>) -> Ruling {
        if self.skips(limit) {
            return Ruling::skipped();
        }
        let standing = if limit.key.is_change() {
            &self.ground.change
        } else {
            &self.ground.candidate
        };
        // Values are shown also where they decide nothing.
        let measured = self.measure(gate, limit, subject);
        if let Some(obstacle) = standing {
            let mut ruling = Ruling::undecided(obstacle.clone());
            if let Ok(pairing) = measured {
                ruling.candidate = Some(pairing.candidate);
                ruling.baseline = pairing.baseline;
            }
            return ruling;
        }
        let pairing = match measured {
            Ok(pairing) => pairing,
            Err(obstacle) => {
                self.note(gate, &obstacle);
                return Ruling::undecided(obstacle);
            }
        };
        let decision = limit::decide(limit, &pairing, gate.missing.rule);
        let is_ratio = matches!(gate.metric, Metric::PassRate | Metric::Coverage);
        let spare = is_ratio.then(|| limit::spare(limit, &pairing, decision));
        let margin = spare.flatten().map(|count| Margin {
            count,
            thing: self.things(&pairing.candidate, limit),
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
            candidate: Some(pairing.candidate),
            baseline: pairing.baseline,
        }
    }

    /// What a margin counts: rows where each has one trial, else trials.
    fn things(&self, measure: &Measure, limit: Limit) -> &'static str {
        let rows = match &self.evidence.baseline {
            Baseline::Found(_, pair) if limit.key.is_change() => {
                match self.policy.baseline.removed_rows {
                    RemovedRows::Missing => pair.common + pair.removed,
                    RemovedRows::Ignore => pair.common,
                }
            }
            _ => self.evidence.candidate.rows,
        };
        if measure.trials == rows {
            "row"
        } else {
            "trial"
        }
    }

    fn measure(
        &self,
        gate: &Gate,
        limit: Limit,
        subject: Option<&str>,
    ) -> Result<Pairing, Obstacle> {
        let of_candidate =
            |lack: Lack| words::lack(&lack, gate, subject, "candidate", &self.evidence.candidate);
        if !limit.key.is_change() {
            let run = &self.evidence.candidate;
            let sample = Sample {
                run,
                totals: &run.totals,
                absent: 0.0,
            };
            let candidate = sample.measure(gate, subject).map_err(of_candidate)?;
            return Ok(Pairing {
                candidate,
                baseline: None,
            });
        }
        let candidate_lacks =
            |lack: Lack| words::lack(&lack, gate, subject, "candidate", &self.evidence.candidate);
        let pairing = |removed_rows| -> Result<Pairing, Obstacle> {
            let (ours, theirs) = self
                .samples(removed_rows)
                .ok_or_else(|| comparability::common_rows_unknown(&self.evidence.baseline))?;
            let candidate = ours.measure(gate, subject).map_err(candidate_lacks)?;
            let baseline = theirs
                .measure(gate, subject)
                .map_err(|lack| words::lack(&lack, gate, subject, "baseline", theirs.run))?;
            Ok(Pairing {
                candidate,
                baseline: Some(baseline),
            })
        };
        let found = pairing(self.policy.baseline.removed_rows)?;
        // Where missing scores are left out, removed rows are, on both sides: a change is measured on
        // the same rows or not at all.
        if found.candidate.leaves_out() && self.removed() > 0 {
            return pairing(RemovedRows::Ignore);
        }
        Ok(found)
    }

    fn removed(&self) -> u64 {
        match &self.evidence.baseline {
            Baseline::Found(_, pair) => pair.removed,
            Baseline::Unnamed | Baseline::NotFound(_) => 0,
        }
    }

    /// The trials that a change is measured on: the rows of the baseline, or the common ones.
    fn samples(&self, removed_rows: RemovedRows) -> Option<(Sample<'_>, Sample<'_>)> {
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
        Some((
            Sample {
                run: &self.evidence.candidate,
                totals: ours,
                // A removed row would have had as many trials as a common one has.
                absent: count(ours.trials) * count(removed) / count(pair.common),
            },
            Sample {
                run: baseline,
                totals: theirs,
                absent: 0.0,
            },
        ))
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
