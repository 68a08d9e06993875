// What does a lab's inventory say? lab/README.md has all its keys.
//
// sections.* lists the keys, toml_table.* reads a table strictly, host_reader.* and access_reader.* a host, vm_reader.*
// a virtual machine, inventory.cc the rest and the files that are included.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/crash/allowance.h"
#include "lab/host.h"
#include "lab/passthrough/passed_device.h"
#include "lab/qemu/accel.h"

namespace holdfast::lab {

/// A virtual machine of this computer: the built-in one under another name, of another size, and with devices of this
/// computer where it has some.
struct VirtualMachine {
  std::string name;
  std::vector<std::string> tags = {};
  unsigned memory_mib = 512;
  unsigned cpus = 1;
  AccelWish accel = AccelWish::kAuto;
  double time_scale = 1.0;
  PassthroughVm passed = {};
  std::string declared_at = {};
  bool takes_devices() const { return !passed.devices.empty(); }
};

/// How those who use a host at the same time learn of each other.
struct Leases {
  /// Shared by all controllers. Absolute; may not be there yet. Empty only where there is no host to lease.
  std::filesystem::path folder = {};
  bool folder_named = false;               ///< by the inventory; else it is the user's own, and may be made
  std::chrono::seconds heartbeat{10};      ///< how often a holder says that it is alive
  std::chrono::seconds expires_after{60};  ///< without a heartbeat; at least three of them
  std::string declared_at = {};            ///< empty: the defaults
};

struct Inventory {
  std::vector<Host> hosts;
  std::vector<VirtualMachine> vms;
  std::vector<Allowance> allowances;
  Leases leases;
};

/// Reads TOML, strictly: a key or value that is not meant here is an error (harness.usage) that says where it stands,
/// as file:line:column, and which known key is nearest. `name` is what the text is called in errors, and what is
/// relative in it is relative to the folder of that file. Reads the files that it includes, and touches nothing else.
Result<Inventory> parse_inventory(std::string_view text, const std::string& name);

/// The same from a file. Without one (an empty path) the inventory is empty. The variables that secrets are in are
/// withheld from the programs that this one starts (harness/base/withheld.h).
Result<Inventory> read_inventory(const std::filesystem::path& file);

}  // namespace holdfast::lab
