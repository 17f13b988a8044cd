//! Reads evidence of which at least one run is in Weave.

use std::collections::{BTreeMap, BTreeSet};

use super::chosen::{
    Chosen, live_baselines, live_candidates, selected, set_completeness, set_setup, together,
    uncounted,
};
use super::console::Console;
use super::request::{BaselineRequest, Request};
use super::saved::saved_rules;
use super::search::{NoBaseline, Place, Search, both, skipped};
use crate::evidence::{Baseline, BaselineRules, Completeness, Evidence, Fact, Gap, LeftOut, Role};
use crate::evidence::{ListedRun, Run, RunInfo, Setup, Totals};
use crate::fault::Fault;
use crate::policy::{Source, is_of_scorer};
use crate::project::Project;
use crate::prose::Prose;
use crate::weave::{
    Needs, RunSource, Sources, differ_by_key_order, read_evidence, read_scorer_models, read_setup,
    setup_of,
};

/// What a candidate is compared with, as far as it is known before any request to Weave.
pub(super) enum Theirs<'r> {
    /// No baseline is named.
    Unnamed,
    /// A snapshot that does not exist.
    Lost(Prose),
    /// The runs of a snapshot.
    Saved(Chosen),
    /// Runs in Weave.
    Live(&'r BaselineRequest),
}

/// Evidence, and the runs that it was read from.
#[derive(Clone)]
pub(super) struct Read {
    pub(super) evidence: Evidence,
    pub(super) sources: Sources,
}

/// Reads the evidence for one request from Weave.
pub(super) struct Online<'s, 'a> {
    pub(super) search: &'s mut Search<'a>,
    pub(super) console: &'s Console,
    pub(super) needs: Needs<'s>,
    pub(super) place: Place<'s>,
    pub(super) request: &'s Request,
}

/// The baseline, or why it was not found; `None` if nothing is compared.
type Compared = Option<Result<Chosen, Prose>>;

impl Online<'_, '_> {
    /// Returns the evidence. `ours` holds the candidate's runs if they are in a snapshot.
    ///
    /// # Errors
    ///
    /// A run was not found, or cannot be read.
    pub(super) fn evidence(
        &mut self,
        ours: Option<Chosen>,
        theirs: &Theirs<'_>,
    ) -> Result<Read, Fault> {
        self.prefetch(theirs)?;
        let (ours, mut rules) = self.candidates(ours, theirs)?;
        let mut passed_over: Vec<(Fact, ListedRun)> = Vec::new();
        loop {
            let (theirs, absent) = self.baselines(theirs, rules.as_ref())?;
            let looked_for = matches!(&theirs, Some(Ok(chosen)) if chosen.is_looked_for());
            let (sources, mut selection) = together(self.request, ours.clone(), theirs);
            if let Some(absent) = absent {
                selection.is_first = absent.is_first;
                selection.missing = Some(absent.missing);
            }
            let (counted, evidence) = self.read(&sources)?;
            let incomplete = self.incomplete_baseline(&counted, &ours);
            // If a search found this baseline and it is incomplete, the search is repeated without it.
            if let (Some((run, gap)), Some(rules), true) = (incomplete, &mut rules, looked_for) {
                rules.skipped.push(run.id.clone());
                let why = LeftOut::Incomplete(gap);
                passed_over.push(skipped(run, why, self.place.identity));
                continue;
            }
            let mut evidence = evidence?;
            for (id, setup) in self.setups(&sources, &evidence)? {
                set_setup(&mut evidence, &id, &setup);
            }
            for (run, known) in &counted {
                set_completeness(&mut evidence, &run.id, *known);
            }
            if self.keys_are_in_other_order(&evidence, &sources) {
                let fact = (Role::Baseline, Fact::KeysInOtherOrder);
                selection.facts.push(fact);
            }
            for (fact, listed) in passed_over {
                selection.facts.push((Role::Baseline, fact));
                selection.runs.push(listed);
            }
            let evidence = selected(evidence, selection, &sources, self.place.identity);
            return Ok(Read { evidence, sources });
        }
    }

    /// Reads the candidate and the baseline with one request, if both are named by their ids.
    fn prefetch(&mut self, theirs: &Theirs<'_>) -> Result<(), Fault> {
        if let (Source::Run(ours), Theirs::Live(baseline)) =
            (&self.request.candidate.source, theirs)
            && let Source::Run(theirs) = &baseline.source
            && self.place_of(baseline).project == self.place.project
        {
            self.search.prefetch(self.place, &[ours, theirs])?;
        }
        Ok(())
    }

