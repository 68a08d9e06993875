// Which PCI functions does this machine itself need, and for what?
#include "harness/base/device_use.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
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

/// "2001:db8::7" from 32 digits.
std::string ipv6_address(std::string_view digits) {
  in6_addr address{};
  for (size_t i = 0; i < sizeof(address.s6_addr) && 2 * i + 2 <= digits.size(); ++i) {
    address.s6_addr[i] = static_cast<uint8_t>(parse_u64(digits.substr(2 * i, 2), 16).value_or(0));
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(AF_INET6, &address, text.data(), text.size()) != nullptr ? text.data() : std::string(digits);
}

/// Source: net/ipv6/addrconf.c of Linux 7.3, if6_seq_show(): address, index, prefix, scope, flags, name. Scope 20h is
/// link-local, which every interface has, 10h the host's own. With a default route a link-local one is enough; for the
/// list of routes see net/ipv6/route.c, rt6_info_route_seq_show().
void add_ipv6(const fs::path& root, Interfaces& used) {
  const std::string text = read_line(root / "proc/net/if_inet6");
  for (const std::string_view line : split(text, '\n')) {
    const auto words = words_of(line);
    if (words.size() < 6 || words[3] == "20" || words[3] == "10") continue;
    used[std::string(words[5])].insert(
        fmt::format("has the address {}/{}", ipv6_address(words[0]), parse_u64(words[2], 16).value_or(0)));
  }
  const std::string routes = read_line(root / "proc/net/ipv6_route");
  for (const std::string_view line : split(routes, '\n')) {
    const auto words = words_of(line);
    if (words.size() < 10 || words.back() == "lo" || words[1] != "00") continue;
    if (words[0].find_first_not_of('0') == std::string_view::npos) {
      used[std::string(words.back())].insert("carries the default route of IPv6");
    }
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

void add_networks(const fs::path& root, const std::vector<InterfaceUse>& known, std::vector<DeviceUse>& uses) {
  const fs::path net = root / "sys/class/net";
  Interfaces used;
  for (const auto& [name, what] : known) used[name].insert(what);
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

/// Why this function belongs to a management controller; empty when it does not, as far as can be told.
/// Source: PCI Code and ID Assignment Specification 1.16, 1.13 (0Ch 07h: IPMI); pci.ids for the rest.
std::string why_management(const fs::path& device) {
  const auto number_in = [&](const char* file) { return parse_u64(read_line(device / file), 16).value_or(0); };
  const uint64_t vendor = number_in("vendor");
  const uint64_t kind = number_in("class") >> 8;
  if (kind == 0x0c07) return "it is an IPMI interface";
  if (vendor == 0x1a03) return "it is a part of an ASPEED management controller";
  if (vendor == 0x102b && kind == 0x0300) return "it is the graphics of a management controller";
  if (vendor == 0x103c && (number_in("device") & 0xff00) == 0x3300)
    return "it is a part of an iLO management controller";
  return {};
}

void add_management(const fs::path& root, std::vector<DeviceUse>& uses) {
  const fs::path devices = root / "sys/bus/pci/devices";
  for (const std::string& bdf : names_in(devices)) {
    std::string why = why_management(devices / bdf);
    if (!why.empty()) uses.push_back({bdf, Kind::kManagement, std::move(why)});
  }
}

/// The kernel's consoles that are serial ports on a card of their own.
void add_consoles(const fs::path& root, std::vector<DeviceUse>& uses) {
  const std::string active = read_line(root / "sys/class/tty/console/active");
  for (const std::string_view name : words_of(active)) {
    for (const std::string& bdf : bdfs_on_the_way(root / "sys/class/tty" / name)) {
      uses.push_back({bdf, Kind::kConsole, fmt::format("the kernel's console {} is on it", name)});
    }
  }
}

/// A bridge on the way is not what is in use, only its place.
bool is_bridge(const fs::path& root, const std::string& bdf) {
  return read_line(root / "sys/bus/pci/devices" / bdf / "class").starts_with("0x0604");
}

}  // namespace

Result<std::vector<DeviceUse>> devices_in_use(const fs::path& root, const std::vector<InterfaceUse>& known) {
  std::vector<DeviceUse> uses = TRY(disks_in_use(root));
  add_networks(root, known, uses);
  add_displays(root, uses);
  add_management(root, uses);
  add_consoles(root, uses);
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
