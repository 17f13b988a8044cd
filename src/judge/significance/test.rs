//! Confidence intervals and significance tests of a check.
//!
//! The unit is the row: the trials of a row are averaged first, and a change is measured on the rows of both runs, in
//! pairs. Each imputation of the missing scores is a scenario. A check is decided only if every scenario gives the
//! same decision.

use crate::evidence::Rows;
use crate::judge::cause::Cause;
use crate::judge::measure::columns::column;
use crate::judge::significance::attainable::AttainableP;
use crate::judge::significance::bounds::ScenarioBounds;
use crate::judge::significance::family::{self, Corrected, Test, TestedRows};
use crate::judge::significance::row_means::{RowMeans, RowTest};
use crate::judge::significance::scenario::{RuleOutcome, Scenario};
use crate::policy::{self, Correction, Gate, Limit, MissingRule};
use crate::stats::Interval;

/// The confidence interval and the test of a check, as reports show them.
#[derive(Clone, Debug, PartialEq)]
pub struct TestResult {
    /// The gate's evidence rule.
    pub rule: policy::Evidence,
    /// The gate's one-sided confidence, as a fraction.
    pub confidence: f64,
    /// The number of rows.
    pub rows: u64,
    /// The number of clusters that the rows are in; `None` without clusters.
    pub clusters: Option<u64>,
    /// Half of the width that the noise between runs alone gives the interval; `None` if it is not known.
    pub run_reach: Option<f64>,
    /// The numbers of regressed and of fixed rows; `None` unless each row has one trial.
    pub discordant: Option<(u64, u64)>,
    /// Whether scores are missing; then the numbers here are those with each missing score at its worst.
    pub is_open: bool,
    /// Whether there are too few rows and all are equal, so that they show nothing.
    pub shows_nothing: bool,
    /// The mean over rows of the value or of the change.
    pub point: f64,
    /// The confidence interval of `point`.
    pub interval: Interval,
    /// The one-sided p-value of a change; `None` for a value.
    pub p: Option<f64>,
    /// The p-value corrected for the other tests of its family; `None` if the test is not counted.
    pub adjusted_p: Option<f64>,
    /// The number of tests that are counted in its family; `None` if nothing is tested or corrected.
    pub family: Option<u64>,
    /// Whether this test is counted. A test that is not counted cannot fail.
    pub counted: Option<bool>,
    /// The smallest change that this number of rows can detect, if this were the only test.
    pub resolution: Option<f64>,
    /// The change that the check finds with a probability of 80 %, if rows vary as they do here; `None` for a value.
    pub found: Option<f64>,
    /// About how many rows, or clusters of rows, like these would decide the check; `None` if it is decided, or no number would.
    pub rows_needed: Option<u64>,
}

/// The scenarios that bound all other scenarios of a check, and its corrected p-values.
#[derive(Clone, Debug)]
pub(in crate::judge) struct SignificanceTest {
    /// With every missing score at its worst.
    worst: Scenario,
    /// Scenarios such that, if the limit is broken in any scenario, it is broken in one of these.
    worst_cases: Vec<Scenario>,
    /// Scenarios such that, if the limit holds in any scenario, it holds in one of these.
    best_cases: Vec<Scenario>,
    /// Whether scores are missing.
    is_open: bool,
    /// Whether a relative change is undefined in some scenario, because the baseline is zero there.
    is_sizeless: bool,
    /// The smallest p-value that the test could have had.
    attainable: AttainableP,
    /// The corrected p-value; `None` if the check is not tested.
    corrected: Option<Corrected>,
    /// The corrected p-value over all scenarios, even if the policy counts each missing score as the worst.
    corrected_over_all: Option<Corrected>,
    /// Whether the p-value was corrected for the other tests of a family.
    is_in_family: bool,
    /// The number of rows, if they are in clusters.
    clustered_rows: Option<u64>,
}

