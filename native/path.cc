// Certification path validation (RFC 5280 section 6) by the OpenSSL inside Node. One synchronous call, no state of its
// own, nothing kept between calls. Hostile bytes give an answer; only a wrong JavaScript type throws.
#include "addon.h"
#include "values.h"

#include <cstdint>
#include <cstring>
#include <memory>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace {

// Codes below zero are ours; protocol/path.ts names them.
constexpr int kUnreadable = -1;
constexpr int kTooMuch = -2;
constexpr int kBadName = -3;
constexpr int kNoMemory = -4;
constexpr int kCrlUnreadable = -5;

constexpr uint32_t kMaxIntermediates = 64;
constexpr uint32_t kMaxAnchors = 1024;
constexpr uint32_t kMaxCrls = 256;
constexpr uint32_t kMaxPolicies = 64;
constexpr size_t kMaxCertificateBytes = 16 * 1024;
constexpr size_t kMaxCrlBytes = 8 * 1024 * 1024;
constexpr size_t kMaxNameBytes = 255;
constexpr int kMaxPathIntermediates = 10;
constexpr int kAuthLevel = 2;

template <typename T, void (*release)(T*)>
struct Release {
  void operator()(T* value) const { release(value); }
};
void FreeCertificates(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }
void FreeCrls(STACK_OF(X509_CRL) * stack) { sk_X509_CRL_pop_free(stack, X509_CRL_free); }
using Certificate = std::unique_ptr<X509, Release<X509, X509_free>>;
using Crl = std::unique_ptr<X509_CRL, Release<X509_CRL, X509_CRL_free>>;
using Certificates = std::unique_ptr<STACK_OF(X509), Release<STACK_OF(X509), FreeCertificates>>;
using Crls = std::unique_ptr<STACK_OF(X509_CRL), Release<STACK_OF(X509_CRL), FreeCrls>>;
using Store = std::unique_ptr<X509_STORE, Release<X509_STORE, X509_STORE_free>>;
using Context = std::unique_ptr<X509_STORE_CTX, Release<X509_STORE_CTX, X509_STORE_CTX_free>>;

struct Answer {
  int code = kNoMemory;
  int depth = 0;
  const char* reason = "out of memory";
  int anchor = -1;
  int chain_length = 0;
};

// `done`: go on. `refused`: the answer is final. `thrown`: a JavaScript exception is pending.
enum class Step { done, refused, thrown };

Step Refuse(Answer* answer, int code, int index, const char* reason) {
  answer->code = code;
  answer->depth = index;
  answer->reason = reason;
  return Step::refused;
}

Step Throw(napi_env env, const char* message) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) napi_throw_type_error(env, nullptr, message);
  return Step::thrown;
}

// Only the one canonical encoding with nothing behind it, so that a fingerprint over the bytes names the certificate.
X509* ParseCertificate(const unsigned char* data, size_t length) {
  const unsigned char* end = data;
  Certificate parsed(d2i_X509(nullptr, &end, static_cast<long>(length)));
  if (!parsed) return nullptr;
  unsigned char* encoded = nullptr;
  const int encoded_length = i2d_X509(parsed.get(), &encoded);
  const bool same = encoded_length >= 0 && static_cast<size_t>(encoded_length) == length &&
                    memcmp(encoded, data, length) == 0;
  OPENSSL_free(encoded);
  return same ? parsed.release() : nullptr;
}

Step ReadCertificate(napi_env env, napi_value value, int index, const char* what, Certificate* certificate,
                     Answer* answer) {
  const unsigned char* data = nullptr;
  size_t length = 0;
  if (!Bytes(env, value, &data, &length)) return Throw(env, "a certificate must be a Uint8Array of DER");
  if (length > kMaxCertificateBytes) return Refuse(answer, kTooMuch, index, what);
  certificate->reset(length == 0 ? nullptr : ParseCertificate(data, length));
  return *certificate ? Step::done : Refuse(answer, kUnreadable, index, what);
}

Step Length(napi_env env, napi_value array, uint32_t limit, uint32_t* length, const char* what, Answer* answer) {
  bool is_array = false;
  if (napi_is_array(env, array, &is_array) != napi_ok || !is_array) return Throw(env, "an array was expected");
  if (napi_get_array_length(env, array, length) != napi_ok) return Throw(env, "an array was expected");
  return *length <= limit ? Step::done : Refuse(answer, kTooMuch, 0, what);
}

