//! Announces the Wyoming server in the local network by mDNS, as Home Assistant looks for it.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use gst::glib;
use mdns_sd::{DaemonEvent, IfKind, Receiver, ServiceDaemon, ServiceInfo};

use crate::log::log;

const SERVICE: &str = "_wyoming._tcp.local.";
/// Longest name of a service, in bytes: a label of DNS.
const LONGEST_NAME: usize = 63;
/// Longest wait for the farewell at the end of the program.
const FAREWELL: Duration = Duration::from_secs(1);

/// Refuses an announcement that could not help anybody.
///
/// # Errors
/// The name is empty or too long, or the address is one that other machines do not reach.
pub fn check(name: &str, address: SocketAddr) -> Result<()> {
    if address.ip().is_loopback() {
        bail!(
            "--zeroconf: no other machine reaches {address}: give --wyoming an address of the network, such as 0.0.0.0:10200"
        );
    }
    ensure!(
        name.len() <= LONGEST_NAME && !name.contains(char::is_control),
        "--zeroconf {name:?}: expected a name of at most {LONGEST_NAME} bytes without control characters"
    );
    Ok(())
}

/// A service that is announced until this is dropped.
pub struct Announcement(ServiceDaemon);

impl Announcement {
    /// Announces the server at `address` under `name`; empty, it is named after this machine.
    ///
    /// A later refusal by the network is only logged.
    ///
    /// # Errors
    /// There is no thread, or the system's name is none.
    pub fn new(name: &str, address: SocketAddr) -> Result<Self> {
        let daemon = ServiceDaemon::new().context("starting the announcement by mDNS")?;
        let announcement = Self(daemon);
        let machine = machine();
        let name = match name {
            "" => format!("cosyvoice3 on {machine}"),
            name => name.to_owned(),
        };
        // Names of its own for service and machine: another responder may hold the machine's usual name.
        let host = format!("cosyvoice3-{machine}.local.");
        let service = service(&name, &host, address)?;
        announcement.choose_interfaces(address)?;
        let events = announcement.0.monitor()?;
        thread::Builder::new()
            .name("zeroconf".into())
            .spawn(move || report(&events))
            .context("starting the thread for mDNS")?;
        announcement.0.register(service)?;
        Ok(announcement)
    }

    /// Only interfaces at which the server can be reached from another machine.
    fn choose_interfaces(&self, address: SocketAddr) -> Result<()> {
        let daemon = &self.0;
        if !address.ip().is_unspecified() {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(IfKind::Addr(address.ip()))?;
            return Ok(());
        }
        daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
        if address.is_ipv4() {
            daemon.disable_interface(IfKind::IPv6)?;
        }
        Ok(())
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // It takes the service back first, so that nobody goes on offering it.
        if let Ok(ended) = self.0.shutdown() {
            let _ = ended.recv_timeout(FAREWELL);
        }
    }
}

fn service(name: &str, host: &str, address: SocketAddr) -> Result<ServiceInfo> {
    let own_addresses = address.ip().is_unspecified();
    let ip = match own_addresses {
        true => String::new(),
        false => address.ip().to_string(),
    };
    let service = ServiceInfo::new(
        SERVICE,
        name,
        host,
        ip.as_str(),
        address.port(),
        None::<std::collections::HashMap<String, String>>,
    )
    .with_context(|| format!("announcing {name:?} by mDNS"))?;
    Ok(match own_addresses {
        true => service.enable_addr_auto(),
        false => service,
    })
}

/// This machine's name, as a label of DNS.
fn machine() -> String {
    let name = glib::host_name();
    let name = name.split('.').next().unwrap_or_default();
    name.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(40)
        .collect()
}

/// Writes to the log what becomes of the announcement.
fn report(events: &Receiver<DaemonEvent>) {
    let mut announced = false;
    for event in events {
        match event {
            DaemonEvent::Announce(name, _) if !announced => {
                announced = true;
                log!("announced in the network by mDNS: {name}");
            }
            DaemonEvent::NameChange(change) => {
                log!(
                    "warning: the name {} is taken in the network: announced as {}",
                    change.original,
                    change.new_name
                );
            }
            DaemonEvent::Error(error) => log!("warning: mDNS: {error}"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_other_machines_reach_is_announced() {
        let checked = |name: &str, address: &str| check(name, address.parse().unwrap());
        for address in ["0.0.0.0:10200", "[::]:10200", "192.0.2.7:10200"] {
            assert!(checked("", address).is_ok() && checked("Кухня", address).is_ok());
        }
        for address in ["127.0.0.1:10200", "[::1]:10200"] {
            let error = checked("", address).unwrap_err().to_string();
            assert!(error.contains("--wyoming"), "{error}");
        }
        for name in ["a\nb", &"x".repeat(64)] {
            let error = checked(name, "0.0.0.0:1").unwrap_err().to_string();
            assert!(error.contains("at most 63 bytes"), "{error}");
        }
    }

    #[test]
    fn the_machines_name_is_a_label() {
        let name = machine();
        assert!(name.len() <= 40 && !name.contains('.'), "{name}");
    }
}
