//! What was probably meant: similar words, keys of other levels, characters that look alike, numbers with a unit.

use std::fmt;

use super::metric::{LimitKey, Unit};

/// The known word that was probably intended: similar, or one typing error away.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&word, candidate), *candidate))
        .filter(|(likeness, candidate)| {
            *likeness > 0.8 || (word.len() > 1 && strsim::osa_distance(&word, candidate) == 1)
        })
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// A character that looks like another one, or that is not visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lookalike {
    found: char,
    /// The character that it looks like; `None` if it is not visible.
    like: Option<char>,
}

impl Lookalike {
    /// `None` for ASCII, and for a character that looks like none of it.
    fn of(found: char) -> Option<Self> {
        let like = match found {
            ..='\u{7f}' => return None,
            // The full-width forms have the order of ASCII.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(found) - 0xff01 + 0x21),
            '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}' => Some(' '),
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
            _ => GROUPS
                .iter()
                .find(|group| group.contains(found))?
                .chars()
                .next(),
        };
        Some(Self { found, like })
    }

    /// Whether YAML would read the text in another way with the character that it looks like.
    pub(super) fn is_syntax(self) -> bool {
        matches!(self.like, None | Some(' ' | ':' | '"'))
    }
}

/// `` `с` (U+0441), which looks like `c` ``.
impl fmt::Display for Lookalike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, like } = self;
        let code = u32::from(*found);
        match like {
            None => write!(f, "U+{code:04X}, which is not visible"),
            Some(' ') => write!(f, "U+{code:04X}, which looks like a space"),
            Some(like) => write!(f, "`{found}` (U+{code:04X}), which looks like `{like}`"),
        }
    }
}

/// The first character of a text that looks like an ASCII character and is not.
pub(super) fn lookalike(text: &str) -> Option<Lookalike> {
    text.chars().find_map(Lookalike::of)
}

/// The text with ASCII characters for those that look like them, without quotes and spaces around it.
pub(super) fn plain(text: &str) -> String {
    let chars = text.chars().filter_map(|c| match Lookalike::of(c) {
        Some(lookalike) => lookalike.like,
        None => Some(c),
    });
    let text: String = chars.collect();
    text.trim_matches(['"', '\'', ' ']).to_owned()
}

/// Groups of characters that look alike: an ASCII character first.
const GROUPS: &[&str] = &[
    "aаα",
    "cсϲ",
    "dԁ",
    "eеε",
    "gɡ",
    "hһ",
    "iіıι",
    "jј",
    "kкκ",
    "lӏ",
    "mм",
    "nпη",
    "oоο",
    "pрρ",
    "qԛ",
    "rг",
    "sѕ",
    "tтτ",
    "uυ",
    "vѵν",
    "wԝω",
    "xхχ",
    "yуγ",
    "AАΑ",
    "BВΒ",
    "CС",
    "EЕΕ",
    "HНΗ",
    "IІΙ",
    "JЈ",
    "KКΚ",
    "MМΜ",
    "NΝ",
    "OОΟ",
    "PРΡ",
    "SЅ",
    "TТΤ",
    "XХΧ",
    "YУΥ",
    "ZΖ",
    "'‘’‚‛′´",
    "\"“”„‟″«»",
    "-‐‑‒–—―−",
    ":꞉∶",
    ".․",
    ",٫",
    "*∗",
    "/⁄∕",
    "_ˍ",
];

/// Maximum length of a text in a message, in characters.
pub(super) const MOST_SHOWN: usize = 60;

/// Whether a text can be part of an edit.
pub(super) fn is_short(text: &str) -> bool {
    text.chars().count() <= MOST_SHOWN && !text.contains('`')
}

/// A text for a message, in backticks. A part of a long text is not shown, because it could be a part of a secret.
pub(super) fn named(text: &str) -> String {
    if text.chars().count() > MOST_SHOWN {
        return "(a long text)".to_owned();
    }
    if text.contains('`') {
        return format!("{text:?}");
    }
    format!("`{text}`")
}

/// The number that a text probably means: one in quotes, with a decimal comma, or of other digits. A comma before three
/// digits may separate thousands.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = plain(text);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    number(&text).or_else(|| {
        let (_, decimals) = text.split_once(',')?;
        let is_decimal = decimals.len() != 3;
        number(&text.replacen(',', ".", 1)).filter(|_| is_decimal)
    })
}

