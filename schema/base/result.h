#pragma once
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <variant>

namespace tegula {

enum class ErrorCode { kInvalidFile, kUnsupported, kInvalidArgument, kOutOfMemory, kInternal };

/// Says what failed and where; `message` is one line that names the node, file or descriptor
/// concerned and, where there is something to do about it, what to do.
struct Error {
  ErrorCode code;
  std::string message;
};

/// Joins its arguments as operator<< would print them. For messages, not for hot paths.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// A value or the reason there is none. Callers must look: the type is [[nodiscard]].
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only when not ok().
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or the reason why not. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace tegula

/// Leaves the function with the error of a failed expression.
#define TEGULA_RETURN_IF_ERROR(expression)                                  \
  do {                                                                      \
    if (auto tegula_status_ = (expression); !tegula_status_.ok())           \
      return std::move(tegula_status_).error();                             \
  } while (false)

#define TEGULA_CONCAT_INNER_(a, b) a##b
#define TEGULA_CONCAT_(a, b) TEGULA_CONCAT_INNER_(a, b)
#define TEGULA_ASSIGN_OR_RETURN_(result, declaration, expression) \
  auto result = (expression);                                     \
  if (!result.ok()) return std::move(result).error();             \
  declaration = *std::move(result)

/// `TEGULA_ASSIGN_OR_RETURN(const auto x, f());`: declares x, or leaves with f's error.
#define TEGULA_ASSIGN_OR_RETURN(declaration, ...) \
  TEGULA_ASSIGN_OR_RETURN_(TEGULA_CONCAT_(tegula_result_, __LINE__), declaration, (__VA_ARGS__))
