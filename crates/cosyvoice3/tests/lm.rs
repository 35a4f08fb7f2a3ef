//! The speech language model against the official implementation, and its other guarantees.

use test_support::models as support;

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Barrier},
};

use cosyvoice3::{
    ErrorKind,
    cancel::Cancel,
    constants::SPEECH_CODES,
    cpu::worker::Worker,
    lm::{
        self, Decoding, Hit, LmModel, LmOptions, LmSession, Prefix, PrefixCache, PrefixCaching,
        StopReason,
        sampling::{nucleus, softmax},
    },
    manifest::{Lm, Manifest},
};

const FILE: &str = "llm.npz";

/// As the official numbers were made: everything in f32, attention spelt out.
const EXACT: LmOptions = LmOptions {
    threads: 1,
    cpus: None,
    adapt: false,
    kv_f32: true,
    flash_attention: false,
};

fn load(dir: &Path, change: impl FnOnce(&mut Lm)) -> cosyvoice3::Result<LmModel> {
    let mut lm = Manifest::read(dir).unwrap().lm;
    change(&mut lm);
    LmModel::load(dir, &lm, &mut |_| true)
}

fn session(options: &LmOptions) -> LmSession {
    let model = load(&support::tiny_f32(), |_| ()).unwrap();
    LmSession::new(Arc::new(model), options).unwrap()
}

fn ids(name: &str) -> Vec<u32> {
    support::golden::<i32>(FILE, name)
        .iter()
        .map(|&id| id as u32)
        .collect()
}

fn floats(name: &str) -> Vec<f32> {
    support::golden::<f32>(FILE, name).into_iter().collect()
}

struct Input {
    prompt_text: Vec<u32>,
    text: Vec<u32>,
    prompt_speech: Vec<u32>,
}

impl Input {
    fn official() -> Self {
        Self {
            prompt_text: ids("prompt_text_ids"),
            text: ids("text_ids"),
            prompt_speech: ids("prompt_speech"),
        }
    }

    fn prefix(&self) -> Prefix<'_> {
        Prefix {
            prompt_text_ids: &self.prompt_text,
            text_ids: &self.text,
            prompt_speech: &self.prompt_speech,
        }
    }
}

fn decoding(session: &LmSession, min_tokens: usize, max_tokens: usize) -> Decoding {
    Decoding {
        sampling: session.model().manifest().sampling,
        temperature: 1.0,
        seed: 1,
        min_tokens,
        max_tokens,
    }
}

fn speak(session: &mut LmSession, input: &Input, decoding: &Decoding) -> (Vec<u32>, StopReason) {
    let mut spoken = Vec::new();
    let generated = session
        .generate(&input.prefix(), decoding, &Cancel::new(), &mut |token| {
            spoken.push(token)
        })
        .unwrap();
    assert_eq!(generated.spoken, spoken.len());
    (spoken, generated.stop)
}

/// Logits after the official prefix and after each of the five forced tokens, one row each.
fn forced_logits(session: &mut LmSession) -> Vec<Vec<f32>> {
    session
        .prefill(&Input::official().prefix(), &Cancel::new())
        .unwrap();
    let mut rows = vec![session.logits().to_vec()];
    for token in ids("forced_tokens") {
        session.append(token).unwrap();
        rows.push(session.logits().to_vec());
    }
    rows
}

#[test]
fn the_prefix_is_embedded_as_officially() {
    let model = load(&support::tiny_f32(), |_| ()).unwrap();
    let input = Input::official();
    let rows = input
        .prefix()
        .embed(model.manifest(), model.embeddings())
        .unwrap();
    assert_eq!(rows, floats("prefix_embeds"));
}

#[test]
fn logits_are_the_official_ones() {
    let rows = forced_logits(&mut session(&EXACT)).concat();
    support::assert_close("logits", &rows, &floats("logits"), 5e-5);
}

