// Which PCI functions carry the network of the system that runs on this machine?
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/agent/host_facts.h"
#include "harness/agent/sysfs.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

/// fe80::/10: each interface that is up has one, whether it is used or not.
bool is_link_local(const std::string& address) { return address.starts_with("fe8") || address.starts_with("169.254."); }

/// Adds the functions below an interface, and below those that it is made of.
void add_functions_below(const fs::path& class_net, const std::string& name, std::set<std::string>& functions,
                         int depth = 0) {
  constexpr int kDeepest = 16;  // a bridge over a VLAN over a bond is three
  std::error_code failed;
  const fs::path place = fs::canonical(class_net / name, failed);
  if (failed || depth > kDeepest) return;
  const std::vector<std::string> way = addresses_in(place);
  if (!way.empty()) functions.insert(way.back());
  constexpr std::string_view kLower = "lower_";
  for (const std::string& entry : names_in(place)) {
    if (entry.starts_with(kLower)) add_functions_below(class_net, entry.substr(kLower.size()), functions, depth + 1);
  }
}

/// Interfaces with a default route. Source: proc(5) for /proc/net/route; ipv6_route_seq_show() of Linux 7.3.
std::set<std::string> with_default_route(const fs::path& root) {
  std::set<std::string> names;
  std::string text = read_line(root / "proc/net/route");
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() > 7 && fields[1] == "00000000" && fields[7] == "00000000") names.emplace(trim(fields[0]));
  }
  text = read_line(root / "proc/net/ipv6_route");
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view name = trim(line.substr(std::min(line.size(), line.rfind(' ') + 1)));
    if (line.starts_with(std::string(32, '0') + " 00 ") && name != "lo") names.emplace(name);
  }
  return names;
}

}  // namespace

std::vector<wire::HostUse> networks_in_use(const HostView& host, const std::string& control) {
  const fs::path class_net = host.root / "sys/class/net";
  std::map<std::string, std::string> reasons;  // by interface; the first one said is the best
  for (const auto& [interface, address] : host.addresses) {
    if (address == control) reasons.emplace(interface, fmt::format("{} is reached by {}", interface, address));
  }
  for (const std::string& name : names_in(class_net)) {
    // A bond, its parts and its VLANs have one MAC.
    const bool named = !control.empty() && read_line(class_net / name / "address") == control;
    if (named) reasons.emplace(name, fmt::format("{} is reached by {}", name, control));
  }
  for (const auto& [interface, address] : host.addresses) {
    if (!is_link_local(address)) reasons.emplace(interface, fmt::format("{} has {}", interface, address));
  }
  for (const std::string& name : with_default_route(host.root)) {
    reasons.emplace(name, fmt::format("{} has a default route", name));
  }
  std::vector<wire::HostUse> uses;
  for (const auto& [interface, why] : reasons) {
    std::set<std::string> functions;
    add_functions_below(class_net, interface, functions);
    for (const std::string& bdf : functions) uses.push_back({.bdf = bdf, .role = "network", .why = why});
  }
  return uses;
}

}  // namespace holdfast::agent
