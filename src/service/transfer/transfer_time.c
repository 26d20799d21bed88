/* SPDX-License-Identifier: MIT */
/* transfer_time.c - times in files: one form for programs, to the millisecond, and one for people. */
#include <stdio.h>
#include <time.h>

#include "service/transfer/transfer_internal.h"

#define MS_LAST 253402300799999 /* 9999-12-31T23:59:59.999Z */

static void write_time(int64_t ms, const char *between, char out[TRANSFER_TIME_MAX])
{
    ms = ms < 0 ? 0 : ms > MS_LAST ? MS_LAST : ms;
    time_t seconds = (time_t)(ms / 1000);
    struct tm date;
    gmtime_r(&seconds, &date);
    size_t n = strftime(out, TRANSFER_TIME_MAX, "%Y-%m-%d", &date);
    n += (size_t)snprintf(out + n, TRANSFER_TIME_MAX - n, "%s", between);
    strftime(out + n, TRANSFER_TIME_MAX - n, "%H:%M:%S", &date);
}

void transfer_time_exact(int64_t ms, char out[TRANSFER_TIME_MAX])
{
    char fraction[8];
    write_time(ms, "T", out);
    snprintf(fraction, sizeof fraction, ".%03dZ", ms < 0 ? 0 : ms > MS_LAST ? 999 : (int)(ms % 1000));
    strcat(out, fraction);
}

void transfer_time_people(int64_t ms, char out[TRANSFER_TIME_MAX])
{
    write_time(ms, " ", out);
    strcat(out, " UTC");
}

/* Reads numbers where the pattern has digits; everything else must be the same. */
static bool matches(struct str text, const char *pattern, int numbers[7])
{
    size_t n = 0;
    if (text.len != strlen(pattern))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool digit = c >= '0' && c <= '9', wanted = pattern[i] == '0';
        if (wanted != digit || (!wanted && c != pattern[i]))
            return false;
        if (digit)
            numbers[n] = 10 * numbers[n] + (c - '0');
        else
            n += i + 1 < text.len && pattern[i + 1] == '0';
    }
    return true;
}

bool transfer_time_read(struct str text, int64_t *ms)
{
    int exact[7] = {0}, people[7] = {0}; /* year, month, day, hour, minute, second, thousandth */
    const int *n = matches(text, "0000-00-00T00:00:00.000Z", exact)   ? exact
                   : matches(text, "0000-00-00 00:00:00 UTC", people) ? people
                                                                      : NULL;
    if (!n || n[0] < 1970)
        return false;
    struct tm date = {.tm_year = n[0] - 1900,
                      .tm_mon = n[1] - 1,
                      .tm_mday = n[2],
                      .tm_hour = n[3],
                      .tm_min = n[4],
                      .tm_sec = n[5]};
    struct tm normal = date;
    time_t seconds = timegm(&normal);
    *ms = (int64_t)seconds * 1000 + n[6];
    return normal.tm_mon == date.tm_mon && normal.tm_mday == date.tm_mday && normal.tm_hour == date.tm_hour &&
           normal.tm_min == date.tm_min && normal.tm_sec == date.tm_sec;
}
