//! What differs between two runs besides the evaluated model: scorers, dataset, served models, and the SDK.

use crate::evidence::{Baseline, Evidence, Run};
use crate::judge::{Finding, Name};
use crate::visible::visible;

/// The title of the block in every report.
pub(super) const TITLE: &str = "what else changed";

/// The block of a report.
pub(super) struct AlsoChanged<'f> {
    /// The findings about scorers, the dataset and served models.
    pub(super) findings: Vec<&'f Finding>,
    /// The findings about anything else.
    pub(super) others: Vec<&'f Finding>,
    /// The versions of the SDK, if they differ.
    pub(super) sdk: Option<String>,
}

impl AlsoChanged<'_> {
    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.sdk.is_none()
    }
}

/// Separates the findings about how the runs were measured from the others.
pub(super) fn also_changed<'f>(
    findings: impl IntoIterator<Item = &'f Finding>,
    evidence: &Evidence,
) -> AlsoChanged<'f> {
    let is_setup = |finding: &&Finding| {
        matches!(
            finding.name(),
            Name::ScorerChanged
                | Name::ScorerAdded
                | Name::ScorersUnknown
                | Name::ScorerRemoved
                | Name::DatasetChanged
                | Name::ServedModelsChanged
                | Name::EvaluationChanged
        )
    };
    let (setup, others): (Vec<&Finding>, Vec<&Finding>) = findings.into_iter().partition(is_setup);
    // A scorer that is missing is also reported for each gate that covers it.
    let is_repeated = |finding: &&Finding| {
        let is_same = |other: &&&Finding| other.gate.is_none() && other.cause == finding.cause;
        finding.gate.is_some() && setup.iter().any(|other| is_same(&other))
    };
    let once = setup.iter().filter(|finding| !is_repeated(finding));
    AlsoChanged {
        findings: once.copied().collect(),
        others,
        sdk: sdk(evidence),
    }
}

/// `SDK 0.52.1 → 0.54.0`, if both runs name a version and these differ.
fn sdk(evidence: &Evidence) -> Option<String> {
    let Baseline::Found(baseline, _) = &evidence.baseline else {
        return None;
    };
    let version = |run: &Run| run.setup.as_ref()?.sdk.clone();
    let (before, after) = (version(baseline)?, version(&evidence.candidate)?);
    (before != after).then(|| format!("SDK {} → {}", visible(&before), visible(&after)))
}
