//! A test of policies in Markdown.

use std::fmt::{self, Write as _};

use super::parts::prose;
use crate::exit::Exit;
use crate::gate_test::{Case, GateTest, Outcome};
use crate::number::plural;
use crate::report::escape::markdown as code;
use crate::report::policy_test::{
    TestReport, TestedPolicy, heading, meaning, unnoticed, verdict, verdict_help, why,
};

/// Renders a test of policies.
#[must_use]
pub fn render_test(report: &TestReport) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &TestReport) -> fmt::Result {
    let (proven, all) = report.proven();
    let icon = match report.exit() {
        Exit::Passed => "✅",
        _ => "❌",
    };
    let gates = plural(all as u64, "gate");
    writeln!(
        page,
        "## {icon} weave-gate test: {proven} of {gates} can fail and pass\n"
    )?;
    for tested in &report.policies {
        of_policy(page, tested)?;
    }
    writeln!(page, "<details><summary>what the cases are</summary>\n")?;
    for case in Case::ALL {
        writeln!(page, "- **{}**: {}", heading(case), meaning(case))?;
    }
    writeln!(page, "\n</details>")
}

fn of_policy(page: &mut String, tested: &TestedPolicy) -> fmt::Result {
    let (name, rows) = &tested.candidate;
    write!(
        page,
        "{} on {} of {}",
        code(&tested.policy.path, false),
        plural(*rows, "row"),
        code(name, false)
    )?;
    if tested.is_copy {
        write!(page, ", compared with a copy of it")?;
    } else if let Some((name, _)) = &tested.baseline {
        write!(page, ", compared with {}", code(name, false))?;
    }
    writeln!(page, "\n")?;
    let heads = Case::ALL.map(heading).join(" | ");
    writeln!(page, "| Gate | {heads} | First fails at |")?;
    writeln!(page, "|---{}|--:|", "|:-:".repeat(Case::ALL.len()))?;
    for gate in &tested.test.gates {
        let cases = gate.cases.iter();
        let cases: Vec<&str> = cases.map(|(_, outcome)| icon(*outcome)).collect();
        let first = gate.first_fails;
        let first = first.map_or_else(
            || if gate.is_untried { "not tried" } else { "–" }.to_owned(),
            |(worse, rows)| format!("{worse} of {rows} rows"),
        );
        writeln!(
            page,
            "| {} | {} | {first} |",
            code(&gate.gate, true),
            cases.join(" | ")
        )?;
    }
    writeln!(page)?;
    for gate in &tested.test.gates {
        notes(page, gate)?;
    }
    for case in unnoticed(&tested.test) {
        let text = prose(&case.text());
        writeln!(page, "- {text}<br>help: {}", case.help)?;
    }
    writeln!(page)
}

const fn icon(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passes | Outcome::Caught => "✅",
        Outcome::Missed => "❌",
        Outcome::NotApplicable => "–",
    }
}

fn notes(page: &mut String, gate: &GateTest) -> fmt::Result {
    let name = code(&gate.gate, false);
    if let Some((word, check)) = verdict(gate) {
        let does_not = if gate.blocks {
            ""
        } else {
            " (it does not block)"
        };
        writeln!(
            page,
            "- **{word}** {name}: {}{does_not}<br>help: {}",
            prose(&why(word, check)),
            prose(&verdict_help(word, check))
        )?;
    }
    Ok(())
}
