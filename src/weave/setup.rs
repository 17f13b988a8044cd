//! Reads how runs were measured: their evaluations, and the datasets and scorers that these name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

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

/// Replaces texts in fields that may hold a secret, such as `api_key`, by a digest.
fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (field, value) in map {
                match value {
                    Value::String(text) if may_be_secret(field) && !text.is_empty() => {
                        let digest = Sha256::digest(text.as_bytes());
                        let start = digest.iter().take(4);
                        let start = start.fold(0_u32, |all, byte| (all << 8) | u32::from(*byte));
                        *text = format!("sha256:{start:08x}");
                    }
                    other => mask(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a field's name is one under which secrets are stored.
fn may_be_secret(field: &str) -> bool {
    let field = field.to_lowercase();
    let words = [
        "api_key",
        "apikey",
        "password",
        "secret",
        "authorization",
        "credential",
    ];
    words.iter().any(|word| field.contains(word)) || field.ends_with("token")
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
            let found = found.map(|(reference, mut value)| {
                mask(&mut value);
                (reference.clone(), value)
            });
            setup.objects.extend(found);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_may_hold_a_secret_are_masked() {
        let mut value = json!({
            "api_key": "sk-proj-abc", "OPENAI_APIKEY": "sk", "max_tokens": 5, "auth_token": "x", "model_id": "gpt",
            "client": {"password": "p", "tokens": "t"}, "list": [{"secret": "s"}],
        });
        mask(&mut value);
        let text = value.to_string();
        for secret in ["sk-proj", "\"sk\"", "\"x\"", "\"p\"", "\"s\""] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(text.matches("sha256:").count(), 5, "{text}");
        assert!(text.contains("\"gpt\"") && text.contains("\"t\""), "{text}");
    }
}
