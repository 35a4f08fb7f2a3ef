"""The trained networks as a checkpoint in the official layout, and one prompt directory a voice.

    python export.py [DIRECTORY]        default: export/ in the work directory

    llm.pt flow.pt hift.pt cosyvoice3.yaml CosyVoice-BlankEN/   for `cosyvoice3 model convert --source-kind sine`
    voices/<name>/                                              for `cosyvoice3 voice import`

Files of a voice, numbers separated by blanks or new lines:
    prompt_text.txt                 text ids of the system prompt and the transcript
    prompt_transcript.txt           the same as text
    llm_prompt_speech_token.txt     speech tokens; flow_prompt_speech_token.txt is the same list
    prompt_speech_feat.txt          mel, one frame of 80 values a line, two frames a token
    llm_embedding.txt               192 values; flow_embedding.txt is the same list
"""
import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch

import text_tokenizer
import workdir
from checkpoints import geometry, load_flow, load_lm, load_vocoder
from synthesis import prompt_of
from teachers import ALL_SPEAKERS
from train_flow import speaker_vectors

# The template of the converter's random checkpoints.
YAML = Path(__file__).parent.parent / "crates/cosyvoice3-convert/src/random/cosyvoice3.yaml"
COMMENT = "Geometry of the demo voice. The structure is CosyVoice3's; the vocoder was trained with a sine source."
# CosyVoice3 has 0.1; the codes of this voice repeat in pauses, which must not count as a loop.
TAU_R = 0.5


def qwen_config(g: dict) -> dict:
    end = text_tokenizer.load().token_to_id(text_tokenizer.BASE_SPECIAL[0])
    return {"architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": end, "eos_token_id": end,
            "hidden_act": "silu", "hidden_size": g["hidden"], "initializer_range": 0.02, "intermediate_size": g["mlp"],
            "max_position_embeddings": 4096, "max_window_layers": g["layers"], "model_type": "qwen2",
            "num_attention_heads": g["heads"], "num_hidden_layers": g["layers"], "num_key_value_heads": g["kv_heads"],
            "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0, "sliding_window": 32768, "tie_word_embeddings": True,
            "torch_dtype": "float32", "use_cache": True, "use_sliding_window": False, "vocab_size": g["text_rows"]}


def numbers(values, line: int = 16) -> str:
    flat = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in np.asarray(values).ravel().tolist()]
    return "".join(" ".join(flat[i:i + line]) + "\n" for i in range(0, len(flat), line))


def export_voice(folder: Path, speaker: str):
    prompt = prompt_of(speaker)
    folder.mkdir(parents=True, exist_ok=True)
    text = text_tokenizer.SYSTEM + prompt.text
    ids = text_tokenizer.encode(text_tokenizer.SYSTEM)[0] + text_tokenizer.encode(prompt.text)[0]
    vector = speaker_vectors()[ALL_SPEAKERS.index(speaker)].numpy()
    files = {"prompt_text": numbers(ids), "prompt_transcript": text + "\n", "llm_embedding": numbers(vector),
             "flow_embedding": numbers(vector), "prompt_speech_feat": numbers(prompt.mel(), 80)}
    files["llm_prompt_speech_token"] = files["flow_prompt_speech_token"] = numbers(prompt.tokens(), 25)
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content)
    print(f"  {speaker}: {len(prompt.tokens())} tokens")


def export(folder: Path):
    lm, flow, vocoder = load_lm(), load_flow(), load_vocoder()
    body = folder / "CosyVoice-BlankEN"
    body.mkdir(parents=True, exist_ok=True)
    torch.save(lm.state_dict(), folder / "llm.pt")
    torch.save(flow.state_dict(), folder / "flow.pt")
    torch.save(vocoder.state_dict(), folder / "hift.pt")
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copyfile(workdir.path("tokenizer", name), body / name)
    (body / "config.json").write_text(json.dumps(qwen_config(geometry()), indent=1))
    dit = flow.decoder.estimator
    dim = dit.proj_out.in_features
    (folder / "cosyvoice3.yaml").write_text(YAML.read_text().format(
        comment=COMMENT, tau_r=TAU_R, hidden=lm.hidden,
        lookahead=flow.pre_lookahead_layer.conv1.out_channels, dim=dim, depth=len(dit.transformer_blocks), heads=dim // 64,
        mult=dit.transformer_blocks[0].ff.ff[2].in_features // dim, vocoder=vocoder.conv_pre.out_channels,
        f0=vocoder.f0_predictor.classifier.in_features))
    for model, name in ((lm, "language model"), (flow, "flow"), (vocoder, "vocoder")):
        print(f"  {name}: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")
    for speaker in ALL_SPEAKERS:
        export_voice(folder / "voices" / speaker, speaker)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, nargs="?", default=workdir.root() / "export")
    target = parser.parse_args().directory
    export(target)
    print(f"checkpoint in {target}")
