// Which PCI functions carry the system that runs on this machine?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/wire/verbs_host.h"

namespace holdfast::agent {

/// An address that an interface has.
struct InterfaceAddress {
  std::string interface;  ///< "eth0"
  std::string address;    ///< "192.0.2.7", "2001:db8::7"
};

/// Where to look: folders proc, sys and dev are below `root`.
struct HostView {
  std::filesystem::path root = "/";
  std::vector<InterfaceAddress> addresses = {};
};

/// This machine as it is now.
HostView this_host();

/// All that is in use, and all functions. What cannot be read is taken for not being there.
wire::HostFactsReply look_at_host(const HostView& host, const std::string& control);

/// What is mounted, swapped to, or one of the disks below either; through partitions, device mapper, RAID, NVMe paths.
std::vector<wire::HostUse> disks_in_use(const std::filesystem::path& root);

/// Interfaces that have an address (a link-local one does not count) or a default route, or are `control`, and the ones
/// below them: of a bond, a bridge, a VLAN.
std::vector<wire::HostUse> networks_in_use(const HostView& host, const std::string& control);

}  // namespace holdfast::agent
