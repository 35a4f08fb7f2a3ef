//! ONNX Runtime, loaded at run time: one environment per process, sessions that can be cancelled.

mod library;
mod telemetry;

use std::{
    borrow::Cow,
    fmt,
    fs::File,
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use once_cell::sync::OnceCell;
use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{RunOptions, SessionInputValue, SessionOutputs, builder::GraphOptimizationLevel},
    value::{Outlet, TensorElementType, TensorRef},
};

use crate::{Error, ErrorKind, Result, cancel::Cancel};

/// The loaded ONNX Runtime library and its environment.
pub struct Runtime {
    environment: Environment,
    library: PathBuf,
}

impl Runtime {
    /// The library that was loaded: a path, or a bare name that the system's loader resolved.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The environment, of which a process has only one, for sessions beside those of this module.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The build that the library reports: version, commit, flags.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }
}

/// The process's ONNX Runtime, loaded on the first call.
///
/// # Errors
/// [`ErrorKind::Library`] if no usable library was found; the message names every place that was searched. A later
/// call searches again.
pub fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceCell<Runtime> = OnceCell::new();
    RUNTIME.get_or_try_init(|| {
        let (builder, library) = library::load()?;
        let environment = builder
            .with_name("cosyvoice3")
            .with_logger(Arc::new(|level, _, _, location, message| {
                // The caller of this closure is C++: nothing may unwind into it.
                let _ = catch_unwind(AssertUnwindSafe(|| log(level, location, message)));
            }))
            .build()
            .map_err(|e| Error::new(ErrorKind::Library, format!("{}: {e}", library.display())))?;
        environment.set_log_level(LogLevel::Warning);
        tracing::debug!(library = %library.display(), "ONNX Runtime loaded");
        Ok(Runtime {
            environment,
            library,
        })
    })
}

/// Lowers the levels: ONNX Runtime logs every error that it also returns, and its warnings are for its own authors.
fn log(level: LogLevel, location: &str, message: &str) {
    match level {
        LogLevel::Verbose | LogLevel::Info => {
            tracing::trace!(target: "onnxruntime", location, "{message}");
        }
        LogLevel::Warning | LogLevel::Error => {
            tracing::debug!(target: "onnxruntime", location, "{message}");
        }
        LogLevel::Fatal => tracing::error!(target: "onnxruntime", location, "{message}"),
    }
}

/// Settings of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Threads that share the work of one operator, the calling thread included; 0 is one per core that this process
    /// may use. The threads that this adds inherit the core affinity of the thread that loads the session.
    pub threads: usize,
    /// Let idle threads spin before they sleep. Faster if the session has the cores to itself, slower if other stages
    /// run on them.
    pub spinning: bool,
    /// Keep freed memory for the next run.
    pub arena: bool,
    /// Keep a copy of the weights in the order that the kernels read them in. Without it, weights in a data file of their
    /// own are mapped from there and take no memory that cannot be given back, and each run orders them anew.
    pub prepacking: bool,
    /// Write the time of every node to a file with this prefix; see [`Session::end_profiling`].
    pub profile: Option<PathBuf>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            threads: 0,
            spinning: false,
            arena: true,
            prepacking: true,
            profile: None,
        }
    }
}

/// Element types in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// Anything else.
    Other,
}

/// A length that the graph leaves open.
pub const FREE: i64 = -1;

/// One input or output of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name in the graph.
    pub name: String,
    /// Type of its elements.
    pub element: Element,
    /// Length of each axis, [`FREE`] if any works.
    pub shape: Vec<i64>,
}

impl Port {
    /// A port.
    pub fn new(name: &str, element: Element, shape: &[i64]) -> Self {
        Self {
            name: name.into(),
            element,
            shape: shape.into(),
        }
    }

    fn of(outlet: &Outlet) -> Self {
        let dtype = outlet.dtype();
        Self {
            name: outlet.name().into(),
            element: match dtype.tensor_type() {
                Some(TensorElementType::Float32) => Element::F32,
                Some(TensorElementType::Int32) => Element::I32,
                Some(TensorElementType::Int64) => Element::I64,
                _ => Element::Other,
            },
            shape: dtype
                .tensor_shape()
                .map(|shape| shape.to_vec())
                .unwrap_or_default(),
        }
    }

    /// Returns true if this port satisfies `wanted`: a free axis takes every length.
    fn serves(&self, wanted: &Self) -> bool {
        self.name == wanted.name
            && self.element == wanted.element
            && self.shape.len() == wanted.shape.len()
            && std::iter::zip(&self.shape, &wanted.shape)
                .all(|(have, want)| *have == FREE || have == want)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let element = match self.element {
            Element::F32 => "f32",
            Element::I32 => "i32",
            Element::I64 => "i64",
            Element::Other => "other",
        };
        write!(f, "{} {element} [", self.name)?;
        for (i, length) in self.shape.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            match *length {
                FREE => write!(f, "{separator}?")?,
                n => write!(f, "{separator}{n}")?,
            }
        }
        write!(f, "]")
    }
}

