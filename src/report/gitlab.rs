//! GitLab's reports: links on a job, and metrics that a merge request compares.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::json;

use super::escape::label;
use super::{Judged, Report, links};
use crate::evidence::Baseline;
use crate::judge::{Check, Status};
use crate::visible::visible;

/// The value that a metric family has for a check; `None` if it has none.
type Value = fn(&Check) -> Option<f64>;

/// Links to the runs, for `artifacts:reports:annotations`.
///
/// # Errors
///
/// No known errors.
pub fn annotations(report: &Report) -> Result<String, serde_json::Error> {
    let mut found = Vec::new();
    let mut add = |name: String, url: Option<String>| {
        let link = url.map(|url| json!({"external_link": {"label": name, "url": url}}));
        found.extend(link.filter(|link| !found.contains(link)));
    };
    for section in &report.sections {
        let Ok(judged) = &section.outcome else {
            continue;
        };
        let evidence = &judged.evidence;
        let candidate = &evidence.candidate;
        add(
            format!("candidate {}", visible(&candidate.id)),
            links::run(candidate),
        );
        if let Baseline::Found(baseline, _) = &evidence.baseline {
            add(
                format!("baseline {}", visible(&baseline.id)),
                links::run(baseline),
            );
            let both = "both runs side by side".to_owned();
            add(both, links::comparison(candidate, baseline));
        }
    }
    super::json::text(&json!({ "Weave": found }))
}

/// The measured values as OpenMetrics text, for `artifacts:reports:metrics`. GitLab compares the values as text, so
/// they have a fixed number of decimals.
#[must_use]
pub fn metrics(report: &Report) -> String {
    let mut text = format!("weave_gate_exit_code {}\n", report.exit().code());
    let checks: Vec<(String, &Check)> = labelled(report);
    let families: [(&str, Value); 4] = [
        ("weave_gate_status", |check| {
            Some(match check.status {
                Status::Pass => 0.0,
                Status::Fail => 1.0,
                Status::Undecided => 2.0,
                Status::Waived => 3.0,
                Status::Skipped => 4.0,
            })
        }),
        ("weave_gate_candidate", |check| {
            check.candidate.and_then(|measure| measure.observed)
        }),
        ("weave_gate_baseline", |check| {
            check.baseline.and_then(|measure| measure.observed)
        }),
        ("weave_gate_change", Check::change),
    ];
    for (family, value) in families {
        for (labels, check) in &checks {
            if let Some(value) = value(check).filter(|value| value.is_finite()) {
                // Writing to a string cannot fail. Adding zero removes the sign of a negative zero.
                let _ = writeln!(text, "{family}{{{labels}}} {:.6}", value + 0.0);
            }
        }
    }
    text + "# EOF\n"
}

/// Every check with its labels; each set of labels occurs once.
fn labelled(report: &Report) -> Vec<(String, &Check)> {
    let judged = report.sections.iter().filter_map(|section| {
        let judged: &Judged = section.outcome.as_ref().ok()?;
        Some((&section.path, judged))
    });
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for (path, judged) in judged {
        for check in &judged.judgement.checks {
            let mut parts = vec![("policy", path.clone()), ("gate", check.gate.clone())];
            parts.extend(check.subject.clone().map(|subject| ("subject", subject)));
            parts.extend(
                check
                    .slice
                    .as_ref()
                    .map(|slice| ("slice", slice.to_string())),
            );
            parts.push(("metric", check.metric.word().to_owned()));
            parts.push(("limit", check.limit.key.word().to_owned()));
            let parts: Vec<String> = parts
                .into_iter()
                .map(|(name, value)| format!("{name}=\"{}\"", label(&value)))
                .collect();
            // Two different names may become the same label.
            let plain = parts.join(",");
            let mut labels = plain.clone();
            let mut number = 2;
            while !known.insert(labels.clone()) {
                labels = format!("{plain},number=\"{number}\"");
                number += 1;
            }
            found.push((labels, check));
        }
    }
    found
}
