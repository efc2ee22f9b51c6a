#!/usr/bin/env bash
# The tests of what runs on several threads, under ThreadSanitizer (clang):
#   TEGULA_TBB_SOURCE=oneTBB ./tests/run_tsan.sh [--gtest_filter=...]
# TEGULA_TBB_SOURCE is a checkout of oneTBB (github.com/uxlfoundation/oneTBB): a library that was not built with the sanitizer
# hides its synchronization from it, and every second report would be wrong. It is built once, in build/tsan-tbb.
# Not part of .ci/run, which has no such checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${TEGULA_JOBS:-$(nproc)}
source=${TEGULA_TBB_SOURCE:-}
if [ ! -f "$source/CMakeLists.txt" ]; then
  echo "run_tsan.sh: TEGULA_TBB_SOURCE='$source' is no checkout of oneTBB; clone github.com/uxlfoundation/oneTBB and name the folder" >&2
  exit 2
fi

.ci/install-dependencies.sh ci
tbb=$PWD/build/tsan-tbb
if [ ! -f "$tbb/installed/lib/cmake/TBB/TBBConfig.cmake" ]; then
  cmake -S "$source" -B "$tbb" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 \
    -DTBB_SANITIZE=thread -DTBB_TEST=OFF -DTBB_STRICT=OFF -DTBBMALLOC_BUILD=OFF -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_INSTALL_PREFIX="$tbb/installed"
  cmake --build "$tbb" -j "$jobs" --target install
fi

# What starts threads: the runtime's own tests, and the profile that calibration's threads share.
programs=(run_test gemm_steps_test quantized_steps_test sharing_test compiler_quantize_ranges_test)
cmake --preset tsan -DTBB_DIR="$tbb/installed/lib/cmake/TBB"
cmake --build --preset tsan -j "$jobs" --target "${programs[@]}"
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
failed=0
for program in "${programs[@]}"; do
  echo "== $program"
  "$(find build/tsan/tests -type f -name "$program")" --gtest_brief=1 "$@" || failed=1
done
exit $failed
