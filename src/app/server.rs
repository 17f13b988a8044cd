//! Creates the client and finds the project from the options of the command line.

use super::environment::environment;
use crate::cli::{Cli, Command, ServerArgs, USUAL_POLICY};
use crate::fault::Fault;
use crate::http::Progress;
use crate::project::Project;
use crate::secret::Secret;
use crate::weave::{self, Address, Client, find_credential};

/// Returns the project: the argument, else the policy's, else that of the SDK's variables.
///
/// # Errors
///
/// The project is not written `entity/project`, or the policy's project is unavailable.
pub(super) fn project(
    server: &ServerArgs,
    of_policy: impl FnOnce() -> Result<Option<String>, Fault>,
) -> Result<Option<Project>, Fault> {
    let found = project_with_origin(server, of_policy)?;
    Ok(found.map(|(project, _)| project))
}

/// Returns the same, and where the project was found.
///
/// # Errors
///
/// The same.
pub(super) fn project_with_origin(
    server: &ServerArgs,
    of_policy: impl FnOnce() -> Result<Option<String>, Fault>,
) -> Result<Option<(Project, &'static str)>, Fault> {
    let variable = |name| environment(name).filter(|value| !value.is_empty());
    let of_environment = || {
        let (entity, name) = (variable("WANDB_ENTITY")?, variable("WANDB_PROJECT")?);
        Some((format!("{entity}/{name}"), "WANDB_ENTITY and WANDB_PROJECT"))
    };
    let named = match &server.project {
        Some(named) => Some((named.clone(), "--project")),
        None => match of_policy()? {
            Some(named) => Some((named, USUAL_POLICY)),
            None => of_environment(),
        },
    };
    named
        .map(|(text, origin)| {
            let project = Project::parse(&text).ok_or_else(|| {
                Fault::usage(format!("`{text}` is not a project"))
                    .help("a project is written entity/project, as in its address at wandb.ai")
            })?;
            Ok((project, origin))
        })
        .transpose()
}

/// The error if no project is named and one is needed.
pub(super) fn no_project() -> Fault {
    Fault::usage("no project is named").help(
        "write `project: entity/project` into the policy, give --project, or set WANDB_ENTITY and WANDB_PROJECT",
    )
}

/// Creates a client with the address and the credential that the SDK would use.
///
/// # Errors
///
/// The address or the key is missing or invalid, or the proxy or the certificates cannot be used.
pub(super) fn client<'a>(
    server: &ServerArgs,
    progress: &'a dyn Progress,
) -> Result<Client<'a>, Fault> {
    let address = Address::find(
        server.base_url.as_deref(),
        server.insecure_http,
        &environment,
    )?;
    let credential = find_credential(&address, server.insecure_http, &environment)?;
    let timeout = server.timeout.unsigned_abs();
    Client::new(address, credential, timeout, &environment, progress)
}

/// Returns the API key or the identity token that a command would send, if there is one.
///
/// # Errors
///
/// An address is invalid, or a file cannot be read. It is then unknown whether there is a credential.
pub(super) fn known_key(server: Option<&ServerArgs>) -> Result<Option<Secret>, Fault> {
    let base_url = server.and_then(|server| server.base_url.as_deref());
    let insecure_http = server.is_some_and(|server| server.insecure_http);
    weave::known_secret(base_url, insecure_http, &environment)
}

/// The server options of a command; `None` if the command has none.
pub(super) fn options(cli: &Cli) -> Option<&ServerArgs> {
    match &cli.command {
        Command::Check(arguments) => Some(&arguments.judge.server),
        Command::Explain(arguments) => Some(&arguments.judge.server),
        Command::Init(arguments) => Some(&arguments.server),
        Command::Compare(arguments) => Some(&arguments.server),
        Command::Test(arguments) => Some(&arguments.judge.server),
        Command::Calibrate(arguments) => Some(&arguments.server),
        Command::Export(arguments) => Some(&arguments.server),
        Command::Prediction(arguments) => Some(&arguments.server),
        Command::Runs(arguments) => Some(&arguments.server),
        Command::Snapshot(arguments) => Some(&arguments.server),
        Command::Validate(_)
        | Command::Diff(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man => None,
    }
}