    /// Where a baseline in Weave is.
    fn place_of<'p>(&'p self, baseline: &'p BaselineRequest) -> Place<'p> {
        Place {
            project: baseline.project.as_ref().unwrap_or(self.place.project),
            ..self.place
        }
    }

    /// Returns the candidate's runs and, if the baseline is in Weave, the rules for which runs can be the baseline.
    fn candidates(
        &mut self,
        saved: Option<Chosen>,
        theirs: &Theirs<'_>,
    ) -> Result<(Chosen, Option<BaselineRules>), Fault> {
        let (place, request) = (self.place, self.request);
        let baseline = match theirs {
            Theirs::Live(baseline) => Some(baseline),
            Theirs::Unnamed | Theirs::Lost(_) | Theirs::Saved(_) => None,
        };
        if let Some(ours) = saved {
            let rules = baseline
                .map(|baseline| saved_rules(&ours, request, baseline, self.search, place))
                .transpose()?;
            return Ok((ours, rules));
        }
        let found = self.search.candidates(place, &request.candidate)?;
        let accept_failed = request.accept_failed;
        let rules = baseline
            .map(|baseline| self.search.rules(place, &found, baseline, accept_failed))
            .transpose()?;
        Ok((live_candidates(&found), rules))
    }

    /// Returns the baseline's runs, and what is known if a search in Weave found none.
    fn baselines(
        &self,
        theirs: &Theirs<'_>,
        rules: Option<&BaselineRules>,
    ) -> Result<(Compared, Option<NoBaseline>), Fault> {
        let known = match (theirs, rules) {
            (Theirs::Unnamed, _) => None,
            (Theirs::Lost(reason), _) => Some(Err(reason.clone())),
            (Theirs::Saved(chosen), _) => Some(Ok(chosen.clone())),
            (Theirs::Live(baseline), Some(rules)) => {
                match self
                    .search
                    .baselines(self.place_of(baseline), baseline, rules)?
                {
                    Ok(found) => Some(Ok(live_baselines(found))),
                    Err(absent) => return Ok((Some(Err(absent.reason.clone())), Some(absent))),
                }
            }
            (Theirs::Live(_), None) => {
                return Err(Fault::bug("no baseline can be searched for"));
            }
        };
        Ok((known, None))
    }

