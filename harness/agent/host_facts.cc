// Which PCI functions carry the system that runs on this machine?
#include "harness/agent/host_facts.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>

#include "harness/agent/registry.h"
#include "harness/agent/sysfs.h"
#include "harness/base/device_use.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

std::string_view role_of(DeviceUse::Kind kind) {
  switch (kind) {
    case DeviceUse::Kind::kSystemDisk:
      return "system disk";
    case DeviceUse::Kind::kDisk:
      return "disk";
    case DeviceUse::Kind::kNetwork:
      return "network";
    case DeviceUse::Kind::kDisplay:
      return "display";
    case DeviceUse::Kind::kManagement:
      return "BMC";
    case DeviceUse::Kind::kConsole:
      return "console";
  }
  return {};
}

/// What routes do not tell: how the controller comes here, and addresses of IPv4 that have no network. Those of IPv6
/// are found without (link-local ones are no use: each interface that is up has one).
std::vector<InterfaceUse> interfaces_in_use(const HostView& host, const std::string& control) {
  std::vector<InterfaceUse> used;
  for (const auto& [interface, address] : host.addresses) {
    if (address == control) used.push_back({interface, fmt::format("is reached by {}", address)});
    if (address.find(':') == std::string::npos) used.push_back({interface, fmt::format("has {}", address)});
  }
  const fs::path net = host.root / "sys/class/net";
  for (const std::string& name : names_in(net)) {
    // A bond, its parts and its VLANs have one MAC.
    const bool named = !control.empty() && read_line(net / name / "address") == control;
    if (named) used.push_back({name, fmt::format("is reached by {}", control)});
  }
  return used;
}

/// A virtual function does nothing without its physical one.
void add_physical_functions(const fs::path& root, std::vector<wire::HostUse>& uses) {
  for (size_t i = 0; i < uses.size(); ++i) {
    const std::string physical = link_name(root / "sys/bus/pci/devices" / uses[i].bdf / "physfn");
    if (physical.empty()) continue;
    wire::HostUse use = uses[i];
    use.why += fmt::format(", by its virtual function {}", use.bdf);
    use.bdf = physical;
    uses.push_back(std::move(use));
  }
}

std::vector<wire::HostFunction> all_functions(const fs::path& root) {
  std::vector<wire::HostFunction> functions;
  const fs::path devices = root / "sys/bus/pci/devices";
  for (const std::string& bdf : names_in(devices)) {
    if (!is_bdf(bdf)) continue;
    const auto group = parse_u64(link_name(devices / bdf / "iommu_group"));
    functions.push_back(
        {.bdf = bdf, .path = pci_path(devices / bdf, bdf), .iommu_group = group ? static_cast<int>(*group) : -1});
  }
  return functions;
}

Result<wire::HostFactsReply> host_facts(State&, const wire::HostFacts& request) {
  return look_at_host(this_host(), request.control);
}

}  // namespace

HostView this_host() {
  HostView host;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return host;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const int family = entry->ifa_addr != nullptr ? entry->ifa_addr->sa_family : AF_UNSPEC;
    if (family != AF_INET && family != AF_INET6) continue;
    const void* bytes = family == AF_INET
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr)
                            : &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::inet_ntop(family, bytes, text.data(), text.size()) != nullptr) {
      host.addresses.push_back({.interface = entry->ifa_name, .address = text.data()});
    }
  }
  ::freeifaddrs(list);
  return host;
}

Result<wire::HostFactsReply> look_at_host(const HostView& host, const std::string& control) {
  wire::HostFactsReply reply;
  for (DeviceUse& use : TRY(devices_in_use(host.root, interfaces_in_use(host, control)))) {
    reply.uses.push_back(
        {.bdf = std::move(use.bdf), .role = std::string(role_of(use.kind)), .why = std::move(use.what)});
  }
  add_physical_functions(host.root, reply.uses);
  reply.functions = all_functions(host.root);
  return reply;
}

void add_host_verbs(Registry& registry) { registry.add(host_facts); }

}  // namespace holdfast::agent
