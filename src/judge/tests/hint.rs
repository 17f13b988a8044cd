//! Tests of the hints about too few rows.

use super::row::{both, on_rows, repeated};
use crate::judge::*;
use crate::report::finding_and_help;

#[test]
fn hints_tell_of_means_and_of_several_trials_too() {
    // Sixteen rows differ by 0.5 or -0.5. The deviation is 0.516 and the standard error 0.129. With 15 degrees of
    // freedom, a change of 0.226 is detectable. R: qt(0.95, 15) * sqrt(4/15) / 4 is 0.2263; pt(-0.05 / 0.1291, 15) is
    // 0.352.
    let rows = "- {name: r, scorer: s, metric: numeric_mean, max_rise: 9, evidence: significant}";
    let (ours, theirs) = both(
        &repeated(&[(8, "0.5"), (8, "1.5")]),
        &repeated(&[(16, "1.0")]),
    );
    let mean = "- {name: g, scorer: s, metric: numeric_mean, max_drop: 0.05}";
    let said = hints(&format!("{mean}\n{rows}"), &ours, &theirs);
    assert_eq!(
        said,
        [
            "limit-below-noise: the gate `g`: max_drop 0.05 is below the noise, since 16 rows show no change below 0.226: a model that did not \
             change, but whose rows vary as they do here, breaks it in 35 % of runs\nhelp: use `evidence: significant`, a larger limit, or more rows"
        ]
    );
    let wide = mean.replace("0.05", "0.23");
    assert_eq!(hints(&format!("{wide}\n{rows}"), &ours, &theirs), [""; 0]);
    // 10 % of a baseline of 1 is 0.1.
    let relative = mean.replace("max_drop: 0.05", "max_relative_drop: 0.1");
    assert_eq!(
        hints(&format!("{relative}\n{rows}"), &ours, &theirs).len(),
        1
    );

    let (ours, theirs) = both(
        &repeated(&[(10, "true true"), (5, "true false"), (5, "false true")]),
        &repeated(&[(10, "true true"), (5, "true true"), (5, "false false")]),
    );
    let rate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.05}";
    let rows = rows
        .replace("numeric_mean", "pass_rate")
        .replace("max_rise: 9", "max_rise: 1");
    let said = hints(&format!("{rate}\n{rows}"), &ours, &theirs);
    assert!(
        said[0].contains("20 rows show no change below") && said[0].contains("whose rows vary"),
        "{said:?}"
    );
}

fn hints(gates: &str, candidate: &str, baseline: &str) -> Vec<String> {
    let judgement = on_rows("", gates, candidate, baseline);
    let hints = judgement.findings.iter();
    hints
        .filter(|finding| finding.effect == Effect::Hint)
        .map(|finding| format!("{}: {}", finding.name().word(), finding_and_help(finding)))
        .collect()
}

#[test]
fn hints_say_what_so_few_rows_cannot_tell() {
    let gate = |keys: &str| format!("- {{name: g, scorer: s, metric: pass_rate, {keys}}}");
    // Ten of 100 rows flipped.
    let (ours, theirs) = both(
        &repeated(&[(85, "true"), (5, "false"), (5, "true"), (5, "false")]),
        &repeated(&[(85, "true"), (5, "true"), (5, "false"), (5, "false")]),
    );
    // Without rows, the hint assumes that every answer is independent of the other run.
    assert_eq!(
        hints(&gate("max_drop: 0.02"), &ours, &theirs),
        [
            "limit-below-noise: the gate `g`: max_drop 0.02 is below the noise, since 100 rows show no change below 0.09: a model that did not \
             change, but answers every row afresh, breaks it in 28 % of runs\nhelp: use `evidence: significant`, a larger limit, or more rows"
        ]
    );
    let with_rows = format!(
        "{}\n{}",
        gate("max_drop: 0.02"),
        gate("max_rise: 0.5, evidence: significant").replace("name: g", "name: h")
    );
    let said = hints(&with_rows, &ours, &theirs);
    assert_eq!(said.len(), 1);
    for part in [
        "100 rows show no change below 0.07: ",
        "but whose answers flip as often as here, breaks it in 21 % of runs",
    ] {
        assert!(said[0].contains(part), "{}", said[0]);
    }
    // One row in ten flipped in each direction. Few rows can have been right in the baseline.
    let (few, of_few) = both(
        &repeated(&[(2, "true"), (2, "false"), (16, "false")]),
        &repeated(&[(2, "false"), (2, "true"), (16, "false")]),
    );
    let said = hints(&with_rows, &few, &of_few);
    assert!(
        said[0].contains("20 rows show no change below 0.25: "),
        "{}",
        said[0]
    );
    assert_eq!(hints(&gate("max_drop: 0.1"), &ours, &theirs), [""; 0]);
    // The size of a relative limit is its share of the baseline's 0.9.
    let relative = hints(&gate("max_relative_drop: 0.03"), &ours, &theirs);
    assert!(
        relative[0].contains(
            "max_relative_drop 0.03 is below the noise, since 100 rows show no change below 0.09"
        ),
        "{}",
        relative[0]
    );

    let (ours, theirs) = both(&["true"; 40], &["true"; 40]);
    assert_eq!(
        hints(
            &gate("min: 0.99, max_drop: 0.02, evidence: proven"),
            &ours,
            &theirs
        ),
        [
            "cannot-be-proven: the gate `g`: min 0.99 cannot be proven on 40 rows: not even the best answer on every row would \
             prove it\nhelp: use at least 268 rows",
            "cannot-be-proven: the gate `g`: max_drop 0.02 cannot be proven on 40 rows: not even the same answers on every row \
             would prove it\nhelp: use at least 133 rows",
            "constant-scorer: `s` is true on every row of both runs, so it shows no difference between them\nhelp: check the scorer",
        ]
    );
    assert_eq!(
        hints(&gate("min: 0.9, evidence: proven"), &ours, &theirs),
        [""; 0]
    );
    let (ours, theirs) = both(&["0.5"; 12], &["0.5"; 12]);
    let number =
        "- {name: g, scorer: s, metric: numeric_mean, max_drop: 0.1, evidence: significant}";
    assert_eq!(
        hints(number, &ours, &theirs),
        [
            "constant-scorer: `s` is 0.5 on every row of both runs, so it shows no difference between them\nhelp: check the scorer"
        ]
    );
    assert_eq!(hints(number, &ours, &both(&["0.6"; 12], &[]).0), [""; 0]);
}

