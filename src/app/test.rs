//! `test`: edits copies of two runs, and shows whether each gate can fail and can pass.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use jiff::Timestamp;

use super::archive::Archive;
use super::check::{gather, prepare};
use super::console::Console;
use super::output::{Failure, Output, make_folder};
use super::plan::Plan;
use super::policy_base::Based;
use super::request::Request;
use crate::cli::{Format, JudgeArgs, TestArgs};
use crate::evidence::snapshot::{self, Spool, Written};
use crate::evidence::{Baseline, Columns, Evidence, OwnedRun, RowSource, Run};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::gate_test::{self, Control, TestRuns};
use crate::judge::{Check, Status};
use crate::number::plural;
use crate::policy::{Gate, Source};
use crate::report::{self, TestReport, TestedPolicy};
use crate::shell;
use crate::weave::{Needs, RunSource};

/// The id of the copy of the candidate that takes the place of a baseline.
const COPY: &str = "copy-of-the-candidate";

pub(super) fn run(arguments: &TestArgs, console: &Console) -> Exit {
    match tested(arguments, console) {
        Ok(exit) => exit,
        Err(fault) => {
            console.fault(&fault);
            fault.exit
        }
    }
}

fn tested(arguments: &TestArgs, console: &Console) -> Result<Exit, Fault> {
    let plans = prepare(&arguments.judge, &mut |_| Ok(()))?;
    if let Some(folder) = &arguments.write {
        make_folder(folder)?;
    }
    let needs = Needs {
        rows: Some(&|_| Columns::default()),
        ..Needs::default()
    };
    let judge = &arguments.judge;
    let mut archive = Archive::new(&judge.server, judge.wait, needs, console);
    let mut policies = Vec::new();
    for Based { plan, .. } in &plans {
        let (runs, is_copy) = read(&mut archive, plan, console)?;
        let test = gate_test::test(&plan.policy, &runs, Timestamp::now())?;
        let named = |run: &OwnedRun| {
            let name = run.run.display_name.as_ref().unwrap_or(&run.run.id);
            (name.clone(), run.run.rows)
        };
        policies.push(TestedPolicy {
            policy: plan.policy.clone(),
            candidate: named(&runs.candidate),
            baseline: runs.baselines.get(&None).map(named),
            is_copy,
            test,
        });
    }
    let report = TestReport { policies };
    let report = report.without(console.secrets());
    if let Some(folder) = &arguments.write {
        write(folder, &report, arguments, console)?;
    }
    let text = match arguments.format {
        Format::Terminal => report::terminal_test(&report, console.style()),
        Format::Markdown => report::markdown_test(&report),
        Format::Json => report::json_test(&report)
            .map_err(|error| Fault::bug(format!("cannot write the report: {error}")))?,
    };
    console.print(&text)?;
    Ok(report.exit())
}

/// Reads the newest run of each side with all of its rows. If no baseline is known, a copy of the candidate takes its
/// place.
fn read(
    archive: &mut Archive<'_>,
    plan: &Plan,
    console: &Console,
) -> Result<(TestRuns, bool), Fault> {
    let with_texts = plan.policy.gates.iter().any(Gate::is_sliced);
    let request = reachable(&plan.request);
    let evidence = archive.evidence(&request)?;
    let read = |source: &RunSource, run: &Run| -> Result<OwnedRun, Fault> {
        let reader = archive.reader(&request.with_baseline(None));
        let client = reader.and_then(|reader| reader.client);
        let rows = source.rows(client, &run.project);
        let rows = rows.ok_or_else(|| without_rows(run))?;
        let rows: &dyn RowSource = &*rows;
        console.while_waiting("asking Weave", || {
            OwnedRun::read(run.clone(), rows, with_texts)
        })
    };
    let sources = |name: Option<&str>| {
        let reader = archive.reader(&request.with_baseline(name));
        reader.map(|reader| reader.sources.clone())
    };
    let candidate = newest(&evidence);
    let of_candidate = sources(None).and_then(|all| all.candidates.first().cloned());
    let of_candidate = of_candidate.ok_or_else(|| Fault::bug("the candidate was not read"))?;
    let candidate = read(&of_candidate, candidate)?;
    let mut baselines = BTreeMap::new();
    let mut is_copy = false;
    let further = plan.policy.used_baselines().map(|(name, _)| Some(name));
    let usual = plan.policy.compares(None).then_some(None);
    for name in usual.into_iter().chain(further) {
        let of_name = evidence.with_baseline(name).map(|found| &found.baseline);
        let source = sources(name).and_then(|all| all.baselines().first().cloned());
        let run = if let (Some(Baseline::Found(run, _)), Some(source)) = (of_name, source) {
            read(&source, run)?
        } else {
            is_copy |= name.is_none();
            copy_of(&candidate)
        };
        baselines.insert(name.map(str::to_owned), run);
    }
    let runs = TestRuns {
        candidate,
        baselines,
    };
    Ok((runs, is_copy))
}

