/* SPDX-License-Identifier: MIT */
/*
 * chat_settings.h - what a person can set, for all of a session's chats or for one: one table, which the
 * settings page, the commands and the checks read.
 *
 * Values are texts, as a form sends them and the store keeps them: a number in decimal, "on" or "off", one of
 * the choices, any text. A setting that nobody set has the server's value.
 *
 * Threads: settings belong to whoever read them; the table is constant.
 */
#ifndef CHAT_CHAT_SETTINGS_H
#define CHAT_CHAT_SETTINGS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "inference/engine/engine.h"
#include "service/store/store.h"

enum chat_setting {
    CHAT_TEMPERATURE,
    CHAT_TOP_P,
    CHAT_TOP_K,
    CHAT_MIN_P,
    CHAT_REPEAT_PENALTY,
    CHAT_MAX_TOKENS,
    CHAT_SYSTEM,
    CHAT_THINKING,
    CHAT_FOLLOW_UPS,
    CHAT_THEME,
    CHAT_SETTINGS
};

enum chat_setting_kind { CHAT_NUMBER, CHAT_WHOLE_NUMBER, CHAT_SWITCH, CHAT_CHOICE, CHAT_TEXT };

struct chat_setting_entry {
    const char *name, *group, *label, *help;
    enum chat_setting_kind kind;
    double minimum, maximum, step; /* of numbers; a text has at most `maximum` bytes */
    const char *choices;           /* "light dark system", or NULL */
};

extern const struct chat_setting_entry chat_settings_table[CHAT_SETTINGS];

struct chat_settings {
    struct buf value[CHAT_SETTINGS];
};

/* What holds while nobody set anything. */
struct chat_defaults {
    struct sampler_params sampling;
    uint32_t max_tokens; /* of a reply; 0: as many as fit */
    const char *system;  /* or NULL: the model's own */
};

/* Index of a name, or CHAT_SETTINGS. */
enum chat_setting chat_settings_find(struct str name);

/* STATUS_ARGUMENT with a sentence for the person. */
enum status chat_settings_check(enum chat_setting which, struct str value, struct err *err);

/* The settings of a chat, or with chat 0 of the session; without a session (0) the defaults. The caller frees
 * them, also after a failure. */
enum status chat_settings_read(struct store *store, uint64_t session, uint64_t chat,
                               const struct chat_defaults *defaults, struct chat_settings *out,
                               struct err *err);
void chat_settings_free(struct chat_settings *settings);

double chat_settings_number(const struct chat_settings *settings, enum chat_setting which);
bool chat_settings_on(const struct chat_settings *settings, enum chat_setting which);
const char *chat_settings_text(const struct chat_settings *settings, enum chat_setting which);

/* With the seed of the defaults. */
struct sampler_params chat_settings_sampling(const struct chat_settings *settings,
                                             const struct chat_defaults *defaults);

#endif
