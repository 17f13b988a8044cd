//! Tests of every network fault at every call that a check makes. The table of faults in `network` and the table of
//! calls in `calls` define the expected result for each pair.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::calls::{self, Call, Check, LOOK, Means, Use, snapshot, sound};
use crate::gate::{Gate, Outcome};
use crate::network::{Class, Fault, faults, other_statuses};
use crate::weave::{Reply, Weave};

/// The number of pairs that are tested in parallel. Most of them wait.
const AT_ONCE: usize = 24;
/// The longest time limit, in seconds. It is long enough for each call on any machine.
const MOST_SECONDS: u64 = 60;
/// The time that a process may run beyond its deadline on a busy machine.
pub const SLACK: Duration = Duration::from_secs(4);

/// The expected result of a fault at a call.
#[derive(Debug)]
pub struct Expected {
    pub code: i32,
    pub said: Said,
    /// The smallest and the largest number of requests of this call.
    pub requests: (usize, usize),
    /// The time limit for all requests, in seconds.
    pub seconds: u64,
}

/// Where the output reports the fault.
#[derive(Debug)]
pub enum Said {
    /// As the reason for a missing verdict.
    Error(String),
    /// As the reason for missing details of a check.
    Unexplained(String),
    /// On stdout, as evidence.
    Shown(String),
    /// Nowhere.
    Nowhere,
}

impl Said {
    /// The text that describes the fault.
    pub fn words(&self) -> &str {
        match self {
            Self::Error(words) | Self::Unexplained(words) => words,
            Self::Shown(_) | Self::Nowhere => "",
        }
    }
}

pub fn expected(call: &Call, fault: &Fault) -> Expected {
    let means = match fault.class {
        Class::Unknown => call.unknown,
        Class::Cut | Class::Packed | Class::Endless if call.in_lines() => {
            Means::Fault("neither a length nor chunks")
        }
        Class::Sound | Class::Packed => Means::Evidence(call.check.code, ""),
        Class::Empty | Class::Cut => call.empty,
        _ => Means::Fault(""),
    };
    let words = match means {
        Means::Fault("") => fault.words.clone(),
        Means::Fault(words) | Means::Evidence(_, words) => words.to_owned(),
    };
    let (code, said) = match (means, call.used_for) {
        (Means::Evidence(code, _), _) => (code, Said::Shown(words)),
        (_, Use::Explanation) => (call.check.code, Said::Unexplained(words)),
        // Later calls fail too, because the server no longer listens.
        (_, Use::Aside) if fault.class == Class::Gone => (3, Said::Error(words)),
        (_, Use::Aside) => (call.check.code, Said::Nowhere),
        (_, Use::Verdict | Use::Wait) => (3, Said::Error(words)),
    };
    let requests = match (fault.class, call.used_for) {
        (Class::TooLarge, _) => (1, 1 + call.smaller),
        // A call for an optional number is not repeated.
        (Class::Sound | Class::Final, _) | (Class::Again, Use::Aside) => (1, 1),
        // A wait polls again. At its end it lists the runs that exist.
        (_, Use::Wait) => (1, 4),
        (Class::Again | Class::Gone, _) => (1, 5),
        _ => (1, 1),
    };
    let seconds = match (fault.class, call.used_for) {
        (Class::Again | Class::Gone | Class::Slow, _) => 2,
        // A fault that may pass does not end a wait. The wait polls again until its time is over.
        (class, Use::Wait) if may_pass(class) => 2,
        // This takes long on a busy machine.
        (Class::TooLarge, _) => 60,
        // These cases must end long before this limit.
        _ => 30,
    };
    Expected {
        code,
        said,
        requests,
        seconds,
    }
}

/// Tests one pair and returns what is wrong. When the time limit was too short on a busy machine, it repeats the test
/// with a longer limit.
pub fn patiently(mut expected: Expected, tried: impl Fn(&Expected) -> Tried) -> Result<(), String> {
    loop {
        match tried(&expected) {
            Tried::TooLate if expected.seconds <= MOST_SECONDS => expected.seconds *= 2,
            Tried::TooLate => return Err("too late\n".to_owned()),
            Tried::Right => return Ok(()),
            Tried::Wrong(words) => return Err(words),
        }
    }
}

/// The result of testing one pair.
pub enum Tried {
    Right,
    Wrong(String),
    /// The time limit ended before the fault occurred.
    TooLate,
}

/// The failed expectations, one on each line.
#[derive(Default)]
pub struct Wrong(String);

impl Wrong {
    pub fn hold(&mut self, holds: bool, what: &str) {
        if !holds {
            let _ = writeln!(self.0, "  {what}");
        }
    }

    pub fn end(self, expected: &Expected, outcome: Outcome) -> Tried {
        if self.0.is_empty() {
            outcome.done();
            return Tried::Right;
        }
        Tried::Wrong(format!(
            "{expected:?}\n{}{}\n{}\n",
            self.0, outcome.stderr, outcome.stdout
        ))
    }
}

