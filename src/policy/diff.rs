//! What changed between two policies, and whether each change makes them tighter or looser.
//!
//! A change is *tighter* if every run that passes under the new policy also passes under the old one, *looser* if the new
//! policy passes runs that the old one stops, and *incomparable* if neither is shown. Where several `significant` limits
//! are corrected for each other (`correction: holm`), another test can make the others pass, so adding one is
//! incomparable. All types are taken apart with every field, so that a new key does not compile until it is compared.

use std::fmt;

use super::metric::{Aggregate, LimitKey, Metric};
use super::model::{
    BaselineRule, CandidateRule, Comparability, Completeness, Condition, Consequence, Correction,
    Evidence, Gate, Limit, Missing, MissingRule, Noise, Policy, RemovedRows, Required, Reruns,
    Severity, Waiver,
};
use super::source::SourceTemplate;
use crate::number::full;

/// The key of a gate that was added or removed.
const GATE: &str = "gate";

/// Whether a change makes a policy tighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What passes under the new policy passes under the old one.
    Tighter,
    /// The new policy passes runs that the old one stops.
    Looser,
    /// Neither is shown.
    Incomparable,
}

impl Direction {
    /// The word in every report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tighter => "tighter",
            Self::Looser => "looser",
            Self::Incomparable => "incomparable",
        }
    }

    /// Whether the new policy may pass a run that the old one stops.
    #[must_use]
    pub const fn may_pass_more(self) -> bool {
        !matches!(self, Self::Tighter)
    }
}

/// One change between two policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The name of the gate; `None` for the policy itself.
    pub gate: Option<String>,
    /// The key that changed, with the keys around it: `baseline.max_age`.
    pub key: String,
    /// What it was; `None` if it was not there.
    pub old: Option<String>,
    /// What it is; `None` if it is not there any more.
    pub new: Option<String>,
    /// Whether the policy got tighter.
    pub direction: Direction,
}

impl fmt::Display for Difference {
    /// Writes a change as ``gate `a`: `max_drop` 0.02 → 0.05``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(gate) = &self.gate {
            if self.key == GATE {
                let what = if self.new.is_some() {
                    "added"
                } else {
                    "removed"
                };
                return write!(f, "gate `{gate}` {what}");
            }
            write!(f, "gate `{gate}`: ")?;
        }
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "`{}` {old} → {new}", self.key),
            (None, Some(new)) => write!(f, "`{}` {new} added", self.key),
            (Some(old), None) => write!(f, "`{}` {old} removed", self.key),
            (None, None) => write!(f, "`{}` changed", self.key),
        }
    }
}

/// The changes from one policy to another: first those of the policy itself, then those of its gates in the order of the
/// old policy, then new gates.
#[must_use]
pub fn diff(old: &Policy, new: &Policy) -> Vec<Difference> {
    let mut changes = Changes {
        gate: None,
        found: Vec::new(),
        has_family: new.correction == Correction::Holm,
    };
    changes.policy(old, new);
    changes.found
}

/// The changes that were found.
struct Changes {
    /// The gate that is compared.
    gate: Option<String>,
    found: Vec<Difference>,
    /// Whether the new policy corrects several tests for each other.
    has_family: bool,
}

/// Whether a larger value of a key passes less.
fn by_order(is_tighter: bool) -> Direction {
    if is_tighter {
        Direction::Tighter
    } else {
        Direction::Looser
    }
}

impl Changes {
    fn add(&mut self, key: &str, old: Option<String>, new: Option<String>, direction: Direction) {
        self.found.push(Difference {
            gate: self.gate.clone(),
            key: key.to_owned(),
            old,
            new,
            direction,
        });
    }

    /// Adds a change of a value, if it changed.
    fn value<T: PartialEq>(
        &mut self,
        key: &str,
        (old, new): (&T, &T),
        words: impl Fn(&T) -> Option<String>,
        direction: impl FnOnce(&T, &T) -> Direction,
    ) {
        if old != new {
            self.add(key, words(old), words(new), direction(old, new));
        }
    }

    /// Adds a change whose direction is not known.
    fn any<T: PartialEq>(
        &mut self,
        key: &str,
        both: (&T, &T),
        words: impl Fn(&T) -> Option<String>,
    ) {
        self.value(key, both, words, |_, _| Direction::Incomparable);
    }

