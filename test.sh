#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# test.sh [NAME...], test.sh --reference [NAME...] - builds and tests everything; the last line is
# "N passed, N failed".
#
# Installs what the tests need (as run.sh does for the build), builds the release and the asan preset, the
# latter while tests of the former run, and runs: the unit tests in both; on other machines than Arm, those of
# what computes for Arm too, under qemu; tools/check-law and shellcheck; the black-box tests of tests/cli and
# tests/page on the release binary with the real default model. NAME picks unit-test programs and Python tests
# whose name contains it; "arm" picks the tests for Arm.
#
# --reference runs tests/reference/live.py instead: the long comparisons with transformers and llama.cpp, or
# those of them that are named. They need some gigabytes of Python packages, kept in build/venv-reference.
#
# Logs and results are in build/test-results. The exit code is 0 if nothing failed.
#
# Some functions run only through the trap or run_step, which shellcheck cannot see:
# shellcheck disable=SC2317
set -euo pipefail
root=$(cd "$(dirname "$0")" && pwd)
cd "$root"
# shellcheck source=tools/setup-lib.sh
. tools/setup-lib.sh

test_needs='
library cmocka       libcmocka-dev
command shellcheck   shellcheck
command chromium     chromium
command bible        bible-kjv
python  ensurepip    python3-venv'

arm_needs='
command aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
command qemu-aarch64          qemu-user'
# The tests of what detects instructions, of the kernels and of what runs them. The rest is the same C
# everywhere, and takes long under an emulator.
arm_programs=(test_base test_exec_pool test_kernels test_attention test_model)

results=build/test-results
step=setup
builds= # process group of the builds in the background
arm=false

# Every way out prints the sum. A step that stops the script counts as one failure.
finish() {
    local code=$?
    trap - EXIT
    [ -z "$builds" ] || kill -- "-$builds" 2>/dev/null || true
    if [ "$code" != 0 ]; then
        echo "not ok $step" >>"$results/steps.checks"
    fi
    code=0
    tools/count-tests "$results"/*.ctest.xml "$results"/*.pytest.xml "$results"/*.checks || code=1
    exit "$code"
}

begin_step() {
    step=$1
    say "$step"
}

# run_step NAME COMMAND...: one that must work for the rest to make sense. Its output is shown only if it
# fails. (A function that runs here does not stop at its first error; it has to say so with &&.)
run_step() {
    begin_step "$1"
    shift
    if ! "$@" >"$results/${step// /-}.log" 2>&1; then
        tail -n 30 "$results/${step// /-}.log" >&2
        die "$step failed; $results/${step// /-}.log has more"
    fi
    echo "ok $step" >>"$results/steps.checks"
}

# make_venv FOLDER REQUIREMENTS: a Python environment that is built again only when the file changes.
make_venv() {
    local python
    python=$(python_with ensurepip)
    cmp -s "$2" "$1/installed.txt" ||
        { "$python" -m venv --clear "$1" &&
            "$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2" &&
            cp "$2" "$1/installed.txt"; }
}

build_preset() {
    local preset=$1
    shift
    cmake --preset "$preset" "$@" && ninja -C "build/$preset"
}

# unit_tests PRESET [PATTERN]: a failure is in the results, so it does not stop the rest.
unit_tests() {
    local names=${2:-$pattern}
    begin_step "unit tests, $1"
    ctest --test-dir "build/$1" --parallel "$(nproc)" --output-junit "$root/$results/$1.ctest.xml" \
        --test-output-size-passed 10000000 --test-output-size-failed 10000000 --output-on-failure \
        ${names:+--tests-regex "$names"} >"$results/$1.ctest.log" 2>&1 ||
        grep -v '^ *[0-9]*/[0-9]* Test .* Passed\|\[ *\(OK\|RUN\) *\]' "$results/$1.ctest.log" || true
}

# The compiler for Arm, an emulator, and the libraries to link with.
prepare_arm() {
    # In a shell of its own, for it ends the shell it runs in. Word splitting of the packages is wanted.
    # shellcheck disable=SC2046
    (require "$arm_needs") &&
        tools/arm-sysroot.sh build/arm-sysroot \
            $(awk '$1 == "library" || $1 == "header" { print $3 }' <<<"$build_needs $test_needs")
}

