//! One HTTP client: authenticated, bounded in time and bytes, patient with a busy server.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::de::{Deserialize, DeserializeOwned};
use serde_json::Value;
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};

use super::Address;
use crate::fault::Fault;
use crate::http::{self, Lookup};
use crate::json::object;
use crate::secret::Secret;

/// An answer larger than this is refused, decompressed.
const MAX_BODY: u64 = 64 * 1024 * 1024;
const MAX_ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Where the client says what it does.
pub trait Noise: Sync {
    /// A request was answered.
    fn answered(&self, request: &str, status: u16, took: Duration);
    /// A request is made again after a pause.
    fn retrying(&self, reason: &str, pause: Duration);
}

/// Answers in the server's place: to a request's path and body, the bytes of an answer that came whole.
pub type Answers<'a> = dyn Fn(&str, Option<&str>) -> Vec<u8> + Sync + 'a;

/// A client of one trace server. All its requests together end by one deadline.
pub struct Client<'a> {
    agent: Agent,
    address: Address,
    /// The address as messages name it.
    way: String,
    key: Secret,
    deadline: Instant,
    timeout: Duration,
    /// The time until the deadline, when it was set.
    given: Duration,
    /// How often a request is made, at most.
    attempts: u32,
    noise: &'a dyn Noise,
    /// Whoever answers in the server's place, where somebody does.
    answers: Option<&'a Answers<'a>>,
}

/// Why a request got no usable answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server knows the path and not the thing; with its reason.
    NotFound(String),
    /// The answer is larger than can be held.
    TooLarge(Fault),
    /// It may pass, and did not in the time that there was; with the time that the server asks to wait.
    Busy(Fault, Option<Duration>),
    /// Anything else.
    Fault(Fault),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(reason) => {
                Self::evidence(format!("Weave does not know it: {reason}"))
                    .help("look at the project's name, and at whether a run was deleted meanwhile")
            }
            Refusal::TooLarge(fault) | Refusal::Busy(fault, _) | Refusal::Fault(fault) => fault,
        }
    }
}

/// What came of one attempt.
enum Attempt {
    Answer(Vec<u8>),
    /// It may pass: what was wrong, and how long the server asks to wait.
    Again(String, Option<Duration>),
    Refused(Refusal),
}

impl<'a> Client<'a> {
    /// Prepares a client; nothing is sent.
    ///
    /// # Errors
    ///
    /// `SSL_CERT_FILE` names something that holds no certificates.
    pub fn new(
        address: Address,
        key: Secret,
        timeout: Duration,
        lookup: &Lookup<'_>,
        noise: &'a dyn Noise,
    ) -> Result<Self, Fault> {
        let agent = http::agent(address.is_loopback, timeout, lookup)?;
        let way = if agent.config().proxy().is_some() {
            format!("{}, through the proxy of the environment", address.trace)
        } else {
            address.trace.clone()
        };
        Ok(Self {
            agent,
            address,
            way,
            key,
            deadline: Instant::now() + timeout,
            timeout,
            given: timeout,
            attempts: MAX_ATTEMPTS,
            noise,
            answers: None,
        })
    }

    /// The same client, and nothing is sent: what it is answered goes the way of a server's answers, from the
    /// search for the key on. For recorded answers and hostile ones.
    #[must_use]
    pub fn answered_by(self, answers: &'a Answers<'a>) -> Self {
        Self {
            answers: Some(answers),
            ..self
        }
    }

    /// Address of the web pages.
    pub(super) fn web(&self) -> &str {
        &self.address.web
    }

