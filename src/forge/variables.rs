//! Variables of a CI system.

use crate::site::Lookup;

/// A variable that is set and not empty.
pub(super) fn variable(lookup: &Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).filter(|value| !value.is_empty())
}

pub(super) fn number(lookup: &Lookup<'_>, name: &str) -> u64 {
    lookup(name)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}
