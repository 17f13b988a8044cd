//! What differs between two runs besides the evaluated model: scorers, dataset, served models, and the SDK.

use super::Judged;
use crate::evidence::{Baseline, Evidence, Run};
use crate::judge::{Effect, Finding, Name, Reason};
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
    /// Whether a reader must know of it.
    pub(super) fn matters(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| matches!(finding.effect, Effect::Undecided | Effect::Warning))
    }

    /// Whether a finding is about how the runs were measured.
    pub(super) fn has(&self, finding: &Finding) -> bool {
        self.findings.iter().any(|one| one.cause == finding.cause)
    }

    /// Whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.sdk.is_none()
    }
}

/// The block for a judged policy, without what a check tells as its reason.
pub(super) fn of_judged(judged: &Judged) -> AlsoChanged<'_> {
    let judgement = &judged.judgement;
    let mut changed = also_changed(&judgement.findings, &judged.evidence);
    changed.findings.retain(|finding| {
        let mut checks = judgement.checks.iter();
        !checks
            .any(|check| matches!(&check.reason, Reason::Blocked(cause) if *cause == finding.cause))
    });
    changed
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
                | Name::ScorerNeverScored
                | Name::DatasetChanged
                | Name::ServedModelsChanged
                | Name::EvaluationChanged
        )
    };
    let (setup, others): (Vec<&Finding>, Vec<&Finding>) = findings.into_iter().partition(is_setup);
    // A scorer that is missing is reported for each gate that covers it.
    let mut once: Vec<&Finding> = Vec::new();
    for finding in &setup {
        if !once.iter().any(|known| known.cause == finding.cause) {
            once.push(finding);
        }
    }
    AlsoChanged {
        findings: once,
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
