//! Identity federation: a CI system's token (a JWT in a file) is exchanged for an access token of W&B, so that a job
//! needs no API key. The exchange follows RFC 7523, section 2.1, as the SDK does since version 0.54.0.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::http::Method;

use crate::fault::Fault;
use crate::http::{self, Message, Sender};
use crate::project::encode;
use crate::secret::Secret;
use crate::site::{Lookup, Site};

/// The variable that names the file with the token of the CI system.
pub(super) const FILE: &str = "WANDB_IDENTITY_TOKEN_FILE";
/// The OAuth grant type: an access token for a JWT.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Maximum size of an answer, in bytes. A larger answer is refused.
const MAX_ANSWER: u64 = 1024 * 1024;
/// An access token is not used during this time before it expires.
const MARGIN: Duration = Duration::from_secs(60);
/// The lifetime of an access token if the answer does not state it.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);

/// The token of a CI system, and the access token that it was exchanged for. The access token is kept only in memory.
pub struct Identity {
    sender: Sender,
    /// The URL that exchanges tokens.
    url: String,
    assertion: Secret,
    access: Mutex<Option<Access>>,
}

/// An access token, and the time at which it must be exchanged again.
struct Access {
    token: Secret,
    until: Instant,
}

/// Why there is no access token.
pub(super) enum Failure {
    /// A temporary failure: what was wrong.
    Again(String),
    /// A permanent failure.
    Refused(Fault),
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<f64>,
}

impl Identity {
    /// Creates an identity; sends nothing until an access token is needed. `base` is the URL of the W&B server without
    /// a slash at the end.
    ///
    /// # Errors
    ///
    /// The token would be sent without encryption, or no request can be made.
    pub(super) fn new(
        base: &str,
        assertion: Secret,
        insecure_http: bool,
        lookup: &Lookup<'_>,
    ) -> Result<Self, Fault> {
        let site = Site::of(base).map_err(|problem| {
            Fault::evidence(format!("the address of W&B is invalid: {problem}"))
                .help("check WANDB_BASE_URL")
        })?;
        if site.is_open() && !insecure_http {
            return Err(Fault::usage(format!(
                "refused to send the identity token over plain http to `{}`",
                site.host
            ))
            .help("use https, or --insecure-http if everyone with access to the network may read the token"));
        }
        Ok(Self {
            sender: Sender::new(&site, Duration::MAX, lookup)?,
            url: format!("{base}/oidc/token"),
            assertion,
            access: Mutex::default(),
        })
    }

    /// Returns the value of the `Authorization` header. `left` is the time limit for the exchange of the token.
    ///
    /// # Errors
    ///
    /// The token could not be exchanged.
    pub(super) fn bearer(&self, left: Duration) -> Result<String, Failure> {
        // Parallel requests wait for the one that exchanges the token.
        let mut access = self.access();
        if let Some(known) = access.as_ref().filter(|it| it.until > Instant::now()) {
            return Ok(known.token.bearer());
        }
        let new = self.exchange(left)?;
        Ok(access.insert(new).token.bearer())
    }

    /// Whether an answer contains the identity token or the access token.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.assertion.is_in(bytes)
            || self
                .access()
                .as_ref()
                .is_some_and(|access| access.token.is_in(bytes))
    }

    /// Removes both tokens from foreign text.
    pub(super) fn redact(&self, text: &str) -> String {
        let text = self.assertion.redact(text);
        match self.access().as_ref() {
            Some(access) => access.token.redact(&text).into_owned(),
            None => text.into_owned(),
        }
    }

    fn access(&self) -> MutexGuard<'_, Option<Access>> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchange(&self, left: Duration) -> Result<Access, Failure> {
        let asked = Instant::now();
        // A JWT consists of letters, digits, `-`, `_` and `.`. Any other character in the file is encoded.
        let form = format!(
            "grant_type={}&assertion={}",
            encode(GRANT),
            encode(self.assertion.text())
        );
        let message = Message {
            method: Method::POST,
            url: &self.url,
            accept: "application/json",
            authorization: None,
            body: Some(("application/x-www-form-urlencoded", &form)),
            max_answer: MAX_ANSWER,
            is_plain: false,
        };
        let answer = self.sender.send(&message, left).map_err(|error| {
            let cause = http::cause(&error);
            Failure::Again(format!("the connection to {} failed: {cause}", self.url))
        })?;
        let (status, bytes) = (answer.status, answer.body);
        match status {
            200 => self.read(&bytes, asked),
            408 | 425 | 429 | 500 | 502..=599 => {
                Err(Failure::Again(format!("{} answered {status}", self.url)))
            }
            _ => {
                let said = self.reason(&bytes);
                let fault =
                    Fault::evidence(format!("W&B refused the identity token ({status}){said}"));
                let help = format!(
                    "check the issuer and the audience of the token in {FILE}, and the identity federation of the W&B organization"
                );
                Err(Failure::Refused(fault.help(help)))
            }
        }
    }

    fn read(&self, bytes: &[u8], asked: Instant) -> Result<Access, Failure> {
        let answer: Option<Answer> = serde_json::from_slice(bytes).ok();
        let token = answer.as_ref().and_then(|answer| {
            let token = Secret::new(&answer.access_token, "")?;
            token.is_plain().then_some(token)
        });
        let Some(token) = token else {
            let fault = Fault::evidence(format!("{} sent no access token", self.url));
            let help = "check WANDB_BASE_URL, and the proxies on the way";
            return Err(Failure::Refused(fault.help(help)));
        };
        let life = answer
            .and_then(|answer| Duration::try_from_secs_f64(answer.expires_in?).ok())
            .unwrap_or(UNKNOWN_LIFE);
        let until = asked
            .checked_add(life.saturating_sub(MARGIN))
            .unwrap_or(asked);
        Ok(Access { token, until })
    }

    /// The reason in a refusal, in the format of OAuth, as one line of at most 300 characters.
    fn reason(&self, bytes: &[u8]) -> String {
        let said = || {
            let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
            let said = ["error_description", "error", "reason"];
            let said = said.iter().find_map(|key| value.get(key)?.as_str())?;
            Some(http::one_line(&self.assertion.redact(said), 300))
        };
        said().map_or(String::new(), |said| format!(": {said}"))
    }
}
