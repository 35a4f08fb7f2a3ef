//! llama.cpp through its C API: back end, log, model, thread pool, context. The only unsafe llama.cpp calls are here.
//!
//! The safe bindings take token ids only, and the prefix of CosyVoice3 is embeddings, so this file talks to
//! `llama-cpp-sys-2` directly. Everything in it is as plain as llama.cpp's own `simple` example.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    ffi::{CStr, CString, c_char, c_void},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    ptr::NonNull,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use llama_cpp_sys_2 as sys;
use once_cell::sync::OnceCell;

use super::thread_count::{Allowance, Outcome};
use crate::{Error, ErrorKind, Result, cancel::Cancel, cpu::processor_time, lm::abort};

/// Rounds (of 131,072 polls) that idle workers spin before they sleep: a few milliseconds, longer than the pause
/// between two decode steps, and far less than ggml's default of 50, which heats a core for a tenth of a second.
const POLL: u32 = 1;
/// Most CPUs that ggml's masks know (`GGML_MAX_N_THREADS`).
const MAX_CPUS: usize = 512;
/// Most rows of one call: as many as one pass through the layers takes.
pub(super) const BATCH: usize = 512;

/// llama.cpp's own line about the CPU features it was built with and found.
pub(super) fn system_info() -> Result<&'static str> {
    Ok(&start()?.system_info)
}

/// Version of llama.cpp, and the commit of its ggml.
pub(super) fn version() -> String {
    // SAFETY: both functions return pointers to string literals; any number of threads may call them.
    let [llama, ggml] =
        unsafe { [sys::llama_version(), sys::ggml_commit()].map(|text| CStr::from_ptr(text)) };
    format!("{} {}", llama.to_string_lossy(), ggml.to_string_lossy())
}

/// llama.cpp, started.
pub(super) struct Started {
    system_info: String,
}

/// Starts llama.cpp once per process and sends its log to `tracing`.
pub(super) fn start() -> Result<&'static Started> {
    static STARTED: OnceCell<Started> = OnceCell::new();
    STARTED.get_or_try_init(|| {
        abort::guard();
        // SAFETY: `log` is a valid callback for the life of the process and uses no user data. llama.cpp keeps it in
        // two plain variables, so only one thread may set it, and none may log meanwhile: this is the only call, and
        // no other function of llama.cpp is called before `start` returned.
        unsafe { sys::llama_log_set(Some(log), std::ptr::null_mut()) };
        // First: without a back end, llama.cpp would look for one in the current directory.
        #[cfg(feature = "dynamic-backends")]
        load_cpu_variant(&crate::own_file::private_directories())?;
        // SAFETY: plain initialisation. It writes unguarded statics, so one thread only: this cell's.
        unsafe { sys::llama_backend_init() };
        let system_info = read_system_info();
        tracing::info!(target: "llama", "{system_info}");
        Ok(Started { system_info })
    })
}

/// Asks llama.cpp for its line about the CPU. Only [`start`] may.
fn read_system_info() -> String {
    // SAFETY: the function builds its text anew in one static string at each call and returns that string's buffer. Two
    // threads must never call it at once, nor one read while another calls: it is called once per process, inside the
    // cell of `start`, and the text is copied there.
    let info = unsafe { CStr::from_ptr(sys::llama_print_system_info()) };
    info.to_string_lossy().trim().to_owned()
}

