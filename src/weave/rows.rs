//! Rows, page by page: each page is decoded while the next one is fetched, and only the numbers that a
//! policy needs are kept. Outputs, inputs and other scores are skipped as they are read.

use std::borrow::Cow;
use std::fmt;
use std::thread;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;

use super::client::{Client, Refusal};
use crate::evidence::{Column, Kind, Role, Rows};
use crate::fault::Fault;

/// Rows of the first page; each further page is as large as the last ones say is good.
const FIRST_PAGE: usize = 100;
const MOST_ROWS: usize = 2_000;
/// Bytes that a page should have: enough that requests cost little, and few enough to hold two.
const GOOD_PAGE: usize = 4 * 1024 * 1024;

/// Reads all rows of one run or of two, the candidate first.
pub(super) fn read(
    client: &Client<'_>,
    path: &str,
    ids: &[&str],
    columns: Vec<Column>,
) -> Result<Rows, Refusal> {
    let mut reader = Reader {
        candidate: ids.first().copied().unwrap_or_default(),
        baseline: ids.get(1).copied(),
        names: Names::new(&columns),
        values: vec![f64::NAN; columns.len()],
        name: String::new(),
        rows: Rows::new(columns),
        total: None,
    };
    // Only with a trial's children its latency is that of its predict call.
    let children = reader.names.latency.is_some();
    let fetch = |offset: usize, limit: usize| {
        let body = json!({
            "evaluation_run_ids": ids,
            "include_rows": true,
            "include_summary": false,
            "include_predict_and_score_children": children,
            "limit": limit,
            "offset": offset,
        });
        client.post_bytes(path, &body)
    };
    let mut limit = FIRST_PAGE;
    let mut page = fetch(0, limit)?;
    loop {
        let (offset, asked) = (reader.rows.len() + limit, limit);
        limit = better(limit, page.len());
        // Whether there is a next page is known once the first was decoded.
        let ahead = reader.total.is_some_and(|total| (offset as u64) < total);
        let next = thread::scope(|scope| {
            let next = ahead.then(|| scope.spawn(|| fetch(offset, limit)));
            let decoded = reader.page(client, &page, asked);
            let next = next.map(|next| {
                next.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            decoded.map(|()| next)
        })?;
        let read = reader.rows.len();
        match next {
            Some(next) => page = next?,
            None if reader.total.is_some_and(|total| read as u64 >= total) => break,
            None => page = fetch(read, limit)?,
        }
    }
    Ok(reader.rows)
}

/// How many rows the next page should have, from what this one weighs.
fn better(rows: usize, bytes: usize) -> usize {
    let good = rows.saturating_mul(GOOD_PAGE) / bytes.max(1);
    good.clamp(rows / 2, rows * 4).clamp(10, MOST_ROWS)
}

fn contradiction(what: &str) -> Refusal {
    Refusal::Fault(
        Fault::evidence(format!(
            "the answers of Weave contradict each other: {what}"
        ))
        .help("was a run still being written? judge it again when it has finished"),
    )
}

struct Reader<'a> {
    candidate: &'a str,
    baseline: Option<&'a str>,
    names: Names,
    /// The trial that is being read.
    values: Vec<f64>,
    /// The dimension that is being read.
    name: String,
    rows: Rows,
    total: Option<u64>,
}

impl Reader<'_> {
    fn page(&mut self, client: &Client<'_>, bytes: &[u8], asked: usize) -> Result<(), Refusal> {
        let before = self.rows.len() as u64;
        let page: Page<'_> = client.decode(bytes)?;
        if *self.total.get_or_insert(page.total_rows) != page.total_rows {
            return Err(contradiction("a run grew while it was read"));
        }
        let whole = page.total_rows.saturating_sub(before).min(asked as u64);
        if page.rows.len() as u64 != whole {
            return Err(contradiction("a page repeats or loses rows"));
        }
        page.rows.iter().try_for_each(|row| self.row(client, row))
    }

    fn row(&mut self, client: &Client<'_>, row: &OneRow<'_>) -> Result<(), Refusal> {
        // Rows are sorted by digest: one that is not above the last was repeated or lost.
        let ascends = self
            .rows
            .last_digest()
            .is_none_or(|last| *last < *row.row_digest);
        if !ascends {
            return Err(contradiction("a page repeats or loses rows"));
        }
        let (mut ours, mut theirs) = (0, 0);
        for run in &row.evaluations {
            let Some(role) = self.role(&run.evaluation_call_id) else {
                continue;
            };
            let count = match role {
                Role::Candidate => &mut ours,
                Role::Baseline => &mut theirs,
            };
            for trial in &run.trials {
                *count += 1;
                self.values.fill(f64::NAN);
                let scores = Scores {
                    names: &self.names,
                    name: &mut self.name,
                    values: &mut self.values,
                };
                client.decode_seed(trial.scores.get().as_bytes(), scores)?;
                let latency = self
                    .names
                    .latency
                    .and_then(|place| self.values.get_mut(place));
                if let (Some(slot), Some(seconds)) = (latency, trial.model_latency_seconds) {
                    *slot = seconds;
                }
                self.rows.push(role, &self.values);
            }
        }
        if ours + theirs == 0 {
            return Err(contradiction("a row has no trials"));
        }
        self.rows.end_row(&row.row_digest, ours, theirs);
        Ok(())
    }

    fn role(&self, id: &str) -> Option<Role> {
        if id == self.candidate {
            Some(Role::Candidate)
        } else if Some(id) == self.baseline {
            Some(Role::Baseline)
        } else {
            None
        }
    }
}

