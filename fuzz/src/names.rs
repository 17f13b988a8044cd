//! Fuzzes foreign names in every place that can hold one, with every renderer. Each name must remain only a name, and
//! must remain recognisable.
//!
//! An input is a list of names. The separator is the byte 0xFF, which never occurs in UTF-8.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};
use weave_gate::evidence::{
    Baseline, Columns, Details, Evidence, Fact, Gap, Gatherer, LeftOut, ListedRun, MissingBaseline,
    Pair, Reference, Role, Run, RunRow, RunStatus, SnapshotOf, SummaryBuilder, Totals,
};
use weave_gate::fault::Fault;
use weave_gate::judge::{MOST_OFFENDING, columns, compare, judge, offending, offending_columns};
use weave_gate::policy::{
    BaselineRule, CandidateRule, Comparability, Completeness, Condition, Correction,
    Evidence as Rule, Gate, Limit, LimitKey, Metric, Missing, MissingRule, Noise, Policy,
    RemovedRows, Required, Severity, Unresolved, Waiver,
};
use weave_gate::prose::Prose;
use weave_gate::report::{
    self, Amount, Asked, Compared, Judged, Report, Section, Style, Table, github_annotations,
    gitlab_annotations,
};
use weave_gate::secret::Secrets;
use weave_gate::selector::{Identity, Selector};
use weave_gate::{draft, evidence, input};

use super::made::{every_column, now, run};
use super::sinks;
use super::text::{has_no_command, is_plain, is_told};

/// The number of rows of the test runs.
const ROWS: usize = 4;
/// The number of names that are needed. An input with fewer names repeats them.
const NEEDED: usize = 32;

/// Renders reports that contain the names.
///
/// # Panics
///
/// Panics if a name changes the structure of a report, or is not recognisable in it.
pub fn check(data: &[u8]) {
    let parts = data.split(|byte| *byte == 0xff);
    let parts: Vec<String> = parts
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    let names = Names::of(&parts);
    let Some(case) = Case::new(&names) else {
        return;
    };
    reports(&case, &names);
    comparison(&case.evidence);
    tables(&case, &names);
    drafted(&case.evidence, &names);
    // A page must equal the page with plain names, except for the names.
    for (page, plain) in pages(&case).iter().zip(&*PLAIN) {
        is_plain(page);
        has_no_command(page);
        sinks::is_markdown(page);
        assert_eq!(bones(page), *plain, "{page}");
    }
    for (page, plain) in html_pages(&case).iter().zip(&*PLAIN_HTML) {
        is_plain(page);
        assert_eq!(sinks::elements(page), *plain, "{page}");
    }
}

/// The elements of the HTML pages with plain names.
static PLAIN_HTML: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let case = Case::new(&Names::plain()).expect("plain names can be judged");
    html_pages(&case)
        .iter()
        .map(|page| sinks::elements(page))
        .collect()
});

/// Every HTML page.
fn html_pages(case: &Case) -> Vec<String> {
    let mut pages: Vec<String> = case.reports.iter().map(report::html).collect();
    pages.push(report::html_comparison(&compared(&case.evidence)));
    pages
}

/// The Markdown pages with plain names, with the names removed.
static PLAIN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let case = Case::new(&Names::plain()).expect("plain names can be judged");
    pages(&case).iter().map(|page| bones(page)).collect()
});

/// Every Markdown page.
fn pages(case: &Case) -> Vec<String> {
    let reports = case.reports.iter();
    let mut pages: Vec<String> = reports
        .flat_map(|report| [report::markdown(report), report::short(report)])
        .collect();
    pages.push(report::markdown_comparison(&compared(&case.evidence)));
    pages
}

/// The parts of a page that do not depend on names.
fn bones(page: &str) -> String {
    // The message about a missing dimension has other words for a pattern than for a name, and it suggests similar
    // names.
    let bones = sinks::skeleton(page);
    let bones = bones.replace("no dimension matches CODE;", "there is no dimension CODE;");
    // A gate whose name contains its scorer is shown without it.
    let mut bones = bones.replace("**CODE** CODE", "**CODE**");
    // A run may have a commit, a branch, both or neither.
    while bones.contains("CODE CODE") {
        bones = bones.replace("CODE CODE", "CODE");
    }
    bones.replace("did you mean CODE?", "use one of these dimensions")
}