/// Loads the one of ggml's CPU variants in `directories` that makes the most of this CPU.
#[cfg(feature = "dynamic-backends")]
fn load_cpu_variant(directories: &[std::path::PathBuf]) -> Result<()> {
    for directory in directories {
        let Ok(path) = CString::new(directory.as_os_str().as_encoded_bytes()) else {
            continue;
        };
        // SAFETY: the path is a C string that outlives the call. ggml's registry is a static list without a lock: only
        // `start` adds to it, inside its cell, before any other function of llama.cpp is called.
        let loaded = unsafe {
            sys::ggml_backend_load_all_from_path(path.as_ptr());
            !sys::ggml_backend_dev_by_type(sys::GGML_BACKEND_DEVICE_TYPE_CPU).is_null()
        };
        if loaded {
            tracing::debug!(directory = %directory.display(), "ggml's CPU variant loaded");
            return Ok(());
        }
    }
    let searched: Vec<_> = directories
        .iter()
        .map(|directory| format!("{}/libggml-cpu-*.so", directory.display()))
        .collect();
    Err(Error::new(
        ErrorKind::Library,
        format!(
            "no variant of ggml's CPU back end runs on this CPU: searched {}. Install the package again, or build \
             the plugin on this machine",
            searched.join(", ")
        ),
    ))
}

thread_local! {
    /// A log line that has not ended yet, with its level.
    static LINE: RefCell<(sys::ggml_log_level, String)> = const { RefCell::new((sys::GGML_LOG_LEVEL_NONE, String::new())) };
    /// The first error that llama.cpp logged on this thread since this was taken: its only way to say why a call failed.
    static LAST_ERROR: RefCell<Option<String>> = const { RefCell::new(None) };
    /// True if the current call on this thread was aborted on purpose: what llama.cpp logs about it is expected.
    static GIVEN_UP: Cell<bool> = const { Cell::new(false) };
}

/// Log callback. Failures that matter come back as an [`Error`], so each level is one lower here than in llama.cpp.
unsafe extern "C" fn log(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    // SAFETY: ggml passes a NUL-terminated string that lives during the call. Any thread may log; what is kept is the
    // thread's own.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // A subscriber that panics must not unwind into C.
    let _ = catch_unwind(AssertUnwindSafe(|| log_text(level, &text)));
}

fn log_text(level: sys::ggml_log_level, text: &str) {
    let line = LINE.with_borrow_mut(|(current, line)| {
        if level != sys::GGML_LOG_LEVEL_CONT {
            *current = level;
            line.clear();
        }
        line.push_str(text);
        line.ends_with('\n')
            .then(|| (*current, std::mem::take(line)))
    });
    let Some((level, line)) = line else { return };
    let line = line.trim();
    match level {
        _ if GIVEN_UP.get() => tracing::trace!(target: "llama", "{line}"),
        sys::GGML_LOG_LEVEL_ERROR => {
            tracing::warn!(target: "llama", "{line}");
            // The first error is the cause; the ones after it only follow from it.
            LAST_ERROR.with_borrow_mut(|last| {
                last.get_or_insert_with(|| line.to_owned());
            });
        }
        sys::GGML_LOG_LEVEL_WARN => tracing::info!(target: "llama", "{line}"),
        sys::GGML_LOG_LEVEL_INFO => tracing::debug!(target: "llama", "{line}"),
        _ => tracing::trace!(target: "llama", "{line}"),
    }
}

pub(super) fn take_last_error() -> Option<String> {
    LAST_ERROR.take()
}

/// A loaded GGUF.
pub(super) struct Model(NonNull<sys::llama_model>);

// SAFETY: llama.cpp never writes to a model after it is loaded; contexts on several threads may share it, and any thread
// may free it.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

/// Place of a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// Pages of the file: they are shared between processes, and go when memory is short.
    Mapped,
    /// Memory of their own.
    Copied,
}

struct Progress<'a> {
    report: &'a mut dyn FnMut(f32) -> bool,
    stopped: bool,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn on_progress(done: f32, data: *mut c_void) -> bool {
    // SAFETY: `data` is the `Progress` of `Model::load`, which waits for the load to end; llama.cpp reports on the thread
    // that loads, so no other thread has it.
    let progress = unsafe { &mut *data.cast::<Progress>() };
    match catch_unwind(AssertUnwindSafe(|| (progress.report)(done))) {
        Ok(go_on) => progress.stopped = !go_on,
        Err(panic) => progress.panic = Some(panic),
    }
    !progress.stopped && progress.panic.is_none()
}

