//! Reads how runs were measured: their evaluations, and the datasets and scorers that these name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api_error::{ApiError, contradiction};
use super::client::Client;
use crate::evidence::RunInfo;
use crate::evidence::Setup;
use crate::fault::Fault;
use crate::project::Project;

/// The path that reads objects.
const REFS: &str = "/refs/read_batch";
/// Maximum number of references in one request. Weave refuses more.
const MOST_REFS: usize = 1_000;
/// Maximum size of an object as JSON, in bytes. A larger object is left out.
const MOST_BYTES: usize = 256 * 1024;

/// The answer of `POST /refs/read_batch`: the objects in the order of their references, null if one was deleted.
#[derive(Deserialize)]
struct Objects {
    vals: Vec<Value>,
}

/// What the root call alone says about how a run was measured.
#[must_use]
pub fn setup_of(info: &RunInfo) -> Setup {
    Setup {
        evaluation: info.evaluation_ref.clone(),
        objects: BTreeMap::new(),
        served_models: info.served_models.clone(),
        scorer_models: None,
        // The summary of `EvaluationLogger` is what the script logged, and names no scorers.
        unscored: if info.is_logged {
            Vec::new()
        } else {
            info.unscored.clone()
        },
        sdk: info.sdk.clone(),
        pooled: BTreeMap::new(),
    }
}

/// Returns how a run was measured. Makes at most three requests, and one more per object if one does not exist. An object
/// that Weave does not have is left out. Fields that may hold a secret are replaced by a digest of it.
///
/// # Errors
///
/// Weave cannot be reached, or gives no usable answer.
pub fn read_setup(client: &Client<'_>, project: &Project, info: &RunInfo) -> Result<Setup, Fault> {
    let mut setup = setup_of(info);
    let own = format!("weave:///{project}/");
    let Some(evaluation) = setup.evaluation.clone().filter(|it| it.starts_with(&own)) else {
        return Ok(setup);
    };
    read(client, std::slice::from_ref(&evaluation), &mut setup)?;
    let Some(object) = setup.objects.get(&evaluation) else {
        return Ok(setup);
    };
    let scorers = object.get("scorers").and_then(Value::as_array);
    let named = object
        .get("dataset")
        .into_iter()
        .chain(scorers.into_iter().flatten());
    let mut refs: Vec<String> = named
        .filter_map(Value::as_str)
        .filter(|text| text.starts_with(&own))
        .map(str::to_owned)
        .collect();
    refs.sort();
    refs.dedup();
    refs.truncate(MOST_REFS);
    read(client, &refs, &mut setup)?;
    // A prompt of a scorer may be an object of its own. Without it, the report only says that the scorer refers to another
    // version.
    let fields = refs
        .iter()
        .filter_map(|text| setup.objects.get(text)?.as_object());
    let inner = fields
        .flat_map(serde_json::Map::values)
        .filter_map(Value::as_str);
    let inner = inner.filter(|text| text.starts_with(&own) && text.contains("/object/"));
    let mut inner: Vec<String> = inner.map(str::to_owned).collect();
    inner.sort();
    inner.dedup();
    inner.truncate(MOST_REFS);
    read(client, &inner, &mut setup)?;
    Ok(setup)
}

/// Adds the objects of these references.
fn read(client: &Client<'_>, refs: &[String], setup: &mut Setup) -> Result<(), ApiError> {
    if refs.is_empty() {
        return Ok(());
    }
    let what = "how the run was measured";
    match client.post::<Objects>(what, REFS, &json!({"refs": refs})) {
        Ok(Objects { vals }) if vals.len() == refs.len() => {
            let small = |value: &Value| !value.is_null() && value.to_string().len() <= MOST_BYTES;
            let found = refs.iter().zip(vals).filter(|(_, value)| small(value));
            let found = found.map(|(reference, value)| (reference.clone(), value));
            setup.objects.extend(found);
            setup.mask();
            Ok(())
        }
        Ok(_) => {
            let fault = contradiction("it sent another number of objects than was asked for");
            Err(ApiError::Fault(fault).of(what))
        }
        // Weave refuses all references if one object does not exist, so each one is then read alone.
        Err(ApiError::NotFound { .. }) => match refs {
            [_] => Ok(()),
            several => several
                .iter()
                .try_for_each(|one| read(client, std::slice::from_ref(one), setup)),
        },
        Err(refusal) => Err(refusal),
    }
}
