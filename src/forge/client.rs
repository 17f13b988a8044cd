//! The HTTP client of both forges: a token, one deadline for all requests, few attempts.

use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request, header};

use crate::fault::Fault;
use crate::http::{self};
use crate::secret::Secret;
use crate::site::{Lookup, Site};

/// A comment is not worth a longer wait.
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_BODY: u64 = 16 * 1024 * 1024;
const MAX_ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Sends requests to one forge.
pub(super) struct Client {
    /// As messages name it.
    pub(super) forge: &'static str,
    agent: Agent,
    token: Secret,
    deadline: Instant,
}

/// What a forge answered, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// The answer as JSON of some form; `None` where it is not.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Whether a request that may have been done can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Harmless,
    /// It would make a second comment.
    Never,
}

impl Client {
    /// Prepares a client; nothing is sent.
    ///
    /// # Errors
    ///
    /// The address is none, or the token would be sent in the open.
    pub(super) fn new(
        forge: &'static str,
        address: &str,
        token: Secret,
        lookup: &Lookup<'_>,
    ) -> Result<Self, Fault> {
        let site = Site::of(address).map_err(|problem| {
            Fault::evidence(format!("the address of {forge}'s API is no URL: {problem}"))
        })?;
        if site.is_open() {
            return Err(Fault::evidence(format!(
                "refused to send the token over plain http to `{}`",
                site.host
            )));
        }
        if !token.is_plain() {
            return Err(Fault::evidence(format!(
                "the token for {forge} holds characters that no token has"
            )));
        }
        Ok(Self {
            forge,
            agent: http::agent(&site, TIMEOUT, lookup)?,
            token,
            deadline: Instant::now() + TIMEOUT,
        })
    }

    /// Sends a request, and again where the forge is busy.
    ///
    /// # Errors
    ///
    /// There is no whole answer.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Answer, Fault> {
        let mut attempt = 1;
        loop {
            let answer = self.attempt(method, url, body);
            let is_busy = match &answer {
                Ok(answer) => matches!(answer.status, 408 | 429 | 500..=599),
                Err(_) => true,
            };
            let pause = FIRST_PAUSE.saturating_mul(attempt);
            let is_over = attempt >= MAX_ATTEMPTS || self.left() <= pause;
            if !is_busy || is_over || repeat == Repeat::Never {
                return answer.map_err(|cause| {
                    Fault::evidence(format!("the connection to {} failed: {cause}", self.forge))
                });
            }
            thread::sleep(pause);
            attempt += 1;
        }
    }

    fn attempt(&self, method: &Method, url: &str, body: Option<&Value>) -> Result<Answer, String> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(header::AUTHORIZATION, self.token.bearer())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())
            .map_err(|error| error.to_string())?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(self.left().max(Duration::from_millis(1))))
            .build();
        let answer = self.agent.run(request).and_then(|mut response| {
            let limited = response.body_mut().with_config().limit(MAX_BODY);
            Ok((limited.read_to_vec()?, response))
        });
        let (body, response) = answer.map_err(|error| http::cause(&error))?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        })
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What a forge said of itself, to be put after our own words: a line, without the token.
    pub(super) fn quoted(&self, said: Option<&str>) -> String {
        said.map_or(String::new(), |said| {
            let said = self.token.redact(said);
            let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
            format!(": {}", line.chars().take(200).collect::<String>())
        })
    }
}
