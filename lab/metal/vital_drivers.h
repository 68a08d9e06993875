// Without which drivers does a system on a host's own disk not come up, or is not reached?
#pragma once

#include <string>
#include <vector>

#include "harness/wire/verbs_host.h"
#include "lab/metal/ssh.h"

namespace holdfast::lab {

/// Run on the host with addresses of functions: prints a line for each driver that is used there. Of a virtio device it
/// is the one behind virtio-pci, which tells a disk from a network card.
inline constexpr const char* kListDrivers = R"sh(for function in "$@"; do
  device=/sys/bus/pci/devices/$function
  behind=
  for driver in "$device"/virtio*/driver; do
    if [ -e "$driver" ]; then behind=$(readlink -f "$driver"); echo "${behind##*/}"; fi
  done
  if [ -z "$behind" ] && [ -e "$device/driver" ]; then behind=$(readlink -f "$device/driver"); echo "${behind##*/}"; fi
done
)sh";

/// The functions that a kernel needs which runs that system: those of its disks and networks, each once.
std::vector<std::string> functions_it_lives_by(const wire::HostFactsReply& facts);

/// The drivers of these functions as the host's own system has them, sorted, each once. Errors: Ssh's.
Result<std::vector<std::string>> drivers_it_lives_by(Ssh& ssh, const wire::HostFactsReply& facts,
                                                     const Deadline& deadline);

}  // namespace holdfast::lab
