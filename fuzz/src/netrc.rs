//! The text of a `.netrc`: the key that is found in it stands in it, and belongs to the host that was asked for.

use weave_gate::weave::netrc_password as password;

const HOST: &str = "api.wandb.ai";
/// Hosts that no text names, unless it was made to.
const OTHERS: [&str; 2] = ["nobody.invalid", "somebody.invalid"];

/// Looks for the password of a host.
///
/// # Panics
///
/// One is found that is not there, or that is another host's.
pub fn check(data: &[u8]) {
    // A file that is not UTF-8 is refused before.
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let found = password(text, HOST);
    assert_eq!(found, password(text, HOST));
    if let Some(found) = &found {
        stands_in(found, text);
    }
    let lower = text.to_ascii_lowercase();
    if OTHERS.iter().any(|host| lower.contains(host)) || text.contains('\\') || text.contains('"') {
        return;
    }
    // Without an entry of its own a host has no password, also not that of `default`.
    assert_eq!(OTHERS.map(|host| password(text, host)), [None, None]);
    if !lower.contains(HOST) {
        assert_eq!(found, None, "the password of another host");
    }
    // An entry that is written with quotes is read as it was meant, whatever follows it but another password.
    let word = text.lines().next().unwrap_or_default();
    let quoted = format!("machine {} login x password \"{word}\"\n", OTHERS[0]);
    let read = password(&quoted, OTHERS[0]);
    assert_eq!(read.as_deref().unwrap_or_default(), word);
    let read = password(&(quoted + text), OTHERS[0]);
    if !word.is_empty() && !text.contains("password") {
        assert_eq!(read.as_deref(), Some(word));
    }
}

/// A password is a part of one line, but for quotes and backslashes.
fn stands_in(password: &str, text: &str) {
    assert!(!password.is_empty());
    let bare = |text: &str| text.replace(['"', '\\'], "");
    let password = bare(password);
    assert!(
        text.lines().any(|line| bare(line).contains(&password)),
        "not in the text: {password:?}"
    );
}
