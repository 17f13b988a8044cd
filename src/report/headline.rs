//! The result of a report or of one policy in a few words.

use super::{Report, Section, view};

/// `2 of 12 checks failed` of one policy, `1 of 3 policies failed` of several.
pub(super) fn of_report(report: &Report) -> String {
    let verdict = report.verdict();
    match report.sections.as_slice() {
        [] => view::verdict_word(verdict).to_owned(),
        [only] => of_section(only),
        several => {
            let alike = several
                .iter()
                .filter(|section| section.verdict() == verdict);
            let word = view::verdict_word(verdict);
            format!("{} of {} policies {word}", alike.count(), several.len())
        }
    }
}

/// `2 of 12 checks failed`.
pub(super) fn of_section(section: &Section) -> String {
    match &section.outcome {
        Ok(judged) => view::headline(&judged.judgement),
        Err(_) => view::verdict_word(None).to_owned(),
    }
}
