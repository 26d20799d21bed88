# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# setup-lib.sh - what run.sh, test.sh and models/download.sh share: messages, and packages that may be
# missing.
#
# Sourced by bash. A requirement is one line "KIND NAME PACKAGE": KIND and NAME say how to recognise that it
# is there, PACKAGE is what Debian and Ubuntu call it. Recognising it by what it does, not by package, lets a
# node or a python from elsewhere count, and lets other systems run the same scripts once their packages are
# installed.

# What the build needs. The libraries among it are also what a build for another architecture needs of that.
# shellcheck disable=SC2034
build_needs='
header  stdio.h                        libc6-dev
command cc                             gcc
command cmake                          cmake
command ninja                          ninja-build
command pkg-config                     pkg-config
command gzip                           gzip
library libmicrohttpd                  libmicrohttpd-dev
library jansson                        libjansson-dev
library libpcre2-8                     libpcre2-dev
library libcmark-gfm                   libcmark-gfm-dev
header  cmark-gfm-core-extensions.h    libcmark-gfm-extensions-dev
library libedit                        libedit-dev
library sqlite3                        libsqlite3-dev
library libsodium                      libsodium-dev'

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# The python3 to use: the first on PATH that can do what is asked ($1, a module name), else Debian's own.
python_with() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import $1" 2>/dev/null; then
            echo "$python"
            return 0
        fi
    done
    return 1
}

# is_present KIND NAME
is_present() {
    case $1 in
    command) command -v "$2" >/dev/null ;;
    library) pkg-config --exists "$2" 2>/dev/null ;;
    header) cc -E - <<<"#include <$2>" >/dev/null 2>&1 ;;
    python) python_with "$2" >/dev/null ;;
    esac
}

# Reads requirements on standard input and prints the packages of those that are missing, each once, on one
# line.
missing_packages() {
    local kind name package missing=
    while read -r kind name package; do
        case $kind in '' | '#'*) continue ;; esac
        case " $missing " in *" $package "*) continue ;; esac
        is_present "$kind" "$name" || missing="$missing $package"
    done
    echo "${missing# }"
}

# require REQUIREMENTS: installs what is missing, or says what to install and stops. Says nothing if all is
# there.
require() {
    local missing log
    local -a as_root=()
    missing=$(missing_packages <<<"$1")
    if [ -z "$missing" ]; then
        return 0
    fi
    if ! command -v apt-get >/dev/null; then
        die "these are missing, by their Debian names; please install them and try again: $missing"
    fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "missing packages; as root, run: apt-get install $missing"
        as_root=(sudo)
    fi
    say "installing $missing"
    log=$(mktemp)
    # Word splitting of $missing is wanted. env: sudo drops the variable.
    # shellcheck disable=SC2086
    if ! "${as_root[@]}" apt-get -q update >"$log" 2>&1 ||
        ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
            install --yes --no-install-recommends $missing </dev/null >>"$log" 2>&1; then
        grep '^E:' "$log" | tail -n 3 >&2 || tail -n 3 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: $missing"
    fi
    rm -f "$log"
    missing=$(missing_packages <<<"$1")
    [ -z "$missing" ] || die "still missing after the installation: $missing"
}

# hold_lock FD PATH: waits until no other process holds PATH, a file or folder that always exists. The lock
# lasts until this script, and every child that inherits FD, has ended or closed FD. Where there is no flock,
# there is no lock.
hold_lock() {
    eval "exec $1<\"\$2\""
    command -v flock >/dev/null || return 0
    flock -n "$1" && return 0
    say "waiting for another run of these scripts"
    flock "$1"
}
