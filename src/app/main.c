/* SPDX-License-Identifier: MIT */
/*
 * main.c - the table of subcommands. Each is one function in a file of its own, cmd_NAME.c, with a table of
 * options.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/options.h"

static const struct command commands[] = {
    {"serve", "[options]", "Serves the chat page and keeps the chats.", cmd_serve},
    {"chat", "[options]", "Chats in the terminal, on the same engine as the page.", cmd_chat},
    {"data", "check | backup FILE | vacuum", "Looks after the file that the chats are kept in.", cmd_data},
    {"run", "-m FILE -p TEXT [options]", "Writes one reply to standard output.", cmd_run},
    {"inspect", "FILE [--json]", "Shows what is in a GGUF file, and what of it will be used and why.",
     cmd_inspect},
    {"tokenize", "-m FILE [--special] [--json] [--decode] < text",
     "Turns text into token ids, or ids into text.", cmd_tokenize},
    {"render", "TEMPLATE.jinja CONTEXT.json", "Renders a chat template.", cmd_render},
    {"perplexity", "-m FILE -f TEXT [options]", "Measures how well a model predicts a text.", cmd_perplexity},
    {"logits", "-m FILE (-p TEXT | --ids \"1 2 3\" | --ids-file FILE) -o OUT.npy [options]",
     "Writes the logits of every position, float32 [n_tokens, n_vocab].", cmd_logits},
    {"bench", "-m FILE [options]", "Measures prefill and decode speed.", cmd_bench},
    {"synth", "--shape NAME [options] OUT.gguf", "Makes a model file with random weights.", cmd_synth},
    {"quantize", "IN.gguf OUT.gguf TYPE", "Rewrites a model file in another tensor type.", cmd_quantize},
};

static void print_commands(FILE *out)
{
    fprintf(out, "NotSo-SmolLM3 Bot %s: a private chatbot server\n\nusage: notso COMMAND [options]\n\n",
            NOTSO_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\nnotso COMMAND --help shows a command's options; notso --version the version.\n");
}

/* A result that could not be written is no success: a full disk, a closed pipe. */
static int check_output(int exit_code)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code == EXIT_OK) {
        fprintf(stderr, "notso: cannot write to standard output: %s\n", strerror(errno));
        return EXIT_ERROR;
    }
    return exit_code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_commands(stdout);
        return check_output(argc > 1 ? EXIT_OK : EXIT_USAGE);
    }
    if (strcmp(name, "--version") == 0) {
        printf("notso %s\n", NOTSO_VERSION);
        return check_output(EXIT_OK);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(name, commands[i].name) == 0)
            return check_output(commands[i].run(&commands[i], argc - 1, argv + 1));
    fprintf(stderr, "notso: no command '%s'; notso --help lists them\n", name);
    return EXIT_USAGE;
}
