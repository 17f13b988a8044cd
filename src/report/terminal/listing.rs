//! A list of runs on a terminal: a table that fits its width.

use anstyle::AnsiColor;
use jiff::{SignedDuration, Timestamp};

use super::page::{Page, shortened};
use super::style::Style;
use crate::evidence::{RunInfo, RunStatus};
use crate::number::plural;
use crate::report::escape::no_command;
use crate::report::links;
use crate::report::runs::Listing;
use crate::report::view::short_commit;
use crate::visible::{columns, visible};

/// The fewest characters of an id that are shown.
const SHORTEST_ID: usize = 8;
/// The spaces between two columns.
const GAP: usize = 2;
/// The first column to leave out if not all fit, then the second, and so on.
const DISPENSABLE: [&str; 4] = [BRANCH, TRIALS, COMMIT, AGE];
const RUN: &str = "RUN";
const NAME: &str = "NAME";
const COMMIT: &str = "COMMIT";
const BRANCH: &str = "BRANCH";
const AGE: &str = "AGE";
const STATUS: &str = "STATUS";
const TRIALS: &str = "TRIALS";
/// These two are shown only if nothing is cut.
const EVALUATION: &str = "EVALUATION";
const MODEL: &str = "MODEL";

/// One column of the table, with the width that it gets.
struct Column {
    title: &'static str,
    cells: Vec<String>,
    width: usize,
    /// The width to which its cells can be cut; `None` if they are shown whole.
    least: Option<usize>,
    is_number: bool,
}

/// Renders the list; empty if there are no runs. With [`super::Amount::All`] nothing is cut.
#[must_use]
pub fn render_runs(listing: &Listing<'_>, style: Style) -> String {
    if listing.runs.is_empty() {
        return String::new();
    }
    let whole: Vec<String> = listing
        .runs
        .iter()
        .map(|info| cell(&listing.text(&info.id)))
        .collect();
    let mut table = vec![Column::of(RUN, whole.clone(), None)];
    table.extend(facts(listing));
    if !style.is_all() {
        table.retain(|column| ![EVALUATION, MODEL].contains(&column.title));
    }
    let is_whole = style.is_all() || width(&table) <= style.width;
    if !is_whole {
        let short = short_ids(&whole);
        if let Some(first) = table.first_mut() {
            *first = Column::of(RUN, short, None);
        }
        fit(&mut table, style.width);
    }
    let mut page = Page::new(style);
    let titles = table
        .iter()
        .map(|column| column.padded(column.title, column.title));
    page.line(titles);
    for (place, info) in listing.runs.iter().enumerate() {
        let cells = table.iter().map(|column| {
            let cell = column.cells.get(place).map_or("", String::as_str);
            let cell = shortened(cell, column.width);
            let shown = match column.title {
                RUN => {
                    let url = links::call(&listing.web, listing.project, &info.id);
                    page.link(&cell, url.as_deref())
                }
                STATUS => painted(&page, info, &cell),
                _ => cell.clone(),
            };
            column.padded(&cell, &shown)
        });
        let cells: Vec<String> = cells.collect();
        page.line(cells);
    }
    page.text.push_str(&footer(listing, is_whole));
    no_command(&page.text)
}

impl Column {
    fn of(title: &'static str, cells: Vec<String>, least: Option<usize>) -> Self {
        let widths = cells.iter().map(|cell| columns(cell));
        let width = widths.chain([title.len()]).max().unwrap_or_default();
        Self {
            title,
            cells,
            width,
            least: least.map(|least| least.clamp(title.len(), width)),
            is_number: matches!(title, AGE | TRIALS),
        }
    }

    /// The narrowest width that the column can get.
    fn least(&self) -> usize {
        self.least.unwrap_or(self.width)
    }

    /// The shown form of a cell with the spaces that the cell needs.
    fn padded(&self, cell: &str, shown: &str) -> String {
        let room = self.width.saturating_sub(columns(cell));
        if self.is_number {
            format!("{:room$}{shown}", "")
        } else {
            format!("{shown}{:room$}", "")
        }
    }
}

/// Foreign text for a cell. Its width is measured, so commands of a CI system are broken up before that.
fn cell(text: &str) -> String {
    no_command(&visible(text))
}

