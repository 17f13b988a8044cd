//! Several tests at once.

/// Holm's step-down adjustment (Holm 1979): the p-values, in their order, each so that it can be compared
/// with the error rate of the whole family.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, (place, p)) in order.into_iter().enumerate() {
        let left = crate::number::count((adjusted.len() - rank) as u64);
        least = least.max((p * left).min(1.0));
        if let Some(slot) = adjusted.get_mut(place) {
            *slot = least;
        }
    }
    adjusted
}
