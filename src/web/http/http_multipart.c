/* SPDX-License-Identifier: MIT */
/*
 * http_multipart.c - multipart/form-data (RFC 7578), as browsers and curl send it: the body begins with the
 * boundary, every part has a Content-Disposition with a name, and nothing stands around the parts.
 */
#include <strings.h>

#include "web/http/http_form.h"

#define BOUNDARY_MAX 70 /* RFC 2046 */
#define PART_HEAD_MAX 8192
#define PARTS_MAX 100

static const char type[] = "multipart/form-data";

struct scanner {
    struct str body;
    size_t at;
    char delimiter[BOUNDARY_MAX + 5]; /* "\r\n--BOUNDARY", of which the first one lacks the line end */
    size_t delimiter_length;
    struct err *err;
};

static enum status fail(const struct scanner *s, const char *what)
{
    return err_at_byte(s->err, STATUS_FORMAT, s->at, "the form is malformed: %s", what);
}

bool http_form_is_multipart(const char *content_type)
{
    size_t len = sizeof type - 1;
    return content_type && strncasecmp(content_type, type, len) == 0 &&
           (content_type[len] == ';' || content_type[len] == ' ');
}

static bool equal_letters(struct str a, const char *b)
{
    return a.len == strlen(b) && strncasecmp(a.data, b, a.len) == 0;
}

static struct str trim(struct str text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct str){text.data + 1, text.len - 1};
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* The length of the text up to the next semicolon that stands in no quotation marks. */
static size_t parameter_length(struct str text)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < text.len && (quoted || text.data[i] != ';'); i++) {
        if (text.data[i] == '"')
            quoted = !quoted;
        else if (quoted && text.data[i] == '\\')
            i++;
    }
    return i < text.len ? i : text.len;
}

/* A parameter of a header's value, `form-data; name="file"`, without its quotation marks. */
static bool parameter(struct str header, const char *name, struct str *value)
{
    for (size_t at = parameter_length(header); at < header.len;) {
        struct str rest = {header.data + at + 1, header.len - at - 1};
        struct str item = trim((struct str){rest.data, parameter_length(rest)});
        at += 1 + parameter_length(rest);
        const char *equals = item.len > 0 ? memchr(item.data, '=', item.len) : NULL;
        if (!equals)
            continue;
        struct str key = trim((struct str){item.data, (size_t)(equals - item.data)});
        *value = trim((struct str){equals + 1, item.len - (size_t)(equals + 1 - item.data)});
        if (value->len >= 2 && value->data[0] == '"' && value->data[value->len - 1] == '"')
            *value = (struct str){value->data + 1, value->len - 2};
        if (equal_letters(key, name))
            return true;
    }
    return false;
}

static enum status open_scanner(struct scanner *s, const char *content_type)
{
    struct str boundary;
    if (!http_form_is_multipart(content_type) || !parameter(str_of(content_type), "boundary", &boundary) ||
        boundary.len == 0 || boundary.len > BOUNDARY_MAX)
        return err_set(s->err, STATUS_FORMAT, "the request is no form with a file in it");
    memcpy(s->delimiter, "\r\n--", 4);
    memcpy(s->delimiter + 4, boundary.data, boundary.len);
    s->delimiter_length = boundary.len + 4;
    struct str first = {s->delimiter + 2, s->delimiter_length - 2};
    if (!str_starts_with(s->body, first))
        return fail(s, "it does not begin with its boundary");
    s->at = first.len;
    return STATUS_OK;
}

static struct str rest_of(const struct scanner *s)
{
    return (struct str){s->body.data + s->at, s->body.len - s->at};
}

/* Behind a delimiter: true if it is the last one. */
static enum status read_delimiter_end(struct scanner *s, bool *last)
{
    struct str rest = rest_of(s);
    *last = str_equal_c(rest, "--") || str_equal_c(rest, "--\r\n");
    if (*last)
        return STATUS_OK;
    if (!str_starts_with(rest, STR_LITERAL("\r\n")))
        return fail(s, "a line should end here");
    s->at += 2;
    return STATUS_OK;
}

/* A line of a part's head, without its end. */
static enum status read_line(struct scanner *s, struct str *line)
{
    struct str rest = rest_of(s);
    size_t room = rest.len < PART_HEAD_MAX ? rest.len : PART_HEAD_MAX;
    const char *newline = room > 0 ? memchr(rest.data, '\n', room) : NULL;
    if (!newline || newline == rest.data || newline[-1] != '\r')
        return fail(s, "a part's head should go on here");
    *line = (struct str){rest.data, (size_t)(newline - 1 - rest.data)};
    s->at += line->len + 2;
    return STATUS_OK;
}

/* The head of a part, to the empty line behind it; the name that it gives the part, empty if none. */
static enum status read_head(struct scanner *s, struct str *name)
{
    static const char disposition[] = "Content-Disposition:";
    size_t begin = s->at, len = sizeof disposition - 1;
    struct str line = {NULL, 0};
    *name = (struct str){NULL, 0};
    enum status status;
    while ((status = read_line(s, &line)) == STATUS_OK && line.len > 0) {
        if (s->at - begin > PART_HEAD_MAX)
            return fail(s, "a part's head is too long");
        struct str value = {line.data + len, line.len - len};
        if (line.len > len && strncasecmp(line.data, disposition, len) == 0 &&
            !parameter(value, "name", name))
            *name = (struct str){NULL, 0};
    }
    return status;
}

/* What stands before the next delimiter, which is passed over too. */
static enum status read_value(struct scanner *s, struct str *value)
{
    size_t begin = s->at, n = s->delimiter_length;
    while (s->at + n <= s->body.len) {
        const char *found = memchr(s->body.data + s->at, '\r', s->body.len - s->at - n + 1);
        if (!found)
            break;
        s->at = (size_t)(found - s->body.data);
        if (memcmp(found, s->delimiter, n) == 0) {
            *value = (struct str){s->body.data + begin, s->at - begin};
            s->at += n;
            return STATUS_OK;
        }
        s->at++;
    }
    s->at = s->body.len;
    return fail(s, "it ends in the middle of a part");
}

enum status http_form_part(struct str body, const char *content_type, const char *name, struct str *value,
                           bool *found, struct err *err)
{
    struct scanner s = {.body = body, .err = err};
    bool last = false;
    *found = false;
    *value = (struct str){NULL, 0};
    enum status status = open_scanner(&s, content_type);
    for (int n = 0; status == STATUS_OK; n++) {
        struct str part_name, part;
        status = read_delimiter_end(&s, &last);
        if (status != STATUS_OK || last)
            break;
        if (n == PARTS_MAX)
            return fail(&s, "it has too many parts");
        status = read_head(&s, &part_name);
        if (status == STATUS_OK)
            status = read_value(&s, &part);
        if (status == STATUS_OK && !*found && part_name.data && str_equal_c(part_name, name)) {
            *found = true;
            *value = part;
        }
    }
    return status;
}
