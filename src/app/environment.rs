//! Environment variables.

/// Returns an environment variable. A variable that is not UTF-8 counts as not set.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