#[test]
fn candidates_are_the_official_ones() {
    let mut session = session(&EXACT);
    let sampling = session.model().manifest().sampling;
    let rows = forced_logits(&mut session);
    for (scale, name) in [(1.0, "nucleus"), (2.0, "nucleus_x2"), (4.0, "nucleus_x4")] {
        let mut probabilities = Vec::new();
        let candidates: Vec<Vec<(u32, f32)>> = rows
            .iter()
            .map(|row| {
                softmax(row, 1.0 / scale, &mut probabilities).unwrap();
                nucleus(&probabilities, &sampling, &mut Vec::new())
            })
            .collect();
        let counts: Vec<u32> = candidates.iter().map(|c| c.len() as u32).collect();
        let (found, mass): (Vec<u32>, Vec<f32>) = candidates.into_iter().flatten().unzip();
        assert_eq!(counts, ids(&format!("{name}_count")), "{name}");
        assert_eq!(found, ids(&format!("{name}_ids")), "{name}");
        support::assert_close(name, &mass, &floats(&format!("{name}_probs")), 1e-5);
    }
}

#[test]
fn the_greedy_sequence_is_the_official_one() {
    let mut session = session(&EXACT);
    let greedy = Decoding {
        temperature: 0.0,
        ..decoding(&session, 64, 64)
    };
    let (spoken, stop) = speak(&mut session, &Input::official(), &greedy);
    assert_eq!(spoken, ids("greedy_tokens"));
    assert_eq!(stop, StopReason::MaxLength);
}

#[test]
fn faster_settings_stay_close_to_the_official_logits() {
    // Reported and not bounded tightly: the trained model decides what these differences mean.
    let official = floats("logits");
    for (what, kv_f32, flash_attention) in [
        ("f16 KV", false, false),
        ("f32 KV, flash attention", true, true),
        ("f16 KV, flash attention", false, true),
    ] {
        let options = LmOptions {
            kv_f32,
            flash_attention,
            ..EXACT
        };
        let rows = forced_logits(&mut session(&options)).concat();
        support::assert_close(what, &rows, &official, 0.1);
    }
}

#[test]
fn a_seed_gives_the_same_tokens_whatever_came_before_and_on_any_number_of_threads() {
    let input = Input::official();
    let other = Input {
        text: vec![5, 6, 7],
        ..Input::official()
    };
    let mut one = session(&EXACT);
    let settings = decoding(&one, 40, 60);
    let first = speak(&mut one, &input, &settings);
    speak(&mut one, &other, &settings);
    assert_eq!(speak(&mut one, &input, &settings), first);
    let another_seed = Decoding {
        seed: 2,
        ..settings
    };
    assert_ne!(speak(&mut one, &input, &another_seed), first);
    let mut two = session(&LmOptions {
        threads: 2,
        adapt: true,
        ..EXACT
    });
    assert_eq!(speak(&mut two, &input, &settings), first);
    assert_eq!(forced_logits(&mut one), forced_logits(&mut two));
}

/// A session with a prefix cache of its own over `dir`, as a new process has.
fn cached(dir: &Path, options: &LmOptions) -> LmSession {
    session(options).with_prefix_cache(prefixes("model", dir), PrefixCaching::Disk)
}

fn prefixes(model: &str, dir: &Path) -> Arc<PrefixCache> {
    Arc::new(PrefixCache::new(model, Some(dir.join("cosyvoice3/prefix"))))
}

/// Generates, and returns the tokens and the cached part of the prefix.
fn recall(session: &mut LmSession, input: &Input, seed: u64) -> (Vec<u32>, Hit) {
    let settings = Decoding {
        seed,
        ..decoding(session, 40, 60)
    };
    let mut spoken = Vec::new();
    let generated = session
        .generate(&input.prefix(), &settings, &Cancel::new(), &mut |token| {
            spoken.push(token)
        })
        .unwrap();
    assert_eq!(generated.prefill.positions, input.prefix().len());
    (spoken, generated.prefill.hit)
}