impl SignificanceTest {
    /// Builds the scenarios of a check from its rows.
    ///
    /// If each row has one trial, these are the scenarios with all missing scores at one end. If not, the t interval
    /// also depends on how much the rows vary, and the scenarios come from [`ScenarioBounds`].
    ///
    /// # Errors
    ///
    /// The rows do not have the column that the metric needs.
    pub(in crate::judge) fn of(row_test: &RowTest<'_>, rows: &Rows) -> Result<Self, Cause> {
        let column = column(rows, row_test.gate.metric, row_test.subject)?;
        let high_is_good = row_test.limit.key.wants_high();
        let worst = row_test.means(rows, column, [!high_is_good, high_is_good]);
        let best = worst.has_missing.then(|| {
            let high = [high_is_good, !high_is_good];
            row_test.means(rows, column, high)
        });
        let best = best.as_ref().unwrap_or(&worst);
        let is_open = worst.has_missing && worst != *best;
        // A relative change depends on the size of the baseline as well as on the change.
        let others: Vec<RowMeans> = if row_test.limit.key.is_relative() && worst.has_missing {
            let both = |high| row_test.means(rows, column, [high, high]);
            vec![both(true), both(false)]
        } else {
            Vec::new()
        };
        let mut all = [&worst, best].into_iter().chain(&others);
        let one_trial = all.all(|means| means.one_trial);
        let scenario = |means: &RowMeans| row_test.scenario(means, one_trial);
        let at_worst = scenario(&worst);
        let at_best = if is_open {
            scenario(best)
        } else {
            at_worst.clone()
        };
        let mut others: Vec<Scenario> = others.iter().map(scenario).collect();
        if is_open && one_trial && row_test.evidence() == policy::Evidence::Proven {
            let corners = [&at_worst, &at_best].into_iter().chain(&others);
            let between = row_test.between(&corners.cloned().collect::<Vec<_>>());
            others.extend(between);
        }
        let is_sizeless = row_test.limit.key.is_relative() && {
            let mut all = [&at_worst, &at_best].into_iter().chain(&others);
            let straddles = all.clone().any(|scenario| scenario.baseline < 0.0)
                && all.clone().any(|scenario| scenario.baseline > 0.0);
            // If the baseline is zero, a relative change is undefined unless nothing changed.
            straddles
                || is_open
                    && all.any(|scenario| scenario.baseline == 0.0 && scenario.candidate != 0.0)
        };
        let attainable = row_test.attainable(&worst, best, is_open, one_trial);
        let (worst_cases, best_cases) = if is_open && !one_trial {
            let bounds = ScenarioBounds::new(row_test, [&worst, best], [&at_worst, &at_best]);
            (bounds.worst_cases(), bounds.best_cases())
        } else {
            let all = [at_worst.clone()]
                .into_iter()
                .chain(others)
                .chain([at_best]);
            let worst_cases: Vec<Scenario> = all.collect();
            (worst_cases.clone(), worst_cases.into_iter().rev().collect())
        };
        let clustered_rows = worst
            .clusters
            .is_some()
            .then_some(worst.candidate.len() as u64);
        Ok(Self {
            clustered_rows,
            ..Self::new(
                at_worst,
                worst_cases,
                best_cases,
                is_open,
                is_sizeless,
                attainable,
            )
        })
    }

    pub(in crate::judge) fn new(
        worst: Scenario,
        worst_cases: Vec<Scenario>,
        best_cases: Vec<Scenario>,
        is_open: bool,
        is_sizeless: bool,
        attainable: AttainableP,
    ) -> Self {
        Self {
            worst,
            worst_cases,
            best_cases,
            is_open,
            is_sizeless,
            attainable,
            corrected: None,
            corrected_over_all: None,
            is_in_family: false,
            clustered_rows: None,
        }
    }

    /// The test as its family needs it; `None` if the check cannot be tested.
    fn test(&self, gate: &Gate, limit: Limit) -> Option<Test> {
        if !self.is_at_worst(gate) {
            return self.test_over_all(gate, limit);
        }
        let p = self.worst.p(limit)?;
        Some(Test {
            alpha: 1.0 - gate.confidence,
            attainable: (self.attainable.at_worst, self.attainable.at_worst),
            p: (p, p),
            imputations: Vec::new(),
            rows: None,
        })
    }

