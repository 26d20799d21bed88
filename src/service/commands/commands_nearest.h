/* SPDX-License-Identifier: MIT */
/* commands_nearest.h - which command somebody meant who mistyped its name. */
#ifndef COMMANDS_COMMANDS_NEAREST_H
#define COMMANDS_COMMANDS_NEAREST_H

#include "base/str.h"

/* The name ("/help") in the table that is nearest to this one, or NULL if none is near. */
const char *commands_nearest(struct str name);

#endif