/// Logits after the official prefix and after each of `steps` greedy tokens; `before` is called before each of them.
fn greedy_logits(session: &mut LmSession, steps: usize, before: &mut dyn FnMut()) -> Vec<Vec<f32>> {
    before();
    session
        .prefill(&Input::official().prefix(), &Cancel::new())
        .unwrap();
    let mut rows = vec![session.logits().to_vec()];
    for _ in 0..steps {
        before();
        let likeliest = session.logits().iter().enumerate();
        let (token, _) = likeliest.max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        session.append(token as u32).unwrap();
        rows.push(session.logits().to_vec());
    }
    rows
}

#[test]
fn the_number_of_threads_may_change_at_every_step_without_changing_a_bit() {
    // Few steps: four threads that do not adapt take long on a busy machine.
    const STEPS: usize = 6;
    let options = LmOptions {
        kv_f32: false,
        ..EXACT
    };
    let alone = greedy_logits(&mut session(&options), STEPS, &mut || ());
    let four = LmOptions {
        threads: 4,
        ..options
    };
    // Other stages that begin and end: it takes 4, 2, 1, 1, 4, ... threads.
    let (ours, others) = (Worker::new(), [(); 3].map(|()| Worker::new()));
    ours.set_cores(vec![900_000]);
    others
        .iter()
        .for_each(|other| other.set_cores(vec![900_000]));
    let mut changing = session(&four).with_worker(ours);
    let mut tasks = Vec::new();
    let rows = greedy_logits(&mut changing, STEPS, &mut || match tasks.len() {
        3 => tasks.clear(),
        n => tasks.push(others[n].begin()),
    });
    assert!(rows == alone, "other threads, other bits");
}

#[test]
fn threads_that_follow_the_load_change_no_bit() {
    const STEPS: usize = 60;
    for kv_f32 in [true, false] {
        let alone = LmOptions { kv_f32, ..EXACT };
        // Begins with a batch that is given up and made again; what follows depends on the machine.
        let adapting = LmOptions {
            threads: 4,
            adapt: true,
            ..alone.clone()
        };
        let [alone, adapting] = [alone, adapting]
            .map(|options| greedy_logits(&mut session(&options), STEPS, &mut || ()));
        assert!(adapting == alone, "other threads, other bits");
    }
}

#[test]
fn a_prefix_longer_than_a_batch_is_the_same_on_any_number_of_threads() {
    let input = Input {
        prompt_speech: (0..1300).map(|i| i * 37 % SPEECH_CODES).collect(),
        ..Input::official()
    };
    let logits = |options: &LmOptions| {
        let mut session = session(options);
        session.prefill(&input.prefix(), &Cancel::new()).unwrap();
        session.logits().to_vec()
    };
    let adapting = LmOptions {
        threads: 3,
        adapt: true,
        ..EXACT
    };
    assert!(logits(&adapting) == logits(&EXACT));
}

#[test]
fn a_full_hit_speaks_as_a_cold_run_from_memory_and_from_disk() {
    let input = Input::official();
    for options in [
        EXACT,
        LmOptions {
            kv_f32: false,
            ..EXACT
        },
        LmOptions {
            kv_f32: false,
            flash_attention: true,
            ..EXACT
        },
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut cold = session(&options);
        let cold_logits = forced_logits(&mut cold);
        let mut first = cached(dir.path(), &options);
        for (seed, expected) in [(1, Hit::None), (2, Hit::Memory), (1, Hit::Memory)] {
            let (spoken, _) = recall(&mut cold, &input, seed);
            assert_eq!(recall(&mut first, &input, seed), (spoken, expected));
        }
        assert_eq!(forced_logits(&mut first), cold_logits);
        drop(first);
        let mut second = cached(dir.path(), &options);
        let (spoken, _) = recall(&mut cold, &input, 3);
        assert_eq!(recall(&mut second, &input, 3), (spoken, Hit::Disk));
        assert_eq!(forced_logits(&mut second), cold_logits);
    }
}

