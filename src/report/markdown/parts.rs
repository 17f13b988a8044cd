//! Small parts that the pages share: icons, sentences, errors.

use std::fmt::{self, Write as _};

use crate::fault::Fault;
use crate::judge::{Status, Verdict};
use crate::prose::{Prose, Span};
use crate::report::escape::{markdown as code, markdown_block};

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

pub(super) fn write_fault(page: &mut String, fault: &Fault) -> fmt::Result {
    let help = fault.help.as_ref();
    let help = help.map_or(String::new(), |help| format!("\nhelp: {help}"));
    let text = format!("{}{help}", fault.message);
    writeln!(page, "{}", markdown_block(&text))
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
