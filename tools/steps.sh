# What do tools/quickstart and tools/test share? Timed steps, and building the program. Sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# HOME is where the caches are; cron and some CI runners leave it out.
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}

# What was compiled in one clone is found again in another: ccache sees paths relative to the tree.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}

# step TITLE COMMAND...: runs it, and says what and for how long. A failure ends the script with the command's exit code.
step() {
  local title=$1 begin=$SECONDS code=0
  shift
  printf '== %s\n' "$title"
  "$@" || code=$?
  if ((code)); then
    printf '== %s: failed (exit code %d) after %d s\n' "$title" "$code" "$((SECONDS - begin))" >&2
    exit "$code"
  fi
  printf '== %s: done in %d s\n' "$title" "$((SECONDS - begin))"
}

# configure PRESET DIR: runs CMake when that has not been done in this place.
configure() {
  local preset=$1 dir=$2 launcher=() fresh=()
  if [[ -f $dir/build.ninja ]] && grep -sqxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$dir/CMakeCache.txt"; then
    return 0
  fi
  # A cache of another place (the tree was moved or copied) or of an interrupted configuration is no start.
  [[ ! -f $dir/CMakeCache.txt ]] || fresh=(--fresh)
  ! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake -S "$root" --preset "$preset" "${fresh[@]}" "${launcher[@]}"
}

# build PRESET DIR [TARGET]: configures when needed, compiles what has changed.
build() { configure "$1" "$2" && cmake --build "$2" --target "${3:-all}"; }
