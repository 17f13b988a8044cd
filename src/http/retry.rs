//! The time limit for answers, the number of attempts, and the pauses between them.

use std::hash::{BuildHasher as _, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use ureq::http::{HeaderMap, header};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The headers that say when a rate limit ends: W&B sends seconds from now, GitLab and GitHub send a Unix time.
const RATE_LIMIT_RESET: [&str; 2] = ["ratelimit-reset", "x-ratelimit-reset"];
/// The headers that say how many requests are left until then.
const RATE_LIMIT_LEFT: [&str; 2] = ["ratelimit-remaining", "x-ratelimit-remaining"];
/// A number of seconds of at least this size is a Unix time: it is in the year 2001 or later.
const OLDEST_TIME: f64 = 1e9;
/// An optional request gets this fraction of the time that is left: a quarter.
const ASIDE: u32 = 4;

/// The time limit for answers, and the maximum number of attempts.
#[derive(Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// When the time limit ends.
    deadline: Instant,
    /// The time until the deadline, when it was set.
    pub(crate) given: Duration,
    /// The maximum number of attempts for a request.
    attempts: u32,
}

impl RetryPolicy {
    /// Creates a policy whose time limit starts now.
    pub(crate) fn new(given: Duration, attempts: u32) -> Self {
        Self {
            deadline: Instant::now() + given,
            given,
            attempts,
        }
    }

    /// The time until the deadline; `None` if the deadline has passed.
    pub(crate) fn left(self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        (left > Duration::ZERO).then_some(left)
    }

    /// Returns the policy for an optional request: one attempt, and a part of the time that is left.
    pub(crate) fn for_aside(self) -> Self {
        Self::new(self.left().unwrap_or_default() / ASIDE, 1)
    }

    /// Makes attempts until one returns a result. There is always a pause between attempts, at least as long as the
    /// server asks for.
    ///
    /// # Errors
    ///
    /// The last allowed attempt returned no result, or no time is left for another one.
    pub(crate) fn run<T>(
        self,
        progress: &dyn Progress,
        mut attempt: impl FnMut() -> Attempt<T>,
    ) -> Result<T, GaveUp> {
        let mut times = 1;
        loop {
            let failed = match attempt() {
                Attempt::Done(result) => return Ok(result),
                Attempt::Again(failed) => failed,
            };
            let wait = failed.wait;
            let gave_up = |has_time| GaveUp {
                failed: failed.clone(),
                times,
                has_time,
            };
            if times >= self.attempts {
                return Err(gave_up(true));
            }
            let pause = jittered(times).max(wait.unwrap_or_default());
            if self.left().is_none_or(|left| pause >= left) {
                return Err(gave_up(false));
            }
            progress.retrying(&failed.reason, pause);
            thread::sleep(pause);
            times += 1;
        }
    }
}

/// The result of one attempt.
pub(crate) enum Attempt<T> {
    /// The attempt has a result.
    Done(T),
    /// Another attempt may have a result.
    Again(Failed),
}

/// An attempt that failed.
#[derive(Clone)]
pub(crate) struct Failed {
    /// What was wrong.
    pub(crate) reason: String,
    /// How long the server asks to wait.
    pub(crate) wait: Option<Duration>,
    /// The next action if no attempt succeeds, if this failure has one of its own.
    pub(crate) help: Option<&'static str>,
}

impl Failed {
    /// Creates a failure after which the server asks for no wait.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            wait: None,
            help: None,
        }
    }

    /// Returns the same failure with the wait that the server asks for.
    pub(crate) fn wait(self, wait: Option<Duration>) -> Self {
        Self { wait, ..self }
    }

    /// Returns the same failure with its next action.
    pub(crate) fn help(self, help: &'static str) -> Self {
        Self {
            help: Some(help),
            ..self
        }
    }
}

/// Why no more attempts are made.
pub(crate) struct GaveUp {
    /// The last attempt.
    pub(crate) failed: Failed,
    /// The number of attempts that were made.
    pub(crate) times: u32,
    /// Whether time is left, and only the attempts are used up.
    pub(crate) has_time: bool,
}

impl GaveUp {
    /// The reason, with the number of attempts or the wait that the server asks for.
    pub(crate) fn text(&self) -> String {
        let reason = &self.failed.reason;
        match (self.has_time, self.failed.wait) {
            (true, _) if self.times > 1 => format!("{reason}, {} times", self.times),
            (false, Some(wait)) => format!("{reason} and asks to wait {} s", wait.as_secs()),
            (true, _) | (false, None) => reason.clone(),
        }
    }
}

