#!/usr/bin/env bash
# Installs what this machine lacks, from the distribution's packages. Usage: scripts/setup.sh build|live
#   build: a C compiler, make, zstd          live: also JDK 17 and Maven, for the real HBase of the tests
# Rust is not installed by this script: Debian's own is too old, so it says how to get it.
set -euo pipefail
cd "$(dirname "$0")/.."

need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
have=$(rustc --version 2>/dev/null | cut -d' ' -f2 || true)
if [ -z "$have" ] || [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -n 1)" != "$need" ]; then
  echo "setup: Rust $need or newer is needed, found ${have:-none}. Install it with:" >&2
  echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component clippy,rustfmt && . \"\$HOME/.cargo/env\"" >&2
  exit 2
fi

packages=()
want() { command -v "$1" >/dev/null 2>&1 || packages+=("$2"); }
want cc build-essential
want zstd zstd
want tar tar
if [ "${1:-build}" = live ]; then
  java_major=$(javac -version 2>/dev/null | sed -n 's/^javac \([0-9]*\).*/\1/p' || true)
  [ "${java_major:-0}" -ge 17 ] || packages+=(openjdk-17-jdk-headless)
  want mvn maven
fi
if [ ${#packages[@]} -gt 0 ]; then
  echo "setup: installing ${packages[*]}" >&2
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
