//! The noise that a policy declares, from the noise of groups of runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::GroupNoise;
use crate::number::count;
use crate::policy::{Aggregate, Kind, Noise, Policy};

/// The number of days after which the noise should be measured again.
const LASTS: i64 = 90;

/// The noise of the dimensions that the policy's gates measure, over all groups with enough runs. A dimension counts if
/// every such group has it. Its variance is the mean of those of the groups, weighted by their degrees of freedom. `None`
/// if nothing is known of any dimension of the policy.
#[must_use]
pub fn policy_noise(policy: &Policy, groups: &[GroupNoise], today: Date) -> Option<Noise> {
    let known: Vec<&GroupNoise> = groups.iter().filter(|group| group.is_known()).collect();
    let runs: u64 = known.iter().map(|group| group.runs.len() as u64).sum();
    let df = runs - known.len() as u64;
    let all = known.iter().flat_map(|group| &group.dimensions);
    let names: BTreeSet<&str> = all.map(|dimension| dimension.name.as_str()).collect();
    let mut run_sd = BTreeMap::new();
    for name in names {
        let Some(is_truth) = kind_of(policy, name) else {
            continue;
        };
        let variance = known.iter().map(|group| {
            let mut dimensions = group.dimensions.iter();
            let found = dimensions.find(|it| it.name == name && it.is_truth == is_truth)?;
            let freedom = count(group.runs.len() as u64 - 1);
            Some(freedom * found.noise.run.powi(2))
        });
        if let Some(variances) = variance.collect::<Option<Vec<f64>>>() {
            let variance = variances.iter().sum::<f64>() / count(df);
            run_sd.insert(name.to_owned(), rounded(variance.sqrt()));
        }
    }
    (!run_sd.is_empty()).then(|| Noise {
        measured: today,
        expires: today.checked_add(LASTS.days()).unwrap_or(Date::MAX),
        runs,
        df,
        run_sd,
    })
}

/// Whether the gates on a dimension measure it as true or false, or else as a number; `None` if no gate measures the mean
/// of its scores.
fn kind_of(policy: &Policy, name: &str) -> Option<bool> {
    let known = BTreeSet::from([name]);
    policy.gates.iter().find_map(|gate| {
        let is_mean = gate.metric.aggregate() == Aggregate::RowMean;
        let kind = gate.metric.column().filter(|_| is_mean)?;
        let is_truth = match kind {
            Kind::Truth => true,
            Kind::Number => false,
            Kind::Scored
            | Kind::Anything
            | Kind::Latency
            | Kind::Elapsed
            | Kind::Tokens
            | Kind::Cost => return None,
        };
        (!gate.subjects(&known).is_empty()).then_some(is_truth)
    })
}

/// Four significant digits, rounded up: noise that is taken for less than it is makes false alarms.
fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let digits = value.abs().log10().floor();
    let step = 10.0_f64.powf(digits - 3.0);
    let up = (value / step).ceil() * step;
    // Writing and reading drops the digits that only the division made.
    format!("{up:.3e}").parse().unwrap_or(up)
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn numbers_are_rounded_up_to_four_digits() {
        assert_eq!(rounded(0.0), 0.0);
        assert_eq!(rounded(0.012_345_6), 0.012_35);
        assert_eq!(rounded(0.02), 0.02);
        assert_eq!(rounded(12.340_1), 12.35);
        assert_eq!(rounded(0.999_96), 1.0);
    }
}
