//! The number of rows that two runs have in common, and the totals of each run on them.

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
    /// The candidate's totals over the common rows; `None` if unknown.
    pub candidate: Option<Totals>,
    /// The baseline's totals over the common rows; `None` if unknown.
    pub baseline: Option<Totals>,
}

impl Pair {
    /// Joins two runs whose row digests are known and whose scores by row are unknown.
    ///
    /// A run whose rows are all common has the same totals over the common rows. For any other run these totals are
    /// unknown. Returns `None` if the digests of a run are unknown.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tests::test_run;

    #[test]
    fn rows_are_joined_on_their_digests() {
        let pair = |ours: &[&str], theirs: &[&str]| {
            Pair::from_digests(&test_run("c", ours), &test_run("b", theirs)).unwrap()
        };
        let counts = |pair: &Pair| {
            let known = (pair.candidate.is_some(), pair.baseline.is_some());
            (pair.common, pair.removed, pair.added, known)
        };
        let some = pair(&["x", "y", "z"], &["y", "z", "v", "w"]);
        assert_eq!(counts(&some), (2, 2, 1, (false, false)));
        let added = pair(&["x", "y"], &["x"]);
        assert_eq!(counts(&added), (1, 0, 1, (false, true)));
        let removed = pair(&["x"], &["x", "y"]);
        assert_eq!(counts(&removed), (1, 1, 0, (true, false)));
        let ours = removed.candidate.unwrap();
        assert_eq!((ours.trials, ours.rows), (1, 1));
        let apart = pair(&["x"], &["y"]);
        assert_eq!(counts(&apart), (0, 1, 1, (false, false)));
        let unread = Run {
            digests: None,
            ..test_run("c", &[])
        };
        assert_eq!(Pair::from_digests(&unread, &unread), None);
    }
}
