//! The simulated machine: its devices, the contexts of its threads, and what they own.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt::Display,
    ops::Range,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use crate::{
    code::{self, Area, Code, Result},
    control::{Control, Settings},
    engine::Engine,
    memory::{self, DeviceMemory},
    stream::{Event, Stream},
    trace,
};

/// Log level "info", which initialisation sets.
const INFO: i32 = 2;

/// Addresses reserved for opaque handles, and their distance.
const HANDLES: u64 = 1 << 22;
const HANDLE_STEP: u64 = 16;

/// The one machine of this library.
static SIMULATOR: LazyLock<Simulator> = LazyLock::new(Simulator::new);

thread_local! {
    /// The context bound to this thread; 0 for none.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// Everything behind the exported functions.
pub struct Simulator {
    state: Mutex<State>,
    /// Held while a model executes: an NPU does one thing at a time.
    pub npu: Mutex<()>,
}

/// Everything that changes, under one lock.
pub struct State {
    pub control: Control,
    /// Number of changes of the control text.
    pub generation: u64,
    pub log_level: i32,
    initialised: bool,
    devices: BTreeMap<i32, Device>,
    lost: Vec<i32>,
    contexts: BTreeMap<u64, Context>,
    handles: Range<u64>,
    ids: u64,
    pub memory: DeviceMemory,
    pub host: BTreeMap<u64, Box<[u64]>>,
    pub streams: BTreeMap<u64, Arc<Stream>>,
    pub events: BTreeMap<u64, Arc<Event>>,
    pub engine: Engine,
}

/// A device that a caller has set.
#[derive(Default)]
struct Device {
    count: u32,
    default_context: Option<u64>,
    vnpu: Option<i32>,
}

struct Context {
    device: i32,
    explicit: bool,
}

/// Runs the body of an exported function: reads the control text, keeps panics in, writes the trace.
pub fn call<T>(
    function: &str,
    detail: impl Display,
    body: impl FnOnce(&Simulator) -> Result<T>,
) -> Result<T> {
    let guarded = std::panic::AssertUnwindSafe(|| {
        SIMULATOR.state().refresh();
        body(&SIMULATOR)
    });
    let result = std::panic::catch_unwind(guarded).unwrap_or(Err(Area::Device.failed()));
    let Code(number) = result.as_ref().err().copied().unwrap_or(Code(0));
    let trace = SIMULATOR.state().control.trace();
    if let Some(path) = trace {
        trace::write(&path, function, &detail, number.into());
    }
    result
}

impl Simulator {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                control: Control::new(),
                generation: 0,
                log_level: INFO,
                initialised: false,
                devices: BTreeMap::new(),
                lost: Vec::new(),
                contexts: BTreeMap::new(),
                handles: memory::reserve(HANDLES * HANDLE_STEP),
                ids: 0x1_0000,
                memory: DeviceMemory::new(),
                host: BTreeMap::new(),
                streams: BTreeMap::new(),
                events: BTreeMap::new(),
                engine: Engine::default(),
            }),
            npu: Mutex::new(()),
        }
    }

    /// The machine itself, for work that goes on after the call.
    pub fn shared() -> &'static Self {
        &SIMULATOR
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints the reason for a failure that its code alone does not show.
pub fn explain(message: impl Display) {
    eprintln!("axcl-sim: {message}");
}

impl State {
    /// Takes over a changed control text.
    pub fn refresh(&mut self) {
        if self.control.refresh() {
            self.generation += 1;
            self.lost.clear();
        }
    }

    pub fn settings(&self) -> &Settings {
        self.control.settings()
    }

    pub fn initialise(&mut self) -> Result {
        if self.control.is_broken() {
            return Err(code::CONFIG_LOAD_FAILED);
        }
        if !self.settings().driver {
            return Err(code::CANNOT_OPEN_DRIVER);
        }
        if self.settings().devices.is_empty() {
            return Err(code::NO_CARD);
        }
        if self.initialised {
            return Err(Area::Device.busy());
        }
        self.initialised = true;
        self.log_level = INFO;
        self.log("simulated AXCL runtime");
        Ok(())
    }

    /// Writes to standard output where the real runtime would, if the settings ask for it.
    pub fn log(&self, message: &str) {
        if self.settings().noise && self.log_level <= INFO {
            println!("[axcl-sim][info] {message}");
        }
    }

    /// Ends everything; returns streams to close once the lock is released.
    pub fn finalise(&mut self) -> Vec<Arc<Stream>> {
        self.initialised = false;
        let devices: Vec<i32> = self.devices.keys().copied().collect();
        let streams = devices
            .into_iter()
            .flat_map(|id| self.clear_device(id))
            .collect();
        self.note_leak(self.host.len(), "host allocations");
        self.host.clear();
        streams
    }

    /// A new opaque handle: an address that cannot be read.
    pub fn new_handle(&mut self) -> u64 {
        let handle = self.handles.start;
        self.handles.start += HANDLE_STEP;
        handle
    }

    /// A new id of a model or engine context.
    pub fn new_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Ids of the devices that can be set.
    pub fn listed_devices(&self) -> Vec<i32> {
        if !self.initialised || !self.settings().driver {
            return Vec::new();
        }
        let ids = self.settings().devices.iter();
        ids.copied().filter(|id| !self.lost.contains(id)).collect()
    }

