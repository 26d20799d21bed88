/* SPDX-License-Identifier: MIT */
#include "service/chat/chat_settings.h"

#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"

const struct chat_setting_entry chat_settings_table[CHAT_SETTINGS] = {
    [CHAT_TEMPERATURE] = {"temperature", "Sampling", "Temperature",
                          "How much chance there is in each word; 0 always takes the likeliest.", CHAT_NUMBER,
                          0, 2, 0.05, NULL},
    [CHAT_TOP_P] = {"top_p", "Sampling", "Top-p",
                    "Draws only from the likeliest words that make up this part.", CHAT_NUMBER, 0.01, 1, 0.01,
                    NULL},
    [CHAT_TOP_K] = {"top_k", "Sampling", "Top-k",
                    "Draws only from this many of the likeliest words; 0: from all.", CHAT_WHOLE_NUMBER, 0,
                    1000, 1, NULL},
    [CHAT_MIN_P] = {"min_p", "Sampling", "Min-p",
                    "Leaves out words that are less likely than this part of the likeliest one.", CHAT_NUMBER,
                    0, 1, 0.01, NULL},
    [CHAT_REPEAT_PENALTY] = {"repeat_penalty", "Sampling", "Repetition penalty",
                             "Above 1, words that were used lately become less likely.", CHAT_NUMBER, 1, 2,
                             0.01, NULL},
    [CHAT_MAX_TOKENS] = {"max_tokens", "Sampling", "Longest reply",
                         "In tokens; 0: as long as the context has room.", CHAT_WHOLE_NUMBER, 0, 131072, 1,
                         NULL},
    [CHAT_SYSTEM] = {"system", "Character", "System prompt",
                     "What the model is told before the conversation; empty: the model's own.", CHAT_TEXT, 0,
                     16384, 0, NULL},
    [CHAT_THINKING] = {"thinking", "Character", "Thinking", "Lets the model think before it answers.",
                       CHAT_SWITCH, 0, 0, 0, NULL},
    [CHAT_FOLLOW_UPS] = {"follow_ups", "Page", "Follow-up suggestions",
                         "Offers three short questions after a reply, made by the model in the background.",
                         CHAT_SWITCH, 0, 0, 0, NULL},
    [CHAT_THEME] = {"theme", "Page", "Theme", "Light, dark, or what the system has.", CHAT_CHOICE, 0, 0, 0,
                    "system light dark"},
};

enum chat_setting chat_settings_find(struct str name)
{
    enum chat_setting which = 0;
    while (which < CHAT_SETTINGS && !str_equal_c(name, chat_settings_table[which].name))
        which++;
    return which;
}

