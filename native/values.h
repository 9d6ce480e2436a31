// Reading and making the few JavaScript values the addon exchanges. Each returns false where the type is another.
#ifndef THINTRUST_VALUES_H
#define THINTRUST_VALUES_H

#include <cstddef>

#include <node_api.h>

// False for a member that is missing, undefined or null.
inline bool Member(napi_env env, napi_value object, const char* name, napi_value* value) {
  napi_valuetype type;
  return napi_get_named_property(env, object, name, value) == napi_ok && napi_typeof(env, *value, &type) == napi_ok &&
         type != napi_undefined && type != napi_null;
}

inline bool Bytes(napi_env env, napi_value value, const unsigned char** data, size_t* length) {
  bool typed = false;
  napi_typedarray_type type;
  void* start = nullptr;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed) return false;
  if (napi_get_typedarray_info(env, value, &type, length, &start, nullptr, nullptr) != napi_ok) return false;
  *data = static_cast<const unsigned char*>(start);
  return type == napi_uint8_array;
}

inline bool Flag(napi_env env, napi_value object, const char* member, bool* flag) {
  napi_value value;
  return napi_get_named_property(env, object, member, &value) == napi_ok &&
         napi_get_value_bool(env, value, flag) == napi_ok;
}

inline bool SetNumber(napi_env env, napi_value object, const char* member, int number) {
  napi_value value;
  return napi_create_int32(env, number, &value) == napi_ok && napi_set_named_property(env, object, member, value) == napi_ok;
}

#endif
