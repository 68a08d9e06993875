// How does one case run on one target? Phases, blame and the closing work; the steps stand in steps/.
#include "harness/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/diagnosis.h"
#include "harness/hold_point.h"
#include "harness/roll_call.h"

namespace holdfast {

namespace {
/// How long a machine may take to say that it is well, when something else went wrong.
constexpr Millis kAliveLimit{5000};
/// How long an agent may take to answer on a serial line, three times over.
constexpr Millis kRollCallLimit{6000};
/// As much of a kernel's log is kept: a kernel's own buffer is smaller, unless it was told to have more.
constexpr size_t kLargestLog = size_t{16} << 20;
}  // namespace

Running::Running(Scenario& scenario, std::unique_ptr<Agent> agent, const KernelImage& kernel)
    : scenario_(&scenario), agent_(std::move(agent)), kernel_(&kernel) {}

Running::Running(Running&& other) noexcept = default;

Running::~Running() {
  if (agent_ != nullptr) scenario_->last_agent_ = std::move(agent_);
}

Scenario::Scenario(ScenarioSetup setup)
    : setup_(std::move(setup)),
      crashes_(setup_.target.console(), setup_.allowances),
      blackout_(setup_.target.console(), setup_.events, setup_.where) {}

const Device& Scenario::device(size_t index) const {
  if (index >= setup_.devices.size()) std::abort();  // a case asks for no more than its Needs say
  return setup_.devices[index];
}

Deadline Scenario::deadline_for(Phase phase) const { return Deadline::after(scaled(limit_of(phase)), setup_.stop); }

Millis Scenario::scaled(Millis time) const {
  return std::chrono::duration_cast<Millis>(std::chrono::duration<double, std::milli>(time) * setup_.timeout_scale);
}

Deadline::Clock::time_point Scenario::begin_phase(Phase phase) {
  crashes_.phase_begins(phase);
  setup_.events.on(PhaseStarted{setup_.where, std::string(to_string(phase))});
  hold_at(setup_.where.id, to_string(phase), setup_.stop);
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
  Circumstances circumstances{.phase = phase, .machine = {}, .console = {}, .crashes = {}};
  const auto at_least = [this](Millis limit) { return Deadline::after(std::max(limit, scaled(limit)), setup_.stop); };
  if (error.kind != "stopped") {
    auto alive = setup_.target.alive(at_least(kAliveLimit));
    if (!alive) circumstances.machine = std::move(alive).error();
  }
  circumstances.console = crashes_.words_of_this_kernel();
  auto* const answers = dynamic_cast<AnswersOnConsole*>(&setup_.target);
  if (answers != nullptr && is_silence(error) && !circumstances.machine) {
    circumstances.agent = answers->call_agent(at_least(kRollCallLimit));
  }
  circumstances.crashes = crashes_.look().findings;
  return judge(std::move(error), circumstances);
}

Result<std::string> Scenario::refusal_of(std::string_view what, const Error* error) {
  if (error == nullptr) return kernel_error("accepted", fmt::format("{} succeeded, which must be refused", what));
  if (error->errnum == 0 || error->blame != Blame::kKernel) return *error;  // the lab's errors have an errno too
  return errno_name(error->errnum);
}

std::filesystem::path Scenario::file_for_kexec(std::string_view stem, std::string_view extension) const {
  return setup_.dir /
         (kexecs_ <= 1 ? fmt::format("{}{}", stem, extension) : fmt::format("{}.{}{}", stem, kexecs_, extension));
}

Result<void> Scenario::fetch_log(Agent& agent, const Deadline& deadline) {
  while (true) {
    const auto part = TRY(agent.call(wire::Kmsg{.from_seq = log_next_}, deadline));
    std::string_view text(reinterpret_cast<const char*>(part.blob.data()), part.blob.size());
    // An agent whose kernel is broken may tell of more and more.
    const bool full = log_.size() + text.size() > kLargestLog;
    if (full) text = text.substr(0, kLargestLog - log_.size());
    log_ += text;
    crashes_.log_grew(text);
    const bool goes_on = part.next_seq > log_next_;
    log_next_ = part.next_seq;
    if (part.complete || part.blob.empty() || full || !goes_on) return {};
  }
}

void Scenario::tell_allowed(const std::vector<Allowed>& allowed) {
  int count = 0;
  for (const auto& [finding, by] : allowed) {
    setup_.events.on(FindingAllowed{.where = setup_.where,
                                    .kind = finding.kind,
                                    .title = finding.title,
                                    .phase = finding.phase,
                                    .kernel = kernel_name(finding.kernel),
                                    .pattern = by.title,
                                    .reason = by.reason});
    ++count;
    record(count == 1 ? "allowed warning" : fmt::format("allowed warning {}", count),
           fmt::format("{} ({})", finding.title, by.reason));
  }
}

Result<void> Scenario::close() {
  hold_at(setup_.where.id, "restore", setup_.stop);
  auto fetched = in_phase<void>(Phase::kClose, [&](const Deadline& deadline) -> Result<void> {
    if (last_agent_ == nullptr) return {};
    TRY(fetch_log(*last_agent_, deadline));
    TRY(write_file(setup_.dir / (booted_ ? "dmesg.before" : "dmesg.after"), log_));
    return {};
  });
  const CrashReports reports = crashes_.look();
  tell_allowed(reports.allowed);
  auto error = fetched ? crash_error(reports.findings) : std::nullopt;  // else the diagnosis has looked at them
  if (error) return std::move(*error).in("no step failed, but the kernel reported");
  return fetched;
}

}  // namespace holdfast
