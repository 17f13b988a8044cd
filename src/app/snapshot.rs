//! `snapshot`: a run in a file.

use jiff::Timestamp;

use super::console::Console;
use super::environment;
use super::output::Output;
use crate::cli::{ServerArgs, SnapshotArgs};
use crate::evidence::snapshot;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::number::plural;
use crate::policy::Source;
use crate::report::visible;
use crate::weave::{Address, Client, Noise, Project, Secret, read_run};

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
    let project = project(&arguments.server, None)?.ok_or_else(no_project)?;
    let output = Output::prepare(&arguments.output)?;
    let client = client(&arguments.server, console)?;
    let run = console.while_waiting("asking Weave", || read_run(&client, &project, &id))?;
    let text = snapshot::write(&run, Timestamp::now())?;
    output.write(&text).map_err(Fault::evidence)?;
    console.done(&format!(
        "wrote {} of run {} to {}",
        plural(run.rows, "row"),
        visible(&run.id),
        visible(&arguments.output.display().to_string())
    ));
    Ok(())
}

/// The project: the argument, else the policy's, else from the SDK's variables.
pub(super) fn project(
    server: &ServerArgs,
    policy: Option<String>,
) -> Result<Option<Project>, Fault> {
    let variable = |name| environment(name).filter(|value| !value.is_empty());
    let from_environment = || {
        Some(format!(
            "{}/{}",
            variable("WANDB_ENTITY")?,
            variable("WANDB_PROJECT")?
        ))
    };
    server
        .project
        .clone()
        .or(policy)
        .or_else(from_environment)
        .map(|text| Project::parse(&text))
        .transpose()
}

pub(super) fn no_project() -> Fault {
    Fault::usage("no project is named")
        .help("write `project: entity/project` into the policy, give --project, or set WANDB_ENTITY and WANDB_PROJECT")
}

/// A client for the address and with the key that the SDK would use.
pub(super) fn client<'a>(server: &ServerArgs, noise: &'a dyn Noise) -> Result<Client<'a>, Fault> {
    let address = Address::find(
        server.base_url.as_deref(),
        server.insecure_http,
        &environment,
    )?;
    let key = Secret::find(&address, &environment)?;
    let timeout = server.timeout.unsigned_abs();
    Client::new(address, key, timeout, &environment, noise)
}
