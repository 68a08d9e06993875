// What does the built-in target need of this computer?
#include "lab/qemu/check.h"

#include <fmt/format.h>
#include <unistd.h>

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using State = Finding::State;

/// Free space below which payloads and kernels no longer fit beside each other.
constexpr uintmax_t kLeastFree = uintmax_t{1} << 30;

Finding check_accel(AccelWish wish) {
  if (wish == AccelWish::kTcg) return {State::kGood, "accel", "tcg, as asked for", ""};
  const bool there = ::access("/dev/kvm", R_OK | W_OK) == 0;
  if (there) return {State::kGood, "accel", "/dev/kvm can be opened; the first run proves whether it works", ""};
  const bool must = wish == AccelWish::kKvm;
  return {must ? State::kMissing : State::kLimits, "accel",
          must ? "/dev/kvm cannot be opened" : "/dev/kvm cannot be opened: guests run under TCG, some ten times slower",
          ::access("/dev/kvm", F_OK) == 0 ? "sudo usermod -aG kvm $USER, then log in again"
                                          : "switch on virtualization in this computer's firmware or hypervisor"};
}

Finding check_cache(const fs::path& cache) {
  fs::path there = cache;
  while (!fs::exists(there) && there.has_relative_path()) there = there.parent_path();
  std::error_code failed;
  const fs::space_info space = fs::space(there, failed);
  if (failed || ::access(there.c_str(), W_OK) != 0) {
    return {State::kMissing, "cache", fmt::format("cannot write to {}", there.string()),
            "HOLDFAST_CACHE=DIR with a folder that you may write to"};
  }
  if (space.available < kLeastFree) {
    return {State::kMissing, "cache", fmt::format("{} MiB free at {}", space.available >> 20, there.string()),
            "free 1 GiB, or HOLDFAST_CACHE=DIR on another disk"};
  }
  return {State::kGood, "cache", fmt::format("{} ({} GiB free)", cache.string(), space.available >> 30), ""};
}

}  // namespace

std::vector<Finding> check_qemu(AccelWish accel, const fs::path& agent, const fs::path& cache) {
  std::vector<Finding> findings{
      check_program("qemu-system-x86_64", "the built-in target", "tools/setup, or install qemu-system-x86")};
  const bool built = ::access(agent.c_str(), R_OK) == 0;
  findings.push_back({built ? State::kGood : State::kMissing, "agent", agent.string() + (built ? "" : " is not there"),
                      built ? "" : "cmake --build build"});
  findings.push_back(check_cache(cache));
  findings.push_back(check_accel(accel));
  return findings;
}

}  // namespace holdfast::lab
