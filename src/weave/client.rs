//! The HTTP client of a trace server, with authentication, limits on time and size, and retries.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::{Deserialize, DeserializeOwned};
use serde_json::Value;
use ureq::http::{HeaderMap, Method, Version, header};

use super::Address;
use super::api_error::ApiError;
use super::credentials::Credential;
use super::identity::Failure;
use crate::fault::Fault;
use crate::http::{
    self, Answer, Failed, GaveUp, Message, Progress, RetryPolicy, Sender, retry_after,
};
use crate::json::{is_not_finite, object};
use crate::site::Lookup;

/// The next action if no server can be connected to.
const NO_SERVER: &str = "check that a server runs at this address, and --base-url, WF_TRACE_SERVER_URL, WANDB_BASE_URL and the proxy";
/// Maximum size of a decompressed answer, in bytes. A larger answer is refused.
const MAX_BODY: u64 = 64 * 1024 * 1024;
const MAX_ATTEMPTS: u32 = 5;

/// A function that answers requests instead of a server. It takes a request's path and body, and returns the bytes of a
/// complete answer.
pub type Answers<'a> = dyn Fn(&str, Option<&str>) -> Vec<u8> + Sync + 'a;

/// A client of one trace server. All its requests share one deadline.
pub struct Client<'a> {
    sender: Sender,
    address: Address,
    /// The address as shown in messages.
    way: String,
    credential: Credential,
    timeout: Duration,
    retry: RetryPolicy,
    progress: &'a dyn Progress,
    /// Keys of result queries that the server does not know. They are not sent again.
    unknown: Mutex<BTreeSet<&'static str>>,
    /// Whether costs are judged. If so, the evidence is unavailable without them.
    needs_costs: bool,
    /// Answers requests instead of the server, if set.
    answers: Option<&'a Answers<'a>>,
}

/// The key of a result query that sets whether the server reads the calls within each trial. By default it reads them.
pub(super) const CHILDREN: &str = "include_predict_and_score_children";
/// The key of a result query that requests costs.
pub(super) const COSTS: &str = "include_costs";
/// The first version of Weave whose trace server knows [`COSTS`].
const COSTS_SINCE: &str = "0.53.2";

/// The result of one attempt: an answer, an error, or a reason to try again.
type Attempt = http::Attempt<Result<Vec<u8>, ApiError>>;

/// One request.
struct Request<'r> {
    /// What the request reads, as shown in messages.
    what: &'r str,
    path: &'r str,
    /// The text to send, if any.
    body: Option<String>,
    /// Whether the answer is in JSON Lines.
    of_lines: bool,
    retry: RetryPolicy,
}

impl<'a> Client<'a> {
    /// Creates a client; sends no request.
    ///
    /// # Errors
    ///
    /// `SSL_CERT_FILE` names a file without certificates, or the proxy cannot be used.
    pub fn new(
        address: Address,
        credential: Credential,
        timeout: Duration,
        lookup: &Lookup<'_>,
        progress: &'a dyn Progress,
    ) -> Result<Self, Fault> {
        let sender = Sender::new(&address.site, timeout, lookup)?;
        let way = if sender.has_proxy() {
            format!("{}, through the proxy of the environment", address.trace)
        } else {
            address.trace.clone()
        };
        Ok(Self {
            sender,
            address,
            way,
            credential,
            timeout,
            retry: RetryPolicy::new(timeout, MAX_ATTEMPTS),
            progress,
            unknown: Mutex::default(),
            needs_costs: false,
            answers: None,
        })
    }

    /// Returns a client that sends nothing and takes its answers from `answers`. They are processed like a server's
    /// answers, starting with the search for the key. For recorded and for hostile answers.
    #[must_use]
    pub fn answered_by(self, answers: &'a Answers<'a>) -> Self {
        Self {
            answers: Some(answers),
            ..self
        }
    }