Step ReadCertificates(napi_env env, napi_value question, const char* member, uint32_t limit, Certificates* stack,
                      Answer* answer) {
  napi_value array;
  uint32_t length = 0;
  stack->reset(sk_X509_new_null());
  if (!*stack) return Step::refused;
  if (!Member(env, question, member, &array)) return Throw(env, "intermediates and anchors must be arrays");
  const Step counted = Length(env, array, limit, &length, member, answer);
  if (counted != Step::done) return counted;
  for (uint32_t index = 0; index < length; index++) {
    napi_value value;
    Certificate certificate;
    if (napi_get_element(env, array, index, &value) != napi_ok) return Throw(env, "an array was expected");
    const Step read = ReadCertificate(env, value, static_cast<int>(index), member, &certificate, answer);
    if (read != Step::done) return read;
    if (sk_X509_push(stack->get(), certificate.get()) <= 0) return Step::refused;
    (void)certificate.release();
  }
  return Step::done;
}

// How revocation is judged. `every`: RFC 5280, each certificate of the path needs a list in force, the anchor as well.
enum class Revocation { every, soft, hard };

Step ReadRevocation(napi_env env, napi_value question, Revocation* revocation) {
  napi_value value;
  char mode[8];
  size_t length = 0;
  *revocation = Revocation::every;
  if (!Member(env, question, "revocation", &value)) return Step::done;
  if (napi_get_value_string_utf8(env, value, mode, sizeof mode, &length) != napi_ok)
    return Throw(env, "revocation must be a string");
  const bool soft = strcmp(mode, "soft") == 0;
  if (!soft && strcmp(mode, "hard") != 0) return Throw(env, "revocation must be soft or hard");
  *revocation = soft ? Revocation::soft : Revocation::hard;
  return Step::done;
}

// One that cannot be read is none, where one that is missing is no reason to refuse.
Step ReadCrls(napi_env env, napi_value question, Revocation revocation, Crls* stack, Answer* answer) {
  napi_value array;
  uint32_t length = 0;
  if (!Member(env, question, "crls", &array)) return Throw(env, "crls must be an array");
  const Step counted = Length(env, array, kMaxCrls, &length, "crls", answer);
  if (counted != Step::done || length == 0) return counted;
  stack->reset(sk_X509_CRL_new_null());
  if (!*stack) return Step::refused;
  for (uint32_t index = 0; index < length; index++) {
    napi_value value;
    const unsigned char* data = nullptr;
    size_t bytes = 0;
    if (napi_get_element(env, array, index, &value) != napi_ok || !Bytes(env, value, &data, &bytes))
      return Throw(env, "a CRL must be a Uint8Array of DER");
    if (bytes > kMaxCrlBytes) return Refuse(answer, kTooMuch, static_cast<int>(index), "crls");
    const unsigned char* end = data;
    Crl crl(bytes == 0 ? nullptr : d2i_X509_CRL(nullptr, &end, static_cast<long>(bytes)));
    const bool whole = crl && end == data + bytes;
    if (!whole && revocation == Revocation::soft) continue;
    if (!whole) return Refuse(answer, kCrlUnreadable, static_cast<int>(index), "crls");
    if (sk_X509_CRL_push(stack->get(), crl.get()) <= 0) return Step::refused;
    (void)crl.release();
  }
  return Step::done;
}

// `*length` is 0 where the member is absent. Longer than any name, or with a NUL: refused.
Step ReadName(napi_env env, napi_value question, const char* member, char* name, size_t* length, Answer* answer) {
  napi_value value;
  *length = 0;
  if (!Member(env, question, member, &value)) return Step::done;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, length) != napi_ok) return Throw(env, "a name must be a string");
  if (*length == 0 || *length > kMaxNameBytes) return Refuse(answer, kBadName, 0, member);
  if (napi_get_value_string_utf8(env, value, name, kMaxNameBytes + 1, length) != napi_ok)
    return Throw(env, "a name must be a string");
  return memchr(name, 0, *length) == nullptr && name[0] != '.' ? Step::done : Refuse(answer, kBadName, 0, member);
}

