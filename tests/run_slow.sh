#!/usr/bin/env bash
# The long sweeps that ./tests/run.sh leaves out. Further arguments go to ctest.
exec "$(dirname "$0")/run.sh" --slow "$@"
