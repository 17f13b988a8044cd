//! A run before its results are read.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{
    Choice, Completeness, Gap, LeftOut, ListedRun, Reference, Role, Run, RunStatus, attribute,
    scalar_text, values,
};
use crate::selector::{Identity, Selector, is_same_commit};

/// The evaluation name that `EvaluationLogger` uses for a run without a dataset.
const UNNAMED: &str = "Evaluation";
/// A run that began longer ago than this and has not finished is abandoned.
const ABANDONED: SignedDuration = SignedDuration::from_hours(24);

/// A run before its results are read.
#[derive(Clone, Debug, PartialEq)]
pub struct RunInfo {
    /// Its id.
    pub id: String,
    /// The trace of its root call.
    pub trace_id: String,
    /// Whether its root call was made inside another call.
    pub has_parent: bool,
    /// The name of the run in the web pages.
    pub display_name: Option<String>,
    /// The evaluation that was run.
    pub evaluation: Option<Reference>,
    /// The same reference as text, as Weave sends it.
    pub evaluation_ref: Option<String>,
    /// The model that was evaluated.
    pub model: Option<Reference>,
    /// Its status; `None` if Weave does not send one.
    pub status: Option<RunStatus>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The id of the run whose outputs this run rescores.
    pub rescored_from: Option<String>,
    /// The attributes that the run was logged with.
    pub attributes: Map<String, Value>,
    /// Whether it was logged by `EvaluationLogger`, which names the run and not the evaluation.
    pub is_logged: bool,
    /// The exception that its root call raised: type and message.
    pub exception: Option<String>,
    /// Whether its root call has an output, which is the logged summary.
    pub has_output: bool,
    /// The scorers whose part of that summary is null. They returned no truth value and no number.
    pub unscored: Vec<String>,
    /// The version of the SDK that made the run; `None` if the run does not say.
    pub sdk: Option<String>,
    /// The number of calls that the run made; `None` if it does not say.
    pub calls_made: Option<u64>,
    /// The names of the models that were served; empty if the run does not say.
    pub served_models: Vec<String>,
    /// Whether Weave has all calls of the run.
    pub completeness: Completeness,
    /// How the run was selected; `None` if it was named by its id.
    pub choice: Option<Choice>,
}

/// How well a run matches a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// An attribute has the same value in another notation, such as 5.0 for 5.
    ByValue,
    /// Every attribute has exactly this text.
    ByText,
}

/// The key that runs of the same evaluation share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationKey {
    /// A name: that of the evaluation, the one passed to `EvaluationLogger`, or the one that `EvaluationLogger`
    /// derives from a dataset.
    Named(String),
    /// A run of `EvaluationLogger` without a name and without a dataset.
    Unnamed,
}

impl EvaluationKey {
    /// The key of the evaluation that reports call by this name.
    #[must_use]
    pub fn of_name(name: &str, is_logged: bool) -> Self {
        if is_logged && name == UNNAMED {
            Self::Unnamed
        } else {
            Self::Named(name.to_owned())
        }
    }
}

impl RunInfo {
    /// The key that the run shares with other runs of its evaluation; `None` if unknown.
    #[must_use]
    pub fn evaluation_key(&self) -> Option<EvaluationKey> {
        match (self.evaluation_name(), &self.evaluation) {
            (Some(name), _) => Some(EvaluationKey::Named(name.to_owned())),
            (None, Some(_)) => Some(EvaluationKey::Unnamed),
            (None, None) => None,
        }
    }

    /// The evaluation's name: the one passed to `EvaluationLogger`, otherwise that of the reference. `None` if it is
    /// only the name that `EvaluationLogger` uses for every run.
    #[must_use]
    pub fn evaluation_name(&self) -> Option<&str> {
        let object = self
            .evaluation
            .as_ref()
            .map(|reference| reference.name.as_str());
        let given = self
            .display_name
            .as_deref()
            .filter(|name| self.is_logged && !is_random(name));
        given.or_else(|| object.filter(|name| !(self.is_logged && *name == UNNAMED)))
    }

    /// The evaluation as reports name it. The version is left out for a run of `EvaluationLogger`, which creates a new
    /// version for each run.
    #[must_use]
    pub fn evaluation(&self) -> Option<Reference> {
        if !self.is_logged {
            return self.evaluation.clone();
        }
        let name = match self.evaluation_key()? {
            EvaluationKey::Named(name) => name,
            EvaluationKey::Unnamed => UNNAMED.to_owned(),
        };
        Some(Reference {
            name,
            version: None,
        })
    }

    /// Its commit; `None` if the run has none.
    #[must_use]
    pub fn commit(&self, identity: &Identity) -> Option<String> {
        attribute(&self.attributes, &identity.commit)
    }

