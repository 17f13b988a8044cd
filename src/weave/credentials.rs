//! The API key: `WANDB_API_KEY`, else the password in `~/.netrc`.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Address, Lookup};
use crate::fault::Fault;

/// A larger `.netrc` is none.
const MAX_NETRC: u64 = 1024 * 1024;

/// An API key. It can be sent, and not be shown: there is no `Debug` and no `Display`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Finds the key.
    ///
    /// # Errors
    ///
    /// There is none, or it has characters that no key has.
    pub fn find(address: &Address, lookup: &Lookup<'_>) -> Result<Self, Fault> {
        let from_environment = lookup("WANDB_API_KEY")
            .map(|key| key.trim().to_owned())
            .filter(|key| !key.is_empty());
        let key = match from_environment {
            Some(key) => Some(key),
            None => from_netrc(&address.netrc_host, lookup)?,
        };
        let Some(key) = key else {
            return Err(Fault::evidence("no API key: WANDB_API_KEY is not set, and ~/.netrc has none for ".to_owned()
                + &address.netrc_host)
            .help("set WANDB_API_KEY; in CI from a secret, which pull requests from forks and Dependabot do not get"));
        };
        if key.chars().all(|c| c.is_ascii_graphic()) {
            return Ok(Self(key));
        }
        Err(
            Fault::evidence("the API key holds characters that no key has")
                .help("look for a space, a quote or a line break in it"),
        )
    }

    /// The key, if there is one: what must stand in nothing that is shown.
    #[must_use]
    pub fn known(lookup: &Lookup<'_>) -> Option<Self> {
        let of_environment = lookup("WANDB_API_KEY").map(|key| key.trim().to_owned());
        if let Some(key) = of_environment.filter(|key| !key.is_empty()) {
            return Some(Self(key));
        }
        let address = Address::find(None, false, lookup).ok()?;
        let key = from_netrc(&address.netrc_host, lookup).ok()??;
        (!key.is_empty()).then_some(Self(key))
    }

    /// The value of the header `Authorization`.
    #[must_use]
    pub(super) fn header(&self) -> String {
        format!("Basic {}", self.encoded())
    }

    fn encoded(&self) -> String {
        STANDARD.encode(format!("api:{}", self.0))
    }

    /// Whether the key, as it is or as it is sent, stands in an answer or in a file.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let holds = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
        holds(&self.0) || holds(&self.encoded())
    }

    /// A text from elsewhere, in which the key may stand, without it: a gateway may send it back.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "***").replace(&self.encoded(), "***")
    }
}

fn from_netrc(host: &str, lookup: &Lookup<'_>) -> Result<Option<String>, Fault> {
    let Some(home) = lookup("HOME").or_else(|| lookup("USERPROFILE")) else {
        return Ok(None);
    };
    for name in [".netrc", "_netrc"] {
        let path = PathBuf::from(&home).join(name);
        if let Some(text) = read(&path)?
            && let Some(key) = password(&text, host)
        {
            return Ok(Some(key));
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

/// The password of a host, else that of `default`, as Python's `netrc` module reads the file.
fn password(text: &str, host: &str) -> Option<String> {
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

    #[test]
    fn the_key_is_taken_out_of_foreign_text() {
        let secret = Secret("abc".to_owned());
        assert_eq!(
            secret.redact("x abc y Basic YXBpOmFiYw== z"),
            "x *** y Basic *** z"
        );
    }

    #[test]
    fn the_header_is_basic() {
        // printf 'api:abc' | base64
        assert_eq!(Secret("abc".to_owned()).header(), "Basic YXBpOmFiYw==");
    }
}
