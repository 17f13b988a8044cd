//! From a policy and evidence to a verdict. Pure: no I/O, no clock, no environment.
//!
//! A check is decided only when nothing that is not known could change the answer. What is not
//! decided is never a pass.

mod attainable;
mod behind;
#[cfg(test)]
mod behind_tests;
mod by_row;
mod chance;
#[cfg(test)]
mod chance_tests;
mod columns;
mod comparability;
mod compare;
mod court;
#[cfg(test)]
mod edge_tests;
mod envelope;
mod family;
#[cfg(test)]
mod hint_tests;
mod hints;
mod latency;
mod limit;
mod logger_latency;
mod measure;
mod noise;
mod question;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
mod rerun_tests;
mod reruns;
#[cfg(test)]
mod row_tests;
mod selection;
mod slice;
mod survey;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod value_tests;
mod words;
mod world;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use behind::{Behind, RowBehind, Scored, behind, columns_behind};
pub use chance::Chance;
pub use columns::columns;
use comparability::Terms;
pub use comparability::{Effect, Finding, Name};
pub use compare::{Comparison, Line, columns_to_compare, compare, value};
pub use measure::Measure;
pub use reruns::RunValue;
pub use slice::Slice;

use crate::evidence::{Baseline, Evidence, Kind, Rows};
use crate::policy::{self, Limit, Metric, Policy, Severity};
use crate::prose::Prose;
use court::Court;

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
    /// The rows that it is about; `None` for all.
    pub slice: Option<Slice>,
    /// What was measured.
    pub metric: Metric,
    /// The further baseline that its gate compares with; `None` for `baseline`.
    pub against: Option<String>,
    /// What had to hold.
    pub limit: Limit,
    /// How sure is sure.
    pub evidence: policy::Evidence,
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
    /// What chance has to say of it, where the gate asks.
    pub chance: Option<Chance>,
    /// The baseline's value, where the limit is on the change.
    pub baseline: Option<Measure>,
    /// The candidate's value: over all its rows, or for a change over those of the comparison.
    pub candidate: Option<Measure>,
    /// What each run of the candidate's commit measures alone, the newest first; empty where it is a single one.
    pub runs: Vec<RunValue>,
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
    /// What tells it from every other check of its policy, and is the same in every report.
    #[must_use]
    pub fn id(&self) -> String {
        let slice = self.slice.as_ref().map(ToString::to_string);
        let parts = [Some(self.gate.clone()), self.subject.clone(), slice];
        // What parts them cannot stand in them.
        let parts = parts
            .into_iter()
            .flatten()
            .map(|part| part.replace(" //", " ///").replace(" / ", " // "));
        let limit = self.limit.key.word().to_owned();
        parts.chain([limit]).collect::<Vec<_>>().join(" / ")
    }

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

/// Judges. `now` is the time by which waivers end and baselines age.
#[must_use]
pub fn judge(policy: &Policy, evidence: &Evidence, now: Timestamp) -> Judgement {
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut findings = Vec::new();
    let mut courts = Vec::new();
    // A gate is judged also where its baseline was not read: then there is none.
    let is_unread = |(name, _): (&str, _)| !evidence.named.contains_key(name);
    let unread = policy.used_baselines().any(is_unread).then(|| Evidence {
        baseline: Baseline::Unnamed,
        rows: None,
        named: BTreeMap::new(),
        ..evidence.clone()
    });
    let named = policy.used_baselines().map(|(name, _)| Some(name));
    for against in std::iter::once(None).chain(named) {
        if let Some(beside) = evidence.beside(against).or(unread.as_ref()) {
            courts.push(court(policy, beside, against, now, &mut findings));
        }
    }
    court::hear(&mut courts, policy, today);
    let mut checks = Vec::new();
    for (place, gate) in policy.gates.iter().enumerate() {
        let against = gate.against.as_deref();
        if let Some(court) = courts.iter_mut().find(|court| court.against == against) {
            court.gate(place, gate, today, &mut checks);
        }
    }
    let can_block = courts.iter().any(|court| court.can_block);
    for finding in courts.into_iter().flat_map(|court| court.findings) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    reruns::measure_each(policy, evidence, &mut checks, &mut findings);
    comparability::whole(&checks, can_block, &mut findings);
    findings.extend(hints::hints(policy, evidence, &checks));
    Judgement {
        verdict: verdict(&checks),
        checks,
        findings,
    }
}

/// Looks at the runs that are compared, and keeps what it finds.
fn court<'a>(
    policy: &'a Policy,
    evidence: &'a Evidence,
    against: Option<&'a str>,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> Court<'a> {
    let mut found = Vec::new();
    let terms = Terms::of(policy, against);
    let mut ground = comparability::ground(&terms, evidence, now, &mut found);
    let contradicted = columns::contradicted(evidence);
    if let Some((role, obstacle)) = &contradicted {
        ground.contradict(*role, obstacle, &mut found);
    }
    let unknown = evidence.rows.is_none() && policy.needs_rows();
    let rows = contradicted
        .map(|(_, obstacle)| obstacle)
        .or_else(|| unknown.then(columns::unknown_rows));
    if policy.needs_usage() && !tells_usage(evidence) {
        found.push(comparability::usage_may_be_partial());
    }
    for finding in found {
        // What is so of the candidate is said once; the rest says which baseline it is about.
        if !findings.contains(&finding) {
            findings.push(match against {
                None => finding,
                Some(name) => finding.beside(name),
            });
        }
    }
    Court {
        policy,
        evidence,
        against,
        ground,
        findings: Vec::new(),
        can_block: false,
        rows,
        trials: BTreeMap::new(),
    }
}

/// Whether it is known of how many trials tokens and cost are known: from the rows, or from the run itself.
fn tells_usage(evidence: &Evidence) -> bool {
    let mut columns = evidence.rows.iter().flat_map(Rows::columns);
    let baseline = match &evidence.baseline {
        Baseline::Found(run, _) => Some(&run.totals),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let mut runs = std::iter::once(&evidence.candidate.totals).chain(baseline);
    columns.any(|column| matches!(column.kind, Kind::Tokens | Kind::Cost))
        || runs.all(|totals| {
            let usage = totals.usage.unwrap_or_default();
            usage.reported.is_some() && usage.priced.is_some()
        })
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

/// Whether checks that could have blocked were skipped and none of them was judged, or all were skipped.
fn nothing_judged(checks: &[Check]) -> bool {
    let is_skipped = |check: &Check| check.status == Status::Skipped;
    let could_block = |check: &&Check| check.severity == Severity::Block && !check.excused;
    let mut blocking = checks.iter().filter(could_block).peekable();
    let none_left = blocking.peek().is_some() && blocking.all(is_skipped);
    none_left || checks.iter().all(is_skipped)
}
