//! Groups of runs that can be compared, and the noise of their dimensions.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{Column, Columns, Kind, OwnedRun, Role, Rows, Run, gathered};
use crate::number::count;
use crate::stats::RunNoise;

/// What the runs of a group have in common: the versions of the model and of the evaluation, and the served models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKey {
    /// The model's name and version.
    pub model: Option<(String, Option<String>)>,
    /// The evaluation's name and version.
    pub evaluation: Option<(String, Option<String>)>,
    /// The served models, as far as they are known.
    pub served: BTreeSet<String>,
}

impl GroupKey {
    pub(super) fn of(run: &Run) -> Self {
        let parts = |reference: Option<&crate::evidence::Reference>| {
            reference.map(|reference| (reference.name.clone(), reference.version.clone()))
        };
        let setup = run.setup.iter();
        Self {
            model: parts(run.model.as_ref()),
            // Each run of `EvaluationLogger` has a version of its evaluation that says nothing.
            evaluation: parts(run.evaluation.as_ref()).map(|(name, version)| {
                let version = version.filter(|_| !run.is_logged);
                (name, version)
            }),
            served: setup
                .flat_map(|setup| setup.served_models.clone())
                .collect(),
        }
    }
}

/// The noise of one dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct DimensionNoise {
    /// Its name.
    pub name: String,
    /// Whether it is true or false; otherwise it is a number.
    pub is_truth: bool,
    /// The noise on the rows that every run scored.
    pub noise: RunNoise,
    /// The mean of each run over these rows, the newest first.
    pub means: Vec<f64>,
}

/// The noise of every dimension that each of these runs scored on at least two common rows.
pub(super) fn dimensions(runs: &[&OwnedRun]) -> Vec<DimensionNoise> {
    let names: BTreeSet<&String> = runs
        .iter()
        .flat_map(|run| run.run.totals.dimensions.keys())
        .collect();
    let of_name = |name: &String, kind: Kind| {
        let is_kind = |run: &&OwnedRun| {
            let dimension = run.run.totals.dimensions.get(name);
            dimension.is_some_and(|dimension| match kind {
                Kind::Truth => dimension.judged > 0,
                _ => dimension.measured > 0,
            })
        };
        if !runs.iter().all(is_kind) {
            return None;
        }
        let columns = Columns {
            scores: vec![Column::Dimension(name.clone(), kind)],
            inputs: Vec::new(),
            patterns: Vec::new(),
        };
        let values: Vec<BTreeMap<String, f64>> = runs
            .iter()
            .map(|run| gathered(*run, &columns).map(|rows| means(&rows)))
            .collect::<Result<_, _>>()
            .ok()?;
        let first = values.first()?;
        let rows: Vec<Vec<f64>> = first
            .keys()
            .filter_map(|digest| values.iter().map(|run| run.get(digest).copied()).collect())
            .collect();
        let are_truths = kind == Kind::Truth
            && rows
                .iter()
                .flatten()
                .all(|value| [0.0, 1.0].contains(value));
        let noise = RunNoise::of(&rows, are_truths)?;
        let mean = |run: usize| {
            let values = rows.iter().filter_map(|row| row.get(run));
            values.sum::<f64>() / count(rows.len() as u64)
        };
        Some(DimensionNoise {
            name: name.clone(),
            is_truth: kind == Kind::Truth,
            noise,
            means: (0..runs.len()).map(mean).collect(),
        })
    };
    let both = |name| [Kind::Truth, Kind::Number].map(|kind| of_name(name, kind));
    names.into_iter().flat_map(both).flatten().collect()
}

/// The mean of each row whose trials are all scored, by its digest.
fn means(rows: &Rows) -> BTreeMap<String, f64> {
    let mean = |row: usize| {
        let scores = rows.scores(Role::Candidate, 0, row);
        let known: Option<Vec<f64>> = scores.iter().map(|score| score.value()).collect();
        let known = known.filter(|known| !known.is_empty())?;
        Some(known.iter().sum::<f64>() / count(known.len() as u64))
    };
    (0..rows.len())
        .filter_map(|row| Some((rows.digest(row).to_owned(), mean(row)?)))
        .collect()
}
