// How does a host get from its own system into kernel A?
//
// Payload initramfs: the payload is large and always the same, so it is brought once; what is this boot's own (network,
// keys) is a small archive behind it, which never gets onto a disk. Payload rootfs: the host's own initrd and root.
#include "lab/metal/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/payload/payload.h"
#include "lab/metal/boot_keys.h"
#include "lab/metal/delivery.h"
#include "lab/metal/host_devices.h"
#include "lab/metal/management_network.h"
#include "lab/metal/protected_devices.h"
#include "lab/metal/vital_drivers.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// panic=-1 resets at once, and firmware starts the host's own system again. retain_initrd keeps the initramfs for the
/// next kernel. What is the machine's own (console, IOMMU) the inventory has.
constexpr std::string_view kForAll = "panic=-1 retain_initrd kho=on liveupdate=on";

/// Gives a file of the host's the name of its content, where the agent looks.
constexpr const char* kLinkInitrd = R"(set -eu
umask 077
mkdir -p "$2"
sum=$(sha256sum < "$1")
ln -sfn "$1" "$2/${sum%% *}"
echo "${sum%% *}"
)";

/// The words with which the host's own system finds its root.
std::string root_words(std::string_view cmdline) {
  constexpr std::array<std::string_view, 7> kBegin{"root=", "rootfstype=",  "rootflags=",  "rootwait",
                                                   "rd.",   "net.ifnames=", "biosdevname="};
  std::vector<std::string> words;
  for (const std::string_view word : split(cmdline, ' ')) {
    const bool wanted = word == "ro" || word == "rw" ||
                        std::ranges::any_of(kBegin, [&](std::string_view begin) { return word.starts_with(begin); });
    if (wanted) words.emplace_back(word);
  }
  return join(words, " ");
}

class Launching {
 public:
  Launching(SystemConnection& own, const LaunchSpec& spec, const Deadline& deadline)
      : own_(own), spec_(spec), deadline_(deadline), places_{.work_dir = spec.host.work_dir} {}

  Result<Launch> run() {
    launch_.word = fmt::format("holdfast.boot={}", random_hex(8));
    launch_.left = own_.system;
    Delivery delivery = TRY(Delivery::open(own_.ssh, places_, deadline_));
    HostAgent agent = TRY(delivery.agent(spec_.agent, deadline_));
    const bool initramfs = spec_.host.payload == Host::Payload::kInitramfs;
    if (initramfs) management_ = TRY(management_network(own_.ssh, deadline_));
    const auto facts = TRY(agent.agent->call(
        wire::HostFacts{.control = initramfs ? management_.network.mac : spec_.host.ssh.host.address}, deadline_));
    TRY(spare_what_it_lives_by(facts));
    if (!initramfs) launch_.vital_drivers = TRY(drivers_it_lives_by(own_.ssh, facts, deadline_));
    wire::KexecLoad load;
    load.kernel = TRY(delivery.bring(spec_.boot.kernel, deadline_));
    load.initrd = initramfs ? TRY(initramfs_payload(delivery)) : TRY(rootfs_payload(delivery));
    launch_.base_cmdline =
        join_words({std::string(kForAll), initramfs ? std::string() : root_words(own_.system.cmdline),
                    spec_.host.append, launch_.word});
    load.cmdline = join_words({launch_.base_cmdline, spec_.boot.append});
    launch_.facts.emplace("host.release", own_.system.release);
    TRY(into_kernel(*agent.agent, load));
    return std::move(launch_);
  }

 private:
  /// Whatever the inventory says: a device that the host's own system needs is none to be tested.
  Result<void> spare_what_it_lives_by(const wire::HostFactsReply& facts) {
    const std::string listing = TRY(own_.ssh.ask({"sh", "-c", kListDevices}, deadline_));
    std::vector<Device> devices;
    for (const LocatedDevice& one : locate(spec_.host.devices, listing)) {
      if (one.bdf.empty()) continue;  // the health gate says so
      devices.push_back(one.declared.device);
      devices.back().bdf = one.bdf;
    }
    return in_context(refuse_protected(devices, facts, spec_.host.never_touch), [&] { return spec_.host.name; });
  }

