/* Calls every function of the AXCL runtime that is known, and checks sizes, values and error codes.
 *
 *   abi LIBRARY no-card DIRECTORY    what a machine without driver answers; writes a file into DIRECTORY
 *   abi LIBRARY card MODEL [sum]     runs MODEL on the first card; with `sum`, its y must be x + mu
 *   abi LIBRARY strict MODEL         mistakes that the simulator alone answers in a known way, with the sum model
 *
 * LIBRARY is the path of libaxcl_rt.so: the simulator's, or the vendor's, whose dependencies are then loaded from
 * the same directory. Prints one line for each check; ends with 0 when all hold. Written from a description of the
 * ABI, without the vendor's headers and without this project's bindings. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void *handle;

typedef struct {
    uint32_t num;
    int32_t devices[256];
} device_list;

typedef struct {
    int32_t dim_count;
    int32_t dims[32];
} io_dims;

typedef struct {
    char sw_version[64];
    uint64_t uid;
    uint32_t pci_domain, pci_bus, pci_device;
    int32_t temperature;
    uint32_t total_mem, free_mem, total_cmm, free_cmm;
    uint32_t cpu_load, npu_load;
    uint32_t reserved[32];
} device_properties;

_Static_assert(sizeof(device_list) == 1028, "device list");
_Static_assert(sizeof(io_dims) == 132, "dimensions");
_Static_assert(sizeof(device_properties) == 240, "device properties");
_Static_assert(offsetof(device_properties, uid) == 64, "uid");
_Static_assert(offsetof(device_properties, pci_domain) == 72, "pci_domain");
_Static_assert(offsetof(device_properties, temperature) == 84, "temperature");
_Static_assert(offsetof(device_properties, total_mem) == 88, "total_mem");
_Static_assert(offsetof(device_properties, free_cmm) == 100, "free_cmm");
_Static_assert(offsetof(device_properties, cpu_load) == 104, "cpu_load");
_Static_assert(offsetof(device_properties, reserved) == 112, "reserved");

/* name, result, parameters; those after OPTIONAL are missing from older versions */
#define REQUIRED(F) \
    F(axclInit, int32_t, (const char *)) \
    F(axclFinalize, int32_t, (void)) \
    F(axclSetLogLevel, int32_t, (int32_t)) \
    F(axclrtGetVersion, int32_t, (int32_t *, int32_t *, int32_t *)) \
    F(axclrtGetSocName, const char *, (void)) \
    F(axclrtGetDeviceCount, int32_t, (uint32_t *)) \
    F(axclrtGetDeviceList, int32_t, (device_list *)) \
    F(axclrtSetDevice, int32_t, (int32_t)) \
    F(axclrtResetDevice, int32_t, (int32_t)) \
    F(axclrtGetDevice, int32_t, (int32_t *)) \
    F(axclrtSynchronizeDevice, int32_t, (void)) \
    F(axclrtCreateContext, int32_t, (handle *, int32_t)) \
    F(axclrtDestroyContext, int32_t, (handle)) \
    F(axclrtSetCurrentContext, int32_t, (handle)) \
    F(axclrtGetCurrentContext, int32_t, (handle *)) \
    F(axclrtMalloc, int32_t, (void **, size_t, int32_t)) \
    F(axclrtMallocCached, int32_t, (void **, size_t, int32_t)) \
    F(axclrtMemFlush, int32_t, (void *, size_t)) \
    F(axclrtMemInvalidate, int32_t, (void *, size_t)) \
    F(axclrtFree, int32_t, (void *)) \
    F(axclrtMallocHost, int32_t, (void **, size_t)) \
    F(axclrtFreeHost, int32_t, (void *)) \
    F(axclrtMemset, int32_t, (void *, uint8_t, size_t)) \
    F(axclrtMemcpy, int32_t, (void *, const void *, size_t, int32_t)) \
    F(axclrtMemcmp, int32_t, (const void *, const void *, size_t)) \
    F(axclrtCreateStream, int32_t, (handle *)) \
    F(axclrtDestroyStream, int32_t, (handle)) \
    F(axclrtDestroyStreamForce, int32_t, (handle)) \
    F(axclrtSynchronizeStream, int32_t, (handle)) \
    F(axclrtSynchronizeStreamWithTimeout, int32_t, (handle, int32_t)) \
    F(axclrtMemcpyAsync, int32_t, (void *, const void *, size_t, int32_t, handle)) \
    F(axclrtMemsetAsync, int32_t, (void *, uint8_t, size_t, handle)) \
    F(axclrtMemcmpAsync, int32_t, (const void *, const void *, size_t, handle)) \
    F(axclrtCreateEvent, int32_t, (handle *)) \
    F(axclrtDestroyEvent, int32_t, (handle)) \
    F(axclrtRecordEvent, int32_t, (handle, handle)) \
    F(axclrtStreamWaitEvent, int32_t, (handle, handle)) \
    F(axclrtStreamWaitEventWithTimeout, int32_t, (handle, handle, int32_t)) \
    F(axclrtEngineInit, int32_t, (int32_t)) \
    F(axclrtEngineGetVNpuKind, int32_t, (int32_t *)) \
    F(axclrtEngineFinalize, int32_t, (void)) \
    F(axclrtEngineLoadFromFile, int32_t, (const char *, uint64_t *)) \
    F(axclrtEngineLoadFromMem, int32_t, (const void *, uint64_t, uint64_t *)) \
    F(axclrtEngineUnload, int32_t, (uint64_t)) \
    F(axclrtEngineCreateContext, int32_t, (uint64_t, uint64_t *)) \
    F(axclrtEngineGetIOInfo, int32_t, (uint64_t, handle *)) \
    F(axclrtEngineDestroyIOInfo, int32_t, (handle)) \
    F(axclrtEngineGetShapeGroupsCount, int32_t, (handle, int32_t *)) \
    F(axclrtEngineGetNumInputs, uint32_t, (handle)) \
    F(axclrtEngineGetNumOutputs, uint32_t, (handle)) \
    F(axclrtEngineGetInputSizeByIndex, uint64_t, (handle, uint32_t, uint32_t)) \
    F(axclrtEngineGetOutputSizeByIndex, uint64_t, (handle, uint32_t, uint32_t)) \
    F(axclrtEngineGetInputNameByIndex, const char *, (handle, uint32_t)) \
    F(axclrtEngineGetOutputNameByIndex, const char *, (handle, uint32_t)) \
    F(axclrtEngineGetInputIndexByName, int32_t, (handle, const char *)) \
    F(axclrtEngineGetOutputIndexByName, int32_t, (handle, const char *)) \
    F(axclrtEngineGetInputDims, int32_t, (handle, uint32_t, uint32_t, io_dims *)) \
    F(axclrtEngineGetOutputDims, int32_t, (handle, uint32_t, uint32_t, io_dims *)) \
    F(axclrtEngineCreateIO, int32_t, (handle, handle *)) \
    F(axclrtEngineDestroyIO, int32_t, (handle)) \
    F(axclrtEngineSetInputBufferByIndex, int32_t, (handle, uint32_t, const void *, uint64_t)) \
    F(axclrtEngineSetOutputBufferByIndex, int32_t, (handle, uint32_t, const void *, uint64_t)) \
    F(axclrtEngineSetInputBufferByName, int32_t, (handle, const char *, const void *, uint64_t)) \
    F(axclrtEngineSetOutputBufferByName, int32_t, (handle, const char *, const void *, uint64_t)) \
    F(axclrtEngineGetInputBufferByIndex, int32_t, (handle, uint32_t, void **, uint64_t *)) \
    F(axclrtEngineGetOutputBufferByIndex, int32_t, (handle, uint32_t, void **, uint64_t *)) \
    F(axclrtEngineGetInputBufferByName, int32_t, (handle, const char *, void **, uint64_t *)) \
    F(axclrtEngineGetOutputBufferByName, int32_t, (handle, const char *, void **, uint64_t *)) \
    F(axclrtEngineSetDynamicBatchSize, int32_t, (handle, uint32_t)) \
    F(axclrtEngineExecute, int32_t, (uint64_t, uint64_t, uint32_t, handle)) \
    F(axclrtEngineExecuteAsync, int32_t, (uint64_t, uint64_t, uint32_t, handle, handle))

