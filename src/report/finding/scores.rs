//! Facts about the scores of a dimension, and about the rows that a gate selects.

use super::told::{MOST_NAMES, Told};
use crate::evidence::{MOST_VALUES, Role};
use crate::judge::{ScoreCause, SliceCause};
use crate::number::{full, plural, show};
use crate::policy::{Limit, Metric, Unit};
use crate::prose::Prose;

pub(super) fn about(role: Role, dimension: &str, what: &ScoreCause) -> Told {
    let whose = role.word();
    match what {
        ScoreCause::NoScores { slice, known } => {
            let fact = Prose::from("no trial has a score of ")
                .name(dimension)
                .text(format!(" in the {whose}"));
            let fact = match slice {
                Some(slice) => fact.text(" where ").name(slice.to_string()),
                None => others(fact, known, "; there are scores of "),
            };
            Told::from(fact).help("check the calls of the scorer in Weave")
        }
        ScoreCause::TooFewTrials { k } => Told::from(
            Prose::from(format!(
                "no row of the {whose} has {} with a score of ",
                plural(*k, "trial")
            ))
            .name(dimension),
        )
        .help("use a smaller `k`, or evaluate each row more often (`trials=` of `Evaluation`)"),
        ScoreCause::MetricNotAvailable {
            metric,
            available,
            is_text,
        } => not_available(role, dimension, *metric, available, *is_text),
        ScoreCause::OutOfRange {
            value,
            range: (low, high),
            is_mean,
        } => Told::from(
            Prose::from(if *is_mean {
                "the mean of "
            } else {
                "a score of "
            })
            .name(dimension)
            .text(format!(
                " in the {whose} is {}, outside its range [{}, {}]",
                show(*value, if value < low { *low } else { *high }),
                full(*low),
                full(*high)
            )),
        )
        .help("correct `range` in the policy, or the scorer"),
        ScoreCause::AmbiguousDimension => Told::from(
            Prose::from(format!("two dimensions in the {whose} are called ")).name(dimension),
        )
        .help("rename one of the scorers"),
        ScoreCause::InconsistentCounts => Told::from(
            Prose::from("the counts of ")
                .name(dimension)
                .text(format!(" in the {whose} contradict each other")),
        )
        .help("evaluate again; if it happens again, report it as a bug of weave-gate"),
    }
}

fn not_available(
    role: Role,
    dimension: &str,
    metric: Metric,
    available: &[&str],
    is_text: bool,
) -> Told {
    let (metric, whose) = (metric.word(), role.word());
    let has = |metric: &str| available.contains(&metric);
    let scores = match (has("pass_rate"), has("numeric_mean")) {
        _ if is_text => "its scores are text",
        (true, false) => "its scores are true or false",
        (false, true) => "its scores are numbers",
        (true, true) | (false, false) => "its scores have no such value",
    };
    let fact = Prose::new()
        .name(dimension)
        .text(format!(" has no {metric} in the {whose}: {scores}"));
    let metrics: Vec<String> = available
        .iter()
        .map(|word| format!("`metric: {word}`"))
        .collect();
    let metrics = metrics.join(" or ");
    Told::from(fact).help(if is_text {
        format!("return true, false or a number from the scorer, or use {metrics}")
    } else {
        format!("use {metrics}")
    })
}

pub(super) fn about_slice(what: &SliceCause) -> Told {
    match what {
        SliceCause::TooManyValues { input, values } => {
            let values = values.map_or_else(
                || "many values, or long ones".to_owned(),
                |values| format!("{values} values"),
            );
            Told::from(Prose::new().name(input).text(format!(
                " has {values}; at most {MOST_VALUES} make a check each"
            )))
            .help("use an input with fewer values under `by`, or name values under `where`")
        }
        SliceCause::UnknownInput { input, known } => Told::from(
            Prose::from("no row has an input ")
                .name(input)
                .text("; the inputs are ")
                .names(known, MOST_NAMES),
        )
        .help("use one of these inputs"),
        SliceCause::EmptySlice { slice, values } => empty_slice(slice.to_string(), values),
        SliceCause::NoRowInSlice { role, slice } => Told::from(
            Prose::from(format!("the {} has no row with ", role.word())).name(slice.to_string()),
        )
        .help("evaluate such rows, or change the rows that the gate selects"),
        SliceCause::RowsWithoutCluster {
            input,
            lacking,
            rows,
        } => Told::from(
            Prose::from(format!(
                "{lacking} of {} lack the input ",
                plural(*rows, "row")
            ))
            .name(input)
            .text(", so their cluster is unknown"),
        )
        .help("give every row this input, or select with `where` the rows that have it"),
        SliceCause::UnknownValues { values } => {
            Told::from(Prose::from("no row has ").names(values, MOST_NAMES))
                .help("correct the values under `where`")
        }
    }
}

