//! Random checkpoints in the official layout: for measurements and tests where no trained one is at hand.

mod layout;
mod torch;
mod vocabulary;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

pub use layout::Geometry;

use crate::progress::Progress;

/// Writes a random checkpoint into the directory `dir`, which must be empty or not exist. The same seed and geometry
/// give the same files.
pub fn write(dir: &Path, geometry: &Geometry, seed: u64, progress: &Progress) -> Result<()> {
    let context = || format!("cannot write to {}", dir.display());
    let qwen = dir.join("CosyVoice-BlankEN");
    fs::create_dir_all(dir).with_context(context)?;
    ensure!(
        fs::read_dir(dir).with_context(context)?.next().is_none(),
        "{} is not empty: choose another directory",
        dir.display()
    );
    fs::create_dir(&qwen).with_context(context)?;
    let text = |path: &Path, text: String| {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    text(&dir.join("cosyvoice3.yaml"), layout::yaml(geometry))?;
    text(&qwen.join("config.json"), layout::config(geometry))?;
    text(
        &qwen.join("vocab.json"),
        vocabulary::vocab(geometry.base_vocab),
    )?;
    text(
        &qwen.join("merges.txt"),
        vocabulary::merges(geometry.base_vocab),
    )?;
    text(
        &qwen.join("tokenizer_config.json"),
        vocabulary::config(geometry.base_vocab),
    )?;
    let files = [
        ("hift", layout::hift(geometry)),
        ("flow", layout::flow(geometry)),
        ("llm", layout::llm(geometry)),
    ];
    for (stream, (stem, tensors)) in files.into_iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        torch::write(
            &dir.join(format!("{stem}.pt")),
            stem,
            &tensors,
            &mut rng,
            progress,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;

    fn shapes(checkpoint: &Checkpoint) -> Vec<(String, Vec<usize>)> {
        let names = checkpoint.names();
        names
            .map(|name| (name.to_owned(), checkpoint.shape(name).unwrap().to_vec()))
            .collect()
    }

    #[test]
    fn names_and_shapes_are_those_of_the_official_modules() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tiny");
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &Geometry::TINY, 0, &Progress::silent()).unwrap();
        for file in ["llm.pt", "flow.pt", "hift.pt"] {
            let official = Checkpoint::open(&fixture.join(file)).unwrap();
            let random = Checkpoint::open(&dir.path().join(file)).unwrap();
            assert_eq!(shapes(&random), shapes(&official), "{file}");
        }
    }

    #[test]
    fn the_full_size_has_the_parameters_of_the_release() {
        let count = |tensors: Vec<layout::Tensor>| -> (usize, usize) {
            let own = tensors
                .iter()
                .filter(|t| !matches!(t.fill, layout::Fill::SameAs(_)));
            let parameters = own.map(|t| t.shape.iter().product::<usize>()).sum();
            (tensors.len(), parameters)
        };
        let full = Geometry::FULL;
        assert_eq!(count(layout::llm(&full)), (293, 506_148_480));
        assert_eq!(count(layout::flow(&full)), (330, 332_257_120));
        assert_eq!(count(layout::hift(&full)), (328, 20_779_887));
    }
}
