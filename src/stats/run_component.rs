//! The run component: what moves all rows of a run at once, and so makes the interval of its mean wider than its rows
//! alone would.

use super::Interval;
use super::quantile::{normal_tail, t_quantile, t_upper};
use crate::number::count;

/// At this normal quantile the tail probability is the smallest that a floating-point number can show.
const LARGEST_Z: f64 = 37.0;
/// The number of steps after which a search ends at the latest.
const MOST_STEPS: u32 = 200;

/// How much a measured mean varies from run to run in addition to what its rows explain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunComponent {
    /// The standard deviation that it adds to the measured value or change, in its unit.
    deviation: f64,
    /// The degrees of freedom of the estimate.
    freedom: f64,
}

impl RunComponent {
    /// The component of a value that is measured by `runs` runs. `run_sd` is the standard deviation between the means of
    /// runs, in the unit of the value. `None` if it is 0.
    #[must_use]
    pub fn of_value(run_sd: f64, freedom: u64, runs: u64) -> Option<Self> {
        Self::new(run_sd, freedom, 1.0 / count(runs))
    }

    /// The component of a change between pools of runs.
    #[must_use]
    pub fn of_change(run_sd: f64, freedom: u64, candidates: u64, baselines: u64) -> Option<Self> {
        Self::new(
            run_sd,
            freedom,
            1.0 / count(candidates) + 1.0 / count(baselines),
        )
    }

    fn new(run_sd: f64, freedom: u64, share: f64) -> Option<Self> {
        (run_sd > 0.0).then(|| Self {
            deviation: run_sd * share.sqrt(),
            freedom: count(freedom),
        })
    }

    /// The standard deviation that it adds to the measured value or change, in its unit.
    #[must_use]
    pub const fn deviation(self) -> f64 {
        self.deviation
    }

    /// Half of the width that the component alone gives an interval. `confidence` is one-sided.
    #[must_use]
    pub fn reach(self, confidence: f64) -> f64 {
        t_quantile(confidence, self.freedom) * self.deviation
    }

    /// The interval of `point` with the component: the half-width w towards each side becomes √(w² + t² s²), where t is
    /// Student's quantile at this one-sided confidence.
    #[must_use]
    pub fn widened(self, interval: Interval, point: f64, confidence: f64) -> Interval {
        let reach = self.reach(confidence);
        Interval {
            low: point - (point - interval.low).hypot(reach),
            high: point + (interval.high - point).hypot(reach),
        }
    }

    /// The one-sided p-value of a change of this size, by inverting the widened interval: the tail probability at which
    /// its end reaches no change. `width` returns the half-width towards no change that the rows alone give, at a normal
    /// quantile. A change that is not in the tested direction has a size of at most 0 and the p-value 0.5.
    pub(super) fn p(self, size: f64, width: impl Fn(f64) -> f64) -> f64 {
        if size.is_nan() || size <= 0.0 {
            return 0.5;
        }
        let beyond = |z: f64| {
            let reach = t_upper(normal_tail(z), self.freedom) * self.deviation;
            let beyond = width(z).hypot(reach) - size;
            // At the end of the numbers nothing is known but that the interval is wide.
            if beyond.is_nan() {
                f64::INFINITY
            } else {
                beyond
            }
        };
        normal_tail(root(beyond))
    }
}

/// The normal quantile from 0 at which a function that rises there from below 0 reaches 0.
fn root(of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = ((0.0, of(0.0)), (LARGEST_Z, of(LARGEST_Z)));
    if high.1 <= 0.0 {
        return high.0;
    }
    let mut kept = 0_i32;
    for step in 0..MOST_STEPS {
        let width = high.0 - low.0;
        if width <= 1e-14 * high.0 {
            break;
        }
        let middle = f64::midpoint(low.0, high.0);
        // The line through both ends is tried first, and every third step halves the bracket.
        let line = low.0 - low.1 * width / (high.1 - low.1);
        let is_inside = line > low.0 && line < high.0;
        let at = if step % 3 == 2 || !is_inside {
            middle
        } else {
            line
        };
        let value = of(at);
        if value < 0.0 {
            low = (at, value);
            // An end that stays counts half, so that the line moves towards it (the Illinois method).
            if kept > 0 {
                high.1 /= 2.0;
            }
            kept = 1;
        } else {
            high = (at, value);
            if kept < 0 {
                low.1 /= 2.0;
            }
            kept = -1;
        }
        if value == 0.0 {
            break;
        }
    }
    high.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::normal_quantile;

    #[test]
    fn the_component_of_a_run_sd_of_zero_is_none() {
        assert_eq!(RunComponent::of_value(0.0, 11, 1), None);
        assert_eq!(RunComponent::of_change(0.0, 11, 1, 1), None);
    }

    #[test]
    fn pooled_runs_make_it_smaller() {
        let single = RunComponent::of_change(0.02, 11, 1, 1).unwrap();
        let pooled = RunComponent::of_change(0.02, 11, 1, 5).unwrap();
        // SciPy's t.ppf(0.95, 11) is 1.795884818704.
        let reach = 1.795_884_818_704 * 0.02;
        assert!((single.reach(0.95) - reach * 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((pooled.reach(0.95) - reach * 1.2_f64.sqrt()).abs() < 1e-12);
        let value = RunComponent::of_value(0.02, 11, 4).unwrap();
        assert!((value.reach(0.95) - reach / 2.0).abs() < 1e-12);
    }

    #[test]
    fn each_side_is_widened_by_itself() {
        let component = RunComponent::of_value(0.04 / 1.795_884_818_704, 11, 1).unwrap();
        let interval = Interval {
            low: 0.47,
            high: 0.58,
        };
        let widened = component.widened(interval, 0.5, 0.95);
        assert!((widened.low - 0.45).abs() < 1e-12, "{widened:?}");
        let high = 0.5 + 0.08_f64.hypot(0.04);
        assert!((widened.high - high).abs() < 1e-12, "{widened:?}");
    }

    #[test]
    fn the_p_value_inverts_the_interval() {
        let component = RunComponent::of_change(0.02, 11, 1, 3).unwrap();
        for size in [0.001, 0.01, 0.05, 0.2] {
            let width = |z: f64| 0.01 * z;
            let p = component.p(size, width);
            let reach = component.reach(1.0 - p);
            let end = (0.01 * normal_quantile(1.0 - p)).hypot(reach);
            assert!((end - size).abs() < 1e-9, "{size}: {p}, {end}");
        }
        assert_eq!(component.p(0.0, |_| 0.0), 0.5);
        assert_eq!(component.p(-0.1, |_| 0.0), 0.5);
        // Without any width of the rows it is Student's tail itself.
        let p = component.p(0.05, |_| 0.0);
        let t = 0.05 / (0.02 * (1.0_f64 + 1.0 / 3.0).sqrt());
        let expected = super::super::quantile::t_tail(t, 11.0);
        assert!((p / expected - 1.0).abs() < 1e-10, "{p} {expected}");
    }
}
