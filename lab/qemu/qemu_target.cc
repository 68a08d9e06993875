// How does the harness get a machine without any machine: the built-in QEMU target?
//
// Power on is: pack (or find in the cache) the initramfs, decide on the accelerator, start QEMU with the console's and
// the agent's sockets connected, wait until QEMU is ready. Where the same boot was kept (fork.h) a machine goes on from
// there instead; when that does not work it boots like any other. From then on one Link serves the agents of all
// kernels that this power cycle sees.
#include "lab/qemu/qemu_target.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "harness/agent_client.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/hot_plug.h"
#include "harness/payload/payload.h"
#include "harness/roll_call.h"
#include "lab/console/serial_console.h"
#include "lab/qemu/fork.h"
#include "lab/qemu/lost_time.h"
#include "lab/qemu/parts.h"
#include "lab/qemu/snapshot_store.h"
#include "lab/qemu/vfio_argv.h"
#include "lab/qemu/vm.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// How long a wait for the agent goes on without a look at the machine: a machine that ends is noticed at once anyhow,
/// one that is stuck is not.
constexpr Millis kLookEvery{5000};

/// Warnings reach the console (loglevel 5), the rest of the log does not: an 8250 takes its time for each byte, and the
/// agent reads the log from memory. An oops raises the level by itself. panic=-1 resets at once, which ends the
/// machine. retain_initrd keeps the initramfs for the second kernel. no_timer_check: on a busy host the emulated timer
/// is late, and a sound kernel would panic with "timer doesn't work through Interrupt-remapped IO-APIC".
constexpr std::string_view kBaseCmdline =
    "console=ttyS0 loglevel=5 panic=-1 retain_initrd no_timer_check kho=on liveupdate=on intel_iommu=on";

