#include "addon.h"

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"verifyPath", nullptr, VerifyPath, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"guard", nullptr, Guard, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"onSign", nullptr, OnSign, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"useKey", nullptr, UseKey, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"openToken", nullptr, OpenToken, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"askToken", nullptr, AskToken, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"notify", nullptr, Notify, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions) != napi_ok)
    napi_throw_error(env, nullptr, "the addon could not export its functions");
  return exports;
}
