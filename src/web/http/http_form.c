/* SPDX-License-Identifier: MIT */
#include "web/http/http_form.h"

#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum status decode(struct str text, size_t base, struct buf *out, struct err *err)
{
    size_t plain = 0; /* start of bytes that stand for themselves */
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c != '%' && c != '+')
            continue;
        buf_append(out, text.data + plain, i - plain);
        if (c == '+') {
            buf_append_char(out, ' ');
        } else {
            bool room = text.len - i > 2;
            int high = room ? hex_digit(text.data[i + 1]) : -1, low = room ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return err_at_byte(err, STATUS_FORMAT, base + i,
                                   "the form is malformed: %% needs two hexadecimal digits behind it");
            buf_append_char(out, (char)(high << 4 | low));
            i += 2;
        }
        plain = i + 1;
    }
    buf_append(out, text.data + plain, text.len - plain);
    return out->failed ? err_no_memory(err, "reading a form") : STATUS_OK;
}

enum status http_form_field(struct str form, const char *name, struct buf *out, bool *found, struct err *err)
{
    *found = false;
    enum status status = STATUS_OK;
    struct buf key = BUF_INIT;
    for (size_t at = 0; at < form.len && !*found && status == STATUS_OK;) {
        const char *begin = form.data + at;
        const char *end = memchr(begin, '&', form.len - at);
        size_t len = end ? (size_t)(end - begin) : form.len - at;
        const char *equals = memchr(begin, '=', len);
        size_t key_len = equals ? (size_t)(equals - begin) : len;
        buf_clear(&key);
        status = decode((struct str){begin, key_len}, at, &key, err);
        if (status == STATUS_OK && str_equal_c(buf_str(&key), name)) {
            *found = true;
            if (equals)
                status = decode((struct str){equals + 1, len - key_len - 1}, at + key_len + 1, out, err);
        }
        at += len + 1;
    }
    buf_free(&key);
    return status;
}

bool http_form_is_type(const char *content_type)
{
    static const char form[] = "application/x-www-form-urlencoded";
    size_t len = sizeof form - 1;
    return content_type && strncasecmp(content_type, form, len) == 0 &&
           (content_type[len] == 0 || content_type[len] == ';' || content_type[len] == ' ');
}
