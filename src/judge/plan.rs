//! The checks that a policy makes: for each gate its subjects and slices, on the runs that it compares.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::evidence::{Baseline, Evidence, Rows};
use crate::judge::cause::Cause;
use crate::judge::finding::Finding;
use crate::judge::limit::Pairing;
use crate::judge::name::Effect;
use crate::judge::preconditions::Preconditions;
use crate::judge::significance::row_means::RowTest;
use crate::judge::slice::{Selection, Slice};
use crate::judge::slices;
use crate::policy::{Gate, Limit, Policy, RemovedRows, Severity};

/// The candidate and one baseline, and what they allow.
pub(super) struct ComparedRuns<'a> {
    pub(super) evidence: &'a Evidence,
    /// The name of a further baseline; `None` for `baseline`.
    pub(super) against: Option<&'a str>,
    /// What the runs themselves allow.
    pub(super) preconditions: Preconditions,
    /// Why rows cannot be used, where a gate needs them.
    pub(super) rows: Option<Cause>,
    /// What a row means that the candidate lacks.
    pub(super) removed_rows: RemovedRows,
}

impl ComparedRuns<'_> {
    /// Whether a limit is skipped because there is no baseline and the policy does not require one.
    pub(super) fn skips(&self, gate: &Gate, limit: Limit) -> bool {
        gate.compares(limit) && self.preconditions.skips_changes
    }

    /// What keeps a limit from being judged, whatever the scores are.
    pub(super) fn blocker(&self, gate: &Gate, limit: Limit) -> Option<&Cause> {
        if gate.compares(limit) {
            self.preconditions.change.as_ref()
        } else {
            self.preconditions.candidate.as_ref()
        }
    }

    /// The dimensions of both runs.
    fn dimensions(&self) -> BTreeSet<&str> {
        let baseline = match &self.evidence.baseline {
            Baseline::Found(run, _) => Some(&run.totals),
            Baseline::Unnamed | Baseline::NotFound(_) => None,
        };
        let runs = std::iter::once(&self.evidence.candidate.totals).chain(baseline);
        let names = runs.flat_map(|totals| totals.dimensions.keys());
        names.map(String::as_str).collect()
    }

    /// The dimensions of a gate: the one of that name, else those that match the pattern.
    fn subjects(&self, gate: &Gate) -> Result<Vec<Option<String>>, Cause> {
        let Some(scorer) = &gate.scorer else {
            return Ok(vec![None]);
        };
        let known = self.dimensions();
        let matching = gate.subjects(&known).into_iter();
        let matching: Vec<Option<String>> = matching.map(|name| Some(name.to_owned())).collect();
        if matching.is_empty() {
            return Err(Cause::UnknownDimension {
                scorer: scorer.clone(),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        Ok(matching)
    }
}

/// What one check is about.
#[derive(Clone, Copy)]
pub(super) struct CheckSpec<'a> {
    pub(super) gate: &'a Gate,
    pub(super) limit: Limit,
    /// The dimension, where the metric has one.
    pub(super) subject: Option<&'a str>,
    /// Some of the rows; `None` for all.
    pub(super) slice: Option<&'a Slice>,
}

impl<'a> CheckSpec<'a> {
    /// What is asked of the rows, once it is measured.
    pub(super) fn row_test(
        self,
        selection: &'a Selection,
        removed_rows: RemovedRows,
        pairing: &'a Pairing,
    ) -> RowTest<'a> {
        RowTest {
            gate: self.gate,
            limit: self.limit,
            subject: self.subject,
            selection,
            removed_rows,
            pairing,
        }
    }
}

/// The checks of one gate.
pub(super) struct GatePlan<'a> {
    /// Its place in the policy.
    pub(super) place: usize,
    pub(super) gate: &'a Gate,
    pub(super) runs: &'a ComparedRuns<'a>,
    /// Whether it is excused today.
    pub(super) is_waived: bool,
    /// Whether a check of it can block today.
    pub(super) can_block: bool,
    /// Why its subjects or its slices are not known.
    pub(super) blocker: Option<Cause>,
    /// Its dimensions; one `None` where the metric is of the run itself.
    subjects: Vec<Option<String>>,
    /// Its slices; `None` means all rows.
    slices: Vec<Option<Slice>>,
    /// What is to be known about it.
    pub(super) findings: Vec<Finding>,
}

