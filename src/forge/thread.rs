//! The comments of a pull or merge request, and how they are updated.

use super::marker::{self, Moment};
use crate::fault::Fault;

/// The comment that should exist for one policy.
#[derive(Clone, Debug)]
pub struct Comment {
    /// The policy's path, which identifies its comment.
    pub policy: String,
    /// The text, in Markdown.
    pub text: String,
}

/// The origin of a comment.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The pipeline and the attempt, which say when the comment was written.
    pub moment: Moment,
    /// The commit that was evaluated, not the merge commit in which it is tested.
    pub commit: Option<String>,
    /// The URL of the pipeline that wrote the comment.
    pub pipeline: Option<String>,
}

/// Why no comment is written.
#[derive(Clone, Debug)]
pub enum Absence {
    /// No comment is expected. This is not an error.
    NotDue(String),
    /// A comment is expected, but cannot be written.
    Wrong(Fault),
}

/// A comment that exists.
pub(super) struct Note {
    pub(super) id: String,
    pub(super) body: String,
}

/// The result of writing a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The comment was written.
    Written,
    /// A newer pipeline has written the comment.
    Newer,
}

/// A pull or merge request on which the holder of a token can comment.
pub(super) trait Thread {
    /// The comments that the holder of the token wrote, on all pages.
    fn ours(&self) -> Result<Vec<Note>, Fault>;
    fn create(&self, body: &str) -> Result<(), Fault>;
    fn update(&self, id: &str, body: &str) -> Result<(), Fault>;
}

/// Writes or updates comments. An existing comment is overwritten, unless a newer pipeline wrote it.
///
/// # Errors
///
/// The comments cannot be written. The error names a missing permission.
pub(super) fn keep(
    thread: &dyn Thread,
    moment: Moment,
    comments: &[Comment],
) -> Result<Vec<Kept>, Fault> {
    // Comments are read as late as possible, so that few comments can be written between this request and the update.
    let notes = thread.ours()?;
    let mut kept = Vec::new();
    for comment in comments {
        let body = format!(
            "{}\n{}",
            marker::write(&comment.policy, moment),
            comment.text
        );
        // Two parallel pipelines may each have created a comment. All of them are updated, so that none shows an old
        // verdict.
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
