//! Why a check has its status, as data. `report` puts it into words.

use crate::judge::cause::Cause;
use crate::judge::limit::Decision;
use crate::judge::name::Name;
use crate::judge::significance::scenario::RuleOutcome;

/// Why a check has its status.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// It compares, there is no baseline, and the policy does not require one.
    Skipped,
    /// It cannot be judged.
    Blocked(Cause),
    /// Its values decide, or leave it open.
    Values(Decision),
    /// The confidence interval or the significance test decides, or leaves it open.
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

    /// The finding that leaves a check undecided or skipped, if one does.
    #[must_use]
    pub const fn finding(&self) -> Option<Name> {
        match self {
            Self::Skipped => Some(Name::NoBaseline),
            Self::Blocked(cause) => Some(cause.name()),
            Self::Values(_) | Self::Test(_) | Self::MissingScoresDecide => None,
        }
    }
}