/// The largest size of a value, in bytes of its JSON. It is below the limit for values that identify rows, because
/// `apart` may make a value longer.
const LONGEST_VALUE: usize = 900;

/// Names, each for one place.
struct Names {
    gates: Vec<String>,
    dimensions: Vec<String>,
    digests: Vec<String>,
    values: Vec<String>,
    ids: Vec<String>,
    texts: Vec<String>,
    input: String,
    status: String,
}

impl Names {
    fn of(parts: &[String]) -> Self {
        let mut names = (0..NEEDED).map(|place| parts[place % parts.len()].clone());
        let mut take = |count: usize| -> Vec<String> { names.by_ref().take(count).collect() };
        let mut gates = take(8);
        for gate in &mut gates {
            // A gate must have a name.
            if gate.trim().is_empty() {
                gate.push('g');
            }
        }
        apart(&mut gates);
        let mut dimensions = take(3);
        let mut digests = take(ROWS);
        let mut values = take(2);
        // Longer values do not identify rows, and then `by` makes no check for each value.
        for value in &mut values {
            while json!(value).to_string().len() > LONGEST_VALUE {
                value.pop();
            }
        }
        let mut ids = take(2);
        for some in [&mut dimensions, &mut digests, &mut values, &mut ids] {
            apart(some);
            some.sort();
        }
        // Values are sorted by their JSON.
        values.sort_by_key(|value| json!(value).to_string());
        for id in &mut ids {
            if id.is_empty() {
                id.push('i');
            }
        }
        let [input, mut status] = <[String; 2]>::try_from(take(2)).unwrap();
        if ["completed", "failed", "running"].contains(&status.as_str()) {
            status.push('s');
        }
        Self {
            gates,
            dimensions,
            digests,
            values,
            ids,
            texts: take(11),
            input,
            status,
        }
    }

    /// A word of the first gate's name, which every report must show. A report may cut a long name, but not at this
    /// word.
    fn word(&self) -> String {
        let start: String = self.gates[0].chars().take(40).collect();
        let words = start.split(|c: char| !c.is_ascii_alphanumeric());
        let longest = words.max_by_key(|word| word.len());
        longest.unwrap_or_default().to_owned()
    }

    /// Names that have no effect on any format.
    fn plain() -> Self {
        let parts: Vec<String> = (0..NEEDED).map(|place| format!("name{place:02}")).collect();
        Self::of(&parts)
    }
}

/// Makes the names different in more than the whitespace around them.
fn apart(names: &mut [String]) {
    let mut known = BTreeSet::new();
    for (place, name) in names.iter_mut().enumerate() {
        while !known.insert(name.trim().to_owned()) {
            name.push_str(&place.to_string());
        }
    }
}

/// A judgement of runs with these names in every place.
struct Case {
    /// A complete report, and a report of an error.
    reports: [Report; 2],
    evidence: Evidence,
    rows: Vec<String>,
}

impl Case {
    /// `None` if the names imply that the inputs are missing.
    fn new(names: &Names) -> Option<Self> {
        let rows: Vec<[String; 2]> = (0..ROWS).map(|row| both_rows(names, row)).collect();
        let policy = policy(names);
        let [ours, theirs] = [0, 1].map(|role| totals(&rows, role));
        let mut wanted = columns(&policy, &[&ours, &theirs]);
        let pair = Pair {
            common: ROWS as u64,
            removed: 0,
            added: 0,
            candidate: Some(ours.clone()),
            baseline: Some(theirs.clone()),
        };
        let candidate = logged(names, 0, ours);
        let baseline = logged(names, 1, theirs);
        let listed = [(Role::Candidate, &candidate), (Role::Baseline, &baseline)];
        let selection = selection(names, listed);
        let baseline = Baseline::Found(Box::new(baseline), pair);
        let read = gathered(&rows, wanted.clone())?;
        let mut evidence = Evidence {
            selection,
            ..Evidence::new(candidate, baseline, Some(read))
        };
        let first = judge(&policy, &evidence, now());
        let both = [&evidence.candidate.totals; 2];
        wanted.add(offending_columns(&policy, &first, None, &both));
        // These columns are what a draft reads.
        wanted.add(every_column(&evidence.candidate.totals));
        evidence.rows = Some(gathered(&rows, wanted)?);
        let whole = judged(&policy, &evidence, &rows);
        let mut other = evidence.clone();
        other.candidate.status = Some(RunStatus::of(names.status.clone()));
        other.selection.facts.extend(against(names));
        let reason = Prose::new().name(&names.texts[0]).text(" is not there");
        other.baseline = Baseline::NotFound(reason);
        let mut unfinished = judged(&policy, &other, &[]);
        unfinished.unexplained = Some(names.texts[1].clone());
        let section = |outcome| Section {
            path: names.texts[2].clone(),
            sha256: "0".repeat(64),
            text: "".into(),
            outcome,
        };
        let fault =
            || Fault::evidence(format!("it says `{}`", names.texts[3])).help(&names.texts[4]);
        let sections = vec![
            section(Ok(whole)),
            section(Ok(unfinished)),
            section(Err(fault())),
        ];
        Some(Self {
            reports: [
                Report {
                    sections,
                    fault: None,
                    skipped: None,
                    arguments: vec![names.texts[1].clone()],
                },
                Report::of_fault(fault()),
            ],
            evidence,
            rows: rows.into_iter().map(|[ours, _]| ours).collect(),
        })
    }
}

