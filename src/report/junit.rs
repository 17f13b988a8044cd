//! JUnit XML: a test suite for each policy, a test case for each check.

use quick_junit::{
    NonSuccessKind, Report as Junit, SerializeError, TestCase, TestCaseStatus, TestSuite,
};

use super::finding::finding_and_help;
use super::reason::reason_and_help;
use super::{Judged, Report, view};
use crate::fault::Fault;
use crate::judge::{Check, Name, Status};
use crate::policy::Severity;
use crate::visible::spelled_out;

/// Renders the report. Names of test cases contain no measured values, so that they stay the same from run to run.
///
/// # Errors
///
/// No known errors.
pub fn render(report: &Report) -> Result<String, SerializeError> {
    let mut junit = Junit::new("weave-gate");
    if let Some(fault) = &report.fault {
        junit.add_test_suite(unjudged("weave-gate", fault));
    }
    if let Some(reason) = &report.skipped {
        let mut status = TestCaseStatus::skipped();
        status.set_message(spelled_out(reason));
        let mut suite = TestSuite::new("weave-gate");
        suite.add_test_case(TestCase::new("the evidence", status));
        junit.add_test_suite(suite);
    }
    for section in &report.sections {
        let path = spelled_out(&section.path);
        junit.add_test_suite(match &section.outcome {
            Ok(judged) => suite(&path, judged),
            Err(fault) => unjudged(&path, fault),
        });
    }
    junit.to_string().map(|xml| without_skipped_in_root(&xml))
}

/// Takes the count of skipped cases out of the root element: Jenkins' schema has it in suites only. The text that is
/// searched for cannot be in a name: quotes and every `<` in names are escaped.
fn without_skipped_in_root(xml: &str) -> String {
    const ATTRIBUTE: &str = "\" skipped=\"";
    let cut = |line: &str| {
        let (before, after) = line.split_once(ATTRIBUTE)?;
        let (_, after) = after.split_once('"')?;
        Some(format!("{before}\"{after}"))
    };
    let lines = xml.split_inclusive('\n').map(|line| {
        let is_root = line.starts_with("<testsuites ");
        let without = if is_root { cut(line) } else { None };
        without.unwrap_or_else(|| line.to_owned())
    });
    lines.collect()
}

fn suite(path: &str, judged: &Judged) -> TestSuite {
    let mut suite = TestSuite::new(path);
    for check in &judged.judgement.checks {
        let mut case = TestCase::new(spelled_out(&check.id()), status(check));
        case.set_classname(format!("weave-gate.{path}"));
        if check.severity == Severity::Warn && check.status != Status::Pass {
            case.set_system_out(text(check));
        }
        suite.add_test_case(case);
    }
    // Readers show a suite without any judged test as successful, so findings are added as errors.
    let findings = judged.judgement.findings.iter();
    for finding in findings.filter(|finding| finding.name() == Name::NothingJudged) {
        let message = spelled_lines(&finding_and_help(finding));
        suite.add_test_case(error(path, "the verdict", "undecided", &message));
    }
    suite
}

/// A test case with an error.
fn error(path: &str, name: &str, kind: &str, message: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status
        .set_message(message)
        .set_type(kind)
        .set_description(message);
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("weave-gate.{path}"));
    case
}

fn status(check: &Check) -> TestCaseStatus {
    let unlike = |kind, word: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        let text = text(check);
        // GitLab shows the text, other readers show the message.
        status
            .set_message(text.clone())
            .set_type(word)
            .set_description(text);
        status
    };
    match check.status {
        Status::Fail if check.blocks() => unlike(NonSuccessKind::Failure, "fail"),
        Status::Undecided if check.blocks() => unlike(NonSuccessKind::Error, "undecided"),
        // A check that only warns is a success, because Jenkins would otherwise mark the build as unstable.
        Status::Pass | Status::Fail | Status::Undecided => TestCaseStatus::success(),
        Status::Waived | Status::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(text(check));
            status
        }
    }
}

fn text(check: &Check) -> String {
    let text = format!("{}: {}", view::status_label(check), reason_and_help(check));
    spelled_lines(&text)
}

/// Text of several lines with its hidden characters made visible.
fn spelled_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(spelled_out).collect();
    lines.join("\n")
}

/// A suite with an error for a policy that could not be judged, so that no older result stays visible.
fn unjudged(path: &str, fault: &Fault) -> TestSuite {
    let message = match &fault.help {
        Some(help) => format!("{}\nhelp: {help}", fault.message),
        None => fault.message.clone(),
    };
    let message = spelled_lines(&message);
    let mut suite = TestSuite::new(path);
    suite.add_test_case(error(path, "the evidence", "no verdict", &message));
    suite
}
