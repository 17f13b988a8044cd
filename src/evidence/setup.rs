//! How a run was measured: on which dataset, by which scorers, and which models were served.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The measurement setup of a run, as Weave has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The reference of the evaluation, where the run has one.
    pub evaluation: Option<String>,
    /// By their references: the evaluation, its dataset and its scorers. One that could not be read is not among them.
    #[serde(default)]
    pub objects: BTreeMap<String, Value>,
    /// The names of the models that were served during the run, of the model under test and of the scorers.
    #[serde(default)]
    pub served_models: Vec<String>,
}
