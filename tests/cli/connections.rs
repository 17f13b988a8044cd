//! Tests of faults that occur before a request is made. Each fault is tested at every connection of every check in
//! `calls`, so at every call.

use std::time::{Duration, Instant};

use crate::calls::{self, Call, Check, Use, snapshot, sound};
use crate::fault_table::{
    Expected, SLACK, Tried, Wrong, all, all_the_time, expected, patiently, prepared, tell,
};
use crate::gate::{Gate, Outcome};
use crate::network::{self, Class};
use crate::weave::{Request, Weave};

/// A fault, and how the test server causes it.
pub struct Fault<M> {
    pub fault: network::Fault,
    pub meets: M,
}

/// A fault of the class `Final`, `Gone` or `Slow`. A client retries after `Gone`, and the fault remains.
pub fn fault<M>(name: &str, meets: M, words: &str, class: Class) -> Fault<M> {
    Fault {
        fault: network::Fault::before_a_request(name, class, words),
        meets,
    }
}

/// A check, and the number of the first connection with a fault.
#[derive(Clone, Copy)]
pub struct Place {
    /// The call that the check makes on this connection when there is no fault.
    call: Call,
    pub first: usize,
}

impl Place {
    pub fn check(&self) -> Check {
        self.call.check
    }
}

/// The result of a check.
pub struct Ended {
    pub outcome: Outcome,
    /// The requests that the server received. It answered all of them.
    pub answered: Vec<Request>,
    /// The number of attempts to connect.
    pub tries: usize,
}

/// Every connection of every check. Each request has its own connection.
fn places() -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for Call { check, .. } in calls::all() {
        if places.iter().any(|place| place.check().is(&check)) {
            continue;
        }
        let weave = Weave::with(move |request, _| Some(sound(check, request)));
        let call = calls::all().find(|call| call.check.is(&check)).unwrap();
        let gate = prepared(&call, Class::Sound, 60).args(&["--base-url", &weave.url]);
        gate.run().code(check.code).done();
        for (first, request) in weave.requests().iter().enumerate() {
            let mut known: Vec<Call> = calls::all().filter(|call| (call.is)(request)).collect();
            known.sort_by_key(|call| !call.check.is(&check));
            let call = Call { check, ..known[0] };
            places.push(Place { call, first });
        }
    }
    places
}

/// Tests each fault from each connection onwards. `run` must run the check with the fault from that connection on, and
/// with no fault before it.
pub fn every_fault_at_every_connection<M: Sync>(
    faults: &[Fault<M>],
    run: impl Fn(Gate, &Place, &M) -> Ended + Sync,
) {
    snapshot();
    let places = places();
    for call in calls::all() {
        let is_met = |place: &&Place| place.check().is(&call.check) && place.first == call.after;
        assert_eq!(places.iter().filter(is_met).count(), 1, "{}", call.name);
    }
    let pairs: Vec<(&Place, &Fault<M>)> = places
        .iter()
        .flat_map(|place| faults.iter().map(move |fault| (place, fault)))
        .collect();
    all(
        &pairs,
        |(place, fault)| {
            let Place { call, first } = place;
            let arguments = call.check.arguments;
            let name = &fault.fault.name;
            format!(
                "{name} from connection {first} of {arguments:?} on, at {}",
                call.name
            )
        },
        |(place, fault)| {
            let mut call = place.call;
            // The later connections fail too, and the verdict needs them.
            if call.used_for == Use::Aside {
                call.used_for = Use::Verdict;
            }
            patiently(expected(&call, &fault.fault), |expected| {
                tried(place, fault, expected, &run)
            })
        },
    );
}

fn tried<M>(
    place: &Place,
    fault: &Fault<M>,
    expected: &Expected,
    run: &impl Fn(Gate, &Place, &M) -> Ended,
) -> Tried {
    let (class, words) = (fault.fault.class, expected.said.words());
    let gate = prepared(&place.call, class, expected.seconds);
    let since = Instant::now();
    let Ended {
        outcome,
        answered,
        tries,
    } = run(gate, place, &fault.meets);
    let took = since.elapsed();
    let is_wait = place.call.used_for == Use::Wait;
    let in_report = words.replace('"', "\\\"");
    let is_seen = outcome.stderr.contains(words) || outcome.read("r.json").contains(&in_report);
    let has_tried_again = tries >= place.first + 2 || is_wait;
    let is_met = answered.len() == place.first && tries > place.first;
    let is_far = is_seen && is_met && (class != Class::Gone || has_tried_again);
    // The check also gives up when the next pause is longer than the remaining time.
    let gave_up = format!("the time limit of {} s is over", expected.seconds);
    let time = all_the_time(place.check(), class, expected.seconds);
    let is_over = took >= time || outcome.stderr.contains(&gave_up);
    if !is_far && is_over {
        outcome.done();
        return Tried::TooLate;
    }

    let mut wrong = Wrong::default();
    wrong.hold(
        outcome.code == expected.code,
        &format!("exit code {}", outcome.code),
    );
    wrong.hold(
        answered.len() == place.first,
        &format!("{} requests", answered.len()),
    );
    // The table says how many answers precede each call. A call that needs this many answers cannot have been answered.
    for call in calls::all() {
        let is_met = call.check.is(&place.check()) && call.after == place.first;
        wrong.hold(
            !is_met || !answered.iter().any(call.is),
            &format!("{} was answered", call.name),
        );
    }
    wrong.hold(is_far, "the fault was not met");
    // Parallel calls fail in parallel. After an optional count fails, the check makes one more request.
    let most = place.first + expected.requests.1 * (place.check().requests - place.first).min(4);
    wrong.hold(tries <= most, &format!("{tries} connections"));
    let has_retried = outcome.stderr.contains("trying again");
    wrong.hold(class == Class::Gone || !has_retried, "it was tried again");
    let waits = u64::from(is_wait) * 2;
    wrong.hold(
        took < Duration::from_secs(expected.seconds + waits) + SLACK,
        &format!("it took {took:?}"),
    );
    // Either of two parallel calls can fail first.
    let call = Call {
        reads: "",
        ..place.call
    };
    tell(&outcome, &expected.said, &call, class, &mut wrong);
    wrong.end(expected, outcome)
}