#define OPTIONAL(F) \
    F(axclrtGetFullVersion, const char *, (void)) \
    F(axclrtGetDeviceProperties, int32_t, (int32_t, device_properties *)) \
    F(axclrtRebootDevice, int32_t, (int32_t)) \
    F(axclrtGetDefaultContext, int32_t, (handle *, int32_t)) \
    F(axclrtEngineGetModelCompilerVersion, const char *, (uint64_t)) \
    F(axclrtEngineGetUsage, int32_t, (const char *, int64_t *, int64_t *)) \
    F(axclrtEngineGetUsageFromMem, int32_t, (const void *, uint64_t, int64_t *, int64_t *)) \
    F(axclrtEngineGetUsageFromModelId, int32_t, (uint64_t, int64_t *, int64_t *)) \
    F(axclrtEngineGetModelType, int32_t, (const char *, int32_t *)) \
    F(axclrtEngineGetModelTypeFromMem, int32_t, (const void *, uint64_t, int32_t *)) \
    F(axclrtEngineGetModelTypeFromModelId, int32_t, (uint64_t, int32_t *)) \
    F(axclrtEngineSetAffinity, int32_t, (uint64_t, uint32_t)) \
    F(axclrtEngineGetAffinity, int32_t, (uint64_t, uint32_t *)) \
    F(axclrtEngineGetInputDataType, int32_t, (handle, uint32_t, int32_t *)) \
    F(axclrtEngineGetOutputDataType, int32_t, (handle, uint32_t, int32_t *)) \
    F(axclrtEngineGetInputDataLayout, int32_t, (handle, uint32_t, int32_t *)) \
    F(axclrtEngineGetOutputDataLayout, int32_t, (handle, uint32_t, int32_t *))

#define DECLARE(name, result, parameters) static result (*name) parameters;
REQUIRED(DECLARE)
OPTIONAL(DECLARE)

enum { HOST_TO_HOST, HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE };
enum { FP32 = 15 };

/* The runtime writes its log to standard output: ours is a copy of it. */
static FILE *out;
static int failures;

static void check(int holds, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs(holds ? "ok   " : "FAIL ", out);
    vfprintf(out, format, arguments);
    fputc('\n', out);
    fflush(out);
    va_end(arguments);
    failures += !holds;
}

static void note(const char *what, const char *value) {
    fprintf(out, "note %s: %s\n", what, value ? value : "(none)");
}

static void skip(const char *function) { fprintf(out, "skip %s: not in this version\n", function); }

