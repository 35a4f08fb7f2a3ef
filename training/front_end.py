"""The two networks that make a voice from a recording, in the files, names and shapes of the official ones.

    python front_end.py DIRECTORY           default: export/ in the work directory

    campplus.onnx               `input` [1, T, 80], Kaldi filterbank less its mean over time -> `output` [1, 192]
    speech_tokenizer_v3.onnx    `feats` [1, 128, T], Whisper log-mel, `feats_length` [1] -> `indices` [1, ceil(T / 4)]

Weights are stored in half precision and computed with in single precision.
"""
import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

import speaker
import tokens
import workdir

OPSET = 20                                      # the first with Gelu


class Graph:
    """Nodes in the order in which they are added; every method returns the name of its result."""
    def __init__(self):
        self.nodes, self.initializers, self.count = [], [], 0

    def op(self, kind: str, *inputs: str, result: str = "", **attributes) -> str:
        self.count += 1
        result = result or f"{kind.lower()}_{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [result], name=result, **attributes))
        return result

    def constant(self, name: str, values, half: bool = False) -> str:
        array = np.asarray(values)
        self.initializers.append(numpy_helper.from_array(array.astype(np.float16) if half else array, name))
        return self.op("Cast", name, to=TensorProto.FLOAT) if half else name

    def weight(self, name: str, parameter: torch.Tensor) -> str:
        return self.constant(name, parameter.detach().float().numpy(), half=True)

    def conv(self, name: str, x: str, layer: torch.nn.Conv1d) -> str:
        return self.op("Conv", x, self.weight(f"{name}.weight", layer.weight), self.weight(f"{name}.bias", layer.bias),
                       strides=list(layer.stride), pads=2 * list(layer.padding))

    def linear(self, name: str, x: str, layer: torch.nn.Linear) -> str:
        return self.op("Gemm", x, self.weight(f"{name}.weight", layer.weight), self.weight(f"{name}.bias", layer.bias),
                       transB=1)

    def save(self, file: Path, inputs, outputs):
        graph = helper.make_graph(self.nodes, file.stem, inputs, outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9,
                                  producer_name="cosyvoice3src training")
        onnx.checker.check_model(model)
        workdir.write_atomically(file, lambda p: p.write_bytes(model.SerializeToString()))


def speaker_graph(encoder: speaker.Encoder, file: Path):
    g = Graph()
    quarter = g.constant("quarter", np.float32(0.25))
    x = g.op("Mul", g.op("Transpose", "input", perm=[0, 2, 1]), quarter)
    x = g.op("Gelu", g.conv("enter", x, encoder.enter))
    for i, block in enumerate(encoder.blocks):
        inner = g.op("Gelu", g.conv(f"blocks.{i}.wide", x, block.wide))
        x = g.op("Add", x, g.conv(f"blocks.{i}.out", inner, block.out))
    time = g.constant("time", np.array([2]))
    mean = g.op("ReduceMean", x, time)
    away = g.op("Sub", x, mean)
    variance = g.op("ReduceMean", g.op("Mul", away, away), time, keepdims=0)
    deviation = g.op("Sqrt", g.op("Add", variance, g.constant("epsilon", np.float32(1e-5))))
    pooled = g.op("Concat", g.op("Squeeze", mean, time), deviation, axis=1)
    x = g.op("Gelu", g.linear("leave.0", pooled, encoder.leave[0]))
    g.op("Identity", g.linear("leave.2", x, encoder.leave[2]), result="output")
    g.save(file, [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, "T", speaker.BINS])],
           [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, speaker.SPEAKER])])


def normalized(g: Graph, name: str, x: str, norm: torch.nn.GroupNorm) -> str:
    """Group normalisation of one group: over channels and time together."""
    axes = g.constant(f"{name}.axes", np.array([1, 2]))
    away = g.op("Sub", x, g.op("ReduceMean", x, axes))
    variance = g.op("ReduceMean", g.op("Mul", away, away), axes)
    deviation = g.op("Sqrt", g.op("Add", variance, g.constant(f"{name}.epsilon", np.float32(norm.eps))))
    scaled = g.op("Mul", g.op("Div", away, deviation), g.weight(f"{name}.weight", norm.weight[:, None]))
    return g.op("Add", scaled, g.weight(f"{name}.bias", norm.bias[:, None]))


