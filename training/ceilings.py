"""The speech that a model's is held against: the teacher's, and its resynthesis from true tokens."""
from functools import lru_cache

import numpy as np
import torch

import features
import teachers
import workdir


@lru_cache(maxsize=None)
def teacher_speech(voice: str) -> list[np.ndarray]:
    """The teacher's rendering of every held-out sentence."""
    return rendered(voice, voice, workdir.held_out(voice[:2]))


@lru_cache(maxsize=None)
def teacher_reading(voice: str) -> list[np.ndarray]:
    """The teacher's rendering of the texts with numbers and abbreviations, which it is given in words."""
    return rendered(f"{voice}_written", voice, [heard for _, heard in written(voice[:2])])


def written(language: str) -> list[tuple[str, str]]:
    """Texts that must be read out, and what is to be heard."""
    return [tuple(line.split("\t")) for line in workdir.read_sentences(f"{language}_written")]


def rendered(name: str, voice: str, texts: list[str]) -> list[np.ndarray]:
    """Kept in the work directory."""
    file = workdir.path("evaluation", f"{name}.npz")
    if file.exists():
        kept = np.load(file)
        if list(kept["texts"]) == texts:
            return [kept[str(i)].astype(np.float32) / 32768 for i in range(len(texts))]
    engine = teachers.engine_of(voice[:2])
    entries = [{"text": t, "spoken": t} for t in texts]
    made = {e["text"]: samples for e, samples, *_ in
            teachers.synthesize(engine, voice[:2], voice, entries, seed=1, with_f0=False)}
    silent = [t for t in texts if t not in made]
    if silent:
        raise SystemExit(f"the teacher cannot say: {silent}")
    workdir.write_atomically(file, lambda p: np.savez(p.open("wb"), texts=np.array(texts),
                                                      **{str(i): made[t] for i, t in enumerate(texts)}))
    return [made[t].astype(np.float32) / 32768 for t in texts]


@torch.no_grad()
def resynthesis(voice: str, audios: list[np.ndarray]) -> list[np.ndarray]:
    """Teacher speech through true tokens, flow and vocoder: all but the language model."""
    import tokens as codec
    from synthesis import Pipeline
    pipeline, encoder = Pipeline(streaming=False, cosine=True), codec.load_codec().encoder
    out = []
    for audio in audios:
        ids = codec.ids(encoder(features.whisper_mel(audio)[None]))[0].tolist()
        out.append(pipeline.audio(pipeline.mel(ids, voice)))
    return out
