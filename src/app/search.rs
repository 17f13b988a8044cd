//! From named sources to runs: asked for by id, looked for by selector, waited for.

use std::thread;
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use super::console::{Console, Vigil};
use super::server::client;
use crate::cli::ServerArgs;
use crate::evidence::snapshot::Saved;
use crate::fault::Fault;
use crate::policy::Source;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::Selector;
use crate::weave::{Anchor, Client, Eligible, Finder, Head, Named, Side, State};

/// Between the first two looks; each further pause is half as long again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// A look has at least so much time, also where less is left of the wait.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

/// A run that is needed, as far as it is known before anything is asked.
pub(super) enum Wanted<'a> {
    /// A snapshot, and it was read.
    Snapshot(Box<Saved>),
    /// A run in Weave.
    Live(Named<'a>),
}

/// How a source names a run in Weave; `None` where it is a file.
pub(super) fn live(source: &Source) -> Option<Named<'_>> {
    match source {
        Source::Run(id) => Some(Named::Id(id)),
        Source::Find(selector) => Some(Named::Newest(selector)),
        Source::File(_) => None,
    }
}

/// Asks Weave for runs, and waits for those that are still to come.
pub(super) struct Search<'a> {
    client: Client<'a>,
    console: &'a Console,
    /// How long a candidate is waited for, all of them together, and since when.
    wait: Option<(SignedDuration, Instant)>,
    /// Which runs can be the candidate.
    eligible: Eligible<'static>,
    /// Candidates that were found: the newest stays the same for all policies.
    found: Vec<(Project, String, Head)>,
}

impl<'a> Search<'a> {
    /// Sets up a client; nothing is sent.
    ///
    /// # Errors
    ///
    /// No address, no key, no usable proxy or certificates.
    pub(super) fn new(
        server: &'a ServerArgs,
        wait: Option<SignedDuration>,
        console: &'a Console,
    ) -> Result<Self, Fault> {
        Ok(Self {
            client: client(server, console)?,
            console,
            wait: wait.map(|wait| (wait, Instant::now())),
            eligible: Eligible::Any,
            found: Vec::new(),
        })
    }

    /// Only runs that have completed are found.
    pub(super) fn only_completed(mut self) -> Self {
        self.eligible = Eligible::Completed;
        self
    }

