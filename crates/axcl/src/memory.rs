//! Memory of the card, and pinned memory of the host.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use bytemuck::{AnyBitPattern, NoUninit};

use crate::{
    Context, Error, Result, Runtime,
    api::{DevicePointer, PinnedMemory},
    error::report,
};

/// The runtime's limit of one allocation.
const MAX_SIZE: usize = u32::MAX as usize;

fn check_size(what: &'static str, expected: usize, got: usize) -> Result<()> {
    if got != expected {
        return Err(Error::Size {
            what,
            expected,
            got,
        });
    }
    Ok(())
}

/// Memory of the card. Freed when dropped.
///
/// Its content is reached by copies only. All copies are of the whole buffer: a model needs a buffer of exactly the
/// size of each input and output, and parts of buffers are not to be used.
pub struct DeviceBuffer {
    context: Context,
    pointer: DevicePointer,
    size: usize,
}

impl Drop for DeviceBuffer {
    fn drop(&mut self) {
        report(self.context.bind().and_then(|api| api.free(self.pointer)));
    }
}

impl DeviceBuffer {
    pub(crate) fn new(context: &Context, size: usize) -> Result<Self> {
        check_allocation(size)?;
        let pointer = context.bind()?.malloc(size)?;
        Self::cleared(context, pointer, size)
    }

    /// Takes over an allocation and clears it: some models read what they have not written.
    fn cleared(context: &Context, pointer: DevicePointer, size: usize) -> Result<Self> {
        let buffer = Self {
            context: context.clone(),
            pointer,
            size,
        };
        buffer.fill(0)?;
        Ok(buffer)
    }

    /// Its size in bytes, never 0.
    #[allow(clippy::len_without_is_empty, reason = "a buffer is never empty")]
    pub fn len(&self) -> usize {
        self.size
    }

    /// Copies `data` to the card. `data` must be as large as the buffer.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Call`].
    pub fn upload<T: NoUninit>(&self, data: &[T]) -> Result<()> {
        let bytes = bytemuck::cast_slice(data);
        check_size("upload", self.size, bytes.len())?;
        self.context.bind()?.upload(self.pointer, bytes)
    }

    /// Copies the content from the card to `data`, which must be as large as the buffer.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Call`].
    pub fn download<T: NoUninit + AnyBitPattern>(&self, data: &mut [T]) -> Result<()> {
        let bytes = bytemuck::cast_slice_mut(data);
        check_size("download", self.size, bytes.len())?;
        self.context.bind()?.download(bytes, self.pointer)
    }

    /// Sets every byte to `value`.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn fill(&self, value: u8) -> Result<()> {
        self.context.bind()?.memset(self.pointer, value, self.size)
    }

    /// Copies the content of another buffer of the same size and device.
    ///
    /// # Errors
    /// [`Error::Size`], [`Error::Call`].
    pub fn copy_from(&self, source: &Self) -> Result<()> {
        check_size("copy", self.size, source.size)?;
        self.context
            .bind()?
            .copy(self.pointer, source.pointer, self.size)
    }

    /// Returns true if another buffer has the same content. False also if the card could not compare them, which the
    /// runtime does not distinguish.
    ///
    /// # Errors
    /// [`Error::Size`] for another size; [`Error::Call`] where the context is gone.
    pub fn equals(&self, other: &Self) -> Result<bool> {
        check_size("comparison", self.size, other.size)?;
        let api = self.context.bind()?;
        Ok(api.compare(self.pointer, other.pointer, self.size).is_ok())
    }

    pub(crate) fn pointer(&self) -> DevicePointer {
        self.pointer
    }

    /// Checks that an asynchronous copy covers the whole buffer.
    pub(crate) fn check_copy(&self, what: &'static str, size: usize) -> Result<()> {
        check_size(what, self.size, size)
    }
}

fn check_allocation(size: usize) -> Result<()> {
    if size == 0 || size > MAX_SIZE {
        return Err(Error::AllocationSize(size));
    }
    Ok(())
}

impl fmt::Debug for DeviceBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceBuffer({} bytes)", self.size)
    }
}

/// A [`DeviceBuffer`] that the card's CPU caches, so that its caches must be written back or dropped by hand.
#[derive(Debug)]
pub struct CachedBuffer(DeviceBuffer);

impl CachedBuffer {
    pub(crate) fn new(context: &Context, size: usize) -> Result<Self> {
        check_allocation(size)?;
        let pointer = context.bind()?.malloc_cached(size)?;
        let buffer = Self(DeviceBuffer::cleared(context, pointer, size)?);
        buffer.flush()?;
        Ok(buffer)
    }

    /// Writes cached content back to memory: before the NPU reads the buffer.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn flush(&self) -> Result<()> {
        self.context.bind()?.flush(self.pointer, self.size)
    }

    /// Drops cached content: after the NPU wrote the buffer.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn invalidate(&self) -> Result<()> {
        self.context.bind()?.invalidate(self.pointer, self.size)
    }
}

impl Deref for CachedBuffer {
    type Target = DeviceBuffer;

    fn deref(&self) -> &DeviceBuffer {
        &self.0
    }
}

/// Pinned memory of the host, which a card's DMA reaches directly. Freed when dropped; may be used on any thread.
///
/// It is a slice of bytes; [`bytemuck::cast_slice`](https://docs.rs/bytemuck) or [`of`](Self::of) give other views.
pub struct HostBuffer {
    runtime: Runtime,
    memory: PinnedMemory,
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        report(self.runtime.api().free_host(&mut self.memory));
    }
}

impl HostBuffer {
    pub(crate) fn new(runtime: &Runtime, size: usize) -> Result<Self> {
        check_allocation(size)?;
        let memory = runtime.api().malloc_host(size)?;
        Ok(Self {
            runtime: runtime.clone(),
            memory,
        })
    }

    /// The content as values of another type.
    ///
    /// # Panics
    /// If the size is no multiple of the type's, or the runtime's memory is not aligned for it.
    pub fn of<T: AnyBitPattern>(&self) -> &[T] {
        bytemuck::cast_slice(self.memory.bytes())
    }

    /// The content as values of another type, to write.
    ///
    /// # Panics
    /// As [`of`](Self::of).
    pub fn of_mut<T: NoUninit + AnyBitPattern>(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(self.memory.bytes_mut())
    }
}

impl Deref for HostBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.bytes()
    }
}

impl DerefMut for HostBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.bytes_mut()
    }
}

impl fmt::Debug for HostBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostBuffer({} bytes)", self.len())
    }
}
