//! The exit codes, in one place.

use std::process::ExitCode;

/// The exit code of the process.
///
/// The codes are part of the interface: a pipeline may branch on them, and they never change their meaning. A panic is
/// a bug, and ends with a different code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: every check that can block was decided, and passed.
    Passed,
    /// 1: a check that can block failed. This code always means a verdict.
    Failed,
    /// 2: the command line or a policy is invalid; nothing was judged.
    Usage,
    /// 3: no verdict: a check is undecided, or the evidence is unavailable.
    NoVerdict,
}

impl Exit {
    /// All codes with their meaning, as the documents print them.
    pub const ALL: [(Self, &'static str); 4] = [
        (
            Self::Passed,
            "passed: every check that can block was decided, and passed",
        ),
        (Self::Failed, "failed: a check that can block failed"),
        (
            Self::Usage,
            "the command line or a policy is invalid; nothing was judged",
        ),
        (
            Self::NoVerdict,
            "no verdict: a check is undecided, or the evidence is unavailable",
        ),
    ];

    /// The number that the process exits with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoVerdict => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