    /// The same test over all imputations of missing scores, with the p-values of the worst and the best cases.
    fn test_over_all(&self, gate: &Gate, limit: Limit) -> Option<Test> {
        let worst_cases = self
            .worst_cases
            .iter()
            .filter_map(|scenario| scenario.p(limit));
        // A scenario that cannot be tested cannot fail.
        let best_cases = self
            .best_cases
            .iter()
            .map(|scenario| scenario.p(limit).unwrap_or(1.0));
        let (least, most) = (worst_cases.reduce(f64::min)?, best_cases.reduce(f64::max)?);
        Some(Test {
            alpha: 1.0 - gate.confidence,
            attainable: self.attainable.bounds,
            p: (least, most.max(least)),
            imputations: self.attainable.imputations.clone(),
            rows: None,
        })
    }

    /// The decision of the gate's rule, and the result to show. The decision is `None` if missing scores decide.
    pub(in crate::judge) fn judge(
        &self,
        gate: &Gate,
        limit: Limit,
    ) -> (Option<RuleOutcome>, TestResult) {
        let adjusted = self
            .corrected
            .map_or((None, None), |of| (of.least, of.most));
        let of = |scenarios: &[Scenario], p: Option<f64>| -> Vec<RuleOutcome> {
            // `p` is the smallest value of several scenarios. A corrected p-value is never below the scenario's own
            // p-value.
            let p = |scenario: &Scenario| p.map(|p| scenario.p(limit).map_or(p, |own| own.max(p)));
            let outcomes = scenarios
                .iter()
                .map(|scenario| scenario.judge(gate, limit, p(scenario)));
            outcomes.collect()
        };
        let (worst_cases, best_cases) = (
            of(&self.worst_cases, adjusted.0),
            of(&self.best_cases, adjusted.1),
        );
        let is = |outcome| move |other: &RuleOutcome| *other == outcome;
        let all = |outcome| worst_cases.iter().chain(&best_cases).all(is(outcome));
        let can_break = worst_cases.iter().any(is(RuleOutcome::Broken));
        let blind =
            |outcome: &RuleOutcome| matches!(outcome, RuleOutcome::TooFew | RuleOutcome::Open);
        let is_known = !worst_cases.iter().any(blind);
        let is_significant = gate.evidence_of(limit) == policy::Evidence::Significant;
        let passes = is_significant && is_known && !can_break;
        // If there is no scenario, nothing is known.
        let outcome = if worst_cases.is_empty() || best_cases.is_empty() {
            None
        } else if self.is_at_worst(gate) {
            // Missing scores count as the worst. The check is undecided if this hides a failure in another scenario,
            // or if the decision depends on the missing scores of other tests.
            let worst = self.worst.judge(gate, limit, adjusted.0);
            let depends = worst != self.worst.judge(gate, limit, adjusted.1);
            let over_all = self.corrected_over_all.and_then(|of| of.least);
            let hides = of(&self.worst_cases, over_all).contains(&RuleOutcome::Broken);
            let is_hidden = worst == RuleOutcome::Noise && hides;
            // With scores at their worst, a change beyond the limit has a defined size, even if it has none in other
            // scenarios.
            let has_size = !self.is_sizeless || worst != RuleOutcome::Holds;
            (!depends && !is_hidden && has_size).then_some(worst)
        } else if self.is_sizeless {
            None
        } else if passes && worst_cases.iter().all(is(RuleOutcome::Holds)) {
            Some(RuleOutcome::Holds)
        } else if passes {
            Some(RuleOutcome::Noise)
        } else {
            let same = [
                RuleOutcome::Holds,
                RuleOutcome::Broken,
                RuleOutcome::TooFew,
                RuleOutcome::Open,
            ];
            let same = same.into_iter().find(|outcome| all(*outcome));
            same.or_else(|| {
                let breaks = best_cases.iter().all(is(RuleOutcome::Broken));
                breaks.then_some(RuleOutcome::Broken)
            })
        };
        (outcome, self.chance(gate, limit, outcome))
    }