impl Model {
    /// Loads the GGUF at `path`. `report` gets the part done, 0 to 1, and stops the load with `false`.
    ///
    /// The caller has checked the file: llama.cpp aborts the process over some malformed ones.
    pub fn load(
        path: &Path,
        storage: Storage,
        report: &mut dyn FnMut(f32) -> bool,
    ) -> Result<Self> {
        start()?;
        let c_path = CString::new(path.as_os_str().as_encoded_bytes())
            .map_err(|_| Error::new(ErrorKind::NotFound, "a path must not contain a NUL byte"))?;
        let mut progress = Progress {
            report,
            stopped: false,
            panic: None,
        };
        take_last_error();
        // SAFETY: plain data out, on any thread; the parameters are complete as llama.cpp fills them.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.n_gpu_layers = 0;
        params.load_mode = match storage {
            Storage::Mapped => sys::LLAMA_LOAD_MODE_MMAP,
            Storage::Copied => sys::LLAMA_LOAD_MODE_NONE,
        };
        params.progress_callback = Some(on_progress);
        params.progress_callback_user_data = (&raw mut progress).cast();
        // SAFETY: path and parameters outlive the call; the callback gets the `Progress` it expects, on this thread. A
        // load's state is its own and ggml sets its tables up under a lock, so several threads may load.
        let model = unsafe { sys::llama_model_load_from_file(c_path.as_ptr(), params) };
        if let Some(panic) = progress.panic {
            resume_unwind(panic);
        }
        match NonNull::new(model) {
            Some(model) => Ok(Self(model)),
            None if progress.stopped => Err(Error::cancelled()),
            None => {
                let why = take_last_error().unwrap_or_else(|| "no reason given".into());
                Err(Error::damaged(path, format!("llama.cpp refuses it: {why}")))
            }
        }
    }

    /// Rows of the head and of the token embedding.
    pub fn vocabulary(&self) -> usize {
        // SAFETY: the model is alive, and its vocabulary lives as long; both are only read, by any number of threads.
        let rows =
            unsafe { sys::llama_vocab_n_tokens(sys::llama_model_get_vocab(self.0.as_ptr())) };
        usize::try_from(rows).unwrap_or(0)
    }

    /// Width of an embedding.
    pub fn hidden_size(&self) -> usize {
        // SAFETY: the model is alive and only read, by any number of threads.
        let width = unsafe { sys::llama_model_n_embd(self.0.as_ptr()) };
        usize::try_from(width).unwrap_or(0)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the pointer came from llama.cpp, is freed once, and no context borrows it any more (each holds an Arc).
        // Nothing global is touched, so other threads may use other models meanwhile.
        unsafe { sys::llama_model_free(self.0.as_ptr()) }
    }
}

/// Settings of a [`Context`].
#[derive(Debug, Clone)]
pub(super) struct ContextOptions {
    /// Cells of the KV cache.
    pub cells: u32,
    /// Most threads, the calling one included; at least 1.
    pub threads: usize,
    /// CPUs that these threads may run on; `None` for any.
    pub cpus: Option<Vec<usize>>,
    /// Keep keys and values in f32 and not in f16.
    pub kv_f32: bool,
    /// Fused attention.
    pub flash_attention: bool,
}

type ThreadPoolNew =
    unsafe extern "C" fn(*mut sys::ggml_threadpool_params) -> *mut sys::ggml_threadpool;
type ThreadPoolFree = unsafe extern "C" fn(*mut sys::ggml_threadpool);

/// Looks a function of ggml's CPU back end up by name, as llama.cpp does: this works linked in and loaded at run time.
fn cpu_function(name: &CStr) -> Result<NonNull<c_void>> {
    // SAFETY: ggml's registry is complete since `start`, and only read here, by any number of threads; null pointers are
    // not passed on.
    let function = unsafe {
        let device = sys::ggml_backend_dev_by_type(sys::GGML_BACKEND_DEVICE_TYPE_CPU);
        if device.is_null() {
            std::ptr::null_mut()
        } else {
            sys::ggml_backend_reg_get_proc_address(
                sys::ggml_backend_dev_backend_reg(device),
                name.as_ptr(),
            )
        }
    };
    NonNull::new(function).ok_or_else(|| {
        Error::new(
            ErrorKind::Library,
            format!(
                "ggml's CPU back end has no {name:?}: its library is missing or of another version"
            ),
        )
    })
}

