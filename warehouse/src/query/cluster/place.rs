//! Where a part of a cluster is reached.

use std::fmt;
use std::str::FromStr;

/// A host and a port, `10.0.0.5:50050`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    host: String,
    port: u16,
}

/// Why a text is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no address: write host:port, such as 127.0.0.1:50050")]
pub struct NotAPlace(String);

impl Place {
    /// The host; an address of IPv6 is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let wrong = || NotAPlace(text.chars().take(80).filter(|c| !c.is_control()).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_name = |host: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            !host.is_empty() && host.chars().all(plain)
        };
        let is_host = match inside {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_name(host),
        };
        if port == 0 || !is_host {
            return Err(wrong());
        }
        Ok(Place { host: host.to_owned(), port })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:50050", "scheduler.example.com:1", "[::1]:65535"] {
            assert_eq!(good.parse::<Place>().unwrap().to_string(), good);
        }
        for bad in ["", "host", "host:", ":50050", "host:0", "host:70000", "::1:50050", "a/b:1"] {
            let error = bad.parse::<Place>().unwrap_err();
            assert!(error.to_string().contains("write host:port"), "{bad}: {error}");
        }
    }
}
