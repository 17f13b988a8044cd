//! Fuzzes the text of a policy. Reading it must always give the same result, an error must have a reason, and a policy
//! must not pass on empty evidence.

use std::collections::BTreeSet;

use weave_gate::fault::Fault;
use weave_gate::judge::{Name, Verdict, judge};
use weave_gate::policy::{self, MAX_BYTES, MOST_PROBLEMS, Policy};
use weave_gate::problem::Problem;

use super::made::{nothing, now};
use super::text::is_told;

/// Reads the text, and judges empty evidence by the policy.
///
/// # Panics
///
/// Panics if a policy passes on empty evidence, has an invalid state, or is rejected without a reason.
pub fn check(data: &[u8]) {
    // The gate rejects a file that is not UTF-8, or is too large, before it parses the text.
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
        Err(problems) => refused(&problems, text),
    }
}

fn refused(problems: &[Problem], text: &str) {
    assert!(!problems.is_empty(), "refused without a reason");
    assert!(problems.len() <= MOST_PROBLEMS + 1);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.split(['\n', '\r']).collect();
    for problem in problems {
        assert!(!problem.message.trim().is_empty());
        for at in problem.at.iter().chain(&problem.first) {
            assert_eq!(
                lines.get(at.line - 1),
                Some(&at.text.as_str()),
                "{problem:?}"
            );
            assert!(at.column <= at.text.chars().count() + 1, "{problem:?}");
            assert!(at.width > 0, "{problem:?}");
        }
        is_told(&Fault::of_problems(vec![problem.clone()]));
    }
    is_told(&Fault::of_problems(problems.to_vec()));
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
        assert_eq!(!gate.scorers.is_empty(), gate.metric.has_scorer());
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
            // Both results are valid. The calls must not panic.
            let lookup = |_: &str| value.map(str::to_owned);
            let _ = (source.resolve(&lookup), source.expected(&lookup));
        }
    }
    for evidence in nothing(policy) {
        let judgement = judge(policy, &evidence, now());
        // A policy with only warnings passes on any evidence, and reports that.
        let findings = &judgement.findings;
        let is_idle = findings
            .iter()
            .any(|finding| finding.name() == Name::NothingCanBlock);
        let has_passed = judgement.verdict == Verdict::Passed;
        assert!(!has_passed || is_idle, "passed on nothing: {evidence:?}");
        // The debug texts are compared, because NaN is not equal to itself.
        let again = judge(policy, &evidence, now());
        assert_eq!(format!("{judgement:?}"), format!("{again:?}"));
    }
}
