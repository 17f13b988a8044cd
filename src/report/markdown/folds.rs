//! What is folded below the first screen: passed checks, all rows, statistics, runs, policy and findings.

use std::fmt::{self, Write as _};

use super::parts::{dash, tool};
use super::{checks, findings, first, rows, runs};
use crate::judge::{Check, Status};
use crate::report::also_changed::{self, TITLE};
use crate::report::escape::markdown as code;
use crate::report::{Judged, Section, bar, statistics, view};

/// Writes the folds of a policy.
pub(super) fn write(page: &mut String, section: &Section) -> fmt::Result {
    if let Ok(judged) = &section.outcome {
        write_passed(page, judged)?;
        rows::write_all(page, judged)?;
        write_statistics(page, judged)?;
        let changed = also_changed::of_judged(judged);
        if !changed.is_empty() && !changed.matters() {
            writeln!(page, "<details><summary>{TITLE}</summary>\n")?;
            findings::write_also_changed(page, &changed)?;
            writeln!(page, "</details>\n")?;
        }
        writeln!(
            page,
            "<details><summary>runs, policy and findings</summary>\n"
        )?;
        runs::write_table(page, &judged.evidence)?;
        runs::write_listed(page, judged)?;
        findings::write(page, &changed.others)?;
        writeln!(
            page,
            "Policy {}, SHA-256 `{}`\n",
            code(&section.path, false),
            section.sha256
        )?;
        writeln!(page, "</details>\n")?;
    }
    writeln!(page, "<sub>{}</sub>\n", tool())
}

/// The checks that passed and are not on the first screen, and those that were skipped.
fn write_passed(page: &mut String, judged: &Judged) -> fmt::Result {
    let of = |status| {
        let checks = judged.judgement.checks.iter();
        let first = first::shown(&judged.judgement);
        let is_new = move |check: &&Check| !first.iter().any(|shown| std::ptr::eq(*shown, *check));
        checks.filter(move |check| check.status == status && is_new(check))
    };
    let passed: Vec<&Check> = of(Status::Pass).collect();
    let skipped: Vec<&Check> = of(Status::Skipped).collect();
    let word = if passed.len() == view::passed(&judged.judgement) {
        "passed"
    } else {
        "more passed"
    };
    for (checks, word) in [(&passed, word), (&skipped, "skipped")] {
        if !checks.is_empty() {
            writeln!(
                page,
                "<details><summary>{} {word}</summary>\n",
                checks.len()
            )?;
            checks::write(page, judged, checks)?;
            writeln!(page, "</details>\n")?;
        }
    }
    Ok(())
}

/// The confidence intervals and tests of checks.
fn write_statistics(page: &mut String, judged: &Judged) -> fmt::Result {
    let ordered = view::ordered(&judged.judgement);
    let tested = ordered
        .iter()
        .filter_map(|check| Some((*check, statistics::of(check)?)));
    let tested: Vec<(&Check, statistics::Statistics)> = tested.collect();
    if tested.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<details><summary>statistics and intervals</summary>\n"
    )?;
    writeln!(
        page,
        "| Check | Rows | Interval | Confidence | p | Corrected p | Smallest detectable change | Found in 80 % of cases |"
    )?;
    writeln!(page, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
    for (check, facts) in &tested {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(dash);
        writeln!(
            page,
            "| {} {} | {} | {} to {} | {} | {} | {} | {} | {} |",
            checks::name(check, true),
            check.limit.key.word().replace('_', " "),
            facts.rows,
            facts.low.replace('-', "−"),
            facts.high.replace('-', "−"),
            facts.confidence,
            or_dash(&facts.p),
            or_dash(&facts.corrected_p),
            or_dash(&facts.detectable),
            or_dash(&facts.found),
        )?;
    }
    writeln!(page)?;
    for (check, _) in &tested {
        if let Some(drawn) = bar::of(check) {
            let (low, high) = (drawn.low.replace('-', "−"), drawn.high.replace('-', "−"));
            let id = code(&check.id(), false);
            writeln!(page, "- {low} `{}` {high} {id}", drawn.picture)?;
        }
    }
    writeln!(
        page,
        "\n<sub>{}. Intervals and p-values are one-sided.</sub>\n",
        bar::LEGEND
    )?;
    writeln!(page, "</details>\n")
}
