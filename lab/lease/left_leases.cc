// Which leases has a process of this computer left that is gone?
#include "lab/lease/left_leases.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/lease/observer.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

bool is_left(const Standing& standing, const Owner& self) {
  return standing.lease && life_of(standing.lease->owner, self) == Life::kGone;
}

Result<void> drop(const LeasePlace& place, const Owner& self, const Deadline& deadline) {
  const FileLock lock = TRY(lock_place(place, deadline));
  if (!is_left(TRY(read_standing(place)), self)) return {};  // somebody took it over, or gave it back
  return clear_lease(place);
}

/// A virtual machine's has "@" and the computer's name in it (lease_name), which no host's name can have.
bool is_hosts(const LeasePlace& place) { return place.host.find('@') == std::string::npos; }

}  // namespace

bool is_left(const LeasePlace& place, const Owner& self) {
  const auto standing = read_standing(place);
  return standing && is_left(*standing, self);
}

std::vector<Leftover> left_leases(const fs::path& folder, const LeaseTiming& timing, const Owner& self) {
  std::vector<Leftover> left;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    if (entry->path().extension() != ".lease") continue;
    const LeasePlace place{.folder = folder, .host = entry->path().stem().string()};
    const auto standing = read_standing(place);
    if (!standing || !is_left(*standing, self)) continue;
    Leftover lease{.what = fmt::format("lease of {}", place.host),
                   .whose = "was " + holder_text(*standing, timing.clock.wall()),
                   .done =
                       "stays: it says that the host may be in a test kernel; whoever takes the host next brings it "
                       "home, and so does `holdfast check --clean --lab INVENTORY`",
                   .clean = {}};
    if (!is_hosts(place)) {
      lease.done = "given back";
      lease.clean = [place, self](const Deadline& deadline) { return drop(place, self, deadline); };
    }
    left.push_back(std::move(lease));
  }
  std::ranges::sort(left, {}, &Leftover::what);
  return left;
}

}  // namespace holdfast::lab
