// SPDX-License-Identifier: MIT
/*
 * peer.js CONFIG - llama.cpp, as node-llama-cpp ships it, doing one measurement for each line on standard
 * input.
 *
 * The package's binding is called directly: one llama_decode a pass, which is as fast as llama.cpp goes here.
 * (node-llama-cpp's own JavaScript has a queue and several promises for each token.)
 *
 * CONFIG is JSON: {"binding": FILE, "backends": FOLDER of libggml-cpu-*.so, "model", "threads", "context" in
 * tokens for each sequence, "sequences", "flash": attention in one pass or not, or "auto", "vocabulary": ids
 * below it are valid}. "context": 0 loads no more than the model.
 *
 * A line is a JSON array, its answer one JSON object on one line:
 *   ["fill", depth]              computes `depth` tokens in every sequence
 *   ["prefill", n, depth]        {"seconds"} for n more in sequence 0, in one pass, with logits for the last
 *   ["decode", n, depth]         {"seconds"} for n passes of one token in every sequence, with logits
 *   ["first", n]                 {"token"}: reads n tokens and chooses the likeliest next one
 *   ["tokenize", FILE]           {"seconds", "tokens"}
 *   ["peak"]                     {"bytes"}: most memory that the process ever had resident
 *   ["about"]                    {"variant", "system", "runtime_bytes": resident before the model}
 */
"use strict";
const fs = require("node:fs");
const readline = require("node:readline");

const BATCH = 512; // tokens in a pass; llama.cpp's own default for what it computes at once
const config = JSON.parse(process.argv[2]);
const binding = require(config.binding);
const ids = Uint32Array.from({length: BATCH}, (_, i) => (i * 7919 + 17) % config.vocabulary);
let model, context, residentBefore;

function memory(name) {
    const status = fs.readFileSync("/proc/self/status", "utf8");
    return Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"))[1]) * 1024;
}

async function open() {
    binding.setLoggerLogLevel(1); // errors
    binding.loadBackends(config.backends);
    await binding.init();
    residentBefore = memory("VmRSS");
    model = new binding.AddonModel(config.model, {addonExports: binding, gpuLayers: 0, useMmap: true});
    if (!await model.init())
        throw new Error(`llama.cpp does not load ${config.model}`);
    if (!config.context)
        return;
    context = new binding.AddonContext(model, {
        contextSize: config.context * config.sequences,
        batchSize: BATCH,
        sequences: config.sequences,
        flashAttention: config.flash,
        threads: config.threads
    });
    if (!await context.init())
        throw new Error(`llama.cpp makes no context of ${config.context} tokens`);
}

// One pass over n tokens at `past` in one sequence; logits of the last.
async function read(sequence, n, past) {
    context.initBatch(n);
    const [logits] = context.addToBatch(sequence, past, ids.subarray(0, n), Uint32Array.of(n - 1));
    await context.decodeBatch();
    return logits;
}

function forgetFrom(depth) {
    for (let s = 0; s < config.sequences; s++)
        context.removeTokenCellsFromSequence(s, depth, -1);
}

async function secondsOf(work) {
    const start = performance.now();
    await work();
    return {seconds: (performance.now() - start) / 1000};
}

const commands = {
    async fill(depth) {
        forgetFrom(0);
        for (let s = 0; s < config.sequences; s++)
            for (let at = 0; at < depth; at += BATCH)
                await read(s, Math.min(BATCH, depth - at), at);
        return {};
    },
    async prefill(n, depth) {
        forgetFrom(depth);
        return await secondsOf(async () => {
            for (let at = 0; at < n; at += BATCH)
                await read(0, Math.min(BATCH, n - at), depth + at);
        });
    },
    async decode(n, depth) {
        forgetFrom(depth);
        const zero = Uint32Array.of(0);
        return await secondsOf(async () => {
            for (let t = 0; t < n; t++) {
                context.initBatch(config.sequences);
                for (let s = 0; s < config.sequences; s++)
                    context.addToBatch(s, depth + t, ids.subarray(t, t + 1), zero);
                await context.decodeBatch();
            }
        });
    },
    async first(n) {
        const logits = await read(0, n, 0);
        const sampler = new binding.AddonSampler(model);
        sampler.applyConfig({temperature: 0});
        return {token: await context.sampleToken(logits, sampler)};
    },
    async tokenize(file) {
        const text = fs.readFileSync(file, "utf8");
        let tokens;
        const {seconds} = await secondsOf(() => { tokens = model.tokenize(text, false).length; });
        return {seconds, tokens};
    },
    async peak() {
        return {bytes: memory("VmHWM")};
    },
    async about() {
        const maps = fs.readFileSync("/proc/self/maps", "utf8");
        const variants = [...new Set(maps.match(/libggml-cpu-[^\s]+?(?=\.so)/g))];
        return {variant: variants.map((name) => name.replace("libggml-cpu-", "")).join(" "),
            system: binding.systemInfo(), runtime_bytes: residentBefore};
    }
};

async function main() {
    await open();
    for await (const line of readline.createInterface({input: process.stdin})) {
        const [name, ...args] = JSON.parse(line);
        fs.writeSync(1, JSON.stringify(await commands[name](...args)) + "\n");
    }
    process.exit(0);
}

main().catch((error) => {
    console.error(`peer.js: ${error.message}`);
    process.exit(1);
});
