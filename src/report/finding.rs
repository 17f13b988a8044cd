//! Findings in words.

use jiff::SignedDuration;

use super::missing::{common_rows_unknown, no_baseline, rows_unknown};
use crate::evidence::{Fact, Gap, LeftOut, Role, RunStatus};
use crate::judge::{
    Advice, Cause, ConstantScore, Finding, RunCause, ScoreCause, SliceCause, UnchangedModel,
};
use crate::number::{full, plural, show};
use crate::policy::{Limit, Metric, RemovedRows, Unit};
use crate::prose::Prose;

/// The maximum number of names that are listed if a name is unknown.
const MOST_NAMES: usize = 12;
/// The maximum number of commits, versions or runs that are listed.
const MOST_RUNS: usize = 6;
/// The maximum number of values of a run that are listed.
const MOST_VALUES: usize = 8;

/// A finding as a sentence: which gate and which baseline it is about, and what was found.
pub(crate) fn finding_text(finding: &Finding) -> Prose {
    let mut message = Prose::new();
    if let Some(name) = &finding.against {
        message = message.text("against ").name(name).text(": ");
    }
    if let Some(gate) = &finding.gate {
        message = message.text("the gate ").name(gate).text(": ");
    }
    message.then(cause_text(&finding.cause))
}

/// What was found, in words.
pub(crate) fn cause_text(cause: &Cause) -> Prose {
    match cause {
        Cause::Run { role, run, what } => about_run(*role, run, what),
        Cause::Scores {
            role,
            dimension,
            what,
        } => about_scores(*role, dimension, what),
        Cause::Slice(what) => about_slice(what),
        Cause::Advice(what) => advice(what),
        Cause::SeveralRunsMatch {
            role,
            matches,
            is_exact,
            selector,
        } => {
            let least = if *is_exact { "" } else { "at least " };
            Prose::from(format!("{least}{matches} runs match "))
                .name(selector)
                .text(format!("; the newest is the {}", role.word()))
        }
        Cause::RerunsPooled { role, runs } => reruns_pooled(*role, runs),
        Cause::OlderRun { run, values } => older(run, values),
        Cause::NewestRunWorse { runs, limit, value } => newest_worse(*runs, *limit, *value),
        Cause::NoBaseline { why, skips, help } => no_baseline(why.as_ref(), *skips, help),
        Cause::SameRun { run } => {
            Prose::from("candidate and baseline are the same run, ").name(run)
        }
        Cause::SameOutputs { run } => {
            Prose::from("candidate and baseline were scored from the same outputs: ")
                .name(run)
                .text(" is a rescoring of the other, or both are of a third run")
        }
        Cause::NoCommonRows {
            keys_in_other_order: true,
        } => Prose::from(KEYS_IN_OTHER_ORDER),
        Cause::NoCommonRows {
            keys_in_other_order: false,
        } => Prose::from(NO_COMMON_ROWS),
        Cause::CommonRowsUnknown {
            added,
            removed,
            snapshots,
        } => common_rows_unknown(*added, *removed, snapshots),
        Cause::NoCommonScores => Prose::from(NO_COMMON_SCORES),
        Cause::RowsUnknown {
            needs_inputs,
            snapshots,
        } => rows_unknown(*needs_inputs, snapshots),
        Cause::RowsDisagree { role, what } => {
            let whose = role.word();
            Prose::from(format!(
                "the rows of the {whose} are not what its summary says of "
            ))
            .name(what)
        }
        Cause::RepeatedCalls => Prose::from(REPEATED_CALLS),
        Cause::RowsRemoved { rows, rule } => rows_removed(*rows, *rule),
        Cause::RowsAdded { rows } => rows_added(*rows),
        Cause::EvaluationChanged { names } => evaluation_changed(names.as_ref()),
        Cause::TrialsDiffer {
            rows,
            candidate,
            baseline,
        } => {
            let (rows, trials) = (plural(*rows, "row"), plural(*candidate, "trial"));
            Prose::from(format!(
                "on the same {rows} the candidate has {trials}, the baseline {baseline}"
            ))
        }
        Cause::TextAmongScores {
            dimension,
            candidate,
            baseline,
        } => text_among_scores(dimension, *candidate, *baseline),
        Cause::MixedTypes { dimension } => Prose::from("the dimension ")
            .name(dimension)
            .text(MIXED_TYPES),
        Cause::TypesDiffer { dimension } => Prose::from("the dimension ")
            .name(dimension)
            .text(TYPES_DIFFER),
        Cause::UsageMayBePartial => Prose::from(USAGE_MAY_BE_PARTIAL),
        Cause::UnknownDimension { scorer, known } => unknown_dimension(scorer, known),
        Cause::NoPredictCall { metric, role } => no_predict_call(*metric, *role),
        Cause::NoUsage { metric, role } => no_usage(*metric, *role),
        Cause::Waiver {
            until,
            reason,
            is_active,
        } => Prose::from(if *is_active {
            format!("waived until the end of {until} (UTC): ")
        } else {
            format!("the waiver ended on {until} (UTC): ")
        })
        .name(reason),
        Cause::NothingCanBlock => Prose::from(NOTHING_CAN_BLOCK),
        Cause::NothingJudged => Prose::from(NOTHING_JUDGED),
    }
}

