//! Asynchronous work: it goes on while the thread does something else.

use std::{fmt, marker::PhantomData, time::Duration};

use bytemuck::{AnyBitPattern, NoUninit};

use crate::{Code, Context, DeviceBuffer, Result, Session, error::report, sys::Handle};

/// A queue of work, done in its order, on a device. Destroyed when dropped.
pub struct Stream {
    context: Context,
    handle: Handle,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let api = self.context.bind();
        report(api.and_then(|api| api.destroy_stream(self.handle)));
    }
}

impl Stream {
    pub(crate) fn new(context: &Context) -> Result<Self> {
        Ok(Self {
            handle: context.bind()?.create_stream()?,
            context: context.clone(),
        })
    }

    /// Runs `begin`, which queues work, and then waits until all of it is done.
    ///
    /// Buffers, sessions and host memory given to the work stay borrowed until this returns, also when `begin` fails
    /// or panics:
    ///
    /// ```no_run
    /// # fn f(stream: axcl::Stream, session: axcl::Session) -> axcl::Result<()> {
    /// let x = [1.0f32; 6];
    /// let mut y = [0.0f32; 6];
    /// let (input, output) = (session.input("x")?, session.output("y")?);
    /// stream.scope(|work| {
    ///     work.upload(input, &x)?;
    ///     work.execute(&session)?;
    ///     work.download(&mut y, output)?;
    ///     // Other things can be done here, while the card works.
    ///     Ok(())
    /// })?;
    /// println!("{y:?}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Memory that the card still writes to cannot be read:
    ///
    /// ```compile_fail,E0502
    /// # fn f(stream: axcl::Stream, output: axcl::DeviceBuffer) -> axcl::Result<()> {
    /// let mut y = [0.0f32; 6];
    /// stream.scope(|work| {
    ///     work.download(&mut y, &output)?;
    ///     println!("{y:?}");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// The failure of `begin`, or else the first failure of the work.
    pub fn scope<'env, T>(&'env self, begin: impl FnOnce(&Work<'env>) -> Result<T>) -> Result<T> {
        let work = Work {
            stream: self,
            _borrows: PhantomData,
        };
        let wait = WaitOnPanic(self);
        let result = begin(&work);
        std::mem::forget(wait);
        let waited = self.synchronize();
        let value = result?;
        waited.map(|()| value)
    }

    /// Waits for all work. A failure of the wait itself means that the device or its context is gone, and with it the
    /// work.
    fn synchronize(&self) -> Result<()> {
        self.context.bind()?.synchronize_stream(self.handle)
    }
}

/// Waits for a stream whose scope is left by a panic.
struct WaitOnPanic<'a>(&'a Stream);

impl Drop for WaitOnPanic<'_> {
    fn drop(&mut self) {
        report(self.0.synchronize());
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

/// The work of a [scope](Stream::scope). Everything given to it lives for `'env`, longer than the scope.
#[derive(Debug)]
pub struct Work<'env> {
    stream: &'env Stream,
    /// Invariant, so that nothing with a shorter life gets in.
    _borrows: PhantomData<&'env mut &'env ()>,
}

impl<'env> Work<'env> {
    /// Queues a copy of `data` to the card. `data` must be as large as the buffer.
    ///
    /// # Errors
    /// [`Error::Size`](crate::Error::Size), [`Error::Call`](crate::Error::Call).
    pub fn upload<T: NoUninit>(&self, buffer: &'env DeviceBuffer, data: &'env [T]) -> Result<()> {
        let bytes = bytemuck::cast_slice(data);
        buffer.check_copy("upload", bytes.len())?;
        let api = self.stream.context.bind()?;
        api.upload_async(buffer.pointer(), bytes, self.stream.handle)
    }

    /// Queues a copy of the buffer's content to `data`, which must be as large.
    ///
    /// # Errors
    /// [`Error::Size`](crate::Error::Size), [`Error::Call`](crate::Error::Call).
    pub fn download<T>(&self, data: &'env mut [T], buffer: &'env DeviceBuffer) -> Result<()>
    where
        T: NoUninit + AnyBitPattern,
    {
        let bytes = bytemuck::cast_slice_mut(data);
        buffer.check_copy("download", bytes.len())?;
        let api = self.stream.context.bind()?;
        api.download_async(bytes, buffer.pointer(), self.stream.handle)
    }

    /// Queues setting every byte of the buffer to `value`.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call).
    pub fn fill(&self, buffer: &'env DeviceBuffer, value: u8) -> Result<()> {
        let api = self.stream.context.bind()?;
        api.memset_async(buffer.pointer(), value, buffer.len(), self.stream.handle)
    }

    /// Queues an execution.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call).
    pub fn execute(&self, session: &'env Session) -> Result<()> {
        let api = self.stream.context.bind()?;
        api.execute_async(session.execution(), self.stream.handle)
    }

    /// Queues a mark: `event` has happened once the work so far is done.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call).
    pub fn record(&self, event: &'env Event) -> Result<()> {
        let api = self.stream.context.bind()?;
        api.record_event(event.handle, self.stream.handle)
    }

    /// Queues waiting until `event`, as it was last recorded on another stream, has happened.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call).
    pub fn wait_for(&self, event: &'env Event) -> Result<()> {
        let api = self.stream.context.bind()?;
        api.stream_wait_event(self.stream.handle, event.handle)
    }

    /// Waits at most `limit` (in whole milliseconds) for the work so far. Returns true if it is done.
    ///
    /// # Errors
    /// The first failure of the work, as [`Error::Call`](crate::Error::Call).
    pub fn done_within(&self, limit: Duration) -> Result<bool> {
        let milliseconds = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        let api = self.stream.context.bind()?;
        match api.synchronize_stream_within(self.stream.handle, milliseconds) {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some(Code::SYNCHRONIZE_TIMEOUT) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A mark in the work of a stream that another stream can wait for. Destroyed when dropped.
pub struct Event {
    context: Context,
    handle: Handle,
}

impl Drop for Event {
    fn drop(&mut self) {
        let api = self.context.bind();
        report(api.and_then(|api| api.destroy_event(self.handle)));
    }
}

impl Event {
    pub(crate) fn new(context: &Context) -> Result<Self> {
        Ok(Self {
            handle: context.bind()?.create_event()?,
            context: context.clone(),
        })
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").finish_non_exhaustive()
    }
}
