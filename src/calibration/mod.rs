//! The noise of repeated runs: how much the runs of an unchanged model differ, and how often limits fail because of that.
//!
//! Only runs of the same model version that were measured in the same way are compared with each other.

mod group;
mod limit;
mod policy_noise;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use group::{DimensionNoise, GroupKey};
pub use limit::{LimitNoise, RowsNeeded};
pub use policy_noise::policy_noise;

use crate::evidence::OwnedRun;
use crate::fault::Fault;
use crate::gate_test::{TestRuns, neutral_checks};
use crate::judge::{Check, Status};
use crate::policy::Policy;

/// With fewer runs nothing is proposed.
pub const FEWEST_RUNS: usize = 5;

/// The noise of one group of runs.
#[derive(Clone, Debug)]
pub struct GroupNoise {
    /// What its runs have in common.
    pub key: GroupKey,
    /// The names of its runs, the newest first.
    pub runs: Vec<String>,
    /// The noise of each dimension; empty if there are too few runs.
    pub dimensions: Vec<DimensionNoise>,
    /// The false alarms of each check of the policy; empty without a policy or with too few runs.
    pub checks: Vec<CheckNoise>,
}

impl GroupNoise {
    /// Whether there are enough runs.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.runs.len() >= FEWEST_RUNS
    }
}

/// The false alarms of one check.
#[derive(Clone, Debug)]
pub struct CheckNoise {
    /// The check, as judged on one of the pairs.
    pub check: Check,
    /// The number of ordered pairs of runs, or of runs if the limit is on the value.
    pub judged: u64,
    /// The number of these on which it failed.
    pub failed: u64,
    /// The number of these on which it was undecided.
    pub undecided: u64,
    /// What the noise of its dimension implies; `None` if it has no noise of rows, or is measured on a slice.
    pub noise: Option<LimitNoise>,
}

/// Measures the noise of runs, the newest first, in groups of runs that can be compared, the largest group first.
///
/// # Errors
///
/// The rows of two runs contradict each other.
pub fn calibrate(
    policy: Option<&Policy>,
    runs: &[OwnedRun],
    now: Timestamp,
) -> Result<Vec<GroupNoise>, Fault> {
    let mut groups: Vec<(GroupKey, Vec<&OwnedRun>)> = Vec::new();
    for run in runs {
        let key = GroupKey::of(&run.run);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, of_group)) => of_group.push(run),
            None => groups.push((key, vec![run])),
        }
    }
    groups.sort_by_key(|(_, runs)| std::cmp::Reverse(runs.len()));
    groups
        .into_iter()
        .map(|(key, runs)| {
            let names = runs.iter().map(|run| {
                let name = run.run.display_name.as_ref();
                name.unwrap_or(&run.run.id).clone()
            });
            let mut noise = GroupNoise {
                key,
                runs: names.collect(),
                dimensions: Vec::new(),
                checks: Vec::new(),
            };
            if noise.is_known() {
                noise.dimensions = group::dimensions(&runs);
                if let Some(policy) = policy {
                    noise.checks = checks(policy, &runs, &noise.dimensions, now)?;
                }
            }
            Ok(noise)
        })
        .collect()
}

/// Judges every ordered pair of runs, and counts on how many each check fails.
fn checks(
    policy: &Policy,
    runs: &[&OwnedRun],
    dimensions: &[DimensionNoise],
    now: Timestamp,
) -> Result<Vec<CheckNoise>, Fault> {
    let mut found: Vec<CheckNoise> = Vec::new();
    let names: Vec<Option<String>> = std::iter::once(None)
        .chain(policy.baselines.keys().cloned().map(Some))
        .collect();
    for (place, candidate) in runs.iter().enumerate() {
        for (number, baseline) in runs.iter().enumerate() {
            if place == number {
                continue;
            }
            let of_name = |name: &Option<String>| (name.clone(), (*baseline).clone());
            let pair = TestRuns {
                candidate: (*candidate).clone(),
                baselines: names.iter().map(of_name).collect::<BTreeMap<_, _>>(),
            };
            let first = number == usize::from(place == 0);
            for check in neutral_checks(policy, &pair, now)? {
                // A limit on the value has the same result with every baseline.
                let is_pair = check.limit.key.is_change() || check.metric.compares();
                if !is_pair && !first {
                    continue;
                }
                let id = check.id();
                let place = found.iter().position(|known| known.check.id() == id);
                let place = place.unwrap_or_else(|| {
                    found.push(CheckNoise {
                        noise: limit::noise(policy, &check, dimensions),
                        check: check.clone(),
                        judged: 0,
                        failed: 0,
                        undecided: 0,
                    });
                    found.len() - 1
                });
                if let Some(known) = found.get_mut(place) {
                    known.judged += 1;
                    known.failed += u64::from(check.status == Status::Fail);
                    known.undecided += u64::from(check.status == Status::Undecided);
                }
            }
        }
    }
    Ok(found)
}
