"""Measures of speech beside the teacher's: distances between renderings, and the speaker's identity."""
import librosa
import numpy as np
import torch
from scipy.fft import dct
from scipy.ndimage import uniform_filter1d

import features

LENGTH_TOLERANCE = 0.25                         # of the teacher's length
SAME_LENGTH = 0.10                              # renderings this near in length are rivals
RIVALS = 5                                      # of each utterance at least
CEPSTRA = slice(1, 14)
AROUND = 241                                    # samples


def cepstra(audio: np.ndarray) -> np.ndarray:
    """Mel cepstra 1 to 13, their mean removed: what is said, without who says it."""
    logmel = features.mel(torch.from_numpy(audio)).numpy()
    loud = logmel.mean(1) > logmel.mean(1).max() - 7
    first, last = np.flatnonzero(loud)[[0, -1]]
    c = dct(np.maximum(logmel[first:last + 1], -8), norm="ortho", axis=1)[:, CEPSTRA]
    return c - c.mean(0)


def distortion(a: np.ndarray, b: np.ndarray) -> float:
    """Mel-cepstral distortion in dB after time alignment."""
    cost = np.linalg.norm(a[:, None] - b[None], axis=2)
    _, path = librosa.sequence.dtw(C=cost)
    # ortho DCT of 80 log-magnitude bands: sqrt(2 / 80) brings it to the usual scale
    return float(cost[path[:, 0], path[:, 1]].mean() * 10 / np.log(10) * np.sqrt(2) * np.sqrt(2 / features.MEL_BINS))


def retrieval(ours: list, theirs: list, count: int) -> int:
    """Number of the first `count` utterances that are nearest to their own teacher rendering.

    The others are at least 19 of the teacher's renderings, those within SAME_LENGTH and then the nearest in length. Where
    fewer than RIVALS are within it, as for single words, other speech of the teacher, cut to the length, joins them.
    """
    right = 0
    for i in range(count):
        apart = [abs(len(t) / len(theirs[i]) - 1) for t in theirs]
        others = sorted(set(range(len(theirs))) - {i}, key=apart.__getitem__)
        near = sum(apart[j] <= SAME_LENGTH for j in others)
        rivals = [theirs[j] for j in others[:max(near, 19)]]
        for k in range(near, RIVALS):
            rivals.append(np.concatenate([theirs[j] for j in others[k:]])[:len(theirs[i])])
        own = distortion(ours[i], theirs[i])
        right += all(own < distortion(ours[i], rival) for rival in rivals)
    return right


def minimal_pairs(ours: list, theirs: list, first: int) -> tuple[int, int]:
    """Pairs whose two sentences, taken together, are nearer to their own renderings than to each other's."""
    right = 0
    indices = range(first, len(ours), 2)
    for a in indices:
        b = a + 1
        if np.array_equal(theirs[a], theirs[b]):
            raise SystemExit(f"minimal pair {(a - first) // 2 + 1}: the teacher says both sentences alike")
        own = distortion(ours[a], theirs[a]) + distortion(ours[b], theirs[b])
        crossed = distortion(ours[a], theirs[b]) + distortion(ours[b], theirs[a])
        right += own < crossed
    return right, len(indices)


def timbre(audio: np.ndarray) -> np.ndarray:
    """The speaker's timbre: the mean spectrum of the loud frames, and pitch."""
    logmel = features.mel(torch.from_numpy(audio)).numpy()
    loud = logmel[logmel.mean(1) > np.quantile(logmel.mean(1), 0.3)]
    pitch = features.f0(audio)
    pitch = np.median(pitch[pitch > 0]) if (pitch > 0).sum() > 3 else 100.0
    spectrum = loud.mean(0)
    return np.append(spectrum - spectrum.mean(), 8 * np.log(pitch))


def largest_step(audio: np.ndarray) -> float:
    """The largest step from a sample to the next, of the peak. Loud sibilants have great ones, too."""
    return float(np.abs(np.diff(audio)).max() / max(np.abs(audio).max(), 1e-6))


def click(audio: np.ndarray) -> float:
    """The step from a sample to the next that stands out most, of the other steps' RMS in the 10 ms around it."""
    power = np.diff(audio.astype(np.float64)) ** 2
    around = (uniform_filter1d(power, AROUND) * AROUND - power) / (AROUND - 1)
    quiet = (2e-3 * np.abs(audio).max()) ** 2
    return float(np.sqrt((power / np.maximum(around, max(quiet, 1e-12))).max()))
