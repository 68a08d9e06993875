// What does the inventory say of one host? Plain data: nothing here touches it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/level.h"

namespace holdfast::lab {

/// Where a secret is to be found, never the secret itself (lab/secret.h fetches it).
struct SecretSource {
  std::string variable = {};        ///< of the environment; or
  std::filesystem::path file = {};  ///< readable by its owner only, absolute
  std::string declared_at = {};     ///< "lab.toml:12:3"
  bool given() const { return !variable.empty() || !file.empty(); }
};

/// A machine that ssh can be spoken to.
struct SshEndpoint {
  std::string address = {};
  uint16_t port = 22;
  std::string user = "root";
  std::filesystem::path key = {};  ///< private key, absolute; empty: what the user's ssh agent and defaults offer
  std::string host_key = {};       ///< "ssh-ed25519 AAAA...": no other is accepted
};

struct SshAccess {
  SshEndpoint host;
  std::optional<SshEndpoint> jump = {};  ///< the machine to go through
};

/// A BMC that speaks IPMI over LAN (RMCP+).
struct IpmiAccess {
  std::string address = {};
  uint16_t port = 623;
  std::string user = {};
  SecretSource password = {};
  int cipher_suite = 3;
};

struct ConsoleAccess {
  enum class Kind {
    kNone,    ///< there is none: crashes are seen late, and by their silence
    kSol,     ///< IPMI serial over LAN
    kExec,    ///< a program whose standard streams are the console
    kTcp,     ///< a terminal server's port
    kSerial,  ///< a serial device of this machine
  };
  Kind kind = Kind::kNone;
  IpmiAccess ipmi = {};                ///< kSol
  std::vector<std::string> argv = {};  ///< kExec
  std::string address = {};            ///< kTcp
  uint16_t port = 0;                   ///< kTcp
  std::filesystem::path device = {};   ///< kSerial
  unsigned baud = 115200;              ///< kSerial
  /// What makes a kernel take the next character for a sysrq is a break. The word for which the other end of the
  /// console sends one; empty: it is sent as such.
  std::string sysrq_word = {};
};

/// One way to switch the host's power. A host may have several: a BMC, and the PDU behind it.
struct PowerAccess {
  enum class Kind {
    kIpmi,
    kFence,  ///< any fence agent: Redfish, PDUs, hypervisors...
    kExec,   ///< programs of the lab's own
  };
  Kind kind = Kind::kIpmi;
  IpmiAccess ipmi = {};                              ///< kIpmi
  std::string agent = {};                            ///< kFence: "fence_redfish"
  std::map<std::string, std::string> options = {};   ///< kFence: as the agent reads them from its standard input
  std::map<std::string, SecretSource> secrets = {};  ///< kFence: further options, whose values are secrets
  std::vector<std::string> on = {};                  ///< kExec: argv
  std::vector<std::string> off = {};                 ///< kExec
  std::vector<std::string> state = {};               ///< kExec: prints "on" or "off"
  std::string declared_at = {};
};

/// A device that may be tested. The BDF is given, or found on the host by the ids.
struct HostDevice {
  Device device;        ///< `bdf` is empty when `vendor`:`id` name it
  uint16_t vendor = 0;  ///< 0: not given
  uint16_t id = 0;
  std::string declared_at = {};
};

/// A lab host: a machine that is not the harness's own.
struct Host {
  /// What the test kernels run with. Either way they are kexec'ed from the host's own system, which stays on its disk
  /// as it is: a power cycle always brings it back.
  enum class Payload {
    kInitramfs,  ///< the agent and an sshd, in memory: nothing of the host's disks is touched
    kRootfs,     ///< the host's own root file system: drivers for it must be in the kernel or its initrd
  };
  std::string name;
  std::vector<std::string> tags = {};
  double time_scale = 1.0;  ///< multiplies the deadlines of everything that runs on it
  SshAccess ssh;
  ConsoleAccess console = {};
  std::vector<PowerAccess> power = {};  ///< the first is used first
  std::vector<HostDevice> devices = {};
  std::vector<std::string> never_touch = {};  ///< BDFs
  Payload payload = Payload::kInitramfs;
  std::string kernel = {};       ///< as `--kernel`; empty: as the command line says
  std::string next_kernel = {};  ///< as `--next-kernel`
  std::filesystem::path modules = {};
  std::filesystem::path initrd = {};                     ///< kRootfs: on the host, goes with `kernel`; empty: none
  std::string append = {};                               ///< for kernel A and B: "console=ttyS1,115200 intel_iommu=on"
  std::filesystem::path work_dir = "/var/tmp/holdfast";  ///< on the host: the agent and kernels, by their content
  std::string declared_at = {};
};

}  // namespace holdfast::lab
