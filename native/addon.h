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

// onSign(function): who is asked for the signatures of numbered keys; function(number, digest) -> DER signature or null.
napi_value OnSign(napi_env env, napi_callback_info info);

// useKey(make, spki, number) -> the context made, which signs by that key from now on, or null; see native/token.ts.
napi_value UseKey(napi_env env, napi_callback_info info);

// openToken(path) -> a descriptor, or -errno.
napi_value OpenToken(napi_env env, napi_callback_info info);

// askToken(descriptor, command, timeoutMs) -> the answer, or the errno.
napi_value AskToken(napi_env env, napi_callback_info info);

#endif
