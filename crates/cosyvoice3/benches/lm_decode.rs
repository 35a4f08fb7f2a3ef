//! Language model speed: a bare llama.cpp loop against ours, in interleaved pairs on the same GGUF and threads.
//!
//! `cargo bench --bench lm_decode -- MODEL_DIR [--threads N] [--pairs N] [--busy N] [--f32-kv] [--flash] [--adapt]`, where `--busy` is the
//! number of foreign busy threads and `--adapt` lets ours follow the load. The bare loop does what llama-bench does: no sampling, workers that never sleep.

use std::{
    ffi::CString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use cosyvoice3::{
    cancel::Cancel,
    lm::{self, Decoding, LmModel, LmOptions, LmSession, Prefix, sampling::Sampler},
    manifest::Manifest,
};
use llama_cpp_sys_2 as sys;
use test_support::cores;

const PREFIX: usize = 128;
const TOKENS: usize = 138;

#[derive(clap::Parser)]
struct Args {
    /// Model directory.
    #[arg(default_value = "models/tiny")]
    dir: PathBuf,
    /// Threads of either.
    #[arg(long, default_value_t = cores())]
    threads: usize,
    /// Pairs of runs.
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Foreign busy threads.
    #[arg(long, default_value_t = 0)]
    busy: usize,
    /// Keys and values in full precision.
    #[arg(long = "f32-kv")]
    kv_f32: bool,
    /// Flash attention.
    #[arg(long)]
    flash: bool,
    /// Ours follows the load.
    #[arg(long)]
    adapt: bool,
    /// Comes from Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Times of one run.
#[derive(Clone, Copy)]
struct Run {
    prefill: Duration,
    decode: Duration,
    /// Processor time of prefill and decode, all threads: with one thread and none busy, the work whatever else runs.
    cpu: Duration,
}

/// Processor time of this process so far.
fn cpu_time() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock exists on every Linux, and `now` is a valid place for its value.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut now) };
    assert_eq!(status, 0);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// llama.cpp with nothing around it.
struct Bare(*mut sys::llama_model);

impl Bare {
    fn load(path: &Path) -> Self {
        let path = CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: a NUL-terminated path and llama.cpp's own parameters.
        let model = unsafe {
            let mut params = sys::llama_model_default_params();
            params.n_gpu_layers = 0;
            sys::llama_model_load_from_file(path.as_ptr(), params)
        };
        assert!(!model.is_null(), "llama.cpp cannot load {path:?}");
        Self(model)
    }