/// Whether a wait continues after a fault of this class.
fn may_pass(class: Class) -> bool {
    ![Class::TooLarge, Class::Final].contains(&class)
}

/// The value of `--wait` in seconds. It is a part of the time limit for a fault that may pass. A final fault ends the
/// wait, so the wait gets the whole time limit.
fn longest_wait(class: Class, seconds: u64) -> u64 {
    if may_pass(class) {
        (seconds / 2).max(1)
    } else {
        seconds
    }
}

/// The time after which a check has used its whole time limit.
pub fn all_the_time(check: Check, class: Class, seconds: u64) -> Duration {
    let is_wait = check.is(&LOOK.check);
    Duration::from_secs(if is_wait {
        longest_wait(class, seconds)
    } else {
        seconds
    })
}

/// The check that makes a call. It has no server yet.
pub fn prepared(call: &Call, class: Class, seconds: u64) -> Gate {
    let check = call.check;
    let mut gate = Gate::check(check.gates, &["-v", "--json=r.json", "--report=r.md"])
        .args(check.arguments)
        .args(&["--timeout", &format!("{seconds}s")]);
    if check.reads_snapshot {
        gate = gate.file("base.json", snapshot());
    }
    if check.is(&LOOK.check) {
        gate = gate.args(&["--wait", &format!("{}s", longest_wait(class, seconds))]);
    }
    gate
}

fn tried(call: &Call, fault: &'static Fault, expected: &Expected) -> Tried {
    let (is, check) = (call.is, call.check);
    let weave = Weave::with(move |request, _| {
        let reply = sound(check, request);
        Some(if is(request) {
            (fault.change)(reply)
        } else {
            reply
        })
    });
    let gate = prepared(call, fault.class, expected.seconds).args(&["--base-url", &weave.url]);
    let since = Instant::now();
    let outcome = gate.run();
    let took = since.elapsed();
    let made = weave
        .requests()
        .iter()
        .filter(|request| is(request))
        .count();
    let words = expected.said.words();
    let is_seen = outcome.stderr.contains(words) || outcome.read("r.json").contains(words);
    let time = all_the_time(check, fault.class, expected.seconds);
    let is_late = outcome
        .read("r.json")
        .contains("sent no complete answer within ")
        && took >= time;
    if is_late && (made == 0 || !is_seen) {
        outcome.done();
        return Tried::TooLate;
    }

    let mut wrong = Wrong::default();
    wrong.hold(
        outcome.code == expected.code,
        &format!("exit code {}", outcome.code),
    );
    wrong.hold(
        (expected.requests.0..=expected.requests.1).contains(&made),
        &format!("{made} requests"),
    );
    wrong.hold(
        weave.requests().len() - made < check.requests.max(1) + call.again,
        &format!("{} requests in all", weave.requests().len()),
    );
    wrong.hold(
        weave.connections() <= weave.requests().len() + 1,
        &format!("{} connections", weave.connections()),
    );
    let waits = u64::from(call.used_for == Use::Wait) * 2;
    wrong.hold(
        took < Duration::from_secs(expected.seconds + waits) + SLACK,
        &format!("it took {took:?}"),
    );
    tell(&outcome, &expected.said, call, fault.class, &mut wrong);
    wrong.end(expected, outcome)
}

/// Compares the output with the expected output.
pub fn tell(outcome: &Outcome, said: &Said, call: &Call, class: Class, wrong: &mut Wrong) {
    let report = outcome.json("r.json");
    wrong.hold(
        report["exit_code"] == outcome.code,
        "the report's exit code",
    );
    let ends = match outcome.code {
        0 => "(exit code 0)\n",
        1 => "(exit code 1)\n",
        _ if report["verdict"] == "undecided" => "(exit code 3)\n",
        _ => "NO VERDICT (exit code 3)\n",
    };
    // The last line also says whether waiting may help.
    let last = if report["retryable"] == true {
        ends.replace(')', ", retryable)")
    } else {
        ends.to_owned()
    };
    wrong.hold(outcome.stdout.ends_with(&last), "the last line");
    let holds_words = |place: &Value, words: &str| {
        let message = place.as_str().unwrap_or_default();
        // The last attempt may run out of time. The message then names the timeout, and the log names the earlier
        // faults.
        let is_late = [Class::Again, Class::Gone].contains(&class)
            && message.contains("sent no complete answer within")
            && outcome.stderr.contains(words);
        message.contains(words) || is_late
    };
    match said {
        Said::Error(words) => {
            wrong.hold(report["verdict"] == json!(null), "the verdict");
            wrong.hold(holds_words(&report["error"]["message"], words), "the error");
            wrong.hold(outcome.stderr.contains(words), "the words");
            wrong.hold(is_named(&outcome.stderr, call, class), "what was not read");
            wrong.hold(outcome.stderr.contains("\n  help: "), "the help");
            wrong.hold(report["error"]["help"].is_string(), "the report's help");
        }
        Said::Unexplained(words) => {
            wrong.hold(report["verdict"] == "failed", "the verdict");
            let policy = &report["policies"][0];
            wrong.hold(
                holds_words(&policy["unexplained"], words),
                "why not explained",
            );
            wrong.hold(policy["checks"][0]["status"] == "fail", "the check");
        }
        Said::Shown(words) => {
            wrong.hold(outcome.read("r.json").contains(words), "what is shown");
            wrong.hold(words.is_empty() || report["error"].is_null(), "the error");
        }
        Said::Nowhere => wrong.hold(report["error"].is_null(), "the error"),
    }
}

