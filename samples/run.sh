#!/usr/bin/env bash
# Installs a build of Tegula into a folder of its own, builds the samples against nothing but that folder, and runs them.
#   ./samples/run.sh [BUILD_FOLDER=build/release]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
[ -f "$build/CMakeCache.txt" ] || { echo "samples/run.sh: there is no build in '$build'; run ./tests/run.sh first" >&2; exit 2; }
work=$build/samples
rm -rf "$work"
cmake --build "$build" -j "${TEGULA_JOBS:-$(nproc)}"
cmake --install "$build" --prefix "$work/installed" > "$work.install.log" || { cat "$work.install.log" >&2; exit 1; }

cmake -S samples/embed -B "$work/embed" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$PWD/$work/installed"
cmake --build "$work/embed"
"$work/installed/bin/aotc" compile samples/models/shapes.onnx -o "$work/shapes.tgl"
answer=$("$work/embed/embed" "$work/shapes.tgl" samples/models/star.raw)
echo "embed: $answer"
case "$answer" in
  "class 5,"*) ;;  # draw_shapes.py: CLASSES[5] is the star
  *) echo "samples/run.sh: the star was not recognised" >&2; exit 1 ;;
esac

cmake -S samples/collector -B "$work/collector" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$PWD/$work/installed"
cmake --build "$work/collector"
"$work/installed/bin/aotc" calibrate samples/models/shapes.onnx --data samples/models/shapes_200.npz -o "$work/shapes.json" \
  --collector "$work/collector/libdeviation_collector.so=k=5"
grep -q '"collected":{"deviation":\[' "$work/shapes.json" ||
  { echo "samples/run.sh: the profile has no ranges of the collector" >&2; exit 1; }
