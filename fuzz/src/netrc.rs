//! Fuzzes the text of a `.netrc`. A password that is found must occur in the text and belong to the requested host.

use weave_gate::weave::netrc_password as password;

const HOST: &str = "api.wandb.ai";
/// Hosts that occur in no ordinary text.
const OTHERS: [&str; 2] = ["nobody.invalid", "somebody.invalid"];

/// Searches for the password of a host.
///
/// # Panics
///
/// Panics if a password is found that is not in the text, or that belongs to another host.
pub fn check(data: &[u8]) {
    // The gate rejects a file that is not UTF-8 before it reads entries.
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let found = password(text, HOST);
    assert_eq!(found, password(text, HOST));
    if let Some(found) = &found {
        occurs_in(found, text);
    }
    let lower = text.to_ascii_lowercase();
    if OTHERS.iter().any(|host| lower.contains(host)) || text.contains('\\') || text.contains('"') {
        return;
    }
    // A host needs an entry that names it. The entry `default` gives it no password.
    assert_eq!(OTHERS.map(|host| password(text, host)), [None, None]);
    if !lower.contains(HOST) {
        assert_eq!(found, None, "the password of another host");
    }
    // A quoted password is read unchanged, unless another password follows it.
    let word = text.lines().next().unwrap_or_default();
    let quoted = format!("machine {} login x password \"{word}\"\n", OTHERS[0]);
    let read = password(&quoted, OTHERS[0]);
    assert_eq!(read.as_deref().unwrap_or_default(), word);
    let read = password(&(quoted + text), OTHERS[0]);
    if !word.is_empty() && !text.contains("password") {
        assert_eq!(read.as_deref(), Some(word));
    }
}

/// Checks that a password is part of one line, if quotes and backslashes are ignored.
fn occurs_in(password: &str, text: &str) {
    assert!(!password.is_empty());
    let bare = |text: &str| text.replace(['"', '\\'], "");
    let password = bare(password);
    assert!(
        text.lines().any(|line| bare(line).contains(&password)),
        "not in the text: {password:?}"
    );
}