    /// Its branch; `None` if the run has none.
    #[must_use]
    pub fn branch(&self, identity: &Identity) -> Option<String> {
        attribute(&self.attributes, &identity.branch)
    }

    /// Whether the run is still running or its status is unknown.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.status, None | Some(RunStatus::Running))
    }

    /// Whether the run has been running for more than 24 hours, so that it is not expected to finish.
    #[must_use]
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        let age = self.started_at.map(|started| now.duration_since(started));
        self.is_running() && age.is_some_and(|age| age > ABANDONED)
    }

    /// Whether the run has finished with an accepted status.
    #[must_use]
    pub fn has_finished(&self, accept_failed: bool) -> bool {
        match self.status {
            Some(RunStatus::Completed) => true,
            Some(RunStatus::Failed) => accept_failed,
            Some(RunStatus::Running | RunStatus::Other(_)) | None => false,
        }
    }

    /// The completeness that the root call alone shows; [`Completeness::NotAsked`] if the calls must be counted.
    #[must_use]
    pub fn own_completeness(&self) -> Completeness {
        let has_no_summary =
            self.is_logged && !self.has_output && self.status == Some(RunStatus::Completed);
        if has_no_summary {
            Completeness::Incomplete(Gap::NoSummary)
        } else if self.calls_made.is_none() && !self.is_running() {
            Completeness::Unknown
        } else {
            Completeness::NotAsked
        }
    }

    /// How well the run matches a selector; `None` if it does not match.
    #[must_use]
    pub fn fit(&self, selector: &Selector, identity: &Identity) -> Option<Match> {
        let evaluation = selector
            .evaluation
            .as_ref()
            .is_none_or(|name| self.is_of_evaluation(name));
        let model = selector.model.as_ref().is_none_or(|name| {
            let model = self.model.as_ref();
            model.is_some_and(|reference| reference.name == *name)
        });
        let commit = selector.commit.as_ref().is_none_or(|asked| {
            self.commit(identity)
                .is_some_and(|commit| is_same_commit(&commit, asked))
        });
        if !(evaluation && model && commit) {
            return None;
        }
        let branch = selector
            .branch
            .iter()
            .map(|branch| (identity.branch.as_str(), branch.as_str()));
        let attributes = selector.attributes.iter();
        let attributes = attributes.map(|(path, text)| (path.as_str(), text.as_str()));
        branch
            .chain(attributes)
            .map(|(path, text)| self.fit_attribute(path, text))
            .try_fold(Match::ByText, |worst, fit| fit.map(|fit| worst.min(fit)))
    }

    /// Whether the run matches a selector.
    #[must_use]
    pub fn matches(&self, selector: &Selector, identity: &Identity) -> bool {
        self.fit(selector, identity).is_some()
    }

    /// Whether the evaluation has this name: that of its object, or the one passed to `EvaluationLogger`.
    fn is_of_evaluation(&self, name: &str) -> bool {
        let object = self.evaluation.as_ref();
        object.is_some_and(|reference| reference.name == name)
            || (self.is_logged && self.display_name.as_deref() == Some(name))
    }

    fn fit_attribute(&self, path: &str, text: &str) -> Option<Match> {
        let values = || values(&self.attributes, path);
        if values().any(|value| scalar_text(value).as_deref() == Some(text)) {
            Some(Match::ByText)
        } else {
            values()
                .any(|value| is_value(value, text))
                .then_some(Match::ByValue)
        }
    }

    /// The keys of a selector that the run does not match, each with the requested value and the run's value.
    #[must_use]
    pub fn mismatches(
        &self,
        selector: &Selector,
        identity: &Identity,
    ) -> Vec<(String, String, Option<String>)> {
        let object = self.evaluation.as_ref().map(|known| known.name.clone());
        mismatches(
            &Known {
                evaluation: self.evaluation_name().map(str::to_owned).or(object),
                is_of_evaluation: &|name| self.is_of_evaluation(name),
                model: self.model.as_ref().map(|model| model.name.clone()),
                attributes: &self.attributes,
            },
            selector,
            identity,
        )
    }

    /// The run's attributes without those that Weave adds: paths, and values as text.
    #[must_use]
    pub fn own_attributes(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let own = self
            .attributes
            .iter()
            .filter(|(key, _)| *key != "weave" && !key.starts_with('_') && *key != "otel_span");
        for (key, value) in own {
            flatten(key, value, &mut found);
        }
        found
    }

    /// The run as reports list it, with the reason if it is left out.
    #[must_use]
    pub fn listed(&self, role: Role, left_out: Option<LeftOut>, identity: &Identity) -> ListedRun {
        ListedRun {
            role,
            left_out,
            id: self.id.clone(),
            display_name: self.display_name.clone(),
            commit: self.commit(identity),
            branch: self.branch(identity),
            status: self.status.clone(),
            started_at: self.started_at,
            finished_at: self.finished_at,
            rows: None,
            trials: None,
        }
    }
}

