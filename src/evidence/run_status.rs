//! How far a run is.

/// The status of a run, as Weave reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It has not ended.
    Running,
    /// It ended, and did not raise.
    Completed,
    /// It raised.
    Failed,
    /// A word that this version does not know.
    Other(String),
}

impl RunStatus {
    /// Reads Weave's word.
    #[must_use]
    pub fn of(word: String) -> Self {
        match word.as_str() {
            "running" => Self::Running,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            _ => Self::Other(word),
        }
    }

    /// Weave's word.
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
