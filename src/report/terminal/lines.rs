//! Foreign text as lines of a limited width, and two texts side by side.

use crate::report::escape::message;
use crate::visible::columns;

/// A tab in a text is shown as so many spaces.
const TAB: &str = "    ";
/// What is between two columns.
pub(super) const BETWEEN: &str = " │ ";

/// A text as lines of at most this many columns. A line is broken at spaces, and a longer word anywhere.
pub(super) fn lines(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut found = Vec::new();
    for line in text.lines() {
        broken(&message(&line.replace('\t', TAB)), room, &mut found);
    }
    found
}

/// The first lines, and a line with the number of further ones.
pub(super) fn at_most(mut lines: Vec<String>, most: usize) -> Vec<String> {
    // A line that says that one more was left out takes as much room as that one.
    if lines.len() > most + 1 {
        let more = lines.split_off(most).len();
        lines.push(format!("… {more} more lines (--all)"));
    }
    lines
}

/// Breaks one line, and adds its parts.
fn broken(line: &str, room: usize, found: &mut Vec<String>) {
    let mut part = String::new();
    let mut width = 0;
    for word in line.split_inclusive(' ') {
        let bare = columns(word.trim_end_matches(' '));
        if width > 0 && width + bare > room {
            found.push(std::mem::take(&mut part).trim_end().to_owned());
            width = 0;
        }
        for c in word.chars() {
            let wide = columns(c.encode_utf8(&mut [0; 4]));
            if width + wide > room && c != ' ' {
                found.push(std::mem::take(&mut part));
                width = 0;
            }
            part.push(c);
            width += wide;
        }
    }
    found.push(part.trim_end().to_owned());
}

/// Two columns of lines, each line with its width on the screen.
pub(super) fn side_by_side(
    left: &[(String, usize)],
    right: &[(String, usize)],
    room: usize,
) -> Vec<String> {
    let count = left.len().max(right.len());
    let at =
        |lines: &[(String, usize)], place: usize| lines.get(place).cloned().unwrap_or_default();
    (0..count)
        .map(|place| {
            let ((left, width), (right, _)) = (at(left, place), at(right, place));
            let missing = room.saturating_sub(width);
            format!("{left}{:missing$}{BETWEEN}{right}", "")
                .trim_end()
                .to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_and_long_words_anywhere() {
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(lines("  indented\n\nnext", 20), ["  indented", "", "next"]);
        assert_eq!(lines("日本語です", 5), ["日本", "語で", "す"]);
        assert_eq!(lines("a\tb", 20), ["a    b"]);
        assert_eq!(lines("", 5), Vec::<String>::new());
        assert!(lines("x y z", 0).iter().all(|line| columns(line) <= 1));
    }

    #[test]
    fn the_rest_of_a_long_text_is_counted() {
        let many: Vec<String> = (0..14).map(|n| n.to_string()).collect();
        let cut = at_most(many.clone(), 12);
        assert_eq!(cut.len(), 13);
        assert_eq!(cut[12], "… 2 more lines (--all)");
        assert_eq!(at_most(many[..13].to_vec(), 12).len(), 13);
        assert_eq!(at_most(many[..13].to_vec(), 12)[12], "12");
    }
}
