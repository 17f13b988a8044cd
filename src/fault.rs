//! An error: the message, the next action, and the exit code.

use std::fmt::Display;

use crate::exit::Exit;

/// An error that stops a command before a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// [`Exit::Usage`] or [`Exit::NoVerdict`].
    pub exit: Exit,
    /// What was not done, and why; lower case, no full stop. May have several lines.
    pub message: String,
    /// The next action.
    pub help: Option<String>,
    /// Whether the same command may succeed later without any change: the network or the server failed, or a run is not
    /// there or not finished yet.
    pub retryable: bool,
}

impl Fault {
    /// Creates an error: the command line or a policy is invalid (exit code 2).
    pub fn usage(message: impl Display) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.to_string(),
            help: None,
            retryable: false,
        }
    }

    /// Creates an error: the evidence is unavailable (exit code 3).
    pub fn evidence(message: impl Display) -> Self {
        Self {
            exit: Exit::NoVerdict,
            message: message.to_string(),
            help: None,
            retryable: false,
        }
    }

    /// Creates an error from another one and its causes: the command line or a policy is invalid (exit code 2).
    #[must_use]
    pub fn usage_of(error: &anyhow::Error) -> Self {
        Self::usage(format_args!("{error:#}"))
    }

    /// Creates an error from another one and its causes: the evidence is unavailable (exit code 3).
    #[must_use]
    pub fn evidence_of(error: &anyhow::Error) -> Self {
        Self::evidence(format_args!("{error:#}"))
    }

    /// Returns the same fault, with the messages of others after its own.
    #[must_use]
    pub fn and(mut self, others: &[Self]) -> Self {
        for other in others {
            self.retryable &= other.retryable;
            self.message.push('\n');
            self.message.push_str(&other.message);
        }
        self
    }

    /// Returns the same fault, which the same command may not meet again later.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Combines several faults of one kind: every message, and the first help. `None` if there are no faults.
    #[must_use]
    pub fn all(faults: Vec<Self>) -> Option<Self> {
        let retryable = faults.iter().all(|fault| fault.retryable);
        let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        let message = messages.join("\n");
        let first = faults.into_iter().next()?;
        Some(Self {
            message,
            retryable,
            ..first
        })
    }

    /// Returns the same fault with the next action.
    #[must_use]
    pub fn help(mut self, help: impl Display) -> Self {
        self.help = Some(help.to_string());
        self
    }
}
