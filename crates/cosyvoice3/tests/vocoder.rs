//! The vocoder against the official implementation, with the weights of `tests/fixtures/tiny`.

use test_support::mel_to_audio;
use test_support::models as support;

use cosyvoice3::{
    ErrorKind,
    cancel::Cancel,
    manifest::{self, Manifest, SourceKind},
    mel::Mel,
    vocoder::{Hift, MelToAudio, Vocoder, f0::F0Predictor, source::Source, weights::SourceWeights},
};
use support::{assert_close, golden, max_diff, tiny_f32};

const FRAMES: [usize; 3] = [50, 58, 137];

/// The noise that the goldens were made with (tests/fixtures/README.md).
fn golden_noise(index: usize) -> f32 {
    let mut z = (index as u32).wrapping_mul(2_654_435_761);
    z ^= z >> 15;
    z = z.wrapping_mul(2_246_822_519);
    z ^= z >> 13;
    (z >> 30) as f32 / 4.0
}

/// An array of the golden for a mel of `frames` frames.
fn hift(frames: usize, name: &str) -> Vec<f32> {
    let array = golden::<f32>(&format!("hift_{frames}.npz"), name);
    array.iter().copied().collect()
}

fn hift_mel(frames: usize) -> Mel {
    Mel::from_bins(hift(frames, "mel"))
}

fn source_weights() -> SourceWeights {
    SourceWeights::read(&tiny_f32().join("hift_source.safetensors")).unwrap()
}

fn vocoder() -> Vocoder {
    let manifest = Manifest::read(&tiny_f32()).unwrap();
    Vocoder::load(&tiny_f32(), &manifest.vocoder, 1, &Cancel::new()).unwrap()
}

fn hift_vocoder() -> Hift {
    match vocoder() {
        Vocoder::Hift(hift) => *hift,
        Vocoder::MelToAudio(_) => panic!("of the other kind"),
    }
}

#[test]
fn f0_matches_the_official_predictor() {
    let predictor = F0Predictor::new(&source_weights()).unwrap();
    for frames in FRAMES {
        let f0 = predictor
            .predict(&hift_mel(frames), &Cancel::new())
            .unwrap();
        assert_close(
            &format!("f0 of {frames} frames"),
            &f0,
            &hift(frames, "f0"),
            1e-5,
        );
    }
}

#[test]
fn f0_depends_on_the_next_three_frames_and_no_later_one() {
    let predictor = F0Predictor::new(&source_weights()).unwrap();
    let mel = hift_mel(58);
    let whole = predictor.predict(&mel, &Cancel::new()).unwrap();
    let head = predictor
        .predict(&mel.columns(0..30), &Cancel::new())
        .unwrap();
    assert_close(
        "all but the last three frames",
        &head[..27],
        &whole[..27],
        1e-5,
    );
    assert_ne!(head[27], whole[27]);
}

#[test]
fn staircase_source_matches_the_official_one() {
    let source = Source::new(&source_weights(), SourceKind::Staircase).unwrap();
    for frames in FRAMES {
        let signal = source.signal(&hift(frames, "f0"), golden_noise);
        let official = hift(frames, "source");
        assert_close(
            &format!("source of {frames} frames"),
            &signal,
            &official,
            1e-5,
        );
    }
}

#[test]
fn decoder_matches_the_official_one_given_its_source() {
    let mut vocoder = hift_vocoder();
    for frames in FRAMES {
        let source = hift(frames, "source");
        let audio = vocoder
            .decode(&hift_mel(frames), &source, &Cancel::new())
            .unwrap();
        let official = hift(frames, "audio");
        assert_close(
            &format!("audio of {frames} frames"),
            &audio,
            &official,
            2e-5,
        );
    }
}

