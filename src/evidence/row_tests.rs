//! Tests of rows: the required columns, the comparison of inputs, the join of two runs, and the agreement with the
//! summary.

use serde_json::json;

use super::rows::Sort;
use super::*;
use crate::input::{Unresolved, Value};

fn column(dimension: &str, kind: Kind) -> Column {
    Column::Dimension(dimension.to_owned(), kind)
}

fn input(path: &str, named: &[serde_json::Value]) -> Input {
    Input {
        path: path.to_owned(),
        named: named.iter().filter_map(Value::of).collect(),
        is_cluster: false,
    }
}

fn columns(scores: &[Column], inputs: &[Input]) -> Columns {
    Columns {
        scores: scores.to_vec(),
        inputs: inputs.to_vec(),
        patterns: Vec::new(),
    }
}

/// Rows of a candidate with one number each, and with the inputs of `by` if they are wanted.
fn numbers(wanted: &Columns, of: &[(&str, f64, serde_json::Value)]) -> Rows {
    let mut rows = Rows::new(wanted.clone());
    for (digest, number, inputs) in of {
        rows.push(
            Role::Candidate,
            &vec![Score::of(*number); wanted.scores.len()],
        );
        rows.push_inputs(inputs).unwrap();
        rows.end_row(digest, 1, 0);
    }
    rows
}

#[test]
fn wanted_columns_are_those_of_all_policies_each_once() {
    let mut all = Columns::default();
    assert!(all.is_empty());
    let (truth, number) = (column("a", Kind::Truth), column("a", Kind::Number));
    all.add(columns(
        std::slice::from_ref(&truth),
        &[input("x", &[json!(1), json!(2)])],
    ));
    all.add(columns(
        &[truth.clone(), number.clone()],
        &[input("x", &[json!(2), json!(3)]), input("y", &[])],
    ));
    let expected = columns(
        &[truth.clone(), number],
        &[input("x", &[json!(1), json!(2), json!(3)]), input("y", &[])],
    );
    assert_eq!(all, expected);
    assert!(!columns(&[truth], &[]).is_empty());
    assert!(!columns(&[], &[input("x", &[])]).is_empty());
}

#[test]
fn calls_and_costs_are_asked_for_only_where_a_column_needs_them() {
    let needs = |kind| {
        let wanted = columns(&[column("a", Kind::Truth), Column::Run(kind)], &[]);
        (wanted.need_calls(), wanted.need_costs())
    };
    assert_eq!(needs(Kind::Latency), (true, false));
    assert_eq!(needs(Kind::Tokens), (true, false));
    assert_eq!(needs(Kind::Cost), (true, true));
    for kind in [Kind::Truth, Kind::Number, Kind::Scored, Kind::Anything] {
        assert_eq!(needs(kind), (false, false), "{kind:?}");
    }
    let everything = Columns::everything();
    assert!(everything.need_calls() && everything.need_costs());
    assert!(Rows::new(everything).wants_inputs());
    assert!(!Rows::new(columns(&[column("a", Kind::Truth)], &[])).wants_inputs());
}

#[test]
fn rows_that_were_read_serve_whoever_needs_no_more() {
    let (truth, number) = (column("a", Kind::Truth), column("a", Kind::Number));
    let read = Rows::new(columns(std::slice::from_ref(&truth), &[input("x", &[])]));
    assert!(read.is_empty());
    assert!(read.has(&Columns::default()));
    assert!(read.has(&columns(std::slice::from_ref(&truth), &[input("x", &[])])));
    assert!(!read.has(&columns(&[truth.clone(), number], &[])));
    assert!(!read.has(&columns(std::slice::from_ref(&truth), &[input("y", &[])])));
    assert!(!read.has(&columns(&[column("b", Kind::Truth)], &[input("x", &[])])));
    let mut one = read;
    one.end_row("d", 0, 0);
    assert!(!one.is_empty());
}

