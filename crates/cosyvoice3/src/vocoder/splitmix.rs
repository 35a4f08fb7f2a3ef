//! The noise of the harmonic source.

/// Uniform noise in [0, 1) that any place can be asked for: the same seed and index always give the same value.
///
/// Value `i` is the `i`-th output of SplitMix64 (Steele, Lea and Flood, 2014): a counter and a mixing function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitMix {
    start: u64,
}

/// 2^64 divided by the golden ratio, odd: SplitMix64's increment.
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix {
    /// The noise of `seed`.
    pub fn new(seed: u64) -> Self {
        // mixed, so that neighbouring seeds start far apart on the counter's ring
        Self { start: mix(seed) }
    }

    /// Value `index`, a multiple of 2^-24.
    pub fn uniform(self, index: usize) -> f32 {
        let bits = mix(self
            .start
            .wrapping_add((index as u64).wrapping_mul(INCREMENT)));
        (bits >> 40) as f32 / (1u32 << 24) as f32
    }
}

fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(INCREMENT);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_is_splitmix64() {
        // first outputs for state 0, from the generator's published C code
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(INCREMENT), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn values_are_uniform_and_uncorrelated() {
        const N: usize = 90_000;
        for seed in [0, 1, u64::MAX] {
            let noise = SplitMix::new(seed);
            let values: Vec<f64> = (0..N).map(|i| f64::from(noise.uniform(i))).collect();
            assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
            let mean = values.iter().sum::<f64>() / N as f64;
            assert!((mean - 0.5).abs() < 0.005, "mean {mean}");
            let mut deciles = [0; 10];
            values
                .iter()
                .for_each(|v| deciles[(v * 10.0) as usize] += 1);
            assert!(
                deciles.iter().all(|n| (8_600..9_400).contains(n)),
                "{deciles:?}"
            );
            for lag in [1, 9] {
                let products = values
                    .windows(lag + 1)
                    .map(|w| (w[0] - 0.5) * (w[lag] - 0.5));
                let correlation = products.sum::<f64>() / N as f64 * 12.0;
                assert!(correlation.abs() < 0.02, "lag {lag}: {correlation}");
            }
        }
    }

    #[test]
    fn seeds_differ() {
        let head = |seed| -> Vec<f32> { (0..9).map(|i| SplitMix::new(seed).uniform(i)).collect() };
        assert_eq!(head(7), head(7));
        assert_ne!(head(7), head(8));
    }
}
