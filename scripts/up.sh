#!/usr/bin/env bash
# Installs what is missing and starts the monitoring service.
#   ./scripts/up.sh                    monitor this machine and what registers
#   ./scripts/up.sh --demo             with a live demo platform
#   ./scripts/up.sh --demo --detach    in the background; `.venv/bin/neomon down` stops it
set -euo pipefail
case " $* " in *" -h "*|*" --help "*) sed -n '2,5p' "$0" | cut -c3-; exit 0 ;; esac
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/setup.sh"
exec "$root/.venv/bin/neomon" up "$@"