/// A number of threads and ggml's workers for them, which sleep while another pool computes.
struct ThreadPool {
    threads: usize,
    pool: NonNull<sys::ggml_threadpool>,
    free: ThreadPoolFree,
}

impl ThreadPool {
    fn new(threads: usize, cpus: Option<&[usize]>) -> Result<Self> {
        let new = cpu_function(c"ggml_threadpool_new")?;
        let free = cpu_function(c"ggml_threadpool_free")?;
        // SAFETY: ggml registers these functions under these names with these signatures, for any thread.
        let (new, free) = unsafe {
            (
                std::mem::transmute::<NonNull<c_void>, ThreadPoolNew>(new),
                std::mem::transmute::<NonNull<c_void>, ThreadPoolFree>(free),
            )
        };
        // SAFETY: plain data in and out, on any thread.
        let mut params = unsafe { sys::ggml_threadpool_params_default(threads as i32) };
        params.poll = POLL;
        // Paused until the first step, which also moves the thread that decodes onto its CPUs.
        params.paused = true;
        for &cpu in cpus
            .unwrap_or_default()
            .iter()
            .filter(|&&cpu| cpu < MAX_CPUS)
        {
            params.cpumask[cpu] = true;
        }
        // SAFETY: the parameters are complete and copied by the call, which makes a pool of its own: any thread may.
        let pool = NonNull::new(unsafe { new(&raw mut params) })
            .ok_or_else(|| Error::failed("ggml could not start its worker threads"))?;
        Ok(Self {
            threads,
            pool,
            free,
        })
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // SAFETY: the pool came from the matching function and is freed once, after the context that used it; its
        // workers are joined. Only this value knows it.
        unsafe { (self.free)(self.pool.as_ptr()) }
    }
}

/// A KV cache and the buffers and threads to compute with, over one model.
pub(super) struct Context {
    context: NonNull<sys::llama_context>,
    model: Arc<Model>,
    /// Stable address for llama.cpp, however the context moves; not shared with anything else.
    watch: Rc<Watch>,
    cells: usize,
    used: usize,
    has_logits: bool,
    most_threads: usize,
    threads: usize,
    cpus: Option<Vec<usize>>,
    /// One for each number of threads that was used. They go after the context, which refers to the last one used.
    pools: Vec<ThreadPool>,
}

// SAFETY: a context is bound to no thread, but no two threads may use it at once, not even to read: some of
// llama.cpp's getters put its outputs in order first. So it is Send and not Sync, and its watch,
// of which it has the only Rc, goes with it.
unsafe impl Send for Context {}

/// Decides after each operation if a call goes on.
struct Watch {
    cancelled: Arc<AtomicBool>,
    /// The call under way. Only the thread that makes it comes here.
    call: Cell<Call>,
    /// Operations of a whole call; 0 where that is not known.
    operations: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Call {
    started: Instant,
    allowance: Allowance,
    /// Operations so far.
    operations: usize,
}

impl Call {
    fn new(allowance: Allowance) -> Self {
        Self {
            started: Instant::now(),
            allowance,
            operations: 0,
        }
    }