Step SetNames(napi_env env, napi_value question, X509_VERIFY_PARAM* parameters, Answer* answer) {
  char name[kMaxNameBytes + 1];
  size_t length = 0;
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  Step read = ReadName(env, question, "host", name, &length, answer);
  if (read != Step::done) return read;
  if (length > 0 && X509_VERIFY_PARAM_set1_host(parameters, name, length) != 1) return Refuse(answer, kBadName, 0, "host");
  read = ReadName(env, question, "ip", name, &length, answer);
  if (read != Step::done) return read;
  if (length > 0 && X509_VERIFY_PARAM_set1_ip_asc(parameters, name) != 1) return Refuse(answer, kBadName, 0, "ip");
  return Step::done;
}

// RFC 5280 section 6.1.1 (c), (e), (f), (g). Without inputs of the caller: any policy, nothing required or inhibited.
Step SetPolicy(napi_env env, napi_value question, X509_VERIFY_PARAM* parameters, Answer* answer) {
  napi_value policy;
  napi_value initial;
  uint32_t length = 0;
  bool required = false;
  bool no_mapping = false;
  bool no_any = false;
  if (!Member(env, question, "policy", &policy)) return Step::done;
  if (!Flag(env, policy, "explicit", &required) || !Flag(env, policy, "inhibitMapping", &no_mapping) ||
      !Flag(env, policy, "inhibitAny", &no_any) || !Member(env, policy, "initial", &initial))
    return Throw(env, "policy inputs are three booleans and an array");
  const Step counted = Length(env, initial, kMaxPolicies, &length, "policy", answer);
  if (counted != Step::done) return counted;
  for (uint32_t index = 0; index < length; index++) {
    napi_value value;
    char oid[kMaxNameBytes + 1];
    size_t bytes = 0;
    if (napi_get_element(env, initial, index, &value) != napi_ok ||
        napi_get_value_string_utf8(env, value, oid, sizeof oid, &bytes) != napi_ok)
      return Throw(env, "a policy must be a string");
    const bool whole = bytes < sizeof oid - 1 && memchr(oid, 0, bytes) == nullptr;
    ASN1_OBJECT* object = whole ? OBJ_txt2obj(oid, 1) : nullptr;
    if (object == nullptr) return Refuse(answer, kBadName, static_cast<int>(index), "policy");
    if (X509_VERIFY_PARAM_add0_policy(parameters, object) != 1) {
      ASN1_OBJECT_free(object);
      return Step::refused;
    }
  }
  const unsigned long flags = (required ? X509_V_FLAG_EXPLICIT_POLICY : 0) |
                              (no_mapping ? X509_V_FLAG_INHIBIT_MAP : 0) | (no_any ? X509_V_FLAG_INHIBIT_ANY : 0);
  return X509_VERIFY_PARAM_set_flags(parameters, flags) == 1 ? Step::done : Step::refused;
}

Step SetPurpose(napi_env env, napi_value question, X509_VERIFY_PARAM* parameters) {
  napi_value value;
  char purpose[8];
  size_t length = 0;
  if (!Member(env, question, "purpose", &value) ||
      napi_get_value_string_utf8(env, value, purpose, sizeof purpose, &length) != napi_ok)
    return Throw(env, "purpose must be a string");
  if (strcmp(purpose, "any") == 0) return Step::done;
  const bool server = strcmp(purpose, "server") == 0;
  if (!server && strcmp(purpose, "client") != 0) return Throw(env, "purpose must be server, client or any");
  const bool set =
      X509_VERIFY_PARAM_set_purpose(parameters, server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT) == 1 &&
      X509_VERIFY_PARAM_set_trust(parameters, server ? X509_TRUST_SSL_SERVER : X509_TRUST_SSL_CLIENT) == 1;
  return set ? Step::done : Step::refused;
}

Step SetTime(napi_env env, napi_value question, X509_VERIFY_PARAM* parameters) {
  napi_value value;
  double seconds = 0;
  // The bounds are the years 0001 and 9999 of GeneralizedTime.
  if (!Member(env, question, "atSeconds", &value) || napi_get_value_double(env, value, &seconds) != napi_ok ||
      !(seconds >= -62135596800.0 && seconds <= 253402300799.0) ||
      static_cast<double>(static_cast<int64_t>(seconds)) != seconds)
    return Throw(env, "atSeconds must be a whole number of seconds");
  X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(seconds));
  return Step::done;
}