/// The newest of the candidate's runs.
fn newest(evidence: &Evidence) -> &Run {
    let newest = evidence.each.first().unwrap_or(evidence);
    &newest.candidate
}

/// The same request without baselines in Weave, if the candidate is a file: a test of files needs no network.
fn reachable(request: &Request) -> Request {
    let is_file = |source: &Source| matches!(source, Source::File(_));
    let mut request = request.clone();
    if is_file(&request.candidate.source) {
        request.baseline = request.baseline.filter(|it| is_file(&it.source));
        request.named.retain(|_, it| is_file(&it.source));
    }
    request
}

fn copy_of(candidate: &OwnedRun) -> OwnedRun {
    let mut copy = candidate.clone();
    COPY.clone_into(&mut copy.run.id);
    copy
}

fn without_rows(run: &Run) -> Fault {
    let id = shell::word(&run.id);
    Fault::evidence(format!(
        "the scores of the rows of run `{}` are unknown, and a test edits them",
        run.id
    ))
    .help(format!(
        "take the snapshot again with rows: `weave-gate snapshot {id} -o FILE --rows`"
    ))
}

/// Writes for each gate that blocks the runs on which it just fails.
fn write(
    folder: &Path,
    report: &TestReport,
    arguments: &TestArgs,
    console: &Console,
) -> Result<(), Fault> {
    let mut names = BTreeSet::new();
    let (mut masked, mut unproven) = (0, Vec::new());
    for tested in &report.policies {
        for gate in tested.test.gates.iter().filter(|gate| gate.blocks) {
            let Some(Control { runs, others }) = &gate.control else {
                continue;
            };
            masked += u64::from(*others > 0);
            let name = file_name(&gate.gate, &mut names);
            let file = |what: &str| folder.join(format!("{name}{what}.json"));
            let candidate = file("");
            save(&candidate, &runs.candidate, console)?;
            let of = |path: &Path| format!("file:{}", path.display());
            let mut judge = JudgeArgs {
                policy: vec![tested.policy.path.clone()],
                candidate: Some(of(&candidate)),
                wait: None,
                exclude_run: Vec::new(),
                reason: None,
                ..arguments.judge.clone()
            };
            let mut command = format!(
                "weave-gate check {} --candidate={}",
                shell::word(&tested.policy.path),
                shell::word(&format!("file:{}", candidate.display()))
            );
            if let Some(run) = runs.baselines.get(&None) {
                let baseline = file(".baseline");
                save(&baseline, run, console)?;
                command = format!("{command} --baseline={}", shell::word(&of(&baseline)));
                judge.baseline = Some(of(&baseline));
            }
            if fails(&judge, &gate.gate, console) {
                console.done(&format!("exits with 1: {command}"));
            } else {
                unproven.push(gate.gate.as_str());
            }
        }
    }
    if !unproven.is_empty() {
        let text = format!(
            "`check` does not fail by these gates on their controls: {}",
            unproven.join(", ")
        );
        console.warn(
            &text,
            "run it on a control to see why: the commit of `candidate:`, `max_age` and `against:` are those of the policy",
        );
    }
    if masked > 0 {
        let text = format!("on {} other gates fail, too", plural(masked, "control"));
        console.warn(&text, "test with a candidate that passes the policy");
    }
    Ok(())
}

/// Whether `check` fails with these arguments, by this gate.
fn fails(judge: &JudgeArgs, gate: &str, console: &Console) -> bool {
    let plans = prepare(judge, &mut |_| Ok(()));
    let report = plans.and_then(|plans| gather(judge, &plans, 0, console));
    report.is_ok_and(|report| {
        let judged = report.sections.iter();
        let judged = judged.filter_map(|section| section.outcome.as_ref().ok());
        let mut checks = judged.flat_map(|judged| &judged.judgement.checks);
        let is_failed = |check: &Check| check.gate == gate && check.status == Status::Fail;
        report.exit() == Exit::Failed && checks.any(is_failed)
    })
}

fn save(path: &Path, run: &OwnedRun, console: &Console) -> Result<(), Fault> {
    let output = Output::prepare(path)?;
    let has_texts = run.rows.iter().any(|row| row.inputs.is_some());
    let written = [Written {
        run: &run.run,
        rows: Some(run),
        raised: &|_| BTreeMap::new(),
    }];
    let fill = |to: &mut dyn Write| -> Result<(), Failure> {
        let mut texts = has_texts.then(tempfile::tempfile).transpose()?;
        let texts = texts.as_mut().map(|file| file as &mut dyn Spool);
        Ok(snapshot::write(to, &written, texts, Timestamp::now())?)
    };
    console.while_waiting("writing", || output.fill(fill))
}

/// A gate's name as the name of a file, which no other gate has.
fn file_name(gate: &str, used: &mut BTreeSet<String>) -> String {
    let mut name = String::new();
    for c in gate.chars() {
        if c.is_alphanumeric() {
            name.extend(c.to_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches('-');
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let free = names.find(|name| !name.is_empty() && used.insert(name.clone()));
    free.unwrap_or_default()
}
