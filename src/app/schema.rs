//! `schema`: prints the JSON schemas of policies and reports.

use super::console::Console;
use crate::cli::{Document, SchemaArgs};
use crate::fault::Fault;
use crate::{policy, report};

pub(super) fn run(arguments: &SchemaArgs, console: &Console) -> Result<(), Fault> {
    let schema = match arguments.of {
        Document::Policy => policy::schema(),
        Document::Report => report::report_schema(),
        Document::Comparison => report::comparison_schema(),
        Document::Test => report::test_schema(),
        Document::Diff => report::diff_schema(),
        Document::Calibration => report::calibration_schema(),
    };
    console.print(&format!("{schema:#}\n"))
}
