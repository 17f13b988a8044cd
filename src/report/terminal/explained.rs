//! Checks in full on a terminal: their statistics in words, and the rows because of which they did not pass.

use std::fmt;

use anstyle::AnsiColor;

use super::checks::CheckLine;
use super::explained_rows::{self, ShownRows};
use super::page::Page;
use super::runs;
use super::style::Style;
use crate::number::plural;
use crate::policy::Evidence as Rule;
use crate::report::escape::{message, no_command};
use crate::report::json::{JsonChance, JsonCheck, JsonPolicy, JsonReport};
use crate::report::next_command;
use crate::report::reason::p_value;
use crate::report::units::{self, Ends, Values};
use crate::visible::{columns, padded, visible};

/// A check of a report, and its policy.
#[derive(Clone, Copy)]
pub(in crate::report) struct Found<'r> {
    pub(in crate::report) policy: &'r JsonPolicy<'r>,
    pub(in crate::report) check: &'r JsonCheck<'r>,
}

/// What `explain` shows.
pub(in crate::report) struct Explained<'a> {
    pub(in crate::report) report: &'a JsonReport<'a>,
    /// The checks.
    pub(in crate::report) found: &'a [Found<'a>],
    /// The arguments of the command that explains another check of the report.
    pub(in crate::report) arguments: &'a [String],
    /// Further checks, of which only the number and the ids are shown.
    pub(in crate::report) more: &'a [Found<'a>],
    /// What to say if there are no checks.
    pub(in crate::report) nothing: String,
    /// Which rows of each check are shown.
    pub(in crate::report) rows: ShownRows,
}

/// Renders the checks.
pub(in crate::report) fn render_explained(explained: &Explained<'_>, style: Style) -> String {
    let mut page = Page::new(style);
    // Writing to a string cannot fail.
    let _ = write(&mut page, explained);
    no_command(&page.text)
}

fn write(page: &mut Page, explained: &Explained<'_>) -> fmt::Result {
    let mut last: Option<&JsonPolicy<'_>> = None;
    for found in explained.found {
        page.empty_line();
        if !last.is_some_and(|policy| std::ptr::eq(policy, found.policy)) {
            header(page, explained, found.policy)?;
            page.empty_line();
        }
        last = Some(found.policy);
        CheckLine::of_report(found.check).write(page)?;
        page.empty_line();
        statistics(page, found.check)?;
        explained_rows::write(page, found.policy, found.check, explained.rows)?;
    }
    page.empty_line();
    if explained.found.is_empty() {
        page.wrapped(0, 2, &explained.nothing)?;
    }
    if let Some(first) = explained.more.first() {
        let count = plural(explained.more.len() as u64, "more check");
        page.wrapped(2, 4, &format!("{count} (show with --all)"))?;
        let command = next_command::explain(&first.check.id, explained.arguments);
        page.command("next:", &command)?;
    }
    for policy in &explained.report.policies {
        if let Some(error) = &policy.error {
            let text = format!("{}: {}", visible(&policy.path), message(&error.message));
            page.block(2, "NO VERDICT", AnsiColor::Yellow, &text)?;
        }
    }
    Ok(())
}

/// The policy, if there are several, and the runs.
fn header(page: &mut Page, explained: &Explained<'_>, policy: &JsonPolicy<'_>) -> fmt::Result {
    if explained.report.policies.len() > 1 {
        page.wrapped(
            2,
            13,
            &format!("{:<10} {}", "policy", visible(&policy.path)),
        )?;
    }
    if let Some(run) = &policy.candidate {
        let rows = plural(run.rows, "row");
        runs::of_report(page, "candidate", run, policy, &rows)?;
    }
    if let Some(run) = &policy.baseline {
        let rows = match policy.common_rows {
            Some(common) => format!("{common} in common"),
            None => plural(run.rows, "row"),
        };
        runs::of_report(page, "baseline", run, policy, &rows)?;
    }
    Ok(())
}

/// What is measured and tested, each fact on a line.
fn statistics(page: &mut Page, check: &JsonCheck<'_>) -> fmt::Result {
    let mut facts: Vec<(&str, String)> = vec![("check", visible(&check.id))];
    facts.extend(rule(check));
    facts.extend(scores(check));
    facts.extend(each_run(check));
    if let Some(chance) = &check.chance {
        facts.extend(tests(check, chance));
    }
    let widths = facts.iter().map(|(label, _)| columns(label));
    let width = widths.max().unwrap_or_default();
    for (label, text) in facts {
        page.wrapped(
            4,
            4 + width + 2,
            &format!("{}  {text}", padded(label, width)),
        )?;
    }
    Ok(())
}

/// How much evidence the check needs, if it was judged by any.
fn rule(check: &JsonCheck<'_>) -> Option<(&'static str, String)> {
    let text = match check.evidence {
        _ if check.finding.is_some() => return None,
        Rule::Observed => "the measured value decides",
        Rule::Significant => "it fails only if chance does not explain the result",
        Rule::Proven => "the whole confidence interval has to be on one side of the limit",
    };
    Some(("evidence", format!("{}: {text}", check.evidence.word())))
}

