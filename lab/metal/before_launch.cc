// Would a host's own system leave for a test kernel, and does it need none of the devices that are to be tested?
#include "lab/metal/before_launch.h"

#include <fmt/format.h>

#include <map>

#include "harness/base/text.h"
#include "lab/metal/delivery.h"
#include "lab/metal/host_devices.h"
#include "lab/metal/management_network.h"
#include "lab/metal/protected_devices.h"

namespace holdfast::lab {
namespace {

using State = Finding::State;

Finding missing(std::string about, const Error& error, const std::string& mend) {
  return {State::kMissing, std::move(about), error.what, error.hint.empty() ? mend : error.hint};
}

/// The card that a test kernel with the agent in memory has to bring up; of a root file system it is its own business.
Finding look_at_network(Ssh& ssh, std::string& control, const Deadline& deadline) {
  const auto network = management_network(ssh, deadline);
  if (!network) return missing("network", network.error(), "see payload in lab/README.md");
  control = network->network.mac;
  return {State::kGood, "network",
          fmt::format("comes in by {} ({}, {}): test kernels need this driver", network->interface, network->driver,
                      network->network.address),
          ""};
}

/// What runs on the host, as its agent sees it. The agent goes again.
Result<wire::HostFactsReply> ask_agent(Ssh& ssh, const Host& host, const std::filesystem::path& agent,
                                       const std::string& control, const Deadline& deadline) {
  Delivery delivery = TRY(Delivery::open(ssh, {.work_dir = host.work_dir}, deadline));
  HostAgent there = TRY(delivery.agent(agent, deadline));
  auto facts = there.agent->call(wire::HostFacts{.control = control}, deadline);
  TRY(there.agent->call(wire::Retire{}, deadline));
  return facts;
}

void look_at_devices(Ssh& ssh, const Host& host, const wire::HostFactsReply& facts, const Deadline& deadline,
                     std::vector<Finding>& findings) {
  const auto listing = ssh.ask({"sh", "-c", kListDevices}, deadline);
  if (!listing) return findings.push_back(missing("devices", listing.error(), "look at the host's /sys"));
  bool all_free = true;
  for (const LocatedDevice& one : locate(host.devices, *listing)) {
    const Device& device = one.declared.device;
    if (one.bdf.empty()) continue;  // the health gate says so
    Device found = device;
    found.bdf = one.bdf;
    const auto refused = refuse_protected({found}, facts, host.never_touch);
    if (refused) continue;
    all_free = false;
    findings.push_back({State::kMissing, fmt::format("device '{}'", device.role), refused.error().what,
                        fmt::format("take it out of the inventory, at {}", one.declared.declared_at)});
  }
  if (all_free) findings.push_back({State::kGood, "devices", "the host's own system needs none of them", ""});
}

}  // namespace

Finding judge_kexec(std::string_view told) {
  std::map<std::string, std::string, std::less<>> facts;
  for (const std::string_view line : split(told, '\n')) {
    const size_t blank = line.find(' ');
    if (blank != std::string_view::npos) facts.emplace(line.substr(0, blank), trim(line.substr(blank)));
  }
  const auto no = [](std::string what, std::string mend) {
    return Finding{State::kMissing, "kexec", std::move(what), std::move(mend)};
  };
  if (facts["kexec"] != "there") {
    return no(facts["kexec"] == "none" ? "the host's own kernel has no kexec"
                                       : "the host's own kernel has no kexec_file_load",
              "give the host a kernel with CONFIG_KEXEC_FILE");
  }
  if (const auto& disabled = facts["kexec_load_disabled"]; !disabled.empty() && disabled != "0") {
    return no("the host does not load kernels any more: kernel.kexec_load_disabled is 1",
              "take kernel.kexec_load_disabled out of the host's sysctl.d, and restart it");
  }
  if (facts["kexec_load_limit_reboot"] == "0") {
    return no("the host does not load kernels any more: kernel.kexec_load_limit_reboot is 0",
              "take kernel.kexec_load_limit_reboot out of the host's sysctl.d, and restart it");
  }
  if (const auto& lockdown = facts["lockdown"]; !lockdown.empty() && lockdown != "none") {
    return {State::kLimits, "kexec", fmt::format("lockdown is on ({}): only signed kernels are loaded", lockdown),
            "switch Secure Boot off in the host's firmware, or sign the test kernels"};
  }
  return {State::kGood, "kexec", "the host's own kernel loads others", ""};
}

std::vector<Finding> look_before_launch(Ssh& ssh, const Host& host, const std::filesystem::path& agent,
                                        const Deadline& deadline) {
  std::vector<Finding> findings;
  const auto told = ssh.ask({"sh", "-c", kAskForKexec}, deadline);
  findings.push_back(told ? judge_kexec(*told) : missing("kexec", told.error(), "look at the host's /sys and /proc"));
  std::string control = host.ssh.host.address;
  if (host.payload == Host::Payload::kInitramfs) findings.push_back(look_at_network(ssh, control, deadline));
  const auto facts = ask_agent(ssh, host, agent, control, deadline);
  if (facts) {
    look_at_devices(ssh, host, *facts, deadline, findings);
  } else {
    findings.push_back(missing("agent", facts.error(), "see work_dir in lab/README.md"));
  }
  return findings;
}

}  // namespace holdfast::lab
