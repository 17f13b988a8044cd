//! How a report is shown on a terminal.

/// The width of the report where that of the terminal is unknown, in columns.
pub const USUAL_WIDTH: usize = 80;

/// How much a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Only what blocks.
    Brief,
    /// Only what blocks, with all its rows.
    BriefAll,
    /// The checks that did not pass, and their worst rows.
    Usual,
    /// All checks, rows, findings and hints.
    All,
}

/// How the report is shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether to use colors.
    pub color: bool,
    /// How much to show.
    pub amount: Amount,
    /// Whether names are links to their pages.
    pub links: bool,
    /// The width of the lines, in columns.
    pub width: usize,
}

impl Style {
    pub(super) const fn is_brief(self) -> bool {
        matches!(self.amount, Amount::Brief | Amount::BriefAll)
    }

    /// Whether nothing of what is shown is cut.
    pub(in crate::report) const fn is_all(self) -> bool {
        matches!(self.amount, Amount::All | Amount::BriefAll)
    }

    /// Whether the whole report is shown, also what does not block.
    pub(super) const fn is_whole(self) -> bool {
        matches!(self.amount, Amount::All)
    }

    /// Text without colors or links, 80 columns wide.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            color: false,
            amount: Amount::Usual,
            links: false,
            width: USUAL_WIDTH,
        }
    }
}
