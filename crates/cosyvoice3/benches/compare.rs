//! An earlier commit beside today's, in turns: what each stage costs, and all of it.
//!
//! `cargo bench --bench compare -- REV [--model DIR] [--before DIR] [--pairs N] [--steps N] [--tokens N] [--text TEXT]
//! [--variant OPTIONS]`
//!
//! `REV` is checked out and built below the target directory, once; `today` compares with no earlier commit. Both commits run
//! their own `examples/say`, each run in a process of its own, loading included. `--variant` adds today's program with further
//! options of it, such as `"--flush chunk"`, and may be given several times. `--model` is the model directory of both (the bundled voice by default, each
//! commit's own); `--before` is another one for `REV`, which may not read what today's converter makes. `--tokens` forces as
//! many speech tokens an utterance, for models of random weights.
//!
//! With a text of one utterance, which is the default, the stages work one after the other, and so the processor time of
//! each can be told apart. A command line in `COSYVOICE_CPP` (a cosyvoice.cpp that speaks the same text, say) runs in the
//! same turns.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

/// One sentence, hence one utterance.
const TEXT: &str = "Сегодня очень хорошая погода, и мы долго гуляем по старому парку.";
/// Command line of a third program to run in turns.
const OTHER: &str = "COSYVOICE_CPP";
/// Stands for no earlier commit.
const TODAY: &str = "today";
/// Time from one look at a process's processor time to the next; the kernel counts in hundredths.
const LOOK: Duration = Duration::from_millis(10);
/// The stages in the order of their work.
const STAGES: [&str; 4] = ["prefill", "decode", "flow", "vocoder"];

#[derive(clap::Parser)]
struct Args {
    /// The earlier commit, or `today`.
    rev: Option<String>,
    /// Model directory of both.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Model directory of the earlier commit.
    #[arg(long)]
    before: Option<PathBuf>,
    /// Rounds of all programs.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// Steps of the flow's solver.
    #[arg(long)]
    steps: Option<String>,
    /// Speech tokens an utterance.
    #[arg(long)]
    tokens: Option<String>,
    #[arg(long, default_value = TEXT)]
    text: String,
    /// Options for a further run of today's program.
    #[arg(long = "variant", allow_hyphen_values = true)]
    variants: Vec<String>,
    /// Comes from Cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// Options of `examples/say`.
    fn options(&self) -> Vec<String> {
        let given = [("--steps", &self.steps), ("--tokens", &self.tokens)];
        let given = given
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given
            .flat_map(|(name, value)| [(*name).to_owned(), value.clone()])
            .collect()
    }
}

/// One of the programs that are compared.
struct Contender {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    runs: Vec<Figures>,
}

/// Seconds, and MiB of memory, by name.
type Figures = BTreeMap<String, f64>;

fn output(command: &mut Command) -> Result<String> {
    let what = format!("{command:?}");
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context(what.clone())?;
    ensure!(output.status.success(), "{what} failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The target directory that this program was built in.
fn target() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let release = program.ancestors().nth(3);
    Ok(release.context("not below a target directory")?.into())
}

/// Builds `examples/say` of the repository in `root` and copies it to a name of its own.
fn build(root: &Path, name: &str) -> Result<PathBuf> {
    println!("building {name}");
    let target = target()?;
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--release", "--example", "say"])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", &target)
        .status()?;
    ensure!(status.success(), "{name} cannot be built");
    let program = target.join("compare").join(format!("say-{name}"));
    fs::copy(target.join("release/examples/say"), &program)?;
    Ok(program)
}

/// The repository at `rev`, cloned below the target directory, and its short name.
fn check_out(root: &Path, rev: &str) -> Result<(PathBuf, String)> {
    let git = |dir: &Path| {
        let mut git = Command::new("git");
        git.arg("-C").arg(dir);
        git
    };
    let commit = format!("{rev}^{{commit}}");
    let name = output(git(root).args(["rev-parse", "--verify", "--short", &commit]))?;
    let place = target()?.join("compare").join(&name);
    if !place.join("Cargo.toml").exists() {
        let clone = ["clone", "--quiet", "--shared", "--no-checkout", "."];
        output(git(root).args(clone).arg(&place))?;
        output(git(&place).args(["checkout", "--quiet", "--detach", &name]))?;
    }
    Ok((place, name))
}

