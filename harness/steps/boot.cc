// Step: from power off to kernel A with its agent, and what the machine looks like then.
#include <fmt/format.h>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/hold_point.h"
#include "harness/scenario.h"

namespace holdfast {
namespace {

/// The agent must be in the kernel that was asked for: another one would be judged in its name.
Result<void> check_identity(const wire::Hello& hello, const KernelImage& wanted) {
  if (!wanted.build_id.empty() && !hello.build_id.empty() && hello.build_id != wanted.build_id) {
    return lab_error("wrong-kernel", fmt::format("{} with build-id {} came up, not build-id {} of {}", hello.release,
                                                 hello.build_id, wanted.build_id, wanted.path.string()));
  }
  return {};
}

std::vector<std::string> roles_of(const std::vector<Device>& devices) {
  std::vector<std::string> roles;
  for (const Device& device : devices) roles.push_back(device.role);
  return roles;
}

}  // namespace

bool Scenario::tell_boot_way() {
  const auto way = setup_.target.boot_way();
  if (!way) return false;
  record("boot", way->from_snapshot ? "snapshot" : "cold");
  if (!way->why_cold.empty()) record("boot.cold_because", way->why_cold);
  if (!way->trouble) return false;
  setup_.events.on(Note{Note::Level::kWarning, fmt::format("{}: booted, since no snapshot could be used: {}",
                                                           setup_.where.id.key(), way->why_cold)});
  return true;
}

Result<Running> Scenario::boot(const BootOptions& options) {
  const BootSpec spec{.kernel = setup_.kernel.path,
                      .next_kernel = setup_.next_kernel.path,
                      .modules = setup_.modules,
                      .append = join_words({setup_.append, options.append}),
                      .topology = setup_.devices.empty() ? "" : setup_.devices.front().topology,
                      .roles = roles_of(setup_.devices),
                      .whole_machine = setup_.whole_machine,
                      .own_way = !options.append.empty()};
  nonce_ = random_hex(8);
  booted_ = true;
  intend("boot", {{"target", setup_.target.name()}, {"kernel", spec.kernel.string()}});
  auto agent = TRY(
      in_phase<std::unique_ptr<Agent>>(Phase::kBoot, [&](const Deadline& deadline) -> Result<std::unique_ptr<Agent>> {
        TRY(setup_.target.boot(spec, deadline));
        // What was tried in vain is not to shorten the time that a kernel has to come up.
        const bool in_vain = tell_boot_way();
        hold_at(setup_.where.id, "connect", setup_.stop);
        auto up = TRY(setup_.target.connect(in_vain ? deadline_for(Phase::kBoot) : deadline));
        TRY(check_identity(up->hello(), setup_.kernel));
        return up;
      }));
  record("boot_id.before", agent->boot_id());
  record("release.before", agent->hello().release);
  record("build_id.before", agent->hello().build_id);
  record("cmdline.before", agent->hello().cmdline);
  record("nonce", nonce_);
  return arrive(std::move(agent), setup_.kernel);
}

Result<Running> Scenario::arrive(std::unique_ptr<Agent> agent, const KernelImage& kernel) {
  crashes_.kernel_is_up(Millis(agent->hello().uptime_ms));
  log_.clear();
  log_next_ = 0;
  for (const std::string& warning : agent->hello().warnings) {
    setup_.events.on(Note{Note::Level::kWarning, fmt::format("{}: agent: {}", setup_.where.id.key(), warning)});
  }
  Running running(*this, std::move(agent), kernel);
  running.arrived_ = TRY(in_phase<PciSnapshot>(Phase::kSnapshot, [&](const Deadline& deadline) {
    return snapshot(running.agent(), kexecs_ == 0 ? "boot" : booted_ ? "boot-again" : "after", deadline);
  }));
  return running;
}

Result<PciSnapshot> Scenario::snapshot(Agent& agent, const std::string& side, const Deadline& deadline) {
  const auto reply = TRY(agent.call(wire::PciList{}, deadline));
  auto pci = TRY(PciSnapshot::from(reply));
  TRY(write_file(file_for_kexec(fmt::format("pci.{}", side), ".txt"), pci.to_lspci_text()));
  return pci;
}

}  // namespace holdfast
