//! Removes secrets from reports before they are rendered.
//!
//! Foreign texts are redacted one by one and before rendering. A secret may equal a word of the report or a part of
//! its markup, so the rendered report cannot be redacted. A renderer may also cut or escape a text, so that the secret
//! in it would no longer be found.

mod cause;

use crate::evidence::RunStatus;
use std::borrow::Cow;
use std::mem;

use serde_json::Value as Json;

use crate::calibration::GroupKey;
use crate::evidence::{
    Answer, Baseline, Detail, Details, Evidence, ListedRun, Raised, Reference, Run, Sort,
};
use crate::fault::Fault;
use crate::input::Value;
use crate::judge::{
    Check, Comparison, Finding, Line, OffendingRow, OffendingRows, RunValue, Slice,
};
use crate::policy::Condition;
use crate::policy::Difference;
use crate::problem::{At, Problem};
use crate::prose::Prose;
use crate::report::{CalibrationReport, Compared, DiffReport, Judged, Report, Section, TestReport};
use crate::secret::Secrets;
use crate::selector::Selector;

impl Report {
    /// The same report with these secrets removed from its foreign texts.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        self.redact(secrets);
        self
    }
}

impl Compared {
    /// The same comparison with these secrets removed from its foreign texts.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        let Self {
            outcome,
            details,
            unexplained,
            same_outputs: _,
        } = &mut self;
        match outcome {
            Ok((comparison, evidence)) => {
                comparison.redact(secrets);
                evidence.redact(secrets);
            }
            Err(fault) => fault.redact(secrets),
        }
        redact_details(details, secrets);
        if let Some(reason) = unexplained {
            redact_message(reason, secrets);
        }
        self
    }
}

impl TestReport {
    /// The same report with these secrets removed from its foreign texts.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        for tested in &mut self.policies {
            tested.policy.path.redact(secrets);
            tested.candidate.0.redact(secrets);
            if let Some((name, _)) = &mut tested.baseline {
                name.redact(secrets);
            }
            for gate in &mut tested.test.gates {
                gate.gate.redact(secrets);
                let checks = gate.cannot_pass.iter_mut().chain(&mut gate.cannot_fail);
                for check in checks {
                    check.redact(secrets);
                }
            }
        }
        self
    }
}

impl DiffReport {
    /// The same report with these secrets removed from its foreign texts.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        self.old.redact(secrets);
        self.new.redact(secrets);
        for difference in &mut self.differences {
            difference.redact(secrets);
        }
        self
    }
}

impl Redact for Difference {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            gate,
            key,
            old,
            new,
            direction: _,
        } = self;
        gate.redact(secrets);
        key.redact(secrets);
        old.redact(secrets);
        new.redact(secrets);
    }
}

impl CalibrationReport {
    /// The same report with these secrets removed from its foreign texts.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        for group in &mut self.groups {
            let GroupKey {
                model,
                evaluation,
                served,
            } = &mut group.key;
            let names = std::mem::take(served).into_iter();
            *served = names
                .map(|mut name| {
                    name.redact(secrets);
                    name
                })
                .collect();
            for (name, version) in model.iter_mut().chain(evaluation) {
                name.redact(secrets);
                version.redact(secrets);
            }
            group.runs.redact(secrets);
            for dimension in &mut group.dimensions {
                dimension.name.redact(secrets);
            }
            for noise in &mut group.checks {
                noise.check.redact(secrets);
            }
        }
        self
    }
}

/// A foreign value with these secrets removed from its texts, including field names.
#[must_use]
pub fn value_without(mut value: Json, secrets: &Secrets) -> Json {
    value.redact(secrets);
    value
}

/// A value that contains foreign texts.
trait Redact {
    fn redact(&mut self, secrets: &Secrets);
}

impl Redact for String {
    fn redact(&mut self, secrets: &Secrets) {
        let redacted = match secrets.redact(self) {
            Cow::Borrowed(_) => return,
            Cow::Owned(redacted) => redacted,
        };
        *self = redacted;
    }
}

