"""The three views of a waveform that training needs: mel (flow, vocoder), whisper mel (speech tokens), F0."""
import numpy as np
import torch
from scipy.signal import resample_poly

RATE = 24_000
HOP = 480                   # samples per mel frame
TOKEN = 960                 # samples per speech token
MEL_BINS = 80


def slaney_filters(rate: int, n_fft: int, bins: int, top: float) -> torch.Tensor:
    """Triangular filters on the Slaney mel scale, each of unit area: [bins, n_fft / 2 + 1]."""
    def to_mel(hz):
        return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1e-9) / 1000) * 27 / np.log(6.4))

    def to_hz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    edges = to_hz(np.linspace(0, to_mel(np.float64(top)), bins + 2))
    frequencies = np.arange(n_fft // 2 + 1) * rate / n_fft
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(filters).float()


MEL_FILTERS = slaney_filters(RATE, 1920, MEL_BINS, 12_000)
WHISPER_FILTERS = slaney_filters(16_000, 400, 128, 8_000)
MEL_WINDOW = torch.hann_window(1920)
WHISPER_WINDOW = torch.hann_window(400)


def mel(audio: torch.Tensor) -> torch.Tensor:
    """24 kHz samples [..., n] -> natural-log mel [..., n / 480, 80], exactly as voice enrolment computes it."""
    flat = audio.reshape(-1, audio.shape[-1])
    padded = torch.nn.functional.pad(flat[:, None], (720, 720), mode="reflect")[:, 0]
    spectrum = torch.stft(padded, 1920, HOP, 1920, MEL_WINDOW.to(audio), center=False, return_complex=True)
    magnitude = torch.sqrt(spectrum.real ** 2 + spectrum.imag ** 2 + 1e-9)
    logmel = torch.log(torch.clamp(MEL_FILTERS.to(audio) @ magnitude, min=1e-5))
    return logmel.transpose(1, 2).reshape(*audio.shape[:-1], -1, MEL_BINS)


def whisper_mel(audio: np.ndarray) -> torch.Tensor:
    """24 kHz samples -> [4 frames a token, 128], the input of speech_tokenizer_v3.onnx."""
    samples = torch.from_numpy(resample_poly(audio, 2, 3).astype(np.float32))
    spectrum = torch.stft(samples, 400, 160, 400, WHISPER_WINDOW, center=True, return_complex=True)[:, :-1]
    power = WHISPER_FILTERS @ spectrum.abs() ** 2
    logmel = torch.log10(torch.clamp(power, min=1e-10))
    return ((torch.maximum(logmel, logmel.max() - 8) + 4) / 4).T


def kaldi_filters() -> np.ndarray:
    """80 triangles on the HTK mel scale from 20 to 8000 Hz over 257 bins: [80, 257]."""
    def to_mel(hz):
        return 1127 * np.log(1 + hz / 700)

    edges = np.linspace(to_mel(20), to_mel(8000), 82)
    mels = to_mel(np.arange(257) * 16_000 / 512)
    rising = (mels - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - mels) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (np.arange(257) < 256)


KALDI_FILTERS = kaldi_filters()
POVEY_WINDOW = np.hanning(400) ** 0.85


def filterbank(samples: np.ndarray) -> np.ndarray:
    """16 kHz samples -> [T, 80], the input of campplus.onnx before the mean over time goes; 100 frames a second."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 400)[::160]
    frames = frames - frames.mean(1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], 1)
    power = np.abs(np.fft.rfft(frames * POVEY_WINDOW, 512)) ** 2
    return np.log(np.maximum(power @ KALDI_FILTERS.T, np.finfo(np.float32).eps)).astype(np.float32)


def f0(audio: np.ndarray) -> np.ndarray:
    """Pitch in Hz per mel frame, 0 where unvoiced."""
    import pyworld
    samples = audio.astype(np.float64)
    rough, times = pyworld.dio(samples, RATE, f0_floor=60, f0_ceil=420, frame_period=20)
    pitch = pyworld.stonemask(samples, rough, times, RATE)
    # dio looks at i * 20 ms, the middle of mel frame i is half a frame later
    frames = len(audio) // HOP
    pitch = np.pad(pitch, (0, max(0, frames + 1 - len(pitch))))
    left, right = pitch[:frames], pitch[1:frames + 1]
    return np.where((left > 0) & (right > 0), (left + right) / 2, 0).astype(np.float32)
