// Does one live update after the other, on one boot chain, leave anything behind?
#include "harness/soak.h"

#include <map>
#include <optional>

#include "fixtures/case.h"
#include "harness/wire/verbs_resources.h"

namespace holdfast {
namespace {

constexpr uint64_t kBytes = uint64_t{1} << 18;
constexpr uint64_t kDeviceToken = 1;
constexpr uint64_t kMemoryToken = 2;

/// What goes from kernel to kernel.
struct Luggage {
  Bound bound;
  Memory memory;
};

/// Preserves the luggage, goes to the next kernel, verifies it, and takes the luggage out of its session there.
Result<Running> carry(Scenario& scenario, Running&& old, Luggage& luggage, const std::string& session_name) {
  const Session outgoing = TRY(scenario.create_session(old, session_name));
  TRY(scenario.preserve(old, outgoing, luggage.bound, kDeviceToken));
  TRY(scenario.preserve(old, outgoing, luggage.memory, kMemoryToken));
  Running next = TRY(scenario.kexec(std::move(old), {.expected = {luggage.bound}}));
  TRY(scenario.verify(next));
  const Bound arrived = TRY(scenario.bind_driver(next, luggage.bound.device));
  const Session incoming = TRY(scenario.retrieve_session(next, session_name));
  luggage.bound = TRY(scenario.retrieve(next, incoming, arrived, kDeviceToken));
  luggage.memory = TRY(scenario.retrieve(next, incoming, luggage.memory, kMemoryToken));
  TRY(scenario.finish(next, incoming));
  return next;
}

/// What each kernel had used up when the luggage had arrived in it.
class Usage {
 public:
  void add(const wire::ResourcesReply& now) {
    const auto memory = static_cast<double>(now.memory_total);
    if (values_.empty()) first_memory_ = memory;
    values_["slab"].push_back(static_cast<double>(now.slab));
    values_["slab_unreclaimable"].push_back(static_cast<double>(now.slab_unreclaimable));
    values_["kho_scratch"].push_back(static_cast<double>(now.kho_scratch));
    values_["lost"].push_back(first_memory_ - memory);
    values_["used"].push_back(memory - static_cast<double>(now.memory_available));
    values_["open_files"].push_back(static_cast<double>(now.open_files));
  }

  const std::vector<double>& of(std::string_view measure) { return values_[std::string(measure)]; }

 private:
  std::map<std::string, std::vector<double>> values_;
  double first_memory_ = 0;
};

HOLDFAST_CASE(
    Soak, LiveUpdatesInARow,
    "a device and a memfd are carried through many live updates in a row, sound each time, and no memory, slab "
    "or open file is lost on the way",
    .level = Level::kRetrieve, .devices = one_device(), .timeout = std::chrono::seconds(420)) {
  std::optional<Running> kernel(MUST(scenario.boot()));
  Luggage luggage{.bound = MUST(scenario.bind(*kernel, scenario.device())),
                  .memory = MUST(scenario.create_memory(*kernel, kBytes))};
  Usage usage;
  for (int number = 1; number <= scenario.soak(); ++number) {
    // Always the same name: a session that is finished leaves nothing that the next could stumble over.
    Running next = MUST(carry(scenario, *std::move(kernel), luggage, "luggage"));
    MUST(scenario.exercise(next, luggage.bound));
    const std::string digest = MUST(scenario.digest_of(next, luggage.memory));
    ASSERT_EQ(digest, luggage.memory.sha256) << "the memfd came out of kexec " << number << " with other bytes";
    usage.add(MUST(scenario.call(Phase::kWait, next, wire::Resources{})));
    for (const SoakMeasure& measure : soak_measures()) {
      scenario.record(soak_property(measure.name), to_numbers(usage.of(measure.name)));
    }
    kernel.emplace(std::move(next));
  }
  for (const SoakMeasure& measure : soak_measures()) {
    const SoakTrend trend = soak_trend(usage.of(measure.name), measure.least);
    EXPECT_FALSE(trend.grows) << describe(measure, trend);
  }
}

}  // namespace
}  // namespace holdfast
