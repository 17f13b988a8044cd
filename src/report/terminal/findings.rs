//! The findings about runs and policies.

use std::fmt;

use anstyle::AnsiColor;

use super::page::{Page, prose};
use crate::judge::{Effect, Finding, Name};
use crate::report::finding::{cause_help, finding_text};
use crate::report::json::effect_word;

/// The findings that are shown: hints and notes only if all is, and none that a check tells already.
pub(super) fn write(
    page: &mut Page,
    findings: &[Finding],
    is_new: impl Fn(&Finding) -> bool,
) -> fmt::Result {
    let style = page.style;
    let shown = findings.iter().filter(|finding| match finding.effect {
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
