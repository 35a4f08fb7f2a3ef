//! Runs a model on random inputs and prints its inputs, outputs and times.
//!
//! ```text
//! cargo run --example run-model -- MODEL.axmodel [RUNS] [DEVICE]
//! ```
//!
//! RUNS is the number of executions (10), DEVICE the index in the list of devices (0).

use std::{
    error::Error,
    process::ExitCode,
    time::{Duration, Instant},
};

use axcl::{DataType, HostBuffer, Library, LogLevel, Model, Runtime, Session, Tensor, VnpuKind};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, options @ ..] = arguments.as_slice() else {
        eprintln!("usage: run-model MODEL.axmodel [RUNS] [DEVICE]");
        return ExitCode::FAILURE;
    };
    match run(path, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str, options: &[String]) -> Result<(), Box<dyn Error>> {
    let runs: usize = options.first().map_or(Ok(10), |runs| runs.parse())?;
    let index: usize = options.get(1).map_or(Ok(0), |index| index.parse())?;

    let runtime = Runtime::new(&Library::open(None)?)?;
    runtime.set_log_level(LogLevel::Off)?;
    let context = runtime.device(index)?.context()?;
    let engine = context.engine(VnpuKind::Disabled)?;

    let begin = Instant::now();
    let model = engine.load(path)?;
    println!("loaded in {:.1} ms", milliseconds(begin.elapsed()));
    describe(&model);

    let session = model.session()?;
    let mut inputs = random_inputs(&runtime, &model)?;
    let mut outputs = allocate(&runtime, model.outputs())?;
    let mut times = Times::default();
    for _ in 0..runs {
        times.add(execute(&session, &inputs, &mut outputs)?);
    }
    times.print();

    let first: Vec<Vec<u8>> = outputs.iter().map(|output| output.to_vec()).collect();
    let survived = inputs_survive(&session, &mut inputs)?;
    println!("inputs survive an execution: {}", yes_or_no(survived));
    session.execute()?;
    download(&session, &mut outputs)?;
    let same = first
        .iter()
        .zip(&outputs)
        .all(|(first, again)| first[..] == again[..]);
    println!("same outputs without a new upload: {}", yes_or_no(same));
    Ok(())
}

fn describe(model: &Model) {
    if let Some(version) = model.compiler_version() {
        println!("compiler: {version}");
    }
    if let Ok(kind) = model.kind() {
        println!("kind: {kind:?}");
    }
    if let Ok(usage) = model.usage() {
        println!(
            "memory on the card: {} KiB CMM, {} KiB system",
            usage.cmm >> 10,
            usage.system >> 10
        );
    }
    println!("shape groups: {}", model.signatures().len());
    let side = |side: &str, tensors: &[Tensor]| {
        for tensor in tensors {
            let data_type = tensor
                .data_type
                .map_or("unknown type".into(), |t| format!("{t:?}"));
            println!(
                "{side} {}: {data_type} {:?}, {} bytes",
                tensor.name, tensor.shape, tensor.size
            );
        }
    };
    side("input", model.inputs());
    side("output", model.outputs());
}

fn allocate(runtime: &Runtime, tensors: &[Tensor]) -> axcl::Result<Vec<HostBuffer>> {
    tensors
        .iter()
        .map(|tensor| runtime.allocate_host(tensor.size))
        .collect()
}

/// Floating point inputs between -1 and 1; zeros for integers, which may be indices.
fn random_inputs(runtime: &Runtime, model: &Model) -> axcl::Result<Vec<HostBuffer>> {
    let mut inputs = allocate(runtime, model.inputs())?;
    let mut state = 1u64;
    for (tensor, input) in model.inputs().iter().zip(&mut inputs) {
        if tensor.data_type == Some(DataType::Fp32) {
            for value in input.of_mut::<f32>() {
                // Knuth's linear congruential generator; its upper half is random enough.
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                *value = (state >> 32) as u32 as f32 / (1u64 << 31) as f32 - 1.0;
            }
        }
    }
    Ok(inputs)
}

/// Uploads, executes, downloads; returns the time of each.
fn execute(
    session: &Session,
    inputs: &[HostBuffer],
    outputs: &mut [HostBuffer],
) -> axcl::Result<[Duration; 3]> {
    let begin = Instant::now();
    for (buffer, input) in session.inputs().iter().zip(inputs) {
        buffer.upload(input)?;
    }
    let uploaded = Instant::now();
    session.execute()?;
    let executed = Instant::now();
    download(session, outputs)?;
    Ok([uploaded - begin, executed - uploaded, executed.elapsed()])
}

fn download(session: &Session, outputs: &mut [HostBuffer]) -> axcl::Result<()> {
    let buffers = session.outputs().iter().zip(outputs);
    buffers
        .into_iter()
        .try_for_each(|(buffer, output)| buffer.download(output))
}

/// Returns true if the input buffers still hold what was uploaded.
fn inputs_survive(session: &Session, inputs: &mut [HostBuffer]) -> axcl::Result<bool> {
    let mut same = true;
    for (buffer, input) in session.inputs().iter().zip(inputs) {
        let before = input.to_vec();
        buffer.download(input)?;
        same &= before[..] == input[..];
    }
    Ok(same)
}

#[derive(Default)]
struct Times(Vec<[Duration; 3]>);

impl Times {
    fn add(&mut self, times: [Duration; 3]) {
        self.0.push(times);
    }

    fn print(&self) {
        println!("{} runs, milliseconds:", self.0.len());
        for (index, stage) in ["upload", "execute", "download"].iter().enumerate() {
            let times = || self.0.iter().map(|times| times[index]);
            let least = times().min().unwrap_or_default();
            let most = times().max().unwrap_or_default();
            let mean = times().sum::<Duration>() / self.0.len().max(1) as u32;
            println!(
                "  {stage}: mean {:.3}, least {:.3}, most {:.3}",
                milliseconds(mean),
                milliseconds(least),
                milliseconds(most)
            );
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
