// One datagram of the sd_notify(3) protocol. Node has no AF_UNIX datagrams, and the systemd-notify program costs a
// process for every watchdog ping.
#include "addon.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

constexpr size_t kMaxText = 4096;

int Send(const char* path, size_t path_length, const char* text, size_t text_length) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path_length < 2 || path_length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return EINVAL;
  if (memchr(path, 0, path_length) != nullptr) return EINVAL;
  memcpy(address.sun_path, path, path_length);
  // An abstract name starts with NUL and has no terminator: the length says where it ends.
  if (path[0] == '@') address.sun_path[0] = 0;
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_length + (path[0] == '@' ? 0 : 1));
  const int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  const ssize_t sent = sendto(descriptor, text, text_length, MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&address), length);
  const int error = sent < 0 ? errno : 0;
  close(descriptor);
  return error;
}

}  // namespace

napi_value Notify(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  char path[sizeof(sockaddr_un::sun_path) + 1];
  char text[kMaxText + 1];
  size_t path_length = 0;
  size_t text_length = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 2 ||
      napi_get_value_string_utf8(env, arguments[0], path, sizeof path, &path_length) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[1], nullptr, 0, &text_length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "notify takes two strings");
    return nullptr;
  }
  int error = EMSGSIZE;
  if (text_length <= kMaxText &&
      napi_get_value_string_utf8(env, arguments[1], text, sizeof text, &text_length) == napi_ok)
    error = Send(path, path_length, text, text_length);
  napi_value result = nullptr;
  napi_create_int32(env, error, &result);
  return result;
}
