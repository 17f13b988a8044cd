//! Lines of text for a terminal: wrapped at its width, with colours and hyperlinks where it shows them.

use std::fmt::{self, Write as _};

use anstyle::{AnsiColor, Effects};

use super::style::Style;
use crate::prose::{Prose, Span};
use crate::visible::{columns, spelled_out, visible};

/// The text so far.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) style: Style,
}

impl Page {
    pub(super) fn new(style: Style) -> Self {
        Self {
            text: String::new(),
            style,
        }
    }

    pub(super) fn empty_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A coloured label with wrapped text after it.
    pub(super) fn block(
        &mut self,
        indent: usize,
        label: &str,
        color: AnsiColor,
        text: &str,
    ) -> fmt::Result {
        let start = self.text.len();
        let line = if text.is_empty() {
            label.to_owned()
        } else {
            format!("{label} {text}")
        };
        self.wrapped(indent, indent + 4, &line)?;
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

    /// The next action; nothing if there is none.
    pub(super) fn help(&mut self, indent: usize, help: Option<&Prose>) -> fmt::Result {
        match help {
            Some(help) => self.block(indent, "help:", AnsiColor::Cyan, &prose(help)),
            None => Ok(()),
        }
    }

    /// Text that is broken at spaces. A word that is too long is not broken, so that it can be copied.
    pub(super) fn wrapped(&mut self, first: usize, next: usize, text: &str) -> fmt::Result {
        let mut column = first;
        write!(self.text, "{:first$}", "")?;
        for (index, word) in text.split(' ').enumerate() {
            let width = columns(word);
            if index > 0 && column + 1 + width > self.style.width {
                let kept = self.text.trim_end_matches(' ').len();
                self.text.truncate(kept);
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

    /// A command that a user can paste, broken between its words as a shell allows it.
    pub(super) fn command(&mut self, label: &str, words: &[String]) -> fmt::Result {
        let mut column = 2 + columns(label);
        write!(self.text, "  {label}")?;
        for (index, word) in words.iter().enumerate() {
            // The end of the line keeps room for ` \\`.
            let end = column + 1 + columns(word) + if index + 1 < words.len() { 2 } else { 0 };
            if index > 0 && end > self.style.width {
                write!(self.text, " \\\n{:8}", "")?;
                column = 8;
            } else {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += columns(word);
        }
        writeln!(self.text)
    }

    /// Items in lines that are broken between items, and within an item only if it is longer than a line.
    pub(super) fn items(&mut self, first: usize, next: usize, items: &[String]) -> fmt::Result {
        let mut indent = first;
        let mut line = String::new();
        for item in items {
            let needed = indent + columns(&line) + 2 + columns(item);
            if !line.is_empty() && needed > self.style.width {
                self.wrapped(indent, next, &std::mem::take(&mut line))?;
                indent = next;
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(item);
        }
        if line.is_empty() {
            return Ok(());
        }
        self.wrapped(indent, next, &line)
    }

    /// Text on one line, cut at the width.
    pub(super) fn cut(&self, indent: usize, text: &str) -> String {
        shortened(text, self.style.width.saturating_sub(indent))
    }

    /// Cells on one line.
    pub(super) fn line(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        self.text.push_str(cells.join("  ").trim_end());
        self.text.push('\n');
    }

    pub(super) fn paint(&self, text: &str, color: AnsiColor) -> String {
        if !self.style.color {
            return text.to_owned();
        }
        let style = anstyle::Style::new()
            .fg_color(Some(color.into()))
            .effects(Effects::BOLD);
        format!("{style}{text}{style:#}")
    }

    /// A text that leads to an address when it is clicked, where the terminal has such links (OSC 8).
    pub(super) fn link(&self, text: &str, url: Option<&str>) -> String {
        match url {
            Some(url) if self.style.links => {
                format!("\u{1b}]8;;{url}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
            }
            _ => text.to_owned(),
        }
    }
}

/// Text that takes at most this many columns. If it is cut, it ends with `…`.
pub(super) fn shortened(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        let mut longer = cut.clone();
        longer.push(c);
        if columns(&longer) + 1 > room {
            break;
        }
        cut = longer;
    }
    cut.push('…');
    cut
}

/// A sentence with its names in backticks.
pub(super) fn prose(prose: &Prose) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.clone(),
        Span::Name(name) => format!("`{}`", visible(name)),
    };
    prose.spans().iter().map(show).collect()
}

/// A sentence of a JSON report, in which names are in backticks already.
pub(super) fn visible_prose(text: &str) -> String {
    spelled_out(text)
}