static void code(const char *call, int32_t result, uint32_t expected) {
    check((uint32_t)result == expected, "%s = 0x%08" PRIX32 " (0x%08" PRIX32 ")", call, (uint32_t)result, expected);
}

#define CODE(call, expected) code(#call, call, expected)
#define OK(call) code(#call, call, 0)
#define FAILS(call) check((call) != 0, "%s fails", #call)
#define IF(function, action) \
    do { \
        if (function) { \
            action; \
        } else { \
            skip(#function); \
        } \
    } while (0)

static void *open_library(const char *path) {
    static const char *const needed[] = {"libspdlog.so.1.14",    "libaxcl_logger.so",   "libaxcl_token.so",
                                         "libaxcl_pcie_msg.so", "libaxcl_pcie_dma.so", "libaxcl_comm.so",
                                         "libaxcl_pkg.so"};
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (library)
        return library;
    char *copy = strdup(path), *directory = dirname(copy);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", directory, needed[i]);
        dlopen(file, RTLD_LAZY | RTLD_LOCAL);
    }
    free(copy);
    return dlopen(path, RTLD_LAZY | RTLD_LOCAL);
}

static void find_functions(void *library) {
#define FIND(name, result, parameters) *(void **)&name = dlsym(library, #name);
#define FIND_REQUIRED(name, result, parameters) \
    FIND(name, result, parameters) \
    if (!name) { \
        check(0, "%s is exported", #name); \
        exit(1); \
    }
    REQUIRED(FIND_REQUIRED)
    OPTIONAL(FIND)
    check(1, "required functions are exported");
    check(!dlsym(library, "axclrtEngineDestroyContext"), "axclrtEngineDestroyContext is not exported");
    check(!dlsym(library, "axclrtEngineGetIOInfoByIndex"), "axclrtEngineGetIOInfoByIndex is not exported");
    check(!dlsym(library, "axclrtRegisterDeviceStatusCallback"), "axclrtRegisterDeviceStatusCallback is not exported");
}

static void check_version(void) {
    int32_t major = -1, minor = -1, patch = -1;
    OK(axclrtGetVersion(&major, &minor, &patch));
    char version[64];
    int length = snprintf(version, sizeof version, "V%d.%d.%d_", major, minor, patch);
    note("version", version);
    IF(axclrtGetFullVersion, {
        const char *full = axclrtGetFullVersion();
        check(full && !strncmp(full, version, length), "axclrtGetFullVersion() begins with %s", version);
    });
}

/* ---- without a card ---- */

static void check_no_devices(void) {
    uint32_t count = 77;
    OK(axclrtGetDeviceCount(&count));
    check(count == 0, "no device is counted");
    device_list list = {.num = 77, .devices = {-5}};
    OK(axclrtGetDeviceList(&list));
    check(list.num == 0 && list.devices[0] == -5, "no device is listed, and the rest is untouched");
}

#define THREADS 8
#define CALLS 2000

static void *many_calls(void *unused) {
    (void)unused;
    intptr_t wrong = 0;
    for (int i = 0; i < CALLS; i++) {
        void *memory;
        wrong += (uint32_t)axclrtMalloc(&memory, 16, 0) != 0x80300284;
    }
    return (void *)wrong;
}

static void check_threads(void) {
    pthread_t threads[THREADS];
    intptr_t wrong = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, many_calls, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        wrong += (intptr_t)result;
    }
    check(wrong == 0, "%d threads x %d calls answer alike", THREADS, CALLS);
}

