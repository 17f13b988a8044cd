//! Annotations of GitHub Actions: commands to the runner, one per line.

use std::fmt::Write as _;

use super::escape::{command_data, command_property};
use super::finding::finding_and_help;
use super::reason::reason_and_help;
use super::{Judged, Report, Section, view};
use crate::fault::Fault;
use crate::judge::{Check, Status};
use crate::policy::line_of;
use crate::problem::Problem;

/// The runner shows ten annotations per level. The last one says how many more there are.
const MOST: usize = 9;
/// The maximum length of a message in characters. The runner cuts longer ones.
const LONGEST: usize = 4_000;

/// An annotation: a place in a file, a title, and a message.
struct Annotation {
    file: Option<String>,
    /// The line, from 1.
    line: Option<usize>,
    /// The column, from 1.
    column: Option<usize>,
    title: String,
    message: String,
}

impl Annotation {
    /// An annotation without a place in a file.
    fn new(title: &str, message: String) -> Self {
        Self {
            file: None,
            line: None,
            column: None,
            title: title.to_owned(),
            message,
        }
    }
}

/// Renders the annotations: an error for each check that blocks, a warning for each other check that does not pass, and an
/// error for each problem of a policy. `file` turns the path of a policy into its path in the repository.
#[must_use]
pub fn annotations(report: &Report, file: &dyn Fn(&str) -> String) -> String {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    if let Some(fault) = &report.fault {
        errors.extend(of_fault(fault, file));
    }
    warnings.extend(
        report.skipped.iter().map(|reason| {
            Annotation::new("weave-gate: skipped, nothing was judged", reason.clone())
        }),
    );
    for section in &report.sections {
        match &section.outcome {
            Ok(judged) => of_checks(judged, section, file, &mut errors, &mut warnings),
            Err(fault) => {
                for annotation in of_fault(fault, file) {
                    let of_policy = || Some(file(&section.path));
                    errors.push(Annotation {
                        file: annotation.file.or_else(of_policy),
                        ..annotation
                    });
                }
            }
        }
    }
    lines("error", &errors) + &lines("warning", &warnings)
}

fn of_fault(fault: &Fault, file: &dyn Fn(&str) -> String) -> Vec<Annotation> {
    if fault.problems.is_empty() {
        let message = match &fault.help {
            Some(help) => format!("{}\nhelp: {help}", fault.message),
            None => fault.message.clone(),
        };
        return vec![Annotation::new("weave-gate: no verdict", message)];
    }
    let of_problem = |problem: &Problem| {
        let at = problem.at.as_ref();
        let mut message = problem.message.clone();
        if !problem.place.is_empty() {
            message = format!("{}: {message}", problem.place);
        }
        if let Some(help) = &problem.help {
            message.push_str("\nhelp: ");
            message.push_str(help);
        }
        Annotation {
            file: (!problem.path.is_empty()).then(|| file(&problem.path)),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            ..Annotation::new("weave-gate: no verdict, the policy is invalid", message)
        }
    };
    fault.problems.iter().map(of_problem).collect()
}

fn of_checks(
    judged: &Judged,
    section: &Section,
    file: &dyn Fn(&str) -> String,
    errors: &mut Vec<Annotation>,
    warnings: &mut Vec<Annotation>,
) {
    let is_wrong = |check: &&Check| !matches!(check.status, Status::Pass | Status::Skipped);
    for check in view::ordered(&judged.judgement)
        .into_iter()
        .filter(is_wrong)
    {
        let list = if check.blocks() {
            &mut *errors
        } else {
            &mut *warnings
        };
        let title = format!("{}: {}", view::status_label(check), check.id());
        list.push(Annotation {
            file: Some(file(&section.path)),
            // The text is parsed for each line, so only for the annotations that are shown.
            line: (list.len() < MOST)
                .then(|| line_of(&section.text, &check.gate, check.limit.key))
                .flatten(),
            ..Annotation::new(&title, reason_and_help(check))
        });
    }
    if judged.judgement.checks.iter().all(|check| !check.blocks()) {
        let findings = judged.judgement.findings.iter();
        let blocks = findings.filter(|finding| finding.name() == crate::judge::Name::NothingJudged);
        errors.extend(blocks.map(|finding| Annotation {
            file: Some(file(&section.path)),
            ..Annotation::new("weave-gate: undecided", finding_and_help(finding))
        }));
    }
}

fn lines(level: &str, annotations: &[Annotation]) -> String {
    let mut text = String::new();
    for annotation in annotations.iter().take(MOST) {
        let number = |number: Option<usize>| number.map(|number| number.to_string());
        let place = [
            ("file", annotation.file.clone()),
            ("line", number(annotation.line)),
            ("col", number(annotation.column)),
        ];
        let place = place
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={},", command_property(&value?))));
        let message: String = annotation.message.chars().take(LONGEST).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "::{level} {}title={}::{}",
            place.collect::<String>(),
            command_property(&annotation.title),
            command_data(&message)
        );
    }
    if annotations.len() > MOST {
        let more = annotations.len() - MOST;
        let _ = writeln!(text, "::{level} title=weave-gate::and {more} more");
    }
    text
}
