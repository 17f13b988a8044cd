//! The checks of a policy: the subjects and slices of each gate, on the runs that the gate compares.

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
use crate::policy::{self, Gate, Limit, Noise, Policy, RemovedRows, Severity, is_of_scorer};
use crate::stats::RunComponent;

/// The candidate and one baseline, with the checks that they allow.
pub(super) struct ComparedRuns<'a> {
    pub(super) evidence: &'a Evidence,
    /// The name of a further baseline; `None` for `baseline`.
    pub(super) against: Option<&'a str>,
    /// Problems of the runs that prevent checks from being judged.
    pub(super) preconditions: Preconditions,
    /// Why rows cannot be used by a gate that needs them; `None` if they can.
    pub(super) rows: Option<Cause>,
    /// How rows are treated that are missing in the candidate.
    pub(super) removed_rows: RemovedRows,
    /// The noise between runs; `None` if the policy does not declare it.
    pub(super) noise: Option<&'a Noise>,
}

impl ComparedRuns<'_> {
    /// Whether a limit is skipped because there is no baseline and the policy does not require one.
    pub(super) fn skips(&self, gate: &Gate, limit: Limit) -> bool {
        gate.compares(limit) && self.preconditions.skips_changes
    }

    /// The reason why a limit on this dimension cannot be judged for any scores; `None` if it can.
    pub(super) fn blocker(
        &self,
        gate: &Gate,
        limit: Limit,
        subject: Option<&str>,
    ) -> Option<&Cause> {
        if gate.compares(limit) {
            let changed = || {
                let subject = subject?;
                let mut scorers = self.preconditions.setup.changed_scorers.iter();
                let (_, cause) = scorers.find(|(scorer, _)| is_of_scorer(subject, scorer))?;
                Some(cause)
            };
            self.preconditions.change.as_ref().or_else(changed)
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

    /// The dimensions of a gate. Each of its names and patterns must match one.
    fn subjects(&self, gate: &Gate) -> Result<Vec<Option<String>>, Cause> {
        if gate.scorers.is_empty() {
            return Ok(vec![None]);
        }
        let removed = self.preconditions.setup.removed_scorers.iter();
        let mut absent = removed.chain(&self.preconditions.never_scored);
        if let Some((_, cause)) = absent.find(|(name, _)| gate.covers(name)) {
            return Err(cause.clone());
        }
        let known = self.dimensions();
        let mut scorers = gate.scorers.iter();
        if let Some(scorer) = scorers.find(|scorer| policy::matching(scorer, &known).is_empty()) {
            return Err(Cause::UnknownDimension {
                scorer: scorer.clone(),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        let subjects = gate.subjects(&known).into_iter();
        Ok(subjects.map(|name| Some(name.to_owned())).collect())
    }
}

/// The subject, slice and limit of one check.
#[derive(Clone, Copy)]
pub(super) struct CheckSpec<'a> {
    pub(super) gate: &'a Gate,
    pub(super) limit: Limit,
    /// The dimension; `None` if the metric has none.
    pub(super) subject: Option<&'a str>,
    /// The slice of rows; `None` for all rows.
    pub(super) slice: Option<&'a Slice>,
}

impl<'a> CheckSpec<'a> {
    /// The test on the rows, once the check is measured.
    pub(super) fn row_test(
        self,
        selection: &'a Selection,
        removed_rows: RemovedRows,
        pairing: &'a Pairing,
        component: Option<RunComponent>,
        clusters: Option<usize>,
    ) -> RowTest<'a> {
        RowTest {
            gate: self.gate,
            limit: self.limit,
            subject: self.subject,
            selection,
            removed_rows,
            pairing,
            component,
            clusters,
        }
    }
}

/// The checks of one gate.
pub(super) struct GatePlan<'a> {
    /// Its index in the policy.
    pub(super) place: usize,
    pub(super) gate: &'a Gate,
    pub(super) runs: &'a ComparedRuns<'a>,
    /// Whether it is waived today.
    pub(super) is_waived: bool,
    /// Whether its checks can block today.
    pub(super) can_block: bool,
    /// Why its subjects or its slices are unknown; `None` if they are known.
    pub(super) blocker: Option<Cause>,
    /// Its dimensions; a single `None` if the metric is measured on the run itself.
    subjects: Vec<Option<String>>,
    /// Its slices; `None` means all rows.
    slices: Vec<Option<Slice>>,
    /// The findings about it.
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
                // If subjects or slices are unknown, the gate gets one check with the names from the policy.
                (subjects, slices) => (
                    [subjects.err(), slices.err()]
                        .into_iter()
                        .flatten()
                        .collect(),
                    match gate.scorers.as_slice() {
                        [] => vec![None],
                        names => names.iter().cloned().map(Some).collect(),
                    },
                    vec![(!gate.conditions.is_empty()).then(|| Slice {
                        conditions: gate.conditions.clone(),
                        by: None,
                    })],
                ),
            };
        let rows = runs.evidence.rows.as_ref().filter(|_| blockers.is_empty());
        findings.extend(rows.and_then(|rows| unknown_values(gate, rows)));
        // A problem of the run itself takes precedence and is already reported.
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

    /// The subjects, slices and limits of its checks, each with the number of its subject and slice. Tests of one gate
    /// with the same number are made on the same rows.
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

/// The finding that reports a waiver, whether it is active or expired.
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

/// The finding that reports what left a gate undecided.
pub(super) fn noted(gate: &Gate, blocker: &Cause) -> Finding {
    // What is said of a scorer is the same for every gate that covers it.
    if matches!(
        blocker,
        Cause::Setup { .. } | Cause::ScorerNeverScored { .. }
    ) {
        return Finding::new(Effect::Undecided, blocker.clone());
    }
    Finding::of_gate(&gate.name, Effect::Undecided, blocker.clone())
}
