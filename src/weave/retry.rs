//! How long answers are waited for, and how often a request is made.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use ureq::http::{HeaderMap, header};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// When a limit on the number of requests ends, in seconds from now, as W&B sends it.
const RATE_LIMIT_RESET: &str = "ratelimit-reset";
/// The part of the time that is left which an answer gets that can be done without: a quarter.
const ASIDE: u32 = 4;

/// How long answers are waited for, and how often a request is made.
#[derive(Clone, Copy)]
pub(super) struct RetryPolicy {
    /// When it ends.
    deadline: Instant,
    /// The time until the deadline, when it was set.
    pub(super) given: Duration,
    /// How often a request is made, at most.
    pub(super) attempts: u32,
}

impl RetryPolicy {
    /// A policy that begins now.
    pub(super) fn new(given: Duration, attempts: u32) -> Self {
        Self {
            deadline: Instant::now() + given,
            given,
            attempts,
        }
    }

    /// The time until the deadline; none where it is over.
    pub(super) fn left(self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        (left > Duration::ZERO).then_some(left)
    }

    /// For what can be done without: one attempt, and a part of the time that is left.
    pub(super) fn for_aside(self) -> Self {
        Self::new(self.left().unwrap_or_default() / ASIDE, 1)
    }
}

/// How long the server asks to wait: `Retry-After`, in seconds or as a date, else `RateLimit-Reset`, in seconds. More
/// seconds than can be counted are still a wait.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |text: &str| {
        let seconds: f64 = text.parse().ok()?;
        let wait = Duration::try_from_secs_f64(seconds.ceil());
        wait.ok().or((seconds > 0.0).then_some(Duration::MAX))
    };
    let Some(asked) = headers.get(header::RETRY_AFTER) else {
        return seconds(headers.get(RATE_LIMIT_RESET)?.to_str().ok()?.trim());
    };
    let text = asked.to_str().ok()?.trim();
    if text.parse::<f64>().is_ok() {
        return seconds(text);
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    let wait = date.duration_since(Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// Exponential back-off, somewhere between half and the whole of the step.
pub(super) fn jittered(attempt: u32) -> Duration {
    let step = FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(attempt - 1))
        .min(LONGEST_PAUSE);
    let random = RandomState::new().hash_one(attempt) % 1000;
    let share = u32::try_from(random).unwrap_or(0);
    step / 2 + step.mul_f64(f64::from(share) / 2000.0)
}
