// How does a machine whose init the agent is get back onto its management network?
#include "harness/agent/network.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "harness/agent/rtnetlink.h"
#include "harness/agent/sysfs.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/wire/codec.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kClassNet = "/sys/class/net";

bool same_mac(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other,
                            [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

/// The kernel tells of new interfaces over netlink too, but a look every few milliseconds for a few seconds is simpler.
Result<std::string> await_interface(const std::string& mac, const Deadline& deadline) {
  constexpr Millis kLook{10};
  while (true) {
    std::string name = interface_with(mac, kClassNet);
    if (!name.empty()) return name;
    if (wait_until(deadline.at_most(kLook)) == Wake::kStopped || deadline.expired()) break;
  }
  std::vector<std::string> seen;
  for (const std::string& name : names_in(kClassNet)) {
    seen.push_back(fmt::format("{} {}", name, read_line(fs::path(kClassNet) / name / "address")));
  }
  return lab_error("network", fmt::format("no interface has the address {}: there are {} (does the kernel have the "
                                          "driver, and the payload its module?)",
                                          mac, seen.empty() ? "none at all" : join(seen, ", ")));
}

}  // namespace

Result<std::optional<wire::Network>> carried_network(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return std::optional<wire::Network>();
  const wire::Message message{.text = TRY(read_file(file)), .blob = {}};
  const wire::Envelope envelope = TRY_IN(file.string(), wire::open_envelope(message));
  return std::optional(TRY_IN(file.string(), wire::decode<wire::Network>(envelope, {})));
}

std::string interface_with(const std::string& mac, const fs::path& class_net) {
  std::error_code ignored;
  for (const std::string& name : names_in(class_net)) {
    const fs::path interface = class_net / name;
    if (fs::exists(interface / "device", ignored) && same_mac(read_line(interface / "address"), mac)) return name;
  }
  return {};
}

Result<void> bring_up(const wire::Network& network, const Deadline& deadline) {
  RtNetlink netlink = TRY(RtNetlink::open());
  TRY_IN("lo", netlink.set_up(::if_nametoindex("lo"), 0));
  const IpPrefix address = TRY(IpPrefix::parse(network.address));
  const std::string name = TRY(await_interface(network.mac, deadline));
  const unsigned interface = ::if_nametoindex(name.c_str());
  TRY_IN(name, netlink.set_up(interface, network.mtu));
  TRY_IN(fmt::format("{} on {}", network.address, name), netlink.add_address(interface, address));
  for (const wire::Route& route : network.routes) {
    TRY_IN(fmt::format("{} via {}", route.to, route.via),
           netlink.add_route(interface, TRY(IpPrefix::parse(route.to)), TRY(IpPrefix::parse(route.via))));
  }
  if (network.gateway.empty()) return {};
  const IpPrefix gateway = TRY(IpPrefix::parse(network.gateway));
  const IpPrefix everywhere{.family = gateway.family, .bytes = std::vector<uint8_t>(gateway.bytes.size()), .length = 0};
  return in_context(netlink.add_route(interface, everywhere, gateway),
                    [&] { return fmt::format("default route via {}", network.gateway); });
}

}  // namespace holdfast::agent
