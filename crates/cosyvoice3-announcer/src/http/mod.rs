//! Announcements by HTTP, in one thread however many clients there are.

mod announcements;
mod content;
mod server;
mod socket;

use std::{net::SocketAddr, thread};

use anyhow::{Context, Result};

use crate::{print, speech::Speech};

/// Serves until the program ends.
pub fn serve(address: SocketAddr, speech: Speech) -> Result<()> {
    let listening = || format!("listening at {address}");
    let socket = std::net::TcpListener::bind(address).with_context(listening)?;
    socket.set_nonblocking(true).with_context(listening)?;
    let address = socket.local_addr().with_context(listening)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime for HTTP")?;
    let router = announcements::router(speech);
    thread::Builder::new()
        .name("http".into())
        .spawn(move || {
            runtime.block_on(async {
                match tokio::net::TcpListener::from_std(socket) {
                    Ok(socket) => server::serve(socket, router, server::Limits::default()).await,
                    Err(error) => crate::log::log!("error: HTTP is not served: {error}"),
                }
            })
        })
        .context("starting the thread for HTTP")?;
    print(&format!("http://{address}/say"));
    Ok(())
}