static void check_fork(void) {
    fflush(out);
    pid_t child = fork();
    if (child == 0)
        _exit((uint32_t)axclrtSetDevice(0) == 0x80300184 ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a forked child gets the same code");
}

static void no_card(const char *directory) {
    check_version();
    const char *soc = axclrtGetSocName();
    check(soc && !strcmp(soc, "UNKNOWN"), "axclrtGetSocName() = UNKNOWN");
    check_no_devices();
    OK(axclFinalize());
    for (int i = 0; i < 3; i++)
        CODE(axclInit(NULL), 0x8030010B);
    check_no_devices();

    for (int32_t id = 0; id <= 129; id += 129) {
        handle context;
        CODE(axclrtSetDevice(id), 0x80300184);
        CODE(axclrtResetDevice(id), 0x80300184);
        CODE(axclrtCreateContext(&context, id), 0x80300184);
    }
    int32_t device;
    handle some;
    device_properties properties;
    CODE(axclrtGetDevice(&device), 0x80300185);
    IF(axclrtGetDefaultContext, CODE(axclrtGetDefaultContext(&some, 0), 0x80300183));
    IF(axclrtGetDeviceProperties, CODE(axclrtGetDeviceProperties(0, &properties), 0x80300180));

    void *memory = NULL, *somewhere = (void *)0x14926f000;
    char bytes[16] = "abc", copy[16] = "";
    int32_t kind;
    uint64_t id = 0;
    CODE(axclrtGetCurrentContext(&some), 0x80300284);
    CODE(axclrtMalloc(&memory, 16, 0), 0x80300284);
    CODE(axclrtFree(somewhere), 0x80300284);
    CODE(axclrtMemcpy(somewhere, bytes, sizeof bytes, HOST_TO_DEVICE), 0x80300284);
    CODE(axclrtCreateStream(&some), 0x80300284);
    CODE(axclrtEngineInit(0), 0x80300284);
    CODE(axclrtEngineGetVNpuKind(&kind), 0x80300284);
    CODE(axclrtEngineFinalize(), 0x80300284);
    CODE(axclrtEngineGetIOInfo(1, &some), 0x80300284);
    CODE(axclrtEngineCreateContext(1, &id), 0x80300284);
    CODE(axclrtEngineUnload(1), 0x80300284);

    CODE(axclrtSetCurrentContext(NULL), 0x80300202);
    CODE(axclrtDestroyContext(NULL), 0x80300202);
    CODE(axclrtDestroyStream(NULL), 0x80300302);
    CODE(axclrtSynchronizeStream(NULL), 0x80300302);
    CODE(axclrtFree(NULL), 0x80300502);

    OK(axclrtMallocHost(&memory, 16));
    OK(axclrtMemcpy(memory, bytes, sizeof bytes, HOST_TO_HOST));
    OK(axclrtMemcpy(copy, memory, sizeof bytes, HOST_TO_HOST));
    check(!memcmp(bytes, copy, sizeof bytes), "host memory holds what was copied");
    OK(axclrtFreeHost(memory));
    OK(axclrtSynchronizeDevice());

    char junk[4096], missing[4096];
    snprintf(junk, sizeof junk, "%s/junk.axmodel", directory);
    snprintf(missing, sizeof missing, "%s/missing.axmodel", directory);
    FILE *file = fopen(junk, "w");
    check(file && fputs("junk", file) >= 0 && fclose(file) == 0, "a junk file was written");
    CODE(axclrtEngineLoadFromFile(NULL, &id), 0x80300702);
    CODE(axclrtEngineLoadFromFile(missing, &id), 0x80300703);
    CODE(axclrtEngineLoadFromFile(junk, &id), 0x8030050C);
    CODE(axclrtEngineLoadFromMem(NULL, 16, &id), 0x80300703);
    int64_t system, cmm;
    IF(axclrtEngineGetUsage, CODE(axclrtEngineGetUsage(missing, &system, &cmm), 0x8030050C));

    CODE(axclrtEngineExecute(1, 1, 0, NULL), 0x80300702);
    CODE(axclrtEngineDestroyIO(NULL), 0x80300702);
    CODE(axclrtEngineDestroyIOInfo(NULL), 0x80300702);
    CODE((int32_t)axclrtEngineGetNumInputs(NULL), 0x80300702);
    check(axclrtEngineGetInputSizeByIndex(NULL, 0, 0) == 0xFFFFFFFF80300702, "a size of NULL is the extended code");
    check(axclrtEngineGetInputNameByIndex(NULL, 0) == NULL, "a name of NULL is NULL");
    check(axclrtEngineGetInputIndexByName(NULL, "x") < 0, "an index in NULL is negative");
    IF(axclrtEngineGetModelCompilerVersion,
       check(axclrtEngineGetModelCompilerVersion(1) == NULL, "the compiler version of no model is NULL"));

    check_threads();
    check_fork();
    CODE(axclInit(NULL), 0x8030010B);
    OK(axclFinalize());
    OK(axclFinalize());
}

/* ---- with a card ---- */

static void *no_context_here(void *unused) {
    (void)unused;
    void *memory;
    return (void *)(uintptr_t)(uint32_t)axclrtMalloc(&memory, 16, 0);
}

static void check_contexts(int32_t device) {
    handle context = NULL, first = NULL, second = NULL;
    OK(axclrtGetCurrentContext(&context));
    int32_t active = -1;
    OK(axclrtGetDevice(&active));
    check(active == device, "the active device is %d", device);
    IF(axclrtGetDefaultContext, {
        OK(axclrtGetDefaultContext(&first, device));
        check(first == context, "axclrtSetDevice binds the default context");
    });
    OK(axclrtCreateContext(&second, device));
    check(second != context, "an explicit context is another one");
    OK(axclrtGetCurrentContext(&first));
    check(first == second, "a new context is bound");
    OK(axclrtSetCurrentContext(context));
    OK(axclrtGetCurrentContext(&first));
    check(first == context, "a context can be bound again");
    OK(axclrtDestroyContext(second));

    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, no_context_here, NULL);
    pthread_join(thread, &result);
    code("axclrtMalloc on another thread", (int32_t)(uintptr_t)result, 0x80300284);
}

static void check_memory(void) {
    enum { SIZE = 4096 };
    unsigned char *host, heap[SIZE], back[SIZE];
    void *a, *b, *cached;
    for (int i = 0; i < SIZE; i++)
        heap[i] = i * 7;
    OK(axclrtMalloc(&a, SIZE, 0));
    OK(axclrtMalloc(&b, SIZE, 0));
    OK(axclrtMemset(a, 0xAB, SIZE));
    OK(axclrtMemcpy(back, a, SIZE, DEVICE_TO_HOST));
    check(back[0] == 0xAB && back[SIZE - 1] == 0xAB, "axclrtMemset fills device memory");
    OK(axclrtMemcpy(a, heap, SIZE, HOST_TO_DEVICE));
    OK(axclrtMemcpy(b, a, SIZE, DEVICE_TO_DEVICE));
    OK(axclrtMemcpy(back, b, SIZE, DEVICE_TO_HOST));
    check(!memcmp(heap, back, SIZE), "device memory holds what was copied");
    OK(axclrtMemcmp(a, b, SIZE));
    OK(axclrtMemset(b, 0, SIZE));
    FAILS(axclrtMemcmp(a, b, SIZE));

    OK(axclrtMallocHost((void **)&host, SIZE));
    OK(axclrtMemcpy(host, a, SIZE, DEVICE_TO_HOST));
    check(!memcmp(heap, host, SIZE), "pinned host memory works as the other");
    OK(axclrtMemcpy(back, host, SIZE, HOST_TO_HOST));
    OK(axclrtFreeHost(host));

    OK(axclrtMallocCached(&cached, SIZE, 0));
    OK(axclrtMemcpy(cached, heap, SIZE, HOST_TO_DEVICE));
    OK(axclrtMemFlush(cached, SIZE));
    OK(axclrtMemInvalidate(cached, SIZE));
    OK(axclrtFree(cached));
    OK(axclrtFree(b));
    OK(axclrtFree(a));
    CODE(axclrtFree(NULL), 0x80300502);
    /* Here real memory would be written, were it taken for the other kind: */
    FAILS(axclrtFree(heap));
    FAILS(axclrtMemcpy(heap, back, SIZE, HOST_TO_DEVICE));
    FAILS(axclrtMemcpy(heap, back, SIZE, DEVICE_TO_HOST));
}

