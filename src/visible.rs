//! Makes foreign text safe to show: characters that could hide or reorder text are escaped.

use unicode_width::UnicodeWidthStr;

/// Maximum length of a name, in characters. A longer name is cut, so that a table keeps its layout.
const LONGEST: usize = 160;

/// Escapes the characters of a text that move the cursor, reorder a line or hide text, and cuts an overlong text.
#[must_use]
pub(crate) fn visible(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => spelled_out(text.get(..end).unwrap_or_default()) + "…",
        None => spelled_out(text),
    }
}

/// The number of columns of a text on a terminal: wide characters take two, combining characters zero.
pub(crate) fn columns(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Appends spaces to a text, so that it takes this many columns.
pub(crate) fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{text}{:missing$}", "")
}

/// Escapes the characters of a text that move the cursor, reorder a line or hide text. Does not cut the text.
pub(crate) fn spelled_out(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a character is invisible, or changes how others are shown. Includes every character that XML cannot hold.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(columns("日本"), 4);
        assert_eq!(columns("größe"), 5);
        assert_eq!(columns("e\u{301}"), 1);
        assert_eq!(padded("日本", 6), "日本  ");
        assert_eq!(padded("日本", 3), "日本");
    }
}
