//! Fuzzes the result pages of the server. Accepted answers must be consistent, and no claim may pass that they do not
//! support.
//!
//! Each line of an input is one answer. It starts with a word for the type of request: `own` for the statistics of the
//! runs, `common` for their common rows, and `rows` for a page of rows. Without a line `common` there is no baseline.
//! The runs are `c` and `b`.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use weave_gate::evidence::RunInfo;
use weave_gate::evidence::{Baseline, Completeness, Evidence, Run, Totals, Usage, snapshot};
use weave_gate::http::Progress;
use weave_gate::policy::Policy;
use weave_gate::weave::{
    Address, Client, Needs, RunSource, Sources, find_credential, read_evidence, read_run, run_rows,
};

use super::made::{Claims, holds_together, now, project};
use super::text::{self, is_told};

/// A key that no answer contains, unless an input is written to test its rejection.
pub(super) const KEY: &str = "local-0123456789abcdef0123456789abcdef01234567";

/// A log that prints nothing.
pub(super) struct Silence;

impl Progress for Silence {
    fn answered(&self, _: &str, _: u16, _: Duration) {}
    fn retrying(&self, _: &str, _: Duration) {}
}

/// A client without a server yet.
pub(super) fn client<'a>() -> Client<'a> {
    let lookup = |name: &str| (name == "WANDB_API_KEY").then(|| KEY.to_owned());
    let address = Address::find(Some("http://127.0.0.1:9"), false, &lookup).unwrap();
    let key = find_credential(&address, false, &lookup).unwrap();
    let time = Duration::from_secs(3600);
    Client::new(address, key, time, &lookup, &Silence).unwrap_or_else(|fault| panic!("{fault:?}"))
}

/// The answers of one input, in order, for each type of request. The last answer is repeated.
struct Script<'a> {
    own: Vec<&'a str>,
    common: Vec<&'a str>,
    rows: Vec<&'a str>,
    asked: [AtomicUsize; 3],
}

impl<'a> Script<'a> {
    fn new(text: &'a str) -> Self {
        let of = |word: &str| {
            let answers = text
                .lines()
                .filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
            answers.collect()
        };
        Self {
            own: of("own"),
            common: of("common"),
            rows: of("rows"),
            asked: Default::default(),
        }
    }

    /// The answers that were sent, for each type of request.
    fn seen(&self) -> [&[&'a str]; 3] {
        let [own, common, rows] = &self.asked;
        let given = [(&self.own, own), (&self.common, common), (&self.rows, rows)];
        given.map(|(lines, asked)| {
            let count = asked.load(Ordering::Relaxed).min(lines.len());
            lines.get(..count).unwrap_or_default()
        })
    }

    fn answer(&self, body: &str) -> Vec<u8> {
        let (answers, [own, common, rows]) = (&self.asked, [&self.own, &self.common, &self.rows]);
        let [of_own, of_common, of_rows] = answers;
        let (lines, asked) = if body.contains("\"include_rows\":true") {
            (rows, of_rows)
        } else if body.contains("\"summary_require_intersection\":true") {
            (common, of_common)
        } else {
            (own, of_own)
        };
        let place = asked.fetch_add(1, Ordering::Relaxed);
        let line = lines.get(place).or(lines.last());
        line.map_or_else(Vec::new, |line| line.as_bytes().to_vec())
    }
}

/// Reads runs from the answers, and judges them.
///
/// # Panics
///
/// Panics if accepted data is inconsistent, if a claim passes that the answers do not support, or if a snapshot of the
/// data cannot be read.
pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let script = Script::new(text);
    let evidence = match read(&script) {
        Ok(evidence) => evidence,
        Err(fault) => return is_told(&fault),
    };
    holds_together(&evidence);
    let seen = script.seen();
    let mut lines = seen.iter().copied().flatten();
    assert!(
        !lines.any(|line| line.contains(KEY)),
        "an answer that holds the key"
    );
    let [own, common, rows] = seen.map(|lines| {
        let answers = lines.iter().map(|line| text::read(line));
        answers.collect::<Option<Vec<Value>>>()
    });
    if let (Some(own), Some(common), Some(rows)) = (own, common, rows) {
        let answers = Answers { own, common, rows };
        for policy in CLAIMS.passed(&evidence) {
            is_borne_out(policy, &answers, &evidence);
        }
    }
    if matches!(evidence.baseline, Baseline::Unnamed) {
        is_saved(text);
    }
}