    /// The part of the call that is done, where all of it is `operations`.
    fn done(&self, operations: usize) -> f64 {
        (self.operations as f64 / operations as f64).min(1.0)
    }
}

impl Watch {
    fn ends_call(&self) -> bool {
        let mut call = self.call.get();
        call.operations += 1;
        self.call.set(call);
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        if call.allowance == Allowance::ALL || self.operations.get() == 0 {
            return false;
        }
        let done = call.done(self.operations.get());
        let elapsed = call.started.elapsed().as_secs_f64();
        call.allowance.is_over(done, elapsed)
    }
}

unsafe extern "C" fn should_abort(data: *mut c_void) -> bool {
    // SAFETY: `data` is the watch that the context keeps alive. ggml asks on its thread 0 only, which is the one
    // that called `llama_decode` and holds the context's `&mut`; so the cells are that thread's alone.
    let ends = unsafe { &*data.cast::<Watch>() }.ends_call();
    if ends {
        GIVEN_UP.set(true);
    }
    ends
}

impl Context {
    /// A context over `model`, with its own worker threads.
    pub fn new(model: Arc<Model>, options: &ContextOptions) -> Result<Self> {
        let threads = options.threads.clamp(1, MAX_CPUS);
        let watch = Rc::new(Watch {
            cancelled: Arc::default(),
            call: Cell::new(Call::new(Allowance::ALL)),
            operations: Cell::new(0),
        });
        let kv = if options.kv_f32 {
            sys::GGML_TYPE_F32
        } else {
            sys::GGML_TYPE_F16
        };
        // SAFETY: plain data out, on any thread.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = options.cells;
        params.n_batch = options.cells;
        params.n_ubatch = (BATCH as u32).min(options.cells);
        params.n_seq_max = 1;
        params.n_outputs_max = 1;
        params.n_threads = threads as i32;
        params.n_threads_batch = threads as i32;
        params.type_k = kv;
        params.type_v = kv;
        params.flash_attn_type = if options.flash_attention {
            sys::LLAMA_FLASH_ATTN_TYPE_ENABLED
        } else {
            sys::LLAMA_FLASH_ATTN_TYPE_DISABLED
        };
        params.abort_callback = Some(should_abort);
        params.abort_callback_data = Rc::as_ptr(&watch).cast_mut().cast();
        take_last_error();
        // SAFETY: the model is alive and stays so through our `Arc`, and the watch as long as the context. The model is
        // only read, so several threads may make contexts over it.
        let context = unsafe { sys::llama_init_from_model(model.0.as_ptr(), params) };
        let context = NonNull::new(context).ok_or_else(|| {
            let why = take_last_error().unwrap_or_else(|| "no reason given".into());
            Error::failed(format!(
                "llama.cpp could not set up a context of {} tokens: {why}",
                options.cells
            ))
        })?;
        let mut this = Self {
            context,
            model,
            watch,
            cells: options.cells as usize,
            used: 0,
            has_logits: false,
            most_threads: threads,
            threads: 0,
            cpus: options.cpus.clone(),
            pools: Vec::new(),
        };
        this.set_threads(threads)?;
        this.clear();
        Ok(this)
    }

    /// Computes on `threads` threads from now on, but no more than the options say. This changes no logit as long as
    /// attention is not fused.
    ///
    /// # Errors
    /// If ggml cannot start threads.
    pub fn set_threads(&mut self, threads: usize) -> Result<()> {
        let threads = threads.clamp(1, self.most_threads);
        if threads == self.threads {
            return Ok(());
        }
        // A pool of exactly that many: ggml wakes every worker of a pool for each call, and those that are not needed
        // spin for a while before they sleep again. And no pool goes before the context, whose back end pauses the
        // last one when it meets the next.
        let known = self.pools.iter().position(|pool| pool.threads == threads);
        let index = match known {
            Some(index) => index,
            None => {
                self.pools
                    .push(ThreadPool::new(threads, self.cpus.as_deref())?);
                self.pools.len() - 1
            }
        };
        let pool = self.pools[index].pool.as_ptr();
        // SAFETY: context and pool are alive, and ours alone through `&mut self`; the pool is freed after the context.
        unsafe {
            sys::llama_attach_threadpool(self.context.as_ptr(), pool, pool);
            sys::llama_set_n_threads(self.context.as_ptr(), threads as i32, threads as i32);
        }
        self.threads = threads;
        Ok(())
    }

