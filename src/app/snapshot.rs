//! `snapshot`: a run in a file.

use jiff::Timestamp;

use super::console::Console;
use super::output::Output;
use super::server::{client, no_project, project};
use crate::cli::SnapshotArgs;
use crate::evidence::snapshot;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::number::plural;
use crate::policy::Source;
use crate::weave::read_run;

pub(super) fn run(arguments: &SnapshotArgs, console: &Console) -> Exit {
    match take(arguments, console) {
        Ok(()) => Exit::Passed,
        Err(fault) => {
            console.fault(&fault);
            fault.exit
        }
    }
}

fn take(arguments: &SnapshotArgs, console: &Console) -> Result<(), Fault> {
    let id = match Source::from_argument(&arguments.run) {
        Ok(Source::Run(id)) => id,
        Ok(Source::File(_)) => {
            return Err(Fault::usage("a snapshot is taken of a run, not of a file"));
        }
        Err(problem) => return Err(Fault::usage(problem)),
    };
    let project = project(&arguments.server, || Ok(None))?.ok_or_else(no_project)?;
    let output = Output::prepare(&arguments.output)?;
    let client = client(&arguments.server, console)?;
    let run = console.while_waiting("asking Weave", || read_run(&client, &project, &id))?;
    let text = snapshot::write(&run, Timestamp::now())?;
    output.write(&text).map_err(Fault::evidence)?;
    console.done(&format!(
        "wrote {} of run {} to {}",
        plural(run.rows, "row"),
        run.id,
        arguments.output.display()
    ));
    Ok(())
}