    fn policy(&mut self, old: &Policy, new: &Policy) {
        let Policy {
            path: _,
            sha256: _,
            text: _,
            project,
            identity,
            candidate,
            baseline,
            baselines,
            completeness,
            comparability,
            accept_failed,
            correction,
            noise,
            // Reports do not change the verdict.
            show: _,
            gates,
        } = old;
        self.any("project", (project, &new.project), |_| None);
        self.any("identity", (identity, &new.identity), |of| {
            Some(format!("{{commit: {}, branch: {}}}", of.commit, of.branch))
        });
        self.candidate(candidate, &new.candidate);
        self.baseline(baseline, &new.baseline);
        for (name, old) in baselines {
            // A further baseline that no gate names has no effect, and a gate that names a new one is compared itself.
            let key = format!("baselines.{name}");
            match new.baselines.get(name) {
                Some(new) => self.any(&key, (old, new), |_| None),
                None => self.add(
                    &key,
                    Some("a baseline".to_owned()),
                    None,
                    Direction::Incomparable,
                ),
            }
        }
        self.value(
            "completeness",
            (completeness, &new.completeness),
            |of| {
                Some(match of {
                    Completeness::Undecided => "undecided".to_owned(),
                    Completeness::Warn => "warn".to_owned(),
                })
            },
            |_, new| by_order(*new == Completeness::Undecided),
        );
        self.comparability(*comparability, new.comparability);
        self.value(
            "accept_status",
            (accept_failed, &new.accept_failed),
            |accepts| {
                let words = if *accepts {
                    "[completed, failed]"
                } else {
                    "[completed]"
                };
                Some(words.to_owned())
            },
            |_, new| by_order(!new),
        );
        // Without a correction each test fails at least as often.
        self.value(
            "correction",
            (correction, &new.correction),
            |of| {
                Some(match of {
                    Correction::Holm => "holm".to_owned(),
                    Correction::None => "none".to_owned(),
                })
            },
            |_, new| by_order(*new == Correction::None),
        );
        self.noise(noise.as_ref(), new.noise.as_ref(), &[old, new]);
        self.gates(gates, &new.gates);
    }

    fn candidate(&mut self, old: &CandidateRule, new: &CandidateRule) {
        let CandidateRule {
            source,
            reruns,
            max_age,
        } = old;
        self.source("candidate", source.as_ref(), new.source.as_ref());
        self.value(
            "candidate.reruns",
            (reruns, &new.reruns),
            |of| {
                let mut words = Reruns::ALL.iter();
                let found = words.find(|(_, known)| known == of);
                found.map(|(word, _)| (*word).to_owned())
            },
            // A run that is alone is judged in the same way under each word.
            |_, new| match new {
                Reruns::Refuse => Direction::Tighter,
                Reruns::Pool | Reruns::Newest => Direction::Incomparable,
            },
        );
        self.age("candidate.max_age", *max_age, new.max_age);
    }

    fn baseline(&mut self, old: &BaselineRule, new: &BaselineRule) {
        let BaselineRule {
            source,
            required,
            max_age,
            removed_rows,
            last,
        } = old;
        self.source("baseline", source.as_ref(), new.source.as_ref());
        let rank = |of: Required| match of {
            Required::Always => 2,
            Required::AfterFirst => 1,
            Required::Never => 0,
        };
        self.value(
            "baseline.required",
            (required, &new.required),
            |of| {
                Some(match of {
                    Required::Always => "true".to_owned(),
                    Required::AfterFirst => "after-first".to_owned(),
                    Required::Never => "false".to_owned(),
                })
            },
            |old, new| by_order(rank(*new) > rank(*old)),
        );
        self.age("baseline.max_age", *max_age, new.max_age);
        self.value(
            "baseline.removed_rows",
            (removed_rows, &new.removed_rows),
            |of| {
                Some(match of {
                    RemovedRows::Missing => "missing".to_owned(),
                    RemovedRows::Ignore => "ignore".to_owned(),
                })
            },
            // Rows that count as missing can also make a change smaller.
            |_, new| match new {
                RemovedRows::Ignore => Direction::Looser,
                RemovedRows::Missing => Direction::Incomparable,
            },
        );
        self.any("baseline.last", (last, &new.last), |last| {
            Some(last.to_string())
        });
    }

    fn source(&mut self, key: &str, old: Option<&SourceTemplate>, new: Option<&SourceTemplate>) {
        self.any(key, (&old, &new), |source| source.map(ToString::to_string));
    }