#[test]
fn long_values_are_not_told_apart_unless_they_are_named() {
    let long = "x".repeat(2_000);
    let wanted = columns(&[], &[input("x", &[json!(long)])]);
    let other = "y".repeat(2_000);
    let rows = numbers(
        &wanted,
        &[
            ("a", 0.0, json!({"x": long})),
            ("b", 0.0, json!({"x": other})),
            ("c", 0.0, json!({"x": "short"})),
            ("d", 0.0, json!({})),
        ],
    );
    let value = |json| Sort::Value(Value::of(&json).unwrap());
    let sorts: Vec<Sort> = (0..4).map(|row| rows.sort(0, row)).collect();
    assert_eq!(
        sorts,
        [
            value(json!(long)),
            Sort::Other,
            value(json!("short")),
            Sort::Absent
        ]
    );
    // A missing row and a missing input are absent.
    assert_eq!(rows.sort(0, 4), Sort::Absent);
    assert_eq!(rows.sort(1, 0), Sort::Absent);
    // Only known values have a code.
    assert_eq!(rows.code(0, &value(json!("never"))), None);
    assert_eq!(rows.code(1, &value(json!("short"))), None);
    for (row, sort) in sorts.iter().enumerate() {
        let code = rows.code(0, sort).unwrap();
        let having: Vec<usize> = (0..4)
            .filter(|row| rows.is_any_of(0, *row, &[code]))
            .collect();
        assert_eq!(having, [row]);
    }
}

/// A dataset may have more distinct values than the limit. Further values become one common sort, except values that a
/// policy names.
#[test]
fn as_many_values_as_a_dataset_has_rows_stay_within_bounds() {
    let wanted = columns(&[], &[input("x", &[json!("named"), json!("late")])]);
    let mut rows = Rows::new(wanted);
    for number in 0..50_001 {
        rows.push_inputs(&json!({ "x": number })).unwrap();
        rows.end_row("d", 0, 0);
    }
    rows.push_inputs(&json!({"x": "late"})).unwrap();
    rows.end_row("d", 0, 0);
    let value = |json| Sort::Value(Value::of(&json).unwrap());
    assert_eq!(rows.sort(0, 49_999), value(json!(49_999)));
    assert_eq!(rows.sort(0, 50_000), Sort::Other);
    assert_eq!(rows.sort(0, 50_001), value(json!("late")));
}

#[test]
fn a_reference_in_the_place_of_an_input_is_no_value() {
    let mut rows = Rows::new(columns(&[], &[input("x", &[])]));
    let row = json!({"x": "weave:///a/b/object/c:d"});
    assert_eq!(rows.push_inputs(&row), Err(Unresolved));
}

#[test]
fn two_runs_are_joined_row_by_row() {
    let wanted = columns(&[column("a", Kind::Number)], &[input("x", &[])]);
    let ours = [
        ("b", 2.0, json!({"x": 1, "first": 0})),
        ("d", 4.0, json!({"x": 2})),
    ];
    let theirs = [
        ("a", 10.0, json!({"x": 1, "other": 0})),
        ("b", 20.0, json!({"x": 1})),
        ("e", 50.0, json!({})),
    ];
    let joined = Rows::joined(&numbers(&wanted, &ours), &numbers(&wanted, &theirs)).unwrap();
    let lines: Vec<String> = (0..joined.len())
        .map(|row| {
            let of = |role| {
                let scores = joined.scores(role, 0, row).iter();
                scores
                    .map(|score| score.value().unwrap())
                    .collect::<Vec<f64>>()
            };
            format!(
                "{} {:?} {:?}",
                joined.digest(row),
                of(Role::Candidate),
                of(Role::Baseline)
            )
        })
        .collect();
    assert_eq!(
        lines,
        ["a [] [10.0]", "b [2.0] [20.0]", "d [4.0] []", "e [] [50.0]"]
    );
    assert_eq!(joined.sort(0, 3), Sort::Absent);
    // The names of inputs are those of the first row that both runs have.
    assert_eq!(joined.input_names(), ["other", "x"]);
    let names = |ours: &[_], theirs: &[_]| {
        let joined = Rows::joined(&numbers(&wanted, ours), &numbers(&wanted, theirs));
        joined.unwrap().input_names().join(" ")
    };
    assert_eq!(names(&ours, &theirs[2..]), "first x");
    assert_eq!(names(&[], &theirs), "other x");
    assert_eq!(names(&ours, &[]), "first x");
    // If both runs have the row, the names are those of the candidate.
    let same = [("b", 2.0, json!({"x": 1, "later": 0}))];
    assert_eq!(names(&ours, &same), "first x");
}

#[test]
fn a_row_with_other_inputs_in_one_run_is_no_common_row() {
    let wanted = columns(&[], &[input("x", &[])]);
    let of = |x: i32| {
        numbers(
            &wanted,
            &[("a", 0.0, json!({"x": 0})), ("b", 0.0, json!({"x": x}))],
        )
    };
    assert_eq!(Rows::joined(&of(1), &of(2)), Err("b".to_owned()));
    assert!(Rows::joined(&of(1), &of(1)).is_ok());
}

