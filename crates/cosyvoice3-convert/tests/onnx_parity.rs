//! The graphs we write compute what the official modules compute (`tests/fixtures/golden`), in ONNX Runtime.

use std::{fs::File, iter::zip, ops::Range, path::Path};

use cosyvoice3::{
    cancel::Cancel,
    constants::MEL_BINS,
    flow::{
        ode::{step_times, time_points},
        times::Times,
    },
    manifest::Schedule,
    onnx::{Session, SessionOptions, Tensor},
};
use cosyvoice3_convert::{
    checkpoint::Checkpoint,
    convert::times,
    directory::tables,
    onnx::{self, BlockArithmetic, Model},
    weights::WeightType,
};
use ndarray::{ArrayD, OwnedRepr};
use ndarray_npy::{NpzReader, ReadableElement};

const MU_BOUND: f32 = 2e-5;
const SPKS_BOUND: f32 = 1e-6;
const ESTIMATOR_BOUND: f32 = 5e-5;
const AUDIO_BOUND: f32 = 2e-5;
/// Estimator lengths and the golden window whose mu and cond have that length.
const WINDOWS: [(usize, &str); 2] = [(200, "28"), (300, "78")];
/// Golden windows of the encoder: name, tokens, whether the last three are lookahead.
const ENCODER_WINDOWS: [(&str, Range<usize>, bool); 4] = [
    ("28", 0..28, true),
    ("53", 0..53, true),
    ("78", 25..103, true),
    ("50f", 80..130, false),
];

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn checkpoint(file: &str) -> Checkpoint {
    Checkpoint::open(&fixtures().join("tiny").join(file)).unwrap()
}

fn golden<T: ReadableElement>(file: &str, name: &str) -> ArrayD<T> {
    let path = fixtures().join("golden").join(file);
    let mut npz = NpzReader::new(File::open(path).unwrap()).unwrap();
    npz.by_name::<OwnedRepr<T>, _>(&format!("{name}.npy"))
        .or_else(|_| npz.by_name::<OwnedRepr<T>, _>(name))
        .unwrap()
}

fn floats(file: &str, name: &str) -> Vec<f32> {
    golden::<f32>(file, name).iter().copied().collect()
}

fn tokens(name: &str) -> Vec<i64> {
    let ids = golden::<i32>("flow_encoder.npz", name);
    ids.iter().map(|id| i64::from(*id)).collect()
}

fn prompt_and(range: Range<usize>) -> Vec<i64> {
    [tokens("prompt_token"), tokens("tokens")[range].to_vec()].concat()
}

fn load(model: &Model<'_>) -> Session {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("graph.onnx");
    model.write_to(&path).unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert_eq!(size, model.encoded_len() as u64);
    Session::load(&path, &SessionOptions::default(), &Cancel::new()).unwrap()
}

