//! A test of policies on a terminal: a table of gates and cases, and what each gate misses.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::{Page, prose, shortened};
use super::style::Style;
use crate::exit::Exit;
use crate::gate_test::{Case, GateTest, Outcome};
use crate::number::plural;
use crate::report::escape::no_command;
use crate::report::policy_test::{
    TestReport, TestedPolicy, first_fails, heading, meaning, sign, unnoticed, verdict,
    verdict_help, why,
};
use crate::visible::{columns, padded, visible};

/// The width of a column of the table.
const COLUMN: usize = 6;
/// The narrowest column of names.
const NAME: usize = 20;

/// Renders a test of policies.
#[must_use]
pub fn render_test(report: &TestReport, style: Style) -> String {
    let mut page = Page::new(style);
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    no_command(&page.text)
}

fn write(page: &mut Page, report: &TestReport) -> fmt::Result {
    for tested in &report.policies {
        of_policy(page, tested)?;
    }
    if !page.style.is_brief() {
        legend(page)?;
    }
    page.empty_line();
    let (proven, all) = report.proven();
    let (word, color) = match report.exit() {
        Exit::Passed => ("PROVEN:", AnsiColor::Green),
        _ => ("NOT PROVEN:", AnsiColor::Red),
    };
    let text = format!(
        "{proven} of {} can fail and pass (exit code {})",
        plural(all as u64, "gate"),
        report.exit().code()
    );
    page.block(0, word, color, &text)
}

fn of_policy(page: &mut Page, tested: &TestedPolicy) -> fmt::Result {
    page.empty_line();
    let (name, rows) = &tested.candidate;
    let mut title = format!(
        "{} on {} of {}",
        visible(&tested.policy.path),
        plural(*rows, "row"),
        visible(name)
    );
    if tested.is_copy {
        title.push_str(", compared with a copy of it");
    } else if let Some((name, _)) = &tested.baseline {
        let _ = write!(title, ", compared with {}", visible(name));
    }
    page.wrapped(0, 4, &title)?;
    page.empty_line();
    let width = page
        .style
        .width
        .saturating_sub(2 + COLUMN * Case::ALL.len());
    let is_table = width >= NAME;
    let gates = tested.test.gates.iter();
    let shown = gates.filter(|gate| !page.style.is_brief() || !gate.is_proven());
    let shown: Vec<&GateTest> = shown.collect();
    let names = shown.iter().map(|gate| columns(&visible(&gate.gate)));
    let width = width.min(names.max().unwrap_or_default());
    if is_table && !shown.is_empty() {
        let heads: String = Case::ALL
            .map(|case| format!("{:>COLUMN$}", heading(case)))
            .concat();
        writeln!(page.text, "  {:width$}{heads}", "")?;
    }
    for gate in shown {
        of_gate(page, gate, is_table.then_some(width))?;
    }
    if page.style.is_brief() {
        return Ok(());
    }
    for case in unnoticed(&tested.test) {
        page.empty_line();
        page.wrapped(2, 6, &prose(&case.text()))?;
        page.block(2, "help:", AnsiColor::Cyan, case.help)?;
    }
    Ok(())
}

fn of_gate(page: &mut Page, gate: &GateTest, width: Option<usize>) -> fmt::Result {
    let name = visible(&gate.gate);
    if let Some(width) = width {
        let name = padded(&shortened(&name, width), width);
        write!(page.text, "  {name}")?;
        for (_, outcome) in &gate.cases {
            let sign = sign(*outcome);
            write!(page.text, "{:width$}", "", width = COLUMN - columns(sign))?;
            let text = match outcome {
                Outcome::Passes | Outcome::Caught => page.paint(sign, AnsiColor::Green),
                Outcome::Missed => page.paint(sign, AnsiColor::Red),
                Outcome::NotApplicable => sign.to_owned(),
            };
            page.text.push_str(&text);
        }
        writeln!(page.text)?;
    } else {
        page.wrapped(2, 4, &name)?;
        let cases = gate.cases.iter();
        let cases: Vec<String> = cases
            .map(|(case, outcome)| format!("{} {}", heading(*case), sign(*outcome)))
            .collect();
        page.items(4, 4, &cases)?;
    }
    if let Some(text) = first_fails(gate) {
        page.wrapped(6, 6, &text)?;
    }
    if let Some((word, check)) = verdict(gate) {
        let color = if gate.blocks {
            AnsiColor::Red
        } else {
            AnsiColor::Yellow
        };
        let text = prose(&why(word, check));
        let text = if gate.blocks {
            text
        } else {
            format!("{text} (it does not block)")
        };
        page.block(6, &format!("{word}:"), color, &text)?;
        page.help(6, Some(&verdict_help(word, check)))?;
    }
    Ok(())
}

/// What the headings and signs mean.
fn legend(page: &mut Page) -> fmt::Result {
    page.empty_line();
    for case in Case::ALL {
        page.wrapped(2, 9, &format!("{:6} {}", heading(case), meaning(case)))?;
    }
    page.wrapped(
        2,
        2,
        "✓ ideal passes, the others fail or are undecided   ✗ not   – does not apply",
    )
}
