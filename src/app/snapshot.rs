//! `snapshot`: writes the runs of one commit to a file.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;

use super::candidates::{gap_help, gap_text};
use super::console::Console;
use super::online::is_scorer_op;
use super::output::{Failure, Output};
use super::policies::policies;
use super::request::CandidateRequest;
use super::search::{Place, Search, both, live};
use super::usual_policy::UsualPolicy;
use crate::cli::SnapshotArgs;
use crate::evidence::{
    Completeness, Fact, RowSource, Run, RunInfo, RunStatus, snapshot, snapshot::Spool,
};
use crate::fault::Fault;
use crate::number::plural;
use crate::policy::{Gate, Policy, PolicyFile, Reruns, Source, expand};
use crate::weave::{Client, read_exceptions, read_run, read_scorer_models, read_setup, run_rows};

/// The policy that is read if the command line names none.
const USUAL_POLICY: &str = "gates.yaml";

pub(super) fn run(arguments: &SnapshotArgs, console: &Console) -> Result<(), Fault> {
    let source = Source::from_argument(&arguments.run)?;
    live(&source).ok_or_else(|| {
        Fault::usage("a snapshot is taken of a run, not of a file")
            .help("name a run in Weave by its id or a selector")
    })?;
    let usual = UsualPolicy::read();
    let project = usual.needed_project(&arguments.server, console)?;
    let output = Output::prepare(&arguments.output)?;
    let policies = policies_in_reach(arguments, console)?;
    let saving = Saving::of(arguments, &policies, &output, console)?;
    let search = Search::new(&arguments.server, arguments.wait, console)?;
    let mut search = if arguments.completed {
        search.only_completed()
    } else {
        search
    };
    let identity = policies
        .first()
        .map_or(usual.identity, |policy| policy.identity.clone());
    let place = Place {
        project: &project,
        identity: &identity,
    };
    // A snapshot is judged later, so it must hold what would be judged now: all runs of the commit.
    let request = CandidateRequest {
        is_named: true,
        reruns: Some(Reruns::Pool),
        accept_failed: false,
        ..CandidateRequest::only(source)
    };
    let mut found = search.candidates(place, &request)?;
    let uncounted: Vec<&RunInfo> = found
        .judged
        .iter()
        .filter(|info| is_uncounted(info))
        .collect();
    let counted = search.completeness(place, &uncounted)?;
    let uncounted = found.judged.iter_mut().filter(|info| is_uncounted(info));
    for (info, known) in uncounted.zip(counted) {
        info.completeness = known;
    }
    if !arguments.completed {
        refuse_undecided(&found.facts)?;
    }
    warn(&found.facts, console);
    let client = search.client();
    let runs = found
        .judged
        .into_iter()
        .map(|info| read(info, place, client, console))
        .collect::<Result<Vec<Run>, Fault>>()?;
    let sources: Vec<_> = runs
        .iter()
        .map(|run| run_rows(client, &project, &run.id))
        .collect();
    let raised = |trials: &[&str]| read_exceptions(client, &project, trials);
    let written: Vec<snapshot::Written<'_>> = runs
        .iter()
        .zip(&sources)
        .map(|(run, source)| {
            let rows: &dyn RowSource = source;
            snapshot::Written {
                run,
                rows: (saving != Saving::Summary).then_some(rows),
                raised: &raised,
            }
        })
        .collect();
    console.while_waiting("asking Weave", || {
        let write = |to: &mut dyn Write| -> Result<(), Failure> {
            // The snapshot writer does not return the original error of a failed write, so this wrapper keeps it.
            let mut noting = Noting { to, failed: None };
            let with_texts = matches!(saving, Saving::Texts { .. });
            let mut texts = with_texts.then(tempfile::tempfile).transpose()?;
            let texts = texts.as_mut().map(|file| file as &mut dyn Spool);
            let done = snapshot::write(&mut noting, &written, texts, Timestamp::now());
            match noting.failed {
                Some(error) => Err(error.into()),
                None => Ok(done?),
            }
        };
        output.fill(write)
    })?;
    console.done(&format!(
        "wrote {}: {}",
        arguments.output.display(),
        saving.written(&runs)
    ));
    Ok(())
}

