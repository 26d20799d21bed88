/* SPDX-License-Identifier: MIT */
/* The listening socket is made here rather than by the library, so that what goes wrong can be said in one
 * line. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web/http/http_internal.h"

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
        return 0;
    struct sockaddr_in v4; /* the port is at the same place in both families */
    memcpy(&v4, &bound, sizeof v4);
    return ntohs(v4.sin_port);
}

static enum status bind_error(int error, const char *host, unsigned port, struct err *err)
{
    if (error == EADDRINUSE)
        return err_set(err, STATUS_IO,
                       "port %u on %s is in use by another program; choose another with --port", port, host);
    if (error == EACCES)
        return err_set(err, STATUS_IO, "port %u is reserved for root; choose one above 1023 with --port",
                       port);
    if (error == EADDRNOTAVAIL)
        return err_set(err, STATUS_IO, "%s is no address of this machine; choose another with --host", host);
    return err_errno(err, error, "cannot listen on %s port %u", host, port);
}

enum status http_listen(const char *host, unsigned port, int *fd, unsigned *bound_port, bool *loopback,
                        struct err *err)
{
    bool any = !*host || strcmp(host, "*") == 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_family = any ? AF_INET : AF_UNSPEC};
    struct addrinfo *addresses = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int failed = getaddrinfo(any ? NULL : host, service, &hints, &addresses);
    if (failed)
        return err_set(err, STATUS_ARGUMENT, "cannot use the host %s: %s", host, gai_strerror(failed));

    int one = 1;
    int s = socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool bound = s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                 bind(s, addresses->ai_addr, addresses->ai_addrlen) == 0 && listen(s, 256) == 0;
    int error = errno;
    *loopback = is_loopback(addresses->ai_addr);
    freeaddrinfo(addresses);
    if (!bound) {
        if (s >= 0)
            close(s);
        return bind_error(error, any ? "every address" : host, port, err);
    }
    *fd = s;
    *bound_port = port_of(s);
    return STATUS_OK;
}
