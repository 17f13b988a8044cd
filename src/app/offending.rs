//! Reads the rows of the checks that did not pass, for reports.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::console::Console;
use super::plan::Plan;
use crate::evidence::{
    Baseline, Columns, Details, Evidence, Role, RowSource as _, Rows, SameScores, Totals, gathered,
    joined,
};
use crate::fault::Fault;
use crate::judge::{OffendingRows, offending, offending_columns};
use crate::project::Project;
use crate::report::Judged;
use crate::weave::{Client, RunSource, Sources, read_details, read_exceptions, read_rows};

/// Outputs are compared only if at most this many rows have to be read again for that.
pub(super) const MOST_OUTPUTS: u64 = 1_000;
/// The maximum number of trials whose exceptions are read.
const MOST_TRIALS: usize = 200;

/// Reads rows for reports.
pub(super) struct Reader<'r> {
    /// `None` if no run is in Weave.
    pub(super) client: Option<&'r Client<'r>>,
    pub(super) console: &'r Console,
    pub(super) sources: &'r Sources,
    pub(super) project: &'r Project,
    /// The maximum number of rows of a check.
    pub(super) most: usize,
}

impl Reader<'_> {
    /// Returns the rows of the checks that compare with one baseline, and the contents of these rows.
    ///
    /// # Errors
    ///
    /// The rows cannot be read.
    pub(super) fn explain(
        &self,
        plan: &Plan,
        judged: &Judged,
        evidence: &Evidence,
        name: Option<&str>,
    ) -> Result<(Vec<OffendingRows>, Details), Fault> {
        let (policy, judgement) = (&plan.policy, &judged.judgement);
        let baseline = match &evidence.baseline {
            Baseline::Found(run, _) => Some(run.as_ref()),
            Baseline::Unnamed | Baseline::NotFound(_) => None,
        };
        let runs = [Some(&evidence.candidate), baseline];
        let totals: Vec<&Totals> = runs.iter().flatten().map(|run| &run.totals).collect();
        let columns = offending_columns(policy, judgement, name, &totals);
        if columns.is_empty() {
            return Ok((Vec::new(), Details::new()));
        }
        let known = evidence.rows.as_ref().filter(|rows| rows.has(&columns));
        let read;
        let rows = if let Some(rows) = known {
            rows
        } else {
            read = self.rows(evidence, &columns)?;
            &read
        };
        let offending = offending(policy, rows, judgement, name, self.most);
        let digests: BTreeSet<&str> = offending
            .iter()
            .flat_map(|offending| &offending.rows)
            .map(|row| row.digest.as_str())
            .collect();
        let digests: Vec<&str> = digests.into_iter().collect();
        let mut details = self.details(&digests)?;
        let rows = offending.iter().flat_map(|offending| &offending.rows);
        let lacking = rows.filter(|row| row.candidate.scored < row.candidate.trials);
        let lacking: BTreeSet<&str> = lacking.map(|row| row.digest.as_str()).collect();
        self.exceptions(&lacking, &mut details);
        Ok((offending, details))
    }

    /// Adds the exceptions of the candidate's trials in these rows. The report is complete without them.
    pub(super) fn exceptions(&self, digests: &BTreeSet<&str>, details: &mut Details) {
        for (role, source) in self.judged() {
            if let (Role::Candidate, RunSource::Snapshot(_, saved)) = (role, source) {
                let answers = details
                    .values_mut()
                    .flat_map(|detail| &mut detail.candidate);
                for answer in answers.filter(|answer| answer.raised.is_empty()) {
                    answer.raised = saved.raised(&answer.call).to_vec();
                }
            }
        }
        let live = self
            .judged()
            .any(|(role, source)| role == Role::Candidate && source.is_live());
        let Some(client) = self.client.filter(|_| live) else {
            return;
        };
        let trials = digests.iter().filter_map(|digest| details.get(*digest));
        let trials = trials
            .flat_map(|detail| &detail.candidate)
            .map(|answer| answer.call.as_str());
        let trials: Vec<&str> = trials
            .filter(|id| !id.is_empty())
            .take(MOST_TRIALS)
            .collect();
        if trials.is_empty() {
            return;
        }
        let mut raised = self.console.while_waiting("asking Weave", || {
            read_exceptions(client, self.project, &trials)
        });
        for answer in details
            .values_mut()
            .flat_map(|detail| &mut detail.candidate)
        {
            if let Some(raised) = raised.remove(&answer.call) {
                answer.raised = raised;
            }
        }
    }

    /// The runs that are judged, the newest of each side first.
    fn judged(&self) -> impl Iterator<Item = (Role, &RunSource)> {
        let ours = self.sources.judged_candidates().iter();
        let theirs = self.sources.baselines().iter();
        let ours = ours.map(|source| (Role::Candidate, source));
        ours.chain(theirs.map(|source| (Role::Baseline, source)))
    }

    /// Reads rows that were not read for the judgement.
    fn rows(&self, evidence: &Evidence, columns: &Columns) -> Result<Rows, Fault> {
        let runs: Vec<(Role, &RunSource)> = self.judged().collect();
        let is_plain = evidence.each.is_empty() && runs.len() <= 2 && self.sources.across.is_none();
        if is_plain
            && runs.iter().all(|(_, source)| source.is_live())
            && let Some(client) = self.client
        {
            let ids: Vec<&str> = runs.iter().map(|(_, source)| source.id()).collect();
            return self.console.while_waiting("asking Weave", || {
                read_rows(client, self.project, &ids, columns)
            });
        }
        let of = |role: Role| -> Result<Rows, Fault> {
            let mut all = Vec::new();
            for (_, source) in runs.iter().filter(|(of, _)| *of == role) {
                let rows = source.rows(self.client, self.project(role));
                let rows = rows.ok_or_else(|| no_rows(role))?;
                all.push(gathered(rows.as_ref(), columns)?);
            }
            all.reverse();
            match all.as_slice() {
                [] => Ok(Rows::new(columns.clone())),
                [one] => Ok(one.clone()),
                several => Rows::pooled(several).map_err(Fault::bug),
            }
        };
        joined(&of(Role::Candidate)?, &of(Role::Baseline)?)
    }

    /// The project of a side.
    fn project(&self, role: Role) -> &Project {
        match (role, &self.sources.across) {
            (Role::Baseline, Some(other)) => other,
            (Role::Candidate | Role::Baseline, _) => self.project,
        }
    }

    /// Reads the contents of a few rows: inputs, outputs, scores.
    ///
    /// # Errors
    ///
    /// The rows cannot be read.
    pub(super) fn details(&self, digests: &[&str]) -> Result<Details, Fault> {
        let mut details = Details::new();
        if digests.is_empty() {
            return Ok(details);
        }
        for (role, source) in self.judged() {
            let Some(rows) = source.saved_rows() else {
                continue;
            };
            rows.each(&Columns::everything(), &mut |row| {
                if digests.binary_search(&&*row.row_digest).is_ok() {
                    let detail = details.entry(row.row_digest.clone().into_owned());
                    detail.or_default().take(role, row);
                }
                Ok(())
            })?;
        }
        let live: Vec<(Role, &RunSource)> = self
            .judged()
            .filter(|(_, source)| source.is_live())
            .collect();
        // Runs of one project are read together.
        let sides = match &self.sources.across {
            None => vec![(self.project, live)],
            Some(_) => [Role::Candidate, Role::Baseline]
                .map(|role| {
                    let runs = live.iter().filter(|(of, _)| *of == role);
                    (self.project(role), runs.copied().collect())
                })
                .into(),
        };
        let sides = sides.into_iter().filter(|(_, runs)| !runs.is_empty());
        for (project, runs) in sides {
            let runs: Vec<(Role, &str)> = runs
                .iter()
                .map(|(role, source)| (*role, source.id()))
                .collect();
            if let Some(client) = self.client {
                self.console.while_waiting("asking Weave", || {
                    read_details(client, project, &runs, digests, &mut details)
                })?;
            }
        }
        Ok(details)
    }
}

