// How does a call say that the outside world failed?
#pragma once

#include <cstdlib>
#include <expected>
#include <utility>

#include "harness/base/error.h"

namespace holdfast {

/// A value, or the Error that kept it from being there. Must be looked at: [[nodiscard]].
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result()
    requires std::default_initializable<T> || std::is_void_v<T>
  = default;
  template <class U = T>
    requires(!std::is_void_v<T> && std::constructible_from<T, U> && !std::same_as<std::remove_cvref_t<U>, Result> &&
             !std::same_as<std::remove_cvref_t<U>, Error>)
  Result(U&& value) : value_(std::in_place, std::forward<U>(value)) {}  // NOLINT: a value is a result
  Result(Error error) : value_(std::unexpect, std::move(error)) {}      // NOLINT: and so is an error

  explicit operator bool() const { return value_.has_value(); }
  bool ok() const { return value_.has_value(); }

  /// Stops the program when there is no value, in release too: asking for it then is a bug.
  auto&& operator*() & {
    require();
    return *value_;
  }
  auto&& operator*() const& {
    require();
    return *value_;
  }
  decltype(auto) operator*() && {
    require();
    return *std::move(value_);
  }
  auto* operator->() {
    require();
    return value_.operator->();
  }
  const auto* operator->() const {
    require();
    return value_.operator->();
  }

  const Error& error() const& { return value_.error(); }
  Error& error() & { return value_.error(); }
  Error&& error() && { return std::move(value_).error(); }

 private:
  void require() const {
    if (!value_.has_value()) std::abort();
  }
  std::expected<T, Error> value_;
};

// A name of its own for each use, so that one TRY may stand in another's argument.
#define TRY_JOIN_(a, b) a##b
#define TRY_NAME_(line) TRY_JOIN_(try_result_, line)
#define TRY_AS_(name, expr, error) \
  __extension__({                  \
    auto name = (expr);            \
    if (!name) return error(name); \
    *std::move(name);              \
  })
#define TRY_ERROR_(result) std::move(result).error()

/// The value of `expr`, or return from the calling function with its error.
#define TRY(expr) TRY_AS_(TRY_NAME_(__COUNTER__), expr, TRY_ERROR_)

/// As TRY, with context put in front of the error's sentence.
#define TRY_IN(context, expr) TRY(::holdfast::in_context((expr), [&] { return std::string(context); }))

/// `result`, with context put in front of its error's sentence; `context` is called only then.
template <class T, class Context>
Result<T> in_context(Result<T> result, const Context& context) {
  if (!result) result.error() = std::move(result.error()).in(context());
  return result;
}

}  // namespace holdfast
