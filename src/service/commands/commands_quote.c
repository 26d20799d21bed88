/* SPDX-License-Identifier: MIT */
/* The Gospel according to John, chapter 1, verses 1 to 14, in the King James version (1769 text, public
 * domain). */
#include "service/commands/commands_quote.h"

const char commands_quote_title[] = "John 1:1\xe2\x80\x93"
                                    "14 (King James)";

const char *const commands_quote_verses[] = {
    "In the beginning was the Word, and the Word was with God, and the Word was God.",
    "The same was in the beginning with God.",
    "All things were made by him; and without him was not any thing made that was made.",
    "In him was life; and the life was the light of men.",
    "And the light shineth in darkness; and the darkness comprehended it not.",
    "There was a man sent from God, whose name was John.",
    "The same came for a witness, to bear witness of the Light, that all men through him might believe.",
    "He was not that Light, but was sent to bear witness of that Light.",
    "That was the true Light, which lighteth every man that cometh into the world.",
    "He was in the world, and the world was made by him, and the world knew him not.",
    "He came unto his own, and his own received him not.",
    "But as many as received him, to them gave he power to become the sons of God, even to them that believe "
    "on his name:",
    "Which were born, not of blood, nor of the will of the flesh, nor of the will of man, but of God.",
    "And the Word was made flesh, and dwelt among us, (and we beheld his glory, the glory as of the only "
    "begotten of the Father,) full of grace and truth.",
};
const size_t commands_quote_count = sizeof commands_quote_verses / sizeof *commands_quote_verses;
