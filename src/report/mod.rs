//! Reports. Each format has its own file and a function `fn(&Report) -> String`. Reports judge nothing.

mod also_changed;
mod bar;
mod calibration;
mod comparison;
mod escape;
mod explain;
mod finding;
mod flipped;
mod github;
mod gitlab;
mod headline;
mod html;
mod json;
mod junit;
mod links;
mod markdown;
mod next_command;
mod policy_diff;
mod policy_test;
mod reason;
mod redact;
mod rows;
mod run_facts;
pub mod runs;
mod statistics;
mod table;
mod terminal;
mod units;
mod view;
mod worst_rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::evidence::{Details, Evidence};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::{Check, Comparison, Judgement, OffendingRows, Verdict};

pub use calibration::{CalibrationReport, calibration_schema, json_calibration};
pub use comparison::{render as json_comparison, schema as comparison_schema};
pub use escape::message;
pub use explain::{Asked, explain};
#[cfg(test)]
pub(crate) use finding::finding_and_help;
pub use github::annotations as github_annotations;
pub use gitlab::{annotations as gitlab_annotations, metrics};
pub use html::{
    render as html, render_calibration as html_calibration, render_comparison as html_comparison,
};
pub use json::{JsonReport, document, read, render as json, report_schema, value as json_value};
pub use junit::render as junit;
pub use markdown::{
    About, comment, render as markdown, render_calibration as markdown_calibration,
    render_comparison as markdown_comparison, render_diff as markdown_diff,
    render_test as markdown_test, short,
};
pub use policy_diff::{DiffReport, diff_schema, json_diff};
pub use policy_test::{TestReport, TestedPolicy, json_test, test_schema};
pub use redact::value_without;
pub use table::Table;
pub use terminal::{
    Amount, Style, USUAL_WIDTH, render as terminal, render_calibration as terminal_calibration,
    render_comparison as terminal_comparison, render_diff as terminal_diff, render_fault,
    render_runs as terminal_runs, render_test as terminal_test,
};
#[cfg(test)]
pub(crate) use {finding::finding_text, reason::reason_text};

/// The result of one command.
#[derive(Clone, Debug)]
pub struct Report {
    /// One section for each policy, in the given order.
    pub sections: Vec<Section>,
    /// Why nothing was judged at all; `None` if something was judged.
    pub fault: Option<Fault>,
    /// Why nothing had to be judged.
    pub skipped: Option<String>,
    /// The arguments that name the policies and the runs, for the command that explains a check.
    pub arguments: Vec<String>,
}

/// Inputs, outputs and scores of rows, by the name of the further baseline that their checks compare with; `None` for
/// `baseline`.
pub type DetailsByBaseline = BTreeMap<Option<String>, Details>;

/// One policy and its result.
#[derive(Clone, Debug)]
pub struct Section {
    /// The policy file.
    pub path: String,
    /// SHA-256 of the policy file.
    pub sha256: String,
    /// The text of the policy file, in which lines are found; empty if it was not read.
    pub text: Arc<str>,
    /// The judged policy, or why the evidence is unavailable.
    pub outcome: Result<Judged, Fault>,
}

/// A judgement and the evidence that it is based on.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The verdict with its checks.
    pub judgement: Judgement,
    /// The runs.
    pub evidence: Evidence,
    /// The rows that caused checks to fail, if they could be read.
    pub offending: Vec<OffendingRows>,
    /// Inputs, outputs and scores of these rows.
    pub details: DetailsByBaseline,
    /// Why these details are unavailable.
    pub unexplained: Option<String>,
    /// The inputs that stand for a row, in this order; empty for the input that says most.
    pub show: Vec<String>,
}

impl Judged {
    /// The rows that caused a check to fail.
    fn offending(&self, check: &Check) -> Option<&OffendingRows> {
        let is_it = |offending: &&OffendingRows| {
            let found = self.judgement.checks.get(offending.check);
            found.is_some_and(|found| std::ptr::eq(found, check))
        };
        self.offending.iter().find(is_it)
    }
}

/// A comparison of two runs, or why it is unavailable.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The comparison and the evidence that it is based on.
    pub outcome: Result<(Comparison, Evidence), Fault>,
    /// Inputs, outputs and scores of the rows that changed.
    pub details: Details,
    /// Why these details are unavailable.
    pub unexplained: Option<String>,
    /// The number of common rows with the same outputs in both runs; `None` if outputs were not compared.
    pub same_outputs: Option<u64>,
}

impl Compared {
    /// A comparison without the contents of rows.
    #[must_use]
    pub fn of(outcome: Result<(Comparison, Evidence), Fault>) -> Self {
        Self {
            outcome,
            details: Details::new(),
            unexplained: None,
            same_outputs: None,
        }
    }

    /// The exit code of the comparison. A comparison cannot fail.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.outcome {
            Ok((comparison, _)) if comparison.is_comparable => Exit::Passed,
            Ok(_) => Exit::NoVerdict,
            Err(fault) => fault.exit,
        }
    }
}

impl Section {
    /// The policy's verdict; `None` if the evidence is unavailable.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.outcome
            .as_ref()
            .ok()
            .map(|judged| judged.judgement.verdict)
    }
}

impl Report {
    /// A report with the reason why nothing was judged.
    #[must_use]
    pub fn of_fault(fault: Fault) -> Self {
        Self {
            sections: Vec::new(),
            fault: Some(fault),
            skipped: None,
            arguments: Vec::new(),
        }
    }

    /// A report with the reason why nothing had to be judged.
    #[must_use]
    pub fn of_skip(reason: impl Into<String>) -> Self {
        Self {
            sections: Vec::new(),
            fault: None,
            skipped: Some(reason.into()),
            arguments: Vec::new(),
        }
    }

    /// The verdict of all policies together: the worst of them. `None` if a policy has no verdict and no other policy
    /// fails, or if there are no policies.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        if self.fault.is_some() || self.skipped.is_some() {
            return None;
        }
        let verdicts: Vec<Option<Verdict>> = self.sections.iter().map(Section::verdict).collect();
        if verdicts.contains(&Some(Verdict::Failed)) {
            return Some(Verdict::Failed);
        }
        let known: Option<Vec<Verdict>> = verdicts.into_iter().collect();
        known?.into_iter().max()
    }

    /// The verdict as one word: `passed`, `failed`, `undecided`, `skipped`, or `none`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.verdict() {
            None if self.skipped.is_some() => "skipped",
            None => "none",
            verdict => view::verdict_word(verdict),
        }
    }

    /// The exit code of the report.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.skipped.is_some() {
            return Exit::Passed;
        }
        match (&self.fault, self.verdict()) {
            (Some(fault), _) => fault.exit,
            (None, Some(Verdict::Passed)) => Exit::Passed,
            (None, Some(Verdict::Failed)) => Exit::Failed,
            (None, Some(Verdict::Undecided) | None) => Exit::NoVerdict,
        }
    }

    /// Whether there is no verdict for reasons that may pass without any change: the network or the server failed, or a
    /// run is not there, not finished or not complete yet.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let may_pass = |section: &Section| match &section.outcome {
            Ok(judged) => judged.judgement.may_pass_later(),
            Err(fault) => fault.retryable,
        };
        self.exit() == Exit::NoVerdict
            && self.fault.iter().all(|fault| fault.retryable)
            && self.sections.iter().all(may_pass)
    }

    /// The errors because of which nothing, or not everything, could be judged.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        let of_sections = self
            .sections
            .iter()
            .filter_map(|section| section.outcome.as_ref().err());
        self.fault.iter().chain(of_sections)
    }
}