    /// Reads the evidence and, in parallel, whether each run is complete.
    #[expect(clippy::type_complexity, reason = "two answers that come side by side")]
    fn read<'r>(
        &self,
        sources: &'r Sources,
    ) -> Result<(Vec<(&'r RunInfo, Completeness)>, Result<Evidence, Fault>), Fault> {
        let ours = uncounted(&sources.candidates);
        let mut theirs = uncounted(sources.baselines());
        theirs.retain(|info| !ours.iter().any(|known| known.id == info.id));
        let of_baseline = Place {
            project: sources.across.as_ref().unwrap_or(self.place.project),
            ..self.place
        };
        let client = self.search.client();
        let count = || {
            if sources.across.is_none() {
                let all: Vec<&RunInfo> = ours.iter().chain(&theirs).copied().collect();
                return self.search.completeness(self.place, &all);
            }
            let mut counted = self.search.completeness(self.place, &ours)?;
            counted.extend(self.search.completeness(of_baseline, &theirs)?);
            Ok(counted)
        };
        let (counted, evidence) = self.console.while_waiting("asking Weave", || {
            both(count, || {
                read_evidence(client, self.place.project, sources, self.needs)
            })
        });
        let runs = ours.iter().chain(&theirs).copied();
        let counted = runs.zip(counted?).collect();
        Ok((counted, evidence))
    }

    /// Reads how all judged runs were measured, both sides in parallel, if they are of different versions of the
    /// evaluation, or if other models were served. A snapshot already says it.
    fn setups(
        &self,
        sources: &Sources,
        evidence: &Evidence,
    ) -> Result<Vec<(String, Setup)>, Fault> {
        let (candidates, baselines) = (sources.judged_candidates(), sources.baselines());
        let all = || candidates.iter().chain(baselines);
        let evaluations: BTreeSet<&String> = all().filter_map(evaluation_ref).collect();
        let is_served_otherwise = match &evidence.baseline {
            Baseline::Found(baseline, _) => serves_others(&evidence.candidate, baseline),
            Baseline::Unnamed | Baseline::NotFound(_) => false,
        };
        let is_other = evaluations.len() > 1;
        if baselines.is_empty() || !is_other && !is_served_otherwise {
            return Ok(Vec::new());
        }
        let client = self.search.client();
        let read = |sources: &[RunSource], project: &Project| {
            let mut known: BTreeMap<&String, Setup> = BTreeMap::new();
            let mut setups = Vec::new();
            for source in sources {
                let RunSource::Live(info) = source else {
                    continue;
                };
                let mut setup = setup_of(info);
                setup.evaluation = evaluation_ref(source).cloned();
                if let Some(evaluation) = evaluation_ref(source).filter(|_| is_other) {
                    setup.objects = match known.get(evaluation) {
                        Some(read) => read.objects.clone(),
                        None => read_setup(client, project, info)?.objects,
                    };
                    known.insert(evaluation, setup.clone());
                }
                if is_served_otherwise {
                    let totals = &evidence.candidate.totals;
                    let is_scorer = |op: &str| is_scorer_op(op, totals);
                    setup.scorer_models = read_scorer_models(client, project, &info.id, &is_scorer);
                }
                setups.push((info.id.clone(), setup));
            }
            Ok(setups)
        };
        let of_baseline = sources.across.as_ref().unwrap_or(self.place.project);
        let (ours, theirs) = self.console.while_waiting("asking Weave", || {
            both(
                || read(candidates, self.place.project),
                || read(baselines, of_baseline),
            )
        });
        let read: Result<Vec<_>, Fault> = [ours, theirs].into_iter().collect();
        Ok(read?.into_iter().flatten().collect())
    }

    /// Returns an incomplete run of the baseline, unless the policy accepts incomplete runs.
    fn incomplete_baseline<'r>(
        &self,
        counted: &[(&'r RunInfo, Completeness)],
        ours: &Chosen,
    ) -> Option<(&'r RunInfo, Gap)> {
        if self.request.candidate.accepts_incomplete() {
            return None;
        }
        counted.iter().find_map(|(run, known)| match known {
            Completeness::Incomplete(gap) if !ours.has(&run.id) => Some((*run, *gap)),
            _ => None,
        })
    }

    /// Whether two runs without a common row have inputs that are equal except for the order of their keys.
    fn keys_are_in_other_order(&self, evidence: &Evidence, sources: &Sources) -> bool {
        let has_other_rows = match &evidence.baseline {
            Baseline::Found(baseline, pair) => {
                pair.common == 0 && evidence.candidate.rows > 0 && baseline.rows > 0
            }
            Baseline::Unnamed | Baseline::NotFound(_) => false,
        };
        let newest = (sources.candidates.first(), sources.baselines().first());
        let (Some(RunSource::Live(ours)), Some(RunSource::Live(theirs))) = newest else {
            return false;
        };
        let (client, project) = (self.search.client(), self.place.project);
        has_other_rows
            && self.console.while_waiting("asking Weave", || {
                let other = sources.across.as_ref().unwrap_or(project);
                differ_by_key_order(client, (project, &ours.id), (other, &theirs.id))
            })
    }
}

/// The evaluation of a run, in one version; `None` if it is unknown. Each run of `EvaluationLogger` has a version of its
/// evaluation that says nothing, and no scorers.
fn evaluation_ref(side: &RunSource) -> Option<&String> {
    match side {
        RunSource::Live(info) if !info.is_logged => info.evaluation_ref.as_ref(),
        RunSource::Snapshot(run, _) if !run.is_logged => run.setup.as_ref()?.evaluation.as_ref(),
        RunSource::Live(_) | RunSource::Snapshot(..) => None,
    }
}

/// Whether both runs say which models were served, and these differ, also within a pool.
fn serves_others(candidate: &Run, baseline: &Run) -> bool {
    let served = |run: &Run| -> BTreeSet<BTreeSet<String>> {
        let setups = run.setup.iter().flat_map(Setup::all);
        let names = setups.map(|setup| setup.served_models.iter().cloned().collect());
        names
            .filter(|names: &BTreeSet<String>| !names.is_empty())
            .collect()
    };
    let (ours, theirs) = (served(candidate), served(baseline));
    !ours.is_empty() && !theirs.is_empty() && ours.union(&theirs).count() > 1
}

/// Whether an op is a scorer of a run with these totals: the `score` of a class, or a function whose scores they have.
pub(super) fn is_scorer_op(op: &str, totals: &Totals) -> bool {
    let mut dimensions = totals.dimensions.keys();
    matches!(op.rsplit_once('.'), Some((_, "score")))
        || dimensions.any(|dimension| is_of_scorer(dimension, op))
}