/// Input of a graph: a shape and the values in row-major order, borrowed for the run.
#[derive(Debug, Clone, Copy)]
pub enum Tensor<'a> {
    /// Floats.
    F32(&'a [usize], &'a [f32]),
    /// Short integers.
    I32(&'a [usize], &'a [i32]),
    /// Integers.
    I64(&'a [usize], &'a [i64]),
}

impl<'a> Tensor<'a> {
    fn view(self) -> ort::Result<SessionInputValue<'a>> {
        Ok(match self {
            Self::F32(shape, data) => TensorRef::from_array_view((shape, data))?.into(),
            Self::I32(shape, data) => TensorRef::from_array_view((shape, data))?.into(),
            Self::I64(shape, data) => TensorRef::from_array_view((shape, data))?.into(),
        })
    }
}

/// A loaded graph.
pub struct Session {
    session: ort::session::Session,
    run_options: Arc<RunOptions>,
    /// Of a run that gives back its memory.
    last_run_options: Arc<RunOptions>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    path: PathBuf,
}

impl Session {
    /// Loads and optimises the graph of `path`; a cancellation ends that between two steps.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], [`ErrorKind::Library`] without ONNX Runtime, [`ErrorKind::NotFound`] and
    /// [`ErrorKind::Open`] from the file system, [`ErrorKind::Damaged`] if the file is no graph that this ONNX Runtime
    /// can run, [`ErrorKind::NoSpace`] if memory ran out.
    pub fn load(path: &Path, options: &SessionOptions, cancel: &Cancel) -> Result<Self> {
        let runtime = runtime()?;
        // ONNX Runtime's own errors for a missing or unreadable file differ by version.
        read_ahead(path, cancel)?;
        let data = data_file(path);
        if data.exists() {
            read_ahead(&data, cancel)?;
        }
        let session = Self::build(runtime, path, options, cancel)
            .map_err(|e| cancel.check().err().unwrap_or_else(|| load_error(path, &e)))?;
        let run_options = RunOptions::new().map_err(|e| load_error(path, &e))?;
        let mut last_run_options = RunOptions::new().map_err(|e| load_error(path, &e))?;
        if options.arena {
            last_run_options
                .set("memory.enable_memory_arena_shrinkage", "cpu:0")
                .map_err(|e| load_error(path, &e))?;
        }
        Ok(Self {
            inputs: session.inputs().iter().map(Port::of).collect(),
            outputs: session.outputs().iter().map(Port::of).collect(),
            session,
            run_options: Arc::new(run_options),
            last_run_options: Arc::new(last_run_options),
            path: path.into(),
        })
    }

