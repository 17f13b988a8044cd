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
    /// The names of the models that the scorers called in the run's first trials; `None` if that was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorer_models: Option<Vec<String>>,
    /// The scorers of which the run's own summary says nothing, because they returned no score that it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unscored: Vec<String>,
    /// The version of the SDK that made the run; `None` if the run does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk: Option<String>,
    /// How the other runs of a pool were measured, by their ids.
    #[serde(skip)]
    pub pooled: BTreeMap<String, Self>,
}

impl Setup {
    /// This setup, and those of the other runs of a pool.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.pooled.values())
    }
}
