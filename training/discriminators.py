"""The vocoder's adversaries, for training only: one looks at every p-th sample, the other at a spectrogram.

Both answer with their scores and with what every layer made, for feature matching.
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

PERIODS = (2, 3, 5, 7, 11)
RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128))        # FFT size, hop


class PeriodDiscriminator(nn.Module):
    """Samples folded into rows of `period`: what repeats stands in a column."""

    def __init__(self, period: int):
        super().__init__()
        self.period = period
        widths = (1, 32, 64, 128, 256)
        self.layers = nn.ModuleList(weight_norm(nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0)))
                                    for a, b in zip(widths, widths[1:]))
        self.layers.append(weight_norm(nn.Conv2d(256, 256, (5, 1), 1, (2, 0))))
        self.score = weight_norm(nn.Conv2d(256, 1, (3, 1), 1, (1, 0)))

    def forward(self, audio):                               # [B, samples]
        x = F.pad(audio[:, None], (0, -audio.shape[1] % self.period), mode="reflect")
        return scored(self, x.unflatten(2, (-1, self.period)))


class SpectrogramDiscriminator(nn.Module):
    """Real and imaginary part of an STFT, time by frequency."""

    def __init__(self, n_fft: int, hop: int, width: int = 24):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.layers = nn.ModuleList([weight_norm(nn.Conv2d(2, width, (3, 9), padding=(1, 4)))])
        for dilation in (1, 2, 4):
            self.layers.append(weight_norm(nn.Conv2d(width, width, (3, 9), (1, 2), (dilation, 4), (dilation, 1))))
        self.layers.append(weight_norm(nn.Conv2d(width, width, 3, padding=1)))
        self.score = weight_norm(nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, audio):
        spectrum = torch.stft(audio, self.n_fft, self.hop, self.n_fft, self.window, normalized=True,
                              return_complex=True)
        return scored(self, torch.stack([spectrum.real, spectrum.imag], 1).transpose(2, 3))


def scored(discriminator, x):
    features = []
    for layer in discriminator.layers:
        x = F.leaky_relu(layer(x), 0.1)
        features.append(x)
    return discriminator.score(x).float(), features


class Discriminators(nn.Module):
    def __init__(self):
        super().__init__()
        self.all = nn.ModuleList([*(PeriodDiscriminator(p) for p in PERIODS),
                                  *(SpectrogramDiscriminator(*r) for r in RESOLUTIONS)])

    def own_loss(self, real, made):
        """Least squares: 1 for what is real, 0 for what is made."""
        total = 0.0
        for d in self.all:
            total = total + (d(real)[0] - 1).square().mean() + d(made.detach())[0].square().mean()
        return total

    def generator_loss(self, real, made):
        """(adversarial, feature matching)"""
        adversarial = matching = 0.0
        for d in self.all:
            score, ours = d(made)
            with torch.no_grad():
                theirs = d(real)[1]
            adversarial = adversarial + (score - 1).square().mean()
            matching = matching + sum(F.l1_loss(a.float(), b.float()) for a, b in zip(ours, theirs)) / len(ours)
        return adversarial, matching
