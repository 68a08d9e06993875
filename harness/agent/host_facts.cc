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
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

uint64_t number_in(const fs::path& file) { return parse_u64(read_line(file), 16).value_or(0); }

/// Why this function belongs to a management controller; empty when it does not, as far as can be told.
/// Source: PCI Code and ID Assignment Specification 1.16, 1.13 (0Ch 07h: IPMI); pci.ids for the rest.
std::string why_bmc(const fs::path& device) {
  const uint64_t vendor = number_in(device / "vendor");
  const uint64_t id = number_in(device / "device");
  const uint64_t kind = number_in(device / "class") >> 8;
  if (kind == 0x0c07) return "an IPMI interface";
  if (vendor == 0x1a03) return "a part of an ASPEED management controller";
  if (vendor == 0x102b && kind == 0x0300) return "the graphics of a management controller";
  if (vendor == 0x103c && (id & 0xff00) == 0x3300) return "a part of an iLO management controller";
  return {};
}

void add_bmc(const fs::path& root, std::vector<wire::HostUse>& uses) {
  const fs::path devices = root / "sys/bus/pci/devices";
  for (const std::string& bdf : names_in(devices)) {
    std::string why = why_bmc(devices / bdf);
    if (!why.empty()) uses.push_back({.bdf = bdf, .role = "BMC", .why = std::move(why)});
  }
}

/// The kernel's consoles that are serial ports on a card of their own.
void add_consoles(const fs::path& root, std::vector<wire::HostUse>& uses) {
  const std::string active = read_line(root / "sys/class/tty/console/active");
  for (const std::string_view name : split(active, ' ')) {
    std::error_code failed;
    const fs::path place = fs::canonical(root / "sys/class/tty" / name, failed);
    if (failed || name.empty()) continue;
    const std::vector<std::string> way = addresses_in(place);
    if (!way.empty()) uses.push_back({.bdf = way.back(), .role = "console", .why = fmt::format("{}", name)});
  }
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

wire::HostFactsReply look_at_host(const HostView& host, const std::string& control) {
  wire::HostFactsReply reply;
  reply.uses = disks_in_use(host.root);
  const auto networks = networks_in_use(host, control);
  reply.uses.insert(reply.uses.end(), networks.begin(), networks.end());
  add_bmc(host.root, reply.uses);
  add_consoles(host.root, reply.uses);
  add_physical_functions(host.root, reply.uses);
  reply.functions = all_functions(host.root);
  return reply;
}

void add_host_verbs(Registry& registry) { registry.add(host_facts); }

}  // namespace holdfast::agent
