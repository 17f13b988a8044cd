//! What commands without a policy take from `gates.yaml` in the working directory: the project, and the attributes that
//! hold a run's commit and branch.

use std::path::Path;

use super::console::Console;
use super::environment::environment;
use super::server::project_with_origin;
use crate::cli::{ServerArgs, USUAL_POLICY};
use crate::fault::Fault;
use crate::policy::{self, PolicyFile, Unset};
use crate::project::Project;
use crate::selector::Identity;

/// What a command without a policy takes from `gates.yaml` in the working directory: the defaults of `check`.
#[derive(Debug, Default)]
pub(super) struct UsualPolicy {
    /// The attributes that hold the commit and the branch of a run.
    pub(super) identity: Identity,
    project: Option<String>,
    /// Why the file names no project although it is there.
    problem: Option<String>,
}

impl UsualPolicy {
    /// Reads the file. If it is invalid, it counts as missing, because the command does not need it.
    pub(super) fn read() -> Self {
        if !Path::new(USUAL_POLICY).is_file() {
            return Self::default();
        }
        let file = PolicyFile {
            path: USUAL_POLICY.to_owned(),
        };
        let text = file.read().ok();
        let policy = text.and_then(|text| policy::parse(USUAL_POLICY, &text).ok());
        let Some(policy) = policy else {
            return Self {
                problem: Some("is invalid; `weave-gate validate` says why".to_owned()),
                ..Self::default()
            };
        };
        let project = policy
            .project
            .as_ref()
            .map(|template| template.resolve(&environment))
            .transpose();
        let (project, problem) = match project {
            Ok(project) => (project, None),
            Err(Unset(name)) => (
                None,
                Some(format!(
                    "does not tell its project: the variable `{name}` is not set"
                )),
            ),
        };
        Self {
            identity: policy.identity,
            project,
            problem,
        }
    }

    /// Returns the project of a command: the argument, else this policy's, else that of the SDK's variables. With
    /// `--verbose` stderr says where it was found.
    ///
    /// # Errors
    ///
    /// It is not written `entity/project`.
    pub(super) fn project(
        &self,
        server: &ServerArgs,
        console: &Console,
    ) -> Result<Option<Project>, Fault> {
        let found = project_with_origin(server, || Ok(self.project.clone()))?;
        Ok(found.map(|(project, origin)| {
            console.detail(&format!("project {project}, from {origin}"));
            project
        }))
    }

    /// The same for a command that needs a project.
    ///
    /// # Errors
    ///
    /// No project is named, or it is not written `entity/project`.
    pub(super) fn needed_project(
        &self,
        server: &ServerArgs,
        console: &Console,
    ) -> Result<Project, Fault> {
        let found = self.project(server, console)?;
        found.ok_or_else(|| self.no_project())
    }

    /// The error if no project is named and one is needed.
    pub(super) fn no_project(&self) -> Fault {
        let help = "give --project, or set WANDB_ENTITY and WANDB_PROJECT";
        let fault = Fault::usage("no project is named");
        match &self.problem {
            Some(problem) => fault.help(format!("{help}; {USUAL_POLICY} {problem}")),
            None => fault.help(format!(
                "{help}, or write `project: entity/project` into {USUAL_POLICY}"
            )),
        }
    }
}

/// Returns the project of a command that needs one; see [`UsualPolicy::project`].
///
/// # Errors
///
/// No project is named, or it is not written `entity/project`.
pub(super) fn needed_project(server: &ServerArgs, console: &Console) -> Result<Project, Fault> {
    UsualPolicy::read().needed_project(server, console)
}