    /// Computes one step and forgets it, to count the operations of a call: without that number, no call has an
    /// [`Allowance`].
    pub fn warm_up(&mut self) -> Result<()> {
        self.clear();
        self.append_token(0, &Allowance::ALL)?;
        self.watch.operations.set(self.watch.call.get().operations);
        self.clear();
        Ok(())
    }

    /// Cells of the KV cache.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Positions in the KV cache.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Forgets every position.
    pub fn clear(&mut self) {
        // SAFETY: the context is alive and ours alone. The cells' old values are never attended to, so they may stay.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.context.as_ptr()), false) };
        self.used = 0;
        self.has_logits = false;
    }

    /// Forgets every position from `positions` on; the cells of those before stay as they are.
    pub fn truncate(&mut self, positions: usize) {
        assert!(
            positions <= self.used,
            "{positions} of {} positions",
            self.used
        );
        let first = positions as sys::llama_pos;
        // SAFETY: the context is alive and ours alone. Removing the end of a sequence cannot fail in a plain KV cache.
        let removed = unsafe {
            sys::llama_memory_seq_rm(sys::llama_get_memory(self.context.as_ptr()), 0, first, -1)
        };
        assert!(removed, "llama.cpp can remove the end of a sequence");
        self.used = positions;
        self.has_logits = false;
    }

    /// The keys and values of all positions, as llama.cpp's sequence state: of the used cells, without logits.
    pub fn state(&self) -> Vec<u8> {
        // SAFETY: the context is alive and on this thread alone, not being Sync; llama.cpp writes no more than the length
        // it is given.
        unsafe {
            let mut state = vec![0; sys::llama_state_seq_get_size(self.context.as_ptr(), 0)];
            let written = sys::llama_state_seq_get_data(
                self.context.as_ptr(),
                state.as_mut_ptr(),
                state.len(),
                0,
            );
            assert_eq!(
                written,
                state.len(),
                "llama.cpp knows the size of its state"
            );
            state
        }
    }

    /// Puts back a [`state`](Self::state) of `positions` positions, in place of what the context holds. There are no
    /// logits after it.
    ///
    /// # Errors
    /// If llama.cpp refuses the state; the context is empty then. It reads damaged states carelessly, so the caller
    /// gives only what a context of the same model and options returned.
    pub fn restore(&mut self, state: &[u8], positions: usize) -> Result<()> {
        self.clear();
        take_last_error();
        // SAFETY: the context is alive and ours alone, and llama.cpp reads within the length it is given.
        let read = unsafe {
            sys::llama_state_seq_set_data(self.context.as_ptr(), state.as_ptr(), state.len(), 0)
        };
        // SAFETY: the context is alive and ours alone.
        let last = unsafe {
            sys::llama_memory_seq_pos_max(sys::llama_get_memory(self.context.as_ptr()), 0)
        };
        if read != state.len() || last + 1 != positions as sys::llama_pos {
            self.clear();
            let why = take_last_error().unwrap_or_else(|| {
                format!("{read} of {} bytes, last position {last}", state.len())
            });
            return Err(Error::failed(format!(
                "llama.cpp could not restore a prefix of {positions} positions: {why}"
            )));
        }
        self.used = positions;
        Ok(())
    }

    /// Appends embeddings, `rows.len() / hidden_size` positions and [`BATCH`] at most, and computes the logits after the
    /// last. If `allowance` ends that, nothing is appended.
    pub fn append_embeddings(
        &mut self,
        rows: &[f32],
        allowance: &Allowance,
        cancel: &Cancel,
    ) -> Result<Outcome> {
        let width = self.model.hidden_size();
        assert!(
            !rows.is_empty() && rows.len().is_multiple_of(width) && rows.len() / width <= BATCH,
            "whole rows of {width} values, {BATCH} at most"
        );
        let batch = sys::llama_batch {
            n_tokens: (rows.len() / width) as i32,
            // llama.cpp copies the rows and does not write to them.
            embd: rows.as_ptr().cast_mut(),
            ..EMPTY_BATCH
        };
        let flag = self.watch.cancelled.clone();
        flag.store(false, Ordering::Relaxed);
        let _hook = cancel.on_cancel(move || flag.store(true, Ordering::Relaxed));
        self.decode(batch, allowance)
    }