/// What is saved of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Saving {
    /// Nothing: counts and means alone.
    Summary,
    /// Their scores.
    Scores,
    /// Their scores, inputs and outputs.
    Texts {
        /// The policy that needs the inputs; `None` if the command line asks for them.
        needed_by: Option<String>,
    },
}

impl Saving {
    /// Decides what is saved, from the command line and the policies.
    ///
    /// # Errors
    ///
    /// A policy that the command line names does not exist or is invalid, or the snapshot would overwrite a policy.
    fn of(
        arguments: &SnapshotArgs,
        policies: &[Policy],
        output: &Output,
        console: &Console,
    ) -> Result<Self, Fault> {
        if let Some(policy) = policies
            .iter()
            .find(|policy| output.overwrites(Path::new(&policy.path)))
        {
            return Err(Fault::usage(format!(
                "the snapshot would overwrite `{}`, which is read",
                policy.path
            ))
            .help("give the snapshot a separate file"));
        }
        if arguments.summary_only {
            if let Some(policy) = policies.iter().find(|policy| policy.needs_rows()) {
                let path = &policy.path;
                let text = format!("{path} needs the scores of rows: gates will be undecided");
                console.warn(&text, "take the snapshot without --summary-only");
            }
            return Ok(Self::Summary);
        }
        if arguments.rows {
            return Ok(Self::Texts { needed_by: None });
        }
        let needs_inputs = |policy: &&Policy| policy.gates.iter().any(Gate::is_sliced);
        Ok(match policies.iter().find(needs_inputs) {
            Some(policy) if arguments.no_rows => {
                let path = &policy.path;
                let text = format!("{path} selects rows by inputs: there will be no verdict");
                console.warn(&text, "take the snapshot without --no-rows");
                Self::Scores
            }
            Some(policy) => Self::Texts {
                needed_by: Some(policy.path.clone()),
            },
            None => Self::Scores,
        })
    }

    /// Says what was written.
    fn written(&self, runs: &[Run]) -> String {
        let ids: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        let rows = runs.iter().map(|run| run.rows).max().unwrap_or_default();
        let rows = format!(
            "{} of {} {}",
            plural(rows, "row"),
            if ids.len() == 1 { "run" } else { "runs" },
            ids.join(", ")
        );
        match self {
            Self::Summary => {
                format!("counts and means of {rows}, without the scores of each row")
            }
            Self::Scores => {
                format!("{rows} with scores, without inputs and outputs (--rows keeps them)")
            }
            Self::Texts { needed_by: None } => format!("{rows} with scores, inputs and outputs"),
            Self::Texts {
                needed_by: Some(policy),
            } => format!(
                "{rows} with scores, inputs and outputs, because {policy} selects rows by their inputs (--no-rows leaves them out)"
            ),
        }
    }
}

/// The policies that the command line names; else `gates.yaml`, if it exists and is valid.
fn policies_in_reach(arguments: &SnapshotArgs, console: &Console) -> Result<Vec<Policy>, Fault> {
    if !arguments.policy.is_empty() {
        return policies(&expand(&arguments.policy)?);
    }
    if !Path::new(USUAL_POLICY).exists() {
        return Ok(Vec::new());
    }
    let usual = PolicyFile {
        path: USUAL_POLICY.to_owned(),
    };
    Ok(policies(&[usual]).unwrap_or_else(|_| {
        if !arguments.rows && !arguments.no_rows {
            let text =
                format!("{USUAL_POLICY} is invalid, so it is unknown what it needs of the rows");
            console.warn(
                &text,
                "`weave-gate validate` says why; or give --rows or --no-rows",
            );
        }
        Vec::new()
    }))
}

