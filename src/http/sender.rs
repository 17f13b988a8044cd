//! Sends single requests to one server, and reads complete answers of a limited size.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{HeaderMap, Method, Request, Version, header};
use ureq::{Agent, AsSendBody};

use super::agent::agent;
use crate::fault::Fault;
use crate::site::{Lookup, Site};

/// Sends requests to one server. Requests may run in parallel.
pub(crate) struct Sender {
    /// The configuration of the agents.
    config: Config,
    /// Agents that no request uses now, with their connections. Parallel requests never share an agent. After an error,
    /// the real answer may still arrive on its connection, and would be taken for the answer to the next request.
    free: Mutex<Vec<Agent>>,
}

/// One request.
pub(crate) struct Message<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    /// The media type of the answer.
    pub(crate) accept: &'static str,
    /// The value of the `Authorization` header, if the request has one.
    pub(crate) authorization: Option<&'a str>,
    /// The media type and the text of the body.
    pub(crate) body: Option<(&'static str, &'a str)>,
    /// Maximum size of the decompressed answer, in bytes. A larger answer is an error.
    pub(crate) max_answer: u64,
    /// Whether the answer must not be compressed. The library does not report whether a compressed answer had a length.
    pub(crate) is_plain: bool,
}

/// A complete answer, with any status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Sender {
    /// Creates a sender; sends no request.
    ///
    /// # Errors
    ///
    /// `SSL_CERT_FILE` names a file without certificates, or the proxy cannot be used.
    pub(crate) fn new(site: &Site, timeout: Duration, lookup: &Lookup<'_>) -> Result<Self, Fault> {
        let agent = agent(site, timeout, lookup)?;
        Ok(Self {
            config: agent.config().clone(),
            free: Mutex::new(vec![agent]),
        })
    }

    /// Whether requests go through a proxy.
    pub(crate) fn has_proxy(&self) -> bool {
        self.config.proxy().is_some()
    }

    /// Sends a request once, and waits at most `left` for the complete answer.
    ///
    /// # Errors
    ///
    /// There is no complete answer.
    pub(crate) fn send(
        &self,
        message: &Message<'_>,
        left: Duration,
    ) -> Result<Answer, ureq::Error> {
        let free = self.free().pop();
        let agent = free.unwrap_or_else(|| self.config.new_agent());
        let request = Request::builder()
            .method(message.method.clone())
            .uri(message.url)
            .header(header::ACCEPT, message.accept);
        let request = match message.authorization {
            Some(value) => request.header(header::AUTHORIZATION, value),
            None => request,
        };
        let answer = match message.body {
            None => run(&agent, request.body(())?, message, left),
            Some((media_type, text)) => {
                let request = request.header(header::CONTENT_TYPE, media_type);
                run(&agent, request.body(text)?, message, left)
            }
        }?;
        if matches!(answer.status, 200..=299) {
            self.free().push(agent);
        }
        Ok(answer)
    }

    fn free(&self) -> MutexGuard<'_, Vec<Agent>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(
    agent: &Agent,
    request: Request<impl AsSendBody>,
    message: &Message<'_>,
    left: Duration,
) -> Result<Answer, ureq::Error> {
    let mut config = agent.configure_request(request).timeout_global(Some(left));
    if message.is_plain {
        config = config.accept_encoding("identity");
    }
    let mut response = agent.run(config.build())?;
    let body = response.body_mut().with_config().limit(message.max_answer);
    let body = body.read_to_vec()?;
    Ok(Answer {
        status: response.status().as_u16(),
        version: response.version(),
        headers: response.headers().clone(),
        body,
    })
}
