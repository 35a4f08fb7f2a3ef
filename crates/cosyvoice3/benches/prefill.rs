//! Prefill, cold against the prefix cache: shared start, full hit in memory and on disk, in turns on one model.
//!
//! `cargo bench --bench prefill -- MODEL_DIR [--threads N] [--rounds N] [--positions N]`

use std::{path::PathBuf, sync::Arc, time::Instant};

use clap::Parser;
use cosyvoice3::{
    cancel::Cancel,
    lm::{self, Hit, LmModel, LmOptions, LmSession, Prefix, PrefixCache, PrefixCaching},
    manifest::Manifest,
};
use test_support::cores;

/// Ids of the prompt's text, its system prefix included.
const PROMPT_TEXT: usize = 30;
/// Speech tokens of the prompt, 3 s.
const PROMPT_SPEECH: usize = 75;

#[derive(clap::Parser)]
struct Args {
    /// Model directory.
    #[arg(default_value = "models/tiny")]
    dir: PathBuf,
    /// Threads of the language model.
    #[arg(long, default_value_t = cores())]
    threads: usize,
    /// Rounds of all kinds of prefill.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Positions of the prefix.
    #[arg(long, default_value_t = 180)]
    positions: usize,
    /// Comes from Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

struct Input {
    prompt_text: Vec<u32>,
    text: Vec<u32>,
    speech: Vec<u32>,
}

impl Input {
    /// A text that differs from `round` to `round`.
    fn new(positions: usize, round: usize) -> Self {
        let ids = |count: usize, first: usize, limit: usize| {
            (0..count)
                .map(|i| ((first + i) * 37 % limit) as u32)
                .collect()
        };
        Self {
            prompt_text: ids(PROMPT_TEXT, 0, 800),
            text: ids(
                positions - 2 - PROMPT_TEXT - PROMPT_SPEECH,
                100 + round,
                800,
            ),
            speech: ids(PROMPT_SPEECH, 0, 6561),
        }
    }

    fn prefix(&self) -> Prefix<'_> {
        Prefix {
            prompt_text_ids: &self.prompt_text,
            text_ids: &self.text,
            prompt_speech: &self.speech,
        }
    }
}

/// Prefills and returns the seconds it took.
fn prefill(session: &mut LmSession, prefix: &Prefix, expected: Hit) -> f64 {
    let prefill = session.prefill(prefix, &Cancel::new()).unwrap();
    assert_eq!(prefill.hit, expected);
    prefill.time.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (
        values[values.len() / 2],
        values[0],
        values[values.len() - 1],
    )
}

fn report(what: &str, seconds: Vec<f64>) {
    let [(ms, low, high)] = [median(seconds.iter().map(|s| s * 1e3).collect())];
    println!("{what:34} {ms:9.2} ms   ({low:.2} .. {high:.2})");
}

fn ratio(what: &str, cold: &[f64], hit: &[f64]) {
    let pairs = std::iter::zip(cold, hit).map(|(cold, hit)| cold / hit);
    let (ratio, low, high) = median(pairs.collect());
    println!("{what:34} {ratio:9.1}      ({low:.1} .. {high:.1})");
}

fn main() {
    test_support::enter_root();
    let args = Args::parse();
    println!("{}", lm::system_info().unwrap());
    let lm = Manifest::read(&args.dir).unwrap().lm;
    let model = Arc::new(LmModel::load(&args.dir, &lm, &mut |_| true).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let options = LmOptions {
        threads: args.threads,
        cpus: None,
        kv_f32: false,
        adapt: false,
        flash_attention: false,
    };
    let plain = || LmSession::new(model.clone(), &options).unwrap();
    // A cache of its own is what a new process has.
    let cached = || {
        let cache = PrefixCache::new("bench", Some(dir.path().join("cosyvoice3/prefix")));
        plain().with_prefix_cache(Arc::new(cache), PrefixCaching::Disk)
    };
    println!(
        "{}: {}, {} threads, {} positions, {} of them start and prompt text",
        args.dir.display(),
        lm.quantization,
        args.threads,
        args.positions,
        1 + PROMPT_TEXT
    );

    let [
        mut whole,
        mut cold,
        mut keeping,
        mut shared,
        mut memory,
        mut disk,
        mut save,
    ] = [const { Vec::<f64>::new() }; 7];
    let mut difference = 0f32;
    let (mut uncached, mut warm) = (plain(), cached());
    let first = Input::new(args.positions, args.rounds);
    prefill(&mut uncached, &first.prefix(), Hit::None);
    for round in 0..args.rounds {
        let input = Input::new(args.positions, round);
        let prefix = input.prefix();
        // The same rows without the place where the batches are cut.
        let text = [&input.prompt_text[..], &input.text].concat();
        let uncut = Prefix {
            prompt_text_ids: &[],
            text_ids: &text,
            ..prefix
        };
        whole.push(prefill(&mut uncached, &uncut, Hit::None));
        let logits = uncached.logits().to_vec();
        cold.push(prefill(&mut uncached, &prefix, Hit::None));
        let exact = uncached.logits().to_vec();
        difference = std::iter::zip(&logits, &exact)
            .map(|(a, b)| (a - b).abs())
            .fold(difference, f32::max);

        let mut new = cached();
        keeping.push(prefill(&mut new, &prefix, Hit::None));
        let started = Instant::now();
        new.save();
        save.push(started.elapsed().as_secs_f64());
        memory.push(prefill(&mut new, &prefix, Hit::Memory));
        assert_eq!(new.logits(), exact);
        let mut new = cached();
        disk.push(prefill(&mut new, &prefix, Hit::Disk));
        assert_eq!(new.logits(), exact);

        let other = Input::new(args.positions, round + 1000);
        if round == 0 {
            prefill(&mut warm, &first.prefix(), Hit::None);
        }
        shared.push(prefill(
            &mut warm,
            &other.prefix(),
            Hit::Shared(1 + PROMPT_TEXT),
        ));
        prefill(&mut uncached, &other.prefix(), Hit::None);
        assert_eq!(warm.logits(), uncached.logits());
    }
    report("one batch", whole.clone());
    report("two batches: cold", cold.clone());
    report("cold, and kept in memory", keeping);
    report("shared start", shared.clone());
    report("full hit in memory", memory.clone());
    report("full hit on disk", disk.clone());
    report("write to disk (not in the way)", save);
    ratio("one batch / two", &whole, &cold);
    ratio("cold / shared start", &cold, &shared);
    ratio("cold / full hit in memory", &cold, &memory);
    ratio("cold / full hit on disk", &cold, &disk);
    println!("largest difference of a logit, one batch against two: {difference:.2e}");
    let files = std::fs::read_dir(dir.path().join("cosyvoice3/prefix")).unwrap();
    let size = files.map(|f| f.unwrap().metadata().unwrap().len()).max();
    println!("largest file: {} bytes", size.unwrap_or(0));
}