static bool is_word_of(const char *words, struct str value)
{
    while (words && *words) {
        size_t n = strcspn(words, " ");
        if (str_equal((struct str){words, n}, value))
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

/* Decimal numbers only: strtod knows hexadecimal ones, infinities and more. */
static bool parse_number(struct str value, bool whole, double *number)
{
    char text[32];
    if (value.len == 0 || value.len >= sizeof text)
        return false;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    char *end = text;
    if (strspn(text, whole ? "0123456789" : "0123456789.") != value.len || strcmp(text, ".") == 0)
        return false;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number);
}

enum status chat_settings_check(enum chat_setting which, struct str value, struct err *err)
{
    const struct chat_setting_entry *entry = &chat_settings_table[which];
    double number;
    switch (entry->kind) {
    case CHAT_NUMBER:
    case CHAT_WHOLE_NUMBER:
        if (!parse_number(value, entry->kind == CHAT_WHOLE_NUMBER, &number) || number < entry->minimum ||
            number > entry->maximum)
            return err_set(err, STATUS_ARGUMENT, "%s must be a %snumber from %g to %g, not '%.*s'.",
                           entry->label, entry->kind == CHAT_WHOLE_NUMBER ? "whole " : "", entry->minimum,
                           entry->maximum, (int)(value.len < 40 ? value.len : 40),
                           value.data ? value.data : "");
        return STATUS_OK;
    case CHAT_SWITCH:
    case CHAT_CHOICE:
        if (!is_word_of(entry->choices ? entry->choices : "on off", value))
            return err_set(err, STATUS_ARGUMENT, "%s must be one of: %s; not '%.*s'.", entry->label,
                           entry->choices ? entry->choices : "on off", (int)(value.len < 40 ? value.len : 40),
                           value.data ? value.data : "");
        return STATUS_OK;
    case CHAT_TEXT:
        break;
    }
    if ((double)value.len > entry->maximum)
        return err_set(err, STATUS_ARGUMENT, "%s is too long: %zu bytes, and %g is the most.", entry->label,
                       value.len, entry->maximum);
    if (!utf8_is_valid(value.data, value.len) || (value.len && memchr(value.data, '\0', value.len)))
        return err_set(err, STATUS_ARGUMENT, "%s must be text in UTF-8.", entry->label);
    return STATUS_OK;
}

/* What was set last counts: the chat's comes after the session's. A value that a newer program wrote, or a
 * hand in the file, is as if it were not there. */
static void take(void *user, const char *name, const char *value)
{
    struct chat_settings *settings = user;
    enum chat_setting which = chat_settings_find(str_of(name));
    if (which == CHAT_SETTINGS || chat_settings_check(which, str_of(value), NULL) != STATUS_OK)
        return;
    buf_clear(&settings->value[which]);
    buf_append_text(&settings->value[which], value);
}

static void take_defaults(const struct chat_defaults *defaults, struct chat_settings *out)
{
    const struct sampler_params *sampling = &defaults->sampling;
    const double numbers[] = {[CHAT_TEMPERATURE] = (double)sampling->temperature,
                              [CHAT_TOP_P] = (double)sampling->top_p,
                              [CHAT_TOP_K] = (double)sampling->top_k,
                              [CHAT_MIN_P] = (double)sampling->min_p,
                              [CHAT_REPEAT_PENALTY] = (double)sampling->repeat_penalty,
                              [CHAT_MAX_TOKENS] = (double)defaults->max_tokens};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        buf_printf(&out->value[i], "%.6g", numbers[i]);
    buf_append_text(&out->value[CHAT_SYSTEM], defaults->system ? defaults->system : "");
    buf_append_text(&out->value[CHAT_THINKING], "on");
    buf_append_text(&out->value[CHAT_FOLLOW_UPS], "on");
    buf_append_text(&out->value[CHAT_THEME], "system");
}

enum status chat_settings_read(struct store *store, uint64_t session, uint64_t chat,
                               const struct chat_defaults *defaults, struct chat_settings *out,
                               struct err *err)
{
    *out = (struct chat_settings){{BUF_INIT}};
    take_defaults(defaults, out);
    if (session) {
        enum status status = store_settings_read(store, session, chat, take, out, err);
        if (status != STATUS_OK)
            return status;
    }
    for (size_t i = 0; i < CHAT_SETTINGS; i++)
        if (out->value[i].failed)
            return err_no_memory(err, "reading settings");
    return STATUS_OK;
}

void chat_settings_free(struct chat_settings *settings)
{
    for (size_t i = 0; i < CHAT_SETTINGS; i++)
        buf_free(&settings->value[i]);
}

double chat_settings_number(const struct chat_settings *settings, enum chat_setting which)
{
    return strtod(buf_text(&settings->value[which]), NULL);
}

bool chat_settings_on(const struct chat_settings *settings, enum chat_setting which)
{
    return str_equal_c(buf_str(&settings->value[which]), "on");
}

const char *chat_settings_text(const struct chat_settings *settings, enum chat_setting which)
{
    return buf_text(&settings->value[which]);
}

struct sampler_params chat_settings_sampling(const struct chat_settings *settings,
                                             const struct chat_defaults *defaults)
{
    struct sampler_params sampling = defaults->sampling;
    sampling.temperature = (float)chat_settings_number(settings, CHAT_TEMPERATURE);
    sampling.top_p = (float)chat_settings_number(settings, CHAT_TOP_P);
    sampling.top_k = (uint32_t)chat_settings_number(settings, CHAT_TOP_K);
    sampling.min_p = (float)chat_settings_number(settings, CHAT_MIN_P);
    sampling.repeat_penalty = (float)chat_settings_number(settings, CHAT_REPEAT_PENALTY);
    return sampling;
}
