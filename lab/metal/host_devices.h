// Where on a host are the devices that the inventory declares?
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "lab/host.h"

namespace holdfast::lab {

/// Run on the host: prints a line "0000:01:00.0 0x8086 0x10d3" for each function.
inline constexpr const char* kListDevices =
    "for d in /sys/bus/pci/devices/*; do read -r v < $d/vendor; read -r m < $d/device; echo \"${d##*/} $v $m\"; done";

/// A device of the inventory on the host.
struct LocatedDevice {
  HostDevice declared;
  std::string bdf;      ///< empty: `trouble` says why
  std::string ids;      ///< "8086:10d3", as the host has it
  std::string trouble;  ///< "nothing is at 0000:01:00.0"
};

/// Each of `devices`, in their order, in what kListDevices printed. One that is named by its ids alone is none that
/// another one is declared to be, and has to be the only one that is left: which of several is meant cannot be guessed.
std::vector<LocatedDevice> locate(const std::vector<HostDevice>& devices, std::string_view listing);

/// Fills in the addresses of those of `devices` that have none: asks the host's own system, once, if there are any.
/// Errors: lab.no-device; Ssh's.
Result<void> fill_addresses(std::vector<Device>& devices, const Host& host, const std::filesystem::path& runtime_dir,
                            const Deadline& deadline);

}  // namespace holdfast::lab
