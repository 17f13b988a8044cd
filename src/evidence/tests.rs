//! Tests of the counts of a run, and of the checks on them.

use super::*;

/// A run with rows of one trial each.
pub(super) fn test_run(id: &str, digests: &[&str]) -> Run {
    Run {
        project: Project::parse("a/b").unwrap(),
        web: String::new(),
        id: id.to_owned(),
        display_name: None,
        evaluation: None,
        model: None,
        status: None,
        started_at: None,
        finished_at: None,
        rescored_from: None,
        rows: digests.len() as u64,
        totals: Totals {
            trials: digests.len() as u64,
            rows: digests.len() as u64,
            usage: Some(Usage::default()),
            ..Totals::default()
        },
        digests: Some(
            digests
                .iter()
                .map(|digest| ((*digest).to_owned(), 1))
                .collect(),
        ),
        choice: None,
        attributes: None,
        completeness: Completeness::Complete,
        pooled_runs: 1,
        is_logged: false,
        exception: None,
        setup: None,
    }
}

fn scored(scored: u64) -> Dimension {
    Dimension {
        scored,
        passed: 0,
        judged: scored,
        measured: 0,
        mean: None,
        flaw: None,
    }
}

#[test]
fn references_are_read() {
    let read = |text| Reference::parse(text).map(|read| (read.name, read.version));
    assert_eq!(
        read("weave:///acme/bot/object/answers:9YV1"),
        Some(("answers".into(), Some("9YV1".into())))
    );
    assert_eq!(
        read("weave:///acme/bot/op/model.predict:N4oT"),
        Some(("model.predict".into(), Some("N4oT".into())))
    );
    assert_eq!(read("my model"), Some(("my model".into(), None)));
    assert_eq!(read(""), None);
}

#[test]
fn errors_are_bounded_by_the_dimensions() {
    let mut totals = Totals {
        trials: 10,
        ..Totals::default()
    };
    // A list or a field of the SDK may have been scored in any of the trials.
    assert_eq!(totals.unscored(), (0, 10));
    totals.add("a", None, scored(6));
    assert_eq!(totals.unscored(), (0, 4));
    totals.add("b", None, scored(3));
    assert_eq!(totals.unscored(), (0, 4));
    totals.add("c", None, scored(10));
    assert_eq!(totals.unscored(), (0, 0));
}

#[test]
fn parts_have_to_fit_into_the_whole() {
    let of = |trials, passed, judged| {
        let mut totals = Totals {
            trials,
            ..Totals::default()
        };
        totals.add(
            "a",
            None,
            Dimension {
                passed,
                ..scored(judged)
            },
        );
        totals
    };
    let all = of(10, 5, 8);
    for (part, fits) in [
        (of(10, 5, 8), true),
        (of(10, 4, 8), false),
        (of(10, 5, 7), false),
        (of(9, 5, 8), true),
        (of(9, 4, 7), true),
        (of(9, 5, 7), true),
        (of(9, 3, 7), false),
        (of(9, 5, 6), false),
        (of(11, 5, 8), false),
        (of(0, 0, 0), true),
        (
            Totals {
                trials: 2,
                ..Totals::default()
            },
            true,
        ),
        (
            Totals {
                trials: 3,
                ..Totals::default()
            },
            false,
        ),
    ] {
        assert_eq!(all.contain(&part), fits, "{part:?}");
    }
}

#[test]
fn contradictions_are_found() {
    let mut totals = Totals {
        trials: 5,
        ..Totals::default()
    };
    totals.add("more", None, scored(6));
    totals.add("a", Some("b"), scored(2));
    totals.add("a.b", None, scored(2));
    assert_eq!(totals.dimensions["more"].flaw, Some(Flaw::Inconsistent));
    assert_eq!(totals.dimensions["a.b"].flaw, Some(Flaw::Ambiguous));
    assert_eq!(totals.unscored(), (0, 5));
}

/// A dimension that holds only numbers.
fn numbers(mean: f64, measured: u64) -> Dimension {
    Dimension {
        scored: measured,
        measured,
        mean: Some(mean),
        ..Dimension::default()
    }
}

fn of(trials: u64, name: &str, dimension: Dimension) -> Totals {
    let mut totals = Totals {
        trials,
        ..Totals::default()
    };
    totals.add(name, None, dimension);
    totals
}