const KEYS_IN_OTHER_ORDER: &str = "candidate and baseline have no row in common, although their inputs are equal but for the \
    order of the keys, which this server takes for other rows; log the keys in one order, and the baseline again";
const NO_COMMON_ROWS: &str =
    "candidate and baseline have no row in common; an edited row counts as another one";
const NO_COMMON_SCORES: &str = "no dimension has scores in both runs, on the rows that both have";
const REPEATED_CALLS: &str = "calls of the candidate are stored twice until Weave merges them, so the number of its trials is \
    unknown; try again later";
const MIXED_TYPES: &str =
    " holds truth values on some trials and numbers on others; each metric sees only its own kind";
const TYPES_DIFFER: &str =
    " holds scores of one kind in the candidate and of another in the baseline";
const USAGE_MAY_BE_PARTIAL: &str = "Weave adds up the tokens and the cost of the trials that report them, and does not say how \
    many do: a trial without a price counts as nothing";
const NOTHING_CAN_BLOCK: &str = "no gate of this policy can block: each only warns, or is waived";
const NOTHING_JUDGED: &str =
    "every check that could have blocked was skipped, so nothing was judged";

fn about_run(role: Role, run: &str, what: &RunCause) -> Prose {
    let message = Prose::from(format!("the {} ", role.word()))
        .name(run)
        .text(" ");
    match what {
        RunCause::Failed {
            is_judged,
            exception,
        } => {
            let message = match exception {
                Some(exception) => message.text("failed with ").name(exception),
                None => message.text("failed"),
            };
            message.text(if *is_judged {
                "; what it scored is judged anyway"
            } else {
                "; to judge it anyway, set `accept_status: [completed, failed]` in the policy"
            })
        }
        RunCause::NotFinished { status } => match status {
            Some(RunStatus::Running) => message.text("is still running"),
            Some(other) => message
                .text("has the status ")
                .name(other.word())
                .text(", which is not one of a finished run"),
            None => message.text("has no status"),
        },
        RunCause::WithoutRows => message.text("has no rows"),
        RunCause::Incomplete { gap } => message.text(incomplete(*gap)),
        RunCause::CompletenessUnknown => message.text(
            "does not say how many calls it made, so whether all of it is in Weave is unknown",
        ),
        RunCause::Choice { fact } => choice(role, run, fact),
        RunCause::Stale { age, allowed } => message.text(age.map_or_else(
            || "does not say when it finished, so its age is not known".to_owned(),
            |age| {
                format!(
                    "finished {} ago, and {} is allowed",
                    days(age),
                    days(*allowed)
                )
            },
        )),
        RunCause::BaselineNewer => message.text("began after the candidate; are the two swapped?"),
    }
}

