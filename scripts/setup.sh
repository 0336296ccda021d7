#!/usr/bin/env bash
# Installs what neomon needs on this machine: Debian packages and a Python environment. Safe to run again.
#   ./scripts/setup.sh          what running needs
#   ./scripts/setup.sh --dev    what the tests need, too
set -euo pipefail
cd "$(dirname "$0")/.."

dev=false
for argument in "$@"; do
  case "$argument" in
    --dev) dev=true ;;
    -h|--help) sed -n '2,4p' "$0" | cut -c3-; exit 0 ;;
    *) echo "setup.sh: unknown option $argument (try --help)" >&2; exit 2 ;;
  esac
done

say() { printf '\033[2m· %s\033[0m\n' "$*"; }
fail() { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

# command -> package that brings it
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need prometheus prometheus
need promtool prometheus
need prometheus-alertmanager prometheus-alertmanager
need amtool prometheus-alertmanager
need prometheus-node-exporter prometheus-node-exporter
need prometheus-blackbox-exporter prometheus-blackbox-exporter
need prometheus-postgres-exporter prometheus-postgres-exporter
need prometheus-redis-exporter prometheus-redis-exporter
need redis-server redis-server
need setpriv util-linux
if $dev; then need chromium chromium; fi
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)

python=${PYTHON:-python3}
if [ ! -x .venv/bin/python ] && [ "$(command -v "$python")" = /usr/bin/python3 ]; then
  "$python" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
fi

if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  install="apt-get install --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null 2>&1 ||
    fail "these programs are missing and there is no apt-get here: ${missing[*]}. Install them by your system's means, or from https://prometheus.io/download"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null ||
      fail "these packages are missing and need root: ${missing[*]}. Ask an administrator to run: $install"
    as_root=(sudo -n)
  fi
  say "installing Debian packages: ${missing[*]}"
  log=$(mktemp)
  # The packages' own services must not start: neomon runs the programs itself, on ports of its own.
  policy=/usr/sbin/policy-rc.d
  held=false
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    held=true
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
  fi
  status=0
  {
    "${as_root[@]}" apt-get update -qq &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1 || status=$?
  if $held; then "${as_root[@]}" rm -f "$policy"; trap - EXIT; fi
  # Nor at the next boot, when they would take the ports.
  if command -v systemctl >/dev/null 2>&1; then
    for package in "${missing[@]}"; do
      case "$package" in prometheus*|redis-server|postgresql)
        "${as_root[@]}" systemctl disable --quiet "$package" >/dev/null 2>&1 || true ;;
      esac
    done
  fi
  if [ $status -ne 0 ]; then tail -n 20 "$log" >&2; rm -f "$log"; fail "apt-get failed; by hand: $install"; fi
  rm -f "$log"
fi

command -v "$python" >/dev/null 2>&1 || fail "python3 is missing: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "Python 3.11 or newer is needed, $("$python" --version) was found; set PYTHON to another"

lock=requirements.lock
$dev && lock=requirements-dev.lock
stamp=.venv/.installed-$(basename "$lock" .lock)
wanted=$(cat "$lock" pyproject.toml | sha256sum | cut -c1-32)
if [ ! -x .venv/bin/neomon ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  say "installing Python packages into .venv"
  [ -x .venv/bin/python ] || "$python" -m venv .venv || fail "no virtual environment: apt-get install python3-venv"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
  .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r "$lock"
  .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps -e .
  printf '%s' "$wanted" >"$stamp"
fi
say "ready: .venv/bin/neomon"
