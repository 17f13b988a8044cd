//! The HTTP client of both forges: a token, one deadline for all requests, few attempts.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Method;

use crate::fault::Fault;
use crate::http::{
    self, Answer, Attempt, Failed, Message, Progress, RetryPolicy, Sender, retry_after,
};
use crate::secret::Secret;
use crate::site::{Lookup, Site};

/// Maximum time to wait for one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum time for all requests together, including the pauses that a rate limit asks for. GitHub's pauses are one
/// minute.
const DEADLINE: Duration = Duration::from_secs(90);
/// The pause after a rate limit of unknown duration, as GitHub's documentation requires.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(60);
const MAX_BODY: u64 = 16 * 1024 * 1024;
const MAX_ATTEMPTS: u32 = 3;

/// Sends requests to one forge.
pub(super) struct Client {
    /// The name of the forge in messages.
    pub(super) forge: &'static str,
    sender: Sender,
    token: Secret,
    retry: RetryPolicy,
    is_rate_limit: fn(&Answer) -> bool,
}

/// Decodes an answer as JSON; `None` if it does not have the expected form.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Option<T> {
    serde_json::from_slice(&answer.body).ok()
}

/// Whether a request that may have had an effect can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Harmless,
    /// A repetition would create a second comment.
    Never,
}

impl Client {
    /// Creates a client; sends no request. `is_rate_limit` says whether an answer refuses a request only because there
    /// were too many. Such a request had no effect.
    ///
    /// # Errors
    ///
    /// The address is invalid, or the token would be sent without encryption.
    pub(super) fn new(
        forge: &'static str,
        address: &str,
        token: Secret,
        is_rate_limit: fn(&Answer) -> bool,
        lookup: &Lookup<'_>,
    ) -> Result<Self, Fault> {
        let site = Site::of(address).map_err(|problem| {
            Fault::evidence(format!(
                "the address of {forge}'s API is not a URL: {problem}"
            ))
            .help("the CI system sets it; check the variables of the job")
        })?;
        if site.is_open() {
            return Err(Fault::evidence(format!(
                "refused to send the token over plain http to `{}`",
                site.host
            ))
            .help("use an https address"));
        }
        if !token.is_plain() {
            return Err(Fault::evidence(format!(
                "the token for {forge} holds characters that no token has"
            ))
            .help("check the secret: it may hold a line break"));
        }
        Ok(Self {
            forge,
            sender: Sender::new(&site, TIMEOUT, lookup)?,
            token,
            retry: RetryPolicy::new(DEADLINE, MAX_ATTEMPTS),
            is_rate_limit,
        })
    }

    /// Sends a request, and repeats it if the forge is busy or has reached a rate limit.
    ///
    /// # Errors
    ///
    /// There is no complete answer, or the rate limit lasts too long.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &str,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Answer, Fault> {
        let body = body.map(Value::to_string);
        let made = self.retry.run(&Silent, || {
            self.attempt(method, url, body.as_deref(), repeat)
        });
        made.unwrap_or_else(|gave_up| {
            let fault = Fault::evidence(gave_up.text());
            Err(match gave_up.failed.wait {
                Some(_) => fault.help("run the job again when the rate limit has ended"),
                None => {
                    fault.help("the verdict is not affected; run the job again for the comment")
                }
            })
        })
    }

    fn attempt(
        &self,
        method: &Method,
        url: &str,
        body: Option<&str>,
        repeat: Repeat,
    ) -> Attempt<Result<Answer, Fault>> {
        let forge = self.forge;
        let message = Message {
            method: method.clone(),
            url,
            accept: "application/json",
            authorization: Some(&self.token.bearer()),
            body: body.map(|body| ("application/json", body)),
            max_answer: MAX_BODY,
            is_plain: false,
        };
        let left = self.retry.left().unwrap_or(Duration::from_millis(1));
        match self.sender.send(&message, left.min(TIMEOUT)) {
            Ok(answer) if (self.is_rate_limit)(&answer) => {
                let wait = retry_after(&answer.headers).unwrap_or(UNKNOWN_PAUSE);
                let reason = format!("the rate limit of {forge} is reached ({})", answer.status);
                Attempt::Again(Failed::new(reason).wait(Some(wait)))
            }
            Ok(answer)
                if matches!(answer.status, 408 | 500..=599) && repeat == Repeat::Harmless =>
            {
                let said = self.said(&answer);
                Attempt::Again(Failed::new(format!(
                    "{forge} answered {}{said}",
                    answer.status
                )))
            }
            Ok(answer) => Attempt::Done(Ok(answer)),
            Err(error) => {
                let reason = format!("the connection to {forge} failed: {}", http::cause(&error));
                match repeat {
                    Repeat::Harmless => Attempt::Again(Failed::new(reason)),
                    Repeat::Never => Attempt::Done(Err(Fault::evidence(reason)
                        .help("the verdict is not affected; run the job again for the comment"))),
                }
            }
        }
    }

    /// The message in an error answer, in the field that both forges use.
    fn said(&self, answer: &Answer) -> String {
        let value: Option<Value> = read(answer);
        let said = value
            .as_ref()
            .and_then(|value| value.get("message")?.as_str());
        self.quoted(said)
    }

    /// A forge's message as one line without the token, to be appended to our own words.
    pub(super) fn quoted(&self, said: Option<&str>) -> String {
        said.map_or(String::new(), |said| {
            format!(": {}", http::one_line(&self.token.redact(said), 200))
        })
    }
}

/// Comments are written after the report, so no progress is shown.
struct Silent;

impl Progress for Silent {
    fn answered(&self, _: &str, _: u16, _: Duration) {}
    fn retrying(&self, _: &str, _: Duration) {}
}
