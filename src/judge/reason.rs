//! Why a check has its status, as data. `report` puts it into words.

use crate::judge::cause::Cause;
use crate::judge::limit::Decision;
use crate::judge::name::Name;
use crate::judge::significance::scenario::RuleOutcome;

/// Why a check has its status.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The check needs a baseline, no baseline exists, and the policy does not require one.
    Skipped,
    /// The check cannot be judged.
    Blocked(Cause),
    /// Its measured values decide the check, or leave it undecided.
    Values(Decision),
    /// The confidence interval or the significance test decides the check, or leaves it undecided.
    Test(RuleOutcome),
    /// The confidence interval or the significance test decides differently for different values of the missing scores.
    MissingScoresDecide,
}

impl Reason {
    /// The stable word for this kind of reason.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Skipped => Name::NoBaseline.word(),
            Self::Blocked(cause) => cause.name().word(),
            Self::Values(Decision::Holds) => "meets-limit",
            Self::Values(Decision::Broken) => "beyond-limit",
            Self::Values(Decision::Depends) | Self::MissingScoresDecide => "missing-scores-decide",
            Self::Values(Decision::Unbounded) => "missing-scores-without-bounds",
            Self::Values(Decision::ZeroBaseline) => "zero-baseline",
            Self::Test(RuleOutcome::Holds) => "interval-meets-limit",
            Self::Test(RuleOutcome::Noise) => "beyond-limit-within-noise",
            Self::Test(RuleOutcome::Broken) => "interval-beyond-limit",
            Self::Test(RuleOutcome::TooFew) => "too-few-rows",
            Self::Test(RuleOutcome::Open) => "interval-spans-limit",
        }
    }

    /// The finding that leaves a check undecided or skipped; `None` if no finding does.
    #[must_use]
    pub const fn finding(&self) -> Option<Name> {
        match self {
            Self::Skipped => Some(Name::NoBaseline),
            Self::Blocked(cause) => Some(cause.name()),
            Self::Values(_) | Self::Test(_) | Self::MissingScoresDecide => None,
        }
    }
}
