//! Repetition-aware sampling (RAS, of VALL-E 2) as CosyVoice3 publishes it, from logits to one id.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::{Error, ErrorKind, Result, constants::SPEECH_CODES, manifest::Sampling};

/// Draws ids for one utterance. Its random numbers come from the seed alone.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    temperature: f32,
    random: ChaCha8Rng,
    probabilities: Vec<f32>,
    order: Vec<u64>,
}

impl Sampler {
    /// A sampler at the start of an utterance; temperature 0 always takes the most probable id.
    ///
    /// # Errors
    /// `Settings` where `temperature` is not in 0.0.., `top_p` not in 0.0..=1.0 or `tau_r` not in 0.0...
    pub fn new(sampling: Sampling, temperature: f32, seed: u64) -> Result<Self> {
        let wrong = |what: &str, value: f32| {
            Err(Error::new(
                ErrorKind::Settings,
                format!("{what} cannot be {value}"),
            ))
        };
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return wrong("temperature", temperature);
        }
        if !(0.0..=1.0).contains(&sampling.top_p) {
            return wrong("top_p", sampling.top_p);
        }
        if !(sampling.tau_r >= 0.0 && sampling.tau_r.is_finite()) {
            return wrong("tau_r", sampling.tau_r);
        }
        Ok(Self {
            sampling,
            temperature,
            random: ChaCha8Rng::seed_from_u64(seed),
            probabilities: Vec::new(),
            order: Vec::new(),
        })
    }

    /// Draws the id that follows `history`, this utterance's tokens so far. With `speech_only` no control id comes.
    ///
    /// # Errors
    /// `Failed` where the logits hold no finite value, as those of a model with damaged weights.
    pub fn sample(&mut self, logits: &[f32], speech_only: bool, history: &[u32]) -> Result<u32> {
        let allowed = if speech_only {
            &logits[..logits.len().min(SPEECH_CODES as usize)]
        } else {
            logits
        };
        if self.temperature == 0.0 {
            return most_probable(allowed);
        }
        softmax(allowed, self.temperature, &mut self.probabilities)?;
        let candidates = nucleus(&self.probabilities, &self.sampling, &mut self.order);
        let id = candidates[draw(candidates.iter().map(|c| c.1), &mut self.random)].0;
        let window = history.len().saturating_sub(self.sampling.win_size);
        let repeats = history[window..].iter().filter(|&&past| past == id).count();
        if (repeats as f32) < self.sampling.win_size as f32 * self.sampling.tau_r {
            return Ok(id);
        }
        self.probabilities[id as usize] = 0.0;
        Ok(draw(self.probabilities.iter().copied(), &mut self.random) as u32)
    }
}

fn not_finite() -> Error {
    Error::failed(
        "the language model computed no finite logits: its weights are damaged; convert the checkpoint again",
    )
}

fn most_probable(logits: &[f32]) -> Result<u32> {
    let mut best = None;
    for (id, &logit) in (0u32..).zip(logits) {
        if logit.is_nan() {
            return Err(not_finite());
        }
        if best.is_none_or(|(_, highest)| logit > highest) {
            best = Some((id, logit));
        }
    }
    match best {
        Some((id, highest)) if highest.is_finite() => Ok(id),
        _ => Err(not_finite()),
    }
}

/// Softmax of `logits / temperature`, into `probabilities`.
///
/// # Errors
/// `Failed` where the logits hold NaN or no finite value.
pub fn softmax(logits: &[f32], temperature: f32, probabilities: &mut Vec<f32>) -> Result<()> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    probabilities.clear();
    probabilities.extend(logits.iter().map(|l| ((l - highest) / temperature).exp()));
    let sum: f64 = probabilities.iter().map(|&p| f64::from(p)).sum();
    // Also catches NaN anywhere in the row.
    if !(highest.is_finite() && sum.is_finite()) {
        return Err(not_finite());
    }
    let scale = 1.0 / sum;
    for p in probabilities {
        *p = (f64::from(*p) * scale) as f32;
    }
    Ok(())
}