  Result<std::string> initramfs_payload(Delivery& delivery) {
    const BootKeys keys = TRY(make_boot_keys(spec_.boot_dir, deadline_));
    const RemoteAccess remote{
        .network = management_.network,
        .ssh = {.host_key = keys.host_private, .authorized = keys.user_public, .port = management_.ssh_port}};
    PayloadSpec contents{.agent = spec_.agent, .files = {}, .modules = spec_.boot.modules};
    if (!spec_.boot.next_kernel.empty()) contents.files.push_back(spec_.boot.next_kernel);
    contents.drivers = {management_.driver};
    contents.remote = remote;
    const Payload payload = TRY(cached_payload(contents, spec_.cache_dir / "payloads", deadline_));
    const fs::path own_part = spec_.boot_dir / "own.cpio";
    TRY(write_remote_part(remote, own_part));
    const std::string brought = TRY(delivery.bring(payload.path, deadline_));

    launch_.access = spec_.host.ssh;
    launch_.access.host.user = "root";
    launch_.access.host.key = keys.user;
    launch_.access.host.host_key = keys.host_public;
    launch_.initrd = "same";
    launch_.vital_drivers = {management_.driver};
    launch_.facts.insert({{"payload", "initramfs"},
                          {"management", fmt::format("{} ({}, {})", management_.interface, management_.driver,
                                                     management_.network.address)}});
    if (!payload.absent_modules.empty()) launch_.facts.emplace("modules.absent", join(payload.absent_modules, " "));
    return delivery.join_secret(brought, payload.path, own_part, deadline_);
  }

  Result<std::string> rootfs_payload(Delivery& delivery) {
    if (!spec_.boot.next_kernel.empty()) TRY(delivery.bring(spec_.boot.next_kernel, deadline_));
    launch_.access = spec_.host.ssh;
    launch_.facts.emplace("payload", "rootfs");
    if (spec_.host.initrd.empty()) return std::string();
    // On the disk, so that the agent of a test kernel finds it too: not every kernel shows its own initrd.
    const std::string digest =
        TRY_IN(fmt::format("initrd of {}", spec_.host.name),
               own_.ssh.ask({"sh", "-c", kLinkInitrd, "sh", spec_.host.initrd.string(), places_.work_dir.string()},
                            deadline_));
    launch_.initrd = trim(digest);
    return launch_.initrd;
  }

  /// The kernel that says no here is the host's own.
  Result<void> into_kernel(Agent& agent, const wire::KexecLoad& load) {
    const auto as_lab = [&](Error error, std::string_view attempted) {
      if (error.blame != Blame::kKernel) return error;
      error.blame = Blame::kLab;
      error.kind = "kexec";
      return std::move(error).in(fmt::format("{}: {}'s own kernel {} {}", spec_.boot.kernel.string(), spec_.host.name,
                                             own_.system.release, attempted));
    };
    const auto loaded = agent.call(load, deadline_);
    if (!loaded) {
      return as_lab(loaded.error(), "does not load it")
          .because("it needs CONFIG_KEXEC_FILE, and no lockdown or signature check that stands against it");
    }
    auto left = agent.leave(deadline_);
    if (!left) return as_lab(std::move(left).error(), "does not leave for it");
    return {};
  }

  SystemConnection& own_;
  const LaunchSpec& spec_;
  const Deadline& deadline_;
  HostPlaces places_;
  ManagementNetwork management_;  ///< payload initramfs only
  Launch launch_;
};

}  // namespace

Result<Launch> launch(SystemConnection& own, const LaunchSpec& spec, const Deadline& deadline) {
  return Launching(own, spec, deadline).run();
}

}  // namespace holdfast::lab
