//! Properties of every text that is shown. The checks do not depend on how the text is escaped.

use serde_json::Value;
use weave_gate::fault::Fault;
use weave_gate::report::{Style, render_fault};

/// Characters that move the cursor, change the text direction, or are invisible. They are those of Unicode's categories
/// Cc, Cf, Zl and Zp that have an effect in any output.
fn hides(c: char) -> bool {
    let is_bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_unseen = matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
    );
    let breaks = matches!(c, '\u{2028}' | '\u{2029}');
    let is_tag = matches!(c, '\u{e0000}'..='\u{e007f}');
    c.is_control() || is_bidi || is_unseen || breaks || is_tag
}

/// Parses a text as JSON. Returns `None` if a key occurs twice in a map, because such JSON can be read in different
/// ways.
pub(super) fn read(text: &str) -> Option<Value> {
    fn entries(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(entries).sum(),
            Value::Object(map) => map.len() + map.values().map(entries).sum::<usize>(),
            _ => 0,
        }
    }
    let value = serde_json::from_str(text).ok()?;
    // Outside of strings, each entry of a map has one colon, and colons occur nowhere else.
    let (mut is_text, mut is_escaped, mut colons) = (false, false, 0);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_text = !is_text,
            b':' if !is_text => colons += 1,
            _ => {}
        }
    }
    (colons == entries(&value)).then_some(value)
}

/// Checks that no character is hidden, and that line breaks are the only control characters.
#[track_caller]
pub(super) fn is_plain(text: &str) {
    let found = text.chars().find(|c| hides(*c) && *c != '\n');
    assert_eq!(found, None, "hides something: {text:?}");
}

/// Checks that a CI runner finds no command in the text.
#[track_caller]
pub(super) fn has_no_command(text: &str) {
    let is_command = |line: &str| {
        line.trim_start().starts_with("::") || line.contains("##[") || line.contains("##vso[")
    };
    let found = text.lines().find(|line| is_command(line));
    assert_eq!(found, None, "a runner would obey");
}

/// Checks that the terminal output of an error is plain.
#[track_caller]
pub(super) fn is_told(fault: &Fault) {
    assert!(!fault.message.trim().is_empty());
    let shown = render_fault(fault, Style::plain());
    is_plain(&shown);
    has_no_command(&shown);
    if !fault.problems.is_empty() {
        return;
    }
    // The output has one line for each line of the message, and one for the help.
    let lines = fault.message.lines().count() + usize::from(fault.help.is_some());
    assert_eq!(shown.lines().count(), lines, "{shown:?}");
}