/// Reads one run and how it was measured. Prints a warning if every check of the run will be undecided.
fn read(
    info: RunInfo,
    place: Place<'_>,
    client: &Client<'_>,
    console: &Console,
) -> Result<Run, Fault> {
    let (setup, run) = console.while_waiting("asking Weave", || {
        let of_setup = info.clone();
        both(
            || read_setup(client, place.project, &of_setup),
            || read_run(client, place.project, info),
        )
    });
    let mut run = Run {
        setup: Some(setup?),
        ..run?
    };
    if let Some(setup) = run.setup.as_mut().filter(|it| !it.served_models.is_empty()) {
        // A later check may have to know which of them the scorers called.
        let is_scorer = |op: &str| is_scorer_op(op, &run.totals);
        setup.scorer_models = console.while_waiting("asking Weave", || {
            read_scorer_models(client, place.project, &run.id, &is_scorer)
        });
    }
    if let Some(status) = run
        .status
        .as_ref()
        .filter(|status| **status != RunStatus::Completed)
        .map(RunStatus::word)
    {
        let text = format!(
            "the status of run {} is {status}: its checks are undecided",
            run.id
        );
        console.warn(&text, "take a snapshot of a completed run");
    }
    if let Completeness::Incomplete(gap) = run.completeness {
        let why = gap_text(gap);
        let text = format!(
            "run {} is incomplete: {why}: its checks are undecided",
            run.id
        );
        console.warn(&text, gap_help(gap));
    }
    Ok(run)
}

/// A writer that keeps the error of a failed write.
struct Noting<'a> {
    to: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl Noting<'_> {
    fn note<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let kind = error.kind();
            // The caller repeats an interrupted write, so that is not a failure.
            if kind != io::ErrorKind::Interrupted {
                self.failed = Some(error);
            }
            io::Error::from(kind)
        })
    }
}

impl Write for Noting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.to.write(bytes);
        self.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.to.flush();
        self.note(done)
    }
}

fn is_uncounted(info: &RunInfo) -> bool {
    info.completeness == Completeness::NotAsked && !info.is_running()
}

/// Returns an error if a check would be undecided now for a reason that the file does not hold.
fn refuse_undecided(facts: &[Fact]) -> Result<(), Fault> {
    let undecided = facts.iter().find_map(|fact| match fact {
        Fact::RerunRunning { id } => Some((
            format!("run {id} of the same commit is still running, so the snapshot would lack it"),
            "--wait waits for it; --completed takes the runs that have completed, for a baseline",
        )),
        Fact::UnnamedRuns { runs } => Some((
            format!(
                "{runs} runs of this commit have neither a name nor a dataset, so whether they are the same evaluation is unknown"
            ),
            "give `EvaluationLogger` a `name`; --completed takes the newest alone, for a baseline",
        )),
        _ => None,
    });
    match undecided {
        Some((problem, help)) => Err(Fault::evidence(problem).help(help)),
        None => Ok(()),
    }
}

/// Warns about runs of the commit that are not in the file, and about facts that will prevent a verdict.
fn warn(facts: &[Fact], console: &Console) {
    for fact in facts {
        let (text, help) = match fact {
            Fact::LeftOut { id, why } => (
                format!("run {id} is left out: {}", why.word()),
                "name it by its id to save it alone",
            ),
            Fact::RerunRunning { id } => (
                format!("run {id} of the same commit is still running, and is not in the snapshot"),
                "take the snapshot again with --wait if it is to be judged",
            ),
            Fact::UnnamedRuns { runs } => (
                format!(
                    "{runs} runs of this commit have neither a name nor a dataset; the snapshot holds the newest alone"
                ),
                "give `EvaluationLogger` a `name`",
            ),
            Fact::SeveralModelVersions { model, versions } => (
                format!(
                    "the runs of this commit are of {} versions of the model {model}",
                    versions.len()
                ),
                "name one run by its id, or evaluate one version per commit",
            ),
            _ => continue,
        };
        console.warn(&text, help);
    }
}
