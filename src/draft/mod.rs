//! Drafts a policy with `min` and drop limits from the scores of a run. A comment after each limit says where it comes
//! from.
//!
//! The gate judges the draft on the run that it was made from, so the draft passes on that run. A limit that does not
//! hold in the first draft is widened in the second, or left out if no limit would hold.

mod limits;
mod scalar;

use std::fmt::Write as _;

use jiff::Timestamp;

use self::limits::{ceil, decimals, floor, wider, wilson_low};
use self::scalar::{scalar, template};
use crate::evidence::{
    Baseline, Column, Columns, Dimension, Evidence, Kind, Run, RunStatus, Totals,
};
use crate::fault::Fault;
use crate::judge::{Check, Status, Verdict, judge, value};
use crate::number::{count, full, plural, show};
use crate::policy::{self, LimitKey, Metric, MissingRule, Policy};
use crate::visible::visible;

/// The allowed drop of a rate, unless two rows are more.
const SMALL_DROP: f64 = 0.02;
/// The allowed drop of a mean, as a fraction of the mean.
const SMALL_RELATIVE_DROP: f64 = 0.05;
/// The fraction of trials that may have no score.
const FEW_ERRORS: f64 = 0.02;
/// The sizes of means for which two digits are precise enough.
const SOUND_MEANS: std::ops::RangeInclusive<f64> = 1e-6..=1e12;
/// On fewer rows than this, a drop of two rows is too large a fraction for a limit.
const FEWEST_ROWS_TO_DROP: u64 = 5;
/// On fewer rows than this, chance alone moves a rate by whole percents.
const FEW_ROWS: u64 = 100;

/// Whether there are so few rows that the draft reads each of them.
fn is_little(rows: u64) -> bool {
    (2..FEW_ROWS).contains(&rows)
}

/// The columns of rows that a draft needs for these runs; the candidate is the first run. None if there are many rows
/// with one trial each and no score is missing.
#[must_use]
pub fn columns(runs: &[&Totals]) -> Columns {
    let is_whole = |totals: &Totals| {
        let every = |known: &Dimension| known.scored == totals.trials && known.texts() == 0;
        totals.has_one_trial_a_row() && totals.dimensions.values().all(every)
    };
    let is_little = runs.first().is_some_and(|totals| is_little(totals.rows));
    let mut columns = Columns::default();
    if !is_little && runs.iter().all(|totals| is_whole(totals)) {
        return columns;
    }
    let of = |dimension: &str, kind| Column::Dimension(dimension.to_owned(), kind);
    for name in runs.iter().flat_map(|totals| totals.dimensions.keys()) {
        columns.add(Columns {
            scores: [Kind::Truth, Kind::Number, Kind::Scored]
                .map(|kind| of(name, kind))
                .into(),
            inputs: Vec::new(),
            patterns: Vec::new(),
        });
    }
    columns.scores.push(of("", Kind::Anything));
    columns
}

/// Drafts a policy. The evidence must contain the [`columns`] of its rows.
///
/// # Errors
///
/// The run cannot be judged: it has not finished, or nothing was scored.
pub fn policy(evidence: &Evidence, named: Named<'_>, now: Timestamp) -> Result<String, Fault> {
    let run = &evidence.candidate;
    match &run.status {
        Some(RunStatus::Completed) => {}
        status => {
            return Err(Fault::evidence(format!(
                "the status of run {} is {}; a policy is drafted from one that is completed",
                run.id,
                status.as_ref().map_or("not known", RunStatus::word)
            ))
            .help("name another run, or wait until this one has finished"));
        }
    }
    if run.totals.dimensions.is_empty() {
        return Err(
            Fault::evidence(format!("nothing was scored in run {}", run.id))
                .help("name a run with scores; `weave-gate runs` lists what there is"),
        );
    }
    let mut draft = Draft {
        evidence,
        named: named.usable(),
        widened: Vec::new(),
    };
    let first = checked(&draft.text())?;
    draft.widened = judge(&first, evidence, now)
        .checks
        .into_iter()
        .filter(|check| !matches!(check.status, Status::Pass | Status::Skipped))
        .collect();
    let text = draft.text();
    let verdict = judge(&checked(&text)?, evidence, now).verdict;
    if verdict == Verdict::Passed {
        return Ok(text);
    }
    Err(Fault::evidence(format!(
        "no policy can be drafted that passes on run {}: nothing in it can be judged",
        run.id
    ))
    .help("inspect it with `weave-gate compare`, or write the policy by hand"))
}

