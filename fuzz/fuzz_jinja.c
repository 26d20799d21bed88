/* SPDX-License-Identifier: MIT */
/*
 * fuzz_jinja.c - libFuzzer on the template engine: the bytes are a chat template, rendered over a
 * conversation that has a value of every kind. Whatever they are, it ends in text or in one message.
 * JINJA_MAX_STEPS bounds the time, so run it with a -timeout of a minute, not of a second.
 */
#include <stdlib.h>

#include "jinja/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", \"content\": "
    "\"<a> "
    "\\u00e9\\n\"}, {\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"x\"}], "
    "\"tool_calls\": "
    "[{\"function\": {\"name\": \"f\", \"arguments\": {\"n\": 1.5}}}]}], \"tools\": null, "
    "\"add_generation_prompt\": true, \"bos_token\": \"<s>\", \"x\": -3}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *context; /* kept for the next input */
    struct str source = {(const char *)data, size};
    struct jinja_template *template;
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    if (!context && !(context = json_loads(conversation, 0, NULL)))
        abort();
    if (jinja_compile(&jinja_chat_options, source, NULL, &template, &err) == STATUS_OK) {
        enum status status = jinja_render(template, context, 0, &out, &err);
        if (status != err.code || (status && out.len))
            abort();
    }
    if (strchr(err.text, '\n'))
        abort();
    jinja_free(template);
    buf_free(&out);
    return 0;
}
