//! Addresses of web pages.

use crate::evidence::Run;
use crate::project::{Project, encode};

/// The web page of a run; `None` if a browser cannot open the address.
pub(super) fn run(run: &Run) -> Option<String> {
    call(&run.web, &run.project, &run.id)
}

/// The page of a call, such as a run's root.
pub(super) fn call(web: &str, project: &Project, id: &str) -> Option<String> {
    Some(format!("{}/r/call/{}", base(web, project)?, encode(id)))
}

/// The page that compares two runs of one project. The leftmost run is the baseline.
pub(super) fn comparison(candidate: &Run, baseline: &Run) -> Option<String> {
    if candidate.project != baseline.project {
        return None;
    }
    let ids = serde_json::to_string(&[&baseline.id, &candidate.id]).ok()?;
    Some(format!(
        "{}/weave/compare-evaluations?evaluationCallIds={}",
        base(&candidate.web, &candidate.project)?,
        encode(&ids)
    ))
}

fn base(web: &str, project: &Project) -> Option<String> {
    is_plain(web).then(|| format!("{web}/{}", project.encoded()))
}

/// Whether a browser can open the address and it contains nothing that could end a link.
pub(super) fn is_plain(url: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain))
}