fn checked(text: &str) -> Result<Policy, Fault> {
    if text.len() as u64 > policy::MAX_BYTES {
        return Err(
            Fault::evidence("the run has more dimensions than one policy can hold")
                .help("copy gates.example.yaml, and write gates for the dimensions that matter"),
        );
    }
    policy::parse("the draft", text).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.message))
            .collect();
        Fault::evidence(format!(
            "a policy cannot be drafted from this run: {}",
            lines.join("; ")
        ))
        .help("copy gates.example.yaml and write the policy by hand")
    })
}

/// The properties by which the policy finds other runs of the evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// The name of the evaluation; `None` if the run has no evaluation or only a generated name.
    pub evaluation: Option<&'a str>,
    /// The name of the model.
    pub model: Option<&'a str>,
}

impl Named<'_> {
    /// The same names, without blank ones: no run is found by a blank name.
    fn usable(self) -> Self {
        let is_usable = |name: &&str| !name.trim().is_empty();
        Self {
            evaluation: self.evaluation.filter(is_usable),
            model: self.model.filter(is_usable),
        }
    }

    /// The policy key that finds other runs, and its value.
    fn key(self) -> Option<(&'static str, String)> {
        let evaluation = self.evaluation.map(|name| ("evaluation", template(name)));
        evaluation.or_else(|| self.model.map(|name| ("model", template(name))))
    }
}

struct Draft<'a> {
    evidence: &'a Evidence,
    named: Named<'a>,
    /// The checks that did not pass in the first draft.
    widened: Vec<Check>,
}

/// A gate, before its limits are widened.
struct Entry<'a> {
    name: String,
    dimension: Option<&'a str>,
    metric: Metric,
    /// The measured value, as text.
    today: String,
    /// Whether missing scores are ignored.
    ignores_missing: bool,
    limits: Vec<Proposed>,
}

/// A limit and the comment that explains it.
struct Proposed {
    key: LimitKey,
    value: f64,
    why: String,
}

