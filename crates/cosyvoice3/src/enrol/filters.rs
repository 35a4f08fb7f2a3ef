//! Banks of triangular filters over the bins of a spectrum.

/// One triangle: the first bin in it, and the weight of that and the following ones.
struct Triangle {
    first: usize,
    weights: Vec<f64>,
}

/// Triangles on a mel scale.
pub(super) struct FilterBank(Vec<Triangle>);

impl FilterBank {
    /// Kaldi's: `count` triangles on the scale 1127 ln(1 + f / 700), each with its peak at 1, from `low` to `high` Hz over
    /// the bins below Nyquist of spectra of `fft` points.
    pub(super) fn kaldi(count: usize, low: f64, high: f64, rate: f64, fft: usize) -> Self {
        let mel = |frequency: f64| 1127.0 * (1.0 + frequency / 700.0).ln();
        let (low, high) = (mel(low), mel(high));
        let corner = |i: usize| low + (high - low) * i as f64 / (count + 1) as f64;
        // Nyquist has no weight there.
        let bins = (0..fft / 2).map(|bin| mel(rate * bin as f64 / fft as f64));
        Self::new(count, corner, &bins.collect::<Vec<_>>(), |_, _| 1.0)
    }

    /// librosa's with its defaults (Slaney's scale and norm): `count` triangles from 0 Hz to Nyquist, each of area 1 over Hz.
    pub(super) fn slaney(count: usize, rate: f64, fft: usize) -> Self {
        let high = slaney_mel(rate / 2.0);
        let corner = |i: usize| slaney_hertz(high * i as f64 / (count + 1) as f64);
        let bins = (0..=fft / 2).map(|bin| rate * bin as f64 / fft as f64);
        let area = |left: f64, right: f64| 2.0 / (right - left);
        Self::new(count, corner, &bins.collect::<Vec<_>>(), area)
    }

    fn new(
        count: usize,
        corner: impl Fn(usize) -> f64,
        bins: &[f64],
        peak: impl Fn(f64, f64) -> f64,
    ) -> Self {
        let triangle = |i: usize| {
            let [left, center, right] = [corner(i), corner(i + 1), corner(i + 2)];
            let inside = |bin: &f64| left < *bin && *bin < right;
            let first = bins.iter().position(inside).unwrap_or(bins.len());
            let weights = bins[first..].iter().take_while(|bin| inside(bin));
            let weight = |bin: &f64| {
                let (up, down) = (
                    (bin - left) / (center - left),
                    (right - bin) / (right - center),
                );
                up.min(down) * peak(left, right)
            };
            Triangle {
                first,
                weights: weights.map(weight).collect(),
            }
        };
        Self((0..count).map(triangle).collect())
    }

    /// The sum under each triangle. Does not allocate.
    pub(super) fn apply<'a>(&'a self, spectrum: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.0.iter().map(|triangle| {
            let bins = spectrum.iter().skip(triangle.first);
            std::iter::zip(bins, &triangle.weights)
                .map(|(x, w)| x * w)
                .sum()
        })
    }
}

/// Frequency at which Slaney's scale turns from linear to logarithmic.
const BREAK: f64 = 1000.0;
/// Hertz of one mel in the linear part.
const LINEAR: f64 = 200.0 / 3.0;

/// Growth of the frequency with one mel in the logarithmic part, as a logarithm: a factor of 6.4 over 27.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn slaney_mel(frequency: f64) -> f64 {
    if frequency < BREAK {
        return frequency / LINEAR;
    }
    BREAK / LINEAR + (frequency / BREAK).ln() / log_step()
}

fn slaney_hertz(mel: f64) -> f64 {
    if mel < BREAK / LINEAR {
        return mel * LINEAR;
    }
    BREAK * (log_step() * (mel - BREAK / LINEAR)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slaneys_scale_is_its_own_inverse_on_both_sides_of_the_break() {
        for frequency in [0.0, 400.0, 999.9, 1000.0, 4000.0, 12_000.0] {
            let back = slaney_hertz(slaney_mel(frequency));
            assert!((back - frequency).abs() < 1e-9, "{frequency}: {back}");
        }
        assert!((slaney_mel(6400.0) - 42.0).abs() < 1e-12);
    }

    #[test]
    fn a_flat_spectrum_has_the_same_energy_in_all_wide_slaney_bins() {
        let bank = FilterBank::slaney(80, 24_000.0, 1920);
        let sums: Vec<f64> = bank.apply(&[1.0; 961]).collect();
        assert_eq!(sums.len(), 80);
        // Bins are 12.5 Hz apart, and each triangle has an area of 1 Hz.
        assert!(
            sums[20..].iter().all(|sum| (sum * 12.5 - 1.0).abs() < 0.02),
            "{sums:?}"
        );
    }
}
