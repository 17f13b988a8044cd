//! The report in a few lines, for a comment and for where the whole one has no room: verdict, what blocks, links.

use std::fmt::{self, Write as _};

use super::escape::markdown as code;
use super::markdown::{headline, prose, subject};
use super::{Judged, Report, links, view};
use crate::evidence::Baseline;
use crate::judge::Check;
use crate::number::plural;

/// As many checks of a policy are named.
const MOST_CHECKS: usize = 10;

/// Renders the short form.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(page, "**{}**\n", headline(report.verdict()))?;
    if let Some(fault) = &report.fault {
        writeln!(page, "{}\n", code(&fault.message, false))?;
    }
    for section in &report.sections {
        let path = code(&section.path, false);
        match &section.outcome {
            Ok(judged) => {
                let judgement = &judged.judgement;
                let (blocking, counts) = (view::blocking(judgement), view::counts(judgement));
                writeln!(page, "{path}: {blocking} ({counts})\n")?;
                write_judged(page, judged)?;
            }
            Err(fault) => writeln!(
                page,
                "{path}: no verdict, {}\n",
                code(&fault.message, false)
            )?,
        }
    }
    Ok(())
}

fn write_judged(page: &mut String, judged: &Judged) -> fmt::Result {
    let blocking: Vec<&Check> = view::ordered(&judged.judgement)
        .into_iter()
        .filter(|check| check.blocks())
        .collect();
    for check in blocking.iter().take(MOST_CHECKS) {
        writeln!(
            page,
            "- **{}**: {}, {}: {}",
            view::status_label(check),
            code(&check.gate, false),
            subject(check, false),
            prose(&check.reason)
        )?;
    }
    if blocking.len() > MOST_CHECKS {
        let more = plural((blocking.len() - MOST_CHECKS) as u64, "check");
        writeln!(page, "- and {more} more")?;
    }
    if !blocking.is_empty() {
        writeln!(page)?;
    }
    let evidence = &judged.evidence;
    let both = match &evidence.baseline {
        Baseline::Found(baseline, _) => links::comparison(&evidence.candidate, baseline),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    match (both, links::run(&evidence.candidate)) {
        (Some(url), _) => writeln!(page, "[Compare both runs in Weave]({url})\n"),
        (None, Some(url)) => writeln!(page, "[The run in Weave]({url})\n"),
        (None, None) => Ok(()),
    }
}
