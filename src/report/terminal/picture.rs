//! Problems of files: for each the position, the message, the line with a marker, the place in words, and the help.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::Page;
use crate::number::plural;
use crate::problem::{At, Problem};
use crate::report::escape::message;
use crate::visible::{columns, spelled_out};

/// How a tab is shown.
const TAB: &str = "→   ";
/// How many columns of a cut line are shown before and after the marker, if there is room.
const BEFORE: usize = 20;

/// Writes the problems, each after an empty line, and how many there are.
pub(super) fn write(page: &mut Page, problems: &[Problem]) -> fmt::Result {
    for problem in problems {
        page.empty_line();
        write_one(page, problem)?;
    }
    let files: BTreeSet<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    let count: usize = problems.iter().map(|problem| 1 + problem.more).sum();
    if count > 1 {
        let count = plural(count as u64, "problem");
        let where_ = match files.first() {
            Some(path) if files.len() == 1 && !path.is_empty() => message(path),
            _ => plural(files.len() as u64, "file"),
        };
        writeln!(page.text, "\n{count} in {where_}")?;
    }
    Ok(())
}

fn write_one(page: &mut Page, problem: &Problem) -> fmt::Result {
    let label = page.paint("error", AnsiColor::Red);
    let position = problem.position();
    let parts = [position.as_str(), problem.message.as_str()];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| message(&part.replace(['\n', '\r'], " ")))
        .collect();
    writeln!(page.text, "{label}: {}", parts.join(": "))?;
    if let Some(at) = &problem.at {
        lines(page, at, problem.first.as_ref())?;
    }
    // A key of the top level is in the message or in the line.
    if problem.place.contains(['.', '[', ':']) {
        writeln!(page.text, "  in {}", message(&problem.place))?;
    }
    if let Some(help) = &problem.help {
        let label = page.paint("help", AnsiColor::Cyan);
        writeln!(page.text, "  {label}: {}", message(help))?;
    }
    Ok(())
}

/// Writes the line of the problem, and before it that of an earlier position.
fn lines(page: &mut Page, at: &At, first: Option<&At>) -> fmt::Result {
    let first = first.filter(|first| first.line != at.line || first.column != at.column);
    let last = first.map_or(at.line, |first| first.line.max(at.line));
    let gutter = last.to_string().len();
    let (red, cyan) = (AnsiColor::Red, AnsiColor::Cyan);
    let marked = first.map(|first| (first, '-', cyan, format!(" first at line {}", first.line)));
    let marked = marked.into_iter().chain([(at, '^', red, String::new())]);
    for (at, marker, color, label) in marked.filter(|(at, ..)| at.width > 0) {
        let room = page.style.width.saturating_sub(gutter + 5);
        let line = shown(at, room);
        let number = format!("{:>gutter$}", at.line);
        writeln!(page.text, "  {number} | {}", line.text.trim_end())?;
        let marks: String = std::iter::repeat_n(marker, line.width).collect();
        let marks = page.paint(&(marks + &label), color);
        writeln!(page.text, "  {:gutter$} | {:2$}{marks}", "", "", line.start)?;
    }
    Ok(())
}

/// A line as it is shown.
struct Shown {
    text: String,
    /// The columns before the marker.
    start: usize,
    /// The columns of the marker.
    width: usize,
}

/// A line in so many columns: harmless, and cut around the marked characters if it is too long.
fn shown(at: &At, room: usize) -> Shown {
    let room = room.max(2 * BEFORE);
    let cells = cells(&at.text);
    let marked = at.column.saturating_sub(1);
    let marked = marked..marked.saturating_add(at.width);
    let is_fit = width(cells.iter()) <= room;
    // A cut line starts so that the marker is shown with some of the line around it.
    let mut skipped = 0;
    let mut left = width(cells.iter().take(marked.start));
    let mut cut = cells.iter().take(if is_fit { 0 } else { marked.start });
    while left > BEFORE && left + at.width + BEFORE > room {
        let Some(cell) = cut.next() else {
            break;
        };
        left -= columns(cell);
        skipped += 1;
    }
    let mut text = String::from(if skipped > 0 { "…" } else { "" });
    let mut column = columns(&text);
    let (mut start, mut end) = (column + left, 0);
    for (index, cell) in cells.iter().enumerate().skip(skipped) {
        // One column is for the sign that the rest is cut.
        let is_last = index + 1 == cells.len();
        if column + columns(cell) + usize::from(!is_fit && !is_last) > room {
            text.push('…');
            break;
        }
        if index == marked.start {
            start = column;
        }
        text.push_str(cell);
        column += columns(cell);
        if marked.contains(&index) {
            end = column;
        }
    }
    Shown {
        text,
        start,
        width: end.saturating_sub(start).max(1),
    }
}

