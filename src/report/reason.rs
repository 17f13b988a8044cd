//! The reason of a check in words: what was measured, by how much it is beyond its limit, and whether that is chance.

use super::finding::{cause_help, cause_text};
use super::units::{self, Ends};
use crate::judge::{Check, Decision, Measure, Reason, RuleOutcome, TestResult};
use crate::number::{count, full, plural};
use crate::policy::{self, Kind, LimitKey, Unit};
use crate::prose::Prose;

/// Why a check has its status, in words.
pub(crate) fn reason_text(check: &Check) -> Prose {
    match &check.reason {
        Reason::Skipped => {
            Prose::from("no baseline was found, and the policy does not require one")
        }
        Reason::Blocked(cause) => cause_text(cause),
        Reason::Values(decision) => Prose::from(by_values(check, *decision)),
        Reason::Test(outcome) => Prose::from(match &check.chance {
            Some(test) => by_test(check, *outcome, test),
            None => movement(check),
        }),
        Reason::MissingScoresDecide => {
            Prose::from(format!("{} and could change the result", missing(check)))
        }
    }
}

/// The next action that makes a check decidable; `None` if the check is decided or nothing is known to do.
pub(super) fn reason_help(check: &Check) -> Option<Prose> {
    match &check.reason {
        Reason::Blocked(cause) => cause_help(cause),
        Reason::Values(Decision::Unbounded) if check.metric.takes_range() => Some(Prose::from(
            "add `range: [LOW, HIGH]` to the gate, to bound the missing scores",
        )),
        Reason::Values(Decision::Depends) | Reason::MissingScoresDecide
            if check.metric.can_miss() =>
        {
            Some(missing_help(check))
        }
        Reason::Skipped | Reason::Values(_) | Reason::Test(_) | Reason::MissingScoresDecide => None,
    }
}

/// What to do about missing scores that could change the result.
fn missing_help(check: &Check) -> Prose {
    let share = |measure: &Measure| {
        let missing = measure.trials.saturating_sub(measure.scored);
        count(missing) / count(measure.trials.max(1))
    };
    let sides = [&check.candidate, &check.baseline].into_iter().flatten();
    // Rounded up, so that this share is enough.
    let most = (sides.map(share).fold(0.0, f64::max) * 1000.0).ceil() / 1000.0;
    Prose::from(format!(
        "find out why, and evaluate again; or ignore this many with `max_missing: {most}`"
    ))
}

/// The reason, and the next action on a new line.
pub(super) fn reason_and_help(check: &Check) -> String {
    let reason = reason_text(check).to_string();
    match reason_help(check) {
        Some(help) => format!("{reason}\nhelp: {help}"),
        None => reason,
    }
}

/// The reason of a check without the values and the limit, for a line below them. Empty if there is nothing more to say.
pub(super) fn conclusion(check: &Check) -> Prose {
    let decision = match &check.reason {
        Reason::Values(decision) => *decision,
        Reason::Test(outcome) => {
            let text = match &check.chance {
                Some(test) => test_conclusion(check, *outcome, test),
                None => String::new(),
            };
            return Prose::from(text);
        }
        Reason::Skipped | Reason::Blocked(_) | Reason::MissingScoresDecide => {
            return reason_text(check);
        }
    };
    Prose::from(match decision {
        Decision::Holds if is_at_limit(check) => "exactly at the limit".to_owned(),
        Decision::Holds => spare(check).trim_start_matches("; ").to_owned(),
        Decision::Broken => check.margin.map_or_else(String::new, |margin| {
            format!("missed by {}", plural(margin.count, margin.thing))
        }),
        Decision::Depends if check.metric.column() == Some(Kind::Anything) => {
            "the summary does not say which trials have no score at all".to_owned()
        }
        Decision::Depends => format!("{} and could change the result", missing(check)),
        Decision::Unbounded | Decision::ZeroBaseline => by_values(check, decision),
    })
}

