//! `calibrate`: how much runs of an unchanged model differ, and how often limits fail because of that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use super::console::Console;
use super::output::Output;
use super::policies::policies;
use super::policy_noise::edited;
use super::saved::read_snapshot;
use super::search::{Place, Search};
use super::usual_policy::UsualPolicy;
use crate::calibration::calibrate;
use crate::cli::{CalibrateArgs, Format};
use crate::evidence::{Completeness, OwnedRun, RunInfo, RunStatus};
use crate::fault::Fault;
use crate::policy::{Gate, Policy, Source, expand};
use crate::report::{self, CalibrationReport};
use crate::selector::Selector;
use crate::weave::{read_run, run_rows};

const NOT_FINISHED: &str = "that did not complete";
const INCOMPLETE: &str = "of which Weave lacks calls";
const REPEATED: &str = "named twice";
const UNKNOWN: &str = "of an unknown model version or evaluation";

pub(super) fn run(arguments: &CalibrateArgs, console: &Console) -> Result<(), Fault> {
    let files = arguments.policy.as_ref().map(std::slice::from_ref);
    let mut found = match files {
        Some(file) => policies(&expand(file)?)?,
        None => Vec::new(),
    };
    if found.len() > 1 {
        return Err(Fault::usage(format!(
            "{} policies match, and the limits of one are tried",
            found.len()
        ))
        .help("name one policy file"));
    }
    let policy = found.pop();
    let output = arguments.html.as_deref().map(Output::prepare).transpose()?;
    let written = match &policy {
        Some(policy) if arguments.write => Some(Output::prepare(Path::new(&policy.path))?),
        _ => None,
    };
    let (runs, left_out) = runs(arguments, policy.as_ref(), console)?;
    let groups = calibrate(policy.as_ref(), &runs, Timestamp::now())?;
    let edit = match (&policy, written) {
        (Some(policy), Some(output)) => Some((edited(policy, &groups)?, output)),
        _ => None,
    };
    let report = CalibrationReport {
        policy: policy.map(|policy| policy.path),
        groups,
        left_out: left_out.into_iter().collect(),
    };
    let report = report.without(console.secrets());
    if let Some(output) = output {
        let written = output.write(&report::html_calibration(&report));
        written.map_err(|problem| {
            Fault::evidence(problem).help("check the path, its permissions and the free space")
        })?;
    }
    let text = match arguments.format {
        Format::Terminal => report::terminal_calibration(&report, console.style()),
        Format::Markdown => report::markdown_calibration(&report),
        Format::Json => report::json_calibration(&report)
            .map_err(|error| Fault::bug(format!("cannot write the report: {error}")))?,
    };
    console.print(&text)?;
    if let Some(((noise, text), output)) = edit {
        output.write(&text).map_err(|problem| {
            Fault::evidence(problem).help("check the path, its permissions and the free space")
        })?;
        console.done(&format!(
            "wrote `noise` into {}: {} runs, to be measured again after {}",
            output.shown(),
            noise.runs,
            noise.expires
        ));
    }
    Ok(())
}

