//! The noise between runs that a policy declares, and what it adds to a check.

use jiff::civil::Date;

use crate::evidence::{Baseline, Evidence};
use crate::judge::cause::Cause;
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::judge::plan::CheckSpec;
use crate::policy::{Aggregate, Kind, Metric, Noise};
use crate::stats::RunComponent;

/// What the noise between runs adds to a check; `None` if it is not known or 0.
pub(super) fn component(
    noise: Option<&Noise>,
    spec: CheckSpec<'_>,
    evidence: &Evidence,
) -> Option<RunComponent> {
    let noise = noise.filter(|_| is_measured(spec.gate.metric))?;
    let run_sd = *noise.run_sd.get(spec.subject?)?;
    let ours = evidence.candidate.pooled_runs;
    if !spec.limit.key.is_change() {
        return RunComponent::of_value(run_sd, noise.df, ours);
    }
    let theirs = match &evidence.baseline {
        Baseline::Found(run, _) => run.pooled_runs,
        Baseline::Unnamed | Baseline::NotFound(_) => 1,
    };
    RunComponent::of_change(run_sd, noise.df, ours, theirs)
}

/// Whether the noise of a dimension is that of a metric: the mean over rows of its scores.
fn is_measured(metric: Metric) -> bool {
    metric.aggregate() == Aggregate::RowMean
        && matches!(metric.column(), Some(Kind::Truth | Kind::Number))
}

/// The findings about the noise itself: that it is old, and the dimensions that the candidate does not have.
pub(super) fn findings(noise: Option<&Noise>, evidence: &Evidence, today: Date) -> Vec<Finding> {
    let Some(noise) = noise else {
        return Vec::new();
    };
    let expired = (today > noise.expires).then_some(Cause::NoiseExpired {
        expires: noise.expires,
    });
    let known = &evidence.candidate.totals.dimensions;
    let named = noise.run_sd.keys();
    let dimensions: Vec<String> = named
        .filter(|name| !known.contains_key(*name))
        .cloned()
        .collect();
    let unused = (!dimensions.is_empty()).then_some(Cause::NoiseUnused { dimensions });
    let causes = expired.into_iter().chain(unused);
    causes
        .map(|cause| Finding::new(Effect::Warning, cause))
        .collect()
}
