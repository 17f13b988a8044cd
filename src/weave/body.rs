//! Parts of requests and of messages about them.

use serde_json::Value;

/// Names runs in messages, by their ids.
pub(super) fn named(ids: &[&str]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    quoted.join(" and ")
}

/// Sets a key of a request.
pub(super) fn set(body: &mut Value, key: &str, value: bool) {
    if let Some(keys) = body.as_object_mut() {
        keys.insert(key.to_owned(), value.into());
    }
}
