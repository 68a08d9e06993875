// Did a silent machine have a CPU of this computer, or did it only wait for one?
#include "lab/qemu/lost_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

/// Less than this decides nothing, and every machine loses some.
constexpr Millis kWorthGiving{500};

}  // namespace

std::optional<Millis> waited_in(std::string_view schedstat) {
  constexpr uint64_t kNanosecondsInMilli = 1'000'000;
  const auto fields = split(trim(schedstat), ' ');
  const auto waited = fields.size() >= 2 ? parse_u64(fields[1]) : std::nullopt;
  if (!waited) return std::nullopt;
  return Millis(static_cast<Millis::rep>(*waited / kNanosecondsInMilli));
}

Millis waited_for_cpu(pid_t pid) {
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", pid);
  Millis longest{0};
  for (const std::string& task : names_in(tasks)) {
    const auto text = read_file(tasks / task / "schedstat");
    const auto waited = text ? waited_in(*text) : std::nullopt;
    if (waited) longest = std::max(longest, *waited);
  }
  return longest;
}

LostTime::LostTime(Waited waited, const Deadline& deadline)
    : waited_(std::move(waited)), before_(waited_()), most_(deadline.remaining() / 2) {}

std::optional<Deadline> LostTime::more(const Stop* stop) {
  const Millis owed = std::min(lost(), most_) - given_;
  if (owed < kWorthGiving) return std::nullopt;
  given_ += owed;
  return Deadline::after(owed, stop);
}

std::optional<Error> LostTime::verdict() const {
  const Millis lost = this->lost();
  // What is left of the wait and of what was added to it, without what was lost, is half of the wait or more.
  if (lost <= most_ + given_) return std::nullopt;
  return lab_error("overload",
                   fmt::format("the machine was ready to run and waited {:.0f} s for a CPU of this computer: "
                               "its silence says nothing about its kernel",
                               std::chrono::duration<double>(lost).count()))
      .because("run fewer cases at once (--jobs), or give each more time (--timeout-scale)");
}

}  // namespace holdfast::lab
