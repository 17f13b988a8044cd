//! The comments of a pull or merge request, and how they are kept up to date.

use super::marker::{self, Moment};
use crate::fault::Fault;

/// A comment as it should be: of one policy.
#[derive(Clone, Debug)]
pub struct Comment {
    /// The policy's path, by which its comment is found again.
    pub policy: String,
    /// Markdown.
    pub text: String,
}

/// What a comment comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// When.
    pub moment: Moment,
    /// The commit that was evaluated, not the merge that it is tested in.
    pub commit: Option<String>,
    /// The page of the pipeline that wrote it.
    pub pipeline: Option<String>,
}

/// Why there is nothing to comment on, or why it cannot be done.
#[derive(Clone, Debug)]
pub enum Absence {
    /// No comment is due, and nothing is wrong.
    NotDue(String),
    /// It should be there.
    Wrong(Fault),
}

/// A comment that is there.
pub(super) struct Note {
    pub(super) id: String,
    pub(super) body: String,
}

/// What came of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It was written.
    Written,
    /// A newer pipeline has written it.
    Newer,
}

/// A pull or merge request on which the holder of a token can comment.
pub(super) trait Thread {
    /// The comments that the holder of the token wrote, on all pages.
    fn ours(&self) -> Result<Vec<Note>, Fault>;
    fn create(&self, body: &str) -> Result<(), Fault>;
    fn update(&self, id: &str, body: &str) -> Result<(), Fault>;
}

/// Brings comments up to date: those that are there are written over, unless a newer pipeline wrote them.
///
/// # Errors
///
/// Why it could not be done; what permission is missing.
pub(super) fn keep(
    thread: &dyn Thread,
    moment: Moment,
    comments: &[Comment],
) -> Result<Vec<Kept>, Fault> {
    // Comments are read as late as possible: one that was written meanwhile is older than this one.
    let notes = thread.ours()?;
    let mut kept = Vec::new();
    for comment in comments {
        let body = format!(
            "{}\n{}",
            marker::write(&comment.policy, moment),
            comment.text
        );
        // Two pipelines at once may each have made one: an old verdict stays on show in neither.
        let known: Vec<(&Note, Moment)> = notes
            .iter()
            .filter_map(|note| {
                let when = marker::read(&note.body, &comment.policy)?;
                Some((note, when))
            })
            .collect();
        if known.iter().any(|(_, when)| *when > moment) {
            kept.push(Kept::Newer);
            continue;
        }
        for (note, _) in &known {
            thread.update(&note.id, &body)?;
        }
        if known.is_empty() {
            thread.create(&body)?;
        }
        kept.push(Kept::Written);
    }
    Ok(kept)
}
