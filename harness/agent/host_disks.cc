// Which PCI functions carry the disks of the system that runs on this machine?
//
// What is mounted has the number of a block device, or (btrfs) only a name in /dev. From there the way leads down: from
// a partition to its disk, from a device mapper's or RAID's disk to those that it is made of (slaves/), from an NVMe
// disk with several paths to each of the controllers. At the end stands a device whose place in sysfs has an address in
// it. A loop device needs no care: its file lies on a file system that is mounted.
#include <fmt/format.h>

#include <set>

#include "harness/agent/host_facts.h"
#include "harness/agent/sysfs.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

/// Adds the functions that carry the block device at `place`, a resolved folder of sysfs.
void add_functions_below(const fs::path& place, std::set<std::string>& functions, int depth = 0) {
  constexpr int kDeepest = 16;  // stacks of disks are lower, and sysfs has no circles
  if (place.empty() || depth > kDeepest) return;
  const std::vector<std::string> way = addresses_in(place);
  if (!way.empty()) {
    functions.insert(way.back());
    return;
  }
  std::error_code failed;
  if (fs::exists(place / "partition", failed)) return add_functions_below(place.parent_path(), functions, depth + 1);
  for (const std::string& below : names_in(place / "slaves")) {
    add_functions_below(fs::canonical(place / "slaves" / below, failed), functions, depth + 1);
  }
  if (!place.parent_path().filename().string().starts_with("nvme-subsys")) return;
  for (const std::string& controller : names_in(place.parent_path())) {
    const fs::path link = place.parent_path() / controller;
    if (!fs::is_symlink(link, failed) || !controller.starts_with("nvme")) continue;
    add_functions_below(fs::canonical(link, failed), functions, depth + 1);
  }
}

/// A mounted file system. Source: proc(5), /proc/[pid]/mountinfo.
struct Mount {
  std::string device;  ///< "259:2"
  std::string at;
  std::string type;
  std::string source;  ///< "/dev/nvme0n1p2"
};

std::vector<Mount> mounts_of(const fs::path& root) {
  std::vector<Mount> mounts;
  const std::string text = read_line(root / "proc/self/mountinfo");
  for (const std::string_view line : split(text, '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto first = split(line.substr(0, dash), ' ');
    const auto then = split(line.substr(dash + 3), ' ');
    if (first.size() < 5 || then.size() < 2) continue;
    mounts.push_back({std::string(first[2]), std::string(first[4]), std::string(then[0]), std::string(then[1])});
  }
  return mounts;
}

/// The folder of a device file such as /dev/mapper/vg-root; empty when there is none.
fs::path place_of_file(const fs::path& root, const std::string& file) {
  std::error_code failed;
  if (!file.starts_with("/dev/")) return {};
  const fs::path node = fs::canonical(root / file.substr(1), failed);
  if (failed) return {};
  const fs::path place = fs::canonical(root / "sys/class/block" / node.filename(), failed);
  return failed ? fs::path() : place;
}

/// All block devices that a file system is on.
std::vector<fs::path> places_of(const fs::path& root, const Mount& mount) {
  std::vector<fs::path> places;
  std::error_code failed;
  if (!mount.device.starts_with("0:")) {
    fs::path place = fs::canonical(root / "sys/dev/block" / mount.device, failed);
    if (!failed) places.push_back(std::move(place));
    return places;
  }
  if (fs::path place = place_of_file(root, mount.source); !place.empty()) places.push_back(std::move(place));
  if (mount.type != "btrfs") return places;
  for (const std::string& id : names_in(root / "sys/fs/btrfs")) {
    for (const std::string& device : names_in(root / "sys/fs/btrfs" / id / "devices")) {
      fs::path place = fs::canonical(root / "sys/fs/btrfs" / id / "devices" / device, failed);
      if (!failed) places.push_back(std::move(place));
    }
  }
  return places;
}

/// File systems that are on no disk of this machine.
bool needs_no_disk(const std::string& type) {
  static const std::set<std::string> kinds{"rootfs", "tmpfs", "ramfs", "nfs", "nfs4", "cifs", "9p", "virtiofs"};
  return kinds.contains(type);
}

void add_all_storage(const fs::path& root, const std::string& why, std::vector<wire::HostUse>& uses) {
  const fs::path devices = root / "sys/bus/pci/devices";
  for (const std::string& bdf : names_in(devices)) {
    // Base class 01h is mass storage. Source: PCI Code and ID Assignment Specification 1.16, 1.2.
    if (parse_u64(read_line(devices / bdf / "class"), 16).value_or(0) >> 16 != 0x01) continue;
    uses.push_back({.bdf = bdf, .role = "root disk, as far as can be told", .why = why});
  }
}

void add_uses(const std::vector<fs::path>& places, const std::string& role, const std::string& what,
              std::vector<wire::HostUse>& uses) {
  for (const fs::path& place : places) {
    std::set<std::string> functions;
    add_functions_below(place, functions);
    for (const std::string& bdf : functions) {
      wire::HostUse use{.bdf = bdf, .role = role, .why = fmt::format("{} on {}", what, place.filename().string())};
      uses.push_back(std::move(use));
    }
  }
}

}  // namespace

std::vector<wire::HostUse> disks_in_use(const fs::path& root) {
  std::vector<wire::HostUse> uses;
  for (const Mount& mount : mounts_of(root)) {
    const size_t before = uses.size();
    const bool is_root = mount.at == "/";
    add_uses(places_of(root, mount), is_root ? "root disk" : "disk", mount.at, uses);
    if (is_root && uses.size() == before && !needs_no_disk(mount.type)) {
      add_all_storage(root, fmt::format("/ is of type {} on {}, a disk that is not known", mount.type, mount.source),
                      uses);
    }
  }
  const std::string swaps = read_line(root / "proc/swaps");
  for (const std::string_view line : split(swaps, '\n')) {
    const fs::path place = place_of_file(root, std::string(line.substr(0, line.find_first_of(" \t"))));
    if (!place.empty()) add_uses({place}, "swap", "swap", uses);
  }
  return uses;
}

}  // namespace holdfast::agent