    fn age(
        &mut self,
        key: &str,
        old: Option<jiff::SignedDuration>,
        new: Option<jiff::SignedDuration>,
    ) {
        self.value(
            key,
            (&old, &new),
            |age| age.map(|age| format!("{age:#}")),
            |old, new| by_order(new.is_some_and(|new| old.is_none_or(|old| new < old))),
        );
    }

    fn comparability(&mut self, old: Comparability, new: Comparability) {
        let Comparability {
            scorer,
            dataset,
            served_model,
        } = old;
        let rank = |of: Consequence| Consequence::ALL.iter().position(|(_, known)| *known == of);
        for (key, old, new) in [
            ("comparability.scorer", scorer, new.scorer),
            ("comparability.dataset", dataset, new.dataset),
            ("comparability.served_model", served_model, new.served_model),
        ] {
            self.value(
                key,
                (&old, &new),
                |of| {
                    let word = Consequence::ALL.iter().find(|(_, known)| known == of);
                    word.map(|(word, _)| (*word).to_owned())
                },
                |old, new| by_order(rank(*new) < rank(*old)),
            );
        }
    }

    /// Noise makes `significant` pass more and `proven` decide less, and it changes which tests are corrected together.
    fn noise(&mut self, old: Option<&Noise>, new: Option<&Noise>, policies: &[&Policy; 2]) {
        let numbers = |noise: Option<&Noise>| {
            noise.map(|noise| {
                let Noise {
                    // These say where the numbers come from.
                    measured: _,
                    expires: _,
                    runs: _,
                    df,
                    run_sd,
                } = noise;
                (*df, run_sd.clone())
            })
        };
        let words = |noise: Option<&Noise>| {
            noise.map(|noise| {
                let sds = noise.run_sd.iter();
                let sds: Vec<String> = sds
                    .map(|(name, sd)| format!("{name}: {}", full(*sd)))
                    .collect();
                format!("{{df: {}, run_sd: {{{}}}}}", noise.df, sds.join(", "))
            })
        };
        let (before, after) = (numbers(old), numbers(new));
        if before == after {
            return;
        }
        let gates = || policies.iter().flat_map(|policy| &policy.gates);
        let has = |rule: Evidence| {
            gates().any(|gate| {
                let mut limits = gate.limits.iter();
                limits.any(|limit| gate.evidence_of(*limit) == rule)
            })
        };
        // A larger standard deviation, or fewer degrees of freedom, makes intervals wider.
        let sd = |numbers: &Option<(u64, std::collections::BTreeMap<String, f64>)>,
                  name: &String| {
            let known = numbers.as_ref();
            known
                .and_then(|(_, sds)| sds.get(name).copied())
                .unwrap_or(0.0)
        };
        let names: Vec<&String> = [&before, &after]
            .into_iter()
            .flatten()
            .flat_map(|(_, sds)| sds.keys())
            .collect();
        let df = |numbers: &Option<(u64, _)>| numbers.as_ref().map_or(u64::MAX, |(df, _)| *df);
        let is_wider = df(&after) <= df(&before)
            && names
                .iter()
                .all(|name| sd(&after, name) >= sd(&before, name));
        let direction = match (has(Evidence::Significant), has(Evidence::Proven)) {
            (false, false) => return,
            (true, _) if is_wider => Direction::Looser,
            (false, true) if is_wider => Direction::Tighter,
            _ => Direction::Incomparable,
        };
        self.add("noise", words(old), words(new), direction);
    }

    fn gates(&mut self, old: &[Gate], new: &[Gate]) {
        for gate in old {
            let found = new.iter().find(|other| other.name == gate.name);
            self.gate = Some(gate.name.clone());
            match found {
                Some(found) => self.one_gate(gate, found),
                None => self.add(GATE, Some("there".to_owned()), None, Direction::Looser),
            }
        }
        for gate in new {
            if !old.iter().any(|other| other.name == gate.name) {
                self.gate = Some(gate.name.clone());
                let direction = self.of_more_tests(gate);
                self.add(GATE, None, Some("there".to_owned()), direction);
            }
        }
        self.gate = None;
    }

