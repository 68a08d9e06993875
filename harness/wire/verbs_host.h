// What can the agent be asked about the system that a machine runs on, so that no test takes it away?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/wire/frame.h"

namespace holdfast::wire {

/// The running system needs this function.
struct HostUse {
  std::string bdf;
  std::string role;  ///< "system disk", "disk", "network", "display", "BMC", "console", as in "is the host's ..."
  std::string why;   ///< "/dev/nvme0n1p2 is mounted at /", "eth0 has 192.0.2.7"
};

/// Where a function stands.
struct HostFunction {
  std::string bdf;
  std::string path;      ///< "0000:00:04.0/0000:03:00.0": the ports above it, from the root
  int iommu_group = -1;  ///< -1: none
};

/// `uses` names a function once for each use. What is needed but cannot be traced to functions makes all that could be
/// meant a use: of a root file system on an unknown disk, all mass storage.
struct HostFactsReply {
  std::vector<HostUse> uses;
  std::vector<HostFunction> functions;  ///< all that are there
};
struct HostFacts {
  static constexpr std::string_view kVerb = "host_facts";
  using Reply = HostFactsReply;
  std::string control;  ///< an IP address or a MAC (lower case) that the machine is reached by; empty: not known
};

}  // namespace holdfast::wire
