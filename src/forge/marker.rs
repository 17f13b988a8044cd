//! The marker that identifies a comment. It is invisible and at the very start of the comment, where no foreign text
//! can be.

use crate::project::encode;

/// Orders pipelines by age: by the number of the pipeline, then by that of the attempt or the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub(super) pipeline: u64,
    pub(super) attempt: u64,
}

const START: &str = "<!-- weave-gate comment policy=";

/// The marker of a policy's comment. The path is encoded, so that it cannot end the marker.
pub(super) fn write(policy: &str, moment: Moment) -> String {
    let Moment { pipeline, attempt } = moment;
    format!("{START}{} run={pipeline}.{attempt} -->", encode(policy))
}

/// Returns when a comment was written; `None` if it is not the comment of this policy.
pub(super) fn read(body: &str, policy: &str) -> Option<Moment> {
    let (marker, _) = body.strip_prefix(START)?.split_once(" -->")?;
    let (path, run) = marker.split_once(" run=")?;
    let (pipeline, attempt) = run.split_once('.')?;
    (path == encode(policy)).then_some(Moment {
        pipeline: pipeline.parse().ok()?,
        attempt: attempt.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_start_of_a_comment_counts() {
        let moment = Moment {
            pipeline: 12,
            attempt: 3,
        };
        let marker = write("gates/a b.yaml", moment);
        assert_eq!(
            marker,
            "<!-- weave-gate comment policy=gates%2Fa%20b.yaml run=12.3 -->"
        );
        let body = format!("{marker}\r\ntext");
        assert_eq!(read(&body, "gates/a b.yaml"), Some(moment));
        assert_eq!(read(&body, "gates/a"), None);
        assert_eq!(read(&format!("> {body}"), "gates/a b.yaml"), None);
        assert_eq!(
            read("<!-- weave-gate comment policy=a run=x.1 -->", "a"),
            None
        );
    }

    proptest! {
        #[test]
        fn any_path_is_found_again(path in any::<String>(), pipeline in any::<u64>(), attempt in any::<u64>()) {
            let moment = Moment { pipeline, attempt };
            let marker = write(&path, moment);
            prop_assert_eq!(read(&marker, &path), Some(moment));
            prop_assert_eq!(marker.matches("-->").count(), 1);
        }
    }
}