/// The columns after the ids.
fn facts(listing: &Listing<'_>) -> Vec<Column> {
    let of = |fact: &dyn Fn(&RunInfo) -> Option<String>| -> Vec<String> {
        let cells = listing.runs.iter().map(fact);
        cells
            .map(|text| text.map_or_else(|| "-".to_owned(), |text| cell(&text)))
            .collect()
    };
    let text = |text: &str| listing.text(text).into_owned();
    let name = |info: &RunInfo| {
        let name = info.display_name.as_deref().or(info.evaluation_name());
        name.map(text)
    };
    let age = |info: &RunInfo| info.started_at.map(|started| age(started, listing.now));
    let status = |info: &RunInfo| info.status.as_ref().map(|status| text(status.word()));
    let commit = |info: &RunInfo| listing.commit(info).map(|commit| short_commit(&commit));
    let trials = |info: &RunInfo| listing.trials(info).map(|count| count.to_string());
    let evaluation = |info: &RunInfo| info.evaluation_name().map(text);
    let model = |info: &RunInfo| info.model.as_ref().map(|model| text(&model.name));
    vec![
        Column::of(NAME, of(&name), Some(12)),
        Column::of(COMMIT, of(&commit), None),
        Column::of(BRANCH, of(&|info| listing.branch(info)), Some(8)),
        Column::of(AGE, of(&age), None),
        Column::of(STATUS, of(&status), None),
        Column::of(TRIALS, of(&trials), None),
        Column::of(EVALUATION, of(&evaluation), None),
        Column::of(MODEL, of(&model), None),
    ]
}

fn width(table: &[Column]) -> usize {
    let widths: usize = table.iter().map(|column| column.width).sum();
    widths + GAP * table.len().saturating_sub(1)
}

/// Cuts names and leaves out columns until the table fits. Ids are never cut further.
fn fit(table: &mut Vec<Column>, room: usize) {
    let least = |table: &[Column]| -> usize {
        let widths: usize = table.iter().map(Column::least).sum();
        widths + GAP * table.len().saturating_sub(1)
    };
    for title in DISPENSABLE {
        if least(table) <= room {
            break;
        }
        table.retain(|column| column.title != title);
    }
    while width(table) > room {
        // The column that has the most to give is cut first.
        let widest = table
            .iter_mut()
            .filter(|column| column.width > column.least())
            .max_by_key(|column| column.width - column.least());
        match widest {
            Some(column) => column.width -= 1,
            None => break,
        }
    }
}

/// The first characters of each id: as many as tell all of them apart.
fn short_ids(ids: &[String]) -> Vec<String> {
    let start = |id: &str, length: usize| -> String { id.chars().take(length).collect() };
    let longest = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0);
    let is_unique = |length: &usize| {
        let mut starts: Vec<String> = ids.iter().map(|id| start(id, *length)).collect();
        starts.sort_unstable();
        starts.dedup();
        // A hyphen at the end would tell nothing.
        starts.len() == ids.len() && !starts.iter().all(|start| start.ends_with('-'))
    };
    let length = (SHORTEST_ID..longest).find(is_unique).unwrap_or(longest);
    ids.iter().map(|id| start(id, length)).collect()
}

/// The time since a run began, in one unit.
fn age(started: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(started).max(SignedDuration::ZERO);
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds if seconds < 48 * 3600 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / (24 * 3600)),
    }
}

fn painted(page: &Page, info: &RunInfo, word: &str) -> String {
    match &info.status {
        Some(RunStatus::Failed) => page.paint(word, AnsiColor::Red),
        Some(RunStatus::Completed) => word.to_owned(),
        Some(RunStatus::Running | RunStatus::Other(_)) | None => {
            page.paint(word, AnsiColor::Yellow)
        }
    }
}

/// How many runs are shown, and of how many.
fn footer(listing: &Listing<'_>, is_whole: bool) -> String {
    let count = listing.runs.len() as u64;
    let is_selected = !listing.selector.is_any();
    let what = if is_selected { "matching run" } else { "run" };
    let (shown, more) = match (listing.has_more, listing.matching) {
        (true, Some(matching)) if matching > count => (
            format!("{count} of {}", plural(matching, what)),
            Some("more with --limit"),
        ),
        (true, _) => (
            format!("{} shown, there are more", plural(count, what)),
            Some("--limit"),
        ),
        (false, _) => match listing.all.filter(|all| is_selected && *all >= count) {
            Some(all) => {
                let verb = if count == 1 { "matches" } else { "match" };
                (format!("{count} of {} {verb}", plural(all, "run")), None)
            }
            None => (plural(count, what), None),
        },
    };
    let ids = (!is_whole).then_some("whole ids with --all");
    let hints: Vec<&str> = [more, ids].into_iter().flatten().collect();
    if hints.is_empty() {
        format!("\n{shown}\n")
    } else {
        format!("\n{shown} ({})\n", hints.join(", "))
    }
}
