//! `verify`: what was read, and what each damage costs.

use api::{Damage, VerifyLevel, VerifyReport};

use super::{bytes, count};
use crate::times;

/// The report.
pub(crate) fn verify_report(report: &VerifyReport) -> String {
    let mut text: String = report.damages.iter().map(damage).collect();
    let what = match report.level {
        VerifyLevel::Quick => "the log, every page, presence and length of every object",
        VerifyLevel::Data => "the log, every page, every stored byte",
    };
    text += &format!("Verified {what}\n");
    text += &format!(
        "{}, {}, {} read in {}\n",
        count(report.backups, "backup"),
        count(report.objects, "object"),
        bytes(report.bytes),
        times::wall(report.seconds)
    );
    text += &if report.damages.is_empty() {
        "No damage found\n".to_string()
    } else {
        format!("{} FOUND\n", count(report.damages.len() as u64, "DAMAGE"))
    };
    let proof = if report.pinned { "not older than what this machine saw last" } else { "freshness unproven" };
    text + &format!("Commit {} ({proof})\n", report.head)
}

fn damage(damage: &Damage) -> String {
    let at = damage.offset.map(|offset| format!(" at {offset}")).unwrap_or_default();
    let mut text = format!("DAMAGE {}{at}: {}\n", damage.object, damage.detail);
    text += &format!("  backups: {}\n", if damage.backups.is_empty() { "none".to_string() } else { damage.backups.join(", ") });
    for region in &damage.affected {
        let range = format!("[{}, {})", region.start_row, region.end_row);
        text += &format!("  {} region {} {range} family {}: {}\n", region.table, region.region, region.family, region.file);
    }
    for record in &damage.records {
        text += &format!("  record: {record}\n");
    }
    text + "\n"
}
