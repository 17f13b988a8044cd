//! Reads the rows of the checks that did not pass, for reports.

use std::collections::BTreeSet;

use super::console::Console;
use super::plan::Plan;
use crate::evidence::{
    Baseline, Columns, Details, Evidence, Role, RowSource as _, Rows, Totals, gathered, joined,
};
use crate::fault::Fault;
use crate::judge::{OffendingRows, offending, offending_columns};
use crate::project::Project;
use crate::report::Judged;
use crate::weave::{Client, RunSource, Sources, read_details, read_exceptions, read_rows};

/// The maximum number of trials whose exceptions are read.
const MOST_TRIALS: usize = 200;

/// Reads rows for reports.
pub(super) struct Reader<'r> {
    /// `None` if no run is in Weave.
    pub(super) client: Option<&'r Client<'r>>,
    pub(super) console: &'r Console,
    pub(super) sources: &'r Sources,
    pub(super) project: &'r Project,
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
        let offending = match known {
            Some(rows) => offending(policy, rows, judgement, name),
            None => offending(policy, &self.rows(evidence, &columns)?, judgement, name),
        };
        let digests: BTreeSet<&str> = offending
            .iter()
            .flat_map(|offending| &offending.rows)
            .map(|row| row.digest.as_str())
            .collect();
        let digests: Vec<&str> = digests.into_iter().collect();
        let mut details = self.details(&digests)?;
        self.exceptions(&offending, &mut details);
        Ok((offending, details))
    }

    /// Adds the exceptions of the candidate's trials in which scores are missing. The report is complete without them.
    fn exceptions(&self, offending: &[OffendingRows], details: &mut Details) {
        let live = self
            .judged()
            .any(|(role, source)| role == Role::Candidate && source.is_live());
        let Some(client) = self.client.filter(|_| live) else {
            return;
        };
        let rows = offending.iter().flat_map(|offending| &offending.rows);
        let lacking = rows.filter(|row| row.candidate.scored < row.candidate.trials);
        let digests: BTreeSet<&str> = lacking.map(|row| row.digest.as_str()).collect();
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
            answer.raised = raised.remove(&answer.call).unwrap_or_default();
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
        let is_plain = evidence.each.is_empty() && runs.len() <= 2;
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
                let rows = source.rows(self.client, self.project);
                let rows = rows.ok_or_else(|| no_rows(role))?;
                all.push(gathered(rows.as_ref(), columns)?);
            }
            all.reverse();
            match all.as_slice() {
                [] => Ok(Rows::new(columns.clone())),
                [one] => Ok(one.clone()),
                several => Rows::pooled(several).map_err(Fault::evidence),
            }
        };
        joined(&of(Role::Candidate)?, &of(Role::Baseline)?)
    }

    /// Reads the contents of a few rows: inputs, outputs, scores.
    fn details(&self, digests: &[&str]) -> Result<Details, Fault> {
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
        let live = self.judged().filter(|(_, source)| source.is_live());
        let live: Vec<(Role, &str)> = live.map(|(role, source)| (role, source.id())).collect();
        if let Some(client) = self.client
            && !live.is_empty()
        {
            self.console.while_waiting("asking Weave", || {
                read_details(client, self.project, &live, digests, &mut details)
            })?;
        }
        Ok(details)
    }
}

fn no_rows(role: Role) -> Fault {
    Fault::evidence(format!("the snapshot of the {} holds no rows", role.word()))
        .help("take it again without --summary-only")
}