fn about_scores(role: Role, dimension: &str, what: &ScoreCause) -> Prose {
    let whose = role.word();
    match what {
        ScoreCause::NoScores { slice, known } => {
            let message = Prose::from("no trial has a score of ")
                .name(dimension)
                .text(format!(" in the {whose}"));
            match slice {
                Some(slice) => message.text(" where ").name(slice.to_string()),
                None => others(message, known, "; there are scores of "),
            }
        }
        ScoreCause::MetricNotAvailable { metric, available } => {
            let (metric, available) = (metric.word(), available.join(", "));
            let text = format!(" has no {metric} in the {whose}; it has {available}");
            Prose::new().name(dimension).text(text)
        }
        ScoreCause::OutOfRange {
            value,
            range: (low, high),
            is_mean,
        } => Prose::from(if *is_mean {
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
        ScoreCause::AmbiguousDimension => {
            Prose::from(format!("two dimensions in the {whose} are called ")).name(dimension)
        }
        ScoreCause::InconsistentCounts => Prose::from("the counts of ")
            .name(dimension)
            .text(format!(" in the {whose} contradict each other")),
    }
}

fn about_slice(what: &SliceCause) -> Prose {
    match what {
        SliceCause::TooManyValues { input, values } => {
            let values = values.map_or_else(
                || "many values, or long ones".to_owned(),
                |values| format!("{values} values"),
            );
            let most = crate::evidence::MOST_VALUES;
            Prose::new()
                .name(input)
                .text(format!(" has {values}; at most {most} make a check each"))
        }
        SliceCause::UnknownInput { input, known } => Prose::from("no row has an input ")
            .name(input)
            .text("; the inputs are ")
            .names(known, MOST_NAMES),
        SliceCause::EmptySlice { slice, values } => empty_slice(slice.to_string(), values),
        SliceCause::NoRowInSlice { role, slice } => {
            Prose::from(format!("the {} has no row with ", role.word())).name(slice.to_string())
        }
        SliceCause::UnknownValues { values } => {
            Prose::from("no row has ").names(values, MOST_NAMES)
        }
    }
}

fn advice(what: &Advice) -> Prose {
    match what {
        Advice::LimitBelowNoise {
            limit,
            rows,
            size,
            shows,
            chance,
            model,
        } => below_noise(*limit, *rows, *size, *shows, *chance, *model),
        Advice::CannotBeProven {
            limit,
            rows,
            needed,
        } => cannot_be_proven(*limit, *rows, *needed),
        Advice::LoggerLatency { role, below } => Prose::from(format!(
            "the {} is a run of EvaluationLogger, and all of its latencies are below {:.0} ms: these are the logger's own \
             times where the predictions were logged after they were made",
            role.word(),
            below * 1000.0,
        )),
        Advice::ConstantScorer { dimension, score } => {
            let score = match score {
                ConstantScore::Truth(score) => score.to_string(),
                ConstantScore::Number(score) => full(*score),
            };
            Prose::new().name(dimension).text(format!(
                " is {score} on every row of both runs, so it shows no difference between them"
            ))
        }
    }
}

fn reruns_pooled(role: Role, runs: &[String]) -> Prose {
    let (count, word) = (plural(runs.len() as u64, "run"), role.word());
    Prose::from(format!(
        "{count} of the {word}'s commit are judged as one: the trials of all of them count: "
    ))
    .names(runs, MOST_RUNS)
}

fn newest_worse(runs: u64, limit: Limit, value: Option<f64>) -> Prose {
    let there = value.map_or_else(
        || "its value there is unknown".to_owned(),
        |value| format!("{} there", full(value)),
    );
    let limit = limit_words(limit);
    Prose::from(format!(
        "all {runs} runs together meet {limit}, and the newest run alone does not: {there}"
    ))
}

fn rows_removed(rows: u64, rule: RemovedRows) -> Prose {
    let effect = match rule {
        RemovedRows::Missing => "they are missing scores, which each gate judges by its own rule",
        RemovedRows::Ignore => "only the common rows are compared",
    };
    let (count, are) = (plural(rows, "row"), are(rows));
    Prose::from(format!(
        "{count} of the baseline {are} not in the candidate; {effect}"
    ))
}

fn rows_added(rows: u64) -> Prose {
    let (count, are) = (plural(rows, "row"), are(rows));
    let them = if rows == 1 { "it" } else { "them" };
    Prose::from(format!(
        "{count} of the candidate {are} not in the baseline; no change is measured on {them}"
    ))
}

fn no_predict_call(metric: Metric, role: Role) -> Prose {
    let (whose, metric) = (role.word(), metric.word());
    Prose::from(format!(
        "Weave finds no call of the model alone in any trial in the {whose}, so there is no {metric}: its op needs a name \
         with `predict` or `invoke` in it, or the model a `predict` method"
    ))
}

fn no_usage(metric: Metric, role: Role) -> Prose {
    let lacks = match metric.unit() {
        Unit::Dollars => "is priced",
        Unit::Seconds => "reports the time of its predict call",
        Unit::Fraction | Unit::Score | Unit::Count | Unit::Tokens => "reports its tokens",
    };
    let (whose, metric) = (role.word(), metric.word());
    Prose::from(format!(
        "no trial in the {whose} {lacks}, so there is no {metric}"
    ))
}

/// A duration in days and hours, or in hours and minutes if it is less than two days.
fn days(time: SignedDuration) -> String {
    let (hours, minutes) = (time.as_hours(), time.as_mins() % 60);
    match (hours / 24, hours % 24) {
        (0 | 1, _) if minutes == 0 => plural(hours.unsigned_abs(), "hour"),
        (0 | 1, _) => format!("{hours} h {minutes} min"),
        (days, 0) => plural(days.unsigned_abs(), "day"),
        (days, hours) => format!("{days} d {hours} h"),
    }
}

fn evaluation_changed(names: Option<&(String, String)>) -> Prose {
    match names {
        None => Prose::from("it is not known whether the runs are of the same evaluation"),
        Some((ours, theirs)) if ours == theirs => {
            Prose::from("the runs are of different versions of the evaluation ").name(ours)
        }
        Some((ours, theirs)) => Prose::from("the candidate is a run of the evaluation ")
            .name(ours)
            .text(", the baseline one of ")
            .name(theirs),
    }
}

fn text_among_scores(dimension: &str, candidate: u64, baseline: u64) -> Prose {
    let of = [(candidate, Role::Candidate), (baseline, Role::Baseline)].into_iter();
    let trials: Vec<String> = of
        .filter(|(texts, _)| *texts > 0)
        .map(|(texts, role)| format!("{} of the {}", plural(texts, "trial"), role.word()))
        .collect();
    Prose::from("the dimension ").name(dimension).text(format!(
        " holds a text on {}, which counts as a missing score",
        trials.join(" and ")
    ))
}

fn unknown_dimension(scorer: &str, known: &[String]) -> Prose {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(scorer, name), name))
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
    others(message, known, "; there are ")
}

