//! Finds the address of Weave in the same way as its SDK.

use super::settings;
use crate::fault::Fault;
use crate::site::{Lookup, Site};

const PUBLIC_API: &str = "https://api.wandb.ai";
const PUBLIC_API_HOST: &str = "api.wandb.ai";
const PUBLIC_TRACE: &str = "https://trace.wandb.ai";

/// The addresses of the trace server and of its web pages, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The URL of the trace server.
    pub trace: String,
    /// The URL of the web pages.
    pub web: String,
    /// The host, port and protocol of the trace server.
    pub(super) site: Site,
    /// The hosts whose password in `~/.netrc` is a key for this server. The first host that has a password is used.
    pub(super) netrc_hosts: Vec<String>,
    /// The W&B server, which exchanges identity tokens; `None` if the trace server does not belong to it.
    pub(super) base: Option<String>,
    /// The host whose key the SDK would use, if the trace server does not belong to that host. Its key is not sent.
    pub(super) other_host: Option<String>,
}

impl Address {
    /// Finds the address: the argument, else `WF_TRACE_SERVER_URL`, else an address derived from
    /// `WANDB_PUBLIC_BASE_URL`, else from `WANDB_BASE_URL`, else from the settings file in the home directory, else
    /// W&B's own.
    ///
    /// # Errors
    ///
    /// A URL is invalid, or it uses plain `http` to another machine without `insecure_http`.
    pub fn find(
        argument: Option<&str>,
        insecure_http: bool,
        lookup: &Lookup<'_>,
    ) -> Result<Self, Fault> {
        let base = base(lookup)?;
        let public = variable("WANDB_PUBLIC_BASE_URL", lookup)?;
        let (source, trace) = match (argument, set("WF_TRACE_SERVER_URL", lookup)) {
            (Some(url), _) => (Source::Argument, url.to_owned()),
            (None, Some(url)) => (Source::Variable("WF_TRACE_SERVER_URL"), url),
            (None, None) => {
                let front = public.as_ref().unwrap_or(&base);
                let trace = if front.url == PUBLIC_API {
                    PUBLIC_TRACE.to_owned()
                } else {
                    format!("{}/traces", front.url)
                };
                (front.source.clone(), trace)
            }
        };
        let trace = trace.trim_end_matches('/').to_owned();
        let site = Site::of(&trace).map_err(|problem| invalid(&source.shown(), problem))?;
        if site.is_open() && !insecure_http {
            return Err(Fault::usage(format!(
                "refused to send the API key over plain http to `{}`",
                site.host
            ))
            .help("use https, or --insecure-http if everyone with access to the network may read the key"));
        }
        let is_own = base.has(&site, &source);
        let own = is_own.then_some(&*base.site.authority);
        let of_wandb = is(PUBLIC_TRACE, &site).then_some(PUBLIC_API_HOST);
        let hosts = own.into_iter().chain(of_wandb).chain([&*site.authority]);
        let mut netrc_hosts: Vec<String> = hosts.map(str::to_owned).collect();
        netrc_hosts.dedup();
        Ok(Self {
            trace,
            web: match variable("WANDB_APP_URL", lookup)? {
                Some(app) => app.url,
                None => pages(public.as_ref().unwrap_or(&base)),
            },
            site,
            netrc_hosts,
            base: is_own.then(|| base.url.clone()),
            other_host: (!is_own).then_some(base.site.authority),
        })
    }
}

/// Returns the address of the web pages, without a slash at the end: `WANDB_APP_URL`, else that of the W&B server.
///
/// # Errors
///
/// A URL in the environment or in the settings file is invalid.
pub fn web(lookup: &Lookup<'_>) -> Result<String, Fault> {
    if let Some(app) = variable("WANDB_APP_URL", lookup)? {
        return Ok(app.url);
    }
    match variable("WANDB_PUBLIC_BASE_URL", lookup)? {
        Some(public) => Ok(pages(&public)),
        None => Ok(pages(&base(lookup)?)),
    }
}

