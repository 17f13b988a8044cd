//! `runs`: lists the runs that can be judged.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::console::Console;
use super::environment::environment;
use super::server::client;
use super::usual_policy::UsualPolicy;
use crate::cli::RunsArgs;
use crate::evidence::RunInfo;
use crate::fault::Fault;
use crate::policy::Source;
use crate::project::Project;
use crate::report;
use crate::report::runs::{self, Listing};
use crate::selector::Selector;
use crate::weave::{Client, Eligible, Finder, Named, read_trials, web};

pub(super) fn run(arguments: &RunsArgs, console: &Console) -> Result<(), Fault> {
    let selector = selector(arguments.selector.as_deref())?;
    let policy = UsualPolicy::read();
    let project = policy.needed_project(&arguments.server, console)?;
    let client = client(&arguments.server, console)?;
    let finder = Finder::new(&client, &project, &policy.identity);
    let most = usize::from(arguments.limit);
    // One more shows whether there are more.
    let ask = || finder.recent(&selector, most + 1);
    let (mut runs, absence) = match console.while_waiting("asking Weave", ask)? {
        Ok(runs) => (runs, None),
        Err(absence) => (Vec::new(), Some(absence)),
    };
    let has_more = runs.len() > most;
    runs.truncate(most);
    let trials = if let Some(absence) = absence {
        let nothing = finder.absence(Named::Newest(&selector), Eligible::Any, absence)?;
        console.done(&nothing.to_string());
        None
    } else {
        trials(&client, &project, &runs, console)
    };
    let is_for_people = Console::is_terminal() && !arguments.json && !runs.is_empty();
    // The totals are only for people, so scripts do not wait for them.
    let count = |selector: &Selector, is_wanted: bool| {
        let count = || finder.total(selector);
        (is_for_people && is_wanted)
            .then(|| console.while_waiting("asking Weave", count))
            .flatten()
    };
    let listing = Listing {
        project: &project,
        web: web(&environment)?,
        selector: &selector,
        identity: &policy.identity,
        runs: &runs,
        secrets: console.secrets(),
        trials,
        has_more,
        matching: count(&selector, has_more),
        all: count(&Selector::default(), !has_more && !selector.is_any()),
        now: Timestamp::now(),
    };
    if arguments.json {
        let text = runs::json(&listing);
        let text = text.map_err(|error| Fault::bug(format!("cannot write JSON: {error}")))?;
        return console.print(&text);
    }
    if is_for_people {
        return console.print(&report::terminal_runs(&listing, console.style()));
    }
    console.print(&runs::plain(&listing))?;
    if has_more {
        console.done(&format!("{most} runs shown, there are more (--limit)"));
    }
    Ok(())
}

/// Counts the trials of each run; `None` if they cannot be counted.
fn trials(
    client: &Client<'_>,
    project: &Project,
    runs: &[RunInfo],
    console: &Console,
) -> Option<BTreeMap<String, u64>> {
    let ids: Vec<&str> = runs.iter().map(|info| info.id.as_str()).collect();
    let count = || read_trials(client, project, &ids);
    match console.while_waiting("asking Weave", count) {
        Ok(trials) => Some(trials),
        Err(fault) => {
            let help = fault.help.as_deref();
            let help = help.unwrap_or("run the command again, or go without the number of trials");
            console.warn(&format!("cannot count trials: {}", fault.message), help);
            None
        }
    }
}

/// Parses the selector of the runs to list. A text that names one run is refused.
fn selector(text: Option<&str>) -> Result<Selector, Fault> {
    let Some(text) = text else {
        return Ok(Selector::default());
    };
    match Source::from_argument(text) {
        Ok(Source::Find(selector)) => Ok(selector),
        Ok(Source::Run(_) | Source::File(_)) => Err(Fault::usage(format!(
            "`{text}` names one run, and `runs` lists those that match a selector"
        ))
        .help("a selector is evaluation=NAME, model=NAME, commit=SHA, branch=NAME or attributes.KEY=VALUE")),
        Err(fault) => Err(fault),
    }
}
