//! An HTTP server for any [`Router`] that slow, silent and numerous clients cannot stop.
//!
//! Connections are tasks of one thread, so none can fail to start. Each carries one request, which has one deadline. When
//! the places are taken the oldest connection goes whose request is not complete.

use std::{cell::RefCell, io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::service::TowerToHyperService;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, LocalSet, spawn_local},
    time::{sleep, timeout},
};

use super::socket::{Socket, drain, end_of_answer};
use crate::{connections::Connections, log::log};

/// Longest pause while no connection can be accepted.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Bounds of one server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most connections, and most of one peer.
    pub connections: usize,
    pub share: usize,
    /// Time for a whole request from the connection on, however it is cut into pieces.
    pub request: Duration,
    /// Time for an answer.
    pub answer: Duration,
    /// Longest head of a request, in bytes; at least 8192.
    pub head: usize,
    /// Bytes, and time, for which an answered client may go on sending.
    pub drained: usize,
    pub draining: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            share: 64,
            request: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            head: 16 * 1024,
            drained: 4 << 20,
            draining: Duration::from_secs(2),
        }
    }
}

type Tasks = Rc<RefCell<Connections<AbortHandle>>>;

/// Serves `router` on `listener`, and never returns. Runs in a runtime of one thread.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits) {
    let tasks = Rc::new(RefCell::new(Connections::new(
        limits.connections,
        limits.share,
    )));
    LocalSet::new()
        .run_until(async {
            let mut pause = Duration::ZERO;
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        pause = Duration::ZERO;
                        admit(stream, peer, &router, &limits, &tasks);
                    }
                    Err(error) if of_one_connection(&error) => {}
                    Err(error) => {
                        if pause.is_zero() {
                            log!("warning: HTTP connections cannot be accepted: {error}");
                        }
                        if let Some(task) = tasks.borrow_mut().evict_oldest() {
                            task.abort();
                        }
                        pause = (pause * 2).clamp(Duration::from_millis(50), LONGEST_PAUSE);
                        sleep(pause).await;
                    }
                }
            }
        })
        .await
}

/// True for an error that concerns a client which has gone, not the server.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// Starts a connection's task, if there is room.
fn admit(stream: TcpStream, peer: SocketAddr, router: &Router, limits: &Limits, tasks: &Tasks) {
    // The task waits until it is counted, and takes its number then.
    let id = Rc::new(RefCell::new(None));
    let task = spawn_local({
        let (id, router, limits, tasks) =
            (id.clone(), router.clone(), limits.clone(), tasks.clone());
        async move {
            let Some(id) = id.take() else { return };
            let settle = |settled| tasks.borrow_mut().set_settled(id, settled);
            converse(stream, router, &limits, settle).await;
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

/// Reads one request, has it answered, and closes the connection. Calls `settle` with true when the request has been read,
/// and with false when the answer has been given.
async fn converse(stream: TcpStream, router: Router, limits: &Limits, settle: impl Fn(bool)) {
    let stream = Arc::new(stream);
    let read = tokio::sync::Notify::new();
    let inner = TowerToHyperService::new(router);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = inner.call(request);
        let (read, settle) = (&read, &settle);
        async move {
            // Handlers answer when they have read all that they want to.
            let answer = answer.await;
            settle(true);
            read.notify_one();
            answer
        }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(limits.head)
        .serve_connection(Socket(stream.clone()), service);
    let mut connection = std::pin::pin!(connection);
    let request = async {
        // Whichever comes first: the end of all, or of the request.
        let mut notified = std::pin::pin!(read.notified());
        std::future::poll_fn(|context| {
            use std::{future::Future, task::Poll};
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            notified.as_mut().poll(context).map(|()| false)
        })
        .await
    };
    match timeout(limits.request, request).await {
        Ok(true) => {}
        Ok(false) => {
            let _ = timeout(limits.answer, connection.as_mut()).await;
        }
        Err(_) => {
            let _ = stream.try_write(TOO_SLOW);
        }
    }
    settle(false);
    let _ = end_of_answer(&stream);
    let _ = timeout(limits.draining, drain(&stream, limits.drained)).await;
}

const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 26\r\nConnection: close\r\n\r\nthe request took too long\n";
