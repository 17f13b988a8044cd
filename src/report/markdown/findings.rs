//! Findings, and what differs between two runs besides the evaluated model.

use std::fmt::{self, Write as _};

use super::parts::{help, prose};
use crate::judge::Finding;
use crate::report::also_changed::AlsoChanged;
use crate::report::escape::markdown as code;
use crate::report::finding::{cause_help, finding_text};
use crate::report::json::effect_word;

/// What differs between two runs besides the evaluated model.
pub(super) fn write_also_changed(page: &mut String, changed: &AlsoChanged<'_>) -> fmt::Result {
    write(page, &changed.findings)?;
    if let Some(sdk) = &changed.sdk {
        writeln!(page, "- {}\n", code(sdk, false))?;
    }
    Ok(())
}

/// Findings, with their effects.
pub(super) fn write(page: &mut String, findings: &[&Finding]) -> fmt::Result {
    for finding in findings {
        let (name, effect) = (finding.name().word(), effect_word(finding.effect));
        let text = prose(&finding_text(finding));
        let help = help(cause_help(&finding.cause).as_ref());
        writeln!(page, "- `{name}` ({effect}): {text}{help}")?;
    }
    if findings.is_empty() {
        Ok(())
    } else {
        writeln!(page)
    }
}
