//! Annotations of GitHub Actions: commands to the runner, one per line.

use std::fmt::Write as _;

use super::escape::{command_data, command_property};
use super::finding::finding_text;
use super::reason::reason_text;
use super::{Judged, Report, view};
use crate::judge::{Check, Status};
use crate::number::plural;

/// The runner shows ten annotations per level. The last one says how many more there are.
const MOST: usize = 9;
/// The maximum length of a message in characters. The runner cuts longer ones.
const LONGEST: usize = 4_000;

/// An annotation: the policy's file, a title, and a message.
struct Annotation {
    file: Option<String>,
    title: String,
    message: String,
}

/// Renders the annotations: an error for each check that blocks, a warning for each other check that does not pass.
#[must_use]
pub fn annotations(report: &Report) -> String {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    if let Some(fault) = &report.fault {
        errors.push(Annotation {
            file: None,
            title: "weave-gate: no verdict".to_owned(),
            message: fault.message.clone(),
        });
    }
    warnings.extend(report.skipped.iter().map(|reason| Annotation {
        file: None,
        title: "weave-gate: skipped, nothing was judged".to_owned(),
        message: reason.clone(),
    }));
    for section in &report.sections {
        match &section.outcome {
            Ok(judged) => of_checks(judged, &section.path, &mut errors, &mut warnings),
            Err(fault) => errors.push(Annotation {
                file: Some(section.path.clone()),
                title: "weave-gate: no verdict".to_owned(),
                message: fault.message.clone(),
            }),
        }
    }
    lines("error", &errors) + &lines("warning", &warnings)
}

fn of_checks(
    judged: &Judged,
    path: &str,
    errors: &mut Vec<Annotation>,
    warnings: &mut Vec<Annotation>,
) {
    let is_wrong = |check: &&Check| !matches!(check.status, Status::Pass | Status::Skipped);
    for check in view::ordered(&judged.judgement)
        .into_iter()
        .filter(is_wrong)
    {
        let annotation = Annotation {
            file: Some(path.to_owned()),
            title: format!("{}: {}", view::status_label(check), check.id()),
            message: reason_text(check).to_string(),
        };
        if check.blocks() {
            errors.push(annotation);
        } else {
            warnings.push(annotation);
        }
    }
    if judged.judgement.checks.iter().all(|check| !check.blocks()) {
        let findings = judged.judgement.findings.iter();
        let blocks = findings.filter(|finding| finding.name() == crate::judge::Name::NothingJudged);
        errors.extend(blocks.map(|finding| Annotation {
            file: Some(path.to_owned()),
            title: "weave-gate: undecided".to_owned(),
            message: finding_text(finding).to_string(),
        }));
    }
}

fn lines(level: &str, annotations: &[Annotation]) -> String {
    let mut text = String::new();
    for annotation in annotations.iter().take(MOST) {
        let file = annotation.file.as_ref().map_or(String::new(), |file| {
            format!("file={},", command_property(file))
        });
        let message: String = annotation.message.chars().take(LONGEST).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "::{level} {file}title={}::{}",
            command_property(&annotation.title),
            command_data(&message)
        );
    }
    if annotations.len() > MOST {
        let more = plural((annotations.len() - MOST) as u64, "check");
        let _ = writeln!(text, "::{level} title=weave-gate::and {more} more");
    }
    text
}
