//! The reason of a check in words.

use std::collections::BTreeSet;

use crate::evidence::{Flaw, Role, Run};
use crate::judge::check::Margin;
use crate::judge::finding::{Blocker, Name};
use crate::judge::limit::{Decision, Pairing};
use crate::judge::measure::summary::Unmeasurable;
use crate::judge::measure::value::Measure;
use crate::judge::significance::scenario::RuleOutcome;
use crate::judge::significance::test::TestResult;
use crate::judge::slice::Slice;
use crate::number::{full, plural, show, signed};
use crate::policy::{self, Gate, Kind, Limit, LimitKey, Unit};
use crate::prose::Prose;

/// As many names are listed where a name is not known.
const MOST_NAMES: usize = 12;

pub(super) fn unknown_dimension(scorer: &str, known: &BTreeSet<&str>) -> Blocker {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(scorer, name), *name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    let mut message = if scorer.contains(['*', '?', '[']) {
        Prose::from("no dimension matches ").name(scorer)
    } else {
        Prose::from("there is no dimension ").name(scorer)
    };
    if let Some((_, name)) = nearest {
        message = message.text("; is ").name(name).text(" meant?");
    }
    let message = if known.is_empty() {
        message.text("; nothing was scored at all")
    } else {
        message
            .text("; there are ")
            .names(known.iter().copied(), MOST_NAMES)
    };
    Blocker {
        name: Name::UnknownDimension,
        message,
    }
}

/// Why a run has no value.
pub(super) fn unmeasurable(
    cause: &Unmeasurable,
    gate: &Gate,
    subject: Option<&str>,
    role: &str,
    run: &Run,
) -> Blocker {
    let dimension = subject.unwrap_or_default();
    let in_role = format!(" in the {role}");
    let (name, message) = match cause {
        Unmeasurable::NoScores => (
            Name::NoScores,
            Prose::from("no trial has a score of ")
                .name(dimension)
                .text(in_role)
                .then(others(run)),
        ),
        Unmeasurable::NotAvailable(metrics) => (
            Name::MetricNotAvailable,
            Prose::new().name(dimension).text(format!(
                " has no {}{in_role}; it has {}",
                gate.metric.word(),
                metrics.join(", ")
            )),
        ),
        Unmeasurable::OutOfRange(mean) => {
            let (low, high) = gate.range.unwrap_or_default();
            (
                Name::OutOfRange,
                Prose::from("the mean of ").name(dimension).text(format!(
                    "{in_role} is {}, outside its range [{}, {}]",
                    show(*mean, if *mean < low { low } else { high }),
                    full(low),
                    full(high)
                )),
            )
        }
        Unmeasurable::Flawed(Flaw::Ambiguous) => (
            Name::AmbiguousDimension,
            Prose::from("two dimensions")
                .text(in_role)
                .text(" are called ")
                .name(dimension),
        ),
        Unmeasurable::Flawed(Flaw::Inconsistent) => (
            Name::InconsistentCounts,
            Prose::from("the counts of ")
                .name(dimension)
                .text(in_role)
                .text(" contradict each other"),
        ),
        Unmeasurable::NoPredictCall => (
            Name::MetricNotAvailable,
            Prose::from(format!(
                "Weave finds no call of the model alone in any trial{in_role}, so there is no {}: its op needs a name with \
                 `predict` or `invoke` in it, or the model a `predict` method",
                gate.metric.word()
            )),
        ),
        Unmeasurable::NoUsage => (
            Name::MetricNotAvailable,
            Prose::from(format!(
                "no trial{in_role} {}, so there is no {}",
                match gate.metric.unit() {
                    Unit::Dollars => "is priced",
                    Unit::Seconds => "reports the time of its predict call",
                    _ => "reports its tokens",
                },
                gate.metric.word()
            )),
        ),
    };
    Blocker { name, message }
}

/// No score in a slice.
pub(super) fn no_scores_in(slice: &Slice, subject: Option<&str>, role: Role) -> Blocker {
    Blocker {
        name: Name::NoScores,
        message: Prose::from("no trial has a score of ")
            .name(subject.unwrap_or_default())
            .text(format!(" in the {} where ", role.word()))
            .name(slice.to_string()),
    }
}

/// A score that its gate says cannot be.
pub(super) fn out_of_range(score: f64, range: (f64, f64), dimension: &str, role: Role) -> Blocker {
    let (low, high) = range;
    Blocker {
        name: Name::OutOfRange,
        message: Prose::from("a score of ").name(dimension).text(format!(
            " in the {} is {}, outside its range [{}, {}]",
            role.word(),
            show(score, if score < low { low } else { high }),
            full(low),
            full(high)
        )),
    }
}

fn others(run: &Run) -> Prose {
    if run.totals.dimensions.is_empty() {
        return Prose::from("; nothing was scored at all");
    }
    Prose::from("; there are scores of ").names(run.totals.dimensions.keys(), MOST_NAMES)
}

