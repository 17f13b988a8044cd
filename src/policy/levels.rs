//! Keys that are not known where they are: misspelt, of another level of the policy, or of a later version.

use super::raw::{
    RawBaseline, RawCandidate, RawComparability, RawDefaults, RawGate, RawIdentity, RawNoise,
    RawPolicy, RawReport, RawWaiver,
};
use super::suggest::{lookalike, named, nearest, not_one_of};

/// Keys of the policy language that this version does not implement.
const LATER: [&str; 2] = ["recorded_by", "verdict"];

/// The levels of a policy, each with its keys.
const LEVELS: [(&str, &[&str]); 10] = [
    ("at the top level", RawPolicy::KEYS),
    ("in a gate", RawGate::KEYS),
    ("in `candidate`", RawCandidate::KEYS),
    ("in `baseline`", RawBaseline::KEYS),
    ("in `defaults`", RawDefaults::KEYS),
    ("in `identity`", RawIdentity::KEYS),
    ("in `report`", RawReport::KEYS),
    ("in `comparability`", RawComparability::KEYS),
    ("in `noise`", RawNoise::KEYS),
    ("in `waive`", RawWaiver::KEYS),
];

/// The message and the next edit for a key that is not one of those that its level knows.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> (String, String) {
    if LATER.contains(&key) {
        let message = "this version of weave-gate does not know this key; a later one will";
        return (message.to_owned(), format!("remove `{key}`"));
    }
    let usual = [("git_sha", "commit"), ("git_branch", "branch")];
    let meant = usual
        .iter()
        .find(|(attribute, meant)| *attribute == key && known.contains(meant));
    if let Some((_, meant)) = meant {
        let message = format!("`{key}` is an attribute, not a key");
        return (
            message,
            format!("write `{meant}: …`, or `attributes: {{{key}: …}}`"),
        );
    }
    if let Some(levels) = levels_of(key) {
        return (
            format!("`{key}` belongs {levels}"),
            "move it there".to_owned(),
        );
    }
    let (why, help) = not_one_of(key, known);
    let mut levels = LEVELS.iter();
    match levels.find_map(|(level, keys)| Some((level, nearest(key, keys)?))) {
        Some((level, near)) if nearest(key, known).is_none() && lookalike(key).is_none() => (
            format!("unknown key {}", named(key)),
            format!("did you mean `{near}`, which belongs {level}?"),
        ),
        _ => (format!("unknown key {}{why}", named(key)), help),
    }
}

/// The levels that have a key, in words.
fn levels_of(key: &str) -> Option<String> {
    let levels = LEVELS.iter().filter(|(_, keys)| keys.contains(&key));
    let levels: Vec<&str> = levels.map(|(level, _)| *level).collect();
    let (last, others) = levels.split_last()?;
    if others.is_empty() {
        return Some((*last).to_owned());
    }
    Some(format!("{} or {last}", others.join(", ")))
}
