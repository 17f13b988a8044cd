//! The policies that are named on the command line.

use crate::fault::Fault;
use crate::policy::{Policy, PolicyFile, Problem};

/// Reads and checks policies. The error names every problem of every file.
pub(super) fn policies(files: &[PolicyFile]) -> Result<Vec<Policy>, Fault> {
    let mut policies = Vec::new();
    let mut lines = Vec::new();
    for file in files {
        match file.read() {
            Ok(text) => match crate::policy::parse(&file.path, &text) {
                Ok(policy) => policies.push(policy),
                Err(problems) => {
                    lines.extend(problems.iter().map(|problem| line(&file.path, problem)));
                }
            },
            Err(fault) => {
                lines.push(fault.message);
                lines.extend(fault.help.map(|help| format!("help: {help}")));
            }
        }
    }
    if lines.is_empty() {
        return Ok(policies);
    }
    Err(Fault::usage(lines.join("\n")))
}

/// Formats a problem as one line. Line breaks in the policy's own text are replaced.
fn line(path: &str, problem: &Problem) -> String {
    let message = problem.message.replace(['\n', '\r'], " ");
    match problem.place.as_str() {
        "" => format!("{path}: {message}"),
        place => format!("{path}: {place}: {message}"),
    }
}