def tokenizer_graph(encoder: tokens.Encoder, file: Path):
    g = Graph()
    level = g.constant("level", np.float32(0.2))
    x = g.op("Sub", "feats", level)
    # Silence up to a multiple of four frames, so that a started token counts.
    length = g.op("Shape", "feats", start=2, end=3)
    four, zero = g.constant("four", np.array([4])), g.constant("zero", np.array([0]))
    missing = g.op("Mod", g.op("Sub", zero, length), four)
    pads = g.op("Concat", g.constant("front", np.zeros(5, np.int64)), missing, axis=0)
    x = g.op("Pad", x, pads, g.constant("silence", np.float32(-0.7)))
    first, _, second, *residuals, last = encoder.net
    x = g.op("Gelu", g.conv("net.0", x, first))
    x = g.conv("net.2", x, second)
    for i, block in enumerate(residuals):
        inner = g.op("Gelu", g.conv(f"residual.{i}.wide", normalized(g, f"residual.{i}.norm", x, block.norm), block.wide))
        x = g.op("Add", x, g.conv(f"residual.{i}.out", inner, block.out))
    digits = g.op("Round", g.op("Tanh", g.conv("digits", x, last)))
    raised = g.op("Add", digits, g.constant("one", np.float32(1)))
    powers = g.constant("powers", (3.0 ** np.arange(tokens.DIGITS)).astype(np.float32)[:, None])
    total = g.op("ReduceSum", g.op("Mul", raised, powers), g.constant("channels", np.array([1])), keepdims=0)
    g.op("Cast", total, to=TensorProto.INT32, result="indices")
    g.save(file, [helper.make_tensor_value_info("feats", TensorProto.FLOAT, [1, 128, "T"]),
                  helper.make_tensor_value_info("feats_length", TensorProto.INT32, [1])],
           [helper.make_tensor_value_info("indices", TensorProto.INT32, [1, "N"])])


@torch.no_grad()
def check(folder: Path, encoder: speaker.Encoder, codec: tokens.Codec):
    """The graphs give what the networks give, but for the half precision of their weights."""
    sessions = [onnxruntime.InferenceSession(folder / name) for name in ("campplus.onnx", "speech_tokenizer_v3.onnx")]
    rng = np.random.default_rng(0)
    for frames in (100, 299, 1000):
        bank = rng.normal(0, 3, (1, frames, 80)).astype(np.float32)
        found = sessions[0].run(None, {"input": bank})[0]
        likeness = torch.cosine_similarity(torch.from_numpy(found), encoder(torch.from_numpy(bank)))
        whisper = torch.from_numpy(rng.normal(0, 0.5, (1, 128, frames)).astype(np.float32))
        found = sessions[1].run(None, {"feats": whisper.numpy(), "feats_length": np.array([frames], np.int32)})[0]
        padded = torch.nn.functional.pad(whisper, (0, -frames % 4), value=-0.5)
        same = (tokens.ids(codec.encoder(padded.transpose(1, 2))).numpy() == found).mean()
        print(f"{frames} frames: likeness {likeness.item():.6f}, {same:.1%} of {found.shape[1]} tokens the same")
        if likeness < 0.9999 or found.shape[1] != -(-frames // 4):
            raise SystemExit("the graphs are not the networks")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=workdir.path("export", "x").parent)
    folder = parser.parse_args().directory
    folder.mkdir(parents=True, exist_ok=True)
    encoder, codec = speaker.load_encoder(), tokens.load_codec()
    speaker_graph(encoder, folder / "campplus.onnx")
    tokenizer_graph(codec.encoder, folder / "speech_tokenizer_v3.onnx")
    check(folder, encoder, codec)
