// How do errors come to be, and how are they named in a report?
#include "harness/base/error.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "harness/base/text.h"

namespace holdfast {

std::string_view to_string(Blame blame) {
  switch (blame) {
    case Blame::kKernel:
      return "kernel";
    case Blame::kLab:
      return "lab";
    case Blame::kHarness:
      return "harness";
    case Blame::kPlan:
      return "plan";
  }
  std::abort();
}

std::string Error::type() const { return fmt::format("{}.{}", to_string(blame), kind); }

Error Error::with(std::string name, std::string text) && {
  evidence.push_back({std::move(name), std::move(text)});
  return std::move(*this);
}

Error Error::because(std::string hint_text) && {
  hint = std::move(hint_text);
  return std::move(*this);
}

Error Error::in(std::string_view context) && {
  what = fmt::format("{}: {}", context, what);
  return std::move(*this);
}

Error system_error(std::string_view attempted, int errnum) {
  return {.blame = Blame::kLab,
          .kind = "io",
          .what = fmt::format("{}: {} ({})", attempted, std::strerror(errnum), errno_name(errnum)),
          .hint = {},
          .errnum = errnum,
          .evidence = {}};
}

namespace {
Error plain(Blame blame, std::string kind, std::string what) {
  return {.blame = blame, .kind = std::move(kind), .what = std::move(what), .hint = {}, .errnum = 0, .evidence = {}};
}
}  // namespace

Error lab_error(std::string kind, std::string what) { return plain(Blame::kLab, std::move(kind), std::move(what)); }
Error kernel_error(std::string kind, std::string what) {
  return plain(Blame::kKernel, std::move(kind), std::move(what));
}
Error harness_error(std::string kind, std::string what) {
  return plain(Blame::kHarness, std::move(kind), std::move(what));
}
Error usage_error(std::string what) { return plain(Blame::kHarness, "usage", std::move(what)); }
Error cannot(std::string reason) { return plain(Blame::kPlan, "cannot", std::move(reason)); }

}  // namespace holdfast
