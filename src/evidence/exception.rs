//! The exceptions that SDKs log with a call.

use serde::Deserialize;

/// Longer texts are cut, in characters.
const LONGEST: usize = 300;

/// What the Python SDK logs: JSON with the exception's type, message and traceback.
#[derive(Deserialize)]
struct Logged {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
}

/// The type and message of a logged exception on one line, without its traceback. `None` if it says nothing.
#[must_use]
pub fn exception(logged: &str) -> Option<String> {
    let text = match serde_json::from_str::<Logged>(logged) {
        Ok(Logged { kind, message }) if message.trim().is_empty() => kind,
        Ok(Logged { kind, message }) => format!("{kind}: {message}"),
        Err(_) => last_line(logged).to_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = text.char_indices().nth(LONGEST);
    let text = match cut {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    (!text.is_empty()).then_some(text)
}

/// The line of a text that names the exception: the last one of a traceback, else the first one.
fn last_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    if first.starts_with("Traceback ") {
        lines.next_back().unwrap_or(first)
    } else {
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_its_type_and_message() {
        let of = |text: &str| exception(text);
        let json = r#"{"type": "TimeoutError", "message": "judge timed out\nafter 30 s", "traceback": "…"}"#;
        assert_eq!(
            of(json).as_deref(),
            Some("TimeoutError: judge timed out after 30 s")
        );
        assert_eq!(
            of(r#"{"type": "KeyError", "message": ""}"#).as_deref(),
            Some("KeyError")
        );
        let traceback =
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no\n";
        assert_eq!(of(traceback).as_deref(), Some("ValueError: no"));
        assert_eq!(
            of("Error: no\n    at f (a.ts:1)").as_deref(),
            Some("Error: no")
        );
        assert_eq!(of(" \n"), None);
        let long = of(&"x".repeat(1000)).unwrap();
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}
