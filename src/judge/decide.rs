//! The steps of a check: it is measured, tested together with its family, decided, and waived.

use crate::judge::cause::Cause;
use crate::judge::check::{Check, Margin, Status};
use crate::judge::clusters;
use crate::judge::finding::Finding;
use crate::judge::limit::{self, Decision, Pairing};
use crate::judge::measure::{Measured, Measurer};
use crate::judge::noise;
use crate::judge::plan::{CheckSpec, GatePlan, noted};
use crate::judge::reason::Reason;
use crate::judge::significance::scenario::RuleOutcome;
use crate::judge::significance::test::{self, FamilyMember, SignificanceTest, TestResult};
use crate::judge::slice::Selection;
use crate::policy::{self, Correction, Limit};

/// A check before it is decided.
pub(super) struct Pending<'a> {
    plan: &'a GatePlan<'a>,
    /// The number of its subject and slice among those of the gate.
    number: usize,
    spec: CheckSpec<'a>,
    state: State,
}

/// How far the evaluation of a check is.
enum State {
    /// The check needs a baseline, no baseline exists, and the policy does not require one.
    Skipped,
    /// The check cannot be decided. Its values are shown if there are any.
    Blocked {
        blocker: Cause,
        values: Option<Pairing>,
        /// Whether the blocker concerns only this gate and no finding reports it yet.
        is_new: bool,
    },
    /// Its values are known.
    Measured(Measured),
    /// Its rows were tested as well as measured.
    Tested(Pairing, Box<SignificanceTest>),
}

/// The result of a check before its waiver is applied.
struct Outcome {
    status: Status,
    reason: Reason,
    margin: Option<Margin>,
    chance: Option<TestResult>,
    values: Option<Pairing>,
}

impl<'a> Pending<'a> {
    /// The checks of a gate, already measured.
    pub(super) fn of(plan: &'a GatePlan<'a>) -> impl Iterator<Item = Self> {
        plan.specs().map(move |(number, spec)| Self {
            plan,
            number,
            spec,
            state: measured(plan, spec),
        })
    }

    /// Whether the check is a test that is corrected for the other tests of its family.
    fn is_test(&self) -> bool {
        let CheckSpec { gate, limit, .. } = self.spec;
        limit.key.is_change() && gate.evidence_of(limit) == policy::Evidence::Significant
    }

    /// Builds the significance test from the rows, if the evidence rule needs one.
    fn build_test(&mut self) {
        let State::Measured(Measured {
            pairing,
            removed_rows,
        }) = &self.state
        else {
            return;
        };
        let is_observed = self.spec.gate.evidence_of(self.spec.limit) == policy::Evidence::Observed;
        let Some(rows) = &self.plan.runs.evidence.rows else {
            return;
        };
        if is_observed || pairing.is_unbounded() {
            return;
        }
        let selection = Selection::of(self.spec.slice, rows);
        let component = noise::component(self.plan.runs.noise, self.spec, self.plan.runs.evidence);
        let unread = || Cause::rows_unknown(self.plan.runs.evidence, true);
        let clusters = match clusters::input(self.spec, rows, &selection, unread) {
            Ok(clusters) => clusters,
            Err(blocker) => {
                self.state = State::Blocked {
                    blocker,
                    values: Some(*pairing),
                    is_new: true,
                };
                return;
            }
        };
        let row_test =
            (self.spec).row_test(&selection, *removed_rows, pairing, component, clusters);
        if let Ok(test) = SignificanceTest::of(&row_test, rows) {
            self.state = State::Tested(*pairing, Box::new(test));
        }
    }

    /// Decides the check and applies the waiver. Also returns a finding to add to its gate, if there is one.
    pub(super) fn decide(self) -> (Check, Option<(usize, Finding)>) {
        let CheckSpec { gate, limit, .. } = self.spec;
        let mut finding = None;
        let outcome = match self.state {
            State::Skipped => Outcome {
                status: Status::Skipped,
                reason: Reason::Skipped,
                margin: None,
                chance: None,
                values: None,
            },
            State::Blocked {
                blocker,
                values,
                is_new,
            } => {
                finding = is_new.then(|| (self.plan.place, noted(gate, &blocker)));
                Outcome {
                    status: Status::Undecided,
                    reason: Reason::Blocked(blocker),
                    margin: None,
                    chance: None,
                    values,
                }
            }
            State::Measured(Measured { pairing, .. }) => by_values(self.spec, pairing),
            State::Tested(pairing, test) => by_test(self.spec, pairing, &test),
        };
        let blocks = matches!(outcome.status, Status::Fail | Status::Undecided);
        let check = Check {
            gate: gate.name.clone(),
            is_of_base: false,
            subject: self.spec.subject.map(str::to_owned),
            slice: self.spec.slice.cloned(),
            metric: gate.metric,
            attempts: gate.attempts,
            against: gate.against.clone(),
            limit,
            evidence: gate.evidence_of(limit),
            severity: gate.severity,
            excused: self.plan.is_waived,
            status: if blocks && self.plan.is_waived {
                Status::Waived
            } else {
                outcome.status
            },
            reason: outcome.reason,
            margin: outcome.margin,
            chance: outcome.chance,
            baseline: outcome.values.and_then(|values| values.baseline),
            candidate: outcome.values.map(|values| values.candidate),
            runs: Vec::new(),
        };
        (check, finding)
    }
}

