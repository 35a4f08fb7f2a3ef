//! The initialised runtime and its devices.

use std::{
    collections::HashMap,
    ffi::c_char,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Context, Error, HostBuffer, Library, Result, api::Api, engine::EngineUse, error::report,
};

/// Libraries that are initialised now, by identity.
static IN_USE: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A library's entry in the list above, from before its initialisation to after its finalisation. The list is not
/// locked in between, because both may block for long when a card hangs.
struct Claim(usize);

impl Claim {
    fn new(library: &Library) -> Result<Self> {
        let identity = library.api().identity();
        let mut in_use = in_use();
        if in_use.contains(&identity) {
            return Err(Error::AlreadyInitialised);
        }
        in_use.push(identity);
        Ok(Self(identity))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        in_use().retain(|identity| *identity != self.0);
    }
}

fn in_use() -> MutexGuard<'static, Vec<usize>> {
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Verbosity of the runtime's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Trace = 0,
    /// Details for debugging.
    Debug = 1,
    /// Events in normal operation.
    Info = 2,
    /// Suspicious conditions.
    Warning = 3,
    /// Failures.
    Error = 4,
    /// Failures that end the work.
    Critical = 5,
    /// Nothing.
    Off = 6,
}

/// The initialised runtime. Clones share it; the last value that depends on it finalises it.
///
/// One process has one at a time. All threads may use it, but a context on a device belongs to one thread: see
/// [`Device::context`].
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    library: Library,
    engines: Mutex<HashMap<i32, EngineUse>>,
    _claim: Claim,
}

impl Drop for Inner {
    fn drop(&mut self) {
        report(self.library.api().finalize());
    }
}

impl Runtime {
    /// Initialises the runtime.
    ///
    /// # Errors
    /// [`Error::AlreadyInitialised`] while another `Runtime` of this library lives; [`Error::Call`], most often with
    /// [`Code::NO_DRIVER`](crate::Code::NO_DRIVER) or [`Code::NO_CARD`](crate::Code::NO_CARD).
    pub fn new(library: &Library) -> Result<Self> {
        Self::initialise(library, None)
    }

    /// Initialises the runtime with a JSON file of settings. Version 3.10.2 was seen to read and ignore them.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_config(library: &Library, config: &Path) -> Result<Self> {
        Self::initialise(library, Some(config))
    }

    fn initialise(library: &Library, config: Option<&Path>) -> Result<Self> {
        let claim = Claim::new(library)?;
        library.api().init(config)?;
        Ok(Self(Arc::new(Inner {
            library: library.clone(),
            engines: Mutex::default(),
            _claim: claim,
        })))
    }

    /// The library.
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// Sets how much the library logs, to standard output and its log file. Initialisation sets it back to `Info`.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn set_log_level(&self, level: LogLevel) -> Result<()> {
        self.api().set_log_level(level as i32)
    }

    /// All devices, in the order of the runtime's list. A card may appear some seconds after the driver was loaded.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn devices(&self) -> Result<Vec<Device>> {
        let ids = self.api().device_list()?.into_iter();
        Ok(ids
            .map(|id| Device {
                runtime: self.clone(),
                id,
            })
            .collect())
    }

    /// The device of this index in the list, counted from 0.
    ///
    /// # Errors
    /// [`Error::NoDevice`], [`Error::Call`].
    pub fn device(&self, index: usize) -> Result<Device> {
        let mut devices = self.devices()?;
        if index >= devices.len() {
            let count = devices.len();
            return Err(Error::NoDevice { index, count });
        }
        Ok(devices.swap_remove(index))
    }

    /// Allocates `size` bytes of pinned host memory, all zero. Copies from and to it cost much less than from other
    /// host memory.
    ///
    /// # Errors
    /// [`Error::AllocationSize`], [`Error::Call`].
    pub fn allocate_host(&self, size: usize) -> Result<HostBuffer> {
        HostBuffer::new(self, size)
    }

    pub(crate) fn api(&self) -> &Api {
        self.0.library.api()
    }

    /// Users of each device's engine.
    pub(crate) fn engines(&self) -> MutexGuard<'_, HashMap<i32, EngineUse>> {
        self.0
            .engines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runtime").field(&self.0.library).finish()
    }
}

/// A card in the runtime's list.
#[derive(Debug, Clone)]
pub struct Device {
    runtime: Runtime,
    id: i32,
}

impl Device {
    /// The runtime's number for this device: its PCI bus number, not an index.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Activates the device and gives this thread its default context. Every thread that works with the device calls
    /// this for itself; they all share one default context.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn context(&self) -> Result<Context> {
        Context::of_device(self)
    }

    /// Activates the device and makes a context for this thread alone.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub fn new_context(&self) -> Result<Context> {
        Context::explicit(self)
    }

    /// Properties that the card reports.
    ///
    /// # Errors
    /// [`Error::MissingFunction`] with old libraries; [`Error::Call`].
    pub fn properties(&self) -> Result<DeviceProperties> {
        let raw = self.runtime.api().device_properties(self.id)?;
        let version: Vec<u8> = raw.sw_version.iter().map(|&c: &c_char| c as u8).collect();
        let version = version.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(DeviceProperties {
            software_version: String::from_utf8_lossy(version).into_owned(),
            uid: raw.uid,
            pci_domain: raw.pci_domain,
            pci_bus: raw.pci_bus,
            pci_device: raw.pci_device,
            temperature: raw.temperature,
            total_memory: kilobytes(raw.total_mem),
            free_memory: kilobytes(raw.free_mem),
            total_cmm: kilobytes(raw.total_cmm),
            free_cmm: kilobytes(raw.free_cmm),
            cpu_load: percent(raw.cpu_load),
            npu_load: percent(raw.npu_load),
        })
    }

    /// Restarts the card's firmware, which ends all processes' work on it: a way to wake a card that does not answer.
    /// Not in the vendor's headers. Everything of this process on the device must have been dropped before.
    ///
    /// # Errors
    /// [`Error::MissingFunction`], [`Error::Call`].
    pub fn reboot(&self) -> Result<()> {
        self.runtime.api().reboot_device(self.id)
    }
}

fn kilobytes(value: u32) -> u64 {
    u64::from(value) * 1024
}

fn percent(hundredths: u32) -> f32 {
    hundredths as f32 / 100.0
}

/// Properties that a card reports.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeviceProperties {
    /// Version of the software on the card.
    pub software_version: String,
    /// Unique number of the chip.
    pub uid: u64,
    /// PCI domain.
    pub pci_domain: u32,
    /// PCI bus number.
    pub pci_bus: u32,
    /// PCI device number.
    pub pci_device: u32,
    /// Temperature as the runtime gives it; its unit is not documented.
    pub temperature: i32,
    /// Memory of the card's own Linux system in bytes.
    pub total_memory: u64,
    /// Free memory of the card's own Linux system in bytes.
    pub free_memory: u64,
    /// Memory for models and buffers (CMM) in bytes.
    pub total_cmm: u64,
    /// Free memory for models and buffers in bytes.
    pub free_cmm: u64,
    /// Load of the card's CPU in percent.
    pub cpu_load: f32,
    /// Load of the NPU in percent.
    pub npu_load: f32,
}