/// Receives the progress of a client.
pub trait Progress: Sync {
    /// A request was answered.
    fn answered(&self, request: &str, status: u16, took: Duration);
    /// A request is made again after a pause.
    fn retrying(&self, reason: &str, pause: Duration);
}

/// Returns how long the server asks to wait: `Retry-After`, in seconds or as a date, else the time until its rate limit
/// ends. A number of seconds that is too large for a `Duration` counts as the longest wait.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |text: &str| {
        let seconds: f64 = text.parse().ok()?;
        let wait = Duration::try_from_secs_f64(seconds.ceil());
        wait.ok().or((seconds > 0.0).then_some(Duration::MAX))
    };
    let Some(asked) = headers.get(header::RETRY_AFTER) else {
        let number = |names: [&str; 2]| -> Option<f64> {
            let value = names.iter().find_map(|name| headers.get(*name))?;
            value.to_str().ok()?.trim().parse().ok()
        };
        // A server may send this header with every answer, even if requests are left.
        let reset = number(RATE_LIMIT_RESET)?;
        if number(RATE_LIMIT_LEFT).is_some_and(|left| left > 0.0) {
            return None;
        }
        let since = if reset < OLDEST_TIME {
            0.0
        } else {
            unix_time()
        };
        return seconds(&(reset - since).max(0.0).to_string());
    };
    let text = asked.to_str().ok()?.trim();
    if text.parse::<f64>().is_ok() {
        return seconds(text);
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    let wait = date.duration_since(Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// Exponential back-off with jitter: a random time between half of the step and the whole step.
fn jittered(attempt: u32) -> Duration {
    let step = FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(attempt - 1))
        .min(LONGEST_PAUSE);
    let random = RandomState::new().hash_one(attempt) % 1000;
    let share = u32::try_from(random).unwrap_or(0);
    step / 2 + step.mul_f64(f64::from(share) / 2000.0)
}

/// The time now, in seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    reason = "a double holds microseconds until the year 2255"
)]
fn unix_time() -> f64 {
    Timestamp::now().as_microsecond() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&'static str, String)]) -> Option<u64> {
        let headers = headers.iter();
        let headers: HeaderMap = headers
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_server_says_in_three_ways_how_long_to_wait() {
        let number = |number: u64| number.to_string();
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("retry-after", number(7))]), Some(7));
        assert_eq!(asked(&[("retry-after", "0.2".to_owned())]), Some(1));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT".to_owned();
        assert_eq!(asked(&[("retry-after", date)]), Some(0));
        assert_eq!(asked(&[("ratelimit-reset", number(12))]), Some(12));
        let now = Timestamp::now().as_second().unsigned_abs();
        for name in ["ratelimit-reset", "x-ratelimit-reset"] {
            let wait = asked(&[(name, number(now + 40))]).unwrap();
            assert!((39..=40).contains(&wait), "{wait}");
            assert_eq!(asked(&[(name, number(now - 40))]), Some(0));
        }
    }

    #[test]
    fn a_limit_that_is_not_reached_asks_for_no_wait() {
        let told = |left: &str| {
            let left = ("x-ratelimit-remaining", left.to_owned());
            asked(&[left, ("x-ratelimit-reset", "30".to_owned())])
        };
        assert_eq!(told("4999"), None);
        assert_eq!(told("0"), Some(30));
    }

    #[test]
    fn attempts_end_by_their_number() {
        struct Quiet;
        impl Progress for Quiet {
            fn answered(&self, _: &str, _: u16, _: Duration) {}
            fn retrying(&self, _: &str, _: Duration) {}
        }
        let policy = RetryPolicy::new(Duration::from_secs(60), 2);
        let mut made = 0;
        let result = policy.run(&Quiet, || {
            made += 1;
            Attempt::<()>::Again(Failed::new("busy"))
        });
        let gave_up = result.err().unwrap();
        assert_eq!((made, gave_up.has_time), (2, true));
        assert_eq!(gave_up.text(), "busy, 2 times");
        let wait = Some(Duration::from_secs(3600));
        let result = policy.run(&Quiet, || {
            Attempt::<()>::Again(Failed::new("busy").wait(wait))
        });
        let gave_up = result.err().unwrap();
        assert!(!gave_up.has_time);
        assert_eq!(gave_up.text(), "busy and asks to wait 3600 s");
    }
}