fn empty_slice(slice: String, inputs: &[(String, Vec<String>)]) -> Told {
    let mut fact = Prose::from("no row has ").name(slice);
    for (input, values) in inputs {
        fact = fact.text("; ").name(input);
        // If there are many values, they are data and not names, so they are not listed.
        fact = if values.len() <= MOST_NAMES {
            fact.text(" is one of ").names(values, MOST_NAMES)
        } else {
            fact.text(format!(" has {} other values", values.len()))
        };
    }
    Told::from(fact).help("correct the values under `where`")
}

pub(super) fn text_among_scores(dimension: &str, candidate: u64, baseline: u64) -> Told {
    let of = [(candidate, Role::Candidate), (baseline, Role::Baseline)].into_iter();
    let trials: Vec<String> = of
        .filter(|(texts, _)| *texts > 0)
        .map(|(texts, role)| format!("{} of the {}", plural(texts, "trial"), role.word()))
        .collect();
    Told::from(Prose::from("the dimension ").name(dimension).text(format!(
        " has a text on {}, which is a missing score",
        trials.join(" and ")
    )))
    .help("return null from the scorer where there is no score")
}

pub(super) fn mixed_types(dimension: &str) -> Told {
    Told::from(Prose::from("the dimension ").name(dimension).text(
        " has true or false on some trials and numbers on others, and each metric uses only its own kind",
    ))
    .help("return one kind of score from the scorer")
}

pub(super) fn types_differ(dimension: &str) -> Told {
    Told::from(
        Prose::from("the dimension ")
            .name(dimension)
            .text(" has scores of one kind in the candidate and of another in the baseline"),
    )
    .help("return one kind of score from the scorer, and evaluate the baseline again")
}

pub(super) fn unknown_dimension(scorer: &str, known: &[String]) -> Told {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(scorer, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    let fact = if scorer.contains(['*', '?', '[']) {
        Prose::from("no dimension matches ").name(scorer)
    } else {
        Prose::from("there is no dimension ").name(scorer)
    };
    let told = Told::from(others(fact, known, "; there are "));
    match nearest {
        Some((_, name)) => told.help(Prose::from("did you mean ").name(name).text("?")),
        None if known.is_empty() => told.help("check the calls of the scorers in Weave"),
        None => told.help("use one of these dimensions"),
    }
}

/// Adds the list of existing dimensions to a fact.
fn others(fact: Prose, known: &[String], words: &str) -> Prose {
    if known.is_empty() {
        return fact.text("; nothing was scored at all");
    }
    fact.text(words).names(known, MOST_NAMES)
}

pub(super) fn no_predict_call(metric: Metric, role: Role) -> Told {
    let (whose, metric) = (role.word(), metric.word());
    Told::from(format!(
        "Weave finds no call of the model alone in any trial in the {whose}, so there is no {metric}"
    ))
    .help("give the model a `predict` method, or its op a name with `predict` or `invoke` in it")
}

pub(super) fn no_usage(metric: Metric, role: Role) -> Told {
    let (lacks, help) = match metric.unit() {
        Unit::Dollars => ("is priced", "add the price of the model in Weave"),
        Unit::Seconds => (
            "reports the time of its predict call",
            "give the model a `predict` method",
        ),
        Unit::Fraction | Unit::Score | Unit::Count | Unit::Tokens => (
            "reports its tokens",
            "call the model through a client that Weave traces",
        ),
    };
    let (whose, metric) = (role.word(), metric.word());
    Told::from(format!(
        "no trial in the {whose} {lacks}, so there is no {metric}"
    ))
    .help(help)
}

pub(super) fn none_common() -> Told {
    Told::from("no dimension has scores in both runs, on the rows that both have")
        .help("evaluate both runs with the same scorers")
}

pub(super) fn usage_may_be_partial() -> Told {
    Told::from(
        "the tokens and the cost may be those of some trials only, because Weave does not say how many trials report them",
    )
    .help("judge the run by its id, or take its snapshot with rows")
}

pub(super) fn limit_words(limit: Limit) -> String {
    format!("{} {}", limit.key.word(), full(limit.value))
}