static CLAIMS: LazyLock<Claims> = LazyLock::new(Claims::new);

fn head(id: &str) -> RunInfo {
    let run = super::made::run(id);
    RunInfo {
        id: run.id,
        display_name: None,
        evaluation: run.evaluation,
        model: run.model,
        status: run.status,
        started_at: run.started_at,
        finished_at: run.finished_at,
        rescored_from: None,
        attributes: serde_json::Map::new(),
        trace_id: format!("trace-of-{id}"),
        has_parent: false,
        has_output: true,
        calls_made: Some(1),
        evaluation_ref: None,
        served_models: Vec::new(),
        unscored: Vec::new(),
        sdk: None,
        completeness: Completeness::Complete,
        is_logged: false,
        exception: None,
        choice: None,
    }
}

fn read(script: &Script<'_>) -> Result<Evidence, weave_gate::fault::Fault> {
    let answers = |_: &str, body: Option<&str>| script.answer(body.unwrap_or_default());
    let client = client().answered_by(&answers);
    let wanted = |runs: &[&Totals]| CLAIMS.columns(runs);
    let needs = Needs {
        usage: true,
        costs: true,
        rows: Some(&wanted),
        calls_are_optional: false,
    };
    let side = |id: &str| RunSource::Live(Box::new(head(id)));
    let sources = Sources {
        candidates: vec![side("c")],
        baselines: (!script.common.is_empty()).then(|| Ok(vec![side("b")])),
        newest_only: false,
        across: None,
    };
    read_evidence(&client, &project(), &sources, needs)
}

/// Checks that a run that can be read can also be saved. The saved run must equal the original. A failure to save must
/// have an error message.
fn is_saved(text: &str) {
    let script = Script::new(text);
    let answers = |_: &str, body: Option<&str>| script.answer(body.unwrap_or_default());
    let client = client().answered_by(&answers);
    let run = match read_run(&client, &project(), head("c")) {
        Ok(run) => run,
        Err(fault) => return is_told(&fault),
    };
    script
        .asked
        .iter()
        .for_each(|asked| asked.store(0, Ordering::Relaxed));
    let rows = run_rows(&client, &project(), "c");
    let mut bytes = Vec::new();
    let mut texts = std::io::Cursor::new(Vec::new());
    let written = [snapshot::Written {
        run: &run,
        rows: Some(&rows),
        raised: &|_| BTreeMap::new(),
    }];
    if let Err(fault) = snapshot::write(&mut bytes, &written, Some(&mut texts), now()) {
        return is_told(&fault);
    }
    let saved = snapshot::parse(bytes, "made.json", "https://wandb.ai", &|_| false);
    let saved = saved.unwrap_or_else(|fault| panic!("not read back: {fault:?}"));
    assert!(saved.has_rows());
    let [again] = saved.runs() else {
        panic!("one run was written");
    };
    assert_eq!(without_counts(again), without_counts(&run));
}

/// The run without the number of trials that report their usage. A summary lacks this number, and rows have it.
fn without_counts(run: &Run) -> Run {
    let mut run = run.clone();
    run.totals.usage = run.totals.usage.map(|usage| Usage {
        reported: None,
        priced: None,
        ..usage
    });
    run
}

/// The answers. Each of them can be read in only one way.
struct Answers {
    own: Vec<Value>,
    common: Vec<Value>,
    rows: Vec<Value>,
}