/// A row in both runs, in the format of snapshots.
fn both_rows(names: &Names, row: usize) -> [String; 2] {
    let [one, two, three] = <&[String; 3]>::try_from(&names.dimensions[..]).unwrap();
    [0, 1].map(|role| {
        let passed = role == 1 || row % 2 == 1;
        let other = format!("{}2", names.input);
        let trial = json!({
            "predict_and_score_call_id": format!("{}{row}", names.texts[5]),
            "predict_call_id": names.texts[6],
            "model_output": {&names.texts[7]: names.texts[8]},
            "scores": {one: passed, two: row, three: {&names.texts[6]: true}},
            "model_latency_seconds": 0.5,
            "total_tokens": 7,
        });
        json!({
            "row_digest": names.digests[row],
            "raw_data_row": {&names.input: names.values[row % 2], other: names.texts[9]},
            "trials": [trial],
        })
        .to_string()
    })
}

fn row(text: &str) -> RunRow<'_> {
    serde_json::from_str(text).unwrap()
}

fn totals(rows: &[[String; 2]], role: usize) -> Totals {
    let mut builder = SummaryBuilder::default();
    for both in rows {
        builder.trial(&row(&both[role]).trials[0]).unwrap();
        builder.end_row();
    }
    builder.totals()
}

fn gathered(rows: &[[String; 2]], columns: Columns) -> Option<evidence::Rows> {
    let mut gatherer = Gatherer::new(columns);
    for [ours, theirs] in rows {
        let (ours, theirs) = (row(ours), row(theirs));
        gatherer.trial(Role::Candidate, &ours.trials[0]).unwrap();
        gatherer.trial(Role::Baseline, &theirs.trials[0]).unwrap();
        gatherer
            .end_row(&ours.row_digest, ours.raw_data_row, (1, 1))
            .ok()?;
    }
    Some(gatherer.finish())
}

fn logged(names: &Names, place: usize, totals: Totals) -> Run {
    let reference = |name: &str| {
        Some(Reference {
            name: name.to_owned(),
            version: Some(names.texts[10].clone()),
        })
    };
    let attributes = [(names.texts[3].clone(), names.texts[2].clone())];
    let selector = Selector {
        evaluation: Some(names.texts[1].clone()),
        commit: Some(names.texts[4].clone()),
        attributes: attributes.into(),
        ..Selector::default()
    };
    Run {
        display_name: Some(names.texts[0].clone()),
        evaluation: reference(&names.texts[1]),
        model: reference(&names.texts[2]),
        rows: ROWS as u64,
        totals,
        choice: Some(evidence::Choice {
            selector,
            matches: 3,
            is_exact: true,
        }),
        attributes: json!({"git_sha": names.texts[4], "git_branch": names.texts[5]})
            .as_object()
            .cloned(),
        ..run(&names.ids[place])
    }
}

