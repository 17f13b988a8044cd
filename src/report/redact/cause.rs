//! Removes secrets from the causes of findings.

use super::Redact;
use crate::evidence::{Fact, FieldChange, SetupChange};
use crate::judge::{Advice, BaselineHelp, Cause, Reason, RunCause, ScoreCause, SliceCause};
use crate::policy::Unresolved;
use crate::secret::Secrets;

impl Redact for Reason {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Blocked(cause) => cause.redact(secrets),
            Self::Skipped | Self::Values(_) | Self::Test(_) | Self::MissingScoresDecide => {}
        }
    }
}

impl Redact for Cause {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Run { role: _, run, what } => {
                run.redact(secrets);
                what.redact(secrets);
            }
            Self::Scores {
                role: _,
                dimension,
                what,
            } => {
                dimension.redact(secrets);
                what.redact(secrets);
            }
            Self::Slice(what) => what.redact(secrets),
            Self::Advice(what) => what.redact(secrets),
            Self::SameRun { run } | Self::SameOutputs { run } => run.redact(secrets),
            Self::SeveralRunsMatch { selector, .. } => selector.redact(secrets),
            Self::RerunsPooled {
                role: _,
                commits: _,
                runs,
            } => runs.redact(secrets),
            Self::OlderRun { run, values } => {
                run.redact(secrets);
                for (gate, _) in values {
                    gate.redact(secrets);
                }
            }
            Self::NoBaseline {
                why,
                skips: _,
                help,
            } => {
                why.redact(secrets);
                help.redact(secrets);
            }
            Self::CommonRowsUnknown { snapshots, .. } | Self::RowsUnknown { snapshots, .. } => {
                for snapshot in snapshots {
                    snapshot.run.redact(secrets);
                    snapshot.path.redact(secrets);
                }
            }
            Self::RowsDisagree { role: _, what } => what.redact(secrets),
            Self::EvaluationUnread { role: _, name } | Self::ScorerNeverScored { name } => {
                name.redact(secrets);
            }
            Self::DatasetChanged { name, before, .. } => {
                name.redact(secrets);
                before.redact(secrets);
            }
            Self::Setup { change } => change.redact(secrets),
            Self::ServedModelsChanged { before, after, .. } => {
                before.redact(secrets);
                after.redact(secrets);
            }
            Self::EvaluationChanged { names } => {
                if let Some((candidate, baseline)) = names {
                    candidate.redact(secrets);
                    baseline.redact(secrets);
                }
            }
            Self::TextAmongScores { dimension, .. }
            | Self::MixedTypes { dimension }
            | Self::TypesDiffer { dimension } => dimension.redact(secrets),
            Self::UnknownDimension { scorer, known } => {
                scorer.redact(secrets);
                known.redact(secrets);
            }
            Self::Waiver { reason, .. } => reason.redact(secrets),
            Self::NoiseUnused { dimensions } => dimensions.redact(secrets),
            Self::PolicyLoosened {
                base,
                changes,
                sha256: _,
                is_accepted: _,
            } => {
                base.redact(secrets);
                changes.redact(secrets);
            }
            Self::PolicyNew { base } => base.redact(secrets),
            Self::NewestRunWorse { .. }
            | Self::NoCommonRows { .. }
            | Self::NoCommonScores
            | Self::RepeatedCalls
            | Self::ScorersUnknown
            | Self::RowsRemoved { .. }
            | Self::RowsAdded { .. }
            | Self::TrialsDiffer { .. }
            | Self::UsageMayBePartial
            | Self::NoiseExpired { .. }
            | Self::NoPredictCall { .. }
            | Self::NoUsage { .. }
            | Self::NothingCanBlock
            | Self::NothingJudged => {}
        }
    }
}

impl Redact for BaselineHelp {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::TakeSnapshot { path } => path.redact(secrets),
            Self::Evaluate {
                branch,
                attribute,
                until_then: _,
            } => {
                branch.redact(secrets);
                attribute.redact(secrets);
            }
            Self::List { selector } => selector.redact(secrets),
            Self::Name | Self::CheckId => {}
        }
    }
}

