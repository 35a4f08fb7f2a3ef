//! Speech chunk by chunk is the speech of one run under the streaming mask, and of one call of the vocoder.
#![allow(missing_docs)]

use test_support::models as support;

use cosyvoice3::{
    cancel::Cancel,
    constants::{ATTENTION_CHUNK_FRAMES, CFG_RATE, FRAMES_PER_TOKEN, SPEECH_CODES},
    flow::{
        Conditions, FlowBackend, FlowModel, FlowOptions,
        noise::Noise,
        ode::{Earlier, solve, solve_after, time_points},
        ort::CpuFlow,
    },
    manifest::{Manifest, Schedule},
    mel::Mel,
    vocoder::{
        Vocoder,
        level::{Level, Leveller},
    },
    voice::Voice,
};
use support::{golden, max_diff, tiny_f32};

const STEPS: usize = 3;
/// Largest difference, in parts of the mel's peak.
const BOUND: f32 = 1e-4;

fn backend() -> CpuFlow {
    let flow = Manifest::read(&tiny_f32()).unwrap().flow;
    CpuFlow::load(&tiny_f32(), &flow, 1, &Cancel::new()).unwrap()
}

fn model() -> FlowModel {
    let flow = Manifest::read(&tiny_f32()).unwrap().flow;
    FlowModel::new(Box::new(backend()), &flow)
}

/// The speaker of the goldens, with a prompt of `tokens` tokens.
fn voice(tokens: usize) -> Voice {
    let all = golden::<i32>("flow_encoder.npz", "prompt_token");
    let prompt_tokens: Vec<u32> = all.iter().take(tokens).map(|id| *id as u32).collect();
    let mel: Vec<f32> = golden::<f32>("flow_encoder.npz", "prompt_feat")
        .iter()
        .copied()
        .collect();
    Voice {
        name: "golden".into(),
        language: None,
        prompt_text: None,
        prompt_text_ids: Vec::new(),
        prompt_mel: Mel::from_frames(&mel).columns(0..FRAMES_PER_TOKEN * tokens),
        prompt_tokens,
        tail_tokens: Vec::new(),
        embedding: golden::<f32>("flow_encoder.npz", "embedding")
            .iter()
            .copied()
            .collect(),
        provenance: None,
    }
}

fn speech(tokens: usize) -> Vec<u32> {
    (0..tokens as u32)
        .map(|i| (i * 997 + 31) % SPEECH_CODES)
        .collect()
}

fn times() -> Vec<f32> {
    time_points(Schedule::Cosine, STEPS)
}

fn options() -> FlowOptions {
    FlowOptions {
        steps: STEPS,
        schedule: Some(Schedule::Cosine),
        stream: true,
        ..Default::default()
    }
}

/// Inputs of one run over everything.
struct Everything {
    mu: Mel,
    spks: Vec<f32>,
    cond: Mel,
    prompt_frames: usize,
}

impl Everything {
    fn new(backend: &mut CpuFlow, voice: &Voice, tokens: &[u32]) -> Self {
        let all = [&voice.prompt_tokens[..], tokens].concat();
        let encoded = backend
            .encode(&all, &voice.embedding, false, &Cancel::new())
            .unwrap();
        let prompt_frames = voice.prompt_mel.frames();
        let mut cond = Mel::zeros(encoded.mu.frames());
        cond.write(0, &voice.prompt_mel, 0..prompt_frames);
        Self {
            mu: encoded.mu,
            spks: encoded.spks,
            cond,
            prompt_frames,
        }
    }

    /// The speech's mel under the streaming mask.
    fn solve(&self, backend: &mut CpuFlow) -> Mel {
        let conditions = Conditions {
            mu: &self.mu,
            spks: &self.spks,
            cond: &self.cond,
            attention_chunk: ATTENTION_CHUNK_FRAMES,
        };
        let frames = self.mu.frames();
        let noise = Noise::table().columns(0, frames).unwrap();
        let mel = solve(backend, noise, conditions, &times(), &Cancel::new()).unwrap();
        mel.columns(self.prompt_frames..frames)
    }

