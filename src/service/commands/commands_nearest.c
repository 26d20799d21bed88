/* SPDX-License-Identifier: MIT */
/*
 * Near is a name that begins like what was typed, or the other way round ("/regen", "/temperature"), or one
 * that a slip or two turn into it: a letter too many, too few or wrong, or two neighbours swapped. For short
 * names one slip is the most, or everything would be near.
 */
#include "service/commands/commands_nearest.h"

#include "service/commands/commands.h"

#define NAME_MAX_LENGTH 24 /* with its slash; what is longer is nobody's slip */
#define BEGINNING_MIN 4    /* "/reg": letters in common that mean a beginning */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment distance, by the textbook's table of prefixes, of which three rows are needed. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][NAME_MAX_LENGTH + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            row[j] = least(above[j - 1] + (a.data[i - 1] != b.data[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[b.len];
}

const char *commands_nearest(struct str name)
{
    const char *nearest = NULL;
    size_t best = name.len > 5 ? 3 : 2; /* one slip more than is near */
    for (size_t i = 0; i < commands_count && name.len <= NAME_MAX_LENGTH; i++) {
        struct str known = str_of(commands_table[i].name);
        bool begins = least(name.len, known.len) >= BEGINNING_MIN &&
                      (str_starts_with(known, name) || str_starts_with(name, known));
        size_t slips = begins ? 0 : distance(name, known);
        if (slips < best) {
            best = slips;
            nearest = commands_table[i].name;
        }
    }
    return nearest;
}
