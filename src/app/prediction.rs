//! `prediction`: prints one prediction from Weave.

use super::console::Console;
use super::server::client;
use super::usual_policy::needed_project;
use crate::cli::PredictionArgs;
use crate::fault::Fault;
use crate::report;
use crate::weave::read_prediction;

pub(super) fn run(arguments: &PredictionArgs, console: &Console) -> Result<(), Fault> {
    let project = needed_project(&arguments.server, console)?;
    let client = client(&arguments.server, console)?;
    let prediction = console.while_waiting("asking Weave", || {
        read_prediction(&client, &project, &arguments.id)
    })?;
    let is_bare = prediction
        .get("inputs")
        .and_then(serde_json::Value::as_object)
        .is_none_or(serde_json::Map::is_empty);
    let text = report::json_value(&report::value_without(prediction, console.secrets()))
        .map_err(|error| Fault::bug(format!("cannot write JSON: {error}")))?;
    console.print(&text)?;
    if is_bare {
        console.done("Weave tells no inputs of this prediction, as of most that the SDK logs; `weave-gate export` does");
    }
    Ok(())
}