/// Whether the error names what could not be read. An object that is missing or contradicts another answer was read, so
/// its name is not required.
fn is_named(stderr: &str, call: &Call, class: Class) -> bool {
    let was_read = [Class::Unknown, Class::Empty, Class::Cut].contains(&class);
    if was_read || call.used_for == Use::Aside {
        return true;
    }
    // When the server no longer listens, either of two parallel calls can fail first.
    let reads = if class == Class::Gone { "" } else { call.reads };
    stderr.contains(&format!("cannot read {reads}"))
}

/// Tests all pairs, some in parallel, and reports all failures.
pub fn all<T: Sync>(
    pairs: &[T],
    name: impl Fn(&T) -> String + Sync,
    attempt: impl Fn(&T) -> Result<(), String> + Sync,
) {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tried = catch_unwind(AssertUnwindSafe(|| attempt(pair)));
                    if let Err(words) = tried.unwrap_or_else(|_| Err("stopped\n".to_owned())) {
                        let message = format!("{}: {words}", name(pair));
                        wrong.lock().unwrap().push(message);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {} pairs:\n\n{}",
        wrong.len(),
        pairs.len(),
        wrong.join("\n")
    );
}

fn every_pair(calls: &[Call], faults: fn(&str) -> Vec<Fault>) {
    // The target of redirects. It must get no connection.
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/v2/elsewhere", trap.local_addr().unwrap());
    let faults: &'static [Fault] = Vec::leak(faults(&elsewhere));
    snapshot();
    let pairs: Vec<(&Call, &Fault)> = calls
        .iter()
        .flat_map(|call| faults.iter().map(move |fault| (call, fault)))
        .collect();
    all(
        &pairs,
        |(call, fault)| format!("{} at {}", fault.name, call.name),
        |(call, fault)| {
            patiently(expected(call, fault), |expected| {
                tried(call, fault, expected)
            })
        },
    );
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn every_fault_at_every_call() {
    let calls: Vec<Call> = calls::all().collect();
    every_pair(&calls, faults);
}

#[test]
fn every_other_status_at_every_call() {
    let calls: Vec<Call> = calls::all().collect();
    every_pair(&calls, other_statuses);
}

/// A check without faults makes each call of the table once, and no other calls.
#[test]
fn the_calls_are_those_of_sound_checks() {
    for call in calls::all() {
        let check = call.check;
        let weave = Weave::with(move |request, _| Some(sound(check, request)));
        let mut gate = Gate::check(check.gates, check.arguments).args(&["--base-url", &weave.url]);
        if check.reads_snapshot {
            gate = gate.file("base.json", snapshot());
        }
        if call.used_for == Use::Wait {
            gate = gate.args(&["--wait=1s"]);
        }
        gate.run().code(check.code);
        let requests = weave.requests();
        assert_eq!(requests.len(), check.requests, "{}", call.name);
        let made = requests.iter().filter(|request| (call.is)(request));
        assert_eq!(made.count(), 1, "{}", call.name);
        for request in requests {
            let is_known = calls::all().any(|known| (known.is)(&request));
            assert!(is_known, "{}: {request:?}", call.name);
        }
    }
}

/// Each call is made after exactly as many answers as its entry says.
#[test]
fn a_call_is_made_after_those_that_it_needs() {
    let calls: Vec<Call> = calls::all().collect();
    all(
        &calls,
        |call| call.name.to_owned(),
        |call| {
            let late = expected(call, &Fault::before_a_request("silence", Class::Slow, ""));
            patiently(late, |expected| {
                let (answered, held) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
                let (check, is, after, seen) = (call.check, call.is, call.after, held.clone());
                let weave = Weave::with(move |request, _| {
                    if answered.fetch_add(1, Ordering::Relaxed) < after {
                        return Some(sound(check, request));
                    }
                    seen.fetch_add(usize::from(is(request)), Ordering::Relaxed);
                    Some(Reply::Stall(Vec::new()))
                });
                let outcome = prepared(call, Class::Slow, expected.seconds)
                    .args(&["--base-url", &weave.url])
                    .run();
                outcome.done();
                match held.load(Ordering::Relaxed) {
                    0 => Tried::TooLate,
                    _ => Tried::Right,
                }
            })
        },
    );
}
