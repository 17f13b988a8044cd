//! One check of a JSON report as text.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::escape::{message, no_command};
use super::rows::NO_OUTPUT;
use crate::fault::Fault;
use crate::number::{full, plural};

/// Explains the check with this id, or the checks of the gate with this name. If there are several, explains those
/// that do not pass.
///
/// # Errors
///
/// There is no such check, or the report has no verdict.
pub fn explain(report: &Value, name: &str) -> Result<String, Fault> {
    let policies = list(report, "policies");
    let checks = policies.iter().flat_map(|policy| {
        let checks = list(policy, "checks").into_iter();
        checks.map(move |check| (*policy, check))
    });
    let checks: Vec<(&Value, &Value)> = checks.collect();
    let named: Vec<(&Value, &Value)> = checks
        .iter()
        .filter(|(_, check)| text(check, "id") == name || text(check, "gate") == name)
        .copied()
        .collect();
    if named.is_empty() {
        return Err(unknown(report, name, &checks));
    }
    let wrong: Vec<(&Value, &Value)> = named
        .iter()
        .filter(|(_, check)| text(check, "status") != "pass")
        .copied()
        .collect();
    let shown = if wrong.is_empty() { named } else { wrong };
    let mut page = String::new();
    for (policy, check) in shown {
        // Writing to a string cannot fail.
        let _ = write(&mut page, policy, check);
    }
    Ok(no_command(&page))
}

/// The error if no check has this name.
fn unknown(report: &Value, name: &str, checks: &[(&Value, &Value)]) -> Fault {
    if checks.is_empty() {
        let why = report
            .get("error")
            .map_or("", |error| text(error, "message"));
        return Fault::evidence(format!("nothing was judged: {why}"));
    }
    let ids: Vec<String> = checks
        .iter()
        .map(|(_, check)| format!("`{}`", text(check, "id")))
        .collect();
    Fault::usage(format!("there is no check `{name}`"))
        .help(format!("name a gate, or one of {}", ids.join(", ")))
}

fn write(page: &mut String, policy: &Value, check: &Value) -> fmt::Result {
    writeln!(page, "{}", message(text(check, "id")))?;
    let word = |key: &str| message(text(check, key));
    writeln!(page, "  {}: {}", word("status"), word("reason"))?;
    let value = |key: &str| number(check.get(key));
    writeln!(
        page,
        "  limit      {} {} on {}, evidence {}",
        word("limit_key"),
        value("limit"),
        word("metric"),
        word("evidence")
    )?;
    if check.get("baseline").is_some_and(Value::is_number) {
        writeln!(page, "  baseline   {}", value("baseline"))?;
    }
    writeln!(
        page,
        "  candidate  {}, {} of {} trials scored",
        value("candidate"),
        value("scored"),
        value("trials")
    )?;
    if check.get("change").is_some_and(Value::is_number) {
        writeln!(page, "  change     {}", value("change"))?;
    }
    if let Some(chance) = check.get("chance").filter(|chance| chance.is_object()) {
        write_chance(page, chance)?;
    }
    writeln!(page, "  policy     {}", message(text(policy, "path")))?;
    for role in ["candidate", "baseline"] {
        let run = policy.get(role).filter(|run| run.is_object());
        let url = run.map_or("", |run| text(run, "url"));
        if !url.is_empty() {
            writeln!(page, "  {role:<10} {}", message(url))?;
        }
    }
    let rows = list(check, "rows");
    if let Some(total) = check.get("rows_behind").and_then(Value::as_u64) {
        let shown = if total > rows.len() as u64 {
            format!(", of which these are the worst {}", rows.len())
        } else {
            String::new()
        };
        writeln!(page, "\n  {} behind it{shown}", plural(total, "row"))?;
    }
    for (place, row) in rows.iter().enumerate() {
        writeln!(
            page,
            "\n  {}. row {}",
            place + 1,
            message(text(row, "digest"))
        )?;
        write_value(page, "input", row.get("inputs"))?;
        for role in ["baseline", "candidate"] {
            if let Some(side) = row.get(role).filter(|side| side.is_object()) {
                write_side(page, role, side)?;
            }
        }
    }
    writeln!(page)
}