impl Draft<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text.truncate(text.trim_end().len());
        text + "\n"
    }

    fn run(&self) -> &Run {
        &self.evidence.candidate
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let run = self.run();
        let date = run.finished_at.or(run.started_at);
        let date = date.map_or_else(String::new, |time| {
            format!(" of {}", time.strftime("%Y-%m-%d %H:%M UTC"))
        });
        writeln!(
            text,
            "# Drafted by weave-gate {} from run {}{date}:",
            env!("CARGO_PKG_VERSION"),
            visible(&run.id)
        )?;
        writeln!(
            text,
            "# {}, {}. Each limit says where it comes from; make it what you need.",
            plural(run.rows, "row"),
            plural(run.totals.trials, "trial")
        )?;
        writeln!(
            text,
            "# Check this file, offline, with: weave-gate validate\n"
        )?;
        writeln!(text, "version: 1")?;
        writeln!(text, "project: {}\n", template(&run.project.to_string()))?;
        self.sources(text)?;
        writeln!(text, "defaults:")?;
        let (evidence, why) = self.evidence_rule();
        writeln!(text, "  evidence: {evidence} # {why}")?;
        writeln!(
            text,
            "  missing: bound # undecided, where missing scores could decide\n"
        )?;
        writeln!(text, "gates:")?;
        for (name, dimension) in &run.totals.dimensions {
            self.dimension(text, name, dimension)?;
        }
        self.whole(text)
    }

    fn sources(&self, text: &mut String) -> std::fmt::Result {
        let Some((key, name)) = self.named.key() else {
            writeln!(text, "candidate:\n  run: {}\n", template(&self.run().id))?;
            writeln!(
                text,
                "baseline:\n  required: false # change limits are skipped; name a run to compare with\n"
            )?;
            return Ok(());
        };
        writeln!(
            text,
            "candidate:\n  {key}: {name} # its newest run; name the commit, too:"
        )?;
        writeln!(text, "  # commit: \"${{GATE_SHA}}\"\n")?;
        writeln!(
            text,
            "baseline:\n  {key}: {name} # its newest finished run before the candidate; or of a branch:"
        )?;
        writeln!(text, "  # branch: main")?;
        writeln!(
            text,
            "  required: false # without one change limits are skipped; take this out once there is one\n"
        )
    }

    /// The evidence rule, and the reason for choosing it.
    fn evidence_rule(&self) -> (&'static str, String) {
        let rows = self.run().rows;
        if !is_little(rows) {
            return ("observed", "the measured value decides".to_owned());
        }
        let step = show(1.0 / count(rows), 0.0);
        (
            "significant",
            format!(
                "fails only by more than chance explains: on {} one more or less is {step} of a rate",
                plural(rows, "row")
            ),
        )
    }

    fn dimension(&self, text: &mut String, name: &str, dimension: &Dimension) -> std::fmt::Result {
        let shown = visible(name);
        if dimension.flaw.is_some() {
            return writeln!(text, "  # {shown}: its counts cannot be used\n");
        }
        let is_pattern = name.contains('*') && glob::Pattern::new(name).is_err();
        if is_pattern || name.trim() != name || name.is_empty() {
            return writeln!(text, "  # `{shown}`: a policy cannot name it\n");
        }
        if dimension.judged > 0 {
            return self.pass_rate(text, name, dimension);
        }
        match dimension.mean {
            Some(mean) if mean != 0.0 && !SOUND_MEANS.contains(&mean.abs()) => {
                writeln!(
                    text,
                    "  # {shown}: a mean of {mean:e}, for which no limit is proposed\n"
                )
            }
            Some(_) if dimension.measured > 0 => {
                let rule = MissingRule::Ignore;
                let known = value(self.evidence, name, Metric::NumericMean, rule);
                match known.and_then(|known| known.observed) {
                    Some(mean) => self.mean(text, name, dimension, mean),
                    None => self.unknown(text, name),
                }
            }
            None if dimension.measured > 0 => {
                writeln!(text, "  # {shown}: numbers of which Weave tells no mean\n")
            }
            _ => writeln!(
                text,
                "  # {shown}: text, on {} of {} trials; `coverage` could judge that\n",
                dimension.scored,
                self.run().totals.trials
            ),
        }
    }

    fn pass_rate(&self, text: &mut String, name: &str, dimension: &Dimension) -> std::fmt::Result {
        let run = self.run();
        let (passed, trials) = (dimension.passed, run.totals.trials);
        let Some(rate) = value(self.evidence, name, Metric::PassRate, MissingRule::Bound) else {
            return self.unknown(text, name);
        };
        let rows = count(run.rows);
        let mixed = match dimension.measured {
            0 => String::new(),
            numbers => format!(", and {numbers} are numbers, which a pass rate leaves out"),
        };
        let share = if run.totals.has_one_trial_a_row() {
            String::new()
        } else {
            format!(", {} as a mean over rows", show(rate.low, 0.0))
        };
        let today = self.today(
            &format!("{passed} of {trials} pass{share}{mixed}"),
            dimension.judged,
        );
        let floor = floor(wilson_low(rate.low, rows), 2);
        let why = if floor > 0.0 {
            format!(
                "lower end of the one-sided 95 % Wilson interval on {}",
                plural(run.rows, "row")
            )
        } else {
            "so few pass today that nothing can be asked; raise it".to_owned()
        };
        let mut limits = vec![Proposed {
            key: LimitKey::Min,
            value: floor,
            why,
        }];
        if run.rows >= FEWEST_ROWS_TO_DROP {
            limits.push(Proposed {
                key: LimitKey::MaxDrop,
                value: ceil(SMALL_DROP.max(2.0 / rows), 2),
                why: format!("two rows of {}, and no less than {SMALL_DROP}", run.rows),
            });
        }
        let entry = Entry {
            name: name.to_owned(),
            dimension: Some(name),
            metric: Metric::PassRate,
            today,
            ignores_missing: false,
            limits,
        };
        self.entry(text, &entry)?;
        self.coverage(text, name, dimension.judged)
    }

    fn mean(
        &self,
        text: &mut String,
        name: &str,
        dimension: &Dimension,
        mean: f64,
    ) -> std::fmt::Result {
        let trials = self.run().totals.trials;
        let missing = trials.saturating_sub(dimension.measured);
        let value = show(mean, 0.0);
        let today = self.today(
            &format!("a mean of {value}; limits as if higher were better"),
            dimension.measured,
        );
        let below = mean - SMALL_RELATIVE_DROP * mean.abs();
        let limits = vec![
            Proposed {
                key: LimitKey::Min,
                value: floor(below, decimals(mean)),
                why: format!("a twentieth below {value}"),
            },
            Proposed {
                key: LimitKey::MaxRelativeDrop,
                value: SMALL_RELATIVE_DROP,
                why: "a twentieth of the baseline".to_owned(),
            },
        ];
        let entry = Entry {
            name: name.to_owned(),
            dimension: Some(name),
            metric: Metric::NumericMean,
            today,
            ignores_missing: missing > 0,
            limits,
        };
        self.entry(text, &entry)?;
        self.coverage(text, name, dimension.measured)
    }

    /// Writes a comment that the value cannot be known without the rows.
    fn unknown(&self, text: &mut String, name: &str) -> std::fmt::Result {
        writeln!(
            text,
            "  # {}: {} on {}, and their scores were not read\n",
            visible(name),
            plural(self.run().totals.trials, "trial"),
            plural(self.run().rows, "row")
        )
    }

    /// Writes a `min` gate on the coverage of a dimension if some trials have no score.
    fn coverage(&self, text: &mut String, name: &str, known: u64) -> std::fmt::Result {
        let trials = self.run().totals.trials;
        if known == trials {
            return Ok(());
        }
        let covered = value(self.evidence, name, Metric::Coverage, MissingRule::Bound);
        let Some(covered) = covered else {
            return self.unknown(text, name);
        };
        let scored = covered.scored;
        let limit = Proposed {
            key: LimitKey::Min,
            value: floor(covered.low, 2),
            why: "today's, rounded down; scorers should miss nothing".to_owned(),
        };
        let entry = Entry {
            name: format!("{name} is scored"),
            dimension: Some(name),
            metric: Metric::Coverage,
            today: format!("{scored} of {trials} trials have a score"),
            ignores_missing: false,
            limits: vec![limit],
        };
        self.entry(text, &entry)
    }

    /// Writes the gates on the run itself.
    fn whole(&self, text: &mut String) -> std::fmt::Result {
        let run = self.run();
        let rows = Proposed {
            key: LimitKey::Min,
            value: floor(count(run.rows) * 0.9, 0).max(1.0),
            why: "nine tenths of today's".to_owned(),
        };
        let rows = Entry {
            name: "enough rows".to_owned(),
            dimension: None,
            metric: Metric::Rows,
            today: plural(run.rows, "row"),
            ignores_missing: false,
            limits: vec![rows],
        };
        self.entry(text, &rows)?;
        let errors = value(self.evidence, "", Metric::ErrorRate, MissingRule::Bound);
        let trials = run.totals.trials;
        let (least, most) = match &errors {
            Some(errors) if !errors.is_open() => (trials - errors.scored, trials - errors.scored),
            _ => run.totals.unscored(),
        };
        let rate = errors.map_or(count(most) / count(trials), |errors| errors.high);
        let errors = Proposed {
            key: LimitKey::Max,
            value: ceil(FEW_ERRORS.max(rate), 2).min(1.0),
            why: format!("today's at most, and no less than {FEW_ERRORS}"),
        };
        let today = if least == most {
            format!("{} without any score", plural(most, "trial"))
        } else {
            format!("{least} to {most} trials without any score")
        };
        let errors = Entry {
            name: "few errors".to_owned(),
            dimension: None,
            metric: Metric::ErrorRate,
            today,
            ignores_missing: false,
            limits: vec![errors],
        };
        self.entry(text, &errors)
    }

    /// The measured value and the number of trials that it comes from, as text.
    fn today(&self, what: &str, known: u64) -> String {
        let trials = self.run().totals.trials;
        if known == trials {
            format!("{what}; every trial is scored")
        } else {
            format!("{what}; {known} of {trials} trials are scored so")
        }
    }

    fn entry(&self, text: &mut String, entry: &Entry<'_>) -> std::fmt::Result {
        let name = self.unique(&entry.name, entry.dimension);
        writeln!(text, "  # Today: {}.", entry.today)?;
        writeln!(text, "  - name: {}", scalar(&name))?;
        if let Some(dimension) = entry.dimension {
            writeln!(text, "    scorer: {}", scalar(dimension))?;
        }
        writeln!(text, "    metric: {}", entry.metric.word())?;
        for limit in &entry.limits {
            self.limit(text, &name, limit)?;
        }
        if entry.ignores_missing {
            writeln!(
                text,
                "    missing: ignore # without `range: [lowest, highest]` the worst score is not known"
            )?;
        }
        writeln!(text)
    }

    /// A name for a gate. A gate on a dimension can have the name of that dimension; otherwise the name differs from
    /// every dimension.
    fn unique(&self, name: &str, dimension: Option<&str>) -> String {
        let mut name = name.to_owned();
        while dimension != Some(&name) && self.run().totals.dimensions.contains_key(name.trim()) {
            name.push_str(", really");
        }
        name
    }

    /// Writes a limit: the proposed one, one widened to the measured drop, or a comment if no limit would hold.
    fn limit(&self, text: &mut String, gate: &str, limit: &Proposed) -> std::fmt::Result {
        let key = limit.key.word();
        let found = self
            .widened
            .iter()
            .find(|check| check.gate == gate && check.limit.key == limit.key);
        let Some(check) = found else {
            return writeln!(text, "    {key}: {} # {}", full(limit.value), limit.why);
        };
        match wider(check) {
            Some(value) => writeln!(
                text,
                "    {key}: {} # it changed by so much since {}; tighten it",
                full(value),
                self.baseline()
            ),
            None => writeln!(
                text,
                "    # {key}: {} is undecided or broken against {}",
                full(limit.value),
                self.baseline()
            ),
        }
    }

    fn baseline(&self) -> String {
        match &self.evidence.baseline {
            Baseline::Found(run, _) => format!("run {}", visible(&run.id)),
            Baseline::Unnamed | Baseline::NotFound(_) => "its baseline".to_owned(),
        }
    }
}
