//! The vocoder against the official implementation, with the weights of `tests/fixtures/tiny`.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use gstcosyvoice3::{
    ErrorKind,
    cancel::Cancel,
    mel::Mel,
    model::manifest::SourceKind,
    vocoder::{f0::F0Predictor, source::Source, weights::SourceWeights},
};
use ndarray::{Array1, Array2, Ix1, Ix2};
use ndarray_npy::NpzReader;

/// What the official vocoder makes of one mel.
struct Golden {
    mel: Mel,
    f0: Vec<f32>,
    source: Vec<f32>,
}

fn golden(frames: usize) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/fixtures/golden/hift_{frames}.npz"));
    let mut npz = NpzReader::new(File::open(path).unwrap()).unwrap();
    let mel: Array2<f32> = npz.by_name::<_, Ix2>("mel").unwrap();
    let mut vector = |name: &str| {
        let values: Array1<f32> = npz.by_name::<_, Ix1>(name).unwrap();
        values.to_vec()
    };
    Golden {
        mel: Mel::from_bins(mel.iter().copied().collect()),
        f0: vector("f0"),
        source: vector("source"),
    }
}

const FRAMES: [usize; 3] = [50, 58, 137];

/// The noise that the goldens were made with (tests/fixtures/README.md).
fn golden_noise(index: usize) -> f32 {
    let mut z = (index as u32).wrapping_mul(2_654_435_761);
    z ^= z >> 15;
    z = z.wrapping_mul(2_246_822_519);
    z ^= z >> 13;
    (z >> 30) as f32 / 4.0
}

fn model_dir() -> PathBuf {
    std::env::var_os("COSYVOICE3_TINY_F32").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tiny-f32"),
        PathBuf::from,
    )
}

fn source_weights() -> SourceWeights {
    SourceWeights::read(&model_dir().join("hift_source.safetensors")).unwrap()
}

fn assert_close(what: &str, actual: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    let differences = actual.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let (at, worst) = differences
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap();
    println!("{what}: differs by at most {worst:e} (bound {bound:e})");
    assert!(worst <= bound, "{what}: {worst:e} at {at}, bound {bound:e}");
}

#[test]
fn f0_matches_the_official_predictor() {
    let predictor = F0Predictor::new(&source_weights()).unwrap();
    for frames in FRAMES {
        let golden = golden(frames);
        let f0 = predictor.predict(&golden.mel, &Cancel::new()).unwrap();
        assert_close(&format!("f0 of {frames} frames"), &f0, &golden.f0, 1e-5);
    }
}

#[test]
fn f0_depends_on_the_next_three_frames_and_no_later_one() {
    let predictor = F0Predictor::new(&source_weights()).unwrap();
    let mel = golden(58).mel;
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
        let golden = golden(frames);
        let signal = source.signal(&golden.f0, golden_noise);
        assert_close(
            &format!("source of {frames} frames"),
            &signal,
            &golden.source,
            1e-5,
        );
    }
}

#[test]
fn cancelled_prediction_ends_as_cancelled() {
    let cancel = Cancel::new();
    cancel.cancel();
    let predictor = F0Predictor::new(&source_weights()).unwrap();
    let error = predictor.predict(&Mel::zeros(4), &cancel).unwrap_err();
    assert!(error.is_cancelled());
}

#[test]
fn damaged_source_weights_are_named() {
    let bytes = std::fs::read(model_dir().join("hift_source.safetensors")).unwrap();
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
