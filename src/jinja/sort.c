/* SPDX-License-Identifier: MIT */
#include "jinja/sort.h"

#include "jinja/text.h"

/* Merges two sorted runs. Of equal items the left one comes first, in reverse order too. */
static enum status merge(struct render *r, const struct sort_item *left, size_t n_left,
                         const struct sort_item *right, size_t n_right, bool reverse, struct sort_item *out)
{
    while (n_left && n_right) {
        int order;
        TRY(jinja_step(r, 1));
        TRY(reverse ? jinja_compare(r, left->key, right->key, &order)
                    : jinja_compare(r, right->key, left->key, &order));
        if (order == -1) {
            *out++ = *right++;
            n_right--;
        } else {
            *out++ = *left++;
            n_left--;
        }
    }
    memcpy(out, left, n_left * sizeof *out);
    memcpy(out + n_left, right, n_right * sizeof *out);
    return STATUS_OK;
}

enum status jinja_sort(struct render *r, struct sort_item *items, size_t count, bool reverse)
{
    struct sort_item *from = items, *to = jinja_allocate_array(r, count, sizeof *to);
    if (!to)
        return jinja_failure(r);
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t at = 0; at < count; at += 2 * run) {
            size_t left = run < count - at ? run : count - at;
            size_t right = left < count - at ? count - at - left : 0;
            right = right < run ? right : run;
            TRY(merge(r, from + at, left, from + at + left, right, reverse, to + at));
        }
        struct sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
    return STATUS_OK;
}

enum status jinja_sort_key(struct render *r, struct value v, struct value path, struct value fallback,
                           bool case_sensitive, struct value *out)
{
    TRY(jinja_path(r, v, path, fallback, out));
    if (case_sensitive || out->kind != VALUE_STRING)
        return STATUS_OK;
    struct builder b = jinja_builder(r);
    jinja_put_case(&b, out->text, TEXT_LOWER);
    return jinja_built_value(&b, out->safe, out);
}