    fn build(
        runtime: &Runtime,
        path: &Path,
        options: &SessionOptions,
        cancel: &Cancel,
    ) -> ort::Result<ort::session::Session> {
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        let arena = ort::ep::CPU::default().with_arena_allocator(options.arena);
        let mut builder = ort::session::Session::builder(&runtime.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_intra_op_spinning(options.spinning)?
            .with_prepacking(options.prepacking)?
            // Such a plan of the memory is for one length, and hardly two sentences share theirs. Without it a full-size model
            // needs some 35 MiB less, and runs as fast.
            .with_memory_pattern(false)?
            .with_log_level(LogLevel::Warning)?
            .with_execution_providers([arena.build()])?;
        if let Some(prefix) = &options.profile {
            builder = builder.with_profiling(prefix)?;
        }
        let canceler = builder.canceler();
        let _hook = cancel.on_cancel(move || {
            let _ = canceler.cancel();
        });
        builder.commit_from_file(path)
    }

    /// The file this graph came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The graph's inputs.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The graph's outputs.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The input called `name`, if the graph has it.
    pub fn input(&self, name: &str) -> Option<&Port> {
        self.inputs.iter().find(|port| port.name == name)
    }

    /// The output called `name`, if the graph has it.
    pub fn output(&self, name: &str) -> Option<&Port> {
        self.outputs.iter().find(|port| port.name == name)
    }

    /// Checks that the graph takes exactly `inputs` and yields at least `outputs`, before anything is run with it.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] that names the file and what it has instead.
    pub fn check(&self, inputs: &[Port], outputs: &[Port]) -> Result<()> {
        let serves = |have: &[Port], want: &Port| have.iter().any(|port| port.serves(want));
        let wanted = inputs.len() == self.inputs.len()
            && inputs.iter().all(|port| serves(&self.inputs, port))
            && outputs.iter().all(|port| serves(&self.outputs, port));
        if wanted {
            return Ok(());
        }
        Err(Error::damaged(
            &self.path,
            format!(
                "the graph takes {} and yields {}; expected {} and {}: the file belongs to another version or model",
                list(&self.inputs),
                list(&self.outputs),
                list(inputs),
                list(outputs),
            ),
        ))
    }

    /// Runs the graph over `inputs`, given by name; a cancellation ends the run between two nodes.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], or [`ErrorKind::Failed`] that names the file.
    pub fn run(&mut self, inputs: &[(&str, Tensor<'_>)], cancel: &Cancel) -> Result<Outputs<'_>> {
        Self::run_with(
            &mut self.session,
            &self.run_options,
            &self.path,
            inputs,
            cancel,
        )
    }

    /// As [`run`](Self::run), and gives back to the system what this run and those before it needed beside their outputs.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_last(
        &mut self,
        inputs: &[(&str, Tensor<'_>)],
        cancel: &Cancel,
    ) -> Result<Outputs<'_>> {
        let options = &self.last_run_options;
        Self::run_with(&mut self.session, options, &self.path, inputs, cancel)
    }

    fn run_with<'s>(
        session: &'s mut ort::session::Session,
        options: &'s Arc<RunOptions>,
        path: &'s Path,
        inputs: &[(&str, Tensor<'_>)],
        cancel: &Cancel,
    ) -> Result<Outputs<'s>> {
        let failed = |e: ort::Error| {
            if cancel.is_cancelled() {
                Error::cancelled()
            } else {
                Error::failed(format!("{}: {e}", path.display()))
            }
        };
        let mut values = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            values.push((Cow::Borrowed(*name), tensor.view().map_err(failed)?));
        }
        options.unterminate().map_err(failed)?;
        let hook = cancel.on_cancel({
            let options = options.clone();
            move || {
                let _ = options.terminate();
            }
        });
        let outputs = session
            .run_with_options(values, &**options)
            .map_err(failed)?;
        drop(hook);
        Ok(Outputs { outputs, path })
    }

    /// Ends profiling and returns the file that was written (Chrome trace format), if
    /// [`SessionOptions::profile`] asked for one.
    pub fn end_profiling(&mut self) -> Result<PathBuf> {
        self.session
            .end_profiling()
            .map(PathBuf::from)
            .map_err(|e| Error::failed(format!("{}: {e}", self.path.display())))
    }
}

/// The file beside the graph `path` that has its large weights, where it has such a file.
pub fn data_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".data");
    name.into()
}

/// Reads a file into the page cache: ONNX Runtime cannot be cancelled while it reads, which a slow disk makes long.
fn read_ahead(path: &Path, cancel: &Cancel) -> Result<()> {
    const BLOCK: usize = 1 << 20;
    let mut file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(_) => cancel.check()?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(path, &e)),
        }
    }
}

fn list(ports: &[Port]) -> String {
    let ports: Vec<_> = ports.iter().map(Port::to_string).collect();
    ports.join(", ")
}

fn load_error(path: &Path, error: &ort::Error) -> Error {
    let message = error.message();
    if message.contains("bad_alloc") || message.contains("Failed to allocate memory") {
        return Error::new(
            ErrorKind::NoSpace,
            format!(
                "{}: not enough memory to load it: {message}",
                path.display()
            ),
        );
    }
    Error::damaged(path, format!("ONNX Runtime cannot load it: {message}"))
}

/// Outputs of one run, borrowed from the session until the next run.
pub struct Outputs<'s> {
    outputs: SessionOutputs<'s>,
    path: &'s Path,
}

impl Outputs<'_> {
    /// Shape and values of the output `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if the graph has no such output of floats.
    pub fn f32(&self, name: &str) -> Result<(&[i64], &[f32])> {
        let output = self
            .outputs
            .get(name)
            .ok_or_else(|| Error::damaged(self.path, format!("no output {name}")))?;
        let (shape, data) = output
            .try_extract_tensor::<f32>()
            .map_err(|e| Error::damaged(self.path, format!("output {name}: {e}")))?;
        Ok((shape, data))
    }

    /// Values of the output `name`, of either kind of integers.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if the graph has no such output of integers.
    pub fn ids(&self, name: &str) -> Result<Vec<i64>> {
        let damaged = |what: String| Error::damaged(self.path, what);
        let output = self.outputs.get(name);
        let output = output.ok_or_else(|| damaged(format!("no output {name}")))?;
        if let Ok((_, data)) = output.try_extract_tensor::<i32>() {
            return Ok(data.iter().map(|id| i64::from(*id)).collect());
        }
        let (_, data) = output
            .try_extract_tensor::<i64>()
            .map_err(|e| damaged(format!("output {name}: {e}")))?;
        Ok(data.to_vec())
    }
}
