//! RTSP clients: how many there may be, and the end of their sessions.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use gst::glib;
use gst_rtsp_server::{RTSPClient, RTSPServer, RTSPSession, RTSPSessionPool, prelude::*};
use socket2::{SockRef, TcpKeepalive};

use crate::{connections::Connections, log::log, options::Limits};

/// Most sessions of one connection: clients need one.
const MAX_OF_ONE_CONNECTION: usize = 4;
/// A peer that acknowledges nothing for so long is gone.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval of the search for sessions with a silent client.
const CLEAN_UP_SECONDS: u32 = 5;

/// Clients of one server.
#[derive(Clone)]
pub struct Clients(Arc<State>);

/// A second handle of a connection's socket, to end it from outside.
type Handle = Arc<TcpStream>;

struct State {
    server: RTSPServer,
    /// Most connections, and most of one peer.
    limit: u16,
    share: u16,
    connections: Mutex<Connections<Handle>>,
    /// The connection that is being handed to the server.
    arriving: Mutex<Option<(u64, Handle)>>,
    /// Set while connections are refused, of which only the first is logged.
    refused: Mutex<bool>,
}

impl Clients {
    pub fn new(server: RTSPServer, limits: &Limits) -> Result<Self> {
        let (limit, share) = (limits.max_connections, limits.max_connections_of_one);
        let pool = server.session_pool().context("a server has sessions")?;
        // As many as connections: those that open more end.
        pool.set_max_sessions(limit.into());
        let cleaned = pool.clone();
        glib::timeout_add_seconds(CLEAN_UP_SECONDS, move || {
            cleaned.cleanup();
            glib::ControlFlow::Continue
        });
        let clients = Self(Arc::new(State {
            server: server.clone(),
            limit,
            share,
            connections: Mutex::new(Connections::new(limit.into(), share.into())),
            arriving: Mutex::default(),
            refused: Mutex::default(),
        }));
        let state = Arc::downgrade(&clients.0);
        server.connect_client_connected(move |_, client| {
            // The server calls this while `admit` hands it a connection.
            let Some(state) = state.upgrade() else { return };
            let arriving = lock(&state.arriving).take();
            if let Some((id, handle)) = arriving {
                log!("a client connected");
                follow(&Self(state), client, id, handle, &pool);
            }
        });
        Ok(clients)
    }

    /// Hands a connection to the server, unless there are too many.
    ///
    /// # Errors
    ///
    /// Something is used up that every connection needs, such as descriptors.
    pub fn admit(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let ip = peer.ip().to_string();
        let handle = Arc::new(stream.try_clone()?);
        let Some(admitted) = lock(&self.0.connections).admit(peer.ip(), handle.clone()) else {
            if !std::mem::replace(&mut *lock(&self.0.refused), true) {
                let (limit, share) = (self.0.limit, self.0.share);
                log!(
                    "warning: a client of {ip} was refused: {share} of one address and {limit} in all may play \
                     (--max-connections-of-one, --max-connections)"
                );
            }
            return Ok(());
        };
        *lock(&self.0.refused) = false;
        if let Some(evicted) = admitted.evicted {
            end(&evicted);
        }
        *lock(&self.0.arriving) = Some((admitted.id, handle));
        if let Err(error) = self.hand_over(stream, &ip, peer.port()) {
            log!("warning: a client of {ip} was refused: {error:#}");
            lock(&self.0.connections).remove(admitted.id);
        }
        *lock(&self.0.arriving) = None;
        Ok(())
    }

    fn hand_over(&self, stream: TcpStream, ip: &str, port: u16) -> Result<()> {
        let options = SockRef::from(&stream);
        options.set_tcp_user_timeout(Some(PEER_TIMEOUT))?;
        options.set_tcp_keepalive(&TcpKeepalive::new().with_time(PEER_TIMEOUT))?;
        stream.set_nonblocking(true)?;
        let socket = gio::Socket::from_fd(stream.into())?;
        let server = &self.0.server;
        Ok(server.transfer_connection(socket, ip, i32::from(port), None)?)
    }

    /// Ends the oldest connection that does not play.
    pub fn make_room(&self) {
        if let Some(evicted) = lock(&self.0.connections).evict_oldest() {
            end(&evicted);
        }
    }
}

/// Ends a connection: its thread sees the end of the stream, and does the rest.
fn end(handle: &TcpStream) {
    let _ = handle.shutdown(Shutdown::Both);
}

/// Follows a client until its connection ends, and its sessions with it.
fn follow(clients: &Clients, client: &RTSPClient, id: u64, handle: Handle, pool: &RTSPSessionPool) {
    let sessions = Arc::<Mutex<Vec<glib::WeakRef<RTSPSession>>>>::default();
    let opened = sessions.clone();
    client.connect_new_session(move |_, session| {
        let mut sessions = lock(&opened);
        sessions.retain(|session| session.upgrade().is_some());
        sessions.push(session.downgrade());
        if sessions.len() > MAX_OF_ONE_CONNECTION {
            log!("warning: a client was disconnected: it opened more than {MAX_OF_ONE_CONNECTION} sessions");
            end(&handle);
        }
    });
    let settle = |settled: bool| {
        let clients = clients.clone();
        move |_: &RTSPClient, _: &gst_rtsp_server::RTSPContext| {
            lock(&clients.0.connections).set_settled(id, settled);
        }
    };
    client.connect_play_request(settle(true));
    client.connect_pause_request(settle(false));
    client.connect_teardown_request(settle(false));
    let (clients, pool) = (clients.clone(), pool.clone());
    client.connect_closed(move |_| {
        log!("a client disconnected");
        lock(&clients.0.connections).remove(id);
        for session in lock(&sessions).drain(..) {
            if let Some(session) = session.upgrade() {
                let _ = pool.remove(&session);
            }
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
