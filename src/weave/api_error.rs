//! Why a request got no usable answer.

use std::time::Duration;

use crate::fault::Fault;

/// Why a request got no usable answer; what branches on it are searches and waits.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The server knows the path and not the thing.
    NotFound {
        /// What was to be read.
        what: String,
        /// What the server says.
        reason: String,
    },
    /// The answer is larger than can be held.
    TooLarge(Fault),
    /// It may pass, and did not in the time that there was; with the time that the server asks to wait.
    Busy(Fault, Option<Duration>),
    /// The server does not know keys of the body, as an older one does not.
    UnknownKey(Vec<String>, Fault),
    /// The server reads the calls within trials of fewer trials only.
    TooManyTrials(Fault),
    /// Anything else.
    Fault(Fault),
}

impl From<ApiError> for Fault {
    fn from(refusal: ApiError) -> Self {
        match refusal {
            ApiError::NotFound { what, reason } => Self::evidence(format!(
                "cannot read {what}: Weave does not know it: {reason}"
            ))
            .help("check the project's name, and whether a run was deleted meanwhile"),
            ApiError::TooLarge(fault)
            | ApiError::Busy(fault, _)
            | ApiError::UnknownKey(_, fault)
            | ApiError::TooManyTrials(fault)
            | ApiError::Fault(fault) => fault,
        }
    }
}

impl ApiError {
    /// Says in front of a fault what could not be read.
    pub(super) fn of(self, what: &str) -> Self {
        let named = |fault: Fault| Fault {
            message: format!("cannot read {what}: {}", fault.message),
            ..fault
        };
        match self {
            named @ Self::NotFound { .. } => named,
            Self::TooLarge(fault) => Self::TooLarge(named(fault)),
            Self::Busy(fault, asked) => Self::Busy(named(fault), asked),
            Self::UnknownKey(keys, fault) => Self::UnknownKey(keys, named(fault)),
            Self::TooManyTrials(fault) => Self::TooManyTrials(named(fault)),
            Self::Fault(fault) => Self::Fault(named(fault)),
        }
    }
}

/// Answers that cannot all be true.
pub(super) fn contradiction(what: &str) -> Fault {
    Fault::evidence(format!(
        "the answers of Weave contradict each other: {what}"
    ))
    .help("was a run still being written? judge it again when it has finished")
}
