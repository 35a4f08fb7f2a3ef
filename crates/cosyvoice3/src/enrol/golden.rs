//! The features against the official front end's.

use std::{fs::File, path::PathBuf};

use ndarray::OwnedRepr;
use ndarray_npy::{NpzReader, ReadableElement};

use super::{fbank::centred_fbank, prompt_mel::prompt_mel, resample::resample, whisper::log_mel};
use crate::constants::MEL_BINS;

fn fixture(name: &str) -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "../../tests/fixtures/golden",
        name,
    ]
    .iter()
    .collect()
}

fn array<T: ReadableElement>(name: &str) -> Vec<T> {
    let file = File::open(fixture("frontend.npz")).unwrap();
    let mut npz = NpzReader::new(file).unwrap();
    let array: ndarray::ArrayBase<OwnedRepr<T>, ndarray::IxDyn> =
        npz.by_name(&format!("{name}.npy")).unwrap();
    array.into_iter().collect()
}

fn recording() -> Vec<f32> {
    let mut wav = hound::WavReader::open(fixture("frontend.wav")).unwrap();
    let samples = wav.samples::<i16>();
    samples.map(|x| f32::from(x.unwrap()) / 32_768.0).collect()
}

/// Checks that no value differs by more than `bound`, nor half of them by more than `median`.
fn assert_close(ours: &[f32], official: &[f32], bound: f32, median: f32) {
    assert_eq!(ours.len(), official.len());
    let difference = |(a, b): (&f32, &f32)| (a - b).abs();
    let mut differences: Vec<f32> = std::iter::zip(ours, official).map(difference).collect();
    differences.sort_by(f32::total_cmp);
    let (middle, most) = (
        differences[differences.len() / 2],
        differences[differences.len() - 1],
    );
    println!("largest {most:e}, median {middle:e}");
    assert!(
        most <= bound && middle <= median,
        "largest {most:e}, median {middle:e}"
    );
}

#[test]
fn the_resampler_is_the_official_one() {
    let ours = resample(&recording(), 24_000, 16_000);
    assert_close(&ours, &array("wav_16k"), 1e-6, 1e-7);
}

#[test]
fn the_speaker_encoder_hears_the_official_filterbank() {
    let ours = centred_fbank(&array::<f32>("wav_16k"));
    assert_close(&ours, &array("campplus_input"), 2e-4, 1e-5);
}

#[test]
fn the_speech_tokenizer_hears_the_official_spectrogram() {
    let ours = log_mel(&array::<f32>("wav_16k"));
    assert_close(&ours, &array("speech_tokenizer_feats"), 2e-5, 1e-6);
}

#[test]
fn the_flow_continues_the_official_mel() {
    let mel = prompt_mel(&recording());
    let frames = (0..mel.frames()).flat_map(|t| (0..MEL_BINS).map(move |bin| (bin, t)));
    let ours: Vec<f32> = frames.map(|(bin, t)| mel.row(bin)[t]).collect();
    assert_close(&ours, &array("prompt_mel"), 2e-5, 1e-6);
}

#[test]
fn the_flow_gets_the_tokens_that_have_two_frames_each() {
    let [tokens, frames, kept, kept_frames] = array::<i32>("trim_rule")[..] else {
        panic!("four numbers")
    };
    let ours = super::kept_tokens(tokens as usize, frames as usize);
    assert_eq!([ours as i32, 2 * ours as i32], [kept, kept_frames]);
}
