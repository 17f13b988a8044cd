//! Foreign names in every place where one can stand, through every renderer: none is more than a name, and each is
//! still recognisable.
//!
//! An input is a list of names with a byte 0xFF, which is none of UTF-8, between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};
use weave_gate::evidence::{
    Baseline, Columns, Details, Evidence, Fact, Gap, Gatherer, LeftOut, ListedRun, Pair, Reference,
    Role, Run, RunRow, RunStatus, Tally, Totals,
};
use weave_gate::fault::Fault;
use weave_gate::judge::{behind, columns, compare, judge, offending_columns};
use weave_gate::policy::{
    BaselineRule, CandidateRule, Completeness, Condition, Correction, Evidence as Rule, Gate,
    Limit, LimitKey, Metric, Missing, MissingRule, Policy, RemovedRows, Required, Severity, Waiver,
};
use weave_gate::prose::Prose;
use weave_gate::report::{
    self, Compared, Judged, Report, Section, Style, Table, github_annotations, gitlab_annotations,
};
use weave_gate::secret::Secrets;
use weave_gate::selector::{Identity, Selector};
use weave_gate::{draft, evidence, input};

use super::made::{every_column, now, run};
use super::sinks;
use super::text::{has_no_command, is_plain, is_told};

/// Rows of the made runs.
const ROWS: usize = 4;
/// Names that are needed; fewer are used over and over.
const NEEDED: usize = 32;

/// Renders reports that hold the names.
///
/// # Panics
///
/// A name is more than a name in one of them, or is not to be recognised.
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
    // A page is the same as the one with plain names, but for the names themselves.
    for (page, plain) in pages(&case).iter().zip(&*PLAIN) {
        is_plain(page);
        has_no_command(page);
        sinks::is_markdown(page);
        assert_eq!(bones(page), *plain, "{page}");
    }
}

/// The Markdown pages of plain names, without these.
static PLAIN: LazyLock<Vec<String>> = LazyLock::new(|| {
    let case = Case::new(&Names::plain()).expect("plain names can be judged");
    pages(&case).iter().map(|page| bones(page)).collect()
});

/// Every page in Markdown.
fn pages(case: &Case) -> Vec<String> {
    let reports = case.reports.iter();
    let mut pages: Vec<String> = reports
        .flat_map(|report| [report::markdown(report), report::short(report)])
        .collect();
    pages.push(report::markdown_comparison(&compared(&case.evidence)));
    pages
}

/// What of a page does not depend on names.
fn bones(page: &str) -> String {
    // Of what is not there, a pattern is spoken of in other words than a name, and the nearest names are told.
    let bones = sinks::skeleton(page);
    let bones = bones.replace("no dimension matches CODE;", "there is no dimension CODE;");
    bones.replace("; is CODE meant?", "")
}

/// In bytes of its JSON; a little less than rows are told by, since `apart` may add to it.
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
            // A policy has no gate without a name.
            if gate.trim().is_empty() {
                gate.push('g');
            }
        }
        apart(&mut gates);
        let mut dimensions = take(3);
        let mut digests = take(ROWS);
        let mut values = take(2);
        // Rows are not told by values that are longer: then there is no check for each.
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
        // In the order of their JSON, as values are.
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

    /// A word of the first gate's name, which every report has to show. A long name may be cut, but not here.
    fn word(&self) -> String {
        let start: String = self.gates[0].chars().take(40).collect();
        let words = start.split(|c: char| !c.is_ascii_alphanumeric());
        let longest = words.max_by_key(|word| word.len());
        longest.unwrap_or_default().to_owned()
    }

    /// Such as nobody would notice.
    fn plain() -> Self {
        let parts: Vec<String> = (0..NEEDED).map(|place| format!("name{place:02}")).collect();
        Self::of(&parts)
    }
}

/// Makes names differ by more than the space around them.
fn apart(names: &mut [String]) {
    let mut known = BTreeSet::new();
    for (place, name) in names.iter_mut().enumerate() {
        while !known.insert(name.trim().to_owned()) {
            name.push_str(&place.to_string());
        }
    }
}

/// A judgement of runs that are full of the names.
struct Case {
    /// Whole, and of a fault alone.
    reports: [Report; 2],
    evidence: Evidence,
    rows: Vec<String>,
}

impl Case {
    /// `None` where the names say that the inputs are not there.
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
        // What a draft looks at, too.
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
                },
                Report::of_fault(fault()),
            ],
            evidence,
            rows: rows.into_iter().map(|[ours, _]| ours).collect(),
        })
    }
}

