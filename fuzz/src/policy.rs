//! The text of a policy: read the same way each time, refused in plain words, and never passed on nothing.

use std::collections::BTreeSet;

use weave_gate::fault::Fault;
use weave_gate::judge::{Name, Verdict, judge};
use weave_gate::policy::{self, MAX_BYTES, Policy, Problem};

use super::made::{nothing, now};
use super::text::is_told;

/// Reads the text, and judges nothing by what comes of it.
///
/// # Panics
///
/// A policy passes on nothing, has a wrong state, or is refused without a reason.
pub fn check(data: &[u8]) {
    // A file that is not UTF-8, or larger, is refused before.
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if data.len() as u64 > MAX_BYTES {
        return;
    }
    let read = policy::parse("gates.yaml", text);
    let again = policy::parse("gates.yaml", text);
    assert_eq!(
        format!("{read:?}"),
        format!("{again:?}"),
        "read in two ways"
    );
    match read {
        Ok(policy) => accepted(&policy),
        Err(problems) => refused(&problems),
    }
}

fn refused(problems: &[Problem]) {
    assert!(!problems.is_empty(), "refused without a reason");
    for problem in problems {
        assert!(!problem.message.trim().is_empty());
        is_told(&Fault::usage(format!(
            "gates.yaml: {}: {}",
            problem.place, problem.message
        )));
    }
}

fn accepted(policy: &Policy) {
    assert!(!policy.gates.is_empty(), "an empty policy");
    let names: BTreeSet<&str> = policy.gates.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(names.len(), policy.gates.len(), "two gates of one name");
    for gate in &policy.gates {
        assert!(!gate.name.trim().is_empty() && !gate.limits.is_empty());
        assert!(gate.limits.iter().all(|limit| limit.value.is_finite()));
        assert!(gate.confidence > 0.5 && gate.confidence < 1.0);
        assert!((0.0..=1.0).contains(&gate.missing.tolerated));
        assert!(
            gate.range
                .is_none_or(|(low, high)| low.is_finite() && high.is_finite() && low < high)
        );
        assert_eq!(gate.scorer.is_some(), gate.metric.has_scorer());
        assert!(
            gate.conditions
                .iter()
                .all(|condition| !condition.any_of.is_empty())
        );
    }
    for source in [&policy.candidate.source, &policy.baseline.source]
        .into_iter()
        .flatten()
    {
        for value in [None, Some("x"), Some("a\nb")] {
            // Either way is fine; that it panics is not.
            let lookup = |_: &str| value.map(str::to_owned);
            let _ = (source.resolve(&lookup), source.expected(&lookup));
        }
    }
    for evidence in nothing(policy) {
        let judgement = judge(policy, &evidence, now());
        // A policy that only warns passes on anything, and says so.
        let findings = &judgement.findings;
        let is_idle = findings
            .iter()
            .any(|finding| finding.name() == Name::NothingCanBlock);
        let has_passed = judgement.verdict == Verdict::Passed;
        assert!(!has_passed || is_idle, "passed on nothing: {evidence:?}");
        // Not compared as they are: what is not a number is not itself.
        let again = judge(policy, &evidence, now());
        assert_eq!(format!("{judgement:?}"), format!("{again:?}"));
    }
}
