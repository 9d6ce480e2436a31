// Keys live in our memory. Not dumpable (prctl(2)): the kernel writes no core, not even to a program in core_pattern, and
// nobody but root may attach or read /proc/<pid>/mem. The limit on cores says the same to whoever looks, and to children.
#include "addon.h"

#include <cerrno>
#include <sys/prctl.h>
#include <sys/resource.h>

napi_value Guard(napi_env env, napi_callback_info) {
  const rlimit none = {0, 0};
  const bool done = setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
  napi_value result = nullptr;
  napi_create_int32(env, done ? 0 : errno, &result);
  return result;
}