/// The ids of the nucleus with their probabilities, most probable first, equal ones by id: what a stable sort of all
/// of them gives, taking ids while the mass before them is below `top_p` and they are fewer than `top_k` (0: any number).
///
/// `order` is scratch space. At least one id comes back; `probabilities` must not be empty, negative or NaN.
pub fn nucleus(
    probabilities: &[f32],
    sampling: &Sampling,
    order: &mut Vec<u64>,
) -> Vec<(u32, f32)> {
    // Non-negative floats sort like their bits; the id below them breaks ties.
    order.clear();
    order.extend(
        (0u64..)
            .zip(probabilities)
            .map(|(id, p)| u64::from(!p.to_bits()) << 32 | id),
    );
    let most = match sampling.top_k {
        0 => order.len(),
        k => k.min(order.len()),
    };
    if most < order.len() {
        order.select_nth_unstable(most);
    }
    order[..most].sort_unstable();
    let mut mass = 0.0;
    order[..most]
        .iter()
        .map(|key| (*key as u32, f32::from_bits(!((key >> 32) as u32))))
        .enumerate()
        .take_while(|(place, (_, p))| {
            let taken = *place == 0 || mass < sampling.top_p;
            mass += p;
            taken
        })
        .map(|(_, candidate)| candidate)
        .collect()
}

