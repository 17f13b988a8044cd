//! Warnings of `init` about a run that looks bad: incomplete, or with far lower scores than the runs before it.

use std::collections::BTreeMap;

use super::candidates::gap_text;
use super::console::Console;
use super::drafted_run::DraftedRun;
use super::search::{Place, Search};
use crate::evidence::{Completeness, Dimension, RunInfo, Totals};
use crate::fault::Fault;
use crate::number::{count, plural, show};
use crate::weave::read_totals;

/// The number of runs before it that a run is compared with.
const MOST_BEFORE: usize = 5;
/// A pass rate that is lower by more than this is far lower.
const FAR_LOWER_RATE: f64 = 0.10;
/// A mean that is lower by more than this fraction is far lower.
const FAR_LOWER_MEAN: f64 = 0.10;
/// The maximum number of dimensions that are listed.
const MOST_DIMENSIONS: usize = 3;

/// Prints the warnings.
///
/// # Errors
///
/// The calls of the run cannot be counted.
pub(super) fn warn(
    search: &Search<'_>,
    place: Place<'_>,
    chosen: &DraftedRun,
    totals: &Totals,
    console: &Console,
) -> Result<(), Fault> {
    let info = &chosen.info;
    let known = console.while_waiting("asking Weave", || search.completeness(place, &[info]))?;
    if let Some(Completeness::Incomplete(gap)) = known.first() {
        let text = format!("run {} is incomplete: {}", info.id, gap_text(*gap));
        let help =
            "a check of this run is undecided; name another run to start from a complete one";
        console.warn(&text, help);
    }
    let before: Vec<&str> = chosen
        .recent
        .iter()
        .filter(|other| is_before(other, info))
        .map(|other| other.id.as_str())
        .take(MOST_BEFORE)
        .collect();
    if before.is_empty() {
        return Ok(());
    }
    let read = || read_totals(search.client(), place.project, &before);
    match console.while_waiting("asking Weave", read) {
        Ok(before) => {
            if let Some(lower) = far_lower(totals, &before) {
                let runs = match before.len() {
                    1 => "the run before it".to_owned(),
                    runs => format!("the {} before it", plural(runs as u64, "run")),
                };
                let text = format!("run {} scored far lower than {runs}: {lower}", info.id);
                console.warn(&text, "name another run to start from a better one");
            }
        }
        Err(fault) => {
            let (id, why) = (&info.id, &fault.message);
            let text = format!("cannot compare run {id} with the runs before it: {why}");
            console.warn(&text, "check the drafted limits: the run may be a bad one");
        }
    }
    Ok(())
}

fn is_before(other: &RunInfo, info: &RunInfo) -> bool {
    other.id != info.id && other.started_at <= info.started_at && other.has_finished(false)
}

/// The dimensions that are far lower than the median of other runs, as text; `None` if there are none.
fn far_lower(totals: &Totals, before: &BTreeMap<String, Totals>) -> Option<String> {
    let mut lower = Vec::new();
    for (name, dimension) in &totals.dimensions {
        let others = before.values();
        let others = others.filter_map(|totals| totals.dimensions.get(name));
        let others: Vec<&Dimension> = others.collect();
        let of = |value: fn(&Dimension) -> Option<f64>| {
            let others = others.iter().filter_map(|dimension| value(dimension));
            value(dimension).zip(median(others.collect()))
        };
        if let Some((rate, usual)) = of(rate) {
            if usual - rate > FAR_LOWER_RATE {
                let percent = |rate: f64| format!("{} %", show(rate * 100.0, 100.0));
                lower.push(format!(
                    "`{name}` {}, median {}",
                    percent(rate),
                    percent(usual)
                ));
            }
        } else if let Some((mean, usual)) = of(mean)
            && usual - mean > FAR_LOWER_MEAN * usual.abs()
        {
            let (mean, usual) = (show(mean, usual), show(usual, mean));
            lower.push(format!("`{name}` {mean}, median {usual}"));
        }
    }
    let more = lower.len().saturating_sub(MOST_DIMENSIONS);
    lower.truncate(MOST_DIMENSIONS);
    if more > 0 {
        lower.push(format!("and {} more", plural(more as u64, "score")));
    }
    (!lower.is_empty()).then(|| lower.join("; "))
}

fn rate(dimension: &Dimension) -> Option<f64> {
    let is_known = dimension.flaw.is_none() && dimension.judged > 0;
    is_known.then(|| count(dimension.passed) / count(dimension.judged))
}

fn mean(dimension: &Dimension) -> Option<f64> {
    let is_known = dimension.flaw.is_none() && dimension.judged == 0;
    dimension.mean.filter(|_| is_known)
}

/// The median; `None` of nothing.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = middle.checked_sub(1).and_then(|place| values.get(place));
    Some(match lower {
        Some(lower) if values.len().is_multiple_of(2) => f64::midpoint(*lower, upper),
        _ => upper,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(passed: u64, mean: f64) -> Totals {
        let judged = Dimension {
            scored: 100,
            passed,
            judged: 100,
            ..Dimension::default()
        };
        let measured = Dimension {
            scored: 100,
            measured: 100,
            mean: Some(mean),
            ..Dimension::default()
        };
        Totals {
            dimensions: [("ok".to_owned(), judged), ("tone".to_owned(), measured)].into(),
            ..Totals::default()
        }
    }

    #[test]
    fn scores_are_compared_with_the_median_of_the_runs_before() {
        let before = [(90, 4.0), (95, 4.4), (10, 1.0)];
        let before = before.into_iter().enumerate();
        let before: BTreeMap<String, Totals> = before
            .map(|(place, (passed, mean))| (place.to_string(), totals(passed, mean)))
            .collect();
        assert_eq!(far_lower(&totals(80, 3.6), &before), None);
        assert_eq!(
            far_lower(&totals(79, 3.5), &before).as_deref(),
            Some("`ok` 79 %, median 90 %; `tone` 3.5, median 4")
        );
        assert_eq!(far_lower(&totals(0, 0.0), &BTreeMap::new()), None);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
