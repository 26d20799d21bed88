/* SPDX-License-Identifier: MIT */
#include "web/http/http_guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Cuts "name:port" or "[address]:port"; the port is 80 where there is none. False if it is neither. */
static bool split_host(const char *host, char *name, size_t size, unsigned *port)
{
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (len == 0 || len >= size || len > strlen(host) || strcspn(host, " \t/\\@?#,\"<>") != strlen(host))
        return false;
    memcpy(name, host, len);
    name[len] = 0;
    *port = 80;
    const char *rest = host + len;
    if (!*rest)
        return true;
    size_t digits = strspn(rest + 1, "0123456789");
    if (*rest != ':' || digits == 0 || digits > 5 || rest[1 + digits])
        return false;
    *port = (unsigned)strtoul(rest + 1, NULL, 10);
    return *port <= 65535;
}

/* Addresses cannot be rebound, so all that mean this machine are fine. */
static bool is_own_name(const char *name)
{
    struct in_addr address;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
           (inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

enum status http_guard_host(const char *host, bool loopback, unsigned port, struct err *err)
{
    char name[256];
    unsigned host_port;
    if (!host || !split_host(host, name, sizeof name, &host_port))
        return err_set(err, STATUS_FORMAT, "The request has no usable Host header.");
    if (!loopback)
        return STATUS_OK;
    if (is_own_name(name) && host_port == port)
        return STATUS_OK;
    return err_set(err, STATUS_ARGUMENT,
                   "This server runs for this machine only and does not answer under the name %.100s. "
                   "Open http://localhost:%u instead, or start it with --host to serve others.",
                   host, port);
}

enum status http_guard_origin(const char *host, const char *origin, const char *fetch_site, struct err *err)
{
    if (fetch_site && strcasecmp(fetch_site, "same-origin") != 0 && strcasecmp(fetch_site, "none") != 0)
        return err_set(err, STATUS_ARGUMENT, "Another site sent this request; it was not carried out.");
    if (!origin)
        return STATUS_OK;
    const char *rest = strncasecmp(origin, "http://", 7) == 0    ? origin + 7
                       : strncasecmp(origin, "https://", 8) == 0 ? origin + 8
                                                                 : NULL;
    if (!rest || strcasecmp(rest, host) != 0)
        return err_set(err, STATUS_ARGUMENT,
                       "A page of another site (%.100s) sent this request; it was not carried out.", origin);
    return STATUS_OK;
}
