//! HTTP for Weave and for the forges: proxies, certificates, limits, retries.

mod agent;
mod retry;
mod sender;

pub use retry::Progress;
pub(crate) use retry::{Attempt, Failed, GaveUp, RetryPolicy, retry_after};
pub(crate) use sender::{Answer, Message, Sender};

/// The text of an error without the library's prefix for its kind.
pub(crate) fn cause(error: &ureq::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("io: ")
        .map_or_else(|| text.clone(), str::to_owned)
}

/// Returns a server's text as one line of at most `most` characters, to be appended to our own words.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(most).collect()
}