    /// The same in runs that end at `borders` and at the end.
    fn solve_in_runs(&self, backend: &mut CpuFlow, borders: &[usize]) -> Mel {
        let mut memories = Vec::new();
        let mut mel = Mel::zeros(self.mu.frames());
        let mut offset = 0;
        for end in borders.iter().copied().chain([self.mu.frames()]) {
            let conditions = Conditions {
                mu: &self.mu.columns(offset..end),
                spks: &self.spks,
                cond: &self.cond.columns(offset..end),
                attention_chunk: ATTENTION_CHUNK_FRAMES,
            };
            let noise = Noise::table().columns(offset, end - offset).unwrap();
            let earlier = Earlier {
                offset,
                memories: &memories,
            };
            let (part, left) = solve_after(
                backend,
                noise,
                conditions,
                &times(),
                CFG_RATE,
                earlier,
                &Cancel::new(),
            )
            .unwrap();
            mel.write(offset, &part, 0..part.frames());
            memories = left;
            offset = end;
        }
        mel.columns(self.prompt_frames..mel.frames())
    }
}

/// The mel of an utterance whose tokens come `at_once` by `at_once`, taken out after each call.
fn stream(model: &mut FlowModel, voice: &Voice, tokens: &[u32], at_once: usize) -> Vec<Mel> {
    let mut utterance = model.utterance(voice, &options()).unwrap();
    let mut parts = Vec::new();
    let mut available = 0;
    loop {
        let finished = available == tokens.len();
        while utterance
            .advance(&tokens[..available], finished, &Cancel::new())
            .unwrap()
            .is_some()
        {
            parts.push(utterance.take());
        }
        if finished {
            return parts;
        }
        available = (available + at_once).min(tokens.len());
    }
}

fn joined(parts: &[Mel]) -> Mel {
    let frames = parts.iter().map(Mel::frames).sum();
    let mut mel = Mel::zeros(frames);
    let mut at = 0;
    for part in parts {
        mel.write(at, part, 0..part.frames());
        at += part.frames();
    }
    mel
}

