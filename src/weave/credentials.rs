//! Finds the credential for Weave: an identity token that is exchanged for an access token, or the API key. The API key
//! is `WANDB_API_KEY`, else the password in `~/.netrc` for a host that the trace server belongs to.
//!
//! A key that was found for one host is not sent to another host. The `default` entry of a `.netrc` is therefore not
//! used, because it does not say whose password it is. The SDK uses it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Address;
use super::identity::{self, Identity};
use super::settings::{expand, home};
use crate::fault::Fault;
use crate::secret::Secret;
use crate::site::Lookup;

/// The user name that belongs to the API key.
const USER: &str = "api";
/// Maximum number of bytes that are read of a `.netrc` or of a token file.
const MAX_NETRC: u64 = 1024 * 1024;

/// A credential for Weave.
pub enum Credential {
    /// An API key.
    Key(Secret),
    /// A token of the CI system, which is exchanged for an access token.
    Identity(Box<Identity>),
}

/// Finds the credential for Weave: the identity token if the environment names one, else the API key.
///
/// # Errors
///
/// No credential is found, both kinds are set, or a credential contains invalid characters.
pub fn find_credential(
    address: &Address,
    insecure_http: bool,
    lookup: &Lookup<'_>,
) -> Result<Credential, Fault> {
    let Some(token) = identity_token(lookup)? else {
        return find_key(address, lookup).map(Credential::Key);
    };
    let Some(base) = &address.base else {
        let other = address.other_host.as_deref().unwrap_or_default();
        return Err(Fault::evidence(format!(
            "an access token of {other} is not sent to {}",
            address.trace
        ))
        .help("name the W&B server of this trace server in WANDB_BASE_URL"));
    };
    let identity = Identity::new(base, token, insecure_http, lookup)?;
    Ok(Credential::Identity(Box::new(identity)))
}

/// Reads the identity token from the file that the environment names; `None` if it names no file.
fn identity_token(lookup: &Lookup<'_>) -> Result<Option<Secret>, Fault> {
    let Some(path) = lookup(identity::FILE).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    if of_environment(lookup).is_some() {
        let both = format!("WANDB_API_KEY and {} are both set", identity::FILE);
        return Err(Fault::evidence(both).help("unset one of them: either opens Weave alone"));
    }
    let fault = |problem: &str| {
        Fault::evidence(format!("no identity token: `{path}` {problem}")).help(format!(
            "{} names a file with the token (a JWT) that the CI system made for W&B",
            identity::FILE
        ))
    };
    let file = expand(&path, lookup).ok_or_else(|| fault("has no home directory"))?;
    let text = read(&file)?.ok_or_else(|| fault("does not exist"))?;
    let token = Secret::new(&text, USER).ok_or_else(|| fault("is empty"))?;
    if token.is_plain() {
        Ok(Some(token))
    } else {
        Err(fault("holds characters that no token has"))
    }
}

/// Finds the API key.
fn find_key(address: &Address, lookup: &Lookup<'_>) -> Result<Secret, Fault> {
    let Some(key) = key(address, lookup)? else {
        return Err(no_key(address, lookup));
    };
    if key.is_plain() {
        return Ok(key);
    }
    Err(
        Fault::evidence("the API key holds characters that no key has")
            .help("look for a space, a quote or a line break in it"),
    )
}

/// Returns the API key or the identity token that would be sent, if there is one. No output may contain it. `base_url`
/// and `insecure_http` are those of the command line.
///
/// # Errors
///
/// An address is invalid, or a file cannot be read. It is then unknown whether there is a credential.
pub fn known_secret(
    base_url: Option<&str>,
    insecure_http: bool,
    lookup: &Lookup<'_>,
) -> Result<Option<Secret>, Fault> {
    match of_environment(lookup) {
        Some(key) => Ok(Some(key)),
        None if identity_token(lookup)?.is_some() => identity_token(lookup),
        None => key(&Address::find(base_url, insecure_http, lookup)?, lookup),
    }
}

fn key(address: &Address, lookup: &Lookup<'_>) -> Result<Option<Secret>, Fault> {
    match of_environment(lookup) {
        Some(key) => Ok(Some(key)),
        None => from_netrc(&address.netrc_hosts, lookup),
    }
}

