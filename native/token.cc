// A private key that is somewhere else: TLS contexts of Node that sign by asking JavaScript, and the one exchange with a TPM
// that JavaScript has no bounded call for. Nothing of the process's OpenSSL is changed: no provider, no engine, no default;
// the method belongs to this one key (EC_KEY_METHOD, as PKCS #11 libraries use it), and OpenSSL leaves such keys alone.
#undef OPENSSL_NO_DEPRECATED
#undef OPENSSL_API_COMPAT
#define OPENSSL_API_COMPAT 10101
#include "addon.h"
#include "values.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace {

constexpr size_t kMaxKeyBytes = 1024;
constexpr size_t kMaxDigestBytes = 64;
// TPM 2.0: no command and no answer is longer.
constexpr size_t kMaxPacket = 4096;
constexpr size_t kHeader = 10;

// The context that OpenSSL has made since somebody looks: Node hands out no pointer to its own, OpenSSL tells of each new one.
// Of the thread that looks, since a worker may make others meanwhile.
thread_local int contexts_made = -1;
thread_local SSL_CTX* context_made = nullptr;

void OnContext(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
  if (contexts_made < 0) return;
  contexts_made++;
  context_made = static_cast<SSL_CTX*>(parent);
}

void OnContextGone(void* parent, void*, CRYPTO_EX_DATA*, int, long, void*) {
  if (parent == context_made) context_made = nullptr;
}

bool WatchContexts() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, OnContext, nullptr, OnContextGone);
  return index >= 0;
}

// One for the process: all of this runs on Node's main thread.
napi_env signer_env = nullptr;
napi_ref signer = nullptr;
int number_index = -1;

// The number goes into JavaScript, a DER signature comes back; null, or an exception, is a key that did not sign.
bool AskSigner(intptr_t number, const unsigned char* digest, size_t length, unsigned char* signature, unsigned int* size,
               size_t room) {
  napi_value function, receiver, arguments[2], answer;
  void* copy = nullptr;
  napi_value buffer;
  if (napi_get_reference_value(signer_env, signer, &function) != napi_ok ||
      napi_get_undefined(signer_env, &receiver) != napi_ok ||
      napi_create_int32(signer_env, static_cast<int32_t>(number), &arguments[0]) != napi_ok ||
      napi_create_arraybuffer(signer_env, length, &copy, &buffer) != napi_ok)
    return false;
  memcpy(copy, digest, length);
  if (napi_create_typedarray(signer_env, napi_uint8_array, length, buffer, 0, &arguments[1]) != napi_ok) return false;
  if (napi_call_function(signer_env, receiver, function, 2, arguments, &answer) != napi_ok) {
    napi_value thrown;
    napi_get_and_clear_last_exception(signer_env, &thrown);
    return false;
  }
  const unsigned char* bytes = nullptr;
  size_t count = 0;
  if (!Bytes(signer_env, answer, &bytes, &count) || count == 0 || count > room) return false;
  memcpy(signature, bytes, count);
  *size = static_cast<unsigned int>(count);
  return true;
}

int Sign(int, const unsigned char* digest, int length, unsigned char* signature, unsigned int* size, const BIGNUM*,
         const BIGNUM*, EC_KEY* key) {
  const auto number = reinterpret_cast<intptr_t>(EC_KEY_get_ex_data(key, number_index));
  napi_handle_scope scope;
  if (signer == nullptr || number <= 0 || length <= 0 || static_cast<size_t>(length) > kMaxDigestBytes) return 0;
  if (napi_open_handle_scope(signer_env, &scope) != napi_ok) return 0;
  const bool done = AskSigner(number, digest, static_cast<size_t>(length), signature, size,
                              static_cast<size_t>(ECDSA_size(key)));
  napi_close_handle_scope(signer_env, scope);
  return done ? 1 : 0;
}

const EC_KEY_METHOD* Method() {
  static EC_KEY_METHOD* method = nullptr;
  if (method != nullptr) return method;
  number_index = EC_KEY_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  method = number_index < 0 ? nullptr : EC_KEY_METHOD_new(EC_KEY_OpenSSL());
  // Signatures in parts are not asked for by TLS, and would be made without a key.
  if (method != nullptr) EC_KEY_METHOD_set_sign(method, Sign, nullptr, nullptr);
  return method;
}

// Takes nothing over: the context holds its own reference to the key when this has succeeded.
bool UseNumbered(SSL_CTX* context, const unsigned char* spki, size_t length, int32_t number) {
  const unsigned char* end = spki;
  EC_KEY* key = d2i_EC_PUBKEY(nullptr, &end, static_cast<long>(length));
  EVP_PKEY* wrapped = EVP_PKEY_new();
  const EC_KEY_METHOD* method = Method();
  const bool made = key != nullptr && wrapped != nullptr && method != nullptr && end == spki + length &&
                    EC_KEY_set_method(key, method) == 1 &&
                    EC_KEY_set_ex_data(key, number_index, reinterpret_cast<void*>(static_cast<intptr_t>(number))) == 1 &&
                    EVP_PKEY_set1_EC_KEY(wrapped, key) == 1 && SSL_CTX_use_PrivateKey(context, wrapped) == 1 &&
                    SSL_CTX_check_private_key(context) == 1;
  EVP_PKEY_free(wrapped);
  EC_KEY_free(key);
  ERR_clear_error();
  return made;
}

