//! The status of a run.

/// The status of a run, as Weave reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// The run has not ended.
    Running,
    /// The run ended without raising.
    Completed,
    /// The run raised.
    Failed,
    /// A status that this version does not know.
    Other(String),
}

impl RunStatus {
    /// Parses the status that Weave sends.
    #[must_use]
    pub fn of(word: String) -> Self {
        match word.as_str() {
            "running" => Self::Running,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            _ => Self::Other(word),
        }
    }

    /// The status in Weave's notation.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Other(word) => word,
        }
    }
}
