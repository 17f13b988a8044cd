//! Tests of the rows behind a check, and of their content.

use super::row::{OfRun, both, repeated};
use crate::evidence::{Columns, Known, RowSource, Totals};
use crate::judge::*;
use crate::policy;

#[test]
fn rows_that_do_not_count_are_not_behind_a_check() {
    let baseline = repeated(&[(10, "true"), (3, "true"), (2, "true")]);
    let candidate = repeated(&[(6, "true"), (4, "false"), (3, "gone"), (2, "_")]);
    let (ours, theirs) = both(&candidate, &baseline);
    let gate =
        |more: &str| format!("- {{name: g, scorer: s, metric: pass_rate, max_drop: 0.01{more}}}");
    let count = |head: &str, gate: &str| {
        // An evidence rule makes the check read rows. The rows behind the check are the same.
        let text = format!("version: 1\n{head}\ngates:\n{gate}\n");
        let policy = policy::parse("gates.yaml", &text).unwrap();
        let (ours, theirs) = (OfRun::new(&ours), OfRun::new(&theirs));
        let every = |_: &[&Totals]| Columns {
            scores: vec![crate::evidence::Column::of(
                Some("s"),
                crate::evidence::Kind::Truth,
            )],
            inputs: Vec::new(),
            patterns: Vec::new(),
        };
        let known = |of: &'static str, rows| Known {
            run: OfRun::run(rows, of),
            rows: Some(rows as &dyn RowSource),
        };
        let evidence =
            Evidence::joined(known("c", &ours), Ok(known("b", &theirs)), Some(&every)).unwrap();
        let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
        let rows = evidence.rows.as_ref().unwrap();
        offending(&policy, rows, &judgement, None, MOST_OFFENDING)[0].total
    };
    assert_eq!(count("", &gate("")), 9);
    assert_eq!(count("baseline: {removed_rows: ignore}", &gate("")), 6);
    assert_eq!(count("", &gate(", missing: ignore")), 4);
}

/// The digests of the rows behind the only check, worst first.
fn digests_behind(gate: &str, candidate: &[&str], baseline: &[&str]) -> Vec<String> {
    let rows = rows_behind(gate, candidate, baseline).into_iter();
    rows.map(|row| row.digest).collect()
}

/// The rows behind the only check, worst first.
fn rows_behind(gate: &str, candidate: &[&str], baseline: &[&str]) -> Vec<OffendingRow> {
    let (ours, theirs) = both(candidate, baseline);
    let text = format!("version: 1\ngates:\n- {{name: g, {gate}}}\n");
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let (ours, theirs) = (OfRun::new(&ours), OfRun::new(&theirs));
    let every = |runs: &[&Totals]| columns(&policy, runs);
    let evidence = Evidence::joined(
        Known {
            run: ours.run("c"),
            rows: Some(&ours),
        },
        Ok(Known {
            run: theirs.run("b"),
            rows: Some(&theirs),
        }),
        Some(&every),
    )
    .unwrap();
    let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
    assert_eq!(judgement.checks.len(), 1);
    let rows = evidence.rows.as_ref().unwrap();
    let offending = offending(&policy, rows, &judgement, None, MOST_OFFENDING);
    offending
        .into_iter()
        .flat_map(|offending| offending.rows)
        .collect()
}

#[test]
fn the_worst_rows_come_first() {
    let regressed = "scorer: s, metric: regressed_rows, max: 0";
    let passed = &["true true"; 4];
    let now = ["true false", "false false", "true true", "true _"];
    // Rows with a missing score that may hide a failure come first, then the rows with the most failures.
    assert_eq!(
        digests_behind(regressed, &now, passed),
        ["003", "001", "000"]
    );
    let fixed = "scorer: s, metric: fixed_rows, min: 4";
    let failed = &["false false"; 3];
    let now = ["true false", "false false", "true true"];
    assert_eq!(digests_behind(fixed, &now, failed), ["001", "000"]);
    // For a `min` limit on errors, the rows with the fewest errors are the worst.
    let errors = "metric: error_rate, min: 0.9, evidence: proven";
    let now = ["_ true", "true true", "_ _"];
    assert_eq!(digests_behind(errors, &now, &now), ["001", "000"]);
    // A row can meet the `min` limit on average and still have a trial that fails.
    let floor = "scorer: s, metric: pass_rate, min: 0.5, evidence: proven";
    let now = ["true true true", "true true false"];
    assert_eq!(digests_behind(floor, &now, &now), ["001"]);
}

#[test]
fn a_row_that_is_gone_has_no_coverage() {
    let gate = "scorer: s, metric: coverage, max_drop: 0.1, evidence: proven";
    let rows = rows_behind(gate, &["true", "true", "gone"], &["true"; 3]);
    let of: Vec<_> = rows
        .iter()
        .map(|row| (row.candidate.mean, row.candidate.trials))
        .collect();
    assert_eq!(of, [(None, 0)]);
}