#[test]
fn hints_of_rates_near_their_ends() {
    let gate =
        |limit: &str| format!("- {{name: g, scorer: s, metric: pass_rate, max_drop: {limit}}}");
    let by_rows = |limit: &str| {
        let rows =
            "- {name: h, scorer: s, metric: pass_rate, max_rise: 0.9, evidence: significant}";
        format!("{}\n{rows}", gate(limit))
    };
    let begins = |said: Vec<String>, with: &str| {
        assert!(
            said[0].contains(&format!(", since {with}: a model")),
            "{said:?}"
        );
    };
    // The baseline is all true, and six rows turned. At most fourteen rows can be true in both runs.
    let (ours, theirs) = both(&repeated(&[(14, "true"), (6, "false")]), &["true"; 20]);
    begins(
        hints(&by_rows("0.01"), &ours, &theirs),
        "20 rows show no change below 0.3",
    );
    // The baseline has 15 true rows of 120, and five rows turned in each direction.
    let (ours, theirs) = both(
        &repeated(&[(10, "true"), (5, "false"), (5, "true"), (100, "false")]),
        &repeated(&[(10, "true"), (5, "true"), (5, "false"), (100, "false")]),
    );
    begins(
        hints(&by_rows("0.01"), &ours, &theirs),
        "120 rows show no change below 0.0667",
    );
    // The rate is so near to 1 that less than one row of 100 is expected to turn in each direction.
    let (ours, theirs) = both(&repeated(&[(99, "true"), (1, "false")]), &["true"; 100]);
    assert_eq!(hints(&gate("0.001"), &ours, &theirs), [""; 0]);
    let (ours, theirs) = both(&["true", "false"], &["false", "true"]);
    begins(
        hints(&gate("0.1"), &ours, &theirs),
        "2 rows show no change at all",
    );
    begins(
        hints(&by_rows("0.1"), &ours, &theirs),
        "2 rows show no change at all",
    );
}

#[test]
fn what_a_proof_takes_depends_on_the_rate() {
    let (ours, theirs) = both(
        &repeated(&[(20, "true"), (20, "false")]),
        &repeated(&[(20, "true"), (20, "false")]),
    );
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: proven}";
    // For a rate of 1 it would be 133.
    let said = hints(gate, &ours, &theirs);
    assert!(
        said[0].ends_with("\nhelp: use at least 81 rows"),
        "{said:?}"
    );
}

#[test]
fn hints_are_of_the_rows_that_both_runs_have_scored() {
    let gates = "
- {name: g, scorer: s, metric: pass_rate, max_drop: 0.01, missing: ignore}
- {name: h, scorer: s, metric: pass_rate, max_rise: 0.9, evidence: significant, missing: ignore}";
    let (ours, theirs) = both(
        &repeated(&[
            (80, "true"),
            (5, "false"),
            (5, "_"),
            (5, "true"),
            (5, "true"),
        ]),
        &repeated(&[
            (80, "true"),
            (5, "true"),
            (5, "true"),
            (5, "_"),
            (5, "false"),
        ]),
    );
    let said = hints(gates, &ours, &theirs);
    assert!(
        said[0].contains(" 90 rows show no change below 0.0"),
        "{said:?}"
    );
    assert!(
        said[0].contains("whose answers flip as often as here"),
        "{said:?}"
    );
    // If one row has two trials, rows are no longer only true or false.
    for place in [0, 1] {
        let mut cells = [vec!["true"; 20], vec!["true"; 20]];
        cells[0][0] = "false";
        cells[1][1] = "false";
        cells[place][2] = "true false";
        let (ours, theirs) = both(&cells[0], &cells[1]);
        let said = hints(gates, &ours, &theirs);
        assert!(
            said[0].contains("whose rows vary as they do here"),
            "{said:?}"
        );
    }
}
