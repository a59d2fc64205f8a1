//! Server names: `host,port,startcode`. The start code (the process's start time in milliseconds) tells two lives of one server apart.

use std::fmt;
use std::str::FromStr;

use crate::NameError;

/// One life of a RegionServer or master.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    pub host: String,
    pub port: u16,
    pub start_code: u64,
}

impl ServerName {
    /// Reads `host,port,startcode`.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let mut parts = name.split(',');
        match (parts.next(), parts.next().map(str::parse), parts.next().map(str::parse), parts.next()) {
            (Some(host), Some(Ok(port)), Some(Ok(start_code)), None) if !host.is_empty() => {
                Ok(Self { host: host.to_owned(), port, start_code })
            }
            _ => Err(NameError::Server { name: name.to_owned() }),
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{},{}", self.host, self.port, self.start_code)
    }
}

impl FromStr for ServerName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_name_reads_back() {
        let name = "node-1.example,16020,1700000000000";
        assert_eq!(ServerName::parse(name).unwrap().to_string(), name);
        for wrong in ["", "h", "h,1", "h,x,1", "h,1,2,3", ",1,2", "h,70000,1"] {
            assert!(ServerName::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
