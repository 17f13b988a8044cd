//! Variables of the environment.

/// A variable of the environment; one that is not UTF-8 counts as not set.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
