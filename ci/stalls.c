/* Makes threads stall where they allocate: finds tests, and code, that count on one of them being the quicker.
 *
 * docs/testing.md says how it is used. For glibc.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void __libc_free(void *);

/* The kinds of threads: one allocation in `period` stalls for at most `longest` microseconds. */
static const struct kind {
  unsigned period, longest;
} kinds[] = {{30, 20000}, {400, 200000}, {4000, 20000}, {4000, 20000}};

/* A thread that stalled so often stalls half as often from then on, or loading a vocabulary would take minutes. */
enum { TIRED = 60 };

static __thread uint64_t random_state;
static __thread struct kind kind;
static __thread unsigned stalls;

/* Addresses of libstdc++, through which llama.cpp and ONNX Runtime allocate: calls from there do not stall. */
static uintptr_t cxx_begin, cxx_end;

static int find_cxx(struct dl_phdr_info *library, size_t size, void *unused) {
  (void)size, (void)unused;
  if (!strstr(library->dlpi_name, "libstdc++"))
    return 0;
  cxx_begin = UINTPTR_MAX;
  for (int i = 0; i < library->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &library->dlpi_phdr[i];
    if (part->p_type != PT_LOAD)
      continue;
    uintptr_t begin = library->dlpi_addr + part->p_vaddr, end = begin + part->p_memsz;
    cxx_begin = begin < cxx_begin ? begin : cxx_begin;
    cxx_end = end > cxx_end ? end : cxx_end;
  }
  return 1;
}

__attribute__((constructor)) static void start(void) { dl_iterate_phdr(find_cxx, NULL); }

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  return random_state ^= random_state << 17;
}

static void meet(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  random_state = ((uint64_t)syscall(SYS_gettid) << 32 ^ (uint64_t)now.tv_nsec * 2654435761u) | 1;
  for (int i = 0; i < 5; i++)
    next_random();
  kind = kinds[next_random() % (sizeof kinds / sizeof *kinds)];
}

static void allocates(const void *caller) {
  if ((uintptr_t)caller >= cxx_begin && (uintptr_t)caller < cxx_end)
    return;
  if (!random_state)
    meet();
  if ((next_random() >> 20) % kind.period)
    return;
  if (++stalls % TIRED == 0)
    kind.period *= 2;
  struct timespec stall = {.tv_nsec = (long)((next_random() >> 20) % kind.longest) * 1000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &stall, NULL);
}

void *malloc(size_t size) {
  allocates(__builtin_return_address(0));
  return __libc_malloc(size);
}

void free(void *block) {
  allocates(__builtin_return_address(0));
  __libc_free(block);
}
