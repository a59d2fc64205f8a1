//! Runs a command as a whole process and reads the operating system's own account of it.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What one run took. CPU seconds include children that the process waited for; memory is the largest single process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_resident_bytes: u64,
}

/// Runs `command` to its end. A non-zero exit is an error: a failed run has no figures.
pub(crate) fn run(command: &mut Command) -> Result<Figures> {
    let shown = format!("{command:?}");
    let started = now();
    let child = command.spawn().with_context(|| shown.clone())?;
    let (status, usage) = wait(child.id())?;
    let wall = started.elapsed();
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(Figures {
        wall_seconds: wall.as_secs_f64(),
        cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak_resident_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

/// The median of each figure by itself.
pub(crate) fn median(runs: &[Figures]) -> Figures {
    let middle = |pick: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        wall_seconds: middle(|run| run.wall_seconds),
        cpu_seconds: middle(|run| run.cpu_seconds),
        peak_resident_bytes: middle(|run| run.peak_resident_bytes as f64) as u64,
    }
}

fn seconds(time: libc::timeval) -> f64 {
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_usec).unwrap_or(0) * 1000).as_secs_f64()
}

#[expect(unsafe_code, reason = "wait4 is the only call that gives one child's resource usage")]
fn wait(pid: u32) -> Result<(ExitStatus, libc::rusage)> {
    let mut status = 0;
    // SAFETY: rusage is plain data for which all zeroes is a value; wait4 writes only to the two places given.
    let (result, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(libc::pid_t::try_from(pid)?, &raw mut status, 0, &raw mut usage), usage)
    };
    if result < 0 {
        return Err(std::io::Error::last_os_error()).context("wait4");
    }
    Ok((ExitStatus::from_raw(status), usage))
}

fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[cfg(test)]
mod tests {
    use super::{Figures, median, run};
    use std::process::Command;

    #[test]
    fn counts_cpu_and_memory_of_a_child_and_refuses_failures() {
        let figures = run(Command::new("sh").args(["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])).expect("runs");
        assert!(figures.cpu_seconds > 0.0 && figures.wall_seconds > 0.0 && figures.peak_resident_bytes > 100_000);
        assert!(run(Command::new("false").arg("-")).is_err());
    }

    #[test]
    fn median_is_taken_figure_by_figure() {
        let runs =
            [3.0, 1.0, 2.0].map(|value| Figures { wall_seconds: value, cpu_seconds: 10.0 - value, peak_resident_bytes: value as u64 });
        let middle = median(&runs);
        assert_eq!((middle.wall_seconds, middle.cpu_seconds, middle.peak_resident_bytes), (2.0, 8.0, 2));
    }
}