    /// Appends one token and computes the logits after it. If `allowance` ends that, nothing is appended. Does not
    /// look at any [`Cancel`]: one step is short.
    pub fn append_token(&mut self, token: u32, allowance: &Allowance) -> Result<Outcome> {
        assert!(
            (token as usize) < self.model.vocabulary(),
            "token {token} is outside the vocabulary"
        );
        let mut token = token as sys::llama_token;
        self.watch.cancelled.store(false, Ordering::Relaxed);
        let batch = sys::llama_batch {
            n_tokens: 1,
            token: &raw mut token,
            ..EMPTY_BATCH
        };
        self.decode(batch, allowance)
    }

    fn decode(&mut self, batch: sys::llama_batch, allowance: &Allowance) -> Result<Outcome> {
        let count = batch.n_tokens as usize;
        assert!(
            count <= self.cells - self.used,
            "the caller checks that {count} positions fit"
        );
        self.has_logits = false;
        take_last_error();
        let processor = processor_time();
        self.watch.call.set(Call::new(*allowance));
        // SAFETY: the batch's arrays hold `n_tokens` ids or rows and outlive the call; positions, sequence and outputs
        // are null, which llama.cpp reads as "next positions of sequence 0, logits of the last". Contexts are not safe
        // for two threads at once: this one is borrowed mutably. Several contexts may decode beside each other; their
        // model is only read.
        let code = unsafe { sys::llama_decode(self.context.as_ptr(), batch) };
        GIVEN_UP.set(false);
        let call = self.watch.call.get();
        let done = match code {
            0 => {
                self.used += count;
                self.has_logits = true;
                1.0
            }
            2 if self.watch.cancelled.load(Ordering::Relaxed) => return Err(Error::cancelled()),
            // llama.cpp has taken the batch's positions out again.
            2 => call.done(self.watch.operations.get()).min(0.999),
            code => {
                let why = take_last_error().unwrap_or_else(|| format!("code {code}"));
                return Err(Error::failed(format!("llama.cpp could not decode: {why}")));
            }
        };
        Ok(Outcome {
            done,
            elapsed: call.started.elapsed().as_secs_f64(),
            processor: (processor_time() - processor).as_secs_f64(),
        })
    }

    /// Logits after the last appended position, one per row of the vocabulary.
    ///
    /// # Panics
    /// If nothing was appended since the context was made or cleared, or the last append failed.
    pub fn logits(&self) -> &[f32] {
        assert!(self.has_logits, "logits follow a successful append");
        // SAFETY: the last decode left `vocabulary` floats at this address; only `&mut self` methods overwrite them. The
        // call itself may reorder outputs, so it needs the context on one thread, which it is, not being Sync.
        unsafe {
            let logits = sys::llama_get_logits_ith(self.context.as_ptr(), -1);
            assert!(
                !logits.is_null(),
                "llama.cpp keeps the logits of its last output"
            );
            std::slice::from_raw_parts(logits, self.model.vocabulary())
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the pointer came from llama.cpp and is freed once; model and pools still live, being fields. Nothing
        // global is touched, so other threads may use other contexts meanwhile.
        unsafe { sys::llama_free(self.context.as_ptr()) }
    }
}

const EMPTY_BATCH: sys::llama_batch = sys::llama_batch {
    n_tokens: 0,
    token: std::ptr::null_mut(),
    embd: std::ptr::null_mut(),
    pos: std::ptr::null_mut(),
    n_seq_id: std::ptr::null_mut(),
    seq_id: std::ptr::null_mut(),
    logits: std::ptr::null_mut(),
};