    /// Whether missing scores count as the worst and at least one is missing.
    fn is_at_worst(&self, gate: &Gate) -> bool {
        gate.missing.rule == MissingRule::Fail && self.is_open
    }

    fn chance(&self, gate: &Gate, limit: Limit, outcome: Option<RuleOutcome>) -> TestResult {
        let shown = match self.worst_cases.first() {
            Some(worst_cases) if !self.is_at_worst(gate) => worst_cases,
            _ => &self.worst,
        };
        let p = shown.p(limit);
        let interval = shown.interval(gate.confidence).unwrap_or(Interval {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        });
        let is_undecided = matches!(outcome, Some(RuleOutcome::Open));
        let family = self.corrected.filter(|_| self.is_in_family);
        TestResult {
            rule: gate.evidence_of(limit),
            confidence: gate.confidence,
            rows: self.clustered_rows.unwrap_or(shown.rows),
            clusters: self.clustered_rows.map(|_| shown.rows),
            run_reach: shown
                .component
                .map(|component| component.reach(gate.confidence)),
            discordant: shown.discordant(),
            is_open: self.is_open,
            shows_nothing: shown.shows_nothing(),
            point: shown.point(limit),
            interval,
            p,
            adjusted_p: (self.corrected.and_then(|of| of.least).zip(p)).map(|(of, p)| of.max(p)),
            family: family.map(|of| of.family),
            counted: family.map(|of| of.least.is_some()),
            resolution: shown.resolution(limit, gate.confidence),
            found: shown.found(limit, gate.confidence, gate.evidence_of(limit)),
            rows_needed: is_undecided
                .then(|| shown.rows_needed(limit, gate.confidence))
                .flatten(),
        }
    }
}

/// A test together with what its family needs to know about it.
pub(in crate::judge) struct FamilyMember<'a> {
    pub(in crate::judge) rows: TestedRows,
    pub(in crate::judge) gate: &'a Gate,
    pub(in crate::judge) limit: Limit,
    pub(in crate::judge) test: &'a mut SignificanceTest,
}

/// Corrects the p-values of the tests of one family for each other. A check that cannot be tested is not part of the
/// family.
///
/// `unmade` are the error rates of tests that cannot be made because missing scores have no bounds. Such a test may
/// have any p-value.
pub(in crate::judge) fn correct(
    family: &mut [FamilyMember<'_>],
    unmade: &[f64],
    correction: Correction,
) {
    let mut tested = Vec::new();
    let mut tests = Vec::new();
    for FamilyMember {
        rows,
        gate,
        limit,
        test,
    } in family
    {
        // If missing scores count as the worst, each test has its own scenario, so no two tests share the values of
        // their rows.
        let rows = (!test.is_at_worst(gate)).then_some(*rows);
        let on_rows = |test: Test| Test { rows, ..test };
        let usual = test.test(gate, *limit).map(on_rows);
        let over_all = test.test_over_all(gate, *limit).map(on_rows);
        let over_all = over_all.filter(|_| test.is_at_worst(gate));
        // A test that cannot be made with scores at their worst may be possible in other scenarios.
        if usual.is_some() || over_all.is_some() {
            let place = usual.as_ref().map(|_| tests.len());
            tested.push((test, place, over_all));
            tests.extend(usual);
        }
    }
    tests.extend(unmade.iter().copied().map(Test::unknown));
    let all = |tests: &[Test]| match correction {
        Correction::Holm => family::corrected(tests),
        Correction::None => tests.iter().map(Test::alone).collect(),
    };
    let corrected = all(&tests);
    for (test, place, over_all) in tested {
        if let Some(place) = place {
            test.corrected = corrected.get(place).copied();
            test.is_in_family = correction == Correction::Holm;
        }
        if let Some(over_all) = over_all {
            let mut tests = tests.clone();
            let place = place.unwrap_or(tests.len());
            tests.splice(place..(place + 1).min(tests.len()), [over_all]);
            test.corrected_over_all = all(&tests).get(place).copied();
        }
    }
}