#[test]
fn a_dimension_has_the_metrics_of_the_kinds_that_it_holds() {
    let mixed = Dimension {
        scored: 3,
        judged: 1,
        ..numbers(0.5, 2)
    };
    let text = Dimension {
        scored: 3,
        ..Dimension::default()
    };
    assert_eq!(mixed.metrics(), ["pass_rate", "numeric_mean", "coverage"]);
    assert_eq!(scored(3).metrics(), ["pass_rate", "coverage"]);
    assert_eq!(numbers(0.5, 3).metrics(), ["numeric_mean", "coverage"]);
    assert_eq!(text.metrics(), ["coverage"]);
    assert_eq!(
        [&mixed, &scored(3), &numbers(0.5, 3), &text].map(Dimension::is_mixed),
        [true, false, false, false]
    );
    // A count without a mean is invalid, and so is a mean without a count.
    for mean in [None, Some(0.5)] {
        let odd = Dimension {
            scored: 3,
            measured: if mean.is_some() { 0 } else { 3 },
            mean,
            ..Dimension::default()
        };
        assert_eq!(odd.metrics(), ["coverage"]);
    }
}

#[test]
fn counts_that_cannot_be_are_a_flaw() {
    let flaw = |dimension: Dimension| of(5, "a", dimension).dimensions["a"].flaw;
    let sound = Dimension {
        scored: 5,
        passed: 2,
        judged: 2,
        ..numbers(0.5, 3)
    };
    assert_eq!(flaw(sound.clone()), None);
    for wrong in [
        Dimension {
            passed: 3,
            ..sound.clone()
        },
        Dimension {
            measured: 4,
            ..sound.clone()
        },
        Dimension {
            judged: u64::MAX,
            ..sound.clone()
        },
        Dimension {
            mean: Some(f64::INFINITY),
            ..sound.clone()
        },
        // A mean without a count.
        Dimension {
            measured: 0,
            ..sound.clone()
        },
        Dimension { scored: 6, ..sound },
    ] {
        assert_eq!(flaw(wrong.clone()), Some(Flaw::Inconsistent), "{wrong:?}");
    }
}

#[test]
fn a_mean_over_the_same_numbers_has_to_be_the_same() {
    let fits = |all: &Dimension, part: &Dimension| {
        of(10, "a", all.clone()).contain(&of(10, "a", part.clone()))
    };
    let near = 1e-9;
    assert!(fits(&numbers(0.5, 4), &numbers(0.5, 4)));
    assert!(fits(&numbers(0.5, 4), &numbers(0.5 + near / 2.0, 4)));
    assert!(!fits(&numbers(0.5, 4), &numbers(0.5 + near * 2.0, 4)));
    assert!(!fits(&numbers(0.5, 4), &numbers(-0.5, 4)));
    // The tolerance grows with the size of the mean.
    assert!(fits(
        &numbers(1000.0, 4),
        &numbers(1000.0 + near * 500.0, 4)
    ));
    assert!(!fits(
        &numbers(1000.0, 4),
        &numbers(1000.0 + near * 2000.0, 4)
    ));
    // A run with more numbers may have another mean than its part.
    let larger = |mean| of(10, "a", numbers(mean, 4));
    assert!(larger(0.5).contain(&of(9, "a", numbers(0.9, 3))));
    // A part may have no numbers.
    assert!(larger(0.5).contain(&of(6, "a", Dimension::default())));
    // If a part has all the numbers, the run must have them too.
    let without = Dimension {
        mean: None,
        ..numbers(0.5, 4)
    };
    assert!(!fits(&numbers(0.5, 4), &without));
    assert!(fits(&without, &without));
    // The number of scores is the same, but their kind differs.
    assert!(!fits(&numbers(0.5, 4), &scored(4)));
    assert!(!fits(&scored(4), &numbers(0.5, 4)));
}

#[test]
fn what_contradicts_itself_is_not_held_against_a_part() {
    let flawed = |trials| of(trials, "a", scored(9));
    assert!(flawed(5).contain(&of(5, "a", scored(3))));
    assert!(of(5, "a", scored(3)).contain(&flawed(5)));
    // The same holds if the dimension is missing in the part.
    let lacking = Totals {
        trials: 1,
        ..Totals::default()
    };
    assert!(flawed(5).contain(&lacking));
    assert!(!of(5, "a", scored(5)).contain(&lacking));
}

#[test]
fn who_contradicts_himself_is_not_believed_elsewhere() {
    let mut part = of(5, "a", scored(3));
    part.add("b", None, scored(3));
    part.adopt_flaws(&of(5, "a", scored(9)));
    assert_eq!(part.dimensions["a"].flaw, Some(Flaw::Inconsistent));
    assert_eq!(part.dimensions["b"].flaw, None);
    // The part keeps its own flaw.
    part.adopt_flaws(&of(5, "a", scored(3)));
    assert_eq!(part.dimensions["a"].flaw, Some(Flaw::Inconsistent));
}

#[test]
fn scores_add_up_without_going_round() {
    let mut totals = of(5, "a", scored(5));
    totals.trials = u64::MAX;
    totals.dimensions.clear();
    totals.add("a", None, scored(u64::MAX));
    totals.add("b", None, scored(u64::MAX));
    assert_eq!(totals.unscored(), (0, 0));
}
