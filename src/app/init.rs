//! `init`: drafts a policy from a run.

use jiff::Timestamp;

use super::candidates::Candidates;
use super::console::Console;
use super::drafted_run::{self, DraftedRun};
use super::output::Output;
use super::request::BaselineRequest;
use super::run_warnings;
use super::search::{Place, Search};
use super::usual_policy::needed_project;
use crate::cli::InitArgs;
use crate::draft::{self, Keys};
use crate::evidence::{Evidence, RunInfo};
use crate::fault::Fault;
use crate::policy::{Required, Source};
use crate::selector::{Identity, Selector};
use crate::shell;
use crate::weave::{Needs, RunSource, Sources, read_evidence};

pub(super) fn run(arguments: &InitArgs, console: &Console) -> Result<(), Fault> {
    let output = Output::prepare(&arguments.output)?;
    if !arguments.force && output.is_there() {
        return Err(Fault::usage(format!("`{}` already exists", output.shown()))
            .help("--force overwrites it; -o writes another file"));
    }
    let project = needed_project(&arguments.server, console)?;
    let identity = Identity::default();
    let place = Place {
        project: &project,
        identity: &identity,
    };
    let mut search = Search::new(&arguments.server, arguments.wait, console)?;
    let chosen = drafted_run::choose(arguments, &mut search, place, console)?;
    let info = &chosen.info;
    let (evaluation, branch) = (info.evaluation_name(), chosen.main_branch(&identity));
    let keys = Keys {
        evaluation,
        model: info.model.as_ref().map(|model| model.name.as_str()),
        has_commit: info.commit(&identity).is_some(),
        branch: branch.as_deref(),
    };
    let evidence = evidence(&search, place, info, keys, console)?;
    run_warnings::warn(&search, place, &chosen, &evidence.candidate.totals, console)?;
    let text = draft::policy(&evidence, keys, Timestamp::now())?;
    let written = if arguments.force {
        output.write(&text)
    } else {
        output.create(&text)
    };
    written.map_err(|error| {
        Fault::evidence(error).help("check the path, its permissions and the free space")
    })?;
    say(arguments, &output, &chosen, console);
    Ok(())
}

/// Says what was written, from which run, and the next command.
fn say(arguments: &InitArgs, output: &Output, chosen: &DraftedRun, console: &Console) {
    let id = &chosen.info.id;
    let why = chosen.why.as_ref();
    let why = why.map_or_else(String::new, |why| format!(", {why}"));
    console.done(&format!(
        "wrote {}, drafted from run {id}{why}",
        output.shown()
    ));
    let policy = arguments.output.display().to_string();
    let policy = match policy.as_str() {
        "gates.yaml" => String::new(),
        other => format!(" {}", shell::word(other)),
    };
    console.done(&format!(
        "next: weave-gate check{policy} --candidate {}",
        shell::word(id)
    ));
}

/// Reads the evidence for a run and for the baseline that the drafted policy will find, so that the draft is based on
/// what it will be judged on.
fn evidence(
    search: &Search<'_>,
    place: Place<'_>,
    info: &RunInfo,
    keys: Keys<'_>,
    console: &Console,
) -> Result<Evidence, Fault> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let is_found = keys.evaluation.is_some() || keys.model.is_some();
    let selector = match keys.branch {
        Some(branch) => Selector {
            branch: Some(branch.to_owned()),
            ..Selector::default()
        },
        None => Selector {
            evaluation: owned(keys.evaluation),
            model: owned(keys.model).filter(|_| keys.evaluation.is_none()),
            ..Selector::default()
        },
    };
    let (mut baseline, mut is_first) = (None, false);
    if is_found {
        let request = BaselineRequest::new(Source::Find(selector), Required::AfterFirst);
        let rules = search.rules(place, &Candidates::only(info.clone()), &request, false)?;
        match search.baselines(place, &request, &rules)? {
            Ok(found) => baseline = found.infos.into_iter().next(),
            Err(absent) => is_first = absent.is_first,
        }
    }
    let live = |info| vec![RunSource::Live(Box::new(info))];
    let sources = Sources {
        candidates: live(info.clone()),
        baselines: baseline.map(|info| Ok(live(info))),
        newest_only: false,
        across: None,
    };
    let mut evidence = console.while_waiting("asking Weave", || {
        let needs = Needs {
            rows: Some(&draft::columns),
            ..Needs::default()
        };
        read_evidence(search.client(), place.project, &sources, needs)
    })?;
    evidence.selection.is_first = is_first;
    Ok(evidence)
}
