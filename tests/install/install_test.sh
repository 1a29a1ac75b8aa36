#!/bin/sh
# Installs a build tree into a folder of its own, and there makes, builds and tests a new action with each of the
# compilers, warnings as errors. Every plugin must export its entry symbol and nothing else.
#
# usage: install_test.sh CMAKE BUILD COMPILER…
set -eu
cmake=$1
build=$2
shift 2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
prefix=$place/prefix

fail() {
  echo "install_test: $*" >&2
  exit 1
}

exports_only_its_entry() {
  exported=$(nm -D --defined-only "$1" | awk '{print $3}')
  [ "$exported" = je_plugin_v1 ] || fail "$1 exports: $exported"
}

"$cmake" --install "$build" --prefix "$prefix" >"$place/install.log" 2>&1 || {
  cat "$place/install.log"
  fail "cmake --install failed (is everything built?)"
}

for built in "$build"/bin/*; do
  [ -e "$built" ] || continue
  program=$(basename "$built")
  [ -x "$prefix/bin/$program" ] || fail "bin/$program is not installed"
done
for action in cancel_children_jobs cleanup_jobs dummy_test_action http_request monitor_bulk_job run_command; do
  exports_only_its_entry "$prefix/lib/job-engine/actions/$action.so"
done
for header in plugin_abi.h action.hpp testing.hpp; do
  [ -f "$prefix/include/jobengine/$header" ] || fail "include/jobengine/$header is not installed"
done

for compiler in "$@"; do
  command -v "$compiler" >/dev/null || continue
  project=$place/$(basename "$compiler")
  "$prefix/bin/jobctl" actions new greet --directory "$project" >/dev/null || fail "no project was made"
  "$cmake" -S "$project" -B "$project/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Werror" >"$place/log" 2>&1 &&
    "$cmake" --build "$project/build" >>"$place/log" 2>&1 &&
    "$(dirname "$cmake")/ctest" --test-dir "$project/build" --output-on-failure >>"$place/log" 2>&1 &&
    "$cmake" --install "$project/build" --prefix "$prefix" >>"$place/log" 2>&1 || {
    cat "$place/log"
    fail "a new action does not build with $compiler"
  }
  exports_only_its_entry "$project/build/actions/greet.so"
  exports_only_its_entry "$prefix/lib/job-engine/actions/greet.so"
  echo "a new action builds and passes its test with $compiler"
done
