/* SPDX-License-Identifier: MIT */
/*
 * model_profile.h - where the time of forward passes goes: seconds, bytes and multiplications of each stage.
 *
 * A stage is one step of forward.c, from barrier to barrier. forward.c marks the end of each; what passed
 * since the mark before belongs to that stage. Work is counted as a stage needs it at least: each weight and
 * each visible key and value once a pass. So work divided by time can be held against the machine's roofs.
 *
 * Without a profile a mark is one test of a pointer.
 *
 * Threads: a profile belongs to the thread that calls model_forward.
 */
#ifndef MODEL_MODEL_PROFILE_H
#define MODEL_MODEL_PROFILE_H

#include "inference/model/model.h"

enum model_stage {
    MODEL_STAGE_EMBED,
    MODEL_STAGE_ATTENTION_NORM, /* and packing its result, as for every norm */
    MODEL_STAGE_QKV,
    MODEL_STAGE_ROPE_STORE,
    MODEL_STAGE_ATTENTION,
    MODEL_STAGE_ATTENTION_PACK,
    MODEL_STAGE_ATTENTION_OUTPUT,
    MODEL_STAGE_ATTENTION_ADD,
    MODEL_STAGE_FFN_NORM,
    MODEL_STAGE_GATE_UP,
    MODEL_STAGE_SILU_PACK,
    MODEL_STAGE_DOWN,
    MODEL_STAGE_FFN_ADD,
    MODEL_STAGE_HEAD_NORM,
    MODEL_STAGE_HEAD,
    MODEL_STAGE_COUNT
};

struct model_work {
    uint64_t weight_bytes, kv_bytes;      /* read */
    uint64_t weight_macs, attention_macs; /* pairs multiplied and added */
};

/* What one forward pass over these segments reads and multiplies at least, all stages together. */
struct model_work model_pass_work(const struct model *model, enum tensor_type kv_type,
                                  const struct model_segment *segments, size_t n_segments);

struct model_profile;

enum status model_profile_open(const struct model *model, enum tensor_type kv_type,
                               struct model_profile **out, struct err *err);
void model_profile_close(struct model_profile *profile); /* NULL is fine */
void model_profile_reset(struct model_profile *profile);

/* Passes of `state` are recorded from now on; NULL ends it. `profile` is of the same model, and borrowed. */
void model_state_set_profile(struct model_state *state, struct model_profile *profile);

/* The layers in which a stage does the same kind of work, summed up over all passes. */
struct model_profile_row {
    const char *stage; /* "gate_up" */
    char kind[32];     /* the weights' types, "Q4_K"; "rope" or "no rope"; "" */
    uint32_t n_layers; /* 1 for embedding and head */
    double seconds;
    struct model_work work;
};
enum { MODEL_PROFILE_MAX_ROWS = 64 };

/* In the order of the stages; returns how many. Kinds past the last row are added to it. */
size_t model_profile_rows(const struct model_profile *profile,
                          struct model_profile_row rows[MODEL_PROFILE_MAX_ROWS]);

/* For forward.c: a pass begins; a stage ends. */
void model_profile_begin(struct model_profile *profile, const struct model_segment *segments,
                         size_t n_segments);
void model_profile_record(struct model_profile *profile, enum model_stage stage, uint32_t il);

static inline void model_profile_mark(struct model_profile *profile, enum model_stage stage, uint32_t il)
{
    if (profile)
        model_profile_record(profile, stage, il);
}

#endif