static void check_streams(void) {
    enum { SIZE = 64 };
    handle first, second, event;
    void *a, *b;
    char heap[SIZE] = "text", back[SIZE] = "";
    OK(axclrtMalloc(&a, SIZE, 0));
    OK(axclrtMalloc(&b, SIZE, 0));
    OK(axclrtCreateStream(&first));
    OK(axclrtCreateStream(&second));
    OK(axclrtCreateEvent(&event));
    OK(axclrtMemsetAsync(b, 0, SIZE, first));
    OK(axclrtMemcpyAsync(a, heap, SIZE, HOST_TO_DEVICE, first));
    OK(axclrtMemcpyAsync(b, a, SIZE, DEVICE_TO_DEVICE, first));
    OK(axclrtRecordEvent(event, first));
    OK(axclrtStreamWaitEvent(second, event));
    OK(axclrtStreamWaitEventWithTimeout(second, event, 10000));
    OK(axclrtMemcmpAsync(a, b, SIZE, second));
    OK(axclrtMemcpyAsync(back, b, SIZE, DEVICE_TO_HOST, second));
    OK(axclrtSynchronizeStreamWithTimeout(second, 10000));
    check(!strcmp(back, "text"), "streams do their work in order");
    OK(axclrtSynchronizeStream(first));
    OK(axclrtSynchronizeDevice());
    OK(axclrtDestroyEvent(event));
    OK(axclrtDestroyStream(first));
    OK(axclrtDestroyStreamForce(second));
    OK(axclrtFree(a));
    OK(axclrtFree(b));
    CODE(axclrtDestroyStream(NULL), 0x80300302);
}

typedef struct {
    const char *side;
    uint32_t (*number)(handle);
    uint64_t (*size)(handle, uint32_t, uint32_t);
    const char *(*name)(handle, uint32_t);
    int32_t (*index)(handle, const char *);
    int32_t (*dims)(handle, uint32_t, uint32_t, io_dims *);
    int32_t (*type)(handle, uint32_t, int32_t *);
    int32_t (*layout)(handle, uint32_t, int32_t *);
    int32_t (*set)(handle, uint32_t, const void *, uint64_t);
    int32_t (*set_named)(handle, const char *, const void *, uint64_t);
    int32_t (*get)(handle, uint32_t, void **, uint64_t *);
    int32_t (*get_named)(handle, const char *, void **, uint64_t *);
    uint32_t count;
    void *buffers[64];
    uint64_t sizes[64];
    char names[64][256];
} side;

/* Describes one side of the model, makes its buffers and binds them: odd ones by name, even ones by index. */
static void bind_side(side *s, handle info, handle io) {
    s->count = s->number(info);
    check(s->count >= 1 && s->count <= 64, "%u %ss", s->count, s->side);
    if (s->count > 64)
        exit(1);
    for (uint32_t i = 0; i < s->count; i++) {
        const char *name = s->name(info, i);
        check(name != NULL, "%s %u has a name", s->side, i);
        snprintf(s->names[i], sizeof s->names[i], "%s", name ? name : "");
        check(s->index(info, s->names[i]) == (int32_t)i, "%s %s is found by its name", s->side, s->names[i]);
        io_dims dims = {.dim_count = -1};
        code("dimensions", s->dims(info, 0, i, &dims), 0);
        uint64_t elements = 1;
        for (int32_t d = 0; d < dims.dim_count && d < 32; d++)
            elements *= dims.dims[d];
        s->sizes[i] = s->size(info, 0, i);
        int32_t type = -1, layout = -1;
        if (s->type) {
            code("data type", s->type(info, i, &type), 0);
            if (type == FP32)
                check(s->sizes[i] == elements * 4, "%s %s has 4 bytes for each of its %" PRIu64 " elements", s->side,
                      s->names[i], elements);
        }
        if (s->layout) {
            code("layout", s->layout(info, i, &layout), 0);
            check(layout >= 0 && layout <= 2, "the layout is known");
        }
        OK(axclrtMalloc(&s->buffers[i], s->sizes[i], 0));
        OK(axclrtMemset(s->buffers[i], 0, s->sizes[i]));
        if (i % 2)
            code("bind by name", s->set_named(io, s->names[i], s->buffers[i], s->sizes[i]), 0);
        else
            code("bind by index", s->set(io, i, s->buffers[i], s->sizes[i]), 0);
        void *buffer = NULL;
        uint64_t size = 0;
        code("binding by index", s->get(io, i, &buffer, &size), 0);
        check(buffer == s->buffers[i] && size == s->sizes[i], "%s %s is bound", s->side, s->names[i]);
        buffer = NULL;
        code("binding by name", s->get_named(io, s->names[i], &buffer, &size), 0);
        check(buffer == s->buffers[i], "%s %s is found bound by its name", s->side, s->names[i]);
    }
    check(s->index(info, "no such tensor") < 0, "an unknown %s has a negative index", s->side);
    check(s->name(info, s->count) == NULL, "%s %u has no name", s->side, s->count);
    check(s->size(info, 0, s->count) >> 32 == 0xFFFFFFFF, "%s %u has an error for its size", s->side, s->count);
}