/// Adds the list of existing dimensions to a message.
fn others(message: Prose, known: &[String], words: &str) -> Prose {
    if known.is_empty() {
        return message.text("; nothing was scored at all");
    }
    message.text(words).names(known, MOST_NAMES)
}

fn empty_slice(slice: String, inputs: &[(String, Vec<String>)]) -> Prose {
    let mut message = Prose::from("no row has ").name(slice);
    for (input, values) in inputs {
        message = message.text("; ").name(input);
        // If there are many values, they are data and not names, so they are not listed.
        message = if values.len() <= MOST_NAMES {
            message.text(" is one of ").names(values, MOST_NAMES)
        } else {
            message.text(format!(" has {} other values", values.len()))
        };
    }
    message
}

fn older(run: &str, values: &[(String, Option<f64>)]) -> Prose {
    let values = values.iter().map(|(gate, value)| {
        let value = value.map_or_else(|| "unknown".to_owned(), full);
        format!("{gate} {value}")
    });
    Prose::from("only the newest run of the candidate's commit is judged; the run ")
        .name(run)
        .text(" measured ")
        .names(values, MOST_VALUES)
}

fn limit_words(limit: Limit) -> String {
    format!("{} {}", limit.key.word(), full(limit.value))
}

fn below_noise(
    limit: Limit,
    rows: u64,
    size: f64,
    shows: Option<f64>,
    chance: f64,
    model: UnchangedModel,
) -> Prose {
    let least = shows.map_or_else(
        || "no change at all".to_owned(),
        |shows| format!("no change below {}", show(shows, size)),
    );
    let model = match model {
        UnchangedModel::FlipsAsOften => "but whose answers flip as often as here",
        UnchangedModel::AnswersAfresh => "but answers every row afresh",
        UnchangedModel::VariesAsMuch => "but whose rows vary as they do here",
    };
    Prose::from(format!(
        "{} is below the noise, since {} show {least}: a model that did not change, {model}, breaks it in {} % of runs; \
         use `evidence: significant`, a larger limit or more rows",
        limit_words(limit),
        plural(rows, "row"),
        show((chance * 100.0).round(), 0.0)
    ))
}

fn cannot_be_proven(limit: Limit, rows: u64, needed: Option<u64>) -> Prose {
    let outcome = if limit.key.is_change() {
        "not even the same answers on every row would prove"
    } else {
        "not even the best answer on every row would prove"
    };
    let takes = needed.map_or_else(
        || "no number of rows would".to_owned(),
        |needed| format!("it takes {}", plural(needed, "row")),
    );
    Prose::from(format!(
        "{} cannot be proven on {}: {outcome} it; {takes}",
        limit_words(limit),
        plural(rows, "row")
    ))
}

fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// A fact about how the runs were chosen.
fn choice(role: Role, run: &str, fact: &Fact) -> Prose {
    let word = role.word();
    match fact {
        Fact::WrongCandidate {
            key,
            expected,
            found,
        } => {
            let message = Prose::from("the run ")
                .name(run)
                .text(" is not the candidate of this policy: its ")
                .name(key)
                .text(" is ");
            let message = match found {
                Some(found) => message.name(found),
                None => message.text("missing"),
            };
            message.text(", and the policy asks for ").name(expected)
        }
        Fact::NotNewest { newest } => Prose::from(
            "a newer run of the candidate's commit exists than the one that is named, and `reruns: newest` judges only that: ",
        )
        .name(newest),
        Fact::NotChecked { problem, .. } => Prose::from(
            "whether the run that is named is the candidate of this policy was not checked: ",
        )
        .name(problem.replace('`', "'")),
        Fact::CommitAmbiguous { asked, commits } => Prose::from("the commit ")
            .name(asked)
            .text(" is a prefix of several: ")
            .names(commits, MOST_RUNS)
            .text("; name it in full"),
        Fact::SeveralModelVersions { model, versions } => Prose::from(format!(
            "the runs of the {word}'s commit are of {} versions of the model ",
            versions.len()
        ))
        .name(model)
        .text(", so they are not the same evaluation logged again: ")
        .names(versions, MOST_RUNS)
        .text(format!(
            "; add `attributes:` to `{word}:` that only one of them was logged with"
        )),
        Fact::NoSharedRow { runs } => Prose::from(format!(
            "two runs of the {word}'s commit have no row in common: "
        ))
        .names(runs, MOST_RUNS)
        .text(format!(
            "; they are parts of one evaluation or different evaluations; add `attributes:` to `{word}:` that only one of them was logged with"
        )),
        Fact::UnnamedRuns { runs } => Prose::from(format!(
            "{} of the candidate's commit were logged by EvaluationLogger without a name and without a dataset, so whether they are the same evaluation is unknown; give `EvaluationLogger` a `name`",
            plural(*runs as u64, "run")
        )),
        Fact::SeveralReruns { runs } => Prose::from(format!(
            "the candidate's commit has {}, and `reruns: refuse` judges only a single one",
            plural(*runs as u64, "run")
        )),
        Fact::RerunRunning { id } => Prose::from("another run of the candidate's commit, ")
            .name(id)
            .text(", is still running; --wait waits for it"),
        Fact::LeftOut { id, why } => Prose::from("the run ")
            .name(id)
            .text(" of the candidate's commit is left out: it ")
            .text(left_out(*why)),
        Fact::Excluded { id, reason } => Prose::from("the run ")
            .name(id)
            .text(" of the candidate's commit is excluded on the command line: ")
            .name(reason),
        Fact::BaselineSkipped { id, why } => Prose::from("the run ")
            .name(id)
            .text(" would have been the baseline and was passed over: it ")
            .text(left_out(*why)),
        // Two facts are reported as other causes.
        Fact::SameOutputs => cause_text(&Cause::SameOutputs {
            run: run.to_owned(),
        }),
        Fact::KeysInOtherOrder => cause_text(&Cause::NoCommonRows {
            keys_in_other_order: true,
        }),
    }
}

/// Why a run is incomplete, as the end of a sentence about it.
fn incomplete(gap: Gap) -> String {
    match gap {
        Gap::NoSummary => {
            "is incomplete: its script ended without `log_summary()`, so rows may be missing; call `log_summary()` at its end, `finish()` alone is not enough".to_owned()
        }
        Gap::Fewer { made, stored } => format!(
            "is incomplete: it made {made} calls, and Weave has {stored} of them; calls were deleted, lost on their way, or are not visible yet"
        ),
        Gap::More { made, stored } => {
            format!("made {made} calls, and Weave has {stored} of it; calls may be stored twice")
        }
    }
}

fn left_out(why: LeftOut) -> String {
    match why {
        LeftOut::Failed => "failed".to_owned(),
        LeftOut::Incomplete(Gap::NoSummary) => {
            "is incomplete, its script ended without `log_summary()`".to_owned()
        }
        LeftOut::Incomplete(Gap::Fewer { made, stored }) => {
            format!("is incomplete, Weave has {stored} of its {made} calls")
        }
        LeftOut::Incomplete(Gap::More { made, stored }) => {
            format!("made {made} calls, and Weave has {stored}")
        }
        LeftOut::Abandoned => "began more than 24 hours ago and never finished".to_owned(),
        LeftOut::Older => "is not the newest".to_owned(),
        LeftOut::Excluded => "is excluded on the command line".to_owned(),
    }
}
