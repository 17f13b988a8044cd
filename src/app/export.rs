//! `export`: writes the rows of runs as CSV or JSON lines.

use crate::evidence::RunStatus;
use std::collections::{BTreeSet, HashSet};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use super::console::Console;
use super::environment::environment;
use super::output::{Failure, Output};
use super::saved::read_snapshot;
use super::search::{Place, Search, live};
use super::usual_policy::UsualPolicy;
use crate::cli::{ExportArgs, TableFormat};
use crate::evidence::snapshot::SavedRows;
use crate::evidence::{Columns, RowSource, Run};
use crate::fault::Fault;
use crate::number::plural;
use crate::policy::Source;
use crate::report::Table;
use crate::weave::{Client, Needs, RunSource, Sources, read_evidence, run_rows};

/// A run whose rows are written.
struct Exported {
    run: Run,
    /// The rows of the snapshot that the run was read from; `None` if the run is in Weave.
    saved: Option<SavedRows>,
}

pub(super) fn run(arguments: &ExportArgs, console: &Console) -> Result<(), Fault> {
    let sources = arguments.runs.iter().map(|run| Source::from_argument(run));
    let sources: Vec<Source> = sources.collect::<Result<_, _>>()?;
    let output = arguments
        .output
        .as_deref()
        .map(Output::prepare)
        .transpose()?;
    for source in &sources {
        if let (Source::File(path), Some(output)) = (source, &output)
            && output.overwrites(path)
        {
            let shown = output.shown();
            return Err(Fault::usage(format!(
                "the table would overwrite `{shown}`, which is read"
            ))
            .help("give the table a separate file"));
        }
    }
    let mut search = if sources.iter().any(|source| live(source).is_some()) {
        Some(Search::new(&arguments.server, None, console)?)
    } else {
        None
    };
    let mut runs = Vec::new();
    for source in &sources {
        match (source, &mut search) {
            (Source::File(path), _) => runs.extend(saved(path, console)?),
            (source, Some(search)) => runs.push(found(arguments, source, search, console)?),
            (_, None) => {
                return Err(Fault::usage("no run is named")
                    .help("name a run, as in `weave-gate export RUN`"));
            }
        }
    }
    let client = search.as_ref().map(Search::client);
    let mut lines = 0;
    let write = |to: &mut dyn Write| -> Result<(), Failure> {
        lines = table(arguments, &runs, client, console, to)?;
        Ok(())
    };
    match &output {
        Some(output) => {
            output.fill(write)?;
            console.done(&format!(
                "wrote {} to {}",
                plural(lines, "row"),
                output.shown()
            ));
            Ok(())
        }
        None => Console::stream(write),
    }
}

/// Writes the table, and returns the number of its rows.
fn table(
    arguments: &ExportArgs,
    runs: &[Exported],
    client: Option<&Client<'_>>,
    console: &Console,
    to: &mut dyn Write,
) -> Result<u64, Failure> {
    let dimensions: BTreeSet<&str> = runs
        .iter()
        .flat_map(|exported| exported.run.totals.dimensions.keys().map(String::as_str))
        .collect();
    let mut table = match arguments.format {
        TableFormat::Csv => Table::csv(to, &dimensions, is_shown(arguments), console.secrets())?,
        TableFormat::Jsonl => Table::JsonLines(to),
    };
    let secrets = console.secrets();
    let mut seen: HashSet<String> = HashSet::new();
    let mut lines = 0;
    for Exported { run, saved } in runs {
        // The reader does not return the original error of a failed write, so it is kept here.
        let mut unwritten = None;
        let mut take = |row: &crate::evidence::RunRow<'_>| {
            let written = if !arguments.dedup {
                table.row(run, row, secrets)
            } else if seen.insert(row.row_digest.clone().into_owned()) {
                let mut first = row.clone();
                first.trials.truncate(1);
                table.row(run, &first, secrets)
            } else {
                return Ok(());
            };
            lines += 1;
            written.map_err(|error| {
                let fault = Fault::evidence(format!("cannot write the table: {error}"))
                    .help("check the free space and where the output goes");
                unwritten = Some(error);
                fault
            })
        };
        let columns = Columns::everything();
        let read = match (saved, client) {
            (Some(saved), _) => saved.each(&columns, &mut take),
            (None, Some(client)) => {
                run_rows(client, &run.project, &run.id).each(&columns, &mut take)
            }
            (None, None) => Ok(()),
        };
        match (unwritten, read) {
            (Some(error), _) => return Err(error.into()),
            (None, read) => read?,
        }
    }
    table.finish()?;
    Ok(lines)
}

/// Whether the table is shown to people: on a terminal, or in the log of a runner that reads commands from it.
fn is_shown(arguments: &ExportArgs) -> bool {
    let runners = ["GITHUB_ACTIONS", "TF_BUILD"];
    arguments.output.is_none()
        && (io::stdout().is_terminal() || runners.iter().any(|name| environment(name).is_some()))
}

/// The runs of a snapshot, the newest first.
fn saved(path: &Path, console: &Console) -> Result<Vec<Exported>, Fault> {
    let shown = path.display();
    let saved = read_snapshot(path, console)?.ok_or_else(|| {
        Fault::evidence(format!("there is no snapshot `{shown}`"))
            .help("take one with `weave-gate snapshot RUN -o FILE --rows`")
    })?;
    let runs = saved.runs().iter();
    runs.map(|run| {
        let rows = saved.rows_of(&run.id).ok_or_else(|| {
            Fault::evidence(format!("the snapshot `{shown}` holds no rows"))
                .help("take it with `weave-gate snapshot --rows`")
        })?;
        Ok(Exported {
            run: run.clone(),
            saved: Some(rows),
        })
    })
    .collect()
}

fn found(
    arguments: &ExportArgs,
    source: &Source,
    search: &mut Search<'_>,
    console: &Console,
) -> Result<Exported, Fault> {
    let policy = UsualPolicy::read();
    let project = policy.needed_project(&arguments.server, console)?;
    let place = Place {
        project: &project,
        identity: &policy.identity,
    };
    let info = search.find(place, source)?;
    let client = search.client();
    let run = console.while_waiting("asking Weave", || {
        let sources = Sources {
            candidates: vec![RunSource::Live(Box::new(info))],
            baselines: None,
            newest_only: false,
            across: None,
        };
        read_evidence(client, &project, &sources, Needs::default())
    })?;
    let run = run.candidate;
    if let Some(status) = run
        .status
        .as_ref()
        .filter(|status| **status != RunStatus::Completed)
        .map(RunStatus::word)
    {
        let text = format!("the run {} has the status {status}", run.id);
        console.warn(
            &text,
            "its rows may be incomplete; export a completed run, or say so to readers",
        );
    }
    Ok(Exported { run, saved: None })
}
