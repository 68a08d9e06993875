// Which PCI functions does this machine itself need, and for what?
//
// Whoever takes a device away, or leaves it to a kernel under test, asks here first. Everything is read below `root`,
// so that a recorded machine can be asked as well.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace holdfast {

/// One reason why a function is in use. A function has as many of these as there are reasons; so have the functions
/// above it that are no plain bridges (a disk behind a VMD endpoint needs both).
struct DeviceUse {
  enum class Kind {
    kSystemDisk,  ///< what the machine started from and runs on: nobody may take it
    kDisk,        ///< mounted, swap, or part of a volume that is active
    kNetwork,     ///< an address, a route, or a port of a bridge or bond
    kDisplay,     ///< shows something
    kManagement,  ///< a part of a BMC, by which the machine is started and watched
    kConsole,     ///< a serial port that the kernel writes its messages to
  };
  std::string bdf;
  Kind kind = Kind::kDisk;
  std::string what;  ///< "/dev/nvme0n1p3 (dm-0 vg-root) is mounted at /"
};

/// A network interface that the caller knows to be in use, and why.
struct InterfaceUse {
  std::string name;  ///< "eth0"
  std::string what;  ///< "has 192.0.2.7"
};

/// All uses of all functions, ordered by address, each once; `known` adds to what sysfs and proc tell of interfaces.
/// What cannot be traced to a device counts against all that it could be: a root file system of a kind that names no
/// block device keeps every storage controller. Errors: lab.io when the list of mounts cannot be read.
Result<std::vector<DeviceUse>> devices_in_use(const std::filesystem::path& root = "/",
                                              const std::vector<InterfaceUse>& known = {});

/// A process that has one of some files open.
struct FileHolder {
  int pid = 0;
  std::string command;  ///< "qemu-system-x86"
  std::string file;
  /// "/dev/vfio/14 is open in qemu-system-x86 (pid 4711)"
  std::string describe() const;
};

/// Who has a file open whose path is one of `files`. Without privilege only the caller's own processes are
/// seen.
std::vector<FileHolder> holders_of(const std::vector<std::string>& files, const std::filesystem::path& root = "/");

}  // namespace holdfast
