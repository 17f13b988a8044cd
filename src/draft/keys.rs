//! The `candidate:` and the `baseline:` of a drafted policy, and the lines that log what they need.

use super::scalar::template;
use crate::evidence::{Baseline, Evidence};

/// The branch that is the baseline unless the run says otherwise.
const MAIN: &str = "main";

/// The properties by which a drafted policy finds runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys<'a> {
    /// The name of the evaluation; `None` if the run has no evaluation or only a generated name.
    pub evaluation: Option<&'a str>,
    /// The name of the model.
    pub model: Option<&'a str>,
    /// Whether the run was logged with its commit, as `git_sha`.
    pub has_commit: bool,
    /// The branch of the baseline; `None` if the run was logged without a branch, `git_branch`.
    pub branch: Option<&'a str>,
}

impl Keys<'_> {
    /// The same keys, without blank names: no run is found by a blank name.
    pub(super) fn usable(self) -> Self {
        let is_usable = |name: &&str| !name.trim().is_empty();
        Self {
            evaluation: self.evaluation.filter(is_usable),
            model: self.model.filter(is_usable),
            ..self
        }
    }

    /// The policy key that finds other runs of the evaluation, and its value.
    fn evaluation(self) -> Option<(&'static str, String)> {
        let evaluation = self.evaluation.map(|name| ("evaluation", template(name)));
        evaluation.or_else(|| self.model.map(|name| ("model", template(name))))
    }

    /// The lines of `candidate:` and `baseline:`.
    pub(super) fn lines(self, evidence: &Evidence) -> Vec<String> {
        let Some((key, name)) = self.evaluation() else {
            return vec![
                "candidate:".to_owned(),
                format!("  run: {}", template(&evidence.candidate.id)),
                String::new(),
                "baseline:".to_owned(),
                "  required: false # skips change limits; name a run to compare with".to_owned(),
            ];
        };
        let mut lines = vec!["candidate:".to_owned()];
        if self.has_commit {
            lines.push(format!("  {key}: {name}"));
            lines.push("  commit: \"${GATE_SHA}\" # the commit that CI evaluates".to_owned());
        } else {
            lines.push(format!("  {key}: {name} # its newest run"));
            lines.push("  # commit: \"${GATE_SHA}\"".to_owned());
        }
        lines.extend([String::new(), "baseline:".to_owned()]);
        if let Some(branch) = self.branch {
            lines.push(format!(
                "  branch: {} # its newest finished run, of another commit than the candidate",
                template(branch)
            ));
        } else {
            lines.push(format!(
                "  {key}: {name} # the newest finished run before the candidate"
            ));
            lines.push(format!("  # branch: {MAIN}"));
        }
        lines.push(required(evidence).to_owned());
        lines.extend(self.logging(evidence.candidate.is_logged));
        lines
    }

    /// The lines that say how to log the commit and the branch; none if the run has both.
    fn logging(self, is_logger: bool) -> Vec<String> {
        let missing = match (self.has_commit, self.branch) {
            (true, Some(_)) => return Vec::new(),
            (true, None) => "a branch",
            (false, Some(_)) => "a commit",
            (false, None) => "a commit and a branch",
        };
        let attributes =
            "{\"git_sha\": os.environ[\"GATE_SHA\"], \"git_branch\": os.environ[\"GATE_BRANCH\"]}";
        let code = if is_logger {
            [
                format!("attributes = {attributes}"),
                "logger = weave.EvaluationLogger(..., eval_attributes=attributes)".to_owned(),
            ]
        } else {
            [
                format!("with weave.attributes({attributes}):"),
                "    await evaluation.evaluate(model)".to_owned(),
            ]
        };
        let why = [
            String::new(),
            format!(
                "# This run was logged without {missing}. With both, a check judges the commit that CI evaluates, and"
            ),
            format!(
                "# compares it with the branch {MAIN}. Log them, as here in Python, and uncomment the keys above:"
            ),
        ];
        let code = code.into_iter().map(|line| format!("#   {line}"));
        why.into_iter().chain(code).collect()
    }
}

/// The line of `required:`.
fn required(evidence: &Evidence) -> &'static str {
    if is_skipped_for_good(evidence) {
        // `after-first` would leave the run that the draft was made from undecided.
        "  required: false # skips change limits, because no run matches yet; write true once a run does"
    } else {
        "  required: after-first # skips change limits until a run matches, at most 14 days from the evaluation's first run"
    }
}

/// Whether the run has no baseline, and its evaluation is too old for `required: after-first`.
fn is_skipped_for_good(evidence: &Evidence) -> bool {
    match evidence.baseline {
        Baseline::Found(..) => false,
        Baseline::NotFound(_) | Baseline::Unnamed => !evidence.selection.is_first,
    }
}
