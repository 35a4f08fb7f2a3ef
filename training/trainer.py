"""One training loop for all networks: resumable at any kill, averaged weights, progress in a log and as JSON."""
import argparse
import math
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

import workdir

UNFINISHED = 75             # exit status of a training that was stopped before the end of its plan


def arguments(description: str, steps: int, lr: float) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=steps, help="total steps of the plan")
    parser.add_argument("--finish", type=float, default=1e9, help="end the plan this many minutes from now")
    parser.add_argument("--cool", type=float, default=0.2, help="share of the plan in which the rate falls to nothing")
    parser.add_argument("--lr", type=float, default=lr)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1, help="how many times the usual batch")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches beside the training")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop (with a checkpoint) after this long")
    return parser


class Trainer:
    """Call `step(loss)` for every batch while `running()`."""
    SAVE_EVERY = 180        # seconds
    LOG_EVERY = 50          # steps

    def __init__(self, name: str, model: torch.nn.Module, args, warm_up=200, decay=0.999, betas=(0.9, 0.99),
                 weight_decay=0.01):
        torch.set_num_threads(args.threads)
        self.name, self.model, self.args, self.warm_up, self.decay = name, model.to(args.device), args, warm_up, decay
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": weight_decay},
                                            {"params": vectors, "weight_decay": 0}], lr=args.lr, betas=betas,
                                           fused=True)
        self.average = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.steps, self.seconds, self.history = 0, 0.0, []
        self.beside = {}            # what else a checkpoint holds: adversaries and the like, by name
        self.resumed = {}
        self.file = workdir.path("checkpoints", f"{name}.pt")
        if self.file.exists():
            state = torch.load(self.file, map_location=args.device, weights_only=False)
            model.load_state_dict(state["model"])
            self.average = state["average"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.steps, self.seconds, self.history = state["steps"], state["seconds"], state["history"]
            self.resumed = state.get("beside", {})
            print(f"{name}: resuming at step {self.steps}", flush=True)
        else:
            self.load_start()
        self.first = self.steps
        torch.manual_seed(self.steps + 1)
        self.began = self.saved = self.mark = time.time()
        self.sums, self.count = {}, 0
        self.usual_norm = 1e9 if self.steps else 0.0
        self.stopping = False
        signal.signal(signal.SIGTERM, self.stop)

    def load_start(self):
        """Begins with the weights in start/, if they are of this network."""
        file = start_file(self.name)
        if file is None:
            return
        weights = start_weights(file)
        own = self.model.state_dict()
        if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in own.items()}:
            print(f"{self.name}: {file.name} is of another network, beginning anew", flush=True)
            return
        self.model.load_state_dict({k: v.to(own[k].dtype) for k, v in weights.items()})
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.steps = int(np.load(file)["steps"])
        print(f"{self.name}: beginning with the weights of step {self.steps} in {file}", flush=True)

    def keep(self, name: str, part):
        """From here on `part`, a module or an optimizer, is in the checkpoints too; it goes on from one that has it."""
        if name in self.resumed:
            part.load_state_dict(self.resumed[name])
        self.beside[name] = part

    def batches(self, make):
        """The tensors that `make(rng)` yields, without end, made beside the training and already on its device."""
        seed = f"{self.name} {self.steps}"
        on_gpu = self.args.device != "cpu"
        loader = DataLoader(Stream(make, seed), batch_size=None, num_workers=self.args.workers, pin_memory=on_gpu,
                            prefetch_factor=4 if self.args.workers else None)
        for batch in loader:
            yield {k: v.to(self.args.device, non_blocking=True) if torch.is_tensor(v) else v
                   for k, v in batch.items()}

    def stop(self, *_):
        self.stopping = True

    def running(self) -> bool:
        finished = self.left() <= 0
        if finished or self.stopping or time.time() - self.began > self.args.minutes * 60:
            self.save()
            if not finished:
                raise SystemExit(UNFINISHED)
        return not finished

    def left(self) -> float:
        """Share of the plan that is still to come, by steps or by time, whatever ends first."""
        minutes = (time.time() - self.began) / 60
        return min(1 - self.steps / self.args.steps, 1 - minutes / self.args.finish)

    def rate(self) -> float:
        warm = min(1, (self.steps - self.first + 1) / self.warm_up)
        return self.args.lr * warm * max(min(1, self.left() / self.args.cool), 0.02)

    def autocast(self):
        return torch.autocast(self.args.device, dtype=torch.bfloat16)

    def step(self, loss: torch.Tensor, clip: float = 1.0, **numbers: float):
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        norm = float(norm)
        if math.isfinite(norm) and (self.steps < 100 or norm < 10 * self.usual_norm):   # a freak batch is skipped
            self.optimizer.step()
            self.usual_norm += 0.05 * (norm - self.usual_norm)
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            state = self.model.state_dict()
            floats = [k for k, v in state.items() if v.is_floating_point()]
            torch._foreach_lerp_([self.average[k] for k in floats], [state[k] for k in floats], 1 - decay)
        for k, v in {"loss": loss, **numbers}.items():
            self.sums[k] = self.sums.get(k, 0.0) + (v.detach() if torch.is_tensor(v) else v)
        self.count += 1
        if self.steps % self.LOG_EVERY == 0:
            self.log()
        if time.time() - self.saved > self.SAVE_EVERY:
            self.save()

    def log(self):
        now = time.time()
        means = {k: float(v) / self.count for k, v in self.sums.items()}
        pace = (now - self.mark) / self.count
        self.mark, self.sums, self.count = now, {}, 0
        self.history.append({"step": self.steps, "seconds": self.elapsed(), **means})
        shown = "  ".join(f"{k} {v:.4f}" for k, v in means.items())
        print(f"{self.name} step {self.steps}/{self.args.steps}  {self.elapsed() / 60:.1f} min  {pace:.2f} s/step  "
              f"{shown}", flush=True)

    def elapsed(self) -> float:
        return self.seconds + time.time() - self.began

    def save(self):
        state = {"model": self.model.state_dict(), "average": self.average, "optimizer": self.optimizer.state_dict(),
                 "steps": self.steps, "seconds": self.elapsed(), "history": self.history,
                 "beside": {k: v.state_dict() for k, v in self.beside.items()}}
        workdir.write_atomically(self.file, lambda p: torch.save(state, p))
        workdir.save_json(self.file.with_suffix(".json"), {"steps": self.steps, "planned": self.args.steps,
                                                          "seconds": self.elapsed(), "history": self.history})
        self.saved = time.time()