    /// Sets whether the evidence needs costs. If not, an older server that returns no costs is accepted.
    #[must_use]
    pub fn needing_costs(self, needs_costs: bool) -> Self {
        Self {
            needs_costs,
            ..self
        }
    }

    /// The address of the web pages.
    pub(super) fn web(&self) -> &str {
        &self.address.web
    }

    /// Restarts the time limit for all requests. With `at_most`, the limit is at most that long and each request is
    /// made once, because the caller retries.
    pub fn restart(&mut self, at_most: Option<Duration>) {
        self.retry = match at_most {
            Some(most) => RetryPolicy::new(most.min(self.timeout), 1),
            None => RetryPolicy::new(self.timeout, MAX_ATTEMPTS),
        };
    }

    /// Reads the JSON at a path. Here and below, `what` names in messages what could not be read.
    pub(super) fn get<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, ApiError> {
        let bytes = self.answer(&self.request(what, path, None))?;
        self.decode(what, &bytes)
    }

    /// Sends a query, and decodes its answer.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        body: &Value,
    ) -> Result<T, ApiError> {
        self.decode(what, &self.post_bytes(what, path, body)?)
    }

    /// Sends a query, and returns its answer undecoded.
    pub(super) fn post_bytes(
        &self,
        what: &str,
        path: &str,
        body: &Value,
    ) -> Result<Vec<u8>, ApiError> {
        self.answer(&self.request(what, path, Some(body)))
    }

    /// Sends a result query, and returns its answer undecoded. If an older server does not know an optional key, the
    /// query is sent again without that key.
    pub(super) fn post_results(
        &self,
        what: &str,
        path: &str,
        body: &Value,
    ) -> Result<Vec<u8>, ApiError> {
        loop {
            let mut known = body.clone();
            if let Some(keys) = known.as_object_mut() {
                keys.retain(|key, _| !self.unknown().contains(key.as_str()));
            }
            match self.post_bytes(what, path, &known) {
                Err(ApiError::UnknownKey(keys, fault)) => {
                    let dispensable = [Some(CHILDREN), (!self.needs_costs).then_some(COSTS)];
                    // The server may already have refused a parallel request because of this key.
                    let is_named = |key: &&str| {
                        known.get(key).is_some() && keys.iter().any(|unknown| unknown == key)
                    };
                    match dispensable.into_iter().flatten().find(is_named) {
                        Some(key) => drop(self.unknown().insert(key)),
                        None => return Err(too_old(&keys, fault)),
                    }
                }
                answer => return answer,
            }
        }
    }

    fn unknown(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a query whose answer is optional. The query is sent once, and uses only part of the time that is left.
    pub(super) fn post_aside<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        body: &Value,
    ) -> Result<T, ApiError> {
        let bytes = self.answer(&Request {
            retry: self.retry.for_aside(),
            ..self.request(what, path, Some(body))
        })?;
        self.decode(what, &bytes)
    }

    /// Sends a query whose answer is in JSON Lines.
    pub(super) fn post_lines<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        body: &Value,
    ) -> Result<Vec<T>, ApiError> {
        self.lines(what, path, body, self.retry)
    }

    /// The same, if the answer is optional: the query is sent once, and uses only part of the time that is left.
    pub(super) fn post_lines_aside<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        body: &Value,
    ) -> Result<Vec<T>, ApiError> {
        self.lines(what, path, body, self.retry.for_aside())
    }

    fn lines<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
        body: &Value,
        retry: RetryPolicy,
    ) -> Result<Vec<T>, ApiError> {
        let bytes = self.answer(&Request {
            of_lines: true,
            retry,
            ..self.request(what, path, Some(body))
        })?;
        let lines = bytes.split(|byte| *byte == b'\n');
        lines
            .filter(|line| !line.trim_ascii().is_empty())
            .map(|line| self.decode(what, line))
            .collect()
    }

    fn request<'r>(&self, what: &'r str, path: &'r str, body: Option<&Value>) -> Request<'r> {
        Request {
            what,
            path,
            body: body.map(Value::to_string),
            of_lines: false,
            retry: self.retry,
        }
    }

    /// Decodes an answer. The result may borrow from the answer.
    pub(super) fn decode<'b, T: Deserialize<'b>>(
        &self,
        what: &str,
        bytes: &'b [u8],
    ) -> Result<T, ApiError> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        object(&mut reader)
            .and_then(|value| reader.end().map(|()| value))
            .map_err(|error| ApiError::Busy(self.unreadable(bytes, &error), None).of(what))
    }

    /// The error for a part of an answer that was decoded elsewhere.
    pub(super) fn misread(&self, what: &str, error: &serde_json::Error) -> ApiError {
        ApiError::Fault(self.unreadable(b"", error)).of(what)
    }

    /// Sends a request with retries, and returns the complete answer undecoded.
    fn answer(&self, request: &Request<'_>) -> Result<Vec<u8>, ApiError> {
        let made = request.retry.run(self.progress, || self.attempt(request));
        let bytes = made
            .unwrap_or_else(|gave_up| Err(self.gave_up(request.retry, &gave_up)))
            .map_err(|refusal| refusal.of(request.what))?;
        // If the key was logged as a name, every report would show it.
        if self.holds_secret(&bytes) {
            let fault = Fault::evidence(
                "an answer of Weave holds the API key or a token, and is not shown",
            )
            .help("the key was logged as a name or a text: revoke it, and log without it");
            return Err(ApiError::Fault(fault).of(request.what));
        }
        Ok(bytes)
    }

    fn attempt(&self, request: &Request<'_>) -> Attempt {
        let (path, retry) = (request.path, request.retry);
        let late = || refused(ApiError::Busy(self.too_late(retry, ""), None));
        let Some(left) = retry.left() else {
            return late();
        };
        if let Some(answers) = self.answers {
            return Attempt::Done(Ok(answers(path, request.body.as_deref())));
        }
        let authorization = match self.authorization(left) {
            Ok(authorization) => authorization,
            Err(attempt) => return attempt,
        };
        // The exchange of an identity token may have used some of the time.
        let Some(left) = retry.left() else {
            return late();
        };
        let started = Instant::now();
        let message = Message {
            method: match &request.body {
                None => Method::GET,
                Some(_) => Method::POST,
            },
            url: &format!("{}{path}", self.address.trace),
            accept: "*/*",
            authorization: Some(&authorization),
            body: request
                .body
                .as_deref()
                .map(|body| ("application/json", body)),
            max_answer: MAX_BODY,
            is_plain: request.of_lines,
        };
        match self.sender.send(&message, left) {
            Ok(answer) => {
                let what = format!("{} {path}", message.method);
                self.progress
                    .answered(&what, answer.status, started.elapsed());
                self.sort(request, answer)
            }
            Err(error) => self.broken(retry, &error),
        }
    }

    /// The value of the `Authorization` header, or the failed exchange of the identity token.
    fn authorization(&self, left: Duration) -> Result<String, Attempt> {
        match &self.credential {
            Credential::Key(key) => Ok(key.basic()),
            Credential::Identity(identity) => {
                identity.bearer(left).map_err(|failure| match failure {
                    Failure::Again(reason) => Attempt::Again(Failed::new(reason)),
                    Failure::Refused(fault) => refused(ApiError::Fault(fault)),
                })
            }
        }
    }

    fn holds_secret(&self, bytes: &[u8]) -> bool {
        match &self.credential {
            Credential::Key(key) => key.is_in(bytes),
            Credential::Identity(identity) => identity.is_in(bytes),
        }
    }

    /// Removes the key and the tokens from foreign text.
    fn redact(&self, text: &str) -> String {
        match &self.credential {
            Credential::Key(key) => key.redact(text).into_owned(),
            Credential::Identity(identity) => identity.redact(text),
        }
    }

    /// Classifies a complete answer by its status.
    fn sort(&self, request: &Request<'_>, answer: Answer) -> Attempt {
        let status = answer.status;
        let refuse = |fault| refused(ApiError::Fault(fault));
        if status == 200 {
            // Unlike a single JSON value, JSON Lines do not show whether more lines should follow.
            return if request.of_lines && !has_end(answer.version, &answer.headers) {
                refuse(self.endless())
            } else {
                Attempt::Done(Ok(answer.body))
            };
        }
        let said = self.reason(&answer.body);
        let quoted = said
            .as_ref()
            .map_or(String::new(), |said| format!(": {said}"));
        if status == 422
            && let Some(keys) = unknown_keys(&answer.body)
        {
            return self.unknown_key(keys);
        }
        match status {
            300..=399 => refuse(
                Fault::evidence(format!(
                    "{} redirects elsewhere ({status}); the API key is not sent after it",
                    self.address.trace
                ))
                .help("name the address of the trace server itself, with --base-url or WF_TRACE_SERVER_URL"),
            ),
            401 => refuse(match &self.credential {
                Credential::Key(_) => Fault::evidence(format!("Weave refused the API key (401){quoted}"))
                    .help("check WANDB_API_KEY; a key belongs to one server"),
                Credential::Identity(_) => Fault::evidence(format!("Weave refused the access token (401){quoted}"))
                    .help("check the identity federation of the W&B organization"),
            }),
            403 => refuse(
                Fault::evidence(format!("{} may not read this project (403){quoted}", match &self.credential {
                    Credential::Key(_) => "the API key",
                    Credential::Identity(_) => "the access token",
                }))
                .help("check the project's name, and whether the key's owner is in its team"),
            ),
            400 if said.as_deref().is_some_and(has_too_many_trials) => refused(ApiError::TooManyTrials(
                Fault::evidence(format!("Weave answered {status}{quoted}")).help(
                    "this server reads latencies, tokens and costs of a thousand trials at most, as W&B's in-memory server does; \
                     others have no such limit",
                ),
            )),
            404 if said.is_some() => refused(ApiError::NotFound {
                what: request.what.to_owned(),
                reason: said.unwrap_or_default(),
            }),
            404 => refuse(
                Fault::evidence(format!("{} does not know {} (404)", self.address.trace, request.path))
                    .help("the server is older than the v2 Evaluation API, or this is not the address of a trace server"),
            ),
            408 | 409 | 425 | 429 | 500..=599 if status != 501 => Attempt::Again(
                Failed::new(format!("Weave answered {status}{quoted}"))
                    .wait(retry_after(&answer.headers)),
            ),
            _ if said.as_deref().is_some_and(|said| said.contains(NOT_FINITE)) => refuse(
                Fault::evidence(format!("Weave answered {status}{quoted}")).help(NOT_FINITE_HELP),
            ),
            _ => refuse(
                Fault::evidence(format!("Weave answered {status}{quoted}"))
                    .help("check --base-url, the proxies on the way, and whether the server is older than the v2 Evaluation API"),
            ),
        }
    }

    /// The result if a server refuses a request because of unknown keys.
    fn unknown_key(&self, keys: Vec<String>) -> Attempt {
        let named: Vec<String> = keys
            .iter()
            .map(|key| format!("`{}`", self.redact(key)))
            .collect();
        let named = named.join(" and ");
        let problem = format!("the trace server does not know {named} in a request (422)");
        let fault = Fault::evidence(problem).help("it is too old for what is asked; upgrade it");
        refused(ApiError::UnknownKey(keys, fault))
    }

    /// Classifies a request that got no complete answer.
    fn broken(&self, retry: RetryPolicy, error: &ureq::Error) -> Attempt {
        let refuse = |fault| refused(ApiError::Fault(fault));
        let host = &self.way;
        match error {
            ureq::Error::Timeout(ureq::Timeout::Connect) if retry.left().is_some() => {
                Attempt::Again(Failed::new(format!("no connection to {host} in time")).help(NO_SERVER))
            }
            ureq::Error::Timeout(_) => {
                refused(ApiError::Busy(self.too_late(retry, ""), None))
            }
            ureq::Error::BodyExceedsLimit(_) => {
                refused(ApiError::TooLarge(Fault::evidence(format!(
                    "an answer of {host} is larger than {} MiB",
                    MAX_BODY / 1024 / 1024
                ))
                .help("check --base-url, and how large the inputs and outputs of single rows are")))
            }
            error if is_unknown_host(error) => refuse(
                Fault::evidence(format!("cannot resolve the host of {host}"))
                    .help("check --base-url, WF_TRACE_SERVER_URL, WANDB_BASE_URL, the proxy of the environment, and the network"),
            ),
            ureq::Error::Rustls(error) => refuse(
                Fault::evidence(format!("no safe connection to {host}: {error}"))
                    .help("a private authority is trusted through SSL_CERT_FILE"),
            ),
            ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl => {
                refuse(
                    Fault::evidence(format!("no connection to {host}: {error}"))
                        .help("check --base-url, SSL_CERT_FILE, and the proxy of the environment"),
                )
            }
            // A retry does not help if the proxy refuses the connection.
            ureq::Error::ConnectProxyFailed(reason) if refuses(reason) => refuse(
                Fault::evidence(format!("no connection to {host}: {reason}"))
                    .help("check the name and password in HTTPS_PROXY, and what the proxy allows; hosts in NO_PROXY are connected to directly"),
            ),
            // The library wraps TLS errors in an I/O error of this kind.
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => refuse(
                Fault::evidence(format!("no safe connection to {host}: {error}")).help(
                    "a private authority is trusted through SSL_CERT_FILE; does the server speak https at this address?",
                ),
            ),
            error => {
                let cause = http::cause(error);
                let failed = Failed::new(format!("the connection to {host} failed: {cause}"));
                Attempt::Again(if is_refused(error) { failed.help(NO_SERVER) } else { failed })
            }
        }
    }

    /// The error after the last attempt.
    fn gave_up(&self, retry: RetryPolicy, gave_up: &GaveUp) -> ApiError {
        let fault = if gave_up.has_time {
            Fault::evidence(gave_up.text())
                .help("check --base-url and the network, or try again later")
                .retryable()
        } else {
            self.too_late(retry, &gave_up.text())
        };
        let fault = match gave_up.failed.help {
            Some(help) => fault.help(help),
            None => fault,
        };
        ApiError::Busy(fault, gave_up.failed.wait)
    }

    /// The reason that the trace server gives in an error answer, as one line of at most 300 characters.
    fn reason(&self, bytes: &[u8]) -> Option<String> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let said = match (value.get("reason"), value.get("detail")) {
            (Some(Value::String(reason)), _) => reason.clone(),
            (_, Some(detail @ Value::Array(_))) => detail.to_string(),
            _ => return None,
        };
        Some(http::one_line(&self.redact(&said), 300))
    }

    fn too_late(&self, retry: RetryPolicy, reason: &str) -> Fault {
        let seconds = retry.given.as_secs_f64().ceil();
        let message = if reason.is_empty() {
            format!(
                "{} sent no complete answer within {seconds} s",
                self.address.trace
            )
        } else {
            format!("{reason}; the time limit of {seconds} s is over")
        };
        Fault::evidence(message)
            .help("give more time with --timeout")
            .retryable()
    }

    fn endless(&self) -> Fault {
        Fault::evidence(format!(
            "an answer of {} has neither a length nor chunks, so that lines may be missing",
            self.way
        ))
        .help("check the proxies on the way: they must pass on the length of an answer")
    }

    fn unreadable(&self, bytes: &[u8], error: &serde_json::Error) -> Fault {
        let host = &self.address.trace;
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Fault::evidence(format!("{host} answered with a web page, not with JSON"))
                .help("name the address of the trace server, with --base-url or WF_TRACE_SERVER_URL; or a proxy is in the way");
        }
        if is_not_finite(bytes, error) {
            return Fault::evidence(format!(
                "an answer of {host} holds NaN or infinity, which JSON does not have: {error}"
            ))
            .help(NOT_FINITE_HELP);
        }
        let error = error.to_string();
        let error = self.redact(&error);
        Fault::evidence(format!(
            "an answer of {host} is not what the v2 Evaluation API sends: {error}"
        ))
        .help("check --base-url, the proxies on the way, and whether the server is older than the v2 Evaluation API")
    }
}