/// A row in both runs, as snapshots hold it.
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
    let mut tally = Tally::default();
    for both in rows {
        tally.trial(&row(&both[role]).trials[0]).unwrap();
        tally.end_row();
    }
    tally.totals()
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

/// What the choice of the runs has to say, and a run that is left out.
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
            problem: names.texts[9].clone(),
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
    }
}

/// What of the choice of the candidate leaves its checks undecided.
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
    let behind = evidence
        .rows
        .as_ref()
        .map_or_else(Vec::new, |known| behind(policy, known, &judgement, None));
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
        behind,
        details: BTreeMap::from([(None, details)]),
        unexplained: None,
    }
}

/// A gate of each kind: most fail, and some are undecided, waived, or only warn.
fn policy(names: &Names) -> Policy {
    let [one, two, _] = <&[String; 3]>::try_from(&names.dimensions[..]).unwrap();
    let gate = |place: usize, metric, scorer: Option<&str>, key, value| Gate {
        name: names.gates[place].clone(),
        metric,
        scorer: scorer.map(str::to_owned),
        conditions: Vec::new(),
        by: None,
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
            ..gate(4, Metric::PassRate, Some(one), LimitKey::MaxDrop, 0.0)
        },
        // No run has this dimension: it is longer than any.
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
        project: None,
        identity: Identity::default(),
        candidate: CandidateRule::default(),
        completeness: Completeness::Undecided,
        baseline: BaselineRule {
            source: None,
            required: Required::Always,
            max_age: None,
            removed_rows: RemovedRows::Missing,
        },
        baselines: BTreeMap::new(),
        accept_failed: false,
        correction: Correction::Holm,
        gates,
    }
}

fn reports(case: &Case, names: &Names) {
    let word = names.word();
    for report in &case.reports {
        let terminal = terminal(&|style| report::terminal(report, style));
        let junit = report::junit(report).unwrap();
        let metrics = report::metrics(report);
        let github = github_annotations(report);
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
        for hint in report.hints() {
            let hint = report::message(&hint.to_string());
            is_plain(&hint);
            assert!(!hint.contains('\n'));
        }
        let read: Value = serde_json::from_str(&json).expect("a report in JSON");
        assert_eq!(read["exit_code"], report.exit().code());
        explained(report, &read);
    }
}

/// How the test cases of a report are called, and how many there are.
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

/// Renders in every style, and hands over the whole text without colours.
fn terminal(render: &dyn Fn(Style) -> String) -> String {
    let pages = [true, false].map(|brief| {
        let text = render(Style {
            color: false,
            brief,
        });
        is_plain(&text);
        has_no_command(&text);
        // Colours are all that colour adds.
        let colored = render(Style { color: true, brief });
        assert_eq!(sinks::without_colors(&colored), text);
        let last = text.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("weave-gate: "),
            "the last line is not the verdict: {last:?}"
        );
        text
    });
    let [_, whole] = pages;
    whole
}

fn explained(report: &Report, read: &Value) {
    let judged = report
        .sections
        .iter()
        .filter_map(|section| section.outcome.as_ref().ok());
    for (place, judged) in judged.enumerate() {
        let mut known = BTreeSet::new();
        for check in &judged.judgement.checks {
            let id = check.id();
            assert!(known.insert(id.clone()), "two checks of one id: {id}");
            // The policies have the same checks, which are explained together.
            if place == 0 {
                let text = report::explain(read, &id).expect("a check that is in the report");
                is_plain(&text);
                has_no_command(&text);
            }
        }
    }
    if let Err(fault) = report::explain(read, "no such check at all") {
        is_told(&fault);
    }
}

fn compared(evidence: &Evidence) -> Compared {
    let comparison = compare(evidence, now()).expect("two runs");
    Compared {
        outcome: Ok((comparison, evidence.clone())),
    }
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

/// A draft is a policy, whatever the dimensions are called.
fn drafted(evidence: &Evidence, names: &Names) {
    let name = names.texts[1].as_str();
    let by = draft::Named {
        evaluation: Some(name),
        model: Some(&names.texts[2]),
    };
    match draft::policy(evidence, by, now()) {
        Ok(text) => {
            is_plain(&text);
            let policy = weave_gate::policy::parse("draft.yaml", &text).expect("a policy");
            assert!(!policy.gates.is_empty());
        }
        Err(fault) => {
            is_told(&fault);
            // With blank names the run is named by its id, and no run of Weave has such an id.
            let is_blank = name.trim().is_empty() && names.texts[2].trim().is_empty();
            let is_no_id = is_blank && fault.message.contains("candidate.run");
            let is_refused = fault.message.contains("cannot be drafted from this run");
            assert!(!is_refused || is_no_id, "{fault:?}");
        }
    }
}
