// What does the agent need to know to bring up the network of a machine whose init it is?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::wire {

/// A way to further networks.
struct Route {
  std::string to;   ///< "198.51.100.0/24"
  std::string via;  ///< "192.0.2.1"
};

/// The network of a machine's management, as its own system has it. Carried in a payload, in the form of an event.
struct Network {
  static constexpr std::string_view kEvent = "network";
  std::string mac;      ///< "52:54:00:12:34:56": which interface it is, whatever it is called
  std::string address;  ///< "192.0.2.7/24", or an IPv6 one
  std::string gateway;  ///< of the default route; empty: none
  std::vector<Route> routes;
  uint32_t mtu = 0;  ///< bytes; 0: as the driver has it
};

/// Where a payload has it.
inline constexpr const char* kNetworkFile = "/holdfast/network.json";
/// Where the agent then listens, and what an ssh login gets: nothing else is to be had there.
inline constexpr const char* kAgentSocket = "/run/holdfast/agent.sock";
inline constexpr const char* kBridgeCommand = "/init --bridge /run/holdfast/agent.sock";

}  // namespace holdfast::wire