fn write_chance(page: &mut String, chance: &Value) -> fmt::Result {
    let value = |key: &str| number(chance.get(key));
    let interval = list(chance, "interval");
    writeln!(
        page,
        "  interval   {} to {} at a confidence of {}, one-sided; {} rows",
        number(interval.first().copied()),
        number(interval.get(1).copied()),
        value("confidence"),
        value("rows")
    )?;
    if chance.get("regressed").is_some_and(Value::is_number) {
        writeln!(
            page,
            "  rows       {} regressed, {} fixed",
            value("regressed"),
            value("fixed")
        )?;
    }
    if chance.get("p").is_some_and(Value::is_number) {
        let corrected = match (chance.get("counted"), chance.get("family")) {
            (Some(Value::Bool(false)), _) => {
                "not counted as a test, since no pattern of these changes would be significant"
                    .to_owned()
            }
            (_, Some(family)) if family.is_number() => {
                format!(
                    "corrected {} (tests counted: {family})",
                    value("adjusted_p")
                )
            }
            _ => "not corrected".to_owned(),
        };
        writeln!(
            page,
            "  p          {}, {corrected}, one-sided, by inverting the interval",
            value("p")
        )?;
    }
    if chance.get("mcnemar_mid_p").is_some_and(Value::is_number) {
        writeln!(
            page,
            "  McNemar    mid-p {}, two-sided",
            value("mcnemar_mid_p")
        )?;
    }
    if chance.get("resolution").is_some_and(Value::is_number) {
        writeln!(
            page,
            "  resolution {}: the smallest change that would show by itself",
            value("resolution")
        )?;
    }
    if chance.get("rows_needed").is_some_and(Value::is_number) {
        writeln!(
            page,
            "  needed     about {} rows of this kind",
            value("rows_needed")
        )?;
    }
    Ok(())
}

fn write_side(page: &mut String, role: &str, side: &Value) -> fmt::Result {
    let score = side.get("score");
    let (scored, trials) = (number(side.get("scored")), number(side.get("trials")));
    writeln!(
        page,
        "     {role}: score {}, {scored} of {trials} trials scored",
        number(score)
    )?;
    for answer in list(side, "answers") {
        let url = text(answer, "url");
        if !url.is_empty() {
            writeln!(page, "       {}", message(url))?;
        }
        write_output(page, answer.get("output"))?;
        write_value(page, "  scores", answer.get("scores"))?;
    }
    Ok(())
}

/// Writes the model's output.
fn write_output(page: &mut String, value: Option<&Value>) -> fmt::Result {
    let no_output = Value::from(NO_OUTPUT);
    let value = value.filter(|value| !value.is_null()).unwrap_or(&no_output);
    write_value(page, "  output", Some(value))
}

/// Writes a value in as many lines as needed: text unchanged, any other value as JSON.
fn write_value(page: &mut String, name: &str, value: Option<&Value>) -> fmt::Result {
    let value = match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    writeln!(page, "     {name}")?;
    let indent = name.len() - name.trim_start().len() + 7;
    for line in value.lines() {
        writeln!(page, "{:indent$}{}", "", message(line))?;
    }
    Ok(())
}

fn list<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    let items = value.get(key).and_then(Value::as_array);
    items.map_or_else(Vec::new, |items| items.iter().collect())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: Option<&Value>) -> String {
    match value.and_then(Value::as_f64) {
        Some(number) => rounded(number),
        None => "none".to_owned(),
    }
}

/// Six significant digits, or all digits of a whole number.
fn rounded(number: f64) -> String {
    let size = number.abs();
    if size.fract() == 0.0 || size < 1e-12 {
        return full(number);
    }
    let decimals = (1..=17).find(|decimals| size * 10_f64.powi(*decimals) >= 1e5);
    let decimals = usize::try_from(decimals.unwrap_or(17)).unwrap_or(6);
    let shown = format!("{number:.decimals$}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}
