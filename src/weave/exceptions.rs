//! Reads the exceptions of calls within trials, for reports.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::find::CALLS;
use crate::evidence::{Raised, Reference, exception};
use crate::project::Project;

/// The maximum number of calls that are read.
const MOST_CALLS: usize = 1_000;

/// A line of `POST /calls/stream_query`: a call within a trial.
#[derive(Debug, Deserialize)]
struct CallRead {
    #[serde(default)]
    parent_id: Option<String>,
    #[serde(default)]
    op_name: String,
    #[serde(default)]
    exception: Option<String>,
}

/// Reads the exceptions that were raised in these trials of one run: the calls that raised, by the id of their trial.
/// Empty if they cannot be read, because no verdict depends on them.
#[must_use]
pub fn read_exceptions(
    client: &Client<'_>,
    project: &Project,
    trials: &[&str],
) -> BTreeMap<String, Vec<Raised>> {
    let body = json!({
        "project_id": project.to_string(),
        "filter": {"parent_ids": trials},
        "columns": ["id", "parent_id", "op_name", "exception"],
        "limit": MOST_CALLS,
    });
    let calls: Result<Vec<CallRead>, _> =
        client.post_lines_aside("the exceptions of trials", CALLS, &body);
    let mut found: BTreeMap<String, Vec<Raised>> = BTreeMap::new();
    for call in calls.unwrap_or_default() {
        let text = call.exception.as_deref().and_then(exception);
        if let Some((parent, exception)) = call.parent_id.zip(text) {
            let op = Reference::parse(&call.op_name);
            let op = op.map_or(call.op_name, |op| op.name);
            found
                .entry(parent)
                .or_default()
                .push(Raised { op, exception });
        }
    }
    found
}
