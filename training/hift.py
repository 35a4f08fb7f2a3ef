"""The causal HiFT vocoder with the official state-dict keys: mel -> F0 -> source -> audio.

Two kinds of source. `staircase` is CosyVoice3's: the phase is held for a whole 20 ms frame. `sine`, the demo
voice's, lets it run: at sample t, phase_h[t] = 2 pi h * sum(f0[0..t] inclusive) / 24000, with f0 held over the 480
samples of its frame and the sum taken in float64. Everything else is the same.
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

HARMONICS = 9
RATE, HOP = 24_000, 480
SINE_LEVEL, NOISE_LEVEL, VOICED_ABOVE = 0.1, 0.003, 10
KERNELS, DILATIONS = (3, 7, 11), (1, 3, 5)
UPSAMPLING = ((8, 16), (5, 11), (3, 7))         # rate, kernel
LOOK_RIGHT = 4


class Snake(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        a = self.alpha[:, None]
        return x + torch.sin(a * x) ** 2 / (a + 1e-9)


class ResBlock(nn.Module):
    def __init__(self, channels, kernel):
        super().__init__()
        self.pads = [(kernel - 1) * d for d in DILATIONS]
        self.convs1 = nn.ModuleList(weight_norm(nn.Conv1d(channels, channels, kernel, dilation=d)) for d in DILATIONS)
        self.convs2 = nn.ModuleList(weight_norm(nn.Conv1d(channels, channels, kernel)) for _ in DILATIONS)
        self.activations1 = nn.ModuleList(Snake(channels) for _ in DILATIONS)
        self.activations2 = nn.ModuleList(Snake(channels) for _ in DILATIONS)

    def forward(self, x):
        for pad, conv1, conv2, act1, act2 in zip(self.pads, self.convs1, self.convs2, self.activations1,
                                                 self.activations2):
            y = conv1(F.pad(act1(x), (pad, 0)))
            x = x + conv2(F.pad(act2(y), (self.pads[0], 0)))
        return x


class F0Predictor(nn.Module):
    def __init__(self, channels):
        super().__init__()
        layers = []
        for i in range(5):
            layers += [weight_norm(nn.Conv1d(80 if i == 0 else channels, channels, 4 if i == 0 else 3)), nn.ELU()]
        self.condnet = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, 1)

    def forward(self, mel):                             # [B, 80, T] -> Hz [B, T]
        for i, layer in enumerate(self.condnet):
            if i % 2 == 0:
                mel = F.pad(mel, (0, 3) if i == 0 else (2, 0))
            mel = layer(mel)
        return self.classifier(mel.transpose(1, 2)).squeeze(-1).abs()


class Source(nn.Module):
    def __init__(self):
        super().__init__()
        self.l_linear = nn.Linear(HARMONICS, 1)


class HiFT(nn.Module):
    def __init__(self, base=128, f0_channels=128, source="sine"):
        super().__init__()
        self.source_kind = source
        self.f0_predictor = F0Predictor(f0_channels)
        self.m_source = Source()
        self.conv_pre = weight_norm(nn.Conv1d(80, base, 5))
        self.ups, self.source_downs = nn.ModuleList(), nn.ModuleList()
        self.source_resblocks, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for i, (rate, kernel) in enumerate(UPSAMPLING):
            width = base >> (i + 1)
            self.ups.append(weight_norm(nn.Conv1d(base >> i, width, kernel)))
            down_kernel, stride = ((30, 15), (6, 3), (1, 1))[i]
            self.source_downs.append(nn.Conv1d(18, width, down_kernel, stride))
            self.source_resblocks.append(ResBlock(width, (7, 7, 11)[i]))
            self.resblocks.extend(ResBlock(width, k) for k in KERNELS)
        self.conv_post = weight_norm(nn.Conv1d(base >> 3, 18, 7))
        self.register_buffer("window", torch.hann_window(16), persistent=False)
        with torch.no_grad():                           # begin quiet: exp(-4) in every bin
            self.conv_post.parametrizations.weight.original0.mul_(0.3)
            self.conv_post.bias[:HARMONICS] = -4

    def source(self, f0, noise, start=0.0):
        """F0 [B, T] in Hz and uniform noise [B, 480 T, 9] -> [B, 480 T]. `start`: initial phase in cycles."""
        harmonic = torch.arange(1, HARMONICS + 1, device=f0.device)
        voiced = (f0 > VOICED_ABOVE).float().repeat_interleave(HOP, 1)[:, :, None]
        if self.source_kind == "staircase":
            turns = torch.fmod(f0[:, :, None] * harmonic / RATE, 1)
            phase = turns.double().cumsum(1).float() * 2 * torch.pi * HOP
            wave = torch.sin(phase).repeat_interleave(HOP, 1)
        else:
            turns = (f0.double() / RATE).repeat_interleave(HOP, 1).cumsum(1) + start
            wave = torch.sin((torch.frac(turns[:, :, None] * harmonic) * 2 * torch.pi).float())
        level = NOISE_LEVEL * voiced + SINE_LEVEL / 3 * (1 - voiced)
        mixed = SINE_LEVEL * wave * voiced + level * noise
        return torch.tanh(self.m_source.l_linear(mixed)).squeeze(-1)

    def decode(self, mel, source):
        """Mel [B, 80, T + 4] (the last 4 frames only looked at), source [B, 480 T] -> audio [B, 480 T]."""
        spectrum = torch.stft(source, 16, 4, 16, self.window, center=True, pad_mode="reflect", return_complex=True)
        spectrum = torch.cat([spectrum.real, spectrum.imag], 1)
        x = self.conv_pre(mel)
        for i, (rate, kernel) in enumerate(UPSAMPLING):
            x = F.leaky_relu(x, 0.1).repeat_interleave(rate, 2)
            x = self.ups[i](F.pad(x, (kernel - 1, 0)))
            if i == 2:
                x = F.pad(x, (1, 0), mode="reflect")
            down = self.source_downs[i]
            side = down(F.pad(spectrum, (down.stride[0] - 1, 0)))
            x = x + self.source_resblocks[i](side)
            x = sum(self.resblocks[3 * i + j](x) for j in range(3)) / 3
        x = self.conv_post(F.pad(F.leaky_relu(x, 0.01), (6, 0))).float()
        magnitude = torch.exp(x[:, :9]).clamp(max=100)
        phase = torch.sin(x[:, 9:])
        spectrum = torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        return torch.istft(spectrum, 16, 4, 16, self.window, center=True)

    @torch.no_grad()
    def forward(self, mel, noise=None, f0=None):
        """Mel [B, 80, T] -> audio [B, 480 T], the whole utterance at once."""
        if f0 is None:
            folded = self.f0_predictor.double()
            f0 = folded(mel.double()).float()
            self.f0_predictor.float()
        if noise is None:
            noise = torch.rand(len(mel), HOP * mel.shape[2], HARMONICS, device=mel.device)
        source = self.source(f0, noise)
        return self.decode(F.pad(mel, (0, LOOK_RIGHT)), source).clamp(-0.99, 0.99)
