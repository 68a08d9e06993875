// How does the process of a case get the machine that it is about?
#include "harness/program/targets.h"

#include <fmt/format.h>

#include "harness/base/file.h"
#include "harness/kernel/data_dir.h"
#include "harness/program/program.h"
#include "lab/lease/lease.h"
#include "lab/metal/host_devices.h"
#include "lab/metal/metal_target.h"
#include "lab/metal/power.h"
#include "lab/qemu/qemu_target.h"
#include "lab/qemu/vfio_argv.h"
#include "lab/qemu/vm.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// For a list of what its devices can do; measured 0.1 s.
constexpr Millis kAskQemu{30'000};

/// Devices of this machine, which are taken by now, and the memory that the inventory asks for.
Result<void> add_passed(const Machine& machine, lab::QemuConfig& config, const Deadline& deadline) {
  if (machine.declared == nullptr) return {};
  if (machine.trouble) return *machine.trouble;
  const lab::PassthroughVm& passed = machine.declared->passed;
  config.emulated = passed.emulated;
  config.further = TRY(lab::memory_arguments(config.memory_mib, passed.hugepage_mib));
  if (machine.placed.empty()) return {};
  const auto properties = TRY(lab::vfio_properties(TRY(lab::find_qemu(config.binary)).string(), deadline));
  config.passed = TRY(lab::vfio_arguments(machine.placed, TRY(lab::choose_vfio_way(properties)), properties));
  return {};
}

Result<lab::QemuConfig> vm_config(const Machine& machine, const CaseOptions& options, const Where& where,
                                  const fs::path& dir) {
  lab::QemuConfig config;
  config.name = options.target;
  config.memory_mib = static_cast<unsigned>(machine.vm.memory_mib);
  config.cpus = static_cast<unsigned>(machine.vm.cpus);
  config.accel = accel_wish(machine.vm);
  config.cold = machine.vm.cold;
  config.agent = agent_path();
  config.work_dir = dir / "vm";
  config.console_log = dir / "console.log";
  config.target_log = options.run_dir / "targets" / options.target / "console.log";
  config.slot = fmt::format("{}#{}", where.id.key(), where.attempt);
  config.cache_dir = TRY(cache_dir());
  TRY(add_passed(machine, config, Deadline::after(kAskQemu)));
  TRY(make_dirs(config.work_dir));
  TRY(make_dirs(config.target_log.parent_path()));
  return config;
}

/// What the controller holds for the host comes by the command line (lab/metal/host_custody.h).
Result<lab::MetalConfig> host_config(const lab::Host& host, const CaseOptions& options, const fs::path& dir) {
  if (options.runtime_dir.empty() || options.lease_file.empty()) {
    return harness_error("custody", fmt::format("the case was not told who holds {} for it", host.name));
  }
  lab::MetalConfig config;
  config.host = host;
  config.agent = agent_path();
  config.console_log = dir / "console.log";
  config.console_socket = options.console_socket;
  config.runtime_dir = options.runtime_dir;
  config.cache_dir = TRY(cache_dir());
  config.may_touch = [file = options.lease_file, token = options.lease_token] {
    return lab::Lease::check(file, token);
  };
  if (!host.power.empty()) config.power = TRY(lab::make_power(host.power.front()));
  return config;
}

}  // namespace

Result<std::unique_ptr<Target>> make_target(const Machine& machine, const CaseOptions& options, const Where& where,
                                            const fs::path& dir) {
  if (machine.host != nullptr) return lab::make_metal_target(TRY(host_config(*machine.host, options, dir)));
  return lab::make_qemu_target(TRY(vm_config(machine, options, where, dir)));
}

Result<void> find_devices(const Machine& machine, const CaseOptions& options, std::vector<Device>& devices,
                          const Deadline& deadline) {
  constexpr Millis kPatience{60'000};  // the host is up, its custody has seen to that
  if (machine.host == nullptr) return {};
  return lab::fill_addresses(devices, *machine.host, options.runtime_dir, deadline.at_most(kPatience));
}

void tidy_up(const fs::path& dir) {
  std::error_code ignored;
  fs::remove_all(dir / "vm", ignored);
}

}  // namespace holdfast
