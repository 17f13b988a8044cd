//! Tests of reports and verdicts after a signal.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::gate::{Gate, KEY};
use crate::rows::{page, rows};
use crate::weave::{Reply, Weave};

pub const FILES: [&str; 6] = [
    "report.md",
    "report.html",
    "report.json",
    "junit.xml",
    "metrics.txt",
    "gitlab-annotations.json",
];
pub const OLD: &str = "the report of another day\n";

/// A check of the examples, with all its reports. The check fails.
pub fn example(has_old: bool) -> Gate {
    let root =
        |name: &str| fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut gate = Gate::new(&["check", "gates.yaml", "--report-dir=out"])
        .args(&[
            "--candidate=file:candidate.json",
            "--baseline=file:baseline.json",
        ])
        .file("gates.yaml", &root("gates.example.yaml"))
        .file("candidate.json", &root("examples/candidate.json"))
        .file("baseline.json", &root("examples/baseline.json"));
    fs::create_dir(gate.folder().join("out")).unwrap();
    if has_old {
        for name in FILES {
            gate = gate.file(&format!("out/{name}"), OLD);
        }
    }
    gate
}

/// The reports of a check of the examples that is not interrupted.
pub fn whole() -> Vec<String> {
    let outcome = example(false).run().code(1);
    FILES
        .map(|name| outcome.read(&format!("out/{name}")))
        .to_vec()
}

