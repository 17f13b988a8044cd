//! Tests of every kind of invalid policy, and of the error messages.

use super::*;

/// A policy of one gate, with more top-level keys.
fn gate(file: &str, keys: &str) -> String {
    format!("version: 1\n{file}\ngates:\n  - {{name: g, {keys}}}\n")
}

fn problems(text: &str) -> Vec<String> {
    match parse("gates.yaml", text) {
        Ok(policy) => panic!("accepted: {policy:?}"),
        Err(problems) => problems
            .into_iter()
            .map(|problem| {
                let help = problem.help.map(|help| format!(" | {help}"));
                let help = help.unwrap_or_default();
                format!("{}: {}{help}", problem.place, problem.message)
            })
            .collect(),
    }
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let found = problems(text);
    for words in expected {
        assert!(
            found.iter().any(|problem| problem.contains(words)),
            "{words:?} is not said of\n{text}\nbut {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[track_caller]
fn accepted(text: &str) -> Policy {
    match parse("gates.yaml", text) {
        Ok(policy) => policy,
        Err(problems) => panic!("{problems:#?}"),
    }
}

#[test]
fn a_whole_policy_is_read() {
    let policy = accepted(
        "version: 1
project: a/b
candidate: {run: '${RUN}'}
baseline: {file: base.json, required: false, removed_rows: ignore}
accept_status: [completed, failed]
defaults: {severity: warn, evidence: observed, missing: fail, max_missing: 0.1}
gates:
  - name: one
    scorer: s.x
    metric: numeric_mean
    range: [0, 10]
    min: 7
    max_relative_drop: 0.1
    missing: ignore
    waive: {until: 2026-12-31, reason: because}
  - {name: two, metric: trials, min: 10, severity: block}
",
    );
    assert_eq!(policy.gates.len(), 2);
    assert!(policy.accept_failed && policy.compares(None) && !policy.needs_usage());
    assert_eq!(policy.baseline.required, Required::Never);
    assert_eq!(policy.baseline.removed_rows, RemovedRows::Ignore);
    let one = &policy.gates[0];
    assert_eq!(
        (one.severity, one.missing.rule),
        (Severity::Warn, MissingRule::Ignore)
    );
    assert_eq!(one.missing.tolerated, 0.1);
    assert_eq!(one.range, Some((0.0, 10.0)));
    assert_eq!(
        one.limits,
        [
            Limit {
                key: LimitKey::Min,
                value: 7.0
            },
            Limit {
                key: LimitKey::MaxRelativeDrop,
                value: 0.1
            }
        ]
    );
    assert_eq!(
        one.waive
            .as_ref()
            .map(|waiver| waiver.until.to_string())
            .as_deref(),
        Some("2026-12-31")
    );
    assert_eq!(policy.gates[1].severity, Severity::Block);
    // The digest of an empty policy, from `printf '' | sha256sum`.
    assert_eq!(
        super::parse::sha256(b""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn wrong_numbers_of_commits_are_refused() {
    for (file, said) in [
        (
            "baseline: {branch: main, last: 0}",
            "baseline.last: 0 is below 1 | write a number, such as `last: 5`",
        ),
        (
            "baseline: {branch: main, last: 51}",
            "baseline.last: 51 is above 50",
        ),
        (
            "baseline: {branch: main, last: 1.5}",
            "expected a whole number",
        ),
        (
            "baseline: {run: a, last: 5}",
            "baseline.last: `last` has no effect on a baseline that is named by `run` or `file`",
        ),
    ] {
        refused(&gate(file, "metric: rows, min: 1"), &[said]);
    }
}

#[test]
fn noise_is_whole_and_plausible() {
    let whole = "noise: {measured: 2026-11-29, expires: 2027-02-28, runs: 12, df: 11, run_sd: {s: 0.011, t.u: 0}}";
    let policy = accepted(&gate(whole, "metric: rows, min: 1"));
    let noise = policy.noise.unwrap();
    assert_eq!((noise.runs, noise.df), (12, 11));
    assert_eq!(noise.measured.to_string(), "2026-11-29");
    assert_eq!(noise.expires.to_string(), "2027-02-28");
    let found: Vec<(&str, f64)> = noise
        .run_sd
        .iter()
        .map(|(name, sd)| (name.as_str(), *sd))
        .collect();
    assert_eq!(found, [("s", 0.011), ("t.u", 0.0)]);
    for (key, other, said) in [
        ("runs: 12, ", "", "noise: missing key `runs`"),
        (
            "run_sd: {s: 0.011, t.u: 0}",
            "run_sd: {}",
            "noise.run_sd: `run_sd` is empty",
        ),
        ("0.011", "-0.011", "noise.run_sd.s: -0.011 is below 0"),
        ("0.011", "1%", "noise.run_sd.s"),
        (
            "df: 11",
            "df: 12",
            "noise.df: 12 degrees of freedom are not less than 12 runs",
        ),
        ("df: 11", "df: 0", "noise.df: 0 is below 1"),
        (
            "2027-02-28",
            "2026-11-28",
            "noise.expires: the noise expires before 2026-11-29",
        ),
        (
            "2026-11-29",
            "yesterday",
            "noise.measured: `yesterday` is not a day",
        ),
    ] {
        refused(
            &gate(&whole.replace(key, other), "metric: rows, min: 1"),
            &[said],
        );
    }
}

#[test]
fn attempts_and_clusters_are_for_gates_that_use_them() {
    for (keys, said) in [
        (
            "scorer: s, metric: pass_hat_k, min: 1",
            "missing key `k`: `pass_hat_k` is about k attempts at a row",
        ),
        (
            "scorer: s, metric: pass_at_k, k: 0, min: 1",
            "k: 0 is below 1",
        ),
        (
            "scorer: s, metric: pass_rate, k: 3, min: 1",
            "k: `k` has no effect on `pass_rate`",
        ),
        (
            "scorer: s, metric: pass_rate, cluster_by: doc, min: 1",
            "cluster_by: `cluster_by` has no effect with `evidence: observed`",
        ),
        (
            "scorer: s, metric: pass_rate, evidence: proven, cluster_by: '', min: 1",
            "cluster_by: `cluster_by` is empty",
        ),
        (
            "metric: latency_p95, cluster_by: doc, max: 1",
            "cluster_by: `cluster_by` has no effect with `evidence: observed`",
        ),
    ] {
        refused(&gate("", keys), &[said]);
    }
    let policy = accepted(
        "version: 1
defaults: {evidence: significant, cluster_by: doc}
gates:
  - {name: a, scorer: s, metric: pass_rate, max_drop: 0.1}
  - {name: b, scorer: s, metric: pass_rate, max_drop: 0.1, cluster_by: customer}
  - {name: c, scorer: s, metric: pass_rate, min: 0.1}
  - {name: d, metric: rows, min: 1}
  - {name: e, scorer: s, metric: pass_hat_k, k: 4, min: 0.1}
",
    );
    let found: Vec<(Option<&str>, u64)> = policy
        .gates
        .iter()
        .map(|gate| (gate.cluster_by.as_deref(), gate.attempts))
        .collect();
    let expected = [
        (Some("doc"), 1),
        (Some("customer"), 1),
        (None, 1),
        (None, 1),
        (None, 4),
    ];
    assert_eq!(found, expected);
    assert_eq!(policy.baseline.last, 1);
    let policy = accepted(&gate(
        "baseline: {branch: main, last: 5}",
        "metric: rows, min: 1",
    ));
    assert_eq!(policy.baseline.last, 5);
}

#[test]
fn every_metric_can_be_gated() {
    for metric in Metric::ALL {
        for key in metric.limits() {
            let scorer = if metric.has_scorer() {
                "scorer: s, "
            } else {
                ""
            };
            let attempts = if metric.takes_attempts() {
                "k: 3, "
            } else {
                ""
            };
            let policy = accepted(&gate(
                "",
                &format!(
                    "{scorer}{attempts}metric: {}, {}: 1",
                    metric.word(),
                    key.word()
                ),
            ));
            assert_eq!(
                policy.gates[0].limits,
                [Limit {
                    key: *key,
                    value: 1.0
                }]
            );
        }
    }
}

#[test]
fn what_is_not_a_policy() {
    refused("", &["the policy is empty | write `version: 1`"]);
    refused(
        "# nothing\n",
        &["the policy has no content, only comments | write"],
    );
    refused("- a\n", &["the policy is not a map"]);
    refused(
        "version: [",
        &["invalid YAML: the file ends inside brackets | close"],
    );
    refused(
        "version: 1\n---\nversion: 1\n",
        &["a second document starts; a policy is one document | write each policy"],
    );
    refused(
        "version: !x 1\n",
        &["a policy has no tags (`!name`) | remove"],
    );
    refused(
        "a: &a [*a]\n",
        &["invalid YAML: lists and maps are nested too deep"],
    );
    refused(
        "{}",
        &[
            "missing key `version` | write `version: 1`",
            "missing key `gates` | write each gate",
        ],
    );
    refused(
        "version: 2\ngates: [{name: g, metric: rows, min: 1}]",
        &["this weave-gate does not know version 2; expected 1 | write `version: 1`"],
    );
    refused(
        "version: '1'\ngates: [{name: g, metric: rows, min: 1}]",
        &["version: expected the number 1, found the text `1` | write `version: 1`"],
    );
}

#[test]
fn no_gates_prove_nothing() {
    refused(
        "version: 1\ngates:\n",
        &["gates: expected a list of at least one gate, found nothing"],
    );
    refused(
        "version: 1\ngates: []\n",
        &["gates: `gates` is empty; expected a list of at least one gate | write each gate"],
    );
    refused(
        "version: 1\ngates: {}\n",
        &["gates: expected a list of at least one gate, found a map | write each gate as an item"],
    );
    refused(
        "version: 1\ngates: [x, null]\n",
        &[
            "gates[0]: expected a map",
            "gates[1]: expected a map, found nothing",
        ],
    );
}

#[test]
fn unknown_keys_are_named_with_the_nearest_right_one() {
    refused(
        &gate("basline: {}", "metric: rows, min: 1"),
        &["basline: unknown key `basline` | did you mean `baseline`?"],
    );
    refused(
        &gate("", "metric: rows, mim: 1, min: 1"),
        &["gates[0] \"g\": mim: unknown key `mim` | did you mean `min`?"],
    );
    refused(
        &gate("", "metric: rows, min: 1, zzz: 1"),
        &["gates[0] \"g\": zzz: unknown key `zzz` | use one of name, scorer"],
    );
    refused(
        &gate("baseline: {require: true}", "metric: rows, min: 1"),
        &["baseline.require: unknown key `require` | did you mean `required`?"],
    );
    refused(
        &gate("defaults: {severty: warn}", "metric: rows, min: 1"),
        &["defaults.severty: unknown key"],
    );
    refused(
        &gate("<<: {a: 1}", "metric: rows, min: 1"),
        &["<<: merge keys (`<<`) are not read | write the merged keys out"],
    );
    refused(
        &gate(
            "",
            "metric: rows, min: 1, waive: {until: 2026-12-31, reason: x, reasn: y}",
        ),
        &["gates[0] \"g\": waive.reasn: unknown key `reasn` | did you mean `reason`?"],
    );
}

#[test]
fn runs_are_selected() {
    let lookup = |name: &str| (name == "SHA").then(|| "abc".to_owned());
    let policy = accepted(&gate(
        "candidate: {evaluation: answers, attributes: {git.sha: '${SHA}', build: 5, nightly: true}}
baseline: {model: 'bot-${SHA}', max_age: 2w, attributes: {branch: main}}",
        "metric: rows, min: 1",
    ));
    let resolved = |source: Option<SourceTemplate>| {
        source
            .unwrap()
            .resolve(&lookup)
            .map(|source| source.to_string())
    };
    assert_eq!(
        resolved(policy.candidate.source).unwrap(),
        "evaluation=answers,attributes.build=5,attributes.git.sha=abc,attributes.nightly=true"
    );
    assert_eq!(
        resolved(policy.baseline.source).unwrap(),
        "model=bot-abc,attributes.branch=main"
    );
    assert_eq!(policy.baseline.max_age.unwrap().as_hours(), 14 * 24);
    let unset = accepted(&gate(
        "candidate: {attributes: {sha: '${NONE}'}}\nbaseline: {evaluation: '${NONE:-}'}",
        "metric: rows, min: 1",
    ));
    let said = resolved(unset.candidate.source).unwrap_err().message;
    assert!(
        said.starts_with("attributes.sha: the variable `NONE` is not set"),
        "{said}"
    );
    assert_eq!(
        resolved(unset.baseline.source).unwrap_err().message,
        "evaluation: the value is empty"
    );
}

#[test]
fn wrong_selectors_are_named() {
    let of = |file: &str| gate(file, "metric: rows, min: 1");
    for (file, said) in [
        (
            "candidate: {evaluation: a, run: b}",
            "candidate.evaluation: `run` and `evaluation` exclude each other | remove one",
        ),
        (
            "baseline: {file: a, attributes: {b: c}}",
            "baseline.attributes: `file` and `attributes` exclude each other",
        ),
        (
            "baseline: {run: a, model: b}",
            "baseline.model: `run` and `model` exclude each other",
        ),
        (
            "candidate: {evaluation: ''}",
            "candidate.evaluation: `evaluation` is empty | write a value",
        ),
        (
            "candidate: {evaluation: [a]}",
            "candidate.evaluation: expected text, found a list",
        ),
        (
            "candidate: {attributes: {}}",
            "candidate.attributes: `attributes` is empty",
        ),
        (
            "candidate: {attributes: sha}",
            "candidate.attributes: expected a map from attributes",
        ),
        (
            "candidate: {attributes: {sha: }}",
            "candidate.attributes.sha: expected text, a number, true or false",
        ),
        (
            "candidate: {attributes: {git: {sha: a}}}",
            "candidate.attributes.git: expected text, a number, true or false, found a map | write an attribute in another as `git.inner: value`",
        ),
        (
            "candidate: {attributes: {sha: .inf}}",
            "candidate.attributes.sha: expected text",
        ),
        (
            "candidate: {attributes: {sha: $A}}",
            "candidate.attributes.sha: a `$` starts",
        ),
        (
            "candidate: {attribute: {a: b}}",
            "candidate.attribute: unknown key `attribute` | did you mean `attributes`?",
        ),
        (
            "candidate: {max_age: 3}",
            "candidate.max_age: expected a time such as 30d, 2w or 36h, found the number `3` | add the unit: `max_age: 3d` for days",
        ),
        (
            "candidate: {reruns: pools}",
            "candidate.reruns: `pools` is not a value of `reruns` | did you mean `pool`?",
        ),
        (
            "identity: {commit: ''}",
            "identity.commit: `commit` is empty; expected the name of an attribute | write it, or remove the key for `git_sha`",
        ),
        ("identity: {sha: a}", "identity.sha: unknown key"),
        (
            "completeness: ignore",
            "completeness: `ignore` is not a value of `completeness` | use one of undecided, warn",
        ),
        (
            "baseline: {verdict: passed}",
            "baseline.verdict: this version of weave-gate does not know this key; a later one will | remove `verdict`",
        ),
        (
            "candidate: {run: latest}",
            "candidate.run: `latest` is not a run id",
        ),
        (
            "baseline: {max_age: 30}",
            "baseline.max_age: expected a time such as 30d, 2w or 36h, found the number `30`",
        ),
        (
            "baseline: {max_age: soon}",
            "baseline.max_age: `soon` is not a positive time",
        ),
        (
            "baseline: {max_age: -3d}",
            "baseline.max_age: `-3d` is not a positive time",
        ),
        (
            "baseline: {max_age: 2 months}",
            "baseline.max_age: `2 months` is not a positive time",
        ),
    ] {
        refused(&of(file), &[said]);
    }
}

#[test]
fn evidence_rules_are_read() {
    let policy = accepted(
        "version: 1
correction: none
defaults: {evidence: significant, confidence: 0.9}
gates:
  - {name: a, scorer: s, metric: pass_rate, max_drop: 0.1}
  - {name: b, scorer: s, metric: pass_rate, max_drop: 0.1, evidence: proven, confidence: 0.99}
  - {name: c, scorer: s, metric: coverage, max_drop: 0.1, evidence: observed}
  - {name: d, metric: rows, min: 1}
",
    );
    let rules: Vec<(Evidence, f64)> = policy
        .gates
        .iter()
        .map(|gate| (gate.evidence, gate.confidence))
        .collect();
    assert_eq!(
        rules[..2],
        [(Evidence::Significant, 0.9), (Evidence::Proven, 0.99)]
    );
    // A metric without values for single rows is judged by its measured value, whatever the defaults are.
    assert_eq!(
        (rules[2].0, rules[3].0),
        (Evidence::Observed, Evidence::Observed)
    );
    assert_eq!(policy.correction, Correction::None);
    let usual = accepted(&gate(
        "",
        "scorer: s, metric: pass_rate, min: 0.5, evidence: proven",
    ));
    assert_eq!(
        (usual.gates[0].confidence, usual.correction),
        (0.95, Correction::Holm)
    );
}

/// `significant` in `defaults` applies only to limits on changes. Written in a gate, it also applies to `min` and
/// `max`.
#[test]
fn each_limit_has_its_evidence_rule() {
    use Evidence::{Observed, Proven, Significant};
    let rules = |defaults: &str, own: &str, metric: &str| {
        let policy = accepted(&format!(
            "version: 1\ndefaults: {{{defaults}}}\ngates:\n  - {{name: g, {metric}, min: 0.5, max_drop: 0.1{own}}}\n"
        ));
        let gate = &policy.gates[0];
        let rules: Vec<Evidence> = gate
            .limits
            .iter()
            .map(|limit| gate.evidence_of(*limit))
            .collect();
        let needs: Vec<bool> = gate
            .limits
            .iter()
            .map(|limit| gate.needs_rows_for(*limit))
            .collect();
        assert_eq!(gate.needs_rows(), needs.contains(&true));
        for (rule, needs) in rules.iter().zip(needs) {
            assert_eq!(needs, *rule != Observed, "{defaults} {own}");
        }
        rules
    };
    let rate = "scorer: s, metric: pass_rate";
    for (defaults, own, expected) in [
        ("", "", [Observed, Observed]),
        ("evidence: significant", "", [Observed, Significant]),
        ("evidence: proven", "", [Proven, Proven]),
        ("", ", evidence: significant", [Significant, Significant]),
        (
            "evidence: significant",
            ", evidence: significant",
            [Significant, Significant],
        ),
        (
            "evidence: proven",
            ", evidence: significant",
            [Significant, Significant],
        ),
        (
            "evidence: significant",
            ", evidence: proven",
            [Proven, Proven],
        ),
        (
            "evidence: proven",
            ", evidence: observed",
            [Observed, Observed],
        ),
    ] {
        assert_eq!(rules(defaults, own, rate), expected, "{defaults} {own}");
    }
    let tokens = "metric: tokens_mean";
    let policy = |keys: &str| {
        accepted(&format!(
            "version: 1\ndefaults: {{evidence: significant}}\ngates:\n  - {{name: g, {keys}}}\n"
        ))
    };
    assert!(!policy(&format!("{tokens}, max: 9, max_rise: 1")).needs_rows());
    assert!(!policy(&format!("{rate}, min: 0.5")).needs_rows());
    assert!(policy(&format!("{rate}, max_drop: 0.5")).needs_rows());
    assert!(policy(&format!("{rate}, min: 0.5, where: {{a: b}}")).needs_rows());
    // A confidence that no limit of the gate uses is an error.
    let confident = |keys: &str| {
        format!(
            "version: 1\ndefaults: {{evidence: significant}}\ngates:\n  - {{name: g, {rate}, {keys}, confidence: 0.9}}\n"
        )
    };
    refused(
        &confident("min: 0.5"),
        &[
            "confidence: `confidence` has no effect here: `significant` in `defaults` governs change limits only",
        ],
    );
    accepted(&confident("min: 0.5, max_drop: 0.1"));
    accepted(&confident("min: 0.5, evidence: significant"));
    // If the limits are invalid, only that is reported.
    refused(&confident("min: 90"), &["min: "]);
}

#[test]
fn wrong_evidence_rules_are_named() {
    let rate = "scorer: s, metric: pass_rate, min: 0.5";
    for (gate, said) in [
        (
            "metric: rows, min: 1, evidence: proven".to_owned(),
            "`rows` is not a per-row metric; its evidence is `observed` | remove `evidence`",
        ),
        (
            "metric: tokens_mean, max: 1, evidence: significant".to_owned(),
            "`tokens_mean` is not a per-row metric",
        ),
        (
            format!("{rate}, evidence: sure"),
            "`sure` is not a value of `evidence` | use one of observed, significant, proven",
        ),
        (
            format!("{rate}, confidence: 0.9"),
            "`confidence` has no effect with `evidence: observed` | remove it",
        ),
        (
            format!("{rate}, evidence: proven, confidence: 95"),
            "95 is not above 0.5 and at most 0.9999 | write a fraction, such as `confidence: 0.95`",
        ),
        (
            format!("{rate}, evidence: proven, confidence: 0.05"),
            "0.05 is not above 0.5",
        ),
        (
            format!("{rate}, evidence: proven, confidence: 1"),
            "1 is not above 0.5",
        ),
    ] {
        refused(
            &format!("version: 1\ngates:\n  - {{name: g, {gate}}}\n"),
            &[said],
        );
    }
    refused(
        &gate("correction: bonferroni", "metric: rows, min: 1"),
        &["`bonferroni` is not a value of `correction` | use one of holm, none"],
    );
}

#[test]
fn slices_are_read() {
    let policy = accepted(&gate(
        "",
        "metric: rows, min: 1, where: {meta.lang: [en, de, en], golden: true, n: 2.0}, by: topic",
    ));
    let gate = &policy.gates[0];
    let conditions: Vec<String> = gate
        .conditions
        .iter()
        .map(|condition| format!("{} {:?}", condition.input, condition.any_of))
        .collect();
    assert_eq!(
        conditions,
        [
            r#"golden [Value("true")]"#,
            r#"meta.lang [Value("\"de\""), Value("\"en\"")]"#,
            r#"n [Value("2")]"#
        ]
    );
    assert_eq!(gate.by.as_deref(), Some("topic"));
    assert!(gate.needs_rows());
    for (keys, message) in [
        (
            "where: {}",
            "where: `where` is empty; expected a map from inputs to their values",
        ),
        (
            "where: topic",
            "where: expected a map from inputs to their values",
        ),
        (
            "where: {a: []}",
            "where.a: the list is empty; expected text, a number",
        ),
        (
            "where: {a: {b: 1}}",
            "where.a: expected text, a number, true or false, or a list",
        ),
        ("where: {a: [[1]]}", "where.a: expected text"),
        ("where: {a: }", "where.a: expected text"),
        ("where: {a: .nan}", "where.a: expected text"),
        ("where: {\"\": 1}", "a key is empty"),
        (
            "by: \"\"",
            "by: `by` is empty; expected the name of an input",
        ),
        ("by: [a]", "by: expected the name of an input, found a list"),
    ] {
        refused(
            &super::tests::gate("", &format!("metric: rows, min: 1, {keys}")),
            &[message],
        );
    }
}

#[test]
fn repeated_keys_and_names() {
    refused(
        &gate("", "metric: rows, min: 1, min: 2"),
        &["gates[0] \"g\": min: duplicate key `min` | remove one of the two"],
    );
    refused(
        "version: 1\nversion: 1\ngates: [{name: g, metric: rows, min: 1}]",
        &["version: duplicate key `version`"],
    );
    refused(
        "version: 1\ngates: [{name: g, metric: rows, min: 1}, {name: g, metric: rows, max: 1}]",
        &["gates[1] \"g\": name: another gate has this name"],
    );
    refused(
        "version: 1\ngates: [{name: g, metric: rows, min: 1}, {name: 'g ', metric: rows, max: 1}]",
        &["name: another gate has this name"],
    );
    refused(
        &gate("1: 2", "metric: rows, min: 1"),
        &["a key is not text"],
    );
}

#[test]
fn numbers_have_to_be_possible() {
    for value in [".nan", ".inf", "-.inf"] {
        refused(
            &gate(
                "",
                &format!("scorer: s, metric: numeric_mean, min: {value}"),
            ),
            &["is not a finite number"],
        );
    }
    refused(
        &gate("", "scorer: s, metric: pass_rate, min: 90"),
        &["min: 90 is not a fraction from 0 to 1 | for 90 % write `min: 0.9`"],
    );
    refused(
        &gate("", "scorer: s, metric: pass_rate, max_drop: 2"),
        &["for 2 % write `max_drop: 0.02`"],
    );
    refused(
        &gate("", "scorer: s, metric: pass_rate, max_drop: -0.1"),
        &["-0.1 is not a fraction"],
    );
    refused(
        &gate("", "metric: tokens_mean, max_relative_drop: 10"),
        &["for 10 % write `max_relative_drop: 0.1`"],
    );
    refused(
        &gate("", "metric: tokens_mean, max_relative_rise: -1"),
        &["-1 is below 0"],
    );
    refused(&gate("", "metric: rows, min: 1.5"), &["1.5 is not a count"]);
    refused(&gate("", "metric: rows, min: -1"), &["-1 is not a count"]);
    refused(
        &gate("", "metric: rows, min: 5, max: 4"),
        &["min: min 5 is above max 4"],
    );
    refused(
        &gate("", "metric: rows, min: '5'"),
        &["min: expected a number, found the text `5` | write `min: 5`"],
    );
    refused(
        &gate("", "metric: rows, min: null"),
        &[
            "min: expected a number, found nothing | write a value, as in `min: 100`, or remove the key",
        ],
    );
    refused(
        &gate("", "metric: rows, min: true"),
        &["min: expected a number, found `true`"],
    );
    refused(
        &gate("defaults: {max_missing: 2}", "metric: rows, min: 1"),
        &["defaults.max_missing: 2 is not a fraction"],
    );
    refused(
        &gate(
            "",
            "scorer: s, metric: pass_rate, min: 1, max_missing: .nan",
        ),
        &["max_missing: `NaN` is not a finite"],
    );
}

#[test]
fn limits_have_to_fit_their_metric() {
    refused(
        &gate("", "metric: rows"),
        &["the gate has no limit | add one of min, max"],
    );
    refused(
        &gate("", "scorer: s, metric: pass_rate"),
        &["the gate has no limit | add one of min, max, max_drop"],
    );
    refused(
        &gate("", "metric: rows, max_drop: 1"),
        &["max_drop: `rows` cannot have this limit | use one of min, max"],
    );
    refused(
        &gate("", "scorer: s, metric: coverage, max: 1"),
        &["max: `coverage` cannot have this limit"],
    );
}

#[test]
fn gates_have_to_be_whole() {
    refused(
        "version: 1\ngates: [{metric: rows, min: 1}]",
        &["gates[0]: missing key `name` | name the gate"],
    );
    refused(
        "version: 1\ngates: [{name: ' ', metric: rows, min: 1}]",
        &["gates[0] \" \": name: `name` is empty"],
    );
    refused(
        &gate("", "min: 1"),
        &["gates[0] \"g\": missing key `metric` | write what is measured"],
    );
    refused(
        &gate("", "scorer: s, metric: pass_rte, min: 1"),
        &["`pass_rte` is not a metric | did you mean `pass_rate`?"],
    );
    refused(
        &gate("", "metric: pass_rate, min: 1"),
        &["missing key `scorer`: `pass_rate` is measured on a scorer"],
    );
    refused(
        &gate("", "scorer: s, metric: rows, min: 1"),
        &["scorer: `rows` is measured on the run itself, not on a scorer | remove `scorer`"],
    );
    refused(
        &gate("", "scorer: '', metric: pass_rate, min: 1"),
        &["scorer: `scorer` is empty"],
    );
    refused(
        &gate("", "scorer: 'a***b', metric: pass_rate, min: 1"),
        &["scorer: `a***b` is not a pattern"],
    );
    refused(
        &gate("", "metric: rows, min: 1, severity: error"),
        &["`error` is not a value of `severity` | use one of block, warn"],
    );
    refused(
        &gate("", "metric: rows, min: 1, missing: fail"),
        &["missing: `missing` has no effect: every trial has a value of `rows`"],
    );
    refused(
        &gate("", "metric: error_rate, max: 1, max_missing: 0.1"),
        &["max_missing: `max_missing` has no effect"],
    );
}

#[test]
fn ranges() {
    let range = |range: &str, rest: &str| {
        gate(
            "",
            &format!("scorer: s, metric: numeric_mean, range: {range}, {rest}"),
        )
    };
    refused(
        &range("[1, 0]", "min: 1"),
        &["range: 1 is not below 0 | write `range: [0, 1]`"],
    );
    refused(
        &range("[0]", "min: 1"),
        &["range: expected the lowest and the highest"],
    );
    refused(
        &range("[0, .inf]", "min: 1"),
        &["range[1]: `inf` is not a finite number"],
    );
    refused(
        &range("[0, 1]", "min: 70"),
        &["min: 70 is outside `range` [0, 1]"],
    );
    refused(
        &gate("", "scorer: s, metric: pass_rate, range: [0, 1], min: 1"),
        &["range: `range` is only for `numeric_mean`"],
    );
}

#[test]
fn waivers() {
    let waive = |waive: &str| gate("", &format!("metric: rows, min: 1, waive: {waive}"));
    refused(
        &waive("{until: 2026-02-30, reason: x}"),
        &["waive.until: `2026-02-30` is not a day"],
    );
    refused(
        &waive("{until: 2026-12-31T00:00:00, reason: x}"),
        &["is not a day"],
    );
    refused(
        &waive("{until: 2026-12-31}"),
        &["waive: missing key `reason` | write why"],
    );
    refused(
        &waive("{reason: x}"),
        &["waive: missing key `until` | write the last day"],
    );
    refused(
        &waive("{until: 2026-12-31, reason: ''}"),
        &["waive.reason: `reason` is empty"],
    );
    refused(
        &waive("true"),
        &["waive: expected a map of until and reason, found `true`"],
    );
}

#[test]
fn sources_and_statuses() {
    let file = |file: &str| gate(file, "metric: rows, min: 1");
    refused(
        &file("candidate: {run: a, file: b}"),
        &["candidate.file: `run` and `file` exclude each other"],
    );
    refused(
        &file("candidate: abc"),
        &["candidate: expected a map, found the text `abc`"],
    );
    refused(
        &file("candidate: {run: ''}"),
        &["candidate.run: `run` is empty"],
    );
    refused(
        &file("candidate: {run: 5}"),
        &["candidate.run: expected text, found the number `5` | quote it: `run: \"5\"`"],
    );
    refused(&file("project: ${A"), &["project: a `$` starts"]);
    refused(
        &file("baseline: {required: maybe}"),
        &["baseline.required: expected true, false or after-first"],
    );
    refused(
        &file("report: {show: []}"),
        &["report.show: the list is empty | name at least one input"],
    );
    refused(
        &file("report: {show: [a, '', a, 5]}"),
        &[
            "report.show[1]: the name is empty | name an input",
            "report.show[2]: this input is listed twice | remove one",
            "report.show[3]: expected the name of an input, found the number `5`",
        ],
    );
    refused(
        &file("report: {show: question}"),
        &[
            "report.show: expected a list of names of inputs, found the text `question` | write `show: [question]`",
        ],
    );
    refused(
        &file("accept_status: [failed]"),
        &["accept_status: the list must contain `completed` | write"],
    );
    refused(
        &file("accept_status: [completed, running]"),
        &["accept_status[1]: `running` is not a value of `accept_status`"],
    );
    refused(
        &file("accept_status: completed"),
        &[
            "accept_status: expected a list of completed, failed, found the text `completed` | write `accept_status: [completed]`",
        ],
    );
    refused(
        &file("accept_status: [completed, completed]"),
        &["accept_status[1]: this status is listed twice"],
    );
}

#[test]
fn texts_that_would_take_too_long() {
    let ones = "1, ".repeat(6000);
    let aliases = "*x, ".repeat(6000);
    refused(
        &format!("x: &x [{ones}]\ny: [{aliases}]\n"),
        &["the aliases multiply to too much"],
    );
    let text = "a".repeat(30_000);
    let aliases = "*x, ".repeat(8000);
    refused(
        &format!("x: &x {text}\ny: [{aliases}]\n"),
        &["the aliases multiply to too much"],
    );
    accepted(&gate(
        &format!("# {}", "[".repeat(200)),
        "metric: rows, min: 1",
    ));
    refused(&"[".repeat(30_000), &["the brackets are nested too deep"]);
    refused(
        "version: 123456789012345678901234567890\n",
        &[
            "missing key `gates`",
            "expected the number 1, found the number `123456789012345678901234567890`",
        ],
    );
}

#[test]
fn a_mark_at_the_start_is_no_part_of_the_text() {
    accepted(&format!("\u{feff}{}", gate("", "metric: rows, min: 1")));
}

#[test]
fn what_check_would_refuse_validate_refuses() {
    let file = |file: &str| gate(file, "metric: rows, min: 1");
    refused(
        &file("project: nonsense"),
        &["project: `nonsense` is not a project"],
    );
    refused(
        &file("candidate: {run: 'file:a.json'}"),
        &["candidate.run: `file:a.json` is not a run id"],
    );
    refused(
        &file("candidate: {run: '${A:-${B}}'}"),
        &["candidate.run: a fallback is plain text"],
    );
    accepted(&file("project: '${TEAM}/bot'"));
    refused(
        &file("candidate: {run: latest}"),
        &["candidate.run: `latest` is not a run id"],
    );
    accepted(&gate(
        "",
        "scorer: s, metric: numeric_mean, max_relative_drop: 2",
    ));
}

#[test]
fn limits_that_nothing_could_break() {
    refused(
        &gate("", "metric: tokens_mean, max_relative_rise: 25"),
        &["for 25 % write `max_relative_rise: 0.25`"],
    );
    refused(
        &gate("", "metric: cost_total, max: -1"),
        &["-1 is below 0; `cost_total` is never negative"],
    );
    refused(
        &gate("", "scorer: s, metric: numeric_mean, max_drop: -1"),
        &["-1 is below 0; expected the largest change that is allowed | write `max_drop: 1`"],
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let found = problems(
        "version: 3
projekt: a/b
gates:
  - {name: a, scorer: s, metric: pass_rate, min: 90, mx: 1}
  - {name: a, metric: rows, max_drop: 1, min: 1, min: 2}
  - {scorer: t, metric: numeric_mean}
",
    );
    assert_eq!(found.len(), 9, "{found:#?}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(version: 1\n)?(gates:\n)?([ a-z:\\[\\]{}&*!|>'\"#-]{0,12}\n){0,6}") {
        let _ = parse("gates.yaml", &text);
    }

    #[test]
    fn no_word_of_a_policy_makes_it_panic(
        keys in proptest::collection::vec(
            (proptest::sample::select(raw::RawGate::KEYS.to_vec()), "[a-z0-9.\\[\\], {}$_-]{0,10}"), 0..6
        )
    ) {
        let keys: Vec<String> = keys.into_iter().map(|(key, value)| format!("    {key}: {value}\n")).collect();
        let _ = parse("gates.yaml", &format!("version: 1\ngates:\n  -\n{}", keys.concat()));
    }
}

#[test]
fn further_baselines_are_named_and_compared_with() {
    let policy = accepted(
        "version: 1
baselines:
  release: {attributes: {release: '1.4'}, max_age: 90d}
  unused: {file: old.json}
gates:
- {name: a, scorer: s, metric: pass_rate, max_drop: 0.05, against: release}
- {name: b, scorer: s, metric: pass_rate, min: 0.9}
",
    );
    assert!(!policy.compares(None) && policy.compares(Some("release")));
    let used: Vec<&str> = policy.used_baselines().map(|(name, _)| name).collect();
    assert_eq!(used, ["release"]);
    let gate = "metric: pass_rate, scorer: s";
    refused(
        &format!(
            "version: 1
baselines: {{release: {{branch: main}}, empty: {{max_age: 3d}}, 'a b': {{branch: main}}, both: {{run: x, branch: main}}, long: {{brnch: main}}}}
gates:
- {{name: a, {gate}, max_drop: 0, against: relaese}}
- {{name: b, {gate}, min: 0.9, against: release}}
- {{name: c, {gate}, max_drop: 0, against: 7}}
"
        ),
        &[
            "baselines.empty: the baseline names no run | write `run`, `file`, or",
            "baselines.a b: `a b` cannot be the name of a baseline | use at most 60 letters",
            "baselines.both.branch: `run` and `branch` exclude each other",
            "baselines.long.brnch: unknown key `brnch` | did you mean `branch`?",
            "gates[0] \"a\": against: no baseline is named `relaese` | did you mean `release`?",
            "gates[1] \"b\": against: `against` has no effect: no limit of this gate compares",
            "gates[2] \"c\": against: expected a name under `baselines`",
        ],
    );
    refused(
        &format!(
            "version: 1\nbaselines: {{}}\ngates:\n- {{name: a, {gate}, max_drop: 0, against: x}}\n"
        ),
        &[
            "baselines: `baselines` is empty",
            "no baseline is named `x`: the policy has no `baselines`",
        ],
    );
}