    /// The direction of more checks of a gate: tighter, unless another test can make others pass.
    fn of_more_tests(&self, gate: &Gate) -> Direction {
        if self.has_family && gate.limits.iter().any(|limit| is_test(gate, *limit)) {
            Direction::Incomparable
        } else {
            Direction::Tighter
        }
    }

    fn one_gate(&mut self, old: &Gate, new: &Gate) {
        let Gate {
            name: _,
            metric,
            scorers,
            conditions,
            by,
            cluster_by,
            attempts,
            against,
            limits,
            missing,
            evidence: _,
            inherits_evidence: _,
            confidence,
            range,
            severity,
            waive,
        } = old;
        let text = |text: &Option<String>| text.clone();
        self.any("metric", (metric, &new.metric), |metric| {
            Some(metric.word().to_owned())
        });
        self.scorers(scorers, new);
        self.any("where", (conditions, &new.conditions), |all| {
            let words: Vec<String> = all.iter().map(condition).collect();
            (!words.is_empty()).then(|| format!("{{{}}}", words.join(", ")))
        });
        self.any("by", (by, &new.by), text);
        self.any("cluster_by", (cluster_by, &new.cluster_by), text);
        self.any("k", (attempts, &new.attempts), |k| Some(k.to_string()));
        self.any("against", (against, &new.against), text);
        self.limits(limits, new);
        self.missing(*missing, old, new);
        self.evidence(old, new);
        self.confidence(*confidence, old, new);
        self.any("range", (range, &new.range), |range| {
            range.map(|(low, high)| format!("[{}, {}]", full(low), full(high)))
        });
        let more = self.of_more_tests(new);
        self.value(
            "severity",
            (severity, &new.severity),
            |of| {
                Some(match of {
                    Severity::Block => "block".to_owned(),
                    Severity::Warn => "warn".to_owned(),
                })
            },
            |_, new| match new {
                Severity::Block => more,
                Severity::Warn => Direction::Looser,
            },
        );
        self.waiver(waive.as_ref(), new.waive.as_ref(), more);
    }

    /// Each name or pattern must match, so more of them are more checks.
    fn scorers(&mut self, old: &[String], gate: &Gate) {
        let new = &gate.scorers;
        let has_all = |of: &[String], others: &[String]| others.iter().all(|one| of.contains(one));
        let direction = match (has_all(new, old), has_all(old, new)) {
            (true, true) => return,
            (true, false) => self.of_more_tests(gate),
            (false, true) => Direction::Looser,
            (false, false) => Direction::Incomparable,
        };
        let words = |of: &[String]| Some(of.join(", ")).filter(|words| !words.is_empty());
        self.add("scorer", words(old), words(new), direction);
    }

    fn limits(&mut self, limits: &[Limit], new: &Gate) {
        let value = |limits: &[Limit], key: LimitKey| {
            let found = limits.iter().find(|limit| limit.key == key);
            found.map(|limit| limit.value)
        };
        for key in LimitKey::ALL {
            let (before, after) = (value(limits, key), value(&new.limits, key));
            let words = |value: &Option<f64>| value.map(full);
            let is_family = self.has_family;
            self.value(
                key.word(),
                (&before, &after),
                words,
                |before, after| match (before, after) {
                    (Some(before), Some(after)) => {
                        by_order((after > before) == (key == LimitKey::Min))
                    }
                    (Some(_), None) => Direction::Looser,
                    (None, Some(value)) => {
                        let limit = Limit { key, value: *value };
                        if is_family && is_test(new, limit) {
                            Direction::Incomparable
                        } else {
                            Direction::Tighter
                        }
                    }
                    (None, None) => Direction::Incomparable,
                },
            );
        }
    }

    /// A missing score that is left out can make a change larger or smaller, so only limits on values have an order.
    fn missing(&mut self, missing: Missing, old: &Gate, new: &Gate) {
        let Missing { rule, tolerated } = missing;
        let is_plain = |gate: &Gate| {
            let mut limits = gate.limits.iter();
            limits.all(|limit| {
                !gate.compares(*limit) && gate.evidence_of(*limit) == Evidence::Observed
            })
        };
        let is_mean = |metric: Metric| metric.aggregate() == Aggregate::RowMean;
        let is_ordered = is_plain(old) && is_plain(new) && is_mean(old.metric);
        let tighter = if is_ordered {
            Direction::Tighter
        } else {
            Direction::Incomparable
        };
        let rank = |of: MissingRule| match of {
            MissingRule::Ignore => 0,
            MissingRule::Bound => 1,
            MissingRule::Fail => 2,
        };
        self.value(
            "missing",
            (&rule, &new.missing.rule),
            |of| {
                Some(match of {
                    MissingRule::Bound => "bound".to_owned(),
                    MissingRule::Fail => "fail".to_owned(),
                    MissingRule::Ignore => "ignore".to_owned(),
                })
            },
            |old, new| {
                if rank(*new) > rank(*old) {
                    tighter
                } else {
                    Direction::Looser
                }
            },
        );
        self.value(
            "max_missing",
            (&tolerated, &new.missing.tolerated),
            |fraction| Some(full(*fraction)),
            |old, new| {
                if new < old {
                    tighter
                } else {
                    Direction::Looser
                }
            },
        );
    }

