//! Tests of particular wrong inputs: the position, the message and the help of each.

use super::*;
use crate::problem::Problem;

/// A policy of one gate, whose keys start in line 4, column 5.
fn gate(keys: &str) -> String {
    format!("version: 1\ngates:\n  - name: g\n    {keys}\n")
}

fn problems(text: &str) -> Vec<Problem> {
    match parse("p.yaml", text) {
        Ok(policy) => panic!("accepted: {policy:?}"),
        Err(problems) => problems,
    }
}

/// The problem on one line, with the marked text and the help.
fn shown(problem: &Problem) -> String {
    let marked = problem.at.as_ref().map_or(String::new(), |at| {
        let marked = at.text.chars().skip(at.column - 1).take(at.width);
        format!(" [{}]", marked.collect::<String>())
    });
    let help = problem.help.as_deref().unwrap_or_default();
    format!("{problem}{marked} | {help}").replace("p.yaml:", "")
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let found: Vec<String> = problems(text).iter().map(shown).collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn files_of_another_kind() {
    for (text, expected) in [
        (
            "",
            " the policy is empty | write `version: 1` and `gates:`, or draft a policy with `weave-gate init`",
        ),
        (
            "# todo\n\n",
            " the policy has no content, only comments | write `version: 1` and `gates:`, or draft a policy with `weave-gate init`",
        ),
        (
            "{\"a\": 1}\n{\"a\": 2}\n",
            " is JSON Lines, not a policy | name a policy in YAML",
        ),
        (
            "{\"format\": \"weave-gate-snapshot\", \"version\": 2}",
            " is a snapshot, not a policy | judge it with `weave-gate check --candidate file:PATH`",
        ),
        (
            "{\"schema_version\": 1, \"tool_version\": \"0.1.0\", \"policies\": []}",
            " is a JSON report, not a policy | explain it with `weave-gate explain CHECK --from PATH`",
        ),
        (
            "- version: 1\n",
            "1:1: the policy is not a map [-] | start it with `version: 1` and `gates:`",
        ),
        (
            "some text\n",
            "1:1: the policy is not a map [some text] | start it with `version: 1` and `gates:`",
        ),
    ] {
        refused(text, &[expected]);
    }
}

#[test]
fn texts_that_are_not_yaml() {
    for (text, expected) in [
        (
            "version: 1\ngates:\n\t- name: a\n",
            "3:1: invalid YAML: a tab cannot indent a line [\t] | indent with spaces",
        ),
        (
            "gates:\n  - name: x\n \tmetric: y\n",
            "3:2: invalid YAML: a tab cannot indent a line [\t] | indent with spaces",
        ),
        (
            "version: 1\ngates\n  - name: a\n",
            "2:1: invalid YAML: expected `: ` after this text [g] | write `key: value`, or quote a text that goes over several lines",
        ),
        (
            "version:1\ngates: []\n",
            "2:6: invalid YAML: a key is not allowed here [:] | line 1 has no `: `; write `key: value`",
        ),
        (
            "a:\n  - b: größe: c\n",
            "2:13: invalid YAML: a key is not allowed here [:] | write the text in quotes: it contains `: `",
        ),
        (
            "a: b\n  c: d\n",
            "2:4: invalid YAML: a key is not allowed here [:] | start all keys of a map in the same column",
        ),
        (
            "gates:\n  - name: a\n    metric: b\n   min: 3\n",
            "4:4: invalid YAML: expected an item of the list that starts at line 2 [m] | start all keys of a map in the same column, and all `-` of a list",
        ),
        (
            "a:\n  - b\n c: d\n",
            "3:2: invalid YAML: expected a key of the map that starts at line 1 [c] | start all keys of a map in the same column, and all `-` of a list",
        ),
        (
            "a: [1, 2\nb: 3\n",
            "2:2: invalid YAML: expected `,` or `]` in the list that starts at line 1 [:] | separate items with `,`, and close the list with `]`",
        ),
        (
            "a: {b: 1\nc: 2\n",
            "2:2: invalid YAML: expected `,` or `}` in the map that starts at line 1 [:] | separate entries with `,`, and close the map with `}`",
        ),
    ] {
        refused(text, &[expected]);
    }
}

#[test]
fn values_that_are_not_yaml() {
    for (text, expected) in [
        (
            "# größe\na: \"b\nc: d\n",
            "2:4: invalid YAML: the text in quotes has no closing quote [\"] | write `\"` at its end",
        ),
        (
            "a: @b\n",
            "1:4: invalid YAML: `@` cannot start a value [@] | write the value in quotes",
        ),
        (
            "a: [*b, c]\n",
            "1:5: invalid YAML: `*b` has no anchor before it [*] | quote a text that starts with `*`, or write the value out",
        ),
        (
            "a: *.score\n",
            "1:4: invalid YAML: expected a name after `*` [*] | write the value in quotes",
        ),
        (
            "a: - b\n",
            "1:4: invalid YAML: a list item is not allowed here [-] | start the list on a new line, with all `-` in the same column",
        ),
        (
            "a: \"\\d\"\n",
            "1:5: invalid YAML: unknown escape in a text in double quotes [\\] | write `\\\\` for a backslash, or use single quotes",
        ),
        (
            "a: größe\u{7}\n",
            "1:9: the character U+0007 is not allowed [\u{7}] | remove it",
        ),
        (
            "a: }\n",
            "1:4: invalid YAML: expected a value, found `}` [}] | remove it, or write the value in quotes",
        ),
        (
            "a: [\r\n",
            "1:5: invalid YAML: the file ends inside brackets [] | close each `[` with `]`, and each `{` with `}`",
        ),
        (
            "a: !!int b\n",
            "1:4: invalid YAML: invalid value: string \"b\", expected an integer [!] | remove the tag",
        ),
        (
            "a: !b c\n",
            "1:4: a policy has no tags (`!name`) [!] | remove the tag",
        ),
        (
            "a: b\n<<<<<<< HEAD\nc: d\n=======\nc: e\n>>>>>>> main\n",
            "2:1: Git left a conflict here [<] | resolve the conflict, and remove the lines with `<<<<<<<`, `=======` and `>>>>>>>`",
        ),
        (
            "version: 1\n---\nversion: 1\n",
            "2:1: a second document starts; a policy is one document [-] | write each policy to its own file, and name all files",
        ),
        (
            "a:\u{a0}b\nc: d\n",
            "2:2: invalid YAML: a key is not allowed here [:] | line 1 contains U+00A0, which looks like a space; replace it",
        ),
        (
            "name: “a: b”\n",
            "1:9: invalid YAML: a key is not allowed here [:] | line 1 contains `“` (U+201C), which looks like `\"`; replace it",
        ),
        (
            "# a\n--- # first\nversion: 1\n...\n---\n",
            "4:1: a second document starts; a policy is one document [.] | write each policy to its own file, and name all files",
        ),
        (
            "%YAML 3.0\n---\na: b\n",
            "1:1: invalid YAML: this version of YAML is not read [%] | remove the line with `%YAML`",
        ),
    ] {
        refused(text, &[expected]);
    }
}

#[test]
fn keys_at_the_wrong_place() {
    let text = |keys: &str| format!("{keys}\n{}", gate("metric: rows\n    min: 1"));
    for (keys, expected) in [
        (
            "min: 0.9",
            "1:1: min: `min` belongs in a gate [min] | move it there",
        ),
        (
            "evaluation: answers",
            "1:1: evaluation: `evaluation` belongs in `candidate` or in `baseline` [evaluation] | move it there",
        ),
        (
            "evaluations: answers",
            "1:1: evaluations: unknown key `evaluations` [evaluations] | did you mean `evaluation`, which belongs in `candidate`?",
        ),
        (
            "baseline: {reruns: pool}",
            "1:12: baseline.reruns: `reruns` belongs in `candidate` [reruns] | move it there",
        ),
        (
            "defaults: {project: a/b}",
            "1:12: defaults.project: `project` belongs at the top level [project] | move it there",
        ),
        (
            "Baseline: {branch: main}",
            "1:1: Baseline: unknown key `Baseline` [Baseline] | did you mean `baseline`?",
        ),
        (
            "baseline: {verdict: passed}",
            "1:12: baseline.verdict: this version of weave-gate does not know this key; a later one will [verdict] | remove `verdict`",
        ),
        (
            "5: 6",
            "1:1: a key is not text [5] | write the key in quotes",
        ),
    ] {
        refused(&text(keys), &[expected]);
    }
}

#[test]
fn repeated_keys_and_names_point_to_the_first_one() {
    let first = |text: &str| {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let first = problems[0].first.clone().unwrap();
        (shown(&problems[0]), first.line, first.column)
    };
    assert_eq!(
        first(&gate("metric: rows\n    min: 1\n    min: 2")),
        (
            "6:5: gates[0] \"g\": min: duplicate key `min` [min] | remove one of the two"
                .to_owned(),
            5,
            5
        )
    );
    assert_eq!(
        first(&gate("metric: rows\n    min: 1\n  - {name: 'g ', metric: rows, min: 1}")),
        (
            "6:12: gates[1] \"g \": name: another gate has this name ['g '] | give each gate its own name"
                .to_owned(),
            3,
            11
        )
    );
    assert_eq!(
        first(&format!("candidate:\n  run: a\n  branch: b\n{}", gate("{metric: rows, min: 1}").replace("- name: g\n    {", "- {name: g, "))),
        (
            "3:3: candidate.branch: `run` and `branch` exclude each other [branch] | remove one of the two"
                .to_owned(),
            2,
            3
        )
    );
    assert_eq!(
        first(&gate("metric: rows\n    max: 4\n    min: 5")),
        (
            "6:10: gates[0] \"g\": min: min 5 is above max 4: no value can meet both [5] | change one of the two"
                .to_owned(),
            5,
            10
        )
    );
}

#[test]
fn merge_keys_are_one_problem() {
    refused(
        "version: 1\nx: &x {scorer: s, metric: pass_rate, min: 1}\ngates:\n  - name: g\n    <<: *x\n",
        &[
            "2:1: x: unknown key `x` [x] | use one of version, project, identity, candidate, baseline, baselines, \
             accept_status, completeness, comparability, defaults, correction, noise, report, gates",
            "5:5: gates[0] \"g\": <<: merge keys (`<<`) are not read [<<] | write the merged keys out",
        ],
    );
    refused(
        &format!(
            "candidate: {{attributes: {{<<: {{a: b}}}}}}\n{}",
            gate("metric: rows\n    min: 1")
        ),
        &[
            "1:26: candidate.attributes.<<: merge keys (`<<`) are not read [<<] | write the merged keys out",
        ],
    );
}

#[test]
fn characters_that_look_alike() {
    for (keys, expected) in [
        (
            "metric: rows\n    min: 1\n    sсorer: x",
            "6:5: gates[0] \"g\": sсorer: unknown key `sсorer`: it contains `с` (U+0441), which looks like `c` \
             [sсorer] | write `scorer`",
        ),
        (
            "metric: rоws\n    min: 1",
            "4:13: gates[0] \"g\": metric: `rоws` is not a metric: it contains `о` (U+043E), which looks like `o` \
             [rоws] | write `rows`",
        ),
        (
            "metric: “rows”\n    min: 1",
            "4:13: gates[0] \"g\": metric: `“rows”` is not a metric: it contains `“` (U+201C), which looks like `\"` \
             [“rows”] | write `rows`",
        ),
        (
            "metric: rows\u{200b}\n    min: 1",
            "4:13: gates[0] \"g\": metric: `rows\u{200b}` is not a metric: it contains U+200B, which is not visible \
             [rows\u{200b}] | write `rows`",
        ),
        (
            "metric: rows\n    ｍｉｎ: 1",
            "5:5: gates[0] \"g\": ｍｉｎ: unknown key `ｍｉｎ`: it contains `ｍ` (U+FF4D), which looks like `m` \
             [ｍｉｎ] | write `min`",
        ),
        (
            "metric: rows\n    min: 1\n    \u{a0}max: 2",
            "6:5: gates[0] \"g\": \u{a0}max: unknown key `\u{a0}max`: it contains U+00A0, which looks like a space \
             [\u{a0}max] | write `max`",
        ),
    ] {
        let found: Vec<String> = problems(&gate(keys)).iter().map(shown).collect();
        assert!(found.contains(&expected.to_owned()), "{found:#?}");
    }
}

#[test]
fn limits_that_are_written_as_text() {
    let rate = "scorer: s\n    metric: pass_rate";
    let mean = "scorer: s\n    metric: numeric_mean";
    for (keys, expected) in [
        (
            format!("{rate}\n    min: 90%"),
            "6:10: gates[0] \"g\": min: expected a number, found the text `90%` [90%] | write `min: 0.9`",
        ),
        (
            format!("{rate}\n    min: 90"),
            "6:10: gates[0] \"g\": min: 90 is not a fraction from 0 to 1 [90] | for 90 % write `min: 0.9`",
        ),
        (
            format!("{rate}\n    min: '99.9 %'"),
            "6:10: gates[0] \"g\": min: expected a number, found the text `99.9 %` ['99.9 %'] | write `min: 0.999`",
        ),
        (
            format!("{mean}\n    max_drop: 5%"),
            "6:15: gates[0] \"g\": max_drop: expected a number, found the text `5%` [5%] | write `max_relative_drop: 0.05`",
        ),
        (
            format!("{mean}\n    min: 5%"),
            "6:10: gates[0] \"g\": min: expected a number, found the text `5%` [5%] | write a number, as in `min: 0.9`",
        ),
        (
            format!("{mean}\n    min: \"4\""),
            "6:10: gates[0] \"g\": min: expected a number, found the text `4` [\"4\"] | write `min: 4`",
        ),
        (
            format!("{mean}\n    min: 3,75"),
            "6:10: gates[0] \"g\": min: expected a number, found the text `3,75` [3,75] | write `min: 3.75`",
        ),
        (
            format!("{mean}\n    min: 3,750"),
            "6:10: gates[0] \"g\": min: expected a number, found the text `3,750` [3,750] | write a point before decimals, and nothing between thousands",
        ),
        (
            format!("{rate}\n    min: ０.９"),
            "6:10: gates[0] \"g\": min: expected a number, found the text `０.９` [０.９] | write `min: 0.9`",
        ),
        (
            format!("{rate}\n    min:"),
            "6:5: gates[0] \"g\": min: expected a number, found nothing [min] | write a value, as in `min: 0.9`, or remove the key",
        ),
        (
            format!("{rate}\n    min: ~"),
            "6:10: gates[0] \"g\": min: expected a number, found nothing [~] | write a value, as in `min: 0.9`, or remove the key",
        ),
    ] {
        refused(&gate(&keys), &[expected]);
    }
}

#[test]
fn texts_that_yaml_reads_as_numbers() {
    let rows = gate("metric: rows\n    min: 1");
    for (keys, expected) in [
        (
            "candidate: {commit: 6063e25}",
            "1:21: candidate.commit: expected text, found the number `6063e25` [6063e25] | quote it: `commit: \"6063e25\"`",
        ),
        (
            "candidate: {commit: 1234567}",
            "1:21: candidate.commit: expected text, found the number `1234567` [1234567] | quote it: `commit: \"1234567\"`",
        ),
        (
            "candidate: {branch: true}",
            "1:21: candidate.branch: expected text, found `true` [true] | quote it: `branch: \"true\"`",
        ),
        (
            "candidate: {attributes: {sha: 6063e25}}",
            "1:31: candidate.attributes.sha: YAML reads this number as `6.063e28` [6063e25] | quote it: `sha: \"6063e25\"`",
        ),
        (
            "candidate: {attributes: {release: 1.40}}",
            "1:35: candidate.attributes.release: YAML reads this number as `1.4` [1.40] | quote it: `release: \"1.40\"`",
        ),
        (
            "candidate: {attributes: {sha: 12345678901234567890123456789012345678901234567890}}",
            "1:31: candidate.attributes.sha: YAML reads this number as `1.2345678901234567e49` \
             [12345678901234567890123456789012345678901234567890] | quote it: `sha: \"12345678901234567890123456789012345678901234567890\"`",
        ),
        (
            "candidate: {max_age: 7}",
            "1:22: candidate.max_age: expected a time such as 30d, 2w or 36h, found the number `7` [7] | add the unit: `max_age: 7d` for days",
        ),
        (
            "defaults: {max_missing: 5%}",
            "1:25: defaults.max_missing: expected a number, found the text `5%` [5%] | write `max_missing: 0.05`",
        ),
        (
            "accept_status: failed",
            "1:16: accept_status: expected a list of completed, failed, found the text `failed` [failed] | write `accept_status: [completed, failed]`",
        ),
    ] {
        refused(&format!("{keys}\n{rows}"), &[expected]);
    }
    // These are written as they are compared, or are text.
    for keys in [
        "candidate: {attributes: {a: 1.4, b: 1234567, c: -3, d: '1.40', e: 0123456, f: &f 2, g: *f}}",
        "candidate: {commit: 0123456}",
        "candidate: {commit: \"6063e25\"}",
    ] {
        let text = format!("{keys}\n{rows}");
        assert!(parse("p.yaml", &text).is_ok(), "{:?}", problems(&text));
    }
    refused(
        &rows.replace("version: 1", "version: \"1\""),
        &["1:10: version: expected the number 1, found the text `1` [\"1\"] | write `version: 1`"],
    );
    refused(
        "version: 1\ngates: {g: {metric: rows, min: 1}}\n",
        &[
            "2:8: gates: expected a list of at least one gate, found a map [{g: {metric: rows, min: 1}}] | \
             write each gate as an item of a list under `gates:`, as in `- name: …`",
        ],
    );
}

#[test]
fn problems_have_the_order_of_their_lines() {
    let text = "gates:\n  - {name: a, metric: rows, mn: 1}\n  - {metric: row, min: 1}\nversion: 3\nversion: 3\n";
    let lines: Vec<usize> = problems(text)
        .iter()
        .map(|problem| problem.at.as_ref().unwrap().line)
        .collect();
    assert_eq!(lines, [2, 3, 3, 5, 5]);
}

#[test]
fn a_byte_order_mark_has_no_column() {
    for ends in ["\n", "\r\n", "\r"] {
        let text = "\u{feff}version: 2\n# größe\ngates: 5\n".replace('\n', ends);
        let found: Vec<String> = problems(&text).iter().map(Problem::position).collect();
        assert_eq!(found, ["p.yaml:1:10", "p.yaml:3:8"], "{ends:?}");
    }
}

#[test]
fn many_problems_are_summed_up() {
    let gates: Vec<String> = (0..150)
        .map(|number| format!("- {{name: g{number}, metric: rows, min: 1, zz: 1}}\n"))
        .collect();
    let found = problems(&format!("version: 1\ngates:\n{}", gates.concat()));
    assert_eq!(found.len(), MOST_PROBLEMS + 1);
    let last = found.last().unwrap();
    assert_eq!(
        (last.message.as_str(), last.more),
        ("50 more problems not shown", 49)
    );
    let all: usize = found.iter().map(|problem| 1 + problem.more).sum();
    assert_eq!(all, 150);
}

#[test]
fn limits_of_gates_have_lines() {
    let text = "\u{feff}version: 1\ngates:\n# first\n- name: a\n  metric: rows\n  min: 1\n  max: &max 9\n\n- {name: b c, metric: rows, max: *max}\n";
    let policy = parse("p.yaml", text).unwrap();
    for (gate, limit, line) in [
        ("a", LimitKey::Min, Some(6)),
        ("a", LimitKey::Max, Some(7)),
        ("b c", LimitKey::Max, Some(9)),
        // A limit that the gate does not have.
        ("a", LimitKey::MaxDrop, Some(4)),
        ("c", LimitKey::Max, None),
    ] {
        assert_eq!(line_of(&policy.text, gate, limit), line, "{gate} {limit:?}");
    }
}

#[test]
fn problems_of_a_valid_policy_have_positions() {
    let text = "version: 1\ncandidate:\n  commit: ${SHA}\n  attributes: {git.sha: '${A}'}\ngates:\n- {name: g, metric: rows, min: 1}\n";
    let policy = parse("p.yaml", text).unwrap();
    let found = |message| policy.problem(&["candidate"], message).to_string();
    assert_eq!(
        found("commit: the variable `SHA` is not set"),
        "p.yaml:3:11: candidate.commit: the variable `SHA` is not set"
    );
    assert_eq!(
        found("attributes.git.sha: is empty"),
        "p.yaml:4:25: candidate.attributes.git.sha: is empty"
    );
    assert_eq!(found("is empty"), "p.yaml:3:3: candidate: is empty");
}

/// Values that are wrong for some keys: of each type, with units, without an end, long.
const VALUES: [&str; 24] = [
    "text",
    "''",
    "300ms",
    "$5",
    "5k",
    "1_000",
    "off",
    "90%",
    "0",
    "-1",
    "-0.5",
    "7",
    "1e300",
    "1e400",
    ".nan",
    "-.inf",
    "true",
    "null",
    "[]",
    "[a, b]",
    "[[1]]",
    "{}",
    "{a: 1}",
    "a-text-that-is-so-long-that-no-message-shows-it-because-it-could-be-a-secret-of-someone",
];

/// The paths of all values.
fn paths(value: &serde_yaml::Value, path: &[String], found: &mut Vec<Vec<String>>) {
    let entries: Vec<(String, &serde_yaml::Value)> = match value {
        serde_yaml::Value::Mapping(map) => map
            .iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), value))
            .collect(),
        serde_yaml::Value::Sequence(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (step, value) in entries {
        let path = [path, &[step]].concat();
        paths(value, &path, found);
        found.push(path);
    }
}