int64_t NowMs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

int Open(const char* path) {
  struct stat facts = {};
  if (stat(path, &facts) != 0) return -errno;
  if (S_ISCHR(facts.st_mode)) {
    const int descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return descriptor < 0 ? -errno : descriptor;
  }
  // A TPM in software, as tests have it.
  sockaddr_un address = {};
  if (!S_ISSOCK(facts.st_mode) || strlen(path) >= sizeof address.sun_path) return -ENODEV;
  address.sun_family = AF_UNIX;
  strcpy(address.sun_path, path);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
  const int error = errno;
  close(descriptor);
  return -error;
}

// 0 or the errno; the answer is whole when it is 0.
int Transact(int descriptor, const unsigned char* command, size_t length, int32_t timeout_ms, unsigned char* answer,
             size_t* size) {
  const int64_t end = NowMs() + timeout_ms;
  // The kernel takes a command by one write.
  const ssize_t written = write(descriptor, command, length);
  if (written != static_cast<ssize_t>(length)) return written < 0 ? errno : EIO;
  for (*size = 0;;) {
    const int64_t left = end - NowMs();
    pollfd waiting = {descriptor, POLLIN, 0};
    const int ready = left > 0 ? poll(&waiting, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return ready == 0 ? ETIMEDOUT : errno;
    const ssize_t count = read(descriptor, answer + *size, kMaxPacket - *size);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) return count < 0 ? errno : EPIPE;
    *size += static_cast<size_t>(count);
    if (*size < kHeader) continue;
    const size_t whole = static_cast<size_t>(answer[2]) << 24 | static_cast<size_t>(answer[3]) << 16 |
                         static_cast<size_t>(answer[4]) << 8 | answer[5];
    if (whole < kHeader || whole > kMaxPacket || *size > whole) return EBADMSG;
    if (*size == whole) return 0;
  }
}

napi_value Number(napi_env env, int32_t number) {
  napi_value value = nullptr;
  napi_create_int32(env, number, &value);
  return value;
}

napi_value Refuse(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

}  // namespace

napi_value OnSign(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value function;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &count, &function, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_typeof(env, function, &type) != napi_ok || type != napi_function)
    return Refuse(env, "onSign takes a function");
  if (signer != nullptr) napi_delete_reference(signer_env, signer);
  signer = nullptr;
  signer_env = env;
  if (napi_create_reference(env, function, 1, &signer) != napi_ok) return Refuse(env, "the function cannot be kept");
  return nullptr;
}

napi_value UseKey(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], receiver, context = nullptr, none = nullptr;
  napi_valuetype type;
  const unsigned char* spki = nullptr;
  size_t length = 0;
  int32_t number = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_typeof(env, arguments[0], &type) != napi_ok || type != napi_function || !Bytes(env, arguments[1], &spki, &length) || length > kMaxKeyBytes ||
      napi_get_value_int32(env, arguments[2], &number) != napi_ok || number <= 0)
    return Refuse(env, "useKey takes what makes a context, a public key and its number");
  if (!WatchContexts() || napi_get_null(env, &none) != napi_ok || napi_get_undefined(env, &receiver) != napi_ok)
    return Refuse(env, "contexts cannot be watched");
  unsigned char copy[kMaxKeyBytes];
  memcpy(copy, spki, length);
  contexts_made = 0;
  const napi_status called = napi_call_function(env, receiver, arguments[0], 0, nullptr, &context);
  SSL_CTX* made = contexts_made == 1 ? context_made : nullptr;
  contexts_made = -1;
  context_made = nullptr;
  if (called != napi_ok) return nullptr;
  return made != nullptr && UseNumbered(made, copy, length, number) ? context : none;
}

napi_value OpenToken(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  char path[512];
  size_t length = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_get_value_string_utf8(env, argument, path, sizeof path, &length) != napi_ok || length == 0 ||
      length >= sizeof path - 1)
    return Refuse(env, "openToken takes a path");
  return Number(env, Open(path));
}

napi_value AskToken(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], answer = nullptr;
  int32_t descriptor = -1, timeout_ms = 0;
  const unsigned char* command = nullptr;
  size_t length = 0, size = 0;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_get_value_int32(env, arguments[0], &descriptor) != napi_ok || descriptor < 0 ||
      !Bytes(env, arguments[1], &command, &length) || length < kHeader || length > kMaxPacket ||
      napi_get_value_int32(env, arguments[2], &timeout_ms) != napi_ok)
    return Refuse(env, "askToken takes a descriptor, a command and milliseconds");
  unsigned char bytes[kMaxPacket];
  const int error = Transact(descriptor, command, length, timeout_ms, bytes, &size);
  if (error != 0) return Number(env, error);
  napi_value buffer;
  void* copy = nullptr;
  if (napi_create_arraybuffer(env, size, &copy, &buffer) != napi_ok) return Number(env, ENOMEM);
  memcpy(copy, bytes, size);
  return napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &answer) == napi_ok ? answer : Number(env, ENOMEM);
}
