//! Comments on the checked pull or merge request. None of them changes a verdict.

use super::console::Console;
use super::environment::environment;
use super::repository::{GITHUB, GITLAB, in_repository};
use crate::cli::CheckArgs;
use crate::fault::Fault;
use crate::forge::{Absence, Comment, GitHub, GitLab, Kept, Origin};
use crate::policy::expand;
use crate::report::{self, About, Report, Section};

/// Writes or updates the requested comments. A comment that cannot be written causes a warning.
pub(super) fn publish(arguments: &CheckArgs, report: &Report, console: &Console) {
    if arguments.ci.github_comment {
        let kept = GitHub::find(&environment).map(|github| {
            let comments = comments(arguments, report, github.origin(), GITHUB, console);
            github.keep(&comments)
        });
        say("comment on the pull request", kept, console);
    }
    if arguments.ci.gitlab_note {
        let kept = GitLab::find(&environment).map(|gitlab| {
            let comments = comments(arguments, report, gitlab.origin(), GITLAB, console);
            gitlab.keep(&comments)
        });
        say("note on the merge request", kept, console);
    }
}

/// Returns one comment for each policy, identified by its path in the repository. `folder` is the variable that names the
/// repository's folder. There is a comment even if nothing was judged: an older verdict would otherwise remain visible.
fn comments(
    arguments: &CheckArgs,
    report: &Report,
    origin: &Origin,
    folder: &str,
    console: &Console,
) -> Vec<Comment> {
    let unjudged = report.fault.as_ref().map(|fault| {
        let paths = paths(&arguments.judge.policy).into_iter();
        let section = |path| Section {
            path,
            sha256: String::new(),
            text: "".into(),
            outcome: Err(fault.clone()),
        };
        paths.map(section).collect::<Vec<_>>()
    });
    let about = About {
        commit: origin.commit.as_deref(),
        pipeline: origin.pipeline.as_deref(),
    };
    let sections = unjudged.iter().flatten().chain(&report.sections);
    let comment = |section: &Section| Comment {
        policy: in_repository(&section.path, folder),
        text: console
            .redacted(&report::comment(section, &about))
            .into_owned(),
    };
    sections.map(comment).collect()
}

/// The paths of the policies that the command line names. An argument that cannot be expanded is kept as it is.
fn paths(arguments: &[String]) -> Vec<String> {
    let of = |argument: &String| match expand(std::slice::from_ref(argument)) {
        Ok(files) => files.into_iter().map(|file| file.path).collect(),
        Err(_) => vec![argument.clone()],
    };
    arguments.iter().flat_map(of).collect()
}

fn say(what: &str, kept: Result<Result<Vec<Kept>, Fault>, Absence>, console: &Console) {
    let fault = match kept {
        Ok(Ok(kept)) => {
            if kept.contains(&Kept::Newer) {
                console.done(&format!(
                    "a newer pipeline has written the {what}, which stays"
                ));
            }
            return;
        }
        Err(Absence::NotDue(reason)) => return console.done(&format!("no {what}: {reason}")),
        Ok(Err(fault)) | Err(Absence::Wrong(fault)) => fault,
    };
    let help = fault.help.as_deref();
    let help = help.unwrap_or("the verdict is not affected; run the job again for the comment");
    console.warn(&format!("no {what}: {}", fault.message), help);
}