fn contenders(args: &Args, rev: &str) -> Result<Vec<Contender>> {
    let options = args.options();
    let root = &test_support::root();
    fs::create_dir_all(target()?.join("compare"))?;
    let contender = |name: &str, program: PathBuf, model: PathBuf, options: &[String]| {
        let wav = program.with_extension("wav").display().to_string();
        let fixed = [model.display().to_string(), args.text.clone(), wav];
        Contender {
            name: name.into(),
            program,
            args: fixed.into_iter().chain(options.iter().cloned()).collect(),
            runs: Vec::new(),
        }
    };
    let model = |own: Option<&PathBuf>, root: &Path| {
        let given = own.or(args.model.as_ref());
        given.cloned().unwrap_or_else(|| root.join("models/demo"))
    };
    let mut contenders = Vec::new();
    if rev != TODAY {
        let (earlier, name) = check_out(root, rev)?;
        let model = model(args.before.as_ref(), &earlier);
        let program = build(&earlier, &name)?;
        contenders.push(contender(&name, program, model, &options));
    }
    let (program, model) = (build(root, TODAY)?, model(None, root));
    contenders.push(contender(TODAY, program.clone(), model.clone(), &options));
    for variant in &args.variants {
        let further = variant.split_whitespace().map(str::to_owned);
        let all: Vec<String> = options.iter().cloned().chain(further).collect();
        contenders.push(contender(variant, program.clone(), model.clone(), &all));
    }
    if let Ok(line) = env::var(OTHER) {
        let mut words = line.split_whitespace().map(str::to_owned);
        contenders.push(Contender {
            name: "other".into(),
            program: words.next().context("an empty command line")?.into(),
            args: words.collect(),
            runs: Vec::new(),
        });
    }
    Ok(contenders)
}

/// Processor time of the process `pid` so far, in seconds; `None` once it has ended.
fn processor(pid: u32) -> Option<f64> {
    /// Unit of the kernel's processor times.
    const PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    // The fields after the name begin with the third; 14 and 15 are user and system time.
    Some((ticks(11)? + ticks(12)?) / PER_SECOND)
}

/// Waits for `child`; returns its processor time in seconds and its peak memory in MiB.
fn wait(child: &Child) -> Result<(f64, f64)> {
    let mut status = 0;
    // SAFETY: plain numbers, for which zeros are values; the kernel fills them.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to local values that outlive the call. The call may come from any thread; only this one
    // waits for this child, which it started and nobody has waited for.
    let ended = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    ensure!(ended == child.id() as i32 && status == 0, "the run failed");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let used = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    Ok((used, usage.ru_maxrss as f64 / 1024.0))
}

/// A duration as Rust prints it, such as `1.97s` or `340.12ms`, in seconds.
fn seconds(text: &str) -> Option<f64> {
    let units = [("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0)];
    let (number, unit) = units
        .iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))?;
    Some(number.parse::<f64>().ok()? * unit)
}

/// The figures in what `examples/say` prints.
fn printed(said: &str) -> Figures {
    let mut figures = Figures::new();
    for line in said.lines() {
        if let Some(rest) = line.strip_prefix("loaded in ") {
            let time = rest.split_whitespace().next().unwrap_or_default();
            let time = seconds(time.trim_end_matches('.'));
            figures.extend(time.map(|time| ("load".to_owned(), time)));
        }
        let Some((_, stages)) = line.rsplit_once(" after ") else {
            continue;
        };
        let mut words = stages.split([';', ',']).map(str::trim);
        if let Some(first) = words.next().and_then(seconds) {
            figures.entry("first audio".into()).or_insert(first);
        }
        for word in words {
            if let Some((stage, time)) = word.split_once(' ')
                && let Some(time) = seconds(time)
            {
                *figures.entry(stage.into()).or_default() += time;
            }
        }
    }
    figures
}

/// Processor time between two moments, of looks at it in order of time.
fn between(looks: &[(Instant, f64)], from: Instant, to: Instant) -> f64 {
    let at = |moment: Instant| {
        let after = looks.partition_point(|(look, _)| *look <= moment);
        looks[after.saturating_sub(1)].1
    };
    at(to) - at(from)
}

