//! Why a request got no usable answer.

use std::time::Duration;

use crate::fault::Fault;

/// Why a request got no usable answer. Searches and waits branch on it.
#[derive(Debug)]
pub(super) enum ApiError {
    /// The server knows the path, but not the requested object.
    NotFound {
        /// What the request was to read, as shown in messages.
        what: String,
        /// The reason that the server gives.
        reason: String,
    },
    /// The answer is larger than the size limit.
    TooLarge(Fault),
    /// A temporary failure that lasted until the time limit, with the wait that the server asks for.
    Busy(Fault, Option<Duration>),
    /// The server does not know these keys of the body, because it is older.
    UnknownKey(Vec<String>, Fault),
    /// The server refuses to read the calls within so many trials.
    TooManyTrials(Fault),
    /// Any other failure.
    Fault(Fault),
}

impl From<ApiError> for Fault {
    fn from(refusal: ApiError) -> Self {
        match refusal {
            ApiError::NotFound { what, reason } => Self::evidence(format!(
                "cannot read {what}: Weave does not know it: {reason}"
            ))
            .help("check the project's name, and whether a run was deleted meanwhile")
            .retryable(),
            ApiError::TooLarge(fault)
            | ApiError::Busy(fault, _)
            | ApiError::UnknownKey(_, fault)
            | ApiError::TooManyTrials(fault)
            | ApiError::Fault(fault) => fault,
        }
    }
}

impl ApiError {
    /// Adds what could not be read to the start of the message.
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

/// The error for answers that contradict each other.
pub(super) fn contradiction(what: &str) -> Fault {
    Fault::evidence(format!(
        "the answers of Weave contradict each other: {what}"
    ))
    .help("was a run still being written? judge it again when it has finished")
    .retryable()
}
