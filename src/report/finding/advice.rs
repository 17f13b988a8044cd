//! Suggestions to change the policy or the dataset.

use super::scores::limit_words;
use super::told::Told;
use crate::judge::{Advice, ConstantScore, UnchangedModel};
use crate::number::{full, plural, show};
use crate::policy::Limit;
use crate::prose::Prose;

pub(super) fn advice(what: &Advice) -> Told {
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
        Advice::FewClusters { input, clusters } => Told::from(
            Prose::from("the rows have only ")
                .text(plural(*clusters, "value"))
                .text(" of ")
                .name(input)
                .text(", so intervals by cluster are rough"),
        )
        .help("use at least 10 clusters, or remove `cluster_by`"),
        Advice::LoggerLatency { role, below } => Told::from(format!(
            "the {} is a run of EvaluationLogger, and all of its latencies are below {:.0} ms: if the predictions were \
             logged after they were made, these are the times of the logger",
            role.word(),
            below * 1000.0,
        ))
        .help("log each prediction while it is made"),
        Advice::ConstantScorer { dimension, score } => {
            let score = match score {
                ConstantScore::Truth(score) => score.to_string(),
                ConstantScore::Number(score) => full(*score),
            };
            Told::from(Prose::new().name(dimension).text(format!(
                " is {score} on every row of both runs, so it shows no difference between them"
            )))
            .help("check the scorer")
        }
    }
}

fn below_noise(
    limit: Limit,
    rows: u64,
    size: f64,
    shows: Option<f64>,
    chance: f64,
    model: UnchangedModel,
) -> Told {
    let least = shows.map_or_else(
        || "no change at all".to_owned(),
        |shows| format!("no change below {}", show(shows, size)),
    );
    let model = match model {
        UnchangedModel::FlipsAsOften => "but whose answers flip as often as here",
        UnchangedModel::AnswersAfresh => "but answers every row afresh",
        UnchangedModel::VariesAsMuch => "but whose rows vary as they do here",
    };
    Told::from(format!(
        "{} is below the noise, since {} show {least}: a model that did not change, {model}, breaks it in {} % of runs",
        limit_words(limit),
        plural(rows, "row"),
        show((chance * 100.0).round(), 0.0)
    ))
    .help("use `evidence: significant`, a larger limit, or more rows")
}

fn cannot_be_proven(limit: Limit, rows: u64, needed: Option<u64>) -> Told {
    let outcome = if limit.key.is_change() {
        "not even the same answers on every row would prove it"
    } else {
        "not even the best answer on every row would prove it"
    };
    let told = Told::from(format!(
        "{} cannot be proven on {}: {outcome}",
        limit_words(limit),
        plural(rows, "row")
    ));
    match needed {
        Some(needed) => told.help(format!("use at least {}", plural(needed, "row"))),
        None => told.help("change the limit: no number of rows would prove it"),
    }
}
