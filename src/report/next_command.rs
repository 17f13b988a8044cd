//! The command that explains a check of a report.

use crate::shell;
use crate::visible::visible;

/// Returns `weave-gate explain` with the check and the arguments, as words for a shell. A name that a terminal cannot
/// show as it is is left out. Every check that blocks is then explained.
pub(super) fn explain(check: &str, arguments: &[String]) -> Vec<String> {
    let mut words = vec!["weave-gate".to_owned(), "explain".to_owned()];
    let is_shown = |text: &str| visible(text) == text;
    if is_shown(check) && !check.starts_with('-') {
        words.push(shell::word(check).into_owned());
    }
    let arguments = arguments.iter().filter(|text| is_shown(text));
    words.extend(arguments.map(|text| shell::word(text).into_owned()));
    words
}