    /// The evidence rule of the limits that both gates have.
    fn evidence(&mut self, old: &Gate, new: &Gate) {
        for limit in &old.limits {
            let Some(other) = new.limits.iter().find(|other| other.key == limit.key) else {
                continue;
            };
            let both = (old.evidence_of(*limit), new.evidence_of(*other));
            let key = format!("evidence of {}", limit.key.word());
            let leaves_family = self.has_family && is_test(old, *limit);
            self.value(
                &key,
                (&both.0, &both.1),
                |rule| Some(rule.word().to_owned()),
                |old, new| match (old, new) {
                    // With one test less, Tarone's method may count others, which then correct a third one more.
                    (_, Evidence::Proven) if leaves_family => Direction::Incomparable,
                    // What is proven is also observed.
                    (_, Evidence::Proven) => Direction::Tighter,
                    (_, Evidence::Significant) | (Evidence::Proven, _) => Direction::Looser,
                    // Too few rows leave `significant` undecided.
                    (Evidence::Significant | Evidence::Observed, Evidence::Observed) => {
                        Direction::Incomparable
                    }
                },
            );
        }
    }

    fn confidence(&mut self, confidence: f64, old: &Gate, new: &Gate) {
        let rules: Vec<(Evidence, bool)> = [old, new]
            .into_iter()
            .flat_map(|gate| {
                let limits = gate.limits.iter();
                limits.map(|limit| (gate.evidence_of(*limit), is_test(gate, *limit)))
            })
            .collect();
        let has = |rule: Evidence| rules.iter().any(|(of, _)| *of == rule);
        let has_test = rules.iter().any(|(_, is_test)| *is_test);
        let direction = match (has(Evidence::Significant), has(Evidence::Proven)) {
            // Every limit is judged by its measured value.
            (false, false) => return,
            (true, true) => Direction::Incomparable,
            (false, true) => by_order(new.confidence > confidence),
            // Which tests are corrected together depends on their confidence.
            (true, false) if new.confidence > confidence => Direction::Looser,
            (true, false) if has_test && self.has_family => Direction::Incomparable,
            (true, false) => Direction::Tighter,
        };
        self.value(
            "confidence",
            (&confidence, &new.confidence),
            |confidence| Some(full(*confidence)),
            |_, _| direction,
        );
    }

    fn waiver(&mut self, old: Option<&Waiver>, new: Option<&Waiver>, more: Direction) {
        let until = |waiver: Option<&Waiver>| {
            waiver.map(|waiver| {
                let Waiver {
                    until,
                    // The reason excuses nothing by itself.
                    reason: _,
                } = waiver;
                *until
            })
        };
        self.value(
            "waive.until",
            (&until(old), &until(new)),
            |until| until.map(|until| until.to_string()),
            |old, new| match (old, new) {
                (None, Some(_)) => Direction::Looser,
                (Some(old), Some(new)) if new > old => Direction::Looser,
                (_, None) | (Some(_), Some(_)) => more,
            },
        );
    }
}

/// Whether a limit is a test that is corrected for others.
fn is_test(gate: &Gate, limit: Limit) -> bool {
    limit.key.is_change() && gate.evidence_of(limit) == Evidence::Significant
}

/// A condition as in a policy: `topic: [billing, refunds]`.
fn condition(condition: &Condition) -> String {
    let Condition { input, any_of } = condition;
    let values: Vec<String> = any_of.iter().map(ToString::to_string).collect();
    match values.as_slice() {
        [value] => format!("{input}: {value}"),
        _ => format!("{input}: [{}]", values.join(", ")),
    }
}