/// The facts about the choice of the runs, and a run that is left out.
fn selection(names: &Names, judged: [(Role, &Run); 2]) -> evidence::Selection {
    let identity = Identity::default();
    let judged = judged.map(|(role, run)| ListedRun::judged(role, run, &identity));
    let left_out = ListedRun {
        left_out: Some(LeftOut::Excluded),
        id: names.texts[6].clone(),
        ..judged[0].clone()
    };
    let gap = Gap::Fewer {
        made: 12,
        stored: 11,
    };
    let facts = [
        Fact::Excluded {
            id: names.texts[6].clone(),
            reason: names.texts[7].clone(),
        },
        Fact::LeftOut {
            id: names.texts[8].clone(),
            why: LeftOut::Incomplete(gap),
        },
        Fact::NotChecked {
            unresolved: Some(Unresolved {
                key: names.texts[9].clone(),
                variable: Some(names.texts[9].clone()),
            }),
            in_ci: false,
        },
    ];
    let skipped = Fact::BaselineSkipped {
        id: names.texts[10].clone(),
        why: LeftOut::Incomplete(gap),
    };
    let facts = facts.map(|fact| (Role::Candidate, fact)).into_iter();
    evidence::Selection {
        identity,
        facts: facts.chain([(Role::Baseline, skipped)]).collect(),
        runs: judged.into_iter().chain([left_out]).collect(),
        is_first: false,
        missing: Some(MissingBaseline::Selected {
            selector: Selector {
                branch: Some(names.texts[5].clone()),
                ..Selector::default()
            },
            has_match: false,
        }),
        without_rows: vec![SnapshotOf {
            run: names.texts[3].clone(),
            path: names.texts[4].clone(),
        }],
    }
}

/// The facts about the choice of the candidate that make its checks undecided.
fn against(names: &Names) -> impl Iterator<Item = (Role, Fact)> {
    let text = |place: usize| names.texts[place].clone();
    let facts = [
        Fact::WrongCandidate {
            key: text(0),
            expected: text(1),
            found: Some(text(2)),
        },
        Fact::CommitAmbiguous {
            asked: text(3),
            commits: vec![text(4), text(5)],
        },
        Fact::SeveralModelVersions {
            model: text(6),
            versions: vec![text(7), text(8)],
        },
        Fact::NoSharedRow {
            runs: [text(9), text(10)],
        },
        Fact::RerunRunning { id: text(0) },
        Fact::NotNewest { newest: text(1) },
    ];
    facts.into_iter().map(|fact| (Role::Candidate, fact))
}

fn judged(policy: &Policy, evidence: &Evidence, rows: &[[String; 2]]) -> Judged {
    let judgement = judge(policy, evidence, now());
    let offending = evidence.rows.as_ref().map_or_else(Vec::new, |known| {
        offending(policy, known, &judgement, None, MOST_OFFENDING)
    });
    let mut details = Details::new();
    for [ours, theirs] in rows {
        for (role, text) in [(Role::Candidate, ours), (Role::Baseline, theirs)] {
            let row = row(text);
            let detail = details.entry(row.row_digest.clone().into_owned());
            detail.or_default().take(role, &row);
        }
    }
    Judged {
        judgement,
        evidence: evidence.clone(),
        offending,
        details: BTreeMap::from([(None, details)]),
        unexplained: None,
        show: policy.show.clone(),
    }
}

