#!/usr/bin/env bash
# Installs what is missing of Tegula's dependencies, all of them packages of Debian 12 (also found in Ubuntu 24.04).
#   .ci/install-dependencies.sh [build|test|ci] [--list]
# build: the two libraries, aotc and runbench (the default). test: also what ./tests/run.sh needs. ci: also what only
# .ci/run uses. --list prints the packages instead. Nothing is downloaded when nothing is missing.
set -euo pipefail

build=(
  g++ cmake ninja-build pkg-config
  libflatbuffers-dev flatbuffers-compiler-dev flatbuffers-compiler libxbyak-dev libtbb-dev libzstd-dev libxxhash-dev
  libprotobuf-dev protobuf-compiler libonnx-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev
  libzip-dev libturbojpeg0-dev libjpeg62-turbo-dev libpng-dev
)
test=(libgtest-dev libgmock-dev libbenchmark-dev)
ci=(ccache clang-19 libclang-rt-19-dev)

what=build
list=
for argument in "$@"; do
  case "$argument" in
    build | test | ci) what=$argument ;;
    --list) list=yes ;;
    *) echo "install-dependencies.sh: unknown argument '$argument'; give build, test or ci, and --list to only see them" >&2; exit 2 ;;
  esac
done
wanted=("${build[@]}")
[ "$what" = build ] || wanted+=("${test[@]}")
[ "$what" != ci ] || wanted+=("${ci[@]}")
if [ -n "$list" ]; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
  echo "install-dependencies.sh: this is no Debian; taking for granted that these are installed: ${wanted[*]}" >&2
  exit 0
fi
missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "install-dependencies.sh: as root, run: apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 3
  fi
  as_root=(sudo)
fi
echo "installing ${#missing[@]} packages: ${missing[*]}"
# A line for every 25 packages, with those that the missing ones need.
counted() {
  awk '/^Get:/ { if (++got % 25 == 0) print "  downloaded " got }
       /^Unpacking/ { if (++unpacked % 25 == 0) print "  unpacked " unpacked }
       /^Setting up/ { if (++set % 25 == 0) print "  installed " set }
       { fflush() }'
}
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" | counted
