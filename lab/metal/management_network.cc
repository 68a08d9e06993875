// Over which interface does a host's own system talk to us, and how is that one set up?
#include "lab/metal/management_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

/// SSH_CONNECTION is "client port server port", see ssh(1). An IPv6 address may have a scope behind a "%".
constexpr const char* kAsk = R"sh(set -eu
PATH=$PATH:/usr/sbin:/sbin
set -- $SSH_CONNECTION
echo "port $4"
address=${3%%\%*}
case $address in *:*) family=-6 ;; *) family=-4 ;; esac
set -- $(ip -o $family addr show to "$address")
interface=${2%%@*}
echo "interface $interface"
echo "address $4"
echo "mac $(cat "/sys/class/net/$interface/address")"
echo "mtu $(cat "/sys/class/net/$interface/mtu")"
driver=$(readlink -f "/sys/class/net/$interface/device/driver" || true)
# The link of a virtio device leads to "virtio0", whose driver is the one that counts.
echo "driver ${driver##*/}"
echo "routes"
ip $family route show dev "$interface"
)sh";

/// "default via 192.0.2.1 proto dhcp metric 100"; one without "via" is made by the address itself.
void add_route(wire::Network& network, std::string_view line) {
  const auto words = split(line, ' ');
  const auto via = std::ranges::find(words, std::string_view("via"));
  if (via == words.end() || via + 1 == words.end()) return;
  if (words.front() != "default") {
    network.routes.push_back({.to = std::string(words.front()), .via = std::string(*(via + 1))});
  } else if (network.gateway.empty()) {
    network.gateway = *(via + 1);  // the first has the smallest metric
  }
}

}  // namespace

Result<ManagementNetwork> parse_management_network(std::string_view text) {
  ManagementNetwork found;
  std::map<std::string, std::string, std::less<>> facts;
  bool routes = false;
  for (const std::string_view raw : split(text, '\n')) {
    const std::string_view line = trim(raw);
    if (routes) add_route(found.network, line);
    if (line == "routes") routes = true;
    const size_t blank = line.find(' ');
    if (!routes && blank != std::string_view::npos) facts.emplace(line.substr(0, blank), trim(line.substr(blank)));
  }
  found.interface = facts["interface"];
  found.driver = facts["driver"];
  found.network.address = facts["address"];
  found.network.mac = facts["mac"];
  found.network.mtu = static_cast<uint32_t>(parse_u64(facts["mtu"]).value_or(0));
  found.ssh_port = static_cast<uint16_t>(parse_u64(facts["port"]).value_or(22));
  if (found.driver.empty() || found.network.mac.empty() || found.network.address.find('/') == std::string::npos) {
    return lab_error("network",
                     fmt::format("the interface \"{}\", which leads to the controller, is not a network card "
                                 "with a driver and an address of its own",
                                 found.interface))
        .because(
            "a kernel with payload = \"initramfs\" brings up a plain network card; payload = \"rootfs\" leaves "
            "the network to the host's own system")
        .with("what the host said", std::string(text));
  }
  return found;
}

Result<ManagementNetwork> management_network(Ssh& ssh, const Deadline& deadline) {
  const std::string text = TRY_IN("look at the management network", ssh.ask({"sh", "-c", kAsk}, deadline));
  return parse_management_network(text);
}

}  // namespace holdfast::lab