pub fn start(mut command: Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until the condition holds. Panics after 60 seconds.
#[track_caller]
fn until(holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a file name is that of a temporary file of weave-gate.
pub fn is_aside(name: &str) -> bool {
    let number = name
        .strip_prefix(".weave-gate-")
        .and_then(|rest| rest.strip_suffix(".tmp"));
    number.is_some_and(|number| {
        number.len() == 6 && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Asserts that each report is either unchanged or complete, and returns the number of new reports.
#[track_caller]
pub fn none_is_half(folder: &Path, has_old: bool, whole: &[String]) -> usize {
    for name in names(folder) {
        assert!(FILES.contains(&&*name) || is_aside(&name), "{name}");
    }
    let mut new = 0;
    for (name, whole) in FILES.iter().zip(whole) {
        match fs::read_to_string(folder.join(name)) {
            Ok(text) if text == *whole => new += 1,
            Ok(text) => assert!(has_old && text == OLD, "half of {name}:\n{text}"),
            Err(error) => assert!(!has_old, "{name}: {error}"),
        }
    }
    new
}

#[test]
fn a_kill_at_any_moment_leaves_no_half_report() {
    let whole = whole();
    let since = Instant::now();
    example(true).run().code(1);
    let usual = since.elapsed();
    // A linear congruential generator, so that each test run uses the same moments.
    let mut seed = 20_261_124_u64;
    let mut random = move || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(seed >> 40).unwrap()
    };
    let (mut ended, mut killed) = (0, 0);
    for round in 0..40 {
        let has_old = round % 2 == 0;
        let gate = example(has_old);
        let out = gate.folder().join("out");
        let mut child = start(gate.command());
        // Half of the kills are spread over the whole run. The other half occur while reports are written.
        let moment = if round % 4 < 2 {
            usual.mul_f64(f64::from(random()) / f64::from(1 << 24) * 1.2)
        } else {
            let first = out.join(FILES[0]);
            let is_new = || fs::read_to_string(&first).is_ok_and(|text| text != OLD);
            let since = Instant::now();
            while !is_new() && since.elapsed() < Duration::from_secs(60) {
                thread::sleep(Duration::from_micros(100));
            }
            Duration::from_micros(u64::from(random() % 1500))
        };
        thread::sleep(moment);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        match output.status.signal() {
            Some(9) => killed += 1,
            _ => ended += 1,
        }
        none_is_half(&out, has_old, &whole);
        gate.ended(output).done();
    }
    assert!(killed > 5, "{killed} were killed, {ended} ended before");
}

/// The system kills a process that writes a file larger than the limit. The kill occurs in the middle of a report.
#[test]
fn a_kill_in_the_middle_of_a_file_leaves_the_old_one() {
    let whole = whole();
    for has_old in [true, false] {
        let gate = example(has_old);
        let limited = ["sh", "-c", "ulimit -c 0; ulimit -f 1; exec \"$@\"", "sh"];
        let output = gate.through(&limited).output().unwrap();
        assert_eq!(output.status.signal(), Some(Signal::XFSZ.as_raw()));
        let out = gate.folder().join("out");
        assert_eq!(none_is_half(&out, has_old, &whole), 0);
        let aside: Vec<String> = names(&out)
            .into_iter()
            .filter(|name| is_aside(name))
            .collect();
        let [half] = &*aside else { panic!("{aside:?}") };
        let half = fs::read_to_string(out.join(half)).unwrap();
        assert!(half.len() >= 512 && whole[0].starts_with(&half));
        // The verdict is printed last.
        assert!(gate.ended(output).stdout.is_empty());
    }
}

#[test]
fn a_kill_between_two_files_leaves_the_first_whole() {
    let whole = whole();
    for by in [Signal::KILL, Signal::TERM] {
        let gate = example(true);
        let pipe = gate.folder().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        // The pipe has no reader, so the second file waits.
        let gate = gate.args(&["--report=out/report.md", "--json=pipe"]);
        let out = gate.folder().join("out");
        let child = start(gate.through(&["env", "--default-signal=HUP,INT,TERM"]));
        until(|| fs::read_to_string(out.join(FILES[0])).is_ok_and(|text| text == whole[0]));
        // The process may still be opening the pipe. It cannot be writing another file.
        signal(&child, by);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(by.as_raw()));
        assert_eq!(none_is_half(&out, true, &whole), 1);
        assert!(!names(&out).iter().any(|name| is_aside(name)));
        assert!(gate.ended(output).stdout.is_empty());
    }
}

/// A check that waits for Weave.
fn waiting(weave: &Weave, more: &[&str]) -> Gate {
    let floor = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.5}";
    Gate::check(floor, &["--report-dir=out", "--base-url", &weave.url]).args(more)
}

/// The process ends by the signal, as other programs do. A shell reports the code 143. The output says neither "passed"
/// nor "failed".
#[test]
fn a_signal_ends_it_at_once_with_no_verdict() {
    for by in [Signal::TERM, Signal::INT, Signal::HUP] {
        for (reply, more) in [
            // The three cases are: no answer, a pause between two attempts, and a wait for the run.
            (Reply::Stall(Vec::new()), &["--candidate=cand"][..]),
            (
                Reply::status(503, "busy").header("Retry-After: 30"),
                &["--candidate=cand"],
            ),
            (Reply::lines(&[]), &["--candidate=latest", "--wait=1h"]),
        ] {
            let weave = Weave::with(move |_, _| Some(reply.clone()));
            let gate = waiting(&weave, more);
            // A process that `nohup` or a background script started ignores some signals, and so do its children. `env`
            // restores the default.
            let child = start(gate.through(&["env", "--default-signal=HUP,INT,TERM"]));
            until(|| !weave.requests().is_empty());
            thread::sleep(Duration::from_millis(50));
            let since = Instant::now();
            signal(&child, by);
            let output = child.wait_with_output().unwrap();
            assert!(
                since.elapsed() < Duration::from_secs(2),
                "{:?}",
                since.elapsed()
            );
            assert_eq!(
                (output.status.code(), output.status.signal()),
                (None, Some(by.as_raw()))
            );
            let out = gate.folder().join("out");
            assert_eq!(names(&out), Vec::<String>::new());
            let outcome = gate.ended(output);
            assert!(outcome.stdout.is_empty(), "{}", outcome.stdout);
            assert!(!outcome.stderr.contains("passed") && !outcome.stderr.contains("failed"));
            outcome.done();
        }
    }
}

/// A table is written row by row. A signal must not leave an incomplete table that looks complete.
#[test]
fn a_signal_leaves_no_half_table() {
    let weave = Weave::with(|request, _| {
        (request.body["include_rows"] == true).then(|| {
            if request.body["offset"] == 0 {
                page(&rows(), 200)
            } else {
                Reply::Stall(Vec::new())
            }
        })
    });
    let gate = Gate::new(&["export", "cand", "--project=my-team/bot"])
        .args(&["-o", "x/rows.csv", "--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .file("x/rows.csv", OLD);
    let child = start(gate.command());
    until(|| {
        weave
            .requests()
            .iter()
            .any(|request| request.body["offset"] == 100)
    });
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(Signal::TERM.as_raw()));
    let folder = gate.folder().join("x");
    let mut left = names(&folder);
    left.retain(|name| !is_aside(name));
    assert_eq!(left, ["rows.csv"]);
    assert_eq!(fs::read_to_string(folder.join("rows.csv")).unwrap(), OLD);
    gate.ended(output).done();
}
