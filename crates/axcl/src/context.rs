//! Contexts: a thread's hold on a device.

use std::{cell::Cell, fmt, rc::Rc};

use crate::{
    CachedBuffer, Device, DeviceBuffer, Engine, Event, Result, Runtime, Stream, VnpuKind, api::Api,
    error::report, sys::Handle,
};

thread_local! {
    /// The context bound to this thread: the library's identity and the handle; none after one was released.
    static BOUND: Cell<Option<(usize, Handle)>> = const { Cell::new(None) };
}

/// A thread's hold on a device. Clones share it; the last value that depends on it releases the device.
///
/// It stays on the thread that made it, and so does everything made from it:
///
/// ```compile_fail,E0277
/// # fn on(context: axcl::Context) {
/// std::thread::spawn(move || context.allocate(16));
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # fn on(session: axcl::Session) {
/// std::thread::scope(|scope| {
///     scope.spawn(|| session.execute());
/// });
/// # }
/// ```
///
/// A thread may have several contexts, also of different devices: each call first binds the one it belongs to.
#[derive(Clone)]
pub struct Context(Rc<Inner>);

struct Inner {
    device: Device,
    handle: Handle,
    explicit: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let api = self.device.runtime().api();
        if self.explicit {
            report(api.destroy_context(self.handle));
        }
        report(api.reset_device(self.device.id()));
        BOUND.set(None);
    }
}

impl Context {
    pub(crate) fn of_device(device: &Device) -> Result<Self> {
        let api = device.runtime().api();
        api.set_device(device.id())?;
        let handle = api.current_context().inspect_err(|_| {
            report(api.reset_device(device.id()));
        })?;
        Ok(Self::bound(device, handle, false))
    }

    pub(crate) fn explicit(device: &Device) -> Result<Self> {
        let api = device.runtime().api();
        api.set_device(device.id())?;
        let handle = api.create_context(device.id()).inspect_err(|_| {
            report(api.reset_device(device.id()));
            BOUND.set(None);
        })?;
        Ok(Self::bound(device, handle, true))
    }

    fn bound(device: &Device, handle: Handle, explicit: bool) -> Self {
        BOUND.set(Some((device.runtime().api().identity(), handle)));
        Self(Rc::new(Inner {
            device: device.clone(),
            handle,
            explicit,
        }))
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// The runtime.
    pub fn runtime(&self) -> &Runtime {
        self.0.device.runtime()
    }

    /// Allocates `size` bytes of the card's memory, all zero.
    ///
    /// # Errors
    /// [`Error::AllocationSize`](crate::Error::AllocationSize); [`Error::Call`](crate::Error::Call), with
    /// [`Code::NO_MEMORY`](crate::Code::NO_MEMORY) where the memory is used up.
    pub fn allocate(&self, size: usize) -> Result<DeviceBuffer> {
        DeviceBuffer::new(self, size)
    }

    /// Allocates `size` bytes of the card's memory, all zero, that the card's CPU caches.
    ///
    /// # Errors
    /// As [`allocate`](Self::allocate).
    pub fn allocate_cached(&self, size: usize) -> Result<CachedBuffer> {
        CachedBuffer::new(self, size)
    }

    /// Makes a stream for asynchronous work.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call).
    pub fn stream(&self) -> Result<Stream> {
        Stream::new(self)
    }

    /// Makes an event, by which one stream can wait for another.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call).
    pub fn event(&self) -> Result<Event> {
        Event::new(self)
    }

    /// The engine that executes models. Models for all three NPU cores need [`VnpuKind::Disabled`].
    ///
    /// The first engine of a device initialises it and the last one finalises it; where another part of the process
    /// initialised it with the same kind, it is used and left to that part.
    ///
    /// # Errors
    /// [`Error::VnpuKind`](crate::Error::VnpuKind) when the engine is in use with another kind;
    /// [`Error::Call`](crate::Error::Call).
    pub fn engine(&self, kind: VnpuKind) -> Result<Engine> {
        Engine::new(self, kind)
    }

    /// Waits until all work on the device is done.
    ///
    /// # Errors
    /// [`Error::Call`](crate::Error::Call).
    pub fn synchronize(&self) -> Result<()> {
        self.bind()?.synchronize_device()
    }

    /// The functions, with this context bound to the thread.
    pub(crate) fn bind(&self) -> Result<&Api> {
        let api = self.runtime().api();
        let wanted = Some((api.identity(), self.0.handle));
        if BOUND.get() != wanted {
            api.set_current_context(self.0.handle)?;
            BOUND.set(wanted);
        }
        Ok(api)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("device", &self.0.device.id())
            .field("explicit", &self.0.explicit)
            .finish()
    }
}
