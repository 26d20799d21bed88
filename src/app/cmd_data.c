/* SPDX-License-Identifier: MIT */
/*
 * cmd_data.c - notso data: whether the chats' file is sound, a copy of it, and the room that deleted chats
 * took.
 *
 * check and backup work while a server has the file open.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/data_folder.h"
#include "app/options.h"
#include "service/store/store.h"

static int check(const struct command *self, const char *path)
{
    struct store_report report;
    struct err err = ERR_INIT;
    if (store_check(path, &report, &err) != STATUS_OK)
        return fail(self, &err);
    printf("%s: format %" PRIu32 ", %.1f MB\n", path, report.version, (double)report.bytes / 1e6);
    printf("%" PRIu64 " sessions, %" PRIu64 " chats, %" PRIu64 " messages, %" PRIu64 " deleted messages\n",
           report.n_sessions, report.n_chats, report.n_messages, report.n_deleted);
    bool sound = report.faults.len == 0;
    printf("%s", sound ? "sound\n" : buf_text(&report.faults));
    buf_free(&report.faults);
    if (sound)
        return EXIT_OK;
    err_set(&err, STATUS_FORMAT, "%s is damaged: keep a copy, and bring back a backup", path);
    return fail(self, &err);
}

static int backup(const struct command *self, const char *path, const char *to)
{
    struct err err = ERR_INIT;
    if (store_backup(path, to, &err) != STATUS_OK)
        return fail(self, &err);
    printf("%s\n", to);
    return EXIT_OK;
}

static int vacuum(const struct command *self, const char *path)
{
    struct err err = ERR_INIT;
    if (store_vacuum(path, &err) != STATUS_OK)
        return fail(self, &err);
    return check(self, path);
}

int cmd_data(const struct command *self, int argc, char **argv)
{
    const char *folder = NULL, *words[2] = {NULL, NULL};
    const struct option options[] = {DATA_OPTION(folder)};
    int exit_code;
    size_t n_words;
    struct err err = ERR_INIT;
    struct buf path = BUF_INIT;
    if (!options_parse(self, options, sizeof options / sizeof *options, argc, argv, words, 2, &n_words,
                       &exit_code))
        return exit_code;
    const char *what = n_words > 0 ? words[0] : "";
    bool is_backup = strcmp(what, "backup") == 0;
    if ((!is_backup && strcmp(what, "check") != 0 && strcmp(what, "vacuum") != 0) ||
        n_words != (is_backup ? 2 : 1)) {
        fprintf(stderr, "notso data: usage: notso data %s\n", self->usage);
        return EXIT_USAGE;
    }
    if (data_folder_find(folder, DATA_CHATS, &path, &err) != STATUS_OK)
        exit_code = fail(self, &err);
    else if (is_backup)
        exit_code = backup(self, buf_text(&path), words[1]);
    else
        exit_code = strcmp(what, "check") == 0 ? check(self, buf_text(&path)) : vacuum(self, buf_text(&path));
    buf_free(&path);
    return exit_code;
}
