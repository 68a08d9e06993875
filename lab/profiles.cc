// What does the plan need to know of the targets that an inventory declares?
#include "lab/profiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "harness/base/text.h"
#include "harness/capacity.h"
#include "lab/qemu/parts.h"
#include "lab/secret.h"

namespace holdfast::lab {
namespace {

std::vector<std::string> with_tags(std::vector<std::string> traits, const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    if (std::ranges::find(traits, tag) == traits.end()) traits.push_back(tag);
  }
  return traits;
}

TargetProfile profile_of(const Host& host) {
  TargetProfile profile{.name = host.name, .devices = {}, .traits = with_tags({"metal"}, host.tags), .slots = 1};
  for (const HostDevice& device : host.devices) profile.devices.push_back(device.device);
  return profile;
}

/// Devices of this machine come first: they are what the target is there for. They cannot be in two guests at once.
TargetProfile profile_of(const VirtualMachine& vm) {
  TargetProfile profile{.name = vm.name, .devices = declared_devices(vm.passed), .traits = {}, .slots = 1};
  if (vm.passed.emulated) {
    std::ranges::move(builtin_devices(), std::back_inserter(profile.devices));
    profile.traits = builtin_traits();
  }
  profile.traits = with_tags(std::move(profile.traits), vm.tags);
  if (!vm.takes_devices()) profile.slots = machines_at_once(static_cast<int>(vm.cpus), static_cast<int>(vm.memory_mib));
  return profile;
}

template <class T>
const T* find_named(const std::vector<T>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &T::name);
  return found == all.end() ? nullptr : &*found;
}

/// Traits that a case asks for or a built-in device has: another one is likely to be a slip of the pen.
std::vector<std::string> known_traits(const std::vector<CaseInfo>& cases) {
  std::set<std::string> traits;
  for (const CaseInfo& info : cases) traits.insert(info.needs.devices.traits.begin(), info.needs.devices.traits.end());
  for (const Device& device : builtin_devices()) traits.insert(device.traits.begin(), device.traits.end());
  return {traits.begin(), traits.end()};
}

void check_traits(const Host& host, const std::vector<CaseInfo>& cases, std::vector<Finding>& findings) {
  const auto known = known_traits(cases);
  for (const HostDevice& device : host.devices) {
    for (const std::string& trait : device.device.traits) {
      if (std::ranges::find(known, trait) != known.end()) continue;
      const auto close = nearest(trait, known);
      findings.push_back({Finding::State::kLimits, fmt::format("device {}", device.device.role),
                          fmt::format("no case asks for the trait '{}'{}", trait,
                                      close ? fmt::format("; did you mean '{}'?", *close) : ""),
                          fmt::format("mend {}", device.declared_at)});
    }
  }
}

void check_programs(const Host& host, std::vector<Finding>& findings) {
  const auto want = [&](const std::string& program, const std::string& purpose, const std::string& package) {
    const auto same = [&](const Finding& finding) { return finding.about == program; };
    if (std::ranges::any_of(findings, same)) return;
    findings.push_back(
        check_program(program, purpose, package.empty() ? "mend the inventory" : "apt install " + package));
  };
  want("ssh", "reaching hosts", "openssh-client");
  for (const PowerAccess& power : host.power) {
    if (power.kind == PowerAccess::Kind::kIpmi) want("ipmitool", "power by IPMI", "ipmitool");
    if (power.kind == PowerAccess::Kind::kFence) want(power.agent, "power by a fence agent", "fence-agents");
    if (power.kind != PowerAccess::Kind::kExec) continue;
    for (const auto* argv : {&power.on, &power.off, &power.state}) want(argv->front(), "power", "");
  }
  if (host.console.kind == ConsoleAccess::Kind::kSol) want("ipmitool", "serial over LAN", "ipmitool");
  if (host.console.kind == ConsoleAccess::Kind::kExec) want(host.console.argv.front(), "the console", "");
}

void check_files(const Host& host, std::vector<Finding>& findings) {
  const std::string elsewhere = fmt::format("name another one for the host at {}", host.declared_at);
  const auto want = [&](const std::filesystem::path& file, const std::string& about, const std::string& mend = {}) {
    std::error_code failed;
    if (file.empty() || std::filesystem::exists(file, failed)) return;
    findings.push_back({Finding::State::kMissing, about, fmt::format("{} is not there", file.string()),
                        mend.empty() ? elsewhere : fmt::format("{}, or {}", mend, elsewhere)});
  };
  const auto make_key = [](const SshEndpoint& way) {
    const std::string key = shell_quote(way.key.string());
    return fmt::format("`ssh-keygen -t ed25519 -N '' -f {}` and `ssh-copy-id -i {} -p {} {}@{}`", key, key, way.port,
                       way.user, way.address);
  };
  want(host.ssh.host.key, "ssh key", make_key(host.ssh.host));
  if (host.ssh.jump) want(host.ssh.jump->key, "ssh key of the jump host", make_key(*host.ssh.jump));
  want(host.modules, "modules");
  want(host.console.device, "console");
}

}  // namespace

std::vector<TargetProfile> profiles(const Inventory& inventory) {
  std::vector<TargetProfile> all;
  for (const Host& host : inventory.hosts) all.push_back(profile_of(host));
  for (const VirtualMachine& vm : inventory.vms) all.push_back(profile_of(vm));
  return all;
}

const Host* find_host(const Inventory& inventory, std::string_view name) { return find_named(inventory.hosts, name); }
const VirtualMachine* find_vm(const Inventory& inventory, std::string_view name) {
  return find_named(inventory.vms, name);
}

std::vector<Finding> check_declaration(const Host& host, const std::vector<CaseInfo>& cases) {
  std::vector<Finding> findings;
  check_programs(host, findings);
  check_files(host, findings);
  for (const SecretSource& source : secrets_of(host)) {
    const auto checked = check_secret(source);
    const std::string about = source.variable.empty() ? source.file.string() : source.variable;
    if (checked) {
      findings.push_back({Finding::State::kGood, about, "secret, can be read", ""});
    } else {
      findings.push_back({Finding::State::kMissing, about, checked.error().what, checked.error().hint});
    }
  }
  if (host.power.empty()) {
    findings.push_back({Finding::State::kLimits, "power", "there is no [[host.power]]: a host that hangs stays so",
                        fmt::format("mend {}", host.declared_at)});
  }
  if (host.console.kind == ConsoleAccess::Kind::kNone) {
    findings.push_back({Finding::State::kLimits, "console", "there is none: crashes are seen late, by their silence",
                        fmt::format("mend {}", host.declared_at)});
  }
  check_traits(host, cases, findings);
  return findings;
}

}  // namespace holdfast::lab
