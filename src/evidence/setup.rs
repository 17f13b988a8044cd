//! How a run was measured: its dataset, its scorers, and the models that were served.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The measurement setup of a run, as Weave stores it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The reference of the evaluation; `None` if the run has none.
    pub evaluation: Option<String>,
    /// The evaluation, its dataset and its scorers, by reference. Objects that could not be read are left out.
    #[serde(default)]
    pub objects: BTreeMap<String, Value>,
    /// The names of the models that were served during the run, both for the evaluated model and for the scorers.
    #[serde(default)]
    pub served_models: Vec<String>,
}
