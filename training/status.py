"""The state of training: speech made, tokens made, each network's step and losses; curves.png in the work directory."""
import time

import workdir
from teachers import ALL_SPEAKERS

NETWORKS = {"tokens": ("l1", "ctc"), "f0": ("hz", "voicing_errors"), "vocoder": ("spectral", "mel"),
            "flow": ("flow", "prior"), "lm": ("entropy", "accuracy", "guided", "held-out en", "held-out ru")}


def main():
    print(f"work directory {workdir.root()}")
    for speaker in ALL_SPEAKERS:
        shards = list(workdir.path("speech", speaker, "x").parent.glob("*.json"))
        frames = sum(row["frames"] for s in shards for row in workdir.load_json(s))
        encoded = sum(s.with_suffix(".align.npy").exists() for s in shards)
        print(f"{speaker:10}  {len(shards)} shards, {frames / 180_000:.1f} h, {encoded} with tokens")
    progress = {}
    for name, numbers in NETWORKS.items():
        file = workdir.path("checkpoints", f"{name}.json")
        if not file.exists():
            print(f"{name:10}  not begun")
            continue
        state = progress[name] = workdir.load_json(file)
        rows = state["history"]
        latest = "  ".join(f"{k} {next(r[k] for r in reversed(rows) if k in r):.3f}"
                           for k in numbers if any(k in r for r in rows))
        age = (time.time() - file.stat().st_mtime) / 60
        print(f"{name:10}  step {state['steps']} of {state['planned']}, {state['seconds'] / 3600:.2f} h, "
              f"saved {age:.0f} min ago  {latest}")
    if progress:
        plot(progress)


def plot(progress):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, len(progress), figsize=(4 * len(progress), 3.2), squeeze=False)
    for axis, (name, state) in zip(axes[0], progress.items()):
        for key in NETWORKS[name]:
            points = [(r["step"], r[key]) for r in state["history"] if key in r]
            if points:
                axis.plot(*zip(*points), label=key)
        axis.set_title(name), axis.set_xlabel("step"), axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize=7)
        if name in ("vocoder", "f0"):
            axis.set_yscale("log")
    figure.tight_layout()
    file = workdir.path("curves.png")
    figure.savefig(file, dpi=110)
    print(f"curves in {file}")


if __name__ == "__main__":
    main()
