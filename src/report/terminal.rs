//! The report for a terminal or the log of a CI system: 80 columns, with the verdict at the end.

use crate::evidence::RunStatus;
use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Effects};

use super::escape::{message, no_command};
use super::finding::finding_text;
use super::json::effect_word;
use super::reason::reason_text;
use super::rows::{self, excerpt};
use super::{Compared, Judged, Report, links, view};
use crate::evidence::{Baseline, Evidence, Reference, Run};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::{Check, Effect, Finding, Line, Status, Verdict};
use crate::number::plural;
use crate::prose::{Prose, Span};
use crate::visible::{columns, padded, visible};

const WIDTH: usize = 80;
/// The maximum number of rows that are shown for a check.
const MOST_ROWS: usize = 3;

/// How the report is shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether to use colors.
    pub color: bool,
    /// Whether to show only what blocks.
    pub brief: bool,
}

/// Renders the report.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    // Writing to a string cannot fail.
    let _ = page.report(report);
    // A brief report may have an empty part between two line breaks.
    no_command(&page.text.replace("\n\n\n", "\n\n"))
}

/// Renders an error for stderr.
#[must_use]
pub fn render_fault(fault: &Fault, color: bool) -> String {
    let mut page = Page {
        text: String::new(),
        style: Style {
            color,
            brief: false,
        },
    };
    let _ = page.fault(fault);
    no_command(&page.text)
}

