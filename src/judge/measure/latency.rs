//! Percentiles of the time of predict calls.

use crate::number::{count, nearest_count};

/// The percentile, interpolated between the two nearest values, as `NumPy` and R do by default (Hyndman & Fan 1996,
/// type 7). Sorts the values; NaN if there are none.
pub(in crate::judge) fn percentile(share: f64, values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = |place: u64| {
        let place = usize::try_from(place).ok();
        place.and_then(|place| values.get(place)).copied()
    };
    let place = share * (count(values.len() as u64) - 1.0);
    let below = nearest_count(place.floor());
    let rest = place - place.floor();
    let Some(low) = at(below) else {
        return f64::NAN;
    };
    // Between two infinite values, nothing can be interpolated.
    if rest < 1e-12 || low.is_infinite() {
        return low;
    }
    at(below + 1).map_or(low, |high| low + rest * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_the_two_nearest() {
        let known = [1.0, 2.0, 3.0, 4.0, 10.0];
        for (share, instant, endless, expected) in [
            (0.50, 0, 0, 3.0),
            (0.50, 1, 0, 2.5),
            (0.50, 0, 1, 3.5),
            (0.50, 6, 0, 0.0),
            (0.95, 0, 0, 8.8),
            (0.95, 0, 1, f64::INFINITY),
            (0.50, 0, 10, f64::INFINITY),
        ] {
            let mut values = known.to_vec();
            values.extend(vec![0.0; instant]);
            values.extend(vec![f64::INFINITY; endless]);
            let found = percentile(share, &mut values);
            assert!(
                found == expected || (found - expected).abs() < 1e-12,
                "{share} {found}"
            );
        }
        assert_eq!(percentile(0.99, &mut [2.0]), 2.0);
        assert!(percentile(0.99, &mut []).is_nan());
    }
}
