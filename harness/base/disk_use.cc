// Which PCI functions does a file system, a swap area or a volume stand on?
//
// From a mount to its block device (by number; by name for btrfs and the like, whose number belongs to no device), from
// there down through `slaves` (LVM, dm-crypt, md, bcache), and from a whole disk to the functions that its place in
// /sys/devices goes through. An nvme disk with several paths stands under no controller: its subsystem names them.
#include "harness/base/disk_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using Kind = DeviceUse::Kind;

struct Mount {
  std::string number;  ///< "259:2"
  std::string point;
  std::string type;
  std::string source;
};

/// As /proc/.../mountinfo writes a blank: "\040".
std::string unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto code = text[i] == '\\' && i + 3 < text.size() ? parse_u64(text.substr(i + 1, 3), 8) : std::nullopt;
    plain += code ? static_cast<char>(*code) : text[i];
    if (code) i += 3;
  }
  return plain;
}

/// Source: Documentation/filesystems/proc.rst of Linux 7.3, 3.5: optional fields end with a lone "-".
std::optional<Mount> parse_mount(std::string_view line) {
  const auto words = split(line, ' ');
  const auto dash = std::ranges::find(words, "-");
  if (dash == words.end() || dash - words.begin() < 6 || words.end() - dash < 3) return std::nullopt;
  return Mount{.number = std::string(words[2]),
               .point = unescape(words[4]),
               .type = std::string(dash[1]),
               .source = unescape(dash[2])};
}

/// The machine's own mounts, and those of this process: the two differ in a container.
Result<std::vector<Mount>> mounts(const fs::path& root) {
  std::string text = TRY(read_file(root / "proc/self/mountinfo"));
  if (const auto first = read_file(root / "proc/1/mountinfo")) text += *first;
  std::vector<Mount> found;
  for (const std::string_view line : split(text, '\n')) {
    if (auto mount = parse_mount(line)) found.push_back(*std::move(mount));
  }
  return found;
}

/// Without these the machine does not go on, or does not start again.
bool is_system(std::string_view point) {
  static constexpr std::string_view kPoints[] = {"/", "/usr", "/boot", "/efi", "/boot/efi", "/boot/firmware"};
  return std::ranges::find(kPoints, point) != std::end(kPoints);
}

/// Whose root file system needs no disk of this machine; a network file system needs a network card, which has its own
/// reasons. Of all others that have no block device (zfs, overlay, virtiofs...) nobody knows what they stand on.
bool needs_no_disk(std::string_view type) {
  static constexpr std::string_view kTypes[] = {"rootfs", "tmpfs", "ramfs", "nfs", "nfs4", "cifs", "ceph"};
  return std::ranges::find(kTypes, type) != std::end(kTypes);
}

class Disks {
 public:
  explicit Disks(const fs::path& root) : root_(root), sys_(root / "sys") {}

  std::optional<fs::path> by_number(const std::string& number) const {
    const fs::path link = sys_ / "dev/block" / number;
    return exists(link) ? std::optional(link) : std::nullopt;
  }

  /// "/dev/sda2", "/dev/mapper/vg-root", "/dev/md/0".
  std::optional<fs::path> by_name(const std::string& path) const {
    if (!path.starts_with("/dev/")) return std::nullopt;
    // A link such as /dev/disk/by-uuid/... or /dev/vg/root; in a container there may be none.
    std::error_code failed;
    const fs::path file = fs::canonical(root_ / path.substr(1), failed);
    if (!failed && exists(sys_ / "class/block" / file.filename())) return sys_ / "class/block" / file.filename();
    const std::string name = fs::path(path).filename().string();
    const bool mapped = path.starts_with("/dev/mapper/");
    if (!mapped && exists(sys_ / "class/block" / name)) return sys_ / "class/block" / name;
    for (const std::string& block : names_in(sys_ / "class/block")) {
      const fs::path folder = sys_ / "class/block" / block;
      if (read_line(folder / "dm/name") == name) return folder;
    }
    return std::nullopt;
  }

  /// The other devices of a file system that spans several.
  std::vector<fs::path> siblings(const fs::path& block) const {
    const std::string name = real(block).filename().string();
    for (const std::string& id : names_in(sys_ / "fs/btrfs")) {
      const fs::path devices = sys_ / "fs/btrfs" / id / "devices";
      const auto names = names_in(devices);
      if (std::ranges::find(names, name) == names.end()) continue;
      std::vector<fs::path> all;
      for (const std::string& one : names) all.push_back(sys_ / "class/block" / one);
      return all;
    }
    return {block};
  }

