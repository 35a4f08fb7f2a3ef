//! Wyoming, the protocol of Home Assistant's voices, on a port of its own.
//!
//! Connections are tasks of one thread, counted and bounded like those of HTTP. The protocol has no keys.

mod event;
mod session;
mod zeroconf;

use std::{cell::RefCell, rc::Rc, thread};

use anyhow::{Context, Result};
use tokio::{
    net::TcpListener,
    task::{AbortHandle, LocalSet, spawn_local},
    time::sleep,
};

use crate::{Arguments, Service, connections::Connections, log::log, print};

pub use zeroconf::{Announcement, check as check_announcement};

/// Pause while no connection can be accepted.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Serves until the program ends, if an address is given. Where the server is to be announced in the network, it is so for
/// as long as the caller keeps what is returned.
///
/// # Errors
/// The address is taken, or a thread cannot be started.
pub fn serve(arguments: &Arguments, service: &Service) -> Result<Option<Announcement>> {
    let Some(address) = arguments.wyoming else {
        return Ok(None);
    };
    let listening = || format!("listening at {address}");
    let socket = std::net::TcpListener::bind(address).with_context(listening)?;
    socket.set_nonblocking(true).with_context(listening)?;
    let address = socket.local_addr().with_context(listening)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime for Wyoming")?;
    let service = service.clone();
    thread::Builder::new()
        .name("wyoming".into())
        .spawn(move || {
            runtime.block_on(async {
                match TcpListener::from_std(socket) {
                    Ok(socket) => LocalSet::new().run_until(accept(socket, service)).await,
                    Err(error) => log!("error: Wyoming is not served: {error}"),
                }
            })
        })
        .context("starting the thread for Wyoming")?;
    print(&format!("tcp://{address}"));
    let announce = |name: &String| Announcement::new(name, address);
    arguments.zeroconf.as_ref().map(announce).transpose()
}

async fn accept(listener: TcpListener, service: Service) {
    let limits = &service.limits;
    let tasks = Rc::new(RefCell::new(Connections::<AbortHandle>::new(
        limits.max_connections.into(),
        limits.max_connections_of_one.into(),
    )));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                log!("warning: a Wyoming connection cannot be accepted: {error}");
                if let Some(task) = tasks.borrow_mut().evict_oldest() {
                    task.abort();
                }
                sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        // The task waits until it is counted, and takes its number then.
        let id = Rc::new(RefCell::new(None));
        let task = spawn_local({
            let (id, service, tasks) = (id.clone(), service.clone(), tasks.clone());
            async move {
                let Some(id) = id.take() else { return };
                let settle = |settled| tasks.borrow_mut().set_settled(id, settled);
                session::converse(stream, &service, settle).await;
                tasks.borrow_mut().remove(id);
            }
        });
        match tasks.borrow_mut().admit(peer.ip(), task.abort_handle()) {
            Some(admitted) => {
                *id.borrow_mut() = Some(admitted.id);
                if let Some(evicted) = admitted.evicted {
                    evicted.abort();
                }
            }
            None => task.abort(),
        }
    }
}
