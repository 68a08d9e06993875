// Which requests about PCI devices, their drivers and files of sysfs are served, and how?
#include <fmt/format.h>

#include <cerrno>

#include "harness/agent/pci_list.h"
#include "harness/agent/registry.h"
#include "harness/agent/sysfs.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

Result<wire::PciListReply> list(State&, const wire::PciList&) { return list_pci(pci_bus() / "devices"); }

Result<wire::VfioBindReply> bind(State& state, const wire::VfioBind& request) {
  return state.drivers.bind_vfio(request.bdf, state.deadline(request.wait_ms));
}

Result<wire::Empty> restore(State& state, const wire::DriverRestore& request) {
  TRY(state.drivers.restore(request.before, state.deadline(request.wait_ms)));
  return wire::Empty{};
}

/// A path below /sys/bus/pci, without "..", that leads to a file of sysfs.
Result<fs::path> allowed_path(const std::string& text) {
  const fs::path path(text);
  const bool plain = path == path.lexically_normal();
  if (!plain || !text.starts_with(pci_bus().string() + "/")) {
    return bad_request(fmt::format("sysfs_write writes below {}, not \"{}\"", pci_bus().string(), text));
  }
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  if (failed) return kernel_refused(fmt::format("find {}", text), failed.value());
  if (!real.string().starts_with("/sys/")) return bad_request(fmt::format("{} leads out of sysfs", text));
  return path;
}

Result<wire::SysfsWriteReply> wait_for(State& state, WriteJobs::Job job, uint64_t wait_ms) {
  const std::optional<int> errnum = TRY(state.jobs.wait(job, state.deadline(wait_ms)));
  return wire::SysfsWriteReply{.done = errnum.has_value(), .errnum = errnum.value_or(0), .job = errnum ? 0 : job};
}

Result<wire::SysfsWriteReply> write(State& state, const wire::SysfsWrite& request) {
  const fs::path path = TRY(allowed_path(request.path));
  const WriteJobs::Job job = TRY(state.jobs.start(path, request.text));
  return wait_for(state, job, request.wait_ms);
}

Result<wire::SysfsWriteReply> wait(State& state, const wire::SysfsWait& request) {
  return wait_for(state, request.job, request.wait_ms);
}

}  // namespace

void add_pci_verbs(Registry& registry) {
  registry.add(list);
  registry.add(bind);
  registry.add(restore);
  registry.add(write);
  registry.add(wait);
}

}  // namespace holdfast::agent
