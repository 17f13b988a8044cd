//! `snapshot`: a run in a file.

use jiff::Timestamp;

use super::console::Console;
use super::output::{Failure, Output};
use super::search::{Search, live};
use super::server::needed_project;
use crate::cli::SnapshotArgs;
use crate::evidence::{RowSource, snapshot};
use crate::fault::Fault;
use crate::number::plural;
use crate::policy::Source;
use crate::weave::{read_run, run_rows};

pub(super) fn run(arguments: &SnapshotArgs, console: &Console) -> Result<(), Fault> {
    let source = Source::from_argument(&arguments.run).map_err(Fault::usage)?;
    let wanted =
        live(&source).ok_or_else(|| Fault::usage("a snapshot is taken of a run, not of a file"))?;
    let project = needed_project(&arguments.server)?;
    let output = Output::prepare(&arguments.output)?;
    let search = Search::new(&arguments.server, arguments.wait, console)?;
    let mut search = if arguments.completed {
        search.only_completed()
    } else {
        search
    };
    let head = search.find(&project, wanted)?;
    let client = search.client();
    let run = console.while_waiting("asking Weave", || read_run(client, &project, head))?;
    if let Some(status) = run
        .status
        .as_deref()
        .filter(|status| *status != "completed")
    {
        console.warn(&format!(
            "the run's status is {status}: judged as it is, it decides nothing"
        ));
    }
    let rows = run_rows(client, &project, &run.id);
    let rows: Option<&dyn RowSource> = arguments.rows.then_some(&rows);
    console.while_waiting("asking Weave", || {
        output.fill(|to| snapshot::write(to, &run, rows, Timestamp::now()).map_err(Failure::Other))
    })?;
    console.done(&format!(
        "wrote {} of run {} to {}",
        plural(run.rows, "row"),
        run.id,
        arguments.output.display()
    ));
    Ok(())
}