/// Why a limit holds, does not, or is not decided.
pub(super) fn decision(
    decision: Decision,
    limit: Limit,
    gate: &Gate,
    pairing: &Pairing,
    margin: Option<Margin>,
) -> Prose {
    let value = Value { limit, pairing };
    let distance = |words: &str| {
        margin.map_or_else(String::new, |margin| {
            format!("; {} {words}", plural(margin.count, margin.thing))
        })
    };
    let text = match decision {
        Decision::Holds if margin.is_some_and(|margin| margin.count == 0) => {
            format!("{}; nothing to spare", value.relation(true))
        }
        Decision::Holds => format!("{}{}", value.relation(true), distance("to spare")),
        Decision::Broken => format!("{}{}", value.relation(false), distance("short")),
        Decision::Depends if gate.metric.column() == Some(Kind::Anything) => format!(
            "the summary tells how many trials each scorer scored, not which, and no lists: {}",
            value.open()
        ),
        Decision::Depends => format!(
            "{}, and they decide: {}",
            missing(pairing, gate.metric.unit()),
            value.open()
        ),
        Decision::Unbounded if gate.metric.is_usage() || gate.metric.is_latency() => format!(
            "{}, and what they took is not known: {}",
            missing(pairing, gate.metric.unit()),
            value.open()
        ),
        Decision::Unbounded => {
            format!(
                "{}, and without `range` their worst is not known",
                missing(pairing, gate.metric.unit())
            )
        }
        Decision::ZeroBaseline => {
            "the baseline is 0, so the change has no relative size".to_owned()
        }
    };
    Prose::from(text)
}

/// Why chance leaves a limit standing, breaks it, or leaves it open.
pub(super) fn chance(
    said: Option<RuleOutcome>,
    gate: &Gate,
    limit: Limit,
    chance: &TestResult,
    pairing: &Pairing,
) -> Prose {
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
    Prose::from(match said {
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
            missing(pairing, gate.metric.unit())
        ),
    })
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
fn missing(pairing: &Pairing, unit: Unit) -> String {
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
    let Some(baseline) = &pairing.baseline else {
        return of(&pairing.candidate, "")
            .unwrap_or_else(|| "the summary leaves it open".to_owned());
    };
    let parts = [
        of(&pairing.candidate, " of the candidate"),
        of(baseline, " of the baseline"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return "what removed rows would have scored is not known".to_owned();
    }
    parts.join(", ")
}

/// A measured value beside its limit.
struct Value<'a> {
    limit: Limit,
    pairing: &'a Pairing,
}

impl Value<'_> {
    /// `0.93 is at least 0.9`, `dropped by 0.08, 0.02 allowed`.
    fn relation(&self, holds: bool) -> String {
        let bound = full(self.limit.value);
        match self.limit.key {
            LimitKey::Min if holds => format!("{} is at least {bound}", self.candidate()),
            LimitKey::Min => format!("{} is below {bound}", self.candidate()),
            LimitKey::Max if holds => format!("{} is at most {bound}", self.candidate()),
            LimitKey::Max => format!("{} is above {bound}", self.candidate()),
            _ => {
                let allowed = if self.limit.key.is_relative() {
                    format!("{bound} of the baseline allowed")
                } else {
                    format!("{bound} allowed")
                };
                format!("{}, {allowed}", self.movement())
            }
        }
    }

    /// Where the value may lie, beside its limit.
    fn open(&self) -> String {
        let word = self.limit.key.word();
        let bound = full(self.limit.value);
        if self.limit.key.is_change() {
            format!("{}, against {word} {bound}", self.movement())
        } else {
            format!("{}, against {word} {bound}", self.candidate())
        }
    }

    fn candidate(&self) -> String {
        let measure = &self.pairing.candidate;
        let slack = self.pairing.precision().slack(self.limit.value);
        // What is on the limit but for rounding is shown as it.
        let shown = |value: f64| {
            let is_near = !measure.exact && (value - self.limit.value).abs() <= slack;
            if is_near { self.limit.value } else { value }
        };
        span(shown(measure.low), shown(measure.high), self.limit.value)
    }

    /// The change in the direction that is limited: a drop, or a rise.
    fn movement(&self) -> String {
        let Some(baseline) = &self.pairing.baseline else {
            return String::new();
        };
        let candidate = &self.pairing.candidate;
        let drop = self.limit.key.wants_high();
        let toward = |ours: f64, theirs: f64| {
            let moved = if drop { theirs - ours } else { ours - theirs };
            if self.limit.key.is_relative() && theirs.is_infinite() && !candidate.is_unbounded() {
                1.0_f64.copysign(moved)
            } else if self.limit.key.is_relative() && moved != 0.0 {
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
            return format!("{opposite} by {}", show(-most, -self.limit.value));
        }
        if least == most && most == 0.0 {
            return "unchanged".to_owned();
        }
        if least.is_nan() || most.is_nan() || (least.is_infinite() && most.is_infinite()) {
            return "changed by nobody knows how much".to_owned();
        }
        if least < 0.0 && most > 0.0 {
            let (low, high) = if drop { (-most, -least) } else { (least, most) };
            let bound = if drop {
                -self.limit.value
            } else {
                self.limit.value
            };
            return format!(
                "changed by {} to {}",
                signed(low, bound),
                signed(high, bound)
            );
        }
        format!("{word} by {}", span(least, most, self.limit.value))
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