fn test_conclusion(check: &Check, outcome: RuleOutcome, test: &TestResult) -> String {
    let is_proof = test.rule == policy::Evidence::Proven;
    let rows = rows_of(test);
    match outcome {
        RuleOutcome::Holds | RuleOutcome::Broken if is_proof => {
            format!("proven: the interval is {}", interval(check, test))
        }
        RuleOutcome::Holds => chance(test).trim().trim_matches(['(', ')']).to_owned(),
        RuleOutcome::Noise if test.shows_nothing => {
            format!("beyond the limit, but {rows} that are all alike show nothing")
        }
        RuleOutcome::Noise if test.counted == Some(false) => format!(
            "beyond the limit, but within noise{}; not counted as a test: no pattern of these changes would be significant",
            chance(test)
        ),
        RuleOutcome::Noise => format!("beyond the limit, but within noise{}", chance(test)),
        RuleOutcome::Broken => format!("not chance{}", chance(test)),
        RuleOutcome::Open => {
            let more = test.rows_needed.map_or_else(String::new, |needed| {
                format!("; about {} like these would decide", units_of(test, needed))
            });
            format!(
                "the interval {} is on both sides of the limit{more}",
                interval(check, test)
            )
        }
        RuleOutcome::TooFew => by_test(check, outcome, test),
    }
}

/// Why measured values meet a limit, are beyond it, or do not decide.
fn by_values(check: &Check, decision: Decision) -> String {
    match decision {
        Decision::Holds if is_at_limit(check) => {
            format!("{}, exactly at the limit", units::bound(check))
        }
        Decision::Holds => format!("{}{}", compared(check, true), spare(check)),
        Decision::Broken => match check.margin {
            Some(margin) => {
                let by = plural(margin.count, margin.thing);
                format!("{}; missed by {by}", compared(check, false))
            }
            None => compared(check, false),
        },
        Decision::Depends if check.metric.column() == Some(Kind::Anything) => format!(
            "the summary does not say which trials have no score at all: {}",
            compared(check, false)
        ),
        Decision::Depends => format!(
            "{} and could change the result: {}",
            missing(check),
            possible(check)
        ),
        Decision::Unbounded => {
            format!("{}, without bounds", missing(check))
        }
        Decision::ZeroBaseline => "the baseline is 0, so a relative change is undefined".to_owned(),
    }
}

/// How far a check that passes is from its limit.
fn spare(check: &Check) -> String {
    match check.margin {
        Some(margin) if margin.count > 0 => {
            format!("; margin {}", plural(margin.count, margin.thing))
        }
        Some(_) => "; no margin".to_owned(),
        None => String::new(),
    }
}

/// Whether the limit is on a value, and the value is the limit itself.
fn is_at_limit(check: &Check) -> bool {
    let is_it = |candidate: Measure| {
        candidate.low == check.limit.value && candidate.high == check.limit.value
    };
    !check.limit.key.is_change() && check.candidate.is_some_and(is_it)
}

/// The value against its limit: `76.7 %, below min 90 %`, `fell 8.3 pts (94.2 % → 85.8 %), limit 2 pts`.
fn compared(check: &Check, holds: bool) -> String {
    let bound = units::bound(check);
    let value = || units::candidate(check).unwrap_or_else(|| "unknown".to_owned());
    match check.limit.key {
        LimitKey::Min if holds => format!("{}, min {bound}", value()),
        LimitKey::Min => format!("{}, below min {bound}", value()),
        LimitKey::Max if holds => format!("{}, max {bound}", value()),
        LimitKey::Max => format!("{}, above max {bound}", value()),
        LimitKey::MaxDrop
        | LimitKey::MaxRise
        | LimitKey::MaxRelativeDrop
        | LimitKey::MaxRelativeRise => format!("{}, limit {bound}", movement(check)),
    }
}

/// What a value can be, and its limit.
fn possible(check: &Check) -> String {
    if check.limit.key.is_change() {
        return format!("{}, limit {}", movement(check), units::bound(check));
    }
    let value = units::candidate(check).unwrap_or_else(|| "unknown".to_owned());
    format!("{value}, {}", units::limit(check))
}

/// The change from baseline to candidate: `fell 8.3 pts (94.2 % → 85.8 %)`.
fn movement(check: &Check) -> String {
    let (Some(ours), Some(theirs)) = (&check.candidate, &check.baseline) else {
        return units::candidate(check).unwrap_or_default();
    };
    let (before, after) = (units::baseline(check), units::candidate(check));
    let from_to = match (before, after) {
        (Some(before), Some(after)) if before == after => format!(" ({after})"),
        (Some(before), Some(after)) => format!(" ({before} → {after})"),
        _ => String::new(),
    };
    let (least, most) = (
        change(check, ours.low, theirs.high),
        change(check, ours.high, theirs.low),
    );
    let words = match (least, most) {
        (Some(least), Some(most)) if least == most => moved(check, least),
        (Some(least), Some(most)) => moved_between(check, least, most),
        _ => "size of the change unknown".to_owned(),
    };
    format!("{words}{from_to}")
}