#[test]
fn speech_from_mel_is_within_a_thousandth_of_the_official_peak() {
    let mut vocoder = hift_vocoder();
    let cancel = Cancel::new();
    for frames in FRAMES {
        let mel = hift_mel(frames);
        let f0 = vocoder.f0(&mel, &cancel).unwrap();
        let source = vocoder.source(&f0, golden_noise);
        let audio = vocoder.decode(&mel, &source, &cancel).unwrap();
        let official = hift(frames, "audio");
        let peak = max_diff(&official, &vec![0.0; official.len()]);
        assert_close(
            &format!("speech of {frames} frames"),
            &audio,
            &official,
            1e-3 * peak,
        );
    }
}

#[test]
fn a_frame_is_480_samples_whatever_the_length() {
    let mut vocoder = vocoder();
    let mel = hift_mel(137);
    for frames in [0, 1, 2, 3, 7, 137] {
        let part = mel.columns(0..frames);
        let speech = vocoder.synthesize(&part, 1, &Cancel::new()).unwrap();
        assert_eq!(speech.len(), 480 * frames);
        assert!(speech.iter().all(|sample| sample.abs() <= 0.99));
    }
}

#[test]
fn a_seed_means_the_same_sound() {
    let mut vocoder = vocoder();
    let mel = hift_mel(50);
    let mut speech = |seed| vocoder.synthesize(&mel, seed, &Cancel::new()).unwrap();
    let first = speech(7);
    assert_ne!(first, speech(8));
    assert_eq!(first, speech(7));
}

#[test]
fn a_mel_that_is_not_finite_is_refused() {
    let mut mel = hift_mel(50);
    mel.row_mut(3)[20] = f32::NAN;
    let error = vocoder().synthesize(&mel, 1, &Cancel::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("not finite"), "{error}");
}

#[test]
fn a_decoder_that_is_no_hift_is_named() {
    for (decoder, kind) in [
        ("flow_encoder.onnx", ErrorKind::Damaged),
        ("absent.onnx", ErrorKind::NotFound),
    ] {
        let vocoder = manifest::Vocoder::Hift {
            decoder: decoder.into(),
            source_weights: "hift_source.safetensors".into(),
            source: SourceKind::Staircase,
        };
        let error = Vocoder::load(&tiny_f32(), &vocoder, 1, &Cancel::new())
            .err()
            .unwrap();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(decoder), "{error}");
    }
}

/// A vocoder of the second kind, from a graph made for the test.
fn graph(bytes: &[u8]) -> cosyvoice3::Result<Vocoder> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("whole.onnx"), bytes).unwrap();
    // The converted decoder's weights lie beside it, under a name that the graph gives.
    let weights = "hift.onnx.data";
    if tiny_f32().join(weights).exists() {
        std::fs::copy(tiny_f32().join(weights), dir.path().join(weights)).unwrap();
    }
    let vocoder = manifest::Vocoder::MelToAudio {
        graph: "whole.onnx".into(),
    };
    Vocoder::load(dir.path(), &vocoder, 1, &Cancel::new())
}

