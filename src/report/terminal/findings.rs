//! The findings about runs and policies.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::{Page, prose};
use crate::judge::{Effect, Finding, Name};
use crate::report::also_changed::{AlsoChanged, TITLE};
use crate::report::finding::{cause_help, finding_text};
use crate::report::json::effect_word;

/// The findings that are shown: hints and notes only if all is, and none that a check tells already.
pub(super) fn write<'f>(
    page: &mut Page,
    findings: impl IntoIterator<Item = &'f Finding>,
    is_new: impl Fn(&Finding) -> bool,
) -> fmt::Result {
    let style = page.style;
    let shown = findings.into_iter().filter(|finding| match finding.effect {
        Effect::Undecided => true,
        // That change limits are skipped is never hidden.
        Effect::Warning => !style.is_brief() || finding.name() == Name::NoBaseline,
        Effect::Note | Effect::Hint => style.is_whole(),
    });
    for finding in shown.filter(|finding| is_new(finding)) {
        let color = match finding.effect {
            Effect::Undecided | Effect::Warning => AnsiColor::Yellow,
            Effect::Note | Effect::Hint => AnsiColor::Blue,
        };
        let label = format!("{}[{}]", effect_word(finding.effect), finding.name().word());
        page.block(2, &label, color, &prose(&finding_text(finding)))?;
        page.help(4, cause_help(&finding.cause).as_ref())?;
    }
    Ok(())
}

/// What differs between two runs besides the evaluated model. Notes are shown, too.
pub(super) fn also_changed(page: &mut Page, changed: &AlsoChanged<'_>) -> fmt::Result {
    if changed.is_empty() {
        return Ok(());
    }
    writeln!(page.text, "  {TITLE}")?;
    for finding in &changed.findings {
        page.wrapped(4, 6, &prose(&finding_text(finding)))?;
        page.help(6, cause_help(&finding.cause).as_ref())?;
    }
    if let Some(sdk) = &changed.sdk {
        page.wrapped(4, 6, sdk)?;
    }
    page.empty_line();
    Ok(())
}