/// What tells one QEMU from another without starting it.
Result<std::string> identity_of(const fs::path& program) {
  struct stat facts{};
  if (::stat(program.c_str(), &facts) != 0) return system_error(fmt::format("look at {}", program.string()), errno);
  return fmt::format("{} {} {}.{:09}", program.string(), facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
}

/// Waits for an agent on `link`, and for the end of `vm`, whichever comes first. What the machine lost because this
/// computer had no CPU for it is added to its time. Errors: lab.overload when that was too much.
Result<std::unique_ptr<Agent>> wait_for_agent(Vm& vm, const std::shared_ptr<Link>& link, const std::string& not_boot_id,
                                              Deadline deadline) {
  LostTime lost([&vm] { return waited_for_cpu(vm.pid()); }, deadline);
  while (true) {
    auto agent = LinkAgent::adopt(link, not_boot_id, deadline.at_most(kLookEvery));
    const bool unsure = !agent && agent.error().blame == Blame::kLab;
    if (!unsure) return agent;
    TRY(vm.alive(deadline));
    if (agent.error().kind != "timeout") return agent;
    if (!deadline.expired()) continue;
    const auto more = lost.more(deadline.stop());
    if (more) {
      deadline = *more;
      continue;
    }
    if (auto overload = lost.verdict()) return *std::move(overload);
    return agent;
  }
}

class QemuTarget : public Target, public AnswersOnConsole, private Power, private HotPlug {
 public:
  QemuTarget(QemuConfig config, std::unique_ptr<SerialConsole> console)
      : config_(std::move(config)), console_(std::move(console)) {}
  QemuTarget(const QemuTarget&) = delete;
  QemuTarget& operator=(const QemuTarget&) = delete;
  ~QemuTarget() override { power_off(); }

  const std::string& name() const override { return config_.name; }
  Result<void> boot(const BootSpec& spec, const Deadline& deadline) override;
  Result<std::unique_ptr<Agent>> connect(const Deadline& deadline) override;
  Result<void> alive(const Deadline& deadline) override;
  std::string base_cmdline() const override { return std::string(kBaseCmdline); }
  std::optional<BootWay> boot_way() const override { return way_; }
  std::map<std::string, std::string> facts() const override;
  Power& power() override { return *this; }
  Console& console() override { return *console_; }
  HotPlug* hot_plug() override { return this; }
  std::optional<Presence> call_agent(const Deadline& deadline) override {
    return call_over_console(*console_, deadline);
  }

 private:
  Result<void> plug(const Device& device, const Deadline& deadline) override;
  Result<void> unplug(const Device& device, const Deadline& deadline) override;
  Result<void> on(const Deadline& deadline) override;
  Result<void> off(const Deadline& deadline) override;
  Result<State> state(const Deadline& deadline) override;

  Result<void> power_on(const BootSpec& spec, const Deadline& deadline);
  Result<void> start(QemuSpec qemu, const Deadline& deadline);
  Result<void> fork(const QemuSpec& qemu, const std::string& made_of, const Deadline& deadline);
  Result<void> start_fork(const QemuSpec& qemu, const fs::path& folder, const Deadline& deadline);
  Result<std::string> made_of(const BootSpec& spec, const Payload& payload) const;
  void power_off();
  Result<Accel> decide_accel(const QemuSpec& spec, const Deadline& deadline);
  Result<void> try_kvm(QemuSpec spec, const Deadline& deadline) const;

  const QemuConfig config_;
  const std::unique_ptr<SerialConsole> console_;
  std::optional<AccelChoice> accel_;
  AccelProbe probe_;
  std::optional<BootSpec> last_spec_;
  std::optional<BootWay> way_;
  std::unique_ptr<Vm> vm_;
  std::vector<std::unique_ptr<Vm>> past_;  ///< ended; a Link that somebody still holds watches their pidfd
  std::shared_ptr<Link> link_;
  std::string boot_id_;           ///< of the agent adopted last
  std::optional<Error> failure_;  ///< why there is no machine
  std::string qemu_version_;
  std::string absent_modules_;
};

Result<void> QemuTarget::boot(const BootSpec& spec, const Deadline& deadline) {
  power_off();
  last_spec_ = spec;
  failure_.reset();
  auto up = power_on(spec, deadline);
  if (!up) {
    power_off();
    failure_ = up.error();
  }
  return up;
}

Result<void> QemuTarget::power_on(const BootSpec& spec, const Deadline& deadline) {
  PayloadSpec contents{.agent = config_.agent, .files = {}, .modules = spec.modules};
  if (!spec.next_kernel.empty()) contents.files.push_back(spec.next_kernel);
  const Payload payload = TRY(cached_payload(contents, config_.cache_dir / "payloads", deadline));
  absent_modules_ = join(payload.absent_modules, " ");
  QemuSpec qemu{.binary = config_.binary,
                .name = fmt::format("holdfast-{}", config_.name),
                .memory_mib = config_.memory_mib,
                .cpus = config_.cpus,
                .kernel = fs::absolute(spec.kernel),
                .initrd = fs::absolute(payload.path),
                .cmdline = spec.append.empty() ? base_cmdline() : fmt::format("{} {}", base_cmdline(), spec.append),
                .topology = spec.topology,
                .emulated = config_.emulated,
                .further = config_.further};
  if (spec.topology.empty()) qemu.further.insert(qemu.further.end(), config_.passed.begin(), config_.passed.end());
  qemu.accel = TRY(decide_accel(qemu, deadline));
  way_.reset();
  if (!config_.cold) way_ = BootWay{.why_cold = why_not_forked(qemu, spec)};
  if (way_ && way_->why_cold.empty()) {
    // Half of the time: a machine that cannot be forked is booted in the other half.
    const Deadline half = deadline.at_most(deadline.remaining() / 2);
    auto forked = fork(qemu, TRY(made_of(spec, payload)), half);
    way_->from_snapshot = forked.ok();
    if (forked || deadline.stopped()) return forked;
    power_off();
    way_->why_cold = forked.error().what;
    way_->trouble = true;
  }
  return start(std::move(qemu), deadline);
}

Result<void> QemuTarget::start(QemuSpec qemu, const Deadline& deadline) {
  vm_ = TRY(Vm::start(std::move(qemu), config_.work_dir));
  TRY(console_->attach(vm_->take_console()));
  link_ = std::make_shared<Link>(TRY(Link::over(vm_->take_agent_link(), {.fd = vm_->pidfd(), .is_machine = true})));
  TRY(vm_->greet(deadline));
  qemu_version_ = vm_->version();
  return {};
}

Result<std::string> QemuTarget::made_of(const BootSpec& spec, const Payload& payload) const {
  // The payload's digest covers a kernel that is carried in it.
  const bool carried = spec.kernel == spec.next_kernel;
  return fmt::format("{}\n{}\n{}", TRY(identity_of(TRY(find_qemu(config_.binary)))), payload.sha256,
                     carried ? "the one carried" : TRY(sha256_file(spec.kernel)));
}

Result<void> QemuTarget::fork(const QemuSpec& qemu, const std::string& made_of, const Deadline& deadline) {
  const SnapshotStore store(config_.cache_dir / "snapshots");
  const QemuSpec kept = holding(qemu);
  const fs::path work = config_.work_dir / "kept";
  const auto make = [&](const fs::path& folder, const Deadline& until) {
    auto made = keep_machine(kept, work, folder, until);
    std::error_code ignored;
    fs::remove_all(work, ignored);
    return made;
  };
  const fs::path folder = TRY_IN("keep a machine", store.get(fork_key(kept, made_of), make, deadline));
  auto started = start_fork(kept, folder, deadline);
  // It may be at fault itself.
  if (!started && !deadline.stopped()) store.drop(folder);
  if (!started) return std::move(started.error()).in("go on from a machine that was kept");
  return {};
}

/// The console is taken up last: what a fork says that is given up would be told as the story of the next boot.
Result<void> QemuTarget::start_fork(const QemuSpec& qemu, const fs::path& folder, const Deadline& deadline) {
  ForkPlan plan = TRY(plan_fork(qemu, folder));
  vm_ = TRY(Vm::start(std::move(plan.qemu), config_.work_dir));
  link_ = std::make_shared<Link>(TRY(Link::over(vm_->take_agent_link(), {.fd = vm_->pidfd(), .is_machine = true})));
  TRY(vm_->greet(deadline));
  TRY(vm_->restore(plan.state.get(), deadline));
  TRY(let_go_on(*link_, deadline));
  qemu_version_ = vm_->version();
  return console_->attach(vm_->take_console(), plan.console);
}

void QemuTarget::power_off() {
  link_.reset();
  boot_id_.clear();
  if (!vm_) return;
  vm_->stop();
  console_->detach();
  past_.push_back(std::move(vm_));
}

Result<Accel> QemuTarget::decide_accel(const QemuSpec& spec, const Deadline& deadline) {
  if (accel_) return accel_->accel;
  probe_.qemu = TRY(identity_of(TRY(find_qemu(config_.binary))));
  probe_.cache_dir = config_.cache_dir;
  probe_.boot = [this, spec](const Deadline& until) { return try_kvm(spec, until); };
  accel_ = TRY(choose_accel(config_.accel, probe_, deadline));
  return accel_->accel;
}

/// In a folder of its own and without a trace on the console: what a KVM that does not work says is no kernel's word.
Result<void> QemuTarget::try_kvm(QemuSpec spec, const Deadline& deadline) const {
  const fs::path folder = config_.work_dir / "kvm-probe";
  TRY(make_dirs(folder));
  spec.accel = Accel::kKvm;
  spec.further.clear();  // whether KVM works is no question of theirs
  const auto probe = [&]() -> Result<void> {
    auto vm = TRY(Vm::start(std::move(spec), folder));
    const auto console = TRY(SerialConsole::create({.attempt = folder / "console.log", .target = {}, .prefix = {}}));
    TRY(console->attach(vm->take_console()));
    const auto link =
        std::make_shared<Link>(TRY(Link::over(vm->take_agent_link(), {.fd = vm->pidfd(), .is_machine = true})));
    TRY(vm->greet(deadline));
    TRY(wait_for_agent(*vm, link, "", deadline));
    return {};
  };
  auto outcome = probe();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return outcome;
}

Result<std::unique_ptr<Agent>> QemuTarget::connect(const Deadline& deadline) {
  if (failure_) return *failure_;
  if (!vm_) return harness_error("power", fmt::format("connect to {}, which was not powered on", name()));
  auto agent = TRY(wait_for_agent(*vm_, link_, boot_id_, deadline));
  boot_id_ = agent->boot_id();
  if (accel_) remember(*accel_, probe_);
  return agent;
}

Result<void> QemuTarget::alive(const Deadline& deadline) {
  if (failure_) return *failure_;
  if (!vm_) return lab_error("off", fmt::format("{} is not powered on", name()));
  TRY(vm_->alive(deadline));
  if (auto trouble = console_->trouble()) return *std::move(trouble);
  return {};
}

Result<void> QemuTarget::plug(const Device& device, const Deadline& deadline) {
  if (!vm_) return harness_error("power", fmt::format("plug a device into {}, which was not powered on", name()));
  return vm_->plug(plug_arguments(device), deadline);
}

Result<void> QemuTarget::unplug(const Device& device, const Deadline& deadline) {
  if (!vm_) return harness_error("power", fmt::format("unplug a device of {}, which was not powered on", name()));
  return vm_->unplug(plug_id(device), deadline);
}

std::map<std::string, std::string> QemuTarget::facts() const {
  std::map<std::string, std::string> facts{{"memory_mib", fmt::format("{}", config_.memory_mib)},
                                           {"cpus", fmt::format("{}", config_.cpus)}};
  if (accel_) facts.insert({{"accel", std::string(to_string(accel_->accel))}, {"accel.why", accel_->why}});
  if (!qemu_version_.empty()) facts.insert({"qemu", qemu_version_});
  if (!config_.passed.empty()) facts.insert({"snapshot", fmt::format("none: {}", kNoSnapshot)});
  if (!absent_modules_.empty()) facts.insert({"modules.absent", absent_modules_});
  return facts;
}

Result<void> QemuTarget::on(const Deadline& deadline) {
  if (vm_ && vm_->running()) return {};
  if (!last_spec_) return harness_error("power", fmt::format("power on {}, which was never given a kernel", name()));
  return boot(BootSpec(*last_spec_), deadline);
}

Result<void> QemuTarget::off(const Deadline&) {
  power_off();
  return {};
}

Result<Power::State> QemuTarget::state(const Deadline&) { return vm_ && vm_->running() ? State::kOn : State::kOff; }

}  // namespace

Result<std::unique_ptr<Target>> make_qemu_target(const QemuConfig& config) {
  auto console =
      TRY(SerialConsole::create({.attempt = config.console_log, .target = config.target_log, .prefix = config.slot}));
  return std::unique_ptr<Target>(std::make_unique<QemuTarget>(config, std::move(console)));
}

}  // namespace holdfast::lab
