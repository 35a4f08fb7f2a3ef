//! The server by HTTP, in one thread however many clients there are.

mod arrival;
mod content;
mod form;
mod openai;
mod refusal;
mod say;
mod server;
mod service;
mod socket;
mod voices;

use std::thread;

use anyhow::{Context, Result};
use axum::{Router, http::StatusCode, middleware::from_fn_with_state};

pub use form::Form;
pub use refusal::{Refusal, wrong};

use crate::{Arguments, Service, access, print};

/// Serves until the program ends.
///
/// # Errors
/// The address is taken, or a thread cannot be started.
pub fn serve(arguments: &Arguments, service: &Service) -> Result<()> {
    let address = arguments.http;
    let listening = || format!("listening at {address}");
    let socket = std::net::TcpListener::bind(address).with_context(listening)?;
    socket.set_nonblocking(true).with_context(listening)?;
    let address = socket.local_addr().with_context(listening)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime for HTTP")?;
    let limits = server::Limits::new(&arguments.limits);
    let router = router(service.clone());
    thread::Builder::new()
        .name("http".into())
        .spawn(move || {
            runtime.block_on(async {
                match tokio::net::TcpListener::from_std(socket) {
                    Ok(socket) => server::serve(socket, router, limits).await,
                    Err(error) => crate::log::log!("error: HTTP is not served: {error}"),
                }
            })
        })
        .context("starting the thread for HTTP")?;
    print(&format!("http://{address}/"));
    Ok(())
}

fn router(service: Service) -> Router {
    let elsewhere = || async {
        let words = "there are /v1/audio/speech, /v1/audio/voices, /v1/models, /say, /cancel, /cancel-all, /events, /healthz \
                     and /metrics";
        Refusal::new(StatusCode::NOT_FOUND, words).code("not_found")
    };
    let other_method = || async {
        let words = "this path does not take this method";
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, words).code("method_not_allowed")
    };
    Router::new()
        .merge(openai::router())
        .merge(voices::router())
        .merge(say::router())
        .merge(service::router())
        .method_not_allowed_fallback(other_method)
        .fallback(elsewhere)
        .layer(from_fn_with_state(service.clone(), access::check))
        .with_state(service)
}