/// What a server says if a score is not a finite number.
const NOT_FINITE: &str = "Out of range float values";
const NOT_FINITE_HELP: &str =
    "a score is NaN or infinite: make the scorer return null instead, and evaluate again";

/// Whether no server listens at the address.
fn is_refused(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::ConnectionFailed => true,
        ureq::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

const fn refused(error: ApiError) -> Attempt {
    Attempt::Done(Err(error))
}

/// Whether an answer declares where it ends, by its length or by chunks. Any other answer ends with its connection and
/// may be truncated. This includes answers with another transfer coding, such as `identity`, and answers with chunks in
/// HTTP/1.0, which does not define them.
fn has_end(version: Version, headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::TRANSFER_ENCODING);
    // Several headers form one list. Only the last coding in the list says where the body ends.
    let last = codings.iter().next_back().map(|value| {
        let list = value.to_str().unwrap_or_default();
        list.rsplit(',').next().unwrap_or_default().trim()
    });
    match last {
        Some(coding) if coding.eq_ignore_ascii_case("chunked") => version == Version::HTTP_11,
        _ => headers.contains_key(header::CONTENT_LENGTH),
    }
}

/// Whether a server refuses to read the calls within so many trials.
fn has_too_many_trials(said: &str) -> bool {
    said.contains("'parent_ids'") && said.contains("greater than max length")
}