    fn check_listed(&self, id: i32) -> Result {
        if !self.listed_devices().contains(&id) {
            return Err(code::INVALID_DEVICE);
        }
        Ok(())
    }

    /// Counts one more user of a device, and binds its default context to this thread.
    pub fn set_device(&mut self, id: i32) -> Result {
        self.check_listed(id)?;
        let handle = self.new_handle();
        let device = self.devices.entry(id).or_default();
        device.count += 1;
        let context = *device.default_context.get_or_insert(handle);
        self.contexts.entry(context).or_insert(Context {
            device: id,
            explicit: false,
        });
        CURRENT.set(context);
        Ok(())
    }

    /// Drops one user of a device; the last one frees everything on it.
    pub fn reset_device(&mut self, id: i32) -> Result<Vec<Arc<Stream>>> {
        let listed = self.check_listed(id);
        let Some(device) = self.devices.get_mut(&id) else {
            return listed.and(Err(code::DEVICE_NOT_ACTIVE));
        };
        device.count = device.count.saturating_sub(1);
        let streams = if device.count == 0 {
            self.clear_device(id)
        } else {
            Vec::new()
        };
        listed.map(|()| streams)
    }

    fn clear_device(&mut self, id: i32) -> Vec<Arc<Stream>> {
        let explicit = |context: &Context| context.device == id && context.explicit;
        let contexts = self
            .contexts
            .values()
            .filter(|context| explicit(context))
            .count();
        let engine = self.engine.clear(id);
        let blocks = self.memory.free_all(id);
        let (ending, kept) = std::mem::take(&mut self.streams)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, stream)| stream.device() == id);
        self.streams = kept;
        self.note_leak(contexts, "contexts");
        self.note_leak(engine, "models, descriptions and binding tables");
        self.note_leak(blocks, "device allocations");
        self.note_leak(ending.len(), "streams");
        self.contexts.retain(|_, context| context.device != id);
        self.devices.remove(&id);
        ending.into_values().collect()
    }

    fn note_leak(&self, number: usize, what: &str) {
        if number == 0 {
            return;
        }
        explain(format_args!("{number} {what} were left"));
        self.note("leak", &format_args!("{number} {what}"));
    }

    /// Writes an event other than a call into the trace.
    pub fn note(&self, what: &str, detail: &dyn Display) {
        if let Some(path) = self.control.trace() {
            trace::write(&path, what, detail, 0);
        }
    }

    /// The card restarts: everything on it is gone, and it is available again.
    pub fn reboot_device(&mut self, id: i32) -> Result<Vec<Arc<Stream>>> {
        if !self.initialised || !self.settings().devices.contains(&id) {
            return Err(code::INVALID_DEVICE);
        }
        self.lost.retain(|lost| *lost != id);
        Ok(self.clear_device(id))
    }

    /// The card disappears.
    pub fn lose_device(&mut self, id: i32) {
        self.lost.push(id);
    }

    /// Makes an explicit context, bound to this thread.
    pub fn create_context(&mut self, device: i32) -> Result<u64> {
        self.check_listed(device)?;
        self.devices.entry(device).or_default();
        let context = self.new_handle();
        self.contexts.insert(
            context,
            Context {
                device,
                explicit: true,
            },
        );
        CURRENT.set(context);
        Ok(context)
    }

    pub fn destroy_context(&mut self, context: u64) -> Result {
        match self.contexts.get(&context) {
            Some(Context { explicit: true, .. }) => {
                self.contexts.remove(&context);
                Ok(())
            }
            _ => Err(code::CONTEXT_DESTROY_FAILED),
        }
    }

    /// Binds a context to this thread.
    pub fn set_current_context(&self, context: u64) -> Result {
        if !self.contexts.contains_key(&context) {
            return Err(code::CONTEXT_BIND_FAILED);
        }
        CURRENT.set(context);
        Ok(())
    }

    /// The context bound to this thread.
    pub fn current_context(&self) -> Result<u64> {
        let context = CURRENT.get();
        if !self.contexts.contains_key(&context) {
            return Err(code::NO_CONTEXT);
        }
        Ok(context)
    }

    pub fn default_context(&self, device: i32) -> Result<u64> {
        let device = self.devices.get(&device);
        device
            .and_then(|device| device.default_context)
            .ok_or(code::DEVICE_NOT_ACTIVE)
    }

    /// The device of this thread's context.
    pub fn current_device(&self) -> Result<i32> {
        let context = self.current_context()?;
        Ok(self.contexts[&context].device)
    }

    /// The device of this thread's context, if it still answers; otherwise the failure `lost`.
    pub fn working_device(&self, lost: Code) -> Result<i32> {
        let device = self.current_device()?;
        self.check_present(device, lost)?;
        Ok(device)
    }

    /// Fails with `lost` when the device does not answer any more.
    pub fn check_present(&self, device: i32, lost: Code) -> Result {
        self.check_listed(device).map_err(|_| lost)
    }

    /// VNPU kind that the engine of a device was initialised with.
    pub fn vnpu(&mut self, device: i32) -> &mut Option<i32> {
        &mut self.devices.entry(device).or_default().vnpu
    }

    /// Device memory in bytes: all and what is free.
    pub fn cmm(&self, device: i32) -> (u64, u64) {
        let total = u64::from(self.settings().cmm_mib) << 20;
        let used = self.memory.used(device) + self.engine.used(device);
        (total, total.saturating_sub(used))
    }
}
