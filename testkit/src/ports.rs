//! Port bases. A lab uses BASE .. BASE+99: 0–4 and 6–9 HDFS, 5 ZooKeeper, 10 master, 20+i RegionServer i, 99 the reservation.

use anyhow::{Result, bail};
use std::net::{Ipv4Addr, TcpListener};

/// Which ports a lab takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// This base and the 99 after it. The caller sees to it that they are free.
    Base(u16),
    /// A free base out of `SEAWALL_LAB_PORTS` (`FIRST-LAST`), else 20000–32600: all below the ephemeral range.
    Free,
}

/// A base, and while this lives no other lab that asks for a free one gets it.
pub(crate) struct Reservation {
    pub(crate) base: u16,
    _listener: Option<TcpListener>,
}

const RESERVATION: u16 = 99;
const USED: [u16; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 21, 22];

pub(crate) fn reserve(ports: Ports) -> Result<Reservation> {
    match ports {
        Ports::Base(base) if (1024..=32600).contains(&base) => Ok(Reservation { base, _listener: bind(base + RESERVATION) }),
        Ports::Base(base) => bail!("port base {base} is not in 1024..=32600"),
        Ports::Free => {
            let (first, last) = range()?;
            // Start somewhere else in each process: two that look at the same time then rarely meet.
            let steps = (last - first) / 100 + 1;
            let offset = (std::process::id() as u16) % steps;
            for step in 0..steps {
                let base = first + (offset + step) % steps * 100;
                let Some(listener) = bind(base + RESERVATION) else { continue };
                if USED.iter().all(|port| bind(base + port).is_some()) {
                    return Ok(Reservation { base, _listener: Some(listener) });
                }
            }
            bail!("no free port base between {first} and {last}")
        }
    }
}

fn bind(port: u16) -> Option<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()
}

fn range() -> Result<(u16, u16)> {
    let Ok(text) = std::env::var("SEAWALL_LAB_PORTS") else { return Ok((20000, 32600)) };
    let parsed = text.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    match parsed {
        Some((first, last)) if 1024 <= first && first <= last && last <= 32600 => Ok((first, last)),
        _ => bail!("SEAWALL_LAB_PORTS={text:?} is not FIRST-LAST within 1024-32600"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_labs_never_share_a_base() {
        let first = reserve(Ports::Free).unwrap();
        let second = reserve(Ports::Free).unwrap();
        assert_ne!(first.base, second.base);
        assert!(first.base.is_multiple_of(100) && second.base <= 32600);
    }

    #[test]
    fn a_base_in_the_ephemeral_range_is_refused() {
        assert!(reserve(Ports::Base(40000)).is_err());
    }
}