/// The URL of the web pages of a W&B server, as the SDK links to them.
fn pages(base: &Base) -> String {
    let url = &base.url;
    // W&B's own test servers have another host than those of the cloud.
    if url.contains("://api.wandb.") && !url.contains("://api.wandb.test") {
        url.replacen("://api.", "://", 1)
    } else {
        url.replacen("://api.", "://app.", 1)
    }
}

/// Where an address comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Argument,
    /// An environment variable.
    Variable(&'static str),
    /// The settings file with this path.
    Settings(String),
    Nobody,
}

impl Source {
    fn shown(&self) -> String {
        match self {
            Self::Argument => "--base-url".to_owned(),
            Self::Variable(name) => (*name).to_owned(),
            Self::Settings(path) => format!("`{path}`"),
            Self::Nobody => "weave-gate".to_owned(),
        }
    }
}

/// A W&B server, without a slash at the end of its URL.
struct Base {
    url: String,
    site: Site,
    source: Source,
}

impl Base {
    fn of(url: &str, source: Source) -> Result<Self, Fault> {
        let url = url.trim_end_matches('/').to_owned();
        let site = Site::of(&url).map_err(|problem| invalid(&source.shown(), problem))?;
        Ok(Self { url, site, source })
    }

    /// Whether a trace server belongs to this server, so that it may receive the key of this server. One of these must
    /// be true: both are on the same host; both are W&B's own; or neither is W&B's and the environment names both of
    /// them.
    fn has(&self, trace: &Site, named_by: &Source) -> bool {
        let is_wandb = |site: &Site| is(PUBLIC_API, site) || is(PUBLIC_TRACE, site);
        if self.site.is_same(trace) {
            return true;
        }
        match (is_wandb(&self.site), is_wandb(trace)) {
            (true, true) => true,
            (false, false) => matches!(
                (&self.source, named_by),
                (Source::Variable(_), Source::Variable(_))
            ),
            (true, false) | (false, true) => false,
        }
    }
}

/// Whether this is the server at the URL.
fn is(url: &str, site: &Site) -> bool {
    Site::of(url).is_ok_and(|known| known.is_same(site))
}

/// Returns the server that `WANDB_BASE_URL` names, else the one in the settings file, else W&B's own.
fn base(lookup: &Lookup<'_>) -> Result<Base, Fault> {
    if let Some(base) = variable("WANDB_BASE_URL", lookup)? {
        return Ok(base);
    }
    match settings::base_url(lookup)? {
        Some(setting) => {
            let source = Source::Settings(setting.path.display().to_string());
            Base::of(&setting.url, source)
        }
        None => Base::of(PUBLIC_API, Source::Nobody),
    }
}

/// Returns the server that a variable names, if it is set.
fn variable(name: &'static str, lookup: &Lookup<'_>) -> Result<Option<Base>, Fault> {
    let url = set(name, lookup);
    url.map(|url| Base::of(&url, Source::Variable(name)))
        .transpose()
}

fn set(name: &str, lookup: &Lookup<'_>) -> Option<String> {
    lookup(name).filter(|value| !value.is_empty())
}