#[test]
fn every_problem_has_a_help_and_is_short() {
    let reference = include_str!("../../docs/gates.reference.yaml");
    let whole: serde_yaml::Value = serde_yaml::from_str(reference).unwrap();
    let mut all = Vec::new();
    paths(&whole, &[], &mut all);
    let mut seen = 0;
    for path in all {
        for value in VALUES {
            let mut changed = whole.clone();
            let mut place = &mut changed;
            for step in &path {
                place = match place {
                    serde_yaml::Value::Sequence(items) => {
                        &mut items[step.parse::<usize>().unwrap()]
                    }
                    map => map.get_mut(step.as_str()).unwrap(),
                };
            }
            *place = serde_yaml::from_str(value).unwrap();
            let text = serde_yaml::to_string(&changed).unwrap();
            let Err(problems) = parse("p.yaml", &text) else {
                continue;
            };
            seen += problems.len();
            for problem in problems {
                let at = format!("{}: {value}: {problem}", path.join("."));
                let help = problem.help.as_deref().unwrap_or_default();
                assert!(!help.is_empty(), "no help: {at}");
                assert!(problem.message.len() < 260, "{at}");
                assert!(!help.contains("a-text-that-is-so-long"), "{at}: {help}");
                // The edit is another one than what is written.
                assert!(!help.ends_with(&format!(": {value}`")), "{at}: {help}");
            }
        }
    }
    assert!(seen > 1_000, "{seen}");
}
