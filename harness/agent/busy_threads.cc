// What keeps a device at work until the kernel freezes it?
#include "harness/agent/busy_threads.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/agent/refusal.h"
#include "harness/base/deadline.h"

namespace holdfast::agent {
namespace {

/// Between two rounds; a device that has not done yet does not mind being told again.
constexpr Millis kPause{1};

/// Memory that is mapped for as long as this lives: once the device is frozen there is no time for anything but to
/// wipe.
class Mapping {
 public:
  Mapping(void* start, size_t size) : start_(start), size_(size) {}
  Mapping(Mapping&& other) noexcept : start_(std::exchange(other.start_, nullptr)), size_(other.size_) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (start_ != nullptr) ::munmap(start_, size_);
  }
  void wipe() { std::memset(start_, 0, size_); }

 private:
  void* start_;
  size_t size_;
};

bool write_all_registers(const BusyWork& work) {
  for (const BusyWork::Write& one : work.writes) {
    if (::pwrite(work.device.get(), &one.value, sizeof one.value, one.at) != sizeof one.value) return false;
  }
  return true;
}

}  // namespace

Result<void> BusyThreads::start(BusyWork work) {
  if (work.writes.empty() || work.wipe == 0) return bad_request("there is nothing to write or nothing to wipe");
  struct stat facts{};
  if (::fstat(work.memory.get(), &facts) != 0) return kernel_refused("look at a memfd", errno);
  if (work.wipe > static_cast<uint64_t>(facts.st_size)) {  // beyond its end a mapping is deadly
    return bad_request(fmt::format("a memfd of {} bytes has no {} to wipe", facts.st_size, work.wipe));
  }
  void* start = ::mmap(nullptr, work.wipe, PROT_READ | PROT_WRITE, MAP_SHARED, work.memory.get(), 0);
  if (start == MAP_FAILED) return kernel_refused(fmt::format("map {} bytes of a memfd", work.wipe), errno);
  Mapping memory(start, work.wipe);
  threads_.emplace_back([work = std::move(work), memory = std::move(memory)](const std::stop_token& stop) mutable {
    while (!stop.stop_requested()) {
      if (!write_all_registers(work)) {
        memory.wipe();
        return;
      }
      wait_until(Deadline::after(kPause));
    }
  });
  return {};
}

}  // namespace holdfast::agent
