//! `init`: drafts a policy from a run.

use jiff::Timestamp;

use super::console::Console;
use super::output::Output;
use super::request::{BaselineRequest, CandidateRequest};
use super::search::{Place, Search, live};
use super::server::needed_project;
use crate::cli::InitArgs;
use crate::draft;
use crate::fault::Fault;
use crate::policy::{Required, Source};
use crate::selector::{Identity, Selector};
use crate::weave::{Needs, RunSource, Sources, read_evidence};

pub(super) fn run(arguments: &InitArgs, console: &Console) -> Result<(), Fault> {
    let source = Source::from_argument(&arguments.run).map_err(Fault::usage)?;
    live(&source)
        .ok_or_else(|| Fault::usage("a policy is drafted from a run in Weave, not from a file"))?;
    let output = Output::prepare(&arguments.output)?;
    if !arguments.force && output.is_there() {
        return Err(
            Fault::usage(format!("`{}` is there already", output.shown()))
                .help("--force overwrites it; -o writes another file"),
        );
    }
    let project = needed_project(&arguments.server)?;
    let identity = Identity::default();
    let place = Place {
        project: &project,
        identity: &identity,
    };
    let mut search = Search::new(&arguments.server, arguments.wait, console)?;
    let found = search.candidates(place, &CandidateRequest::only(source))?;
    let info = found.judged.first().cloned();
    let info = info.ok_or_else(|| Fault::evidence("no run was found"))?;
    let evaluation = info.evaluation_name().map(str::to_owned);
    let model = info.model.as_ref().map(|model| model.name.clone());
    // This is the baseline that the draft will use, so the draft is based on what it will be judged on.
    let selector = Selector {
        evaluation: evaluation.clone(),
        model: model.clone().filter(|_| evaluation.is_none()),
        ..Selector::default()
    };
    let baseline = if evaluation.is_some() || model.is_some() {
        let request = BaselineRequest::new(Source::Find(selector), Required::Never);
        let rules = search.rules(place, &found, &request, false)?;
        search.baselines(place, &request, &rules)?.ok()
    } else {
        None
    };
    let baseline = baseline.and_then(|found| found.infos.into_iter().next());
    let live = |info| vec![RunSource::Live(Box::new(info))];
    let sources = Sources {
        candidates: live(info),
        baselines: baseline.map(|info| Ok(live(info))),
        newest_only: false,
    };
    let client = search.client();
    let evidence = console.while_waiting("asking Weave", || {
        let needs = Needs {
            rows: Some(&draft::columns),
            ..Needs::default()
        };
        read_evidence(client, &project, &sources, needs)
    })?;
    let named = draft::Named {
        evaluation: evaluation.as_deref(),
        model: model.as_deref(),
    };
    let text = draft::policy(&evidence, named, Timestamp::now())?;
    let written = if arguments.force {
        output.write(&text)
    } else {
        output.create(&text)
    };
    written.map_err(Fault::evidence)?;
    console.done(&format!(
        "wrote {}, drafted from run {}",
        output.shown(),
        evidence.candidate.id
    ));
    Ok(())
}