/// Reads the runs, the newest first. Also returns how many runs are left out, by reason.
fn runs(
    arguments: &CalibrateArgs,
    policy: Option<&Policy>,
    console: &Console,
) -> Result<(Vec<OwnedRun>, BTreeMap<&'static str, u64>), Fault> {
    let mut left_out = BTreeMap::new();
    let mut runs = Vec::new();
    for text in &arguments.runs {
        match Source::from_argument(text).map_err(|fault| fault.in_argument("--runs"))? {
            Source::File(path) => {
                let saved = read_snapshot(&path, console)?.ok_or_else(|| {
                    Fault::evidence(format!("there is no snapshot `{}`", path.display()))
                        .help("take one with `weave-gate snapshot RUN -o FILE`")
                })?;
                for run in saved.runs() {
                    let rows = saved.rows_of(&run.id).ok_or_else(|| {
                        Fault::evidence(format!(
                            "the snapshot `{}` holds no rows, which a calibration needs",
                            path.display()
                        ))
                        .help("take it again without --summary-only")
                    })?;
                    let is_done = run.status == Some(RunStatus::Completed);
                    let is_whole = !matches!(run.completeness, Completeness::Incomplete(_));
                    if is_usable(is_done, is_whole, &mut left_out) {
                        let with_texts = needs_inputs(policy);
                        runs.push(OwnedRun::read(run.clone(), &rows, with_texts)?);
                    }
                }
            }
            Source::Find(selector) => {
                runs.extend(live(arguments, policy, &selector, &mut left_out, console)?);
            }
            Source::Run(id) => {
                return Err(Fault::usage(format!("--runs names the single run `{id}`")).help(
                    "name the runs by what they share: evaluation=NAME,branch=main, or files: file:PATH",
                ));
            }
        }
    }
    let mut ids = BTreeSet::new();
    runs.retain(|run| {
        let is_known = run
            .run
            .model
            .as_ref()
            .is_some_and(|it| it.version.is_some());
        let why = if !ids.insert(run.run.id.clone()) {
            REPEATED
        } else if !is_known || run.run.evaluation.is_none() {
            UNKNOWN
        } else {
            return true;
        };
        *left_out.entry(why).or_default() += 1;
        false
    });
    runs.sort_by_key(|run| std::cmp::Reverse(run.run.started_at));
    if runs.is_empty() {
        return Err(
            Fault::evidence("no run is finished, complete, and of a known model version")
                .help("`weave-gate runs` lists the runs of a project"),
        );
    }
    Ok((runs, left_out))
}

/// Reads the newest runs that match, each with its rows.
fn live(
    arguments: &CalibrateArgs,
    policy: Option<&Policy>,
    selector: &Selector,
    left_out: &mut BTreeMap<&'static str, u64>,
    console: &Console,
) -> Result<Vec<OwnedRun>, Fault> {
    let usual = UsualPolicy::read();
    let project = usual.needed_project(&arguments.server, console)?;
    let identity = policy.map_or(&usual.identity, |policy| &policy.identity);
    let place = Place {
        project: &project,
        identity,
    };
    let search = Search::new(&arguments.server, None, console)?;
    let mut infos = search.recent(place, selector)?;
    infos.truncate(usize::from(arguments.last));
    let (done, others): (Vec<RunInfo>, Vec<RunInfo>) = infos
        .into_iter()
        .partition(|info| info.status == Some(RunStatus::Completed));
    for _ in others {
        is_usable(false, true, left_out);
    }
    let asked: Vec<&RunInfo> = done.iter().collect();
    let known = search.completeness(place, &asked)?;
    let mut runs = Vec::new();
    for (info, known) in done.into_iter().zip(known) {
        let is_whole = !matches!(known, Completeness::Incomplete(_));
        if !is_usable(true, is_whole, left_out) {
            continue;
        }
        let run = console.while_waiting("asking Weave", || {
            let run = read_run(search.client(), &project, info)?;
            let rows = run_rows(search.client(), &project, &run.id);
            OwnedRun::read(run, &rows, needs_inputs(policy))
        })?;
        runs.push(run);
    }
    Ok(runs)
}

fn needs_inputs(policy: Option<&Policy>) -> bool {
    policy.is_some_and(|policy| policy.gates.iter().any(Gate::is_sliced))
}

/// Whether a run is compared with others. A run that is not is counted.
fn is_usable(is_done: bool, is_whole: bool, left_out: &mut BTreeMap<&'static str, u64>) -> bool {
    let why = match (is_done, is_whole) {
        (false, _) => NOT_FINISHED,
        (true, false) => INCOMPLETE,
        (true, true) => return true,
    };
    *left_out.entry(why).or_default() += 1;
    false
}
