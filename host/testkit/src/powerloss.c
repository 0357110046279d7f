/* Preloaded into a program under test: keeps a copy of the data that each fsync and fdatasync made durable, so that a test can discard
 * everything else, as a power loss may. POWERLOSS_ROOT is the tracked folder, POWERLOSS_KEPT the folder for the copies.
 *
 * Syncing a file keeps its content under the file's identity (inode and creation time); syncing a folder keeps its list of names.
 * A name is lost if its folder was not synced, and content is lost if its file was not synced. `powerloss.rs` restores the rest.
 * A process that may not open files, such as the confined signer, keeps nothing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void fail(const char *what) {
    dprintf(2, "powerloss: %s: %s\n", what, strerror(errno));
    abort();
}

static int identity(int folder, const char *name, int flags, char *id, size_t size, unsigned *mode) {
    struct statx now;
    if (statx(folder, name, flags, STATX_TYPE | STATX_INO | STATX_BTIME, &now) != 0) return -1;
    snprintf(id, size, "%llu-%lld-%u", (unsigned long long)now.stx_ino, (long long)now.stx_btime.tv_sec,
             now.stx_btime.tv_nsec);
    *mode = now.stx_mode;
    return 0;
}

static void put(int to, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(to, bytes, length);
        if (written < 0) {
            if (errno == EINTR) continue;
            fail("writing a copy");
        }
        bytes += written;
        length -= (size_t)written;
    }
}

/* Copies the content. The descriptor itself is read if possible: closing another descriptor of the same file would release the process's
 * locks on it, which SQLite needs. */
static void keep_content(int fd, int to) {
    int own = -1;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        own = open(link, O_RDONLY | O_CLOEXEC);
        if (own < 0) fail("reading what is synced");
    }
    char bytes[1 << 16];
    off_t at = 0;
    ssize_t got;
    while ((got = pread(own < 0 ? fd : own, bytes, sizeof bytes, at)) != 0) {
        if (got < 0) {
            if (errno == EINTR) continue;
            fail("reading what is synced");
        }
        put(to, bytes, (size_t)got);
        at += got;
    }
    if (own >= 0) close(own);
}

/* Lists the names in a folder, each with type and identity. */
static void keep_names(const char *path, int to) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        if (errno == ENOENT) return;
        fail(path);
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char id[96], line[NAME_MAX + 128];
        unsigned mode;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (identity(dirfd(folder), entry->d_name, AT_SYMLINK_NOFOLLOW, id, sizeof id, &mode) != 0) continue;
        char kind = S_ISDIR(mode) ? 'd' : S_ISREG(mode) ? 'f' : 'o';
        int length = snprintf(line, sizeof line, "%c %s %s\n", kind, id, entry->d_name);
        put(to, line, (size_t)length);
    }
    closedir(folder);
}

static void keep(int fd) {
    const char *root = getenv("POWERLOSS_ROOT"), *kept = getenv("POWERLOSS_KEPT");
    char link[64], path[PATH_MAX], id[96], new[PATH_MAX + 96], place[PATH_MAX + 96];
    unsigned mode;
    if (root == NULL || kept == NULL) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    size_t prefix = strlen(root);
    if (strncmp(path, root, prefix) != 0 || (path[prefix] != '/' && path[prefix] != 0)) return;
    if (identity(fd, "", AT_EMPTY_PATH, id, sizeof id, &mode) != 0) fail(path);
    if (!S_ISREG(mode) && !S_ISDIR(mode)) return;
    snprintf(new, sizeof new, "%s/new-%ld-%s", kept, (long)syscall(SYS_gettid), id);
    snprintf(place, sizeof place, "%s/%s", kept, id);
    int to = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) {
        if (errno == EPERM) return;
        fail(new);
    }
    if (S_ISREG(mode)) keep_content(fd, to);
    else keep_names(path, to);
    close(to);
    if (rename(new, place) != 0) fail(place);
}

static int synced(long call, int fd) {
    int result = (int)syscall(call, fd), error = errno;
    if (result == 0) keep(fd);
    errno = error;
    return result;
}

int fsync(int fd) { return synced(SYS_fsync, fd); }

int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }
