//! Comments on pull and merge requests: the first screen of each policy. Also the short report, which replaces the full
//! one where that is too long.

use std::fmt::{self, Write as _};

use super::first::{self, Most};
use super::parts::{icon, tool};
use super::write_head;
use crate::report::escape::markdown as code;
use crate::report::{Report, Section, headline, links};

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
    write_head(page, report)?;
    let has_several = report.sections.len() > 1;
    for section in &report.sections {
        if has_several {
            writeln!(page, "### {}\n", heading(section))?;
        }
        first::write(page, section, first::MOST)?;
    }
    Ok(())
}

/// Renders a comment on one policy: the first screen, and links to more.
#[must_use]
pub fn comment(section: &Section, about: &About<'_>) -> String {
    let of = |checks, rows, findings| Most {
        checks,
        rows,
        findings,
    };
    let sizes = [
        first::MOST,
        of(10, 0, 5),
        of(3, 0, 3),
        of(1, 0, 1),
        of(0, 0, 0),
    ];
    let rendered = |most: Most| {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = write_comment(&mut page, section, about, most);
        page
    };
    // Names may be long, and a comment that is too long is rejected. So less is shown until it fits.
    let mut pages = sizes.into_iter().map(rendered);
    pages
        .find(|page| page.len() <= MOST_COMMENT)
        .unwrap_or_else(|| format!("## {}\n", heading(section)))
}

fn write_comment(
    page: &mut String,
    section: &Section,
    about: &About<'_>,
    most: Most,
) -> fmt::Result {
    writeln!(page, "## {}\n", heading(section))?;
    first::write(page, section, most)?;
    let pipeline = about.pipeline.filter(|url| links::is_plain(url));
    let pipeline = pipeline.map(|url| format!("[full report]({url})"));
    let commit = about.commit.map(|commit| {
        let short: String = commit.chars().take(12).collect();
        format!("commit {}", code(&short, false))
    });
    let parts = [pipeline, commit, Some(tool())];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    writeln!(page, "{}", parts.join(" · "))
}

/// `❌ gates.yaml: 2 of 12 checks failed`.
fn heading(section: &Section) -> String {
    let (icon, path) = (icon(section.verdict()), code(&section.path, false));
    format!("{icon} {path}: {}", headline::of_section(section))
}
