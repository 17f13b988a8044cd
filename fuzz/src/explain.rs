//! Fuzzes `explain --from` with a JSON report from an untrusted source.

use weave_gate::report::{Amount, Asked, Style, explain, read};

use super::text::{has_no_command, is_plain, is_told};

/// The maximum number of checks of a report that are explained.
const MOST: usize = 4;

/// Explains checks by their ids, the checks that block, and one check that does not exist.
///
/// # Panics
///
/// Panics if the text is not plain.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(report) = read(text) else {
        return;
    };
    let ids = report.check_ids().take(MOST).map(Some);
    for check in ids.chain([Some("no such check"), None]) {
        for (width, amount) in [(40, Amount::Usual), (80, Amount::All), (120, Amount::Usual)] {
            let asked = Asked {
                check,
                rows: None,
                is_from_file: true,
                arguments: &[],
            };
            let style = Style {
                width,
                amount,
                ..Style::plain()
            };
            match explain(&report, asked, style) {
                Ok(text) => {
                    is_plain(&text);
                    has_no_command(&text);
                    assert!(!text.trim().is_empty());
                }
                Err(fault) => is_told(&fault),
            }
        }
    }
}
