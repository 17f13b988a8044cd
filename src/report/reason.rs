//! The reason of a check in words.

use super::finding::cause_text;
use crate::judge::{Check, Decision, Measure, Reason, RuleOutcome, TestResult};
use crate::number::{full, plural, show, signed};
use crate::policy::{self, Kind, Limit, LimitKey, Unit};
use crate::prose::Prose;

/// Why a check has its status, in words.
pub(crate) fn reason_text(check: &Check) -> Prose {
    match &check.reason {
        Reason::Skipped => Prose::from("there is no baseline, and the policy does not require one"),
        Reason::Blocked(cause) => cause_text(cause),
        Reason::Values(decision) => Prose::from(by_values(check, *decision)),
        Reason::Test(outcome) => Prose::from(by_test(check, Some(*outcome))),
        Reason::MissingScoresDecide => Prose::from(by_test(check, None)),
    }
}

/// Why a limit holds, does not, or is not decided.
fn by_values(check: &Check, decision: Decision) -> String {
    let value = Value { check };
    let (metric, margin) = (check.metric, check.margin);
    let distance = |words: &str| {
        margin.map_or_else(String::new, |margin| {
            format!("; {} {words}", plural(margin.count, margin.thing))
        })
    };
    match decision {
        Decision::Holds if margin.is_some_and(|margin| margin.count == 0) => {
            format!("{}; nothing to spare", value.relation(true))
        }
        Decision::Holds => format!("{}{}", value.relation(true), distance("to spare")),
        Decision::Broken => format!("{}{}", value.relation(false), distance("short")),
        Decision::Depends if metric.column() == Some(Kind::Anything) => format!(
            "the summary tells how many trials each scorer scored, not which, and no lists: {}",
            value.open()
        ),
        Decision::Depends => format!("{}, and they decide: {}", missing(check), value.open()),
        Decision::Unbounded if metric.is_usage() || metric.is_latency() => format!(
            "{}, and what they took is not known: {}",
            missing(check),
            value.open()
        ),
        Decision::Unbounded => {
            format!(
                "{}, and without `range` their worst is not known",
                missing(check)
            )
        }
        Decision::ZeroBaseline => {
            "the baseline is 0, so the change has no relative size".to_owned()
        }
    }
}

/// Why an interval or a test meets a limit, is beyond it, or does not decide.
fn by_test(check: &Check, said: Option<RuleOutcome>) -> String {
    let limit = check.limit;
    let Some(chance) = &check.chance else {
        return missing(check);
    };
    let bound = full(limit.value);
    let key = limit.key.word();
    let worst = if chance.is_open && said.is_some() {
        " with missing scores at their worst"
    } else {
        ""
    };
    let what = if limit.key.is_change() {
        format!(
            "changed by {} on its rows{worst}",
            signed(chance.point, 0.0)
        )
    } else {
        format!("{} on its rows{worst}", show(chance.point, limit.value))
    };
    let detail = detail(limit, chance);
    match said {
        Some(RuleOutcome::Holds) if chance.rule == policy::Evidence::Proven => {
            format!("{what}; all plausible values are within {key} {bound}: {detail}")
        }
        Some(RuleOutcome::Holds) => format!("{what}, within {key} {bound}: {detail}"),
        Some(RuleOutcome::Noise) if chance.shows_nothing => format!(
            "{what}, beyond {key} {bound}; but {} so alike show nothing",
            plural(chance.rows, "row")
        ),
        Some(RuleOutcome::Noise) => {
            let uncounted = if chance.counted == Some(false) {
                "; not counted as a test: no pattern of these changes would be significant"
            } else {
                ""
            };
            format!("{what}, beyond {key} {bound}, which may be noise: {detail}{uncounted}")
        }
        Some(RuleOutcome::Broken) if chance.rule == policy::Evidence::Proven => {
            format!("{what}; no plausible value is within {key} {bound}: {detail}")
        }
        Some(RuleOutcome::Broken) => {
            format!("{what}, beyond {key} {bound}, and chance does not explain it: {detail}")
        }
        Some(RuleOutcome::Open) => {
            let more = chance.rows_needed.map_or_else(String::new, |rows| {
                format!("; about {} of this kind would decide", plural(rows, "row"))
            });
            format!("{what}; plausible values lie on both sides of {key} {bound}: {detail}{more}")
        }
        Some(RuleOutcome::TooFew) => format!(
            "{} {} too few, or too much alike, to tell chance from change",
            plural(chance.rows, "row"),
            if chance.rows == 1 { "is" } else { "are" }
        ),
        None => format!(
            "{}, and they decide; at their worst: {what}, {detail}",
            missing(check)
        ),
    }
}

/// The interval and what it rests on.
fn detail(limit: Limit, chance: &TestResult) -> String {
    let percent = show(chance.confidence * 100.0, 0.0);
    let shown = |end: f64| {
        if limit.key.is_change() {
            signed(end, 0.0)
        } else {
            show(end, limit.value)
        }
    };
    let mut parts = vec![format!(
        "{} to {} at {percent} % one-sided, {}",
        shown(chance.interval.low),
        shown(chance.interval.high),
        plural(chance.rows, "row")
    )];
    if let Some((regressed, fixed)) = chance.discordant {
        parts.push(format!("{regressed} regressed and {fixed} fixed"));
    }
    match (chance.p, chance.adjusted_p) {
        (Some(p), Some(adjusted)) if p != adjusted => {
            parts.push(format!(
                "p {}, corrected {}",
                show(p, 0.0),
                show(adjusted, 0.0)
            ));
        }
        (Some(p), _) => parts.push(format!("p {}", show(p, 0.0))),
        (None, _) => {}
    }
    if let Some(resolution) = chance.resolution.filter(|size| *size > 0.0) {
        let size = show(resolution, 0.0);
        parts.push(format!("a change of {size} would show by itself"));
    }
    parts.join(", ")
}

