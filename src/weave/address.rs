//! Where Weave is, found as its SDK finds it, and the paths below it.

use std::fmt;
use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::Uri;

use super::Lookup;
use crate::fault::Fault;

const PUBLIC_API: &str = "https://api.wandb.ai";
const PUBLIC_TRACE: &str = "https://trace.wandb.ai";
const PUBLIC_WEB: &str = "https://wandb.ai";

/// What may stand in a segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Encodes one segment of a path, or one value of a query.
#[must_use]
pub(crate) fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// A project, `entity/project`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    entity: String,
    name: String,
}

impl Project {
    /// Reads `entity/project`.
    ///
    /// # Errors
    ///
    /// It has another form.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let malformed = || {
            Fault::usage(format!("`{text}` is not a project"))
                .help("a project is written entity/project, as in its address at wandb.ai")
        };
        let sound = |part: &str| {
            !part.trim().is_empty()
                && part.trim() == part
                && !matches!(part, "." | "..")
                && !part.contains(['/', '\\', '?', '#', '%', ':'])
                && !part.chars().any(char::is_control)
        };
        match text.split_once('/') {
            Some((entity, name)) if sound(entity) && sound(name) => Ok(Self {
                entity: entity.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(malformed()),
        }
    }

    /// `/v2/entity/project`, below the trace server.
    #[must_use]
    pub(super) fn path(&self) -> String {
        format!("/v2/{}/{}", encode(&self.entity), encode(&self.name))
    }
}

impl fmt::Display for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.entity, self.name)
    }
}

/// The trace server, and the web pages that belong to it; neither ends in a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The trace server.
    pub trace: String,
    /// The web pages.
    pub web: String,
    /// The host whose password in `~/.netrc` is the API key.
    pub(super) netrc_host: String,
    /// Whether the trace server is on this machine.
    pub(super) is_loopback: bool,
}

impl Address {
    /// Finds the address: the argument, else `WF_TRACE_SERVER_URL`, else from `WANDB_BASE_URL`.
    ///
    /// # Errors
    ///
    /// A URL that is none, or plain `http` to another machine without `insecure_http`.
    pub fn find(
        argument: Option<&str>,
        insecure_http: bool,
        lookup: &Lookup<'_>,
    ) -> Result<Self, Fault> {
        let variable = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let base = variable("WANDB_BASE_URL")
            .map(|base| base.trim_end_matches('/').to_owned())
            .filter(|base| base != PUBLIC_API);
        let (source, trace) = match (argument, variable("WF_TRACE_SERVER_URL"), &base) {
            (Some(url), _, _) => ("--base-url", url.to_owned()),
            (None, Some(url), _) => ("WF_TRACE_SERVER_URL", url),
            (None, None, Some(base)) => ("WANDB_BASE_URL", format!("{base}/traces")),
            (None, None, None) => ("", PUBLIC_TRACE.to_owned()),
        };
        let trace = trace.trim_end_matches('/').to_owned();
        let (plain, host) = inspect(&trace).map_err(|problem| {
            Fault::usage(format!("the address in {source} is no URL: {problem}"))
        })?;
        let is_loopback = is_loopback(&host);
        if plain && !is_loopback && !insecure_http {
            return Err(Fault::usage(format!(
                "refused to send the API key over plain http to `{host}`"
            ))
            .help("use https, or --insecure-http if everybody on the way may read the key"));
        }
        let login = base.clone().unwrap_or_else(|| PUBLIC_API.to_owned());
        let netrc_host = login
            .split_once("://")
            .map_or(login.as_str(), |(_, rest)| rest)
            .split('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            trace,
            web: base.unwrap_or_else(|| PUBLIC_WEB.to_owned()),
            netrc_host,
            is_loopback,
        })
    }
}

/// Whether the scheme is plain `http`, and the host.
fn inspect(url: &str) -> Result<(bool, String), &'static str> {
    let uri: Uri = url.parse().map_err(|_| "not readable")?;
    let plain = match uri.scheme_str() {
        Some("https") => false,
        Some("http") => true,
        _ => return Err("expected http:// or https://"),
    };
    let authority = uri.authority().ok_or("it has no host")?;
    if authority.as_str().contains('@') {
        return Err("it holds a user name; the key comes from WANDB_API_KEY or ~/.netrc");
    }
    if uri.query().is_some() {
        return Err("it has a query");
    }
    match authority.host() {
        "" => Err("it has no host"),
        host => Ok((plain, host.to_owned())),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(argument: Option<&str>, variables: &[(&str, &str)]) -> Result<Address, Fault> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Address::find(argument, false, &lookup)
    }

    #[test]
    fn the_address_is_found_as_the_sdk_finds_it() {
        for (argument, variables, trace, web, netrc) in [
            (None, &[][..], PUBLIC_TRACE, PUBLIC_WEB, "api.wandb.ai"),
            (
                None,
                &[("WANDB_BASE_URL", "https://api.wandb.ai")],
                PUBLIC_TRACE,
                PUBLIC_WEB,
                "api.wandb.ai",
            ),
            (
                None,
                &[("WANDB_BASE_URL", "https://wb.example.com:8443/")],
                "https://wb.example.com:8443/traces",
                "https://wb.example.com:8443",
                "wb.example.com:8443",
            ),
            (
                None,
                &[
                    ("WANDB_BASE_URL", "https://wb.example.com"),
                    ("WF_TRACE_SERVER_URL", "https://t.example.com/"),
                ],
                "https://t.example.com",
                "https://wb.example.com",
                "wb.example.com",
            ),
            (
                Some("http://[::1]:8080"),
                &[("WF_TRACE_SERVER_URL", "https://t.example.com")],
                "http://[::1]:8080",
                PUBLIC_WEB,
                "api.wandb.ai",
            ),
        ] {
            let address = find(argument, variables).unwrap();
            assert_eq!(
                (&*address.trace, &*address.web, &*address.netrc_host),
                (trace, web, netrc)
            );
        }
    }

    #[test]
    fn a_bad_address_is_refused() {
        for url in [
            "trace.wandb.ai",
            "ftp://trace.wandb.ai",
            "https://",
            "https://user:pw@host",
            "https://host/?q",
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
        ] {
            assert!(find(Some(url), &[]).is_err(), "{url}");
        }
        for url in [
            "http://localhost:1",
            "http://127.1.2.3",
            "https://example.com",
        ] {
            assert!(find(Some(url), &[]).is_ok(), "{url}");
        }
    }

    #[test]
    fn projects_are_checked() {
        assert_eq!(Project::parse("a b/c").unwrap().path(), "/v2/a%20b/c");
        for text in [
            "", "a", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a/b?c", "a/ b", "a/\n",
        ] {
            assert!(Project::parse(text).is_err(), "{text:?}");
        }
    }
}
