//! Where Weave is, found as its SDK finds it.

use crate::fault::Fault;
use crate::http::{Lookup, Site};

const PUBLIC_API: &str = "https://api.wandb.ai";
const PUBLIC_API_HOST: &str = "api.wandb.ai";
const PUBLIC_TRACE: &str = "https://trace.wandb.ai";
const PUBLIC_WEB: &str = "https://wandb.ai";

/// The trace server, and the web pages that belong to it; neither ends in a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The trace server.
    pub trace: String,
    /// The web pages.
    pub web: String,
    /// The host whose password in `~/.netrc` is the API key.
    pub(super) netrc_host: String,
    /// The trace server's host.
    pub(super) site: Site,
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
        let base = own_base(lookup)?;
        let from_environment = lookup("WF_TRACE_SERVER_URL").filter(|value| !value.is_empty());
        let (source, trace) = match (argument, from_environment, &base) {
            (Some(url), _, _) => ("--base-url", url.to_owned()),
            (None, Some(url), _) => ("WF_TRACE_SERVER_URL", url),
            (None, None, Some(base)) => ("WANDB_BASE_URL", format!("{}/traces", base.url)),
            (None, None, None) => ("", PUBLIC_TRACE.to_owned()),
        };
        let trace = trace.trim_end_matches('/').to_owned();
        let site = Site::of(&trace).map_err(|problem| no_url(source, problem))?;
        if site.is_open() && !insecure_http {
            return Err(Fault::usage(format!(
                "refused to send the API key over plain http to `{}`",
                site.host
            ))
            .help("use https, or --insecure-http if everybody on the way may read the key"));
        }
        Ok(Self {
            trace,
            web: web(lookup)?,
            netrc_host: base.map_or_else(|| PUBLIC_API_HOST.to_owned(), |base| base.authority),
            site,
        })
    }
}

/// The address of the web pages, without a slash at its end.
///
/// # Errors
///
/// `WANDB_BASE_URL` is no URL.
pub fn web(lookup: &Lookup<'_>) -> Result<String, Fault> {
    Ok(own_base(lookup)?.map_or_else(|| PUBLIC_WEB.to_owned(), |base| base.url))
}

/// A server of one's own, as `WANDB_BASE_URL` names it.
struct Base {
    url: String,
    authority: String,
}

fn own_base(lookup: &Lookup<'_>) -> Result<Option<Base>, Fault> {
    let name = "WANDB_BASE_URL";
    let Some(url) = lookup(name).filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let url = url.trim_end_matches('/').to_owned();
    let site = Site::of(&url).map_err(|problem| no_url(name, problem))?;
    Ok((url != PUBLIC_API).then_some(Base {
        url,
        authority: site.authority,
    }))
}

fn no_url(source: &str, problem: &str) -> Fault {
    Fault::usage(format!("the address in {source} is no URL: {problem}"))
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
    fn a_password_in_the_base_url_is_refused_and_not_shown() {
        let variables = [("WANDB_BASE_URL", "https://user:hunter2@wb.example.com")];
        let fault = find(Some("http://127.0.0.1:1"), &variables).unwrap_err();
        assert!(fault.message.contains("WANDB_BASE_URL") && !fault.message.contains("hunter2"));
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
