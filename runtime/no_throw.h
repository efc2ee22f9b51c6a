#pragma once
#include <exception>
#include <new>

#include "schema/base/check.h"
#include "schema/base/result.h"

namespace tegula::runtime {

/// Calls `body`, which returns a Result, and turns what it throws into an Error: no exception crosses the public API.
template <typename Body>
auto no_throw(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "out of memory"};
  } catch (const InternalError& error) {
    return Error{ErrorCode::kInternal, concat("a bug of Tegula, please report it: ", error.what())};
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInternal, error.what()};
  } catch (...) {
    return Error{ErrorCode::kInternal, "an unknown exception"};
  }
}

}  // namespace tegula::runtime