impl Redact for RunCause {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::NotFinished { status } => status.redact(secrets),
            Self::Choice { fact } => fact.redact(secrets),
            Self::Failed {
                is_judged: _,
                exception,
            } => exception.redact(secrets),
            Self::WithoutRows
            | Self::Incomplete { .. }
            | Self::CompletenessUnknown
            | Self::Stale { .. }
            | Self::BaselineNewer => {}
        }
    }
}

impl Redact for ScoreCause {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::NoScores { slice, known } => {
                slice.redact(secrets);
                known.redact(secrets);
            }
            Self::MetricNotAvailable { .. }
            | Self::TooFewTrials { .. }
            | Self::OutOfRange { .. }
            | Self::AmbiguousDimension
            | Self::InconsistentCounts => {}
        }
    }
}

impl Redact for SliceCause {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::TooManyValues { input, values: _ }
            | Self::RowsWithoutCluster {
                input,
                lacking: _,
                rows: _,
            } => input.redact(secrets),
            Self::UnknownInput { input, known } => {
                input.redact(secrets);
                known.redact(secrets);
            }
            Self::EmptySlice { slice, values } => {
                slice.redact(secrets);
                for (input, values) in values {
                    input.redact(secrets);
                    values.redact(secrets);
                }
            }
            Self::NoRowInSlice { role: _, slice } => slice.redact(secrets),
            Self::UnknownValues { values } => values.redact(secrets),
        }
    }
}

impl Redact for Advice {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::ConstantScorer {
                dimension,
                score: _,
            } => dimension.redact(secrets),
            Self::FewClusters { input, clusters: _ } => input.redact(secrets),
            Self::LimitBelowNoise { .. }
            | Self::CannotBeProven { .. }
            | Self::LoggerLatency { .. } => {}
        }
    }
}

impl Redact for SetupChange {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::ScorerChanged {
                name,
                fields,
                same: _,
            }
            | Self::EvaluationChanged { name, fields } => {
                name.redact(secrets);
                for field in fields {
                    field.redact(secrets);
                }
            }
            Self::ScorerAdded { name } | Self::ScorerRemoved { name } => name.redact(secrets),
            Self::DatasetChanged { name, before } => {
                name.redact(secrets);
                before.redact(secrets);
            }
        }
    }
}

impl Redact for FieldChange {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Value {
                field,
                before,
                after,
            } => {
                field.redact(secrets);
                before.redact(secrets);
                after.redact(secrets);
            }
            Self::Lines { field, .. } | Self::Version { field } | Self::CodeOf { field } => {
                field.redact(secrets);
            }
            Self::Code | Self::Unread => {}
        }
    }
}

impl Redact for Fact {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::WrongCandidate {
                key,
                expected,
                found,
            } => {
                key.redact(secrets);
                expected.redact(secrets);
                found.redact(secrets);
            }
            Self::NotChecked {
                unresolved,
                in_ci: _,
            } => {
                if let Some(Unresolved { key, variable }) = unresolved {
                    key.redact(secrets);
                    variable.redact(secrets);
                }
            }
            Self::CommitAmbiguous { asked, commits } => {
                asked.redact(secrets);
                commits.redact(secrets);
            }
            Self::SeveralModelVersions { model, versions } => {
                model.redact(secrets);
                versions.redact(secrets);
            }
            Self::NoSharedRow { runs } => runs.iter_mut().for_each(|run| run.redact(secrets)),
            Self::NotNewest { newest: id }
            | Self::RerunRunning { id }
            | Self::LeftOut { id, why: _ }
            | Self::BaselineSkipped { id, why: _ } => id.redact(secrets),
            Self::Excluded { id, reason } => {
                id.redact(secrets);
                reason.redact(secrets);
            }
            Self::UnnamedRuns { runs: _ }
            | Self::SeveralReruns { runs: _ }
            | Self::SameOutputs
            | Self::KeysInOtherOrder => {}
        }
    }
}
