/* Replaces the name resolution of the C library, through LD_PRELOAD. It knows one name, the one in NAMES_KNOWN, which
 * is this machine. After NAMES_FOUND lookups the name is no longer found; NAMES_THEN sets the error. Each lookup is
 * logged in the file NAMES_LOOKS. A lookup of another name ends the process with a signal. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int find(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static const char *variable(const char *name) {
    const char *value = getenv(name);
    if (value == NULL)
        abort();
    return value;
}

static void note(void) {
    int file = open(variable("NAMES_LOOKS"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || write(file, ".", 1) != 1)
        abort();
    close(file);
}

static int fail(const char *how) {
    if (strcmp(how, "unknown") == 0)
        return EAI_NONAME;
    if (strcmp(how, "no address") == 0)
        return EAI_NODATA;
    if (strcmp(how, "later") == 0)
        return EAI_AGAIN;
    if (strcmp(how, "failed") == 0)
        return EAI_FAIL;
    if (strcmp(how, "silence") == 0)
        for (;;)
            pause();
    abort();
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    static atomic_long looks;
    if (node == NULL || strcmp(node, variable("NAMES_KNOWN")) != 0) {
        fprintf(stderr, "looked for %s\n", node == NULL ? "nothing" : node);
        abort();
    }
    note();
    if (atomic_fetch_add(&looks, 1) >= atol(variable("NAMES_FOUND")))
        return fail(variable("NAMES_THEN"));
    find *real = (find *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (real == NULL)
        abort();
    return real("127.0.0.1", service, hints, found);
}