impl<T: Redact> Redact for Option<T> {
    fn redact(&mut self, secrets: &Secrets) {
        if let Some(held) = self {
            held.redact(secrets);
        }
    }
}

impl<T: Redact> Redact for Vec<T> {
    fn redact(&mut self, secrets: &Secrets) {
        for held in self {
            held.redact(secrets);
        }
    }
}

impl Redact for Json {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
            Self::String(text) => text.redact(secrets),
            Self::Array(values) => values.redact(secrets),
            Self::Object(map) => {
                let redacted = mem::take(map).into_iter().map(|(mut key, mut value)| {
                    key.redact(secrets);
                    value.redact(secrets);
                    (key, value)
                });
                *map = redacted.collect();
            }
        }
    }
}

impl Redact for Prose {
    fn redact(&mut self, secrets: &Secrets) {
        self.replace_names(|name| name.redact(secrets));
    }
}

/// Redacts a message in which foreign names and the report's own words are not separate.
fn redact_message(message: &mut String, secrets: &Secrets) {
    *message = secrets.redact_rendered(message).into_owned();
}

/// Redacts the contents of rows, and their digests.
fn redact_details(details: &mut Details, secrets: &Secrets) {
    let redacted = mem::take(details)
        .into_iter()
        .map(|(mut digest, mut detail)| {
            digest.redact(secrets);
            detail.redact(secrets);
            (digest, detail)
        });
    *details = redacted.collect();
}

impl Redact for Fault {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            exit: _,
            message,
            help,
            retryable: _,
            problems,
        } = self;
        redact_message(message, secrets);
        if let Some(help) = help {
            redact_message(help, secrets);
        }
        problems.redact(secrets);
    }
}

impl Fault {
    /// The same error with these secrets removed from its foreign texts.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        self.redact(secrets);
        self
    }
}

impl Redact for Problem {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            path,
            at,
            place,
            message,
            help,
            more: _,
            first,
        } = self;
        path.redact(secrets);
        for text in [place, message].into_iter().chain(help) {
            redact_message(text, secrets);
        }
        at.redact(secrets);
        first.redact(secrets);
    }
}

impl Redact for At {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            line: _,
            column: _,
            text,
            width,
        } = self;
        // The marker would be at the wrong place in another line.
        if matches!(secrets.redact(text), Cow::Owned(_)) {
            text.clear();
            *width = 0;
        }
    }
}

impl Redact for Report {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            sections,
            fault,
            skipped,
            arguments,
        } = self;
        for argument in arguments {
            redact_message(argument, secrets);
        }
        sections.redact(secrets);
        fault.redact(secrets);
        if let Some(reason) = skipped {
            redact_message(reason, secrets);
        }
    }
}

impl Redact for Section {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            path,
            sha256: _,
            // It is not shown.
            text: _,
            outcome,
        } = self;
        path.redact(secrets);
        match outcome {
            Ok(judged) => judged.redact(secrets),
            Err(fault) => fault.redact(secrets),
        }
    }
}

impl Redact for Judged {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            judgement,
            evidence,
            offending,
            details,
            unexplained,
            show: _,
        } = self;
        judgement.checks.redact(secrets);
        judgement.findings.redact(secrets);
        evidence.redact(secrets);
        offending.redact(secrets);
        for of_rows in details.values_mut() {
            redact_details(of_rows, secrets);
        }
        if let Some(reason) = unexplained {
            redact_message(reason, secrets);
        }
    }
}

impl Redact for Check {
    fn redact(&mut self, secrets: &Secrets) {
        self.gate.redact(secrets);
        self.subject.redact(secrets);
        self.slice.redact(secrets);
        self.reason.redact(secrets);
        self.runs.redact(secrets);
    }
}

impl Redact for Slice {
    fn redact(&mut self, secrets: &Secrets) {
        let Self { conditions, by } = self;
        conditions.redact(secrets);
        if let Some((input, sort)) = by {
            input.redact(secrets);
            match sort {
                Sort::Value(value) => value.redact(secrets),
                Sort::Absent | Sort::Other => {}
            }
        }
    }
}