#[test]
fn another_text_of_a_voice_shares_the_start_and_speaks_as_a_cold_run() {
    let dir = tempfile::tempdir().unwrap();
    let official = Input::official();
    let other = Input {
        text: vec![5, 6, 7],
        ..Input::official()
    };
    let stranger = Input {
        prompt_text: vec![9, 8],
        ..Input::official()
    };
    let start = Hit::Shared(1 + official.prompt_text.len());
    let mut warm = cached(dir.path(), &EXACT);
    let mut cold = session(&EXACT);
    for (input, expected) in [
        (&official, Hit::None),
        (&other, start),
        (&official, Hit::Memory),
        (&stranger, Hit::None),
        (&other, Hit::Memory),
    ] {
        let (spoken, hit) = recall(&mut cold, input, 1);
        assert_eq!(hit, Hit::None, "no cache, nothing shared");
        assert_eq!(recall(&mut warm, input, 1), (spoken, expected));
    }
    // A prefix from the cache is a start to share as well.
    let third = Input {
        text: vec![11, 12],
        ..Input::official()
    };
    let (spoken, _) = recall(&mut cold, &third, 1);
    assert_eq!(recall(&mut warm, &third, 1), (spoken, start));
}

#[test]
fn another_voice_text_model_or_setting_is_no_hit() {
    let dir = tempfile::tempdir().unwrap();
    let input = Input::official();
    recall(&mut cached(dir.path(), &EXACT), &input, 1);
    let changes: [fn(&mut Input); 4] = [
        |input| input.prompt_text[0] ^= 1,
        |input| input.text[0] ^= 1,
        |input| input.prompt_speech[0] ^= 1,
        // The same ids, divided otherwise.
        |input| {
            let id = input.prompt_text.pop().unwrap();
            input.text.insert(0, id);
        },
    ];
    for change in changes {
        let mut other = Input::official();
        change(&mut other);
        let (_, hit) = recall(&mut cached(dir.path(), &EXACT), &other, 1);
        assert_eq!(hit, Hit::None);
    }
    let f16 = LmOptions {
        kv_f32: false,
        ..EXACT
    };
    let fused = LmOptions {
        flash_attention: true,
        ..EXACT
    };
    for options in [f16, fused] {
        let (_, hit) = recall(&mut cached(dir.path(), &options), &input, 1);
        assert_eq!(hit, Hit::None, "{options:?}");
    }
    let mut other =
        session(&EXACT).with_prefix_cache(prefixes("other", dir.path()), PrefixCaching::Disk);
    assert_eq!(recall(&mut other, &input, 1).1, Hit::None);
    let (_, hit) = recall(&mut cached(dir.path(), &EXACT), &input, 1);
    assert_eq!(hit, Hit::Disk, "the first one is still there");
}

#[test]
fn a_damaged_file_is_computed_again_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let input = Input::official();
    let cold = recall(&mut cached(dir.path(), &EXACT), &input, 1);
    let file = std::fs::read_dir(dir.path().join("cosyvoice3/prefix"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = std::fs::read(&file).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bytes in [&good[..good.len() - 1], b"another program's", b"", &flipped] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(recall(&mut cached(dir.path(), &EXACT), &input, 1), cold);
        assert_eq!(std::fs::read(&file).unwrap(), good);
    }
}

/// Generates while `happens` to the disk after the tenth token, and lets the cache write then.
fn recall_while(session: &mut LmSession, input: &Input, happens: &dyn Fn()) -> (Vec<u32>, Hit) {
    let settings = decoding(session, 40, 60);
    let mut spoken = Vec::new();
    let generated = session
        .generate(&input.prefix(), &settings, &Cancel::new(), &mut |token| {
            spoken.push(token);
            if spoken.len() == 10 {
                happens();
            }
        })
        .unwrap();
    session.save();
    (spoken, generated.prefill.hit)
}

