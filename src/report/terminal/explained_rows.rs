//! The rows because of which a check did not pass: inputs, outputs and scores of both runs.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use super::lines::{BETWEEN, at_most, lines, side_by_side};
use super::page::Page;
use crate::number::{plural, show};
use crate::report::escape::message;
use crate::report::json::{JsonCheck, JsonPolicy};
use crate::report::links::is_plain;
use crate::report::rows::{Answered, NO_OUTPUT, Row, Side, excerpt};
use crate::report::units;
use crate::report::worst_rows::{score, telling};
use crate::visible::{columns, visible};

/// Two columns are used from this width on.
const WIDE: usize = 100;
/// The indent of a row's contents.
const INDENT: usize = 7;
/// At most this many lines of an output are shown, unless all are.
const MOST_LINES: usize = 12;
/// At most this many lines of an input, or of what a scorer says.
const FEW_LINES: usize = 4;
/// At most this many trials of a row.
const MOST_TRIALS: usize = 3;
/// The longest value of any other input than the telling one, in columns.
const LONGEST_VALUE: usize = 40;

/// Which rows of a check are shown.
#[derive(Clone, Copy)]
pub(in crate::report) struct ShownRows {
    /// The maximum number of rows.
    pub(in crate::report) most: usize,
    /// Whether the report was read from a file, so that it has no more rows than it holds.
    pub(in crate::report) is_from_file: bool,
}

/// The rows, the worst first.
pub(super) fn write(
    page: &mut Page,
    policy: &JsonPolicy<'_>,
    check: &JsonCheck<'_>,
    rows: ShownRows,
) -> fmt::Result {
    let Some(total) = check.rows_behind else {
        if let Some(reason) = &policy.unexplained {
            page.empty_line();
            let text = format!("the rows are not shown: {}", message(reason));
            page.wrapped(4, 6, &text)?;
        }
        return Ok(());
    };
    let shown = check.rows.len().min(rows.most);
    page.empty_line();
    let worst = match total {
        1 => ":".to_owned(),
        _ if shown == 1 => ", the worst:".to_owned(),
        total if (shown as u64) < total => format!(", the worst {shown}:"),
        _ => ", the worst first:".to_owned(),
    };
    let text = format!("{} against the limit{worst}", plural(total, "row"));
    page.wrapped(4, 6, &text)?;
    for (place, row) in check.rows.iter().take(shown).enumerate() {
        page.empty_line();
        one(page, check, row, place + 1)?;
    }
    if (shown as u64) < total {
        let help = if shown < check.rows.len() || !rows.is_from_file {
            "show them with --limit"
        } else {
            "not in the report; explain without --from"
        };
        page.empty_line();
        let more = plural(total - shown as u64, "more row");
        page.wrapped(4, 6, &format!("… and {more} ({help})"))?;
    }
    Ok(())
}

/// One row.
fn one(page: &mut Page, check: &JsonCheck<'_>, row: &Row, number: usize) -> fmt::Result {
    let is_all = page.style.is_all();
    let (name, value) = telling(&row.inputs);
    let room = page.style.width.saturating_sub(INDENT);
    let text = if is_all {
        pretty(&row.inputs)
    } else {
        telling_text(value)
    };
    let input = shortened(lines(&text, room), FEW_LINES, is_all);
    let mut input = input.into_iter();
    let first = input.next().unwrap_or_else(|| "–".to_owned());
    let url = url(&row.candidate).or_else(|| row.baseline.as_ref().and_then(url));
    writeln!(page.text, "    {number:>2} {}", page.link(&first, url))?;
    for line in input {
        writeln!(page.text, "{:INDENT$}{line}", "")?;
    }
    if is_all {
        let digest = format!("row {}", visible(&row.digest));
        page.wrapped(INDENT, INDENT, &digest)?;
    } else {
        others(page, &row.inputs, name)?;
    }
    match &row.baseline {
        Some(baseline) if page.style.width >= WIDE => {
            let room = (room - columns(BETWEEN)) / 2;
            let left = labelled(
                page,
                "baseline",
                side(page, check, baseline, room),
                baseline,
            );
            let right = side(page, check, &row.candidate, room);
            let right = labelled(page, "candidate", right, &row.candidate);
            for line in side_by_side(&left, &right, room) {
                writeln!(page.text, "{:INDENT$}{line}", "")?;
            }
            Ok(())
        }
        Some(baseline) => {
            below(page, check, "was", baseline)?;
            below(page, check, "now", &row.candidate)
        }
        None => below(page, check, "output", &row.candidate),
    }
}

/// The lines of one side with a word before the first, each with its width. The word leads to the trial.
fn labelled(page: &Page, word: &str, lines: Vec<String>, of: &Side) -> Vec<(String, usize)> {
    let lines = lines.into_iter().enumerate();
    lines
        .map(|(place, line)| match place {
            0 => (
                format!("{}  {line}", page.link(word, url(of))),
                columns(word) + 2 + columns(&line),
            ),
            _ => (line.clone(), columns(&line)),
        })
        .collect()
}

