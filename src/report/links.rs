//! Addresses of web pages.

use crate::evidence::Run;
use crate::project::encode;

/// The page of a run; `None` where the address of the web pages is none that a browser opens.
pub(super) fn run(run: &Run) -> Option<String> {
    Some(format!("{}/r/call/{}", base(run)?, encode(&run.id)))
}

/// The page that shows two runs side by side. The leftmost is its baseline.
pub(super) fn comparison(candidate: &Run, baseline: &Run) -> Option<String> {
    let ids = serde_json::to_string(&[&baseline.id, &candidate.id]).ok()?;
    Some(format!(
        "{}/weave/compare-evaluations?evaluationCallIds={}",
        base(candidate)?,
        encode(&ids)
    ))
}

fn base(run: &Run) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    let rest = run
        .web
        .strip_prefix("https://")
        .or_else(|| run.web.strip_prefix("http://"))?;
    (!rest.is_empty() && rest.chars().all(plain))
        .then(|| format!("{}/{}", run.web, run.project.encoded()))
}
