//! The vocoder against the official implementation, with the weights of `tests/fixtures/tiny`.

mod support;

use gstcosyvoice3::{
    ErrorKind,
    cancel::Cancel,
    mel::Mel,
    model::manifest::{Manifest, SourceKind},
    vocoder::{Vocoder, f0::F0Predictor, source::Source, weights::SourceWeights},
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
    Vocoder::load(&tiny_f32(), &manifest.vocoder, 1).unwrap()
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
    let mut vocoder = vocoder();
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
    let mut vocoder = vocoder();
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
    let mut manifest = Manifest::read(&tiny_f32()).unwrap().vocoder;
    manifest.decoder = "flow_encoder.onnx".into();
    let error = Vocoder::load(&tiny_f32(), &manifest, 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("flow_encoder.onnx"), "{error}");
    manifest.decoder = "absent.onnx".into();
    let error = Vocoder::load(&tiny_f32(), &manifest, 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("absent.onnx"), "{error}");
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