/// One side below the other, with a word before it that leads to the trial.
fn below(page: &mut Page, check: &JsonCheck<'_>, word: &str, of: &Side) -> fmt::Result {
    let indent = columns(word) + 2;
    let room = page.style.width.saturating_sub(INDENT + indent);
    for (place, line) in side(page, check, of, room).into_iter().enumerate() {
        if place == 0 {
            let word = page.link(word, url(of));
            writeln!(page.text, "{:INDENT$}{word}  {line}", "")?;
        } else {
            let line = format!("{:INDENT$}{:indent$}{line}", "", "");
            writeln!(page.text, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

/// The other inputs than the telling one, in short.
fn others(page: &mut Page, inputs: &Value, told: Option<&str>) -> fmt::Result {
    let none = Map::new();
    let inputs = inputs.as_object().unwrap_or(&none).iter();
    let others = inputs.filter(|(name, _)| Some(name.as_str()) != told);
    let others = others.map(|(name, value)| {
        let value = super::page::shortened(&message(&excerpt(value)), LONGEST_VALUE);
        format!("{}: {value}", visible(name))
    });
    page.items(INDENT, INDENT, &others.collect::<Vec<String>>())
}

/// What one run made of a row: its score, and of each trial the output and what the scorer said.
fn side(page: &Page, check: &JsonCheck<'_>, of: &Side, room: usize) -> Vec<String> {
    let is_all = page.style.is_all();
    let metric = check.metric;
    let what = match &check.subject {
        Some(subject) => visible(subject),
        None => units::metric(metric, check.k.unwrap_or(1)),
    };
    let missing = of.trials.saturating_sub(of.scored);
    let missing = if missing > 0 && of.score.is_some() {
        format!(", {missing} of {} missing", of.trials)
    } else {
        String::new()
    };
    let title = format!("{what} {}{missing}", score(metric, of));
    // The word before it takes some room.
    let mut shown = vec![super::page::shortened(&title, room.saturating_sub(11))];
    let most = if is_all {
        of.answers.len()
    } else {
        MOST_TRIALS
    };
    for (place, answer) in of.answers.iter().take(most).enumerate() {
        if of.answers.len() > 1 {
            shown.push(format!("trial {} of {}", place + 1, of.answers.len()));
        }
        shown.extend(shortened(lines(&output(answer), room), MOST_LINES, is_all));
        for said in scores(check, answer, is_all) {
            shown.extend(shortened(lines(&said, room), FEW_LINES, is_all));
        }
    }
    let more = of.answers.len().saturating_sub(most);
    if more > 0 {
        shown.push(format!("… {} (--all)", plural(more as u64, "more trial")));
    }
    shown
}

fn shortened(lines: Vec<String>, most: usize, is_all: bool) -> Vec<String> {
    if is_all { lines } else { at_most(lines, most) }
}

/// The address of the first trial. A report from a file may hold any text there.
fn url(side: &Side) -> Option<&str> {
    let mut urls = side
        .answers
        .iter()
        .filter_map(|answer| answer.url.as_deref());
    urls.find(|url| is_plain(url))
}

/// The output of a trial, and the exceptions that calls in it raised.
fn output(answer: &Answered) -> String {
    let shown = match &answer.output {
        Value::Null if answer.exceptions.is_empty() => NO_OUTPUT.to_owned(),
        Value::Null => String::new(),
        value => pretty(value),
    };
    let raised = answer
        .exceptions
        .iter()
        .map(|text| format!("crashed: {text}"));
    let parts = std::iter::once(shown).chain(raised);
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The telling input: the text of a message, or the value in full.
fn telling_text(value: &Value) -> String {
    match value {
        Value::String(_) => pretty(value),
        other => excerpt(other),
    }
}

/// Text unchanged, any other value as JSON.
fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// What scorers said of a trial: texts of the scorer that the check is about; with `is_all` everything.
fn scores(check: &JsonCheck<'_>, answer: &Answered, is_all: bool) -> Vec<String> {
    let mut leaves = Vec::new();
    flatten(String::new(), &answer.scores, &mut leaves);
    let scorer = check.subject.as_deref().map(|subject| {
        let scorers = answer.scores.as_object().into_iter().flatten();
        let is_of = |scorer: &&String| {
            let rest = subject.strip_prefix(scorer.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let names = scorers.map(|(scorer, _)| scorer).filter(is_of);
        names.max_by_key(|scorer| scorer.len())
    });
    let is_own = |name: &str| match scorer {
        Some(Some(scorer)) => {
            let rest = name.strip_prefix(scorer.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
        Some(None) | None => false,
    };
    let is_shown = |(name, value): &(String, &Value)| is_all || (value.is_string() && is_own(name));
    let shown = leaves.into_iter().filter(is_shown);
    shown
        .map(|(name, value)| format!("{}: {}", visible(&name), leaf(value)))
        .collect()
}

/// A score or a text of a scorer.
fn leaf(value: &Value) -> String {
    match value {
        Value::Bool(true) => "✓".to_owned(),
        Value::Bool(false) => "✗".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(number) => show(number, 0.0),
            None => number.to_string(),
        },
        other => pretty(other),
    }
}

/// The leaves of a value, each with its path.
fn flatten<'v>(path: String, value: &'v Value, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(path, value, found);
            }
        }
        Value::Null => {}
        value => found.push((path, value)),
    }
}
