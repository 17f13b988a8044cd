//! The `gates:` of a drafted policy.

use std::fmt::Write as _;

use super::limits::{ceil, decimals, floor, wider, wilson_low};
use super::range;
use super::scalar::scalar;
use crate::evidence::{Baseline, Dimension, Evidence, Kind, Role, Run};
use crate::judge::{Check, value};
use crate::number::{count, full, plural, show};
use crate::policy::{LimitKey, Metric, MissingRule};
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

/// Writes the gates.
pub(super) struct Gates<'a> {
    pub(super) evidence: &'a Evidence,
    /// The checks that did not pass in the first draft.
    pub(super) widened: &'a [Check],
}

/// A gate, before its limits are widened.
struct Entry<'a> {
    name: String,
    dimension: Option<&'a str>,
    metric: Metric,
    /// The measured value, as text.
    now: String,
    /// The range of the scores.
    range: Option<(f64, f64)>,
    /// Why missing scores are ignored; `None` if they are not.
    ignores_missing: Option<String>,
    limits: Vec<Proposed>,
}

/// A limit and the comment that explains it.
struct Proposed {
    key: LimitKey,
    value: f64,
    why: String,
}

impl Gates<'_> {
    pub(super) fn write(&self, text: &mut String) -> std::fmt::Result {
        for (name, dimension) in &self.run().totals.dimensions {
            self.dimension(text, name, dimension)?;
        }
        self.whole(text)
    }

    fn run(&self) -> &Run {
        &self.evidence.candidate
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
                writeln!(text, "  # {shown}: numbers without a mean in Weave\n")
            }
            _ => writeln!(
                text,
                "  # {shown}: text, on {} of {} trials; a gate on its `coverage` is possible\n",
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
            numbers => format!(
                "; {} {} a number, which is no part of a pass rate",
                plural(numbers, "trial"),
                if numbers == 1 { "has" } else { "have" }
            ),
        };
        let share = if run.totals.has_one_trial_a_row() {
            String::new()
        } else {
            format!(", {} % as a mean over rows", show(rate.low * 100.0, 100.0))
        };
        let now = self.now(
            &format!("{passed} of {trials} trials pass{share}{mixed}"),
            dimension.judged,
        );
        let least = floor(wilson_low(rate.low, rows), 2);
        let why = if least > 0.0 {
            format!(
                "the lower end of the one-sided 95 % confidence interval (Wilson) on {}",
                plural(run.rows, "row")
            )
        } else {
            "so few pass that this limit allows everything; raise it".to_owned()
        };
        let mut limits = vec![Proposed {
            key: LimitKey::Min,
            value: least,
            why,
        }];
        if run.rows >= FEWEST_ROWS_TO_DROP {
            limits.push(allowed_drop(run.rows));
        }
        let entry = Entry {
            name: name.to_owned(),
            dimension: Some(name),
            metric: Metric::PassRate,
            now,
            range: None,
            ignores_missing: None,
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
        let now = self.now(
            &format!("the mean is {value}; these limits assume that higher is better"),
            dimension.measured,
        );
        let below = mean - SMALL_RELATIVE_DROP * mean.abs();
        let limits = vec![
            Proposed {
                key: LimitKey::Min,
                value: floor(below, decimals(mean)),
                why: format!("5 % below {value}"),
            },
            Proposed {
                key: LimitKey::MaxRelativeDrop,
                value: SMALL_RELATIVE_DROP,
                why: "5 % of the baseline".to_owned(),
            },
        ];
        let range = self.range(name);
        let ignores_missing = (missing > 0).then_some(match range {
            Some(_) => "without this line, a missing score counts at both ends of the range",
            None => "without `range: [lowest, highest]` the worst score is unknown",
        });
        let entry = Entry {
            name: name.to_owned(),
            dimension: Some(name),
            metric: Metric::NumericMean,
            now,
            range,
            ignores_missing: ignores_missing.map(str::to_owned),
            limits,
        };
        self.entry(text, &entry)?;
        self.coverage(text, name, dimension.measured)
    }

    /// The range that the scores of a dimension seem to come from, if the rows were read and show one.
    fn range(&self, name: &str) -> Option<(f64, f64)> {
        let rows = self.evidence.rows.as_ref()?;
        let column = rows.column(Some(name), Kind::Number)?;
        let scores = [Role::Candidate, Role::Baseline]
            .into_iter()
            .flat_map(|role| (0..rows.len()).flat_map(move |row| rows.scores(role, column, row)));
        range::likely(scores.filter_map(|score| score.value()))
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
            why: "as now, rounded down; better: let the scorer score every trial".to_owned(),
        };
        let entry = Entry {
            name: format!("{name} is scored"),
            dimension: Some(name),
            metric: Metric::Coverage,
            now: format!("{scored} of {trials} trials have a score"),
            range: None,
            ignores_missing: None,
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
            why: "90 % of that".to_owned(),
        };
        let rows = Entry {
            name: "enough rows".to_owned(),
            dimension: None,
            metric: Metric::Rows,
            now: plural(run.rows, "row"),
            range: None,
            ignores_missing: None,
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
            why: if rate > FEW_ERRORS {
                "as now, rounded up; lower it once fewer trials fail".to_owned()
            } else {
                "2 % of the trials of a row, as a mean over rows".to_owned()
            },
        };
        let now = if least == most {
            format!("{} without any score", plural(most, "trial"))
        } else {
            format!("{least} to {most} trials without any score")
        };
        let errors = Entry {
            name: "few errors".to_owned(),
            dimension: None,
            metric: Metric::ErrorRate,
            now,
            range: None,
            ignores_missing: None,
            limits: vec![errors],
        };
        self.entry(text, &errors)
    }

    /// The measured value and, if it is not every trial, the number of trials that it comes from, as text.
    fn now(&self, what: &str, known: u64) -> String {
        let trials = self.run().totals.trials;
        if known == trials {
            what.to_owned()
        } else {
            format!("{what}; {known} of {trials} trials have such a score")
        }
    }

    fn entry(&self, text: &mut String, entry: &Entry<'_>) -> std::fmt::Result {
        let name = self.unique(&entry.name, entry.dimension);
        writeln!(text, "  # Now: {}.", entry.now)?;
        writeln!(text, "  - name: {}", scalar(&name))?;
        if let Some(dimension) = entry.dimension {
            writeln!(text, "    scorer: {}", scalar(dimension))?;
        }
        writeln!(text, "    metric: {}", entry.metric.word())?;
        if let Some((low, high)) = entry.range {
            let (low, high) = (full(low), full(high));
            writeln!(
                text,
                "    range: [{low}, {high}] # guessed from the scores: check what the scorer can return"
            )?;
        }
        for limit in &entry.limits {
            self.limit(text, &name, limit)?;
        }
        if let Some(why) = &entry.ignores_missing {
            writeln!(text, "    missing: ignore # {why}")?;
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
                "    {key}: {} # the drop from {} to this run, rounded up; lower it",
                full(value),
                self.baseline()
            ),
            None => writeln!(
                text,
                "    # {key}: {} # not met, or undecided, against {}",
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

/// The limit on the drop of a rate: two rows, and at least [`SMALL_DROP`].
fn allowed_drop(rows: u64) -> Proposed {
    let two_rows = 2.0 / count(rows);
    Proposed {
        key: LimitKey::MaxDrop,
        value: ceil(SMALL_DROP.max(two_rows), 2),
        why: if two_rows > SMALL_DROP {
            format!("two rows of {rows}")
        } else {
            "2 points".to_owned()
        },
    }
}
