// What the files of the addon share. Everything here runs on Node's main thread, synchronously.
#ifndef THINTRUST_ADDON_H
#define THINTRUST_ADDON_H

#include <node_api.h>

// verifyPath(question) -> answer; see protocol/path.ts.
napi_value VerifyPath(napi_env env, napi_callback_info info);

// notify(socketPath, text) -> 0 or the errno; see native/engine.ts.
napi_value Notify(napi_env env, napi_callback_info info);

// guard() -> 0 or the errno; see native/engine.ts.
napi_value Guard(napi_env env, napi_callback_info info);

#endif
