#!/usr/bin/env bash
# Installs what is missing and runs the tests.
#   ./scripts/test.sh                       everything
#   ./scripts/test.sh unit|rules|integration|browser|lint   one part (more than one may be named)
set -euo pipefail
cd "$(dirname "$0")/.."
case " $* " in *" -h "*|*" --help "*) sed -n '2,4p' "$0" | cut -c3-; exit 0 ;; esac

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(lint rules unit integration browser)
for part in "${parts[@]}"; do
  case "$part" in lint|rules|unit|integration|browser) ;; *)
    echo "test.sh: unknown part $part; choose from lint rules unit integration browser" >&2; exit 2 ;;
  esac
done

./scripts/setup.sh --dev

folders=()
for part in "${parts[@]}"; do
  if [ "$part" = lint ]; then
    echo "· ruff, mypy"
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
  elif [ -d "tests/$part" ]; then
    folders+=("tests/$part")
  fi
done
if [ ${#folders[@]} -gt 0 ]; then
  echo "· pytest ${folders[*]}"
  exec .venv/bin/python -m pytest "${folders[@]}"
fi