// Anchors that are not CAs are left out: a path may end in a CA only.
bool AddAnchors(X509_STORE* store, STACK_OF(X509) * anchors) {
  for (int index = 0; index < sk_X509_num(anchors); index++) {
    X509* anchor = sk_X509_value(anchors, index);
    if (X509_check_ca(anchor) == 1 && X509_STORE_add_cert(store, anchor) != 1) return false;
  }
  return true;
}

int FindAnchor(STACK_OF(X509) * anchors, const X509* end) {
  for (int index = 0; index < sk_X509_num(anchors); index++)
    if (X509_cmp(sk_X509_value(anchors, index), end) == 0) return index;
  return -1;
}

bool IsOutdated(int code) { return code == X509_V_ERR_CRL_HAS_EXPIRED || code == X509_V_ERR_CRL_NOT_YET_VALID; }

// What the lists say, noted while the path is judged, so that it is the reason only where nothing else is.
struct Noted {
  Revocation revocation = Revocation::every;
  int revoked_at = -1;
  int missing_code = X509_V_OK;
  int missing_at = 0;
  // A list that does not hold revokes nothing. OpenSSL names the list it is at, but no more once it has found it outdated.
  const X509_CRL* broken = nullptr;
  bool outdated_broken = false;
};

void NoteBroken(Noted* noted, int code, const X509_CRL* list) {
  if (code == X509_V_ERR_UNABLE_TO_GET_CRL) return;
  if (IsOutdated(code))
    noted->outdated_broken = list != nullptr && list == noted->broken;
  else if (list == nullptr)
    noted->outdated_broken = true;
  else
    noted->broken = list;
}

bool IsAboutLists(int code) {
  switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
      return true;
    default:
      return false;
  }
}

// Called for each thing that is wrong; 1 goes on. A list past its date still revokes what it names. The end of the path is
// an anchor, which no list revokes: whoever trusted it takes it away. Paths to signers of lists are judged without leniency.
int Note(int ok, X509_STORE_CTX* context) {
  if (ok == 1 || X509_STORE_CTX_get0_parent_ctx(context) != nullptr) return ok;
  Noted* noted = static_cast<Noted*>(X509_STORE_CTX_get_app_data(context));
  const int code = X509_STORE_CTX_get_error(context);
  if (code != X509_V_ERR_CERT_REVOKED && !IsAboutLists(code)) return ok;
  const int depth = X509_STORE_CTX_get_error_depth(context);
  if (depth == sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1) return 1;
  const X509_CRL* list = X509_STORE_CTX_get0_current_crl(context);
  if (code == X509_V_ERR_CERT_REVOKED) {
    const bool broken = list == nullptr ? noted->outdated_broken : list == noted->broken;
    if (!broken && noted->revoked_at < 0) noted->revoked_at = depth;
    return 1;
  }
  NoteBroken(noted, code, list);
  if (noted->missing_code == X509_V_OK) {
    noted->missing_code = code;
    noted->missing_at = depth;
  }
  return 1;
}

// Only where the path is good otherwise.
void Conclude(const Noted& noted, Answer* answer) {
  if (answer->code != X509_V_OK) return;
  const bool missing = noted.revocation == Revocation::hard && noted.missing_code != X509_V_OK;
  if (noted.revoked_at >= 0)
    Refuse(answer, X509_V_ERR_CERT_REVOKED, noted.revoked_at, X509_verify_cert_error_string(X509_V_ERR_CERT_REVOKED));
  else if (missing)
    Refuse(answer, noted.missing_code, noted.missing_at, X509_verify_cert_error_string(noted.missing_code));
}

void Verify(X509_STORE_CTX* context, STACK_OF(X509) * anchors, Answer* answer) {
  const int verified = X509_verify_cert(context);
  const int code = X509_STORE_CTX_get_error(context);
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
  answer->chain_length = chain == nullptr ? 0 : sk_X509_num(chain);
  answer->code = verified == 1 ? X509_V_OK : code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code;
  answer->depth = verified == 1 ? 0 : X509_STORE_CTX_get_error_depth(context);
  answer->reason = X509_verify_cert_error_string(answer->code);
  if (verified != 1) return;
  answer->anchor = answer->chain_length > 0 ? FindAnchor(anchors, sk_X509_value(chain, answer->chain_length - 1)) : -1;
  // Cannot be: a path that ends in none of the anchors is no path.
  if (answer->anchor < 0) Refuse(answer, X509_V_ERR_UNSPECIFIED, 0, "no anchor");
}