build_arm() {
    cmake --preset aarch64 -DCMAKE_COMPILE_WARNING_AS_ERROR=ON && ninja -C build/aarch64 "${arm_programs[@]}"
}

# Sets `arm` to whether there are tests for Arm to run.
choose_arm() {
    if [[ (-n $pattern && "|$pattern|" != *"|arm|"*) || $(uname -m) == aarch64 ]]; then
        return
    fi
    begin_step "compiler for Arm"
    if prepare_arm >"$results/arm.log" 2>&1; then
        arm=true
    else
        echo "skip the tests for Arm: $(tail -n 1 "$results/arm.log")" | tee -a "$results/steps.checks" >&2
    fi
}

other_builds() {
    run_step "asan build" build_preset asan -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
    if $arm; then
        run_step "Arm build" build_arm
    fi
}

# What is tested last is built beside the tests of the release build, which often wait: at the lowest
# priority, so that it takes nothing from them, and in a process group of its own, to be stopped whole.
start_other_builds() {
    set -m
    (renice -n 19 -p "$BASHPID" && other_builds) </dev/null >"$results/other-builds.log" 2>&1 &
    builds=$!
    set +m
}

wait_for_other_builds() {
    local code=0
    begin_step "other builds"
    wait "$builds" || code=$?
    builds=
    if [ "$code" != 0 ]; then
        cat "$results/other-builds.log" >&2
        exit "$code"
    fi
}

# python_tests VENV FOLDER...
python_tests() {
    local python=$1/bin/python code=0
    shift
    begin_step "python tests"
    "$python" -m pytest -q -rs -p no:cacheprovider --junitxml "$results/python.pytest.xml" \
        ${expression:+-k "$expression"} "$@" || code=$?
    # 1: a test failed, which the results say; 5: the names picked none.
    [ $code = 0 ] || [ $code = 1 ] || [ $code = 5 ]
}

# reference_comparisons [NAME...]: live.py exits with 1 if a bound is broken, which it has then said, or if it
# broke down itself.
reference_comparisons() {
    begin_step "comparisons"
    build/venv-reference/bin/python tests/reference/live.py "$@" | tee "$results/live.checks" ||
        grep -q '^FAIL' "$results/live.checks"
}

source_checks() {
    begin_step "source checks"
    tools/check-law >"$results/law.checks" || grep -v '^ok ' "$results/law.checks" || true
    if shellcheck -x run.sh test.sh .ci/run models/*.sh tools/*.sh; then
        echo "ok shellcheck" >>"$results/steps.checks"
    else
        echo "not ok shellcheck" >>"$results/steps.checks"
    fi
}

main() {
    reference=false
    if [ "${1:-}" = --reference ]; then
        reference=true
        shift
    fi
    pattern=$(IFS='|' && echo "$*")
    expression=${*/%/ or }
    expression=${expression% or }

    shopt -s nullglob
    mkdir -p build
    rm -rf "$results"
    mkdir "$results"
    trap finish EXIT
    ./run.sh --setup
    models/download.sh smollm2-135m >/dev/null || say "going on without the model; its tests are skipped"
    require "$test_needs"

    if $reference; then
        run_step "reference packages" make_venv build/venv-reference tests/reference/requirements.txt
        reference_comparisons "$@"
        exit
    fi
    run_step "python packages" make_venv .venv tests/requirements.txt
    run_step "release build" build_preset release -DNOTSO_TESTS=ON
    choose_arm
    start_other_builds
    unit_tests release
    if [ -z "$pattern" ]; then
        source_checks
    fi
    python_tests .venv tests/cli tests/page
    wait_for_other_builds
    unit_tests asan
    if $arm; then
        unit_tests aarch64 "/($(IFS='|' && echo "${arm_programs[*]}"))\$"
    fi
    exit # here, so that bash reads no more of this file: somebody may have edited it meanwhile
}

main "$@"
