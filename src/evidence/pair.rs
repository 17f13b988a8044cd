//! What is known of the rows that two runs have in common.

use std::collections::BTreeMap;

use super::{Run, Totals};

/// Two runs, joined on row digests.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Rows that both runs have.
    pub common: u64,
    /// Rows that only the baseline has.
    pub removed: u64,
    /// Rows that only the candidate has.
    pub added: u64,
    /// The candidate's totals over the common rows, where they can be told.
    pub candidate: Option<Totals>,
    /// The baseline's totals over the common rows, where they can be told.
    pub baseline: Option<Totals>,
}

impl Pair {
    /// Joins two runs of which the row digests are known, and no scores by row.
    ///
    /// A run that has no row of its own has its totals over the common rows; of any other they cannot
    /// be told. `None` where the digests of a run are not known.
    #[must_use]
    pub fn from_digests(candidate: &Run, baseline: &Run) -> Option<Self> {
        let ours = candidate.digests.as_ref()?;
        let theirs = baseline.digests.as_ref()?;
        let added = only_in(ours, theirs);
        let removed = only_in(theirs, ours);
        Some(Self {
            common: ours.len() as u64 - added,
            removed,
            added,
            candidate: (added == 0).then(|| candidate.totals.clone()),
            baseline: (removed == 0).then(|| baseline.totals.clone()),
        })
    }
}

fn only_in(one: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>) -> u64 {
    one.keys()
        .filter(|digest| !other.contains_key(*digest))
        .count() as u64
}
