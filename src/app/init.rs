//! `init`: a policy to start from.

use jiff::Timestamp;

use super::console::Console;
use super::output::Output;
use super::search::{Search, Wanted, live};
use super::server::needed_project;
use crate::cli::InitArgs;
use crate::draft;
use crate::fault::Fault;
use crate::policy::Source;
use crate::selector::Selector;
use crate::weave::{Named, Needs, Side, read_evidence};

pub(super) fn run(arguments: &InitArgs, console: &Console) -> Result<(), Fault> {
    let source = Source::from_argument(&arguments.run).map_err(Fault::usage)?;
    let named = live(&source)
        .ok_or_else(|| Fault::usage("a policy is drafted from a run in Weave, not from a file"))?;
    let output = Output::prepare(&arguments.output)?;
    if !arguments.force && output.is_there() {
        return Err(
            Fault::usage(format!("`{}` is there already", output.shown()))
                .help("--force overwrites it; -o writes another file"),
        );
    }
    let project = needed_project(&arguments.server)?;
    let mut search = Search::new(&arguments.server, arguments.wait, console)?;
    let head = search.find(&project, named)?;
    let evaluation = head.evaluation_name().map(str::to_owned);
    let candidate = Side::Live(Box::new(head));
    // The draft's own baseline: so it is drafted on what it will be judged on.
    let selector = Selector {
        evaluation: evaluation.clone(),
        ..Selector::default()
    };
    let baseline = if evaluation.is_some() {
        let wanted = Wanted::Live(Named::Newest(&selector));
        search.baseline(&project, wanted, &candidate, false)?.ok()
    } else {
        None
    };
    let client = search.client();
    let evidence = console.while_waiting("asking Weave", || {
        let needs = Needs {
            rows: Some(&draft::columns),
            ..Needs::default()
        };
        read_evidence(client, &project, candidate, baseline, needs)
    })?;
    let text = draft::policy(&evidence, evaluation.as_deref(), Timestamp::now())?;
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