/// A policy with a gate of each kind. Most gates fail, and some are undecided, waived, or only warn.
fn policy(names: &Names) -> Policy {
    let [one, two, _] = <&[String; 3]>::try_from(&names.dimensions[..]).unwrap();
    let gate = |place: usize, metric, scorer: Option<&str>, key, value| Gate {
        name: names.gates[place].clone(),
        metric,
        scorers: scorer.map(str::to_owned).into_iter().collect(),
        conditions: Vec::new(),
        by: None,
        cluster_by: None,
        attempts: 1,
        against: None,
        limits: vec![Limit { key, value }],
        missing: Missing {
            rule: MissingRule::Bound,
            tolerated: 0.0,
        },
        evidence: Rule::Observed,
        inherits_evidence: false,
        confidence: 0.95,
        range: None,
        severity: Severity::Block,
        waive: None,
    };
    let by = Some(names.input.clone());
    let unknown = Condition {
        input: names.input.clone(),
        any_of: vec![input::Value::of(&json!(names.texts[4].clone() + "x")).unwrap()],
    };
    let waive = Some(Waiver {
        until: jiff::civil::date(9999, 12, 31),
        reason: names.texts[5].clone(),
    });
    let gates = vec![
        gate(0, Metric::PassRate, Some(one), LimitKey::Min, 1.0),
        Gate {
            by,
            ..gate(1, Metric::PassRate, Some(one), LimitKey::Min, 1.0)
        },
        Gate {
            severity: Severity::Warn,
            ..gate(2, Metric::NumericMean, Some(two), LimitKey::Min, 9.0)
        },
        Gate {
            waive,
            ..gate(3, Metric::RegressedRows, Some(one), LimitKey::Max, 0.0)
        },
        Gate {
            evidence: Rule::Significant,
            cluster_by: Some(names.input.clone()),
            ..gate(4, Metric::PassRate, Some(one), LimitKey::MaxDrop, 0.0)
        },
        // This dimension is longer than any that the runs have, so it does not exist.
        gate(
            5,
            Metric::Coverage,
            Some(&(names.dimensions.concat() + "x")),
            LimitKey::Min,
            0.5,
        ),
        Gate {
            conditions: vec![unknown],
            ..gate(6, Metric::PassRate, Some(one), LimitKey::Min, 0.5)
        },
        gate(7, Metric::Trials, None, LimitKey::Min, 1.0),
    ];
    Policy {
        path: names.texts[2].clone(),
        sha256: String::new(),
        text: "".into(),
        project: None,
        identity: Identity::default(),
        candidate: CandidateRule::default(),
        completeness: Completeness::Undecided,
        comparability: Comparability::default(),
        baseline: BaselineRule {
            source: None,
            required: Required::Always,
            max_age: None,
            removed_rows: RemovedRows::Missing,
            last: 1,
        },
        baselines: BTreeMap::new(),
        accept_failed: false,
        correction: Correction::Holm,
        noise: Some(Noise {
            measured: jiff::civil::date(2026, 1, 1),
            expires: jiff::civil::date(2026, 1, 2),
            runs: 12,
            df: 11,
            // The second dimension does not exist.
            run_sd: [one.clone(), names.dimensions.concat() + "y"]
                .map(|name| (name, 0.01))
                .into(),
        }),
        show: Vec::new(),
        gates,
    }
}

fn reports(case: &Case, names: &Names) {
    let word = names.word();
    for report in &case.reports {
        let terminal = terminal(&|style| report::terminal(report, style));
        let junit = report::junit(report).unwrap();
        let metrics = report::metrics(report);
        let github = github_annotations(report, &str::to_owned);
        let json = report::json(report).unwrap();
        let texts = [&terminal, &metrics, &json, &github, &junit];
        for text in texts {
            is_plain(text);
        }
        for text in [&metrics, &json] {
            has_no_command(text);
        }
        if !report.sections.is_empty() {
            let lost = texts.into_iter().find(|text| !text.contains(&word));
            assert_eq!(lost, None, "without `{word}`");
            for page in [report::markdown(report), report::short(report)] {
                assert!(page.contains(&word), "without `{word}`: {page}");
            }
        }
        sinks::is_junit(&junit, &cases(report));
        sinks::are_metrics(&metrics);
        sinks::are_commands(&github);
        sinks::are_links(&gitlab_annotations(report).unwrap());
        report.faults().for_each(is_told);
        let read: Value = serde_json::from_str(&json).expect("a report in JSON");
        assert_eq!(read["exit_code"], report.exit().code());
        explained(report, &json);
    }
}

/// The number of test cases in each suite of a report.
fn cases(report: &Report) -> Vec<usize> {
    let of = |section: &Section| match &section.outcome {
        Ok(judged) => judged.judgement.checks.len(),
        Err(_) => 1,
    };
    report
        .fault
        .iter()
        .map(|_| 1)
        .chain(report.sections.iter().map(of))
        .collect()
}

/// Renders in every style, and returns the text with everything in it and without colours.
fn terminal(render: &dyn Fn(Style) -> String) -> String {
    let amounts = [Amount::Brief, Amount::BriefAll, Amount::Usual, Amount::All];
    let pages = amounts.map(|amount| {
        let style = Style {
            amount,
            ..Style::plain()
        };
        let text = render(style);
        is_plain(&text);
        has_no_command(&text);
        // Colour must not change the text.
        let colored = render(Style {
            color: true,
            ..style
        });
        assert_eq!(sinks::without_colors(&colored), text);
        let last = text.lines().last().unwrap_or_default();
        let words = [
            "PASSED",
            "FAILED",
            "UNDECIDED",
            "NO VERDICT",
            "SKIPPED",
            "COMPARED",
            "NOT COMPARABLE",
        ];
        assert!(
            words.iter().any(|word| last.starts_with(word)),
            "the last line is not the verdict: {last:?}"
        );
        text
    });
    let [_, _, _, whole] = pages;
    whole
}

