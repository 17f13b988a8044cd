//! Counts the rows that two runs have in common, and the rows that only one of them has.

use super::api_error::contradiction;
use crate::evidence::Totals;
use crate::fault::Fault;

/// Row counts of two runs.
pub(super) struct RowCounts {
    /// The number of rows that at least one run has.
    pub(super) union: u64,
    /// The number of rows that both runs have.
    pub(super) common: u64,
}

impl RowCounts {
    /// Returns the number of added rows and of removed rows. Calls `candidate` for the candidate's own row count only
    /// if necessary.
    pub(super) fn tell(
        &self,
        added: bool,
        removed: bool,
        candidate: impl FnOnce() -> Result<u64, Fault>,
    ) -> Result<(u64, u64), Fault> {
        let confused = || contradiction("the rows of both runs and the common ones do not add up");
        let apart = self.union.checked_sub(self.common).ok_or_else(confused)?;
        let (ours, theirs) = match (added, removed) {
            (true, true) => {
                let rows = candidate()?;
                let ours = rows.checked_sub(self.common).ok_or_else(confused)?;
                let theirs = self.union.checked_sub(rows).ok_or_else(confused)?;
                (ours, theirs)
            }
            (true, false) => (apart, 0),
            (false, _) => (0, apart),
        };
        if (ours > 0, theirs > 0) == (added, removed) {
            return Ok((ours, theirs));
        }
        Err(confused())
    }
}

/// Whether a run has trials on rows that the other run does not have.
pub(super) fn apart(own: &Totals, common: &Totals, rows: u64) -> Result<bool, Fault> {
    if common.trials < rows || !own.contain(common) {
        return Err(contradiction(
            "what a run has on some of its rows does not fit into what it has on all",
        ));
    }
    Ok(common.trials < own.trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_with_one_question_at_most() {
        let rows = RowCounts {
            union: 10,
            common: 7,
        };
        let never = || -> Result<u64, Fault> { panic!("not needed") };
        assert_eq!(rows.tell(true, false, never), Ok((3, 0)));
        assert_eq!(rows.tell(false, true, never), Ok((0, 3)));
        assert_eq!(rows.tell(true, true, || Ok(8)), Ok((1, 2)));
        assert!(rows.tell(false, false, never).is_err());
        assert!(rows.tell(true, true, || Ok(7)).is_err());
        assert!(rows.tell(true, true, || Ok(11)).is_err());
        let same = RowCounts {
            union: 7,
            common: 7,
        };
        assert_eq!(same.tell(false, false, never), Ok((0, 0)));
        assert!(same.tell(true, false, never).is_err());
    }
}
