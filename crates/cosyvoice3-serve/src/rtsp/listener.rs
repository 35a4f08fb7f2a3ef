//! Accepting RTSP connections in the default main context.
//!
//! gst-rtsp-server could do it, but it has no limits, and without free file descriptors it tries again without a pause.

use std::{io, net::TcpListener, os::fd::AsRawFd, time::Duration};

use gst::glib;

use super::clients::Clients;
use crate::{descriptors, log::log};

/// Pause while no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(500);

/// Passes the connections of `socket` to `clients` until the program ends.
pub fn attach(socket: TcpListener, clients: Clients) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    watch(Listener {
        socket,
        clients,
        exhausted: false,
    });
    Ok(())
}

struct Listener {
    socket: TcpListener,
    clients: Clients,
    /// Set while connections cannot be accepted, of which only the first attempt is logged.
    exhausted: bool,
}

fn watch(listener: Listener) {
    let descriptor = listener.socket.as_raw_fd();
    // Taken out by the call that ends the watch.
    let mut listener = Some(listener);
    glib_unix::unix_fd_add_local(descriptor, glib::IOCondition::IN, move |_, _| {
        if listener.as_mut().is_some_and(Listener::accept) {
            return glib::ControlFlow::Continue;
        }
        if let Some(listener) = listener.take() {
            glib::timeout_add_local_once(PAUSE, move || watch(listener));
        }
        glib::ControlFlow::Break
    });
}

impl Listener {
    /// Accepts the connection that waits; whether to go on without a pause.
    fn accept(&mut self) -> bool {
        // Before, so that a client with whom nothing could be begun stays in the kernel's queue.
        let admitted = descriptors::check_spare(&self.socket)
            .and_then(|()| self.socket.accept())
            .and_then(|(stream, peer)| self.clients.admit(stream, peer));
        let Err(error) = admitted else {
            self.exhausted = false;
            return true;
        };
        match error.kind() {
            // The client has gone already.
            io::ErrorKind::WouldBlock
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::Interrupted => true,
            _ => {
                if !self.exhausted {
                    log!("warning: RTSP connections cannot be accepted: {error}");
                }
                self.exhausted = true;
                self.clients.make_room();
                false
            }
        }
    }
}
