/* SPDX-License-Identifier: MIT */
/* try.h - forwards a failure, in functions that return a status and have nothing to clean up. */
#ifndef JINJA_TRY_H
#define JINJA_TRY_H

#include "base/err.h"

#define TRY(expression) \
    do { \
        enum status try_ = (expression); \
        if (try_) \
            return try_; \
    } while (0)

#endif