/// Renders a comparison of two runs.
#[must_use]
pub fn render_comparison(compared: &Compared, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    // Writing to a string cannot fail.
    let _ = page.comparison(compared);
    no_command(page.text.trim_start_matches('\n'))
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn report(&mut self, report: &Report) -> fmt::Result {
        for section in &report.sections {
            let path = visible(&section.path);
            match &section.outcome {
                Ok(judged) => {
                    let judgement = &judged.judgement;
                    let (blocking, counts) = (view::headline(judgement), view::counts(judgement));
                    self.block(
                        0,
                        &format!("{path}:"),
                        AnsiColor::Cyan,
                        &format!("{blocking} ({counts})"),
                    )?;
                    writeln!(self.text)?;
                    self.judged(judged)?;
                }
                Err(fault) => {
                    let why = fault.message.lines().next().unwrap_or_default();
                    let why = format!("no verdict: {}", message(why));
                    self.block(0, &format!("{path}:"), AnsiColor::Cyan, &why)?;
                    writeln!(self.text)?;
                }
            }
        }
        let verdict = report.verdict();
        let word = if let Some(reason) = &report.skipped {
            self.block(0, "skipped:", AnsiColor::Yellow, &message(reason))?;
            writeln!(self.text)?;
            self.paint("skipped, nothing was judged", AnsiColor::Yellow)
        } else {
            self.paint(view::verdict_word(verdict), verdict_color(verdict))
        };
        let code = report.exit().code();
        writeln!(self.text, "weave-gate: {word}, exit code {code}")
    }

    fn fault(&mut self, fault: &Fault) -> fmt::Result {
        let label = self.paint("error", AnsiColor::Red);
        let mut lines = fault.message.lines();
        let first = lines.next().unwrap_or_default();
        writeln!(self.text, "{label}: {}", message(first))?;
        for rest in lines {
            writeln!(self.text, "  {}", message(rest))?;
        }
        if let Some(help) = &fault.help {
            let label = self.paint("help", AnsiColor::Cyan);
            writeln!(self.text, "  {label}: {}", message(help))?;
        }
        Ok(())
    }

    fn judged(&mut self, judged: &Judged) -> fmt::Result {
        let judgement = &judged.judgement;
        for check in view::ordered(judgement) {
            if check.blocks() || !self.style.brief {
                self.check(check)?;
                self.offending(judged, check)?;
            }
        }
        self.findings(&judgement.findings)?;
        if let Some(why) = judged.unexplained.as_ref().filter(|_| !self.style.brief) {
            let why = format!("the rows behind are not shown: {}", visible(why));
            writeln!(self.text)?;
            self.wrapped(2, 6, &why)?;
        }
        if !self.style.brief {
            self.runs(&judged.evidence)?;
            self.listed(judged)?;
        }
        writeln!(self.text)
    }

    /// Writes every run of a commit with several runs, with the values that each of the candidate's runs measured
    /// alone.
    fn listed(&mut self, judged: &Judged) -> fmt::Result {
        for (index, run) in view::listed(&judged.evidence).into_iter().enumerate() {
            if index == 0 {
                writeln!(self.text)?;
            }
            let measured: Vec<String> = view::measured(&judged.judgement, &run.id)
                .into_iter()
                .map(|(check, value)| format!("{} {value}", visible(&check.gate)))
                .collect();
            let commit = run.commit.as_deref().map(view::short_commit);
            let rows = run.rows.map(|rows| plural(rows, "row"));
            let facts = [
                Some(visible(&run.id)),
                commit.map(|commit| visible(&commit)),
                Some(view::use_word(run).to_owned()),
                rows,
            ];
            let facts: Vec<String> = facts.into_iter().flatten().collect();
            let measured = if measured.is_empty() {
                String::new()
            } else {
                format!(": {}", measured.join(", "))
            };
            let text = format!("{} run {}{measured}", run.role.word(), facts.join(", "));
            self.wrapped(2, 6, &text)?;
        }
        Ok(())
    }

    fn findings(&mut self, findings: &[Finding]) -> fmt::Result {
        let brief = self.style.brief;
        let shown = findings
            .iter()
            // Hints are written to stderr, separate from the report.
            .filter(|finding| finding.effect != Effect::Hint)
            .filter(|finding| !brief || finding.effect == Effect::Undecided);
        for (index, finding) in shown.enumerate() {
            if index == 0 {
                writeln!(self.text)?;
            }
            let color = match finding.effect {
                Effect::Undecided | Effect::Warning => AnsiColor::Yellow,
                Effect::Note | Effect::Hint => AnsiColor::Blue,
            };
            let label = format!("{}[{}]", effect_word(finding.effect), finding.name().word());
            self.block(2, &label, color, &prose(&finding_text(finding)))?;
        }
        Ok(())
    }

    fn runs(&mut self, evidence: &Evidence) -> fmt::Result {
        writeln!(self.text)?;
        self.run("candidate", &evidence.candidate)?;
        for (role, baseline) in view::baselines(evidence) {
            self.run(&role, baseline)?;
        }
        if let Baseline::Found(baseline, _) = &evidence.baseline
            && let Some(url) = links::comparison(&evidence.candidate, baseline)
        {
            writeln!(self.text, "  compare    {url}")?;
        }
        Ok(())
    }

    fn comparison(&mut self, compared: &Compared) -> fmt::Result {
        if let Ok((comparison, evidence)) = &compared.outcome {
            if !self.style.brief {
                self.lines(&comparison.lines)?;
            }
            self.findings(&comparison.findings)?;
            if !self.style.brief {
                self.runs(evidence)?;
            }
            writeln!(self.text)?;
        }
        let exit = compared.exit();
        let (word, color) = if exit == Exit::Passed {
            ("compared", AnsiColor::Green)
        } else {
            ("could not compare", AnsiColor::Yellow)
        };
        let word = self.paint(word, color);
        writeln!(self.text, "weave-gate: {word}, exit code {}", exit.code())
    }

    /// Writes a table of metrics with both values and the number of known scores.
    fn lines(&mut self, lines: &[Line]) -> fmt::Result {
        let rows: Vec<[String; 4]> = lines
            .iter()
            .map(|line| {
                let cells = view::line(line);
                [
                    format!("{} {}", visible(&line.subject), line.metric.word()),
                    format!("{} → {}", cells.baseline, cells.candidate),
                    cells.change,
                    format!(
                        "scored {} → {}",
                        cells.baseline_scored, cells.candidate_scored
                    ),
                ]
            })
            .collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| columns(cell)).max().unwrap_or(0)
        };
        let (first, second, third) = (width(0), width(1), width(2));
        for [what, values, change, scored] in &rows {
            let (what, values) = (padded(what, first), padded(values, second));
            let line = format!("  {what}  {values}  {}  {scored}", padded(change, third));
            writeln!(self.text, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Writes a check in two lines: what was checked, and the result.
    fn check(&mut self, check: &Check) -> fmt::Result {
        let label = view::status_label(check);
        let color = match check.status {
            Status::Fail if check.blocks() => AnsiColor::Red,
            Status::Pass => AnsiColor::Green,
            Status::Skipped => AnsiColor::Blue,
            Status::Fail | Status::Undecided | Status::Waived => AnsiColor::Yellow,
        };
        let subject = check.subject.as_deref().map(visible);
        let subject = subject.map_or(String::new(), |subject| format!("{subject} "));
        let slice = check
            .slice
            .as_ref()
            .map(|slice| visible(&slice.to_string()));
        let slice = slice.map_or(String::new(), |slice| format!(" where {slice}"));
        let what = format!(
            "{}: {subject}{}{slice}, {}",
            visible(&check.gate),
            check.metric.word(),
            view::limit(check)
        );
        self.block(2, &label, color, &what)?;
        let why = prose(&reason_text(check));
        self.wrapped(6, 6, &why)
    }

    /// Writes the first few rows that caused a check to fail.
    fn offending(&mut self, judged: &Judged, check: &Check) -> fmt::Result {
        let Some(offending) = judged.offending(check).filter(|_| !self.style.brief) else {
            return Ok(());
        };
        for row in rows::rows(judged, offending).iter().take(MOST_ROWS) {
            let before = row
                .baseline
                .as_ref()
                .map_or(String::new(), |side| format!("{} → ", side.score()));
            let what = format!(
                "{before}{}: {}",
                row.candidate.score(),
                visible(&excerpt(&row.inputs))
            );
            self.wrapped(6, 8, &what)?;
            let url = row
                .candidate
                .answers
                .iter()
                .find_map(|answer| answer.url.as_ref());
            if let Some(url) = url {
                writeln!(self.text, "{:8}{url}", "")?;
            }
        }
        match offending.total.saturating_sub(MOST_ROWS as u64) {
            0 => Ok(()),
            more => writeln!(
                self.text,
                "{:6}and {more} more {}",
                "",
                if more == 1 { "row" } else { "rows" }
            ),
        }
    }

    fn run(&mut self, role: &str, run: &Run) -> fmt::Result {
        let status = run
            .status
            .as_ref()
            .map(RunStatus::word)
            .map_or_else(|| "no status".to_owned(), visible);
        let what = [
            Some(visible(&run.id)),
            run.model.as_ref().map(name),
            run.evaluation.as_ref().map(name),
            Some(status),
            run.finished_at
                .or(run.started_at)
                .map(|time| time.strftime("%Y-%m-%d %H:%M UTC").to_string()),
        ];
        let what: Vec<String> = what.into_iter().flatten().collect();
        let text = format!("{role:<10} {}", what.join(", "));
        self.wrapped(2, 13, &text)?;
        match links::run(run) {
            Some(url) => writeln!(self.text, "{:13}{url}", ""),
            None => Ok(()),
        }
    }

    /// Writes a colored label followed by wrapped text.
    fn block(&mut self, indent: usize, label: &str, color: AnsiColor, text: &str) -> fmt::Result {
        let start = self.text.len();
        self.wrapped(indent, indent + 4, &format!("{label} {text}"))?;
        let painted = self.paint(label, color);
        let at = start + indent;
        if let Some(found) = self.text.get(at..).filter(|rest| rest.starts_with(label)) {
            let rest = found.split_at(label.len()).1.to_owned();
            self.text.truncate(at);
            self.text.push_str(&painted);
            self.text.push_str(&rest);
        }
        Ok(())
    }

    /// Wraps text at spaces. A word that is too long is not split, so that it can be copied.
    fn wrapped(&mut self, first: usize, next: usize, text: &str) -> fmt::Result {
        let mut column = first;
        write!(self.text, "{:first$}", "")?;
        for (index, word) in text.split(' ').enumerate() {
            let width = columns(word);
            if index > 0 && column + 1 + width > WIDTH {
                write!(self.text, "\n{:next$}", "")?;
                column = next;
            } else if index > 0 {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += width;
        }
        writeln!(self.text)
    }

    fn paint(&self, text: &str, color: AnsiColor) -> String {
        if !self.style.color {
            return text.to_owned();
        }
        let style = anstyle::Style::new()
            .fg_color(Some(color.into()))
            .effects(Effects::BOLD);
        format!("{style}{text}{style:#}")
    }
}

fn verdict_color(verdict: Option<Verdict>) -> AnsiColor {
    match verdict {
        Some(Verdict::Passed) => AnsiColor::Green,
        Some(Verdict::Failed) => AnsiColor::Red,
        Some(Verdict::Undecided) | None => AnsiColor::Yellow,
    }
}

fn name(reference: &Reference) -> String {
    visible(&reference.name)
}

fn prose(prose: &Prose) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.clone(),
        Span::Name(name) => format!("`{}`", visible(name)),
    };
    prose.spans().iter().map(show).collect()
}
