// Who of a running system acts on what becomes of its devices, and how is that kept still while its kernel is left?
//
// cgroup.freeze and cgroup.events: Documentation/admin-guide/cgroup-v2.rst of Linux 7.3, "Core Interface Files".
#include "harness/agent/still_udev.h"

#include <fcntl.h>

#include "harness/base/file.h"

namespace holdfast::agent {
namespace {

/// A worker in the middle of a system call is frozen when that returns.
constexpr Millis kPatience{1000};
constexpr Millis kLook{10};

bool tell(const std::filesystem::path& service, std::string_view word) {
  const auto file = open_file(service / "cgroup.freeze", O_WRONLY);
  return file && write_all(file->get(), word);
}

}  // namespace

StillUdev StillUdev::make(const std::filesystem::path& service, const Deadline& deadline) {
  StillUdev still;
  if (!tell(service, "1")) return still;
  still.service_ = service;
  const Deadline enough = deadline.at_most(kPatience);
  while (!enough.expired()) {
    const auto events = read_file(service / "cgroup.events");
    if (!events || events->find("frozen 1") != std::string::npos) break;
    if (wait_until(enough.at_most(kLook)) == Wake::kStopped) break;
  }
  return still;
}

StillUdev& StillUdev::operator=(StillUdev&& other) noexcept {
  if (this != &other) {
    undo();
    service_ = std::exchange(other.service_, {});
  }
  return *this;
}

void StillUdev::undo() {
  if (service_.empty()) return;
  tell(std::exchange(service_, {}), "0");
}

}  // namespace holdfast::agent