/// The facts about a run that are compared with a selector.
struct Known<'a> {
    evaluation: Option<String>,
    is_of_evaluation: &'a dyn Fn(&str) -> bool,
    model: Option<String>,
    attributes: &'a Map<String, Value>,
}

/// The keys of a selector that a run of a snapshot does not match, as in [`RunInfo::mismatches`]. `None` if the
/// selector asks for attributes and the snapshot does not contain them.
#[must_use]
pub fn saved_mismatches(
    run: &Run,
    selector: &Selector,
    identity: &Identity,
) -> Option<Vec<(String, String, Option<String>)>> {
    let none = Map::new();
    let asks =
        selector.commit.is_some() || selector.branch.is_some() || !selector.attributes.is_empty();
    let attributes = match &run.attributes {
        Some(attributes) => attributes,
        None if asks => return None,
        None => &none,
    };
    let name = run.evaluation.as_ref().map(|known| known.name.clone());
    let is_of = |asked: &str| name.as_deref() == Some(asked);
    let known = Known {
        evaluation: name.clone(),
        is_of_evaluation: &is_of,
        model: run.model.as_ref().map(|model| model.name.clone()),
        attributes,
    };
    Some(mismatches(&known, selector, identity))
}

fn mismatches(
    known: &Known<'_>,
    selector: &Selector,
    identity: &Identity,
) -> Vec<(String, String, Option<String>)> {
    let of = |path: &str| attribute(known.attributes, path);
    let has = |path: &str, text: &str| {
        values(known.attributes, path)
            .any(|value| scalar_text(value).as_deref() == Some(text) || is_value(value, text))
    };
    let mut found = Vec::new();
    let mut hold =
        |key: &str, asked: Option<&String>, has: Option<String>, is: &dyn Fn(&str) -> bool| {
            if let Some(asked) = asked.filter(|asked| !is(asked)) {
                found.push((key.to_owned(), asked.clone(), has));
            }
        };
    hold(
        "evaluation",
        selector.evaluation.as_ref(),
        known.evaluation.clone(),
        known.is_of_evaluation,
    );
    let model = known.model.clone();
    hold("model", selector.model.as_ref(), model.clone(), &|asked| {
        model.as_deref() == Some(asked)
    });
    let commit = of(&identity.commit);
    hold(
        "commit",
        selector.commit.as_ref(),
        commit.clone(),
        &|asked| {
            let commit = commit.as_deref();
            commit.is_some_and(|commit| is_same_commit(commit, asked))
        },
    );
    let branch = of(&identity.branch);
    hold("branch", selector.branch.as_ref(), branch, &|asked| {
        has(&identity.branch, asked)
    });
    for (path, text) in &selector.attributes {
        let key = format!("attributes.{path}");
        hold(&key, Some(text), of(path), &|asked| has(path, asked));
    }
    found
}

/// Whether a display name was generated by `EvaluationLogger`, such as `eval-2026-11-29-happy-dolphin`.
fn is_random(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("eval-") else {
        return false;
    };
    let (Some(date), Some(words)) = (rest.get(..10), rest.get(10..)) else {
        return false;
    };
    let is_date = date.parse::<jiff::civil::Date>().is_ok();
    let mut words = words.split('-');
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    is_date && words.next() == Some("") && words.clone().count() == 2 && words.all(is_word)
}

/// Whether a value equals a text. Numbers are compared by value.
fn is_value(value: &Value, text: &str) -> bool {
    match value {
        Value::Number(number) => match (number.to_string().parse::<i128>(), text.parse::<i128>()) {
            // Integers are compared as integers, because large neighbouring integers are equal in floating point.
            (Ok(number), Ok(text)) => number == text,
            _ => number
                .as_f64()
                .is_some_and(|number| text.parse() == Ok(number)),
        },
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            false
        }
    }
}

fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&format!("{path}.{key}"), value, found);
            }
        }
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Null => {}
        value => found.push((path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_logger_made_up_are_known() {
        for (name, random) in [
            ("eval-2026-11-29-happy-dolphin", true),
            ("eval-2026-11-29-happy", false),
            ("eval-2026-11-29", false),
            ("eval-2026-13-29-happy-dolphin", false),
            ("eval-2026-11-29-happy-dolphin-2", false),
            ("eval-nightly", false),
            ("nightly", false),
        ] {
            assert_eq!(is_random(name), random, "{name}");
        }
    }
}
