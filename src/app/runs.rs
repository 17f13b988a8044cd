//! `runs`: lists the runs that can be judged.

use super::console::Console;
use super::environment::environment;
use super::server::{client, needed_project};
use crate::cli::RunsArgs;
use crate::evidence::RunInfo;
use crate::fault::Fault;
use crate::policy::Source;
use crate::report::runs::{self, Listing};
use crate::selector::{Identity, Selector};
use crate::weave::{Eligible, Finder, Named, read_trials, web};

pub(super) fn run(arguments: &RunsArgs, console: &Console) -> Result<(), Fault> {
    let selector = selector(arguments.selector.as_deref())?;
    let project = needed_project(&arguments.server)?;
    let client = client(&arguments.server, console)?;
    let identity = Identity::default();
    let finder = Finder::new(&client, &project, &identity);
    let most = usize::from(arguments.limit);
    let ask = || finder.recent(&selector, most);
    let found = console.while_waiting("asking Weave", ask)?;
    let (runs, absence): (Vec<RunInfo>, _) = match found {
        Ok(runs) => (runs, None),
        Err(absence) => (Vec::new(), Some(absence)),
    };
    let ids: Vec<&str> = runs.iter().map(|info| info.id.as_str()).collect();
    let trials = if let Some(absence) = absence {
        let nothing = finder.absence(Named::Newest(&selector), Eligible::Any, absence)?;
        console.done(&nothing.to_string());
        None
    } else {
        let count = || read_trials(&client, &project, &ids);
        match console.while_waiting("asking Weave", count) {
            Ok(trials) => Some(trials),
            Err(fault) => {
                console.warn(&format!("cannot count trials: {}", fault.message));
                None
            }
        }
    };
    let listing = Listing {
        project: &project,
        web: web(&environment)?,
        selector: &selector,
        runs: &runs,
        secrets: console.secrets(),
        trials,
    };
    let text = if arguments.json {
        runs::json(&listing)
            .map_err(|error| Fault::evidence(format!("cannot write JSON: {error}")))?
    } else {
        runs::terminal(&listing)
    };
    console.print(&text)
}

/// Parses the selector of the runs to list. A text that names one run is refused.
fn selector(text: Option<&str>) -> Result<Selector, Fault> {
    let Some(text) = text else {
        return Ok(Selector::default());
    };
    match Source::from_argument(text) {
        Ok(Source::Find(selector)) => Ok(selector),
        Ok(Source::Run(_) | Source::File(_)) => Err(Fault::usage(format!(
            "`{text}` selects no runs; expected evaluation=NAME, model=NAME, commit=SHA, branch=NAME or attributes.KEY=VALUE"
        ))),
        Err(problem) => Err(Fault::usage(problem)),
    }
}
