//! Reads which models the scorers of a run called.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::find::CALLS;
use super::wire::CallSummary;
use crate::evidence::Reference;
use crate::project::Project;

/// The number of trials whose calls are read: the first of the run.
const TRIALS: usize = 20;
/// The maximum number of calls within these trials that are read.
const MOST_CALLS: usize = 500;

/// A line of `POST /calls/stream_query`: a trial.
#[derive(Debug, Deserialize)]
struct TrialRead {
    id: String,
}

/// A line of `POST /calls/stream_query`: a call of the model or of a scorer.
#[derive(Debug, Deserialize)]
struct CallRead {
    #[serde(default)]
    op_name: String,
    #[serde(default)]
    summary: Option<CallSummary>,
}

/// Returns the names of the models that the scorers of a run called in its first trials. `is_scorer` tells by the name of
/// an op whether it is a scorer's. Makes two requests. `None` if the calls cannot be read: they only refine a finding.
#[must_use]
pub fn read_scorer_models(
    client: &Client<'_>,
    project: &Project,
    run: &str,
    is_scorer: &dyn Fn(&str) -> bool,
) -> Option<Vec<String>> {
    let query = |parents: &[&str], columns: &[&str], limit: usize| {
        json!({
            "project_id": project.to_string(),
            "filter": {"parent_ids": parents},
            "columns": columns,
            "sort_by": [{"field": "started_at", "direction": "asc"}],
            "limit": limit,
        })
    };
    let what = "the models of scorers";
    let body = query(&[run], &["id"], TRIALS);
    let trials: Vec<TrialRead> = client.post_lines_aside(what, CALLS, &body).ok()?;
    let trials: Vec<&str> = trials.iter().map(|trial| trial.id.as_str()).collect();
    if trials.is_empty() {
        return None;
    }
    let body = query(&trials, &["id", "op_name", "summary"], MOST_CALLS);
    let calls: Vec<CallRead> = client.post_lines_aside(what, CALLS, &body).ok()?;
    // Without any call it is unknown which models the scorers called.
    if calls.is_empty() {
        return None;
    }
    let mut models = BTreeSet::new();
    for call in calls {
        let op = Reference::parse(&call.op_name).map_or(call.op_name, |op| op.name);
        if let Some(summary) = call.summary.filter(|_| is_scorer(&op)) {
            models.extend(summary.served_models());
        }
    }
    Some(models.into_iter().collect())
}