/// The number of percent that a text means.
pub(super) fn percent(text: &str) -> Option<f64> {
    number(plain(text).strip_suffix('%')?.trim_end())
}

/// A number for a message or an edit; one with very many digits as a power of ten.
pub(super) fn digits(number: f64) -> String {
    if number != 0.0 && !(1e-6..1e15).contains(&number.abs()) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

/// A percentage as a fraction, without the dust of binary fractions.
pub(super) fn fraction(percent: f64) -> f64 {
    (percent * 1e10).round() / 1e12
}

/// The number in a text with a unit that is not written in a policy, in the metric's own unit: `300ms`, `$5`, `5k`,
/// `1_000`.
pub(super) fn without_unit(text: &str, unit: Option<Unit>) -> Option<f64> {
    let text = plain(text).replace('_', "");
    let text = text.trim_matches(['$', '€', '£', ' ']);
    if let Some(number) = number(text) {
        return Some(number);
    }
    let letters = text.trim_start_matches(|c: char| !c.is_alphabetic());
    let number = number(text.strip_suffix(letters)?.trim_end())?;
    let (times, by) = match (letters, unit) {
        ("ms", Some(Unit::Seconds)) => (1.0, 1_000.0),
        ("m" | "min" | "minutes", Some(Unit::Seconds)) => (60.0, 1.0),
        ("s" | "sec" | "seconds", Some(Unit::Seconds))
        | ("tokens", Some(Unit::Tokens))
        | ("USD" | "usd", Some(Unit::Dollars)) => (1.0, 1.0),
        ("k" | "K", Some(Unit::Tokens | Unit::Dollars | Unit::Count)) => (1_000.0, 1.0),
        ("M", Some(Unit::Tokens | Unit::Dollars | Unit::Count)) => (1_000_000.0, 1.0),
        ("pts" | "pp", Some(Unit::Fraction)) => (1.0, 100.0),
        _ => return None,
    };
    Some(number * times / by)
}

/// Whether a text says that there is no limit.
pub(super) fn is_no_limit(text: &str) -> bool {
    let text = text.to_lowercase();
    matches!(
        text.as_str(),
        "off" | "none" | "no" | "unlimited" | "any" | "-" | "null"
    )
}

/// The edit for a limit that is written in percent.
pub(super) fn percent_limit(key: LimitKey, unit: Option<Unit>, percent: f64) -> Option<String> {
    let value = fraction(percent);
    let key = match (key, unit) {
        (key, _) if key.is_relative() => key,
        (key, Some(Unit::Fraction)) => key,
        (LimitKey::MaxDrop, Some(_)) => LimitKey::MaxRelativeDrop,
        (LimitKey::MaxRise, Some(_)) => LimitKey::MaxRelativeRise,
        _ => return None,
    };
    Some(format!("write `{}: {}`", key.word(), digits(value)))
}

/// The message and the next edit for a number that has to be a fraction.
pub(super) fn out_of_fraction(key: &str, value: f64) -> (String, String) {
    let help = if (1.0..=100.0).contains(&value) {
        format!("for {value} % write `{key}: {}`", digits(fraction(value)))
    } else if (-1.0..0.0).contains(&value) {
        format!("write `{key}: {}`", digits(-value))
    } else {
        format!("write a fraction, such as `{key}: 0.05` for 5 %")
    };
    let value = digits(value);
    (format!("{value} is not a fraction from 0 to 1"), help)
}

/// Why a word is not one of those that are known, as the end of a message, and the next edit. The reason may be empty.
pub(super) fn not_one_of(word: &str, names: &[&str]) -> (String, String) {
    let plain = plain(word);
    let meant = names.iter().find(|name| **name == plain).copied();
    if let Some(found) = lookalike(word) {
        let near = meant.or_else(|| nearest(&plain, names));
        let help = near.map_or_else(
            || format!("use one of {}", names.join(", ")),
            |near| format!("write `{near}`"),
        );
        return (format!(": it contains {found}"), help);
    }
    match meant.or_else(|| nearest(word, names)) {
        Some(near) => (String::new(), format!("did you mean `{near}`?")),
        None => (String::new(), format!("use one of {}", names.join(", "))),
    }
}
