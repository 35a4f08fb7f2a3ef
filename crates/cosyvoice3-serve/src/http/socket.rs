//! A socket that outlives the HTTP connection on it.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::net::TcpStream;

/// Bytes that a client has to read in the time for which an answer may wait.
const LEAST: usize = 16 * 1024;

/// hyper drops its socket when a request is malformed; the answer reaches the client only if what it still sends is read,
/// which another handle does.
pub struct Socket {
    stream: Arc<TcpStream>,
    progress: Rc<Progress>,
}

/// Progress of the answer on a socket.
#[derive(Default)]
pub struct Progress {
    /// An answer of ours began. What hyper writes before is its refusal of a malformed request, and goes nowhere.
    answers: Cell<bool>,
    /// The moment since which the client has not kept up, and the bytes that it took after that.
    behind: Cell<Option<(Instant, usize)>>,
}

impl Progress {
    /// Lets what is written reach the client from now on.
    pub fn begin_answer(&self) {
        self.answers.set(true);
    }

    /// Returns true after [`begin_answer`](Self::begin_answer).
    pub fn answer_began(&self) -> bool {
        self.answers.get()
    }

    /// Time for which the client has read next to nothing of what waits for it.
    pub fn stalled_for(&self) -> Duration {
        self.behind
            .get()
            .map_or(Duration::ZERO, |(since, _)| since.elapsed())
    }

    fn note_full(&self) {
        let behind = self.behind.get().unwrap_or_else(|| (Instant::now(), 0));
        self.behind.set(Some(behind));
    }

    fn note_taken(&self, bytes: usize) {
        let behind = self
            .behind
            .get()
            .map(|(since, taken)| (since, taken + bytes));
        self.behind.set(behind.filter(|(_, taken)| *taken < LEAST));
    }

    fn note_all_taken(&self) {
        self.behind.set(None);
    }
}

impl Socket {
    pub fn new(stream: Arc<TcpStream>, progress: Rc<Progress>) -> Self {
        Self { stream, progress }
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context,
        mut buffer: ReadBufCursor,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = bytes.len().min(buffer.remaining());
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read(&mut bytes[..room]) {
                Ok(count) => {
                    buffer.put_slice(&bytes[..count]);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.when_writable(context, bytes.len(), |socket| socket.try_write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        self.progress.note_all_taken();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        if !self.progress.answer_began() {
            // The refusal of what was no request comes after hyper.
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(end_of_answer(&self.stream))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context,
        parts: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        let length = parts.iter().map(|part| part.len()).sum();
        self.when_writable(context, length, |socket| socket.try_write_vectored(parts))
    }
}

impl Socket {
    fn when_writable(
        &self,
        context: &mut Context,
        length: usize,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if !self.progress.answer_began() {
            return Poll::Ready(Ok(length));
        }
        loop {
            let Poll::Ready(ready) = self.stream.poll_write_ready(context) else {
                self.progress.note_full();
                return Poll::Pending;
            };
            ready?;
            match write(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(taken) => {
                    self.progress.note_taken(taken);
                    return Poll::Ready(Ok(taken));
                }
                error => return Poll::Ready(error),
            }
        }
    }
}

/// Closes the direction to the client, and goes on receiving.
pub fn end_of_answer(socket: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Write)
}

/// Receives and drops up to `bytes` until the client has closed the connection.
pub async fn drain(socket: &TcpStream, bytes: usize) -> io::Result<()> {
    let mut left = bytes;
    let mut buffer = [0; 16 * 1024];
    while left > 0 {
        socket.readable().await?;
        match socket.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
