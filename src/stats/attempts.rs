//! The chance that attempts at a row pass, estimated without bias from more trials than attempts.

use crate::number::count;

/// The chance that `k` attempts all pass, if `passed` of `trials` trials passed: the fraction of all choices of k trials in
/// which each passed, C(passed, k) / C(trials, k) (pass^k: Yao and others 2024, tau-bench). `None` if there are fewer than
/// `k` trials or `k` is 0.
#[must_use]
pub fn all_pass(passed: u64, trials: u64, k: u64) -> Option<f64> {
    if k == 0 || trials < k || passed > trials {
        return None;
    }
    if passed < k {
        return Some(0.0);
    }
    let parts = (0..k).map(|done| count(passed - done) / count(trials - done));
    Some(parts.product())
}

/// The chance that at least one of `k` attempts passes: 1 − C(trials − passed, k) / C(trials, k) (pass@k: Chen and others
/// 2021). `None` as for [`all_pass`].
#[must_use]
pub fn any_passes(passed: u64, trials: u64, k: u64) -> Option<f64> {
    let failed = trials.checked_sub(passed)?;
    all_pass(failed, trials, k).map(|none| 1.0 - none)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean over all choices of k of these trials.
    fn by_choices(trials: &[bool], k: usize, does_count: impl Fn(&[bool]) -> bool) -> f64 {
        let mut all = vec![Vec::new()];
        for trial in trials {
            let with: Vec<Vec<bool>> = all
                .iter()
                .map(|chosen: &Vec<bool>| [chosen.as_slice(), &[*trial]].concat())
                .collect();
            all.extend(with);
        }
        all.retain(|chosen| chosen.len() == k);
        let counted = all.iter().filter(|chosen| does_count(chosen)).count();
        count(counted as u64) / count(all.len() as u64)
    }

    #[test]
    fn both_are_the_fraction_of_all_choices() {
        for trials in 1..7_usize {
            for passed in 0..=trials {
                let row: Vec<bool> = (0..trials).map(|trial| trial < passed).collect();
                for k in 1..=trials {
                    let [all, any] = [all_pass, any_passes]
                        .map(|chance| chance(passed as u64, trials as u64, k as u64).unwrap());
                    let every = by_choices(&row, k, |chosen| chosen.iter().all(|one| *one));
                    let some = by_choices(&row, k, |chosen| chosen.iter().any(|one| *one));
                    assert!((all - every).abs() < 1e-12, "{passed} of {trials}, k {k}");
                    assert!((any - some).abs() < 1e-12, "{passed} of {trials}, k {k}");
                }
            }
        }
    }

    #[test]
    fn fewer_trials_than_attempts_say_nothing() {
        assert_eq!(all_pass(2, 2, 3), None);
        assert_eq!(any_passes(0, 2, 3), None);
        assert_eq!(all_pass(1, 1, 0), None);
        assert_eq!(all_pass(3, 2, 1), None);
    }
}
