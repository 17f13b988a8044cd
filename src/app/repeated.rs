//! The arguments that name the policies and the runs of a check, for a command about the same check.

use crate::cli::{JudgeArgs, USUAL_POLICY};

/// Returns the policies and the options, without those that are the default.
pub(super) fn arguments(judge: &JudgeArgs) -> Vec<String> {
    let JudgeArgs {
        policy,
        candidate,
        baseline,
        wait: _,
        exclude_run,
        reason,
        server,
    } = judge;
    let mut arguments: Vec<String> = Vec::new();
    if *policy != [USUAL_POLICY] {
        arguments.extend(policy.iter().cloned());
    }
    let mut option = |name: &str, value: &str| {
        arguments.push(format!("--{name}={value}"));
    };
    let values = [
        ("candidate", candidate),
        ("baseline", baseline),
        ("project", &server.project),
        ("base-url", &server.base_url),
        ("reason", reason),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            option(name, value);
        }
    }
    for run in exclude_run {
        option("exclude-run", run);
    }
    if server.insecure_http {
        arguments.push("--insecure-http".to_owned());
    }
    arguments
}