/// Adds the processor time of each stage, given that the last one ended at `end`.
fn share_out(figures: &mut Figures, looks: &[(Instant, f64)], end: Instant) {
    let mut end = end;
    for stage in STAGES.iter().rev() {
        let Some(time) = figures.get(*stage).copied() else {
            return;
        };
        let Some(start) = end.checked_sub(Duration::from_secs_f64(time)) else {
            return;
        };
        figures.insert(format!("{stage}, processor"), between(looks, start, end));
        end = start;
    }
}

fn run(contender: &mut Contender) -> Result<()> {
    let started = Instant::now();
    let mut child = Command::new(&contender.program)
        .args(&contender.args)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| contender.program.display().to_string())?;
    let (ended, pid) = (AtomicBool::new(false), child.id());
    let mut out = child.stdout.take().expect("a pipe");
    let (said, last_words, looks, used) = thread::scope(|scope| -> Result<_> {
        let looks = scope.spawn(|| {
            let mut looks = vec![(started, 0.0)];
            while !ended.load(Ordering::Relaxed) {
                looks.extend(processor(pid).map(|used| (Instant::now(), used)));
                thread::sleep(LOOK);
            }
            looks
        });
        let (mut said, mut block, mut last_words) = (Vec::new(), [0; 4096], started);
        loop {
            match out.read(&mut block)? {
                0 => break,
                n => {
                    said.extend_from_slice(&block[..n]);
                    last_words = Instant::now();
                }
            }
        }
        let used = wait(&child);
        ended.store(true, Ordering::Relaxed);
        let looks = looks.join().expect("no panic");
        Ok((said, last_words, looks, used?))
    })?;
    let mut figures = printed(&String::from_utf8_lossy(&said));
    share_out(&mut figures, &looks, last_words);
    figures.insert(
        "all, loading included".into(),
        started.elapsed().as_secs_f64(),
    );
    figures.insert("all, processor".into(), used.0);
    figures.insert("peak memory, MiB".into(), used.1);
    contender.runs.push(figures);
    Ok(())
}

/// Median, smallest and largest.
fn spread(mut values: Vec<f64>) -> Option<String> {
    values.sort_by(f64::total_cmp);
    let (first, last) = (values.first()?, values.last()?);
    let median = values[values.len() / 2];
    Some(format!("{median:.2} ({first:.2} .. {last:.2})"))
}

/// One row for each figure, the ratios those of each round to the first contender.
fn report(contenders: &[Contender]) {
    let names: Vec<&str> = contenders.iter().map(|c| &*c.name).collect();
    println!("\n| | {} | ratio to {} |", names.join(" | "), names[0]);
    println!("|---|{}---|", "---|".repeat(names.len()));
    let stages = STAGES
        .iter()
        .flat_map(|s| [s.to_string(), format!("{s}, processor")]);
    let rows = ["load", "first audio"].map(str::to_owned).into_iter();
    let totals = [
        "all, loading included",
        "all, processor",
        "peak memory, MiB",
    ];
    for row in rows.chain(stages).chain(totals.map(str::to_owned)) {
        let values = |c: &Contender| -> Vec<f64> {
            c.runs
                .iter()
                .filter_map(|run| run.get(&row).copied())
                .collect()
        };
        let first = values(&contenders[0]);
        let cells = contenders
            .iter()
            .map(|c| spread(values(c)).unwrap_or_default());
        let cells: Vec<String> = cells.collect();
        let ratios = contenders[1..].iter().filter_map(|c| {
            let own = values(c);
            let ratios = std::iter::zip(&own, &first).map(|(own, first)| own / first);
            spread(ratios.filter(|ratio| ratio.is_finite()).collect())
        });
        let ratios: Vec<String> = ratios.collect();
        println!("| {row} | {} | {} |", cells.join(" | "), ratios.join("; "));
    }
}

fn main() -> Result<()> {
    test_support::enter_root();
    let args = Args::parse();
    let Some(rev) = &args.rev else {
        println!("no commit is named: nothing to compare");
        return Ok(());
    };
    if !cfg!(target_os = "linux") {
        bail!("this reads procfs");
    }
    let mut contenders = contenders(&args, rev)?;
    for round in 0..args.pairs {
        // Each goes first as often as last.
        let count = contenders.len();
        for turn in 0..count {
            let index = if round % 2 == 0 {
                turn
            } else {
                count - 1 - turn
            };
            run(&mut contenders[index])?;
        }
        println!("round {} of {} done", round + 1, args.pairs);
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average at the end: {}", load.trim());
    report(&contenders);
    Ok(())
}
