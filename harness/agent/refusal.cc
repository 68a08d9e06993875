// How does a handler say no?
#include "harness/agent/refusal.h"

#include <fmt/format.h>

#include <cstring>

#include "harness/base/text.h"

namespace holdfast::agent {

Error kernel_refused(std::string_view attempted, int errnum) {
  return kernel_refused_because(fmt::format("{}: {} ({})", attempted, errno_name(errnum), std::strerror(errnum)),
                                errnum);
}

Error kernel_refused_because(std::string what, int errnum) {
  Error error = kernel_error("refused", std::move(what));
  error.errnum = errnum;
  return error;
}

Error bad_request(std::string what) { return harness_error("refused", std::move(what)); }

wire::Refusal to_refusal(const Error& error) {
  const char* origin = error.blame == Blame::kKernel ? "kernel" : error.blame == Blame::kHarness ? "agent" : "target";
  return {.origin = origin, .errnum = error.errnum, .what = error.what};
}

}  // namespace holdfast::agent
