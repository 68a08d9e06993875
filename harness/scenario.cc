// How does one case run on one target? Phases, blame and the closing work; the steps stand in steps/.
#include "harness/scenario.h"

#include <fmt/format.h>

#include <cstdlib>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/crash/crash.h"
#include "harness/diagnosis.h"

namespace holdfast {

namespace {
/// How long a machine may take to say that it is well, when something else went wrong.
constexpr Millis kAliveLimit{5000};
}  // namespace

Running::Running(Scenario& scenario, std::unique_ptr<Agent> agent, const KernelImage& kernel)
    : scenario_(&scenario), agent_(std::move(agent)), kernel_(&kernel) {}

Running::Running(Running&& other) noexcept = default;

Running::~Running() {
  if (agent_ != nullptr) scenario_->last_agent_ = std::move(agent_);
}

Scenario::Scenario(ScenarioSetup setup) : setup_(std::move(setup)) {}

const Device& Scenario::device(size_t index) const {
  if (index >= setup_.devices.size()) std::abort();  // a case asks for no more than its Needs say
  return setup_.devices[index];
}

Deadline Scenario::deadline_for(Phase phase) const {
  const auto scaled = std::chrono::duration<double, std::milli>(limit_of(phase)) * setup_.timeout_scale;
  return Deadline::after(std::chrono::duration_cast<Millis>(scaled), setup_.stop);
}

Deadline::Clock::time_point Scenario::begin_phase(Phase phase) {
  // What a kernel printed from its first byte on belongs to its story, whichever phase it is noticed in.
  if (phase == Phase::kBoot || phase == Phase::kKexec) kernel_mark_ = setup_.target.console().mark();
  setup_.events.on(PhaseStarted{setup_.where, std::string(to_string(phase))});
  return Deadline::Clock::now();
}

void Scenario::end_phase(Phase phase, Deadline::Clock::time_point began, bool ok) {
  const auto took = std::chrono::duration_cast<Millis>(Deadline::Clock::now() - began);
  setup_.events.on(PhaseEnded{setup_.where, std::string(to_string(phase)), took, ok});
}

void Scenario::intend(std::string action, Properties details) {
  setup_.events.on(Intent{setup_.where, std::move(action), std::move(details)});
}

Error Scenario::diagnose(Phase phase, Error error) {
  Circumstances circumstances{.phase = phase, .machine = {}, .console = {}};
  if (error.kind != "stopped") {
    auto alive = setup_.target.alive(Deadline::after(kAliveLimit, setup_.stop));
    if (!alive) circumstances.machine = std::move(alive).error();
  }
  circumstances.console = setup_.target.console().slice(kernel_mark_);
  return judge(std::move(error), circumstances);
}

Result<std::string> Scenario::refusal_of(std::string_view what, const Error* error) {
  if (error == nullptr) return kernel_error("accepted", fmt::format("{} succeeded, which must be refused", what));
  if (error->errnum == 0) return *error;
  return errno_name(error->errnum);
}

std::filesystem::path Scenario::file_for_kexec(std::string_view stem, std::string_view extension) const {
  return setup_.dir /
         (kexecs_ <= 1 ? fmt::format("{}{}", stem, extension) : fmt::format("{}.{}{}", stem, kexecs_, extension));
}

Result<void> Scenario::fetch_log(Agent& agent, const Deadline& deadline) {
  while (true) {
    const auto part = TRY(agent.call(wire::Kmsg{.from_seq = log_next_}, deadline));
    log_.append(reinterpret_cast<const char*>(part.blob.data()), part.blob.size());
    log_next_ = part.next_seq;
    if (part.complete || part.blob.empty()) return {};
  }
}

Result<void> Scenario::close() {
  return in_phase<void>(Phase::kClose, [&](const Deadline& deadline) -> Result<void> {
    if (last_agent_ != nullptr) {
      TRY(fetch_log(*last_agent_, deadline));
      TRY(write_file(setup_.dir / (kexecs_ == 0 ? "dmesg.before" : "dmesg.after"), log_));
    }
    // The console repeats what the logs say, but has the last words of a kernel that left; both are looked at.
    const std::string console = setup_.target.console().slice(0);
    for (const std::string_view text :
         {std::string_view(earlier_logs_), std::string_view(log_), std::string_view(console)}) {
      if (auto crash = worst(find_crashes(text))) {
        return kernel_error(crash->kind, fmt::format("all steps went well, but the kernel reported: {}", crash->title))
            .with("crash", crash->excerpt)
            .with("fingerprint", crash->fingerprint);
      }
    }
    return {};
  });
}

}  // namespace holdfast
