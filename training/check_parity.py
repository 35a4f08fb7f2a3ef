"""Are these networks the official ones? Loads a small official-layout checkpoint and compares with its goldens.

    python check_parity.py GOLDEN_DIR       a directory with llm.pt, flow.pt, hift.pt and the *.npz of a reference run
"""
import argparse
from pathlib import Path

import numpy as np
import torch

failures = 0


def compare(name: str, ours: torch.Tensor, golden: np.ndarray, tolerance: float):
    global failures
    worst = float((ours.detach().double() - torch.from_numpy(np.asarray(golden)).double()).abs().max())
    failures += worst > tolerance
    print(f"{'ok  ' if worst <= tolerance else 'FAIL'} {name}: {worst:.1e} (may be {tolerance:.0e})")


def check_hift(folder: Path):
    from hift import HiFT
    model = HiFT(base=32, f0_channels=32, source="staircase")
    state = torch.load(folder / "hift.pt", weights_only=True)
    model.load_state_dict(state)
    model.eval()
    noise = np.load(folder / "hift_noise.npz")["sine_noise_x4"].astype(np.float32) / 4
    for frames in (50, 58, 137):
        golden = np.load(folder / f"hift_{frames}.npz")
        mel = torch.from_numpy(golden["mel"].astype(np.float32))[None]
        f0 = model.f0_predictor.double()(mel.double())[0].float()
        model.float()
        compare(f"hift {frames} f0", f0, golden["f0"], 1e-3)
        part = torch.from_numpy(noise[:480 * frames])[None]
        exact = torch.from_numpy(golden["f0"])[None]
        compare(f"hift {frames} source", model.source(exact, part)[0], golden["source"], 1e-5)
        compare(f"hift {frames} audio", model(mel, part, f0=exact)[0], golden["audio"], 1e-4)


def check_flow(folder: Path):
    from flow import Flow, solve
    model = Flow(lookahead=64, dim=128, depth=2, heads=2)
    model.load_state_dict(torch.load(folder / "flow.pt", weights_only=True))
    model.eval()
    encoder = np.load(folder / "flow_encoder.npz")
    estimator = np.load(folder / "flow_estimator.npz")
    solved = np.load(folder / "flow_solve.npz")
    tensors = {k: torch.from_numpy(encoder[k]) for k in encoder.files}
    tokens, prompt = tensors["tokens"].long(), tensors["prompt_token"].long()
    windows = {"28": (tokens[:28], False), "53": (tokens[:53], False), "78": (tokens[25:103], False),
               "50f": (tokens[80:130], True)}
    spks = model.speaker(tensors["embedding"][None].float())
    compare("flow spks", spks[0], encoder["spks"], 1e-6)
    with torch.no_grad():
        for name, (window, final) in windows.items():
            mu = model.encode(torch.cat([prompt, window])[None], final)
            compare(f"flow mu_{name}", mu[0].T, encoder[f"mu_{name}"], 2e-5)
        for name, size in (("28", 200), ("53", 250), ("78", 300)):
            x = tensors["rand_noise"][:, :size].T[None]
            mu, cond = tensors[f"mu_{name}"].T[None], tensors[f"cond_{name}"].T[None].float()
            t = torch.full((1,), float(np.asarray(estimator["t"]).ravel()[0]))
            for kind, streaming in (("stream", True), ("full", False)):
                y = model.decoder.estimator(x, mu, cond, spks, t, streaming)
                compare(f"flow y_{kind}_{size}", y[0].T, estimator[f"y_{kind}_{size}"][0], 5e-5)
        noise = tensors["rand_noise"]
        feat = tensors["prompt_feat"].float()
        for name, schedule, streaming in (("28", "linear5", True), ("53", "linear5", True), ("78", "linear5", True),
                                          ("50f", "linear5", True), ("53", "cosine10", True),
                                          ("53", "cosine10", False), ("78", "cosine10", True)):
            window, final = windows[name]
            mel = solve(model, torch.cat([prompt, window]), feat, tensors["embedding"].float(), noise,
                        torch.from_numpy(solved[f"t_{schedule}"]), streaming, final)
            key = f"{'lin5' if schedule == 'linear5' else 'cos10'}_{'stream' if streaming else 'full'}_{name}"
            compare(f"flow {key}", mel.T, solved[key], 1e-4)


def check_llm(folder: Path):
    from qwen2 import SpeechLM
    golden = np.load(folder / "llm.npz")
    model = SpeechLM(hidden=64, layers=2, heads=4, kv_heads=2, head_dim=16, mlp=128, text_rows=896)
    state = torch.load(folder / "llm.pt", weights_only=True)
    state.pop("llm.model.lm_head.weight", None)
    model.load_state_dict(state)
    model.eval()
    ids = {k: torch.from_numpy(golden[k]).long()[None] for k in ("prompt_text_ids", "text_ids", "prompt_speech",
                                                                 "forced_tokens")}
    with torch.no_grad():
        prefix = model.prefix(torch.cat([ids["prompt_text_ids"], ids["text_ids"]], 1), ids["prompt_speech"])
        compare("llm prefix", prefix[0], golden["prefix_embeds"], 1e-6)
        compare("llm hidden", model.body(prefix)[0], golden["prefix_hidden"], 2e-5)
        forced = torch.cat([prefix, model.speech_embedding(ids["forced_tokens"])], 1)
        compare("llm logits", model.llm_decoder(model.body(forced))[0, -6:], golden["logits"], 5e-5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path)
    parser.add_argument("--only", choices=["hift", "flow", "llm"])
    arguments = parser.parse_args()
    for name, check in (("hift", check_hift), ("flow", check_flow), ("llm", check_llm)):
        if arguments.only in (None, name):
            check(arguments.golden)
    raise SystemExit(f"{failures} comparisons failed" if failures else 0)