fn width<'c>(cells: impl Iterator<Item = &'c String>) -> usize {
    cells.map(|cell| columns(cell)).sum()
}

/// Each character as it is shown: no control characters, and nothing that a CI runner reads as a command.
fn cells(text: &str) -> Vec<String> {
    let mut last = ' ';
    let mut cells = Vec::new();
    for c in text.chars() {
        let mut cell = match c {
            '\t' => TAB.to_owned(),
            c => spelled_out(c.encode_utf8(&mut [0; 4])),
        };
        if c == last && matches!(c, ':' | '#') {
            cell.insert(0, ' ');
        }
        last = c;
        cells.push(cell);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Style;

    /// The line and the marker of these characters, counted from 1.
    fn pictured(text: &str, column: usize, width: usize, room: usize) -> [String; 2] {
        let at = At {
            line: 1,
            column,
            text: text.to_owned(),
            width,
        };
        let line = shown(&at, room);
        assert!(columns(&line.text) <= room, "{}", line.text);
        let marker = format!("{}{}", " ".repeat(line.start), "^".repeat(line.width));
        assert!(columns(&marker) <= room, "{marker}");
        [line.text, marker]
    }

    #[test]
    fn markers_are_below_what_they_mark() {
        for (text, column, width, line, marker) in [
            ("min: 90", 6, 2, "min: 90", "     ^^"),
            ("日本: 90", 5, 2, "日本: 90", "      ^^"),
            ("a: 日本", 4, 2, "a: 日本", "   ^^^^"),
            ("e\u{301}: x", 5, 1, "e\u{301}: x", "   ^"),
            ("\tmin: 90", 1, 1, "→   min: 90", "^^^^"),
            ("\tmin: 90", 7, 2, "→   min: 90", "         ^^"),
            ("a\u{1b}[31m: 9", 9, 1, "a\\u{1b}[31m: 9", "             ^"),
            ("## a: 9", 7, 1, "# # a: 9", "       ^"),
            (":: a", 4, 1, ": : a", "    ^"),
            ("", 1, 1, "", "^"),
            ("ab", 3, 1, "ab", "  ^"),
        ] {
            let expected = [line.to_owned(), marker.to_owned()];
            assert_eq!(pictured(text, column, width, 75), expected, "{text:?}");
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_marker() {
        let keys: Vec<String> = (0..30).map(|number| format!("key{number:02}, ")).collect();
        let text = keys.concat();
        assert_eq!(
            pictured(&text, 1, 5, 40),
            [
                "key00, key01, key02, key03, key04, key0…".to_owned(),
                "^^^^^".to_owned()
            ]
        );
        assert_eq!(
            pictured(&text, 106, 5, 40),
            [
                "…ey12, key13, key14, key15, key16, key1…".to_owned(),
                format!("{}^^^^^", " ".repeat(21))
            ]
        );
        let [line, marker] = pictured(&text, 204, 5, 40);
        assert!(line.starts_with('…') && line.ends_with("key29, "), "{line}");
        assert_eq!(marker.trim_start(), "^^^^^");
        let [line, marker] = pictured(&"日".repeat(90), 40, 70, 40);
        assert!(line.starts_with('…') && line.ends_with('…'), "{line}");
        assert!(marker.len() > 15, "{marker}");
    }

    #[test]
    fn a_redacted_line_is_not_shown() {
        let problem = Problem {
            at: Some(At {
                line: 3,
                column: 5,
                ..At::default()
            }),
            ..Problem::of_file("a.yaml", "wrong")
        };
        let mut page = Page::new(Style::plain());
        write(&mut page, &[problem]).unwrap();
        assert_eq!(page.text, "error: a.yaml:3:5: wrong\n");
    }
}
