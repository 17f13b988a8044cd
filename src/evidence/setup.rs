//! How a run was measured: its dataset, its scorers, and the models that were served.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What a digest in place of a secret begins with.
const MASK: &str = "sha256:";

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
    /// Replaces texts in fields that may hold a secret, such as `api_key`, by a digest. A digest stays as it is.
    pub fn mask(&mut self) {
        self.objects.values_mut().for_each(mask);
    }

    /// This setup, and those of the other runs of a pool.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.pooled.values())
    }
}

/// Replaces texts in fields that may hold a secret.
fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (field, value) in map {
                match value {
                    Value::String(text)
                        if may_be_secret(field) && !text.is_empty() && !is_masked(text) =>
                    {
                        let digest = Sha256::digest(text.as_bytes());
                        let start = digest.iter().take(4);
                        let start = start.fold(0_u32, |all, byte| (all << 8) | u32::from(*byte));
                        *text = format!("{MASK}{start:08x}");
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

/// Whether a text is a digest in place of a secret.
fn is_masked(text: &str) -> bool {
    let digest = text.strip_prefix(MASK);
    digest.is_some_and(|digest| digest.len() == 8 && digest.chars().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_may_hold_a_secret_are_masked() {
        let mut value = json!({
            "api_key": "sk-proj-abc", "OPENAI_APIKEY": "sk", "max_tokens": 5, "auth_token": "x", "model_id": "gpt",
            "client": {"password": "p", "tokens": "t"}, "list": [{"secret": "s"}],
        });
        mask(&mut value);
        let once = value.clone();
        mask(&mut value);
        assert_eq!(value, once);
        let text = value.to_string();
        for secret in ["sk-proj", "\"sk\"", "\"x\"", "\"p\"", "\"s\""] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(text.matches("sha256:").count(), 5, "{text}");
        assert!(text.contains("\"gpt\"") && text.contains("\"t\""), "{text}");
    }
}