    /// The client, for what is asked of runs that were found.
    pub(super) fn client(&self) -> &Client<'a> {
        &self.client
    }

    /// The run on trial, waited for where that was asked.
    ///
    /// # Errors
    ///
    /// It is not there, or could not be had.
    pub(super) fn candidate(
        &mut self,
        project: &Project,
        wanted: Wanted<'_>,
    ) -> Result<Side, Fault> {
        match wanted {
            Wanted::Snapshot(saved) => Ok(Side::Snapshot(saved)),
            Wanted::Live(named) => Ok(Side::Live(Box::new(self.find(project, named)?))),
        }
    }

    /// A run of Weave, waited for where that was asked.
    ///
    /// # Errors
    ///
    /// It is not there, or could not be had.
    pub(super) fn find(&mut self, project: &Project, named: Named<'_>) -> Result<Head, Fault> {
        let shown = match named {
            Named::Id(id) => id.to_owned(),
            Named::Newest(selector) => selector.to_string(),
        };
        let known = self
            .found
            .iter()
            .find(|(known, name, _)| known == project && *name == shown);
        if let Some((_, _, head)) = known {
            return Ok(head.clone());
        }
        let head = match self.wait {
            None => {
                let finder = Finder::new(&self.client, project);
                let look = || finder.look(named, self.eligible);
                let state = self.console.while_waiting("asking Weave", look)?;
                self.sure(project, named, state)?
            }
            Some((wait, since)) => self.wait(project, named, &shown, wait, since)?,
        };
        self.found.push((project.clone(), shown, head.clone()));
        Ok(head)
    }

    /// What a candidate is compared with; in the place of one that is not there, what there is instead.
    ///
    /// # Errors
    ///
    /// Whether it is there could not be had.
    pub(super) fn baseline(
        &self,
        project: &Project,
        wanted: Wanted<'_>,
        candidate: &Side,
        accept_failed: bool,
    ) -> Result<Result<Side, Prose>, Fault> {
        let mut anchor = match candidate {
            Side::Live(head) => Anchor::from(head.as_ref()),
            Side::Snapshot(saved) => Anchor::from(&saved.run),
        };
        let finder = Finder::new(&self.client, project);
        let of_evaluation;
        let named = match wanted {
            Wanted::Snapshot(saved) => return Ok(Ok(Side::Snapshot(saved))),
            Wanted::Live(named @ Named::Id(_)) => named,
            // A run of another evaluation is no baseline, unless the policy names that one.
            Wanted::Live(Named::Newest(selector)) => {
                anchor.rescored_from = finder.sources(&anchor.rescored_from)?;
                let evaluation = selector.evaluation.clone();
                let evaluation = evaluation
                    .or_else(|| anchor.evaluation.clone())
                    .ok_or_else(unknown_evaluation)?;
                of_evaluation = Selector {
                    evaluation: Some(evaluation),
                    ..selector.clone()
                };
                Named::Newest(&of_evaluation)
            }
        };
        let eligible = Eligible::Baselines {
            of: &anchor,
            accept_failed,
        };
        self.console
            .while_waiting("asking Weave", || match finder.look(named, eligible)? {
                State::Here(head) => Ok(Ok(Side::Live(head))),
                State::Absent(reason) => finder.absence(named, eligible, reason).map(Err),
                State::Busy(fault, _) => Err(fault),
            })
    }

    /// Both runs. Where neither depends on the other they are asked for side by side.
    ///
    /// # Errors
    ///
    /// As for each of them.
    pub(super) fn pair(
        &mut self,
        project: &Project,
        candidate: Wanted<'_>,
        baseline: Wanted<'_>,
        accept_failed: bool,
    ) -> Result<(Side, Result<Side, Prose>), Fault> {
        let both = (&candidate, &baseline, self.wait, self.found.is_empty());
        let (Wanted::Live(ours @ Named::Id(_)), Wanted::Live(theirs @ Named::Id(_)), None, true) =
            both
        else {
            let ours = self.candidate(project, candidate)?;
            let theirs = self.baseline(project, baseline, &ours, accept_failed)?;
            return Ok((ours, theirs));
        };
        let (ours, theirs) = (*ours, *theirs);
        let finder = Finder::new(&self.client, project);
        let (candidate, baseline) = self.console.while_waiting("asking Weave", || {
            thread::scope(|scope| {
                let theirs = scope.spawn(|| finder.look(theirs, Eligible::Any));
                let ours = finder.look(ours, Eligible::Any);
                let theirs = theirs.join();
                (
                    ours,
                    theirs.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                )
            })
        });
        let candidate = self.sure(project, ours, candidate?)?;
        self.found
            .push((project.clone(), candidate.id.clone(), candidate.clone()));
        let finder = Finder::new(&self.client, project);
        let baseline = match baseline? {
            State::Here(head) => Ok(Side::Live(head)),
            State::Absent(reason) => Err(finder.absence(theirs, Eligible::Any, reason)?),
            State::Busy(fault, _) => return Err(fault),
        };
        Ok((Side::Live(Box::new(candidate)), baseline))
    }

    /// A run that has to be there.
    fn sure(&self, project: &Project, named: Named<'_>, state: State) -> Result<Head, Fault> {
        let reason = match state {
            State::Here(head) => return Ok(*head),
            State::Busy(fault, _) => return Err(fault),
            State::Absent(reason) => reason,
        };
        let finder = Finder::new(&self.client, project);
        let absence = finder.absence(named, self.eligible, reason)?;
        Err(Fault::evidence(absence).help(match named {
            Named::Id(_) => {
                "look at the run id and the project; --wait waits for a run that was just logged"
            }
            Named::Newest(_) => {
                "`weave-gate runs` lists what there is; --wait waits for a run that was just logged"
            }
        }))
    }

    /// Looks again and again until the run is there and has finished, or the time is over.
    fn wait(
        &mut self,
        project: &Project,
        named: Named<'_>,
        shown: &str,
        wait: SignedDuration,
        since: Instant,
    ) -> Result<Head, Fault> {
        let until = since + wait.unsigned_abs();
        let mut vigil = Vigil::new(self.console, shown.to_owned(), wait, since);
        let mut pause = FIRST_PAUSE;
        loop {
            // This loop is the one that tries again, and it ends in time.
            let left = until.saturating_duration_since(Instant::now());
            self.client.restart(Some(left.max(SHORTEST_LOOK)));
            let state = Finder::new(&self.client, project).look(named, self.eligible)?;
            let (seen, asked) = match &state {
                State::Here(head) if !head.is_running() => {
                    vigil.end();
                    self.client.restart(None);
                    return self.sure(project, named, state);
                }
                State::Here(head) => (format!("run {} is still running", head.id), None),
                State::Absent(Some(reason)) => (format!("not there yet: {reason}"), None),
                State::Absent(None) => ("no run matches yet".to_owned(), None),
                State::Busy(fault, asked) => (fault.message.clone(), *asked),
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                vigil.end();
                return Err(self.too_late(project, named, shown, wait, state, &seen));
            }
            // Never sooner than the server asks.
            let polite = pause.max(asked.unwrap_or_default());
            vigil.pause(&seen, polite.min(left));
            pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
        }
    }

    /// What was seen last of a run that was waited for in vain.
    fn too_late(
        &mut self,
        project: &Project,
        named: Named<'_>,
        shown: &str,
        wait: SignedDuration,
        state: State,
        seen: &str,
    ) -> Fault {
        let more = "give it more time with --wait";
        let (last, help) = match state {
            State::Here(_) => (
                seen.to_owned(),
                format!("{more}, or look at why the evaluation does not end"),
            ),
            State::Busy(fault, _) => (
                seen.to_owned(),
                fault.help.unwrap_or_else(|| more.to_owned()),
            ),
            State::Absent(reason) => {
                // What there is instead is worth a moment; without it, that nothing was there.
                self.client.restart(Some(SHORTEST_LOOK * 5));
                let finder = Finder::new(&self.client, project);
                let absence = finder.absence(named, self.eligible, reason);
                let last = absence.map_or_else(|_| seen.to_owned(), |absence| absence.to_string());
                (
                    last,
                    format!("{more}, or look at whether the evaluation was logged with this"),
                )
            }
        };
        Fault::evidence(format!(
            "waited {wait:#} for {shown} in {project}; last seen: {last}"
        ))
        .help(help)
    }
}

fn unknown_evaluation() -> Fault {
    Fault::evidence(
        "the candidate's evaluation is not known, so no baseline of it can be looked for",
    )
    .help("name the evaluation of the baseline, or the baseline by its id")
}