static float *floats(uint64_t size) { return calloc(1, size); }

/* Executes twice on the same uploaded inputs, the second time on a stream, and compares. */
static void check_execution(uint64_t model, uint64_t context, handle io, side *in, side *outs, int sum) {
    float *inputs[64], *output = floats(outs->sizes[0]), *again = floats(outs->sizes[0]);
    for (uint32_t i = 0; i < in->count; i++) {
        inputs[i] = floats(in->sizes[i]);
        for (uint64_t j = 0; j < in->sizes[i] / 4; j++)
            inputs[i][j] = (float)((j * 37 + i * 11) % 64) / 64;
        OK(axclrtMemcpy(in->buffers[i], inputs[i], in->sizes[i], HOST_TO_DEVICE));
    }
    OK(axclrtEngineExecute(model, context, 0, io));
    OK(axclrtMemcpy(output, outs->buffers[0], outs->sizes[0], DEVICE_TO_HOST));
    if (sum) {
        int right = in->count == 2;
        for (uint64_t j = 0; right && j < outs->sizes[0] / 4; j++)
            right = output[j] == inputs[0][j] + inputs[1][j];
        check(right, "the output is the sum of the inputs");
    }
    for (uint32_t i = 0; i < in->count; i++) {
        float *left = floats(in->sizes[i]);
        OK(axclrtMemcpy(left, in->buffers[i], in->sizes[i], DEVICE_TO_HOST));
        note(in->names[i], memcmp(left, inputs[i], in->sizes[i]) ? "overwritten by the execution" : "survives");
        free(left);
        OK(axclrtMemcpy(in->buffers[i], inputs[i], in->sizes[i], HOST_TO_DEVICE));
    }
    handle stream;
    OK(axclrtCreateStream(&stream));
    OK(axclrtEngineExecuteAsync(model, context, 0, io, stream));
    OK(axclrtMemcpyAsync(again, outs->buffers[0], outs->sizes[0], DEVICE_TO_HOST, stream));
    OK(axclrtSynchronizeStream(stream));
    OK(axclrtDestroyStream(stream));
    check(!memcmp(output, again, outs->sizes[0]), "the same inputs give the same output");
    FAILS(axclrtEngineExecute(model, context, 99, io));
    CODE(axclrtEngineExecute(model, context, 0, NULL), 0x80300702);
    for (uint32_t i = 0; i < in->count; i++)
        free(inputs[i]);
    free(output);
    free(again);
}

static void describe_model(uint64_t model, const char *path) {
    int64_t system = -1, cmm = -1;
    int32_t kind = -1;
    uint32_t cores = 0;
    IF(axclrtEngineGetModelCompilerVersion, note("compiler", axclrtEngineGetModelCompilerVersion(model)));
    IF(axclrtEngineGetUsage, {
        OK(axclrtEngineGetUsage(path, &system, &cmm));
        check(system >= 0 && cmm > 0, "a file needs %" PRId64 " + %" PRId64 " bytes", system, cmm);
    });
    IF(axclrtEngineGetUsageFromModelId, {
        cmm = -1;
        OK(axclrtEngineGetUsageFromModelId(model, &system, &cmm));
        check(cmm > 0, "the model takes %" PRId64 " bytes", cmm);
    });
    IF(axclrtEngineGetModelType, {
        OK(axclrtEngineGetModelType(path, &kind));
        check(kind >= 0 && kind <= 2, "the file is of kind %d", kind);
    });
    IF(axclrtEngineGetModelTypeFromModelId, {
        kind = -1;
        OK(axclrtEngineGetModelTypeFromModelId(model, &kind));
        check(kind >= 0 && kind <= 2, "the model is of kind %d", kind);
    });
    IF(axclrtEngineGetAffinity, {
        OK(axclrtEngineGetAffinity(model, &cores));
        check(cores != 0, "the model runs on cores 0x%x", cores);
        IF(axclrtEngineSetAffinity, OK(axclrtEngineSetAffinity(model, cores)));
    });
}