/// Measures a check. It is measured even if its values decide nothing, because reports show them.
fn measured(plan: &GatePlan<'_>, spec: CheckSpec<'_>) -> State {
    let runs = plan.runs;
    let CheckSpec { gate, limit, .. } = spec;
    if runs.skips(gate, limit) {
        return State::Skipped;
    }
    if let Some(blocker) = &plan.blocker {
        return State::Blocked {
            blocker: runs
                .preconditions
                .candidate
                .as_ref()
                .unwrap_or(blocker)
                .clone(),
            values: None,
            is_new: false,
        };
    }
    let measurer = Measurer {
        evidence: runs.evidence,
        removed_rows: runs.removed_rows,
    };
    let values = measurer.measure(spec);
    if let Some(blocker) = runs.blocker(gate, limit, spec.subject) {
        return State::Blocked {
            blocker: blocker.clone(),
            values: values.ok().map(|values| values.pairing),
            is_new: false,
        };
    }
    match values {
        Err(blocker) => State::Blocked {
            blocker,
            values: None,
            is_new: true,
        },
        Ok(values) => match &runs.rows {
            Some(blocker) if measurer.uses_rows(gate, limit) => State::Blocked {
                blocker: blocker.clone(),
                values: Some(values.pairing),
                is_new: true,
            },
            _ => State::Measured(values),
        },
    }
}

/// Runs the test of every check whose evidence rule needs one. All tests of a policy are corrected for each other,
/// whatever baselines they compare with. The tests that can block today form one family, and those that cannot block
/// form another.
pub(super) fn test(pending: &mut [Pending<'_>], correction: Correction) {
    for check in &mut *pending {
        check.build_test();
    }
    for can_block in [true, false] {
        let mut family = Vec::new();
        // The error rates of tests that cannot be made, because missing scores have no bounds.
        let mut unmade = Vec::new();
        let tests = pending
            .iter_mut()
            .filter(|check| check.plan.can_block == can_block);
        for check in tests.filter(|check| check.is_test()) {
            let CheckSpec { gate, limit, .. } = check.spec;
            let rows = (check.plan.place, check.number);
            match &mut check.state {
                State::Tested(_, test) => family.push(FamilyMember {
                    rows,
                    gate,
                    limit,
                    test,
                }),
                State::Measured(measured) if measured.pairing.is_unbounded() => {
                    unmade.push(1.0 - gate.confidence);
                }
                State::Measured(_) | State::Skipped | State::Blocked { .. } => {}
            }
        }
        test::correct(&mut family, &unmade, correction);
    }
}

/// Decides a check by its confidence interval or its test.
fn by_test(spec: CheckSpec<'_>, pairing: Pairing, test: &SignificanceTest) -> Outcome {
    let CheckSpec { gate, limit, .. } = spec;
    let (said, chance) = test.judge(gate, limit);
    Outcome {
        status: match said {
            Some(RuleOutcome::Holds | RuleOutcome::Noise) => Status::Pass,
            Some(RuleOutcome::Broken) => Status::Fail,
            Some(RuleOutcome::TooFew | RuleOutcome::Open) | None => Status::Undecided,
        },
        reason: said.map_or(Reason::MissingScoresDecide, Reason::Test),
        margin: None,
        chance: Some(chance),
        values: Some(pairing),
    }
}

/// Decides a check by its measured values alone.
fn by_values(spec: CheckSpec<'_>, pairing: Pairing) -> Outcome {
    let CheckSpec { gate, limit, .. } = spec;
    // If a check needs a test and has none, it is never decided by its values instead.
    let decision = if gate.evidence_of(limit) == policy::Evidence::Observed {
        limit::decide(limit, &pairing, gate.missing.rule)
    } else {
        Decision::Unbounded
    };
    let margin = margin(spec, limit, &pairing, decision);
    Outcome {
        status: match decision {
            Decision::Holds => Status::Pass,
            Decision::Broken => Status::Fail,
            Decision::Depends | Decision::Unbounded | Decision::ZeroBaseline => Status::Undecided,
        },
        reason: Reason::Values(decision),
        margin,
        chance: None,
        values: Some(pairing),
    }
}

/// The distance of a dimension's rate from its limit.
fn margin(
    spec: CheckSpec<'_>,
    limit: Limit,
    pairing: &Pairing,
    decision: Decision,
) -> Option<Margin> {
    let metric = spec.gate.metric;
    if !metric.is_rate() || !metric.has_scorer() {
        return None;
    }
    let count = limit::spare(limit, pairing, decision)?;
    Some(Margin {
        count,
        // The margin counts rows if each row has one trial.
        thing: if pairing.candidate.trials == pairing.candidate.rows {
            "row"
        } else {
            "trial"
        },
    })
}
