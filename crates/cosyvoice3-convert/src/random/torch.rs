//! Writing `torch.save` files.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Seek, Write},
    path::Path,
};

use anyhow::{Context, Result};
use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use zip::ZipWriter;

use super::layout::{Fill, Tensor};
use crate::{
    checkpoint::torch_file::{Class, Pickler, TorchFile},
    progress::Progress,
};

/// Values written at a time.
const CHUNK: usize = 1 << 18;

/// Writes `tensors`, filled by `rng`, to `path`; `stem` is the folder inside the archive.
pub fn write(
    path: &Path,
    stem: &str,
    tensors: &[Tensor],
    rng: &mut ChaCha8Rng,
    progress: &Progress,
) -> Result<()> {
    let bytes: usize = tensors.iter().filter(|t| !is_alias(t)).map(size).sum();
    progress.step(&format!("writing {stem}.pt"), bytes as u64);
    let mut write = || -> Result<()> {
        let out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let storages = storages(tensors);
        let mut pickle = Pickler::new();
        pickle.ordered_dict(|pickle| {
            for tensor in tensors {
                pickle.text(&tensor.name);
                let key = storages[tensor.name.as_str()].to_string();
                pickle.tensor(Class::Float, &key, &tensor.shape);
            }
        });
        let mut file = TorchFile::begin(out, stem, pickle)?;
        for tensor in tensors.iter().filter(|t| !is_alias(t)) {
            let key = storages[tensor.name.as_str()].to_string();
            fill(file.storage(&key)?, tensor, rng, progress)?;
        }
        let file = file.finish()?.into_inner()?;
        Ok(file.sync_all()?)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn is_alias(tensor: &Tensor) -> bool {
    matches!(tensor.fill, Fill::SameAs(_))
}

fn size(tensor: &Tensor) -> usize {
    4 * tensor.shape.iter().product::<usize>()
}

/// Storage key of each tensor.
fn storages(tensors: &[Tensor]) -> BTreeMap<&str, usize> {
    let mut keys = BTreeMap::new();
    let mut next = 0;
    for tensor in tensors {
        let key = match tensor.fill {
            Fill::SameAs(name) => keys[name],
            _ => {
                next += 1;
                next - 1
            }
        };
        keys.insert(tensor.name.as_str(), key);
    }
    keys
}

fn fill<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    tensor: &Tensor,
    rng: &mut ChaCha8Rng,
    progress: &Progress,
) -> Result<()> {
    let mut left = tensor.shape.iter().product::<usize>();
    let (mean, deviation) = match tensor.fill {
        Fill::Spread(mean, deviation) => (mean, deviation),
        Fill::Frequencies => {
            let frequency = |i: usize| 10_000_f32.powf(-2.0 * i as f32 / 64.0);
            let values: Vec<f32> = (0..left).map(frequency).collect();
            zip.write_all(bytemuck::cast_slice(&values))?;
            return Ok(());
        }
        Fill::SameAs(_) => return Ok(()),
    };
    // Uniform: no outliers, and as fast as the disk
    let half_width = 3_f32.sqrt() * deviation;
    let mut random = vec![0_u8; 4 * CHUNK.min(left)];
    while left > 0 {
        let count = left.min(CHUNK);
        let bytes = &mut random[..4 * count];
        rng.fill_bytes(bytes);
        for word in bytes.chunks_exact_mut(4) {
            let bits = u32::from_le_bytes(word.try_into().expect("four bytes")) >> 8;
            let unit = bits as f32 / (1 << 23) as f32 - 1.0;
            word.copy_from_slice(&(mean + half_width * unit).to_le_bytes());
        }
        zip.write_all(bytes)?;
        progress.advance(bytes.len() as u64);
        left -= count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::checkpoint::Checkpoint;

    fn written(tensors: &[(&str, &[usize], Fill)]) -> (tempfile::TempDir, Checkpoint) {
        let tensors: Vec<Tensor> = tensors
            .iter()
            .map(|(name, shape, fill)| Tensor {
                name: (*name).into(),
                shape: shape.to_vec(),
                fill: *fill,
            })
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pt");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        write(&path, "x", &tensors, &mut rng, &Progress::silent()).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        (dir, checkpoint)
    }

    #[test]
    fn values_come_back_straight_from_the_mapped_file() {
        let (_dir, checkpoint) = written(&[
            ("a", &[3], Fill::Spread(1.0, 0.0)),
            ("b", &[2000, 2], Fill::Spread(5.0, 1.0)),
            ("c", &[2000, 2], Fill::SameAs("b")),
        ]);
        let read = |name| checkpoint.tensor(name).unwrap().to_f32().unwrap();
        assert_eq!(*read("a"), [1.0; 3]);
        let values = read("b");
        assert!(matches!(values, Cow::Borrowed(_)));
        let mean = values.iter().sum::<f32>() / 4000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 4000.0;
        assert!((mean - 5.0).abs() < 0.1 && (variance - 1.0).abs() < 0.1);
        assert_eq!(read("c").as_ptr(), values.as_ptr());
    }

    #[test]
    fn what_fine_tuning_adds_to_a_vocoder_is_left_out() {
        let fill = Fill::Spread(0.0, 1.0);
        let (_dir, checkpoint) = written(&[
            ("generator.conv_pre.bias", &[4], fill),
            ("discriminator.mpd.bias", &[4], fill),
            ("mrd.bias", &[4], fill),
        ]);
        assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["conv_pre.bias"]);
    }
}
