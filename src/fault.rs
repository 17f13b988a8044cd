//! An error: the message, the next action, and the exit code.

use std::fmt::Display;

use crate::exit::Exit;
use crate::problem::Problem;

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
    /// The problems that the message names, each with its position; empty if the error is not about files.
    pub problems: Vec<Problem>,
}

impl Fault {
    fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            help: None,
            retryable: false,
            problems: Vec::new(),
        }
    }

    /// Creates an error: the command line or a policy is invalid (exit code 2).
    pub fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Creates an error: the evidence is unavailable (exit code 3).
    pub fn evidence(message: impl Display) -> Self {
        Self::new(Exit::NoVerdict, message)
    }

    /// Creates an error that only a mistake in weave-gate itself can cause (exit code 3).
    pub fn bug(message: impl Display) -> Self {
        Self::evidence(message)
            .help("this is a mistake in weave-gate: please report it with the command")
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

    /// Creates an error from the problems of policies (exit code 2). The message has a line for each problem. The help of
    /// a single problem is that of the error; if there are several, each help follows its problem.
    #[must_use]
    pub fn of_problems(problems: Vec<Problem>) -> Self {
        let mut lines: Vec<String> = Vec::new();
        for problem in &problems {
            lines.push(problem.to_string());
            let help = problem.help.iter().filter(|_| problems.len() > 1);
            lines.extend(help.map(|help| format!("  help: {help}")));
        }
        let help = match problems.as_slice() {
            [problem] => problem.help.clone(),
            _ => None,
        };
        Self {
            help,
            problems,
            ..Self::usage(lines.join("\n"))
        }
    }

    /// Returns the same fault, with the messages of others after its own.
    #[must_use]
    pub fn and(self, others: &[Self]) -> Self {
        let faults = [&self].into_iter().chain(others).cloned().collect();
        Self::all(faults).unwrap_or(self)
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
        if faults.iter().any(|fault| !fault.problems.is_empty()) {
            let exit = faults.first()?.exit;
            let problems = faults.into_iter().flat_map(Self::into_problems).collect();
            return Some(Self {
                exit,
                ..Self::of_problems(problems)
            });
        }
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

    /// The problems; the message as a problem if there are none.
    fn into_problems(self) -> Vec<Problem> {
        if self.problems.is_empty() {
            return vec![Problem::of_message(&self.message, self.help.as_deref())];
        }
        self.problems
    }

    /// Whether the error, or each of its problems, says what to do next.
    #[must_use]
    pub fn has_help(&self) -> bool {
        let of_problems = || self.problems.iter().all(|problem| problem.help.is_some());
        self.help.is_some() || (!self.problems.is_empty() && of_problems())
    }

    /// Returns the same fault with the name of the argument that it is about.
    #[must_use]
    pub fn in_argument(self, name: &str) -> Self {
        Self {
            message: format!("{name}: {}", self.message),
            ..self
        }
    }

    /// Returns the same fault with the next action.
    #[must_use]
    pub fn help(mut self, help: impl Display) -> Self {
        self.help = Some(help.to_string());
        self
    }
}
