//! The policies that are named on the command line.

use crate::fault::Fault;
use crate::policy::{Policy, PolicyFile, parse};
use crate::problem::Problem;

/// Reads and checks policies. The error names every problem of every file.
pub(super) fn policies(files: &[PolicyFile]) -> Result<Vec<Policy>, Fault> {
    let mut policies = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for file in files {
        match file.read().and_then(|text| parse(&file.path, &text)) {
            Ok(policy) => policies.push(policy),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        return Ok(policies);
    }
    Err(Fault::of_problems(problems))
}
