//! The lines of a text. They end with `\n`, `\r\n` or `\r`, as in YAML 1.2 and in editors.

use crate::problem::At;

/// The text from a byte on.
pub(super) fn after(text: &str, index: usize) -> &str {
    text.get(index..).unwrap_or_default()
}

/// The position of a byte of a text, with its line.
pub(super) fn at(text: &str, index: usize, width: usize) -> At {
    let (mut line, mut column, mut start) = (1, 1, 0);
    for (place, c) in text.char_indices().take_while(|(place, _)| *place < index) {
        let is_pair = c == '\r' && after(text, place).starts_with("\r\n");
        if matches!(c, '\n' | '\r') && !is_pair {
            (line, column, start) = (line + 1, 1, place + 1);
        } else {
            column += 1;
        }
    }
    let text = text.get(start..).unwrap_or_default();
    At {
        line,
        column,
        text: first_line(text).to_owned(),
        width: width.max(1),
    }
}

/// The text up to the first line break.
pub(super) fn first_line(text: &str) -> &str {
    text.split(['\n', '\r']).next().unwrap_or_default()
}
