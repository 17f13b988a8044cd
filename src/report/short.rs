//! The short report: verdict, blocking checks and links. It is used for comments and if the full report is too long.

use std::fmt::{self, Write as _};

use super::escape::markdown as code;
use super::finding::finding_text;
use super::markdown::{SKIPPED, headline, prose, subject};
use super::reason::reason_text;
use super::{Judged, Report, Section, links, view};
use crate::evidence::Baseline;
use crate::judge::{Check, Effect, Finding, Name};
use crate::number::plural;

/// The maximum number of checks that are named for a policy.
const MOST_CHECKS: usize = 10;
/// The maximum number of findings.
const MOST_FINDINGS: usize = 5;
/// The maximum size of a comment, in bytes. GitHub allows 65,536 characters, and the marker is added later.
const MOST_COMMENT: usize = 60_000;

/// The context of a comment, in addition to the policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The commit that was evaluated.
    pub commit: Option<&'a str>,
    /// The page of the pipeline, which has the full report.
    pub pipeline: Option<&'a str>,
}

/// Renders the short report.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &Report) -> fmt::Result {
    if let Some(reason) = &report.skipped {
        return writeln!(page, "**{SKIPPED}**\n\n{}\n", code(reason, false));
    }
    writeln!(page, "**{}**\n", headline(report.verdict()))?;
    if let Some(fault) = &report.fault {
        writeln!(page, "{}\n", code(&fault.message, false))?;
    }
    for section in &report.sections {
        write_section(page, section, MOST_CHECKS)?;
        if let Some(link) = weave(section) {
            writeln!(page, "{link}\n")?;
        }
    }
    Ok(())
}

/// Renders a comment on one policy: its verdict, the blocking checks, the findings that weaken the comparison, and
/// links to more.
#[must_use]
pub fn comment(section: &Section, about: &About<'_>) -> String {
    let rendered = |most: usize| {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = write_comment(&mut page, section, about, most);
        page
    };
    // Names may be long, and a comment that is too long is rejected. So fewer checks are named until it fits.
    let mut pages = [MOST_CHECKS, 3, 1, 0].into_iter().map(rendered);
    pages
        .find(|page| page.len() <= MOST_COMMENT)
        .unwrap_or_else(|| format!("### {}\n", headline(section.verdict())))
}

fn write_comment(
    page: &mut String,
    section: &Section,
    about: &About<'_>,
    most: usize,
) -> fmt::Result {
    writeln!(page, "### {}\n", headline(section.verdict()))?;
    write_section(page, section, most)?;
    if let Ok(judged) = &section.outcome
        && most > 0
    {
        let counts = |finding: &&Finding| {
            finding.effect == Effect::Warning || finding.name() == Name::NothingJudged
        };
        let findings = judged.judgement.findings.iter().filter(counts);
        let mut findings = findings.take(MOST_FINDINGS).peekable();
        let has_findings = findings.peek().is_some();
        for finding in findings {
            writeln!(
                page,
                "- `{}`: {}",
                finding.name().word(),
                prose(&finding_text(finding))
            )?;
        }
        if has_findings {
            writeln!(page)?;
        }
    }
    let pipeline = about.pipeline.filter(|url| links::is_plain(url));
    let pipeline = pipeline.map(|url| format!("[The whole report]({url})"));
    let commit = about.commit.map(|commit| {
        let short: String = commit.chars().take(12).collect();
        format!("commit {}", code(&short, false))
    });
    let tool = format!("weave-gate {}", env!("CARGO_PKG_VERSION"));
    let parts = [weave(section), pipeline, commit, Some(tool)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    writeln!(page, "{}", parts.join(" · "))
}

fn write_section(page: &mut String, section: &Section, most: usize) -> fmt::Result {
    let path = code(&section.path, false);
    match &section.outcome {
        Ok(judged) => {
            let judgement = &judged.judgement;
            let (blocking, counts) = (view::headline(judgement), view::counts(judgement));
            writeln!(page, "{path}: {blocking} ({counts})\n")?;
            write_blocking(page, judged, most)
        }
        Err(fault) => writeln!(page, "{path}: {}\n", code(&fault.message, false)),
    }
}

fn write_blocking(page: &mut String, judged: &Judged, most: usize) -> fmt::Result {
    let blocking: Vec<&Check> = view::ordered(&judged.judgement)
        .into_iter()
        .filter(|check| check.blocks())
        .collect();
    for check in blocking.iter().take(most) {
        writeln!(
            page,
            "- **{}**: {}, {}: {}",
            view::status_label(check),
            code(&check.gate, false),
            subject(check, false),
            prose(&reason_text(check))
        )?;
    }
    if blocking.len() > most {
        let more = plural((blocking.len() - most) as u64, "check");
        writeln!(page, "- and {more} more")?;
    }
    if !blocking.is_empty() {
        writeln!(page)?;
    }
    Ok(())
}

/// A link to the comparison of both runs, or to the candidate if there is no baseline.
fn weave(section: &Section) -> Option<String> {
    let evidence = &section.outcome.as_ref().ok()?.evidence;
    let both = match &evidence.baseline {
        Baseline::Found(baseline, _) => links::comparison(&evidence.candidate, baseline),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let both = both.map(|url| format!("[Compare both runs in Weave]({url})"));
    both.or_else(|| {
        Some(format!(
            "[The run in Weave]({})",
            links::run(&evidence.candidate)?
        ))
    })
}
