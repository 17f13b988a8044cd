//! Keys and tokens, which are sent and never shown.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is shown in place of a secret.
const HIDDEN: &str = "***";
/// Minimum length of a plausible key or token, in bytes. Keys of W&B have 40 characters, tokens of forges at least 20.
const SHORTEST: usize = 16;

/// A key or a token. It can be sent but not shown: the type has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Secret {
    text: String,
    /// The user and the secret in base64, as in a header for basic authentication.
    sent: String,
    /// The secret alone in base64, as some gateways write it.
    alone: String,
}

impl Secret {
    /// Creates a secret, which is the password of this user; `None` if the text is empty, because an empty text is
    /// found everywhere.
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

    /// The secret itself, to be sent.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The value of the `Authorization` header, with the secret as the user's password.
    #[must_use]
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", padded(&self.sent))
    }

    /// The value of the `Authorization` header, with the secret as a bearer token.
    #[must_use]
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.text)
    }

    /// Whether an answer or a file contains the secret, as plain text or in the form in which it is sent. A short
    /// secret is searched only in the sent form, because its plain text may be a word or a part of many words.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let holds = |text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
        holds(&self.sent) || (self.is_long() && holds(&self.text))
    }

    /// Removes the secret from foreign text, in all of its forms, because a gateway may send it back. The plain text of
    /// a short secret is removed only if it is a whole word.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = self.redact_rendered(text);
        if self.is_long() {
            return text;
        }
        match text {
            Cow::Borrowed(text) => without_word(text, &self.text),
            Cow::Owned(text) => Cow::Owned(without_word(&text, &self.text).into_owned()),
        }
    }

    /// Removes the secret from rendered text, which also contains our own words and markup. A short secret may be a
    /// part of those, so its plain text is removed only from foreign text, before that is rendered.
    #[must_use]
    pub fn redact_rendered<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let padded = [&self.sent, &self.alone].map(|form| padded(form));
        let [sent, alone] = &padded;
        // Longer forms come first, because their padding would otherwise remain.
        let forms = [
            (sent.as_str(), true),
            (alone.as_str(), self.is_long()),
            (self.text.as_str(), self.is_long()),
            (self.sent.as_str(), true),
            (self.alone.as_str(), self.is_long()),
        ];
        let forms = forms.into_iter().filter(|(_, is_distinct)| *is_distinct);
        forms.fold(Cow::Borrowed(text), |text, (form, _)| {
            if text.contains(form) {
                Cow::Owned(text.replace(form, HIDDEN))
            } else {
                text
            }
        })
    }

    /// Whether the secret is long enough that no text contains it by chance.
    fn is_long(&self) -> bool {
        self.text.len() >= SHORTEST
    }
}

/// All secrets of a process.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Whether an answer or a file contains one of them; see [`Secret::is_in`].
    #[must_use]
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|secret| secret.is_in(bytes))
    }

    /// Removes all of them from foreign text; see [`Secret::redact`].
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.fold(text, |secret, text| secret.redact(text).into_owned())
    }

    /// Removes all of them from rendered text; see [`Secret::redact_rendered`].
    #[must_use]
    pub fn redact_rendered<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.fold(text, |secret, text| {
            secret.redact_rendered(text).into_owned()
        })
    }

    fn fold<'t>(&self, text: &'t str, redact: impl Fn(&Secret, &str) -> String) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for secret in &self.0 {
            let redacted = redact(secret, &shown);
            if redacted != *shown {
                shown = Cow::Owned(redacted);
            }
        }
        shown
    }
}

impl FromIterator<Secret> for Secrets {
    fn from_iter<I: IntoIterator<Item = Secret>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

/// Replaces a word in a text, unless a letter, digit or underscore precedes or follows it.
fn without_word<'t>(text: &'t str, word: &str) -> Cow<'t, str> {
    let goes_on = |c: char| c.is_alphanumeric() || c == '_';
    let mut shown = String::new();
    let mut copied = 0;
    for (start, _) in text.match_indices(word) {
        let (before, rest) = text.split_at(start);
        let after = rest.strip_prefix(word).unwrap_or_default();
        if !before.ends_with(goes_on) && !after.starts_with(goes_on) {
            shown.push_str(before.get(copied..).unwrap_or_default());
            shown.push_str(HIDDEN);
            copied = start + word.len();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(shown)
}

/// Encodes a text in base64 without padding. A text with the padding also contains the form without it.
fn encoded(text: &str) -> String {
    STANDARD.encode(text).trim_end_matches('=').to_owned()
}

/// Adds the padding again, so that the length is a multiple of four.
fn padded(encoded: &str) -> String {
    let missing = encoded.len().next_multiple_of(4) - encoded.len();
    format!("{encoded}{}", "=".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_secret_is_taken_out_of_foreign_and_of_rendered_text() {
        let secret = Secret::new(KEY, "api").unwrap();
        let [basic, alone] =
            [format!("api:{KEY}"), KEY.to_owned()].map(|text| STANDARD.encode(text));
        for text in [
            KEY,
            &basic,
            &alone,
            basic.trim_end_matches('='),
            alone.trim_end_matches('='),
        ] {
            let around = format!("x{text}y {text}");
            assert_eq!(secret.redact(&around), "x***y ***");
            assert_eq!(secret.redact_rendered(&around), "x***y ***");
        }
        assert!(secret.is_in(KEY.as_bytes()) && secret.is_in(basic.as_bytes()));
        assert!(!secret.is_in(&KEY.as_bytes()[1..]));
    }

    #[test]
    fn a_short_secret_is_a_word_of_foreign_text() {
        let secret = Secret::new("test", "api").unwrap();
        for (text, redacted) in [
            ("test", "***"),
            ("a test, (test)", "a ***, (***)"),
            ("test-test/test", "***-***/***"),
            (
                "latest tests test_1 1test étest",
                "latest tests test_1 1test étest",
            ),
            ("Basic YXBpOnRlc3Q= x", "Basic *** x"),
            ("dGVzdA==", "dGVzdA=="),
            ("", ""),
        ] {
            assert_eq!(secret.redact(text), redacted);
        }
        assert_eq!(secret.redact_rendered("a test"), "a test");
        assert!(!secret.is_in(b"a test") && secret.is_in(b"YXBpOnRlc3Q"));
        let secret = Secret::new("\"", "api").unwrap();
        assert_eq!(secret.redact("\" a\"b"), "*** a\"b");
    }

    #[test]
    fn all_secrets_are_taken_out() {
        let secrets: Secrets = [KEY, "test"]
            .iter()
            .filter_map(|text| Secret::new(text, "api"))
            .collect();
        assert_eq!(secrets.redact(&format!("{KEY} test")), "*** ***");
        assert_eq!(secrets.redact_rendered(&format!("{KEY} test")), "*** test");
        assert!(secrets.are_in(KEY.as_bytes()) && !secrets.are_in(b"test"));
        assert!(matches!(secrets.redact("x"), Cow::Borrowed("x")));
    }

    #[test]
    fn a_secret_is_spelled_as_gateways_spell_it() {
        let secret = Secret::new(" abc\n", "api").unwrap();
        assert_eq!(
            secret.redact("x abc y Basic YXBpOmFiYw== z"),
            "x *** y Basic *** z"
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