/// Plans the checks of every gate, in the policy's order.
pub(super) fn plan<'a>(
    policy: &'a Policy,
    compared: &'a [ComparedRuns<'a>],
    today: Date,
) -> Vec<GatePlan<'a>> {
    let gates = policy.gates.iter();
    let with_runs = gates.filter_map(|gate| {
        let against = gate.against.as_deref();
        Some((gate, compared.iter().find(|runs| runs.against == against)?))
    });
    with_runs
        .enumerate()
        .map(|(place, (gate, runs))| GatePlan::new(place, gate, runs, today))
        .collect()
}

impl<'a> GatePlan<'a> {
    fn new(place: usize, gate: &'a Gate, runs: &'a ComparedRuns<'a>, today: Date) -> Self {
        let is_waived = (gate.waive.as_ref()).is_some_and(|waiver| today <= waiver.until);
        let mut findings: Vec<Finding> = waiver(gate, is_waived).into_iter().collect();
        let (blockers, subjects, slices) =
            match (runs.subjects(gate), slices::of(gate, runs.evidence)) {
                (Ok(subjects), Ok(slices)) => (Vec::new(), subjects, slices),
                // A check that names the subject and the conditions as the policy does.
                (subjects, slices) => (
                    [subjects.err(), slices.err()]
                        .into_iter()
                        .flatten()
                        .collect(),
                    vec![gate.scorer.clone()],
                    vec![(!gate.conditions.is_empty()).then(|| Slice {
                        conditions: gate.conditions.clone(),
                        by: None,
                    })],
                ),
            };
        let rows = runs.evidence.rows.as_ref().filter(|_| blockers.is_empty());
        findings.extend(rows.and_then(|rows| unknown_values(gate, rows)));
        // A blocker of the run itself comes first, and is reported already.
        if runs.preconditions.candidate.is_none() {
            findings.extend(blockers.iter().map(|blocker| noted(gate, blocker)));
        }
        Self {
            place,
            gate,
            runs,
            is_waived,
            can_block: gate.severity == Severity::Block && !is_waived,
            blocker: blockers.into_iter().next(),
            subjects,
            slices,
            findings,
        }
    }

    /// What its checks are about, each with the number of its subject and slice: tests with the same number of one gate
    /// are made on the same rows.
    pub(super) fn specs(&self) -> impl Iterator<Item = (usize, CheckSpec<'_>)> {
        let slices = move |subject| self.slices.iter().map(move |slice| (subject, slice));
        let measured = self.subjects.iter().flat_map(slices).enumerate();
        measured.flat_map(move |(number, (subject, slice))| {
            self.gate.limits.iter().map(move |limit| {
                let spec = CheckSpec {
                    gate: self.gate,
                    limit: *limit,
                    subject: subject.as_deref(),
                    slice: slice.as_ref(),
                };
                (number, spec)
            })
        })
    }
}

/// Reports a waiver, whether it still counts or not.
fn waiver(gate: &Gate, counts: bool) -> Option<Finding> {
    let waiver = gate.waive.as_ref()?;
    let effect = if counts {
        Effect::Note
    } else {
        Effect::Warning
    };
    let cause = Cause::Waiver {
        until: waiver.until,
        reason: waiver.reason.clone(),
        is_active: counts,
    };
    Some(Finding::of_gate(&gate.name, effect, cause))
}

fn unknown_values(gate: &Gate, rows: &Rows) -> Option<Finding> {
    let unknown = slices::unknown_values(gate, rows)?;
    Some(Finding::of_gate(&gate.name, Effect::Warning, unknown))
}

/// What left a gate undecided, as a finding.
pub(super) fn noted(gate: &Gate, blocker: &Cause) -> Finding {
    Finding::of_gate(&gate.name, Effect::Undecided, blocker.clone())
}
