//! Fuzzes `explain --from` with a JSON report from an untrusted source.

use serde_json::Value;
use weave_gate::report::explain;

use super::text::{has_no_command, is_plain, is_told};

/// The maximum number of checks of a report that are explained.
const MOST: usize = 4;

/// Explains checks by their ids, and one check that does not exist.
///
/// # Panics
///
/// Panics if the text is not plain.
pub fn check(data: &[u8]) {
    let Ok(report) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned();
    let policies = list(&report, "policies").unwrap_or_default();
    let checks = policies
        .iter()
        .flat_map(|policy| list(policy, "checks").unwrap_or_default());
    let named = checks.filter_map(|check| check.get("id")?.as_str().map(str::to_owned));
    for name in named.take(MOST).chain(["no such check".to_owned()]) {
        match explain(&report, &name) {
            Ok(text) => {
                is_plain(&text);
                has_no_command(&text);
                assert!(!text.trim().is_empty() || name.trim().is_empty());
            }
            Err(fault) => is_told(&fault),
        }
    }
}
