//! Reports and plans of `api` in the operator's words. Pure: a value in, text out; snapshot-tested.

mod backup;
mod check;
mod fingerprint;
mod list;
mod look;
mod restore;
mod show;
mod status;
mod verify;

use api::Finding;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

pub(crate) use self::backup::{backup_plan, backup_report};
pub(crate) use self::check::check_report;
pub(crate) use self::fingerprint::fingerprint_report;
pub(crate) use self::list::backup_list;
pub(crate) use self::look::look_report;
pub(crate) use self::restore::{restore_plan, restore_report};
pub(crate) use self::show::backup_details;
pub(crate) use self::status::{nagios, status_report};
pub(crate) use self::verify::verify_report;

/// Columns apart by two blanks, no lines; `right` lists the columns of numbers.
pub(crate) fn table(header: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.iter().map(ToString::to_string));
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// `1.4 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    config::format_bytes(count)
}

/// `1 table`, `3 tables`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// One line per finding, its hint below it.
pub(crate) fn findings(title: &str, findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let subject = finding.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
        text += &format!("{title}: {subject}{} [{}]\n", finding.message, finding.code);
        if let Some(hint) = &finding.hint {
            text += &format!("  hint: {hint}\n");
        }
    }
    text
}

/// What a pin proves, in words.
pub(crate) fn head_line(state: &api::RepositoryState) -> String {
    let freshness = if state.pinned {
        "not older than what this machine saw last"
    } else {
        "freshness unproven: this machine has nothing to compare with"
    };
    format!("Repository {} at commit {} ({freshness})\n", state.url, state.head)
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