/// A change of one size, in words.
fn moved(check: &Check, change: f64) -> String {
    // Only a change in the limited direction has to be told from the limit.
    let is_limited = (change < 0.0) == check.limit.key.wants_high();
    let limit = if is_limited { check.limit.value } else { 0.0 };
    let is_relative = check.limit.key.is_relative();
    let size = units::size_of_change(check.metric, change.abs(), is_relative, limit);
    if change < 0.0 {
        format!("fell {size}")
    } else if change > 0.0 {
        format!("rose {size}")
    } else {
        "unchanged".to_owned()
    }
}

/// A change between two, in words: `fell 5 to 8.3 pts`, `changed by -1 pt to +2 pts`.
fn moved_between(check: &Check, least: f64, most: f64) -> String {
    let is_relative = check.limit.key.is_relative();
    if least < 0.0 && most > 0.0 {
        let end = |change: f64| {
            units::change(
                check.metric,
                change,
                is_relative,
                units::signed_limit(check.limit),
            )
        };
        return format!("changed by {} to {}", end(least), end(most));
    }
    let size = |change: f64| {
        units::size_of_change(check.metric, change.abs(), is_relative, check.limit.value)
    };
    let (word, near, far) = if most > 0.0 {
        ("rose", size(least), size(most))
    } else {
        ("fell", size(most), size(least))
    };
    format!("{word} {} to {far}", units::without_unit(&near, &far))
}

/// A change as the limit counts it: in the metric's unit, or as a fraction of the baseline. `None` if it is unknown.
fn change(check: &Check, candidate: f64, baseline: f64) -> Option<f64> {
    let change = candidate - baseline;
    let change = if check.limit.key.is_relative() && change != 0.0 {
        change / baseline.abs()
    } else {
        change
    };
    change.is_finite().then_some(change)
}

/// Why the confidence interval or the significance test meets a limit, is beyond it, or does not decide.
fn by_test(check: &Check, outcome: RuleOutcome, test: &TestResult) -> String {
    let is_proof = test.rule == policy::Evidence::Proven;
    let what = tested(check, test);
    let rows = rows_of(test);
    match outcome {
        RuleOutcome::Holds if is_proof => format!(
            "{what}; proven: the interval {} is within {}",
            interval(check, test),
            units::limit(check)
        ),
        RuleOutcome::Holds => format!("{what}, {}{}", against(check), chance(test)),
        RuleOutcome::Noise if test.shows_nothing => {
            format!(
                "{what}, {}; but {rows} that are all alike show nothing",
                beyond(check)
            )
        }
        RuleOutcome::Noise => {
            let counted = if test.counted == Some(false) {
                "; not counted as a test: no pattern of these changes would be significant"
            } else {
                ""
            };
            format!(
                "{what}, {}, but within noise{}{counted}",
                beyond(check),
                chance(test)
            )
        }
        RuleOutcome::Broken if is_proof => format!(
            "{what}; proven: the interval {} is beyond {}",
            interval(check, test),
            units::limit(check)
        ),
        RuleOutcome::Broken if check.limit.key.is_change() => {
            format!("{what}, {}; not chance{}", against(check), chance(test))
        }
        RuleOutcome::Broken => format!("{what}, {}; not chance{}", beyond(check), chance(test)),
        RuleOutcome::Open => {
            let more = test.rows_needed.map_or_else(String::new, |needed| {
                format!("; about {} like these would decide", units_of(test, needed))
            });
            format!(
                "{what}; the interval {} is on both sides of {}{more}",
                interval(check, test),
                units::limit(check)
            )
        }
        RuleOutcome::TooFew if test.clusters.unwrap_or(test.rows) < 2 => {
            format!("{rows}: too few to tell chance from change")
        }
        RuleOutcome::TooFew => format!("{rows}, all alike or too few to tell chance from change"),
    }
}

