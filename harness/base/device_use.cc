// Which PCI functions does this machine itself need, and for what?
#include "harness/base/device_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "harness/base/disk_use.h"
#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using Kind = DeviceUse::Kind;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, ' ');
  std::erase_if(words, [](std::string_view word) { return trim(word).empty(); });
  return words;
}

/// "192.0.2.0/24" from two numbers as /proc/net/route writes them: in the byte order of the machine.
std::string ipv4_net(std::string_view address, std::string_view mask) {
  const uint64_t a = parse_u64(address, 16).value_or(0);
  const uint64_t m = parse_u64(mask, 16).value_or(0);
  return fmt::format("{}.{}.{}.{}/{}", a & 0xff, (a >> 8) & 0xff, (a >> 16) & 0xff, (a >> 24) & 0xff,
                     __builtin_popcountll(m));
}

using Interfaces = std::map<std::string, std::set<std::string>>;  ///< by name: why it is in use

/// Source: net/ipv4/fib_trie.c of Linux 7.3, fib_route_seq_show(). An address of a network has a route to it.
void add_ipv4(const fs::path& root, Interfaces& used) {
  const std::string text = read_line(root / "proc/net/route");
  for (const std::string_view line : split(text, '\n')) {
    std::string plain(line);
    std::ranges::replace(plain, '\t', ' ');
    const auto words = words_of(plain);
    if (words.size() < 8 || words[0] == "Iface") continue;
    const bool is_default = words[1] == "00000000" && words[7] == "00000000";
    used[std::string(words[0])].insert(is_default ? "carries the default route"
                                                  : "has a route to " + ipv4_net(words[1], words[7]));
  }
}

/// Source: net/ipv6/addrconf.c of Linux 7.3, if6_seq_show(): address, index, prefix, scope, flags, name. Scope 20h is
/// link-local, which every interface has, 10h the host's own.
void add_ipv6(const fs::path& root, Interfaces& used) {
  const std::string text = read_line(root / "proc/net/if_inet6");
  for (const std::string_view line : split(text, '\n')) {
    const auto words = words_of(line);
    if (words.size() < 6 || words[3] == "20" || words[3] == "10") continue;
    used[std::string(words[5])].insert(
        fmt::format("has the IPv6 address {}/{}", words[0], parse_u64(words[2], 16).value_or(0)));
  }
}

/// Ports of bridges, bonds and switches carry other people's packets, with no address of their own.
void add_ports(const fs::path& net, Interfaces& used) {
  for (const std::string& name : names_in(net)) {
    if (const std::string master = link_name(net / name / "master"); !master.empty()) {
      used[name].insert(fmt::format("is a port of {}", master));
    }
  }
}

/// What stands on a bond, VLAN or bridge stands on what is below it.
void add_network(const fs::path& net, const std::string& name, const std::string& what, unsigned depth,
                 std::vector<DeviceUse>& uses) {
  constexpr unsigned kDeepest = 8;
  for (const std::string& bdf : bdfs_on_the_way(net / name)) {
    uses.push_back({bdf, Kind::kNetwork, fmt::format("{} {}", name, what)});
  }
  for (const std::string& entry : names_in(net / name)) {
    if (depth >= kDeepest || !entry.starts_with("lower_")) continue;
    add_network(net, entry.substr(6), fmt::format("is below {}, which {}", name, what), depth + 1, uses);
  }
}

void add_networks(const fs::path& root, std::vector<DeviceUse>& uses) {
  const fs::path net = root / "sys/class/net";
  Interfaces used;
  add_ipv4(root, used);
  add_ipv6(root, used);
  add_ports(net, used);
  for (const auto& [name, reasons] : used) {
    for (const std::string& what : reasons) add_network(net, name, what, 0, uses);
  }
}

/// A mode is set on a connector of the card, or the text console draws on its frame buffer.
void add_displays(const fs::path& root, std::vector<DeviceUse>& uses) {
  const fs::path drm = root / "sys/class/drm";
  for (const std::string& name : names_in(drm)) {
    if (read_line(drm / name / "enabled") != "enabled") continue;
    for (const std::string& bdf : bdfs_on_the_way(drm / name)) {
      uses.push_back({bdf, Kind::kDisplay, fmt::format("it shows a picture at {}", name)});
    }
  }
  std::string console;
  const fs::path consoles = root / "sys/class/vtconsole";
  for (const std::string& name : names_in(consoles)) {
    const bool draws = read_line(consoles / name / "name").find("frame buffer") != std::string::npos;
    if (draws && read_line(consoles / name / "bind") == "1") console = name;
  }
  const fs::path graphics = root / "sys/class/graphics";
  for (const std::string& name : names_in(graphics)) {
    if (console.empty() || !name.starts_with("fb")) continue;
    for (const std::string& bdf : bdfs_on_the_way(graphics / name)) {
      uses.push_back({bdf, Kind::kDisplay, fmt::format("the console ({}) is drawn on its {}", console, name)});
    }
  }
}

/// A bridge on the way is not what is in use, only its place.
bool is_bridge(const fs::path& root, const std::string& bdf) {
  return read_line(root / "sys/bus/pci/devices" / bdf / "class").starts_with("0x0604");
}

}  // namespace

Result<std::vector<DeviceUse>> devices_in_use(const fs::path& root) {
  std::vector<DeviceUse> uses = TRY(disks_in_use(root));
  add_networks(root, uses);
  add_displays(root, uses);
  std::erase_if(uses, [&](const DeviceUse& use) { return is_bridge(root, use.bdf); });
  const auto order = [](const DeviceUse& use) { return std::tie(use.bdf, use.kind, use.what); };
  std::ranges::sort(uses, {}, order);
  const auto repeats = std::ranges::unique(uses, {}, order);
  uses.erase(repeats.begin(), repeats.end());
  return uses;
}

std::string FileHolder::describe() const { return fmt::format("{} is open in {} (pid {})", file, command, pid); }

std::vector<FileHolder> holders_of(const std::vector<std::string>& files, const fs::path& root) {
  std::vector<FileHolder> holders;
  for (const std::string& name : names_in(root / "proc")) {
    const auto pid = parse_u64(name);
    if (!pid) continue;
    const fs::path fds = root / "proc" / name / "fd";
    for (const std::string& fd : names_in(fds)) {
      std::error_code failed;
      const std::string open = fs::read_symlink(fds / fd, failed).string();
      if (failed || std::ranges::find(files, open) == files.end()) continue;
      holders.push_back({static_cast<int>(*pid), read_line(root / "proc" / name / "comm"), open});
      break;
    }
  }
  return holders;
}

}  // namespace holdfast