fn peak(mel: &Mel) -> f32 {
    mel.as_slice().iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

fn assert_same(what: &str, mel: &Mel, expected: &Mel) {
    assert_eq!(mel.frames(), expected.frames(), "{what}");
    let difference = max_diff(mel.as_slice(), expected.as_slice()) / peak(expected);
    println!("{what}: {difference:.1e} of the peak");
    assert!(difference < BOUND, "{what}: {difference:.1e} of the peak");
}

#[test]
fn chunked_mel_equals_one_run_under_the_streaming_mask_for_any_number_of_tokens() {
    let (mut backend, mut model) = (backend(), model());
    for prompt in [75, 60, 2] {
        let voice = voice(prompt);
        for count in [1, 2, 3, 24, 25, 27, 28, 29, 50, 53, 77, 130, 250, 400] {
            if prompt != 75 && count % 2 == 0 {
                continue;
            }
            let tokens = speech(count);
            let whole = Everything::new(&mut backend, &voice, &tokens).solve(&mut backend);
            let parts = stream(&mut model, &voice, &tokens, 7);
            let what = format!("prompt {prompt}, {count} tokens, {} parts", parts.len());
            assert_same(&what, &joined(&parts), &whole);
        }
    }
}

#[test]
fn every_schedule_of_runs_gives_the_same_mel() {
    let mut backend = backend();
    let everything = Everything::new(&mut backend, &voice(75), &speech(138));
    let whole = everything.solve(&mut backend);
    let chunks = everything.mu.frames() / ATTENTION_CHUNK_FRAMES;
    // Each bit is a border or none.
    for schedule in 0..1u32 << chunks {
        if schedule % 7 != 0 {
            continue;
        }
        let borders: Vec<_> = (0..chunks)
            .filter(|chunk| schedule >> chunk & 1 == 1)
            .map(|chunk| (chunk + 1) * ATTENTION_CHUNK_FRAMES)
            .collect();
        let mel = everything.solve_in_runs(&mut backend, &borders);
        assert_same(&format!("{borders:?}"), &mel, &whole);
    }
}

#[test]
fn a_seed_means_the_same_mel_however_tokens_arrive_and_whether_or_not_the_prompt_is_known() {
    let mut model = model();
    let (voice, tokens) = (voice(75), speech(130));
    let first = joined(&stream(&mut model, &voice, &tokens, 1));
    for at_once in [1, 40, 130] {
        let again = joined(&stream(&mut model, &voice, &tokens, at_once));
        assert_eq!(again, first, "{at_once} tokens at once");
    }
}

#[test]
fn the_first_chunk_of_a_known_voice_computes_only_what_is_new() {
    let mut model = model();
    let voice = voice(75);
    let tokens = speech(28);
    let mut frames = || {
        let mut utterance = model.utterance(&voice, &options()).unwrap();
        let call = utterance.advance(&tokens, false, &Cancel::new()).unwrap();
        assert_eq!(utterance.take().frames(), 50);
        call.unwrap().frames
    };
    // The prompt's last chunk depends on the speech, its first two do not.
    assert_eq!([frames(), frames()], [200, 100]);
}

#[test]
fn speech_that_was_forgotten_does_not_break_what_follows() {
    let mut model = model();
    let voice = voice(75);
    let tokens = speech(400);
    let mut run = |context| {
        let options = FlowOptions {
            context,
            ..options()
        };
        let mut utterance = model.utterance(&voice, &options).unwrap();
        while utterance
            .advance(&tokens, true, &Cancel::new())
            .unwrap()
            .is_some()
        {}
        utterance.into_mel()
    };
    let (all, some) = (run(None), run(Some(100)));
    assert_eq!(all.frames(), some.frames());
    // Nothing is forgotten before the memory is full.
    assert_same("first", &some.columns(0..200), &all.columns(0..200));
    assert!(max_diff(some.as_slice(), all.as_slice()) < peak(&all));
}

#[test]
fn a_cancelled_chunk_ends_and_leaves_the_model_usable() {
    let mut model = model();
    let (voice, tokens) = (voice(75), speech(28));
    let cancel = Cancel::new();
    cancel.cancel();
    let mut utterance = model.utterance(&voice, &options()).unwrap();
    let error = utterance.advance(&tokens, false, &cancel).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    assert_eq!(joined(&stream(&mut model, &voice, &tokens, 1)).frames(), 56);
}

fn vocoder() -> Vocoder {
    let manifest = Manifest::read(&tiny_f32()).unwrap();
    Vocoder::load(&tiny_f32(), &manifest.vocoder, 1, &Cancel::new()).unwrap()
}

/// The mels of the goldens, one after another: 245 frames.
fn long_mel() -> Mel {
    let mut mel = Mel::zeros(0);
    for frames in [50, 58, 137] {
        let array = golden::<f32>(&format!("hift_{frames}.npz"), "mel");
        mel.append(&Mel::from_bins(array.iter().copied().collect()));
    }
    mel
}

/// The samples of `mel` in pieces of so many frames, again and again.
fn vocode_in_pieces(vocoder: &mut Vocoder, mel: &Mel, pieces: &[usize], level: Level) -> Vec<f32> {
    let mut stream = vocoder.stream(7);
    let mut leveller = Leveller::new(level).unwrap();
    let mut samples = Vec::new();
    let mut at = 0;
    for length in pieces.iter().cycle() {
        let end = mel.frames().min(at + length);
        let last = end == mel.frames();
        let part = mel.columns(at..end);
        let mut piece = vocoder
            .synthesize_after(&mut stream, &part, last, &Cancel::new())
            .unwrap();
        leveller.apply_to_piece(&mut piece).unwrap();
        samples.extend(piece);
        at = end;
        if last {
            return samples;
        }
    }
    unreachable!("the pieces never end")
}

#[test]
fn audio_in_pieces_equals_the_audio_of_the_whole_mel() {
    let mut vocoder = vocoder();
    let mel = long_mel();
    for level in [Level::None, Level::Limit] {
        let mut whole = vocoder.synthesize(&mel, 7, &Cancel::new()).unwrap();
        Leveller::new(level).unwrap().apply(&mut whole).unwrap();
        for pieces in [&[50, 50, 100][..], &[200], &[1, 7, 3], &[13], &[245]] {
            let samples = vocode_in_pieces(&mut vocoder, &mel, pieces, level);
            assert_eq!(samples.len(), whole.len());
            let difference = max_diff(&samples, &whole);
            println!("{level:?}, pieces of {pieces:?}: {difference:.1e}");
            assert!(difference < 1e-5, "{level:?}, {pieces:?}: {difference:.1e}");
        }
    }
}

#[test]
fn a_piece_of_mel_is_heard_but_for_its_last_eight_frames() {
    let mut vocoder = vocoder();
    let mel = long_mel();
    let mut stream = vocoder.stream(7);
    let mut hear = |range: std::ops::Range<usize>, last| {
        let part = mel.columns(range);
        let samples = vocoder.synthesize_after(&mut stream, &part, last, &Cancel::new());
        samples.unwrap().len() / 480
    };
    let heard = [
        hear(0..50, false),
        hear(50..54, false),
        hear(54..100, false),
        hear(100..100, true),
    ];
    assert_eq!(heard, [42, 4, 46, 8]);
}
