// What is a lab host recorded, examined and healed with?
//
// The host's own system is told from a test kernel by its host key and command line, and one boot of it from the next
// by its boot id: after a rung of the ladder only a boot that was not there before counts.
#include "lab/metal/host_hands.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "lab/metal/before_launch.h"
#include "lab/metal/either_stop.h"

namespace holdfast::lab {
namespace {

/// One try to reach a host that ought to be up: a slow sshd takes its time.
constexpr Millis kTry{30'000};
/// For a console that was just opened, or lost, before the gate listens to it.
constexpr Millis kConsoleOpens{30'000};
/// For a switch or a console that has the host begin anew after a case.
constexpr Millis kRestart{180'000};

/// A BMC that said yes resets the board some seconds later; so long the test kernel may still show its host key.
constexpr Millis kLeaves{15'000};
constexpr Millis kPause{1'000};

/// Loaded kernels are dropped first: some distributions' reboot goes through kexec when there is one.
constexpr const char* kReboot = "kexec -u >/dev/null 2>&1; sync; systemctl reboot || reboot";

class HostHands : public HostCare {
 public:
  HostHands(Host host, EventSink& events, std::vector<std::unique_ptr<HostPower>> power)
      : host_(std::move(host)), events_(events), power_(std::move(power)) {}

  Result<void> record(const HostFiles& files) override {
    runtime_dir_ = files.runtime_dir;
    if (host_.console.kind == ConsoleAccess::Kind::kNone) return cannot("it has no console");
    const auto note = [this](const std::string& text) {
      events_.on(Note{Note::Level::kInfo, fmt::format("console of {}: {}", host_.name, text)});
    };
    recorder_ = TRY(
        ConsoleRecorder::start(host_.console, {.raw = files.raw, .lines = files.lines, .socket = files.socket}, note));
    return {};
  }

  void stop_recording() override { recorder_.reset(); }

  Result<void> come_home(const Deadline& deadline) override {
    auto reached = reach_system(host_.ssh, runtime_dir_, deadline.at_most(scaled(kTry)));
    if (reached && !reached->system.is_test_kernel()) return {};
    if (reached) seen_ = reached->system.boot_id;
    const auto began = Deadline::Clock::now();
    LadderMeans means = ways_to_look();
    if (recorder_ && recorder_->trouble()) means.console_mark = {};  // its silence says nothing
    const size_t before = means.console_mark ? means.console_mark() : 0;
    auto home = restart(deadline.at_most(scaled(kRestart)));
    const Deadline until = deadline.at_most(scaled(kStableLimit));
    if (home) home = restart_is_proven() ? up_unless_stuck(means, before, until) : up_after_reset(means, before, until);
    const std::string by = std::exchange(restarted_by_, {});
    if (by.empty() || (!home && home.error().kind == "stopped")) return home;
    tell({.rung = "way home by " + by,
          .ok = home.ok(),
          .took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began),
          .why = home ? "" : fmt::format("{}: {}", home.error().type(), home.error().what)},
         "it was left in a test kernel");
    return home;
  }

  Result<void> examine(const Deadline& deadline) override {
    return at_gate<Result<void>>(deadline, [&](const GateMeans& means, const Error* unreached) -> Result<void> {
      if (unreached != nullptr && unreached->kind == "host-key") return *unreached;  // whose machine is it?
      return pass_gate(means, deadline);
    });
  }

  std::vector<Finding> look(const std::filesystem::path& agent, const Deadline& deadline) {
    auto findings = at_gate<std::vector<Finding>>(
        deadline, [&](const GateMeans& means, const Error*) { return look_at(means, deadline); });
    auto reached = reach_system(host_.ssh, runtime_dir_, deadline.at_most(scaled(kTry)));
    if (!reached || reached->system.is_test_kernel()) return findings;  // as the gate has said
    std::ranges::move(look_before_launch(reached->ssh, host_, agent, deadline), std::back_inserter(findings));
    return findings;
  }

  Result<void> heal(const Error& why, const Healthy& healthy, const Stop& lost, const Deadline& deadline) override {
    const auto either = TRY(EitherStop::of(deadline.stop(), lost));
    constexpr Millis kLongest = std::chrono::hours(24);  // "never" is no span that can be added to a time
    const Deadline until = Deadline::after(std::min(deadline.remaining(), kLongest), &either->stop());
    LadderMeans means = ways_to_look();
    means.power = switches();
    means.ssh_answers = [this](const Deadline& within) -> Result<void> {
      const auto reached = TRY(reach_system(host_.ssh, runtime_dir_, within));
      seen_ = reached.system.boot_id;
      return {};
    };
    means.ssh_reboot = [this](const Deadline& within) { return ssh_reboot(within); };
    if (recorder_ && can_sysrq(host_.console)) {
      means.sysrq = [this](char key, const Deadline& within) { return recorder_->send_sysrq(key, within); };
    }
    means.healthy = healthy;
    means.on_rung = [&](const RungReport& report) { tell(report, why.what); };
    return recover(means, until);
  }

  std::string last_rung() const override { return last_rung_; }

 private:
  /// Has `gate` look with what there is, and told why the host was not reached, if it was not.
  template <class Outcome>
  Outcome at_gate(const Deadline& deadline, const std::function<Outcome(const GateMeans&, const Error*)>& gate) {
    if (recorder_) {
      // A console that does not open is one of the gate's findings.
      static_cast<void>(recorder_->wait_open(deadline.at_most(scaled(kConsoleOpens))));
    }
    auto reached = reach_system(host_.ssh, runtime_dir_, deadline.at_most(scaled(kTry)));
    if (reached) seen_ = reached->system.boot_id;
    const auto run = [&](const std::vector<std::string>& argv, const Deadline& until) -> Result<Output> {
      if (!reached) return reached.error();
      return reached->ssh.run(argv, until);
    };
    return gate({.run = run,
                 .console = recorder_.get(),
                 .power = switches(),
                 .devices = host_.devices,
                 .time_scale = host_.time_scale},
                reached ? nullptr : &reached.error());
  }

  Millis scaled(Millis span) const {
    const std::chrono::duration<double, std::milli> longer = span * std::max(1.0, host_.time_scale);
    return std::chrono::duration_cast<Millis>(longer);
  }

  std::vector<HostPower*> switches() const {
    std::vector<HostPower*> all;
    for (const auto& one : power_) all.push_back(one.get());
    return all;
  }

  /// Where it shows that the host has begun anew.
  LadderMeans ways_to_look() {
    LadderMeans means{.stable_up = [this](const Deadline& within) { return stable_up(within); },
                      .time_scale = host_.time_scale};
    if (!recorder_) return means;
    means.console_mark = [this] { return recorder_->mark(); };
    means.console_since = [this](size_t from) { return recorder_->slice(from); };
    return means;
  }

  /// A switch that takes its power away has shown that it did; what is told to begin anew has not.
  bool restart_is_proven() const { return !power_.empty() && power_.front()->bmc() == nullptr; }

  /// The quickest way out of a test kernel, whose disks are none of its own.
  Result<void> restart(const Deadline& deadline) {
    if (!power_.empty()) {
      HostPower& power = *power_.front();
      const auto by = [&](Rung rung) { restarted_by_ = fmt::format("{} ({})", to_string(rung), power.describe()); };
      by(power.bmc() != nullptr ? Rung::kReset : Rung::kPowerCycle);
      if (TRY(power.state(deadline)) == Power::State::kOn) return power.reset(deadline);
      by(Rung::kPowerOn);
      return power.on(deadline);
    }
    if (!recorder_) return lab_error("no-power", fmt::format("nothing can restart {}", host_.name));
    restarted_by_ = to_string(Rung::kSysrq);
    return recorder_->send_sysrq('b', deadline);
  }

  Result<void> ssh_reboot(const Deadline& deadline) {
    auto reached = TRY(reach_system(host_.ssh, runtime_dir_, deadline));
    const auto told = reached.ssh.run({"sh", "-c", kReboot}, deadline);
    // It may well go down before it has answered; whether it did shows in the boot that comes up.
    if (!told && told.error().kind == "stopped") return told.error();
    return {};
  }

  /// Waits for a boot of the host's own system that was not there before.
  Result<void> stable_up(const Deadline& deadline) {
    const Deadline leaves = Deadline::after(kLeaves);
    while (true) {
      const auto reached = await_own_system(host_.ssh, runtime_dir_, deadline);
      if (!reached && (reached.error().kind != "host-key" || leaves.expired())) return reached.error();
      if (reached && std::exchange(seen_, reached->system.boot_id) != reached->system.boot_id) return {};
      if (const Wake wake = wait_until(deadline.at_most(kPause)); wake == Wake::kStopped || deadline.expired()) {
        return wait_error(wake, fmt::format("new boot of {}", host_.name));
      }
    }
  }

  void tell(const RungReport& report, const std::string& why) {
    if (report.why.starts_with("left out: ")) return;  // not tried
    last_rung_ = report.rung;
    events_.on(Recovery{.target = host_.name,
                        .rung = report.rung,
                        .ok = report.ok,
                        .took = report.took,
                        .why = report.ok ? why : report.why});
  }

  const Host host_;
  EventSink& events_;
  const std::vector<std::unique_ptr<HostPower>> power_;
  std::filesystem::path runtime_dir_;
  std::unique_ptr<ConsoleRecorder> recorder_;
  std::string seen_;  ///< boot id of the system that was reached last
  std::string last_rung_;
  std::string restarted_by_;  ///< the rung that restart() used
};

Result<std::vector<std::unique_ptr<HostPower>>> switches_of(const Host& host) {
  std::vector<std::unique_ptr<HostPower>> power;
  for (const PowerAccess& access : host.power) power.push_back(TRY(make_power(access)));
  return power;
}

}  // namespace

Result<std::unique_ptr<HostCare>> make_host_hands(const Host& host, EventSink& events) {
  return std::unique_ptr<HostCare>(std::make_unique<HostHands>(host, events, TRY(switches_of(host))));
}

Result<std::vector<Finding>> look_at_host(const Host& host, const HostFiles& files, EventSink& events,
                                          const std::filesystem::path& agent, const Deadline& deadline) {
  HostHands hands(host, events, TRY(switches_of(host)));
  if (auto recorded = hands.record(files); !recorded && recorded.error().blame != Blame::kPlan) return recorded.error();
  return hands.look(agent, deadline);
}

}  // namespace holdfast::lab