class Stream(IterableDataset):
    """Batches of `make(rng)`, each worker with its own random numbers."""

    def __init__(self, make, seed: str):
        self.make, self.seed = make, seed

    def __iter__(self):
        worker = get_worker_info()
        yield from self.make(random.Random(f"{self.seed} {worker.id if worker else 0}"))


def start_file(name: str) -> Path | None:
    """The weights that a training begins with, in start/, here or in the work directory, if there are any."""
    files = [folder / "start" / f"{name}.npz" for folder in (workdir.root(), workdir.HERE)]
    return next((f for f in files if f.exists()), None)


def start_weights(file: Path) -> dict:
    stored = np.load(file)
    return {k: torch.from_numpy(stored[k]) for k in stored.files if k != "steps"}


def has_weights(name: str) -> bool:
    return workdir.path("checkpoints", f"{name}.pt").exists() or start_file(name) is not None


def averaged(name: str) -> dict:
    """The averaged weights of a finished or running training, or else those it would begin with."""
    file = workdir.path("checkpoints", f"{name}.pt")
    if file.exists():
        return torch.load(file, map_location="cpu", weights_only=False)["average"]
    return {k: v.float() if v.is_floating_point() else v for k, v in start_weights(start_file(name)).items()}


def keep_start(names: list[str], folder: Path = workdir.HERE / "start"):
    """Writes the averaged weights of these trainings to `folder`, in half precision."""
    for name in names:
        state = torch.load(workdir.path("checkpoints", f"{name}.pt"), map_location="cpu", weights_only=False)
        halves = {k: (v.half() if v.is_floating_point() else v).numpy() for k, v in state["average"].items()}
        file = folder / f"{name}.npz"
        file.parent.mkdir(exist_ok=True)
        workdir.write_atomically(file, lambda p: np.savez(p.open("wb"), steps=state["steps"], **halves))
        print(f"{file}: step {state['steps']}, {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    # python trainer.py NETWORK...     keeps their weights in start/, for those who train on elsewhere
    keep_start(sys.argv[1:])
