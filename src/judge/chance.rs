//! What chance did: intervals and tests on rows, in the worlds that missing scores leave open.
//!
//! The unit is the row: trials of a row are averaged first, and a change is measured on rows that both runs
//! have, each against itself. Where scores are missing a check is decided only where it would be in every world,
//! however they had come out.

use super::family::{self, Corrected, Test, TestedRows};
use super::world::World;
use crate::policy::{self, Correction, Gate, Limit, MissingRule};
use crate::stats::Interval;

/// What chance has to say of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Chance {
    /// The gate's rule.
    pub rule: policy::Evidence,
    /// The gate's confidence, one-sided.
    pub confidence: f64,
    /// Rows that it is measured on.
    pub rows: u64,
    /// Rows that were true in the baseline and are not in the candidate, and the other way round, where each has
    /// one trial.
    pub discordant: Option<(u64, u64)>,
    /// Whether missing scores are at their worst here; where none is missing, all is as it was measured.
    pub is_open: bool,
    /// Whether the rows are few, and so alike that they show nothing.
    pub shows_nothing: bool,
    /// The value or the change, averaged over rows; with missing scores at their worst.
    pub point: f64,
    /// The plausible values of it, or of the change.
    pub interval: Interval,
    /// How likely such a change is where nothing changed, one-sided; of changes only.
    pub p: Option<f64>,
    /// The same, corrected for the other tests of its family; `None` where the test is not counted.
    pub adjusted_p: Option<f64>,
    /// How many tests are counted in its family; `None` where nothing is tested or corrected.
    pub family: Option<u64>,
    /// Whether it is one of them; a test that is not counted cannot fail.
    pub counted: Option<bool>,
    /// The smallest change that so many rows could have shown, if it were the only test.
    pub resolution: Option<f64>,
    /// About how many rows it would take to decide, if they were like these; where these do not.
    pub rows_needed: Option<u64>,
}

/// What a rule says of one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// The limit holds; or `significant` cannot say that it does not.
    Holds,
    /// It does not hold, and chance may have done it: `significant` passes.
    Noise,
    /// It does not hold.
    Broken,
    /// So few rows, or so alike, decide nothing.
    TooFew,
    /// The plausible values lie on both sides.
    Open,
}

/// The smallest p that a test could have had, whatever its rows had said.
#[derive(Clone, Debug)]
pub(super) struct Attainables {
    /// With every missing score at its worst.
    pub(super) at_worst: f64,
    /// The least and the greatest, over all ways to fill in missing scores.
    pub(super) bounds: (f64, f64),
    /// The same and the p of the fillings that fail most easily, where they were looked at one by one.
    pub(super) fillings: Vec<(f64, f64)>,
}

/// A check in the worlds between which all others lie, and its p-values once they are corrected.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// With every missing score at its worst.
    worst: World,
    /// Those in which the limit is broken, if in any.
    prone: Vec<World>,
    /// Those in which it holds, if in any.
    immune: Vec<World>,
    /// Whether anything is missing.
    is_open: bool,
    /// Whether the baseline of a relative change is zero in some world, so that the change has no size there.
    is_sizeless: bool,
    /// The smallest p that it could have had.
    attainable: Attainables,
    /// The p-value once it is corrected; nothing where it is not tested.
    corrected: Option<Corrected>,
    /// The same over all ways to fill in missing scores, also where they count as the worst.
    corrected_anyhow: Option<Corrected>,
    /// Whether it was corrected for other tests.
    is_in_family: bool,
}

impl Trial {
    pub(super) fn new(
        worst: World,
        prone: Vec<World>,
        immune: Vec<World>,
        is_open: bool,
        is_sizeless: bool,
        attainable: Attainables,
    ) -> Self {
        Self {
            worst,
            prone,
            immune,
            is_open,
            is_sizeless,
            attainable,
            corrected: None,
            corrected_anyhow: None,
            is_in_family: false,
        }
    }

    /// What its family has to know of it; `None` where it cannot be tested.
    fn test(&self, gate: &Gate, limit: Limit) -> Option<Test> {
        if !self.is_at_worst(gate) {
            return self.test_anyhow(gate, limit);
        }
        let p = self.worst.p(limit)?;
        Some(Test {
            alpha: 1.0 - gate.confidence,
            attainable: (self.attainable.at_worst, self.attainable.at_worst),
            p: (p, p),
            fillings: Vec::new(),
            rows: None,
        })
    }

    /// The same over all ways to fill in missing scores: the p-values of the worlds most and least prone to fail.
    fn test_anyhow(&self, gate: &Gate, limit: Limit) -> Option<Test> {
        let prone = self.prone.iter().filter_map(|world| world.p(limit));
        // A world that cannot be tested cannot fail.
        let immune = self
            .immune
            .iter()
            .map(|world| world.p(limit).unwrap_or(1.0));
        let (least, most) = (prone.reduce(f64::min)?, immune.reduce(f64::max)?);
        Some(Test {
            alpha: 1.0 - gate.confidence,
            attainable: self.attainable.bounds,
            p: (least, most.max(least)),
            fillings: self.attainable.fillings.clone(),
            rows: None,
        })
    }

