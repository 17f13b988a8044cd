//! The HTTP client of both forges: a token, one deadline for all requests, few attempts.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Method;

use crate::fault::Fault;
use crate::http::{self, Answer, Attempt, Message, Progress, RetryPolicy, Sender, retry_after};
use crate::secret::Secret;
use crate::site::{Lookup, Site};

/// One request is not waited for longer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// All requests together end by then, the pauses included that a rate limit asks for: GitHub's are a minute.
const DEADLINE: Duration = Duration::from_secs(90);
/// The pause after a rate limit that does not say how long it lasts, as GitHub's documentation asks for.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(60);
const MAX_BODY: u64 = 16 * 1024 * 1024;
const MAX_ATTEMPTS: u32 = 3;

/// Sends requests to one forge.
pub(super) struct Client {
    /// As messages name it.
    pub(super) forge: &'static str,
    sender: Sender,
    token: Secret,
    retry: RetryPolicy,
    is_rate_limit: fn(&Answer) -> bool,
}

/// The answer as JSON of some form; `None` where it is not.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Option<T> {
    serde_json::from_slice(&answer.body).ok()
}

/// Whether a request that may have been done can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Harmless,
    /// It would make a second comment.
    Never,
}

impl Client {
    /// Prepares a client; nothing is sent. `is_rate_limit` tells whether an answer refuses a request only because there
    /// were too many: such a request was not done.
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
            sender: Sender::new(&site, TIMEOUT, lookup)?,
            token,
            retry: RetryPolicy::new(DEADLINE, MAX_ATTEMPTS),
            is_rate_limit,
        })
    }

    /// Sends a request, and again where the forge is busy or has a rate limit.
    ///
    /// # Errors
    ///
    /// There is no whole answer, or the rate limit lasts too long.
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
            Err(match gave_up.wait {
                Some(_) => fault.help("run the job again when the rate limit has ended"),
                None => fault,
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
                Attempt::Again(reason, Some(wait))
            }
            Ok(answer)
                if matches!(answer.status, 408 | 500..=599) && repeat == Repeat::Harmless =>
            {
                let said = self.said(&answer);
                Attempt::Again(format!("{forge} answered {}{said}", answer.status), None)
            }
            Ok(answer) => Attempt::Done(Ok(answer)),
            Err(error) => {
                let reason = format!("the connection to {forge} failed: {}", http::cause(&error));
                match repeat {
                    Repeat::Harmless => Attempt::Again(reason, None),
                    Repeat::Never => Attempt::Done(Err(Fault::evidence(reason))),
                }
            }
        }
    }

    /// What an error says of itself, in the one place where both forges say it.
    fn said(&self, answer: &Answer) -> String {
        let value: Option<Value> = read(answer);
        let said = value
            .as_ref()
            .and_then(|value| value.get("message")?.as_str());
        self.quoted(said)
    }

    /// What a forge said of itself, to be put after our own words: a line, without the token.
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
