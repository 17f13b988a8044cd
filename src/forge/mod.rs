//! Comments on pull and merge requests: one for each policy, kept up to date. This module is independent of judging and
//! rendering.
//!
//! A comment is identified by a marker and by its author. A marker that another user writes is ignored.

mod client;
mod github;
mod gitlab;
mod marker;
mod thread;
mod variables;

pub use github::GitHub;
pub use gitlab::GitLab;
pub use marker::Moment;
pub use thread::{Absence, Comment, Kept, Origin};

use crate::fault::Fault;
use crate::secret::Secret;
use crate::site::Lookup;

/// Returns why this pipeline gets no secrets; `None` if no such reason is known. Pull and merge requests from a fork,
/// and those by Dependabot, get no secrets.
///
/// Only the CI system that runs the job decides: GitHub Actions by the event that it wrote, GitLab CI by its variables.
/// Returns `None` if the environment belongs to neither, or claims to be both, because a step of a pull request can set
/// the variables of the other system.
///
/// # Errors
///
/// The event that started the pipeline cannot be read.
pub fn outsider(lookup: &Lookup<'_>) -> Result<Option<&'static str>, Fault> {
    let runs_in = |name| lookup(name).as_deref() == Some("true");
    match (runs_in("GITHUB_ACTIONS"), runs_in("GITLAB_CI")) {
        (true, false) => github::outsider(lookup),
        (false, true) => Ok(gitlab::outsider(lookup)),
        (true, true) | (false, false) => Ok(None),
    }
}

/// The tokens of the environment, which no output may contain.
pub fn tokens(lookup: &Lookup<'_>) -> Vec<Secret> {
    let names = [
        ("GITHUB_TOKEN", github::USER),
        ("GH_TOKEN", github::USER),
        ("GITLAB_TOKEN", gitlab::USER),
        ("CI_JOB_TOKEN", "gitlab-ci-token"),
    ];
    let token = |(name, user)| Secret::new(&lookup(name)?, user);
    names.into_iter().filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::thread::{Note, Thread, keep};
    use super::*;

    /// A fake request. Its comments are a list in memory.
    #[derive(Default)]
    struct Page(RefCell<Vec<String>>);

    impl Thread for Page {
        fn ours(&self) -> Result<Vec<Note>, Fault> {
            let bodies = self.0.borrow();
            let notes = bodies.iter().enumerate().map(|(place, body)| Note {
                id: place.to_string(),
                body: body.clone(),
            });
            Ok(notes.collect())
        }

        fn create(&self, body: &str) -> Result<(), Fault> {
            self.0.borrow_mut().push(body.to_owned());
            Ok(())
        }

        fn update(&self, id: &str, body: &str) -> Result<(), Fault> {
            let place: usize = id.parse().unwrap();
            self.0.borrow_mut()[place] = body.to_owned();
            Ok(())
        }
    }

    fn at(pipeline: u64, attempt: u64) -> Moment {
        Moment { pipeline, attempt }
    }

    fn comment(policy: &str, text: &str) -> Comment {
        Comment {
            policy: policy.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn each_policy_has_one_comment_and_a_stale_pipeline_leaves_it() {
        let page = Page::default();
        page.create("Somebody's words").unwrap();
        let both = [comment("a.yaml", "one"), comment("b.yaml", "two")];
        let written = [Kept::Written, Kept::Written];
        assert_eq!(keep(&page, at(7, 1), &both).unwrap(), written);
        assert_eq!(keep(&page, at(7, 2), &both).unwrap(), written);
        assert_eq!(page.0.borrow().len(), 3);
        let newer = keep(&page, at(6, 9), &[comment("a.yaml", "old")]).unwrap();
        assert_eq!(newer, [Kept::Newer]);
        assert!(page.0.borrow()[1].ends_with("run=7.2 -->\none"));
        keep(&page, at(8, 1), &[comment("a.yaml", "new")]).unwrap();
        assert!(page.0.borrow()[1].ends_with("run=8.1 -->\nnew"));
        assert_eq!(page.0.borrow()[0], "Somebody's words");
    }

    #[test]
    fn no_old_verdict_stays_with_the_new_one() {
        let page = Page::default();
        let twin = format!("{}\nold", marker::write("a.yaml", at(1, 1)));
        page.create(&twin).unwrap();
        page.create(&twin).unwrap();
        keep(&page, at(2, 1), &[comment("a.yaml", "new")]).unwrap();
        let bodies = page.0.borrow();
        assert!(bodies.len() == 2 && bodies.iter().all(|body| body.ends_with("\nnew")));
    }

    #[test]
    fn only_the_system_that_runs_the_job_names_a_fork() {
        let of_gitlab = [
            ("CI_MERGE_REQUEST_PROJECT_ID", "31"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "32"),
        ];
        let asked = |more: &[(&str, &str)]| {
            let lookup = |name: &str| {
                let mut all = of_gitlab.iter().chain(more);
                let found = all.find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            outsider(&lookup).unwrap()
        };
        let fork = Some("the merge request is from a fork");
        assert_eq!(asked(&[("GITLAB_CI", "true")]), fork);
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("CI", "true")]), None);
        assert_eq!(asked(&[("GITLAB_CI", "false")]), None);
        assert_eq!(asked(&[("GITHUB_ACTIONS", "true")]), None);
        assert_eq!(
            asked(&[("GITHUB_ACTIONS", "true"), ("GITLAB_CI", "true")]),
            None
        );
    }

    #[test]
    fn tokens_are_known() {
        let lookup = |name: &str| match name {
            "GITHUB_TOKEN" => Some("abc".to_owned()),
            "GITLAB_TOKEN" => Some(String::new()),
            _ => None,
        };
        assert_eq!(tokens(&lookup).len(), 1);
    }
}