    /// Reads what stands at a path.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.ask("GET", path, None)
    }

    /// Starts the time for all requests anew. With `at_most` there is no more time than that, and each
    /// request is made once: whoever calls tries again.
    pub fn restart(&mut self, at_most: Option<Duration>) {
        self.given = at_most.map_or(self.timeout, |most| most.min(self.timeout));
        self.deadline = Instant::now() + self.given;
        self.attempts = at_most.map_or(MAX_ATTEMPTS, |_| 1);
    }

    /// Sends a query that is answered with JSON Lines.
    pub(super) fn post_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Vec<T>, Refusal> {
        let bytes = self.bytes("POST", path, Some(&body.to_string()))?;
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .map(|line| self.decode(line))
            .collect()
    }

    /// Sends a query.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Refusal> {
        self.ask("POST", path, Some(&body.to_string()))
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<T, Refusal> {
        self.decode(&self.bytes(method, path, body)?)
    }

    /// Sends a query, and leaves its answer undecoded.
    pub(super) fn post_bytes(&self, path: &str, body: &Value) -> Result<Vec<u8>, Refusal> {
        self.bytes("POST", path, Some(&body.to_string()))
    }

    /// Decodes an answer, which may borrow from it.
    pub(super) fn decode<'b, T: Deserialize<'b>>(&self, bytes: &'b [u8]) -> Result<T, Refusal> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        object(&mut reader)
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|error| Refusal::Busy(self.unreadable(bytes, &error), None))
    }

    /// What is wrong with a part of an answer that was decoded elsewhere.
    pub(super) fn misread(&self, error: &serde_json::Error) -> Refusal {
        Refusal::Fault(self.unreadable(b"", error))
    }

    /// A whole answer, whatever it holds.
    fn bytes(&self, method: &str, path: &str, body: Option<&str>) -> Result<Vec<u8>, Refusal> {
        let mut attempt = 1;
        let bytes = loop {
            match self.attempt(method, path, body) {
                Attempt::Answer(bytes) => break bytes,
                Attempt::Refused(refusal) => return Err(refusal),
                Attempt::Again(reason, wait) => {
                    self.pause(attempt, &reason, wait)
                        .map_err(|fault| Refusal::Busy(fault, wait))?;
                    attempt += 1;
                }
            }
        };
        // A name that is the key would be shown in every report.
        if self.key.is_in(&bytes) {
            let fault = Fault::evidence("an answer of Weave holds the API key, and is not shown")
                .help("somebody logged the key as a name or a text; revoke it, and log without it");
            return Err(Refusal::Fault(fault));
        }
        Ok(bytes)
    }

    fn attempt(&self, method: &str, path: &str, body: Option<&str>) -> Attempt {
        let Some(left) = self.left() else {
            return Attempt::Refused(Refusal::Busy(self.too_late(""), None));
        };
        if let Some(answers) = self.answers {
            return Attempt::Answer(answers(path, body));
        }
        let started = Instant::now();
        let url = format!("{}{path}", self.address.trace);
        let authorization = self.key.basic();
        let sent = match body {
            None => self
                .agent
                .get(&url)
                .header(header::AUTHORIZATION, &authorization)
                .config()
                .timeout_global(Some(left))
                .build()
                .call(),
            Some(body) => self
                .agent
                .post(&url)
                .header(header::AUTHORIZATION, &authorization)
                .header(header::CONTENT_TYPE, "application/json")
                .config()
                .timeout_global(Some(left))
                .build()
                .send(body),
        };
        let answer = sent.and_then(|mut response| {
            let body = response
                .body_mut()
                .with_config()
                .limit(MAX_BODY)
                .read_to_vec()?;
            Ok((response, body))
        });
        match answer {
            Ok((response, bytes)) => {
                let status = response.status().as_u16();
                self.noise
                    .answered(&format!("{method} {path}"), status, started.elapsed());
                self.sort(path, &response, bytes)
            }
            Err(error) => self.broken(&error),
        }
    }

    /// What a whole answer means.
    fn sort(&self, path: &str, response: &Response<Body>, bytes: Vec<u8>) -> Attempt {
        let status = response.status().as_u16();
        if status == 200 {
            return Attempt::Answer(bytes);
        }
        let refuse = |fault| Attempt::Refused(Refusal::Fault(fault));
        let said = self.reason(&bytes);
        let quoted = said
            .as_ref()
            .map_or(String::new(), |said| format!(": {said}"));
        match status {
            300..=399 => refuse(
                Fault::evidence(format!(
                    "{} redirects elsewhere ({status}); the API key is not sent after it",
                    self.address.trace
                ))
                .help("name the address of the trace server itself, with --base-url or WF_TRACE_SERVER_URL"),
            ),
            401 => refuse(
                Fault::evidence(format!("Weave refused the API key (401){quoted}"))
                    .help("look at WANDB_API_KEY; a key belongs to one server"),
            ),
            403 => refuse(
                Fault::evidence(format!("the API key may not read this project (403){quoted}"))
                    .help("look at the project's name, and at whether the key's owner is in its team"),
            ),
            404 if said.is_some() => Attempt::Refused(Refusal::NotFound(said.unwrap_or_default())),
            404 => refuse(
                Fault::evidence(format!("{} does not know {path} (404)", self.address.trace))
                    .help("the server is older than the v2 Evaluation API, or this is not the address of a trace server"),
            ),
            408 | 409 | 425 | 429 | 500..=599 if status != 501 => Attempt::Again(
                format!("Weave answered {status}{quoted}"),
                retry_after(response.headers()),
            ),
            _ => refuse(
                Fault::evidence(format!("Weave answered {status}{quoted}"))
                    .help("look at --base-url, at what stands between, and at whether the server is older than the v2 Evaluation API"),
            ),
        }
    }

    /// What a request means that got no whole answer.
    fn broken(&self, error: &ureq::Error) -> Attempt {
        let refuse = |fault| Attempt::Refused(Refusal::Fault(fault));
        let host = &self.way;
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect) if self.left().is_some() => {
                Attempt::Again(format!("no connection to {host} in time"), None)
            }
            ureq::Error::Timeout(_) => Attempt::Refused(Refusal::Busy(self.too_late(""), None)),
            ureq::Error::BodyExceedsLimit(_) => {
                Attempt::Refused(Refusal::TooLarge(Fault::evidence(format!(
                    "an answer of {host} is larger than {} MiB",
                    MAX_BODY / 1024 / 1024
                ))
                .help("look at --base-url, and at how large the inputs and outputs of single rows are")))
            }
            error if is_unknown_host(error) => refuse(
                Fault::evidence(format!("the host of {host} is not known"))
                    .help("look at --base-url, WF_TRACE_SERVER_URL, WANDB_BASE_URL and the proxy of the environment, and at the network"),
            ),
            ureq::Error::Rustls(error) => refuse(
                Fault::evidence(format!("no safe connection to {host}: {error}"))
                    .help("a private authority is trusted through SSL_CERT_FILE"),
            ),
            ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl => {
                refuse(
                    Fault::evidence(format!("no connection to {host}: {error}"))
                        .help("look at --base-url, SSL_CERT_FILE, and the proxy of the environment"),
                )
            }
            // What the proxy does not allow now, it does not allow in a moment either.
            ureq::Error::ConnectProxyFailed(reason) if refuses(reason) => refuse(
                Fault::evidence(format!("no connection to {host}: {reason}"))
                    .help("look at the name and password in HTTPS_PROXY, and at what the proxy allows; NO_PROXY goes around it"),
            ),
            // What TLS does not accept arrives wrapped in an I/O error of this kind.
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => refuse(
                Fault::evidence(format!("no safe connection to {host}: {error}")).help(
                    "a private authority is trusted through SSL_CERT_FILE; does the server speak https at this address?",
                ),
            ),
            error => Attempt::Again(
                format!("the connection to {host} failed: {}", http::cause(error)),
                None,
            ),
        }
    }

    /// Waits before the next attempt, or says why there is none.
    fn pause(&self, attempt: u32, reason: &str, wait: Option<Duration>) -> Result<(), Fault> {
        if attempt >= self.attempts {
            let times = if attempt > 1 {
                format!(", {attempt} times")
            } else {
                String::new()
            };
            return Err(Fault::evidence(format!("{reason}{times}"))
                .help("try again later; the evidence is not lost"));
        }
        // Never sooner than the server asks, and never at once, whatever it asks.
        let pause = jittered(attempt).max(wait.unwrap_or_default());
        if self.left().is_none_or(|left| pause >= left) {
            return Err(self.too_late(&match wait {
                Some(wait) => format!("{reason} and asks to wait {} s", wait.as_secs()),
                None => reason.to_owned(),
            }));
        }
        self.noise.retrying(reason, pause);
        thread::sleep(pause);
        Ok(())
    }

    /// The reason in an answer that is an error, as the trace server writes it; one line, and short.
    fn reason(&self, bytes: &[u8]) -> Option<String> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let said = match (value.get("reason"), value.get("detail")) {
            (Some(Value::String(reason)), _) => reason.clone(),
            (_, Some(detail @ Value::Array(_))) => detail.to_string(),
            _ => return None,
        };
        let said = self.key.redact(&said);
        let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(line.chars().take(300).collect())
    }

    fn left(&self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        (left > Duration::ZERO).then_some(left)
    }

    fn too_late(&self, reason: &str) -> Fault {
        let seconds = self.given.as_secs_f64().ceil();
        let message = if reason.is_empty() {
            format!(
                "{} gave no whole answer within {seconds} s",
                self.address.trace
            )
        } else {
            format!("{reason}; no time is left of {seconds} s")
        };
        Fault::evidence(message).help("give more time with --timeout")
    }

    fn unreadable(&self, bytes: &[u8], error: &serde_json::Error) -> Fault {
        let host = &self.address.trace;
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Fault::evidence(format!("{host} answered with a web page, not with JSON"))
                .help("name the address of the trace server, with --base-url or WF_TRACE_SERVER_URL; or a proxy is in the way");
        }
        let error = error.to_string();
        let error = self.key.redact(&error);
        Fault::evidence(format!(
            "an answer of {host} is not what the v2 Evaluation API sends: {error}"
        ))
        .help("look at --base-url, at what stands between, and at whether the server is older than the v2 Evaluation API")
    }
}