#[test]
fn a_disk_that_goes_away_in_the_middle_of_an_utterance_costs_only_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("cosyvoice3");
    let cold = recall(&mut session(&EXACT), &Input::official(), 1);
    let clear = || {
        let _ = std::fs::remove_file(&place);
        let _ = std::fs::remove_dir_all(&place);
    };
    let removed = || clear();
    let replaced = || {
        clear();
        std::fs::write(&place, b"").unwrap();
    };
    // No user can create files under /proc, not even root.
    let read_only = || {
        clear();
        std::fs::create_dir(&place).unwrap();
        std::os::unix::fs::symlink("/proc/self", place.join("prefix")).unwrap();
    };
    let cases: [(&dyn Fn(), Hit); 3] = [
        (&removed, Hit::Disk),
        (&replaced, Hit::None),
        (&read_only, Hit::None),
    ];
    for (happens, next) in cases {
        let input = Input::official();
        let mut session = cached(dir.path(), &EXACT);
        assert_eq!(recall_while(&mut session, &input, happens), cold);
        let (spoken, hit) = recall(&mut session, &input, 1);
        assert_eq!((spoken, hit), (cold.0.clone(), Hit::Memory));
        drop(session);
        // A directory that was only removed is made again.
        let (spoken, hit) = recall(&mut cached(dir.path(), &EXACT), &input, 1);
        assert_eq!((spoken, hit), (cold.0.clone(), next));
        clear();
    }
}

#[test]
fn a_full_disk_costs_only_the_cache() {
    const DIR: &str = "COSYVOICE3_TEST_FULL_DISK";
    const NAME: &str = "a_full_disk_costs_only_the_cache";
    let files = |dir: &Path| {
        std::fs::read_dir(dir.join("cosyvoice3/prefix"))
            .unwrap()
            .count()
    };
    if let Some(dir) = std::env::var_os(DIR) {
        let (cold, _) = recall(&mut session(&EXACT), &Input::official(), 1);
        let mut session = cached(Path::new(&dir), &EXACT);
        assert_eq!(
            recall(&mut session, &Input::official(), 1),
            (cold.clone(), Hit::None)
        );
        session.save();
        assert_eq!(files(Path::new(&dir)), 0, "half a file was left");
        assert_eq!(
            recall(&mut session, &Input::official(), 1),
            (cold, Hit::Memory)
        );
        return;
    }
    // A process whose files cannot grow beyond some kilobytes fails at a write as on a full disk.
    let dir = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}{errors}");
    assert!(words.contains("1 passed"), "{words}");
    recall(&mut cached(dir.path(), &EXACT), &Input::official(), 1);
    assert_eq!(files(dir.path()), 1, "there is room again");
}

#[test]
fn caching_can_be_kept_off_the_disk_or_off() {
    let dir = tempfile::tempdir().unwrap();
    let input = Input::official();
    for (caching, again) in [
        (PrefixCaching::Off, Hit::None),
        (PrefixCaching::Memory, Hit::Memory),
    ] {
        let mut session = session(&EXACT).with_prefix_cache(prefixes("model", dir.path()), caching);
        assert_eq!(recall(&mut session, &input, 1).1, Hit::None);
        assert_eq!(recall(&mut session, &input, 1).1, again);
        drop(session);
        assert!(!dir.path().join("cosyvoice3").exists());
    }
}

#[test]
fn a_prefix_that_was_cancelled_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let input = Input::official();
    let mut session = cached(dir.path(), &EXACT);
    let (cold, _) = recall(&mut self::session(&EXACT), &input, 1);
    // Later and later, until the prefix is through before it is cancelled.
    for pause in (0..).map(|n| n * 20_000) {
        let cancel = Cancel::new();
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                (0..pause).for_each(|_| std::hint::spin_loop());
                cancel.cancel();
            });
            session.prefill(&input.prefix(), &cancel)
        });
        session.save();
        match outcome {
            Ok(prefill) => {
                assert_eq!(prefill.hit, Hit::None);
                break;
            }
            Err(error) => assert!(error.is_cancelled()),
        }
        assert!(!dir.path().join("cosyvoice3").exists());
    }
    assert_eq!(recall(&mut session, &input, 1), (cold, Hit::Memory));
}