impl Reader<'_> {
    /// Returns the number of rows that both runs have and for which both logged the same outputs. `None` if the outputs
    /// of a run are unknown, such as those of a snapshot without them.
    ///
    /// # Errors
    ///
    /// The rows cannot be read.
    pub(super) fn same_outputs(&self) -> Result<Option<u64>, Fault> {
        let mut ours = Outputs::new();
        let mut theirs = Outputs::new();
        for (role, source) in self.judged() {
            let outputs = match role {
                Role::Candidate => &mut ours,
                Role::Baseline => &mut theirs,
            };
            let Some(rows) = source.rows(self.client, self.project(role)) else {
                return Ok(None);
            };
            let columns = if source.is_live() {
                Columns::default()
            } else {
                // A snapshot passes outputs together with inputs.
                Columns::everything()
            };
            let mut is_known = true;
            rows.each(&columns, &mut |row| {
                let known = outputs
                    .entry(row.row_digest.clone().into_owned())
                    .or_default();
                for trial in &row.trials {
                    is_known &= trial.has_output != Some(true) || trial.model_output.is_some();
                    known.push(digest(trial.model_output));
                }
                known.sort_unstable();
                Ok(())
            })?;
            if !is_known {
                return Ok(None);
            }
        }
        let is_same =
            |(row, outputs): &(&String, &Vec<Option<[u8; 32]>>)| theirs.get(*row) == Some(outputs);
        Ok(Some(ours.iter().filter(is_same).count() as u64))
    }
}

