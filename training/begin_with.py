"""Begins trainings with the networks of a converted model directory, so that every run goes on from what is shipped.

    python begin_with.py MODEL              writes start/{lm,flow,vocoder,f0,speaker}.npz in the work directory

Undoes what export and conversion fold: q8_0 and half precision become floats, scales of the outer layers are divided out,
added taps of the upsampling are separated, and what is computed from a token's digits begins anew at zero. The speech
tokenizer is no part of a model directory: the tables fit only the code of start/tokens.npz.
"""
import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from gguf import GGUFReader, dequantize
from safetensors.numpy import load_file
from torch.nn.utils import parametrize

import workdir
from checkpoints import TEMPERATURE, geometry
from flow import Flow
from hift import UPSAMPLING, HiFT
from qwen2 import SpeechLM
from speaker import Encoder

STEPS = {"lm": 15484, "flow": 6909, "vocoder": 7040, "f0": 4481, "speaker": 1789}     # behind the networks of models/demo
GGUF_NAMES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
              "attn_output": "self_attn.o_proj", "attn_norm": "input_layernorm",
              "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
              "ffn_down": "mlp.down_proj"}


def initializers(file: Path) -> dict[str, torch.Tensor]:
    return {i.name.replace("/", "."): torch.from_numpy(onnx.numpy_helper.to_array(i).astype(np.float32))
            for i in onnx.load(file).graph.initializer if i.data_type in (onnx.TensorProto.FLOAT,
                                                                          onnx.TensorProto.FLOAT16)}


def zero(digits: torch.nn.Sequential):
    """A summand made from digits that adds nothing, yet learns."""
    torch.nn.init.zeros_(digits[-1].weight), torch.nn.init.zeros_(digits[-1].bias)


@torch.no_grad()
def language_model(folder: Path) -> SpeechLM:
    model = SpeechLM(**geometry(), training_form=True)
    zero(model.digits_in), zero(model.digits_out)
    state = model.state_dict()
    for tensor in GGUFReader(folder / "lm.gguf").tensors:
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
        match tensor.name.split("."):
            case ["blk", layer, part, kind]:
                state[f"llm.model.model.layers.{layer}.{GGUF_NAMES[part]}.{kind}"].copy_(values)
            case ["output_norm", _]:
                state["llm.model.model.norm.weight"].copy_(values)
            case ["output", _]:
                state["llm_decoder.weight"].copy_(values * TEMPERATURE)
    tables = load_file(folder / "lm_embeddings.safetensors")
    for key, table in (("llm.model.model.embed_tokens", "text_embedding"), ("speech_embedding", "speech_embedding")):
        state[f"{key}.weight"].copy_(torch.from_numpy(tables[table].astype(np.float32)))
    return model


def time_weights(folder: Path, blocks: int) -> dict[str, torch.Tensor]:
    """The weights that only the time passes through, which the estimator's graph therefore lacks."""
    names = [f"transformer_blocks.{i}.attn_norm.linear" for i in range(blocks)] + ["norm_out.linear"]
    own = {}
    for key, values in load_file(folder / "flow_times.safetensors").items():
        match key.split("."):
            case ["projection", number, kind]:
                own[f"{names[int(number)]}.{kind}"] = values
            case ["time_mlp", number, kind]:
                own[f"time_embed.time_mlp.{number}.{kind}"] = values
    return {k: torch.from_numpy(v.astype(np.float32)) for k, v in own.items()}


