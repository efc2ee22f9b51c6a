#!/usr/bin/env bash
# From an empty checkout to a measured model: installs what is missing, builds, compiles the sample model, checks it on 200
# labelled pictures and measures it.    ./samples/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${TEGULA_JOBS:-$(nproc)}
build=build/quickstart
log=$build/quickstart.log
mkdir -p "$build"

# Runs a step quietly; shows its output only when it fails.
quietly() {
  if ! "$@" > "$log" 2>&1; then
    cat "$log" >&2
    echo "quickstart.sh: failed: $*" >&2
    exit 1
  fi
}

# A line for every twentieth of the build; all of its output when it fails.
build_in_lines() {
  NINJA_STATUS='%p ' cmake --build "$build" -j "$jobs" --target aotc runbench 2>&1 | tee "$log" | awk '
    /^ *[0-9]+% / { part = int($1 / 5); if (part > last) { print "  " part * 5 " %"; fflush() } last = part }' ||
    { cat "$log" >&2; echo "quickstart.sh: failed: the build" >&2; exit 1; }
}

.ci/install-dependencies.sh build
echo "building (a few minutes the first time) ..."
quietly cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release
if [ -t 1 ]; then  # ninja keeps to one line there
  NINJA_STATUS='[%p] ' cmake --build "$build" -j "$jobs" --target aotc runbench
else
  build_in_lines
fi

aotc=$build/bin/aotc
runbench=$build/bin/runbench
echo "compiling samples/models/shapes.onnx ..."
"$aotc" compile samples/models/shapes.onnx -o "$build/shapes.tgl" --bundle 2
"$aotc" verify "$build/shapes.tgl" --data samples/models/shapes_200.npz
"$runbench" "$build/shapes.tgl" --selftest
"$runbench" "$build/shapes.tgl" --accuracy samples/models/shapes_200.npz --min-top1 95
"$runbench" "$build/shapes.tgl" --duration 2 --json "$build/shapes.json"
cat << END

The same with your own model:
  $aotc compile model.onnx -o model.tgl
  $aotc verify model.tgl --onnx model.onnx
  $runbench model.tgl --profile
END
