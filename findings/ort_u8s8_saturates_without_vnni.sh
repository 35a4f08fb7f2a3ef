#!/usr/bin/env bash
# One would guess: MatMulInteger is integer arithmetic, the same on every processor.
# Seen: on x86-64 with AVX2 and without VNNI, ONNX Runtime's product of u8 and s8 adds pairs of products in 16 bits with
# saturation, without a word in the log: 255 * 127 comes out at half its value. Exact are weights from -64 to 64 (255 * 2 * 64 fits
# into 16 bits, so 7 bits are safe), and so are 8-bit weights stored as u8 with a zero point of 128, another kernel.
# Prepacking makes no difference. A model converted and tested on a machine with VNNI errs where it is used.
# Here valgrind stands for such a processor: it shows programs an AVX2 without VNNI and computes exactly.
# Versions: onnxruntime 1.32.0, onnx 1.23.2 (PyPI), valgrind 3.19.0. Date: 2026-11-30. Source: found here; that u8 x s8 may
# saturate and that reduce_range helps is said in ONNX Runtime's documentation on quantization, the rest is not.
set -euo pipefail
[ "$(uname -m)" = x86_64 ] && grep -qw avx2 /proc/cpuinfo || exit 77
command -v python3 > /dev/null && command -v valgrind > /dev/null || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python=$(python3 -c 'import sys; print(sys.executable)') # valgrind needs the program itself, not a wrapper
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$dir/site" \
    onnxruntime==1.32.0 onnx==1.23.2 'numpy<3' || exit 77
export PYTHONPATH=$dir/site ORT_DISABLE_TELEMETRY=1
cat > "$dir/make.py" <<'P'
import numpy
from onnx import TensorProto, helper, save
DEPTH, COLUMNS = 64, (127, 100, 65, 64, 63, -64, -65, -128)
w = numpy.tile(numpy.array(COLUMNS * 2), (DEPTH, 1))
for name, kind, zero in (("s8", numpy.int8, 0), ("u8", numpy.uint8, 128)):
    number = TensorProto.INT8 if name == "s8" else TensorProto.UINT8
    constants = [helper.make_tensor("w", number, w.shape, (w + zero).astype(kind).tobytes(), raw=True),
                 helper.make_tensor("az", TensorProto.UINT8, [], [0]), helper.make_tensor("wz", number, [], [zero])]
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["a", "w", "az", "wz"], ["y"])], "g",
                              [helper.make_tensor_value_info("a", TensorProto.UINT8, [1, DEPTH])],
                              [helper.make_tensor_value_info("y", TensorProto.INT32, [1, 16])], constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), name + ".onnx")
P
cat > "$dir/run.py" <<'P'
import numpy
import onnxruntime
a = numpy.full((1, 64), 255, numpy.uint8)
for name in ("s8", "u8"):
    for off in "01":
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.disable_prepacking", off)
        session = onnxruntime.InferenceSession(name + ".onnx", options, providers=["CPUExecutionProvider"])
        print(name, off, *session.run(None, {"a": a})[0][0, :8])
P
cd "$dir"
"$python" make.py
"$python" run.py > here
valgrind --quiet --tool=none "$python" run.py 2> log > there || { tail -5 log; exit 77; }
"$python" - <<'P'
import subprocess
import sys
import onnxruntime
COLUMNS = (127, 100, 65, 64, 63, -64, -65, -128)
exact = [255 * 64 * w for w in COLUMNS]
print(f"onnxruntime {onnxruntime.__version__},", subprocess.run(["valgrind", "--version"], capture_output=True, text=True).stdout.strip())
print("sums of 64 products with 255, as parts of the exact ones; weights:", *COLUMNS)
def read(file):
    with open(file) as lines:
        return {tuple(f[:2]): [int(v) for v in f[2:]] for f in map(str.split, lines)}
here, there = read("here"), read("there")
for place, results in (("this processor", here), ("AVX2, no VNNI", there)):
    for (kind, off), y in results.items():
        print(f"{place:14} u8 x {kind}, prepacking {'no ' if off == '1' else 'yes'}:", *(f"{v / e:.3f}" for v, e in zip(y, exact)))
with open("/proc/cpuinfo") as info:
    vnni = "vnni" in info.read()
wrong = [i for i, (v, e) in enumerate(zip(there["s8", "0"], exact)) if v != e]
ok = [COLUMNS[i] for i in wrong] == [127, 100, 65, -65, -128] and there["s8", "0"] == there["s8", "1"]
ok = ok and there["u8", "0"] == there["u8", "1"] == exact and (not vnni or all(y == exact for y in here.values()))
sys.exit(0 if ok else 1)
P
