//! Progress of long work: a bar per phase on a terminal, one line per 10 s elsewhere. Standard error only.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::{Finding, Phase, Work};
use engine::Monitor;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::output::{Output, to_standard_error};

const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// A phase that has begun.
#[derive(Debug)]
struct Running {
    expected: Work,
    done: Work,
    began: Instant,
    bar: Option<ProgressBar>,
}

#[derive(Debug, Default)]
struct Shared {
    running: Mutex<BTreeMap<Phase, Running>>,
}

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    shared: Arc<Shared>,
    bars: Option<MultiProgress>,
    lines: Option<tokio::task::JoinHandle<()>>,
}

impl Progress {
    /// Bars on a terminal, lines elsewhere, nothing when it is not wanted.
    pub(crate) fn new(output: &Output) -> Self {
        let shows = output.shows_progress();
        let on_terminal = std::io::stderr().is_terminal();
        let shared = Arc::new(Shared::default());
        let bars = (shows && on_terminal).then(MultiProgress::new);
        let lines = (shows && !on_terminal).then(|| tokio::spawn(print_lines(shared.clone())));
        Self { shared, bars, lines }
    }

    fn with(&self, phase: Phase, change: impl FnOnce(&mut Running)) {
        let mut running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(phase) = running.get_mut(&phase) {
            change(phase);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(lines) = &self.lines {
            lines.abort();
        }
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }
}

impl Monitor for Progress {
    fn begin(&self, phase: Phase, expected: Work) {
        let bar = self.bars.as_ref().map(|bars| bars.add(new_bar(phase, expected)));
        let entry = Running { expected, done: Work::default(), began: Instant::now(), bar };
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).insert(phase, entry);
    }

    fn advance(&self, phase: Phase, done: Work) {
        self.with(phase, |running| {
            running.done.files += done.files;
            running.done.bytes += done.bytes;
            if let Some(bar) = &running.bar {
                bar.set_position(if running.expected.bytes > 0 { running.done.bytes } else { running.done.files });
            }
        });
    }

    fn end(&self, phase: Phase) {
        let ended = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&phase);
        if let Some(bar) = ended.and_then(|running| running.bar) {
            bar.finish_and_clear();
        }
    }

    fn finding(&self, finding: &Finding) {
        // The report repeats it; who wants it at once asks with -v.
        let log = || tracing::info!("{}: {}", finding.code, finding.message);
        match &self.bars {
            Some(bars) => bars.suspend(log),
            None => log(),
        }
    }
}

fn new_bar(phase: Phase, expected: Work) -> ProgressBar {
    let (length, template) = match expected {
        Work { bytes: 0, files: 0 } => return ProgressBar::new_spinner().with_message(phase.name()),
        Work { bytes: 0, files } => (files, "{msg:<9} {bar:30} {pos}/{len}  {elapsed}"),
        Work { bytes, .. } => (bytes, "{msg:<9} {bar:30} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  ETA {eta}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(phase.name())
}

async fn print_lines(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(LINE_INTERVAL).await;
        let running = shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: String =
            running.iter().map(|(phase, running)| line(*phase, running.expected, running.done, running.began.elapsed())).collect();
        drop(running);
        to_standard_error(&lines);
    }
}

/// `read: 1.2 GiB of 4.0 GiB (30 %), 12 of 40 files, 120 MiB/s, ETA 24 s`.
fn line(phase: Phase, expected: Work, done: Work, elapsed: Duration) -> String {
    let mut text = format!("{}:", phase.name());
    let rate = done.bytes as f64 / elapsed.as_secs_f64().max(0.001);
    if let Some(percent) = done.bytes.saturating_mul(100).checked_div(expected.bytes) {
        text += &format!(" {} of {} ({percent} %),", config::format_bytes(done.bytes), config::format_bytes(expected.bytes));
    }
    if expected.files > 0 {
        text += &format!(" {} of {},", done.files, expected.files);
    }
    if done.bytes > 0 {
        text += &format!(" {}/s,", config::format_bytes(rate as u64));
        let left = expected.bytes.saturating_sub(done.bytes) as f64 / rate;
        if left > 0.0 {
            text += &format!(" ETA {},", crate::times::duration(left as u64));
        }
    }
    text += &format!(" {} so far\n", crate::times::duration(elapsed.as_secs()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_bytes_files_rate_and_time_left() {
        let expected = Work { files: 40, bytes: 4 << 30 };
        let done = Work { files: 12, bytes: 1 << 30 };
        let text = line(Phase::Read, expected, done, Duration::from_secs(10));
        assert_eq!(text, "read: 1.0 GiB of 4.0 GiB (25 %), 12 of 40, 102.4 MiB/s, ETA 30 s, 10 s so far\n");
        assert_eq!(
            line(Phase::Snapshot, Work { files: 3, bytes: 0 }, Work::default(), Duration::from_secs(2)),
            "snapshot: 0 of 3, 2 s so far\n"
        );
    }
}