static void run_model(uint64_t model, const char *path, int sum) {
    uint64_t context = 0;
    handle info = NULL, io = NULL;
    int32_t groups = 0;
    describe_model(model, path);
    OK(axclrtEngineCreateContext(model, &context));
    OK(axclrtEngineGetIOInfo(model, &info));
    OK(axclrtEngineGetShapeGroupsCount(info, &groups));
    check(groups == 1, "one group of shapes");
    OK(axclrtEngineCreateIO(info, &io));
    side in = {"input",
               axclrtEngineGetNumInputs,
               axclrtEngineGetInputSizeByIndex,
               axclrtEngineGetInputNameByIndex,
               axclrtEngineGetInputIndexByName,
               axclrtEngineGetInputDims,
               axclrtEngineGetInputDataType,
               axclrtEngineGetInputDataLayout,
               axclrtEngineSetInputBufferByIndex,
               axclrtEngineSetInputBufferByName,
               axclrtEngineGetInputBufferByIndex,
               axclrtEngineGetInputBufferByName,
               0, {0}, {0}, {{0}}};
    side outs = {"output",
                 axclrtEngineGetNumOutputs,
                 axclrtEngineGetOutputSizeByIndex,
                 axclrtEngineGetOutputNameByIndex,
                 axclrtEngineGetOutputIndexByName,
                 axclrtEngineGetOutputDims,
                 axclrtEngineGetOutputDataType,
                 axclrtEngineGetOutputDataLayout,
                 axclrtEngineSetOutputBufferByIndex,
                 axclrtEngineSetOutputBufferByName,
                 axclrtEngineGetOutputBufferByIndex,
                 axclrtEngineGetOutputBufferByName,
                 0, {0}, {0}, {{0}}};
    bind_side(&in, info, io);
    bind_side(&outs, info, io);
    OK(axclrtEngineSetDynamicBatchSize(io, 1));
    check_execution(model, context, io, &in, &outs, sum);
    OK(axclrtEngineDestroyIO(io));
    OK(axclrtEngineDestroyIOInfo(info));
    OK(axclrtEngineUnload(model));
    for (uint32_t i = 0; i < in.count; i++)
        OK(axclrtFree(in.buffers[i]));
    for (uint32_t i = 0; i < outs.count; i++)
        OK(axclrtFree(outs.buffers[i]));
}

/* Loads the file by way of device memory. */
static uint64_t load_image(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        check(0, "%s can be read", path);
        return 0;
    }
    fseek(file, 0, SEEK_END);
    size_t size = ftell(file);
    rewind(file);
    void *bytes = malloc(size), *image = NULL;
    check(fread(bytes, 1, size, file) == size, "%s was read", path);
    fclose(file);
    OK(axclrtMalloc(&image, size, 0));
    OK(axclrtMemcpy(image, bytes, size, HOST_TO_DEVICE));
    free(bytes);
    int64_t system, cmm = -1;
    int32_t kind = -1;
    IF(axclrtEngineGetUsageFromMem, OK(axclrtEngineGetUsageFromMem(image, size, &system, &cmm)));
    IF(axclrtEngineGetModelTypeFromMem, OK(axclrtEngineGetModelTypeFromMem(image, size, &kind)));
    uint64_t model = 0;
    OK(axclrtEngineLoadFromMem(image, size, &model));
    OK(axclrtFree(image));
    return model;
}

static void card(const char *path, int sum) {
    check_version();
    OK(axclInit(NULL));
    OK(axclSetLogLevel(6));
    note("chip", axclrtGetSocName());
    uint32_t count = 0;
    OK(axclrtGetDeviceCount(&count));
    device_list list = {0};
    OK(axclrtGetDeviceList(&list));
    check(count >= 1 && list.num == count, "%u devices", count);
    if (!count)
        return;
    int32_t device = list.devices[0];
    FAILS(axclrtSetDevice(1000));
    CODE(axclrtGetDevice(&(int32_t){0}), 0x80300185);
    OK(axclrtSetDevice(device));
    IF(axclrtGetDeviceProperties, {
        device_properties p = {0};
        OK(axclrtGetDeviceProperties(device, &p));
        check(p.pci_bus == (uint32_t)device, "the id of the device is its PCI bus number");
        check(p.total_cmm > 0 && p.free_cmm > 0 && p.free_cmm <= p.total_cmm, "%u of %u KB are free", p.free_cmm,
              p.total_cmm);
    });
    check_contexts(device);
    check_memory();
    check_streams();

    uint64_t model = 0;
    int32_t kind = -1;
    OK(axclrtEngineInit(0));
    OK(axclrtEngineGetVNpuKind(&kind));
    check(kind == 0, "the NPU is not divided");
    CODE(axclrtEngineLoadFromFile(NULL, &model), 0x80300702);
    CODE(axclrtEngineLoadFromFile("/no such file", &model), 0x80300703);
    OK(axclrtEngineLoadFromFile(path, &model));
    run_model(model, path, sum);
    model = load_image(path);
    OK(axclrtEngineUnload(model));
    OK(axclrtEngineFinalize());
    OK(axclrtResetDevice(device));
    /* A card needs a minute to come back from this, so only the simulator is asked to. */
    if (sum)
        IF(axclrtRebootDevice, OK(axclrtRebootDevice(device)));
    OK(axclFinalize());
}

/* ---- mistakes, in the simulator ---- */