/// The rows of a test: `120 rows`, or `120 rows in 8 clusters`.
pub(super) fn rows_of(test: &TestResult) -> String {
    let rows = plural(test.rows, "row");
    match test.clusters {
        Some(clusters) => format!("{rows} in {}", plural(clusters, "cluster")),
        None => rows,
    }
}

/// A number of rows, or of clusters if the rows are in clusters.
fn units_of(test: &TestResult, number: u64) -> String {
    let unit = if test.clusters.is_some() {
        "cluster"
    } else {
        "row"
    };
    plural(number, unit)
}

/// The value that was tested, or the change.
fn tested(check: &Check, test: &TestResult) -> String {
    if check.limit.key.is_change() {
        return movement(check);
    }
    let value = units::value(check.metric, test.point, check.limit.value);
    if test.is_open {
        format!("{value} with missing scores at their worst")
    } else {
        value
    }
}

/// `limit 2 pts`, `min 90 %`.
fn against(check: &Check) -> String {
    if check.limit.key.is_change() {
        format!("limit {}", units::bound(check))
    } else {
        units::limit(check)
    }
}

/// `beyond the limit of 2 pts`, `below min 90 %`.
fn beyond(check: &Check) -> String {
    match check.limit.key {
        LimitKey::Min => format!("below {}", units::limit(check)),
        LimitKey::Max => format!("above {}", units::limit(check)),
        LimitKey::MaxDrop
        | LimitKey::MaxRise
        | LimitKey::MaxRelativeDrop
        | LimitKey::MaxRelativeRise => format!("beyond the limit of {}", units::bound(check)),
    }
}

/// The p-value, the corrected one, and the rows that changed: ` (p 0.006, corrected 0.025; 13 rows worse, 3 better)`.
fn chance(test: &TestResult) -> String {
    let mut parts = Vec::new();
    if let Some(p) = test.p {
        parts.push(format!("p {}", p_value(p)));
        if let Some(adjusted) = test.adjusted_p.filter(|adjusted| *adjusted != p) {
            parts.push(format!("corrected {}", p_value(adjusted)));
        }
    }
    let mut said = parts.join(", ");
    if let Some((worse, better)) = test.discordant {
        let rows = format!("{} worse, {better} better", plural(worse, "row"));
        said = if said.is_empty() {
            rows
        } else {
            format!("{said}; {rows}")
        };
    }
    if said.is_empty() {
        said
    } else {
        format!(" ({said})")
    }
}

/// A p-value with two significant digits.
pub(super) fn p_value(p: f64) -> String {
    if p < 1e-6 {
        return "below 0.000001".to_owned();
    }
    let mut decimals = 2;
    let mut unit = 0.1;
    while p < unit {
        decimals += 1;
        unit /= 10.0;
    }
    let text = format!("{p:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The confidence interval of a value or of a change.
fn interval(check: &Check, test: &TestResult) -> String {
    let ends = Ends {
        low: test.interval.low,
        high: test.interval.high,
    };
    units::interval(check, ends, test.confidence)
}

/// Says which scores are missing, or tokens, prices and times: `4 of 120 scores are missing`.
fn missing(check: &Check) -> String {
    let what = match check.metric.unit() {
        Unit::Tokens => "token counts",
        Unit::Dollars => "prices",
        Unit::Seconds => "latencies",
        Unit::Fraction | Unit::Score | Unit::Count => "scores",
    };
    let of = |measure: &Measure, whose: &str| {
        let missing = measure.trials.saturating_sub(measure.scored);
        (missing > 0).then(|| {
            let are = if missing == 1 { "is" } else { "are" };
            format!(
                "{missing} of {} {what}{whose} {are} missing",
                full_count(measure.trials)
            )
        })
    };
    let Some(baseline) = &check.baseline else {
        let of_candidate = check.candidate.as_ref();
        return of_candidate
            .and_then(|candidate| of(candidate, ""))
            .unwrap_or_else(|| format!("some {what} are missing"));
    };
    let parts = [
        check
            .candidate
            .as_ref()
            .and_then(|candidate| of(candidate, " of the candidate")),
        of(baseline, " of the baseline"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return format!("the {what} of removed rows are missing");
    }
    parts.join(" and ")
}

fn full_count(count: u64) -> String {
    full(crate::number::count(count))
}