  /// Adds a use for every function below `block`; `chain` says how the walk came here. False when there was none.
  bool add(const fs::path& block, const std::string& chain, const DeviceUse& use, std::vector<DeviceUse>& uses) const {
    const fs::path folder = real(block);
    const auto below = names_in(folder / "slaves");
    const std::string name = folder.filename().string();
    if (!below.empty()) {
      const std::string mapped = read_line(folder / "dm/name");
      const std::string here = join_words({chain, name, mapped});
      bool any = false;
      for (const std::string& one : below) any |= add(folder / "slaves" / one, here, use, uses);
      return any;
    }
    std::vector<std::string> functions = functions_of(folder);
    // A partition of a RAID stands on the RAID.
    if (functions.empty() && exists(folder / "partition")) {
      return add(folder.parent_path(), join_words({chain, name}), use, uses);
    }
    for (const std::string& bdf : functions) {
      const std::string through = chain.empty() ? "" : fmt::format(" ({})", chain);
      uses.push_back({bdf, use.kind, fmt::format("/dev/{}{} {}", name, through, use.what)});
    }
    return !functions.empty();
  }

  /// Active volumes on the disk, whether or not they are mounted.
  void add_held(std::vector<DeviceUse>& uses) const {
    for (const std::string& name : names_in(sys_ / "class/block")) {
      const fs::path folder = sys_ / "class/block" / name;
      const auto holders = names_in(folder / "holders");
      if (holders.empty() || !names_in(folder / "slaves").empty()) continue;
      const std::string mapped = read_line(sys_ / "class/block" / holders.front() / "dm/name");
      const DeviceUse use{
          .bdf = {}, .kind = Kind::kDisk, .what = fmt::format("is part of {}", join_words({holders.front(), mapped}))};
      add(folder, "", use, uses);
    }
  }

  /// Every storage controller: base class 01h. Source: PCI Code and ID Assignment Specification 1.11, 1.2.
  void add_all_storage(const std::string& what, std::vector<DeviceUse>& uses) const {
    for (const std::string& bdf : names_in(sys_ / "bus/pci/devices")) {
      const bool storage = read_line(sys_ / "bus/pci/devices" / bdf / "class").starts_with("0x01");
      if (storage) uses.push_back({bdf, Kind::kSystemDisk, what});
    }
  }

  /// Is it no hardware of its own (a loop or network block device, a volume)? What it stands on may not be written.
  static bool is_virtual(const fs::path& block) {
    return real(block).string().find("/devices/virtual/") != std::string::npos;
  }

 private:
  static bool exists(const fs::path& path) {
    std::error_code failed;
    return fs::exists(path, failed);
  }
  static fs::path real(const fs::path& path) {
    std::error_code failed;
    fs::path place = fs::canonical(path, failed);
    return failed ? path : place;
  }

  static std::vector<std::string> functions_of(const fs::path& folder) {
    auto functions = bdfs_on_the_way(folder);
    if (!functions.empty()) return functions;
    for (fs::path up = folder; up.has_relative_path(); up = up.parent_path()) {
      if (!up.filename().string().starts_with("nvme-subsys")) continue;
      for (const std::string& name : names_in(up)) {
        if (link_name(up / name).empty() || !name.starts_with("nvme")) continue;
        for (std::string& bdf : bdfs_on_the_way(up / name)) functions.push_back(std::move(bdf));
      }
      break;
    }
    return functions;
  }

  fs::path root_;
  fs::path sys_;
};

void add_mount(const Mount& mount, const Disks& disks, std::vector<DeviceUse>& uses) {
  const DeviceUse use{.bdf = {},
                      .kind = is_system(mount.point) ? Kind::kSystemDisk : Kind::kDisk,
                      .what = fmt::format("is mounted at {}", mount.point)};
  auto block = disks.by_number(mount.number);
  if (!block) block = disks.by_name(mount.source);
  bool found = false;
  for (const fs::path& one : block ? disks.siblings(*block) : std::vector<fs::path>{}) {
    found |= disks.add(one, "", use, uses);
  }
  const bool elsewhere = needs_no_disk(mount.type) || (block && !Disks::is_virtual(*block));
  if (mount.point != "/" || found || elsewhere) return;
  disks.add_all_storage(fmt::format("the root file system ({} {}) may stand on it: nothing says on what it does",
                                    mount.type, mount.source),
                        uses);
}

}  // namespace

Result<std::vector<DeviceUse>> disks_in_use(const fs::path& root) {
  const Disks disks(root);
  std::vector<DeviceUse> uses;
  for (const Mount& mount : TRY(mounts(root))) add_mount(mount, disks, uses);
  const auto swaps = read_file(root / "proc/swaps");
  for (const std::string_view line : swaps ? split(*swaps, '\n') : std::vector<std::string_view>{}) {
    const std::string name(line.substr(0, line.find_first_of(" \t")));
    // A swap file lies in a file system that is mounted.
    if (const auto block = disks.by_name(name)) disks.add(*block, "", {{}, Kind::kDisk, "is swap"}, uses);
  }
  disks.add_held(uses);
  return uses;
}

}  // namespace holdfast