/// Checks a claim against the answers, with independent code.
fn is_borne_out(policy: &Policy, answers: &Answers, evidence: &Evidence) {
    let claims = &*CLAIMS;
    let is = |claim: &Policy| std::ptr::eq(policy, claim);
    let run = |answer: &Value, id: &str| {
        let runs = answer["summary"]["evaluations"]
            .as_array()
            .cloned()
            .unwrap();
        let mut of_id = runs
            .into_iter()
            .filter(|run| run["evaluation_call_id"] == id);
        let run = of_id.next().unwrap();
        assert!(of_id.next().is_none(), "one run twice");
        run
    };
    let own = &answers.own[0];
    if is(&claims.all_true) || is(&claims.rows_true) {
        let (passed, known, trials) = rate(&run(own, "c"));
        assert!(trials > 0 && passed == trials && known == trials);
    }
    if is(&claims.rows_true) {
        let scores = scores(answers, "c");
        assert_eq!(scores.len() as u64, evidence.candidate.totals.trials);
        assert!(scores.iter().all(|(_, _, ok)| *ok == Value::Bool(true)));
    }
    if is(&claims.slice_true) {
        let scores = scores(answers, "c");
        let mut of_slice = scores
            .iter()
            .filter(|(_, a, _)| a.as_f64() == Some(1.0))
            .peekable();
        assert!(of_slice.peek().is_some());
        assert!(of_slice.all(|(_, _, ok)| *ok == Value::Bool(true)));
    }
    if is(&claims.no_drop) {
        let common = &answers.common[0];
        let (ours, theirs) = (rate(&run(common, "c")), rate(&run(common, "b")));
        // The candidate has no missing score that counts. The baseline may have missing scores.
        assert!(ours.2 > 0 && theirs.2 > 0);
        let wide = |count: u64| u128::from(count);
        // The pass rate of the candidate is at least that of the baseline, whatever the missing scores are.
        assert!(wide(ours.0) * wide(theirs.2) >= wide(theirs.0) * wide(ours.2));
    }
    if is(&claims.none_regressed) {
        let by_row = |id: &str| {
            let mut rows: BTreeMap<String, bool> = BTreeMap::new();
            for (digest, _, ok) in scores(answers, id) {
                *rows.entry(digest).or_insert(true) &= ok == Value::Bool(true);
            }
            rows
        };
        let (ours, theirs) = (by_row("c"), by_row("b"));
        for (digest, passed) in theirs {
            assert!(
                !passed || ours.get(&digest) == Some(&true),
                "{digest} regressed"
            );
        }
    }
}

/// The numbers of trials of the dimension `ok`: true, true or false, and all.
fn rate(run: &Value) -> (u64, u64, u64) {
    let stats = run["scorer_stats"].as_array().unwrap().iter();
    let mut of_ok = stats.filter(|stats| stats["scorer_key"] == "ok" && stats["path"].is_null());
    let stats = of_ok.next().unwrap();
    assert!(of_ok.next().is_none(), "one dimension twice");
    let count = |value: &Value| value.as_u64().unwrap();
    (
        count(&stats["pass_true_count"]),
        count(&stats["pass_known_count"]),
        count(&run["trial_count"]),
    )
}

/// Each trial of a run: the digest of its row, the row's input `a`, and the trial's score.
fn scores(answers: &Answers, id: &str) -> Vec<(String, Value, Value)> {
    let mut scores = Vec::new();
    for page in &answers.rows {
        for row in page["rows"].as_array().into_iter().flatten() {
            let runs = row["evaluations"].as_array().into_iter().flatten();
            for run in runs.filter(|run| run["evaluation_call_id"] == id) {
                for trial in run["trials"].as_array().into_iter().flatten() {
                    scores.push((
                        row["row_digest"].as_str().unwrap_or_default().to_owned(),
                        row["raw_data_row"]["a"].clone(),
                        trial["scores"]["ok"].clone(),
                    ));
                }
            }
        }
    }
    scores
}