#[test]
fn the_extremes_are_those_of_the_rows_that_are_meant() {
    let wanted = columns(&[column("a", Kind::Number)], &[]);
    let of = [
        ("a", f64::NAN, json!({})),
        ("b", 3.0, json!({})),
        ("c", -1.0, json!({})),
        ("d", 9.0, json!({})),
    ];
    let rows = numbers(&wanted, &of);
    assert_eq!(
        rows.extremes(Role::Candidate, 0, |row| row < 3),
        Some((-1.0, 3.0))
    );
    assert_eq!(rows.extremes(Role::Candidate, 0, |row| row == 0), None);
    assert_eq!(rows.extremes(Role::Baseline, 0, |_| true), None);
}

/// What the rows and the summary of a run say about one dimension, tokens, cost, or trials without a score.
struct Told {
    kind: Kind,
    values: &'static [f64],
    summary: Totals,
}

impl Told {
    fn disagree(&self) -> Option<String> {
        let mut rows = Rows::new(columns(&[column("a", self.kind)], &[]));
        for value in self.values {
            rows.push(Role::Candidate, &[Score::of(*value)]);
            rows.end_row("d", 1, 0);
        }
        rows.disagree(Role::Candidate, self.values.len() as u64, &self.summary)
    }
}

fn summary(trials: u64, dimension: Dimension) -> Totals {
    Totals {
        trials,
        dimensions: [("a".to_owned(), dimension)].into(),
        ..Totals::default()
    }
}

#[test]
fn rows_and_summary_have_to_agree_in_their_number() {
    let mut rows = Rows::new(Columns::default());
    for digest in ["a", "b"] {
        rows.push(Role::Candidate, &[]);
        rows.push(Role::Candidate, &[]);
        rows.end_row(digest, 2, 0);
    }
    let of = |trials| summary(trials, Dimension::default());
    let disagree = |count, trials| rows.disagree(Role::Candidate, count, &of(trials));
    assert_eq!(disagree(2, 4), None);
    assert_eq!(disagree(3, 4).unwrap(), "2 rows, 3 in the summary");
    assert_eq!(disagree(2, 5).unwrap(), "4 trials, 5 in the summary");
}

#[test]
fn rows_and_summary_have_to_agree_in_each_dimension() {
    let of = |scored, passed, judged, measured, mean| Dimension {
        scored,
        passed,
        judged,
        measured,
        mean,
        flaw: None,
    };
    let disagree = |kind, values, dimension| {
        let summary = summary(3, dimension);
        Told {
            kind,
            values,
            summary,
        }
        .disagree()
    };
    let differs = Some("a".to_owned());
    let truths: &[f64] = &[1.0, 0.0, f64::NAN];
    assert_eq!(disagree(Kind::Truth, truths, of(2, 1, 2, 0, None)), None);
    assert_eq!(disagree(Kind::Truth, truths, of(2, 2, 2, 0, None)), differs);
    assert_eq!(disagree(Kind::Truth, truths, of(3, 1, 3, 0, None)), differs);
    assert_eq!(disagree(Kind::Scored, truths, of(2, 9, 9, 9, None)), None);
    assert_eq!(
        disagree(Kind::Scored, truths, of(3, 9, 9, 9, None)),
        differs
    );
    let few: &[f64] = &[1.0, 2.0, f64::NAN];
    let mean = |mean| of(2, 0, 0, 2, Some(mean));
    assert_eq!(disagree(Kind::Number, few, mean(1.5)), None);
    assert_eq!(disagree(Kind::Number, few, mean(1.5 + 1e-9)), None);
    assert_eq!(disagree(Kind::Number, few, mean(1.5 + 2e-9)), differs);
    assert_eq!(disagree(Kind::Number, few, mean(-1.5)), differs);
    assert_eq!(
        disagree(Kind::Number, few, of(3, 0, 0, 3, Some(1.5))),
        differs
    );
    let large: &[f64] = &[1e6, 2e6, f64::NAN];
    assert_eq!(disagree(Kind::Number, large, mean(1.5e6 + 1e-3)), None);
    assert_eq!(disagree(Kind::Number, large, mean(1.5e6 + 2e-3)), differs);
    // A summary that contradicts itself is not used, so the rows need not agree with it.
    let flawed = Dimension {
        flaw: Some(Flaw::Ambiguous),
        ..of(3, 3, 3, 0, None)
    };
    assert_eq!(disagree(Kind::Truth, truths, flawed), None);
    // Summaries hold no latencies.
    assert_eq!(disagree(Kind::Latency, few, of(0, 0, 0, 0, None)), None);
}

