//! HBase's RPC: frames and cell blocks as bytes, one multiplexed socket per server and service, and what a server's exceptions
//! mean for the next try.

pub(crate) mod cell_block;
pub(crate) mod exception;
pub(crate) mod frame;
mod handshake;
pub(crate) mod pool;
mod socket;
