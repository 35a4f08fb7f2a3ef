#!/usr/bin/env bash
# One would guess: weights in a data file beside the graph (ONNX external data) are mapped, as a GGUF's are: a session loads at
# once, its weights are pages of the file, and two processes share them.
# Seen: by default the data file is read and packed into anonymous memory, all of it, and no mapping of it is left: external data
# save the copy of a protobuf while loading, nothing afterwards. With the session's entry session.disable_prepacking=1 the same
# file stays mapped: loading takes tens of times less processor time, anonymous memory hardly grows, and the weights are pages
# of the file, resident once it has run. An offset that is no multiple of a page is mapped too. Weights inside the .onnx file
# are copied in either case.
# Versions: onnxruntime 1.32.0, onnx 1.23.2 (PyPI). Date: 2026-11-30. Source: found here.
set -euo pipefail
command -v python3 > /dev/null && [ -r /proc/self/smaps_rollup ] || exit 77
[ "$(uname -m)" = x86_64 ] || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$dir/site" \
    onnxruntime==1.32.0 onnx==1.23.2 'numpy<3' || exit 77
export PYTHONPATH=$dir/site ORT_DISABLE_TELEMETRY=1
cat > "$dir/make.py" <<'P'
import sys
import numpy
import onnx
from onnx import TensorProto, helper
WIDTH, LAYERS = 2048, 12
r = numpy.random.default_rng(0)
def graph(name, data, first):
    nodes, weights, x, place = [], [], "x", first
    for i in range(LAYERS):
        w = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, dims=[WIDTH, WIDTH])
        w.data_location = TensorProto.EXTERNAL
        for key, value in (("location", data), ("offset", place), ("length", 4 * WIDTH * WIDTH)):
            w.external_data.add(key=key, value=str(value))
        place += 4 * WIDTH * WIDTH
        weights.append(w)
        nodes.append(helper.make_node("MatMul", [x, f"w{i}"], [x := f"y{i}"]))
    io = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, ["rows", WIDTH])] for n in ("x", x)]
    model = helper.make_model(helper.make_graph(nodes, "g", *io, weights), opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, name)
with open("page.data", "wb") as page, open("odd.data", "wb") as odd:
    odd.write(bytes(64))
    for i in range(LAYERS):
        w = (r.standard_normal((WIDTH, WIDTH), dtype=numpy.float32) / WIDTH**0.5).tobytes()
        page.write(w)
        odd.write(w)
graph("page.onnx", "page.data", 0)
graph("odd.onnx", "odd.data", 64)
onnx.save(onnx.load("page.onnx"), "inside.onnx")
P
cat > "$dir/load.py" <<'P'
import sys
import time
import numpy
import onnxruntime
name, prepacking = sys.argv[1:]
def memory():
    with open("/proc/self/status") as status:
        s = dict(line.split(":", 1) for line in status)
    return [int(s[key].split()[0]) / 1024 for key in ("RssAnon", "RssFile", "VmHWM")]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.add_session_config_entry("session.disable_prepacking", "0" if prepacking == "yes" else "1")
before, started = memory(), time.process_time()
session = onnxruntime.InferenceSession(name + ".onnx", options, providers=["CPUExecutionProvider"])
load = time.process_time() - started
with open("/proc/self/maps") as maps:
    mapped = sum(name + ".data" in line for line in maps)
for rows in (1, 64):
    session.run(None, {"x": numpy.ones((rows, 2048), numpy.float32)})
after = memory()
print(f"{load:.4f} {after[0] - before[0]:.0f} {after[1] - before[1]:.0f} {after[2] - before[2]:.0f} {mapped}")
P
cd "$dir"
python3 make.py
python3 - <<'P'
import subprocess
import sys
import onnxruntime
print(f"onnxruntime {onnxruntime.__version__}, 12 matrices of 2048 x 2048 floats: 192 MiB of weights; MiB beyond an empty process")
seen = {}
for weights in ("page", "odd", "inside"):
    for prepacking in ("yes", "no"):
        out = subprocess.run([sys.executable, "load.py", weights, prepacking], check=True, capture_output=True, text=True).stdout
        seen[weights, prepacking] = [float(v) for v in out.split()]
label = {"page": "data file", "odd": "data file, offset 64", "inside": "in the .onnx"}
for (weights, prepacking), (load, anonymous, file, peak, mapped) in seen.items():
    print(f"{label[weights]:20} prepacking {prepacking:3}: anonymous {anonymous:4.0f}, file {file:4.0f}, peak {peak:4.0f}, mappings {mapped:2.0f};"
          f" processor time of the load {load / seen['page', 'no'][0]:5.1f}")
print("(memory after two runs; processor time as a multiple of that of the second line)")
ok = all(seen[w, "no"][1] < 40 and seen[w, "no"][2] > 180 and seen[w, "no"][4] > 0 for w in ("page", "odd"))
ok = ok and all(seen[w, "yes"][1] > 180 and seen[w, "yes"][4] == 0 for w in ("page", "odd", "inside"))
ok = ok and seen["inside", "no"][1] > 180 and seen["page", "yes"][0] > 5 * seen["page", "no"][0]
sys.exit(0 if ok else 1)
P
