//! Tests of how single rows changed between two runs.

use proptest::prelude::*;

use super::row::evidence_of;
use crate::judge::*;

/// Compares two runs; each line is `digest {inputs} | {scores} | {scores}…`.
fn compared(candidate: &str, baseline: &str) -> Comparison {
    let evidence = evidence_of(candidate, baseline, &columns_to_compare);
    compare(&evidence, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap()
}

fn moved(comparison: &Comparison, name: &str) -> (u64, u64, u64, u64, bool) {
    let mut lines = comparison.lines.iter();
    let line = lines.find(|line| line.subject == name).unwrap();
    let moved = line.moved.unwrap();
    let Moved {
        lower,
        higher,
        lost,
        gained,
        has_one_trial,
    } = moved;
    (lower, higher, lost, gained, has_one_trial)
}

#[test]
fn rows_that_changed_are_counted_and_named_the_worst_first() {
    let comparison = compared(
        r#"a {} | {"ok": false, "safe": false, "tone": 0.1}
        b {} | {"ok": true, "safe": true, "tone": 0.9}
        c {} | {"safe": true, "tone": 0.5}
        d {} | {"ok": true, "safe": true, "tone": 0.2}
        e {} | {"ok": true, "safe": true, "tone": 0.5}
        new {} | {"ok": false, "safe": false, "tone": 0.1}"#,
        r#"a {} | {"ok": true, "safe": true, "tone": 0.5}
        b {} | {"ok": false, "safe": true, "tone": 0.5}
        c {} | {"ok": true, "safe": true, "tone": 0.5}
        d {} | {"ok": true, "safe": true, "tone": 0.5}
        e {} | {"ok": true, "safe": true, "tone": 0.5}
        old {} | {"ok": true, "safe": true, "tone": 0.5}"#,
    );
    assert_eq!(moved(&comparison, "ok"), (1, 1, 1, 0, true));
    assert_eq!(moved(&comparison, "safe"), (1, 0, 0, 0, true));
    assert_eq!(moved(&comparison, "tone"), (2, 1, 0, 0, true));
    let rows = comparison.rows.unwrap();
    assert_eq!((rows.common, rows.same, rows.flipped), (5, 1, 3));
    // Two dimensions of `a` regressed, `c` lost its score, `b` is fixed. Only a number of `d` changed.
    let named: Vec<&str> = rows.worst.iter().map(|row| row.digest.as_str()).collect();
    assert_eq!(named, ["a", "c", "b"]);
    let changes = &rows.worst[0].changes;
    let of = |change: &RowChange| (change.subject.clone(), change.baseline, change.candidate);
    let changes: Vec<_> = changes.iter().map(of).collect();
    assert_eq!(
        changes,
        [
            ("ok".to_owned(), Some(1.0), Some(0.0)),
            ("safe".to_owned(), Some(1.0), Some(0.0)),
            ("tone".to_owned(), Some(0.5), Some(0.1)),
        ]
    );
    assert_eq!(rows.worst[1].changes[0].candidate, None);
}

#[test]
fn without_truth_values_the_numbers_that_fell_most_are_named() {
    let comparison = compared(
        r#"a {} | {"tone": 0.4, "length": 90}
        b {} | {"tone": 0.1, "length": 100}
        c {} | {"tone": 0.5, "length": 100}
        d {} | {"tone": 0.9, "length": 100}"#,
        r#"a {} | {"tone": 0.5, "length": 100}
        b {} | {"tone": 0.5, "length": 100}
        c {} | {"tone": 0.5, "length": 100}
        d {} | {"tone": 0.5, "length": 100}"#,
    );
    let rows = comparison.rows.unwrap();
    assert_eq!((rows.common, rows.same, rows.flipped), (4, 1, 3));
    let named: Vec<&str> = rows.worst.iter().map(|row| row.digest.as_str()).collect();
    // Both numbers of `a` fell; of `b` one fell further; `d` rose.
    assert_eq!(named, ["a", "b", "d"]);
}

#[test]
fn trials_of_a_row_are_averaged_and_their_order_does_not_count() {
    let comparison = compared(
        r#"a {} | {"ok": true} | {"ok": false}
        b {} | {"ok": false} | {"ok": true}
        c {} | {"ok": true} | {}"#,
        r#"a {} | {"ok": true} | {"ok": true}
        b {} | {"ok": true} | {"ok": false}
        c {} | {"ok": true} | {"ok": true}"#,
    );
    assert_eq!(moved(&comparison, "ok"), (1, 0, 0, 0, false));
    let rows = comparison.rows.unwrap();
    // A trial of `c` has no score any more, although the mean of the others is the same.
    assert_eq!((rows.common, rows.same, rows.flipped), (3, 1, 1));
}

#[test]
fn what_the_runs_took_and_used_is_compared_as_far_as_it_is_known() {
    let comparison = compared(
        r#"a {} | {"ok": true, "output": "x", "latency": 1, "tokens": 10}
        b {} | {"ok": true, "output": "x", "latency": 3, "tokens": 30}
        c {} | {"latency": 9}"#,
        r#"a {} | {"ok": true, "output": "x", "latency": 2, "tokens": 10}
        b {} | {"ok": true, "output": "x", "latency": 2}
        c {} | {"ok": true, "output": "x", "latency": 2}"#,
    );
    let of = |metric: &str| {
        let mut found = comparison.run_metrics.iter();
        let found = found.find(|found| found.metric.word() == metric)?;
        let value = |measure: Option<Measure>| measure.and_then(|measure| measure.observed);
        Some((value(found.baseline), value(found.candidate), found.change))
    };
    // The call of `c` crashed, so its latency is not known.
    let latency = (Some(2.0), Some(2.0), Some(0.0));
    assert_eq!(of("latency_mean"), Some(latency));
    assert_eq!(of("tokens_mean"), Some((Some(10.0), Some(20.0), Some(0.0))));
    assert_eq!(of("cost_mean"), None);
    let errors = of("error_rate").unwrap();
    assert_eq!((errors.0, errors.1), (Some(0.0), Some(1.0 / 3.0)));
}

#[test]
fn runs_that_cannot_be_compared_have_no_changed_rows() {
    let comparison = compared(r#"a {} | {"ok": true}"#, r#"b {} | {"ok": true}"#);
    assert!(!comparison.is_comparable);
    assert_eq!(comparison.rows, None);
    assert_eq!(comparison.lines[0].moved, None);
}

/// A run of a few rows, each with one truth value, one number, or neither.
fn run() -> impl Strategy<Value = String> {
    let score = proptest::sample::select(vec![
        "{\"ok\": true, \"n\": 1}",
        "{\"ok\": false, \"n\": 0.5}",
        "{\"ok\": true}",
        "{\"n\": 0.25}",
        "{}",
    ]);
    proptest::collection::vec(score, 6).prop_map(|scores| {
        let rows = scores.iter().enumerate();
        let rows = rows.map(|(row, score)| format!("row{row} {{}} | {score}"));
        rows.collect::<Vec<_>>().join("\n")
    })
}

proptest! {
    #[test]
    fn swapped_runs_have_swapped_counts(one in run(), other in run()) {
        let (there, back) = (compared(&one, &other), compared(&other, &one));
        for (there, back) in there.lines.iter().zip(&back.lines) {
            let (Some(there), Some(back)) = (there.moved, back.moved) else {
                continue;
            };
            prop_assert_eq!((there.lower, there.lost), (back.higher, back.gained));
            prop_assert_eq!((there.higher, there.gained), (back.lower, back.lost));
        }
        if let (Some(there), Some(back)) = (&there.rows, &back.rows) {
            prop_assert_eq!((there.common, there.same, there.flipped), (back.common, back.same, back.flipped));
            prop_assert!(there.same + there.flipped <= there.common);
        }
    }
}
