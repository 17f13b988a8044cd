//! Small parts that the pages share: icons, sentences, errors.

use std::fmt::{self, Write as _};

use crate::fault::Fault;
use crate::judge::{Status, Verdict};
use crate::number::plural;
use crate::problem::Problem;
use crate::prose::{Prose, Span};
use crate::report::escape::{markdown as code, markdown_block};

/// The maximum number of problems of a policy that are listed.
const MOST_PROBLEMS: usize = 10;

pub(super) const fn icon(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "✅",
        Some(Verdict::Failed) => "❌",
        Some(Verdict::Undecided) | None => "❔",
    }
}

/// The icon of a status. A word or a value always comes with it.
pub(super) const fn icon_of(status: Status, blocks: bool) -> &'static str {
    match status {
        Status::Pass => "✅",
        Status::Waived => "⏸️",
        Status::Skipped => "⏭️",
        Status::Fail if blocks => "❌",
        Status::Undecided if blocks => "❔",
        Status::Fail | Status::Undecided => "⚠️",
    }
}

pub(super) fn tool() -> String {
    format!("weave-gate {}", env!("CARGO_PKG_VERSION"))
}

/// The next action, on a new line within a list item; empty if there is none.
pub(super) fn help(help: Option<&Prose>) -> String {
    help.map_or(String::new(), |help| format!("<br>help: {}", prose(help)))
}

/// Why nothing was judged.
pub(super) fn write_fault(page: &mut String, fault: &Fault) -> fmt::Result {
    let help = fault.help.as_ref();
    let help = help.map_or(String::new(), |help| format!("\nhelp: {help}"));
    let text = format!("{}{help}", fault.message);
    writeln!(page, "{}", markdown_block(&text))
}

/// Why a policy was not judged: of the problems of policies those of this one, if it has any.
pub(super) fn write_fault_of(page: &mut String, path: &str, fault: &Fault) -> fmt::Result {
    let own: Vec<&Problem> = fault
        .problems
        .iter()
        .filter(|problem| problem.path == path)
        .collect();
    if own.is_empty() {
        return write_fault(page, fault);
    }
    let count = plural(own.len() as u64, "problem");
    writeln!(page, "{count} in the policy\n")?;
    for problem in own.iter().take(MOST_PROBLEMS) {
        let help = problem.help.as_ref();
        let help = help.map_or(String::new(), |help| {
            format!("<br>help: {}", code(help, false))
        });
        writeln!(page, "- {}{help}", code(&problem.to_string(), false))?;
    }
    if own.len() > MOST_PROBLEMS {
        writeln!(page, "- and {} more", own.len() - MOST_PROBLEMS)?;
    }
    writeln!(page)
}

/// A sentence with its names as code.
pub(super) fn prose(prose: &Prose) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.clone(),
        Span::Name(name) => code(name, false),
    };
    prose.spans().iter().map(show).collect()
}

/// The same, for a table.
pub(super) fn prose_cell(prose: &Prose) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.replace('|', "\\|"),
        Span::Name(name) => code(name, true),
    };
    prose.spans().iter().map(show).collect()
}

pub(super) fn dash() -> String {
    "–".to_owned()
}