#[test]
fn speech_ends_by_itself_between_its_limits_and_holds_no_control_id() {
    let mut session = session(&EXACT);
    let input = Input::official();
    let mut ends = Vec::new();
    for seed in 0..8 {
        let settings = Decoding {
            seed,
            ..decoding(&session, 30, 300)
        };
        let mut spoken = Vec::new();
        let generated = session
            .generate(&input.prefix(), &settings, &Cancel::new(), &mut |t| {
                spoken.push(t)
            })
            .unwrap();
        assert!((30..=300).contains(&generated.generated));
        assert!(spoken.iter().all(|&token| token < SPEECH_CODES));
        ends.push(generated.stop);
    }
    // A random head gives a control id every 34 tokens or so.
    assert!(ends.contains(&StopReason::Natural), "{ends:?}");
}

#[test]
fn limits_follow_the_length_of_the_text() {
    let model = load(&support::tiny_f32(), |_| ()).unwrap();
    assert_eq!(model.token_limits(15), (30, 300));
    assert_eq!(model.token_limits(0), (0, 0));
}

#[test]
fn cancelling_ends_generation_and_leaves_the_session_usable() {
    let mut session = session(&EXACT);
    let input = Input::official();
    let settings = decoding(&session, 50, 50);
    let cancel = Cancel::new();
    let mut heard = 0;
    let error = session
        .generate(&input.prefix(), &settings, &cancel, &mut |_| {
            heard += 1;
            if heard == 3 {
                cancel.cancel();
            }
        })
        .unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(heard, 3);
    let error = session
        .generate(&input.prefix(), &settings, &cancel, &mut |_| heard += 1)
        .unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(heard, 3);
    assert_eq!(
        speak(&mut session, &input, &settings).1,
        StopReason::MaxLength
    );
}

#[test]
fn a_full_context_ends_the_speech_and_a_prefix_beyond_it_is_refused() {
    let small = load(&support::tiny_f32(), |lm| lm.context = 256).unwrap();
    let mut session = LmSession::new(Arc::new(small), &EXACT).unwrap();
    let mut input = Input::official();
    let settings = decoding(&session, 200, 200);
    let generated = session
        .generate(&input.prefix(), &settings, &Cancel::new(), &mut |_| ())
        .unwrap();
    assert_eq!(generated.stop, StopReason::ContextFull);
    // The last token is generated from a full context and needs no place in it.
    assert_eq!(generated.generated, 256 - 111 + 1);
    input.prompt_speech = vec![7; 300];
    let error = session
        .generate(&input.prefix(), &settings, &Cancel::new(), &mut |_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Text);
    assert!(error.to_string().contains("shorter"), "{error}");
}

#[test]
fn ids_of_another_model_are_refused() {
    let mut session = session(&EXACT);
    let settings = decoding(&session, 1, 5);
    for input in [
        Input {
            text: vec![896],
            ..Input::official()
        },
        Input {
            prompt_text: vec![151_646],
            ..Input::official()
        },
        Input {
            prompt_speech: vec![SPEECH_CODES],
            ..Input::official()
        },
    ] {
        let error = session
            .generate(&input.prefix(), &settings, &Cancel::new(), &mut |_| ())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
    }
}

#[test]
fn a_length_that_cannot_be_is_refused() {
    let mut session = session(&EXACT);
    for (min, max) in [(0, 0), (6, 5)] {
        let settings = decoding(&session, min, max);
        let error = session
            .generate(
                &Input::official().prefix(),
                &settings,
                &Cancel::new(),
                &mut |_| (),
            )
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Settings, "{error}");
    }
}