#[test]
fn a_graph_with_its_own_source_speaks_480_samples_a_frame() {
    let mut vocoder = graph(&mel_to_audio::onnx("mel", None, 6, "Tanh")).unwrap();
    let mel = hift_mel(50);
    let speech = vocoder.synthesize(&mel, 1, &Cancel::new()).unwrap();
    assert_eq!(speech.len(), 480 * 50);
    let expected: Vec<f32> = mel.as_slice().iter().map(|value| value.tanh()).collect();
    assert_close("speech", &speech[..4000], &expected, 1e-6);
    let none = mel.columns(0..0);
    assert!(
        vocoder
            .synthesize(&none, 1, &Cancel::new())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_graph_with_its_own_source_may_call_the_mel_what_it_likes() {
    let mut vocoder = graph(&mel_to_audio::onnx("speech_feat", None, 6, "Tanh")).unwrap();
    let speech = vocoder.synthesize(&hift_mel(50), 1, &Cancel::new());
    assert_eq!(speech.unwrap().len(), 480 * 50);
}

#[test]
fn a_graph_that_is_no_vocoder_is_named_when_it_is_loaded() {
    let decoder = std::fs::read(tiny_f32().join("hift.onnx")).unwrap();
    let encoder = std::fs::read(tiny_f32().join("flow_encoder.onnx")).unwrap();
    let of_one_length = mel_to_audio::onnx("mel", Some(50), 6, "Tanh");
    let cases = [
        (decoder.as_slice(), "source"),
        (encoder.as_slice(), "token"),
        (of_one_length.as_slice(), "[1, 80, 50]"),
        (b"", "whole.onnx"),
        (&decoder[..1000], "whole.onnx"),
    ];
    for (bytes, expected) in cases {
        let error = graph(bytes).err().expect("refused");
        assert_eq!(error.kind(), ErrorKind::Damaged);
        let error = error.to_string();
        assert!(
            error.contains("whole.onnx") && error.contains(expected),
            "{error}"
        );
    }
    let absent = MelToAudio::load(&tiny_f32().join("absent.onnx"), 1, &Cancel::new());
    let absent = absent.err().expect("refused");
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    assert!(absent.to_string().contains("absent.onnx"), "{absent}");
}

#[test]
fn a_graph_that_gives_what_cannot_be_played_is_named() {
    let mel = hift_mel(50);
    let broken = [
        (mel_to_audio::onnx("mel", None, 5, "Tanh"), "20000 samples"),
        (mel_to_audio::onnx("mel", None, 6, "Log"), "not finite"),
    ];
    for (bytes, expected) in broken {
        let mut vocoder = graph(&bytes).unwrap();
        let error = vocoder.synthesize(&mel, 1, &Cancel::new()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("whole.onnx") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn a_graph_with_its_own_source_can_be_cancelled_and_used_again() {
    let mut vocoder = graph(&mel_to_audio::onnx("mel", None, 6, "Tanh")).unwrap();
    let mut mel = hift_mel(50);
    let cancel = Cancel::new();
    cancel.cancel();
    let error = vocoder.synthesize(&mel, 1, &cancel).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    vocoder.synthesize(&mel, 1, &Cancel::new()).unwrap();
    mel.row_mut(3)[20] = f32::NAN;
    let error = vocoder.synthesize(&mel, 1, &Cancel::new()).unwrap_err();
    assert!(
        error.to_string().contains("mel that is not finite"),
        "{error}"
    );
}

#[test]
fn cancelled_synthesis_ends_as_cancelled() {
    let cancel = Cancel::new();
    cancel.cancel();
    let error = vocoder().synthesize(&hift_mel(50), 1, &cancel).unwrap_err();
    assert!(error.is_cancelled());
}

#[test]
fn damaged_source_weights_are_named() {
    let bytes = std::fs::read(tiny_f32().join("hift_source.safetensors")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let error_of = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        SourceWeights::read(&path)
            .and_then(|weights| F0Predictor::new(&weights))
            .err()
            .expect("damage must be noticed")
    };
    let replaced = |from: &str, to: &str| {
        let at = bytes
            .windows(from.len())
            .position(|w| w == from.as_bytes())
            .unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let mut not_finite = bytes.clone();
    let end = bytes.len();
    for value in not_finite[end - 160..].chunks_exact_mut(4) {
        value.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    let cases = [
        ("truncated", bytes[..end - 4].to_vec(), ""),
        ("empty", Vec::new(), ""),
        (
            "tensor missing",
            replaced("condnet.4.v", "condnet.4.w"),
            "condnet.4.v",
        ),
        (
            "wrong shape",
            replaced("[32,80,4]", "[32,40,8]"),
            "[32, 80, 4]",
        ),
        ("not finite", not_finite, "finite"),
    ];
    for (what, bytes, mentioned) in cases {
        let error = error_of(&bytes);
        assert_eq!(error.kind(), ErrorKind::Damaged, "{what}: {error}");
        let message = error.to_string();
        assert!(message.contains("weights.safetensors"), "{what}: {message}");
        assert!(message.contains(mentioned), "{what}: {message}");
    }
    std::fs::remove_file(&path).unwrap();
    let missing = SourceWeights::read(&path).err().unwrap();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}