impl Redact for Condition {
    fn redact(&mut self, secrets: &Secrets) {
        let Self { input, any_of } = self;
        input.redact(secrets);
        any_of.redact(secrets);
    }
}

impl Redact for Value {
    fn redact(&mut self, secrets: &Secrets) {
        let mut json = self.json();
        json.redact(secrets);
        if let Some(redacted) = Self::of(&json) {
            *self = redacted;
        }
    }
}

impl Redact for Finding {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            effect: _,
            gate,
            against,
            cause,
        } = self;
        gate.redact(secrets);
        against.redact(secrets);
        cause.redact(secrets);
    }
}

impl Redact for OffendingRows {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            check: _,
            rows,
            total: _,
        } = self;
        rows.redact(secrets);
    }
}

impl Redact for OffendingRow {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            digest,
            candidate: _,
            baseline: _,
        } = self;
        digest.redact(secrets);
    }
}

impl Redact for Detail {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            inputs,
            candidate,
            baseline,
        } = self;
        inputs.redact(secrets);
        candidate.redact(secrets);
        baseline.redact(secrets);
    }
}

impl Redact for Answer {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            call,
            output,
            scores,
            raised,
        } = self;
        call.redact(secrets);
        output.redact(secrets);
        scores.redact(secrets);
        for Raised { op, exception } in raised {
            op.redact(secrets);
            exception.redact(secrets);
        }
    }
}

impl Redact for Comparison {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            is_comparable: _,
            lines,
            run_metrics: _,
            rows,
            findings,
        } = self;
        lines.redact(secrets);
        for row in rows.iter_mut().flat_map(|rows| &mut rows.worst) {
            row.digest.redact(secrets);
            for change in &mut row.changes {
                change.subject.redact(secrets);
            }
        }
        findings.redact(secrets);
    }
}

impl Redact for Line {
    fn redact(&mut self, secrets: &Secrets) {
        self.subject.redact(secrets);
    }
}

/// Redacts the parts of the evidence that reports show. Reports do not show totals.
impl Redact for Evidence {
    fn redact(&mut self, secrets: &Secrets) {
        self.candidate.redact(secrets);
        match &mut self.baseline {
            Baseline::Unnamed => {}
            Baseline::NotFound(absence) => absence.redact(secrets),
            Baseline::Found(run, _) => run.redact(secrets),
        }
        self.selection.runs.redact(secrets);
        for compared in self.named.values_mut() {
            compared.redact(secrets);
        }
    }
}

impl Redact for ListedRun {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            role: _,
            left_out: _,
            id,
            display_name,
            commit,
            branch,
            status,
            started_at: _,
            finished_at: _,
            rows: _,
            trials: _,
        } = self;
        id.redact(secrets);
        for text in [display_name, commit, branch] {
            text.redact(secrets);
        }
        status.redact(secrets);
    }
}

impl Redact for RunStatus {
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Other(word) => word.redact(secrets),
            Self::Running | Self::Completed | Self::Failed => {}
        }
    }
}

impl Redact for RunValue {
    fn redact(&mut self, secrets: &Secrets) {
        let Self { id, value: _ } = self;
        id.redact(secrets);
    }
}

impl Redact for Run {
    fn redact(&mut self, secrets: &Secrets) {
        self.id.redact(secrets);
        self.display_name.redact(secrets);
        self.evaluation.redact(secrets);
        self.model.redact(secrets);
        self.status.redact(secrets);
        self.rescored_from.redact(secrets);
        if let Some(choice) = &mut self.choice {
            choice.selector.redact(secrets);
        }
    }
}

impl Redact for Selector {
    fn redact(&mut self, secrets: &Secrets) {
        let Self {
            evaluation,
            model,
            commit,
            branch,
            attributes,
        } = self;
        for text in [evaluation, model, commit, branch] {
            text.redact(secrets);
        }
        for value in attributes.values_mut() {
            value.redact(secrets);
        }
    }
}

impl Redact for Reference {
    fn redact(&mut self, secrets: &Secrets) {
        let Self { name, version } = self;
        name.redact(secrets);
        version.redact(secrets);
    }
}
