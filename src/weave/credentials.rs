//! The API key: `WANDB_API_KEY`, else the password in `~/.netrc`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Address;
use crate::fault::Fault;
use crate::http::Lookup;
use crate::secret::Secret;

/// Whose password the key is.
const USER: &str = "api";
/// A larger `.netrc` is none.
const MAX_NETRC: u64 = 1024 * 1024;

/// Finds the API key.
///
/// # Errors
///
/// There is none, or it has characters that no key has.
pub fn find_key(address: &Address, lookup: &Lookup<'_>) -> Result<Secret, Fault> {
    let key = match of_environment(lookup) {
        Some(key) => Some(key),
        None => from_netrc(&address.netrc_host, lookup)?,
    };
    let Some(key) = key else {
        return Err(Fault::evidence("no API key: WANDB_API_KEY is not set, and ~/.netrc has none for ".to_owned()
            + &address.netrc_host)
        .help("set WANDB_API_KEY; in CI from a secret, which pull requests from forks and Dependabot do not get"));
    };
    if key.is_plain() {
        return Ok(key);
    }
    Err(
        Fault::evidence("the API key holds characters that no key has")
            .help("look for a space, a quote or a line break in it"),
    )
}

/// The key, if there is one: what must stand in nothing that is shown.
#[must_use]
pub fn known_key(lookup: &Lookup<'_>) -> Option<Secret> {
    of_environment(lookup).or_else(|| {
        let address = Address::find(None, false, lookup).ok()?;
        from_netrc(&address.netrc_host, lookup).ok()?
    })
}

fn of_environment(lookup: &Lookup<'_>) -> Option<Secret> {
    Secret::new(&lookup("WANDB_API_KEY")?, USER)
}

fn from_netrc(host: &str, lookup: &Lookup<'_>) -> Result<Option<Secret>, Fault> {
    let Some(home) = lookup("HOME").or_else(|| lookup("USERPROFILE")) else {
        return Ok(None);
    };
    for name in [".netrc", "_netrc"] {
        let path = PathBuf::from(&home).join(name);
        if let Some(text) = read(&path)?
            && let Some(key) = password(&text, host)
        {
            return Ok(Secret::new(&key, USER));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<String>, Fault> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_NETRC).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::evidence(format!(
            "no API key: WANDB_API_KEY is not set, and `{}` cannot be read: {error}",
            path.display()
        ))),
    }
}

/// The password of a host in the text of a `.netrc`, else that of `default`, as Python's `netrc` module reads the
/// file.
#[must_use]
pub fn password(text: &str, host: &str) -> Option<String> {
    let tokens = tokens(text);
    let mut tokens = tokens.iter().map(String::as_str);
    let (mut exact, mut fallback) = (None, None);
    let mut entry = Entry::Other;
    while let Some(token) = tokens.next() {
        match token {
            "machine" => {
                entry = if tokens.next() == Some(host) {
                    Entry::Host
                } else {
                    Entry::Other
                };
            }
            "default" => entry = Entry::Default,
            "password" => match (tokens.next(), &entry) {
                (Some(word), Entry::Host) => exact = Some(word.to_owned()),
                (Some(word), Entry::Default) => fallback = Some(word.to_owned()),
                _ => {}
            },
            "login" | "user" | "account" => {
                tokens.next();
            }
            _ => {}
        }
    }
    exact.or(fallback).filter(|word| !word.is_empty())
}

enum Entry {
    Host,
    Default,
    Other,
}

/// The words of the file: comments and macros left out, quotes and backslashes resolved.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.split_whitespace().next() == Some("macdef") {
            // A macro ends at the next empty line.
            lines
                .by_ref()
                .take_while(|line| !line.trim().is_empty())
                .for_each(drop);
            continue;
        }
        let mut chars = line.chars().peekable();
        while let Some(first) = chars.next() {
            if first.is_whitespace() {
                continue;
            }
            let mut word = String::new();
            let quoted = first == '"';
            let mut next = if quoted { chars.next() } else { Some(first) };
            while let Some(c) = next {
                match c {
                    '"' if quoted => break,
                    c if !quoted && c.is_whitespace() => break,
                    '\\' => word.extend(chars.next()),
                    c => word.push(c),
                }
                next = chars.next();
            }
            // What follows one of these is a value, and may begin with anything; else `#` is a comment.
            let is_value = tokens.last().is_some_and(|last: &String| {
                matches!(
                    last.as_str(),
                    "machine" | "login" | "user" | "account" | "password"
                )
            });
            if !quoted && word.starts_with('#') && !is_value {
                break;
            }
            tokens.push(word);
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_the_host_is_found() {
        let text = "# mine\nmachine example.com login me password no\n\
                    macdef init\n machine api.wandb.ai password macro\n\n\
                    machine api.wandb.ai\n  login user\n  password \"se cret\\\"\"\n\
                    default login x password fallback # old password wrong\n";
        assert_eq!(password(text, "api.wandb.ai").as_deref(), Some("se cret\""));
        assert_eq!(password(text, "example.com").as_deref(), Some("no"));
        assert_eq!(password(text, "other").as_deref(), Some("fallback"));
        assert_eq!(password("machine a login password", "a"), None);
        assert_eq!(password("machine login password x", "password"), None);
        assert_eq!(password("", "a"), None);
        assert_eq!(
            password("machine a password #1 # no", "a").as_deref(),
            Some("#1")
        );
    }
}
