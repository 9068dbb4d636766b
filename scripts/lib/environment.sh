# shellcheck shell=sh
# Sourced by the commands in scripts/: makes the virtual environment .venv beside pyproject.toml, once.
#
#   here=<folder of the command>; . "$here/lib/environment.sh"
#   ensure_environment runtime|dev     afterwards $root is the checkout and $python the environment's interpreter
#
# Needs a POSIX shell and Python >= 3.11 with pip. PYTHON names the interpreter to start from. What is installed, and
# how an interrupted or outdated environment is told from a good one, is in environment.py.

# shellcheck disable=SC2154  # set by the command that sources this file
root=$(CDPATH='' cd -- "$here/.." && pwd -P)
python=$root/.venv/bin/python

is_supported() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    if is_supported "$PYTHON"; then
      echo "$PYTHON"
      return
    fi
    echo "error: PYTHON=$PYTHON is not a Python 3.11 or later" >&2
    return 1
  fi
  for candidate in python3.13 python3.12 python3.11 python3 python; do
    if is_supported "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "error: Python 3.11 or later is needed and none was found (tried python3.13, python3.12, python3.11, python3, python)." >&2
  echo "       Install it, or name it: PYTHON=/path/to/python3 $0" >&2
  return 1
}

ensure_environment() {
  # The quick way: a finished environment answers by itself in some 20 ms.
  if "$python" -I -S "$here/lib/environment.py" --check "$1" 2>/dev/null; then return; fi
  base=$(find_python) || exit 1
  "$base" "$here/lib/environment.py" "$1" || exit 1
}
