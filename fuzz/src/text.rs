//! What must hold of every text that is shown, said without a look at how it is escaped.

use serde_json::Value;
use weave_gate::fault::Fault;
use weave_gate::report::render_fault;

/// Characters that move a cursor, turn a line around, or are not seen: of Unicode's categories Cc, Cf, Zl and Zp
/// those that any of the sinks obeys.
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

/// The JSON of a text, where there is one way to read it: no key stands twice in a map, and what nobody looks at is
/// JSON, too.
pub(super) fn read(text: &str) -> Option<Value> {
    fn entries(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(entries).sum(),
            Value::Object(map) => map.len() + map.values().map(entries).sum::<usize>(),
            _ => 0,
        }
    }
    let value = serde_json::from_str(text).ok()?;
    // Outside of texts a colon stands in each entry of a map, and nowhere else.
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

/// Nothing in it hides, and its only control character is the line break.
#[track_caller]
pub(super) fn is_plain(text: &str) {
    let found = text.chars().find(|c| hides(*c) && *c != '\n');
    assert_eq!(found, None, "hides something: {text:?}");
}

/// A runner finds no command in it.
#[track_caller]
pub(super) fn has_no_command(text: &str) {
    let is_command = |line: &str| {
        line.trim_start().starts_with("::") || line.contains("##[") || line.contains("##vso[")
    };
    let found = text.lines().find(|line| is_command(line));
    assert_eq!(found, None, "a runner would obey");
}

/// What the terminal shows of a fault is plain.
#[track_caller]
pub(super) fn is_told(fault: &Fault) {
    assert!(!fault.message.trim().is_empty());
    let shown = render_fault(fault, false);
    is_plain(&shown);
    has_no_command(&shown);
    // One line for each line of the message, and one for the help.
    let lines = fault.message.lines().count() + usize::from(fault.help.is_some());
    assert_eq!(shown.lines().count(), lines, "{shown:?}");
}
