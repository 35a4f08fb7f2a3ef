//! Keys and values of earlier frames, as the estimator on the CPU left them at one Euler step.
//!
//! They are most of what speech in chunks takes: of the official size 2 x 22 x 1024 values a frame, guidance row and step. So
//! they are kept in 16 bits, which the official runtime computes them in, and each run's frames once, shared by all that
//! follow: a prompt's by all utterances of its voice.

use std::{ops::Range, sync::Arc};

use half::{f16, slice::HalfFloatSliceExt};

/// Keys and values of one run's frames.
struct Run {
    frames: usize,
    /// Each `[rows x heads, frames, channels]`.
    tensors: Vec<Vec<f16>>,
}

/// Keys and values of all frames so far, at one Euler step.
#[derive(Clone, Default)]
pub(super) struct KvCache {
    runs: Vec<Arc<Run>>,
    channels: usize,
}

impl KvCache {
    /// Number of frames.
    pub fn frames(&self) -> usize {
        self.runs.iter().map(|run| run.frames).sum()
    }

    /// Size of all keys and values.
    pub fn bytes(&self) -> usize {
        let tensors = self.runs.iter().flat_map(|run| &run.tensors);
        tensors.map(|tensor| size_of_val(&tensor[..])).sum()
    }

    /// The cache with the last `frames` frames of `tensors` behind its own, each `[rows x heads, any, channels]`.
    pub fn followed_by<'a>(
        &self,
        frames: usize,
        channels: usize,
        tensors: impl Iterator<Item = (usize, &'a [f32])>,
    ) -> Self {
        let tensors = tensors.map(|(length, values)| {
            let mut kept = Vec::with_capacity(values.len() / length.max(1) * frames);
            for head in values.chunks_exact((length * channels).max(1)) {
                let last = &head[(length - frames) * channels..];
                let start = kept.len();
                kept.resize(start + last.len(), f16::ZERO);
                kept[start..].convert_from_f32_slice(last);
            }
            kept
        });
        let run = Run {
            frames,
            tensors: tensors.collect(),
        };
        let mut runs = self.runs.clone();
        runs.push(Arc::new(run));
        Self { runs, channels }
    }

    /// Writes all frames of tensor `index`, `[rows x heads, frames, channels]`, to `out`.
    pub fn write(&self, index: usize, out: &mut [f32]) {
        let frames = self.frames();
        let mut at = 0;
        for run in &self.runs {
            let heads = out.chunks_exact_mut(frames * self.channels);
            let part = run.frames * self.channels;
            for (head, kept) in std::iter::zip(heads, run.tensors[index].chunks_exact(part)) {
                kept.convert_to_f32_slice(&mut head[at..at + part]);
            }
            at += part;
        }
    }

    /// The cache without the frames `range`.
    pub fn without(&self, range: &Range<usize>) -> Self {
        let mut start = 0;
        let mut runs = Vec::new();
        for run in &self.runs {
            let end = start + run.frames;
            let (from, to) = (
                range.start.clamp(start, end) - start,
                range.end.clamp(start, end) - start,
            );
            match to - from {
                0 => runs.push(run.clone()),
                all if all == run.frames => {}
                _ => runs.push(Arc::new(run.without(&(from..to), self.channels))),
            }
            start = end;
        }
        Self {
            runs,
            channels: self.channels,
        }
    }
}

impl Run {
    fn without(&self, range: &Range<usize>, channels: usize) -> Self {
        let shorter = self.tensors.iter().map(|tensor| {
            let heads = tensor.chunks_exact(self.frames * channels);
            let parts = heads.flat_map(|head| {
                [
                    &head[..range.start * channels],
                    &head[range.end * channels..],
                ]
            });
            parts.flatten().copied().collect()
        });
        Self {
            frames: self.frames - range.len(),
            tensors: shorter.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: usize = 3;
    const CHANNELS: usize = 2;

    /// Frames numbered through, each value its frame's number but for sign and channel.
    fn cache(runs: &[usize]) -> KvCache {
        let mut cache = KvCache::default();
        for frames in runs {
            let first = cache.frames();
            let values: Vec<f32> = (0..HEADS)
                .flat_map(|head| (0..*frames).map(move |i| (head, first + i)))
                .flat_map(|(head, i)| [value(head, i), -value(head, i)])
                .collect();
            cache = cache.followed_by(*frames, CHANNELS, [(*frames, &values[..])].into_iter());
        }
        cache
    }

    fn value(head: usize, frame: usize) -> f32 {
        (100 * head + frame) as f32
    }

    /// Numbers of the frames of `cache`, the same in each head.
    fn numbers(cache: &KvCache) -> Vec<usize> {
        let mut out = vec![f32::NAN; HEADS * CHANNELS * cache.frames()];
        if out.is_empty() {
            return Vec::new();
        }
        cache.write(0, &mut out);
        let heads: Vec<Vec<usize>> = out
            .chunks_exact(CHANNELS * cache.frames())
            .enumerate()
            .map(|(head, values)| {
                let frames = values.chunks_exact(CHANNELS);
                frames
                    .map(|frame| {
                        assert_eq!(frame[0], -frame[1]);
                        frame[0] as usize - 100 * head
                    })
                    .collect()
            })
            .collect();
        assert!(heads.iter().all(|head| *head == heads[0]));
        heads[0].clone()
    }

    #[test]
    fn frames_come_back_in_their_order() {
        let cache = cache(&[4, 1, 3]);
        assert_eq!(numbers(&cache), (0..8).collect::<Vec<_>>());
        assert_eq!(cache.bytes(), 2 * HEADS * CHANNELS * 8);
    }

    #[test]
    fn of_tensors_with_earlier_frames_only_the_new_ones_are_kept() {
        let all: Vec<f32> = (0..HEADS)
            .flat_map(|head| (0..6).flat_map(move |i| [value(head, i), -value(head, i)]))
            .collect();
        let cache = cache(&[4]).followed_by(2, CHANNELS, [(6, &all[..])].into_iter());
        assert_eq!(numbers(&cache), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn any_range_of_frames_can_go() {
        let cache = cache(&[4, 1, 3]);
        for start in 0..=8 {
            for end in start..=8 {
                let left: Vec<_> = (0..8).filter(|i| !(start..end).contains(i)).collect();
                assert_eq!(numbers(&cache.without(&(start..end))), left);
            }
        }
    }
}