    fn run(&self, args: &Args) -> Run {
        // SAFETY: the model is alive; context and pool are made, used and freed here; the batches' arrays outlive them.
        unsafe {
            let threads = args.threads as i32;
            let mut params = sys::llama_context_default_params();
            params.n_ctx = 2048;
            params.n_batch = 2048;
            params.n_threads = threads;
            params.n_threads_batch = threads;
            if args.kv_f32 {
                params.type_k = sys::GGML_TYPE_F32;
                params.type_v = sys::GGML_TYPE_F32;
            }
            params.flash_attn_type = i32::from(args.flash);
            let context = sys::llama_init_from_model(self.0, params);
            assert!(!context.is_null());
            let mut pool = sys::ggml_threadpool_params_default(threads);
            let pool = sys::ggml_threadpool_new(&raw mut pool);
            sys::llama_attach_threadpool(context, pool, pool);
            let mut prefix: Vec<i32> = (0..PREFIX as i32).map(|i| i * 37 % 6561).collect();
            let cpu = cpu_time();
            let started = Instant::now();
            let batch = sys::llama_batch_get_one(prefix.as_mut_ptr(), PREFIX as i32);
            assert_eq!(sys::llama_decode(context, batch), 0);
            sys::llama_synchronize(context);
            let prefill = started.elapsed();
            let started = Instant::now();
            // The first token comes from the prefill's logits.
            for i in 1..TOKENS as i32 {
                let mut token = i * 53 % 6561;
                let batch = sys::llama_batch_get_one(&raw mut token, 1);
                assert_eq!(sys::llama_decode(context, batch), 0);
                sys::llama_synchronize(context);
            }
            let decode = started.elapsed();
            let cpu = cpu_time() - cpu;
            sys::llama_free(context);
            sys::ggml_threadpool_free(pool);
            Run {
                prefill,
                decode,
                cpu,
            }
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: made by llama.cpp and freed once; no context is left.
        unsafe { sys::llama_model_free(self.0) }
    }
}

fn ours(session: &mut LmSession) -> Run {
    let text: Vec<u32> = (0..30).collect();
    let speech: Vec<u32> = (0..(PREFIX - 2 - text.len()) as u32)
        .map(|i| i * 37 % 6561)
        .collect();
    let prefix = Prefix {
        prompt_text_ids: &[],
        text_ids: &text,
        prompt_speech: &speech,
    };
    let decoding = Decoding {
        sampling: session.model().manifest().sampling,
        temperature: 1.0,
        seed: 1,
        min_tokens: TOKENS,
        max_tokens: TOKENS,
    };
    let cpu = cpu_time();
    let generated = session
        .generate(&prefix, &decoding, &Cancel::new(), &mut |_| ())
        .unwrap();
    assert_eq!(
        (generated.prefill.positions, generated.generated),
        (PREFIX, TOKENS)
    );
    Run {
        prefill: generated.prefill.time,
        decode: generated.decode,
        cpu: cpu_time() - cpu,
    }
}

fn median(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (
        values[values.len() / 2],
        values[0],
        values[values.len() - 1],
    )
}

fn report(what: &str, positions: usize, times: impl Iterator<Item = Duration> + Clone) -> f64 {
    let (rate, low, high) = median(times.map(|t| positions as f64 / t.as_secs_f64()));
    println!("{what:16} {rate:8.1} tok/s   ({low:.1} .. {high:.1})");
    rate
}

fn main() {
    test_support::enter_root();
    let args = Args::parse();
    println!("{}", lm::system_info().unwrap());
    let lm = Manifest::read(&args.dir).unwrap().lm;
    println!(
        "{}: {}, {} threads, {} busy, KV {}, flash attention {}",
        args.dir.display(),
        lm.quantization,
        args.threads,
        args.busy,
        if args.kv_f32 { "f32" } else { "f16" },
        args.flash
    );
    let started = Instant::now();
    let model = Arc::new(LmModel::load(&args.dir, &lm, &mut |_| true).unwrap());
    println!("load {:.2} s", started.elapsed().as_secs_f64());
    let options = LmOptions {
        threads: args.threads,
        cpus: None,
        kv_f32: args.kv_f32,
        adapt: args.adapt,
        flash_attention: args.flash,
    };
    let mut session = LmSession::new(model, &options).unwrap();
    let bare = Bare::load(&args.dir.join(&lm.gguf));

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..args.busy {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let mut runs = Vec::new();
        bare.run(&args);
        ours(&mut session);
        for pair in 0..args.pairs {
            // Turn about, so that neither always runs second.
            let first = (pair % 2 == 0).then(|| bare.run(&args));
            let ours = ours(&mut session);
            runs.push((first.unwrap_or_else(|| bare.run(&args)), ours));
        }
        stop.store(true, Ordering::Relaxed);
        report("prefill, bare", PREFIX, runs.iter().map(|r| r.0.prefill));
        report("prefill, ours", PREFIX, runs.iter().map(|r| r.1.prefill));
        report("decode, bare", TOKENS - 1, runs.iter().map(|r| r.0.decode));
        report("decode, ours", TOKENS - 1, runs.iter().map(|r| r.1.decode));
        for (what, time) in [
            ("decode", (|run| run.decode) as fn(&Run) -> Duration),
            ("processor", |run| run.cpu),
        ] {
            let pairs = runs
                .iter()
                .map(|(bare, ours)| time(ours).as_secs_f64() / time(bare).as_secs_f64());
            let (ratio, low, high) = median(pairs);
            println!("{what} time, ours / bare of each pair: {ratio:.3}   ({low:.3} .. {high:.3})");
        }
    });

    let logits = session.logits().to_vec();
    let mut sampler = Sampler::new(lm.sampling, 1.0, 1).unwrap();
    let started = Instant::now();
    let rounds = 2000;
    for _ in 0..rounds {
        std::hint::black_box(sampler.sample(&logits, false, &[]).unwrap());
    }
    println!(
        "sampling {:.1} us a token",
        started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    );
}