#[test]
fn loading_reports_progress_to_the_end_and_stops_when_asked() {
    let dir = support::tiny_f32();
    let lm = Manifest::read(&dir).unwrap().lm;
    let mut last = 0.0;
    LmModel::load(&dir, &lm, &mut |done| {
        assert!((last..=1.0).contains(&done));
        last = done;
        true
    })
    .unwrap();
    assert_eq!(last, 1.0);
    let stopped = LmModel::load(&dir, &lm, &mut |_| false).err();
    assert!(stopped.expect("stopped").is_cancelled());
}

/// The tiny model's files in a fresh directory, `name` changed by `damage`.
fn damaged(name: &str, damage: impl FnOnce(&mut Vec<u8>)) -> cosyvoice3::Error {
    let (source, dir) = (support::tiny_f32(), tempfile::tempdir().unwrap());
    for file in ["cosyvoice3.toml", "lm.gguf", "lm_embeddings.safetensors"] {
        std::fs::copy(source.join(file), dir.path().join(file)).unwrap();
    }
    let path = dir.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    load(dir.path(), |_| ()).err().expect("refused")
}

#[test]
fn damaged_files_are_named() {
    for name in ["lm.gguf", "lm_embeddings.safetensors"] {
        for keep in [0, 3, 100, 5000, 1_000_000] {
            let error = damaged(name, |bytes| bytes.truncate(keep));
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    let error = damaged("lm.gguf", |bytes| bytes[0] ^= 1);
    assert!(error.to_string().contains("GGUF"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = load(&support::tiny_f32(), |lm| lm.gguf = "gone.gguf".into())
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("gone.gguf"), "{error}");
}

#[test]
fn geometry_that_contradicts_the_manifest_is_named() {
    let dir = support::tiny_f32();
    for (change, expected) in [
        (
            (|lm| lm.layers = 3) as fn(&mut Lm),
            "block_count is 2, expected 3",
        ),
        (
            |lm| lm.text_vocab = 900,
            "text_embedding has shape [896, 64], the manifest says [900, 64]",
        ),
        (
            |lm| lm.hidden_size = 128,
            "text_embedding has shape [896, 64]",
        ),
        (|lm| lm.stop_ids = [6561, 6562], "lm.stop_ids"),
    ] {
        let error = load(&dir, change).err().expect("refused");
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<(bool, &'static str)> {
    vec![
        (is_x86_feature_detected!("avx2"), "AVX2 = 1"),
        (is_x86_feature_detected!("fma"), "FMA = 1"),
        (is_x86_feature_detected!("avx512f"), "AVX512 = 1"),
        (is_x86_feature_detected!("avx512vnni"), "AVX512_VNNI = 1"),
        (is_x86_feature_detected!("avx512bf16"), "AVX512_BF16 = 1"),
    ]
}

#[cfg(target_arch = "aarch64")]
fn cpu_features() -> Vec<(bool, &'static str)> {
    use std::arch::is_aarch64_feature_detected;
    vec![
        (is_aarch64_feature_detected!("dotprod"), "DOTPROD = 1"),
        (is_aarch64_feature_detected!("fp16"), "FP16_VA = 1"),
        (is_aarch64_feature_detected!("i8mm"), "MATMUL_INT8 = 1"),
    ]
}

#[test]
fn llama_cpp_uses_what_the_machine_has() {
    let info = lm::system_info().unwrap();
    println!("{info}");
    for (present, name) in cpu_features() {
        assert!(
            !present || info.contains(name),
            "{name} is missing in: {info}"
        );
    }
}

#[test]
fn threads_that_ask_at_once_read_the_same_line_about_the_cpu() {
    const THREADS: usize = 16;
    let barrier = Barrier::new(THREADS);
    let lines: HashSet<&str> = std::thread::scope(|scope| {
        let ask = |_| {
            scope.spawn(|| {
                barrier.wait();
                (0..1000).map(|_| lm::system_info().unwrap()).collect()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(ask).collect();
        let lines = threads.into_iter().map(|thread| thread.join().unwrap());
        lines.flat_map(|lines: HashSet<&str>| lines).collect()
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
}