fn of_environment(lookup: &Lookup<'_>) -> Option<Secret> {
    Secret::new(&lookup("WANDB_API_KEY")?, USER)
}

fn no_key(address: &Address, lookup: &Lookup<'_>) -> Fault {
    let file = match named_netrc(lookup) {
        Some(_) => "the file in NETRC",
        None => "~/.netrc",
    };
    let hosts = address.netrc_hosts.join(" or ");
    let fault = Fault::evidence(format!(
        "no API key: WANDB_API_KEY is not set, and {file} has no entry for {hosts}"
    ));
    match &address.other_host {
        Some(other) => fault.help(format!(
            "set WANDB_API_KEY, or add an entry `machine {hosts}`; a key for {other} is not sent to another host"
        )),
        None => fault.help(
            "set WANDB_API_KEY; in CI from a secret, which pull requests from forks and Dependabot do not get; or name an \
             identity token in WANDB_IDENTITY_TOKEN_FILE",
        ),
    }
}

/// The file that `NETRC` names. As in wandb, it replaces the files in the home directory.
fn named_netrc(lookup: &Lookup<'_>) -> Option<PathBuf> {
    let path = lookup("NETRC").filter(|path| !path.is_empty())?;
    expand(&path, lookup)
}

/// Returns the password of the first of these hosts that has one in a `.netrc` file.
fn from_netrc(hosts: &[String], lookup: &Lookup<'_>) -> Result<Option<Secret>, Fault> {
    let paths = match named_netrc(lookup) {
        Some(path) => vec![path],
        None => home(lookup).map_or_else(Vec::new, |home| {
            vec![home.join(".netrc"), home.join("_netrc")]
        }),
    };
    for path in paths {
        let Some(text) = read(&path)? else { continue };
        let found = hosts.iter().find_map(|host| password(&text, host));
        if let Some(key) = found {
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
        ))
        .help("set WANDB_API_KEY, or make the file readable")),
    }
}

/// Returns the password of a host in the text of a `.netrc` file; `None` if the host has no separate entry. The text is
/// parsed as Python's `netrc` module parses it.
#[must_use]
pub fn password(text: &str, host: &str) -> Option<String> {
    let tokens = tokens(text);
    let mut tokens = tokens.iter().map(String::as_str);
    let mut found = None;
    let mut is_host = false;
    while let Some(token) = tokens.next() {
        match token {
            "machine" => {
                let name = tokens.next();
                is_host = name.is_some_and(|name| name.eq_ignore_ascii_case(host));
            }
            "password" => match tokens.next() {
                Some(word) if is_host => found = Some(word.to_owned()),
                _ => {}
            },
            "login" | "user" | "account" => {
                tokens.next();
            }
            // `default` or an unknown word: what follows does not belong to this host.
            _ => is_host = false,
        }
    }
    found.filter(|word| !word.is_empty())
}

/// Splits the text of a file into words. Comments and macros are left out; quotes and backslashes are resolved.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut chars = line.chars();
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
            // The word after one of these is a value and may begin with any character. Anywhere else, `#` begins a
            // comment.
            let is_value = tokens.last().is_some_and(|last: &String| {
                matches!(
                    last.as_str(),
                    "machine" | "login" | "user" | "account" | "password"
                )
            });
            if !quoted && !is_value && word == "macdef" {
                // A macro ends at the next empty line.
                let rest = lines.by_ref();
                rest.take_while(|line| !line.trim().is_empty())
                    .for_each(drop);
                break;
            }
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
        assert_eq!(
            password(text, "API.wandb.ai"),
            password(text, "api.wandb.ai")
        );
        assert_eq!(password(text, "other"), None);
        assert_eq!(password(text, "default"), None);
        assert_eq!(password("machine a login password", "a"), None);
        assert_eq!(password("machine login password x", "password"), None);
        assert_eq!(password("", "a"), None);
        let misplaced = "machine a login x\nsome password p";
        assert_eq!(password(misplaced, "a"), None);
        let in_line = "machine a login x macdef init\nmachine b password p\n\nmachine c password q";
        assert_eq!(password(in_line, "b"), None);
        assert_eq!(password(in_line, "c").as_deref(), Some("q"));
        assert_eq!(
            password("machine a password #1 # no", "a").as_deref(),
            Some("#1")
        );
    }
}