/// Where the columns are found in a trial's scores.
struct Names {
    /// Dimensions, sorted, with the places of their columns.
    sorted: Vec<(String, Places)>,
    /// The column that says whether there is any score.
    anything: Option<usize>,
    /// The column of seconds.
    latency: Option<usize>,
}

/// The columns of one dimension.
#[derive(Clone, Copy, Default)]
struct Places {
    truth: Option<usize>,
    number: Option<usize>,
    scored: Option<usize>,
}

impl Names {
    fn new(columns: &[Column]) -> Self {
        let mut sorted: Vec<(String, Places)> = Vec::new();
        let (mut anything, mut latency) = (None, None);
        for (place, column) in columns.iter().enumerate() {
            let of_trial = match column.kind {
                Kind::Anything => Some(&mut anything),
                Kind::Latency => Some(&mut latency),
                Kind::Truth | Kind::Number | Kind::Scored => None,
            };
            if let Some(slot) = of_trial {
                *slot = Some(place);
                continue;
            }
            let found = sorted
                .iter()
                .position(|(name, _)| *name == column.dimension);
            let at = found.unwrap_or_else(|| {
                sorted.push((column.dimension.clone(), Places::default()));
                sorted.len() - 1
            });
            if let Some((_, places)) = sorted.get_mut(at) {
                match column.kind {
                    Kind::Truth => places.truth = Some(place),
                    Kind::Number => places.number = Some(place),
                    Kind::Scored => places.scored = Some(place),
                    Kind::Anything | Kind::Latency => {}
                }
            }
        }
        sorted.sort_by(|one, other| one.0.cmp(&other.0));
        Self {
            sorted,
            anything,
            latency,
        }
    }

    fn get(&self, name: &str) -> Option<Places> {
        let found = self
            .sorted
            .binary_search_by(|(known, _)| known.as_str().cmp(name));
        found
            .ok()
            .and_then(|at| self.sorted.get(at))
            .map(|(_, places)| *places)
    }

    /// Whether any dimension is, or lies in, what has this name.
    fn leads(&self, name: &str) -> bool {
        let from = self
            .sorted
            .partition_point(|(known, _)| known.as_str() < name);
        self.sorted
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|(known, _)| known.starts_with(name))
            .any(|(known, _)| {
                known.len() == name.len() || known.as_bytes().get(name.len()) == Some(&b'.')
            })
    }
}

/// A page of rows. What is not named here is skipped: outputs and raw inputs above all.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    rows: Vec<OneRow<'a>>,
    total_rows: u64,
}

#[derive(Deserialize)]
struct OneRow<'a> {
    #[serde(borrow)]
    row_digest: Cow<'a, str>,
    #[serde(borrow)]
    evaluations: Vec<OfRun<'a>>,
}

