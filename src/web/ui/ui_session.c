/* SPDX-License-Identifier: MIT */
/*
 * The session cookie: TOKEN.SIGNATURE, both in hexadecimal. The token is random; the signature
 * (HMAC-SHA-512-256 with the store's secret) tells a token of ours from one that somebody made up, before any
 * table is asked.
 */
#include <sodium.h>
#include <stdio.h>

#include "web/ui/ui_internal.h"

#define COOKIE "notso_session"
#define COOKIE_SECONDS (400 * 24 * 3600) /* the longest that browsers keep one */
#define SIGNATURE_LENGTH (2 * crypto_auth_BYTES)

_Static_assert(crypto_auth_KEYBYTES == 32, "the store's secret is the key");

static bool is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

static void sign(const struct ui *ui, const char token[UI_TOKEN_LENGTH + 1],
                 unsigned char signature[crypto_auth_BYTES])
{
    crypto_auth(signature, (const unsigned char *)token, UI_TOKEN_LENGTH, store_secret(ui->service->store));
}

static bool is_ours(const struct ui *ui, const char *cookie)
{
    unsigned char signature[crypto_auth_BYTES];
    if (strlen(cookie) != UI_TOKEN_LENGTH + 1 + SIGNATURE_LENGTH || !is_hex(cookie, UI_TOKEN_LENGTH) ||
        cookie[UI_TOKEN_LENGTH] != '.')
        return false;
    if (sodium_hex2bin(signature, sizeof signature, cookie + UI_TOKEN_LENGTH + 1, SIGNATURE_LENGTH, NULL,
                       NULL, NULL) != 0)
        return false;
    return crypto_auth_verify(signature, (const unsigned char *)cookie, UI_TOKEN_LENGTH,
                              store_secret(ui->service->store)) == 0;
}

void ui_session_token(const struct ui *ui, const struct http_request *request, struct http_response *response,
                      char token[UI_TOKEN_LENGTH + 1])
{
    const char *cookie = http_cookie(request, COOKIE);
    if (cookie && is_ours(ui, cookie)) {
        memcpy(token, cookie, UI_TOKEN_LENGTH);
        token[UI_TOKEN_LENGTH] = '\0';
        return;
    }
    unsigned char bytes[UI_TOKEN_LENGTH / 2], signature[crypto_auth_BYTES];
    char hex[SIGNATURE_LENGTH + 1];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(token, UI_TOKEN_LENGTH + 1, bytes, sizeof bytes);
    sign(ui, token, signature);
    sodium_bin2hex(hex, sizeof hex, signature, sizeof signature);
    http_response_header(response, "Set-Cookie", COOKIE "=%s.%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax",
                         token, hex, COOKIE_SECONDS);
}
