//! An HTTP server for any [`Router`] that slow, silent and numerous clients cannot stop.
//!
//! Connections are tasks of one thread, so none can fail to start. Each carries one request, which has one deadline, and one
//! answer, which may take as long as it is made and read. When the places are taken the oldest connection goes whose request is
//! not complete.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, http::StatusCode};
use hyper::{
    Request,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::service::TowerToHyperService;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, LocalSet, spawn_local, yield_now},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    arrival::Arrival,
    refusal::{Refusal, wrong},
    socket::{Progress, Socket, drain, end_of_answer},
};
use crate::{connections::Connections, descriptors, log::log, options};

/// Longest pause while no connection can be accepted.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Interval at which an answer is looked at.
const TICK: Duration = Duration::from_secs(1);
/// Longest head of a request, in bytes; hyper also writes in pieces of this size.
const HEAD: usize = 16 * 1024;
/// The kernel's memory for an answer on its way, in bytes.
const SEND_BUFFER: usize = 64 * 1024;
/// Bytes, and time, for which an answered client may go on sending.
const DRAINED: usize = 4 << 20;
const DRAINING: Duration = Duration::from_secs(2);

/// Bounds of one server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most connections, and most of one peer.
    connections: usize,
    share: usize,
    /// Time for a whole request from the connection on, however it is cut into pieces. A handler may allow more.
    request: Duration,
    /// Time for which an answer may wait for a client that does not read.
    stall: Duration,
}

impl Limits {
    pub fn new(limits: &options::Limits) -> Self {
        Self {
            connections: limits.max_connections.into(),
            share: limits.max_connections_of_one.into(),
            request: limits.request(),
            stall: limits.stall(),
        }
    }
}

/// A connection's task, and its socket to refuse it on.
struct Handle {
    task: AbortHandle,
    stream: Arc<TcpStream>,
}

impl Handle {
    /// Ends a connection that has to make room.
    fn evict(&self) {
        self.task.abort();
        full().write_to(&self.stream);
    }
}

type Tasks = Rc<RefCell<Connections<Handle>>>;