/// The unknown keys that a server names in its answer; `None` if it names none.
fn unknown_keys(answer: &[u8]) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Invalid {
        detail: Vec<Place>,
    }
    #[derive(serde::Deserialize)]
    struct Place {
        r#type: String,
        loc: Vec<Value>,
    }
    let invalid: Invalid = serde_json::from_slice(answer).ok()?;
    let all = invalid.detail.into_iter();
    let unknown = all.filter(|place| place.r#type == "extra_forbidden");
    let keys: Vec<String> = unknown
        .filter_map(|place| Some(place.loc.last()?.as_str()?.to_owned()))
        .collect();
    (!keys.is_empty()).then_some(keys)
}

/// Adds a help text that says which feature needs a newer server.
fn too_old(keys: &[String], fault: Fault) -> ApiError {
    let is_cost = keys.iter().any(|key| key == COSTS);
    ApiError::Fault(if is_cost {
        fault.help(format!(
            "limits on cost need a trace server of Weave {COSTS_SINCE} or later; upgrade it, or leave those gates out"
        ))
    } else {
        fault
    })
}

/// Whether a host name has no address. A temporary failure of the name servers does not count.
fn is_unknown_host(error: &ureq::Error) -> bool {
    /// The Windows error code `WSAHOST_NOT_FOUND`.
    const OF_WINDOWS: i32 = 11001;
    match error {
        ureq::Error::HostNotFound => true,
        // The standard library has no error kind for this case, only this text.
        ureq::Error::Io(error) => {
            let text = error.to_string();
            let is_unresolved = text.starts_with("failed to lookup address information");
            (is_unresolved && !text.contains("Temporary failure"))
                || error.raw_os_error() == Some(OF_WINDOWS)
        }
        _ => false,
    }
}

/// Whether a proxy refused to connect and did not merely fail to: the reason ends with its status.
fn refuses(reason: &str) -> bool {
    let status = reason.rsplit(['/', ' ']).next();
    status.is_some_and(|status| status.len() == 3 && status.starts_with(['3', '4']))
}