impl Reader<'_> {
    /// Counts the rows for which both runs logged the same output, and on how many of them each of these scorers gave the
    /// same score. Only rows with one trial in each run are counted. `None` if a side has several runs or its outputs are
    /// unknown.
    ///
    /// # Errors
    ///
    /// The rows cannot be read.
    pub(super) fn same_scores(
        &self,
        scorers: &[String],
    ) -> Result<Option<BTreeMap<String, SameScores>>, Fault> {
        let sides = [Role::Candidate, Role::Baseline].map(|role| {
            let of_side = self.judged().filter(|(of, _)| *of == role);
            let sources: Vec<&RunSource> = of_side.map(|(_, source)| source).collect();
            (role, sources)
        });
        let mut both = Vec::new();
        for (role, sources) in sides {
            let [source] = sources.as_slice() else {
                return Ok(None);
            };
            let Some(rows) = source.rows(self.client, self.project(role)) else {
                return Ok(None);
            };
            let columns = if source.is_live() {
                Columns::default()
            } else {
                Columns::everything()
            };
            let mut of_run: BTreeMap<String, ([u8; 32], Value)> = BTreeMap::new();
            rows.each(&columns, &mut |row| {
                if let [trial] = row.trials.as_slice()
                    && let Some(output) = digest(trial.model_output)
                {
                    let given = serde_json::from_str(trial.scores.get()).unwrap_or_default();
                    of_run.insert(row.row_digest.clone().into_owned(), (output, given));
                }
                Ok(())
            })?;
            both.push(of_run);
        }
        let [ours, theirs] = both.as_slice() else {
            return Ok(None);
        };
        let mut known: BTreeMap<String, SameScores> = BTreeMap::new();
        for (row, (output, after)) in ours {
            let Some((_, before)) = theirs.get(row).filter(|(other, _)| other == output) else {
                continue;
            };
            for scorer in scorers {
                // A row that a run did not score says nothing about the scorer.
                let Some((after, before)) = after.get(scorer).zip(before.get(scorer)) else {
                    continue;
                };
                let none = SameScores {
                    outputs: 0,
                    same: 0,
                };
                let counted = known.entry(scorer.clone()).or_insert(none);
                counted.outputs += 1;
                counted.same += u64::from(leaves(after) == leaves(before));
            }
        }
        Ok(Some(known))
    }
}

/// The truth values and numbers in a scorer's output, by their paths. Texts, such as the reason of a judge, are no scores.
fn leaves(output: &Value) -> BTreeMap<String, Value> {
    fn walk(path: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    walk(&format!("{path}.{key}"), value, found);
                }
            }
            Value::Bool(_) | Value::Number(_) => {
                found.insert(path.to_owned(), value.clone());
            }
            Value::Null | Value::String(_) | Value::Array(_) => {}
        }
    }
    let mut found = BTreeMap::new();
    walk("", output, &mut found);
    found
}

/// A digest of each output of a row, by the row's digest. A call without an output has none.
type Outputs = BTreeMap<String, Vec<Option<[u8; 32]>>>;

/// A digest of an output, whatever the order of its keys.
fn digest(output: Option<&RawValue>) -> Option<[u8; 32]> {
    let value: Value = serde_json::from_str(output?.get()).unwrap_or_default();
    if value.is_null() {
        return None;
    }
    Some(Sha256::digest(value.to_string().as_bytes()).into())
}

fn no_rows(role: Role) -> Fault {
    Fault::evidence(format!("the snapshot of the {} holds no rows", role.word()))
        .help("take it again without --summary-only")
}
