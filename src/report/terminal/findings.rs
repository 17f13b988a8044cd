//! The findings about runs and policies.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::{Page, prose};
use super::style::Style;
use crate::judge::{Effect, Finding, Name};
use crate::report::also_changed::{AlsoChanged, TITLE};
use crate::report::finding::{cause_help, finding_text};
use crate::report::json::effect_word;

/// The findings of a policy: those about anything but how the runs were measured, then what differs besides the model.
pub(super) fn write(
    page: &mut Page,
    changed: &AlsoChanged<'_>,
    is_new: impl Fn(&Finding) -> bool,
) -> fmt::Result {
    let style = page.style;
    let is_shown = |finding: &&&Finding| is_visible(finding, style) && is_new(finding);
    for finding in changed.others.iter().filter(is_shown) {
        labelled(page, 2, finding)?;
    }
    let shown: Vec<_> = changed.findings.iter().filter(is_shown).collect();
    let sdk = changed.sdk.as_ref();
    let sdk = sdk.filter(|_| style.is_whole() || !shown.is_empty());
    if shown.is_empty() && sdk.is_none() {
        return Ok(());
    }
    page.empty_line();
    writeln!(page.text, "  {TITLE}")?;
    for finding in shown {
        labelled(page, 4, finding)?;
    }
    if let Some(sdk) = sdk {
        page.wrapped(4, 6, sdk)?;
    }
    Ok(())
}

/// Some findings of a comparison, without those that are shown on request only.
pub(super) fn list<'f>(
    page: &mut Page,
    findings: impl IntoIterator<Item = &'f Finding>,
) -> fmt::Result {
    let style = page.style;
    let shown = findings
        .into_iter()
        .filter(|finding| is_visible(finding, style));
    for finding in shown {
        labelled(page, 2, finding)?;
    }
    Ok(())
}

/// Whether a finding is shown: hints and notes only if all is.
fn is_visible(finding: &Finding, style: Style) -> bool {
    match finding.effect {
        Effect::Undecided => true,
        // That change limits are skipped is never hidden.
        Effect::Warning => !style.is_brief() || finding.name() == Name::NoBaseline,
        Effect::Note | Effect::Hint => style.is_whole(),
    }
}

/// A finding with its effect and name, and what to do.
fn labelled(page: &mut Page, indent: usize, finding: &Finding) -> fmt::Result {
    let color = match finding.effect {
        Effect::Undecided | Effect::Warning => AnsiColor::Yellow,
        Effect::Note | Effect::Hint => AnsiColor::Blue,
    };
    let label = format!("{}[{}]", effect_word(finding.effect), finding.name().word());
    page.block(indent, &label, color, &prose(&finding_text(finding)))?;
    page.help(indent + 2, cause_help(&finding.cause).as_ref())
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
