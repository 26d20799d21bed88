/* SPDX-License-Identifier: MIT */
#include "jinja/unicode.h"

#include "jinja/unicode_tables.h"

enum { CLASS_BITS = 11 };

unsigned jinja_unicode_class(uint32_t code)
{
    if (code > 0x10ffff)
        return 0;
    /* The last run that begins at or before `code`. */
    size_t low = 0, high = jinja_class_runs_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (jinja_class_runs[middle] >> CLASS_BITS <= code)
            low = middle;
        else
            high = middle;
    }
    return jinja_class_runs[low] & ((1u << CLASS_BITS) - 1);
}

static uint32_t convert_one(uint32_t code, const struct case_range *range, size_t count)
{
    for (size_t i = 0; i < count && range[i].first <= code; i++)
        if (code <= range[i].last && (code - range[i].first) % range[i].stride == 0)
            return (uint32_t)((int64_t)code + range[i].delta);
    return code;
}

size_t jinja_unicode_convert(uint32_t code, enum unicode_case to, uint32_t out[3])
{
    if (code >= 0x80) {
        for (size_t i = 0; i < jinja_case_specials_count; i++) {
            const struct case_special *special = &jinja_case_specials[i];
            if (special->code != code || special->to != to)
                continue;
            size_t n = 0;
            while (n < 3 && special->out[n]) {
                out[n] = special->out[n];
                n++;
            }
            return n;
        }
    }
    if (code > 0x10ffff)
        out[0] = code;
    else if (to == UNICODE_TO_LOWER)
        out[0] = convert_one(code, jinja_lower_ranges, jinja_lower_ranges_count);
    else
        out[0] = convert_one(code, jinja_upper_ranges, jinja_upper_ranges_count);
    return 1;
}