fn explained(report: &Report, text: &str) {
    let read = report::read(text).expect("the report that was written");
    let live = report::document(report);
    let explain = |check: Option<&str>| {
        let asked = Asked {
            check,
            rows: None,
            is_from_file: true,
            arguments: &[],
        };
        let of = |report| {
            let text = report::explain(report, asked, Style::plain())?;
            is_plain(&text);
            has_no_command(&text);
            Ok::<String, Fault>(text)
        };
        let (one, other) = (of(&read), of(&live));
        assert_eq!(one, other, "a report says something else when it is read");
        one
    };
    let judged = report
        .sections
        .iter()
        .filter_map(|section| section.outcome.as_ref().ok());
    for (place, judged) in judged.enumerate() {
        let mut known = BTreeSet::new();
        for check in &judged.judgement.checks {
            let id = check.id();
            assert!(known.insert(id.clone()), "two checks of one id: {id}");
            // The policies have the same checks, so the checks are explained together.
            if place == 0 {
                explain(Some(&id)).expect("a check that is in the report");
            }
        }
    }
    for check in [Some("no such check at all"), None] {
        if let Err(fault) = explain(check) {
            is_told(&fault);
        }
    }
}

fn compared(evidence: &Evidence) -> Compared {
    let comparison = compare(evidence, now()).expect("two runs");
    Compared::of(Ok((comparison, evidence.clone())))
}

fn comparison(evidence: &Evidence) {
    let compared = compared(evidence);
    terminal(&|style| report::terminal_comparison(&compared, style));
    let json = report::json_comparison(&compared).unwrap();
    is_plain(&json);
    let _: Value = serde_json::from_str(&json).unwrap();
}

fn tables(case: &Case, names: &Names) {
    let dimensions: BTreeSet<&str> = names.dimensions.iter().map(String::as_str).collect();
    let write = |mut table: Table<'_>| {
        for text in &case.rows {
            table
                .row(&case.evidence.candidate, &row(text), &Secrets::default())
                .unwrap();
        }
        table.finish().unwrap();
    };
    for is_shown in [false, true] {
        let mut bytes = Vec::new();
        write(Table::csv(&mut bytes, &dimensions, is_shown, &Secrets::default()).unwrap());
        let text = String::from_utf8(bytes).unwrap();
        sinks::is_table(&text, ROWS + 1, 5 + dimensions.len() + 4);
        if is_shown {
            is_plain(&text);
            has_no_command(&text);
        }
    }
    let mut bytes = Vec::new();
    write(Table::JsonLines(&mut bytes));
    let text = String::from_utf8(bytes).unwrap();
    is_plain(&text);
    has_no_command(&text);
    assert_eq!(text.lines().count(), ROWS);
    for (line, digest) in text.lines().zip(&names.digests) {
        let read: Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(read["row_digest"], Value::String(digest.clone()));
    }
}

/// A draft must be a valid policy for any names of dimensions.
fn drafted(evidence: &Evidence, names: &Names) {
    let name = names.texts[1].as_str();
    let by = draft::Keys {
        evaluation: Some(name),
        model: Some(&names.texts[2]),
        has_commit: name.len().is_multiple_of(2),
        branch: name.len().is_multiple_of(3).then_some("main"),
    };
    match draft::policy(evidence, by, now()) {
        Ok(text) => {
            is_plain(&text);
            let policy = weave_gate::policy::parse("draft.yaml", &text).expect("a policy");
            assert!(!policy.gates.is_empty());
        }
        Err(fault) => {
            is_told(&fault);
            // A run with a blank name is named by its id. This id is not valid in Weave.
            let is_blank = name.trim().is_empty() && names.texts[2].trim().is_empty();
            let is_no_id = is_blank && fault.message.contains("candidate.run");
            let is_refused = fault.message.contains("cannot be drafted from this run");
            assert!(!is_refused || is_no_id, "{fault:?}");
        }
    }
}