/// Draws an index with the given weights, which need not sum to one; never one of weight 0 while another has weight.
fn draw(weights: impl Iterator<Item = f32> + Clone, random: &mut impl Rng) -> usize {
    let total: f64 = weights.clone().map(f64::from).sum();
    let uniform = (random.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
    let target = uniform * total;
    let mut mass = 0.0;
    let mut last = 0;
    for (index, weight) in weights.enumerate() {
        if weight > 0.0 {
            mass += f64::from(weight);
            last = index;
            if mass > target {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PUBLISHED: Sampling = Sampling {
        top_p: 0.8,
        top_k: 25,
        win_size: 10,
        tau_r: 0.1,
    };

    fn sorted_nucleus(probabilities: &[f32], sampling: &Sampling) -> Vec<(u32, f32)> {
        let mut all: Vec<(u32, f32)> = (0u32..).zip(probabilities.iter().copied()).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut mass = 0.0f32;
        let mut taken = Vec::new();
        for candidate in all {
            if !(mass < sampling.top_p && taken.len() < sampling.top_k) {
                break;
            }
            mass += candidate.1;
            taken.push(candidate);
        }
        taken
    }

    proptest! {
        #[test]
        fn the_nucleus_is_that_of_a_stable_sort_even_among_ties(
            levels in prop::collection::vec(0u8..6, 1..300),
            top_k in 1usize..40,
            top_p in 0.05f32..1.0,
        ) {
            let total: f32 = levels.iter().map(|&l| f32::from(l) + 0.5).sum();
            let probabilities: Vec<f32> =
                levels.iter().map(|&l| (f32::from(l) + 0.5) / total).collect();
            let sampling = Sampling { top_k, top_p, ..PUBLISHED };
            prop_assert_eq!(
                nucleus(&probabilities, &sampling, &mut Vec::new()),
                sorted_nucleus(&probabilities, &sampling)
            );
        }

        #[test]
        fn no_control_id_is_drawn_below_the_minimum_not_even_by_a_redraw(
            seed in any::<u64>(),
            favourite in 0u32..20,
        ) {
            // All mass on the control ids and one speech id that was just spoken.
            let mut logits = vec![0.0f32; 6761];
            logits[SPEECH_CODES as usize..].fill(30.0);
            logits[favourite as usize] = 20.0;
            let mut sampler = Sampler::new(PUBLISHED, 1.0, seed).unwrap();
            for _ in 0..20 {
                let id = sampler.sample(&logits, true, &[favourite]).unwrap();
                prop_assert!(id < SPEECH_CODES);
                prop_assert!(sampler.sample(&logits, false, &[favourite]).unwrap() >= SPEECH_CODES);
            }
        }
    }

    fn draws(sampler: &mut Sampler, logits: &[f32], history: &[u32], count: usize) -> Vec<u32> {
        (0..count)
            .map(|_| sampler.sample(logits, false, history).unwrap())
            .collect()
    }

    #[test]
    fn an_id_of_the_last_ten_tokens_is_drawn_anew_without_itself() {
        let logits: Vec<f32> = [9.0, 2.0, 1.0, 0.0].to_vec();
        let mut sampler = Sampler::new(PUBLISHED, 1.0, 7).unwrap();
        assert!(
            draws(&mut sampler, &logits, &[], 200)
                .iter()
                .all(|&id| id == 0)
        );
        // Ten tokens back it counts; the redraw is from all of them, beyond the nucleus.
        let recent = [0, 5, 5, 5, 5, 5, 5, 5, 5, 5];
        let anew = draws(&mut sampler, &logits, &recent, 500);
        assert!((1..4).all(|id| anew.contains(&id)) && !anew.contains(&0));
        // Eleven back it does not.
        let past = [0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5];
        assert!(
            draws(&mut sampler, &logits, &past, 200)
                .iter()
                .all(|&id| id == 0)
        );
    }

    #[test]
    fn an_id_that_alone_is_possible_stays_possible() {
        let logits = [3.0, f32::NEG_INFINITY];
        let mut sampler = Sampler::new(PUBLISHED, 1.0, 7).unwrap();
        assert_eq!(sampler.sample(&logits, false, &[]).unwrap(), 0);
    }

    #[test]
    fn draws_follow_the_probabilities_of_the_nucleus() {
        // Nucleus: 0.5 and 0.35; the mass before the third is above 0.8.
        let logits: Vec<f32> = [0.5f32, 0.35, 0.1, 0.05].map(f32::ln).to_vec();
        let mut sampler = Sampler::new(PUBLISHED, 1.0, 3).unwrap();
        let drawn = draws(&mut sampler, &logits, &[], 20_000);
        let share = drawn.iter().filter(|&&id| id == 0).count() as f64 / drawn.len() as f64;
        assert!((share - 0.5 / 0.85).abs() < 0.015, "{share}");
        assert!(drawn.iter().all(|&id| id < 2));
    }

    #[test]
    fn the_seed_alone_decides_the_draws() {
        let logits = vec![0.0; 100];
        let run = |seed| {
            draws(
                &mut Sampler::new(PUBLISHED, 1.0, seed).unwrap(),
                &logits,
                &[],
                50,
            )
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn temperature_sharpens_and_zero_takes_the_best() {
        let logits = [0.0, 1.0, 0.5];
        let none = Sampling {
            top_p: 1.0,
            top_k: 0,
            win_size: 0,
            tau_r: 1.0,
        };
        let hits = |temperature| {
            // A window of nothing has 0 repeats, and 0 < 0 is false: keep RAS out with a wide tau.
            let mut sampler = Sampler::new(
                Sampling {
                    win_size: 1,
                    tau_r: 2.0,
                    ..none
                },
                temperature,
                5,
            )
            .unwrap();
            draws(&mut sampler, &logits, &[], 2000)
                .iter()
                .filter(|&&id| id == 1)
                .count()
        };
        assert!(hits(2.0) < hits(1.0) && hits(1.0) < hits(0.3));
        assert_eq!(hits(0.0), 2000);
    }

    #[test]
    fn logits_that_are_no_numbers_are_an_error() {
        for logits in [
            [f32::NAN, 0.0],
            [0.0, f32::NAN],
            [f32::INFINITY, 0.0],
            [f32::NEG_INFINITY; 2],
        ] {
            for temperature in [0.0, 1.0] {
                let mut sampler = Sampler::new(PUBLISHED, temperature, 0).unwrap();
                let error = sampler.sample(&logits, false, &[]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Failed, "{logits:?}");
            }
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        for (sampling, temperature) in [
            (PUBLISHED, -1.0),
            (PUBLISHED, f32::NAN),
            (
                Sampling {
                    top_p: 1.5,
                    ..PUBLISHED
                },
                1.0,
            ),
            (
                Sampling {
                    tau_r: f32::NAN,
                    ..PUBLISHED
                },
                1.0,
            ),
        ] {
            let error = Sampler::new(sampling, temperature, 0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Settings);
        }
    }
}
