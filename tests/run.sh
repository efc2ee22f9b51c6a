#!/usr/bin/env bash
# Builds Tegula with its tests and runs them: all but those labelled slow, or with --slow only those. Further arguments go
# to ctest: ./tests/run.sh -R Npz
# TEGULA_TEST_DATA names a folder with real models and data for the tests that use them; they are skipped without it.
# TEGULA_JOBS: how many jobs build and test at a time (default: the CPUs).
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${TEGULA_JOBS:-$(nproc)}
selection=(-LE slow)
if [ "${1:-}" = --slow ]; then
  selection=(-L slow)
  shift
fi

.ci/install-dependencies.sh test
if [ -z "${TEGULA_TEST_DATA:-}" ] && [ -d ../shared/data ]; then
  TEGULA_TEST_DATA=$(cd ../shared/data && pwd)
fi
export TEGULA_TEST_DATA=${TEGULA_TEST_DATA:-}

cmake --preset release
cmake --build --preset release -j "$jobs"
ctest --test-dir build/release --output-on-failure -j "$jobs" "${selection[@]}" "$@"