/// Runs `session` and returns the outputs `names`.
fn run<const N: usize>(
    session: &mut Session,
    inputs: &[(&str, Tensor<'_>)],
    names: [&str; N],
) -> [Vec<f32>; N] {
    let outputs = session.run(inputs, &Cancel::new()).unwrap();
    names.map(|name| outputs.f32(name).unwrap().1.to_vec())
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], theirs: &[f32], bound: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    assert!(ours.iter().all(|v| v.is_finite()), "{what} is not finite");
    let worst = zip(ours, theirs).map(|(a, b)| (a - b).abs());
    let worst = worst.fold(0.0, f32::max);
    println!("{what}: {worst:.1e} of {bound:.0e}");
    assert!(worst <= bound, "{what}: {worst:e} > {bound:e}");
}

/// The first `frames` of each mel bin.
fn head(mel: &[f32], frames: usize) -> Vec<f32> {
    let bins = mel.chunks_exact(mel.len() / MEL_BINS);
    bins.flat_map(|bin| &bin[..frames]).copied().collect()
}

/// Inputs of the estimator as the goldens have them: the second row unconditional.
struct Guidance {
    frames: usize,
    x: Vec<f32>,
    mu: Vec<f32>,
    spks: Vec<f32>,
    cond: Vec<f32>,
    t: Vec<f32>,
}

impl Guidance {
    fn golden(frames: usize, window: &str) -> Self {
        let noise = head(&floats("flow_encoder.npz", "rand_noise"), frames);
        let with_zeros = |name: &str| {
            let row = floats("flow_encoder.npz", name);
            let zeros = vec![0.0; row.len()];
            [row, zeros].concat()
        };
        Self {
            frames,
            x: [noise.clone(), noise].concat(),
            mu: with_zeros(&format!("mu_{window}")),
            spks: with_zeros("spks"),
            cond: with_zeros(&format!("cond_{window}")),
            t: floats("flow_estimator.npz", "t"),
        }
    }

    fn run(
        &self,
        session: &mut Session,
        time: (&str, &[f32]),
        last: (&str, Tensor<'_>),
    ) -> Vec<f32> {
        let mel = [2, MEL_BINS, self.frames];
        let inputs = [
            ("x", Tensor::F32(&mel, &self.x)),
            ("mu", Tensor::F32(&mel, &self.mu)),
            (time.0, Tensor::F32(&[time.1.len()], time.1)),
            ("spks", Tensor::F32(&[2, MEL_BINS], &self.spks)),
            ("cond", Tensor::F32(&mel, &self.cond)),
            last,
        ];
        let [y] = run(session, &inputs, ["y"]);
        y
    }

    fn run_free(&self, session: &mut Session, chunk: usize) -> Vec<f32> {
        let chunk = [chunk as i64];
        let modulation = modulation(session, self.t[0]);
        let chunk = ("attention_chunk", Tensor::I64(&[1], &chunk));
        self.run(session, ("modulation", &modulation), chunk)
    }
}

/// The modulation at `t` for `session`, from a file that has it only by its weights.
fn modulation(session: &Session, t: f32) -> Vec<f32> {
    let flow = checkpoint("flow.pt");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("times.safetensors");
    let tables = times::tables(&flow, Schedule::Cosine, &[1], WeightType::F32).unwrap();
    tables::write(&tables, &mut File::create(&path).unwrap()).unwrap();
    let length = session.input("modulation").unwrap().shape[0] as usize;
    let mut times = Times::open(&path, length).unwrap();
    times.at(t, &Cancel::new()).unwrap().to_vec()
}

#[test]
fn stored_and_computed_modulations_are_the_same() {
    let flow = checkpoint("flow.pt");
    let dir = tempfile::tempdir().unwrap();
    let mut modulations = Vec::new();
    for (name, steps) in [("stored", 10), ("computed", 1)] {
        let path = dir.path().join(name);
        let tables = times::tables(&flow, Schedule::Cosine, &[steps], WeightType::F32).unwrap();
        tables::write(&tables, &mut File::create(&path).unwrap()).unwrap();
        let length = tables[1].shape[1];
        let mut times = Times::open(&path, length).unwrap();
        let t = step_times(&time_points(Schedule::Cosine, 10))[7];
        modulations.push(times.at(t, &Cancel::new()).unwrap().to_vec());
    }
    assert_eq!(modulations[0], modulations[1]);
}

#[test]
fn encoder_makes_the_official_mu_and_speaker() {
    let flow = checkpoint("flow.pt");
    let mut session = load(&onnx::flow_encoder(&flow, WeightType::F32).unwrap());
    let embedding = floats("flow_encoder.npz", "embedding");
    for (window, range, _) in ENCODER_WINDOWS {
        let ids = prompt_and(range);
        let inputs = [
            ("token", Tensor::I64(&[1, ids.len()], &ids)),
            ("embedding", Tensor::F32(&[1, 192], &embedding)),
        ];
        let [mu, spks] = run(&mut session, &inputs, ["mu", "spks"]);
        assert_eq!(mu.len(), 2 * ids.len() * MEL_BINS);
        let official = floats("flow_encoder.npz", &format!("mu_{window}"));
        let mu = head(&mu, official.len() / MEL_BINS);
        assert_close(&format!("mu {window}"), &mu, &official, MU_BOUND);
        let official = floats("flow_encoder.npz", "spks");
        assert_close("spks", &spks, &official, SPKS_BOUND);
    }
}

#[test]
fn fixed_encoders_make_the_official_mu_speaker_and_condition() {
    let flow = checkpoint("flow.pt");
    let table = flow.tensor("input_embedding.weight").unwrap();
    let table = table.to_f32().unwrap();
    let embedding = floats("flow_encoder.npz", "embedding");
    let prompt = floats("flow_encoder.npz", "prompt_feat");
    for (window, range, lookahead) in ENCODER_WINDOWS {
        let count = range.len();
        let ids = prompt_and(range);
        let rows = ids.iter().map(|id| *id as usize * MEL_BINS);
        let embedded = rows.flat_map(|start| &table[start..start + MEL_BINS]);
        let embedded: Vec<f32> = embedded.copied().collect();
        let model = onnx::flow_encoder_fixed(&flow, WeightType::F32, 75, count, lookahead);
        let mut session = load(&model.unwrap());
        let embedded_shape = [1, ids.len(), MEL_BINS];
        let inputs = [
            ("token_embedding", Tensor::F32(&embedded_shape, &embedded)),
            ("prompt_feat", Tensor::F32(&[1, 150, MEL_BINS], &prompt)),
            ("embedding", Tensor::F32(&[1, 192], &embedding)),
        ];
        let [mu, spks, cond] = run(&mut session, &inputs, ["mu", "spks", "cond"]);
        let official = |name: &str| floats("flow_encoder.npz", &format!("{name}_{window}"));
        assert_close(&format!("mu {window}"), &mu, &official("mu"), MU_BOUND);
        let official_spks = floats("flow_encoder.npz", "spks");
        assert_close("spks", &spks, &official_spks, SPKS_BOUND);
        assert_eq!(cond, official("cond"), "cond {window}");
    }
}

#[test]
fn estimator_follows_the_official_one_in_chunks_and_in_full() {
    let flow = checkpoint("flow.pt");
    let mut session =
        load(&onnx::flow_estimator(&flow, WeightType::F32, BlockArithmetic::F32).unwrap());
    for (frames, window) in WINDOWS {
        let guidance = Guidance::golden(frames, window);
        let official = |mask| floats("flow_estimator.npz", &format!("y_{mask}_{frames}"));
        let y = guidance.run_free(&mut session, 50);
        let what = format!("stream {frames}");
        assert_close(&what, &y, &official("stream"), ESTIMATOR_BOUND);
        let y = guidance.run_free(&mut session, frames);
        let full = official("full");
        let what = format!("full {frames}");
        assert_close(&what, &y[..full.len()], &full, ESTIMATOR_BOUND);
        let longer = guidance.run_free(&mut session, 10_000);
        assert_eq!(longer, y, "a longer chunk is full attention too");
    }
}

#[test]
fn weights_in_a_file_of_their_own_compute_the_same_and_damage_to_it_is_named() {
    let flow = checkpoint("flow.pt");
    let model = onnx::flow_estimator(&flow, WeightType::F32, BlockArithmetic::Int8).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (graph, data) = (dir.path().join("e.onnx"), dir.path().join("e.onnx.data"));
    let write = |name: &str| {
        let mut out = File::create(&graph).unwrap();
        model.write_without_data(name, &mut out).unwrap();
    };
    let load_it = |prepacking| {
        let options = SessionOptions {
            prepacking,
            ..Default::default()
        };
        Session::load(&graph, &options, &Cancel::new())
    };
    write("e.onnx.data");
    model.write_data(&mut File::create(&data).unwrap()).unwrap();
    assert_eq!(data.metadata().unwrap().len(), model.data_len() as u64);
    let guidance = Guidance::golden(200, "28");
    let whole = guidance.run_free(&mut load(&model), 50);
    for prepacking in [false, true] {
        let apart = guidance.run_free(&mut load_it(prepacking).unwrap(), 50);
        // Without prepacking other kernels round, by no more than the integers err anyway.
        let bound = if prepacking { 0.0 } else { 5e-2 };
        assert_close(&format!("prepacking {prepacking}"), &apart, &whole, bound);
    }

    // A file of another place is not read, whatever the graph says.
    let outside = tempfile::tempdir().unwrap();
    std::fs::copy(&data, outside.path().join("secret")).unwrap();
    let name = outside
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    for place in [
        format!("../{name}/secret"),
        outside.path().join("secret").to_str().unwrap().to_owned(),
    ] {
        write(&place);
        let error = load_it(true).err().unwrap();
        assert!(error.to_string().contains("e.onnx"), "{error}");
    }

    write("e.onnx.data");
    let length = model.data_len() as u64;
    // The library names the graph alone; in a model directory the manifest's size names the data file first.
    for left in [0, length / 2, length - 1] {
        let file = std::fs::OpenOptions::new().write(true).open(&data).unwrap();
        file.set_len(left).unwrap();
        let error = load_it(true).err().unwrap();
        assert!(error.to_string().contains("e.onnx"), "{error}");
    }
    std::fs::remove_file(&data).unwrap();
    let error = load_it(true).err().unwrap();
    assert!(error.to_string().contains("e.onnx"), "{error}");
}

#[test]
fn fixed_estimators_follow_the_official_streaming_one() {
    let flow = checkpoint("flow.pt");
    for (frames, window) in WINDOWS {
        let model = onnx::flow_estimator_fixed(&flow, WeightType::F32, frames).unwrap();
        let mask = vec![1.0; 2 * frames];
        let mask = ("mask", Tensor::F32(&[2, 1, frames], &mask));
        let guidance = Guidance::golden(frames, window);
        let y = guidance.run(&mut load(&model), ("t", &guidance.t), mask);
        let official = floats("flow_estimator.npz", &format!("y_stream_{frames}"));
        assert_close(&format!("fixed {frames}"), &y, &official, ESTIMATOR_BOUND);
    }
}

#[test]
fn hift_makes_the_official_audio_from_the_official_source() {
    let checkpoint = checkpoint("hift.pt");
    let mut session = load(&onnx::hift(&checkpoint, WeightType::F32).unwrap());
    for frames in [50, 58, 137] {
        let file = format!("hift_{frames}.npz");
        let audio = decode(&mut session, &file, frames);
        assert_close(&file, &audio, &floats(&file, "audio"), AUDIO_BOUND);
    }
}

#[test]
fn half_precision_weights_take_half_the_space_and_stay_close() {
    let flow = checkpoint("flow.pt");
    let full = onnx::flow_estimator(&flow, WeightType::F32, BlockArithmetic::F32).unwrap();
    let half = onnx::flow_estimator(&flow, WeightType::F16, BlockArithmetic::F32).unwrap();
    assert!(half.encoded_len() < full.encoded_len() * 11 / 20);
    let guidance = Guidance::golden(200, "28");
    let full = guidance.run_free(&mut load(&full), 50);
    let half = guidance.run_free(&mut load(&half), 50);
    assert_close("estimator, f16", &half, &full, 1e-2);

    let hift = checkpoint("hift.pt");
    let mut session = load(&onnx::hift(&hift, WeightType::F16).unwrap());
    let audio = decode(&mut session, "hift_50.npz", 50);
    let official = floats("hift_50.npz", "audio");
    assert_close("hift, f16", &audio, &official, 1e-2);
}

#[test]
fn integer_blocks_take_less_space_and_err_by_less_than_two_hundredths_on_every_cpu() {
    let bound = 2e-2;
    let flow = checkpoint("flow.pt");
    let build = |blocks| onnx::flow_estimator(&flow, WeightType::F32, blocks).unwrap();
    let (float, integer) = (build(BlockArithmetic::F32), build(BlockArithmetic::Int8));
    assert!(integer.encoded_len() < float.encoded_len() * 4 / 5);
    let mut session = load(&integer);
    for (frames, window) in WINDOWS {
        let y = Guidance::golden(frames, window).run_free(&mut session, 50);
        let official = floats("flow_estimator.npz", &format!("y_stream_{frames}"));
        let energy = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
        let error = energy(&mut zip(&y, &official).map(|(a, b)| a - b));
        let relative = (error / energy(&mut official.iter().copied())).sqrt();
        println!("int8 {frames}: {relative:.1e} of the signal");
        assert!(relative < bound, "{frames} frames: {relative}");
    }
}

/// Audio of the golden mel and source of `file`.
fn decode(session: &mut Session, file: &str, frames: usize) -> Vec<f32> {
    let (mel, source) = (floats(file, "mel"), floats(file, "source"));
    let inputs = [
        ("mel", Tensor::F32(&[1, MEL_BINS, frames], &mel)),
        ("source", Tensor::F32(&[1, source.len()], &source)),
    ];
    let [audio] = run(session, &inputs, ["audio"]);
    audio
}