#[test]
fn rows_and_summary_have_to_agree_in_usage() {
    let disagree = |kind, values, tokens, cost| {
        let usage = Usage {
            tokens,
            cost,
            ..Usage::default()
        };
        let summary = Totals {
            usage: Some(usage),
            ..summary(3, Dimension::default())
        };
        Told {
            kind,
            values,
            summary,
        }
        .disagree()
    };
    let known: &[f64] = &[1.0, 2.0, f64::NAN];
    let none: &[f64] = &[f64::NAN; 3];
    let tokens = |values, tokens| disagree(Kind::Tokens, values, tokens, Some(9.0));
    let differs = Some("tokens".to_owned());
    assert_eq!(tokens(known, Some(3)), None);
    assert_eq!(tokens(known, Some(4)), differs);
    assert_eq!(tokens(known, None), differs);
    assert_eq!(tokens(none, None), None);
    let cost = |values, cost| disagree(Kind::Cost, values, Some(9), cost);
    let differs = Some("cost".to_owned());
    assert_eq!(cost(known, Some(3.0)), None);
    assert_eq!(cost(known, Some(3.0 + 2e-9)), None);
    assert_eq!(cost(known, Some(3.0 + 4e-9)), differs);
    assert_eq!(cost(known, Some(-3.0)), differs);
    assert_eq!(cost(known, None), differs);
    assert_eq!(cost(none, Some(3.0)), differs);
    assert_eq!(cost(none, None), None);
    // Below one US dollar, the tolerance is that of one US dollar.
    let cents: &[f64] = &[0.01, 0.01, 0.01];
    assert_eq!(cost(cents, Some(0.03 + 5e-10)), None);
    assert_eq!(cost(cents, Some(0.03 + 2e-9)), differs);
    // If the usage was not requested, there is nothing to compare.
    let unasked = Told {
        kind: Kind::Cost,
        values: known,
        summary: summary(3, Dimension::default()),
    };
    assert_eq!(unasked.disagree(), None);
}

#[test]
fn trials_without_any_score_are_as_many_as_the_summary_leaves_room_for() {
    // Two of three trials have a score in `a`. So at most one trial has no score, and that trial may have a list.
    let disagree = |values| {
        let mut totals = Totals {
            trials: 3,
            ..Totals::default()
        };
        let dimension = Dimension {
            scored: 2,
            ..Dimension::default()
        };
        totals.add("a", None, dimension);
        Told {
            kind: Kind::Anything,
            values,
            summary: totals,
        }
        .disagree()
    };
    assert_eq!(disagree(&[1.0, 1.0, f64::NAN]), None);
    let differs = Some("trials without any score".to_owned());
    assert_eq!(disagree(&[1.0, f64::NAN, f64::NAN]), differs);
    assert_eq!(disagree(&[1.0, 1.0, 0.0]), None);
    // All three trials have a score of some dimension, but the summary has only two scores.
    assert_eq!(disagree(&[1.0, 1.0, 1.0]), differs);
}

#[test]
fn known_usage_is_counted_and_summed() {
    let wanted = columns(&[Column::Run(Kind::Tokens), Column::Run(Kind::Cost)], &[]);
    let mut rows = Rows::new(wanted);
    for values in [
        [10.0, 0.5],
        [f64::NAN, 0.25],
        [20.0, f64::NAN],
        [0.0, f64::NAN],
    ] {
        rows.push(Role::Candidate, &values.map(Score::of));
        rows.end_row("d", 1, 0);
    }
    let usage = rows.totals(Role::Candidate).usage.unwrap();
    let expected = Usage {
        tokens: Some(30),
        cost: Some(0.75),
        reported: Some(3),
        priced: Some(2),
    };
    assert_eq!(usage, expected);
    let none = rows.totals_of(Role::Candidate, |_| false).0.usage.unwrap();
    let expected = Usage {
        reported: Some(0),
        priced: Some(0),
        ..Usage::default()
    };
    assert_eq!(none, expected);
}
