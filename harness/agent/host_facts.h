// Which PCI functions carry the system that runs on this machine?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"
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

/// What devices_in_use() says (harness/base/device_use.h), with the interface that is `control` and those that have an
/// address; what a virtual function is used for its physical one is, too; and all functions. Errors: as
/// devices_in_use().
Result<wire::HostFactsReply> look_at_host(const HostView& host, const std::string& control);

}  // namespace holdfast::agent