    /// What the gate's rule says, and what is to be shown of it. `None` where missing scores decide.
    pub(super) fn judge(&self, gate: &Gate, limit: Limit) -> (Option<Ruling>, Chance) {
        let adjusted = self
            .corrected
            .map_or((None, None), |of| (of.least, of.most));
        let of = |worlds: &[World], p: Option<f64>| -> Vec<Ruling> {
            // That p is the least of several worlds', and no p is corrected to a lower one.
            let p = |world: &World| p.map(|p| world.p(limit).map_or(p, |own| own.max(p)));
            let rulings = worlds
                .iter()
                .map(|world| world.judge(gate, limit, p(world)));
            rulings.collect()
        };
        let (prone, immune) = (of(&self.prone, adjusted.0), of(&self.immune, adjusted.1));
        let is = |ruling| move |other: &Ruling| *other == ruling;
        let all = |ruling| prone.iter().chain(&immune).all(is(ruling));
        let can_break = prone.iter().any(is(Ruling::Broken));
        let blind = |ruling: &Ruling| matches!(ruling, Ruling::TooFew | Ruling::Open);
        let is_known = !prone.iter().any(blind);
        let is_significant = gate.evidence_of(limit) == policy::Evidence::Significant;
        let passes = is_significant && is_known && !can_break;
        // Of no world nothing is known.
        let ruling = if prone.is_empty() || immune.is_empty() {
            None
        } else if self.is_at_worst(gate) {
            // All of them at their worst, though not where that would only hide what the others show, or where it depends
            // on what the other tests would have shown.
            let worst = self.worst.judge(gate, limit, adjusted.0);
            let depends = worst != self.worst.judge(gate, limit, adjusted.1);
            let anyhow = self.corrected_anyhow.and_then(|of| of.least);
            let hides = of(&self.prone, anyhow).contains(&Ruling::Broken);
            let is_hidden = worst == Ruling::Noise && hides;
            // At its worst a change beyond the limit has a size, also where it has none in other worlds.
            let has_size = !self.is_sizeless || worst != Ruling::Holds;
            (!depends && !is_hidden && has_size).then_some(worst)
        } else if self.is_sizeless {
            None
        } else if passes && prone.iter().all(is(Ruling::Holds)) {
            Some(Ruling::Holds)
        } else if passes {
            Some(Ruling::Noise)
        } else {
            let same = [Ruling::Holds, Ruling::Broken, Ruling::TooFew, Ruling::Open];
            let same = same.into_iter().find(|ruling| all(*ruling));
            same.or_else(|| {
                let breaks = immune.iter().all(is(Ruling::Broken));
                breaks.then_some(Ruling::Broken)
            })
        };
        (ruling, self.chance(gate, limit, ruling))
    }

    /// Whether missing scores count as the worst, and any is missing.
    fn is_at_worst(&self, gate: &Gate) -> bool {
        gate.missing.rule == MissingRule::Fail && self.is_open
    }

    fn chance(&self, gate: &Gate, limit: Limit, ruling: Option<Ruling>) -> Chance {
        let shown = match self.prone.first() {
            Some(prone) if !self.is_at_worst(gate) => prone,
            _ => &self.worst,
        };
        let p = shown.p(limit);
        let interval = shown.interval(gate.confidence).unwrap_or(Interval {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        });
        let is_undecided = matches!(ruling, Some(Ruling::Open));
        let family = self.corrected.filter(|_| self.is_in_family);
        Chance {
            rule: gate.evidence_of(limit),
            confidence: gate.confidence,
            rows: shown.rows,
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
            rows_needed: is_undecided
                .then(|| shown.rows_needed(limit, gate.confidence))
                .flatten(),
        }
    }
}

/// A test, and what its family has to know of it.
pub(super) struct FamilyMember<'a> {
    pub(super) rows: TestedRows,
    pub(super) gate: &'a Gate,
    pub(super) limit: Limit,
    pub(super) trial: &'a mut Trial,
}

/// Corrects the p-values of the tests of one family for each other. What cannot be tested is no part of it.
///
/// `unmade` are the error rates of tests that missing scores without bound keep from being made: of these any p may be.
pub(super) fn correct(family: &mut [FamilyMember<'_>], unmade: &[f64], correction: Correction) {
    let mut tested = Vec::new();
    let mut tests = Vec::new();
    for FamilyMember {
        rows,
        gate,
        limit,
        trial,
    } in family
    {
        // Of tests that are at their worst each is at a filling of its own.
        let rows = (!trial.is_at_worst(gate)).then_some(*rows);
        let on_rows = |test: Test| Test { rows, ..test };
        let test = trial.test(gate, *limit).map(on_rows);
        let anyhow = trial.test_anyhow(gate, *limit).map(on_rows);
        let anyhow = anyhow.filter(|_| trial.is_at_worst(gate));
        // Where it cannot be tested at its worst, it may be tested in other fillings.
        if test.is_some() || anyhow.is_some() {
            let place = test.as_ref().map(|_| tests.len());
            tested.push((trial, place, anyhow));
            tests.extend(test);
        }
    }
    tests.extend(unmade.iter().copied().map(Test::unknown));
    let all = |tests: &[Test]| match correction {
        Correction::Holm => family::corrected(tests),
        Correction::None => tests.iter().map(Test::alone).collect(),
    };
    let corrected = all(&tests);
    for (trial, place, anyhow) in tested {
        if let Some(place) = place {
            trial.corrected = corrected.get(place).copied();
            trial.is_in_family = correction == Correction::Holm;
        }
        if let Some(anyhow) = anyhow {
            let mut tests = tests.clone();
            let place = place.unwrap_or(tests.len());
            tests.splice(place..(place + 1).min(tests.len()), [anyhow]);
            trial.corrected_anyhow = all(&tests).get(place).copied();
        }
    }
}