/// Says which scores are missing, or tokens, prices and times.
fn missing(check: &Check) -> String {
    let unit = check.metric.unit();
    let of = |measure: &Measure, whose: &str| {
        let missing = measure.trials.saturating_sub(measure.scored);
        (missing > 0).then(|| {
            let verb = if missing == 1 { "has" } else { "have" };
            let what = match unit {
                Unit::Tokens => "tokens",
                Unit::Dollars => "price",
                Unit::Seconds => "latency",
                Unit::Fraction | Unit::Score | Unit::Count => "score",
            };
            let rows = if measure.rows == measure.trials {
                String::new()
            } else {
                format!(" on {}", plural(measure.rows, "row"))
            };
            format!(
                "{missing} of {}{rows}{whose} {verb} no {what}",
                plural(measure.trials, "trial")
            )
        })
    };
    let candidate = check.candidate.as_ref();
    let Some(baseline) = &check.baseline else {
        return candidate
            .and_then(|candidate| of(candidate, ""))
            .unwrap_or_else(|| "the summary leaves it open".to_owned());
    };
    let parts = [
        candidate.and_then(|candidate| of(candidate, " of the candidate")),
        of(baseline, " of the baseline"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return "what removed rows would have scored is not known".to_owned();
    }
    parts.join(", ")
}

/// A measured value and its limit.
struct Value<'a> {
    check: &'a Check,
}

impl Value<'_> {
    /// `0.93 is at least 0.9`, `dropped by 0.08, 0.02 allowed`.
    fn relation(&self, holds: bool) -> String {
        let limit = self.check.limit;
        let bound = full(limit.value);
        match limit.key {
            LimitKey::Min if holds => format!("{} is at least {bound}", self.candidate()),
            LimitKey::Min => format!("{} is below {bound}", self.candidate()),
            LimitKey::Max if holds => format!("{} is at most {bound}", self.candidate()),
            LimitKey::Max => format!("{} is above {bound}", self.candidate()),
            _ => {
                let allowed = if limit.key.is_relative() {
                    format!("{bound} of the baseline allowed")
                } else {
                    format!("{bound} allowed")
                };
                format!("{}, {allowed}", self.movement())
            }
        }
    }

    /// Where the value can be, and its limit.
    fn open(&self) -> String {
        let limit = self.check.limit;
        let word = limit.key.word();
        let bound = full(limit.value);
        if limit.key.is_change() {
            format!("{}, against {word} {bound}", self.movement())
        } else {
            format!("{}, against {word} {bound}", self.candidate())
        }
    }

    fn candidate(&self) -> String {
        let Some(measure) = &self.check.candidate else {
            return "unknown".to_owned();
        };
        let limit = self.check.limit.value;
        let slack = self.check.rounding();
        // What is on the limit but for rounding is shown as it.
        let shown = |value: f64| {
            let is_near = !measure.exact && (value - limit).abs() <= slack;
            if is_near { limit } else { value }
        };
        span(shown(measure.low), shown(measure.high), limit)
    }

    /// The change in the direction that is limited: a drop, or a rise.
    fn movement(&self) -> String {
        let limit = self.check.limit;
        let (Some(candidate), Some(baseline)) = (&self.check.candidate, &self.check.baseline)
        else {
            return String::new();
        };
        let drop = limit.key.wants_high();
        let toward = |ours: f64, theirs: f64| {
            let moved = if drop { theirs - ours } else { ours - theirs };
            if limit.key.is_relative() && theirs.is_infinite() && !candidate.is_unbounded() {
                1.0_f64.copysign(moved)
            } else if limit.key.is_relative() && moved != 0.0 {
                moved / theirs.abs()
            } else {
                moved
            }
        };
        let (least, most) = if drop {
            (
                toward(candidate.high, baseline.low),
                toward(candidate.low, baseline.high),
            )
        } else {
            (
                toward(candidate.low, baseline.high),
                toward(candidate.high, baseline.low),
            )
        };
        let (word, opposite) = if drop {
            ("dropped", "rose")
        } else {
            ("rose", "dropped")
        };
        if least == most && most < 0.0 {
            return format!("{opposite} by {}", show(-most, -limit.value));
        }
        if least == most && most == 0.0 {
            return "unchanged".to_owned();
        }
        if least.is_nan() || most.is_nan() || (least.is_infinite() && most.is_infinite()) {
            return "size of the change unknown".to_owned();
        }
        if least < 0.0 && most > 0.0 {
            let (low, high) = if drop { (-most, -least) } else { (least, most) };
            let bound = if drop { -limit.value } else { limit.value };
            return format!(
                "changed by {} to {}",
                signed(low, bound),
                signed(high, bound)
            );
        }
        format!("{word} by {}", span(least, most, limit.value))
    }
}

/// One number, or the two that it lies between.
fn span(low: f64, high: f64, against: f64) -> String {
    if low == high {
        return show(low, against);
    }
    if high.is_infinite() && low.is_finite() {
        return format!("{} or more", show(low, against));
    }
    format!("{} to {}", show(low, against), show(high, against))
}