/// Which scores there are, if some are missing.
fn scores(check: &JsonCheck<'_>) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let values = Values::from(check);
    let (Some(scored), Some(trials)) = (check.scored, check.trials) else {
        return facts;
    };
    if scored < trials {
        let known = match (check.baseline, check.candidate) {
            (_, None) => String::new(),
            (None, Some(value)) => {
                let value = units::value(values.metric, value, values.limit.value);
                format!("; on these the value is {value}")
            }
            (Some(before), Some(after)) => {
                let (before, after) = (
                    units::value(values.metric, before, after),
                    units::value(values.metric, after, before),
                );
                format!("; on these {before} → {after}")
            }
        };
        let of = plural(trials, "trial");
        facts.push((
            "scores",
            format!("{scored} of the candidate's {of} have one{known}"),
        ));
    }
    facts
}

/// What each run of the candidate's commit measures alone.
fn each_run(check: &JsonCheck<'_>) -> Option<(&'static str, String)> {
    let of = |run: &crate::report::json::JsonRunValue<'_>| {
        let value = run.value.map_or_else(
            || "unknown".to_owned(),
            |value| units::value(check.metric, value, check.limit),
        );
        format!("{} {value}", visible(&run.id))
    };
    let runs: Vec<String> = check.runs.iter().map(of).collect();
    (!runs.is_empty()).then(|| ("each run alone", runs.join(", ")))
}

/// The confidence interval and the significance test, in words.
fn tests(check: &JsonCheck<'_>, chance: &JsonChance) -> Vec<(&'static str, String)> {
    let values = Values::from(check);
    let is_change = check.limit_key.is_change();
    let mut facts = Vec::new();
    let mut fact = |label: &'static str, text: String| facts.push((label, text));
    if chance.missing_at_worst {
        fact(
            "missing scores",
            "the numbers below count each missing score at its worst".to_owned(),
        );
    }
    let [low, high] = chance.interval;
    let ends = Ends {
        low: low.unwrap_or(f64::NEG_INFINITY),
        high: high.unwrap_or(f64::INFINITY),
    };
    let around = chance.point.map_or_else(String::new, |point| {
        let point = if is_change {
            units::change(
                check.metric,
                point,
                false,
                units::signed_limit(values.limit),
            )
        } else {
            units::value(check.metric, point, check.limit)
        };
        format!(" around {point}")
    });
    let of = if check.limit_key.is_relative() {
        ", of the change in the metric's own unit"
    } else {
        ""
    };
    fact(
        "confidence interval",
        format!(
            "{}{around}, on {}{of}",
            units::interval(values, ends, chance.confidence),
            match chance.clusters {
                Some(clusters) => format!(
                    "{} in {}",
                    plural(chance.rows, "row"),
                    plural(clusters, "cluster")
                ),
                None => plural(chance.rows, "row"),
            }
        ),
    );
    if let Some(reach) = chance.run_reach {
        let reach = units::size_of_change(check.metric, reach, false, 0.0);
        let text = format!("{reach} on each side, from `noise` of the policy; in the interval");
        facts.push(("noise between runs", text));
    }
    facts.extend(p_values(chance));
    if let Some(smallest) = chance.resolution {
        let smallest = units::size_of_change(check.metric, smallest, false, 0.0);
        facts.push((
            "smallest detectable change",
            format!("{smallest}, if this were the only test"),
        ));
    }
    if let Some(found) = chance.found {
        let found = units::size_of_change(check.metric, found, false, 0.0);
        facts.push(("found in 80 % of cases", format!("a change of {found}")));
    }
    if let Some(needed) = chance.rows_needed {
        let unit = if chance.clusters.is_some() {
            "cluster"
        } else {
            "row"
        };
        facts.push((
            "rows needed",
            format!("about {} like these would decide", plural(needed, unit)),
        ));
    }
    facts
}

/// How many rows changed, and how likely that is where nothing changed.
fn p_values(chance: &JsonChance) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let (Some(regressed), Some(fixed)) = (chance.regressed, chance.fixed) {
        facts.push((
            "changed rows",
            format!("{} worse, {fixed} better", plural(regressed, "row")),
        ));
    }
    if let Some(p) = chance.p {
        facts.push(("p-value", format!("{}{}", p_value(p), corrected(chance))));
    }
    if let Some(p) = chance.mcnemar_mid_p {
        facts.push((
            "McNemar's mid-p",
            format!("{}, two-sided; for reference only", p_value(p)),
        ));
    }
    facts
}

/// How a p-value was corrected.
fn corrected(chance: &JsonChance) -> String {
    match (chance.counted, chance.adjusted_p, chance.family) {
        (Some(false), ..) => {
            "; not counted as a test: no pattern of these changes would be significant".to_owned()
        }
        (_, Some(adjusted), Some(family)) => format!(
            ", corrected {} for {} (Holm)",
            p_value(adjusted),
            plural(family, "test")
        ),
        _ => ", not corrected".to_owned(),
    }
}
