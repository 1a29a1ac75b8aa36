// Loaded before the C library (LD_PRELOAD), this makes a sick disk of the one that keeps a
// database: what the file named by JE_DISK_FAULT says at the moment happens to every write to a
// *.sqlite file and what stands beside it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int of_database(int file) {
  char link[64];
  char name[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, name, sizeof name - 1);
  if (length <= 0) return 0;
  name[length] = '\0';
  return strstr(name, ".sqlite") != NULL;
}

static int told(const char* word) {
  const char* place = getenv("JE_DISK_FAULT");
  if (place == NULL) return 0;
  const int file = open(place, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[32] = {0};
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  return length > 0 && strncmp(text, word, strlen(word)) == 0;
}

// The error of a write; 0: it may go on.
static int trouble(int file) {
  if (!of_database(file)) return 0;
  if (told("read-only")) return EROFS;
  if (told("full")) return ENOSPC;
  if (told("failing")) return EIO;
  return 0;
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "pwrite64");
  const int error = trouble(file);
  if (error == 0) return real(file, bytes, count, at);
  errno = error;
  return -1;
}

int fdatasync(int file) {
  static int (*real)(int);
  if (real == NULL) *(void**)&real = dlsym(RTLD_NEXT, "fdatasync");
  while (told("hanging") && of_database(file)) poll(NULL, 0, 5);
  if (of_database(file) && told("no-sync")) {
    errno = EIO;
    return -1;
  }
  return real(file);
}
