//! Starting a process that dies with us.
//!
//! Linux can send a child a signal when its parent *thread* ends. Tests run in threads that come and go, so every owned child is
//! started from one thread that never ends: the signal then means the end of the whole process, SIGKILL included. A detached
//! child (the command line's) gets a session of its own and no such signal.

#![allow(unsafe_code)] // pre_exec is unsafe by nature; both closures below make only async-signal-safe system calls.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

type Job = (Command, Sender<std::io::Result<Child>>);

/// Starts a child that the kernel kills when this process ends, in a process group of its own (so a terminal's Ctrl-C
/// reaches it only through us).
pub(crate) fn owned(mut command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<std::sync::Mutex<Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                // Nobody waits any more: the child is dropped with its pipes, and the death signal still holds.
                let _ = answer.send(command.spawn());
            }
        });
        std::sync::Mutex::new(sender)
    });
    command.process_group(0);
    let parent = std::process::id();
    // SAFETY: prctl and getppid are async-signal-safe and touch no memory of the parent.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            // The parent may have died between fork and prctl; then no signal will come.
            if rustix::process::getppid().is_none_or(|pid| pid.as_raw_nonzero().get() as u32 != parent) {
                return Err(std::io::Error::other("parent is gone"));
            }
            Ok(())
        });
    }
    let (sender, answer) = channel();
    let gone = || std::io::Error::other("the spawner thread is gone");
    spawner.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).send((command, sender)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

/// Starts a child that outlives us.
pub(crate) fn detached(mut command: Command) -> std::io::Result<Child> {
    // SAFETY: setsid is async-signal-safe and touches no memory of the parent.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(())
        });
    }
    command.spawn()
}