static void strict_memory(void) {
    enum { SIZE = 4096 };
    char *a, heap[SIZE] = "";
    OK(axclrtMalloc((void **)&a, SIZE, 0));
    CODE(axclrtMemset(a + 1, 0, 1), 0x80300581);
    CODE(axclrtMemset(a, 0, SIZE + 1), 0x80300503);
    CODE(axclrtMemset(heap, 0, SIZE), 0x80300581);
    CODE(axclrtMemcpy(heap, heap, SIZE, HOST_TO_DEVICE), 0x80300581);
    CODE(axclrtMemcpy(a, a, SIZE, HOST_TO_DEVICE), 0x80300503);
    CODE(axclrtMemcpy(a, heap, SIZE, HOST_TO_HOST), 0x80300503);
    CODE(axclrtMemcpy(a, a, SIZE, DEVICE_TO_HOST), 0x80300503);
    CODE(axclrtMemcpy(a, heap, SIZE, 4), 0x80300504);
    CODE(axclrtMemcpy(a, heap, SIZE, 6), 0x80300503);
    CODE(axclrtFree(heap), 0x80300581);
    OK(axclrtMemcpy(heap, a, SIZE, DEVICE_TO_HOST));
    check((unsigned char)heap[0] == 0xFF && (unsigned char)heap[SIZE - 1] == 0xFF, "fresh memory is not zero");
    OK(axclrtFree(a));
    CODE(axclrtFree(a), 0x80300581);
    CODE(axclrtFreeHost(heap), 0x80300503);
}

static void strict(const char *path) {
    enum { SIZE = 24 };
    uint64_t model = 0, context = 0;
    handle info, io, thread_context;
    void *x, *mu, *y, *large;
    OK(axclInit(NULL));
    CODE(axclInit(NULL), 0x80300106);
    device_list list = {0};
    OK(axclrtGetDeviceList(&list));
    CODE(axclrtResetDevice(list.devices[0]), 0x80300183);
    OK(axclrtSetDevice(list.devices[0]));
    OK(axclrtGetCurrentContext(&thread_context));
    CODE(axclrtDestroyContext(thread_context), 0x80300282);
    CODE(axclrtSetCurrentContext(&io), 0x80300283);
    strict_memory();

    CODE(axclrtEngineLoadFromFile(path, &model), 0x80300701);
    CODE(axclrtEngineFinalize(), 0x80300701);
    OK(axclrtEngineInit(0));
    CODE(axclrtEngineInit(0), 0x80300701);
    OK(axclrtEngineLoadFromFile(path, &model));
    OK(axclrtEngineCreateContext(model, &context));
    OK(axclrtEngineGetIOInfo(model, &info));
    OK(axclrtEngineCreateIO(info, &io));
    OK(axclrtMalloc(&x, SIZE, 0));
    OK(axclrtMalloc(&mu, SIZE, 0));
    OK(axclrtMalloc(&y, SIZE, 0));
    OK(axclrtMalloc(&large, SIZE + 1, 0));
    OK(axclrtEngineSetInputBufferByName(io, "x", x, SIZE));
    OK(axclrtEngineSetInputBufferByName(io, "mu", mu, SIZE));
    CODE(axclrtEngineExecute(model, context, 0, io), 0x8030070C); /* y has no buffer */
    OK(axclrtEngineSetOutputBufferByName(io, "y", mu, SIZE));
    CODE(axclrtEngineExecute(model, context, 0, io), 0x8030070C); /* y shares one */
    OK(axclrtEngineSetOutputBufferByName(io, "y", large, SIZE));
    CODE(axclrtEngineExecute(model, context, 0, io), 0x8030070C); /* y has a part of one */
    OK(axclrtEngineSetOutputBufferByName(io, "y", large, SIZE + 1));
    CODE(axclrtEngineExecute(model, context, 0, io), 0x8030070C); /* y has a larger one */
    OK(axclrtEngineSetOutputBufferByName(io, "y", y, SIZE));
    OK(axclrtEngineExecute(model, context, 0, io));
    CODE(axclrtEngineExecute(model, context + 1, 0, io), 0x80300703);
    CODE(axclrtEngineExecute(model, context, 1, io), 0x80300781);
    CODE(axclrtEngineSetOutputBufferByIndex(io, 1, y, SIZE), 0x80300781);
    CODE(axclrtEngineSetOutputBufferByIndex(io, 0, &y, SIZE), 0x80300581);
    OK(axclrtFree(x));
    CODE(axclrtEngineExecute(model, context, 0, io), 0x80300581); /* x is freed */

    CODE(axclrtEngineUnload(model), 0x80300706);
    OK(axclrtEngineDestroyIO(io));
    CODE(axclrtEngineDestroyIO(io), 0x80300703);
    CODE(axclrtEngineUnload(model), 0x80300706);
    OK(axclrtEngineDestroyIOInfo(info));
    CODE(axclrtEngineFinalize(), 0x80300706);
    OK(axclrtEngineUnload(model));
    CODE(axclrtEngineUnload(model), 0x80300703);
    OK(axclrtEngineFinalize());
    /* mu, y and large are left. */
    OK(axclrtResetDevice(list.devices[0]));
    CODE(axclrtFree(mu), 0x80300284);
    OK(axclFinalize());
}

int main(int argc, char **argv) {
    out = fdopen(dup(1), "w");
    dup2(2, 1);
    if (argc < 4) {
        fprintf(stderr, "usage: %s LIBRARY no-card DIRECTORY | card MODEL [sum] | strict MODEL\n", argv[0]);
        return 2;
    }
    void *library = open_library(argv[1]);
    check(library != NULL, "dlopen %s %s", argv[1], library ? "" : dlerror());
    if (!library)
        return 1;
    find_functions(library);
    if (!strcmp(argv[2], "no-card"))
        no_card(argv[3]);
    else if (!strcmp(argv[2], "strict"))
        strict(argv[3]);
    else
        card(argv[3], argc > 4 && !strcmp(argv[4], "sum"));
    fprintf(out, "%d failures\n", failures);
    fclose(out);
    return failures != 0;
}
