// How does the harness drive a host of a lab from its own system into kernels under test and between them?
//
// boot(): own system -> agent, kernel, payload brought -> kexec. connect(): try ssh with the key that this boot must
// show, over and over; between the tries look at the console, and whether it is the host's own system that answers.
#include "lab/metal/metal_target.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "harness/agent_client.h"
#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/roll_call.h"
#include "harness/wire/network.h"
#include "lab/console/console_clients.h"
#include "lab/console/serial_console.h"
#include "lab/metal/delivery.h"
#include "lab/metal/last_words.h"
#include "lab/metal/login_patience.h"
#include "lab/metal/own_system.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// Between two tries to reach a kernel that is about to come up.
constexpr Millis kPause{500};
/// How long the line to a kernel that was left is listened to for its refusal, between two tries.
constexpr Millis kListen{300};
/// After an oops or the like the kernel may still come up; longer than this it is not waited for.
constexpr Millis kAfterOops{30'000};
/// Whether somebody switched it off: so long at most for one answer, and so often while a kernel is waited for.
constexpr Millis kAskPower{15'000};
constexpr Millis kAskPowerEvery{10'000};
/// For a reset that looks like off to be over.
constexpr Millis kResets{5'000};
/// How much of the console is looked at again and again.
constexpr size_t kLookBack = size_t{2} << 20;

class NoPower : public Power {
 public:
  Result<void> on(const Deadline&) override { return none(); }
  Result<void> off(const Deadline&) override { return none(); }
  Result<State> state(const Deadline&) override { return none(); }

 private:
  static Error none() { return lab_error("no-power", "the inventory names no way to switch this host's power"); }
};

/// Whether a kernel with this command line may keep its first words from the console. Source: loglevel=, quiet and
/// console= in Documentation/admin-guide/kernel-parameters.txt; its banner is a KERN_NOTICE.
bool may_be_quiet(std::string_view cmdline) {
  const auto words = split(cmdline, ' ');
  const auto hushes = [](std::string_view word) { return word == "quiet" || word.starts_with("loglevel="); };
  return cmdline.find("console=") == std::string_view::npos || std::ranges::any_of(words, hushes);
}

/// One kernel under test, as long as it is spoken to.
struct Connection {
  Ssh ssh;
  std::optional<HostAgent> agent;
};

class MetalTarget : public Target, public AnswersOnConsole {
 public:
  MetalTarget(MetalConfig config, std::unique_ptr<SerialConsole> console)
      : config_(std::move(config)), console_(std::move(console)) {
    if (!config_.power) config_.power = std::make_unique<NoPower>();
  }
  MetalTarget(const MetalTarget&) = delete;
  MetalTarget& operator=(const MetalTarget&) = delete;
  ~MetalTarget() override { forget_kernel(); }

  const std::string& name() const override { return config_.host.name; }
  Result<void> boot(const BootSpec& spec, const Deadline& deadline) override;
  Result<std::unique_ptr<Agent>> connect(const Deadline& deadline) override;
  Result<void> alive(const Deadline& deadline) override;
  std::string base_cmdline() const override { return launch_ ? launch_->base_cmdline : std::string(); }
  std::string next_initrd() const override { return launch_ ? launch_->initrd : std::string("same"); }
  std::vector<std::string> vital_drivers() const override {
    return launch_ ? launch_->vital_drivers : std::vector<std::string>();
  }
  std::map<std::string, std::string> facts() const override;
  Power& power() override { return *config_.power; }
  Console& console() override { return *console_; }
  /// In the host's own root file system somebody else reads there.
  std::optional<Presence> call_agent(const Deadline& deadline) override {
    if (config_.host.payload != Host::Payload::kInitramfs || config_.console_socket.empty()) return std::nullopt;
    return call_over_console(*console_, deadline);
  }

 private:
  /// To be asked only behind a boot that went well.
  const Launch& launched() const {
    if (!launch_) std::abort();
    return *launch_;
  }
  Result<void> start(const BootSpec& spec, const Deadline& deadline);
  Result<void> power_cycle(const Deadline& deadline);
  void forget_kernel();
  Result<void> late_refusal(const Deadline& deadline);
  Result<std::unique_ptr<Agent>> try_kernel(const Deadline& deadline);
  Result<HostAgent> agent_of(Ssh& ssh, const Deadline& deadline);
  Result<void> check(const wire::Hello& hello) const;
  Result<Ssh> way_to_kernel(const Deadline& deadline);
  Result<void> judge_own(const RunningSystem& system) const;
  Result<bool> has_not_left(const Deadline& deadline);
  Result<void> not_switched_off(const Deadline& deadline);
  Result<void> was_heard() const;
  LastWords words_on_console() const;
  Result<void> listen_to_console();

  MetalConfig config_;
  const std::unique_ptr<SerialConsole> console_;
  std::string agent_build_;
  fs::path boot_dir_;  ///< the keys of the boot that runs
  std::optional<Launch> launch_;
  bool is_quiet_ = false;                          ///< it was told to say little
  Console::Mark booted_ = 0;                       ///< where on the console the own system was left
  Console::Mark asked_ = 0;                        ///< where on the console the last kernel was left, at the latest
  std::optional<Deadline> after_oops_;             ///< one was seen on the way to the next kernel
  std::string boot_id_;                            ///< of the kernel that was spoken to last
  std::unique_ptr<Connection> now_;                ///< to that kernel
  std::vector<std::unique_ptr<Connection>> past_;  ///< ended; a Link that somebody still holds watches their pidfd
  LoginPatience patience_;                         ///< with the sshd of all of them
  std::optional<Error> failure_;                   ///< why there is no kernel under test any more
};

Result<void> MetalTarget::boot(const BootSpec& spec, const Deadline& deadline) {
  forget_kernel();
  failure_.reset();
  auto started = start(spec, deadline);
  if (!started) failure_ = started.error();
  return started;
}

Result<void> MetalTarget::start(const BootSpec& spec, const Deadline& deadline) {
  TRY(config_.may_touch());
  agent_build_ = TRY(sha256_file(config_.agent));
  if (std::exchange(launch_, std::nullopt)) TRY(power_cycle(deadline));
  SystemConnection own = TRY(await_own_system(config_.host.ssh, config_.runtime_dir, deadline));
  boot_dir_ = config_.runtime_dir / fmt::format("boot.{}", random_hex(4));
  if (::mkdir(boot_dir_.c_str(), 0700) != 0) return system_error(fmt::format("create {}", boot_dir_.string()), errno);
  TRY(config_.may_touch());
  booted_ = asked_ = console_->mark();
  is_quiet_ = may_be_quiet(fmt::format("{} {}", config_.host.append, spec.append));
  launch_ = TRY(config_.launch(own,
                               {.host = config_.host,
                                .boot = spec,
                                .agent = config_.agent,
                                .boot_dir = boot_dir_,
                                .cache_dir = config_.cache_dir},
                               deadline));
  return {};
}

/// What ran before is a kernel under test, and only the firmware leads back.
Result<void> MetalTarget::power_cycle(const Deadline& deadline) {
  TRY(config_.power->off(deadline));
  TRY(config_.power->on(deadline));
  return {};
}

void MetalTarget::forget_kernel() {
  boot_id_.clear();
  after_oops_.reset();
  std::error_code ignored;
  if (!boot_dir_.empty()) fs::remove_all(std::exchange(boot_dir_, {}), ignored);
  if (!now_) return;
  now_->ssh.close();
  past_.push_back(std::move(now_));
}

/// A kexec that the kernel refused late is told over the line to the kernel that was to be left.
Result<void> MetalTarget::late_refusal(const Deadline& deadline) {
  if (!now_ || boot_id_.empty()) return {};
  const std::optional<HostAgent>& left = now_->agent;
  if (!left) return {};
  auto heard = LinkAgent::adopt(left->link, boot_id_, deadline.at_most(kListen));
  if (heard) return {};
  if (heard.error().blame != Blame::kLab) return std::move(heard).error();
  if (heard.error().kind == "link" || !now_->ssh.alive()) {
    now_->ssh.close();
    past_.push_back(std::move(now_));
  }
  return {};
}

/// In the host's own root file system every kernel shows the same host key: which one it is has to be asked.
Result<Ssh> MetalTarget::way_to_kernel(const Deadline& deadline) {
  if (config_.host.payload == Host::Payload::kInitramfs) {
    return Ssh::open(launched().access, config_.runtime_dir, "test", deadline, patience_.to_answer());
  }
  SystemConnection there = TRY(reach_system(launched().access, config_.runtime_dir, deadline, patience_.to_answer()));
  TRY(judge_own(there.system));
  if (!there.system.is_test_kernel() || there.system.boot_id == boot_id_) {
    return lab_error("timeout", "the kernel that was to be left still answers");
  }
  return std::move(there.ssh);
}

Result<HostAgent> MetalTarget::agent_of(Ssh& ssh, const Deadline& deadline) {
  if (config_.host.payload == Host::Payload::kInitramfs) {
    return bridge_to_agent(ssh, {"/init", "--bridge", wire::kAgentSocket}, boot_id_, deadline);
  }
  Delivery delivery = TRY(Delivery::open(ssh, {.work_dir = config_.host.work_dir}, deadline));
  return delivery.agent(config_.agent, deadline);
}

Result<void> MetalTarget::check(const wire::Hello& hello) const {
  const auto wrong = [&](std::string kind, const std::string& what) {
    return lab_error(std::move(kind), fmt::format("{}: {}", name(), what))
        .with("who answers", fmt::format("release {}\nboot_id {}\nagent {}\ncommand line {}", hello.release,
                                         hello.boot_id, hello.agent_build, hello.cmdline));
  };
  if (fmt::format(" {} ", hello.cmdline).find(fmt::format(" {} ", launched().word)) == std::string::npos) {
    return wrong("wrong-kernel", fmt::format("the kernel that answers was not started with {}", launched().word));
  }
  if (hello.agent_build != agent_build_) {
    return wrong("wrong-agent", fmt::format("its agent is {}, not {}", hello.agent_build, agent_build_));
  }
  return {};
}

Result<std::unique_ptr<Agent>> MetalTarget::try_kernel(const Deadline& deadline) {
  TRY(config_.may_touch());
  auto next = std::make_unique<Connection>(Connection{.ssh = TRY(way_to_kernel(deadline)), .agent = {}});
  HostAgent host = TRY(agent_of(next->ssh, deadline));
  const wire::Hello& hello = host.agent->hello();
  TRY(check(hello));
  if (hello.boot_id == boot_id_) return lab_error("timeout", "the kernel that was to be left still answers");
  if (now_) {
    now_->ssh.close();
    past_.push_back(std::move(now_));
  }
  boot_id_ = hello.boot_id;
  asked_ = console_->mark();
  after_oops_.reset();
  std::unique_ptr<Agent> agent = std::move(host.agent);
  next->agent = std::move(host);
  now_ = std::move(next);
  return agent;
}

/// The host's own system, in another boot than the one that was left, means that firmware came by.
Result<void> MetalTarget::judge_own(const RunningSystem& system) const {
  if (system.is_test_kernel() || system.boot_id == launched().left.boot_id) return {};  // it is about to leave
  return kernel_error("reset", fmt::format("{} is back in its own system: firmware came by", name()))
      .with("who answers",
            fmt::format("release {}\nboot_id {}\ncommand line {}", system.release, system.boot_id, system.cmdline));
}

/// Who answers with another key than this boot's is looked at. True: it is the system that was told to leave.
Result<bool> MetalTarget::has_not_left(const Deadline& deadline) {
  const auto own = reach_system(config_.host.ssh, config_.runtime_dir, deadline.at_most(patience_.span()));
  if (!own) {
    if (own.error().kind == "host-key" || own.error().kind == "stopped") return own.error();
    return false;
  }
  TRY(judge_own(own->system));
  return own->system.boot_id == launched().left.boot_id;
}

/// A switch that cannot say is no finding. A board that resets may read as off for a moment, and its console comes
/// late: a kernel that ended by itself was not switched off.
Result<void> MetalTarget::not_switched_off(const Deadline& deadline) {
  const auto is_off = [&] {
    const auto state = config_.power->state(deadline.at_most(kAskPower));
    return state && *state == Power::State::kOff;
  };
  if (!is_off()) return {};
  if (wait_until(deadline.at_most(kResets)) == Wake::kStopped) return wait_error(Wake::kStopped, "the power switch");
  const LastWords words = words_on_console();
  if (words.fatal) return kernel_error("reset", fmt::format("{}'s kernel is gone: {}", name(), words.fatal->title));
  if (!is_off()) return {};
  return lab_error("powered-off", fmt::format("{} was switched off in the middle of the case", name()));
}

LastWords MetalTarget::words_on_console() const {
  const Console::Mark end = console_->mark();
  const Console::Mark from = end - booted_ > kLookBack ? end - kLookBack : booted_;
  return last_words(console_->slice(from, end), asked_ > from ? asked_ - from : 0);
}

Result<void> MetalTarget::listen_to_console() {
  const LastWords words = words_on_console();
  if (words.fatal) {
    return kernel_error("reset", fmt::format("{}'s kernel is gone, its console says: {}", name(), words.fatal->title));
  }
  if (!words.serious) return {};
  if (!after_oops_) after_oops_ = Deadline::after(kAfterOops);
  if (!after_oops_->expired()) return {};
  return lab_error("timeout", fmt::format("no agent, long after the console said: {}", words.serious->title));
}

Result<std::unique_ptr<Agent>> MetalTarget::connect(const Deadline& deadline) {
  if (failure_) return *failure_;
  if (!launch_) return harness_error("power", fmt::format("connect to {}, which was not booted", name()));
  const auto fails = [&](Error error) {
    if (error.type() == "kernel.reset" || error.kind == "host-key" || error.kind == "powered-off") failure_ = error;
    return error;
  };
  Deadline ask_power = Deadline::after(kAskPowerEvery);
  while (true) {
    TRY(late_refusal(deadline));
    if (ask_power.expired()) {
      if (auto on = not_switched_off(deadline); !on) return fails(std::move(on).error());
      ask_power = Deadline::after(kAskPowerEvery);
    }
    auto agent = try_kernel(patience_.begin(deadline));
    if (agent) return agent;
    patience_.failed();
    if (agent.error().blame != Blame::kLab) return fails(std::move(agent).error());
    const std::string kind = agent.error().kind;
    if (kind.starts_with("wrong-") || kind == "lease-lost" || kind == "ssh-auth") return agent;
    if (kind == "host-key") {
      if (auto stays = has_not_left(deadline); !stays) return fails(std::move(stays).error());
    }
    if (auto silent = listen_to_console(); !silent) return fails(std::move(silent).error());
    if (wait_until(deadline.at_most(kPause)) == Wake::kStopped) return wait_error(Wake::kStopped, "the next kernel");
    if (deadline.expired()) {
      return wait_error(Wake::kDeadline, fmt::format("agent of {}", name())).with("last try", agent.error().what);
    }
  }
}

Result<void> MetalTarget::alive(const Deadline& deadline) {
  if (failure_) return *failure_;
  if (!launch_) return lab_error("off", fmt::format("{} was not booted", name()));
  if (auto trouble = console_->trouble()) return *std::move(trouble);
  if (now_ && now_->ssh.alive()) return {};
  TRY(config_.may_touch());
  // A host that is off answers to no ssh: half of the time is its switch's.
  const auto stays = has_not_left(deadline.at_most(deadline.remaining() / 2));
  if (!stays && stays.error().blame == Blame::kKernel) {
    failure_ = stays.error();
    return *failure_;
  }
  if (stays && *stays) return lab_error("boot", fmt::format("{} does not leave its own system", name()));
  const LastWords words = words_on_console();
  if (words.fatal) return kernel_error("reset", fmt::format("{}'s kernel is gone: {}", name(), words.fatal->title));
  TRY(not_switched_off(deadline));
  return was_heard();
}

/// Between the host's own system and kernel A's first words either of the two may hang, and nobody can tell which. A
/// kernel that is told to be quiet has no first words.
Result<void> MetalTarget::was_heard() const {
  const bool has_words = !config_.console_socket.empty() && !is_quiet_;
  if (!has_words || !boot_id_.empty() || now_) return {};
  if (console_->slice(booted_).find("Linux version ") != std::string::npos) return {};
  return lab_error("boot",
                   fmt::format("{} left its own system, and kernel A did not say a word on the console", name()))
      .because(
          "--append 'earlyprintk=ttyS0 loglevel=8' (with the host's port) shows whether kernel A starts at all; when "
          "nothing comes then either, the host's own kernel does not get out");
}

std::map<std::string, std::string> MetalTarget::facts() const {
  std::map<std::string, std::string> facts{{"host", config_.host.name}, {"address", config_.host.ssh.host.address}};
  if (launch_) facts.insert(launch_->facts.begin(), launch_->facts.end());
  if (config_.console_socket.empty()) facts.emplace("console", "none");
  return facts;
}

}  // namespace

Result<std::unique_ptr<Target>> make_metal_target(MetalConfig config) {
  auto console = TRY(SerialConsole::create({.attempt = config.console_log, .target = {}, .prefix = {}}));
  if (!config.console_socket.empty()) TRY(console->attach(TRY(connect_console(config.console_socket))));
  return std::unique_ptr<Target>(std::make_unique<MetalTarget>(std::move(config), std::move(console)));
}

}  // namespace holdfast::lab