Step Judge(napi_env env, napi_value question, Answer* answer) {
  napi_value value;
  Certificate leaf;
  Certificates intermediates;
  Certificates anchors;
  Crls crls;
  if (!Member(env, question, "leaf", &value)) return Throw(env, "leaf must be a Uint8Array of DER");
  Step step = ReadCertificate(env, value, 0, "leaf", &leaf, answer);
  if (step != Step::done) return step;
  step = ReadCertificates(env, question, "intermediates", kMaxIntermediates, &intermediates, answer);
  if (step != Step::done) return step;
  step = ReadCertificates(env, question, "anchors", kMaxAnchors, &anchors, answer);
  if (step != Step::done) return step;
  Noted noted;
  step = ReadRevocation(env, question, &noted.revocation);
  if (step != Step::done) return step;
  step = ReadCrls(env, question, noted.revocation, &crls, answer);
  if (step != Step::done) return step;

  const Store store(X509_STORE_new());
  const Context context(X509_STORE_CTX_new());
  if (!store || !context || !AddAnchors(store.get(), anchors.get())) return Step::refused;
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), intermediates.get()) != 1) return Step::refused;
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  unsigned long flags =
      X509_V_FLAG_X509_STRICT | X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_POLICY_CHECK;
  const bool lenient = noted.revocation != Revocation::every;
  if (crls || lenient) {
    flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS;
    X509_STORE_CTX_set0_crls(context.get(), crls.get());
  }
  if (lenient) {
    if (X509_STORE_CTX_set_app_data(context.get(), &noted) != 1) return Step::refused;
    X509_STORE_CTX_set_verify_cb(context.get(), Note);
  }
  if (X509_VERIFY_PARAM_set_flags(parameters, flags) != 1) return Step::refused;
  X509_VERIFY_PARAM_set_depth(parameters, kMaxPathIntermediates);
  X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
  step = SetTime(env, question, parameters);
  if (step != Step::done) return step;
  step = SetPurpose(env, question, parameters);
  if (step != Step::done) return step;
  step = SetNames(env, question, parameters, answer);
  if (step != Step::done) return step;
  step = SetPolicy(env, question, parameters, answer);
  if (step != Step::done) return step;
  Verify(context.get(), anchors.get(), answer);
  Conclude(noted, answer);
  return Step::done;
}

napi_value ToObject(napi_env env, const Answer& answer) {
  napi_value object;
  napi_value trusted;
  napi_value reason;
  const bool made = napi_create_object(env, &object) == napi_ok &&
                    napi_get_boolean(env, answer.code == X509_V_OK, &trusted) == napi_ok &&
                    napi_set_named_property(env, object, "trusted", trusted) == napi_ok &&
                    SetNumber(env, object, "code", answer.code) && SetNumber(env, object, "depth", answer.depth) &&
                    napi_create_string_utf8(env, answer.reason, NAPI_AUTO_LENGTH, &reason) == napi_ok &&
                    napi_set_named_property(env, object, "reason", reason) == napi_ok &&
                    SetNumber(env, object, "anchor", answer.anchor) &&
                    SetNumber(env, object, "chainLength", answer.chain_length);
  return made ? object : nullptr;
}

}  // namespace

napi_value VerifyPath(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value question = nullptr;
  napi_valuetype type;
  if (napi_get_cb_info(env, info, &count, &question, nullptr, nullptr) != napi_ok || count < 1 ||
      napi_typeof(env, question, &type) != napi_ok || type != napi_object) {
    napi_throw_type_error(env, nullptr, "verifyPath takes one object");
    return nullptr;
  }
  // Node reads OpenSSL's error queue too: leave it as it was.
  ERR_set_mark();
  Answer answer;
  const Step step = Judge(env, question, &answer);
  ERR_pop_to_mark();
  return step == Step::thrown ? nullptr : ToObject(env, answer);
}