fn invalid(source: &str, problem: &str) -> Fault {
    Fault::usage(format!("the address in {source} is not a URL: {problem}"))
        .help("write it as https://HOST")
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
    #[rustfmt::skip]
    fn the_address_is_found_as_the_sdk_finds_it() {
        const WANDB: &str = "https://wandb.ai";
        const BASE: (&str, &str) = ("WANDB_BASE_URL", "https://wb.example.com:8443/");
        const TRACE: (&str, &str) = ("WF_TRACE_SERVER_URL", "https://t.example.com/");
        const PUBLIC: (&str, &str) = ("WANDB_PUBLIC_BASE_URL", "https://p.example.com/");
        const APP: (&str, &str) = ("WANDB_APP_URL", "https://ui.example.com/");
        for (argument, variables, trace, web) in [
            (None, &[][..], PUBLIC_TRACE, WANDB),
            (None, &[("WANDB_BASE_URL", "")], PUBLIC_TRACE, WANDB),
            (None, &[("WANDB_BASE_URL", "https://api.wandb.ai/")], PUBLIC_TRACE, WANDB),
            (None, &[("WANDB_PUBLIC_BASE_URL", PUBLIC_API), BASE], PUBLIC_TRACE, WANDB),
            (None, &[BASE], "https://wb.example.com:8443/traces", "https://wb.example.com:8443"),
            (None, &[PUBLIC], "https://p.example.com/traces", "https://p.example.com"),
            (None, &[PUBLIC, BASE], "https://p.example.com/traces", "https://p.example.com"),
            (None, &[TRACE, PUBLIC, BASE], "https://t.example.com", "https://p.example.com"),
            (None, &[TRACE], "https://t.example.com", WANDB),
            (None, &[("WANDB_BASE_URL", "https://api.example.com")], "https://api.example.com/traces", "https://app.example.com"),
            (Some("http://[::1]:8080"), &[TRACE, BASE], "http://[::1]:8080", "https://wb.example.com:8443"),
            (None, &[BASE, APP], "https://wb.example.com:8443/traces", "https://ui.example.com"),
            (None, &[APP, PUBLIC], "https://p.example.com/traces", "https://ui.example.com"),
            (None, &[("WANDB_BASE_URL", "https://api.wandb.test")], "https://api.wandb.test/traces", "https://app.wandb.test"),
            (None, &[("WANDB_BASE_URL", "https://api.wandb.example")], "https://api.wandb.example/traces", "https://wandb.example"),
        ] {
            let address = find(argument, variables).unwrap();
            assert_eq!((&*address.trace, &*address.web), (trace, web), "{argument:?}, {variables:?}");
        }
    }

    /// A key is sent only to the host for which it was found, unless the environment names both hosts.
    #[test]
    #[rustfmt::skip]
    fn a_host_has_the_keys_of_its_own_server() {
        const BASE: (&str, &str) = ("WANDB_BASE_URL", "https://wb.example.com");
        let trace = |url| ("WF_TRACE_SERVER_URL", url);
        for (argument, variables, hosts) in [
            (None, &[][..], &["api.wandb.ai", "trace.wandb.ai"][..]),
            (None, &[BASE], &["wb.example.com"]),
            (None, &[trace("https://t.example.com")], &["t.example.com"]),
            (None, &[trace("https://t.example.com"), BASE], &["wb.example.com", "t.example.com"]),
            (None, &[("WANDB_PUBLIC_BASE_URL", "https://p.example.com"), BASE], &["wb.example.com", "p.example.com"]),
            (None, &[("WANDB_PUBLIC_BASE_URL", "https://p.example.com")], &["p.example.com"]),
            (None, &[trace("https://wb.example.com:443/traces"), BASE], &["wb.example.com", "wb.example.com:443"]),
            (None, &[trace("https://trace.wandb.ai"), BASE], &["api.wandb.ai", "trace.wandb.ai"]),
            (None, &[trace("https://api.wandb.ai/traces")], &["api.wandb.ai"]),
            (None, &[trace("https://trace.wandb.ai.example.com")], &["trace.wandb.ai.example.com"]),
            (None, &[trace("https://trace.wandb.ai:8443")], &["trace.wandb.ai:8443"]),
            (None, &[trace("https://t.example.com"), ("WANDB_BASE_URL", PUBLIC_API)], &["t.example.com"]),
            (Some("https://t.example.com"), &[BASE], &["t.example.com"]),
            (Some("https://wb.example.com/other"), &[BASE], &["wb.example.com"]),
            (Some("https://wb.example.com:8443"), &[BASE], &["wb.example.com:8443"]),
            (Some("http://127.0.0.1:8080"), &[], &["127.0.0.1:8080"]),
            (Some(PUBLIC_TRACE), &[BASE], &["api.wandb.ai", "trace.wandb.ai"]),
        ] {
            let address = find(argument, variables).unwrap();
            assert_eq!(address.netrc_hosts, hosts, "{argument:?}, {variables:?}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_not_shown() {
        for name in ["WANDB_BASE_URL", "WANDB_PUBLIC_BASE_URL"] {
            let variables = [(name, "https://user:hunter2@wb.example.com")];
            let fault = find(Some("http://127.0.0.1:1"), &variables).unwrap_err();
            assert!(fault.message.contains(name) && !fault.message.contains("hunter2"));
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
            "https://host/#x",
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
}