/// `Retry-After`, in seconds or as a date. More seconds than can be counted are still a wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let wait = Duration::try_from_secs_f64(seconds.ceil());
        return wait.ok().or((seconds > 0.0).then_some(Duration::MAX));
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    let wait = date.duration_since(Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// Exponential back-off, somewhere between half and the whole of the step.
fn jittered(attempt: u32) -> Duration {
    let step = FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(attempt - 1))
        .min(LONGEST_PAUSE);
    let random = RandomState::new().hash_one(attempt) % 1000;
    let share = u32::try_from(random).unwrap_or(0);
    step / 2 + step.mul_f64(f64::from(share) / 2000.0)
}

/// Whether a name has no address, and its servers were there to say so.
fn is_unknown_host(error: &ureq::Error) -> bool {
    /// `WSAHOST_NOT_FOUND`.
    const OF_WINDOWS: i32 = 11001;
    match error {
        ureq::Error::HostNotFound => true,
        // The standard library has no kind for it, only these words.
        ureq::Error::Io(error) => {
            let text = error.to_string();
            let is_unresolved = text.starts_with("failed to lookup address information");
            (is_unresolved && !text.contains("Temporary failure"))
                || error.raw_os_error() == Some(OF_WINDOWS)
        }
        _ => false,
    }
}

/// Whether a proxy refused to connect, and did not merely fail to: the reason ends with its status.
fn refuses(reason: &str) -> bool {
    let status = reason.rsplit(['/', ' ']).next();
    status.is_some_and(|status| status.len() == 3 && status.starts_with(['3', '4']))
}
