// What does each step of a case hand to the next?
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/kernel/kernel_image.h"
#include "harness/level.h"
#include "harness/pci/pci.h"
#include "harness/target.h"
#include "harness/wire/verbs_luo.h"

namespace holdfast {

class Scenario;

/// A kernel that is up and answers. Move-only; when it goes out of scope its agent is kept for the closing work, so a
/// Running must not outlive its Scenario.
class Running {
 public:
  Running(Running&& other) noexcept;
  Running& operator=(Running&&) = delete;
  ~Running();

  Agent& agent() { return *agent_; }
  const KernelImage& kernel() const { return *kernel_; }
  /// The devices just before the last kexec; empty in the first kernel.
  const PciSnapshot& before() const { return before_; }
  /// The devices as this kernel had them when its agent came up, or since one was plugged in or out.
  const PciSnapshot& arrived() const { return arrived_; }

 private:
  friend class Scenario;
  Running(Scenario& scenario, std::unique_ptr<Agent> agent, const KernelImage& kernel);
  Scenario* scenario_;
  std::unique_ptr<Agent> agent_;
  const KernelImage* kernel_;
  PciSnapshot before_;
  PciSnapshot arrived_;
};

/// A device whose IOMMU group is bound to vfio-pci. `cdev` and `iommufd` are 0 until they are opened.
struct Bound {
  Device device;
  PciAddress address;
  std::vector<wire::DriverBefore> drivers_before;
  wire::Handle cdev = 0;
  wire::Handle iommufd = 0;
};

/// An open LUO session, in the kernel where it was created or retrieved.
struct Session {
  std::string name;
  wire::Handle handle = 0;
};

/// A memfd whose content is known.
struct Memory {
  wire::Handle memfd = 0;
  uint64_t size = 0;
  std::string sha256;
};

/// What kernel A is booted with.
struct BootOptions {
  std::string append = {};  ///< added to its command line, behind what the user wants there
};

/// As KexecOptions::kernel: back to the kernel that the machine was booted with.
inline constexpr const char* kKernelA = "kernel A";

/// What a kexec is asked to do beside replacing the kernel.
struct KexecOptions {
  std::string append = {};           ///< added to the next kernel's command line
  std::vector<Bound> expected = {};  ///< devices that must arrive reset and idle, at the same address
  std::string kernel = {};           ///< kKernelA, or the Needs' other kernel, by its name; empty: kernel B
};

/// A kernel that is loaded and waits for the crash of the one that runs.
struct CrashKernel {
  const KernelImage* image = nullptr;
};

}  // namespace holdfast