#[derive(Deserialize)]
struct OfRun<'a> {
    #[serde(borrow)]
    evaluation_call_id: Cow<'a, str>,
    #[serde(borrow)]
    trials: Vec<Trial<'a>>,
}

#[derive(Deserialize)]
struct Trial<'a> {
    #[serde(borrow)]
    scores: &'a RawValue,
    #[serde(default)]
    model_latency_seconds: Option<f64>,
}

/// The scores of a trial, or what stands at one of their keys: numbers go where their columns are.
struct Scores<'a> {
    names: &'a Names,
    name: &'a mut String,
    values: &'a mut [f64],
}

impl Scores<'_> {
    fn set(&mut self, kind: Kind, value: f64) {
        let places = self.names.get(self.name).unwrap_or_default();
        let place = match kind {
            Kind::Truth => places.truth,
            Kind::Number => places.number,
            Kind::Scored | Kind::Anything | Kind::Latency => None,
        };
        let anything = self.names.anything;
        for (place, value) in [(place, value), (places.scored, 1.0), (anything, 1.0)] {
            if let Some(slot) = place.and_then(|place| self.values.get_mut(place)) {
                *slot = value;
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Scores<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scores<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scores")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let outer = self.name.len();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if outer > 0 {
                self.name.push('.');
            }
            self.name.push_str(&key);
            if self.names.anything.is_some() || self.names.leads(self.name) {
                map.next_value_seed(Scores {
                    names: self.names,
                    name: self.name,
                    values: self.values,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            self.name.truncate(outer);
        }
        Ok(())
    }

    fn visit_bool<E>(mut self, value: bool) -> Result<(), E> {
        self.set(Kind::Truth, f64::from(u8::from(value)));
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        self.set(Kind::Number, value);
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the server's means are floating point, too"
    )]
    fn visit_u64<E>(mut self, value: u64) -> Result<(), E> {
        self.set(Kind::Number, value as f64);
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the server's means are floating point, too"
    )]
    fn visit_i64<E>(mut self, value: i64) -> Result<(), E> {
        self.set(Kind::Number, value as f64);
        Ok(())
    }

    fn visit_str<E>(mut self, _: &str) -> Result<(), E> {
        self.set(Kind::Scored, 1.0);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // Lists add nothing.
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(dimension: &str, kind: Kind) -> Column {
        Column {
            dimension: dimension.to_owned(),
            kind,
        }
    }

    #[test]
    fn scores_go_where_their_columns_are() {
        let columns = [
            column("a.b", Kind::Truth),
            column("a.c", Kind::Number),
            column("plain", Kind::Truth),
            column("plain", Kind::Number),
            column("text", Kind::Scored),
            column("list", Kind::Scored),
            column("a-b", Kind::Number),
        ];
        let names = Names::new(&columns);
        let read = |text: &str| {
            let mut values = vec![f64::NAN; columns.len()];
            let scores = Scores {
                names: &names,
                name: &mut String::new(),
                values: &mut values,
            };
            scores
                .deserialize(&mut serde_json::Deserializer::from_str(text))
                .unwrap();
            let shown = values.iter().map(f64::to_string);
            shown.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            read(
                r#"{"a": {"b": true, "c": -3, "d": {"e": 1}}, "plain": 2, "text": "x", "other": {"a": 1}}"#
            ),
            "1 -3 NaN 2 1 NaN NaN"
        );
        assert_eq!(
            read(
                r#"{"a.b": false, "a-b": 1.5, "plain": true, "text": null, "list": [1, 2], "ab": 1}"#
            ),
            "0 NaN 1 NaN NaN NaN 1.5"
        );
        assert_eq!(read("{}"), "NaN NaN NaN NaN NaN NaN NaN");
    }

    #[test]
    fn pages_grow_to_a_good_size_and_no_further() {
        assert_eq!(better(100, 100 * 1024), 400);
        assert_eq!(better(100, 100 * 1024 * 1024), 50);
        assert_eq!(better(2_000, 1), MOST_ROWS);
        assert_eq!(better(10, usize::MAX), 10);
    }
}