/// Serves `router` on `listener`, and never returns. Runs in a runtime of one thread.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits) {
    let tasks = Rc::new(RefCell::new(Connections::new(
        limits.connections,
        limits.share,
    )));
    LocalSet::new()
        .run_until(async {
            let mut pause = Duration::ZERO;
            // Set while descriptors are short, of which only the first time is logged.
            let mut short = false;
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        pause = Duration::ZERO;
                        let spare = descriptors::check_spare(&stream);
                        admit(stream, peer, &router, &limits, &tasks);
                        if let Err(error) = &spare {
                            if !short {
                                log!("warning: the oldest HTTP connections have to go: {error}");
                            }
                            if let Some(handle) = tasks.borrow_mut().evict_oldest() {
                                handle.evict();
                            }
                        }
                        short = spare.is_err();
                        // Tasks that were ended give their descriptors back.
                        yield_now().await;
                    }
                    Err(error) if of_one_connection(&error) => {}
                    Err(error) => {
                        if pause.is_zero() {
                            log!("warning: HTTP connections cannot be accepted: {error}");
                        }
                        if let Some(handle) = tasks.borrow_mut().evict_oldest() {
                            handle.evict();
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
    // Speech goes out as it is made, and what a client does not read waits here and not in the kernel.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
    let stream = Arc::new(stream);
    // The task waits until it is counted, and takes its number then.
    let id = Rc::new(RefCell::new(None));
    let task = spawn_local({
        let (id, router, limits, tasks) =
            (id.clone(), router.clone(), limits.clone(), tasks.clone());
        let stream = stream.clone();
        async move {
            let Some(id) = id.take() else { return };
            let settle = |settled| tasks.borrow_mut().set_settled(id, settled);
            converse(stream, router, &limits, settle).await;
            tasks.borrow_mut().remove(id);
        }
    });
    let handle = Handle {
        task: task.abort_handle(),
        stream: stream.clone(),
    };
    match tasks.borrow_mut().admit(peer.ip(), handle) {
        Some(admitted) => {
            *id.borrow_mut() = Some(admitted.id);
            if let Some(evicted) = admitted.evicted {
                evicted.evict();
            }
        }
        None => {
            task.abort();
            full().write_to(&stream);
        }
    }
}

/// The refusal of a connection for which there is no room.
fn full() -> Refusal {
    let words = "all connections of this server, or all that one address may have, are in use: try again later";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, words).code("connections_used_up")
}

impl Refusal {
    /// Sends it on a connection that is about to end, as far as that goes at once.
    fn write_to(&self, stream: &TcpStream) {
        let _ = stream.try_write(&self.raw());
    }
}

/// Reads one request, has it answered, and closes the connection. Calls `settle` with true when the request has been read,
/// and with false when the answer has been given.
async fn converse(stream: Arc<TcpStream>, router: Router, limits: &Limits, settle: impl Fn(bool)) {
    let progress = Rc::new(Progress::default());
    let arrival = Arrival::new(limits.request);
    let inner = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        progress.begin_answer();
        let body_follows = !request.body().is_end_stream();
        if !body_follows {
            arrival.note_complete();
        }
        request.extensions_mut().insert(arrival.clone());
        let answer = inner.call(request.map(|body| Noticed {
            body,
            arrival: arrival.clone(),
        }));
        let arrival = arrival.clone();
        async move {
            // A handler that answers has read all that it wants to.
            let answer = answer.await;
            arrival.note_complete();
            answer
        }
    });
    let socket = Socket::new(stream.clone(), progress.clone());
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD)
        .serve_connection(socket, service);
    let mut connection = std::pin::pin!(connection);
    let part = tokio::select! {
        biased;
        end = connection.as_mut() => Part::Ended(end),
        () = arrival.complete() => Part::Complete,
        () = arrival.late() => Part::Late,
    };
    match part {
        Part::Ended(end) => {
            if let Some(refusal) = end.err().and_then(|error| malformed(&error))
                && !progress.answer_began()
            {
                refusal.write_to(&stream);
            }
        }
        Part::Complete => {
            settle(true);
            while_it_is_read(connection, &stream, &progress, limits.stall).await;
        }
        Part::Late => {
            let seconds = arrival.limit().as_secs();
            let words =
                format!("the request took too long: it must be complete within {seconds} s");
            let refusal = Refusal::new(StatusCode::REQUEST_TIMEOUT, words).code("request_too_slow");
            refusal.write_to(&stream);
        }
    }
    settle(false);
    let _ = end_of_answer(&stream);
    let _ = timeout(DRAINING, drain(&stream, DRAINED)).await;
}

/// The first thing that happens to a request.
enum Part<T> {
    /// The connection ended.
    Ended(T),
    /// All of it is here.
    Complete,
    /// It took too long.
    Late,
}

/// Drives a connection to its end, unless its client leaves, or leaves the answer unread for longer than `stall`. What is
/// being made for it ends with the connection.
async fn while_it_is_read<T>(
    mut connection: std::pin::Pin<&mut impl Future<Output = T>>,
    stream: &TcpStream,
    progress: &Progress,
    stall: Duration,
) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            () = end_of_client(stream) => return,
            _ = tick.tick() => {
                if progress.stalled_for() > stall {
                    log!("warning: a client was disconnected: it did not read its answer");
                    return;
                }
            }
        }
    }
}

/// Waits until the client has closed the connection. hyper looks for that only while it writes.
async fn end_of_client(stream: &TcpStream) {
    if let Ok(1..) = stream.peek(&mut [0]).await {
        // It sends on, and is not understood; its end is noticed by the next write.
        std::future::pending::<()>().await;
    }
}

/// The refusal of what is no request; hyper's own has no words.
fn malformed(error: &hyper::Error) -> Option<Refusal> {
    if error.is_parse_too_large() {
        let words = format!("the head of the request is longer than {} KiB", HEAD / 1024);
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(Refusal::new(status, words).code("head_too_long"));
    }
    let words = "this is not an HTTP/1.1 request";
    error
        .is_parse()
        .then(|| wrong(words).code("malformed_request"))
}

/// The body of a request, whose end is noticed.
struct Noticed {
    body: Incoming,
    arrival: Arrival,
}

impl Body for Noticed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.arrival.note_complete();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
