//! Keys and tokens: what may be sent, and never shown.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A key or a token. It can be sent, and not be shown: there is no `Debug` and no `Display`.
#[derive(Clone)]
pub struct Secret {
    text: String,
    /// As the password of its user, as a header has it.
    sent: String,
    /// In base64 by itself, as some gateways write it.
    alone: String,
}

impl Secret {
    /// Takes a secret, the password of this user; `None` where it is empty, since that would be found everywhere.
    #[must_use]
    pub fn new(text: &str, user: &str) -> Option<Self> {
        let text = text.trim().to_owned();
        (!text.is_empty()).then(|| Self {
            sent: encoded(&format!("{user}:{text}")),
            alone: encoded(&text),
            text,
        })
    }

    /// Whether it can be sent in a header.
    #[must_use]
    pub(crate) fn is_plain(&self) -> bool {
        self.text.chars().all(|c| c.is_ascii_graphic())
    }

    /// The value of the header `Authorization`, as its user's password.
    #[must_use]
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", padded(&self.sent))
    }

    /// The value of the header `Authorization`, as a token.
    #[must_use]
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.text)
    }

    /// Whether the secret, as it is or as it is sent, stands in an answer or in a file.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let holds = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
        holds(&self.text) || holds(&self.sent)
    }

    /// A text in which the secret may stand, without it, however it is spelled there: a gateway may send it back.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let padded = [&self.sent, &self.alone].map(|form| padded(form));
        let plain = [&self.text, &self.sent, &self.alone];
        // The longer ones first, or else a padding would be left.
        let forms = padded.iter().chain(plain);
        forms.fold(Cow::Borrowed(text), |text, form| {
            if text.contains(form.as_str()) {
                Cow::Owned(text.replace(form.as_str(), "***"))
            } else {
                text
            }
        })
    }
}

/// In base64, without the padding that some leave out: with it, it is found all the same.
fn encoded(text: &str) -> String {
    STANDARD.encode(text).trim_end_matches('=').to_owned()
}

/// As it was before the padding was left out: its length is a multiple of four.
fn padded(encoded: &str) -> String {
    let missing = encoded.len().next_multiple_of(4) - encoded.len();
    format!("{encoded}{}", "=".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_of_foreign_text() {
        let secret = Secret::new(" abc\n", "api").unwrap();
        assert_eq!(
            secret.redact("x abc y Basic YXBpOmFiYw== z YWJj"),
            "x *** y Basic *** z ***"
        );
        assert_eq!(secret.redact("YXBpOmFiYw, YXBpOmFiYw="), "***, ***=");
        assert!(secret.is_in(b"x YXBpOmFiYw==") && secret.is_in(b"YXBpOmFiYw"));
        assert!(!secret.is_in(b"ab c"));
        assert!(Secret::new(" ", "api").is_none());
    }

    #[test]
    fn headers_are_those_of_http() {
        let secret = Secret::new("abc", "api").unwrap();
        // printf 'api:abc' | base64
        assert_eq!(secret.basic(), "Basic YXBpOmFiYw==");
        assert_eq!(secret.bearer(), "Bearer abc");
        assert!(secret.is_plain());
        assert!(!Secret::new("a b", "api").unwrap().is_plain());
    }
}
