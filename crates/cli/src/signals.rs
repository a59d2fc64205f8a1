//! SIGINT and SIGTERM. The first cancels: work stops at the next safe point and snapshots of ours are removed. The second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use engine::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

use crate::output::to_standard_error;

/// A signal that stops us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    Interrupt,
    Terminate,
}

impl Received {
    /// 128 + the signal's number.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// What was received, and the token that stops the work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    first: Arc<AtomicU8>,
    pub(crate) cancel: CancellationToken,
}

impl Signals {
    /// The first signal received.
    pub(crate) fn received(&self) -> Option<Received> {
        match self.first.load(Ordering::SeqCst) {
            130 => Some(Received::Interrupt),
            143 => Some(Received::Terminate),
            _ => None,
        }
    }

    fn receive(&self, signal: Received) {
        if self.first.compare_exchange(0, signal.exit_code(), Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            to_standard_error("stopping at the next safe point and cleaning up; once more to end at once\n");
            self.cancel.cancel();
        } else {
            std::process::exit(i32::from(signal.exit_code()));
        }
    }
}

/// Starts listening. Must run inside the runtime.
pub(crate) fn install(signals: &Signals) {
    for (kind, received) in [(SignalKind::interrupt(), Received::Interrupt), (SignalKind::terminate(), Received::Terminate)] {
        let signals = signals.clone();
        // Where the handler cannot be set the system's own applies: the process ends at once, as if killed.
        let Ok(mut stream) = signal(kind) else { continue };
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                signals.receive(received);
            }
        });
    }
}