@torch.no_grad()
def flow(folder: Path) -> Flow:
    model = Flow(training_form=True)
    zero(model.digits)
    dit = model.decoder.estimator
    state = model.state_dict()
    own = {k: v for k, v in initializers(folder / "flow_encoder.onnx").items() if k in state}
    estimator = initializers(folder / "flow_estimator.onnx") | time_weights(folder, len(dit.transformer_blocks))
    own |= {f"decoder.estimator.{k}": v for k, v in estimator.items() if f"decoder.estimator.{k}" in state}
    missing = [k for k in state if k not in own and not k.startswith("digits.") and not k.endswith("inv_freq")]
    if missing:
        raise SystemExit(f"{folder}: the flow model lacks {missing}")
    own["decoder.estimator.input_embed.proj.weight"] /= dit.in_scale
    own["decoder.estimator.proj_out.weight"] /= dit.out_scale
    bias = own["decoder.estimator.proj_out.bias"]
    bias.sub_(dit.out_shift).div_(dit.out_scale)
    for key, values in own.items():
        state[key].copy_(values)
    return model


def taps_of(merged: torch.Tensor, rate: int, kernel: int) -> torch.Tensor:
    """The kernel of an upsampling convolution [out, in, kernel] from its merged form [out * rate, in, 1, taps]."""
    taps = merged.shape[3]
    # output phase p of a causal kernel meets, with tap k, the sample floor((p + k - kernel + 1) / rate) steps away
    sums = torch.zeros(rate * taps, kernel, dtype=torch.float64)
    for p in range(rate):
        for k in range(kernel):
            sums[p * taps + (p + k - kernel + 1) // rate + taps - 1, k] = 1
    rows = merged.double().reshape(-1, rate, merged.shape[1], taps).permute(0, 2, 1, 3).flatten(2)
    return (rows @ torch.linalg.pinv(sums).T).float()


@torch.no_grad()
def vocoder(folder: Path) -> HiFT:
    model = HiFT()
    weights = initializers(folder / "hift.onnx")
    source = {k: torch.from_numpy(v) for k, v in load_file(folder / "hift_source.safetensors").items()}
    share = {"ups.1": 3, "ups.2": 3, "conv_post": 3}        # the mean over a stage's blocks, folded by the converter
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv1d):
            if name.startswith("f0_predictor."):
                part = name.removeprefix("f0_predictor.")
                v = source[f"{part}.v"]
                weight = v * source[f"{part}.g"] / v.flatten(1).norm(dim=1)[:, None, None]
                bias = source[f"{part}.bias"]
            else:
                weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
                if name.startswith("ups."):
                    rate, kernel = UPSAMPLING[int(name[-1])]
                    weight, bias = taps_of(weight, rate, kernel), bias[::rate]
                weight = weight.reshape(module.weight.shape) * share.get(name, 1)
            if parametrize.is_parametrized(module):
                module.weight = weight
            else:
                module.weight.copy_(weight)
            module.bias.copy_(bias)
        elif type(module).__name__ == "Snake":
            module.alpha.copy_(weights[f"{name}.alpha"])
    for layer, key in ((model.f0_predictor.classifier, "classifier"), (model.m_source.l_linear, "l_linear")):
        layer.weight.copy_(source[f"{key}.weight"]), layer.bias.copy_(source[f"{key}.bias"])
    return model


def f0_predictor(folder: Path) -> torch.nn.Module:
    """In Hz / 100, as it is trained."""
    predictor = vocoder(folder).f0_predictor
    for p in predictor.classifier.parameters():
        p.data /= 100
    return predictor


@torch.no_grad()
def speaker_encoder(folder: Path) -> Encoder:
    model = Encoder()
    weights = initializers(folder / "campplus.onnx")
    for key, values in model.state_dict().items():
        values.copy_(weights[key])
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    folder = parser.parse_args().model
    for name, make in (("lm", language_model), ("flow", flow), ("vocoder", vocoder), ("f0", f0_predictor),
                       ("speaker", speaker_encoder)):
        state = {k: v.numpy() for k, v in make(folder).state_dict().items()}
        target = workdir.path("start", f"{name}.npz")
        workdir.write_atomically(target, lambda p: np.savez(p.open("wb"), steps=STEPS[name], **state))
        print(f"{target}: step {STEPS[name]}")
