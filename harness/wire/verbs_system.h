// What can the agent be asked about the machine as a whole: identity, files, log, kexec?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/wire/frame.h"

namespace holdfast::wire {

struct Empty {};

/// Sent by the agent, unasked, whenever a link comes up; and the reply to `hello`.
struct Hello {
  static constexpr std::string_view kVerb = "hello";
  static constexpr std::string_view kEvent = "hello";
  using Reply = Hello;
  int protocol = kProtocolVersion;
  std::string agent_build;            ///< sha256 of the agent's own file
  std::string boot_id;                ///< /proc/sys/kernel/random/boot_id
  std::string release;                ///< uname -r
  std::string version;                ///< uname -v
  std::string cmdline;                ///< /proc/cmdline, without the newline
  std::string build_id;               ///< GNU build-id from /sys/kernel/notes, hex; empty when there is none
  uint64_t uptime_ms = 0;             ///< CLOCK_BOOTTIME when the agent was ready
  bool is_init = false;               ///< the agent is process 1 of this machine
  std::vector<std::string> warnings;  ///< what went wrong while it started: a module that did not load, a mount
};

/// Sent just before reboot(LINUX_REBOOT_CMD_KEXEC); nothing follows but the next kernel, or a refusal. The controller
/// sends it back, and the agent waits a second for that: the proof that it got through before the devices that carry
/// the link are shut down. It leaves in any case.
struct Leaving {
  static constexpr std::string_view kEvent = "leaving";
  uint64_t uptime_ms = 0;
};

/// What the running kernel offers.
struct OffersReply {
  bool kexec_file = false;
  bool kho = false;               ///< KHO is on (debugfs or the command line say so)
  bool liveupdate = false;        ///< /dev/liveupdate can be opened
  int liveupdate_errno = 0;       ///< why not: ENOENT, EBUSY, EIO...
  std::string liveupdate_holder;  ///< "pid 1 (systemd)" when somebody else has it open
  bool iommufd = false;           ///< /dev/iommu is there
  bool vfio_pci = false;          ///< the driver is registered
  bool vfio_group = false;        ///< the group interface is there
  int iommu_groups = 0;
  std::map<std::string, std::string>
      config;  ///< from /proc/config.gz: the symbols asked for, "y", "m", "n" or a value; empty without it
};
struct Offers {
  static constexpr std::string_view kVerb = "offers";
  using Reply = OffersReply;
  std::vector<std::string> config_symbols;  ///< without CONFIG_
};

/// The kernel's log since a sequence number, as text lines "<6>[   12.345678] text".
struct KmsgReply {
  uint64_t next_seq = 0;  ///< ask from here the next time
  bool complete = true;   ///< false: more is there, or records were lost before they were read
  Bytes blob;
};
struct Kmsg {
  static constexpr std::string_view kVerb = "kmsg";
  using Reply = KmsgReply;
  uint64_t from_seq = 0;
};

/// Does the target have this content already (carried in its payload or sent before)?
struct HaveReply {
  bool have = false;
};
struct Have {
  static constexpr std::string_view kVerb = "have";
  using Reply = HaveReply;
  std::string sha256;
};

/// One piece of a file, in order. With the last piece the checksum is verified; only then does `have` say yes.
struct PutReply {
  uint64_t received = 0;
};
struct Put {
  static constexpr std::string_view kVerb = "put";
  using Reply = PutReply;
  std::string sha256;
  uint64_t total_size = 0;
  uint64_t offset = 0;
  Bytes blob;
};

/// kexec_file_load. `kernel` and `initrd` are sha256 of files that the target has; initrd may also be several with "+"
/// between them, "same" (the one this kernel was started with) or "" (none). A refusal carries the system call's errno.
struct KexecLoad {
  static constexpr std::string_view kVerb = "kexec_load";
  using Reply = Empty;
  std::string kernel;
  std::string initrd;
  std::string cmdline;
};
struct KexecUnload {
  static constexpr std::string_view kVerb = "kexec_unload";
  using Reply = Empty;
};
/// sync, then reboot(LINUX_REBOOT_CMD_KEXEC). The event `leaving` comes first; a refusal only if the call returned.
struct KexecExecute {
  static constexpr std::string_view kVerb = "kexec_execute";
  using Reply = Empty;
  bool rest_disks = false;  ///< file systems on block devices become read-only before, and writable after a refusal
};

/// Ends the agent, after the reply. Refused by one that is init, and by one that holds anything or has changed drivers.
struct Retire {
  static constexpr std::string_view kVerb = "retire";
  using Reply = Empty;
};

/// Powers the machine off (only when the agent is its init), after the reply.
struct PowerOff {
  static constexpr std::string_view kVerb = "power_off";
  using Reply = Empty;
};

/// Writes to a file below /sys/bus/pci in a child process, since the kernel may block for as long as a device is
/// preserved.
struct SysfsWriteReply {
  bool done = false;  ///< false: still blocked after wait_ms; ask with SysfsWait
  int errnum = 0;     ///< what write() answered, when done
  uint64_t job = 0;   ///< for SysfsWait, when not done
};
struct SysfsWrite {
  static constexpr std::string_view kVerb = "sysfs_write";
  using Reply = SysfsWriteReply;
  std::string path;
  std::string text;
  uint64_t wait_ms = 1000;
};
struct SysfsWait {
  static constexpr std::string_view kVerb = "sysfs_wait";
  using Reply = SysfsWriteReply;
  uint64_t job = 0;
  uint64_t wait_ms = 1000;
};

}  // namespace holdfast::wire
