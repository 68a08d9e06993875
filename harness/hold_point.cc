// How can somebody outside be sure that a run stands at a given point while something happens to it?
#include "harness/hold_point.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "harness/base/file.h"

namespace holdfast {
namespace {

/// Whoever holds a run and forgets it does not hold it for ever.
constexpr Millis kLongestHold{600'000};
constexpr Millis kLook{5};

}  // namespace

void hold_at(const CaseId& id, std::string_view point, const Stop* stop) {
  const char* asked = std::getenv("HOLDFAST_HOLD");
  if (asked == nullptr) return;
  const std::string wanted = fmt::format("{}.{}:{}:", id.suite, id.name, point);
  const std::string_view words(asked);
  if (!words.starts_with(wanted)) return;
  const std::string folder(words.substr(wanted.size()));
  const std::string released = folder + "/released";
  {
    const auto held = open_file(folder + "/held", O_WRONLY | O_CREAT | O_EXCL);
    if (!held) return;  // somebody was here before
    static_cast<void>(write_all(held->get(), fmt::format("{}\n", ::getpid())));
  }
  const Deadline deadline = Deadline::after(kLongestHold, stop);
  while (::access(released.c_str(), F_OK) != 0 && !deadline.expired()) {
    if (wait_until(deadline.at_most(kLook)) == Wake::kStopped) return;
  }
}

}  // namespace holdfast
